"""Associations in the v4 shapes: of one record, and in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from daemon.sandbox.hubspot.associations import (
    AssociationSpec,
    ObjectRef,
    connect,
    disconnect,
    expected_kind,
    shown_kind,
)
from daemon.sandbox.hubspot.auth import Need
from daemon.sandbox.hubspot.batches import batch_answer, check_size
from daemon.sandbox.hubspot.calls import Call, Endpoint, Pool
from daemon.sandbox.hubspot.catalog import AssociationType
from daemon.sandbox.hubspot.links import Side
from daemon.sandbox.hubspot.lookup import find_record
from daemon.sandbox.hubspot.render import Wire
from daemon.sandbox.hubspot.wire import NO_CONTENT, Answer, Refusal, answer, invalid, iso, not_found

__all__ = ["pair_error", "routes", "side_of"]

PAGE_TOP = 500
READ_TOP, WRITE_TOP, ARCHIVE_TOP = 1_000, 2_000, 100


class ReadInput(Struct):
    """One record whose associations are asked for, and where to go on."""

    id: str | int
    after: str | None = None


class ReadBody(Struct):
    """A batch read."""

    inputs: list[ReadInput]


class PairInput(Struct, rename={"source": "from", "target": "to"}):
    """One pair, seen from the first type of the path."""

    source: ObjectRef
    target: ObjectRef
    types: list[AssociationSpec] | None = None


class PairBody(Struct):
    """A batch of pairs."""

    inputs: list[PairInput]


class ArchiveInput(Struct, rename={"source": "from", "targets": "to"}):
    """One record and those it is to be parted from."""

    source: ObjectRef
    targets: list[ObjectRef]


class ArchiveBody(Struct):
    """A batch archive."""

    inputs: list[ArchiveInput]


def routes() -> list[Endpoint]:
    """The association calls on records and in batches."""
    one, pool = "object-associations", Pool.ASSOCIATIONS
    pair = "/{a}/{id}/associations/{b}/{other}"
    batches: list[tuple[str, Callable[[Call], Answer]]] = [
        ("create", create_batch),
        ("associate/default", default_batch),
        ("archive", archive_batch),
        ("labels/archive", archive_labels_batch),
    ]
    return [
        Endpoint("GET", one, "/{a}/{id}/associations/{b}", list_targets, Need.READ, pool),
        Endpoint("PUT", one, pair, put_pair, Need.WRITE, pool, write=True),
        Endpoint("DELETE", one, pair, delete_pair, Need.WRITE, pool, write=True),
        Endpoint(
            "PUT",
            one,
            "/{a}/{id}/associations/default/{b}/{other}",
            put_default,
            Need.WRITE,
            pool,
            write=True,
        ),
        Endpoint("POST", "associations", "/{a}/{b}/batch/read", read_batch, Need.READ, pool),
        *(
            Endpoint(
                "POST",
                "associations",
                f"/{{a}}/{{b}}/batch/{name}",
                handler,
                Need.WRITE,
                pool,
                write=True,
            )
            for name, handler in batches
        ),
    ]


def side_of(call: Call, param: str, ref: ObjectRef | str) -> Side:
    """The live record an association is to have at one end.

    Raises:
        Refusal: 404 with the vendor's sub-category.
    """
    table = call.table(param)
    text = ref if isinstance(ref, str) else str(ref.id)
    number = int(text) if text.isascii() and text.isdigit() else None
    if number is None or table.live(number) is None:
        end = "FROM" if param == "a" else "TO"
        word = table.schema.type.singular
        raise not_found(
            f"No {word} with ID {text} exists",
            sub_category=f"crm.associations.{end}_OBJECT_NOT_FOUND",
            context={"objectType": [word], "id": [text]},
        )
    return table.name, number


def _shown_targets(
    call: Call, side: Side, after: str | None, limit: int
) -> tuple[list[Wire], str | None]:
    """A page of what a record is associated with, and where the next one begins."""
    links, right = call.account.links, call.table("b").name
    targets = links.targets(side, right)
    start = int(after) if after is not None and after.isdigit() else 0
    ids = [one for one in sorted(targets) if one > start]
    shown: list[Wire] = [
        {
            "toObjectId": one,
            "associationTypes": [shown_kind(links.types[kind]) for kind in targets[one]],
        }
        for one in ids[:limit]
    ]
    return shown, str(ids[limit - 1]) if len(ids) > limit else None


def list_targets(call: Call) -> Answer:
    """What one record is associated with."""
    table, text = call.table("a"), call.params["id"]
    limit = call.integer("limit", default=PAGE_TOP, top=PAGE_TOP)
    number = int(text) if text.isascii() and text.isdigit() else None
    # An id that was merged away is known, but nothing hangs on it any more.
    if number not in table.merged:
        find_record(call.account, table, text)
    after = call.text("after")
    if after is not None and not after.isdigit():
        raise Refusal(400, "Unable to parse value for query parameter: after")
    shown, following = _shown_targets(call, (table.name, number or 0), after, limit)
    return answer({"results": shown, **call.paging(following)})


def put_pair(call: Call) -> Answer:
    """Set the labels of a pair, in place of those it has."""
    specs = call.json(list[AssociationSpec])
    left = side_of(call, "a", call.params["id"])
    right = side_of(call, "b", call.params["other"])
    kinds = _kinds(call, specs)
    connect(call.account, left, right, [kind.type_id for kind in kinds], replace=True)
    return answer(_shown_pair(call, left, right), 201)


def _kinds(call: Call, specs: list[AssociationSpec] | None) -> list[AssociationType]:
    if not specs:
        raise invalid("At least one association type is required")
    left, right = call.table("a").name, call.table("b").name
    return [expected_kind(call.account, left, right, spec) for spec in specs]


def _shown_pair(call: Call, left: Side, right: Side) -> Wire:
    links = call.account.links
    kinds = [links.types[one] for one in links.targets(left, right[0]).get(right[1], ())]
    return {
        "fromObjectTypeId": call.table("a").schema.type.object_type_id,
        "fromObjectId": left[1],
        "toObjectTypeId": call.table("b").schema.type.object_type_id,
        "toObjectId": right[1],
        "labels": [kind.label for kind in kinds if kind.label is not None],
    }


def delete_pair(call: Call) -> Answer:
    """Part two records; that they never were together is no error."""
    left = (call.table("a").name, _number(call, "id"))
    disconnect(call.account, left, (call.table("b").name, _number(call, "other")))
    return NO_CONTENT


def _number(call: Call, param: str) -> int:
    text = call.params[param]
    if not text.isascii() or not text.isdigit():
        raise Refusal(400, f"Unable to parse value for path parameter: {param}")
    return int(text)


def put_default(call: Call) -> Answer:
    """Associate two records without a label."""
    started = call.account.clock.now_ms()
    left = side_of(call, "a", call.params["id"])
    right = side_of(call, "b", call.params["other"])
    return batch_answer(call, started, _connected_by_default(call, left, right), [])


def _connected_by_default(call: Call, left: Side, right: Side) -> list[Wire]:
    kind = call.account.links.unlabelled(left[0], right[0])
    if kind is None:
        raise invalid(f"No default association exists between {left[0]} and {right[0]}")
    connect(call.account, left, right, [kind.type_id])
    return [
        _directed(left, right, kind.type_id),
        _directed(right, left, kind.inverse_type_id),
    ]


def _directed(left: Side, right: Side, type_id: int) -> Wire:
    return {
        "from": {"id": str(left[1])},
        "to": {"id": str(right[1])},
        "associationSpec": {
            "associationCategory": "HUBSPOT_DEFINED",
            "associationTypeId": type_id,
        },
    }


def read_batch(call: Call) -> Answer:
    """Associations of up to a thousand records; having none counts as an error, as live."""
    started, body = call.account.clock.now_ms(), call.json(ReadBody)
    check_size(call, body.inputs, READ_TOP)
    results: list[Wire] = []
    errors: list[Any] = []  # Any: error items
    for entry in body.inputs:
        text = str(entry.id)
        number = int(text) if text.isascii() and text.isdigit() else 0
        side = (call.table("a").name, number)
        shown, following = _shown_targets(call, side, entry.after, PAGE_TOP)
        if not shown:
            errors.append(_none_found(call, text).item())
            continue
        result: Wire = {"from": {"id": text}, "to": shown}
        if following is not None:
            result["paging"] = {"next": {"after": following, "link": call.link(following)}}
        results.append(result)
    return batch_answer(call, started, results, errors)


def _none_found(call: Call, text: str) -> Refusal:
    left, right = call.table("a").schema.type.singular, call.table("b").schema.type.singular
    return not_found(
        f"No {right} is associated with {left} {text}.",
        sub_category="crm.associations.NO_ASSOCIATIONS_FOUND",
        context={"fromObjectId": [text], "fromObjectType": [left], "toObjectType": [right]},
    )


def pair_error(error: Refusal, entry: PairInput) -> Any:  # Any: an error item
    """The refusal of one pair as an item of a batch's errors, naming both ends."""
    context = {"fromObjectId": [str(entry.source.id)], "toObjectId": [str(entry.target.id)]}
    return error.envelope(None, context)


