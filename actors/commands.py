"""Commands: carries out people's orders about records, one commit each, inside the reconciler."""

from __future__ import annotations

import msgspec

from actors import choices
from actors.approvals import approved
from actors.attention import Attention
from actors.gate import Gate
from actors.ledger import Ledger
from actors.links import Link, OrderDone, Status
from actors.mapping.record import Sync
from actors.observing import microseconds
from actors.orders import Approve, Asked, Choose, Resync, Retry
from actors.ports import Clock, Store


class Commands:
    """Turns the open orders of one sync into ledgers."""

    def __init__(
        self, *, sync: Sync, store: Store, clock: Clock, attention: Attention, gate: Gate
    ) -> None:
        self._sync = sync
        self._gate = gate
        self._store = store
        self._clock = clock
        self._attention = attention
        self._is_asked = True  # at the start of a run there may be some from before

    @property
    def is_waiting(self) -> bool:
        """There may be orders that are not carried out."""
        return self._is_asked

    def nudge(self) -> None:
        """Somebody has given an order."""
        self._is_asked = True

    async def ready(self) -> tuple[Asked, ...]:
        """Return the orders that can be carried out now; others wait for writes to end."""
        if not self._is_asked:
            return ()
        orders = [
            one
            for one in await self._store.load_orders(self._sync.name)
            if not isinstance(one.order, Resync)
        ]
        ready = tuple(one for one in orders if not self._is_held_up(one))
        self._is_asked = len(ready) < len(orders)
        return ready

    def _is_held_up(self, asked: Asked) -> bool:
        order = asked.order
        return isinstance(order, Choose) and self._attention.is_busy(order.link)

    async def carry_out(self, asked: Asked) -> Ledger:
        """Return what an order changes, and that it is done."""
        order = asked.order
        if isinstance(order, Choose):
            return await self._choose(asked, order)
        if isinstance(order, Approve):
            return await self._approve(asked, order)
        assert isinstance(order, Retry), "a sync is read again when its run begins"
        return await self._retry(asked, order)

    async def _ledger(self, *ids: int) -> Ledger:
        links = await self._store.load_links_by_id(ids)
        return Ledger(self._sync.name, links.values())

    async def _choose(self, asked: Asked, order: Choose) -> Ledger:
        ledger = await self._ledger(order.link)
        link = ledger.link(order.link)
        if link is None:
            self._end(ledger, asked, "refused: the record is not known any more", refused=True)
            return ledger
        try:
            chosen = choices.choose(self._sync, link, order, asked.at_us)
        except choices.ChoiceRefusedError as refusal:
            self._end(ledger, asked, f"refused: {refusal}", refused=True)
            return ledger
        self._look_soon(ledger, chosen, f"{order.unit}: to be written as {asked.by} chose")
        ledger.conflicts += choices.answered(order)
        self._end(ledger, asked, "taken")
        return ledger

    async def _retry(self, asked: Asked, order: Retry) -> Ledger:
        ledger = await self._ledger(*order.links)
        count = 0
        for key in order.links:
            link = ledger.link(key)
            if link is not None and link.status is Status.FAILING:
                fresh = msgspec.structs.replace(link, attempts=0, due_us=self._now_us())
                ledger.put(fresh)
                count += 1
        self._end(ledger, asked, f"{count} of {len(order.links)} tried again now")
        return ledger

    async def _approve(self, asked: Asked, order: Approve) -> Ledger:
        ledger = await self._ledger(*order.links)
        count = 0
        for key in order.links:
            link = ledger.link(key)
            agreed = approved(link) if link is not None else None
            if agreed is not None:
                self._look_soon(ledger, agreed, f"approved by {asked.by}")
                count += 1
        words = [
            f"what is gone from {app} is taken for gone" for app in self._gate.agree(order.sides)
        ]
        if order.links or not words:
            words.append(f"{count} of {len(order.links)} records are decided again")
        self._end(ledger, asked, "; ".join(words))
        return ledger

    def _look_soon(self, ledger: Ledger, link: Link, reason: str) -> None:
        due = msgspec.structs.replace(
            link, status=Status.PENDING, reason=reason, attempts=0, due_us=self._now_us()
        )
        ledger.put(due)

    def _end(self, ledger: Ledger, asked: Asked, outcome: str, *, refused: bool = False) -> None:
        done = OrderDone(order=asked.id, outcome=outcome, at_us=self._now_us(), refused=refused)
        ledger.orders_done.append(done)

    def _now_us(self) -> int:
        return microseconds(self._clock.now())
