"""Rulings: turn pages and answers into ledgers, with the decisions of the pure core.

Reads the store (links of a batch in one query) and, rarely, a field's history; writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import msgspec

from actors import departures, merging
from actors.allowance import Allowance
from actors.attention import Attention
from actors.audit import disproved, overwritten_late
from actors.backoff import delay
from actors.candidates import Candidates
from actors.deciding import Known, Ruling, decide_link
from actors.errors import TransientError
from actors.gate import Gate
from actors.intents import Done, Exists, Intent
from actors.ledger import Ledger
from actors.links import End, Link, Settled, Status
from actors.mapping.record import Sync
from actors.matching import Matches
from actors.meeting import Meeting
from actors.messages import Judged, Mapped, Origin, Recovered, Written
from actors.observing import (
    arrivals,
    as_edited,
    awaited,
    is_stale,
    looked_back_to,
    microseconds,
    observe,
    observe_foreign,
    observe_link,
    seen_of,
)
from actors.outbox import LookBox
from actors.outcomes import Outcomes, Verdict, concluded
from actors.partners import PartnerBook
from actors.ports import Clock, Connector, Store
from actors.questions import close_questions, merge_line
from actors.records import Departure, Edit, Gone, Side, Snapshot, source_of
from actors.rounds import Rounds
from actors.scope import is_due
from actors.spec import Pace
from actors.values import Raw

Traced = Mapping[tuple[str, str], tuple[Edit, ...]]
"""Fields' history by (record id, field), newest first."""

UnitOf = tuple[Side, str]
"""A unit of one side: (side, unit key)."""

_SECOND = 1_000_000
_SOON_US = 2 * _SECOND


