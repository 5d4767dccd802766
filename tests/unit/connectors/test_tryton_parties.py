"""Contacts and companies in a real Tryton: lines beside the party, rules, departures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest

from actors.errors import SchemaDriftError
from actors.intents import Done, Exists, Intent, IntentKind, Outcome, Rejected, Stale, Vanished
from actors.records import Departure, Gone, Side, Snapshot
from actors.values import Kind, Raw
from daemon.connectors.registry import Environment
from daemon.connectors.tryton.connector import TrytonConnector
from daemon.connectors.tryton.options import PartyRule
from daemon.sandbox.tryton.client import AdminClient
from daemon.sandbox.tryton.server import TrytonInfo
from tests.support.tryton import tryton, tryton_admin
from tests.support.tryton_bench import PARTY_FIELDS, make_options

__all__ = ["tryton", "tryton_admin"]

pytestmark = pytest.mark.anyio
numbers = count(1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def erp(tryton: TrytonInfo) -> AsyncIterator[TrytonConnector]:
    connector = TrytonConnector(make_options(tryton), Environment(app="erp"))
    yield connector
    await connector.aclose()


def creating(values: dict[str, Raw]) -> Intent:
    number = next(numbers)
    return Intent(
        id=number,
        sync="s",
        link=number,
        side=Side.RIGHT,
        kind=IntentKind.CREATE,
        units=(),
        values=values,
        key=f"tieline:parties:contacts:other:{number}",
    )


def updating(target: Snapshot, **values: Raw) -> Intent:
    return Intent(
        id=next(numbers),
        sync="s",
        link=1,
        side=Side.RIGHT,
        kind=IntentKind.UPDATE,
        units=(),
        values=values,
        record_id=target.id,
        token=target.token,
    )


async def write_one(erp: TrytonConnector, intent: Intent) -> Outcome:
    (outcome,) = await erp.write("contacts", [intent], PARTY_FIELDS)
    return outcome


async def make(erp: TrytonConnector, **values: Raw) -> Snapshot:
    outcome = await write_one(erp, creating({"name": "Anne", **values}))
    assert isinstance(outcome, Done), outcome
    assert not outcome.refused
    return outcome.stored


async def read(erp: TrytonConnector, record_id: str) -> Snapshot:
    (record,) = (await erp.fetch("contacts", [record_id], PARTY_FIELDS)).records
    return record


# Any: Tryton's JSON.
def lines(person: AdminClient, record: Snapshot, model: str, *fields: str) -> list[Any]:
    """A party's lines, inactive ones too."""
    domain = [["party", "=", int(record.id)], ["active", "in", [True, False]]]
    return person.read(f"party.{model}", domain, fields)


@pytest.mark.parametrize(
    ("model", "values", "field"),
    [
        ("contact_mechanism", {"value": "new@fjord.example"}, "email"),
        ("address", {"city": "Bodø"}, "city"),
    ],
)
async def test_a_line_that_is_edited_alone_is_a_change_of_its_party(
    erp: TrytonConnector,
    tryton_admin: AdminClient,
    model: str,
    values: dict[str, str],
    field: str,
) -> None:
    before = await make(erp, email="old@fjord.example", city="Oslo")
    cursor = await erp.start("contacts")
    (line,) = lines(tryton_admin, before, model, "party")
    tryton_admin.call(f"model.party.{model}.write", [line["id"]], values)
    seen = {before.id: before.token}
    page = await erp.changes("contacts", PARTY_FIELDS, cursor, seen)
    (found,) = [one for one in page.records if one.id == before.id]
    assert found.values[field] == next(iter(values.values()))
    assert found.token != before.token
    assert found.modified_at > before.modified_at


