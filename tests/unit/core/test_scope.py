"""Who takes part: leaving a filter and coming back, frozen bases, no creates, no updates."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import anyio
import msgspec
import pytest

from actors.connection import Connection
from actors.deciding import Known, Ruling, decide_link
from actors.intents import IntentKind
from actors.links import Commit, Link, Status
from actors.mapping.record import Sync
from actors.observing import moment
from actors.records import Departure, Side
from actors.scope import is_due
from actors.spec import (
    CHANGED,
    Condition,
    Conditions,
    Direction,
    Drift,
    Leave,
    Match,
    Operator,
    Pace,
    Prefer,
    Rules,
)
from actors.testing import ManualClock, MemoryStore
from tests.support.builders import (
    AMOUNT,
    LEFT,
    MORNING,
    NAME,
    NOTE,
    RIGHT,
    erp,
    erp_deal,
    hub,
    hub_deal,
    reread,
    settled,
    single,
    snapshot,
    sync,
    us,
)
from tests.support.scene import Scene
from tests.support.scripted import ScriptedApp

NOW = us("12:00:00")
BIG = Condition(field="amount", operator=Operator.AT_LEAST, operands=("1000",))
TOO_SMALL = 'hub: filter: "amount" must be at least 1000'


def filtered(*conditions: Condition, side: Side = LEFT, **rest: Any) -> Sync:
    """Return a sync with a filter on one side; by default only deals of 1000 or more."""
    wanted = Conditions(parts=conditions or (BIG,))
    return sync(NAME, NOTE, AMOUNT, filters={side: wanted}, **rest)


def decide(kept: Sync, link: Link, now_us: int = NOW) -> Ruling:
    return decide_link(kept, link, Known(now_us=now_us))


def scene(kept: Sync, amount: str = "2000") -> Scene:
    return Scene(
        kept, hub_deal(amount=amount, currency="EUR"), erp_deal(amount=amount, currency="EUR")
    )


# --- one record -----------------------------------------------------------------------------


def test_f19_a_record_that_does_not_pass_is_excluded_with_the_condition() -> None:
    kept = filtered()
    link = single(kept, LEFT, snapshot("L", hub_deal(amount="999")))
    ruling = decide(kept, link)
    assert (ruling.link.status, ruling.link.reason) == (
        Status.EXCLUDED,
        'filter: "amount" must be at least 1000',
    )
    assert not ruling.drafts
    passing = single(kept, LEFT, snapshot("L", hub_deal(amount="1000")))
    assert [draft.kind for draft in decide(kept, passing).drafts] == [IntentKind.CREATE]
    assert decide(kept, single(kept, RIGHT, snapshot("R", erp_deal()))).drafts


def test_f20_without_creates_a_side_gets_none_and_the_other_does() -> None:
    kept = sync(create=(LEFT,))
    ruling = decide(kept, single(kept, LEFT, snapshot("L", hub_deal())))
    assert ruling.link.reason == "no records are created in erp"
    assert decide(kept, single(kept, RIGHT, snapshot("R", erp_deal()))).drafts


# --- leaving --------------------------------------------------------------------------------


def test_f19_the_update_that_made_a_pair_leave_is_sent_and_no_later_one() -> None:
    played = scene(filtered())
    played.edit(LEFT, "10:00:00", amount="500", name="Last word")
    played.poll()
    ruling = played.decide()
    assert played.records[RIGHT].values["amount"] == "500"
    assert played.records[RIGHT].values["title"] == "Last word"
    assert "leaves the sync (hub: filter" in ruling.link.reason
    played.settle()
    assert (played.link.status, played.link.reason) == (Status.EXCLUDED, TOO_SMALL)
    count = len(played.writes)
    played.edit(LEFT, "10:10:00", name="Unheard")
    played.edit(RIGHT, "10:11:00", remark="also")
    played.settle()
    assert (played.link.status, len(played.writes)) == (Status.EXCLUDED, count)


def test_f19_a_pair_leaves_as_well_when_the_other_app_s_edit_takes_it_out() -> None:
    played = scene(filtered())
    played.edit(RIGHT, "10:00:00", amount="500")
    played.settle()
    assert played.records[LEFT].values["amount"] == "500"
    assert played.link.status is Status.EXCLUDED


def test_f19_what_comes_back_is_merged_against_the_frozen_bases() -> None:
    played = scene(filtered())
    played.edit(LEFT, "10:00:00", amount="500")
    played.settle()
    played.edit(LEFT, "10:10:00", name="From hub")
    played.edit(RIGHT, "10:20:00", remark="From erp")
    played.settle()
    played.edit(LEFT, "10:30:00", amount="1500")
    played.settle()
    assert played.link.status is Status.IN_SYNC
    assert played.values("name", "title") == ("From hub", "From hub")
    assert played.values("note", "remark") == ("From erp", "From erp")
    assert played.values("amount", "amount") == ("1500", "1500")
    assert played.history == [one for one in played.history if not one.lost]
    assert all(end is not None and not end.outside for end in (played.link.left, played.link.right))


def test_a_passing_state_of_the_link_lets_nothing_back_in() -> None:
    kept = filtered()
    played = scene(kept)
    played.edit(LEFT, "10:00:00", amount="500")
    played.settle()
    played.edit(LEFT, "10:10:00", name="Unheard")
    played.poll()
    passing = msgspec.structs.replace(
        played.link, status=Status.PENDING, reason="an older copy of it was read", due_us=1
    )
    ruling = decide(kept, passing)
    assert not ruling.drafts
    assert ruling.link.status is Status.EXCLUDED


def test_a_pair_that_was_never_settled_or_was_rebuilt_owes_nothing() -> None:
    kept = filtered()
    whole = settled(kept, snapshot("L", hub_deal(amount="1")), snapshot("R", erp_deal()))
    rebuilt = msgspec.structs.replace(whole, recover=True)
    assert not decide(kept, rebuilt).drafts
    assert decide(kept, rebuilt).link.status is Status.EXCLUDED


def test_a_stage_that_is_not_mapped_keeps_its_edits_also_when_the_filter_fails_next() -> None:
    kept = filtered()
    played = scene(kept)
    played.edit(LEFT, "10:00:00", pipeline="service", stage="open", name="Elsewhere")
    played.settle()
    assert not played.writes
    played.edit(LEFT, "10:10:00", pipeline="sales", stage="new", amount="1")
    played.settle()
    assert not played.writes
    assert played.link.reason == TOO_SMALL


def test_a_conflict_that_a_person_must_decide_does_not_keep_a_leaving_pair() -> None:
    kept = filtered(rules=Rules(prefer=Prefer.ASK))
    played = scene(kept)
    played.edit(LEFT, "10:00:00", name="One", amount="1")
    played.edit(RIGHT, "10:01:00", title="Two", amount="2")
    played.settle()
    assert played.link.status is Status.EXCLUDED
    assert {one.unit for one in played.conflicts} == {"name=title", "amount=amount"}
    assert not played.writes


def test_f19_first_sync_only_decides_what_gets_linked_and_nothing_later() -> None:
    kept = filtered(leave=Leave.FIRST_SYNC_ONLY)
    alone = single(kept, LEFT, snapshot("L", hub_deal(amount="1")))
    assert decide(kept, alone).link.status is Status.EXCLUDED
    played = scene(kept)
    played.edit(LEFT, "10:00:00", amount="1")
    played.settle()
    played.edit(RIGHT, "10:10:00", title="Still heard")
    played.settle()
    assert played.values("amount", "amount") == ("1", "1")
    assert played.values("name", "title") == ("Still heard", "Still heard")
    assert played.link.status is Status.IN_SYNC


def test_both_ends_must_pass_and_a_tombstone_comes_first() -> None:
    asked = Condition(field="rank", operator=Operator.KNOWN)
    kept = filtered(asked, side=RIGHT)
    link = settled(kept, snapshot("L", hub_deal()), snapshot("R", erp_deal(rank=None)))
    edited = reread(kept, link, LEFT, snapshot("L", hub_deal(name="B"), "2", "10:00:00"))
    assert decide(kept, edited).drafts  # was in scope till now: it is leaving
    gone = edited.with_end(
        LEFT, msgspec.structs.replace(edited.left or pytest.fail(), gone=Departure.DELETED)
    )
    assert decide(kept, gone).link.reason == "deleted in hub; erp keeps its record"


# --- updates --------------------------------------------------------------------------------


def test_f20_only_creating_leaves_what_is_there_alone() -> None:
    kept = sync(update=())
    assert decide(kept, single(kept, LEFT, snapshot("L", hub_deal()))).drafts
    played = Scene(kept, hub_deal(), erp_deal())
    played.edit(LEFT, "10:00:00", name="B")
    played.settle()
    assert not played.writes
    assert played.link.status is Status.EXCLUDED
    assert played.link.reason == "records that are there already are not changed in hub and erp"
    allowed = Scene(sync(), hub_deal(), erp_deal())
    allowed.link = played.link
    allowed.records = played.records
    allowed.settle()
    assert allowed.values("name", "title") == ("B", "B")


def test_f20_one_side_may_stay_unchanged_while_the_other_follows() -> None:
    played = Scene(sync(update=(RIGHT,)), hub_deal(), erp_deal())
    played.edit(LEFT, "10:00:00", name="B")
    played.edit(RIGHT, "10:00:30", remark="mine")
    played.settle()
    assert played.values("name", "title") == ("B", "B")
    assert played.values("note", "remark") == (None, "mine")
    assert {draft.side for draft in played.writes} == {RIGHT}
    assert played.link.status is Status.IN_SYNC


def test_f20_drift_restore_does_not_reach_a_side_that_is_not_updated() -> None:
    kept = sync(direction=Direction.TO_RIGHT, update=(), rules=Rules(drift=Drift.RESTORE))
    played = Scene(kept, hub_deal(), erp_deal())
    played.edit(RIGHT, "10:00:00", title="drifted")
    played.settle()
    assert not played.writes


# --- time -----------------------------------------------------------------------------------

RECENT = Condition(field="close", operator=Operator.LAST, operands=("30 days",))


def test_a_pair_is_due_when_time_will_turn_its_filter_and_not_before() -> None:
    kept = filtered(RECENT)
    closed = (MORNING - timedelta(days=1)).isoformat()
    link = settled(kept, snapshot("L", hub_deal(close=closed)), snapshot("R", erp_deal()))
    ruled = decide(kept, link).link
    assert ruled.status is Status.IN_SYNC
    assert ruled.due_us is not None
    assert moment(ruled.due_us) == MORNING + timedelta(days=29)
    assert not is_due(ruled, NOW)
    assert is_due(ruled, ruled.due_us)
    later = decide(kept, ruled, ruled.due_us).link
    assert (later.status, later.due_us) == (Status.EXCLUDED, None)
    assert later.reason == 'hub: filter: "close" must be in the last 30 days'


def test_an_excluded_record_is_due_when_time_will_let_it_in() -> None:
    kept = filtered(Condition(field="close", operator=Operator.OLDER, operands=("1 day",)))
    link = single(kept, LEFT, snapshot("L", hub_deal(close=MORNING.isoformat())))
    ruled = decide(kept, link).link
    assert ruled.status is Status.EXCLUDED
    assert ruled.due_us == us("09:00:00") + 86_400_000_000
    assert decide(kept, ruled, ruled.due_us).drafts


def test_no_time_is_set_where_it_changes_nothing() -> None:
    first = filtered(RECENT, leave=Leave.FIRST_SYNC_ONLY)
    link = settled(
        first, snapshot("L", hub_deal(close=MORNING.isoformat())), snapshot("R", erp_deal())
    )
    assert decide(first, link).link.due_us is None
    kept = filtered(RECENT)
    unmapped = single(kept, LEFT, snapshot("L", hub_deal(stage="x", close=MORNING.isoformat())))
    assert decide(kept, unmapped).link.due_us is None
    waiting = decide(kept, single(kept, LEFT, snapshot("L", hub_deal(close=MORNING.isoformat()))))
    assert (waiting.link.status, waiting.link.due_us) == (Status.PENDING, None)


def test_an_old_record_s_last_change_counts_by_the_app_s_clock() -> None:
    kept = filtered(Condition(field=CHANGED, operator=Operator.LAST, operands=("1 day",)))
    link = single(kept, LEFT, snapshot("L", hub_deal()))
    assert decide(kept, link).drafts
    assert decide(kept, link, us("09:00:00") + 86_400_000_000).link.status is Status.EXCLUDED


# --- the actors -----------------------------------------------------------------------------

PACE = Pace(poll=timedelta(seconds=10), presence=timedelta(minutes=5))


class World:
    """Two scripted apps and a store under a filter."""

    def __init__(self, kept: Sync) -> None:
        self.clock, self.store, self.sync = ManualClock(), MemoryStore(), kept
        self.hub = ScriptedApp(hub(), self.clock, prefix="L", history=True)
        self.erp = ScriptedApp(erp(), self.clock, prefix="R", lock=True)

    def connection(self) -> Connection:
        apps = {LEFT: self.hub, RIGHT: self.erp}
        return Connection(self.sync, apps, self.store, self.clock, PACE)

    def statuses(self) -> list[tuple[Status, str]]:
        return [(link.status, link.reason) for _, link in sorted(self.store.links.items())]


@pytest.mark.anyio
async def test_f19_time_alone_takes_pairs_out_and_lets_records_in_while_it_runs() -> None:
    leaving = Condition(field="close", operator=Operator.LAST, operands=("2 hours",))
    coming = Condition(field="close", operator=Operator.OLDER, operands=("5 hours",))
    either = Conditions(match=Match.ANY, parts=(leaving, coming))
    world = World(sync(NAME, NOTE, AMOUNT, filters={LEFT: either}))
    world.hub.put(hub_deal(close=world.clock.now().isoformat()))
    async with anyio.create_task_group() as group:
        connection = world.connection()
        group.start_soon(connection.run)
        await anyio.sleep(7200 - 30)
        assert world.statuses() == [(Status.IN_SYNC, "")]
        await anyio.sleep(90)
        ((status, reason),) = world.statuses()
        assert status is Status.EXCLUDED
        assert "must be in the last 2 hours" in reason
        world.hub.edit("L1", name="Unheard")
        await anyio.sleep(3 * 3600 - 120)
        assert world.erp.values("title") == ["A"]
        await anyio.sleep(120)
        assert world.erp.values("title") == ["Unheard"]
        assert world.statuses() == [(Status.IN_SYNC, "")]
        connection.stop()


@pytest.mark.anyio
async def test_a_scheduled_look_survives_a_restart_and_costs_no_commits_before() -> None:
    brief = Condition(field="close", operator=Operator.LAST, operands=("6 hours",))
    world = World(filtered(brief))
    world.hub.put(hub_deal(close=world.clock.now().isoformat()))
    with anyio.fail_after(7200):
        await world.connection().run_until_quiet()
    (before,) = world.store.links.values()
    assert before.due_us is not None
    written: list[Link] = []
    commit = world.store.commit

    async def count(work: Commit) -> None:
        written.extend(work.links)
        await commit(work)

    world.store.commit = count  # type: ignore[method-assign]
    async with anyio.create_task_group() as group:
        connection = world.connection()
        group.start_soon(connection.run)
        await anyio.sleep(5 * 3600)
        assert list(world.store.links.values()) == [before]
        assert written == []  # although it was read for presence again and again
        await anyio.sleep(3600)
        assert world.statuses()[0][0] is Status.EXCLUDED
        connection.stop()


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(12))
async def test_f19_edits_at_random_never_cross_a_filter(seed: int) -> None:
    """Once a pair is out, nothing of it is written until it passes again; then all is equal."""
    chance = Random(seed)
    world = World(filtered())
    ids = [world.hub.put(hub_deal(name=f"d{n}", amount="1000", currency="EUR")) for n in range(4)]
    async with anyio.create_task_group() as group:
        connection = world.connection()
        group.start_soon(connection.run)
        await anyio.sleep(60)
        for step in range(40):
            record = chance.choice(ids)
            amount = chance.choice(["1500", "900", "999.99"])
            changed = {"amount": amount} if chance.random() < 0.5 else {"name": f"{record} {step}"}
            world.hub.edit(record, **changed)
            await anyio.sleep(60)
            _check_filter(world)
        for record in ids:
            world.hub.edit(record, amount="2000")
        await anyio.sleep(60)
        assert world.hub.values("name") == world.erp.values("title")
        assert set(world.erp.values("amount")) == {"2000"}
        connection.stop()


def _check_filter(world: World) -> None:
    for link in world.store.links.values():
        assert link.left is not None and link.right is not None
        mine, theirs = world.hub.rows[link.left.id], world.erp.rows[link.right.id]
        passes = float(mine.values["amount"] or 0) >= 1000
        assert (link.status is Status.IN_SYNC) is passes, (link.status, link.reason)
        if passes:
            assert mine.values["name"] == theirs.values["title"]
