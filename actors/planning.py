"""Planning: what a run would do, by the same decisions, with nothing written anywhere.

Both sides are listed once, page by page; each page goes through the very `Rulings` that the
reconciler obeys. Links are kept in a scratch store, as a run would keep them, decisions go into
a book: memory stays flat, and what is decided last of a record stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import anyio
import msgspec
from msgspec import Struct

from actors.attention import Attention
from actors.intents import Intent, IntentKind
from actors.ledger import Ledger
from actors.links import Change, Commit, End, Link, Seen, Status
from actors.mapper import map_page
from actors.mapping.record import Sync
from actors.matching import MATCHED, may_wait_for_listing
from actors.messages import Look, Origin, Polled
from actors.observing import microseconds, moment
from actors.outbox import LookBox
from actors.plans import (
    ARCHIVED,
    CHANGED,
    CREATED,
    Book,
    MemoryBook,
    digest_of,
    name_record,
    writes_of,
)
from actors.poller import Listing
from actors.ports import Blind, Clock, Connector, Store
from actors.records import Gone, Side, Snapshot
from actors.rounds import Rounds
from actors.rulings import Rulings
from actors.scope import rules
from actors.spec import Pace
from actors.values import Raw

SAMPLES = 5
_PAGE = 500
_AGAIN = 100
_SOON_US = 30_000_000

Tell = Callable[[Side, int, int | None], None]


class Sample(Struct, frozen=True, kw_only=True):
    """One write that would be made.

    Attributes:
        link: the link's number in the plan.
        app: the app that would be written.
        source_id: the record of the other app that it comes from.
        record_id: the record to be changed; None for a create.
        fields: by native field of `app`: (what it holds now, what it would hold).
    """

    link: int
    app: str
    kind: IntentKind
    source_id: str
    record_id: str | None
    fields: dict[str, tuple[Raw, Raw]]


class MatchSample(Struct, frozen=True, kw_only=True):
    """Two records that would be linked; `by` is the key that both have, in words."""

    by: str
    left_id: str
    right_id: str


class SidePlan(Struct, kw_only=True):
    """What would happen on one side.

    Attributes:
        records: read.
        creates, updates: records that would be made and changed here.
        archives: records that would be archived or deleted here, since their counterpart was.
        adopts: records here that tieline made before and would take up again.
        matches: records here that would be linked to one that is there on the other side; each
            pair is counted once, where it was found.
        statuses: records by status and reason, of those not in sync.
    """

    app: str
    records: int = 0
    creates: int = 0
    updates: int = 0
    adopts: int = 0
    archives: int = 0
    statuses: Counter[tuple[str, str]] = Counter()
    samples: list[Sample] = []
    matches: int = 0
    match_samples: list[MatchSample] = []


class Plan(Struct, kw_only=True):
    """What the next full pass of a sync would do, as of now.

    Attributes:
        rules: what limits who takes part, for people.
    """

    sync: str
    rules: tuple[str, ...] = ()
    sides: dict[Side, SidePlan]
    in_sync: int = 0


class Planner:
    """Plans one sync.

    Args:
        store: a scratch copy of the real one: links are kept in it, nothing else.
        book: takes the decisions.
    """

    def __init__(
        self,
        *,
        sync: Sync,
        connectors: Mapping[Side, Connector],
        store: Store,
        clock: Clock,
        tell: Tell,
        book: Book | None = None,
    ) -> None:
        self._sync = sync
        self._apps = connectors
        self._store = store
        self._tell = tell
        self._clock = clock
        self._book: Book = book or MemoryBook()
        self._turn = anyio.Lock()
        self._attention = Attention()
        self._open: dict[str, int] = {}  # links of creates by key, where records are matched
        self._matched: set[int] = set()
        pace = Pace()
        looks = {side: _unread(sync.name, side) for side in Side}
        self._looks = looks.values()
        self._rulings = Rulings(
            sync=sync,
            connectors=connectors,
            store=store,
            clock=clock,
            pace=pace,
            attention=self._attention,
            looks=looks,
            rounds=Rounds(sync=sync, store=store, clock=clock, pace=pace, looks=looks),
        )
        self.plan = Plan(
            sync=sync.name,
            rules=rules(sync),
            sides={side: SidePlan(app=sync.app(side), statuses=Counter()) for side in Side},
        )

    async def run(self) -> Plan:
        """List both sides and count what would be decided.

        Raises:
            TielineError: an app or the store cannot be read.
        """
        try:
            return await self._run()
        finally:
            for box in self._looks:
                box.close()

    async def _run(self) -> Plan:
        await self._take_up_held()
        async with anyio.create_task_group() as tasks:
            for side in Side:
                tasks.start_soon(self._side, side, name=f"plan/{self._sync.app(side)}")
        for side in Side if self._sync.matchers else ():
            await self._waiting(side)
        await self._read_again()
        await self._count()
        return self.plan

    async def _take_up_held(self) -> None:
        """What is held is decided again, as it is when a plan is applied."""
        after, now_us = 0, microseconds(self._clock.now())
        while links := await self._store.load_held(self._sync.name, after, _PAGE):
            due = tuple(msgspec.structs.replace(link, due_us=now_us) for link in links)
            await self._store.commit(Commit(sync=self._sync.name, links=due))
            after = links[-1].id

    async def _side(self, side: Side) -> None:
        plan, after = self.plan.sides[side], None
        object_name, fields = self._sync.spec.object, self._sync.fields[side]
        while True:
            page = await self._apps[side].list_page(object_name, fields, after)
            await self._page(side, page.records, Origin.BACKFILL)
            plan.records += len(page.records)
            self._tell(side, plan.records, page.total)
            after = page.after
            if after is None:
                break
        done = msgspec.json.encode(Listing(start="", done=True)).decode()
        cursors = {f"{side}.backfill": done}
        await self._store.commit(Commit(sync=self._sync.name, cursors=cursors))

    async def _waiting(self, side: Side) -> None:
        """Decide the records that had to wait until the other side was read whole."""
        name, after = self._sync.name, 0
        while links := await self._store.page_links(name, after, _PAGE):
            after = links[-1].id
            ends = [link.end(side) for link in links if may_wait_for_listing(link, side)]
            records = tuple(_snapshot(end, end.seen) for end in ends if end and end.seen)
            if records:
                await self._page(side, records, Origin.BACKFILL)

    async def _read_again(self) -> None:
        """Decide what a run would read once more before it decides."""
        seen: set[int] = set()
        while due := await self._due(seen):
            seen |= {link.id for link in due}
            for side in Side:
                ids = [end.id for link in due if (end := link.end(side)) is not None]
                for start in range(0, len(ids), _AGAIN):
                    part, fields = ids[start : start + _AGAIN], self._sync.fields[side]
                    found = await self._apps[side].fetch(self._sync.spec.object, part, fields)
                    await self._page(side, found.records, Origin.LOOK, found.gone)

    async def _due(self, seen: set[int]) -> list[Link]:
        soon_us = microseconds(self._clock.now()) + _SOON_US
        due = await self._store.load_due(self._sync.name, soon_us, _PAGE)
        return [link for link in due if link.id not in seen]

    async def _page(
        self,
        side: Side,
        records: tuple[Snapshot, ...],
        origin: Origin,
        gone: tuple[Gone, ...] = (),
    ) -> None:
        polled = Polled(side=side, origin=origin, records=records, gone=gone, began=float("inf"))
        async with self._turn:
            self._close(records)
            ledger = await self._rulings.page(map_page(self._sync, polled, self._clock.now()))
            work = ledger.work()
            for link in work.links:
                self._note(link, [one for one in work.intents if one.link == link.id], ledger)
            for change in work.history:
                if change.rule == MATCHED:
                    self._count_match(ledger, side, change)
            for number in work.dropped:
                self._book.strike(number)
            adopted = sum(_is_adopted(ledger, side, one) for one in records)
            self.plan.sides[side].adopts += adopted
            await self._store.commit(Commit(sync=work.sync, links=work.links, dropped=work.dropped))

    def _note(self, link: Link, intents: list[Intent], ledger: Ledger) -> None:
        if not intents:
            if not self._attention.is_busy(link.id):
                self._book.strike(link.id)
            return
        writes = writes_of(intents)
        self._book.note(link.id, name_record(link), digest_of(intents), writes)
        for intent in intents:
            _keep(self.plan.sides[intent.side], self._sample(link, intent))
            if intent.key is not None and self._sync.matchers:
                self._attention.opened(link.id)  # whoever has the same match key waits for it
                self._open[intent.key] = link.id

    def _close(self, records: tuple[Snapshot, ...]) -> None:
        """What is found to be there already is not created."""
        for record in records:
            link = self._open.pop(record.key or "", None)
            if link is not None:
                self._attention.closed(link)

    def _count_match(self, ledger: Ledger, side: Side, change: Change) -> None:
        link, plan = ledger.link(change.link), self.plan.sides[side]
        assert link is not None and link.left is not None and link.right is not None
        self._matched.add(link.id)
        plan.matches += 1
        if len(plan.match_samples) < SAMPLES:
            by = change.after[0] or ""
            sample = MatchSample(by=by, left_id=link.left.id, right_id=link.right.id)
            plan.match_samples.append(sample)

    async def _count(self) -> None:
        """Count what came out of it all, links one by one."""
        for (side, word), count in self._book.total().items():
            plan = self.plan.sides[Side(side)]
            plan.creates += count * (word == CREATED)
            plan.updates += count * (word == CHANGED)
            plan.archives += count * (word == ARCHIVED)
        for plan in self.plan.sides.values():
            plan.samples = [one for one in plan.samples if self._book.knows(one.link)]
        after = 0
        while links := await self._store.page_links(self._sync.name, after, _PAGE):
            for link in links:
                self._count_link(link)
            after = links[-1].id

    def _count_link(self, link: Link) -> None:
        if self._book.knows(link.id) or link.id in self._matched:
            return
        if link.status is Status.IN_SYNC:
            self.plan.in_sync += 1
            return
        for side in Side:
            if link.end(side) is not None:
                self.plan.sides[side].statuses[link.status.value, link.reason] += 1

    def _sample(self, link: Link, intent: Intent) -> Sample:
        source, target = link.end(intent.side.other), link.end(intent.side)
        held = target.seen.values if target is not None and target.seen is not None else {}
        return Sample(
            link=link.id,
            app=self._sync.app(intent.side),
            kind=intent.kind,
            source_id=source.id if source is not None else "",
            record_id=intent.record_id,
            fields={
                name: (held.get(name), raw)
                for name, raw in intent.values.items()
                if held.get(name) != raw
            },
        )


def _is_adopted(ledger: Ledger, side: Side, record: Snapshot) -> bool:
    """Say whether a record that tieline made before has found its source's link again."""
    link = ledger.of(side, record.id) if record.key is not None else None
    if link is None or link.end(side.other) is None:
        return False
    before = ledger.before(link.id)
    return before is None or before.end(side) is None or before.end(side.other) is None


def _keep(plan: SidePlan, sample: Sample) -> None:
    plan.samples = [one for one in plan.samples if one.link != sample.link]
    of_its_kind = sum(one.kind is sample.kind for one in plan.samples)
    if of_its_kind < SAMPLES:
        plan.samples.append(sample)


def _snapshot(end: End, seen: Seen) -> Snapshot:
    modified = moment(seen.modified_us)
    return Snapshot(id=end.id, values=seen.values, token=seen.token, modified_at=modified)


def _unread(sync: str, side: Side) -> LookBox:
    """A box of looks that nobody answers: a plan reads each record once."""
    looks, end = anyio.create_memory_object_stream[Look](1)
    end.close()
    return LookBox(sync=sync, side=side, looks=looks, credit=0, monitor=Blind())
