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
from actors.candidates import Candidates
from actors.deciding import Known, Ruling, decide_link
from actors.duemarks import DueMarks
from actors.errors import TransientError
from actors.gate import Gate
from actors.histories import Histories, Traced, UnitOf
from actors.intents import Done, Exists, Intent
from actors.ledger import Ledger
from actors.links import End, Link, Settled, Status
from actors.mapping.record import Sync
from actors.matching import Matches
from actors.meeting import Meeting
from actors.messages import Judged, Mapped, Origin, Recovered, Written
from actors.newcomers import Newcomers
from actors.observing import (
    arrivals,
    as_edited,
    is_stale,
    microseconds,
    observe_foreign,
    observe_link,
    owing,
    seen_of,
)
from actors.outbox import LookBox
from actors.outcomes import Outcomes, Verdict, concluded
from actors.partners import PartnerBook
from actors.ports import Clock, Connector, Store
from actors.questions import close_questions
from actors.records import Departure, Gone, Side, Snapshot
from actors.rounds import Rounds
from actors.scope import half_read, is_due
from actors.spec import Pace


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
        self._histories = Histories(sync, connectors)
        self._marks = DueMarks(clock, attention)
        self._newcomers = Newcomers(
            sync=sync, store=store, clock=clock, pace=pace, attention=attention, looks=looks
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
        if self._gate is not None and page.origin is not Origin.BACKFILL:
            self._gate.looked_over(page, ledger)
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
            return self._newcomers.source(side, record) is None
        return link.end(side.other) is None and not self._is_known(link, end, record)

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
        sources = [source for record in records if (source := self._newcomers.source(side, record))]
        links |= {one.id: one for one in (await self._load(side.other, sources)).values()}
        return list(links.values()), resting

    async def _load(self, side: Side, ids: Collection[str]) -> dict[str, Link]:
        if not ids:
            return {}
        return await self._store.load_links(self._sync.name, side, sorted(set(ids)))

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
                self._marks.again(ledger, link, "an older copy of it was read")
                return
            if self._attention.is_busy(link.id):
                self._marks.passed_over(ledger, link)
                return
            self._attention.came(link.id, side)
        self._attention.heard(side, record.id, self._clock.monotonic())
        if link is not None and link.end(side.other) is not None:
            self._newcomers.look_at_absorbed(ledger, side, record)
        else:
            link = self._newcomers.introduced(ledger, side, record, link)
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

    def _now_us(self) -> int:
        return microseconds(self._clock.now())

    async def _observed(self, ledger: Ledger, page: Mapped, link: Link, record: Snapshot) -> None:
        side, before = page.side, link.end(page.side)
        if page.origin is not Origin.BACKFILL:
            self._meeting.shown(self._sync, side, before, record.values)
        known, link = link, observe_link(self._sync, link, side, record, self._now_us())
        if before is not None:
            history = await self._histories.of_arrivals(link, side, before)
            if history is None:
                ledger.put(self._marks.due(known, "its history could not be read", known.attempts))
                return
            foreign = self._histories.foreign(link, side, before, history)
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

    # --- merges and departures --------------------------------------------------------------

    def _gone(self, ledger: Ledger, side: Side, gone: Gone, began: float) -> None:
        link = ledger.of(side, gone.id)
        end = link.end(side) if link is not None else None
        if link is None or end is None:
            return
        if self._attention.is_busy(link.id):
            self._marks.passed_over(ledger, link)
            return
        if self._attention.is_outdated(side, gone.id, began):
            self._marks.again(ledger, link, "it was gone in an older reading")
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
            ledger.put(self._marks.due(waiting, "it was merged; the survivor is read", 0))
            self._looks[side].want(survivor)
            return
        heir = self._newcomers.inherited(ledger, side, survivor, link, other)
        ledger.put(self._marks.due(heir, "it was merged; the survivor is read", 0))
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
        if reason := half_read(self._sync, link):
            ledger.put(self._marks.due(link, reason, link.attempts))
            return
        try:
            await self._book.learn((link,))
            await self._book.prove(link)
        except TransientError:
            ledger.put(
                self._marks.due(link, "its associations cannot be judged now", link.attempts)
            )
            return
        ruling = decide_link(self._sync, link, self._known())
        if ruling.seeks:
            matches = await self._candidates.sought(ledger, link)
            if matches is None:
                ledger.put(self._marks.due(link, "no match could be looked for", link.attempts))
                return
            ruling = decide_link(self._sync, link, self._known(matches=matches))
        if ruling.traces:
            dated = await self._histories.dated(link, ruling.traces)
            if dated is None:
                ledger.put(self._marks.due(link, "its history could not be read", link.attempts))
                return
            ruling = decide_link(self._sync, link, self._known(dated[0], own=dated[1]))
        now = self._clock.monotonic()
        if ruling.settles and not self._attention.is_sure(link.id, side, began, now):
            reason = "both sides are read again before a difference is accepted"
            ledger.put(self._marks.due(link, reason, link.attempts))
            self._rounds.look(link, self._attention.unread(link.id))
            return
        self._attention.decided(link.id)
        self._apply(ledger, ruling)

    def _apply(self, ledger: Ledger, ruling: Ruling) -> None:
        before = ledger.link(ruling.link.id)
        if self._gate is not None:
            ruling = self._gate.judge(ledger.before(ruling.link.id), ruling)
        link = ruling.link
        joined = ledger.link(ruling.joined) if ruling.joined is not None else None
        if joined is not None:
            ledger.drop(joined)
        self._meeting.wait(self._sync.name, link.id, ruling.awaited)
        if link.status is Status.FAILING:
            ledger.put(self._outcomes.failing(link, link.reason))
        elif self._attention.expected(link.id):
            ledger.put(self._marks.still_due(link))
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
        found = [one for one in message.outcomes if isinstance(one, Done | Exists)]
        ids = [one.stored.id if isinstance(one, Done) else one.record_id for one in found]
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
            history = await self._histories.of_arrivals(link, intent.side, known)
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
            link = owing(link, intent.side, known)
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
