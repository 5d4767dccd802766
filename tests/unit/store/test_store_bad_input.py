"""A store that cannot be used says why and what to do, and loses nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiosqlite
import anyio
import pytest

from actors.errors import StoreError
from actors.links import Link
from daemon.store import migrate
from daemon.store.database import connect_file
from daemon.store.reading import open_reader
from daemon.store.sqlite import SqliteStore, attach_store, open_store
from tests.conformance.store_kit import DEALS, change, commit, full_link, link
from tests.simulation.inline_store import Disk

pytestmark = pytest.mark.anyio

OTHER_DAEMON = """
import sys, anyio
from pathlib import Path
from daemon.store.sqlite import open_store
from tests.conformance.store_kit import commit, link
from daemon.store.queries import QUERIES

async def main():
    async with open_store(Path(sys.argv[1])) as store:
        await commit(store, link(1, left="1"), cursors={"left": "committed"})
        async with store._writes.transaction() as transaction:
            await transaction.run_many(QUERIES.drop_links, [(1,)])
            print("ready", flush=True)
            await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tieline.db"


async def fill(path: Path, links: int = 1) -> None:
    async with open_store(path) as store:
        await commit(store, *(full_link(key) for key in range(1, links + 1)))


def write(path: Path, text: str) -> None:
    path.write_text(text)


def content(path: Path) -> bytes:
    return path.read_bytes()


async def assert_refused(path: Path, *words: str) -> None:
    """Assert that neither a daemon nor a reader opens the store, nor changes it."""
    before = content(path)
    for opened in (open_store(path), open_reader(path)):
        with pytest.raises(StoreError) as raised:
            async with opened:
                pass
        for word in (str(path), *words):
            assert word in str(raised.value)
    assert content(path) == before


async def test_a_store_of_a_newer_version_is_refused_untouched(path: Path) -> None:
    await fill(path)
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    known = f"knows versions up to {migrate.LATEST}"
    await assert_refused(path, "it has version 99", known, "install the newer tieline")


