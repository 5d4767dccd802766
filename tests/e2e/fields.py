"""Properties, owners and single values of both systems, for tests of field mappings."""

from __future__ import annotations

from typing import Any

from tests.e2e.world import World

EMPLOYEE = "employee.party.email"


def add_property(world: World, name: str, kind: str, field_type: str, **more: object) -> None:
    """Make a property of deals in HubSpot."""
    body = {
        "name": name,
        "label": name.replace("_", " ").title(),
        "type": kind,
        "fieldType": field_type,
        "groupName": "dealinformation",
    }
    answer = world.hubspot.http.post("/crm/v3/properties/deals", json=body | more)
    assert answer.is_success, answer.text


def in_hubspot(world: World, record: str, *names: str) -> tuple[str | None, ...]:
    """Return properties of a deal as HubSpot's own API tells them."""
    query = {"properties": ",".join(names)}
    answer = world.reader.get(f"/crm/v3/objects/deals/{record}", params=query)
    values = answer.json()["properties"]
    return tuple(values.get(name) or None for name in names)


def in_erp(world: World, record: str, *names: str) -> tuple[Any, ...]:  # Any: Tryton's JSON
    """Return fields of an opportunity as Tryton's own API tells them."""
    (row,) = world.erp.call("model.sale.opportunity.read", [int(record)], list(names))
    return tuple(row[name] or None for name in names)


def employees(world: World) -> dict[str, int]:
    """Return the employees of Tryton by e-mail address."""
    rows = world.erp.call(
        "model.company.employee.search_read", [], 0, None, None, ["id", "party.email"]
    )
    return {row["party."]["email"]: row["id"] for row in rows if row["party."]["email"]}


def owners(world: World) -> dict[str, str]:
    """Return HubSpot's active owners by e-mail address."""
    answer = world.hubspot.http.get("/crm/v3/owners", params={"limit": 100}).json()
    return {one["email"]: one["id"] for one in answer["results"] if one["email"]}


def with_fields(world: World, *lines: str, more: str = "") -> None:
    """Configure the deals sync with further field lines, and `more` after them."""
    text = "".join(f"\n        - {line}" for line in lines)
    world.configure(more_fields=text + more)


def story(world: World, record: str) -> Any:  # Any: the command's JSON
    """Return what `explain` tells of a HubSpot deal."""
    (found,) = world.ask("explain", "hubspot", record)["stories"]
    return found


def told_of(world: World, record: str, field: str) -> Any:  # Any: the command's JSON
    """Return what `explain` tells of one field."""
    (found,) = [one for one in story(world, record)["fields"] if one["field"] == field]
    return found
