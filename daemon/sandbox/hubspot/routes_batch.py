"""Batches of records: read, create, update, upsert, archive.

Two regimes of failing, as the vendor has them: inputs that all carry a unique
`objectWriteTraceId` fail one by one (207); without, the first bad one fails the whole call and
nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from daemon.sandbox.hubspot.associations import (
    InlineAssociation,
    LinkPlan,
    connect_planned,
    plan_links,
)
from daemon.sandbox.hubspot.auth import Need
from daemon.sandbox.hubspot.batches import BATCH_TOP, batch_answer, check_size
from daemon.sandbox.hubspot.calls import Call, Endpoint
from daemon.sandbox.hubspot.lookup import check_id_property, find_by_key, live_by_id
from daemon.sandbox.hubspot.records import (
    BadValues,
    Plan,
    apply,
    archive,
    plan_create,
    plan_update,
    source_of,
)
from daemon.sandbox.hubspot.render import View, Wire, written_view
from daemon.sandbox.hubspot.table import Record, Table
from daemon.sandbox.hubspot.validate import Problem, Value, refuse_values
from daemon.sandbox.hubspot.wire import NO_CONTENT, Answer, Refusal, conflict, invalid, not_found

__all__ = ["routes"]

BATCH_TOP_WITH_HISTORY = 50


class ReadInput(Struct):
    """One id, or one value of the `idProperty`."""

    id: str | int


class ReadBody(Struct, rename="camel"):
    """A batch read."""

    inputs: list[ReadInput]
    properties: list[str] | None = None
    properties_with_history: list[str] | None = None
    id_property: str | None = None


class WriteInput(Struct, rename="camel", kw_only=True):
    """One input of any batch write; which fields count depends on the call."""

    properties: dict[str, Value]
    id: str | int | None = None
    id_property: str | None = None
    object_write_trace_id: str | None = None
    associations: list[InlineAssociation] | None = None


class WriteBody(Struct):
    """A batch write."""

    inputs: list[WriteInput]


class ArchiveBody(Struct):
    """A batch archive."""

    inputs: list[ReadInput]


def routes() -> list[Endpoint]:
    """The batch calls."""
    return [
        Endpoint("POST", "objects", "/{t}/batch/read", read_batch, Need.READ),
        Endpoint("POST", "objects", "/{t}/batch/create", create_batch, Need.WRITE, write=True),
        Endpoint("POST", "objects", "/{t}/batch/update", update_batch, Need.WRITE, write=True),
        Endpoint("POST", "objects", "/{t}/batch/upsert", upsert_batch, Need.WRITE, write=True),
        Endpoint("POST", "objects", "/{t}/batch/archive", archive_batch, Need.WRITE, write=True),
    ]


def read_batch(call: Call) -> Answer:
    """Read records by ids or by a unique property; missing ones are told in one error."""
    body, table, started = call.json(ReadBody), call.table(), call.account.clock.now_ms()
    history = body.properties_with_history or []
    check_size(
        call,
        body.inputs,
        BATCH_TOP_WITH_HISTORY if history else BATCH_TOP,
        " for property histories" if history else "",
    )
    key = check_id_property(table, body.id_property, "read")
    found: dict[int, Record] = {}
    missing: list[str] = []
    for position, entry in enumerate(body.inputs):
        text = str(entry.id)
        record = None if call.must_fail(position) else _read(call, table, key, text)
        if record is None:
            missing.append(text)
        elif not _silently_left_out(call, key, text, record):
            found[record.id] = record
    view = View(call.account, table, body.properties or (), history)
    errors = [_could_not_get(table, missing).item()] if missing else []
    # By id, whatever the order of the inputs: callers must match, not zip.
    results = [view.record(found[one]) for one in sorted(found)]
    return batch_answer(call, started, results, errors)


def _read(call: Call, table: Table, key: str | None, text: str) -> Record | None:
    if call.flag("archived"):
        number = int(text) if key is None and text.isascii() and text.isdigit() else None
        pool = [number] if number is not None else table.archived_ids if key else []
        records = (table.records.get(one) for one in pool)
        return next((r for r in records if r is not None and _is_archived(r, key, text)), None)
    return live_by_id(table, text) if key is None else find_by_key(table, key, text)


def _is_archived(record: Record, key: str | None, text: str) -> bool:
    if record.archived_ms is None:
        return False
    return key is None or record.values.get(key, "").strip().lower() == text.strip().lower()


def _silently_left_out(call: Call, key: str | None, text: str, record: Record) -> bool:
    merged = key is None and str(record.id) != text
    return merged and call.account.switches.merged_input_omitted


def _could_not_get(table: Table, ids: list[str]) -> Refusal:
    word = table.schema.type.fully_qualified_name
    return not_found(
        f"Could not get some {word} objects, they may be deleted or not exist. "
        "Check that ids are valid.",
        context={"ids": list(dict.fromkeys(ids))},
    )


class _Write(Struct):
    """A checked input on its way to being applied."""

    plan: Plan
    links: list[LinkPlan]
    trace_id: str | None
    new: bool | None = None


Planner = Callable[[WriteInput, set[tuple[str, str]]], _Write]


def create_batch(call: Call) -> Answer:
    """Create up to a hundred records."""
    inputs = _inputs(call)

    def plan(entry: WriteInput, claimed: set[tuple[str, str]]) -> _Write:
        return _planned_create(call, entry, entry.properties, claimed)

    return _write(call, inputs, plan, 201)


def _planned_create(
    call: Call,
    entry: WriteInput,
    properties: dict[str, Value],
    claimed: set[tuple[str, str]],
    new: bool | None = None,
) -> _Write:
    account, table = call.account, call.table()
    source = source_of(call.token)
    plan = plan_create(account, table, properties, source, newest=call.newest, claimed=claimed)
    links = plan_links(account, table, entry.associations)
    return _Write(plan, links, entry.object_write_trace_id, new)


def update_batch(call: Call) -> Answer:
    """Change up to a hundred records by id or by a unique property."""
    inputs = _inputs(call)
    table = call.table()
    key = _common_key(table, inputs)
    if table.name == "contacts" and key == "email":
        # The vendor takes an e-mail as key for reads and upserts, not for batch updates.
        raise invalid("Unable to perform update/upsert by non-unique 0-1 property email")
    _refuse_duplicates(inputs, key)

    def plan(entry: WriteInput, claimed: set[tuple[str, str]]) -> _Write:
        text = str(entry.id)
        record = live_by_id(table, text) if key is None else find_by_key(table, key, text)
        if record is None:
            raise _could_not_get(table, [text])
        source = source_of(call.token)
        planned = plan_update(
            call.account,
            table,
            record,
            entry.properties,
            source,
            newest=call.newest,
            claimed=claimed,
        )
        return _Write(planned, [], entry.object_write_trace_id)

    return _write(call, inputs, plan, 200)


def upsert_batch(call: Call) -> Answer:
    """Create or change up to a hundred records by a unique property."""
    inputs = _inputs(call)
    table = call.table()
    key = _common_key(table, inputs)
    _refuse_duplicates(inputs, key)

    def plan(entry: WriteInput, claimed: set[tuple[str, str]]) -> _Write:
        text = str(entry.id)
        record = live_by_id(table, text) if key is None else find_by_key(table, key, text)
        if record is not None:
            _refuse_secondary(key, text, record)
            planned = plan_update(
                call.account,
                table,
                record,
                entry.properties,
                source_of(call.token),
                newest=call.newest,
                claimed=claimed,
            )
            return _Write(planned, [], entry.object_write_trace_id, new=False)
        if key is None:
            raise _could_not_get(table, [text])
        properties = {key: text, **entry.properties}
        return _planned_create(call, entry, properties, claimed, new=True)

    return _write(call, inputs, plan, 200)


def _refuse_secondary(key: str | None, text: str, record: Record) -> None:
    """A contact found by an additional e-mail is in the way, not the one meant."""
    if key == "email" and record.values.get("email", "") != text.strip().lower():
        existing = str(record.id)
        raise conflict(f"Contact already exists. Existing ID: {existing}", existing_id=existing)


def _inputs(call: Call) -> list[WriteInput]:
    inputs = call.json(WriteBody).inputs
    check_size(call, inputs)
    return inputs


def _common_key(table: Table, inputs: list[WriteInput]) -> str | None:
    if any(entry.id is None for entry in inputs):
        raise Refusal(
            400,
            "Invalid input JSON on line 1, column 2: Cannot build Input, some of required "
            "attributes are not set [id]",
        )
    names = {entry.id_property for entry in inputs}
    if len(names) > 1:
        raise invalid("All inputs of a batch must have the same idProperty")
    return check_id_property(table, names.pop())


def _refuse_duplicates(inputs: list[WriteInput], key: str | None) -> None:
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for entry in inputs:
        text = str(entry.id)
        same = text.strip().lower() if key is not None else text
        if same in seen:
            twice[text] = None
        seen.add(same)
    if twice:
        raise invalid(
            f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique",
            context={"ids": list(twice)},
        )


def _write(call: Call, inputs: list[WriteInput], plan: Planner, status: int) -> Answer:
    started = call.account.clock.now_ms()
    traces = [entry.object_write_trace_id for entry in inputs]
    one_by_one = None not in traces and len(set(traces)) == len(traces)
    if one_by_one and not (call.newest and not call.account.switches.batch_207_in_2026_09):
        results, errors = _write_each(call, inputs, plan)
        return batch_answer(call, started, results, errors, status)
    return batch_answer(call, started, _write_all(call, inputs, plan), [], status)


def _write_each(
    call: Call, inputs: list[WriteInput], plan: Planner
) -> tuple[list[Wire], list[Any]]:  # Any: error items
    results: list[Wire] = []
    errors: list[Any] = []
    for position, entry in enumerate(inputs):
        try:
            if call.must_fail(position):
                raise invalid("There was a problem with the request.")
            results.append(_applied(call, plan(entry, set())))
        except BadValues as bad:
            refusal = bad.refusal(call.account.details.portal_id)
            errors.append(refusal.item(entry.object_write_trace_id))
        except Refusal as refusal:
            errors.append(refusal.item(entry.object_write_trace_id))
    return results, errors


def _write_all(call: Call, inputs: list[WriteInput], plan: Planner) -> list[Wire]:
    claimed: set[tuple[str, str]] = set()
    planned: list[_Write] = []
    problems: list[Problem] = []
    for position, entry in enumerate(inputs):
        if call.must_fail(position):
            raise invalid("There was a problem with the request.")
        try:
            planned.append(plan(entry, claimed))
        except BadValues as bad:
            problems += bad.problems
        except Refusal:
            if not problems:
                raise
    if problems:
        raise refuse_values(problems, call.account.details.portal_id)
    return [_applied(call, write) for write in planned]


def _applied(call: Call, write: _Write) -> Wire:
    account, table = call.account, write.plan.table
    record = apply(account, write.plan)
    connect_planned(account, (table.name, record.id), write.links)
    shown = written_view(account, table, write.plan.named).record(record)
    if write.new is not None:
        shown["new"] = write.new
    if write.trace_id is not None:
        shown["objectWriteTraceId"] = write.trace_id
    return shown


def archive_batch(call: Call) -> Answer:
    """Archive up to a hundred records; unknown ids are passed over."""
    inputs = call.json(ArchiveBody).inputs
    check_size(call, inputs)
    table = call.table()
    for entry in inputs:
        record = live_by_id(table, str(entry.id))
        if record is not None:
            archive(call.account, table, record)
    return NO_CONTENT
