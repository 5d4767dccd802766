"""What status, explain and conflicts ask, also while a daemon writes; and pruning."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from actors.errors import StoreError
from actors.links import Commit, Settled, Status
from actors.records import Side
from daemon.store.reading import Count, open_reader
from daemon.store.sqlite import SqliteStore, open_store
from tests.conformance.store_kit import (
    CONTACTS,
    DEALS,
    change,
    commit,
    conflict,
    intent,
    link,
)
from tests.simulation.inline_store import Disk

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with open_store(tmp_path / "tieline.db") as opened:
        yield opened


async def test_i17_counts_sum_up_to_all_links_of_each_side(store: SqliteStore) -> None:
    excluded = {"status": Status.EXCLUDED, "reason": "stage is not mapped"}
    await commit(
        store,
        link(1, left="1", right="1", status=Status.IN_SYNC),
        link(2, left="2", right="2", status=Status.IN_SYNC),
        link(3, left="3", **excluded),
        link(4, right="4", **excluded),
        link(5, left="5", right="5", status=Status.FAILING, reason="refused"),
        link(6, left="6", sync=CONTACTS, status=Status.HELD, reason="duplicate"),
    )
    in_sync, failing, stage, held = Status.IN_SYNC, Status.FAILING, Status.EXCLUDED, Status.HELD
    expected = [
        (CONTACTS, held, "duplicate", 1, 1, 0),
        (DEALS, in_sync, "", 2, 2, 2),
        (DEALS, stage, "stage is not mapped", 2, 1, 1),
        (DEALS, failing, "refused", 1, 1, 1),
    ]
    assert await store.reader.count_links() == tuple(
        Count(sync=sync, status=status, reason=reason, links=links, left=left, right=right)
        for sync, status, reason, links, left, right in expected
    )


async def test_a_record_is_found_by_the_id_of_its_app(store: SqliteStore) -> None:
    one = link(1, left="10", right="7")
    await commit(store, one)
    assert await store.reader.find_record(DEALS, Side.RIGHT, "7") == one
    assert await store.reader.find_record(DEALS, Side.LEFT, "7") is None
    assert await store.reader.find_record(CONTACTS, Side.RIGHT, "7") is None


@pytest.mark.parametrize("status", [Status.IN_SYNC, Status.FAILING])
async def test_links_of_one_status_are_paged(store: SqliteStore, status: Status) -> None:
    other = Status.HELD
    links = [link(key, left=str(key), status=status if key % 2 else other) for key in range(1, 8)]
    await commit(store, *links)
    first = await store.reader.list_links(DEALS, status, limit=3)
    assert [one.id for one in first] == [1, 3, 5]
    rest = await store.reader.list_links(DEALS, status, after=5, limit=3)
    assert [one.id for one in rest] == [7]


async def test_history_is_paged_newest_first(store: SqliteStore) -> None:
    lines = [change(1 + n % 2, n, lost=n == 3) for n in range(5)]
    await commit(store, history=tuple(lines))
    of_one = await store.reader.link_history(1)
    assert [found.change for found in of_one] == [lines[4], lines[2], lines[0]]
    newest = await store.reader.list_history(limit=2)
    assert [found.change for found in newest] == [lines[4], lines[3]]
    older = await store.reader.list_history(before=newest[-1].id)
    assert [found.change for found in older] == [lines[2], lines[1], lines[0]]


async def test_conflicts_are_counted_and_paged(store: SqliteStore) -> None:
    opened, copied = conflict(unit="a", winner=None), conflict(unit="b", outcome="copied")
    await commit(store, conflicts=(opened, copied))
    reader = store.reader
    assert await reader.count_conflicts() == {(DEALS, "open"): 1, (DEALS, "copied"): 1}
    newest = await reader.list_conflicts(limit=1)
    assert [found.conflict for found in newest] == [copied]
    older = await reader.list_conflicts(before=newest[0].id)
    assert [found.conflict for found in older] == [opened]
    assert [found.conflict for found in await reader.list_open_conflicts(DEALS)] == [opened]
    assert await reader.list_open_conflicts(CONTACTS) == ()
    assert await reader.link_conflicts(DEALS, 1) == (copied, opened)


async def test_open_intents_and_cursors_are_shown(store: SqliteStore) -> None:
    await commit(store, intents=(intent(3), intent(4, link_id=2)), cursors={"left": "x"})
    await commit(store, settled=(Settled(intent=4, outcome="done", at_us=1),))
    assert await store.reader.count_intents() == {DEALS: 1}
    assert await store.reader.link_intents(DEALS, 1) == (intent(3),)
    assert await store.reader.link_intents(DEALS, 2) == ()
    assert await store.reader.list_cursors() == {(DEALS, "left"): "x"}


async def test_pruning_keeps_what_is_young_or_open(store: SqliteStore) -> None:
    young = change(1, 2_000)
    await commit(
        store,
        link(1, left="1"),
        history=(young, *(change(1, n % 1_000, after=()) for n in range(2_500))),
        conflicts=(conflict(unit="a"), conflict(unit="b", outcome="copied")),
        intents=(intent(3), intent(4), intent(5)),
        settled=(
            Settled(intent=4, outcome="done", at_us=999),
            Settled(intent=5, outcome="done", at_us=1_000),
        ),
    )
    assert await store.prune(1_000) == 2_500 + 1 + 1
    assert [found.change for found in await store.reader.list_history()] == [young]
    assert await store.load_conflicts(DEALS, 1) == (conflict(unit="a"),)
    assert await store.load_intents(DEALS) == (intent(3),)
    assert await store.prune(1_000) == 0
    assert await store.prune(1_001) == 1


async def test_a_reader_beside_the_daemon_sees_each_commit(
    store: SqliteStore, tmp_path: Path
) -> None:
    async with open_reader(tmp_path / "tieline.db") as reader:
        assert await reader.count_links() == ()
        await commit(store, link(1, left="1"))
        assert [count.links for count in await reader.count_links()] == [1]
        await reader.check_integrity()
        assert await reader.size_bytes() == await store.size_bytes() > 0


async def test_a_reader_changes_nothing(store: SqliteStore, tmp_path: Path) -> None:
    async with open_reader(tmp_path / "tieline.db") as reader:
        with pytest.raises(StoreError, match="cannot be written"):
            await reader._db.fetch("DELETE FROM meta")
    with pytest.raises(StoreError, match="cannot be written"):
        await store.reader._db.fetch("DELETE FROM meta")


async def test_a_reader_never_makes_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is none yet: `tieline run` makes it"):
        async with open_reader(tmp_path / "none.db"):
            pass
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreError, match="it is empty"):
        async with open_reader(tmp_path / "empty.db"):
            pass
    assert names(tmp_path) == ["empty.db"]


async def test_reads_do_not_see_a_transaction_that_is_open(store: SqliteStore) -> None:
    async with store._writes.transaction() as transaction:
        await transaction.run_many("INSERT INTO cursors VALUES (?1, 'left', 'new')", [(DEALS,)])
        assert await store.load_cursor(DEALS, "left") is None
    assert await store.load_cursor(DEALS, "left") == "new"


async def test_reads_wait_for_a_transaction_on_the_same_connection() -> None:
    disk, seen = Disk(), []

    async def read(store: SqliteStore) -> None:
        seen.append(await store.load_cursor(DEALS, "left"))

    async with disk.open() as store, anyio.create_task_group() as group:
        with pytest.raises(StoreError):
            async with store._writes.transaction() as transaction:
                await transaction.run_many(
                    "INSERT INTO cursors VALUES (?1, 'left', 'never')", [(DEALS,)]
                )
                group.start_soon(read, store)
                await anyio.wait_all_tasks_blocked()
                raise StoreError("no")
    disk.destroy()
    assert seen == [None]


async def test_an_empty_commit_is_no_write(store: SqliteStore, tmp_path: Path) -> None:
    log = tmp_path / "tieline.db-wal"
    before = log.read_bytes()
    await store.commit(Commit(sync=DEALS))
    assert log.read_bytes() == before