async def test_an_older_store_is_brought_forward_step_by_step(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(path)
    one, two = migrate.LATEST + 1, migrate.LATEST + 2
    steps = {
        one: f"BEGIN; CREATE TABLE two (a TEXT) STRICT; PRAGMA user_version = {one}; COMMIT;",
        two: f"BEGIN; CREATE TABLE three (a TEXT) STRICT; PRAGMA user_version = {two}; COMMIT;",
    }
    monkeypatch.setattr(migrate, "load_migrations", lambda: {1: "nonsense", **steps})
    monkeypatch.setattr(migrate, "LATEST", two)
    async with open_store(path) as store:
        assert await store._reads.fetch_value("PRAGMA user_version") == two
        assert await store._reads.fetch("SELECT * FROM two JOIN three") == []
        assert len(await store.page_links(DEALS, 0, 9)) == 1


async def test_a_migration_that_fails_leaves_the_version_before_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(path)
    following = migrate.LATEST + 1
    table = f"CREATE TABLE two (a TEXT) STRICT; PRAGMA user_version = {following}"
    broken = f"BEGIN; {table}; SELECT wrong; COMMIT;"
    monkeypatch.setattr(migrate, "load_migrations", lambda: {1: "nonsense", following: broken})
    with pytest.raises(StoreError, match="no such column: wrong"):
        await fill(path)
    monkeypatch.undo()
    async with open_store(path) as store:
        assert await store._reads.fetch("SELECT name FROM sqlite_schema WHERE name = 'two'") == []
        assert len(await store.page_links(DEALS, 0, 9)) == 1


async def test_a_database_of_another_program_is_refused_untouched(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE links (id INTEGER PRIMARY KEY)")
    other.close()
    await assert_refused(path, "a database of another program", "check the path")


async def test_a_file_that_is_no_database_is_refused_untouched(path: Path) -> None:
    write(path, "apps:\n  hubspot: {type: hubspot}\n" * 200)
    await assert_refused(path, "not a SQLite database", "check the path")


async def test_a_damaged_store_is_found_at_the_start(path: Path) -> None:
    await fill(path, links=20)
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(os.urandom(4096 * 20))
    with pytest.raises(StoreError, match=r"it is damaged.*restore the last backup"):
        async with open_store(path):
            pass
    async with open_reader(path) as reader:
        with pytest.raises(StoreError, match="it is damaged"):
            await reader.check_integrity()


async def test_a_truncated_store_is_found_at_the_start(path: Path) -> None:
    await fill(path, links=20)
    os.truncate(path, len(content(path)) // 2)
    with pytest.raises(StoreError, match="it is damaged"):
        async with open_store(path):
            pass


def limited(path: Path, pages: int) -> aiosqlite.Connection:
    """Connect to a database that may not grow above so many pages: a small disk."""
    raw = connect_file(path, "rw")()

    def connector() -> sqlite3.Connection:
        connection: sqlite3.Connection = raw._connector()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    return aiosqlite.Connection(connector, iter_chunk_size=64)


async def test_h32_a_full_disk_loses_nothing_and_halves_nothing(path: Path) -> None:
    await fill(path, links=0)
    written: list[Link] = []
    readers = connect_file(path, "rw")
    async with attach_store(lambda: limited(path, 900), readers, path) as store:
        with pytest.raises(StoreError, match="the disk is full: make room"):
            for key in range(1, 1_000):
                await commit(store, full_link(key), history=(change(key, 1),))
                written.append(full_link(key))
        assert written
        assert await store.page_links(DEALS, 0, 1_000) == tuple(written)
        assert len(await store.reader.list_history(limit=1_000)) == len(written)
    async with open_store(path) as store:
        assert await store.page_links(DEALS, 0, 1_000) == tuple(written)
        await commit(store, full_link(1_000))


async def test_h32_a_commit_that_the_disk_refuses_leaves_the_store_usable() -> None:
    disk = Disk()
    async with disk.open() as store:
        for code, name in ((sqlite3.SQLITE_FULL, "SQLITE_FULL"), (10, "SQLITE_IOERR_FSYNC")):
            error = sqlite3.OperationalError("the commit failed")
            error.sqlite_errorcode, error.sqlite_errorname = code, name
            disk.fault = lambda call, error=error: error if call == "commit" else None  # type: ignore[misc]
            with pytest.raises(StoreError, match="the disk"):
                await commit(store, link(1, left="1"))
            disk.fault = lambda _: None
            assert await store.page_links(DEALS, 0, 9) == ()
        await commit(store, link(1, left="1"))
    disk.destroy()


async def test_a_store_that_cannot_be_written_is_refused_at_the_start(path: Path) -> None:
    await fill(path)
    read_only = connect_file(path, "ro")
    with pytest.raises(StoreError, match="cannot be written: check the owner"):
        async with attach_store(read_only, read_only, path):
            pass


async def test_a_place_that_cannot_hold_a_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="folder cannot be made"):
        async with open_store(tmp_path / "file" / "s.db"):
            pass
    with pytest.raises(StoreError, match="Is a directory"):
        async with open_store(tmp_path / "folder"):
            pass


@contextmanager
def unprivileged() -> Iterator[None]:
    """Give up root for a moment, which no file mode holds back."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_a_folder_without_the_right_to_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with (
        unprivileged(),
        pytest.raises(StoreError, match=r"may write to the folder|cannot be made"),
    ):
        async with open_store(folder / "tieline.db"):
            pass


async def test_files_of_a_store_are_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "tieline.db"
    old = os.umask(0)
    try:
        async with open_store(path):
            modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        os.umask(old)
    names = ("tieline.db", "tieline.db-wal", "tieline.db-shm", "tieline.db.lock")
    assert modes == dict.fromkeys(names, 0o600)
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_a_commit_is_flushed_before_it_is_reported(path: Path) -> None:
    async with open_store(path) as store:
        assert await store._writes.fetch_value("PRAGMA synchronous") == 2
        assert await store._writes.fetch_value("PRAGMA journal_mode") == "wal"
        assert await store._writes.fetch_value("PRAGMA foreign_keys") == 1


@contextmanager
def other_daemon(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run another process that holds the store and has a transaction open."""
    command = [sys.executable, "-c", OTHER_DAEMON, str(path)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


async def test_h34_a_second_daemon_is_refused_and_readers_are_not(path: Path) -> None:
    with other_daemon(path) as first:
        with pytest.raises(StoreError, match=rf"another tieline \(pid {first.pid}\) uses this"):
            async with open_store(path):
                pass
        async with open_reader(path) as reader:
            assert await reader.list_cursors() == {(DEALS, "left"): "committed"}


async def test_i13_after_kill_9_what_was_committed_is_there_and_nothing_else(path: Path) -> None:
    with other_daemon(path) as first:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        async with open_reader(path) as reader:
            assert await reader.list_cursors() == {(DEALS, "left"): "committed"}
        async with open_store(path) as store:
            assert await store.page_links(DEALS, 0, 9) == (link(1, left="1"),)
            assert store.new_id() == 2


async def test_the_lock_also_holds_through_another_name(path: Path, tmp_path: Path) -> None:
    (tmp_path / "other.db").symlink_to(path)
    async with open_store(path):
        with pytest.raises(StoreError, match="another tieline"):
            async with open_store(tmp_path / "other.db"):
                pass
    async with open_store(tmp_path / "other.db"):
        pass


@pytest.mark.parametrize("call", range(1, 9))
async def test_a_cancelled_commit_is_whole_or_nothing(call: int) -> None:
    disk, calls = Disk(), iter(range(1, 100))
    names: list[str] = []
    reported = False
    async with disk.open() as store:
        with anyio.CancelScope() as scope:

            def fault(name: str) -> None:
                names.append(name)
                if next(calls) == call:
                    scope.cancel()

            disk.fault = fault
            await commit(store, link(1, left="1"), history=(change(1, 1),), cursors={"left": "1"})
            reported = True
        disk.fault = lambda _: None
        assert reported == ("commit" in names), "who asked for it must learn that it is stored"
        stored = len(await store.page_links(DEALS, 0, 9))
        assert stored == ("commit" in names)
        assert len(await store.reader.list_history()) == stored
        await commit(store, link(2, left="2"))
    disk.destroy()


async def test_commits_of_several_tasks_do_not_mix(path: Path) -> None:
    async def work(store: SqliteStore, first: int) -> None:
        for key in range(first, first + 20):
            await commit(store, link(key, left=str(key)), cursors={str(first): str(key)})
            assert str(key) in await store.load_links(DEALS, "left", [str(key)])

    async with open_store(path) as store:
        async with anyio.create_task_group() as group:
            for first in (100, 200, 300):
                group.start_soon(work, store, first)
        assert len(await store.page_links(DEALS, 0, 100)) == 60
