"""Property definitions and their groups over HTTP."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from daemon.sandbox.hubspot.auth import Need
from daemon.sandbox.hubspot.batches import batch_answer, check_size
from daemon.sandbox.hubspot.calls import Call, Endpoint
from daemon.sandbox.hubspot.catalog import ObjectSchema, Property
from daemon.sandbox.hubspot.property_rules import (
    Editor,
    GroupDraft,
    PropertyDraft,
    PropertyPatch,
    archive_group,
    archive_property,
    create_group,
    create_property,
    find_group,
    find_property,
    update_group,
    update_property,
)
from daemon.sandbox.hubspot.wire import NO_CONTENT, Answer, Refusal, answer, iso

__all__ = ["routes"]

SENSITIVITIES = ("non_sensitive", "sensitive", "highly_sensitive")


class Named(Struct):
    """A property by its name."""

    name: str


class ReadBody(Struct, rename="camel"):
    """A batch read of definitions."""

    inputs: list[Named]
    archived: bool = False
    data_sensitivity: str = "non_sensitive"


class ArchiveBody(Struct):
    """A batch archive of definitions."""

    inputs: list[Named]


class CreateBody(Struct):
    """A batch create of definitions."""

    inputs: list[PropertyDraft]


def routes() -> list[Endpoint]:
    """The calls on properties, their batches and their groups."""
    read, write = Need.SCHEMA_READ, Need.SCHEMA_WRITE
    area = "properties"
    return [
        Endpoint("GET", area, "/{t}", list_properties, read),
        Endpoint("POST", area, "/{t}", post_property, write, write=True),
        Endpoint("GET", area, "/{t}/{name}", read_property, read),
        Endpoint("PATCH", area, "/{t}/{name}", patch_property, write, write=True),
        Endpoint("DELETE", area, "/{t}/{name}", delete_property, write, write=True),
        Endpoint("POST", area, "/{t}/batch/create", create_batch, write, write=True),
        Endpoint("POST", area, "/{t}/batch/read", read_batch, read),
        Endpoint("POST", area, "/{t}/batch/archive", archive_batch, write, write=True),
        Endpoint("GET", area, "/{t}/groups", list_groups, read),
        Endpoint("POST", area, "/{t}/groups", post_group, write, write=True),
        Endpoint("GET", area, "/{t}/groups/{name}", read_group, read),
        Endpoint("PATCH", area, "/{t}/groups/{name}", patch_group, write, write=True),
        Endpoint("DELETE", area, "/{t}/groups/{name}", delete_group, write, write=True),
    ]


def _schema(call: Call) -> ObjectSchema:
    return call.table().schema


def _editor(call: Call) -> Editor:
    return Editor(at=iso(call.account.clock.now_ms()))


def list_properties(call: Call) -> Answer:
    """Every definition of a type; no paging."""
    wanted, archived = set(call.names("properties")), call.flag("archived")
    sensitivity = call.text("dataSensitivity") or "non_sensitive"
    if sensitivity not in SENSITIVITIES:
        raise Refusal(400, "Unable to parse value for query parameter: dataSensitivity")
    found = [
        item
        for item in _schema(call).properties.values()
        if item.archived is archived
        and item.data_sensitivity == sensitivity
        and (not wanted or item.name in wanted)
    ]
    return answer({"results": found})


def post_property(call: Call) -> Answer:
    """Make a property."""
    made = create_property(_schema(call), call.json(PropertyDraft), _editor(call))
    call.account.touch()
    return answer(made, 201)


def read_property(call: Call) -> Answer:
    """One definition."""
    archived = call.flag("archived")
    return answer(find_property(_schema(call), call.params["name"], archived=archived))


def patch_property(call: Call) -> Answer:
    """Change a definition."""
    patch = call.json(PropertyPatch)
    changed = update_property(_schema(call), call.params["name"], patch, _editor(call))
    call.account.touch()
    return answer(changed)


def delete_property(call: Call) -> Answer:
    """Archive a property."""
    archive_property(_schema(call), call.params["name"], _editor(call))
    call.account.touch()
    return NO_CONTENT


def create_batch(call: Call) -> Answer:
    """Make several properties, each on its own: 207 tells which were refused."""
    body, started = call.json(CreateBody), call.account.clock.now_ms()
    check_size(call, body.inputs)
    made: list[Property] = []
    errors: list[Any] = []  # Any: error items
    for draft in body.inputs:
        try:
            made.append(create_property(_schema(call), draft, _editor(call)).without_times())
        except Refusal as refusal:
            errors.append(refusal.item())
    call.account.touch()
    return batch_answer(call, started, made, errors, 200 if call.newest else 201)


def read_batch(call: Call) -> Answer:
    """Several definitions by name; unknown ones are errors of a 207."""
    body, started = call.json(ReadBody), call.account.clock.now_ms()
    check_size(call, body.inputs)
    found: dict[str, Property] = {}
    errors: list[Any] = []  # Any: error items
    for named in body.inputs:
        try:
            item = find_property(_schema(call), named.name, archived=body.archived)
        except Refusal as refusal:
            errors.append(refusal.item())
            continue
        if item.data_sensitivity == body.data_sensitivity:
            found[named.name] = item
    return batch_answer(call, started, list(found.values()), errors)


def archive_batch(call: Call) -> Answer:
    """Archive several properties; 204 whatever became of each."""
    body = call.json(ArchiveBody)
    check_size(call, body.inputs)
    for named in body.inputs:
        try:
            archive_property(_schema(call), named.name, _editor(call))
        except Refusal:
            continue
    call.account.touch()
    return NO_CONTENT


def list_groups(call: Call) -> Answer:
    """Every group of a type."""
    return answer({"results": list(_schema(call).groups.values())})


def post_group(call: Call) -> Answer:
    """Make a group."""
    made = create_group(_schema(call), call.json(GroupDraft))
    call.account.touch()
    return answer(made, 201)


def read_group(call: Call) -> Answer:
    """One group."""
    return answer(find_group(_schema(call), call.params["name"]))


def patch_group(call: Call) -> Answer:
    """Change a group's label or place."""
    changed = update_group(_schema(call), call.params["name"], call.json(GroupDraft))
    call.account.touch()
    return answer(changed)


def delete_group(call: Call) -> Answer:
    """Remove a group without properties."""
    archive_group(_schema(call), call.params["name"])
    call.account.touch()
    return NO_CONTENT
