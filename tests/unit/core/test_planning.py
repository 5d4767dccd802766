"""A plan shows what a run does, and applied it does just that (F25)."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest

from actors.links import Status
from actors.planning import Plan, Planner
from actors.plans import MemoryBook
from actors.records import Departure
from tests.support.builders import LEFT, NAME, NOTE, RIGHT, erp_deal, hub_deal
from tests.unit.core.test_gate import Guarded

pytestmark = pytest.mark.anyio


class Planning(Guarded):
    """A world that is planned before it runs."""

    async def plan(self, **rest: Any) -> tuple[Plan, MemoryBook]:
        book = MemoryBook()
        planner = Planner(
            sync=self.sync(**rest),
            connectors={LEFT: self.hub, RIGHT: self.erp},
            store=copy.deepcopy(self.store),
            clock=self.clock,
            tell=lambda *_: None,
            book=book,
        )
        before = len(self.hub.wrote) + len(self.erp.wrote)
        plan = await planner.run()
        assert len(self.hub.wrote) + len(self.erp.wrote) == before
        return plan, book

    def wrote(self) -> Counter[tuple[str, str]]:
        apps = {"hub": self.hub, "erp": self.erp}
        return Counter((name, one.kind) for name, app in apps.items() for one in app.wrote)


def figures(plan: Plan) -> dict[str, tuple[int, int, int]]:
    return {one.app: (one.creates, one.updates, one.adopts) for one in plan.sides.values()}


async def test_f25_a_first_plan_is_applied_to_the_letter() -> None:
    world = Planning()
    world.fill(7)
    for number in range(4):
        world.erp.put(erp_deal(title=f"erp {number}"))
    plan, book = await world.plan()
    assert figures(plan) == {"hub": (4, 0, 0), "erp": (7, 0, 0)}
    assert len(plan.sides[RIGHT].samples) == 5
    await world.settle(book)
    assert world.wrote() == {("hub", "create"): 4, ("erp", "create"): 7}
    assert world.statuses() == {Status.IN_SYNC: 11}


async def test_f25_edits_of_both_sides_come_to_one_decision_in_plan_and_run() -> None:
    world = Planning()
    await world.loaded(6)
    world.hub.edit("L1", name="left", note="left")
    world.erp.edit("R1", remark="right")
    world.hub.edit("L2", name="only left")
    world.erp.edit("R3", title="only right")
    world.hub.edit("L4", name="same")
    world.erp.edit("R4", title="same")
    plan, book = await world.plan()
    assert plan.in_sync == 6 - 3
    hub, erp = plan.sides[LEFT], plan.sides[RIGHT]
    assert (hub.updates, erp.updates) == (1, 2)
    (sample,) = [one for one in erp.samples if one.source_id == "L2"]
    assert sample.fields == {"title": ("hub 1", "only left")}
    before = world.wrote()
    await world.settle(book)
    assert world.wrote() - before == {("hub", "update"): 1, ("erp", "update"): 2}
    assert world.statuses() == {Status.IN_SYNC: 6}
    assert world.erp.rows["R1"].values["remark"] == "left"


async def test_f25_what_moved_since_the_plan_is_left_for_a_new_one() -> None:
    world = Planning()
    await world.loaded(4)
    for record in ("L1", "L2", "L3"):
        world.hub.edit(record, name=f"new {record}")
    _, book = await world.plan()
    world.hub.edit("L1", name="newer")
    world.erp.edit("R2", title="somebody else's")
    world.hub.edit("L3", note="new as well")
    world.hub.edit("L4", name="never planned")
    await world.settle(book)
    assert world.erp.values("title") == ["hub 0", "hub 2", "hub 3", "somebody else's"]
    assert {link.reason for link in world.held()} == {"not as plan 0 has it: left for a new plan"}
    again, book = await world.plan()
    assert again.sides[RIGHT].updates == 4
    await world.settle(book)
    assert world.statuses() == {Status.IN_SYNC: 4}
    assert "newer" in world.erp.values("title")


async def test_f25_a_record_that_was_touched_and_comes_to_the_same_is_written() -> None:
    world = Planning()
    await world.loaded(1)
    world.hub.edit("L1", name="new")
    _, book = await world.plan()
    world.hub.edit("L1", name="other")
    world.hub.edit("L1", name="new")
    await world.settle(book)
    assert world.erp.values("title") == ["new"]


async def test_f25_a_changed_mapping_is_planned_as_it_is_applied() -> None:
    world = Planning(changes=0)
    for number in range(5):
        world.hub.put(hub_deal(name=f"hub {number}", note="said"))
    world.fields = (NAME,)
    await world.settle()
    world.fields = (NAME, NOTE)
    plan, book = await world.plan()
    assert figures(plan) == {"hub": (0, 0, 0), "erp": (0, 5, 0)}
    await world.settle(book)
    assert world.erp.values("remark") == ["said"] * 5


async def test_f25_a_plan_takes_up_what_a_limit_holds() -> None:
    world = Planning(creates=2)
    await world.loaded(1)
    world.fill(6)
    await world.settle()
    assert len(world.held()) == 4
    plan, book = await world.plan()
    assert figures(plan) == {"hub": (0, 0, 0), "erp": (4, 0, 0)}
    await world.settle(book)
    assert world.statuses() == {Status.IN_SYNC: 7}


async def test_f25_copies_that_a_lost_store_has_forgotten_are_taken_up_again() -> None:
    world = Planning()
    await world.loaded(5)
    world.erp.remove("R5", Departure.DELETED)
    world.store = type(world.store)()
    plan, book = await world.plan()
    assert figures(plan) == {"hub": (0, 0, 0), "erp": (1, 0, 4)}
    await world.settle(book)
    live = [row.key for row in world.erp.rows.values() if row.gone is None]
    assert len(live) == len(set(live)) <= 5
