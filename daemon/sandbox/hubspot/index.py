"""The search index of one object type: what search knows, which is older than the records.

Owns the lag: a write becomes findable only some time after it was made. Keeps the ids sorted by
themselves and by modified time, so that a poll of a window need not look at every record.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from daemon.sandbox.hubspot.table import Record, Table

__all__ = ["SearchIndex"]

_FAR = 1 << 62
_KEPT_WINDOWS = 4


class _Pending(NamedTuple):
    written_ms: int
    record_id: int
    values: dict[str, str]
    modified_ms: int


class SearchIndex:
    """Values and modified times as search sees them."""

    def __init__(self) -> None:
        self.docs: dict[int, dict[str, str]] = {}
        self.modified: dict[int, int] = {}
        self.ids: list[int] = []
        self.generation = 0
        self._by_modified: list[tuple[int, int]] = []
        self._windows: dict[tuple[int, int | None, int | None], list[int]] = {}
        self._pending: deque[_Pending] = deque()

    def load(self, records: Iterable[Record]) -> None:
        """Take in many records at once, findable immediately."""
        for record in records:
            self.docs[record.id] = record.values
            self.modified[record.id] = record.modified_ms
        self.ids = sorted(self.docs)
        self._by_modified = sorted((at, record_id) for record_id, at in self.modified.items())
        self.generation += 1

    def note(self, record: Record, written_ms: int) -> None:
        """Queue a written record; it becomes findable once the lag has passed."""
        self._pending.append(_Pending(written_ms, record.id, record.values, record.modified_ms))

    def drop(self, record_id: int) -> None:
        """Make a record unfindable at once: search never has archived or merged ones."""
        if record_id not in self.docs:
            return
        del self.docs[record_id]
        del self.ids[bisect_left(self.ids, record_id)]
        self._forget_time(record_id)
        self.generation += 1

    def settle(self, table: Table, written_up_to_ms: int) -> None:
        """Take in what was written up to a moment."""
        while self._pending and self._pending[0].written_ms <= written_up_to_ms:
            entry = self._pending.popleft()
            if table.live(entry.record_id) is not None:
                self._put(entry)

    def ids_modified_in(self, low_ms: int | None, high_ms: int | None) -> list[int]:
        """Ids modified between two times, both inclusive, ascending. Not to be changed.

        A reader pages through one window by ever higher ids, so the last windows are kept.
        """
        key = (self.generation, low_ms, high_ms)
        ids = self._windows.get(key)
        if ids is None:
            ids = self._windows[key] = self._window(low_ms, high_ms)
            while len(self._windows) > _KEPT_WINDOWS:
                self._windows.pop(next(iter(self._windows)))
        return ids

    def _window(self, low_ms: int | None, high_ms: int | None) -> list[int]:
        low = -_FAR if low_ms is None else low_ms
        high = _FAR if high_ms is None else high_ms
        start = bisect_left(self._by_modified, (low, -1))
        stop = bisect_right(self._by_modified, (high, _FAR))
        # Sorting by id costs more than looking up a time.
        if 2 * (stop - start) < len(self.ids):
            return sorted([one for _, one in self._by_modified[start:stop]])
        times = self.modified
        return [one for one in self.ids if low <= times[one] <= high]

    def _put(self, entry: _Pending) -> None:
        if entry.record_id in self.docs:
            self._forget_time(entry.record_id)
        else:
            insort(self.ids, entry.record_id)
        self.docs[entry.record_id] = entry.values
        self.modified[entry.record_id] = entry.modified_ms
        insort(self._by_modified, (entry.modified_ms, entry.record_id))
        self.generation += 1

    def _forget_time(self, record_id: int) -> None:
        pair = (self.modified.pop(record_id), record_id)
        del self._by_modified[bisect_left(self._by_modified, pair)]
