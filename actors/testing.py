"""Stand-ins for the ports, for tests of actors and of connectors: deterministic and typed.

They are held to the same conformance kits as the real adapters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

import anyio
import anyio.lowlevel
import msgspec

from actors.errors import StoreError
from actors.intents import Intent
from actors.links import Change, Commit, Conflict, Link, OrderDone, Seen, Settled, Status
from actors.orders import AnyOrder, Asked
from actors.ports import MOST_PER_KEY
from actors.records import Side

_EPOCH = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class ManualClock:
    """The Clock port over the event loop's time, which a simulation owns.

    Attributes:
        epoch: what the wall says when the loop's clock stands at zero. Moving it makes the wall
            clock jump; `monotonic` and `sleep` do not notice.
    """

    def __init__(self, epoch: datetime = _EPOCH, seed: int = 0) -> None:
        self.epoch = epoch
        self._random = Random(seed)

    def now(self) -> datetime:
        """Return the wall clock, UTC with zone."""
        return self.epoch + timedelta(seconds=anyio.current_time())

    def monotonic(self) -> float:
        """Return the loop's own time in seconds."""
        return anyio.current_time()

    async def sleep(self, seconds: float) -> None:
        """Wait that long by the loop's time."""
        await anyio.sleep(seconds)

    def jitter(self) -> float:
        """Return the next random number of this clock's seed, from 0 up to but not including 1."""
        return self._random.random()


