"""Questions that people ask of a store: how much, which, and what happened to this record.

Used inside the daemon (metrics) and by commands beside it (`status`, `explain`, `conflicts`),
which may read while a daemon writes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from actors.errors import StoreError
from actors.intents import Intent
from actors.links import Change, Conflict, Link, Status
from actors.orders import Asked
from actors.records import Side
from daemon.store.codec import (
    json_array,
    to_asked,
    to_change,
    to_conflict,
    to_intent,
    to_link,
)
from daemon.store.database import Database, connect_file, open_database
from daemon.store.migrate import LATEST, read_version
from daemon.store.queries import QUERIES

_NEWEST = 2**63 - 1
_LOAD = {Side.LEFT: QUERIES.load_left, Side.RIGHT: QUERIES.load_right}


class Count(Struct, frozen=True, kw_only=True):
    """How many links of a sync have a status for a reason.

    Attributes:
        left, right: how many of them have a record on that side.
    """

    sync: str
    status: Status
    reason: str
    links: int
    left: int
    right: int


class FoundConflict(Struct, frozen=True, kw_only=True):
    """A conflict with the number of its row, to page on from."""

    id: int
    conflict: Conflict


class FoundChange(Struct, frozen=True, kw_only=True):
    """A line of history with the number of its row, to page on from."""

    id: int
    change: Change


class Pause(Struct, frozen=True, kw_only=True):
    """A sync (`sales/deals`) or a connection (`sales`) that a person has paused."""

    target: str
    by: str
    since_us: int


class OrderEnd(Struct, frozen=True, kw_only=True):
    """What became of an order of a person."""

    outcome: str
    refused: bool


class Reader:
    """Read-only questions; each is one statement over an index, whatever the size."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def count_links(self) -> tuple[Count, ...]:
        """Return the links of all syncs by status and reason; the parts sum up to the whole."""
        trouble = [_to_count(row) for row in await self._db.fetch(QUERIES.count_trouble)]
        counts = []
        for sync, links, left, right in await self._db.fetch(QUERIES.count_all):
            rest = [count for count in trouble if count.sync == sync]
            in_sync = Count(
                sync=sync,
                status=Status.IN_SYNC,
                reason="",
                links=links - sum(count.links for count in rest),
                left=left - sum(count.left for count in rest),
                right=right - sum(count.right for count in rest),
            )
            counts += [in_sync, *rest] if in_sync.links else rest
        return tuple(counts)

    async def find_record(self, sync: str, side: Side, record_id: str) -> Link | None:
        """Return the link of a record by the id that the app gives it."""
        rows = await self._db.fetch(_LOAD[side], (sync, json_array([record_id])))
        return to_link(rows[0]) if rows else None

    async def find_links(self, ids: Sequence[int]) -> dict[int, Link]:
        """Return links by their own id; those that are not there any more are left out."""
        rows = await self._db.fetch(QUERIES.load_links, (json_array(ids),))
        return {link.id: link for link in map(to_link, rows)}

    async def list_links(
        self, sync: str, status: Status, *, after: int = 0, limit: int = 100
    ) -> tuple[Link, ...]:
        """Return links of one status with an id above `after`, in id order."""
        if status is Status.IN_SYNC:
            rows = await self._db.fetch(QUERIES.list_in_sync, (sync, after, limit))
        else:
            rows = await self._db.fetch(QUERIES.list_trouble, (sync, status.value, after, limit))
        return tuple(map(to_link, rows))

    async def count_intents(self) -> dict[str, int]:
        """Return how many intents have no outcome yet, by sync."""
        return dict(await self._db.fetch(QUERIES.count_intents))

    async def link_intents(self, sync: str, link: int) -> tuple[Intent, ...]:
        """Return the intents of a link that have no outcome yet, oldest first."""
        return tuple(map(to_intent, await self._db.fetch(QUERIES.link_intents, (sync, link))))

    async def count_conflicts(self) -> dict[tuple[str, str], int]:
        """Return how many conflicts there are, by sync and outcome."""
        rows = await self._db.fetch(QUERIES.count_conflicts)
        return {(sync, outcome): conflicts for sync, outcome, conflicts in rows}

    async def link_conflicts(self, sync: str, link: int) -> tuple[Conflict, ...]:
        """Return the conflicts of a link, newest first."""
        return tuple(map(to_conflict, await self._db.fetch(QUERIES.load_conflicts, (sync, link))))

    async def list_conflicts(
        self, *, before: int = _NEWEST, limit: int = 100
    ) -> tuple[FoundConflict, ...]:
        """Return conflicts of all syncs, newest first, from below the number `before`."""
        rows = await self._db.fetch(QUERIES.list_conflicts, (before, limit))
        return tuple(FoundConflict(id=row[-1], conflict=to_conflict(row)) for row in rows)

    async def list_open_conflicts(
        self, sync: str, *, before: int = _NEWEST, limit: int = 100
    ) -> tuple[FoundConflict, ...]:
        """Return the conflicts of a sync that are still open, newest first."""
        rows = await self._db.fetch(QUERIES.list_open_conflicts, (sync, before, limit))
        return tuple(FoundConflict(id=row[-1], conflict=to_conflict(row)) for row in rows)

    async def link_history(
        self, link: int, *, before: int = _NEWEST, limit: int = 100
    ) -> tuple[FoundChange, ...]:
        """Return what was changed or lost in the records of a link, newest first."""
        rows = await self._db.fetch(QUERIES.link_history, (link, before, limit))
        return tuple(FoundChange(id=row[-1], change=to_change(row)) for row in rows)

    async def list_history(
        self, *, before: int = _NEWEST, limit: int = 100
    ) -> tuple[FoundChange, ...]:
        """Return the history of all syncs, newest first, from below the number `before`."""
        rows = await self._db.fetch(QUERIES.list_history, (before, limit))
        return tuple(FoundChange(id=row[-1], change=to_change(row)) for row in rows)

    async def list_cursors(self) -> dict[tuple[str, str], str]:
        """Return all cursors by sync and name."""
        rows = await self._db.fetch(QUERIES.list_cursors)
        return {(sync, name): value for sync, name, value in rows}

    async def find_conflict(self, number: int) -> FoundConflict | None:
        """Return a conflict by the number of its row."""
        rows = await self._db.fetch(QUERIES.find_conflict, (number,))
        return FoundConflict(id=number, conflict=to_conflict(rows[0])) if rows else None

    async def list_link_conflicts(self, link: int) -> tuple[FoundConflict, ...]:
        """Return the conflicts of a link with their numbers, newest first."""
        rows = await self._db.fetch(QUERIES.list_link_conflicts, (link,))
        return tuple(FoundConflict(id=row[-1], conflict=to_conflict(row)) for row in rows)

    async def find_merged(self, sync: str, side: Side, record_id: str) -> Link | None:
        """Return the link of the record that took over from one which was merged into it."""
        rows = await self._db.fetch(QUERIES.find_merged, (sync, side.value, record_id))
        return (await self.find_links([rows[0][0]])).get(rows[0][0]) if rows else None

    async def open_orders(self) -> tuple[Asked, ...]:
        """Return the orders of people that are not carried out yet, of all syncs."""
        return tuple(map(to_asked, await self._db.fetch(QUERIES.open_orders)))

    async def find_order(self, number: int) -> OrderEnd | None:
        """Return what became of an order, or None while it is open."""
        rows = await self._db.fetch(QUERIES.find_order, (number,))
        if not rows or rows[0][0] is None:
            return None
        return OrderEnd(outcome=rows[0][0], refused=bool(rows[0][1]))

    async def list_pauses(self) -> tuple[Pause, ...]:
        """Return what is paused, by target."""
        rows = await self._db.fetch(QUERIES.list_pauses)
        return tuple(Pause(target=row[0], by=row[1], since_us=row[2]) for row in rows)

    async def size_bytes(self) -> int:
        """Return the size of the database without its write-ahead log."""
        return await self._db.fetch_number(QUERIES.size_bytes)

    async def check_integrity(self) -> None:
        """Look for damage, about a second per gigabyte; raise StoreError if there is any."""
        await self._db.check_integrity()


