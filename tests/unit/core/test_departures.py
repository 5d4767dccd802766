"""Deletes, restores and merges through a whole connection: both apps scripted (F29)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import anyio
import msgspec
import pytest

from actors import departures
from actors.allowance import most_deletes
from actors.connection import Connection
from actors.intents import Intent, IntentKind
from actors.links import Link, Status
from actors.mapping.record import Sync
from actors.observing import observe_link
from actors.records import Departure, Side
from actors.schema import AppSchema
from actors.scope import rules
from actors.spec import AfterDelete, Direction, Pace
from actors.testing import ManualClock, MemoryStore
from tests.support.builders import (
    LEFT,
    NAME,
    NOTE,
    RIGHT,
    erp,
    erp_deal,
    hub,
    hub_deal,
    problems,
    sync,
)
from tests.support.scripted import ScriptedApp

pytestmark = pytest.mark.anyio

PACE = Pace(poll=timedelta(seconds=10), presence=timedelta(minutes=5))
ARCHIVE = AfterDelete(archive=True)
NOTED = {"remark": "deleted in hub"}


def able(schema: AppSchema, *, restores: bool = False) -> AppSchema:
    """Return the schema of an app that can archive its records."""
    (deals,) = schema.objects
    removal = Departure.ARCHIVED
    archiving = msgspec.structs.replace(deals, removal=removal, restores=restores)
    return msgspec.structs.replace(schema, objects=(archiving,))


def following(**rest: Any) -> Sync:
    """Return a sync in which deletes are followed; by default by archiving in `erp`."""
    apps = {"left": able(hub()), "right": able(erp(), restores=True)}
    return sync(NAME, NOTE, **({"deletes": {RIGHT: ARCHIVE}} | apps | rest))


class World:
    """Two apps, a store and a sync; each `settle` is a life that ends when all is quiet."""

    def __init__(self, kept: Sync | None = None, *, lock: bool = True) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore()
        self.sync = kept or following()
        self.hub = ScriptedApp(hub(), self.clock, prefix="L", history=True, page=50)
        self.erp = ScriptedApp(erp(), self.clock, prefix="R", lock=lock, page=50)

    async def settle(self) -> None:
        """Run until nothing is left to do, looks at all linked records included."""
        apps = {LEFT: self.hub, RIGHT: self.erp}
        with anyio.fail_after(7200):
            await Connection(self.sync, apps, self.store, self.clock, PACE).run_until_quiet()

    async def live(self, minutes: float) -> None:
        """Run for some time."""
        apps = {LEFT: self.hub, RIGHT: self.erp}
        connection = Connection(self.sync, apps, self.store, self.clock, PACE)
        async with anyio.create_task_group() as group:
            group.start_soon(connection.run)
            await anyio.sleep(minutes * 60)
            connection.stop()

    async def pairs(self, count: int = 1) -> list[Link]:
        """Make linked deals; returns their links."""
        for number in range(count):
            self.hub.put(hub_deal(name=f"deal {number}"))
        await self.settle()
        assert len(self.erp.rows) == count
        return sorted(self.store.links.values(), key=lambda link: link.id)

    def link(self, record_id: str, side: Side = LEFT) -> Link:
        (found,) = [
            one
            for one in self.store.links.values()
            if (end := one.end(side)) is not None and end.id == record_id
        ]
        return found

    def orders(self, kind: IntentKind) -> list[Intent]:
        """Return the intents of a kind that reached an app."""
        return [one for app in (self.hub, self.erp) for one in app.wrote if one.kind is kind]

    @property
    def archived(self) -> list[str]:
        """The records of `erp` that are archived."""
        return [row.id for row in self.erp.rows.values() if row.gone is Departure.ARCHIVED]


# --- following a delete ---------------------------------------------------------------------


async def test_f29_by_default_a_delete_leaves_the_other_record_alone() -> None:
    world = World(following(deletes={}))
    await world.pairs()
    world.hub.remove("L1")
    await world.live(30)
    assert world.link("L1").status is Status.EXCLUDED
    assert world.link("L1").reason == "archived in hub; erp keeps its record"
    world.erp.edit("R1", title="edited")
    await world.live(30)
    assert world.hub.rows["L1"].values["name"] == "deal 0"
    assert not world.archived


@pytest.mark.parametrize("how", [Departure.ARCHIVED, Departure.DELETED])
async def test_f29_a_delete_that_is_to_be_followed_archives_the_other_record_once(
    how: Departure,
) -> None:
    world = World()
    await world.pairs(2)
    world.hub.remove("L1", how)
    await world.live(30)
    assert world.archived == ["R1"]
    assert len(world.orders(IntentKind.ARCHIVE)) == 1
    assert world.link("L1").status is Status.EXCLUDED
    assert world.link("L1").reason == f"{how.value} in hub; so was its record in erp"
    assert [change.rule for change in world.store.history][-1] == "archive"
    await world.live(60)
    assert len(world.orders(IntentKind.ARCHIVE)) == 1


async def test_h16_a_record_that_cannot_be_seen_is_not_deleted() -> None:
    world = World()
    await world.pairs()
    world.hub.remove("L1", Departure.HIDDEN)
    await world.live(30)
    assert not world.archived
    assert world.link("L1").status is Status.FAILING
    assert "no longer shows" in world.link("L1").reason
    world.hub.bring_back("L1")
    await world.live(30)
    assert world.link("L1").status is Status.IN_SYNC


async def test_f29_an_edit_on_the_survivor_holds_the_delete() -> None:
    world = World()
    await world.pairs()
    world.erp.edit("R1", title="still wanted")
    world.hub.remove("L1")
    await world.live(30)
    assert not world.archived
    assert world.link("L1").status is Status.HELD
    assert "edited there (title)" in world.link("L1").reason


async def test_f29_an_edit_between_the_decision_and_the_write_holds_the_delete() -> None:
    world = World()
    await world.pairs()

    def meanwhile(intents: Any) -> None:
        if intents[0].kind is IntentKind.ARCHIVE and world.erp.rows["R1"].version == 1:
            world.erp.edit("R1", title="still wanted")

    world.erp.before_write = meanwhile
    world.hub.remove("L1")
    await world.live(30)
    assert not world.archived
    assert world.link("L1").status is Status.HELD


async def test_i7_a_pair_that_does_not_take_part_is_not_touched() -> None:
    world = World()
    await world.pairs()
    world.hub.edit("L1", pipeline="service", stage="open")
    await world.settle()
    assert world.link("L1").status is Status.EXCLUDED
    world.hub.remove("L1")
    await world.live(30)
    assert not world.archived


async def test_h47_a_delete_before_the_pair_was_ever_settled_is_not_followed() -> None:
    world = World(following(deletes={LEFT: ARCHIVE}))
    world.hub.put(hub_deal(name="one"))
    key = "tieline:c:deals:hub:L1"
    world.erp._made(erp_deal(title="one"), "R9", key).gone = Departure.ARCHIVED
    await world.live(30)
    assert world.hub.rows["L1"].gone is None
    assert world.link("L1").status is Status.EXCLUDED
    assert len(world.erp.rows) == 1


# --- limits ---------------------------------------------------------------------------------


async def test_f29_more_deletes_than_the_limit_are_held_until_a_person_agrees() -> None:
    world = World(following(delete_limit=2))
    await world.pairs(5)
    for number in range(1, 6):
        world.hub.remove(f"L{number}")
    await world.live(30)
    assert len(world.archived) == 2
    held = [link for link in world.store.links.values() if link.status is Status.HELD]
    assert len(held) == 3
    assert all("too many were deleted within an hour" in link.reason for link in held)
    await world.live(200)  # what was held does not trickle through as the hour passes
    assert len(world.archived) == 2
    approved = departures.approve(held[0])
    assert approved is not None
    world.store.links[held[0].id] = msgspec.structs.replace(approved, due_us=0)
    await world.live(30)
    assert len(world.archived) == 3


async def test_f29_a_restart_does_not_forget_how_many_deletes_there_were() -> None:
    world = World(following(delete_limit=2))
    await world.pairs(4)
    for number in range(1, 5):
        world.hub.remove(f"L{number}")
        await world.live(7)
    assert len(world.archived) == 2


async def test_f29_a_held_delete_is_withdrawn_when_the_record_is_there_again() -> None:
    world = World(following(delete_limit=0))
    await world.pairs()
    world.hub.remove("L1")
    await world.live(30)
    assert world.link("L1").status is Status.HELD
    world.hub.bring_back("L1")
    await world.live(30)
    link = world.link("L1")
    assert link.status is Status.IN_SYNC
    assert link.right is not None and link.right.consent is None
    world.erp.edit("R1", title="goes on")
    await world.live(5)
    assert world.hub.rows["L1"].values["name"] == "goes on"


# --- unknown outcomes -----------------------------------------------------------------------


async def test_an_archive_whose_answer_is_lost_is_found_done() -> None:
    world = World()
    await world.pairs()
    world.hub.remove("L1")
    world.erp.lost_answers = 1
    await world.live(30)
    assert world.archived == ["R1"]
    assert len(world.orders(IntentKind.ARCHIVE)) == 1
    assert world.link("L1").reason == "archived in hub; so was its record in erp"


async def test_an_archive_that_never_arrived_is_ordered_again() -> None:
    world = World(following(delete_limit=1))
    await world.pairs()
    world.hub.remove("L1")
    world.erp.lost_requests = 1
    await world.live(30)
    assert world.archived == ["R1"]


async def test_an_archive_that_arrives_after_the_restore_is_known_as_ours() -> None:
    world = World(following(deletes={LEFT: ARCHIVE, RIGHT: ARCHIVE}), lock=False)
    await world.pairs()
    world.hub.remove("L1")
    world.erp.lost_requests = 1

    def back(call: str) -> None:
        if call == "fetch" and world.erp.calls[-2:-1] == ["write"]:
            world.erp.on_call = lambda _: None
            world.hub.bring_back("L1")

    world.erp.on_call = back
    await world.live(10)
    assert world.link("L1").status is Status.IN_SYNC
    world.erp.remove("R1")  # the request arrives at last
    await world.live(30)
    assert world.hub.rows["L1"].gone is None
    assert world.erp.rows["R1"].gone is None, "it was brought back"
    assert world.link("L1").status is Status.IN_SYNC


# --- restores -------------------------------------------------------------------------------


async def test_f29_a_restored_record_is_merged_against_its_base() -> None:
    world = World(following(deletes={}))
    await world.pairs()
    world.hub.remove("L1")
    await world.live(30)
    world.erp.edit("R1", title="edited meanwhile")
    world.hub.bring_back("L1")
    await world.live(30)
    assert world.hub.rows["L1"].values["name"] == "edited meanwhile"
    assert world.link("L1").status is Status.IN_SYNC


async def test_f29_what_was_archived_for_a_delete_comes_back_with_the_record() -> None:
    world = World()
    await world.pairs()
    world.hub.remove("L1")
    await world.live(30)
    assert world.archived == ["R1"]
    world.hub.bring_back("L1")
    world.hub.edit("L1", name="back again")
    await world.live(30)
    assert not world.archived
    assert len(world.orders(IntentKind.RESTORE)) == 1
    assert world.erp.rows["R1"].values["title"] == "back again"
    link = world.link("L1")
    assert link.status is Status.IN_SYNC
    assert link.right is not None and link.right.followed is None


async def test_f29_an_app_that_cannot_restore_leaves_it_to_a_person() -> None:
    world = World(following(right=able(erp())))
    await world.pairs()
    world.hub.remove("L1")
    await world.live(30)
    world.hub.bring_back("L1")
    await world.live(30)
    assert world.archived == ["R1"]
    assert world.link("L1").status is Status.HELD
    assert "restore it there" in world.link("L1").reason
    world.erp.bring_back("R1")
    await world.live(30)
    assert world.link("L1").status is Status.IN_SYNC


async def test_f29_a_copy_that_a_person_brings_back_is_not_archived_again() -> None:
    world = World()
    await world.pairs()
    world.hub.remove("L1")
    await world.live(30)
    world.erp.bring_back("R1")
    await world.live(60)
    assert not world.archived
    assert world.link("L1").status is Status.EXCLUDED
    assert "brought back and stays" in world.link("L1").reason


async def test_f29_both_deleted_closes_the_link_until_one_is_restored() -> None:
    world = World(following(deletes={LEFT: ARCHIVE, RIGHT: ARCHIVE}))
    await world.pairs()
    world.hub.remove("L1")
    world.erp.remove("R1")
    await world.live(30)
    assert world.link("L1").status is Status.EXCLUDED
    assert world.link("L1").reason == "gone in both apps"
    world.hub.bring_back("L1")
    await world.live(30)
    assert world.hub.rows["L1"].gone is None, "bringing it back was somebody's will"
    assert world.link("L1").status is Status.HELD
    world.erp.bring_back("R1")
    await world.live(30)
    assert world.link("L1").status is Status.IN_SYNC


# --- marks ----------------------------------------------------------------------------------


async def test_f29_a_stage_and_a_field_are_set_once_and_taken_back_on_return() -> None:
    world = World(following(deletes={RIGHT: AfterDelete(values=NOTED, stage="Lost")}))
    await world.pairs()
    world.hub.remove("L1")
    await world.live(30)
    values = world.erp.rows["R1"].values
    assert (values["state"], values["remark"]) == ("lost", "deleted in hub")
    assert world.link("L1").reason == "archived in hub; erp's record was marked"
    world.erp.edit("R1", rank="3")
    await world.live(30)
    assert len(world.orders(IntentKind.MARK)) == 1
    world.hub.bring_back("L1")
    await world.live(30)
    values = world.erp.rows["R1"].values
    assert (values["state"], values.get("remark")) == ("lead", None)
    assert world.hub.rows["L1"].values["stage"] == "new"
    assert world.link("L1").status is Status.IN_SYNC


async def test_f29_a_mark_that_a_person_changed_is_an_edit_when_the_record_returns() -> None:
    world = World(following(deletes={RIGHT: AfterDelete(values=NOTED)}))
    await world.pairs()
    world.hub.remove("L1")
    await world.live(30)
    world.erp.edit("R1", remark="we miss them")
    await world.live(10)
    assert world.erp.rows["R1"].values["remark"] == "we miss them"
    world.hub.bring_back("L1")
    await world.live(30)
    assert world.hub.rows["L1"].values["note"] == "we miss them"


async def test_a_mark_whose_answer_is_lost_is_found_done() -> None:
    world = World(following(deletes={RIGHT: AfterDelete(values=NOTED)}))
    await world.pairs()
    world.hub.remove("L1")
    world.erp.lost_answers = 1
    await world.live(30)
    assert len(world.orders(IntentKind.MARK)) == 1
    assert world.link("L1").reason == "archived in hub; erp's record was marked"


# --- the configuration against the apps -----------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "rest", "message"),
    [
        (ARCHIVE, {"right_app": erp()}, "erp cannot archive deals by its API"),
        (ARCHIVE, {"direction": Direction.TO_LEFT}, "is not to be changed by this sync"),
        (ARCHIVE, {"update": (LEFT,)}, "is not to be changed by this sync"),
        (AfterDelete(values={"nope": "1"}), {}, 'erp has no field "nope"'),
        (AfterDelete(values={"state": "lost"}), {}, "a stage is given as `stage:`"),
        (AfterDelete(values={"class": "vip"}), {}, 'there is no option "vip"'),
        (AfterDelete(values={"rank": "high"}), {}, '"rank"'),
        (AfterDelete(stage="Nowhere"), {}, 'erp has no stage "Nowhere"'),
    ],
)
def test_what_cannot_follow_a_delete_is_a_problem(
    wanted: AfterDelete, rest: dict[str, Any], message: str
) -> None:
    apps = {"right_app": able(erp())} | rest
    (problem,) = problems(NAME, deletes={RIGHT: wanted}, **apps)
    assert problem.path[:2] == ("deletes", "right")
    assert message in problem.message


def test_options_and_stages_are_found_by_label() -> None:
    kept = following(deletes={RIGHT: AfterDelete(values={"class": "RENEWAL"}, stage="lost")})
    follow = kept.deletes[RIGHT]
    assert follow.values_for({"funnel": "main"}) == {"class": "renewal", "state": "lost"}
    assert follow.values_for({"funnel": "other"}) is None
    assert "class" in kept.fields[RIGHT]


# --- readings that overtake -----------------------------------------------------------------


async def test_h41_a_reading_from_before_the_archive_does_not_bring_the_record_back() -> None:
    world = World(lock=False)
    await world.pairs()
    shown = world.erp.snapshot("R1", ("title",))
    world.hub.remove("L1")
    await world.live(7)
    link = world.link("L1")
    assert link.right is not None and link.right.gone is not None
    found = observe_link(world.sync, link, RIGHT, shown, 0)  # a replica that is behind
    again = found.right
    assert again is not None and again.gone is None
    gone = departures.gone_end(again, Departure.ARCHIVED, 1)
    assert gone.followed is not None and gone.followed.done, "it is still known as ours"


def test_what_follows_a_delete_is_said_beforehand() -> None:
    kept = following(deletes={LEFT: AfterDelete(values={"note": "gone"}), RIGHT: ARCHIVE})
    words = rules(kept)
    assert "hub: a record is marked when its counterpart in erp is deleted, at most 10 an hour" in (
        words
    )
    assert any(word.startswith("erp: a record is archived when") for word in words)


@pytest.mark.parametrize(
    ("limit", "pairs", "most"), [(10, 100, 10), (10, 101, 5), (10, 5000, 10), (500, 1000, 50)]
)
def test_f29_never_more_than_a_twentieth_of_many_records_is_followed(
    limit: int, pairs: int, most: int
) -> None:
    assert most_deletes(limit, pairs) == most