def create_batch(call: Call) -> Answer:
    """Associate up to two thousand pairs with labels, which are added to those there are."""

    def run(entry: PairInput, left: Side, right: Side) -> list[Wire]:
        kinds = _kinds(call, entry.types)
        connect(call.account, left, right, [kind.type_id for kind in kinds])
        return [_shown_pair(call, left, right)]

    return _pairs(call, run, 200 if call.newest else 201)


def default_batch(call: Call) -> Answer:
    """Associate up to two thousand pairs without a label."""
    return _pairs(call, lambda entry, left, right: _connected_by_default(call, left, right), 200)


def _pairs(call: Call, run: Callable[[PairInput, Side, Side], list[Wire]], status: int) -> Answer:
    started, body = call.account.clock.now_ms(), call.json(PairBody)
    check_size(call, body.inputs, WRITE_TOP)
    results: list[Wire] = []
    errors: list[Any] = []  # Any: error items
    for position, entry in enumerate(body.inputs):
        try:
            if call.must_fail(position):
                raise invalid("There was a problem with the request.")
            left, right = side_of(call, "a", entry.source), side_of(call, "b", entry.target)
            results += run(entry, left, right)
        except Refusal as refusal:
            errors.append(pair_error(refusal, entry))
    return batch_answer(call, started, results, errors, status)


