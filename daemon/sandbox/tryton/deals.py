"""Deals for the sandbox server: made through its public API, in bulk, as the sync user."""

from __future__ import annotations

from datetime import date, timedelta

from msgspec import Struct

from daemon.sandbox.tryton import seed
from daemon.sandbox.tryton.client import AdminClient
from daemon.sandbox.tryton.server import TrytonInfo

WARES = ("pumps", "winches", "valves", "radar upgrade", "spare parts", "hull survey", "cranes")
# Per deal in turn: the buttons that bring it from lead to where it shall be.
WAYS = ((), ("opportunity",), (), ("opportunity",), ("lost",))


def add_deals(info: TrytonInfo, count: int) -> None:
    """Add `count` deals in mixed states, in a handful of calls whatever their number."""
    if not count:
        return
    client = AdminClient(info, admin=False)
    try:
        _add(client, count)
    finally:
        client.close()


def _add(client: AdminClient, count: int) -> None:
    customers = _find_customers(client)
    employees = [row["id"] for row in client.read("company.employee", [], ["party"])]
    deals = [
        _make_deal(number, customers[number % len(customers)], employees[number % len(employees)])
        for number in range(count)
    ]
    ids = client.call("model.sale.opportunity.create", deals)
    for turn, way in enumerate(WAYS):
        chosen = ids[turn :: len(WAYS)]
        for button in way if chosen else ():
            client.call(f"model.sale.opportunity.{button}", chosen)


class Customer(Struct, frozen=True):
    """Whom a deal is with: a party, its name, and the e-mail of somebody there."""

    party: int
    name: str
    contact: int | None = None


def _find_customers(client: AdminClient) -> list[Customer]:
    """Return the companies, or if there are none the organisations without a category."""
    sorted_ones = [["categories.name", "=", seed.ORGANISATION]]
    parties = client.read("party.party", sorted_ones, ["name"]) or client.read(
        "party.party", [["name", "like", "Kunde __ AS"]], ["name"]
    )
    at_work = [
        ["type.name", "=", seed.WORKS_FOR],
        ["to", "in", [party["id"] for party in parties]],
    ]
    # Of several people the first is left in the end.
    relations = client.read("party.relation.all", at_work, ["from_", "to"], newest=True)
    people = {row["to"]: row["from_"] for row in relations}
    theirs = [["type", "=", "email"], ["party", "in", list(people.values())]]
    mechanisms = client.read("party.contact_mechanism", theirs, ["party"], newest=True)
    emails = {row["party"]: row["id"] for row in mechanisms}
    return [
        Customer(one["id"], one["name"], emails.get(people.get(one["id"], 0))) for one in parties
    ]


def _make_deal(number: int, customer: Customer, employee: int) -> dict[str, object]:
    expected = date.today() + timedelta(days=30 + number % 90)
    return {
        "party": customer.party,
        "contact": customer.contact,
        "employee": employee,
        "description": f"{customer.name.removesuffix(' AS')}: {WARES[number % len(WARES)]}",
        "reference": f"T-{number + 1:04d}",
        "amount": {"__class__": "Decimal", "decimal": f"{1000 * (1 + number % 50)}.00"},
        "end_date": expected.isoformat(),
    }
