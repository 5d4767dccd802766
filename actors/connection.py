"""The connection: creates the channels of one sync, starts its actors, drains them.

The only place that wires. Two pollers feed a mapper; mapper, writers and a ticker feed the
reconciler, which orders the writers and tells the pollers what to look at:

    poller ──┐                                 ┌── writer
             ├── mapper ──► reconciler ──────► ┤
    poller ──┘      ▲ looks ───┘   ▲           └── writer
                                   └── answers ──┘

Every channel is bounded, and the reconciler's inbox holds one place for each permit and each
order that can be under way: whoever sends to it never waits, so the cycles cannot deadlock.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectSendStream

from actors.gate import Gate
from actors.links import Commit, OrderDone
from actors.mapper import run_mapper
from actors.mapping.record import Sync
from actors.meeting import Meeting
from actors.messages import Look, Polled, ReconcilerInbox, Tick, WriterInbox
from actors.observing import microseconds
from actors.orders import Resync
from actors.outbox import LookBox, Outbox
from actors.plans import Planned
from actors.poller import Poller
from actors.ports import Blind, Clock, Connector, Monitor, Store
from actors.reconciler import Reconciler
from actors.records import Side
from actors.spec import Pace
from actors.writer import Writer

_PERMITS = 3
_LOOKS = 2
_PAGES = 2
_TICK_SECONDS = 1.0
_CONFIG_CURSOR = "config"


class Connection:
    """Keeps one object of two apps in step, for one run.

    Attributes:
        sync: what is kept in step.
        pollers: by side.
    """

    def __init__(
        self,
        sync: Sync,
        connectors: Mapping[Side, Connector],
        store: Store,
        clock: Clock,
        pace: Pace,
        monitor: Monitor | None = None,
        meeting: Meeting | None = None,
        planned: Planned | None = None,
    ) -> None:
        self.sync = sync
        self._apps = connectors
        self._store = store
        self._clock = clock
        self._pace = pace
        self._monitor = monitor or Blind()
        self._meeting = meeting or Meeting()
        self._gate = Gate(sync, clock, planned)
        self._reading = anyio.CancelScope()
        self._ends = ExitStack()  # of all channels: an actor that never began closes none
        self._reconciler: Reconciler | None = None
        self.pollers = {side: self._poller(side) for side in Side}

    def _poller(self, side: Side) -> Poller:
        return Poller(
            sync=self.sync.name,
            object_name=self.sync.spec.object,
            side=side,
            fields=self.sync.fields[side],
            connector=self._apps[side],
            store=self._store,
            clock=self._clock,
            monitor=self._monitor,
            interval=self._pace.poll,
            gate=self._gate,
        )

    def stop(self) -> None:
        """Read no more; `run` returns once what is with the writers has been answered."""
        self._reading.cancel()

    def nudge(self) -> None:
        """Somebody has given an order: it is looked for at the next tick."""
        if self._reconciler is not None:
            self._reconciler.nudge()

    async def run(self) -> None:
        """Run until stopped.

        Raises:
            ExceptionGroup: an actor failed; what it holds is a `TielineError` or a bug.
        """
        await self._apply_configuration()
        with self._ends:
            try:
                await self._run_actors()
            except BaseExceptionGroup as failed:
                # Who sends to an actor that has fallen finds the door shut: not what went wrong.
                _, causes = failed.split(anyio.BrokenResourceError)
                if causes is not None:
                    raise causes from None
                await anyio.lowlevel.checkpoint()  # it was all cancelled from outside
                raise

    async def _run_actors(self) -> None:
        own = self._ends.enter_context
        inbox_size = _PERMITS + 2 * self._pace.orders + 1
        inbox_send, inbox = anyio.create_memory_object_stream[ReconcilerInbox](inbox_size)
        pages_send, pages = anyio.create_memory_object_stream[Polled](_PAGES)
        for end in (inbox_send, inbox, pages_send, pages):
            own(end)
        permits = anyio.Semaphore(_PERMITS)
        async with anyio.create_task_group() as actors:
            with self._reading:
                async with anyio.create_task_group() as readers:
                    outboxes = {s: self._start_writer(s, actors, inbox_send) for s in Side}
                    looks = {s: self._start_poller(s, readers, pages_send) for s in Side}
                    self._reconciler = self._make_reconciler(outboxes, looks, permits)
                    actors.start_soon(self._reconciler.run, inbox, name="reconciler")
                    mapped = own(inbox_send.clone())
                    mapper = (self.sync, pages, mapped, permits, self._clock, self._monitor)
                    actors.start_soon(run_mapper, *mapper, name="mapper")
                    ticks = own(inbox_send.clone())
                    readers.start_soon(self._tick, ticks, permits, name="ticker")
                    pages_send.close()
            inbox_send.close()

    def _start_writer(
        self, side: Side, actors: TaskGroup, inbox: MemoryObjectSendStream[ReconcilerInbox]
    ) -> Outbox:
        orders_send, orders = anyio.create_memory_object_stream[WriterInbox](self._pace.orders)
        writer = Writer(
            sync=self.sync,
            side=side,
            connector=self._apps[side],
            clock=self._clock,
            monitor=self._monitor,
        )
        name = f"writer/{self.sync.app(side)}"
        answers = self._ends.enter_context(inbox.clone())
        actors.start_soon(writer.run, self._ends.enter_context(orders), answers, name=name)
        return self._outbox(side, self._ends.enter_context(orders_send))

    def _start_poller(
        self, side: Side, readers: TaskGroup, pages: MemoryObjectSendStream[Polled]
    ) -> LookBox:
        looks_send, looks = anyio.create_memory_object_stream[Look](_LOOKS)
        name = f"poller/{self.sync.app(side)}"
        feed = self._ends.enter_context(pages.clone())
        wanted = self._ends.enter_context(looks)
        readers.start_soon(self.pollers[side].run, wanted, feed, name=name)
        return self._lookbox(side, self._ends.enter_context(looks_send))

    def _make_reconciler(
        self, outboxes: dict[Side, Outbox], looks: dict[Side, LookBox], permits: anyio.Semaphore
    ) -> Reconciler:
        return Reconciler(
            sync=self.sync,
            connectors=self._apps,
            store=self._store,
            clock=self._clock,
            pace=self._pace,
            monitor=self._monitor,
            outboxes=outboxes,
            looks=looks,
            permits=permits,
            meeting=self._meeting,
            gate=self._gate,
        )

    def _outbox(self, side: Side, orders: MemoryObjectSendStream[WriterInbox]) -> Outbox:
        return Outbox(
            sync=self.sync.name,
            side=side,
            orders=orders,
            credit=self._pace.orders,
            capabilities=self._apps[side].capabilities,
            monitor=self._monitor,
        )

    def _lookbox(self, side: Side, looks: MemoryObjectSendStream[Look]) -> LookBox:
        return LookBox(
            sync=self.sync.name, side=side, looks=looks, credit=_LOOKS, monitor=self._monitor
        )

    async def _apply_configuration(self) -> None:
        """Under a new configuration, or by a person's order, every record is read once more."""
        version, name = str(self.sync.version), self.sync.name
        at_us = microseconds(self._clock.now())
        orders = tuple(
            OrderDone(order=one.id, outcome="both sides are read whole again", at_us=at_us)
            for one in await self._store.load_orders(name)
            if isinstance(one.order, Resync)
        )
        if not orders and await self._store.load_cursor(name, _CONFIG_CURSOR) == version:
            return
        cursors = {_CONFIG_CURSOR: version} | {f"{side}.backfill": "" for side in Side}
        await self._store.commit(Commit(sync=name, cursors=cursors, orders_done=orders))

    async def _tick(
        self, inbox: MemoryObjectSendStream[ReconcilerInbox], permits: anyio.Semaphore
    ) -> None:
        async with inbox:
            while True:
                await permits.acquire()
                await inbox.send(Tick())
                await self._clock.sleep(_TICK_SECONDS)

    # --- quiet ------------------------------------------------------------------------------

    async def run_until_quiet(self, horizon_us: int = 10_000_000) -> None:
        """Run until both sides have been read whole and nothing is left to do, then stop.

        Records that are due later than `horizon_us` from now (failing ones) are not waited for.
        Syncs that share a meeting stop together: one may make work for another.
        """
        self._meeting.join(self.sync.name)
        async with anyio.create_task_group() as group:
            group.start_soon(self._stop_when_quiet, horizon_us, name="quiet watch")
            await self.run()
            group.cancel_scope.cancel()

    async def _stop_when_quiet(self, horizon_us: int) -> None:
        while True:
            if self._gate.is_spent and self._reconciler is not None and self._reconciler.is_idle:
                self.stop()  # the canaries have arrived; nobody waits for those behind them
                return
            before = {side: poller.passes for side, poller in self.pollers.items()}
            busy = not await self._is_quiet(horizon_us)
            while not busy and any(self.pollers[side].passes < before[side] + 2 for side in Side):
                await self._clock.sleep(_TICK_SECONDS / 4)
                busy = not await self._is_quiet(horizon_us)
            if self._meeting.rest(self.sync.name, is_quiet=not busy):
                self.stop()
                return
            await self._clock.sleep(_TICK_SECONDS / 4)

    async def _is_quiet(self, horizon_us: int) -> bool:
        if self._reconciler is None or not self._reconciler.is_idle:
            return False
        if self._reconciler.pages != sum(poller.pages for poller in self.pollers.values()):
            return False
        soon = microseconds(self._clock.now()) + horizon_us
        return not await self._store.load_due(self.sync.name, soon, 1)
