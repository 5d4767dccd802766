"""`tieline run`: the daemon in the foreground, or one pass until all is quiet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from daemon.cli.exits import Exit
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.render import Block, Line, Table, Tone, show

if TYPE_CHECKING:
    from daemon.config.settings import Config
    from daemon.logs import Redactor
    from daemon.store.reading import Count


_MOST_REASONS = 10


class SyncTotal(Struct, frozen=True, kw_only=True):
    """How many links of a sync have each status."""

    sync: str
    in_sync: int = 0
    pending: int = 0
    failing: int = 0
    excluded: int = 0
    held: int = 0


class Waiting(Struct, frozen=True, kw_only=True):
    """Records of a sync that were held, and why."""

    sync: str
    reason: str
    records: int


class OnceAnswer(Struct, frozen=True, kw_only=True):
    """Where everything stands after a pass; `held` says what waits for a person."""

    syncs: tuple[SyncTotal, ...]
    held: tuple[Waiting, ...]
    seconds: float


@click.command()
@click.option("--once", is_flag=True, help="Sync until nothing is left to do, then stop.")
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Add every message to FILE, one line of JSON each. It holds your records' values.",
)
@click.option(
    "--plan", "number", type=int, metavar="NUMBER", help="Write what this plan shows, then stop."
)
@click.option("--link-only", is_flag=True, help="Only match and link records; write nothing.")
@click.option(
    "--canary", type=click.IntRange(min=1), metavar="N", help="Write N records, then stop."
)
@click.option(
    "--require-plan", is_flag=True, help="Hold a first load that is larger than the limits."
)
@json_option
@pass_invocation
@click.pass_context
def run(
    ctx: click.Context,
    invocation: Invocation,
    once: bool,
    trace: Path | None,
    number: int | None,
    link_only: bool,
    canary: int | None,
    require_plan: bool,
    as_json: bool,
) -> None:
    """Keep the apps in step, until SIGTERM or Ctrl-C.

    SIGHUP reads the configuration again: as a whole or not at all. Stopping waits up to ten
    seconds for calls that are under way; nothing is lost if it is killed instead.
    With --once, exit code 1 says that some records are failing, held or still pending. --plan and
    --canary run once: what they do not write is held until the next run without them.
    """
    from daemon.careful import Care

    once = once or number is not None or canary is not None
    if as_json and not once:
        raise click.UsageError("--json needs --once: the daemon answers on /healthz and /metrics")
    if number is not None and (canary is not None or link_only):
        raise click.UsageError("--plan writes what the plan shows: leave --canary and --link-only")
    care = Care(link_only=link_only, canary=canary, require_plan=require_plan)

    def load() -> Config:
        return care.applied(invocation.load())

    config = load()
    redactor = _configure_logs(config, quiet=once)
    if once:
        ctx.exit(_run_once(config, trace, number, as_json=as_json))
    _run_service(load, config, redactor, trace)


def _configure_logs(config: Config, *, quiet: bool) -> Redactor:
    from daemon.logs import Redactor, configure

    redactor = Redactor()
    for secret in config.secrets:
        redactor.add(secret.reveal())
    level = "warning" if quiet else config.daemon.log_level
    configure(redactor, level=level, form=config.daemon.log_format)
    return redactor


def _run_service(
    load: Callable[[], Config], config: Config, redactor: Redactor, trace: Path | None
) -> None:
    import anyio

    from daemon.service import Service

    service = Service(config, load=load, redactor=redactor, trace=trace)
    anyio.run(service.run)


def _run_once(config: Config, trace: Path | None, number: int | None, *, as_json: bool) -> Exit:
    import time

    import anyio

    from daemon.cli.progress import show_progress

    started = time.monotonic()
    with show_progress(enabled=not as_json) as tell:
        counts = anyio.run(_once, config, trace, number, tell)
    seconds = round(time.monotonic() - started, 1)
    answer = OnceAnswer(syncs=_totals(counts), held=_held(counts), seconds=seconds)
    show(answer, _view(answer), as_json=as_json)
    open_ends = any(one.pending or one.failing or one.held for one in answer.syncs)
    return Exit.PROBLEM if open_ends else Exit.OK


async def _once(
    config: Config, trace: Path | None, number: int | None, tell: object
) -> tuple[Count, ...]:
    from contextlib import ExitStack

    from daemon.monitor import TraceMonitor
    from daemon.once import run_until_quiet
    from daemon.store.plans import open_plan
    from daemon.store.sqlite import open_store

    assert callable(tell)
    async with open_store(config.daemon.store) as store:
        with ExitStack() as stack:
            file = stack.enter_context(trace.open("ab")) if trace is not None else None
            plan = None
            if number is not None:
                plan = stack.enter_context(open_plan(config.daemon.store, number))
            monitor = TraceMonitor(file) if file else None
            await run_until_quiet(config, store, tell, monitor, plan)
        return await store.reader.count_links()


def _totals(counts: tuple[Count, ...]) -> tuple[SyncTotal, ...]:
    totals: dict[str, dict[str, int]] = {}
    for count in counts:
        words = totals.setdefault(count.sync, {})
        name = count.status.value.replace(" ", "_")
        words[name] = words.get(name, 0) + count.links
    return tuple(SyncTotal(sync=sync, **words) for sync, words in sorted(totals.items()))


def _held(counts: tuple[Count, ...]) -> tuple[Waiting, ...]:
    from actors.links import Status

    return tuple(
        Waiting(sync=one.sync, reason=one.reason, records=one.links)
        for one in counts
        if one.status is Status.HELD
    )


def _view(answer: OnceAnswer) -> list[Block]:
    rows = tuple(
        (
            one.sync,
            *(str(n) for n in (one.in_sync, one.pending, one.failing, one.excluded, one.held)),
        )
        for one in answer.syncs
    )
    columns = ("sync", "in sync", "pending", "failing", "excluded", "held")
    return [
        Table(columns, rows, numbers=(1, 2, 3, 4, 5)),
        *(
            Line(f"{one.sync}: {one.records} held: {one.reason}", Tone.WARNING)
            for one in answer.held[:_MOST_REASONS]
        ),
        Line(f"done in {answer.seconds} s; `tieline status` tells the reasons", Tone.QUIET),
    ]
