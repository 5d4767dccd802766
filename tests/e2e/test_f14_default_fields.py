"""`default_fields: true`: contacts sync between both apps without a line of fields (F14)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.people import People, running_people

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    with running_people(tmp_path, "--deals", "0") as found:
        found.world.configure(more_fields="\n    contacts: {default_fields: true}")
        yield found


def test_f14_contacts_travel_both_ways_by_default_fields_alone(people: People) -> None:
    ada = people.make_hubspot(
        "contacts", firstname="Ada", lastname="van Berg", email="ada@fjord.example", zip="5013"
    )
    bo = people.make_erp("contacts", "Bo Dal", city="Oslo", phone="+47 22 10 10 10")
    people.world.once()
    pairs = people.pairs("contacts")
    copy = people.erp("contacts")[pairs[ada]]
    assert (copy["lastname"], copy["email"], copy["zip"]) == (
        "Ada van Berg",
        "ada@fjord.example",
        "5013",
    )
    original = next(one for one, two in pairs.items() if two == bo)
    record = people.hubspot("contacts")[original]
    assert (record["lastname"], record["city"], record["phone"]) == (
        "Dal",
        "Oslo",
        "+47 22 10 10 10",
    )
    assert people.hubspot("contacts")[ada]["lastname"] == "van Berg", "the split stays as it was"
    last, stamp = people.world.last_call(), people.last_erp_change()
    people.world.once()
    assert people.world.hubspot_writes(last) == []
    assert people.last_erp_change() == stamp
    (sync,) = [one for one in people.world.ask("check")["syncs"] if one["name"] == "sales/contacts"]
    assert sync["fields"] == 8
