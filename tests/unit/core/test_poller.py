"""The poller on a real channel: backfill, feed, looks, patience. On asyncio and trio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio
import msgspec
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from actors.errors import AuthError, RateLimitedError, TransientError
from actors.links import Commit
from actors.messages import Look, Origin, Polled
from actors.poller import Listing, Poller
from actors.ports import Blind
from actors.records import Departure, Gone
from actors.testing import ManualClock, MemoryStore
from tests.support.builders import LEFT, hub
from tests.support.scripted import ScriptedApp

pytestmark = pytest.mark.anyio

SYNC = "c/deals"
FIELDS = ("name",)
INTERVAL = timedelta(seconds=30)


class Bench:
    """A poller with the far ends of its channels; `before` is a life that has ended."""

    def __init__(self, records: int = 5, before: Bench | None = None) -> None:
        self.clock = ManualClock()
        self.app: ScriptedApp = before.app if before else ScriptedApp(hub(), self.clock, prefix="L")
        for number in range(1, records + 1):
            self.app.put({"name": f"deal {number}"})
        self.store: MemoryStore = before.store if before else MemoryStore()
        self.poller = Poller(
            sync=SYNC,
            object_name="deals",
            side=LEFT,
            fields=FIELDS,
            connector=self.app,
            store=self.store,
            clock=self.clock,
            monitor=Blind(),
            interval=INTERVAL,
        )
        self.pages: MemoryObjectReceiveStream[Polled]
        self.looks: MemoryObjectSendStream[Look]

    @asynccontextmanager
    async def running(self, room: int = 100) -> AsyncIterator[None]:
        """Run the poller meanwhile."""
        self.looks, looks = anyio.create_memory_object_stream[Look](2)
        pages, self.pages = anyio.create_memory_object_stream[Polled](room)
        async with self.looks, self.pages, anyio.create_task_group() as group:
            group.start_soon(self.poller.run, looks, pages)
            yield
            group.cancel_scope.cancel()

    async def take(self, count: int) -> list[Polled]:
        """Take the next pages."""
        return [await self.pages.receive() for _ in range(count)]

    async def take_until(self, is_last: Callable[[Polled], bool]) -> list[Polled]:
        """Take pages up to one of this sort."""
        found = [await self.pages.receive()]
        while not is_last(found[-1]):
            found.append(await self.pages.receive())
        return found

    async def commit(self, page: Polled) -> None:
        """Do what the reconciler does with a page's cursors."""
        await self.store.commit(Commit(sync=SYNC, cursors=page.cursors))


def ids(page: Polled) -> list[str]:
    return [record.id for record in page.records]


def is_backfilled(page: Polled) -> bool:
    return page.origin is Origin.BACKFILL and page.complete


# --- the backfill ---------------------------------------------------------------------------


async def test_a_backfill_lists_all_records_by_id_a_page_at_a_time() -> None:
    bench = Bench()
    async with bench.running():
        pages = await bench.take_until(is_backfilled)
    assert [ids(page) for page in pages] == [["L1", "L2"], ["L3", "L4"], ["L5"]]
    assert [page.complete for page in pages] == [False, False, True]
    assert all(page.side is LEFT and page.origin is Origin.BACKFILL for page in pages)


async def test_h23_the_feeds_position_is_noted_before_the_first_page() -> None:
    """What is edited while the backfill runs comes again from there."""
    bench = Bench()
    async with bench.running(room=0):
        first = await bench.take(1)
        bench.app.edit("L1", name="edited behind the backfill")
        rest = await bench.take_until(lambda page: page.origin is Origin.CHANGES)
    assert bench.app.calls[:2] == ["start", "list_page"]
    assert ids(first[0]) == ["L1", "L2"]
    assert rest[-1].records[0].values["name"] == "edited behind the backfill"


async def test_each_page_carries_the_position_after_it_and_the_progress() -> None:
    bench = Bench()
    async with bench.running():
        pages = await bench.take_until(is_backfilled)
    stored = [msgspec.json.decode(page.cursors["left.backfill"], type=Listing) for page in pages]
    assert [(one.after, one.seen, one.total, one.done) for one in stored] == [
        ("L2", 2, 5, False),
        ("L4", 4, 5, False),
        (None, 5, 5, True),
    ]
    assert ["left" in page.cursors for page in pages] == [False, False, True]
    assert pages[-1].cursors["left"] == stored[0].start == "5"


async def test_a_backfill_resumes_after_the_last_page_that_was_dealt_with() -> None:
    """H23, I10: a page that was sent but not committed is read again."""
    bench = Bench()
    async with bench.running():
        pages = await bench.take(2)
        await bench.commit(pages[0])
    bench.app.put({"name": "new meanwhile"}, "L9")
    again = Bench(records=0, before=bench)
    bench.app.calls.clear()
    async with again.running():
        rest = await again.take_until(is_backfilled)
    assert [ids(page) for page in rest] == [["L3", "L4"], ["L5", "L9"]]
    assert rest[-1].cursors["left"] == "5"  # the position noted at the very beginning
    assert "start" not in bench.app.calls


async def test_a_finished_backfill_is_not_repeated() -> None:
    bench = Bench()
    listing = Listing(start="3", done=True)
    cursors = {"left.backfill": msgspec.json.encode(listing).decode(), "left": "4"}
    await bench.store.commit(Commit(sync=SYNC, cursors=cursors))
    async with bench.running():
        (page,) = await bench.take(1)
    assert bench.app.calls == ["changes"]
    assert (page.origin, ids(page), page.cursors) == (Origin.CHANGES, ["L5"], {"left": "5"})