def _to_count(row: tuple[str, str, str, int, int, int]) -> Count:
    sync, status, reason, links, left, right = row
    return Count(
        sync=sync, status=Status(status), reason=reason, links=links, left=left, right=right
    )


def find_file(path: Path) -> Path:
    """Return the path of the store's file itself, or raise StoreError if there is none."""
    if not path.exists():
        raise StoreError(f"store {path}: there is none yet: `tieline run` makes it")
    return path.resolve()


@asynccontextmanager
async def open_for_reading(path: Path) -> AsyncIterator[Database]:
    """Open the store's file at `path` for reading, also while a daemon uses it.

    Raises:
        StoreError: there is no store, it has another version than this tieline, or it is damaged.
    """
    async with open_database(connect_file(find_file(path), "ro"), str(path)) as db:
        await db.fetch("PRAGMA query_only = ON")
        await check_version(db, path)
        yield db


async def check_version(db: Database, path: Path) -> None:
    """Raise StoreError unless the store has the version that this tieline uses."""
    version = await read_version(db)
    if version == 0:
        raise StoreError(f"store {path}: it is empty: `tieline run` fills it")
    if version < LATEST:
        raise StoreError(
            f"store {path}: it has version {version}, and this tieline reads version {LATEST}:"
            " `tieline run` brings it up to date"
        )


@asynccontextmanager
async def open_reader(path: Path) -> AsyncIterator[Reader]:
    """Open the store at `path` for questions; nothing is changed.

    Raises:
        StoreError: as `open_for_reading`.
    """
    async with open_for_reading(path) as db:
        yield Reader(db)
