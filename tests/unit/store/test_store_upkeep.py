"""Orders and pauses left beside a daemon; old rows dropped; damage told."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from actors.errors import StoreError
from actors.links import Change, Commit, Conflict, OrderDone
from actors.orders import Resync, Retry
from actors.records import Side
from daemon.desk import read_wishes
from daemon.metrics import Metrics
from daemon.store.asking import open_desk
from daemon.store.sqlite import open_store
from daemon.upkeep import CHECKING, EVERY_SECONDS, FIRST_SECONDS, check_store, run_pruning

pytestmark = pytest.mark.anyio
SYNC = "sales/deals"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
DAY = 86_400_000_000
NOW_US = int(NOW.timestamp()) * 1_000_000


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tieline.db"


class Calendar:
    """A clock on which nobody waits; it stops the test after so many sleeps."""

    def __init__(self, sleeps: int) -> None:
        self.slept: list[float] = []
        self._sleeps = sleeps
        self.done = anyio.Event()

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def jitter(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == self._sleeps:
            self.done.set()
            await anyio.sleep_forever()
        await anyio.lowlevel.checkpoint()


def change(days_ago: int, rule: str = "M3") -> Change:
    return Change(
        sync=SYNC,
        link=1,
        side=Side.LEFT,
        record_id="1",
        unit="name",
        rule=rule,
        before=("A",),
        after=("B",),
        at_us=NOW_US - days_ago * DAY,
    )


def conflict(days_ago: int, outcome: str) -> Conflict:
    at_us = NOW_US - days_ago * DAY
    return Conflict(
        sync=SYNC,
        link=1,
        unit="name",
        left=("A",),
        right=("B",),
        left_us=at_us,
        right_us=at_us,
        rule="M7",
        winner=None if outcome == "open" else Side.LEFT,
        outcome=outcome,
        at_us=at_us,
    )


async def test_old_history_is_dropped_once_a_day_and_what_people_need_stays(path: Path) -> None:
    metrics, clock = Metrics("1"), Calendar(3)
    async with open_store(path) as store:
        async with open_desk(path) as desk:
            old = await desk.give(SYNC, Retry(links=(1,)), "kari", 1)
            await desk.give(SYNC, Retry(links=(2,)), "kari", 1)
        await store.commit(
            Commit(
                sync=SYNC,
                history=(*[change(91)] * 1_500, change(89), change(400, "merged")),
                conflicts=(conflict(91, "copied"), conflict(92, "open"), conflict(1, "copied")),
                orders_done=(OrderDone(order=old, outcome="done", at_us=NOW_US - 91 * DAY),),
            )
        )
        async with anyio.create_task_group() as tasks:
            keep = timedelta(days=90)
            tasks.start_soon(run_pruning, store, lambda: keep, metrics, clock)
            await clock.done.wait()
            tasks.cancel_scope.cancel()
        left = [one.change for one in await store.reader.list_history(limit=9)]
        assert {one.rule: one.at_us for one in left} == {
            "M3": NOW_US - 89 * DAY,
            "merged": NOW_US - 400 * DAY,
        }
        kept = [one.conflict.outcome for one in await store.reader.list_conflicts()]
        assert sorted(kept) == ["copied", "open"]
        assert len(await store.load_orders(SYNC)) == 1
        assert await store.reader.find_order(old) is None
    assert clock.slept == [FIRST_SECONDS, EVERY_SECONDS, EVERY_SECONDS]
    assert "tieline_store_pruned_rows_total 1502.0" in metrics.render()[0].decode()


async def test_a_store_is_looked_through_for_damage(path: Path) -> None:
    metrics, told = Metrics("1"), list[str]()
    async with open_store(path) as store:
        await store.commit(Commit(sync=SYNC, history=tuple(change(n) for n in range(500))))
    await check_store(path, False, metrics, told.append)
    assert told == [CHECKING, ""]
    assert "tieline_store_intact 1.0" in metrics.render()[0].decode()
    with path.open("r+b") as file:
        file.seek(4096 * 6)
        file.write(b"\xff" * 4096 * 4)
    await check_store(path, False, metrics, told.append)
    assert "it is damaged" in told[-1] and "restore the last backup" in told[-1]
    assert "tieline_store_intact 0.0" in metrics.render()[0].decode()


async def test_orders_and_pauses_are_left_beside_a_daemon_and_found_by_it(path: Path) -> None:
    async with open_store(path) as store, open_desk(path) as desk:
        first = await desk.give(SYNC, Retry(links=(1,)), "kari", 5)
        last = await desk.give("sales/contacts", Resync(), "kari", 6)
        assert await desk.pause(["sales"], "kari", 7) == 1
        assert await desk.pause(["sales"], "ola", 8) == 0
        wishes = await read_wishes(store.reader)
        assert (set(wishes.asked), wishes.resyncs) == ({SYNC}, {"sales/contacts": last})
        pause = wishes.pause_of("sales/companies")
        assert pause is not None and (pause.by, pause.since_us) == ("kari", 7)
        assert wishes.pause_of("other/deals") is None
        await store.commit(
            Commit(
                sync=SYNC,
                orders_done=(OrderDone(order=first, outcome="no", at_us=9, refused=True),),
            )
        )
        end = await store.reader.find_order(first)
        assert end is not None and (end.outcome, end.refused) == ("no", True)
        assert await desk.resume(["sales", "nobody"]) == 1
        assert (await read_wishes(store.reader)).pauses == {}


async def test_an_order_needs_a_store_of_this_version(path: Path) -> None:
    with pytest.raises(StoreError, match="there is none yet"):
        async with open_desk(path):
            pass
    async with open_store(path):
        pass
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 1")
    other.close()
    with pytest.raises(StoreError, match="brings it up to date"):
        async with open_desk(path):
            pass
