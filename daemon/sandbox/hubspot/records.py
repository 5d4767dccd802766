"""Creating, changing and archiving records: the rules every way of writing shares.

A write has two steps. Planning checks everything and changes nothing; it raises `Refusal`.
Applying cannot fail. So a batch plans all its inputs before it applies the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from daemon.sandbox.hubspot.auth import Token
from daemon.sandbox.hubspot.deals import consequences
from daemon.sandbox.hubspot.table import HistoryEntry, Record, Source, Table
from daemon.sandbox.hubspot.validate import (
    Facts,
    Problem,
    Value,
    check_required,
    check_values,
    refuse_values,
)
from daemon.sandbox.hubspot.wire import Refusal, conflict, invalid, iso

if TYPE_CHECKING:
    from daemon.sandbox.hubspot.account import Account

__all__ = [
    "BadValues",
    "Plan",
    "apply",
    "archive",
    "plan_create",
    "plan_update",
    "restore",
    "source_of",
]

_BY_ITSELF = Source("CALCULATED")


class BadValues(Exception):  # noqa: N818  # a refusal in the making: a batch gathers several
    """The bad properties of one record."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{len(problems)} bad values")
        self.problems = problems

    def refusal(self, portal_id: int) -> Refusal:
        """The vendor's 400 naming all of them."""
        return refuse_values(self.problems, portal_id)


class Plan(Struct):
    """One checked write. `record` None means a create; `record_id` is minted at planning."""

    table: Table
    record_id: int
    record: Record | None
    changes: dict[str, str]
    added: dict[str, str]
    source: Source
    # Names the caller sent, to be shown in the answer.
    named: list[str]


def source_of(token: Token) -> Source:
    """How the history names a write by this token's app."""
    return Source("INTEGRATION", str(token.app_id), token.app_label)


def facts(account: Account) -> Facts:
    """What validation must know of the account at this moment."""
    return Facts(
        portal_id=account.details.portal_id,
        now_ms=account.clock.now_ms(),
        owner_ids=account.active_owner_ids(),
        currencies=account.details.currencies,
        strict_stages=account.switches.strict_stages,
        strict_owners=account.switches.strict_owners,
    )


def plan_create(
    account: Account,
    table: Table,
    properties: Mapping[str, Value],
    source: Source,
    *,
    newest: bool = False,
    claimed: set[tuple[str, str]] | None = None,
) -> Plan:
    """Check a create and work out every value the new record gets.

    Args:
        newest: the version enforces the account's create form.
        claimed: unique values that earlier inputs of the same batch will take; added to.

    Raises:
        BadValues: naming every bad property.
        Refusal: 400 for nothing to write or a required property, 409 or 400 for a taken value.
    """
    if not properties:
        raise invalid("properties cannot be empty")
    schema = table.schema
    stored, problems = check_values(schema, properties, facts(account))
    problems += _blocked(account, table, stored)
    if problems:
        raise BadValues(problems)
    form = account.switches.required_on_create.get(table.name, []) if newest else []
    check_required(schema, stored, form)
    record_id = account.mint_id()
    _check_unique(account, table, record_id, stored, claimed)
    now = account.clock.now_ms()
    changes = {name: value for name, value in stored.items() if value}
    added = consequences(schema, {}, changes, now, auto_close_date=account.switches.auto_close_date)
    if "createdate" not in changes:
        added["createdate"] = iso(now)
    added |= _origin(source)
    return Plan(table, record_id, None, changes, added, source, list(properties))


def _origin(source: Source) -> dict[str, str]:
    return {
        "hs_object_source": source.type,
        "hs_object_source_label": source.type,
        "hs_object_source_id": source.id or "",
    }


def plan_update(
    account: Account,
    table: Table,
    record: Record,
    properties: Mapping[str, Value],
    source: Source,
    *,
    newest: bool = False,
    claimed: set[tuple[str, str]] | None = None,
) -> Plan:
    """Check a change of some properties; equal values drop out of it.

    Args:
        newest: the version enforces the account's create form.
        claimed: as for a create.

    Raises:
        BadValues: naming every bad property.
        Refusal: 400 for nothing to write, 409 or 400 for a taken value.
    """
    if not properties:
        raise invalid("No properties found to update, please provide at least one.")
    schema, before = table.schema, record.values
    stored, problems = check_values(schema, properties, facts(account), present=before)
    problems += _blocked(account, table, stored)
    if problems:
        raise BadValues(problems)
    if newest:
        _keep_required(account, table, stored)
    changes = {name: value for name, value in stored.items() if value != before.get(name, "")}
    _check_unique(account, table, record.id, changes, claimed)
    added = consequences(
        schema,
        before,
        changes,
        account.clock.now_ms(),
        auto_close_date=account.switches.auto_close_date,
    )
    # What the caller sent stays as sent, even where it is what was there before.
    added = {
        name: value
        for name, value in added.items()
        if value != before.get(name, "") and not stored.get(name)
    }
    return Plan(table, record.id, record, changes, added, source, list(properties))


