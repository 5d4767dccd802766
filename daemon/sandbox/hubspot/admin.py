"""What a person does in the vendor's UI: edit, create, archive, restore, merge; and purging.

Served on the control address only. The same rules as for API writes, another source in the
history.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from daemon.sandbox.hubspot.account import Account
from daemon.sandbox.hubspot.lookup import find_record
from daemon.sandbox.hubspot.merge import merge_records
from daemon.sandbox.hubspot.property_rules import find_property
from daemon.sandbox.hubspot.records import apply, archive, plan_create, plan_update, restore
from daemon.sandbox.hubspot.render import written_view
from daemon.sandbox.hubspot.table import Record, Source, Table
from daemon.sandbox.hubspot.validate import Value
from daemon.sandbox.hubspot.wire import Refusal

__all__ = ["ACTS"]

# Any: each act answers with the vendor's shape of a record, or with nothing much.
ActOnAccount = Callable[[Account, bytes], Any]


class Edit(Struct, rename="camel", kw_only=True):
    """A person's form: which record, which properties, who."""

    object_type: str = "deals"
    id: str | int = ""
    properties: dict[str, Value] = msgspec.field(default_factory=dict)
    user_id: int | None = None


class Ids(Struct, rename="camel", kw_only=True):
    """Records of one type to act on."""

    object_type: str = "deals"
    id: str | int | None = None
    ids: list[str | int] = msgspec.field(default_factory=list)

    def all(self) -> list[str]:
        """Every id named."""
        return [str(one) for one in ([self.id] if self.id is not None else []) + self.ids]


class Named(Struct, rename="camel", kw_only=True):
    """A property of one type."""

    object_type: str = "deals"
    name: str


class Merge(Struct, rename="camel", kw_only=True):
    """Two records to become one."""

    object_type: str = "deals"
    primary_object_id: str | int
    object_id_to_merge: str | int
    user_id: int | None = None


def _source(account: Account, user_id: int | None) -> Source:
    active = (owner.user_id for owner in account.owners.values() if owner.user_id is not None)
    user = user_id if user_id is not None else next(active, 2_620_022)
    return Source("CRM_UI", f"userId:{user}", None, user)


def _shown(account: Account, table: Table, record: Record, names: list[str]) -> Any:
    return written_view(account, table, names).record(record)


def _edit(account: Account, body: bytes) -> Any:
    form = msgspec.json.decode(body, type=Edit)
    table = account.table(form.object_type)
    record = find_record(account, table, str(form.id))
    plan = plan_update(account, table, record, form.properties, _source(account, form.user_id))
    return _shown(account, table, apply(account, plan), plan.named)


def _create(account: Account, body: bytes) -> Any:
    form = msgspec.json.decode(body, type=Edit)
    table = account.table(form.object_type)
    plan = plan_create(account, table, form.properties, _source(account, form.user_id))
    return _shown(account, table, apply(account, plan), plan.named)


def _archive(account: Account, body: bytes) -> Any:
    wanted = msgspec.json.decode(body, type=Ids)
    table = account.table(wanted.object_type)
    records = [find_record(account, table, one) for one in wanted.all()]
    for record in records:
        archive(account, table, record)
    return {"archived": [str(record.id) for record in records]}


def _restore(account: Account, body: bytes) -> Any:
    wanted = msgspec.json.decode(body, type=Ids)
    table = account.table(wanted.object_type)
    records = [find_record(account, table, one, archived=True) for one in wanted.all()]
    for record in records:
        restore(account, table, record)
    return {"restored": [str(record.id) for record in records]}


def _merge(account: Account, body: bytes) -> Any:
    wanted = msgspec.json.decode(body, type=Merge)
    table = account.table(wanted.object_type)
    merged = merge_records(
        account,
        table,
        str(wanted.primary_object_id),
        str(wanted.object_id_to_merge),
        wanted.user_id,
    )
    return _shown(account, table, merged, [])


def _purge(account: Account, body: bytes) -> Any:
    """Remove records for good, archived or not, as a privacy deletion does."""
    wanted = msgspec.json.decode(body, type=Ids)
    table = account.table(wanted.object_type)
    purged = []
    for one in wanted.all():
        record = table.records.get(int(one)) if one.isdigit() else None
        if record is None:
            raise Refusal(404, "resource not found")
        account.purge(table, record)
        purged.append(one)
    return {"purged": purged}


def _restore_property(account: Account, body: bytes) -> Any:
    """Bring an archived property back, with the values that records still have."""
    wanted = msgspec.json.decode(body, type=Named)
    schema = account.table(wanted.object_type).schema
    found = find_property(schema, wanted.name, archived=True)
    found.archived, found.archived_at = False, UNSET
    account.touch()
    return {"restored": wanted.name}


ACTS: dict[str, ActOnAccount] = {
    "edit": _edit,
    "create": _create,
    "archive": _archive,
    "restore": _restore,
    "merge": _merge,
    "purge": _purge,
    "restore-property": _restore_property,
}
