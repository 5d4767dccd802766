"""Planning: what a run would do, by the same decisions, with nothing written anywhere.

Both sides are listed once, page by page; each page goes through the very `Rulings` that the
reconciler obeys, and the ledgers are counted. Where records are matched, who was met before
matters: then the links are kept in a store of the plan's own, which is thrown away.
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
from actors.matching import MATCHED, WAITS, may_wait_for_listing
from actors.messages import Look, Origin, Polled
from actors.observing import moment
from actors.outbox import LookBox
from actors.poller import Listing
from actors.ports import Blind, Clock, Connector, Store
from actors.records import Side, Snapshot
from actors.rounds import Rounds
from actors.rulings import Rulings
from actors.scope import rules
from actors.spec import Pace
from actors.values import Raw

SAMPLES = 5
_PAGE = 200

Tell = Callable[[Side, int, int | None], None]


class Sample(Struct, frozen=True, kw_only=True):
    """One write that would be made.

    Attributes:
        app: the app that would be written.
        source_id: the record of the other app that it comes from.
        record_id: the record to be changed; None for a create.
        fields: by native field of `app`: (what it holds now, what it would hold).
    """

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
        store: read only, but where the sync has match rules: then a scratch copy to be written.
    """

    def __init__(
        self,
        *,
        sync: Sync,
        connectors: Mapping[Side, Connector],
        store: Store,
        clock: Clock,
        tell: Tell,
    ) -> None:
        self._sync = sync
        self._apps = connectors
        self._tell = tell
        self._clock = clock
        self._store = store
        self._attention = Attention()
        self._turn = anyio.Lock()
        self._settled: set[int] = set()
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
        self._claimed: set[str] = set()
        self._creates: dict[str, tuple[Side, Sample]] = {}
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
        async with anyio.create_task_group() as tasks:
            for side in Side:
                tasks.start_soon(self._side, side, name=f"plan/{self._sync.app(side)}")
        if self._sync.matchers:
            for side in Side:
                await self._waiting(side)
        for key, (side, sample) in self._creates.items():
            plan = self.plan.sides[side]
            if key in self._claimed:
                plan.adopts += 1
            else:
                plan.creates += 1
                _keep(plan, sample)
        return self.plan

    async def _side(self, side: Side) -> None:
        plan, after = self.plan.sides[side], None
        object_name, fields = self._sync.spec.object, self._sync.fields[side]
        while True:
            page = await self._apps[side].list_page(object_name, fields, after)
            await self._page(side, page.records)
            plan.records += len(page.records)
            self._tell(side, plan.records, page.total)
            after = page.after
            if after is None:
                break
        if self._sync.matchers:
            done = msgspec.json.encode(Listing(start="", done=True)).decode()
            await self._keep(Commit(sync=self._sync.name, cursors={f"{side}.backfill": done}))

    async def _waiting(self, side: Side) -> None:
        """Decide the records that had to wait until the other side was read whole."""
        name, after = self._sync.name, 0
        while links := await self._store.page_links(name, after, _PAGE):
            after = links[-1].id
            ends = [link.end(side) for link in links if may_wait_for_listing(link, side)]
            records = tuple(_snapshot(end, end.seen) for end in ends if end and end.seen)
            if records:
                await self._page(side, records)

    async def _keep(self, work: Commit) -> None:
        """Remember links as a run would; writes and their results are only counted."""
        kept = Commit(sync=work.sync, links=work.links, dropped=work.dropped, cursors=work.cursors)
        await self._store.commit(kept)
        for intent in work.intents:
            if intent.kind is IntentKind.CREATE:
                self._attention.opened(intent.link)

    async def _page(self, side: Side, records: tuple[Snapshot, ...]) -> None:
        self._claimed |= {record.key for record in records if record.key is not None}
        async with self._turn:
            ledger = await self._decided(side, records)
        planned = {intent.link for intent in ledger.intents}
        for intent in ledger.intents:
            self._count_intent(ledger, intent)
        for change in ledger.history:
            if change.rule == MATCHED:
                self._count_match(ledger, side, change)
                planned.add(change.link)
        ids = [one.id for one in records if ledger.of(side, one.id) is None]
        resting = await self._store.load_links(self._sync.name, side, ids)
        for record in records:
            link = ledger.of(side, record.id) or resting.get(record.id)
            if link is None or link.id in planned or link.id in self._settled:
                continue
            if link.status is Status.IN_SYNC:
                self.plan.in_sync += side is Side.LEFT
            elif not link.reason.startswith(WAITS):
                self.plan.sides[side].statuses[link.status.value, link.reason] += 1
        if self._sync.matchers:
            self._settled |= planned

    async def _decided(self, side: Side, records: tuple[Snapshot, ...]) -> Ledger:
        polled = Polled(side=side, origin=Origin.BACKFILL, records=records, began=float("inf"))
        ledger = await self._rulings.page(map_page(self._sync, polled, self._clock.now()))
        if self._sync.matchers:
            await self._keep(ledger.work())
        return ledger

    def _count_match(self, ledger: Ledger, side: Side, change: Change) -> None:
        link, plan = ledger.link(change.link), self.plan.sides[side]
        assert link is not None and link.left is not None and link.right is not None
        plan.matches += 1
        if len(plan.match_samples) < SAMPLES:
            by = change.after[0] or ""
            sample = MatchSample(by=by, left_id=link.left.id, right_id=link.right.id)
            plan.match_samples.append(sample)

    def _count_intent(self, ledger: Ledger, intent: Intent) -> None:
        plan = self.plan.sides[intent.side]
        link = ledger.link(intent.link)
        assert link is not None, "an intent belongs to a link of its step"
        sample = self._sample(link, intent)
        if intent.kind is IntentKind.CREATE:
            self._creates[intent.key or ""] = (intent.side, sample)
        else:
            plan.updates += 1
            _keep(plan, sample)

    def _sample(self, link: Link, intent: Intent) -> Sample:
        source, target = link.end(intent.side.other), link.end(intent.side)
        held = target.seen.values if target is not None and target.seen is not None else {}
        return Sample(
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


def _keep(plan: SidePlan, sample: Sample) -> None:
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
