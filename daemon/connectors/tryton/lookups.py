"""Looking records up by what a field holds, as Tryton's search does it. Pure.

Texts are compared by `ilike` with nothing left open: without regard to case as far as the
database behind Tryton can.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actors.errors import OutsideDomainError
from actors.records import Snapshot
from daemon.connectors.tryton.changes import Domain
from daemon.connectors.tryton.columns import Column
from daemon.connectors.tryton.wire import encode

BATCH = 50
"""Values in one search: each is one comparison with every record."""

_TEXTS = frozenset({"char", "text", "fullname"})


def domain_of(column: Column, values: Sequence[str]) -> Domain | None:
    """Return the search for records that hold one of the values, or None if none can be held.

    Any line of the column's type may hold it: whoever asks looks at the first one.
    """
    held = _held(column.path, column.type, values)
    if held is None or column.line is None:
        return held
    line = column.line
    kind = [] if line.type is None else [["type", "=", line.type]]
    return [[line.lines, "where", [*kind, ["active", "=", True], *held]]]


def _held(path: str, native_type: str, values: Sequence[str]) -> Domain | None:
    if native_type in _TEXTS:
        return [["OR", *([path, "ilike", _literally(value)] for value in values)]]
    held = [one for value in values for one in _encoded(native_type, value)]
    return [[path, "in", held]] if held else None


def _literally(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _encoded(native_type: str, value: str) -> list[object]:
    try:
        return [encode(native_type, value)]
    except (OutsideDomainError, KeyError):
        return []


def group(
    values: Iterable[str], field: str, records: Iterable[Snapshot]
) -> dict[str, tuple[Snapshot, ...]]:
    """Put records under the asked values that they hold."""
    holders: dict[str, list[Snapshot]] = {}
    for record in records:
        holders.setdefault((record.values.get(field) or "").strip().casefold(), []).append(record)
    found = {value: holders.get(value.strip().casefold(), []) for value in values}
    return {value: tuple(some) for value, some in found.items() if some}
