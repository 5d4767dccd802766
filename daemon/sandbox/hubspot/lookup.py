"""Finding the record that a path, a batch input or a merge names.

Owns the vendor's texts for ids that lead nowhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from daemon.sandbox.hubspot.table import Record, Table
from daemon.sandbox.hubspot.wire import Refusal, invalid, not_found

if TYPE_CHECKING:
    from daemon.sandbox.hubspot.account import Account

__all__ = ["check_id_property", "find_by_key", "find_record", "live_by_id"]

_INTEGER = re.compile(r"[+-]?\d{1,19}")


def check_id_property(table: Table, name: str | None, action: str = "update/upsert") -> str | None:
    """Check that records can be addressed by a property.

    Returns:
        Its name, or None for the record id.

    Raises:
        Refusal: 400 for a property that is not unique or does not exist.
    """
    if name is None or name in ("", "hs_object_id"):
        return None
    if not table.schema.is_unique(name):
        raise invalid(
            f"Unable to perform {action} by non-unique "
            f"{table.schema.type.object_type_id} property {name}"
        )
    return name


def find_by_key(table: Table, name: str, value: str) -> Record | None:
    """The live record that a unique property's value belongs to."""
    holder = table.holder(name, value)
    return None if holder is None else table.live(holder)


def live_by_id(table: Table, text: str) -> Record | None:
    """The live record of an id, through merges; None for anything else."""
    if not text.isascii() or not text.isdigit():
        return None
    return table.live(table.survivor(int(text)))


def find_record(
    account: Account,
    table: Table,
    text: str,
    *,
    id_property: str | None = None,
    archived: bool = False,
    action: str = "read",
) -> Record:
    """The one record a path names.

    Args:
        archived: look among archived records only.

    Raises:
        Refusal: 404 in the vendor's several wordings, 400 for a non-unique `id_property`.
    """
    key = check_id_property(table, id_property, action)
    if key is not None:
        record = _archived_by_key(table, key, text) if archived else find_by_key(table, key, text)
    else:
        record = _by_number(table, _checked_number(text), archived)
    if record is None:
        raise Refusal(404, "resource not found")
    return record


def _checked_number(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise not_found("Object not found.  objectId are usually numeric.", context={"id": [text]})
    if int(text) <= 0:
        raise not_found("Object not found. objectId is usually positive.", context={"id": [text]})
    return int(text)


def _by_number(table: Table, number: int, archived: bool) -> Record | None:
    if not archived:
        return table.live(table.survivor(number))
    record = table.records.get(number)
    return record if record is not None and record.archived_ms is not None else None


def _archived_by_key(table: Table, name: str, value: str) -> Record | None:
    wanted = value.strip().lower()
    records = (table.records[one] for one in table.archived_ids)
    return next((r for r in records if r.values.get(name, "").strip().lower() == wanted), None)
