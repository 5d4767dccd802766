"""F26: new records find their counterparts by match keys; what is ambiguous is held."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any

import anyio
import pytest

from actors.errors import TransientError
from actors.intents import IntentKind
from actors.links import Status
from actors.mapping.record import Sync
from actors.observing import microseconds
from actors.records import Departure, Side, key_of
from actors.spec import (
    Condition,
    Conditions,
    Direction,
    MatchSpec,
    Normal,
    Operator,
    Prefer,
    Rules,
)
from tests.support.builders import (
    AMOUNT,
    LEFT,
    NAME,
    NOTE,
    RIGHT,
    erp_deal,
    hub_deal,
    problems,
    sync,
)
from tests.unit.core.test_connection import World

pytestmark = pytest.mark.anyio

BY_NAME = MatchSpec(left="name", right="title", normal=Normal.TEXT)
BY_NOTE = MatchSpec(left="note", right="remark", normal=Normal.EMAIL)


def matched(*rules: MatchSpec, **rest: Any) -> Sync:
    return sync(NAME, NOTE, AMOUNT, match=rules or (BY_NAME,), **rest)


def world(*rules: MatchSpec, **rest: Any) -> World:
    return World(matched(*rules, **rest))


def creates(place: World) -> list[str]:
    """Return the name of each record that was made, by app."""
    made = []
    for name, app in (("hub", place.hub), ("erp", place.erp)):
        made += [name for one in app.wrote if one.kind is IntentKind.CREATE]
    return made


def linked(place: World) -> set[tuple[str, str]]:
    """Return all pairs."""
    links = place.store.links.values()
    return {(one.left.id, one.right.id) for one in links if one.left and one.right}


def held(place: World, side: Side, record_id: str) -> str:
    """Return why a record is held; it must be."""
    link = place.link_of(side, record_id)
    assert link.status is Status.HELD, (link.status, link.reason)
    assert link.end(side.other) is None
    return link.reason


async def wait_hours(place: World, hours: float = 1.5) -> None:
    """Let a life go on for a while."""
    async with anyio.create_task_group() as group:
        connection = place.connection()
        group.start_soon(connection.run)
        await anyio.sleep(hours * 3600)
        connection.stop()


# --- one candidate --------------------------------------------------------------------------


async def test_f26_a_record_that_is_there_on_the_other_side_is_linked_and_not_made() -> None:
    place = world()
    place.hub.put(hub_deal(name="Große Pumpe", note="mine"))
    place.erp.put(erp_deal(title="GROSSE  pumpe", amount="5"))
    await place.settle()
    assert linked(place) == {("L1", "R1")}
    assert creates(place) == []
    assert place.pair("L1", "note", "remark") == ("mine", "mine")
    assert place.pair("L1", "amount", "amount") == ("5", "5")
    assert [link.status for link in place.store.links.values()] == [Status.IN_SYNC]


async def test_f26_m8_the_preferred_app_wins_and_what_loses_is_in_history() -> None:
    place = world(rules=Rules(prefer=Prefer.RIGHT))
    place.hub.put(hub_deal(name="Pump", note="of hub"))
    place.erp.put(erp_deal(title="pump", remark="of erp"))
    await place.settle()
    assert place.pair("L1", "note", "remark") == ("of erp", "of erp")
    lost = [one for one in place.store.history if one.lost]
    assert {(one.unit, one.before) for one in lost} == {
        ("note=remark", ("of hub",)),
        ("name=title", ("Pump",)),
    }
    (match,) = [one for one in place.store.history if one.rule == "match"]
    assert match.after[0] in ('name "Pump"', 'title "pump"')


async def test_f26_a_first_sync_of_two_full_apps_makes_only_what_is_missing() -> None:
    place = world()
    for number in range(8):
        place.hub.put(hub_deal(name=f"Deal {number}"))
    for number in range(5, 12):
        place.erp.put(erp_deal(title=f"deal  {number}"))
    await place.settle()
    assert len(linked(place)) == 12
    assert Counter(creates(place)) == {"hub": 4, "erp": 5}
    assert len(place.hub.rows) == len(place.erp.rows) == 12


async def test_f26_one_look_up_is_made_per_rule_and_page() -> None:
    place = world(BY_NAME, BY_NOTE)
    for number in range(9):
        place.hub.put(hub_deal(name=f"Deal {number}", note=f"n{number}@example.org"))
    await place.settle()
    assert place.erp.calls.count("lookup") == 2 * 3  # nine records on pages of three


async def test_f26_without_rules_nothing_is_looked_up_and_deals_have_none_of_their_own() -> None:
    for place in (World(), World(sync(NAME, match=()))):
        place.hub.put(hub_deal(name="Pump"))
        place.erp.put(erp_deal(title="Pump"))
        await place.settle()
        assert len(linked(place)) == 2
        assert "lookup" not in place.hub.calls + place.erp.calls


async def test_f26_links_survive_changed_keys() -> None:
    place = world()
    place.hub.put(hub_deal(name="Pump"))
    place.erp.put(erp_deal(title="Pump"))
    await place.settle()
    place.hub.edit("L1", name="Valve")
    await place.settle()
    assert linked(place) == {("L1", "R1")}
    assert place.pair("L1", "name", "title") == ("Valve", "Valve")
    assert creates(place) == []


async def test_f26_a_later_record_is_matched_as_in_the_first_sync() -> None:
    place = world(create=())
    await place.settle()
    place.erp.put(erp_deal(title="Pump"))
    await place.settle()
    assert place.link_of(RIGHT, "R1").reason == "no records are created in hub"
    place.hub.put(hub_deal(name="pump", note="new"))
    await place.settle()
    assert linked(place) == {("L1", "R1")}
    assert place.pair("L1", "note", "remark") == ("new", "new")


async def test_f26_the_second_rule_counts_where_the_first_finds_nobody() -> None:
    place = world(BY_NOTE, BY_NAME)
    place.hub.put(hub_deal(name="Pump", note="a@example.org"))
    place.hub.put(hub_deal(name="Valve"))
    place.erp.put(erp_deal(title="other", remark="A@Example.org"))
    place.erp.put(erp_deal(title="valve", remark="v@example.org"))
    await place.settle()
    assert linked(place) == {("L1", "R1"), ("L2", "R2")}


async def test_f26_i6_a_one_way_sync_matches_and_leaves_its_source_alone() -> None:
    place = world(direction=Direction.TO_RIGHT, rules=Rules(prefer=Prefer.LEFT))
    place.erp.put(erp_deal(title="Pump", remark="theirs"))
    await place.settle()
    place.hub.put(hub_deal(name="pump"))
    await place.settle()
    assert linked(place) == {("L1", "R1")}
    assert place.hub.wrote == []
    assert place.pair("L1", "name", "title") == ("pump", "pump")


async def test_f26_a_match_that_the_index_does_not_show_yet_is_found_among_what_was_seen() -> None:
    place = world()
    place.erp.unindexed = {"R1"}
    place.hub.unindexed = {"L1"}
    place.erp.put(erp_deal(title="Pump"))
    kept = matched(create=())
    await place.settle(kept)
    place.hub.put(hub_deal(name="Pump"))
    await place.settle(kept)
    assert linked(place) == {("L1", "R1")}


async def test_f26_a_record_that_was_renamed_unnoticed_is_no_match_any_more() -> None:
    place = world()
    place.erp.put(erp_deal(title="Pump"))
    await place.settle(matched(create=()))
    place.erp.rows["R1"].values["title"] = "Valve"  # no version, no feed: an index far behind
    place.hub.put(hub_deal(name="Pump"))
    await place.settle(matched(create=(RIGHT,)))
    assert ("L1", "R1") not in linked(place)
    assert creates(place) == ["erp"]


# --- several, or taken ----------------------------------------------------------------------


async def test_f26_several_hits_are_held_with_their_names_and_nothing_is_made() -> None:
    place = world(create=(RIGHT,))
    place.erp.put(erp_deal(title="Pump"))
    place.erp.put(erp_deal(title="PUMP"))
    place.hub.put(hub_deal(name="Pump"))
    await place.settle()
    assert held(place, LEFT, "L1") == 'name "Pump" fits several records: erp R1 and erp R2'
    assert creates(place) == []
    assert linked(place) == set()


async def test_f26_a_held_record_is_decided_again_when_a_candidate_changes() -> None:
    place = world(create=(RIGHT,))
    place.erp.put(erp_deal(title="Pump"))
    place.erp.put(erp_deal(title="Pump"))
    place.hub.put(hub_deal(name="Pump"))
    await place.settle()
    place.erp.edit("R2", title="Valve")
    await place.settle()
    assert linked(place) == {("L1", "R1")}
    assert place.link_of(LEFT, "L1").status is Status.IN_SYNC


async def test_f26_a_held_record_is_decided_again_when_it_changes_itself() -> None:
    place = world(create=(RIGHT,))
    place.erp.put(erp_deal(title="Pump"))
    place.erp.put(erp_deal(title="Pump"))
    place.hub.put(hub_deal(name="Pump"))
    await place.settle()
    place.hub.edit("L1", name="Valve")
    await place.settle()
    assert place.pair("L1", "name", "title") == ("Valve", "Valve")
    assert creates(place) == ["erp"]


async def test_f26_a_held_record_is_looked_up_again_in_time_whatever_told_nobody() -> None:
    place = world(create=(RIGHT,))
    place.erp.put(erp_deal(title="Pump"))
    place.erp.put(erp_deal(title="Pump"))
    place.hub.put(hub_deal(name="Pump"))
    await place.settle()
    place.erp.rows["R2"].gone = Departure.DELETED  # the app tells nobody
    await wait_hours(place)
    assert ("L1", "R1") in linked(place)


async def test_f26_a_hit_that_belongs_to_another_record_is_held() -> None:
    place = world()
    place.hub.put(hub_deal(name="Pump"))
    place.erp.put(erp_deal(title="Pump"))
    await place.settle()
    place.hub.put(hub_deal(name="pump"))
    await place.settle()
    assert held(place, LEFT, "L2") == 'name "pump" fits erp R1, which belongs to hub L1'
    assert creates(place) == []


async def test_f26_a_hit_whose_counterpart_is_gone_is_not_given_to_another_silently() -> None:
    place = world()
    place.hub.put(hub_deal(name="Pump"))
    place.erp.put(erp_deal(title="Pump"))
    await place.settle()
    place.hub.remove("L1")
    await wait_hours(place)
    place.hub.put(hub_deal(name="Pump"))
    await place.settle()
    assert held(place, LEFT, "L2") == (
        'name "Pump" fits erp R1, which belongs to hub L1, which is gone'
    )


async def test_f26_a_hit_that_does_not_take_part_keeps_the_record_out_until_it_does() -> None:
    big = Conditions(
        parts=(Condition(field="amount", operator=Operator.AT_LEAST, operands=("10",)),)
    )
    place = world(filters={RIGHT: big})
    place.erp.put(erp_deal(title="Pump", amount="1"))
    place.hub.put(hub_deal(name="Pump"))
    await place.settle()
    link = place.link_of(LEFT, "L1")
    assert link.status is Status.EXCLUDED
    assert link.reason.startswith('name "Pump" fits erp R1, which does not take part: filter:')
    place.erp.edit("R1", amount="20")
    await place.settle()
    assert linked(place) == {("L1", "R1")}


# --- two with one key -----------------------------------------------------------------------


async def test_h12_two_new_records_with_one_key_in_one_batch_make_one_copy() -> None:
    place = world()
    place.hub.put(hub_deal(name="Pump"))
    place.hub.put(hub_deal(name="pump"))
    await place.settle()
    assert creates(place) == ["erp"]
    assert linked(place) == {("L1", "R1")}
    assert "hub L1" in held(place, LEFT, "L2")


async def test_h12_a_key_is_reserved_while_its_create_is_under_way() -> None:
    place = world()
    place.hub.put(hub_deal(name="Pump"))
    place.erp.unindexed = {"R1"}

    def add_second(_: object) -> None:
        place.erp.before_write = lambda _: None
        place.hub.put(hub_deal(name="Pump"))

    place.erp.before_write = add_second
    place.erp.lost_answers = 1
    await place.settle()
    assert creates(place) == ["erp"]
    assert "hub L1" in held(place, LEFT, "L2")


async def test_h12_both_apps_get_the_same_new_record_at_once_and_it_stays_one() -> None:
    place = world()
    await place.settle()
    place.hub.put(hub_deal(name="Pump"))
    place.erp.put(erp_deal(title="Pump"))
    await place.settle()
    assert linked(place) == {("L1", "R1")}
    assert creates(place) == []


async def test_f26_what_was_held_as_a_duplicate_is_made_once_it_is_told_apart() -> None:
    place = world()
    place.hub.put(hub_deal(name="Pump"))
    place.hub.put(hub_deal(name="Pump"))
    await place.settle()
    place.hub.edit("L1", name="Valve")
    await place.settle()
    assert len(linked(place)) == 2
    assert place.erp.values("title") == ["Pump", "Valve"]


# --- faults ---------------------------------------------------------------------------------


async def test_f26_an_app_that_cannot_be_asked_is_asked_again_and_nothing_is_made_meanwhile() -> (
    None
):
    place = world()
    place.hub.put(hub_deal(name="Pump"))
    place.hub.put(hub_deal(name="Valve"))
    place.erp.put(erp_deal(title="Pump"))
    place.erp.fail("lookup", *(TransientError("503") for _ in range(3)))
    await place.settle()
    assert ("L1", "R1") in linked(place)
    assert creates(place) == ["erp"]


async def test_h43_a_hit_that_tieline_made_of_this_very_record_is_taken_up_again() -> None:
    place = world()
    place.hub.put(hub_deal(name="Pump"))
    key = key_of("c", "deals", "hub", "L1")
    place.erp._made(erp_deal(title="Pump"), "R1", key)
    await place.settle()
    assert linked(place) == {("L1", "R1")}
    assert len(place.erp.rows) == 1


async def test_f26_a_create_that_is_refused_since_the_value_is_taken_is_matched() -> None:
    """HubSpot's 409: somebody made the contact between the look-up and the create."""
    place = world()
    place.hub.put(hub_deal(name="Pump"))

    def make_it(_: object) -> None:
        place.erp.before_write = lambda _: None
        place.erp.taken = {"title"}
        place.erp.put(erp_deal(title="Pump"))

    place.erp.before_write = make_it
    await place.settle()
    assert linked(place) == {("L1", "R1")}
    assert len(place.erp.rows) == 1
    assert place.link_of(LEFT, "L1").status is Status.IN_SYNC


