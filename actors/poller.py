"""The poller: reads one side of one sync, in order, for ever. It never writes.

First it lists everything once (the backfill), having noted where the change feed stood; then it
follows the feed. Orders to look at single records are answered in between. What it emits
carries the cursors that may be committed once the page has been dealt with.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import anyio
import msgspec
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from msgspec import Struct

from actors.backoff import delay
from actors.errors import TransientError
from actors.gate import Gate
from actors.messages import Look, Origin, Polled
from actors.ports import Clock, Connector, Monitor, Store
from actors.records import Side, Snapshot

_REMEMBERED_VERSIONS = 50_000
_RETRY_FIRST = timedelta(seconds=1)
_RETRY_LAST = timedelta(minutes=2)
_ROOM_SECONDS = 1.0

Answer = TypeVar("Answer")


class Listing(Struct, frozen=True, kw_only=True):
    """Where a backfill stands; stored as JSON under the cursor `<side>.backfill`.

    Attributes:
        start: the change feed's cursor, noted before the first page.
        after: the last page's position, or None before the first.
        seen: records listed so far.
        total: how many the app said there are, if it did.
        done: the listing has ended.
    """

    start: str
    after: str | None = None
    seen: int = 0
    total: int | None = None
    done: bool = False


def is_listed(cursor: str | None) -> bool:
    """Say whether the listing that a stored `<side>.backfill` stands for has ended."""
    return bool(cursor) and msgspec.json.decode(cursor or "", type=Listing).done


class Poller:
    """Reads one side of one sync.

    Attributes:
        passes: complete passes over the change feed, for those who wait for quiet.
        pages: pages sent on, likewise.
    """

    def __init__(
        self,
        *,
        sync: str,
        object_name: str,
        side: Side,
        fields: tuple[str, ...],
        connector: Connector,
        store: Store,
        clock: Clock,
        monitor: Monitor,
        interval: timedelta,
        gate: Gate | None = None,
    ) -> None:
        self._sync = sync
        self._object = object_name
        self._side = side
        self._fields = fields
        self._app = connector
        self._store = store
        self._clock = clock
        self._monitor = monitor
        self._interval = interval
        self._gate = gate
        self._seen: OrderedDict[str, str] = OrderedDict()
        self.passes = 0
        self.pages = 0

    async def run(
        self, looks: MemoryObjectReceiveStream[Look], pages: MemoryObjectSendStream[Polled]
    ) -> None:
        """Read until cancelled.

        Raises:
            AuthError, ScopeError, SchemaDriftError: what a person must mend.
        """
        async with looks, pages:
            listing = await self._backfill(looks, pages)
            cursor = await self._store.load_cursor(self._sync, self._side) or listing.start
            while True:
                cursor = await self._follow(cursor, looks, pages)
                self.passes += 1
                await self._rest(looks, pages)

    # --- the first pass ---------------------------------------------------------------------

    async def _backfill(
        self, looks: MemoryObjectReceiveStream[Look], pages: MemoryObjectSendStream[Polled]
    ) -> Listing:
        name = f"{self._side}.backfill"
        stored = await self._store.load_cursor(self._sync, name)
        if stored:
            listing = msgspec.json.decode(stored, type=Listing)
        else:
            listing = Listing(start=await self._patiently(lambda: self._app.start(self._object)))
        while not listing.done:
            await self._wait_for_room(looks, pages)
            began, after = self._clock.monotonic(), listing.after
            page = await self._patiently(
                lambda after=after: self._app.list_page(self._object, self._fields, after)  # type: ignore[misc]
            )
            listing = Listing(
                start=listing.start,
                after=page.after,
                seen=listing.seen + len(page.records),
                total=page.total if page.total is not None else listing.total,
                done=page.after is None,
            )
            cursors = {name: msgspec.json.encode(listing).decode()}
            if listing.done:
                cursors[self._side.value] = listing.start
            await self._emit(
                pages,
                Polled(
                    side=self._side,
                    origin=Origin.BACKFILL,
                    records=page.records,
                    began=began,
                    cursors=cursors,
                    complete=listing.done,
                ),
            )
            await self._answer_waiting(looks, pages)
        return listing

    async def _wait_for_room(
        self, looks: MemoryObjectReceiveStream[Look], pages: MemoryObjectSendStream[Polled]
    ) -> None:
        """A first load that begins slowly reads no further than it may write."""
        while self._gate is not None and not self._gate.may_read_on:
            await self._clock.sleep(_ROOM_SECONDS)
            await self._answer_waiting(looks, pages)

    # --- the change feed --------------------------------------------------------------------

    async def _follow(
        self,
        cursor: str,
        looks: MemoryObjectReceiveStream[Look],
        pages: MemoryObjectSendStream[Polled],
    ) -> str:
        more = True
        while more:
            began, position = self._clock.monotonic(), cursor
            changes = await self._patiently(
                lambda position=position: self._app.changes(  # type: ignore[misc]
                    self._object, self._fields, position, self._seen
                )
            )
            cursor, more = changes.cursor, changes.more
            await self._emit(
                pages,
                Polled(
                    side=self._side,
                    origin=Origin.CHANGES,
                    records=changes.records,
                    gone=changes.gone,
                    began=began,
                    cursors={self._side.value: cursor},
                    complete=not more,
                ),
            )
            self._remember(changes.records)
            await self._answer_waiting(looks, pages)
        return cursor

    def _remember(self, records: tuple[Snapshot, ...]) -> None:
        for record in records:
            self._seen[record.id] = record.token
            self._seen.move_to_end(record.id)
        while len(self._seen) > _REMEMBERED_VERSIONS:
            self._seen.popitem(last=False)

    async def _rest(
        self, looks: MemoryObjectReceiveStream[Look], pages: MemoryObjectSendStream[Polled]
    ) -> None:
        """Wait for the next poll, answering looks meanwhile."""
        seconds = self._interval.total_seconds() * (0.9 + 0.2 * self._clock.jitter())
        until = self._clock.monotonic() + seconds
        while True:
            look: Look | None = None
            with anyio.move_on_after(until - self._clock.monotonic()):
                look = await looks.receive()
            if look is None:
                return
            await self._answer(look, pages)

    # --- looks ------------------------------------------------------------------------------

    async def _answer_waiting(
        self, looks: MemoryObjectReceiveStream[Look], pages: MemoryObjectSendStream[Polled]
    ) -> None:
        while True:
            try:
                look = looks.receive_nowait()
            except anyio.WouldBlock:
                return
            await self._answer(look, pages)

    async def _answer(self, look: Look, pages: MemoryObjectSendStream[Polled]) -> None:
        began = self._clock.monotonic()
        found = await self._patiently(lambda: self._app.fetch(self._object, look.ids, self._fields))
        await self._emit(
            pages,
            Polled(
                side=self._side,
                origin=Origin.LOOK,
                records=found.records,
                gone=found.gone,
                began=began,
                complete=True,
            ),
        )

    # --- both -------------------------------------------------------------------------------

    async def _emit(self, pages: MemoryObjectSendStream[Polled], page: Polled) -> None:
        self._monitor.saw(self._sync, page)
        self.pages += 1
        await pages.send(page)

    async def _patiently(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Repeat a read until it succeeds; pauses grow, or are what the app asked for."""
        attempts = 0
        while True:
            try:
                return await call()
            except TransientError as error:
                attempts += 1
                own = delay(attempts, _RETRY_FIRST, _RETRY_LAST, self._clock.jitter())
                pause = max(error.retry_after or own, timedelta(0))
                await self._clock.sleep(pause.total_seconds())
