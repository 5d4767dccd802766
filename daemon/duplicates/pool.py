"""A pool of records on disk, from which pairs are drawn that may be duplicates.

Memory is bounded whatever the number of records: they lie in a temporary SQLite file, sorted
into drawers (`likeness.blocks_of`), and only records of one drawer are compared.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from types import TracebackType

import msgspec
from msgspec import Struct

from daemon.duplicates.likeness import Likeness, Traits, blocks_of, compare

WINDOW = 60
"""In a drawer that many records share, each is compared with so many neighbours by name."""

_TABLES = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000;
CREATE TABLE records (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE drawers (drawer TEXT NOT NULL, name TEXT NOT NULL, record INTEGER NOT NULL) STRICT;
"""
_SORT = "CREATE INDEX IF NOT EXISTS sorted ON drawers (drawer, name, record)"
_DRAWERS = """
SELECT d.drawer, r.body FROM drawers AS d CROSS JOIN records AS r ON r.id = d.record
ORDER BY d.drawer, d.name, d.record
"""


class Entry(Struct, frozen=True):
    """A record of an app; `linked` is the id of its counterpart in the other one, if it has one."""

    app: str
    id: str
    traits: Traits
    linked: str = ""
    drawers: tuple[str, ...] = ()


class Pair(Struct, frozen=True):
    """Two records that may be the same, and why."""

    first: Entry
    second: Entry
    likeness: Likeness


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Entry).decode


class Pool:
    """Records of one object of both apps, in a file that is made anew.

    Use it as a context: it closes its file.
    """

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.executescript(_TABLES)
        self.records = 0

    def __enter__(self) -> Pool:
        """Return the pool itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._db.close()

    def add(self, entries: Iterable[Entry]) -> None:
        """Put records in."""
        self._db.execute("BEGIN")
        for bare in entries:
            self.records += 1
            traits = bare.traits
            entry = msgspec.structs.replace(bare, drawers=blocks_of(traits))
            self._db.execute("INSERT INTO records VALUES (?, ?)", (self.records, _pack(entry)))
            rows = [(drawer, traits.name, self.records) for drawer in entry.drawers]
            self._db.executemany("INSERT INTO drawers VALUES (?, ?, ?)", rows)
        self._db.execute("COMMIT")

    def best(self, least: float, most: int) -> tuple[list[Pair], int]:
        """Return the most alike pairs that are not linked, best first, and how many there are."""
        kept: list[tuple[float, int, Pair]] = []
        total = 0
        for pair in self._pairs():
            if pair.likeness.score < least:
                continue
            total += 1
            item = (pair.likeness.score, -total, pair)
            if len(kept) < most:
                heapq.heappush(kept, item)
            elif most:
                heapq.heappushpop(kept, item)
        return [pair for _, _, pair in sorted(kept, key=lambda one: one[:2], reverse=True)], total

    def _pairs(self) -> Iterator[Pair]:
        """Compare each two records once: in the first of the drawers that both lie in."""
        self._db.execute(_SORT)
        rows = self._db.execute(_DRAWERS)
        for drawer, group in groupby(rows, key=lambda row: str(row[0])):
            before: list[Entry] = []
            for _, body in group:
                entry = _unpack(body)
                for other in before:
                    if drawer == _first_shared(entry, other) and not _are_linked(entry, other):
                        yield Pair(*_ordered(other, entry), compare(other.traits, entry.traits))
                before = [*before[-WINDOW + 1 :], entry]


def _first_shared(one: Entry, two: Entry) -> str:
    return min(set(one.drawers) & set(two.drawers))


def _are_linked(one: Entry, two: Entry) -> bool:
    return one.app != two.app and (one.linked == two.id or two.linked == one.id)


def _ordered(one: Entry, two: Entry) -> tuple[Entry, Entry]:
    first, second = sorted((one, two), key=lambda entry: (entry.app, len(entry.id), entry.id))
    return first, second
