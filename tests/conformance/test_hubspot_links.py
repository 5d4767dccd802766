"""Links between HubSpot records as fields, on a real sandbox: read, written, refused, cut off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from actors.errors import RateLimitedError
from actors.intents import Done, Intent, IntentKind, Outcome, Unknown, Vanished
from actors.records import Side, Snapshot
from actors.values import Kind, Raw
from daemon.connectors.hubspot import HubSpotConnector
from tests.support.hubspot import Sandbox, connect, run_sandbox

CONTACTS, COMPANIES = "associations.contacts", "associations.companies"
PRIMARY = "associations.companies.primary"
MAKE = "batch/associate/default$"
FIELDS = ("dealname", CONTACTS, COMPANIES, PRIMARY)

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with run_sandbox(deals=0) as running:
        running.reset()
        yield running


@pytest.fixture(params=["2026-03", "v3"])
async def app(sandbox: Sandbox, request: pytest.FixtureRequest) -> AsyncIterator[HubSpotConnector]:
    connector = connect(sandbox, api_version=request.param)
    sandbox.reset()
    yield connector
    await connector.aclose()


def make(sandbox: Sandbox, object_type: str, **properties: str) -> str:
    body = {"objectType": object_type, "properties": properties}
    found: str = sandbox.control("/admin/create", **body)["id"]
    return found


def deal(sandbox: Sandbox) -> str:
    return make(sandbox, "deals", dealname="D", pipeline="default", dealstage="qualifiedtobuy")


def company(sandbox: Sandbox) -> str:
    return make(sandbox, "companies", name="C")


def contact(sandbox: Sandbox) -> str:
    return make(sandbox, "contacts", firstname="P")


def link(sandbox: Sandbox, source: str, target: str, one: str, *others: str) -> None:
    pairs = [{"from": {"id": one}, "to": {"id": other}} for other in others]
    path = f"/crm/v4/associations/{source}/{target}/batch/associate/default"
    sandbox.api("POST", path, json={"inputs": pairs})


def update(record: str, values: dict[str, Raw], held: dict[str, Raw], number: int = 1) -> Intent:
    return Intent(
        id=number,
        sync="c/deals",
        link=1,
        side=Side.LEFT,
        kind=IntentKind.UPDATE,
        units=(),
        values=values,
        held=held,
        record_id=record,
    )


async def read(app: HubSpotConnector, record: str) -> Snapshot:
    fetched = await app.fetch("deals", [record], FIELDS)
    return fetched.records[0]


async def write(app: HubSpotConnector, *intents: Intent) -> tuple[Outcome, ...]:
    return await app.write("deals", intents, FIELDS)


def stored(outcome: Outcome) -> dict[str, Raw]:
    assert isinstance(outcome, Done), outcome
    return outcome.stored.values


async def test_the_schema_declares_links_to_what_the_token_may_read(app: HubSpotConnector) -> None:
    schema = await app.describe()
    for name, fields in {
        "deals": {CONTACTS: Kind.MULTI_REFERENCE, COMPANIES: Kind.MULTI_REFERENCE},
        "contacts": {COMPANIES: Kind.MULTI_REFERENCE, PRIMARY: Kind.REFERENCE},
    }.items():
        described = schema.object(name)
        assert described is not None
        for field, kind in fields.items():
            found = described.field(field)
            assert found is not None
            assert (found.kind, found.target, found.writable) == (kind, field.split(".")[1], True)


async def test_links_come_with_records_the_primary_one_first(
    sandbox: Sandbox, app: HubSpotConnector
) -> None:
    one, first, second = deal(sandbox), company(sandbox), company(sandbox)
    link(sandbox, "deals", "companies", one, second)
    link(sandbox, "deals", "companies", one, first)
    values = (await read(app, one)).values
    assert values[COMPANIES] == f"{second};{first}"
    assert (values[PRIMARY], values[CONTACTS]) == (second, None)
    listed = await app.list_page("deals", FIELDS, str(int(one) - 1))
    assert next(r.values for r in listed.records if r.id == one) == values


async def test_more_links_than_one_answer_holds_are_all_read(
    sandbox: Sandbox, app: HubSpotConnector
) -> None:
    one, people = deal(sandbox), [contact(sandbox) for _ in range(3)]
    link(sandbox, "deals", "contacts", one, *people)
    made = sandbox.api(
        "POST",
        "/crm/v3/objects/contacts/batch/create",
        json={"inputs": [{"properties": {"firstname": "P"}} for _ in range(100)]},
    )
    others = [record["id"] for record in made["results"]]
    for _ in range(4):
        made = sandbox.api(
            "POST",
            "/crm/v3/objects/contacts/batch/create",
            json={"inputs": [{"properties": {"firstname": "P"}} for _ in range(100)]},
        )
        others += [record["id"] for record in made["results"]]
    link(sandbox, "deals", "contacts", one, *others)
    raw = (await read(app, one)).values[CONTACTS]
    assert raw is not None
    assert sorted(raw.split(";")) == sorted([*people, *others])


async def test_properties_alone_cost_no_call_for_links(
    sandbox: Sandbox, app: HubSpotConnector
) -> None:
    one = deal(sandbox)
    sandbox.forget_calls()
    await app.fetch("deals", [one], ("dealname",))
    assert len(sandbox.requests()) == 1


async def test_only_the_difference_is_written(sandbox: Sandbox, app: HubSpotConnector) -> None:
    one, kept, dropped, added = deal(sandbox), *(contact(sandbox) for _ in range(3))
    meanwhile = contact(sandbox)
    link(sandbox, "deals", "contacts", one, kept, dropped)
    held: dict[str, Raw] = {CONTACTS: f"{kept};{dropped}"}
    link(sandbox, "deals", "contacts", one, meanwhile)
    intent = update(one, {CONTACTS: f"{kept};{added}", "dealname": "E"}, held)
    values = stored((await write(app, intent))[0])
    assert values["dealname"] == "E"
    assert set((values[CONTACTS] or "").split(";")) == {kept, added, meanwhile}


async def test_a_write_of_links_alone_sends_no_properties(
    sandbox: Sandbox, app: HubSpotConnector
) -> None:
    one, person = deal(sandbox), contact(sandbox)
    sandbox.forget_calls()
    values = stored((await write(app, update(one, {CONTACTS: person}, {CONTACTS: None})))[0])
    assert values[CONTACTS] == person
    writes = [call["path"] for call in sandbox.requests() if call["write"]]
    assert len(writes) == 1
    assert writes[0].endswith("/batch/associate/default")


async def test_a_new_record_gets_its_links_right_after(
    sandbox: Sandbox, app: HubSpotConnector
) -> None:
    person, first, second = contact(sandbox), company(sandbox), company(sandbox)
    await app.prepare("deals")
    intent = Intent(
        id=7,
        sync="c/deals",
        link=1,
        side=Side.LEFT,
        kind=IntentKind.CREATE,
        units=(),
        values={"dealname": "N", CONTACTS: person, COMPANIES: f"{second};{first}"},
        key=f"tieline:c:deals:erp:{person}",
    )
    values = stored((await write(app, intent))[0])
    assert values == {
        "dealname": "N",
        CONTACTS: person,
        COMPANIES: f"{second};{first}",
        PRIMARY: second,
    }


async def test_the_primary_company_can_be_moved_and_unmarked(
    sandbox: Sandbox, app: HubSpotConnector
) -> None:
    one, first, second = deal(sandbox), company(sandbox), company(sandbox)
    link(sandbox, "deals", "companies", one, first, second)
    values = stored((await write(app, update(one, {PRIMARY: second}, {PRIMARY: first})))[0])
    assert (values[PRIMARY], values[COMPANIES]) == (second, f"{second};{first}")
    values = stored((await write(app, update(one, {PRIMARY: None}, {PRIMARY: second})))[0])
    assert values[PRIMARY] is None
    assert set((values[COMPANIES] or "").split(";")) == {first, second}


async def test_a_link_to_what_is_not_there_fails_alone(
    sandbox: Sandbox, app: HubSpotConnector
) -> None:
    one, two, person = deal(sandbox), deal(sandbox), contact(sandbox)
    bad = update(one, {CONTACTS: "99999999", "dealname": "kept"}, {CONTACTS: None})
    good = update(two, {CONTACTS: person}, {CONTACTS: None}, 2)
    first, second = await write(app, bad, good)
    assert isinstance(first, Done)
    assert list(first.refused) == [CONTACTS]
    assert "99999999" in first.refused[CONTACTS]
    assert first.stored.values["dealname"] == "kept"
    assert stored(second)[CONTACTS] == person


async def test_a_record_that_is_gone_is_told_as_gone(
    sandbox: Sandbox, app: HubSpotConnector
) -> None:
    one, person = deal(sandbox), contact(sandbox)
    sandbox.archive(one)
    (outcome,) = await write(app, update(one, {CONTACTS: person}, {CONTACTS: None}))
    assert isinstance(outcome, Vanished)


async def test_links_that_may_be_written_in_part_are_unknown(
    sandbox: Sandbox, app: HubSpotConnector
) -> None:
    one, person = deal(sandbox), contact(sandbox)
    intent = update(one, {CONTACTS: person, "dealname": "F"}, {CONTACTS: None})
    sandbox.fault("status", MAKE, error="unavailable")
    (outcome,) = await write(app, intent)
    assert isinstance(outcome, Unknown)
    again = stored((await write(app, intent))[0])
    assert (again[CONTACTS], again["dealname"]) == (person, "F")


async def test_nothing_written_at_all_is_no_doubt(sandbox: Sandbox, app: HubSpotConnector) -> None:
    one, person = deal(sandbox), contact(sandbox)
    sandbox.fault("status", MAKE, error="ten_secondly")
    with pytest.raises(RateLimitedError):
        await write(app, update(one, {CONTACTS: person}, {CONTACTS: None}))


async def test_links_have_no_history(sandbox: Sandbox, app: HubSpotConnector) -> None:
    one = deal(sandbox)
    sandbox.forget_calls()
    assert await app.edits("deals", {one: [CONTACTS]}) == {}
    assert sandbox.requests() == []
    assert (one, "dealname") in await app.edits("deals", {one: [CONTACTS, "dealname"]})


async def test_a_record_found_by_its_key_has_its_links(
    sandbox: Sandbox, app: HubSpotConnector
) -> None:
    one, person = deal(sandbox), contact(sandbox)
    await app.prepare("deals")
    key = f"tieline:c:deals:erp:k{one}"
    sandbox.control("/admin/edit", id=one, properties={"tieline_key": key})
    link(sandbox, "deals", "contacts", one, person)
    found = (await app.find("deals", [key], FIELDS))[key]
    assert isinstance(found, Snapshot)
    assert found.values[CONTACTS] == person
