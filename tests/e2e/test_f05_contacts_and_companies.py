"""Contacts and companies between the sandbox and a real Tryton, through the real process."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from tests.e2e.people import People, running_people, sections
from tests.e2e.world import wait

pytestmark = pytest.mark.timeout(240)
OBJECTS = ("contacts", "companies")


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    """Two systems without contacts and companies."""
    with running_people(tmp_path, "--deals", "0") as found:
        yield found


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[People]:
    """Two systems that hold some of everything, none of it linked."""
    counts = ("--deals", "6", "--contacts", "12", "--companies", "5", "--seed", "4")
    with running_people(tmp_path, *counts, contacts=7, companies=4, deals=5) as found:
        yield found


def differences(people: People, without: Collection[str] = ()) -> list[str]:
    return [line for name in OBJECTS for line in people.differences(name, without)]


def copy_of(people: People, name: str, record_id: str) -> str:
    """Return the Tryton id of a HubSpot record's counterpart, once there is one."""
    wait(lambda: record_id in people.pairs(name), 30, lambda: people.pairs(name))
    return people.pairs(name)[record_id]


def original_of(people: People, name: str, party: str) -> str:
    """Return the HubSpot id of a party's counterpart, once there is one."""
    wait(lambda: party in people.pairs(name).values(), 30, lambda: people.pairs(name))
    return next(one for one, two in people.pairs(name).items() if two == party)


def stay_quiet(people: People) -> None:
    """Let some polls go by and see that nothing is written on either side."""
    world = people.world
    last, stamp = world.last_call(), people.last_erp_change()
    wait(lambda: len(world.hubspot.log(last)["requests"]) >= 20, 40, world.last_call)
    assert world.hubspot_writes(last) == []
    assert people.last_erp_change() == stamp


def test_f5_all_three_objects_become_equal_and_a_second_pass_writes_nothing(
    crowd: People,
) -> None:
    # Of the sandbox's made-up numbers Tryton finds some invalid.
    numbers = ("phone", "mobilephone")
    crowd.world.configure(more_fields=sections(*OBJECTS, without=numbers))
    answer = crowd.world.once()
    syncs = {one["sync"]: one for one in answer["syncs"]}
    assert set(syncs) == {"sales/deals", "sales/contacts", "sales/companies"}
    assert [(one["failing"], one["pending"]) for one in syncs.values()] == [(0, 0)] * 3
    assert differences(crowd, numbers) == []
    assert len(crowd.pairs("contacts")) == 12 + 7
    assert len(crowd.pairs("companies")) == 5 + 4
    assert crowd.world.differences() == []
    last, stamp = crowd.world.last_call(), crowd.last_erp_change()
    deals = crowd.world.last_erp_change()
    crowd.world.once()
    assert crowd.world.hubspot_writes(last) == []
    assert crowd.last_erp_change() == stamp
    assert crowd.world.last_erp_change() == deals


def test_f5_contacts_are_made_and_edited_on_both_sides_and_then_all_is_quiet(
    people: People,
) -> None:
    ours = people.make_hubspot(
        "contacts", lastname="Ada Berg", email="ada@fjord.example", phone="+47 22 10 10 10"
    )
    with people.world.daemon():
        copy = copy_of(people, "contacts", ours)
        theirs = people.make_erp("contacts", "Bo Dal", city="Oslo", email="bo@dal.example")
        original = original_of(people, "contacts", theirs)
        assert people.hubspot("contacts")[original]["city"] == "Oslo"

        people.edit_hubspot("contacts", ours, email="ada.berg@fjord.example", city="Bergen")
        wait(lambda: people.erp("contacts")[copy].get("city") == "Bergen", 30, people.world.pairs)
        assert people.erp("contacts")[copy]["email"] == "ada.berg@fjord.example"
        people.edit_erp_mechanism(copy, "phone", "+47 22 99 99 99")
        wait(
            lambda: people.hubspot("contacts")[ours]["phone"] == "+47 22 99 99 99",
            30,
            lambda: people.hubspot("contacts"),
        )
        people.edit_erp_address(theirs, city="Tromsø", postal_code="9008")
        people.edit_erp_mechanism(theirs, "email", "bo.dal@dal.example")
        wait(
            lambda: people.hubspot("contacts")[original].get("zip") == "9008",
            30,
            lambda: people.hubspot("contacts"),
        )
        people.edit_hubspot("contacts", original, phone="+47 55 00 00 00")
        wait(lambda: not differences(people), 30, lambda: differences(people))
        stay_quiet(people)
    assert people.hubspot("contacts")[original]["email"] == "bo.dal@dal.example"
    assert people.erp("contacts")[theirs]["phone"] == "+47 55 00 00 00"
    assert people.world.ask("conflicts", "--all")["conflicts"] == []


def test_f5_companies_are_made_and_edited_on_both_sides_and_then_all_is_quiet(
    people: People,
) -> None:
    ours = people.make_hubspot("companies", name="Nordlys AS", phone="+47 77 00 00 00")
    theirs = people.make_erp("companies", "Havn AS", city="Bodø", website="https://havn.example")
    with people.world.daemon():
        copy = copy_of(people, "companies", ours)
        original = original_of(people, "companies", theirs)
        people.edit_hubspot("companies", ours, city="Alta", country="Norway")
        people.edit_hubspot("companies", original, name="Havn og Kai AS")
        people.edit_erp_mechanism(copy, "phone", "+47 77 11 11 11")
        people.edit_erp_address(theirs, postal_code="8003")
        wait(lambda: not differences(people), 40, lambda: differences(people))
        stay_quiet(people)
    assert people.erp("companies")[copy] | {"tieline_key": ""} == {
        "name": "Nordlys AS",
        "phone": "+47 77 11 11 11",
        "city": "Alta",
        "country": "Norway",
        "tieline_key": "",
    }
    assert people.hubspot("companies")[original]["zip"] == "8003"
    assert people.erp("companies")[theirs]["name"] == "Havn og Kai AS"


def test_f5_an_object_that_is_added_later_leaves_the_one_that_runs_alone(people: People) -> None:
    company = people.make_hubspot("companies", name="Nordlys AS")
    contact = people.make_hubspot("contacts", lastname="Ada Berg", email="ada@fjord.example")
    people.world.configure(more_fields=sections("companies"))
    with people.world.daemon() as daemon:
        copy_of(people, "companies", company)
        assert people.pairs("contacts") == {}
        stamp = people.erp("companies")
        people.world.configure(more_fields=sections("companies", "contacts"))
        daemon.hang_up()
        copy_of(people, "contacts", contact)
        assert people.erp("companies") == stamp
        stay_quiet(people)


def test_f29_a_party_that_is_deactivated_leaves_its_counterpart_alone_until_it_is_back(
    people: People,
) -> None:
    ours = people.make_hubspot("contacts", lastname="Ada Berg", email="ada@fjord.example")
    people.world.configure(more_fields=sections("contacts"), presence="1s")
    people.world.once()
    copy = people.pairs("contacts")[ours]
    people.edit_erp(copy, active=False)
    with people.world.daemon():
        wait(
            lambda: "archived" in str(people.world.ask("explain", "hubspot", ours)),
            40,
            lambda: people.world.ask("explain", "hubspot", ours),
        )
        assert people.hubspot("contacts")[ours]["lastname"] == "Ada Berg"
        people.edit_erp(copy, active=True)
        people.edit_hubspot("contacts", ours, city="Vadsø")
        wait(lambda: not differences(people), 40, lambda: differences(people))
