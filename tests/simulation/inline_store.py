"""The real store code in a simulation: no thread, no real time, and a disk that survives kills.

A `Disk` holds one store. `disk.open()` gives the SqliteStore of one life of the daemon;
`disk.kill()` is `kill -9`: what was not committed is gone, every connection of that life is
dead, and the next `open()` finds what a restarted daemon would find.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import aiosqlite
import anyio.lowlevel

from daemon.store.sqlite import SqliteStore, attach_store

_T = TypeVar("_T")


class KilledError(RuntimeError):
    """Code of a life that was killed still tries to use its store."""


class Disk:
    """A simulated disk, the same for one life of the daemon after the other.

    Attributes:
        fault: asked before each call with its name (`execute`, `executemany`, `commit`, ...);
            an error that it returns is raised in place of the call. `rollback` and `close`
            are not asked.
        calls: how many calls were made.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        pause: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint,
    ) -> None:
        """Make a disk in memory, or on the file at `path` if there must be a real one.

        Args:
            path: where the database file is, or None for memory, which is faster (per small
                commit 0.1 ms; 0.13 on tmpfs, 0.3 on a disk, 0.7 with the real thread).
            pause: how long a call takes; awaited after each.
        """
        self.fault: Callable[[str], Exception | None] = lambda _: None
        self.calls = 0
        self.pause = pause
        self._path = path
        self._living: list[InlineConnection] = []
        self._memory = None if path else self._connect_raw(":memory:")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[SqliteStore]:
        """Open the store for one life of the daemon."""
        reads = None if self._path is None else self._connect
        async with attach_store(self._connect, reads, "(simulated)") as store:
            yield store

    def kill(self) -> None:
        """End this life's connections at once; transactions that are open are lost."""
        while self._living:
            self._living.pop().die()

    def look(self) -> sqlite3.Connection:
        """Return the disk's content itself, to be read past every life; only of one in memory."""
        assert self._memory is not None, "a disk on a file is read by opening the file"
        return self._memory

    def destroy(self) -> None:
        """Give up the disk itself."""
        self.kill()
        if self._memory is not None:
            self._memory.close()

    def _connect(self) -> InlineConnection:
        connection = InlineConnection(self, self._raw)
        self._living.append(connection)
        return connection

    def _raw(self) -> sqlite3.Connection:
        return self._memory or self._connect_raw(str(self._path))

    @staticmethod
    def _connect_raw(path: str) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None)

    def let_go(self, raw: sqlite3.Connection) -> None:
        """Take a connection back: one in memory is kept, for it is the disk's content."""
        if raw is self._memory:
            raw.rollback()
        else:
            raw.close()


class InlineConnection(aiosqlite.Connection):
    """Calls happen at once, even if the caller is cancelled, and then take the disk's time.

    Overrides private names of aiosqlite: `_execute`, `_connect`, `_connection`, `_running`.
    """

    def __init__(self, disk: Disk, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._disk = disk
        self._dead = False

    def __await__(self) -> Generator[None, None, aiosqlite.Connection]:
        return self._connect().__await__()

    async def _connect(self) -> aiosqlite.Connection:
        self._connection = self._connector()
        return self

    async def _execute(self, fn: Callable[..., _T], *args: object, **kwargs: object) -> _T:
        if self._dead:
            raise KilledError("this life of the daemon was killed")
        self._disk.calls += 1
        name = fn.__name__.removeprefix("_").removesuffix("_fetchall")
        try:
            error = None if name == "rollback" else self._disk.fault(name)
            if error is not None:
                raise error
            return fn(*args, **kwargs)
        finally:
            await self._disk.pause()
            if self._dead:
                raise KilledError("this life of the daemon was killed")

    async def rollback(self) -> None:
        """Roll back; after a kill there is nothing left to roll back."""
        if not self._dead:
            await super().rollback()

    async def close(self) -> None:
        """Close without a thread to wait for."""
        self.die()

    def die(self) -> None:
        """Drop the connection and what it had not committed."""
        self._dead = True
        raw, self._connection = self._connection, None
        if raw is not None:
            self._disk.let_go(raw)

    def stop(self) -> None:
        """Nothing runs."""
        self._running = False
