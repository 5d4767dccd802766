"""Reading, creating, changing and archiving one record, and listing all of a type."""

from __future__ import annotations

from msgspec import Struct

from daemon.sandbox.hubspot.associations import InlineAssociation, connect_planned, plan_links
from daemon.sandbox.hubspot.auth import Need
from daemon.sandbox.hubspot.calls import Call, Endpoint
from daemon.sandbox.hubspot.inline import inline_associations
from daemon.sandbox.hubspot.lookup import find_record
from daemon.sandbox.hubspot.records import (
    BadValues,
    apply,
    archive,
    plan_create,
    plan_update,
    source_of,
)
from daemon.sandbox.hubspot.render import View, written_view
from daemon.sandbox.hubspot.validate import Value
from daemon.sandbox.hubspot.wire import NO_CONTENT, Answer, Refusal, answer

__all__ = ["CreateBody", "UpdateBody", "routes"]

LIST_TOP = 100
LIST_TOP_WITH_HISTORY = 50


class CreateBody(Struct):
    """The body of a create."""

    properties: dict[str, Value]
    associations: list[InlineAssociation] | None = None


class UpdateBody(Struct):
    """The body of an update."""

    properties: dict[str, Value]


def routes() -> list[Endpoint]:
    """The calls on single records and the list."""
    return [
        Endpoint("GET", "objects", "/{t}", list_records, Need.READ),
        Endpoint("POST", "objects", "/{t}", create_record, Need.WRITE, write=True),
        Endpoint("GET", "objects", "/{t}/{id}", read_record, Need.READ),
        Endpoint("PATCH", "objects", "/{t}/{id}", update_record, Need.WRITE, write=True),
        Endpoint("DELETE", "objects", "/{t}/{id}", archive_record, Need.WRITE, write=True),
    ]


def list_records(call: Call) -> Answer:
    """One page of a type's records by ascending id."""
    table = call.table()
    history = call.names("propertiesWithHistory")
    limit = call.integer("limit", default=10, top=LIST_TOP_WITH_HISTORY if history else LIST_TOP)
    ids = table.after(_last_seen(call), limit + 1, archived=call.flag("archived"))
    view, linked = _view(call), call.names("associations")
    shown = [
        inline_associations(call, view.record(table.records[one]), table.records[one], linked)
        for one in ids[:limit]
    ]
    after = str(ids[limit - 1]) if len(ids) > limit else None
    return answer({"results": shown, **call.paging(after)})


def _last_seen(call: Call) -> int:
    after = call.text("after")
    if after is None:
        return 0
    if not after.isascii() or not after.isdigit():
        raise Refusal(400, "Unable to parse value for query parameter: after")
    return int(after)


def _view(call: Call) -> View:
    return View(
        call.account,
        call.table(),
        call.names("properties"),
        call.names("propertiesWithHistory"),
    )


def read_record(call: Call) -> Answer:
    """One record by id or by a unique property."""
    record = find_record(
        call.account,
        call.table(),
        call.params["id"],
        id_property=call.text("idProperty"),
        archived=call.flag("archived"),
    )
    shown = _view(call).record(record)
    return answer(inline_associations(call, shown, record, call.names("associations")))


def create_record(call: Call) -> Answer:
    """Create one record with its associations."""
    body = call.json(CreateBody)
    account, table = call.account, call.table()
    try:
        plan = plan_create(
            account, table, body.properties, source_of(call.token), newest=call.newest
        )
    except BadValues as bad:
        raise bad.refusal(account.details.portal_id) from None
    links = plan_links(account, table, body.associations)
    record = apply(account, plan)
    connect_planned(account, (table.name, record.id), links)
    shown = written_view(account, table, plan.named).record(record)
    return answer(shown, 201, ("Location", f"{call.origin}{call.path.rstrip('/')}/{record.id}"))


def update_record(call: Call) -> Answer:
    """Change some properties of one record."""
    account, table = call.account, call.table()
    record = find_record(
        account,
        table,
        call.params["id"],
        id_property=call.text("idProperty"),
        action="update/upsert",
    )
    body = call.json(UpdateBody)
    try:
        plan = plan_update(
            account, table, record, body.properties, source_of(call.token), newest=call.newest
        )
    except BadValues as bad:
        raise bad.refusal(account.details.portal_id) from None
    record = apply(account, plan)
    return answer(written_view(account, table, plan.named).record(record))


def archive_record(call: Call) -> Answer:
    """Archive one record; again is no error."""
    table, text = call.table(), call.params["id"]
    if not text.isascii() or not text.isdigit():
        find_record(call.account, table, text)
    number = int(text)
    record = table.live(number)
    if record is not None:
        archive(call.account, table, record)
    elif number not in table.records and not call.account.switches.delete_unknown_ok:
        raise Refusal(404, "resource not found")
    return NO_CONTENT
