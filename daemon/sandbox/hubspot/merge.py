"""Merging two records into one, which usually gets an id of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.sandbox.hubspot.associations import connect
from daemon.sandbox.hubspot.table import HistoryEntry, Record, Source, Table
from daemon.sandbox.hubspot.wire import Refusal, invalid

if TYPE_CHECKING:
    from daemon.sandbox.hubspot.account import Account

__all__ = ["merge_records"]

MAX_MERGES = 250
_MERGED_IDS = "hs_merged_object_ids"
_SOURCES = {"contacts": "MERGE_CONTACTS", "companies": "MERGE_COMPANIES"}


def merge_records(
    account: Account, table: Table, primary_id: str, other_id: str, user_id: int | None = None
) -> Record:
    """Merge the second record into the first.

    The primary's values win and the other's fill the gaps; associations are united. Both old
    ids lead to the survivor afterwards and are found nowhere else.

    Raises:
        Refusal: 404 for an id that is not there, 400 for a record merged with itself or 250
            merges.
    """
    primary, other = _live(table, primary_id), _live(table, other_id)
    if primary.id == other.id:
        raise invalid("Cannot merge an object with itself")
    absorbed = _absorbed(primary, other)
    if len(absorbed) > MAX_MERGES:
        raise invalid(f"A record cannot take part in more than {MAX_MERGES} merges")
    survivor = _survivor(account, table, primary, other, user_id)
    survivor.values[_MERGED_IDS] = ";".join(absorbed)
    _move_associations(account, table, survivor, (primary, other))
    for gone in (primary, other):
        if gone is not survivor:
            account.links.drop_all((table.name, gone.id))
            account.indexes[table.name].drop(gone.id)
            table.remove(gone)
            table.merged[gone.id] = survivor.id
    # Put in only now, so that its unique values are free.
    if survivor is not primary:
        table.add(survivor)
    else:
        table.replace_values(survivor, survivor.values)
    account.bump(table, survivor)
    return survivor


def _live(table: Table, text: str) -> Record:
    number = int(text) if text.isascii() and text.isdigit() else 0
    record = table.live(table.survivor(number))
    if record is None:
        raise Refusal(404, "resource not found")
    return record


def _absorbed(primary: Record, other: Record) -> list[str]:
    found: list[str] = []
    for record in (primary, other):
        found += [one for one in record.values.get(_MERGED_IDS, "").split(";") if one]
        found.append(str(record.id))
    return list(dict.fromkeys(found))


def _survivor(
    account: Account, table: Table, primary: Record, other: Record, user_id: int | None
) -> Record:
    now = account.clock.now_ms()
    source = Source(
        _SOURCES.get(table.name, "MERGE_OBJECTS"),
        None if user_id is None else f"userId:{user_id}",
        None,
        user_id,
    )
    values = {**other.values, **primary.values}
    emails = _additional_emails(table, primary, other)
    if emails:
        values["hs_additional_emails"] = emails
    if account.switches.merge_keeps_primary:
        for name, value in values.items():
            if value != primary.values.get(name):
                kept = primary.history.setdefault(name, primary.versions(name)[::-1])
                kept.append(HistoryEntry(value, now, source))
        primary.values = values
        return primary
    record = Record(account.mint_id(), values, now, now, source)
    record.history = {
        name: [*primary.versions(name)[::-1], HistoryEntry(value, now, source)]
        for name, value in values.items()
    }
    return record


def _additional_emails(table: Table, primary: Record, other: Record) -> str:
    if table.name != "contacts":
        return ""
    found: list[str] = []
    for record in (primary, other):
        found += record.values.get("hs_additional_emails", "").split(";")
    found.append(other.values.get("email", ""))
    own = primary.values.get("email", "") or other.values.get("email", "")
    return ";".join(dict.fromkeys(one for one in found if one and one != own))


def _move_associations(
    account: Account, table: Table, survivor: Record, sources: tuple[Record, ...]
) -> None:
    """Unite the associations; the first record's primary company stays the primary one."""
    side = (table.name, survivor.id)
    for record in sources:
        if record is survivor:
            continue
        ends = account.links.all_of((table.name, record.id))
        for target, type_ids in sorted(ends, key=lambda end: not _is_primary(account, end[1])):
            if target == side:
                continue
            others = account.links.targets(side, target[0]).values()
            taken = any(_is_primary(account, ids) for ids in others)
            kept = [one for one in type_ids if not (taken and _is_primary(account, (one,)))]
            connect(account, side, target, kept)


def _is_primary(account: Account, type_ids: tuple[int, ...]) -> bool:
    return any(account.links.types[one].label == "Primary" for one in type_ids)
