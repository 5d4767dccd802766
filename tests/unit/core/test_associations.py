"""Associations through the whole engine, in memory: late ends, removals, records that go."""

from __future__ import annotations

from datetime import timedelta

import anyio
import pytest

from actors.errors import TransientError
from actors.links import Status
from actors.records import Departure, Side
from actors.spec import Condition, Conditions, Direction, Operator, Pace
from actors.values import Kind
from tests.support.accounts import People

LEFT, RIGHT = Side.LEFT, Side.RIGHT
pytestmark = pytest.mark.anyio


async def test_links_between_new_records_are_made_on_both_sides_and_then_all_rests() -> None:
    people = People()
    acme, bolt = (people.put(LEFT, "companies", name) for name in ("Acme", "Bolt"))
    people.put(LEFT, "contacts", "Ann", acme, bolt)
    people.put(RIGHT, "contacts", "Bob", people.put(RIGHT, "companies", "Core"))
    await people.settle()
    assert people.both() == {"Ann": {"Acme", "Bolt"}, "Bob": {"Core"}}
    assert {link.status for link in people.store.links.values()} == {Status.IN_SYNC}
    assert {link.reason for link in people.store.links.values()} == {""}
    before = people.writes(LEFT), people.writes(RIGHT)
    await people.settle()
    assert (people.writes(LEFT), people.writes(RIGHT)) == before


async def test_h35_a_link_waits_for_its_other_end_and_says_so() -> None:
    people = People()
    acme = people.put(LEFT, "companies", "Acme")
    ann = people.put(LEFT, "contacts", "Ann", acme)
    await people.settle("contacts")
    assert people.firms(RIGHT) == {"Ann": set()}
    waiting = people.link("contacts", LEFT, ann)
    assert waiting.status is Status.IN_SYNC
    assert waiting.reason == f"an association waits for companies {acme} of hub: not linked yet"
    assert waiting.due_us is not None
    await people.settle()
    assert people.both() == {"Ann": {"Acme"}}
    assert people.link("contacts", LEFT, ann).due_us is None


async def test_h35_the_other_order_needs_no_wait() -> None:
    people = People()
    acme = people.put(LEFT, "companies", "Acme")
    await people.settle("companies")
    people.put(LEFT, "contacts", "Ann", acme)
    await people.settle("contacts")
    assert people.both() == {"Ann": {"Acme"}}
    assert len(people.erp.apps["contacts"].wrote) == 1, "it was in the very create"


async def test_an_end_that_arrives_late_is_linked_at_once_and_without_asking_the_apps() -> None:
    people = People()
    ann = people.put(LEFT, "contacts", "Ann", "Lco1")
    lives = people.lives(pace=Pace(poll=timedelta(seconds=10), presence=timedelta(days=1)))
    async with anyio.create_task_group() as group:
        for life in lives:
            group.start_soon(life.run)
        await anyio.sleep(1000)  # by now it is looked at every quarter of an hour
        assert people.link("contacts", LEFT, ann).reason.startswith("an association waits")
        reads = people.hub.apps["contacts"].calls.count("fetch")
        assert people.put(LEFT, "companies", "Acme") == "Lco1"
        await anyio.sleep(30)
        assert people.both() == {"Ann": {"Acme"}}
        assert people.hub.apps["contacts"].calls.count("fetch") == reads
        for life in lives:
            life.stop()


async def test_what_waits_is_looked_at_ever_more_seldom() -> None:
    people = People()
    people.put(LEFT, "contacts", "Ann", "nobody")
    lives = people.lives("contacts", pace=Pace(poll=timedelta(hours=1), presence=timedelta(days=1)))
    async with anyio.create_task_group() as group:
        group.start_soon(lives[0].run)
        await anyio.sleep(2 * 3600)
        lives[0].stop()
    assert people.hub.apps["contacts"].calls.count("fetch") < 20


async def test_after_a_restart_what_waited_is_linked_by_its_due_mark() -> None:
    people = People()
    people.put(LEFT, "contacts", "Ann", people.put(LEFT, "companies", "Acme"))
    await people.settle("contacts")
    await people.settle("companies")
    lives = people.lives("contacts", pace=Pace(presence=timedelta(days=1)))
    async with anyio.create_task_group() as group:
        group.start_soon(lives[0].run)
        await anyio.sleep(1800)
        lives[0].stop()
    assert people.both() == {"Ann": {"Acme"}}


