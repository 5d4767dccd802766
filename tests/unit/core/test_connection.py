"""A whole connection in memory: both apps scripted, real channels, asyncio and trio."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import count

import anyio
import pytest

from actors.connection import Connection
from actors.errors import AuthError, StoreError, TransientError
from actors.links import Link, Status
from actors.mapping.record import Sync
from actors.records import Departure, Side
from actors.spec import Direction, Pace, Prefer, Rules
from actors.testing import ManualClock, MemoryStore
from actors.values import Raw
from tests.support.builders import (
    AMOUNT,
    LEFT,
    NAME,
    NOTE,
    RIGHT,
    erp,
    erp_deal,
    hub,
    hub_deal,
    sync,
)
from tests.support.scripted import ScriptedApp

pytestmark = pytest.mark.anyio

PACE = Pace(poll=timedelta(seconds=10), presence=timedelta(minutes=5))
READS = {"start", "list_page", "changes", "fetch", "find", "edits", "describe", "aclose"}


class World:
    """Two apps, a store and a sync; lives of a connection come and go."""

    def __init__(self, kept: Sync | None = None, **apps: bool) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore()
        self.sync = kept or sync(NAME, NOTE, AMOUNT)
        self.hub = ScriptedApp(hub(), self.clock, prefix="L", history=True, page=3)
        self.erp = ScriptedApp(erp(), self.clock, prefix="R", lock=True, page=3)

    @property
    def apps(self) -> dict[Side, ScriptedApp]:
        return {LEFT: self.hub, RIGHT: self.erp}

    def connection(self, kept: Sync | None = None) -> Connection:
        """Return a new life."""
        return Connection(kept or self.sync, self.apps, self.store, self.clock, PACE)

    async def settle(self, kept: Sync | None = None) -> None:
        """Run a life until nothing is left to do."""
        with anyio.fail_after(7200):
            await self.connection(kept).run_until_quiet()

    def fill(self, lefts: int = 7, rights: int = 5) -> None:
        """Let people make deals in both apps."""
        for number in range(lefts):
            self.hub.put(hub_deal(name=f"hub {number}", amount=str(number)))
        for number in range(rights):
            self.erp.put(erp_deal(title=f"erp {number}"))

    def writes(self) -> int:
        """Count the intents that reached an app."""
        return len(self.hub.wrote) + len(self.erp.wrote)

    def link_of(self, side: Side, record_id: str) -> Link:
        (found,) = [
            link
            for link in self.store.links.values()
            if (end := link.end(side)) is not None and end.id == record_id
        ]
        return found

    def pair(self, record_id: str, left: str, right: str) -> tuple[Raw, Raw]:
        """Return a field on both sides of the left record's link."""
        link = self.link_of(LEFT, record_id)
        assert link.right is not None
        rows = self.hub.rows[record_id], self.erp.rows[link.right.id]
        return rows[0].values.get(left), rows[1].values.get(right)


async def test_a_backfill_makes_each_record_once_on_the_other_side_and_then_rests() -> None:
    world = World()
    world.fill()
    await world.settle()
    names = [f"erp {n}" for n in range(5)] + [f"hub {n}" for n in range(7)]
    assert world.hub.values("name") == world.erp.values("title") == names
    assert world.writes() == 12
    assert {link.status for link in world.store.links.values()} == {Status.IN_SYNC}
    assert not world.store.intents


async def test_i4_a_second_run_writes_nothing_and_our_own_writes_are_no_edits() -> None:
    world = World()
    world.fill()
    await world.settle()
    before = world.writes()
    await world.settle()
    async with anyio.create_task_group() as group:
        connection = world.connection()
        group.start_soon(connection.run)
        await anyio.sleep(3600)
        connection.stop()
    assert world.writes() == before
    assert not world.store.conflicts


async def test_edits_on_both_sides_travel_and_each_causes_one_write() -> None:
    world = World()
    world.fill(lefts=2, rights=0)
    await world.settle()
    before = world.writes()
    other = world.link_of(LEFT, "L2").right
    assert other is not None
    world.hub.edit("L1", name="new name")
    world.erp.edit(other.id, remark="new remark", state="offer")
    await world.settle()
    assert world.pair("L1", "name", "title") == ("new name", "new name")
    assert world.pair("L2", "note", "remark") == ("new remark", "new remark")
    assert world.pair("L2", "stage", "state") == ("talk", "offer")
    assert world.writes() == before + 2


async def test_a_conflict_is_recorded_once_with_its_outcome() -> None:
    world = World(sync(NAME, NOTE, rules=Rules(prefer=Prefer.RIGHT)))
    world.fill(lefts=1, rights=0)
    await world.settle()
    world.hub.edit("L1", name="left")
    world.erp.edit("R1", title="right")
    await world.settle()
    assert world.pair("L1", "name", "title") == ("right", "right")
    (conflict,) = world.store.conflicts
    assert (conflict.left, conflict.right) == (("left",), ("right",))
    assert (conflict.winner, conflict.outcome) == (RIGHT, "copied")


