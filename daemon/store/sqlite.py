"""The store on SQLite: the adapter of `actors.ports.Store`, and how a daemon opens it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path

from actors.errors import StoreError
from actors.intents import Intent
from actors.links import Commit, Conflict, Link, Seen
from actors.orders import Asked
from actors.ports import MOST_PER_KEY
from actors.records import Side
from daemon.store.codec import (
    change_row,
    conflict_row,
    holds,
    intent_row,
    json_array,
    key_rows,
    link_row,
    to_asked,
    to_conflict,
    to_intent,
    to_link,
)
from daemon.store.database import Connect, Database, Row, Transaction, connect_file, open_database
from daemon.store.lock import hold_lock
from daemon.store.migrate import bring_up_to_date, read_version
from daemon.store.queries import QUERIES
from daemon.store.reading import Reader, open_for_reading

CHECKED_AT_START = 64 * 1024 * 1024
_PRUNED_AT_ONCE = 1_000
_PRUNED = (
    QUERIES.prune_history,
    QUERIES.prune_conflicts,
    QUERIES.prune_intents,
    QUERIES.prune_orders,
)
# Places in a row of `load_left` and `load_right`.
_END = {Side.LEFT: 2, Side.RIGHT: 3}
_DUE = 6
_RECORD = 9
_LOAD = {Side.LEFT: QUERIES.load_left, Side.RIGHT: QUERIES.load_right}


class SqliteStore:
    """Durable state of all syncs in one SQLite file.

    Reads use `reads`, so that they do not wait for a commit's fsync; with one connection for
    both they take turns with commits instead, and never see half of one.
    """

    def __init__(self, writes: Database, reads: Database, last_id: int) -> None:
        self._writes = writes
        self._reads = reads
        self._marked_id = last_id
        self._ids = count(last_id + 1)

    def new_id(self) -> int:
        """Return an id above all that were committed and all that this process was given."""
        return next(self._ids)

    async def load_links(self, sync: str, side: str, ids: Sequence[str]) -> dict[str, Link]:
        """Return the links of these records of one side by record id; unknown ids are left out."""
        if not ids:
            return {}
        wanted = Side(side)
        rows = await self._reads.fetch(_LOAD[wanted], (sync, json_array(ids)))
        return {row[_RECORD]: to_link(row) for row in rows}

    async def compare_links(
        self, sync: str, side: str, seen: Mapping[str, Seen]
    ) -> tuple[dict[str, Link], set[str]]:
        """Look up records as just read: return links of those that differ, ids of those at rest."""
        if not seen:
            return {}, set()
        wanted = Side(side)
        rows = await self._reads.fetch(_LOAD[wanted], (sync, json_array(seen)))
        links: dict[str, Link] = {}
        resting: set[str] = set()
        for row in rows:
            record_id: str = row[_RECORD]
            if row[_DUE] is None and holds(row[_END[wanted]], seen[record_id]):
                resting.add(record_id)
            else:
                links[record_id] = to_link(row)
        return links, resting

    async def load_links_by_id(self, ids: Sequence[int]) -> dict[int, Link]:
        """Return links by their own id."""
        if not ids:
            return {}
        rows = await self._reads.fetch(QUERIES.load_links, (json_array(ids),))
        return {link.id: link for link in map(to_link, rows)}

    async def load_by_keys(
        self, sync: str, side: str, keys: Sequence[str]
    ) -> dict[str, tuple[Link, ...]]:
        """Return the links whose end on that side has a match key, by key, oldest first."""
        if not keys:
            return {}
        wanted = (sync, Side(side).value, json_array(keys), MOST_PER_KEY)
        found: dict[str, list[Link]] = {}
        for row in await self._reads.fetch(QUERIES.load_by_keys, wanted):
            found.setdefault(row[_RECORD], []).append(to_link(row))
        return {key: tuple(sorted(links, key=lambda link: link.id)) for key, links in found.items()}

    async def load_due(self, sync: str, now_us: int, limit: int) -> tuple[Link, ...]:
        """Return links whose due time has come, the longest due first."""
        rows = await self._reads.fetch(QUERIES.load_due, (sync, now_us, limit))
        return tuple(map(to_link, rows))

    async def page_links(self, sync: str, after: int, limit: int) -> tuple[Link, ...]:
        """Return links with an id above `after`, in id order."""
        rows = await self._reads.fetch(QUERIES.page_links, (sync, after, limit))
        return tuple(map(to_link, rows))

    async def count_pairs(self, sync: str) -> int:
        """Count the links that have both ends."""
        return await self._reads.fetch_number(QUERIES.count_pairs, (sync,))

    async def load_held(self, sync: str, after: int, limit: int) -> tuple[Link, ...]:
        """Return held links with an id above `after`, in id order."""
        rows = await self._reads.fetch(QUERIES.list_trouble, (sync, "held", after, limit))
        return tuple(map(to_link, rows))

    async def load_intents(self, sync: str) -> tuple[Intent, ...]:
        """Return intents without an outcome, in id order."""
        rows = await self._reads.fetch(QUERIES.load_intents, (sync,))
        return tuple(map(to_intent, rows))

    async def load_cursor(self, sync: str, name: str) -> str | None:
        """Return a cursor that was committed under this name, or None."""
        value = await self._reads.fetch_value(QUERIES.load_cursor, (sync, name))
        return None if value is None else str(value)

    async def load_conflicts(self, sync: str, link: int) -> tuple[Conflict, ...]:
        """Return the conflicts of a link, newest first."""
        rows = await self._reads.fetch(QUERIES.load_conflicts, (sync, link))
        return tuple(map(to_conflict, rows))

    async def load_orders(self, sync: str) -> tuple[Asked, ...]:
        """Return orders of people that are not carried out yet, in the order asked."""
        return tuple(map(to_asked, await self._reads.fetch(QUERIES.load_orders, (sync,))))

    async def commit(self, work: Commit) -> None:
        """Make all of `work` durable, or none of it.

        Raises:
            StoreError: a record is claimed by two links, an intent is settled twice or was never
                committed, or the file cannot be written; nothing of `work` is stored then.
        """
        links = sorted({link.id: link for link in work.links}.values(), key=lambda link: link.id)
        rows = [link_row(link) for link in links]
        ids = [link.id for link in links] + [intent.id for intent in work.intents]
        last_id = max(ids, default=0)
        async with self._writes.transaction() as transaction:
            await _write_links(transaction, work, rows)
            await _write_keys(transaction, work, links)
            await _write_intents(transaction, work)
            await _write_records(transaction, work)
            await _end_orders(transaction, work)
            if last_id > self._marked_id:
                await transaction.run_many(QUERIES.mark_last_id, [(last_id,)])
        self._marked_id = max(self._marked_id, last_id)

    async def prune(self, before_us: int) -> int:
        """Delete history, closed conflicts and settled intents older than that; return how many.

        Works in small transactions, so that a sync never waits long for it.
        """
        pruned = 0
        for sql in _PRUNED:
            changed = _PRUNED_AT_ONCE
            while changed == _PRUNED_AT_ONCE:
                async with self._writes.transaction() as transaction:
                    changed = await transaction.run_many(sql, [(before_us, _PRUNED_AT_ONCE)])
                pruned += changed
        return pruned

    async def size_bytes(self) -> int:
        """Return the size of the database without its write-ahead log."""
        return await self._reads.fetch_number(QUERIES.size_bytes)

    @property
    def reader(self) -> Reader:
        """What status, explain and metrics ask of the store."""
        return Reader(self._reads)


async def _write_links(transaction: Transaction, work: Commit, rows: list[Row]) -> None:
    """Write links, each kind of change by the cheapest statement, in ascending id order."""
    if work.dropped:
        await transaction.run_many(QUERIES.drop_links, [(key,) for key in sorted(work.dropped)])
    if not rows:
        return
    found = await transaction.fetch(QUERIES.known_links, (json_array(row[0] for row in rows),))
    known = {row[0]: row for row in found}
    new = [row for row in rows if row[0] not in known]
    same = [row for row in rows if row[0] in known and _claims(row) == known[row[0]][1:]]
    moved = [row for row in rows if row[0] in known and _claims(row) != known[row[0]][1:]]
    released = [(row[0],) for row in moved if _gives_up(known[row[0]], row)]
    try:
        for sql, batch in (
            (QUERIES.release_links, released),
            (QUERIES.update_links, same),
            (QUERIES.move_links, moved),
            (QUERIES.insert_links, new),
        ):
            if batch:
                await transaction.run_many(sql, batch)
    except sqlite3.IntegrityError as error:
        raise await _name_claim(transaction, rows, error) from error


def _claims(row: Row) -> Row:
    return (row[1], row[2], row[4])


def _gives_up(known: Row, row: Row) -> bool:
    """Tell whether a stored link lets go of a record, which another link may then take."""
    _, sync, left_id, right_id = known
    return row[1] != sync or left_id not in (None, row[2]) or right_id not in (None, row[4])


async def _name_claim(
    transaction: Transaction, rows: list[Row], error: sqlite3.IntegrityError
) -> StoreError:
    """Find out which record two links claim, for the message."""
    for key, sync, left_id, _, right_id, *_ in rows:
        for side, record_id in ((Side.LEFT, left_id), (Side.RIGHT, right_id)):
            wanted = (sync, json_array([record_id] if record_id is not None else []))
            for held in await transaction.fetch(_LOAD[side], wanted):
                if held[0] != key:
                    return StoreError(
                        f"{sync}: {side} record {record_id} belongs to link {held[0]}, so link"
                        f" {key} cannot have it too; nothing of this step was stored"
                    )
    return StoreError(f"a link breaks the rules of the store: {error}")


async def _write_keys(transaction: Transaction, work: Commit, links: list[Link]) -> None:
    """Bring the match keys of links up to date; most of the time nothing of them has changed."""
    ids = [*work.dropped, *(link.id for link in links)]
    if not ids:
        return
    wanted = {row for link in links for row in key_rows(link)}
    known = set(await transaction.fetch(QUERIES.known_keys, (json_array(ids),)))
    for sql, rows in (
        (QUERIES.drop_keys, sorted(known - wanted)),
        (QUERIES.write_keys, sorted(wanted - known)),
    ):
        if rows:
            await transaction.run_many(sql, rows)


async def _write_intents(transaction: Transaction, work: Commit) -> None:
    intents = [intent_row(intent) for intent in sorted(work.intents, key=lambda one: one.id)]
    if intents and await transaction.run_many(QUERIES.write_intents, intents) != len(intents):
        raise StoreError(f"{work.sync}: an intent that is settled cannot be attempted again")
    settled = sorted((one.intent, one.outcome, one.at_us) for one in work.settled)
    if settled and await transaction.run_many(QUERIES.settle_intents, settled) != len(settled):
        raise StoreError(f"{work.sync}: an intent that is settled or unknown cannot be settled")


async def _end_orders(transaction: Transaction, work: Commit) -> None:
    done = [(one.order, one.outcome, one.at_us, one.refused) for one in work.orders_done]
    if done and await transaction.run_many(QUERIES.end_orders, done) != len(done):
        raise StoreError(f"{work.sync}: an order that is done or unknown cannot be done")


async def _write_records(transaction: Transaction, work: Commit) -> None:
    cursors = sorted((work.sync, name, value) for name, value in work.cursors.items())
    for sql, batch in (
        (QUERIES.write_conflicts, [conflict_row(conflict) for conflict in work.conflicts]),
        (QUERIES.add_history, [change_row(change) for change in work.history]),
        (QUERIES.write_cursors, cursors),
    ):
        if batch:
            await transaction.run_many(sql, batch)


@asynccontextmanager
async def open_store(path: Path) -> AsyncIterator[SqliteStore]:
    """Open the store at `path` for this process alone; make it, mode 0600, if there is none.

    Raises:
        StoreError: another daemon uses it, it is of a newer version, damaged, no store at all,
            or cannot be written; the message says what to do.
    """
    path = _make_folder(path)
    with hold_lock(path):
        _make_file(path)
        async with attach_store(connect_file(path, "rw"), connect_file(path, "rw"), path) as store:
            yield store


def _make_folder(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path.resolve()
    except OSError as error:
        raise StoreError(
            f"store {path}: its folder cannot be made ({error.strerror}): check the path and who"
            " may write there"
        ) from error


def _make_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(
            f"store {path}: it cannot be opened for writing ({error.strerror}): check the owner"
            " and mode of the file and its folder"
        ) from error


@asynccontextmanager
async def attach_store(
    connect: Connect, connect_reads: Connect | None, name: Path | str
) -> AsyncIterator[SqliteStore]:
    """Open a store on connections of the caller's making, without lock and file handling.

    With `connect_reads` None one connection serves both, as a database in memory needs it.
    """
    async with AsyncExitStack() as stack:
        writes = await stack.enter_async_context(open_database(connect, str(name)))
        await _set_up(writes)
        reads = writes
        if connect_reads is not None:
            reads = await stack.enter_async_context(open_database(connect_reads, str(name)))
            await reads.fetch("PRAGMA query_only = ON")
        yield SqliteStore(writes, reads, await writes.fetch_number(QUERIES.load_last_id))


async def _set_up(db: Database) -> None:
    """Check what the file is before anything in it is changed, then make it durable and ours.

    A large store is not checked for damage here, so that a start stays under a second:
    `daemon.upkeep` does it beside the running syncs.
    """
    await read_version(db)
    journal = await db.fetch_value("PRAGMA journal_mode = WAL")
    if journal not in ("wal", "memory"):
        raise StoreError(
            f"store {db.name}: its file system cannot hold a write-ahead log (journal mode"
            f" {journal}): put the store on a local disk"
        )
    await db.fetch("PRAGMA synchronous = FULL")
    await db.fetch("PRAGMA foreign_keys = ON")
    if await db.fetch_value("PRAGMA synchronous") != 2:
        raise StoreError(f"store {db.name}: SQLite refuses synchronous=FULL, so nothing is safe")
    if await db.fetch_number(QUERIES.size_bytes) <= CHECKED_AT_START:
        await db.check_integrity()
    await bring_up_to_date(db)
    # Finds out now, not at the first commit, that the file cannot be written.
    async with db.transaction() as transaction:
        await transaction.run_many(QUERIES.mark_last_id, [(0,)])


@asynccontextmanager
async def open_unlocked(path: Path) -> AsyncIterator[SqliteStore]:
    """Open the store at `path` for decisions that are not committed, also beside a daemon.

    Raises:
        StoreError: as for `reading.open_for_reading`.
    """
    async with open_for_reading(path) as db:
        yield SqliteStore(db, db, await db.fetch_number(QUERIES.load_last_id))