async def test_links_are_added_and_removed_both_ways() -> None:
    people = People()
    acme, bolt = (people.put(LEFT, "companies", name) for name in ("Acme", "Bolt"))
    ann = people.put(LEFT, "contacts", "Ann", acme)
    await people.settle()
    here, there = people.copy("contacts", LEFT, ann), people.copy("companies", LEFT, bolt)
    people.employ(RIGHT, here, people.copy("companies", LEFT, acme), there)
    await people.settle()
    assert people.both() == {"Ann": {"Acme", "Bolt"}}
    people.employ(LEFT, ann, bolt)
    await people.settle()
    assert people.both() == {"Ann": {"Bolt"}}
    people.employ(RIGHT, here)
    await people.settle()
    assert people.both() == {"Ann": set()}


async def test_both_sides_additions_at_one_time_are_both_kept() -> None:
    people = People()
    firms = [people.put(LEFT, "companies", name) for name in ("Acme", "Bolt", "Core")]
    ann = people.put(LEFT, "contacts", "Ann", firms[0])
    await people.settle()
    people.employ(LEFT, ann, firms[0], firms[1])
    copies = [people.copy("companies", LEFT, one) for one in firms]
    people.employ(RIGHT, people.copy("contacts", LEFT, ann), copies[2])
    await people.settle()
    assert people.both() == {"Ann": {"Bolt", "Core"}}


@pytest.mark.parametrize("how", [Departure.ARCHIVED, Departure.DELETED])
async def test_a_member_that_goes_is_not_taken_for_a_removal(how: Departure) -> None:
    people = People()
    acme, bolt = (people.put(LEFT, "companies", name) for name in ("Acme", "Bolt"))
    ann = people.put(LEFT, "contacts", "Ann", acme, bolt)
    await people.settle()
    people.hub.apps["companies"].remove(acme, how)
    people.employ(LEFT, ann, bolt)  # as the app does by itself
    await people.settle()
    assert people.firms(RIGHT) == {"Ann": {"Acme", "Bolt"}}
    people.employ(LEFT, ann)
    await people.settle()
    assert people.firms(RIGHT) == {"Ann": {"Acme"}}


async def test_a_removal_waits_until_it_is_sure_that_the_member_is_there() -> None:
    people = People()
    acme = people.put(LEFT, "companies", "Acme")
    ann = people.put(LEFT, "contacts", "Ann", acme)
    await people.settle()
    people.employ(LEFT, ann)
    people.hub.apps["companies"].fail("fetch", TransientError("down"))
    await people.settle("contacts")
    assert people.both() == {"Ann": set()}


async def test_a_member_that_is_filtered_out_is_left_as_it_is_until_it_comes_back() -> None:
    wanted = Conditions(
        parts=(Condition(field="name", operator=Operator.NOT_EQUALS, operands=("Secret",)),)
    )
    people = People(companies={"filters": {LEFT: wanted}})
    acme, secret = (people.put(LEFT, "companies", name) for name in ("Acme", "Secret"))
    ann = people.put(LEFT, "contacts", "Ann", acme, secret)
    await people.settle()
    assert people.firms(RIGHT) == {"Ann": {"Acme"}}
    reason = people.link("contacts", LEFT, ann).reason
    assert f"waits for companies {secret} of hub: excluded, filter:" in reason
    people.hub.apps["companies"].edit(secret, name="Open")
    await people.settle()
    assert people.both() == {"Ann": {"Acme", "Open"}}


@pytest.mark.parametrize("direction", [Direction.TO_RIGHT, Direction.TO_LEFT])
async def test_i6_h37_a_one_way_sync_writes_no_link_to_its_source(direction: Direction) -> None:
    one_way = {"direction": direction, "create": (RIGHT,), "update": (RIGHT,)}
    source, target = LEFT, RIGHT
    if direction is Direction.TO_LEFT:
        one_way |= {"create": (LEFT,), "update": (LEFT,)}
        source, target = RIGHT, LEFT
    people = People(contacts=one_way, companies=one_way)
    acme, bolt = (people.put(source, "companies", name) for name in ("Acme", "Bolt"))
    ann = people.put(source, "contacts", "Ann", acme)
    await people.settle()
    copies = [people.copy("companies", source, one) for one in (acme, bolt)]
    people.employ(target, people.copy("contacts", source, ann), *copies)
    await people.settle()
    assert people.firms(source) == {"Ann": {"Acme"}}
    assert people.firms(target) == {"Ann": {"Acme", "Bolt"}}, "what the target added stays"
    people.employ(source, ann)
    await people.settle()
    assert people.firms(target) == {"Ann": {"Bolt"}}
    assert people.writes(source) == 0