def archive_batch(call: Call) -> Answer:
    """Part records; pairs that do not exist are passed over."""
    body = call.json(ArchiveBody)
    check_size(call, body.inputs)
    if len({str(entry.source.id) for entry in body.inputs}) > ARCHIVE_TOP:
        check_size(call, body.inputs, ARCHIVE_TOP)
    left, right = call.table("a").name, call.table("b").name
    for entry in body.inputs:
        for target in entry.targets:
            if entry.source.number is not None and target.number is not None:
                ends = (left, entry.source.number), (right, target.number)
                disconnect(call.account, *ends)
    return _archived(call)


def archive_labels_batch(call: Call) -> Answer:
    """Remove labels; without the unlabelled type named, the association itself stays."""
    body = call.json(PairBody)
    check_size(call, body.inputs, WRITE_TOP)
    left, right = call.table("a").name, call.table("b").name
    planned = [(entry, _kinds(call, entry.types)) for entry in body.inputs]
    for entry, kinds in planned:
        if entry.source.number is not None and entry.target.number is not None:
            ends = (left, entry.source.number), (right, entry.target.number)
            disconnect(call.account, *ends, [kind.type_id for kind in kinds])
    return _archived(call)


def _archived(call: Call) -> Answer:
    """Empty on v4; a batch body on the dated paths."""
    if not call.dated:
        return NO_CONTENT
    now = iso(call.account.clock.now_ms())
    return answer({"status": "COMPLETE", "results": [], "startedAt": now, "completedAt": now})
