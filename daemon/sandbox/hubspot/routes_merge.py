"""Merging two records, and deleting a person for good."""

from __future__ import annotations

from msgspec import Struct

from daemon.sandbox.hubspot.auth import Need
from daemon.sandbox.hubspot.calls import Call, Endpoint
from daemon.sandbox.hubspot.lookup import check_id_property, find_by_key
from daemon.sandbox.hubspot.merge import merge_records
from daemon.sandbox.hubspot.render import written_view
from daemon.sandbox.hubspot.wire import NO_CONTENT, Answer, Refusal, answer

__all__ = ["routes"]

MERGEABLE = frozenset({"contacts", "companies", "deals", "tickets"})


class MergeBody(Struct, rename="camel"):
    """Two ids; the values of the first one win."""

    primary_object_id: str | int
    object_id_to_merge: str | int


class PrivacyBody(Struct, rename="camel"):
    """A contact by id or e-mail."""

    object_id: str | int
    id_property: str | None = None


def routes() -> list[Endpoint]:
    """The calls that end a record."""
    return [
        Endpoint("POST", "objects", "/{t}/merge", merge, Need.WRITE, write=True),
        Endpoint("POST", "objects", "/{t}/gdpr-delete", delete_person, Need.WRITE, write=True),
    ]


def merge(call: Call) -> Answer:
    """Merge one record into another and answer with the survivor."""
    table = call.table()
    if table.name not in MERGEABLE:
        raise Refusal(400, f"Merging is not supported for {table.name}")
    body = call.json(MergeBody)
    survivor = merge_records(
        call.account, table, str(body.primary_object_id), str(body.object_id_to_merge)
    )
    return answer(written_view(call.account, table, ["hs_merged_object_ids"]).record(survivor))


def delete_person(call: Call) -> Answer:
    """Remove a contact for good and block its e-mail address."""
    table = call.table()
    if table.name != "contacts":
        raise Refusal(404, "resource not found")
    body = call.json(PrivacyBody)
    key, text = check_id_property(table, body.id_property, "delete"), str(body.object_id)
    if key is None:
        record = table.records.get(int(text)) if text.isascii() and text.isdigit() else None
    else:
        record = find_by_key(table, key, text)
    email = text if key == "email" else record.values.get("email", "") if record else ""
    if email:
        call.account.blocked_emails.add(email.lower())
    if record is not None:
        call.account.purge(table, record)
    return NO_CONTENT
