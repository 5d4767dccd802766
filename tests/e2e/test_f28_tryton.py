"""Associations between the sandbox and a real Tryton: parties, contacts and employers (F28)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.people import People, running_people

pytestmark = pytest.mark.timeout(240)

Links = set[tuple[str, str]]


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    """Both systems hold companies, their people and deals, linked by those who made them up."""
    counts = ("--deals", "8", "--contacts", "6", "--companies", "3", "--seed", "4")
    with running_people(tmp_path, *counts, contacts=4, companies=2, deals=4) as found:
        yield found


def links_in_tryton(people: People) -> Links:
    """Every deal with its company and its contact, every contact with the employer."""
    erp = people.world.erp
    fields = ["description", "party.name", "contact.party.name"]
    found: Links = set()
    for deal in erp.read("sale.opportunity", [], fields):
        found.add((deal["description"], deal["party."]["name"]))
        if deal["contact."]:
            found.add((deal["description"], deal["contact."]["party."]["name"]))
    persons = [["categories.name", "=", "Person"]]
    for contact in erp.read("party.party", persons, ["name", "relations.to.name"]):
        found |= {(contact["name"], relation["to."]["name"]) for relation in contact["relations."]}
    return found


def links_in_hubspot(people: People) -> Links:
    """The same of the sandbox, by its own API."""
    names = {"deals": "dealname", "contacts": "lastname", "companies": "name"}
    http = people.world.hubspot.http
    labels: dict[str, dict[str, str]] = {}
    for kind, label in names.items():
        page = http.get(f"/crm/v3/objects/{kind}", params={"limit": "100", "properties": label})
        labels[kind] = {one["id"]: one["properties"][label] for one in page.json()["results"]}
    found: Links = set()
    pairs = (("deals", "companies"), ("deals", "contacts"), ("contacts", "companies"))
    for source, target in pairs:
        body = {"inputs": [{"id": one} for one in labels[source]]}
        read = http.post(f"/crm/v4/associations/{source}/{target}/batch/read", json=body)
        for one in read.json()["results"]:
            for to in one["to"]:
                link = (labels[source][one["from"]["id"]], labels[target][str(to["toObjectId"])])
                found.add(link)
    return found


def test_f28_links_of_both_systems_are_in_both_and_a_second_pass_writes_nothing(
    people: People,
) -> None:
    before = links_in_tryton(people)
    assert before, "the made-up deals have companies and contacts"
    people.world.once()
    in_tryton, in_hubspot = links_in_tryton(people), links_in_hubspot(people)
    assert before < in_tryton, "more has come"
    assert in_tryton <= in_hubspot, "Tryton holds one of each, HubSpot any number"
    mapped = {deal.name for deal in people.world.erp_deals().values()}
    with_company = {one for one, _ in in_tryton}
    assert mapped <= with_company
    last, stamp = people.world.last_call(), people.last_erp_change()
    deals = people.world.last_erp_change()
    people.world.once()
    assert people.world.hubspot_writes(last) == []
    assert (people.last_erp_change(), people.world.last_erp_change()) == (stamp, deals)
