"""The records of one object type: present values, history, archived and merged ones.

Owns the bookkeeping that makes reads fast (sorted ids, unique values). It applies changes; what
may be written is decided in `validate` and `records`, never here.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator

from msgspec import Struct, field

from daemon.sandbox.hubspot.catalog import ObjectSchema

__all__ = ["HistoryEntry", "Record", "Source", "Table"]


class Source(Struct, frozen=True, gc=False):
    """Who wrote a value, as the history tells it."""

    type: str
    id: str | None = None
    label: str | None = None
    user_id: int | None = None


class HistoryEntry(Struct, frozen=True, array_like=True, gc=False):
    """One value that a property had from `at_ms` on."""

    value: str
    at_ms: int
    source: Source


class Record(Struct):
    """One record.

    `values` holds only filled properties and is replaced, never changed in place: the search
    index keeps the dict it saw. A property without an entry in `history` has had its present
    value since `born_ms`, written by `origin`. Lists in `history` are oldest first.
    """

    id: int
    values: dict[str, str]
    modified_ms: int
    born_ms: int
    origin: Source
    history: dict[str, list[HistoryEntry]] = field(default_factory=dict)
    archived_ms: int | None = None

    def versions(self, name: str) -> list[HistoryEntry]:
        """Every kept version of one property, newest first."""
        kept = self.history.get(name)
        if kept is not None:
            return kept[::-1]
        value = self.values.get(name)
        return [] if value is None else [HistoryEntry(value, self.born_ms, self.origin)]


def _discard(ids: list[int], record_id: int) -> None:
    at = bisect_right(ids, record_id) - 1
    if at >= 0 and ids[at] == record_id:
        del ids[at]


class Table:
    """All records of one object type."""

    def __init__(self, schema: ObjectSchema) -> None:
        self.schema = schema
        self.records: dict[int, Record] = {}
        self.ids: list[int] = []
        self.archived_ids: list[int] = []
        self.merged: dict[int, int] = {}
        self._unique: dict[str, dict[str, int]] = {}

    @property
    def name(self) -> str:
        """The type's plural name, which is its name throughout the sandbox."""
        return self.schema.type.name

    def __len__(self) -> int:
        return len(self.ids)

    def live(self, record_id: int) -> Record | None:
        """The record if it is there and not archived."""
        record = self.records.get(record_id)
        return record if record is not None and record.archived_ms is None else None

    def survivor(self, record_id: int) -> int:
        """Follow merges to the id that a record lives under now."""
        while record_id in self.merged:
            record_id = self.merged[record_id]
        return record_id

    def after(self, last_id: int, count: int, *, archived: bool) -> list[int]:
        """Up to `count` ids beyond `last_id`, ascending."""
        ids = self.archived_ids if archived else self.ids
        start = bisect_right(ids, last_id)
        return ids[start : start + count]

    def add(self, record: Record) -> None:
        """Take in a new record."""
        self.records[record.id] = record
        if not self.ids or record.id > self.ids[-1]:
            self.ids.append(record.id)
        else:
            insort(self.ids, record.id)
        self._hold(record)

    def replace_values(self, record: Record, values: dict[str, str]) -> None:
        """Give a live record its new values and keep the unique indexes true."""
        self._release(record)
        record.values = values
        self._hold(record)

    def archive(self, record: Record, at_ms: int) -> None:
        """Move a live record to the archived ones; its unique values become free."""
        record.archived_ms = at_ms
        self._release(record)
        _discard(self.ids, record.id)
        insort(self.archived_ids, record.id)

    def restore(self, record: Record) -> None:
        """Bring an archived record back under its id."""
        record.archived_ms = None
        _discard(self.archived_ids, record.id)
        insort(self.ids, record.id)
        self._hold(record)

    def remove(self, record: Record) -> None:
        """Forget a record for good."""
        self._release(record)
        _discard(self.ids, record.id)
        _discard(self.archived_ids, record.id)
        del self.records[record.id]

    def holder(self, name: str, value: str) -> int | None:
        """The live record that has a unique property's value, compared without case."""
        return self._index(name).get(value.strip().lower())

    def _index(self, name: str) -> dict[str, int]:
        index = self._unique.get(name)
        if index is None:
            index = self._unique[name] = {}
            for record_id in self.ids:
                for key in self._keys(name, self.records[record_id].values):
                    index.setdefault(key, record_id)
        return index

    def _keys(self, name: str, values: dict[str, str]) -> Iterator[str]:
        value = values.get(name)
        if value:
            yield value.strip().lower()
        if name == "email":
            for other in values.get("hs_additional_emails", "").split(";"):
                if other:
                    yield other.strip().lower()

    def _hold(self, record: Record) -> None:
        for name, index in self._unique.items():
            for key in self._keys(name, record.values):
                index.setdefault(key, record.id)

    def _release(self, record: Record) -> None:
        for name, index in self._unique.items():
            for key in self._keys(name, record.values):
                if index.get(key) == record.id:
                    del index[key]