class MemoryStore:
    """The Store port in memory. Its attributes are open for a test to look at.

    A commit is checked whole before anything of it is applied, and applied without a wait: what
    the attributes hold is always what a crash would leave behind.

    Attributes:
        links: by id. intents: open ones by id. settled: how intents ended, by id.
        cursors: by (sync, name). conflicts: in the order found. history: in order.
        orders: those of people that are open, by id. orders_done: what became of others, by id.
        fault: raised by the next commit instead of storing anything, then forgotten.
    """

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}
        self.intents: dict[int, Intent] = {}
        self.settled: dict[int, Settled] = {}
        self.cursors: dict[tuple[str, str], str] = {}
        self.conflicts: list[Conflict] = []
        self.history: list[Change] = []
        self.orders: dict[int, Asked] = {}
        self.orders_done: dict[int, OrderDone] = {}
        self.fault: StoreError | None = None
        self._holders: dict[tuple[str, Side, str], int] = {}
        self._ids = count(1)

    def new_id(self) -> int:
        """Return the next id."""
        return next(self._ids)

    async def load_links(self, sync: str, side: str, ids: Sequence[str]) -> dict[str, Link]:
        """Return the links of these records of one side by record id; unknown ids are left out."""
        await anyio.lowlevel.checkpoint()
        held = ((one, self._holders.get((sync, Side(side), one))) for one in sorted(set(ids)))
        return {one: self.links[key] for one, key in held if key is not None}

    async def compare_links(
        self, sync: str, side: str, seen: Mapping[str, Seen]
    ) -> tuple[dict[str, Link], set[str]]:
        """Look up records as just read: return links of those that differ, ids of those at rest."""
        links = await self.load_links(sync, side, tuple(seen))
        resting = set()
        for one, link in links.items():
            end = link.end(Side(side))
            assert end is not None
            if link.due_us is None and end.seen == seen[one] and end.gone is None:
                resting.add(one)
        return {one: link for one, link in links.items() if one not in resting}, resting

    async def load_links_by_id(self, ids: Sequence[int]) -> dict[int, Link]:
        """Return links by their own id."""
        await anyio.lowlevel.checkpoint()
        return {key: self.links[key] for key in sorted(set(ids)) if key in self.links}

    async def load_by_keys(
        self, sync: str, side: str, keys: Sequence[str]
    ) -> dict[str, tuple[Link, ...]]:
        """Return the links whose end on that side has a match key, by key, oldest first."""
        await anyio.lowlevel.checkpoint()
        wanted, found = set(keys), dict[str, list[Link]]()
        for _, link in sorted(self.links.items()):
            end = link.end(Side(side)) if link.sync == sync else None
            for key in wanted.intersection(end.keys if end is not None else ()):
                found.setdefault(key, []).append(link)
        return {key: tuple(links[:MOST_PER_KEY]) for key, links in found.items()}

    async def load_due(self, sync: str, now_us: int, limit: int) -> tuple[Link, ...]:
        """Return links whose due time has come, the longest due first."""
        await anyio.lowlevel.checkpoint()
        mine = (link for link in self.links.values() if link.sync == sync)
        due = [(link.due_us, link.id) for link in mine if link.due_us is not None]
        ready = sorted(one for one in due if one[0] <= now_us)
        return tuple(self.links[key] for _, key in ready[:limit])

    async def page_links(self, sync: str, after: int, limit: int) -> tuple[Link, ...]:
        """Return links with an id above `after`, in id order."""
        await anyio.lowlevel.checkpoint()
        keys = sorted(key for key, link in self.links.items() if link.sync == sync and key > after)
        return tuple(self.links[key] for key in keys[:limit])

    async def count_pairs(self, sync: str) -> int:
        """Count the links that have both ends."""
        await anyio.lowlevel.checkpoint()
        mine = (link for link in self.links.values() if link.sync == sync)
        return sum(link.left is not None and link.right is not None for link in mine)

    async def load_held(self, sync: str, after: int, limit: int) -> tuple[Link, ...]:
        """Return held links with an id above `after`, in id order."""
        await anyio.lowlevel.checkpoint()
        mine = (link for _, link in sorted(self.links.items()) if link.sync == sync)
        held = [one for one in mine if one.status is Status.HELD and one.id > after]
        return tuple(held[:limit])

    async def load_intents(self, sync: str) -> tuple[Intent, ...]:
        """Return intents without an outcome, in id order."""
        await anyio.lowlevel.checkpoint()
        return tuple(one for _, one in sorted(self.intents.items()) if one.sync == sync)

    async def load_cursor(self, sync: str, name: str) -> str | None:
        """Return a cursor that was committed under this name, or None."""
        await anyio.lowlevel.checkpoint()
        return self.cursors.get((sync, name))

    async def load_conflicts(self, sync: str, link: int) -> tuple[Conflict, ...]:
        """Return the conflicts of a link, newest first."""
        await anyio.lowlevel.checkpoint()
        found = (one for one in self.conflicts if one.sync == sync and one.link == link)
        return tuple(found)[::-1]

    def give(self, sync: str, order: AnyOrder, by: str = "somebody", at_us: int = 0) -> int:
        """Leave an order, as people do by command; return its number."""
        number = len(self.orders) + len(self.orders_done) + 1
        self.orders[number] = Asked(id=number, sync=sync, order=order, by=by, at_us=at_us)
        return number

    async def load_orders(self, sync: str) -> tuple[Asked, ...]:
        """Return orders of people that are not carried out yet, in the order asked."""
        await anyio.lowlevel.checkpoint()
        return tuple(one for _, one in sorted(self.orders.items()) if one.sync == sync)

    async def commit(self, work: Commit) -> None:
        """Store all of `work`, or raise StoreError and store nothing of it."""
        await anyio.lowlevel.checkpoint()
        if (fault := self.fault) is not None:
            self.fault = None
            raise fault
        links = {link.id: link for link in work.links}
        self._check_claims(links, set(work.dropped))
        self._check_intents(work)
        if not self.orders.keys() >= {one.order for one in work.orders_done}:
            raise StoreError(f"{work.sync}: an order that is done or unknown cannot be done")
        self._apply_links(links, work.dropped)
        self.intents.update((intent.id, intent) for intent in work.intents)
        for one in work.settled:
            self.settled[one.intent] = one
            del self.intents[one.intent]
        for conflict in work.conflicts:
            self._record(conflict)
        self.history.extend(work.history)
        for order in work.orders_done:
            self.orders_done[order.order] = order
            del self.orders[order.order]
        self.cursors.update(((work.sync, name), value) for name, value in work.cursors.items())

    def _check_claims(self, links: dict[int, Link], dropped: set[int]) -> None:
        claimed: dict[tuple[str, Side, str], int] = {}
        for key, link in sorted(links.items()):
            for claim in _claims(link):
                holder = claimed.setdefault(claim, key)
                stored = self._holders.get(claim, key)
                if holder == key and stored not in links and stored not in dropped:
                    holder = stored
                if holder != key:
                    raise StoreError(
                        f"{link.sync}: {claim[1]} record {claim[2]} belongs to link {holder}, so"
                        f" link {key} cannot have it too; nothing of this step was stored"
                    )

    def _check_intents(self, work: Commit) -> None:
        if any(intent.id in self.settled for intent in work.intents):
            raise StoreError(f"{work.sync}: an intent that is settled cannot be attempted again")
        ended = [one.intent for one in work.settled]
        known = self.intents.keys() | {intent.id for intent in work.intents}
        if len(ended) != len(set(ended)) or not known.issuperset(ended):
            raise StoreError(f"{work.sync}: an intent that is settled or unknown cannot be settled")

    def _apply_links(self, links: dict[int, Link], dropped: Iterable[int]) -> None:
        for key in (*dropped, *links):
            old = self.links.pop(key, None)
            for claim in () if old is None else _claims(old):
                del self._holders[claim]
        self.links.update(links)
        self._holders.update((claim, key) for key, link in links.items() for claim in _claims(link))

    def _record(self, conflict: Conflict) -> None:
        """Add a conflict, or bring the row of the same identity up to date."""
        for place, known in enumerate(self.conflicts):
            if _identity(known) == _identity(conflict):
                self.conflicts[place] = msgspec.structs.replace(conflict, at_us=known.at_us)
                return
        self.conflicts.append(conflict)


def _claims(link: Link) -> tuple[tuple[str, Side, str], ...]:
    ends = ((side, link.end(side)) for side in Side)
    return tuple((link.sync, side, end.id) for side, end in ends if end is not None)


def _identity(conflict: Conflict) -> tuple[object, ...]:
    raws = (conflict.left, conflict.right)
    return (conflict.sync, conflict.link, conflict.unit, *raws, conflict.left_us, conflict.right_us)