@pytest.mark.parametrize("steps", range(1, 60, 4))
async def test_i13_a_life_that_ends_anywhere_leaves_no_duplicate_and_no_loss(steps: int) -> None:
    """Cancelled after so many app calls, without warning; then another life."""
    world = World()
    world.fill()
    calls = count(1)
    with anyio.CancelScope() as life:

        def end(_: str) -> None:
            if next(calls) == steps:
                life.cancel()

        for app in world.apps.values():
            app.on_call = end
        await world.connection().run_until_quiet()
    await world.settle()
    names = [f"erp {n}" for n in range(5)] + [f"hub {n}" for n in range(7)]
    assert world.hub.values("name") == world.erp.values("title") == names
    keys = Counter(row.key for app in world.apps.values() for row in app.rows.values() if row.key)
    assert max(keys.values()) == 1
    assert not world.store.intents


async def test_h2_lost_answers_and_lost_requests_double_and_lose_nothing() -> None:
    world = World()
    world.fill()
    world.erp.lost_answers, world.hub.lost_requests = 2, 1
    await world.settle()
    world.hub.edit("L1", name="edited")
    world.erp.lost_answers = 1
    await world.settle()
    names = [f"erp {n}" for n in range(5)] + ["edited"] + [f"hub {n}" for n in range(1, 7)]
    assert world.hub.values("name") == world.erp.values("title") == sorted(names)
    assert not world.store.conflicts and not world.store.intents


async def test_passing_faults_of_every_call_are_overcome() -> None:
    world = World()
    world.fill()
    for app in world.apps.values():
        for call in ("start", "list_page", "changes", "prepare", "fetch", "write", "edits"):
            app.fail(call, TransientError("503"), TransientError("503"))
    await world.settle()
    assert len(world.hub.rows) == len(world.erp.rows) == 12


async def test_i6_the_source_of_a_one_way_sync_gets_nothing_but_reads() -> None:
    world = World(sync(NAME, NOTE, direction=Direction.TO_RIGHT))
    world.fill()
    await world.settle()
    world.hub.edit("L1", name="edited")
    world.erp.edit("R6", title="drifted")
    await world.settle()
    assert set(world.hub.calls) <= READS
    assert len(world.hub.rows) == 7
    assert all(row.key is None for row in world.hub.rows.values())
    assert "edited" in world.erp.values("title")


async def test_i8_a_record_that_is_archived_leaves_its_counterpart_alone() -> None:
    world = World()
    world.fill(lefts=2, rights=0)
    await world.settle()
    before = world.writes()
    world.hub.remove("L1", Departure.ARCHIVED)
    async with anyio.create_task_group() as group:
        connection = world.connection()
        group.start_soon(connection.run)
        await anyio.sleep(900)
        connection.stop()
    link = world.link_of(LEFT, "L1")
    assert (link.status, "archived in hub" in link.reason) == (Status.EXCLUDED, True)
    assert world.writes() == before
    assert len(world.erp.values("title")) == 2


async def test_i15_a_rejected_record_fails_alone_and_is_tried_again() -> None:
    world = World()
    world.fill(lefts=4, rights=0)
    world.erp.rejects = {"hub 2"}
    await world.settle()
    assert world.erp.values("title") == ["hub 0", "hub 1", "hub 3"]
    link = world.link_of(LEFT, "L3")
    assert (link.status, link.attempts) == (Status.FAILING, 1)
    assert "erp refused it: hub 2 is refused" in link.reason
    world.erp.rejects = set()
    async with anyio.create_task_group() as group:
        connection = world.connection()
        group.start_soon(connection.run)
        await anyio.sleep(180)
        connection.stop()
    assert "hub 2" in world.erp.values("title")


async def test_a_changed_mapping_is_applied_to_every_record() -> None:
    world = World(sync(NAME))
    world.hub.put(hub_deal(note="mine"))
    await world.settle()
    assert world.pair("L1", "note", "remark") == ("mine", None)
    await world.settle(sync(NAME, NOTE))
    assert world.pair("L1", "note", "remark") == ("mine", "mine")


async def test_what_a_person_must_mend_ends_the_connection_with_its_reason() -> None:
    world = World()
    world.hub.fail("changes", AuthError("the token was revoked"))
    with pytest.raises(ExceptionGroup) as caught:
        await world.connection().run()
    assert caught.group_contains(AuthError, match="revoked")


async def test_h32_a_store_that_cannot_commit_ends_the_life_and_the_next_goes_on() -> None:
    world = World()
    world.fill(lefts=3, rights=0)
    world.store.fault = StoreError("the disk is full")
    with pytest.raises((StoreError, ExceptionGroup)):
        await world.connection().run()
    await world.settle()
    assert world.erp.values("title") == ["hub 0", "hub 1", "hub 2"]


async def test_a_life_that_is_stopped_answers_what_is_with_the_writers() -> None:
    world = World()
    world.fill(lefts=9, rights=0)
    connection = world.connection()
    world.erp.before_write = lambda _: connection.stop()
    with anyio.fail_after(60):
        await connection.run()
    assert world.erp.wrote
    assert not world.store.intents
    world.erp.before_write = lambda _: None
    await world.settle()
    assert len(world.erp.rows) == 9


async def test_a_connection_that_is_stopped_before_it_began_does_not_begin() -> None:
    world = World()
    world.fill()
    connection = world.connection()
    connection.stop()
    with anyio.fail_after(60):
        await connection.run()
    assert world.writes() == 0
