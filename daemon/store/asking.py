"""Asking: how a command leaves orders and pauses in the store, beside a daemon or without one.

The daemon's lock is not taken: a command adds a row of its own in one short transaction and
touches nothing that the daemon keeps. SQLite lets the two take turns.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from actors.orders import AnyOrder
from daemon.store.codec import order_row
from daemon.store.database import Database, connect_file, open_database
from daemon.store.queries import QUERIES
from daemon.store.reading import check_version, find_file


@asynccontextmanager
async def open_desk(path: Path) -> AsyncIterator[Desk]:
    """Open the store at `path` for leaving orders, also while a daemon uses it.

    Raises:
        StoreError: there is no store, it has another version than this tieline, it cannot be
            written, or it is damaged.
    """
    async with open_database(connect_file(find_file(path), "rw"), str(path)) as db:
        await check_version(db, path)
        yield Desk(db)


class Desk:
    """Where orders are left."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def give(self, sync: str, order: AnyOrder, by: str, at_us: int) -> int:
        """Leave an order and return its number."""
        async with self._db.transaction() as transaction:
            await transaction.run_many(QUERIES.add_order, [order_row(sync, order, by, at_us)])
            [(number,)] = await transaction.fetch(QUERIES.last_order)
        return int(number)

    async def pause(self, targets: Iterable[str], by: str, at_us: int) -> int:
        """Pause syncs or connections by name; return how many were not paused already."""
        async with self._db.transaction() as transaction:
            rows = [(target, by, at_us) for target in targets]
            return await transaction.run_many(QUERIES.add_pause, rows)

    async def resume(self, targets: Iterable[str]) -> int:
        """Let paused syncs or connections go on; return how many were paused."""
        async with self._db.transaction() as transaction:
            return await transaction.run_many(QUERIES.drop_pause, [(one,) for one in targets])
