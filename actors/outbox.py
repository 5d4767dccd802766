"""The outbox: intents waiting for credit to be sent to the writers, batched per call.

Reconciler and writers form a cycle of bounded channels. Credit keeps it free of deadlock: at
most `credit` orders are with a writer, the order channel holds that many, and so does the
reconciler's inbox beside its pages; nobody ever waits to send (H31).
"""

from __future__ import annotations

from collections import deque

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from actors.intents import Intent, IntentKind
from actors.messages import Look, Recover, Write, WriterInbox
from actors.ports import Capabilities, Monitor
from actors.records import Side

_LOOKED_AT_ONCE = 100


class Outbox:
    """Orders to one side's writer."""

    def __init__(
        self,
        *,
        sync: str,
        side: Side,
        orders: MemoryObjectSendStream[WriterInbox],
        credit: int,
        capabilities: Capabilities,
        monitor: Monitor,
    ) -> None:
        self._sync = sync
        self._side = side
        self._orders = orders
        self._credit = credit
        self._granted = credit
        self._monitor = monitor
        self._queues: dict[IntentKind | None, deque[Intent]] = {
            None: deque(),
            IntentKind.UPDATE: deque(),
            IntentKind.CREATE: deque(),
            IntentKind.MARK: deque(),
            IntentKind.ARCHIVE: deque(),
            IntentKind.RESTORE: deque(),
        }
        self._batch = {
            None: capabilities.read_batch,
            IntentKind.UPDATE: capabilities.update_batch,
            IntentKind.CREATE: capabilities.create_batch,
            IntentKind.MARK: capabilities.update_batch,
            IntentKind.ARCHIVE: capabilities.update_batch,
            IntentKind.RESTORE: capabilities.update_batch,
        }

    @property
    def waiting(self) -> int:
        """Intents not yet handed to the writer."""
        return sum(len(queue) for queue in self._queues.values())

    @property
    def in_flight(self) -> int:
        """Orders that the writer has and has not answered."""
        return self._granted - self._credit

    @property
    def most_waiting(self) -> int:
        """Beyond this many waiting intents no further page is asked for."""
        return 4 * max(self._batch.values())

    def withdraw(self) -> list[Intent]:
        """Take back the writes that the writer has not got; recoveries stay open in the store."""
        taken: list[Intent] = []
        for kind, queue in self._queues.items():
            if kind is not None:
                taken += queue
                queue.clear()
        return taken

    def write(self, intent: Intent) -> None:
        """Queue an intent to be carried out."""
        self._queues[intent.kind].append(intent)

    def recover(self, intent: Intent) -> None:
        """Queue an intent whose outcome must be found out."""
        self._queues[None].append(intent)

    def answered(self) -> None:
        """Take back the credit of one order."""
        self._credit += 1

    def pump(self) -> None:
        """Send as many orders as there is credit for."""
        for kind, queue in self._queues.items():
            while queue and self._credit:
                self._credit -= 1
                order = self._order(kind, queue)
                self._monitor.saw(self._sync, order)
                try:
                    self._orders.send_nowait(order)
                except anyio.BrokenResourceError:  # the writer has been cancelled, and so shall we
                    return

    def _order(self, kind: IntentKind | None, queue: deque[Intent]) -> WriterInbox:
        if kind is None:  # creates are found by key, updates read by id: one kind an order
            kind_of_first = queue[0].kind
            alike = [one for one in queue if one.kind is kind_of_first][: self._batch[None]]
            for intent in alike:
                queue.remove(intent)
            return Recover(side=self._side, intents=tuple(alike))
        count = min(len(queue), self._batch[kind])
        return Write(side=self._side, intents=tuple(queue.popleft() for _ in range(count)))

    def close(self) -> None:
        """Tell the writer that no more orders come."""
        self._orders.close()


class LookBox:
    """Record ids that one side's poller is to read, each asked for once at a time."""

    def __init__(
        self,
        *,
        sync: str,
        side: Side,
        looks: MemoryObjectSendStream[Look],
        credit: int,
        monitor: Monitor,
    ) -> None:
        self._sync = sync
        self._side = side
        self._looks = looks
        self._credit = credit
        self._granted = credit
        self._monitor = monitor
        self._wanted: dict[str, None] = {}
        self._asked: set[str] = set()

    @property
    def is_idle(self) -> bool:
        """Nothing is wanted and nothing is being read."""
        return not self._wanted and self._credit == self._granted

    def want(self, record_id: str) -> None:
        """Ask for a record, unless it is being asked for already."""
        if record_id not in self._asked:
            self._wanted[record_id] = None

    def answered(self, ids: set[str]) -> None:
        """Take back the credit of one look."""
        self._credit += 1
        self._asked -= ids

    def pump(self) -> None:
        """Send as many looks as there is credit for."""
        while self._wanted and self._credit:
            ids = tuple(self._wanted)[:_LOOKED_AT_ONCE]
            for one in ids:
                del self._wanted[one]
            self._asked.update(ids)
            self._credit -= 1
            look = Look(side=self._side, ids=ids)
            self._monitor.saw(self._sync, look)
            try:
                self._looks.send_nowait(look)
            except anyio.BrokenResourceError:  # the poller has stopped: we are draining
                return

    def close(self) -> None:
        """Tell the poller that no more looks come."""
        self._looks.close()
