"""`tieline plan`: what the next full pass would do; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from actors.planning import MatchSample, Sample
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.render import Block, Facts, Heading, Line, Table, Tone, show

if TYPE_CHECKING:
    from actors.planning import Plan
    from actors.ports import Store
    from actors.records import Side
    from actors.spec import SyncSpec
    from daemon.accounts import Accounts
    from daemon.cli.progress import Tell
    from daemon.config.settings import Config


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
    """All syncs."""

    syncs: tuple[SyncAnswer, ...]


@click.command()
@json_option
@pass_invocation
def plan(invocation: Invocation, as_json: bool) -> None:
    """Read both apps whole and show what a first or full pass would do now.

    Counts the records that would be created and changed on each side, those that are left out
    with the reason, and shows samples with each field's value before and after. It decides with
    the code that `tieline run` obeys, and writes nothing, neither in the apps nor here.
    """
    import anyio

    from daemon.cli.progress import show_progress

    config = invocation.load()
    with show_progress(enabled=not as_json) as tell:
        plans = anyio.run(_plan_all, config, tell)
    answer = PlanAnswer(syncs=tuple(map(_answer, plans)))
    show(answer, _view(answer), as_json=as_json)


async def _plan_all(config: Config, tell: Tell) -> list[Plan]:
    from daemon.accounts import Accounts

    accounts = Accounts()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(accounts.aclose)
        store = await _open_store(config, stack)
        return [
            one
            for connection in config.connections.values()
            for one in await _plan_connection(config, connection.name, accounts, store, tell)
        ]


async def _open_store(config: Config, stack: AsyncExitStack) -> Store:
    """Open the store beside a daemon, or an empty one if there is none yet.

    Where records may be matched, a plan remembers whom it met: it gets a copy to write to.
    """
    from actors.testing import MemoryStore
    from daemon.store.scratch import open_scratch
    from daemon.store.sqlite import open_unlocked

    if any(map(_may_match, config.specs())):
        return await stack.enter_async_context(open_scratch(config.daemon.store))
    if not config.daemon.store.exists():
        return MemoryStore()
    return await stack.enter_async_context(open_unlocked(config.daemon.store))


def _may_match(spec: SyncSpec) -> bool:
    return bool(spec.match) or (spec.match is None and spec.object != "deals")


async def _plan_connection(
    config: Config, name: str, accounts: Accounts, store: Store, tell: Tell
) -> list[Plan]:
    from actors.planning import Planner
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