async def test_a_line_that_is_deleted_shows_in_the_version(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    before = await make(erp, phone="+47 22 33 44 55")
    (line,) = lines(tryton_admin, before, "contact_mechanism", "value")
    tryton_admin.call("model.party.contact_mechanism.delete", [line["id"]])
    after = await read(erp, before.id)
    assert after.token != before.token
    assert after.values["phone"] is None


async def test_the_lock_covers_lines_that_others_edited(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    record = await make(erp, email="old@fjord.example")
    (line,) = lines(tryton_admin, record, "contact_mechanism", "value")
    theirs = {"value": "theirs@fjord.example"}
    tryton_admin.call("model.party.contact_mechanism.write", [line["id"]], theirs)
    outcome = await write_one(erp, updating(record, name="Anna"))
    assert isinstance(outcome, Stale)
    assert outcome.current is not None
    assert outcome.current.values["email"] == "theirs@fjord.example"
    assert outcome.current.values["name"] == "Anne"


async def test_only_the_first_line_of_a_type_is_written_and_nothing_is_deleted(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    record = await make(erp, email="first@fjord.example")
    private = {"party": int(record.id), "type": "email", "value": "private@fjord.example"}
    tryton_admin.call("model.party.contact_mechanism.create", [private])
    record = await read(erp, record.id)
    outcome = await write_one(erp, updating(record, email="work@fjord.example"))
    assert isinstance(outcome, Done) and outcome.proven
    outcome = await write_one(erp, updating(outcome.stored, email=None))
    assert isinstance(outcome, Done)
    assert outcome.stored.values["email"] == "private@fjord.example", "the next one counts now"
    found = lines(tryton_admin, record, "contact_mechanism", "value", "active")
    assert {(one["value"], bool(one["active"])) for one in found} == {
        ("work@fjord.example", False),
        ("private@fjord.example", True),
    }


async def test_what_is_there_already_is_not_written_again(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    record = await make(erp, email="a@fjord.example", city="Oslo", country="NO")
    outcome = await write_one(
        erp, updating(record, email="a@fjord.example", city="Oslo", country="NO")
    )
    assert isinstance(outcome, Done)
    assert outcome.stored.token == record.token


async def test_an_unknown_country_is_refused_and_the_rest_is_written(erp: TrytonConnector) -> None:
    outcome = await write_one(erp, creating({"name": "Bo", "country": "Atlantis", "city": "Deep"}))
    assert isinstance(outcome, Done)
    assert "Atlantis" in outcome.refused["country"]
    assert (outcome.stored.values["city"], outcome.stored.values["country"]) == ("Deep", None)


async def test_a_phone_number_that_tryton_finds_invalid_is_left_out_alone(
    erp: TrytonConnector,
) -> None:
    bad = "+1 2155-0121"
    intents = [
        creating({"name": "Bad", "phone": bad, "mobile": "+47 90 00 00 00", "city": "Oslo"}),
        creating({"name": "Good", "phone": "+47 22 33 44 55"}),
    ]
    outcome, other = await erp.write("contacts", intents, PARTY_FIELDS)
    assert isinstance(outcome, Done) and isinstance(other, Done) and not other.refused
    assert "not valid" in outcome.refused["phone"]
    stored = outcome.stored.values
    assert (stored["name"], stored["phone"], stored["city"]) == ("Bad", None, "Oslo")
    assert stored["mobile"] == "+47 90 00 00 00"
    alone = await write_one(erp, updating(outcome.stored, phone=bad))
    assert isinstance(alone, Rejected) and alone.fields == ("phone",)
    both = await write_one(erp, updating(outcome.stored, phone=bad, city="Bergen"))
    assert isinstance(both, Done) and list(both.refused) == ["phone"]
    assert both.stored.values["city"] == "Bergen"


async def test_a_subdivision_is_one_of_the_address_s_country(erp: TrytonConnector) -> None:
    record = await make(erp, country="norway", subdivision="NO-03")
    assert (record.values["country"], record.values["subdivision"]) == ("NO", "Oslo")
    outcome = await write_one(erp, updating(record, subdivision="California"))
    assert not isinstance(outcome, Done), "it was all that was to be written"
    outcome = await write_one(erp, updating(record, country="US"))
    assert isinstance(outcome, Done)
    assert outcome.stored.values["subdivision"] is None, "Oslo is not in the United States"
    outcome = await write_one(erp, updating(outcome.stored, subdivision="ca"))
    assert isinstance(outcome, Done)
    assert outcome.stored.values["subdivision"] == "California"


async def test_a_deactivated_party_is_archived_until_it_is_back(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    intent = creating({"name": "Cara"})
    outcome = await write_one(erp, intent)
    assert isinstance(outcome, Done) and intent.key is not None
    record = outcome.stored
    tryton_admin.call("model.party.party.write", [int(record.id)], {"active": False})
    gone = Gone(id=record.id, how=Departure.ARCHIVED)
    assert (await erp.fetch("contacts", [record.id], PARTY_FIELDS)).gone == (gone,)
    assert await erp.find("contacts", [intent.key], PARTY_FIELDS) == {intent.key: gone}
    assert await write_one(erp, intent) == Exists(record_id=record.id, archived=True)
    late = await write_one(erp, updating(record, name="late"))
    assert late == Vanished(how=Departure.ARCHIVED)
    tryton_admin.call("model.party.party.write", [int(record.id)], {"active": True})
    assert (await read(erp, record.id)).values == record.values


async def test_a_merged_party_names_its_survivor_and_the_survivor_keeps_its_own_key(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    merged, survivor = await make(erp, email="m@fjord.example"), await make(erp)
    merge(tryton_admin, merged.id, survivor.id)
    gone = Gone(id=merged.id, how=Departure.MERGED, into=survivor.id)
    assert (await erp.fetch("contacts", [merged.id], PARTY_FIELDS)).gone == (gone,)
    assert (await read(erp, survivor.id)).key == survivor.key
    assert merged.key is not None
    found = await erp.find("contacts", [merged.key], PARTY_FIELDS)
    holder = found[merged.key]
    assert isinstance(holder, Snapshot) and holder.id == survivor.id


def merge(person: AdminClient, source: str, target: str) -> None:
    """Merge a party into another, as the wizard does."""
    session, _, _ = person.call("wizard.party.replace.create")
    form = {"ask": {"source": int(source), "destination": int(target)}}
    person.call("wizard.party.replace.execute", session, form, "replace")
    person.call("wizard.party.replace.delete", session)


async def test_a_party_that_leaves_the_category_is_hidden_not_deleted(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    record = await make(erp)
    row = {"categories": [["remove", categories(tryton_admin)]]}
    tryton_admin.call("model.party.party.write", [int(record.id)], row)
    fetched = await erp.fetch("contacts", [record.id], PARTY_FIELDS)
    assert fetched.gone == (Gone(id=record.id, how=Departure.HIDDEN),)
    company = await erp.fetch("companies", [record.id], PARTY_FIELDS)
    assert company.records == ()


def categories(person: AdminClient) -> list[int]:
    return [row["id"] for row in person.read("party.category", [], ["name"])]


async def test_a_field_can_be_the_rule_instead_of_a_category(
    tryton: TrytonInfo, tryton_admin: AdminClient
) -> None:
    (german,) = tryton_admin.read("ir.lang", [["code", "=", "de"]], ["code"])
    rule = PartyRule(field="lang", value=str(german["id"]))
    erp = TrytonConnector(make_options(tryton, persons=rule), Environment(app="erp"))
    record = await make(erp)
    assert record.values["language"] == "de"
    (other,) = tryton_admin.call("model.party.party.create", [{"name": "no German"}])
    fetched = await erp.fetch("contacts", [record.id, str(other)], PARTY_FIELDS)
    assert [one.id for one in fetched.records] == [record.id]
    assert fetched.gone == (Gone(id=str(other), how=Departure.HIDDEN),)
    await erp.aclose()


async def test_a_rule_that_finds_nothing_turns_off_its_object_alone(tryton: TrytonInfo) -> None:
    options = make_options(
        tryton,
        persons=PartyRule(category="Folk"),
        organisations=PartyRule(field="is_company"),
    )
    erp = TrytonConnector(options, Environment(app="erp"))
    described = await erp.describe()
    assert [one.name for one in described.objects] == ["deals"]
    with pytest.raises(SchemaDriftError, match=r"no party categories .* have the name 'Folk'"):
        await erp.prepare("contacts")
    with pytest.raises(SchemaDriftError, match=r"organisations\.field: is_company"):
        await erp.start("companies")
    await erp.aclose()


async def test_the_schema_has_lines_as_fields_and_no_field_that_a_create_cannot_write(
    erp: TrytonConnector,
) -> None:
    described = (await erp.describe()).object("contacts")
    assert described is not None
    kinds = {field.name: field.kind for field in described.fields}
    assert kinds["email"] is Kind.EMAIL
    assert kinds["mobile"] is Kind.PHONE
    assert kinds["website"] is Kind.URL
    assert kinds["language"] is Kind.ENUM
    street = described.field("street")
    assert street is not None and street.multiline and street.writable
    tax = described.field("tax_identifier")
    assert tax is not None and not tax.writable, "only with the option"
    assert described.stage_field is None and described.pipelines == ()


async def test_an_employer_is_a_relation_that_ends_and_is_never_deleted(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    first, second = (
        str(row["id"])
        for row in tryton_admin.read("party.party", [["name", "like", "Kunde 0_ AS"]], [])[:2]
    )
    fields = (*PARTY_FIELDS, "employer")

    async def write(intent: Intent) -> Done:
        (outcome,) = await erp.write("contacts", [intent], fields)
        assert isinstance(outcome, Done), outcome
        return outcome

    made = await write(creating({"name": "Dina", "employer": first}))
    assert made.stored.values["employer"] == first
    moved = await write(updating(made.stored, employer=second))
    assert moved.stored.values["employer"] == second
    left = await write(updating(moved.stored, employer=None))
    assert left.stored.values["employer"] is None
    domain = [["from_", "=", int(made.stored.id)]]
    (relation,) = tryton_admin.call(
        "model.party.relation.all.search_read",
        domain,
        0,
        None,
        None,
        ["to", "end_date"],
        active_test=False,
    )
    assert str(relation["to"]) == second and relation["end_date"] is not None
    back = await write(updating(left.stored, employer=first))
    assert back.stored.values["employer"] == first


async def test_an_employer_that_a_person_sets_shows_in_the_version(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    record = await make(erp)
    (kind,) = tryton_admin.read("party.relation.type", [["name", "=", "works for"]], ["name"])
    (employer,) = tryton_admin.read("party.party", [["name", "=", "Kunde 03 AS"]], ["name"])
    relation = {"from_": int(record.id), "type": kind["id"], "to": employer["id"]}
    tryton_admin.call("model.party.relation.all.create", [relation])
    (after,) = (await erp.fetch("contacts", [record.id], ["employer"])).records
    assert after.token != record.token
    assert after.values == {"employer": str(employer["id"])}


async def test_a_deal_names_a_contact_by_one_of_their_lines(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    known, silent = (
        await make(erp, email="e@fjord.example", phone="+47 22 33 44 55"),
        await make(erp),
    )
    fields = ("description", "contact_person", "contact")
    (outcome,) = await erp.write(
        "deals",
        [creating({"description": "Pumps", "contact_person": known.id})],
        fields,
    )
    assert isinstance(outcome, Done), outcome
    assert outcome.stored.values["contact_person"] == known.id
    line = int(outcome.stored.values["contact"] or 0)
    (mechanism,) = tryton_admin.read("party.contact_mechanism", [["id", "=", line]], ["value"])
    assert mechanism["value"] == "e@fjord.example"
    update = updating(outcome.stored, contact_person=silent.id, description="Pumps, two")
    (outcome,) = await erp.write("deals", [update], fields)
    assert isinstance(outcome, Done), outcome
    assert "no e-mail" in outcome.refused["contact_person"]
    assert outcome.stored.values["contact_person"] == known.id
    assert outcome.stored.values["description"] == "Pumps, two"


def test_a_rule_names_either_a_category_or_a_field() -> None:
    with pytest.raises(ValueError, match="either"):
        PartyRule()
    with pytest.raises(ValueError, match="either"):
        PartyRule(category="Person", field="is_person")


@pytest.mark.parametrize(
    ("field", "value", "asked"),
    [
        ("email", "Look.Up_1@fjord.example", "look.up_1@FJORD.example"),
        ("website", "https://lookup.example", "HTTPS://lookup.example"),
        ("city", "Lookupby", "lookupby"),
        ("country", "SE", "SE"),
    ],
)
async def test_contacts_are_looked_up_by_what_their_first_lines_hold(
    erp: TrytonConnector, tryton_admin: AdminClient, field: str, value: str, asked: str
) -> None:
    record = await make(erp, name="Looked up", **{field: value})
    other = await make(erp, email="first@fjord.example")
    second = {"party": int(other.id), "type": "email", "value": value}
    tryton_admin.call("model.party.contact_mechanism.create", [second])
    found = await erp.lookup("contacts", field, [asked, "nobody"], PARTY_FIELDS)
    assert record.id in [one.id for one in found[asked]]
    assert other.id not in [one.id for one in found[asked]]
    assert set(found) == {asked}


async def test_a_field_that_tryton_cannot_search_by_is_told(erp: TrytonConnector) -> None:
    with pytest.raises(SchemaDriftError, match="cannot search contacts by language"):
        await erp.lookup("contacts", "language", ["de"], PARTY_FIELDS)
