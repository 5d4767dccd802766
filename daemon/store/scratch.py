"""A store to try things on: a copy of the real one as it is now, thrown away afterwards."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import anyio.to_thread

from actors.errors import StoreError
from daemon.store.sqlite import SqliteStore, open_store


@asynccontextmanager
async def open_scratch(path: Path) -> AsyncIterator[SqliteStore]:
    """Open a copy of the store at `path`, or an empty store if there is none yet.

    The daemon may go on writing the real one meanwhile. The copy lies in the system's folder for
    temporary files and needs as much room as the store.

    Raises:
        StoreError: the store cannot be copied, is of a newer version, or no store at all.
    """
    with tempfile.TemporaryDirectory(prefix="tieline-plan-") as folder:
        copy = Path(folder) / "tieline.db"
        await anyio.to_thread.run_sync(partial(_copy, path, copy))
        async with open_store(copy) as store:
            yield store


def _copy(path: Path, copy: Path) -> None:
    if not path.exists():
        return
    try:
        with (
            closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"store {path}: it cannot be copied to plan with: {error}") from error
