"""The reconciler: the single owner of link state, so that every decision on a record is serial.

It loads, calls the pure functions of `deciding` and `settling`, commits what they say in one
transaction with the cursor, and only then sends orders. It waits for the store, never for a
channel; the one thing that it asks an app itself is a field's history, when only that can tell
two edits apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

import anyio
import msgspec
from anyio.streams.memory import MemoryObjectReceiveStream

from actors.associations import waits
from actors.attention import Attention
from actors.commands import Commands
from actors.gate import Gate
from actors.ledger import Ledger
from actors.links import Link, Settled, Status
from actors.mapping.record import Sync
from actors.meeting import Meeting
from actors.messages import (
    Drain,
    Mapped,
    Origin,
    ReconcilerInbox,
    Recovered,
    Tick,
    Written,
)
from actors.observing import microseconds
from actors.outbox import LookBox, Outbox
from actors.ports import Clock, Connector, Monitor, Store
from actors.records import Side
from actors.rounds import Rounds
from actors.rulings import Rulings
from actors.spec import Pace

_IDLE_CURSOR_SECONDS = 300.0
_WAITING_US = 3_600_000_000
_MOST_WAITING = 10_000
_PAGE = 500
_DUE = 200
_SOON_US = 600_000_000


class Reconciler:
    """Decides all records of one sync.

    Attributes:
        pages: how many have been dealt with.
    """

    def __init__(
        self,
        *,
        sync: Sync,
        connectors: Mapping[Side, Connector],
        store: Store,
        clock: Clock,
        pace: Pace,
        monitor: Monitor,
        outboxes: Mapping[Side, Outbox],
        looks: Mapping[Side, LookBox],
        permits: anyio.Semaphore,
        meeting: Meeting | None = None,
        gate: Gate,
    ) -> None:
        self._sync = sync
        self._apps = connectors
        self._store = store
        self._clock = clock
        self._monitor = monitor
        self._outboxes = outboxes
        self._looks = looks
        self._permits = permits
        self._meeting = meeting or Meeting()
        self._gate = gate
        self._owed_permits = 0
        self._attention = Attention()
        self._rounds = Rounds(sync=sync, store=store, clock=clock, pace=pace, looks=looks)
        self._rulings = Rulings(
            sync=sync,
            connectors=connectors,
            store=store,
            clock=clock,
            pace=pace,
            attention=self._attention,
            looks=looks,
            rounds=self._rounds,
            meeting=self._meeting,
            gate=gate,
        )
        self._commands = Commands(
            sync=sync, store=store, clock=clock, attention=self._attention, gate=gate
        )
        self._passes = 0
        self._cursors_at = clock.monotonic()
        self._is_working = True
        self.pages = 0

    @property
    def is_idle(self) -> bool:
        """Nothing is being decided, written, recovered or read on purpose."""
        boxes = self._outboxes.values()
        return not (
            self._is_working
            or self._commands.is_waiting
            or self._rounds.has_unknown
            or self._rounds.is_passing
            or self._gate.is_wary
            or self._gate.is_releasing
            or any(box.waiting or box.in_flight for box in boxes)
            or not all(box.is_idle for box in self._looks.values())
        )

    def nudge(self) -> None:
        """Somebody has given an order: look for it at the next tick."""
        self._commands.nudge()

    async def run(self, inbox: MemoryObjectReceiveStream[ReconcilerInbox]) -> None:
        """Deal with messages until told to drain and all orders have been answered."""
        async with inbox:
            await self._resume()
            is_draining = False
            self._is_working = False
            async for message in inbox:
                self._is_working = True
                is_draining = is_draining or isinstance(message, Drain)
                await self._deal(message)
                await self._send(is_draining)
                self._is_working = False
                if is_draining and not any(box.in_flight for box in self._outboxes.values()):
                    break
        for side in Side:
            self._outboxes[side].close()
            self._looks[side].close()

    async def _resume(self) -> None:
        """Take up the intents that a former run left open: their outcome is unknown."""
        await self._gate.load(self._store)
        for intent in await self._store.load_intents(self._sync.name):
            self._attention.opened(intent.link)
            self._attention.passed_over(intent.link)  # what the former run put off, if it did
            self._rounds.doubt(intent, self._clock.monotonic())
        await self._rounds.resume()
        if self._sync.associations:
            await self._wait_on()

    async def _wait_on(self) -> None:
        """Let links that waited for others before go on waiting, if they still must."""
        soon = microseconds(self._clock.now()) + _WAITING_US
        due = await self._store.load_due(self._sync.name, soon, _MOST_WAITING)
        if ids := [link.id for link in due if waits(link)]:
            await self._commit(await self._rulings.arrived(ids))

    async def _deal(self, message: ReconcilerInbox) -> None:
        match message:
            case Mapped():
                await self._page(message)
            case Written():
                self._outboxes[message.side].answered()
                await self._commit(await self._rulings.written(message))
            case Recovered():
                self._outboxes[message.side].answered()
                await self._commit(await self._rulings.recovered(message))
            case Tick():
                for asked in await self._commands.ready():
                    await self._commit(await self._commands.carry_out(asked))
                await self._rounds.make(self._outboxes, self._attention)
                await self._arrivals()
                await self._keep_gate()
                self._permits.release()
            case Drain():
                await self._commit(await self._withdrawn())
            case _:
                assert_never(message)

    async def _arrivals(self) -> None:
        """Do what other syncs of the connection have found for this one to do."""
        for side, one in self._meeting.take_looks(self._sync.name):
            self._looks[side].want(one)
        if ids := self._meeting.take(self._sync.name):
            await self._commit(await self._rulings.arrived(ids))

    async def _page(self, page: Mapped) -> None:
        if page.origin is Origin.LOOK:
            ids = {judged.record.id for judged in page.records} | {gone.id for gone in page.gone}
            self._looks[page.side].answered(ids)
        ledger = await self._rulings.page(page)
        ledger.cursors |= self._worth_keeping(page, ledger)
        await self._commit(ledger)
        if page.origin is Origin.BACKFILL and page.complete:
            self._rounds.listed(page.side)
        self._owed_permits += 1
        self.pages += 1

    def _worth_keeping(self, page: Mapped, ledger: Ledger) -> dict[str, str]:
        """An idle poll writes nothing; its cursor is kept now and then."""
        now = self._clock.monotonic()
        is_idle = ledger.is_empty and page.origin is Origin.CHANGES and not page.records
        if is_idle and now - self._cursors_at < _IDLE_CURSOR_SECONDS:
            return {}
        self._cursors_at = now
        return dict(page.cursors)

    # --- the gate ---------------------------------------------------------------------------

    async def _keep_gate(self) -> None:
        """Count who is there, look at what need not wait any more, end the first load."""
        if self._gate.take_pass():
            self._rounds.hurry_presence()
        elif self._rounds.passes != self._passes:
            self._gate.counted()
        self._passes = self._rounds.passes
        if self._gate.is_releasing:
            await self._release()
        if self._gate.is_first_load and await self._is_whole():
            self._gate.rested()
        await self._commit(Ledger(self._sync.name))

    async def _release(self) -> None:
        """Mark held records as due that the gate lets go, a page a step."""
        now_us, after = microseconds(self._clock.now()), 0
        while links := await self._store.load_held(self._sync.name, after, _PAGE):
            ledger = Ledger(self._sync.name, links)
            for link in filter(self._gate.lets_go, links):
                ledger.put(msgspec.structs.replace(link, due_us=now_us))
            await self._commit(ledger)
            after = links[-1].id
        self._gate.released()

    async def _is_whole(self) -> bool:
        """Both sides have been read whole, and nothing of it is on its way or due."""
        if any(box.waiting or box.in_flight for box in self._outboxes.values()):
            return False
        now_us = microseconds(self._clock.now())
        due = await self._store.load_due(self._sync.name, now_us + _SOON_US, _DUE)
        if self._rounds.is_passing or any(_is_near(one, now_us) for one in due):
            return False
        read = [await self._store.load_cursor(self._sync.name, side.value) for side in Side]
        return None not in read

    # --- committing -------------------------------------------------------------------------

    async def _commit(self, ledger: Ledger) -> None:
        """Make a step durable, then queue the orders that it decided."""
        ledger.cursors |= self._gate.moved()
        if ledger.is_empty and not ledger.cursors:
            return
        work = ledger.work()
        await self._store.commit(work)
        self._monitor.committed(self._sync.name, work)
        self._meeting.linked(self._sync.spec.object, work.links)
        for link in work.links:
            self._rounds.scheduled(link)
        for intent in work.intents:
            if intent.attempts:
                self._rounds.doubt(intent, self._rounds.again(intent))
            else:
                self._attention.opened(intent.link)
                self._outboxes[intent.side].write(intent)

    async def _send(self, is_draining: bool) -> None:
        for looks in self._looks.values():
            looks.pump()
        if is_draining:
            return
        for box in self._outboxes.values():
            box.pump()
        while self._owed_permits and not self._is_backed_up():
            self._owed_permits -= 1
            self._permits.release()

    def _is_backed_up(self) -> bool:
        return any(box.waiting > box.most_waiting for box in self._outboxes.values())

    async def _withdrawn(self) -> Ledger:
        """Settle intents that were never handed to a writer: they are decided again later."""
        intents = [one for box in self._outboxes.values() for one in box.withdraw()]
        links = await self._store.load_links_by_id([intent.link for intent in intents])
        ledger = Ledger(self._sync.name, links.values())
        now_us = microseconds(self._clock.now())
        for intent in intents:
            link = ledger.link(intent.link)
            ledger.settled.append(Settled(intent=intent.id, outcome="not sent", at_us=now_us))
            self._attention.closed(intent.link)
            self._gate.closed(intent, ledger.settled[-1:])
            if link is not None:
                ledger.put(msgspec.structs.replace(link, due_us=now_us))
        return ledger


def _is_near(due: Link, now_us: int) -> bool:
    """Say whether a link is due now, or waits for something that comes within minutes."""
    return due.status is Status.PENDING or (due.due_us or 0) <= now_us
