"""Planning: what a run would do, by the same decisions, with nothing written anywhere.

Both sides are listed once, page by page; each page goes through the very `Rulings` that the
reconciler obeys, and the ledgers are counted instead of committed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import anyio
from msgspec import Struct

from actors.attention import Attention
from actors.intents import Intent, IntentKind
from actors.ledger import Ledger
from actors.links import Link, Status
from actors.mapper import map_page
from actors.mapping.record import Sync
from actors.messages import Look, Origin, Polled
from actors.outbox import LookBox
from actors.ports import Blind, Clock, Connector, Store
from actors.records import Side, Snapshot
from actors.rounds import Rounds
from actors.rulings import Rulings
from actors.scope import rules
from actors.spec import Pace
from actors.values import Raw

SAMPLES = 5

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


class SidePlan(Struct, kw_only=True):
    """What would happen on one side.

    Attributes:
        records: read.
        creates, updates: records that would be made and changed here.
        adopts: records here that tieline made before and would take up again.
        statuses: records by status and reason, of those not in sync.
    """

    app: str
    records: int = 0
    creates: int = 0
    updates: int = 0
    adopts: int = 0
    statuses: Counter[tuple[str, str]] = Counter()
    samples: list[Sample] = []


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
    """Plans one sync."""

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
        pace = Pace()
        looks = {side: _unread(sync.name, side) for side in Side}
        self._rulings = Rulings(
            sync=sync,
            connectors=connectors,
            store=store,
            clock=clock,
            pace=pace,
            attention=Attention(),
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
        async with anyio.create_task_group() as tasks:
            for side in Side:
                tasks.start_soon(self._side, side, name=f"plan/{self._sync.app(side)}")
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
                return

    async def _page(self, side: Side, records: tuple[Snapshot, ...]) -> None:
        self._claimed |= {record.key for record in records if record.key is not None}
        polled = Polled(side=side, origin=Origin.BACKFILL, records=records, began=float("inf"))
        ledger = await self._rulings.page(map_page(self._sync, polled, self._clock.now()))
        planned = {intent.link for intent in ledger.intents}
        for intent in ledger.intents:
            self._count_intent(ledger, intent)
        for record in records:
            link = ledger.of(side, record.id)
            if link is None or link.id in planned:
                continue
            if link.status is Status.IN_SYNC:
                self.plan.in_sync += side is Side.LEFT
            else:
                self.plan.sides[side].statuses[link.status.value, link.reason] += 1

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


def _unread(sync: str, side: Side) -> LookBox:
    """A box of looks that nobody answers: a plan reads each record once."""
    looks, _ = anyio.create_memory_object_stream[Look](1)
    return LookBox(sync=sync, side=side, looks=looks, credit=0, monitor=Blind())