@pytest.mark.parametrize("fault", ["lost_answers", "lost_requests"])
async def test_a_write_of_links_without_an_answer_is_found_out_and_made_good(fault: str) -> None:
    people = People()
    acme, bolt = (people.put(LEFT, "companies", name) for name in ("Acme", "Bolt"))
    ann = people.put(LEFT, "contacts", "Ann", acme)
    await people.settle()
    setattr(people.erp.apps["contacts"], fault, 1)
    people.employ(LEFT, ann, bolt)
    await people.settle()
    assert people.both() == {"Ann": {"Bolt"}}
    assert not people.store.intents


async def test_an_app_that_drops_a_link_silently_fails_visibly_and_removes_nothing() -> None:
    people = People()
    acme = people.put(LEFT, "companies", "Acme")
    ann = people.put(LEFT, "contacts", "Ann")
    await people.settle()
    contacts = people.erp.apps["contacts"]
    contacts.drops = {"firm"}
    people.employ(LEFT, ann, acme)
    await people.settle()
    failing = people.link("contacts", LEFT, ann)
    assert failing.status is Status.FAILING
    assert "did not keep the link" in failing.reason
    assert people.firms(LEFT) == {"Ann": {"Acme"}}


# --- one on one side ------------------------------------------------------------------------


async def test_a_single_reference_takes_part_in_a_set() -> None:
    people = People(right=Kind.REFERENCE)
    acme, bolt, core = (people.put(LEFT, "companies", name) for name in ("Acme", "Bolt", "Core"))
    ann = people.put(LEFT, "contacts", "Ann", bolt, acme)
    await people.settle()
    assert people.firms(RIGHT) == {"Ann": {"Bolt"}}, "the foremost"
    people.employ(RIGHT, people.copy("contacts", LEFT, ann), people.copy("companies", LEFT, core))
    await people.settle()
    assert people.firms(LEFT) == {"Ann": {"Acme", "Core"}}
    people.employ(LEFT, ann, acme)
    await people.settle()
    assert people.both() == {"Ann": {"Acme"}}


async def test_a_record_that_needs_its_link_is_made_once_the_other_end_is_there() -> None:
    people = People(right=Kind.REFERENCE, required=True)
    acme = people.put(LEFT, "companies", "Acme")
    ann = people.put(LEFT, "contacts", "Ann", acme)
    bob = people.put(LEFT, "contacts", "Bob")
    await people.settle("contacts")
    waiting = people.link("contacts", LEFT, ann)
    assert (waiting.status, waiting.right) == (Status.PENDING, None)
    assert "waits for companies" in waiting.reason
    assert people.copy("contacts", LEFT, bob), "nothing to wait for"
    await people.settle()
    assert people.both() == {"Ann": {"Acme"}, "Bob": set()}
    assert len(people.erp.apps["contacts"].wrote) == 2


async def test_a_new_record_waits_some_minutes_for_its_single_reference_and_is_made_without() -> (
    None
):
    people = People(right=Kind.REFERENCE)
    ann = people.put(LEFT, "contacts", "Ann", people.put(LEFT, "companies", "Acme"))
    lives = people.lives("contacts")
    async with anyio.create_task_group() as group:
        group.start_soon(lives[0].run)
        await anyio.sleep(60)
        assert people.firms(RIGHT) == {}
        assert "waits for companies" in people.link("contacts", LEFT, ann).reason
        await anyio.sleep(400)
        assert people.firms(RIGHT) == {"Ann": set()}
        lives[0].stop()
    await people.settle()
    assert people.both() == {"Ann": {"Acme"}}


async def test_what_an_app_gives_a_new_record_by_itself_is_no_edit() -> None:
    """An app with a default party fills it in; that does not come back as a link."""
    people = People(right=Kind.REFERENCE)
    house = people.put(RIGHT, "companies", "House")
    people.erp.apps["contacts"].fills = {"firm": house}
    acme = people.put(LEFT, "companies", "Acme")
    ann = people.put(LEFT, "contacts", "Ann")
    await people.settle()
    assert people.firms(RIGHT) == {"Ann": {"House"}}
    assert people.firms(LEFT) == {"Ann": set()}
    people.employ(LEFT, ann, acme)
    await people.settle()
    assert people.both() == {"Ann": {"Acme"}}
