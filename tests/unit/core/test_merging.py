"""Merges inside one app, and what a rebuilt link does with values that differ (H15)."""

from __future__ import annotations

import msgspec
import pytest

from actors import departures
from actors.deciding import Known, Ruling, decide_link
from actors.intents import IntentKind
from actors.links import Link, Status
from actors.mapping.record import Sync
from actors.records import Departure
from actors.spec import Blank, Rules
from tests.support.builders import (
    LEFT,
    NAME,
    NOTE,
    RIGHT,
    erp_deal,
    hub_deal,
    reread,
    settled,
    snapshot,
    sync,
    us,
)
from tests.unit.core.test_departures import World

pytestmark = pytest.mark.anyio

TITLE = "name=title"


def plain() -> World:
    return World(sync(NAME, NOTE))


# --- through a connection -------------------------------------------------------------------


async def test_h15_the_survivor_goes_on_with_the_primarys_counterpart() -> None:
    world = plain()
    await world.pairs(2)
    world.hub.merge("L2", "L1", into="L9")
    await world.live(30)
    link = world.link("L9")
    assert link.right is not None and link.right.id == "R2", "its values are those of L2"
    assert link.status is Status.IN_SYNC
    twin = world.link("R1", RIGHT)
    assert twin.status is Status.HELD
    assert departures.approve(twin) is None, "a twin is no delete that could be agreed to"
    assert "merged in hub into L9, which stays linked with erp R2; erp R1 is left" in twin.reason
    assert len(world.hub.rows) == 3 and len(world.erp.rows) == 2
    assert all(row.gone is None for row in world.erp.rows.values())
    world.hub.edit("L9", name="survived")
    await world.live(5)
    assert world.erp.rows["R2"].values["title"] == "survived"


async def test_h15_a_record_merged_into_a_linked_one_leaves_a_twin() -> None:
    world = plain()
    await world.pairs(2)
    world.hub.merge("L1", "L2")
    await world.live(1)  # the survivor says so: no look at all linked records is needed
    link, twin = world.link("L1"), world.link("L2")
    assert link.right is not None and link.right.id == "R1"
    assert twin.status is Status.HELD and "erp R2 is left over" in twin.reason
    world.erp.edit("R2", title="edited twin")
    await world.live(30)
    assert world.link("L2").status is Status.HELD
    assert world.hub.rows["L1"].values["name"] == "deal 0"


async def test_h15_the_twin_is_closed_when_the_other_app_merges_as_well() -> None:
    world = plain()
    await world.pairs(2)
    world.hub.merge("L1", "L2")
    await world.live(30)
    world.erp.merge("R1", "R2")
    await world.live(30)
    assert world.link("L2").status is Status.EXCLUDED
    assert world.link("L1").status is Status.IN_SYNC
    assert len(world.hub.rows) == len(world.erp.rows) == 2


async def test_h15_an_unlinked_survivor_takes_over_the_only_link() -> None:
    world = plain()
    await world.pairs()
    world.hub.put(hub_deal(name="elsewhere", stage="odd"), "L7")
    await world.settle()
    world.hub.merge("L7", "L1")
    world.hub.edit("L7", stage="new")
    await world.live(30)
    link = world.link("L7")
    assert link.right is not None and link.right.id == "R1"
    assert len(world.erp.rows) == 1
    assert world.erp.rows["R1"].values["title"] == "elsewhere", "R1 was untouched"


async def test_h15_a_write_on_its_way_to_a_merged_record_is_decided_again() -> None:
    world = plain()
    await world.pairs(1)

    def meanwhile(call: str) -> None:
        if call == "fetch" and "L9" not in world.hub.rows:
            world.hub.put(hub_deal(name="other"), "L8")
            world.hub.merge("L1", "L8", into="L9")

    world.hub.on_call = meanwhile
    world.erp.edit("R1", title="edited")
    await world.live(30)
    assert "L1" not in [one.record_id for one in world.hub.wrote]
    assert world.hub.rows["L1"].gone is Departure.MERGED
    assert world.link("L9").status is Status.HELD, "nothing tells whether the edit came later"
    assert world.erp.rows["R1"].values["title"] == "edited"


