"""Looking up for matching, and what is already taken, on a real HubSpot sandbox process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from actors.intents import Done, Intent, IntentKind, Rejected
from actors.records import Side
from daemon.connectors.hubspot import HubSpotConnector
from tests.support.hubspot import Sandbox, connect, run_sandbox

pytestmark = pytest.mark.anyio

FIELDS = ("email", "firstname")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with run_sandbox(deals=0) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture
async def hubspot(sandbox: Sandbox) -> AsyncIterator[HubSpotConnector]:
    connector = connect(sandbox)
    try:
        yield connector
    finally:
        await connector.aclose()


def person(sandbox: Sandbox, **properties: str) -> str:
    """Make a contact as a person does."""
    made = sandbox.control("/admin/create", objectType="contacts", properties=properties, userId=1)
    return str(made["id"])


async def found_by(hubspot: HubSpotConnector, *values: str) -> dict[str, list[str]]:
    found = await hubspot.lookup("contacts", "email", values, FIELDS)
    return {value: [one.id for one in records] for value, records in found.items()}


async def test_contacts_are_found_by_e_mail_whatever_the_index_shows(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    sandbox.control("/lag", seconds=600)
    ada = person(sandbox, email="ada@example.org", firstname="Ada")
    sandbox.forget_calls()
    assert await found_by(hubspot, "Ada@Example.org ", "nobody@example.org", "no address") == {
        "Ada@Example.org ": [ada]
    }
    assert sandbox.calls() == ["POST read"]


async def test_contacts_are_found_by_their_further_addresses(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    grace = person(sandbox, email="grace@example.org")
    person_id = person(sandbox, email="hopper@example.org")
    sandbox.control(
        "/admin/merge",
        objectType="contacts",
        primaryObjectId=grace,
        objectIdToMerge=person_id,
    )
    found = await hubspot.lookup("contacts", "email", ["HOPPER@example.org"], FIELDS)
    (survivor,) = found["HOPPER@example.org"]
    assert "hopper@example.org" in survivor.aliases
    assert survivor.values["email"] == "grace@example.org"


async def test_a_number_property_is_not_asked_for_what_is_no_number(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    properties = {
        "dealname": "Pump",
        "pipeline": "default",
        "dealstage": "contractsent",
        "amount": "5",
    }
    made = sandbox.control("/admin/create", objectType="deals", properties=properties, userId=1)
    found = await hubspot.lookup("deals", "amount", ["5", "five"], ("dealname",))
    assert [one.id for one in found["5"]] == [str(made["id"])]
    assert set(found) == {"5"}


async def test_a_contact_that_exists_is_told_as_taken_and_the_others_are_made(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    await hubspot.prepare("contacts")
    person(sandbox, email="eve@example.org")
    orders = [
        Intent(
            id=number,
            sync="sales/contacts",
            link=number,
            side=Side.LEFT,
            kind=IntentKind.CREATE,
            units=(),
            values={"email": email},
            key=f"tieline:sales:contacts:erp:{number}",
        )
        for number, email in enumerate(("bob@example.org", "EVE@example.org"), 1)
    ]
    made, refused = await hubspot.write("contacts", orders, FIELDS)
    assert isinstance(made, Done)
    assert isinstance(refused, Rejected) and refused.taken
    assert refused.fields == ("email",)
