"""What a limit, a sudden emptiness or a careful first load hold back, in a whole connection."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import count
from typing import Any

import anyio
import pytest

from actors.connection import Connection
from actors.limits import held_of
from actors.links import Link, Status
from actors.mapping.record import Sync
from actors.orders import Approve
from actors.plans import Planned
from actors.records import Departure, Side
from actors.spec import FieldSpec, FirstLoad, Limits, Pace
from actors.testing import ManualClock, MemoryStore
from tests.support.builders import LEFT, NAME, NOTE, RIGHT, erp, hub, hub_deal, sync
from tests.support.scripted import ScriptedApp

pytestmark = pytest.mark.anyio

PACE = Pace(poll=timedelta(seconds=10), presence=timedelta(minutes=5))
HOUR_AND_MORE = 3700.0


class Guarded:
    """Two apps, a store and the lives of a connection under limits."""

    def __init__(self, **limits: Any) -> None:
        self.clock, self.store = ManualClock(), MemoryStore()
        self.limits: dict[str, Any] = limits
        self.fields: tuple[FieldSpec, ...] = (NAME, NOTE)
        self.hub = ScriptedApp(hub(), self.clock, prefix="L", history=True, page=50)
        self.erp = ScriptedApp(erp(), self.clock, prefix="R", lock=True, page=50)
        self.hub.latency = self.erp.latency = 0.01

    def sync(self, **rest: Any) -> Sync:
        return sync(*self.fields, **({"limits": Limits(**self.limits)} | rest))

    def connection(self, kept: Sync | None = None, planned: Planned | None = None) -> Connection:
        apps = {LEFT: self.hub, RIGHT: self.erp}
        return Connection(kept or self.sync(), apps, self.store, self.clock, PACE, planned=planned)

    async def settle(self, planned: Planned | None = None, **rest: Any) -> None:
        """Run a life until nothing is left to do."""
        with anyio.fail_after(20_000):
            await self.connection(self.sync(**rest), planned).run_until_quiet()

    async def run(self, seconds: float) -> None:
        """Run a life for so long."""
        connection = self.connection()
        async with anyio.create_task_group() as group:
            group.start_soon(connection.run)
            await anyio.sleep(seconds)
            connection.stop()

    def fill(self, records: int) -> None:
        for _ in range(records):
            self.hub.put(hub_deal(name=f"hub {len(self.hub.rows)}"))

    async def loaded(self, records: int) -> None:
        """Bring so many records in step."""
        self.fill(records)
        await self.settle()
        assert len(self.erp.rows) == records
        assert self.statuses() == {Status.IN_SYNC: records}

    def statuses(self) -> Counter[Status]:
        return Counter(link.status for link in self.store.links.values())

    def held(self) -> list[Link]:
        found = [one for one in self.store.links.values() if one.status is Status.HELD]
        return sorted(found, key=lambda one: one.id)

    def approve(self, *links: Link, sides: tuple[Side, ...] = ()) -> None:
        order = Approve(links=tuple(one.id for one in links), sides=sides)
        self.store.give("c/deals", order, "kari")

    def outcomes(self) -> list[str]:
        return [one.outcome for _, one in sorted(self.store.orders_done.items())]


async def test_f24_the_first_load_is_as_large_as_it_is_whatever_the_limits_say() -> None:
    world = Guarded(creates=3)
    await world.loaded(12)


async def test_f25_creates_beyond_the_limit_are_held_and_all_else_goes_on() -> None:
    world = Guarded(creates=3)
    await world.loaded(2)
    world.fill(5)
    world.hub.edit("L1", name="edited")
    await world.settle()
    assert len(world.erp.rows) == 5
    assert "edited" in world.erp.values("title")
    assert {link.reason for link in world.held()} == {
        "creates in erp exceed the limit of 3 in 1 h: approve with `tieline approve c/deals`"
    }
    assert world.statuses() == {Status.IN_SYNC: 5, Status.HELD: 2}


async def test_f25_what_is_held_stays_held_through_time_restarts_and_edits() -> None:
    world = Guarded(creates=3)
    await world.loaded(2)
    world.fill(5)
    await world.settle()
    await world.run(HOUR_AND_MORE)
    world.hub.edit("L7", name="edited while held")
    await world.settle()
    assert len(world.erp.rows) == 5
    world.fill(1)
    await world.settle()
    assert len(world.erp.rows) == 6, "a window later there is room for others"


async def test_f25_a_restart_does_not_forget_what_was_counted() -> None:
    world = Guarded(creates=3)
    await world.loaded(1)
    for _ in range(5):
        world.fill(1)
        await world.settle()
    assert len(world.erp.rows) == 1 + 3
    assert len(world.held()) == 2


async def test_f25_an_approval_lets_go_the_records_that_it_names_and_counts_for_nothing() -> None:
    world = Guarded(creates=3)
    await world.loaded(2)
    world.fill(6)
    await world.settle()
    first, *others = world.held()
    world.approve(first)
    await world.settle()
    assert (len(world.erp.rows), world.held()) == (6, others)
    world.approve(first, *others)
    await world.settle()
    assert (len(world.erp.rows), world.held()) == (8, [])
    assert world.outcomes() == [
        "1 of 1 records are decided again",
        "2 of 3 records are decided again",
    ]
    assert world.statuses() == {Status.IN_SYNC: 8}


async def test_f25_a_record_that_comes_to_more_than_was_approved_is_held_again() -> None:
    world = Guarded(changes=0)
    await world.loaded(2)
    world.hub.edit("L1", name="A")
    await world.settle()
    (held,) = world.held()
    world.limits["blanks"] = 0
    world.approve(held)
    world.hub.edit("L1", stage="talk")
    await world.settle()
    assert world.held() == []
    assert world.erp.rows["R1"].values["state"] == "offer", "more of the same kind is the same kind"
    world.hub.edit("L1", stage="talk", name="B")
    world.limits["regressions"] = 0
    await world.settle()
    world.approve(*world.held())
    world.hub.edit("L1", stage="new")
    await world.settle()
    (again,) = world.held()
    assert held_of(again)["right.regressions"] == 1
    assert world.erp.rows["R1"].values["title"] == "A"


async def test_f25_a_held_record_that_no_longer_differs_is_let_go() -> None:
    world = Guarded(changes=0)
    await world.loaded(1)
    world.hub.edit("L1", name="bulk job")
    await world.settle()
    assert len(world.held()) == 1
    world.hub.edit("L1", name="hub 0")
    await world.settle()
    assert world.statuses() == {Status.IN_SYNC: 1}


async def test_f25_writes_that_did_not_happen_are_not_counted() -> None:
    world = Guarded(changes=1)
    await world.loaded(2)
    world.erp.rejects = {"never"}
    world.hub.edit("L1", name="never")
    await world.settle()
    world.hub.edit("L2", name="fine")
    await world.settle()
    assert "fine" in world.erp.values("title")
    assert world.held() == []


async def test_h26_limits_hold_what_a_changed_mapping_would_change() -> None:
    world = Guarded(changes=2)
    for number in range(5):
        world.hub.put(hub_deal(name=f"hub {number}", note="said"))
    world.fields = (NAME,)
    await world.settle()
    world.fields = (NAME, NOTE)
    await world.settle()
    assert world.erp.values("remark").count("said") == 2
    assert {link.reason[:32] for link in world.held()} == {"changes in erp exceed the limit "}
    assert len(world.held()) == 3
    world.approve(*world.held())
    await world.settle()
    assert world.erp.values("remark").count("said") == 5


# --- a side that is suddenly empty ----------------------------------------------------------


async def gone(world: Guarded, records: int, how: Departure) -> None:
    for number in range(1, records + 1):
        world.erp.remove(f"R{number}", how)
    await world.run(700)


@pytest.mark.parametrize("how", [Departure.DELETED, Departure.HIDDEN, Departure.ARCHIVED])
async def test_h16_h39_nothing_is_decided_from_a_side_that_is_suddenly_empty(
    how: Departure,
) -> None:
    world = Guarded()
    await world.loaded(150)
    await gone(world, 149, how)
    assert all(end.gone is None for one in world.store.links.values() if (end := one.right))
    assert world.statuses() == {Status.IN_SYNC: 1, Status.HELD: 149}
    assert "erp suddenly shows hardly any of its linked records" in world.held()[0].reason
    world.fill(1)
    world.hub.edit("L150", name="edited")
    await world.settle()
    assert (len(world.erp.rows), "edited" in world.erp.values("title")) == (150, False)


async def test_h39_a_side_that_comes_back_goes_on_by_itself() -> None:
    world = Guarded()
    await world.loaded(60)
    await gone(world, 60, Departure.HIDDEN)
    assert world.statuses() == {Status.HELD: 60}
    world.hub.edit("L1", name="edited meanwhile")
    for row in world.erp.rows.values():
        row.gone = None
    await world.run(700)
    assert world.statuses() == {Status.IN_SYNC: 60}
    assert "edited meanwhile" in world.erp.values("title")


async def test_h39_a_person_may_say_that_they_are_really_gone() -> None:
    world = Guarded()
    await world.loaded(60)
    await gone(world, 60, Departure.DELETED)
    world.approve(sides=(RIGHT,))
    await world.settle()
    assert world.outcomes() == ["what is gone from erp is taken for gone"]
    assert {link.reason for link in world.store.links.values()} == {
        "deleted in erp; hub keeps its record"
    }
    assert len(world.erp.rows) == 60, "nothing is made again"


async def test_h39_many_deletes_among_more_that_are_there_are_deletes() -> None:
    world = Guarded()
    await world.loaded(150)
    await gone(world, 60, Departure.DELETED)
    assert world.statuses() == {Status.IN_SYNC: 90, Status.EXCLUDED: 60}


# --- a careful first load -------------------------------------------------------------------


async def test_f25_linking_only_writes_nothing_and_the_load_that_follows_is_the_first() -> None:
    world = Guarded(creates=3)
    world.fill(8)
    await world.settle(first_load=FirstLoad(link_only=True))
    assert (len(world.erp.wrote), len(world.hub.wrote)) == (0, 0)
    assert world.statuses() == {Status.HELD: 8}
    await world.settle()
    assert (len(world.erp.rows), world.held()) == (8, [])


async def test_f25_canaries_go_ahead_and_the_others_follow_in_the_next_run() -> None:
    world = Guarded()
    world.fill(20)
    await world.settle(first_load=FirstLoad(canary=4))
    assert len(world.erp.rows) == 4
    await world.settle()
    assert len(world.erp.rows) == 20


async def test_f25_a_ramp_doubles_each_minute_until_all_is_loaded() -> None:
    world = Guarded()
    world.fill(200)
    kept = world.sync(first_load=FirstLoad(ramp=10))
    connection = world.connection(kept)
    sizes = []
    async with anyio.create_task_group() as group:
        group.start_soon(connection.run)
        await anyio.sleep(30)
        for _ in range(6):
            sizes.append(len(world.erp.rows))
            await anyio.sleep(60)
        connection.stop()
    assert sizes == [10, 30, 70, 150, 200, 200]


async def test_f25_a_marker_is_written_on_creates_only() -> None:
    world = Guarded()
    world.fill(1)
    await world.settle(markers={RIGHT: {"class": "new"}})
    world.hub.edit("L1", name="edited")
    await world.settle(markers={RIGHT: {"class": "new"}})
    create, update = world.erp.wrote
    assert create.values["class"] == "new"
    assert "class" not in update.values
    assert all("class" not in one.values for one in world.hub.wrote)


async def test_f25_with_require_plan_the_first_load_stands_under_the_limits() -> None:
    world = Guarded(creates=3)
    world.fill(5)
    await world.settle(require_plan=True)
    assert len(world.erp.rows) == 3
    assert "or apply a plan (`tieline plan`)" in world.held()[0].reason


class Few:
    """A plan that knows some decisions."""

    number = 7

    def __init__(self, known: set[tuple[str, bytes]] | None, *records: str) -> None:
        self.known, self.records = known, set(records)
        self.asked: set[tuple[str, bytes]] = set()

    def has(self, record: str, digest: bytes) -> bool:
        self.asked.add((record, digest))
        if self.known is not None:
            return (record, digest) in self.known
        return record in self.records


async def test_f25_a_plan_is_applied_as_it_is_and_what_moved_is_left() -> None:
    world = Guarded(creates=0)
    world.fill(4)
    seen = Few(None)
    await world.settle(seen, require_plan=True)
    assert world.statuses() == {Status.HELD: 4}
    assert world.held()[0].reason == "not as plan 7 has it: left for a new plan"
    world.hub.edit("L2", name="moved")
    world.fill(1)
    await world.settle(Few(seen.asked), require_plan=True)
    assert sorted(row.key or "" for row in world.erp.rows.values()) == [
        f"tieline:c:deals:hub:{one}" for one in ("L1", "L3", "L4")
    ]
    assert len(world.held()) == 2


# --- crashes --------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", range(1, 40, 3))
async def test_i13_a_life_that_ends_anywhere_lets_no_more_through_and_loses_nothing(
    steps: int,
) -> None:
    world = Guarded(creates=4)
    await world.loaded(1)
    world.fill(12)
    calls = count(1)
    with anyio.CancelScope() as life:

        def end(_: str) -> None:
            if next(calls) == steps:
                life.cancel()

        for app in (world.hub, world.erp):
            app.on_call = end
        await world.connection().run_until_quiet()
    for app in (world.hub, world.erp):
        app.on_call = lambda _: None
    await world.settle()
    assert (len(world.erp.rows), len(world.held())) == (1 + 4, 8)
    world.approve(*world.held())
    await world.settle()
    assert (len(world.erp.rows), world.held()) == (13, [])
    assert world.statuses() == {Status.IN_SYNC: 13}
