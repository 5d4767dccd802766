"""Plans on disk: a small database per plan, beside the store, that a person may apply later.

Not in the store: a plan is made beside a running daemon, is large, and is thrown away. Statements
run in the caller's thread: one of them is a look-up by key in a local file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from actors.errors import StoreError, TielineError
from actors.plans import Write

KEPT = 20
"""So many plans are kept; older ones go when a new one is made."""

_SCHEMA = """
CREATE TABLE plan (number INTEGER NOT NULL, made_us INTEGER NOT NULL, made_by TEXT NOT NULL);
CREATE TABLE syncs (
    sync TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL
) STRICT;
CREATE TABLE decisions (
    sync TEXT NOT NULL, link INTEGER NOT NULL, record TEXT NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (sync, link)
) STRICT;
CREATE INDEX decisions_record ON decisions (sync, record);
CREATE TABLE writes (
    sync TEXT NOT NULL, link INTEGER NOT NULL, side TEXT NOT NULL, what TEXT NOT NULL
) STRICT;
CREATE INDEX writes_link ON writes (sync, link);
"""


class PlanMovedError(TielineError):
    """A plan cannot be applied any more: what it was made for has changed."""


class PlanFacts(Struct, frozen=True, kw_only=True):
    """What is known of a plan.

    Attributes:
        versions: by sync, the version of its configuration that was planned.
    """

    number: int
    made_us: int
    made_by: str
    versions: dict[str, int]


class PlanFile:
    """One plan on disk."""

    def __init__(self, db: sqlite3.Connection, number: int) -> None:
        self._db = db
        self.number = number

    def book(self, sync: str, version: int) -> PlanBook:
        """Begin the part of one sync."""
        self._db.execute("INSERT INTO syncs VALUES (?, ?)", (sync, version))
        return PlanBook(self._db, self.number, sync)

    def part(self, sync: str) -> PlanBook:
        """Return the part of one sync, to be applied."""
        return PlanBook(self._db, self.number, sync)

    def facts(self) -> PlanFacts:
        """Return what is known of it."""
        [(number, made_us, made_by)] = self._db.execute("SELECT number, made_us, made_by FROM plan")
        versions = dict(self._db.execute("SELECT sync, version FROM syncs").fetchall())
        return PlanFacts(number=number, made_us=made_us, made_by=made_by, versions=versions)


class PlanBook:
    """The decisions of a plan about one sync: a `Book` and a `Planned` of the core."""

    def __init__(self, db: sqlite3.Connection, number: int, sync: str) -> None:
        self._db = db
        self._sync = sync
        self.number = number

    def note(self, link: int, record: str, digest: bytes, writes: Iterable[Write]) -> None:
        """Put down what is decided of a link, in the place of what was before."""
        self.strike(link)
        row = (self._sync, link)
        self._db.execute("INSERT INTO decisions VALUES (?, ?, ?, ?)", (*row, record, digest))
        rows = [(*row, *write) for write in writes]
        self._db.executemany("INSERT INTO writes VALUES (?, ?, ?, ?)", rows)

    def strike(self, link: int) -> None:
        """Nothing is to be written for a link any more."""
        for table in ("decisions", "writes"):
            self._db.execute(f"DELETE FROM {table} WHERE sync = ? AND link = ?", (self._sync, link))

    def knows(self, link: int) -> bool:
        """Say whether something is to be written for a link."""
        sql = "SELECT 1 FROM decisions WHERE sync = ? AND link = ?"
        return self._db.execute(sql, (self._sync, link)).fetchone() is not None

    def has(self, record: str, digest: bytes) -> bool:
        """Say whether the plan decides this of the record."""
        sql = "SELECT 1 FROM decisions WHERE sync = ? AND record = ? AND digest = ?"
        return self._db.execute(sql, (self._sync, record, digest)).fetchone() is not None

    def total(self) -> dict[Write, int]:
        """Count by side and what would happen."""
        sql = "SELECT side, what, count(*) FROM writes WHERE sync = ? GROUP BY side, what"
        return {(side, what): n for side, what, n in self._db.execute(sql, (self._sync,))}


def plans_folder(store: Path) -> Path:
    """Return where the plans of a store are."""
    return store.with_name(f"{store.stem}.plans")


def list_plans(store: Path) -> list[int]:
    """Return the numbers of the plans that are kept, oldest first."""
    return sorted(
        int(file.stem) for file in plans_folder(store).glob("*.db") if file.stem.isdigit()
    )


def may_keep(store: Path) -> str:
    """Return why no plan can be kept for this store, or the empty text."""
    folder = plans_folder(store)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "draft").touch()
        (folder / "draft").unlink()
    except OSError as error:
        return f"{folder}: {error.strerror}"
    return ""


@contextmanager
def new_plan(store: Path, made_by: str, made_us: int) -> Iterator[PlanFile]:
    """Make a plan; it is there for others once the block has ended well.

    Raises:
        StoreError: it cannot be written.
    """
    folder = plans_folder(store)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        number = max(list_plans(store), default=0) + 1
        draft, file = folder / f"{number}.draft", folder / f"{number}.db"
        draft.unlink(missing_ok=True)
        with closing(sqlite3.connect(draft, isolation_level=None)) as db:
            db.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_SCHEMA}")
            db.execute("BEGIN")
            db.execute("INSERT INTO plan VALUES (?, ?, ?)", (number, made_us, made_by))
            yield PlanFile(db, number)
            db.execute("COMMIT")
        draft.chmod(0o600)
        draft.rename(file)
        for old in list_plans(store)[:-KEPT]:
            (folder / f"{old}.db").unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"plan in {folder}: it cannot be written: {error}") from error
    finally:
        with suppress(OSError, UnboundLocalError):
            draft.unlink(missing_ok=True)


@contextmanager
def open_plan(store: Path, number: int) -> Iterator[PlanFile]:
    """Open a plan to apply it.

    Raises:
        StoreError: there is no such plan, or it cannot be read.
    """
    file = plans_folder(store) / f"{number}.db"
    if not file.exists():
        known = ", ".join(map(str, list_plans(store))) or "none"
        raise StoreError(f"there is no plan {number}; there are: {known}; `tieline plan` makes one")
    try:
        uri = f"{file.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as db:
            yield PlanFile(db, number)
    except sqlite3.Error as error:
        raise StoreError(f"plan {file}: it cannot be read: {error}") from error
