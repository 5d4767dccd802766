"""The first sync: what it would do, that it does it, and that both systems are equal then."""

from __future__ import annotations

from collections import Counter
from typing import Any

from daemon.demo.deals import COMMENT, FIELDS, Pairing
from daemon.demo.failing import expect
from daemon.demo.processes import wait_until
from daemon.demo.stage import Stage
from daemon.demo.tieline import SYNC

BACKFILL_WITHIN_SECONDS = 90.0
EXCUSES = {
    "close day": "deals that were lost when they came: Tryton gives them the day on which it closes"
    " them, and locks them",
    COMMENT: "lost deals, which Tryton has locked",
}


def show_plan(stage: Stage) -> None:
    """Check the configuration and show what the first sync would do."""
    screen = stage.screen
    screen.title("Is it right, and what would it do?")
    screen.output("tieline check", stage.tieline.run("check"))
    before = _count_writes(stage)
    screen.output("tieline plan", stage.tieline.run("plan"))
    expect(_count_writes(stage) == before, "`tieline plan` wrote to HubSpot")
    expect(all(not one.copy_of for one in stage.tryton.deals().values()), "plan wrote to Tryton")
    screen.good("nothing was written: neither app has a deal or a change more than before")


def _count_writes(stage: Stage) -> int:
    _, calls = stage.hubspot.calls()
    return sum(call.write for call in calls)


def show_backfill(stage: Stage) -> None:
    """Wait for the first pass, then compare both systems field by field."""
    screen = stage.screen
    screen.title("The daemon runs: the first pass")
    screen.act(f"tieline run   (process {stage.tieline.daemon.process.pid}, {stage.url})")
    wanted = _planned_creates(stage)
    took = _watch(stage, wanted)
    total = sum(wanted.values())
    screen.good(f"{total} deals created in {took:.1f} s")
    compare_all(stage)


def _planned_creates(stage: Stage) -> dict[str, int]:
    """Return how many deals each app lacks, by its own API."""
    hubspot, tryton = stage.hubspot.deals().values(), stage.tryton.deals().values()
    return {
        "erp": sum(1 for one in hubspot if one.stage and not one.copy_of),
        "hubspot": sum(1 for one in tryton if not one.copy_of),
    }


def _watch(stage: Stage, wanted: dict[str, int]) -> float:
    with stage.screen.bars() as advance:

        def is_done() -> bool:
            metrics = stage.tieline.metrics()
            for app in ("hubspot", "erp"):
                ratio = metrics.sum("tieline_backfill_progress_ratio", side=app)
                advance(f"read from {app}", round(100 * ratio), 100)
            done = True
            for app, count in wanted.items():
                made = metrics.sum("tieline_writes_total", side=app, outcome="created")
                advance(f"created in {app}", int(made), count)
                done = done and made >= count
            return done

        return wait_until(
            is_done,
            "the first pass is done",
            stage.tieline.daemon,
            within_seconds=BACKFILL_WITHIN_SECONDS,
        )


def wait_until_settled(stage: Stage) -> dict[str, Any]:
    """Wait until no record is on its way; return the sync's part of `tieline status`."""
    sync: dict[str, Any] = {}  # the command's JSON

    def is_settled() -> bool:
        nonlocal sync
        answer = stage.tieline.ask("status")
        sync = next(one for one in answer["syncs"] if one["name"] == SYNC)
        pending = sum(one["links"] for one in sync["counts"] if one["status"] == "pending")
        return not pending and not sync["writes_open"]

    wait_until(is_settled, "no deal is on its way any more", stage.tieline.daemon)
    return sync


def compare_all(stage: Stage, fields: tuple[str, ...] = FIELDS) -> Pairing:
    """Read both apps whole over their own APIs, and make sure that all pairs are equal."""
    screen = stage.screen
    wait_until_settled(stage)
    with screen.waiting("reading both apps back over their own APIs"):
        pairing = stage.pairing()
    expect(not pairing.missing, f"no counterpart: {', '.join(pairing.missing[:5])}")
    expect(not pairing.doubled, f"more than one counterpart: {', '.join(pairing.doubled[:5])}")
    excused: Counter[str] = Counter()
    for pair in pairing.pairs:
        excuses = [one for one in pair.excused() if one in fields]
        excused.update(excuses)
        stage.expect_equal(pair, tuple(one for one in fields if one not in excuses))
    count = len(pairing.pairs)
    screen.good(
        f"{count} deals are on both sides, none missing, none twice, and equal in"
        f" {count * len(fields) - excused.total()} values: {', '.join(fields)}"
    )
    _tell_excused(stage, excused)
    return pairing


def _tell_excused(stage: Stage, excused: Counter[str]) -> None:
    for field, count in excused.items():
        stage.screen.note(f"not equal: the {field} of {count} {EXCUSES[field]}")
