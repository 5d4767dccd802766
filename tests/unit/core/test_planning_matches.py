"""What a plan says of matching is what a run then does (F25, F26)."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from actors.connection import Connection
from actors.links import Status
from actors.planning import Plan, Planner
from actors.plans import MemoryBook
from actors.records import Side
from actors.spec import MatchSpec
from actors.testing import MemoryStore
from tests.support.builders import LEFT, RIGHT, erp_deal, hub_deal
from tests.unit.core.test_connection import PACE, World
from tests.unit.core.test_matching import BY_NAME, creates, linked, matched

pytestmark = pytest.mark.anyio

TIGHT = MatchSpec(left="name", right="title", normal=None)


def world(*rules: MatchSpec, **rest: Any) -> World:
    place = World(matched(*rules, **rest))
    for number in range(7):
        place.hub.put(hub_deal(name=f"Deal  {number}", amount=str(number)))
    for number in range(5, 12):
        place.erp.put(erp_deal(title=f"deal {number}"))
    return place


async def plan_of(place: World, book: MemoryBook | None = None) -> Plan:
    """Plan with a store of the plan's own, which holds what the world's store holds."""
    store = MemoryStore()
    store.links, store._holders = dict(place.store.links), dict(place.store._holders)
    store.cursors, store._ids = dict(place.store.cursors), place.store._ids
    planner = Planner(
        sync=place.sync,
        connectors=place.apps,
        store=store,
        clock=place.clock,
        tell=lambda *_: None,
        book=book,
    )
    return await planner.run()


def matches(plan: Plan) -> int:
    return sum(side.matches for side in plan.sides.values())


def totals(plan: Plan) -> dict[Side, tuple[int, int]]:
    return {side: (one.creates, one.updates) for side, one in plan.sides.items()}


@pytest.mark.parametrize("rule", [BY_NAME, TIGHT], ids=["loose", "by kind"])
async def test_f25_a_plan_counts_matches_apart_and_a_run_does_just_that(rule: MatchSpec) -> None:
    place = world(rule)
    plan = await plan_of(place)
    assert place.hub.wrote == place.erp.wrote == []
    assert matches(plan) == 2
    assert totals(plan) == {LEFT: (5, 0), RIGHT: (5, 2)}
    assert plan.in_sync == 0
    assert not any(side.statuses for side in plan.sides.values())
    samples = [one for side in plan.sides.values() for one in side.match_samples]
    assert {(one.left_id, one.right_id) for one in samples} == {("L6", "R1"), ("L7", "R2")}
    await place.settle()
    assert (creates(place).count("hub"), creates(place).count("erp")) == (5, 5)
    assert len(linked(place)) == 12


@pytest.mark.parametrize("rule", [BY_NAME, TIGHT], ids=["loose", "by kind"])
async def test_f25_a_plan_with_matches_is_applied_to_the_letter(rule: MatchSpec) -> None:
    place, book = world(rule), MemoryBook()
    await plan_of(place, book)
    life = Connection(place.sync, place.apps, place.store, place.clock, PACE, planned=book)
    with anyio.fail_after(7200):
        await life.run_until_quiet()
    assert (creates(place).count("hub"), creates(place).count("erp")) == (5, 5)
    assert len(linked(place)) == 12
    assert {link.status for link in place.store.links.values()} == {Status.IN_SYNC}


async def test_f25_after_a_run_a_plan_finds_all_in_sync() -> None:
    place = world()
    await place.settle()
    plan = await plan_of(place)
    assert (matches(plan), plan.in_sync) == (0, 12)
    assert totals(plan) == {LEFT: (0, 0), RIGHT: (0, 0)}


async def test_f25_a_plan_tells_what_would_be_held() -> None:
    place = World(matched())
    place.hub.put(hub_deal(name="Pump"))
    place.erp.put(erp_deal(title="Pump"))
    place.erp.put(erp_deal(title="PUMP"))
    place.hub.put(hub_deal(name="Valve"))
    place.hub.put(hub_deal(name="valve"))
    plan = await plan_of(place)
    held = {
        reason
        for side in plan.sides.values()
        for status, reason in side.statuses
        if status == "held"
    }
    assert len(held) == 4
    assert matches(plan) == 0
    assert totals(plan) == {LEFT: (0, 0), RIGHT: (1, 0)}
