"""Taking records of a real Tryton out of use, and back into it (F29)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest

from actors.intents import Archived, Done, Intent, IntentKind, Outcome, Rejected, Stale, Vanished
from actors.records import Departure, Side, Snapshot
from daemon.connectors.registry import Environment
from daemon.connectors.tryton.connector import TrytonConnector
from daemon.sandbox.tryton.client import AdminClient
from daemon.sandbox.tryton.server import TrytonInfo
from tests.support.tryton import deletes_allowed, tryton, tryton_admin
from tests.support.tryton_bench import make_options

__all__ = ["tryton", "tryton_admin"]

pytestmark = pytest.mark.anyio
numbers = count(1)
DEAL = ("description", "state")
PARTY = ("name", "email")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def erp(tryton: TrytonInfo) -> AsyncIterator[TrytonConnector]:
    connector = TrytonConnector(make_options(tryton), Environment(app="erp"))
    yield connector
    await connector.aclose()


@pytest.fixture
def deleting(tryton_admin: AdminClient) -> Iterator[None]:
    """Give the sync user the right to delete deals for the time of a test."""
    with deletes_allowed(tryton_admin):
        yield


def order(kind: IntentKind, record_id: str, token: str | None = None) -> Intent:
    return Intent(
        id=next(numbers),
        sync="s",
        link=1,
        side=Side.RIGHT,
        kind=kind,
        units=(),
        values={},
        record_id=record_id,
        token=token,
    )


async def carry_out(erp: TrytonConnector, name: str, intent: Intent) -> Outcome:
    (outcome,) = await erp.write(name, [intent], DEAL if name == "deals" else PARTY)
    return outcome


async def read(erp: TrytonConnector, name: str, record_id: int) -> Snapshot:
    fields = DEAL if name == "deals" else PARTY
    (record,) = (await erp.fetch(name, [str(record_id)], fields)).records
    return record


def make_deal(person: AdminClient, *buttons: str) -> int:
    party = person.call("model.party.party.search", [], 0, 1)[0]
    employee = person.call("model.company.employee.search", [], 0, 1)[0]
    values = {"description": "Pumps", "party": party, "employee": employee}
    (deal,) = person.call("model.sale.opportunity.create", [values])
    for button in buttons:
        person.call(f"model.sale.opportunity.{button}", [deal])
    return int(deal)


def make_party(person: AdminClient) -> int:
    (category,) = person.read("party.category", [["name", "=", "Person"]], [])
    values = {"name": "Anne", "categories": [["add", [category["id"]]]]}
    (party,) = person.call("model.party.party.create", [values])
    return int(party)


async def test_a_party_is_deactivated_and_comes_back_as_it_was(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    party = make_party(tryton_admin)
    before = await read(erp, "contacts", party)
    cursor = await erp.start("contacts")
    outcome = await carry_out(erp, "contacts", order(IntentKind.ARCHIVE, before.id, before.token))
    assert outcome == Archived(how=Departure.ARCHIVED)
    (row,) = tryton_admin.call("model.party.party.read", [party], ["active"])
    assert not row["active"]
    (gone,) = (await erp.fetch("contacts", [before.id], PARTY)).gone
    assert gone.how is Departure.ARCHIVED
    again = await carry_out(erp, "contacts", order(IntentKind.ARCHIVE, before.id, before.token))
    assert again == Vanished(how=Departure.ARCHIVED)
    back = await carry_out(erp, "contacts", order(IntentKind.RESTORE, before.id))
    assert isinstance(back, Done)
    assert back.stored.values == before.values
    assert await carry_out(erp, "contacts", order(IntentKind.RESTORE, before.id)) == back
    changed = (await erp.changes("contacts", PARTY, cursor, {})).records
    assert before.id in [one.id for one in changed], "the feed shows what came back"


async def test_a_party_that_was_edited_is_not_deactivated(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    party = make_party(tryton_admin)
    before = await read(erp, "contacts", party)
    tryton_admin.call("model.party.party.write", [party], {"name": "Anne Marie"})
    outcome = await carry_out(erp, "contacts", order(IntentKind.ARCHIVE, before.id, before.token))
    assert isinstance(outcome, Stale) and outcome.current is not None
    assert outcome.current.values["name"] == "Anne Marie"


async def test_a_user_without_the_right_cannot_delete_deals(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    schema = await erp.describe()
    deals, contacts = schema.object("deals"), schema.object("contacts")
    assert deals is not None and deals.removal is None
    assert contacts is not None and contacts.removal is Departure.ARCHIVED and contacts.restores


@pytest.mark.parametrize(
    "buttons", [(), ("opportunity",), ("opportunity", "lost"), ("cancel",)], ids=str
)
async def test_a_deal_is_cancelled_and_deleted_for_good(
    erp: TrytonConnector, tryton_admin: AdminClient, deleting: None, buttons: tuple[str, ...]
) -> None:
    schema = (await erp.describe()).object("deals")
    assert schema is not None and schema.removal is Departure.DELETED and not schema.restores
    deal = make_deal(tryton_admin, *buttons)
    before = await read(erp, "deals", deal)
    outcome = await carry_out(erp, "deals", order(IntentKind.ARCHIVE, before.id, before.token))
    assert outcome == Archived(how=Departure.DELETED)
    (gone,) = (await erp.fetch("deals", [before.id], DEAL)).gone
    assert gone.how is Departure.DELETED
    again = await carry_out(erp, "deals", order(IntentKind.RESTORE, before.id))
    assert again == Vanished(how=Departure.DELETED)


async def test_a_deal_with_a_sale_stays(
    erp: TrytonConnector, tryton_admin: AdminClient, deleting: None
) -> None:
    await erp.describe()
    deal = make_deal(tryton_admin, "opportunity", "convert")
    before = await read(erp, "deals", deal)
    outcome = await carry_out(erp, "deals", order(IntentKind.ARCHIVE, before.id, before.token))
    assert isinstance(outcome, Rejected)
    assert "has a sale" in outcome.reason
    assert (await read(erp, "deals", deal)).values["state"] == "converted"
