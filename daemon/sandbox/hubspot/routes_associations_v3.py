"""Associations in the older v3 shapes, which many clients still use.

Types are words (`deal_to_company`) or ids here. Only under the numbered paths.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from daemon.sandbox.hubspot.associations import ObjectRef, connect, disconnect
from daemon.sandbox.hubspot.auth import Need
from daemon.sandbox.hubspot.batches import batch_answer, check_size
from daemon.sandbox.hubspot.calls import Call, Endpoint, Handler
from daemon.sandbox.hubspot.catalog import AssociationType
from daemon.sandbox.hubspot.inline import type_words, word_of
from daemon.sandbox.hubspot.lookup import find_record
from daemon.sandbox.hubspot.render import View, Wire
from daemon.sandbox.hubspot.routes_associations import side_of
from daemon.sandbox.hubspot.wire import NO_CONTENT, Answer, Refusal, answer, not_found

__all__ = ["routes"]

BATCH_TOP = 100


class PairInput(Struct, rename={"source": "from", "target": "to"}):
    """One pair and the word of its type."""

    source: ObjectRef
    target: ObjectRef
    type: str | int


class PairBody(Struct):
    """A batch of pairs."""

    inputs: list[PairInput]


class ReadBody(Struct):
    """A batch read."""

    inputs: list[ObjectRef]


def routes() -> list[Endpoint]:
    """The v3 association calls."""
    one = "/{a}/{id}/associations/{b}"
    pair = one + "/{other}/{type}"
    found = []
    for objects in ("/crm/v3/objects", "/crm/objects/v3"):
        found += [
            _read("GET", objects + one, list_targets),
            _write("PUT", objects + pair, put_pair),
            _write("DELETE", objects + pair, delete_pair),
        ]
    for batches in ("/crm/v3/associations/{a}/{b}/batch", "/crm/associations/v3/{a}/{b}/batch"):
        found += [
            _read("POST", f"{batches}/read", read_batch),
            _write("POST", f"{batches}/create", create_batch),
            _write("POST", f"{batches}/archive", archive_batch),
        ]
    return found


def _read(method: str, path: str, handler: Handler) -> Endpoint:
    return Endpoint(method, "plain", path, handler, Need.READ)


def _write(method: str, path: str, handler: Handler) -> Endpoint:
    return Endpoint(method, "plain", path, handler, Need.WRITE, write=True)


def list_targets(call: Call) -> Answer:
    """What a record is associated with, an id once per type."""
    record = find_record(call.account, call.table("a"), call.params["id"])
    right = call.table("b").name
    limit = call.integer("limit", default=500, top=500)
    entries = type_words(call.account, (call.table("a").name, record.id), right)
    after = call.text("after") or "0"
    rest = [entry for entry in entries if int(entry["id"]) > int(after)] if after.isdigit() else []
    following = rest[limit - 1]["id"] if len(rest) > limit else None
    return answer({"results": rest[:limit], **call.paging(following)})


def _kind(call: Call, word: str) -> AssociationType:
    left, right = call.table("a").name, call.table("b").name
    for kind in call.account.links.kinds(left, right):
        if word in (str(kind.type_id), word_of(call.account, kind)):
            return kind
    raise Refusal(
        400,
        f"{word} is not a valid association type between {left} and {right}",
        category="VALIDATION_ERROR",
    )


def put_pair(call: Call) -> Answer:
    """Associate two records and answer with the first one."""
    kind = _kind(call, call.params["type"])
    left = side_of(call, "a", call.params["id"])
    right = side_of(call, "b", call.params["other"])
    connect(call.account, left, right, [kind.type_id])
    table = call.table("a")
    record = find_record(call.account, table, call.params["id"])
    shown = View(call.account, table).record(record)
    shown["associations"] = {right[0]: {"results": type_words(call.account, left, right[0])}}
    return answer(shown)


def delete_pair(call: Call) -> Answer:
    """Remove one type of a pair."""
    kind = _kind(call, call.params["type"])
    left = side_of(call, "a", call.params["id"])
    right = side_of(call, "b", call.params["other"])
    disconnect(call.account, left, right, [kind.type_id])
    return NO_CONTENT


def read_batch(call: Call) -> Answer:
    """Associations of many records; having none counts as an error."""
    started, body = call.account.clock.now_ms(), call.json(ReadBody)
    check_size(call, body.inputs, 1_000)
    results: list[Wire] = []
    errors: list[Any] = []  # Any: error items
    left, right = call.table("a"), call.table("b")
    for entry in body.inputs:
        to = type_words(call.account, (left.name, entry.number or 0), right.name)
        if to:
            results.append({"from": {"id": str(entry.id)}, "to": to})
        else:
            words = left.schema.type.singular, right.schema.type.singular
            refusal = not_found(
                f"No {words[1]} is associated with {words[0]} {entry.id}.",
                sub_category="crm.associations.NO_ASSOCIATIONS_FOUND",
                context={
                    "fromObjectId": [str(entry.id)],
                    "fromObjectType": [words[0]],
                    "toObjectType": [words[1]],
                },
            )
            errors.append(refusal.item())
    return batch_answer(call, started, results, errors)


def create_batch(call: Call) -> Answer:
    """Associate many pairs."""
    started, body = call.account.clock.now_ms(), call.json(PairBody)
    check_size(call, body.inputs, BATCH_TOP)
    results: list[Wire] = []
    errors: list[Any] = []  # Any: error items
    for entry in body.inputs:
        try:
            kind = _kind(call, str(entry.type))
            left, right = side_of(call, "a", entry.source), side_of(call, "b", entry.target)
            connect(call.account, left, right, [kind.type_id])
        except Refusal as refusal:
            errors.append(refusal.item())
            continue
        results.append(_shown(entry))
    return batch_answer(call, started, results, errors, 201)


def _shown(entry: PairInput) -> Wire:
    ends = {"from": {"id": str(entry.source.id)}, "to": {"id": str(entry.target.id)}}
    return {**ends, "type": str(entry.type)}


def archive_batch(call: Call) -> Answer:
    """Remove types of many pairs."""
    body = call.json(PairBody)
    check_size(call, body.inputs, BATCH_TOP)
    left, right = call.table("a").name, call.table("b").name
    planned = [(entry, _kind(call, str(entry.type))) for entry in body.inputs]
    for entry, kind in planned:
        ends = (left, entry.source.number or 0), (right, entry.target.number or 0)
        disconnect(call.account, *ends, [kind.type_id])
    return NO_CONTENT
