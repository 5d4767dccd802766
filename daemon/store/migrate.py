"""Versions of the store: a fresh one from `schema.sql`, an older one brought forward.

The number of the last migration that a store has seen is its `PRAGMA user_version`. There is no
way back: a store of a newer tieline is refused untouched.
"""

from __future__ import annotations

from pathlib import Path

from actors.errors import StoreError
from daemon.store.database import Database

_HERE = Path(__file__).parent
APPLICATION_ID = 0x7469654C


def load_schema() -> str:
    """Return the script that makes a fresh store of the latest version."""
    return (_HERE / "schema.sql").read_text("utf-8")


def load_migrations() -> dict[int, str]:
    """Return the migration scripts by the version that they lead to, in order."""
    files = sorted((_HERE / "migrations").glob("[0-9]*.sql"))
    return {int(file.name.partition("_")[0]): file.read_text("utf-8") for file in files}


LATEST = max(load_migrations())


async def read_version(db: Database) -> int:
    """Return the store's version, 0 for an empty file, without changing anything.

    Raises:
        StoreError: the file belongs to another program, or to a newer tieline.
    """
    version = await db.fetch_value("PRAGMA user_version")
    owner = await db.fetch_value("PRAGMA application_id")
    if owner == 0 and not await db.fetch_value("SELECT count(*) FROM sqlite_schema"):
        return 0
    if owner != APPLICATION_ID or not isinstance(version, int):
        raise StoreError(f"store {db.name}: it is a database of another program: check the path")
    if version > LATEST:
        raise StoreError(
            f"store {db.name}: it has version {version}, and this tieline knows versions up to"
            f" {LATEST}: install the newer tieline again, or restore the backup made before it"
        )
    return version


async def bring_up_to_date(db: Database) -> None:
    """Make a fresh store, or run the migrations that it lacks, each in its own transaction."""
    version = await read_version(db)
    if version == 0:
        await db.run_script(load_schema())
        return
    for number, script in load_migrations().items():
        if number > version:
            await db.run_script(script)