async def test_h15_a_survivor_waits_for_the_create_of_a_record_that_it_absorbed() -> None:
    world = plain()
    world.hub.put(hub_deal(name="one"))

    def meanwhile(intents: object) -> None:
        if "L9" not in world.hub.rows:
            world.hub.put(hub_deal(name="other", stage="odd"), "L8")
            world.hub.merge("L1", "L8", into="L9")

    world.erp.before_write = meanwhile
    await world.live(30)
    assert len(world.erp.rows) == 1, "no second copy for the survivor"
    assert world.link("R1", RIGHT) == world.link("L9")
    assert world.link("L9").status is Status.IN_SYNC


async def test_h15_a_merge_never_follows_as_a_delete() -> None:
    world = World()  # deletes are followed by archiving
    await world.pairs(2)
    world.hub.merge("L1", "L2", into="L9")
    await world.live(60)
    assert not world.archived
    assert not world.orders(IntentKind.ARCHIVE)


# --- recover --------------------------------------------------------------------------------


def rebuilt(
    kept: Sync,
    left: dict[str, str | None] | None,
    right: dict[str, str | None] | None,
) -> Link:
    """Return a link marked `recover` whose ends, where given, have moved since."""
    link = settled(kept, snapshot("L", hub_deal()), snapshot("R", erp_deal()))
    link = msgspec.structs.replace(link, recover=True)
    if left is not None:
        link = reread(kept, link, LEFT, snapshot("L", hub_deal(**left), "2", "10:00:00"))
    if right is not None:
        link = reread(kept, link, RIGHT, snapshot("R", erp_deal(**right), "2", "11:00:00"))
    return link


def decide(kept: Sync, link: Link, **known: object) -> Ruling:
    return decide_link(kept, link, Known(now_us=us("12:00:00"), **known))  # type: ignore[arg-type]


def test_h33_the_side_that_was_not_touched_is_told_what_the_other_says() -> None:
    kept = sync(NAME)
    (draft,) = decide(kept, rebuilt(kept, {"name": "B"}, None)).drafts
    assert (draft.side, draft.values) == (RIGHT, {"title": "B"})
    (draft,) = decide(kept, rebuilt(kept, None, {"title": "C"})).drafts
    assert (draft.side, draft.values) == (LEFT, {"name": "C"})


def test_h33_an_untouched_side_does_not_fill_what_the_other_emptied() -> None:
    kept = sync(NAME, NOTE, rules=Rules(blank=Blank.PROPAGATE))
    link = settled(kept, snapshot("L", hub_deal(note="n")), snapshot("R", erp_deal(remark="n")))
    link = msgspec.structs.replace(link, recover=True)
    link = reread(kept, link, LEFT, snapshot("L", hub_deal(note=None), "2", "10:00:00"))
    (draft,) = decide(kept, link).drafts
    assert (draft.side, draft.values) == (RIGHT, {"remark": None})


def test_h33_a_value_that_tieline_wrote_itself_loses() -> None:
    kept = sync(NAME)
    link = rebuilt(kept, {"name": "B"}, {"title": "C"})
    ruling = decide(kept, link, traceable=frozenset({LEFT}))
    assert ruling.traces == {LEFT: (TITLE,)}
    exact = {(LEFT, TITLE): us("10:00:00")}
    ruling = decide(kept, link, exact=exact, own=frozenset({(LEFT, TITLE)}))
    assert [(one.side, one.values) for one in ruling.drafts] == [(LEFT, {"name": "C"})]
    assert not ruling.history


def test_h33_of_two_known_times_the_later_edit_wins_and_the_loser_is_recorded() -> None:
    kept = sync(NAME)
    link = rebuilt(kept, {"name": "B"}, {"title": "C"})
    exact = {(LEFT, TITLE): us("10:00:00"), (RIGHT, TITLE): us("09:59:00")}
    ruling = decide(kept, link, exact=exact)
    assert [(one.side, one.values) for one in ruling.drafts] == [(RIGHT, {"title": "B"})]
    assert [(one.before, one.rule) for one in ruling.history] == [(("C",), "recover")]


def test_h33_what_no_rule_tells_apart_is_held() -> None:
    kept = sync(NAME)
    ruling = decide(kept, rebuilt(kept, {"name": "B"}, {"title": "C"}))
    assert not ruling.drafts
    assert ruling.link.status is Status.HELD
    assert ruling.link.recover