async def test_f26_a_refusal_for_a_value_that_nobody_shows_fails_with_growing_delays() -> None:
    place = world()
    place.hub.put(hub_deal(name="Pump", note="held by nobody"))
    place.erp.put(erp_deal(title="Valve", remark="held by nobody"))
    place.erp.taken = {"remark"}
    await place.settle()
    link = place.link_of(LEFT, "L1")
    assert (link.status, link.attempts) == (Status.FAILING, 2)
    assert link.due_us is not None and link.due_us > microseconds(place.clock.now())
    assert "is taken" in link.reason


@pytest.mark.parametrize("steps", range(1, 60, 4))
async def test_i13_a_life_that_ends_anywhere_links_and_makes_each_once(steps: int) -> None:
    place = world()
    for number in range(6):
        place.hub.put(hub_deal(name=f"Deal {number}"))
    for number in range(3, 9):
        place.erp.put(erp_deal(title=f"deal {number}"))
    calls = count(1)
    with anyio.CancelScope() as life:

        def end(_: str) -> None:
            if next(calls) == steps:
                life.cancel()

        for app in place.apps.values():
            app.on_call = end
        await place.connection().run_until_quiet()
    await place.settle()
    assert len(linked(place)) == len(place.hub.rows) == len(place.erp.rows) == 9
    assert {one.status for one in place.store.links.values()} == {Status.IN_SYNC}


# --- rules ----------------------------------------------------------------------------------


def test_f26_rules_that_do_not_fit_are_told_with_their_place() -> None:
    wrong = problems(
        match=(
            MatchSpec(left="nowhere", right="title"),
            MatchSpec(left="name", right="state"),
            MatchSpec(left="key", right="title"),
        )
    )
    assert [one.path for one in wrong] == [
        ("match", 0, "left"),
        ("match", 1, "right"),
        ("match", 2, "left"),
    ]
    assert 'hub has no field "nowhere"' in wrong[0].message
    assert "does not say who a record is" in wrong[1].message


def test_f26_match_fields_are_read_although_they_are_not_mapped() -> None:
    kept = sync(NAME, match=(BY_NOTE,))
    assert "note" in kept.fields[LEFT] and "remark" in kept.fields[RIGHT]


def test_f26_other_rules_are_another_configuration() -> None:
    assert matched().version != sync(NAME, NOTE, AMOUNT).version
