"""`tieline plan`: what the next full pass would do; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from actors.planning import MatchSample, Sample
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.render import Block, Facts, Heading, Line, Table, Tone, print_warning, show

if TYPE_CHECKING:
    from actors.planning import Plan
    from actors.ports import Store
    from actors.records import Side
    from actors.spec import SyncSpec
    from daemon.accounts import Accounts
    from daemon.cli.progress import Tell
    from daemon.config.settings import Config
    from daemon.store.plans import PlanFile


class Left(Struct, frozen=True, kw_only=True):
    """Records that would not be written, by status and reason."""

    status: str
    reason: str
    records: int


class SideAnswer(Struct, frozen=True, kw_only=True):
    """One side of a sync: what is there, and what would be written there."""

    app: str
    records: int
    creates: int
    updates: int
    adopts: int
    archives: int
    matches: int
    left: tuple[Left, ...]
    samples: tuple[Sample, ...]
    match_samples: tuple[MatchSample, ...]


class SyncAnswer(Struct, frozen=True, kw_only=True):
    """One sync; `in_sync` pairs would be left as they are, `rules` limit who takes part."""

    sync: str
    rules: tuple[str, ...]
    in_sync: int
    sides: tuple[SideAnswer, ...]


class PlanAnswer(Struct, frozen=True, kw_only=True):
    """All syncs; `plan` is the number to apply it by, None if it could not be kept."""

    plan: int | None
    syncs: tuple[SyncAnswer, ...]


@click.command()
@json_option
@pass_invocation
def plan(invocation: Invocation, as_json: bool) -> None:
    """Read both apps whole and show what a first or full pass would do now.

    Counts the records that would be created and changed on each side, those that are left out
    with the reason, and shows samples with each field's value before and after. It decides with
    the code that `tieline run` obeys, and writes nothing in the apps. The plan is kept under a
    number: `tieline run --plan NUMBER` writes exactly what it shows.
    """
    import anyio

    from daemon.cli.progress import show_progress

    config = invocation.load()
    with show_progress(enabled=not as_json) as tell, _kept(config) as file:
        plans = anyio.run(_plan_all, config, tell, file)
    number = file.number if file is not None else None
    answer = PlanAnswer(plan=number, syncs=tuple(map(_answer, plans)))
    show(answer, _view(answer), as_json=as_json)


@contextmanager
def _kept(config: Config) -> Iterator[PlanFile | None]:
    """Keep the plan beside the store, or say that this is not possible."""
    from daemon.cli.orders import now_us, whoami
    from daemon.store.plans import may_keep, new_plan

    if why_not := may_keep(config.daemon.store):
        print_warning(f"the plan is shown and not kept: {why_not}")
        yield None
        return
    with new_plan(config.daemon.store, whoami(), now_us()) as file:
        yield file


async def _plan_all(config: Config, tell: Tell, file: PlanFile | None) -> list[Plan]:
    from daemon.accounts import Accounts
    from daemon.store.scratch import open_scratch

    accounts = Accounts()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(accounts.aclose)
        store = await stack.enter_async_context(open_scratch(config.daemon.store))
        return [
            one
            for connection in config.connections.values()
            for one in await _plan_connection(config, connection.name, accounts, store, tell, file)
        ]


async def _plan_connection(
    config: Config,
    name: str,
    accounts: Accounts,
    store: Store,
    tell: Tell,
    file: PlanFile | None,
) -> list[Plan]:
    from actors.planning import Planner
    from actors.plans import MemoryBook
    from actors.records import Side
    from daemon.clock import SystemClock
    from daemon.config.problems import ConfigError
    from daemon.fitting import fit_connection

    connection = config.connections[name]
    apps = {
        Side.LEFT: accounts.get(config.apps[connection.left]),
        Side.RIGHT: accounts.get(config.apps[connection.right]),
    }
    fitted = await fit_connection(config, connection, apps, store)
    if fitted.problems:
        raise ConfigError(fitted.problems)
    plans = []
    for sync in fitted.syncs:
        planner = Planner(
            sync=sync,
            connectors={side: apps[side].connector for side in Side},
            store=store,
            clock=SystemClock(),
            tell=partial(_tell_step, tell, sync.spec),
            book=file.book(sync.name, sync.version) if file is not None else MemoryBook(),
        )
        plan = await planner.run()
        plan.rules += tuple(one.message for one in fitted.flaws.get(sync.name, ()))
        plans.append(plan)
    return plans


def _tell_step(tell: Tell, spec: SyncSpec, side: Side, seen: int, total: int | None) -> None:
    from daemon.monitor import Progress

    tell(Progress(sync=spec.name, app=spec.app(side), seen=seen, total=total, done=seen == total))


def _answer(plan: Plan) -> SyncAnswer:
    return SyncAnswer(
        sync=plan.sync,
        rules=plan.rules,
        in_sync=plan.in_sync,
        sides=tuple(
            SideAnswer(
                app=side.app,
                records=side.records,
                creates=side.creates,
                updates=side.updates,
                adopts=side.adopts,
                archives=side.archives,
                matches=side.matches,
                left=tuple(
                    Left(status=status, reason=reason, records=count)
                    for (status, reason), count in sorted(side.statuses.items())
                ),
                samples=tuple(side.samples),
                match_samples=tuple(side.match_samples),
            )
            for side in plan.sides.values()
        ),
    )


def _view(answer: PlanAnswer) -> Iterator[Block]:
    for sync in answer.syncs:
        yield Heading(sync.sync)
        for rule in sync.rules:
            yield Line(rule)
        yield Table(
            ("app", "records", "would be created", "changed", "taken up again", "matched"),
            tuple((one.app, *map(str, _counts(one))) for one in sync.sides),
            numbers=(1, 2, 3, 4, 5),
        )
        for side in sync.sides:
            if side.archives:
                yield Line(f"{side.archives} records would be archived in {side.app}", Tone.WARNING)
        yield Line(f"{sync.in_sync} pairs are in sync already")
        left = tuple(
            (side.app, one.status, str(one.records), one.reason)
            for side in sync.sides
            for one in side.left
        )
        if left:
            yield Table(("app", "status", "records", "reason"), left, numbers=(2,))
        for side in sync.sides:
            for match in side.match_samples:
                pair = f"{match.left_id} and {match.right_id}"
                yield Line(f"for example link {pair}: both have {match.by}")
            for sample in side.samples:
                yield from _sample_view(sample)
    yield Line("nothing was written", Tone.QUIET)
    if answer.plan is not None:
        number = answer.plan
        yield Line(f"this is plan {number}; to write just that: tieline run --plan {number}")


def _counts(side: SideAnswer) -> tuple[int, ...]:
    return side.records, side.creates, side.updates, side.adopts, side.matches


def _sample_view(sample: Sample) -> Iterator[Block]:
    what = f"change {sample.record_id}" if sample.record_id else "create a record"
    yield Line(f"for example {sample.app}: {what} from {sample.source_id}")
    yield Facts(
        tuple(
            (f"  {name}", f"{after or '(empty)'}" if before is None else f"{before} -> {after}")
            for name, (before, after) in sample.fields.items()
        )
    )