def _keep_required(account: Account, table: Table, stored: Mapping[str, str]) -> None:
    form = account.switches.required_on_create.get(table.name, [])
    cleared = [name for name in form if stored.get(name) == ""]
    if cleared:
        raise invalid(
            f"Error updating {table.schema.type.fully_qualified_name}. "
            "Some required properties were not set.",
            context={"properties": cleared},
        )


def _blocked(account: Account, table: Table, stored: Mapping[str, str]) -> list[Problem]:
    email = stored.get("email", "")
    if table.name != "contacts" or email not in account.blocked_emails:
        return []
    return [Problem("INVALID_EMAIL", "email has been GDPR blacklisted", "email", email)]


def _check_unique(
    account: Account,
    table: Table,
    record_id: int,
    values: Mapping[str, str],
    claimed: set[tuple[str, str]] | None,
) -> None:
    for name, value in values.items():
        if not value or not table.schema.is_unique(name):
            continue
        key = (name, value.strip().lower())
        holder = table.holder(name, value)
        if holder is not None and holder != record_id:
            raise _taken(account, table, name, value, record_id, holder)
        if claimed is not None:
            if key in claimed:
                raise _taken(account, table, name, value, record_id, None)
            claimed.add(key)


def _taken(
    account: Account, table: Table, name: str, value: str, record_id: int, holder: int | None
) -> Refusal:
    if table.name == "contacts" and name == "email":
        if holder is None:
            return conflict("Contact already exists")
        text = f"Contact already exists. Existing ID: {holder}"
        return conflict(text, existing_id=str(holder))
    coordinates = (
        f"PropertyValueCoordinates{{portalId={account.details.portal_id}, "
        f"objectTypeId=ObjectTypeId{{legacyObjectType={table.schema.type.fully_qualified_name}}}, "
        f"propertyName={name}, value={value}}}"
    )
    other = holder if holder is not None else record_id - 1
    return invalid(f"Cannot set {coordinates} on {record_id}. {other} already has that value.")


def apply(account: Account, plan: Plan) -> Record:
    """Carry out a checked write and return the record as it is now."""
    now = account.clock.now_ms()
    if plan.record is None:
        return _insert(account, plan, now)
    record = plan.record
    if not (plan.changes or plan.added) and not account.switches.equal_write_bumps:
        return record
    for name, value in plan.changes.items():
        _remember(account, plan.table, record, name, HistoryEntry(value, now, plan.source))
    for name, value in plan.added.items():
        _remember(account, plan.table, record, name, HistoryEntry(value, now, _BY_ITSELF))
    plan.table.replace_values(record, _merged(record.values, plan.changes | plan.added))
    account.bump(plan.table, record)
    return record


def _insert(account: Account, plan: Plan, now: int) -> Record:
    values = _merged({}, plan.changes | plan.added)
    record = Record(plan.record_id, values, now, now, plan.source)
    for name, value in plan.added.items():
        if name in ("hs_deal_stage_probability", "closedate"):
            record.history[name] = [HistoryEntry(value, now, _BY_ITSELF)]
    plan.table.add(record)
    account.publish(plan.table, record)
    return record


def _merged(before: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in {**before, **changes}.items() if value}


def _remember(
    account: Account, table: Table, record: Record, name: str, entry: HistoryEntry
) -> None:
    kept = record.history.get(name)
    if kept is None:
        kept = record.history[name] = record.versions(name)
    kept.append(entry)
    switches = account.switches
    cap = switches.history_cap_contacts if table.name == "contacts" else switches.history_cap
    del kept[:-cap]


def archive(account: Account, table: Table, record: Record) -> None:
    """Put a live record away; a person may bring it back within 90 days."""
    now = account.clock.now_ms()
    for side, _ in account.links.park((table.name, record.id)):
        account.count_moved(side, table.name)
    table.archive(record, now)
    account.indexes[table.name].drop(record.id)
    account.note_archived(table, record)


def restore(account: Account, table: Table, record: Record) -> None:
    """Bring an archived record back, as a person does in the UI.

    Raises:
        Refusal: 400 or 409 when another record took a unique value in the meantime.
    """
    _check_unique(account, table, record.id, record.values, None)
    table.restore(record)
    for side in account.links.unpark((table.name, record.id), account.is_live):
        account.count_moved(side, table.name)
    if account.switches.restore_bumps:
        account.bump(table, record)
    else:
        account.publish(table, record)