class Rulings:
    """Decides for the reconciler; owns the order of steps, not the rules."""

    def __init__(
        self,
        *,
        sync: Sync,
        connectors: Mapping[Side, Connector],
        store: Store,
        clock: Clock,
        pace: Pace,
        attention: Attention,
        looks: Mapping[Side, LookBox],
        rounds: Rounds,
        meeting: Meeting | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._sync = sync
        self._apps = connectors
        self._store = store
        self._clock = clock
        self._pace = pace
        self._attention = attention
        self._looks = looks
        self._rounds = rounds
        self._candidates = Candidates(
            sync=sync, connectors=connectors, store=store, clock=clock, attention=attention
        )
        self._meeting = meeting or Meeting()
        self._book = PartnerBook(sync, store, connectors)
        self._allowance = Allowance(sync=sync, store=store, clock=clock)
        self._gate = gate
        self._outcomes = Outcomes(
            sync=sync, store=store, clock=clock, pace=pace, connectors=connectors
        )

    # --- pages ------------------------------------------------------------------------------

    async def page(self, page: Mapped) -> Ledger:
        """Deal with a page: each record is decided or marked as due."""
        self._book = PartnerBook(self._sync, self._store, self._apps)
        links, resting = await self._links_of(page)
        fresh = [one.record.values for one in page.records if one.record.id not in resting]
        await self._book.read(page.side, fresh)
        await self._book.learn(links)
        ledger = Ledger(self._sync.name, links)
        self._candidates.forget()
        await self._look_up(
            ledger, page, [one for one in page.records if one.record.id not in resting]
        )
        await self._allowance.load()
        self._look_over(ledger, page)
        for judged in page.records:
            if judged.record.id in resting:
                self._attention.caught_up(page.side, judged.record.id)
            else:
                await self._record(ledger, page, judged)
        for gone in page.gone:
            self._gone(ledger, page.side, gone, page.began)
        await self._candidates.wake(ledger)
        await close_questions(self._store, self._sync.name, ledger)
        return ledger

    async def _look_up(self, ledger: Ledger, page: Mapped, records: Sequence[Judged]) -> None:
        """Look up at once what a page's records may be the counterparts of."""
        side = page.side
        if not self._sync.matchers or not self._sync.spec.direction.allows(side.other):
            return
        wanted = [one.record for one in records if not one.reason]
        wanted = [one for one in wanted if self._is_unmatched(ledger.of(side, one.id), side, one)]
        with suppress(TransientError):  # told to each record when it is decided
            await self._candidates.look_up(ledger, side, [one.values for one in wanted])

    def _is_unmatched(self, link: Link | None, side: Side, record: Snapshot) -> bool:
        end = link.end(side) if link is not None else None
        if link is None or end is None:
            return self._source(side, record) is None
        return link.end(side.other) is None and not self._is_known(link, end, record)

    def _look_over(self, ledger: Ledger, page: Mapped) -> None:
        """Tell the gate how many of the linked records that were looked at are gone."""
        if self._gate is None or page.origin is Origin.BACKFILL:
            return
        links = [ledger.of(page.side, gone.id) for gone in page.gone]
        gone = sum(link is not None and _is_live_pair(link, page.side) for link in links)
        self._gate.looked(page.side, gone, len(page.records))

    async def _links_of(self, page: Mapped) -> tuple[list[Link], set[str]]:
        """Load the links of a page's records, of what they absorbed and of keyed sources.

        Returns:
            The links, and the ids of records whose very version has been dealt with: most of
            what is ever read, so that nothing else is done for them.
        """
        side, name = page.side, self._sync.name
        seen = {one.record.id: seen_of(self._sync, one.record) for one in page.records}
        if len(seen) < len(page.records):  # one of them twice: each copy is looked at
            seen = {}
        found, resting = await self._store.compare_links(name, side, seen)
        records = [one.record for one in page.records if one.record.id not in resting]
        ids = [record.id for record in records if record.id not in seen]
        ids += [one for record in records for one in record.absorbed]
        ids += [one for gone in page.gone for one in (gone.id, gone.into) if one is not None]
        links = {one.id: one for one in found.values()}
        links |= {one.id: one for one in (await self._load(side, ids)).values()}
        sources = [source for record in records if (source := self._source(side, record))]
        links |= {one.id: one for one in (await self._load(side.other, sources)).values()}
        return list(links.values()), resting

    async def _load(self, side: Side, ids: Collection[str]) -> dict[str, Link]:
        if not ids:
            return {}
        return await self._store.load_links(self._sync.name, side, sorted(set(ids)))

    def _source(self, side: Side, record: Snapshot) -> str | None:
        """Return the id of the record of which this one is tieline's copy, if it is one."""
        spec = self._sync.spec
        source = source_of(record.key, spec.connection, spec.object)
        return source[1] if source is not None and source[0] == spec.app(side.other) else None

    async def _record(self, ledger: Ledger, page: Mapped, judged: Judged) -> None:
        side, record = page.side, judged.record
        link = ledger.of(side, record.id)
        end = link.end(side) if link is not None else None
        if link is not None and end is not None:
            # What is known already is no older copy, however long the reading took.
            if self._is_known(link, end, record):
                self._attention.came(link.id, side)
                self._attention.caught_up(side, record.id)
                self._attention.heard(side, record.id, self._clock.monotonic())
                return
            if self._is_outdated(page, link, end, record):
                self._again(ledger, link, "an older copy of it was read")
                return
            if self._attention.is_busy(link.id):
                self._passed_over(ledger, link)
                return
            self._attention.came(link.id, side)
        self._attention.heard(side, record.id, self._clock.monotonic())
        if link is not None and link.end(side.other) is not None:
            self._absorbed(ledger, side, record)
        else:
            link = self._introduced(ledger, side, record, link)
            if link is None:
                return
        await self._observed(ledger, page, link, record)

    def _is_outdated(self, page: Mapped, link: Link, end: End, record: Snapshot) -> bool:
        """Stale snapshots decide nothing (H41), unless the app insists on its older time."""
        if self._attention.is_outdated(page.side, record.id, page.began):
            return True
        if not is_stale(end, record):
            self._attention.caught_up(page.side, record.id)
            return False
        return not self._attention.insists(page.side, record.id, self._clock.monotonic())

    def _is_known(self, link: Link, end: End, record: Snapshot) -> bool:
        """Say whether this very version has been dealt with under this configuration."""
        seen, is_busy = end.seen, self._attention.is_busy(link.id)
        return (
            (is_busy or not is_due(link, self._now_us()))
            and end.gone is None
            and seen is not None
            and seen.config == self._sync.version
            and seen.token == record.token
            and seen.values == record.values
        )

    def _again(self, ledger: Ledger, link: Link, reason: str) -> None:
        """Mark a link as due soon: it cannot be dealt with now."""
        if link.due_us is None or link.status is not Status.PENDING:
            ledger.put(self._due(link, reason, link.attempts))

    def _passed_over(self, ledger: Ledger, link: Link) -> None:
        """Put off what was read while a write was on its way: it is read again after that."""
        self._attention.passed_over(link.id)
        self._again(ledger, link, "a write to it is on its way")

    def _due(self, link: Link, reason: str, attempts: int) -> Link:
        return msgspec.structs.replace(
            link,
            status=Status.PENDING,
            reason=reason,
            due_us=self._now_us() + _SOON_US,
            attempts=attempts,
        )

    def _still_due(self, link: Link) -> Link:
        """An end that was to be read has not come yet: what is decided now is not all."""
        now_us = self._now_us()
        due_us = now_us if link.due_us is None else min(link.due_us, now_us)
        return msgspec.structs.replace(link, due_us=due_us)

    def _now_us(self) -> int:
        return microseconds(self._clock.now())

    async def _observed(self, ledger: Ledger, page: Mapped, link: Link, record: Snapshot) -> None:
        side, before = page.side, link.end(page.side)
        if page.origin is not Origin.BACKFILL:
            self._meeting.shown(self._sync, side, before, record.values)
        known, link = link, observe_link(self._sync, link, side, record, self._now_us())
        if before is not None:
            history = await self._arrival(link, side, before)
            if history is None:
                ledger.put(self._due(known, "its history could not be read", known.attempts))
                return
            foreign = self._foreign(link, side, before, history)
            if foreign:
                now_us = self._now_us()
                link = observe_foreign(self._sync, known, side, record, now_us, foreign)
            self._note_overwritten(ledger, link, side, before, history)
            if before.gone is not None:
                link = departures.came_back(link, side)
        seen = before.seen if before is not None else None
        if seen is not None and seen.values == record.values:
            now_us, is_judged = self._now_us(), side in self._sync.filters
            is_settled = link.status in (Status.IN_SYNC, Status.EXCLUDED)
            is_settled &= not is_due(link, now_us) and not is_judged
            if is_settled and seen.config == self._sync.version and before.gone is None:  # type: ignore[union-attr]
                ledger.put(link)  # only the version moved
                return
        else:
            self._attention.changed(link.id, self._clock.monotonic())
        await self.rule(ledger, link, side, page.began)

    async def _arrival(self, link: Link, side: Side, before: End) -> Traced | None:
        """Read the history of units in which a late write may have arrived; None if it fails."""
        end = link.end(side)
        doubtful = awaited(before, end) if end is not None else {}
        if end is None or not doubtful:
            return {}
        units = [unit for unit in self._sync.units if unit.key in doubtful]
        return await self._history(side, end.id, [m.name for u in units for m in u.members(side)])

    def _foreign(self, link: Link, side: Side, before: End, history: Traced) -> set[str]:
        end = link.end(side)
        assert end is not None
        return disproved(self._sync, side, end, arrivals(self._sync, side, before, end), history)

    def _note_overwritten(
        self,
        ledger: Ledger,
        link: Link,
        side: Side,
        before: End,
        history: Traced,
        *,
        written: Container[str] = (),
    ) -> None:
        """Put on record what a late write of ours has overwritten (H44)."""
        ledger.history += overwritten_late(
            self._sync, link, side, before, history, self._now_us(), written=written
        )

    # --- newcomers --------------------------------------------------------------------------

    def _introduced(
        self, ledger: Ledger, side: Side, record: Snapshot, link: Link | None
    ) -> Link | None:
        """Find a link for a record that has none, or return None if it must wait."""
        source_id = self._source(side, record)
        if source_id is not None:
            return self._claimed(ledger, side, record, source_id, link)
        if record.absorbed:
            heirs = [heir for one in record.absorbed if (heir := ledger.of(side, one)) is not None]
            if any(self._attention.is_busy(heir.id) for heir in heirs):
                reason = "a record that was merged into it is being written"
                self._wait(ledger, side, record, link, reason)
                return None
            pairs = [heir for heir in heirs if heir.end(side.other) is not None]
            if pairs:
                return self._survived(ledger, side, record, pairs, link)
        return link or Link(id=self._store.new_id(), sync=self._sync.name)

    def _claimed(
        self, ledger: Ledger, side: Side, record: Snapshot, source_id: str, row: Link | None
    ) -> Link | None:
        """A record that carries a key of this connection is never new (H43)."""
        source = ledger.of(side.other, source_id)
        app = self._sync.app(side.other)
        if source is not None and source.end(side) is None:
            if not self._attention.is_busy(source.id):
                if row is not None:
                    ledger.drop(row)
                return msgspec.structs.replace(source, recover=True)
            reason = f"tieline made it for {app} {source_id}; that write is being settled"
            self._wait(ledger, side, record, row, reason)
        elif source is not None:
            reason = f"a second copy of {app} {source_id}, which is linked already"
            self._hold(ledger, side, record, row, reason)
        else:
            self._looks[side.other].want(source_id)
            reason = f"tieline made it for {app} {source_id}, which has not been read yet"
            if row is not None and row.attempts >= self._pace.quarantine_after:
                reason = f"tieline made it for {app} {source_id}, which is not there"
                self._hold(ledger, side, record, row, reason)
            else:
                self._wait(ledger, side, record, row, reason)
        return None

    def _row(self, side: Side, record: Snapshot, row: Link | None) -> Link:
        link = row or Link(id=self._store.new_id(), sync=self._sync.name)
        end = observe(self._sync, side, link.end(side), record, self._now_us())
        return link.with_end(side, end)

    def _wait(
        self, ledger: Ledger, side: Side, record: Snapshot, row: Link | None, reason: str
    ) -> None:
        link = self._row(side, record, row)
        attempts = link.attempts + 1
        jitter = self._clock.jitter()
        pause = delay(attempts, timedelta(seconds=2), self._pace.retry_first, jitter)
        due_us = self._now_us() + pause // timedelta(microseconds=1)
        ledger.put(
            msgspec.structs.replace(
                link, status=Status.PENDING, reason=reason, attempts=attempts, due_us=due_us
            )
        )

    def _hold(
        self, ledger: Ledger, side: Side, record: Snapshot, row: Link | None, reason: str
    ) -> None:
        link = self._row(side, record, row)
        ledger.put(msgspec.structs.replace(link, status=Status.HELD, reason=reason, due_us=None))

    # --- merges and departures --------------------------------------------------------------

    def _inherited(
        self, ledger: Ledger, side: Side, survivor: str, heir: Link, row: Link | None
    ) -> Link:
        """The survivor of a merge takes over the link; its bases prove nothing (H15)."""
        if row is not None:
            ledger.drop(row)
        end = heir.end(side)
        asked = end.asked if end is not None else ()
        if end is not None:
            ledger.history.append(merge_line(heir, side, end.id, survivor, self._now_us()))
        survived = heir.with_end(side, End(id=survivor, asked=asked))
        return msgspec.structs.replace(survived, recover=True)

    def _survived(
        self, ledger: Ledger, side: Side, record: Snapshot, pairs: list[Link], row: Link | None
    ) -> Link:
        """The survivor takes over one link; the counterparts of the others are left over."""
        kept = merging.primary(pairs, side, record)
        for other in pairs:
            if other.id != kept.id:
                ledger.put(merging.twin(self._sync, other, side, record.id, kept))
        return self._inherited(ledger, side, record.id, kept, row)

    def _absorbed(self, ledger: Ledger, side: Side, record: Snapshot) -> None:
        """Look at records that a linked one says it absorbed and that still have links."""
        for one in record.absorbed:
            link = ledger.of(side, one)
            end = link.end(side) if link is not None else None
            if end is not None and end.gone is None:
                self._looks[side].want(one)

    def _gone(self, ledger: Ledger, side: Side, gone: Gone, began: float) -> None:
        link = ledger.of(side, gone.id)
        end = link.end(side) if link is not None else None
        if link is None or end is None:
            return
        if self._attention.is_busy(link.id):
            self._passed_over(ledger, link)
            return
        if self._attention.is_outdated(side, gone.id, began):
            self._again(ledger, link, "it was gone in an older reading")
            return
        self._attention.came(link.id, side)
        self._attention.heard(side, gone.id, self._clock.monotonic())
        if gone.how is end.gone is Departure.HIDDEN and not is_due(link, self._now_us()):
            return  # known, and its next look is not due
        if gone.how is Departure.MERGED and gone.into is not None:
            self._merged(ledger, side, link, gone.into)
            return
        departed = departures.gone_end(end, gone.how, self._now_us())
        self._apply(ledger, decide_link(self._sync, link.with_end(side, departed), self._known()))

    def _merged(self, ledger: Ledger, side: Side, link: Link, survivor: str) -> None:
        other = ledger.of(side, survivor)
        if other is not None and other.id == link.id:
            return
        if other is not None and other.end(side.other) is not None:
            ledger.put(merging.twin(self._sync, link, side, survivor, other))
            return
        end = link.end(side)
        if end is not None and end.gone is not Departure.MERGED and link.end(side.other):
            # The survivor says what else it absorbed; only then is it clear who goes on.
            waiting = link.with_end(side, msgspec.structs.replace(end, gone=Departure.MERGED))
            ledger.put(self._due(waiting, "it was merged; the survivor is read", 0))
            self._looks[side].want(survivor)
            return
        heir = self._inherited(ledger, side, survivor, link, other)
        ledger.put(self._due(heir, "it was merged; the survivor is read", 0))
        self._looks[side].want(survivor)

    # --- deciding ---------------------------------------------------------------------------

    def _known(
        self,
        exact: Mapping[tuple[Side, str], int] | None = None,
        matches: Matches | None = None,
        own: Collection[UnitOf] = (),
    ) -> Known:
        return Known(
            now_us=self._now_us(),
            offsets_us={
                side: app.clock_offset // timedelta(microseconds=1)
                for side, app in self._apps.items()
            },
            traceable=frozenset(
                side for side, app in self._apps.items() if app.capabilities.history
            ),
            exact=exact or {},
            matches=matches,
            partners=self._book.partners,
            own=frozenset(own),
            deletes_left=self._allowance.left,
        )

    async def rule(self, ledger: Ledger, link: Link, side: Side, began: float) -> None:
        """Decide a link whose end on `side` was just read by a request that began then."""
        if self._is_half_read(link):
            reason = "both sides are read anew under the new configuration"
            ledger.put(self._due(link, reason, link.attempts))
            return
        try:
            await self._book.learn((link,))
            await self._book.prove(link)
        except TransientError:
            ledger.put(self._due(link, "its associations cannot be judged now", link.attempts))
            return
        ruling = decide_link(self._sync, link, self._known())
        if ruling.seeks:
            matches = await self._sought(ledger, link)
            if matches is None:
                ledger.put(self._due(link, "no match could be looked for", link.attempts))
                return
            ruling = decide_link(self._sync, link, self._known(matches=matches))
        if ruling.traces:
            dated = await self._dated(link, ruling.traces)
            if dated is None:
                ledger.put(self._due(link, "its history could not be read", link.attempts))
                return
            ruling = decide_link(self._sync, link, self._known(dated[0], own=dated[1]))
        now = self._clock.monotonic()
        if ruling.settles and not self._attention.is_sure(link.id, side, began, now):
            reason = "both sides are read again before a difference is accepted"
            ledger.put(self._due(link, reason, link.attempts))
            self._rounds.look(link, self._attention.unread(link.id))
            return
        self._attention.decided(link.id)
        self._apply(ledger, ruling)

    async def _sought(self, ledger: Ledger, link: Link) -> Matches | None:
        """Return who has the match keys of a record; None if the app cannot be asked now."""
        side = Side.LEFT if link.left is not None else Side.RIGHT
        end = link.end(side)
        assert end is not None and end.seen is not None
        try:
            await self._candidates.look_up(ledger, side, [end.seen.values])
        except TransientError:
            return None
        return self._candidates.matches(ledger, link, side)

    def _is_half_read(self, link: Link) -> bool:
        """An end was last read under another configuration: it lacks fields mapped since then."""
        ends = [end for side in Side if (end := link.end(side)) is not None]
        if any(end.gone is not None for end in ends):
            return False
        return any(end.seen is not None and end.seen.config != self._sync.version for end in ends)

    async def _dated(
        self, link: Link, traces: Mapping[Side, tuple[str, ...]]
    ) -> tuple[dict[UnitOf, int], set[UnitOf]] | None:
        """Ask the apps when the units were last edited by somebody else (M6 and M7).

        A value that the app does not know of is taken at the time known: its snapshot's.

        Returns:
            The times, and the units whose present value is tieline's own write. None if an app
            could not be asked: the same two edits must give the same conflict.
        """
        exact: dict[UnitOf, int] = {}
        own: set[UnitOf] = set()
        units = {unit.key: unit for unit in self._sync.units}
        for side, keys in traces.items():
            end = link.end(side)
            assert end is not None
            names = [member.name for key in keys for member in units[key].members(side)]
            history = await self._history(side, end.id, names)
            if history is None:
                return None
            values = end.seen.values if end.seen is not None else {}
            for key in keys:
                held = {member.name: values.get(member.name) for member in units[key].members(side)}
                fallback = end.moved.get(key, (0, 0))[1]
                exact[side, key] = _last_edit(end.id, held, history) or fallback
                if _is_own(end.id, held, history):
                    own.add((side, key))
        return exact, own

    async def _history(self, side: Side, record_id: str, names: list[str]) -> Traced | None:
        try:
            return await self._apps[side].edits(self._sync.spec.object, {record_id: names})
        except TransientError:
            return None

    def _apply(self, ledger: Ledger, ruling: Ruling) -> None:
        before = ledger.link(ruling.link.id)
        if self._gate is not None:
            ruling = self._gate.judge(ledger.before(ruling.link.id), ruling)
        link = ruling.link
        joined = ledger.link(ruling.joined) if ruling.joined is not None else None
        if joined is not None:
            ledger.drop(joined)
        self._meeting.wait(self._sync.name, link.id, ruling.awaited)
        if _fails(link):
            ledger.put(self._outcomes.failing(link, link.reason))
        elif self._attention.expected(link.id):
            ledger.put(self._still_due(link))
        else:
            ledger.put(link)
        ledger.conflicts += ruling.conflicts
        ledger.history += ruling.history
        for draft in ruling.drafts:
            if departures.is_counted(before, draft.side, draft.kind):
                ledger.cursors |= self._allowance.spend()
            ledger.intents.append(
                Intent(
                    id=self._store.new_id(),
                    sync=self._sync.name,
                    link=link.id,
                    decided_us=self._now_us(),
                    **msgspec.structs.asdict(draft),
                )
            )

    # --- arrivals ---------------------------------------------------------------------------

    async def arrived(self, ids: Collection[int]) -> Ledger:
        """Decide links again whose associations waited for other records to be linked."""
        links = await self._store.load_links_by_id(sorted(ids))
        self._book = PartnerBook(self._sync, self._store, self._apps)
        await self._book.learn(links.values())
        ledger = Ledger(self._sync.name, links.values())
        for link in links.values():
            ends = [end for side in Side if (end := link.end(side)) is not None]
            is_readable = all(end.seen is not None and end.gone is None for end in ends)
            if is_readable and not self._attention.is_busy(link.id):
                side = Side.LEFT if link.left is not None else Side.RIGHT
                await self.rule(ledger, link, side, self._clock.monotonic())
        return ledger

    # --- answers ----------------------------------------------------------------------------

    async def written(self, message: Written) -> Ledger:
        """Settle what a writer brought about, and decide again what it concerned."""
        ids = [
            outcome.stored.id if isinstance(outcome, Done) else outcome.record_id
            for outcome in message.outcomes
            if isinstance(outcome, Done | Exists)
        ]
        await self._allowance.load()
        ledger = await self._answer_ledger(message.side, message.intents, ids)
        for intent, outcome in zip(message.intents, message.outcomes, strict=True):
            link = ledger.link(intent.link)
            if link is None:
                self._attention.closed(intent.link)
                continue
            if any(write.rule.startswith("M7") for write in intent.units):
                known = await self._store.load_conflicts(self._sync.name, link.id)
                ledger.conflicts += concluded(known, intent, outcome)
            verdict = self._outcomes.written(ledger, link, intent, outcome)
            edits = message.overwritten.get(intent.id)
            if edits and isinstance(outcome, Done):
                verdict = self._outcomes.audited(ledger, verdict.link, intent, outcome, edits)
            await self._after(ledger, intent, verdict, message.began, link)
        await self._candidates.wake(ledger)
        await close_questions(self._store, self._sync.name, ledger)
        return ledger

    async def recovered(self, message: Recovered) -> Ledger:
        """Settle intents of unknown outcome by what the app holds now."""
        holders = [trace.current or trace.gone for trace in message.traces]
        ids = [holder.id for holder in holders if holder is not None]
        await self._allowance.load()
        ledger = await self._answer_ledger(message.side, message.intents, ids)
        for intent, trace in zip(message.intents, message.traces, strict=True):
            link = ledger.link(intent.link)
            if link is None:
                ledger.settled.append(
                    Settled(intent=intent.id, outcome="orphaned", at_us=self._now_us())
                )
                self._attention.closed(intent.link)
                continue
            verdict = self._outcomes.recovered(ledger, link, intent, trace)
            await self._after(ledger, intent, verdict, message.began, link)
        await self._candidates.wake(ledger)
        await close_questions(self._store, self._sync.name, ledger)
        return ledger

    async def _answer_ledger(
        self, side: Side, intents: Iterable[Intent], ids: Collection[str]
    ) -> Ledger:
        self._book = PartnerBook(self._sync, self._store, self._apps)
        links = await self._store.load_links_by_id(sorted({one.link for one in intents}))
        rows = await self._load(side, ids)
        by_id = {one.id: one for one in rows.values()} | links
        self._candidates.forget()
        return Ledger(self._sync.name, by_id.values())

    async def _after(
        self, ledger: Ledger, intent: Intent, verdict: Verdict, began: float, before: Link
    ) -> None:
        """Close the intent, store the link, decide it again and look at what came meanwhile."""
        link = verdict.link
        end = link.end(intent.side)
        if self._gate is not None:
            self._gate.closed(intent, ledger.settled[-1:])
        if verdict.is_fresh and end is not None:
            self._attention.heard(intent.side, end.id, self._clock.monotonic())
            self._attention.changed(link.id, self._clock.monotonic())
        if verdict.closes:
            self._attention.closed(link.id)
        known = before.end(intent.side)
        is_noted = True
        if known is not None and end is not None and known.id == end.id:
            history = await self._arrival(link, intent.side, known)
            is_noted = history is not None
            written = {write.unit for write in intent.units}
            arrived = arrivals(self._sync, intent.side, known, end) - written
            if history is not None:
                arrived = disproved(self._sync, intent.side, end, arrived, history)
            link = as_edited(self._sync, link, intent.side, before, arrived)
            self._note_overwritten(ledger, link, intent.side, known, history or {}, written=written)
            if end.seen is not None:
                self._meeting.shown(self._sync, intent.side, known, end.seen.values)
        if not is_noted:
            link = _owing(link, intent.side, known)
        ledger.put(link)
        if verdict.decides and is_noted and not self._attention.is_busy(link.id):
            await self.rule(ledger, link, intent.side, began)
        is_free = not self._attention.is_busy(link.id)
        was_passed_over = is_free and self._attention.take_up(link.id)
        if was_passed_over or not is_noted:
            decided = ledger.link(link.id) or link
            ledger.put(msgspec.structs.replace(decided, due_us=self._now_us()))
        if verdict.looks or was_passed_over or not is_noted:
            self._rounds.look_at_all(ledger.link(link.id) or link, self._attention)


def _owing(link: Link, side: Side, known: End | None) -> Link:
    """Return the link with a note that late writes are still to be looked for on this side."""
    end = link.end(side)
    if end is None or known is None:
        return link
    return link.with_end(side, msgspec.structs.replace(end, owed=looked_back_to(known)))


def _is_live_pair(link: Link, side: Side) -> bool:
    end = link.end(side)
    return end is not None and end.gone is None and link.end(side.other) is not None


def _fails(link: Link) -> bool:
    return link.status is Status.FAILING


def _last_edit(
    record_id: str,
    held: Mapping[str, Raw],
    history: Mapping[tuple[str, str], tuple[Edit, ...]],
) -> int | None:
    """Return when somebody else gave one of the fields what it holds, microseconds UTC.

    Not simply the newest entries: the app may know later ones than the snapshot that is decided,
    and an edit that we have put back stands there as our entry.
    """
    standing = {
        name: next(
            (
                edit
                for edit in history.get((record_id, name), ())
                if _is_value(edit, raw) and not edit.ours
            ),
            None,
        )
        for name, raw in held.items()
    }
    return max((microseconds(e.at) for e in standing.values() if e is not None), default=None)


def _is_own(
    record_id: str,
    held: Mapping[str, Raw],
    history: Mapping[tuple[str, str], tuple[Edit, ...]],
) -> bool:
    """Say whether all that a unit holds is proven to have been written by tieline."""
    standing = [
        next((e for e in history.get((record_id, name), ()) if _is_value(e, raw)), None)
        for name, raw in held.items()
    ]
    return bool(standing) and all(edit is not None and edit.ours for edit in standing)


def _is_value(edit: Edit, raw: Raw) -> bool:
    return (edit.value or None) == (raw or None)
