"""From a seed to a report: the run, its rest, one more restart, and the oracle's judgement."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import anyio

from actors.records import Side
from tests.simulation.approver import agree_now_and_then, is_waiting
from tests.simulation.facts import Facts
from tests.simulation.ledger import Call
from tests.simulation.loop import DeadlockError, LivelockError, current_loop, simulate
from tests.simulation.oracle import judge, judge_rest, judge_restart
from tests.simulation.scenario import Scenario, scenario_of
from tests.simulation.view import StoreView, read_store
from tests.simulation.world import Engine, World

_LOOK_S = 60.0
_CALM_S = 180.0
_LONGEST_REST_S = 3600.0
_MORE_S = 300.0
"""Ten and more polls, in which nothing may be written."""


@dataclass(kw_only=True)
class Report:
    """What became of one seed."""

    seed: str
    digest: str = ""
    simulated_s: float = 0.0
    steps: int = 0
    edits: int = 0
    writes: int = 0
    calls: int = 0
    lives: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def run_seed(seed: int | str, *, keep_lines: bool = False, engine: Engine | None = None) -> Report:
    """Run the scenario of a seed."""
    return run_scenario(scenario_of(seed), keep_lines=keep_lines, engine=engine)


def run_scenario(
    scenario: Scenario, *, keep_lines: bool = False, engine: Engine | None = None
) -> Report:
    """Run a scenario and judge it."""
    chosen = engine or _real_engine()
    report = Report(seed=scenario.seed)

    async def main() -> None:
        world = World(scenario, current_loop(), keep_lines=keep_lines)
        try:
            await _run(world, chosen, report)
        finally:
            world.kill()
            world.disk.destroy()
            _fill(report, world)

    try:
        simulate(scenario.seed, main)
    except (DeadlockError, LivelockError) as error:
        report.wrong.append(str(error))
    return report


def _real_engine() -> Engine:
    from tests.simulation.engine import run_engine

    return run_engine


def _fill(report: Report, world: World) -> None:
    ledger = world.ledger
    report.digest, report.simulated_s = ledger.digest, world.loop.time()
    report.steps = sum(world.loop.steps.values())
    report.edits, report.writes = len(ledger.edits), len(ledger.writes)
    report.calls, report.lives = len(ledger.calls), world.life
    report.faults, report.lines = ledger.faults, ledger.lines or []


async def _run(world: World, engine: Engine, report: Report) -> None:
    at_rest = 0.0
    async with anyio.create_task_group() as group:
        world.on_breakdown = group.cancel_scope.cancel
        group.start_soon(world.keep_alive, engine)
        if world.scenario.limits is not None:
            group.start_soon(agree_now_and_then, world)
        await world.people.work()
        await _come_to_rest(world)
        at_rest = world.loop.time()
        await anyio.sleep(_MORE_S)
        group.cancel_scope.cancel()
    world.kill()
    if world.failures:
        report.wrong += [f"tieline broke down:\n{failure}" for failure in world.failures]
        return
    before = _facts(world)
    report.wrong += [*judge(before), *judge_rest(before, at_rest)]
    if report.wrong:
        return
    again = world.loop.time()
    world.start_life(engine)
    await anyio.sleep(_MORE_S)
    world.kill()
    after = _facts(world)
    report.wrong += [*judge_rest(after, again), *judge_restart(before.view, after.view)]


def _facts(world: World) -> Facts:
    world.settle()
    return Facts(
        scenario=world.scenario,
        crms=world.crms,
        ledger=world.ledger,
        view=_view(world),
    )


def _view(world: World) -> StoreView:
    return read_store(world.disk.look())


async def _come_to_rest(world: World) -> None:
    """Wait until nothing is on its way, is due or was written for a while, within bounds."""
    end = world.loop.time() + _LONGEST_REST_S
    await anyio.sleep(_CALM_S)
    while world.loop.time() < end:
        await anyio.sleep(_LOOK_S)
        if _is_calm(world):
            return


def _is_calm(world: World) -> bool:
    now = world.loop.time()
    world.settle()
    writes = world.ledger.writes
    if not world.is_up or world.began_at > now - _CALM_S or _is_unlooked(world, now):
        return False
    if world.is_pending or (writes and writes[-1].sent_at > now - _CALM_S):
        return False
    # A call that began in bad times may still keep a side from being polled.
    polled = {call.side for call in world.ledger.calls[-200:] if _is_recent_poll(call, now)}
    if len(polled) < len(Side):
        return False
    late = any(
        v.indexed_at > now - _LOOK_S
        for crm in world.crms.values()
        for record in crm.records.values()
        for v in record.versions[-1:]
    )
    return not late and not _has_work(world)


def _is_unlooked(world: World, now: float) -> bool:
    """Deletes lead to writes, and some may not have shown yet: they do at the look for presence."""
    if not world.scenario.follows:
        return False
    since = now - world.scenario.pace.presence.total_seconds() - _CALM_S
    gone = [
        record.now.at
        for crm in world.crms.values()
        for record in crm.records.values()
        if record.now.archived
    ]
    return world.began_at > since or any(at > since for at in gone)


def _is_recent_poll(call: Call, now: float) -> bool:
    return call.name == "changes" and call.at > now - _LOOK_S


def _has_work(world: World) -> bool:
    db = world.disk.look()
    [(due,)] = db.execute("SELECT count(*) FROM links WHERE due_us IS NOT NULL")
    [(open_intents,)] = db.execute("SELECT count(*) FROM intents WHERE outcome IS NULL")
    return bool(due or open_intents) or is_waiting(db)
