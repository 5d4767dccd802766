"""One SQLite connection and the discipline of its use; knows nothing of tables.

All access of the store goes through `Database`, and it uses only seven methods of
`aiosqlite.Connection`: a simulation passes a subclass that runs without a thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import aiosqlite
import anyio
from anyio import CancelScope

from actors.errors import StoreError
from daemon.store.faults import explain

# A row has a type per column, which only the statement knows.
Row: TypeAlias = tuple[Any, ...]
Connect: TypeAlias = Callable[[], aiosqlite.Connection]

_BUSY_MS = 5_000
_CLOSE_S = 10


def connect_file(path: Path, mode: str) -> Connect:
    """Return a factory of connections to an existing file; `mode` is SQLite's `rw` or `ro`."""
    uri = f"file:{quote(str(path))}?mode={mode}"

    def connector() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)

    return lambda: aiosqlite.Connection(connector, iter_chunk_size=64)


class Transaction:
    """What may be done inside a transaction; valid until its block ends."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""
        return [tuple(row) for row in await self._connection.execute_fetchall(sql, parameters)]

    async def run_many(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Run a statement once per row of parameters; return how many rows it changed."""
        cursor = await self._connection.executemany(sql, rows)
        return cursor.rowcount


class Database:
    """A connection that one task uses at a time."""

    def __init__(self, connection: aiosqlite.Connection, name: str) -> None:
        self.name = name
        self._connection = connection
        self._turn = anyio.Lock()

    async def fetch(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query; never rows of a transaction that is still open."""
        async with self._turn:
            with self._explained():
                return await Transaction(self._connection).fetch(sql, parameters)

    async def fetch_value(self, sql: str, parameters: Sequence[object] = ()) -> object:
        """Return the first column of the first row, or None if there is no row."""
        rows = await self.fetch(sql, parameters)
        return rows[0][0] if rows else None

    async def fetch_number(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Return the integer that the query's only row consists of."""
        value = await self.fetch_value(sql, parameters)
        if not isinstance(value, int):
            raise StoreError(f"store {self.name}: a number is missing from it: restore a backup")
        return value

    async def check_integrity(self) -> None:
        """Run SQLite's quick check, about a second per gigabyte.

        Raises:
            StoreError: the file is damaged; the message carries SQLite's first finding.
        """
        finding = await self.fetch_value("PRAGMA quick_check(1)")
        if finding != "ok":
            raise explain(sqlite3.DatabaseError(str(finding)), self.name, "SQLITE_CORRUPT")

    async def run_script(self, script: str) -> None:
        """Run a script that says BEGIN and COMMIT itself; on failure nothing of it remains."""
        async with self._turn:
            with self._explained():
                try:
                    await self._connection.executescript(script)
                except BaseException:
                    with CancelScope(shield=True):
                        await self._connection.rollback()
                    raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Run the block as one write transaction; nothing in it may wait for an app."""
        async with self._turn:
            with self._explained():
                try:
                    await self._connection.execute_fetchall("BEGIN IMMEDIATE")
                    yield Transaction(self._connection)
                    with CancelScope(shield=True):
                        await self._connection.commit()
                except BaseException:
                    with CancelScope(shield=True):
                        await self._connection.rollback()
                    raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explain(error, self.name) from error


@asynccontextmanager
async def open_database(connect: Connect, name: str) -> AsyncIterator[Database]:
    """Open a connection and close it at the end of the block, whatever happens in it."""
    try:
        connection = await connect()
    except sqlite3.Error as error:
        raise explain(error, name) from error
    try:
        database = Database(connection, name)
        await database.fetch(f"PRAGMA busy_timeout = {_BUSY_MS}")
        yield database
    finally:
        with anyio.move_on_after(_CLOSE_S, shield=True):
            await connection.close()