async def test_an_empty_app_is_backfilled_with_one_empty_page() -> None:
    bench = Bench(records=0)
    async with bench.running():
        pages = await bench.take_until(is_backfilled)
    assert [ids(page) for page in pages] == [[]]


# --- the feed -------------------------------------------------------------------------------


async def test_changes_are_read_to_the_end_and_then_after_each_interval() -> None:
    bench = Bench()
    async with bench.running():
        await bench.take_until(is_backfilled)
        await bench.take(1)
        for number in (1, 2, 3):
            bench.app.edit(f"L{number}", name="new")
        before = bench.clock.monotonic()
        first, second = await bench.take(2)
    assert (ids(first), first.complete) == (["L1", "L2"], False)
    assert (ids(second), second.complete) == (["L3"], True)
    assert (first.cursors, second.cursors) == ({"left": "7"}, {"left": "8"})
    waited = bench.clock.monotonic() - before
    assert 0.9 * INTERVAL.total_seconds() <= waited <= 1.1 * INTERVAL.total_seconds()


async def test_versions_that_were_seen_are_told_to_the_app() -> None:
    bench = Bench(records=1)
    async with bench.running():
        await bench.take_until(is_backfilled)
        bench.app.edit("L1", name="new")
        await bench.take_until(lambda page: ids(page) == ["L1"])
        await bench.take(1)
    assert bench.app.asked[-1] == ("2", {"L1": "2"})


async def test_passes_are_counted_when_the_feed_has_been_read_to_its_end() -> None:
    bench = Bench()
    async with bench.running():
        await bench.take_until(is_backfilled)
        assert bench.poller.passes == 0
        await bench.take(2)
        assert bench.poller.passes >= 1


async def test_each_page_says_when_its_request_began() -> None:
    bench = Bench()
    async with bench.running():
        await bench.take_until(is_backfilled)
        first, second = await bench.take(2)
    assert second.began - first.began >= 0.9 * INTERVAL.total_seconds()


# --- patience -------------------------------------------------------------------------------


async def test_a_passing_fault_is_waited_out_and_nothing_is_skipped() -> None:
    bench = Bench()
    bench.app.fail("start", TransientError("503"))
    bench.app.fail("list_page", TransientError("503"), TransientError("503"))
    bench.app.fail("changes", TransientError("reset"))
    async with bench.running():
        pages = await bench.take_until(lambda page: page.origin is Origin.CHANGES)
    assert [ids(page) for page in pages] == [["L1", "L2"], ["L3", "L4"], ["L5"], []]


async def test_h29_pauses_grow_from_a_second_to_two_minutes() -> None:
    bench = Bench(records=0)
    bench.app.fail("start", *[TransientError("down") for _ in range(12)])
    began = bench.clock.monotonic()
    async with bench.running():
        await bench.take(1)
    waited = bench.clock.monotonic() - began
    longest = 1 + 2 + 4 + 8 + 16 + 32 + 64 + 5 * 120
    assert 0.8 * longest <= waited <= longest


async def test_the_pause_that_the_app_asks_for_is_kept_to_the_second() -> None:
    bench = Bench(records=0)
    bench.app.fail("start", RateLimitedError("429", timedelta(seconds=17)))
    began = bench.clock.monotonic()
    async with bench.running():
        await bench.take(1)
    assert bench.clock.monotonic() - began == pytest.approx(17, abs=0.01)


async def test_what_a_person_must_mend_ends_the_poller() -> None:
    bench = Bench()
    bench.app.fail("list_page", AuthError("the token was revoked"))
    with pytest.raises(ExceptionGroup) as caught:
        async with bench.running():
            await anyio.sleep(1)
    assert caught.group_contains(AuthError, match="revoked")


async def test_i14_a_poller_whose_pages_nobody_takes_stops_reading() -> None:
    bench = Bench(records=50)
    async with bench.running(room=2):
        await anyio.sleep(3600)
        assert bench.app.calls == ["start", *["list_page"] * 3]  # two in the channel, one in hand


# --- looks ----------------------------------------------------------------------------------


async def test_a_look_is_answered_while_the_poller_rests() -> None:
    bench = Bench()
    async with bench.running():
        await bench.take_until(lambda page: page.origin is Origin.CHANGES)
        bench.app.remove("L2", Departure.ARCHIVED)
        before = bench.clock.monotonic()
        await bench.looks.send(Look(side=LEFT, ids=("L1", "L2", "L77")))
        (page,) = await bench.take(1)
    assert bench.clock.monotonic() - before < 1
    assert (page.origin, ids(page), page.cursors) == (Origin.LOOK, ["L1"], {})
    assert page.gone == (
        Gone(id="L2", how=Departure.ARCHIVED),
        Gone(id="L77", how=Departure.DELETED),
    )


async def test_a_look_does_not_wait_for_the_end_of_a_long_backfill() -> None:
    bench = Bench(records=20)
    async with bench.running(room=0):
        await bench.looks.send(Look(side=LEFT, ids=("L20",)))
        pages = await bench.take(3)
    assert Origin.LOOK in [page.origin for page in pages]


async def test_looks_do_not_put_off_the_next_poll() -> None:
    bench = Bench(records=1)
    async with bench.running():
        await bench.take_until(lambda page: page.origin is Origin.CHANGES)
        before = bench.clock.monotonic()
        for _ in range(4):
            await anyio.sleep(9)
            await bench.looks.send(Look(side=LEFT, ids=("L1",)))
        origins = [(await bench.pages.receive()).origin for _ in range(5)]
        assert bench.clock.monotonic() - before < 40
    assert origins.count(Origin.CHANGES) == 1
