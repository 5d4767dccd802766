"""What each outcome of an intent means for its link, and what is to be done next.

The pure parts are in `settling` and `audit`; this file adds times, ids and words for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import assert_never

import msgspec
from msgspec import Struct

from actors.audit import audit_write, hidden_edits, overrun
from actors.backoff import delay
from actors.intents import (
    Done,
    Exists,
    Intent,
    IntentKind,
    Outcome,
    Rejected,
    Stale,
    Throttled,
    Unknown,
    Vanished,
)
from actors.ledger import Ledger
from actors.links import Conflict, End, Link, Settled, Status
from actors.mapping.record import Sync
from actors.mapping.units import Unit
from actors.messages import Trace
from actors.observing import is_stale, microseconds, observe_link
from actors.ports import Clock, Connector, Store
from actors.records import Departure, Edit, Gone, Side, Snapshot
from actors.settling import adopt, recover_gone, recover_update, settle_done
from actors.spec import Pace

_ONE_US = timedelta(microseconds=1)
_THROTTLE_FIRST = timedelta(seconds=1)
_THROTTLE_LAST = timedelta(minutes=2)


class Verdict(Struct, frozen=True, kw_only=True):
    """What follows from an outcome.

    Attributes:
        closes: the intent has its outcome; otherwise it stays open.
        decides: the link is to be decided again from what is now known.
        is_fresh: the target was just heard of.
        looks: both ends are to be read.
    """

    link: Link
    closes: bool = True
    decides: bool = False
    is_fresh: bool = False
    looks: bool = False


class Outcomes:
    """Turns outcomes into links, for one sync."""

    def __init__(
        self,
        *,
        sync: Sync,
        store: Store,
        clock: Clock,
        pace: Pace,
        connectors: Mapping[Side, Connector],
    ) -> None:
        self._sync = sync
        self._store = store
        self._clock = clock
        self._pace = pace
        self._apps = connectors
        self._throttles: dict[int, int] = {}  # in a row, by link: no fault of the record's

    def _now_us(self) -> int:
        return microseconds(self._clock.now())

    def _offset_us(self, side: Side) -> int:
        return self._apps[side].clock_offset // _ONE_US

    # --- answers to a write -----------------------------------------------------------------

    def written(self, ledger: Ledger, link: Link, intent: Intent, outcome: Outcome) -> Verdict:
        """Apply the outcome of a write to its link."""
        if not isinstance(outcome, Unknown):
            self._close(ledger, intent, type(outcome).__name__.lower())
        match outcome:
            case Done():
                return self._done(ledger, link, intent, outcome)
            case Rejected():
                return Verdict(link=self._rejected(link, intent, outcome))
            case Exists():
                return self._exists(ledger, link, intent, outcome)
            case Stale():
                return self._stale(link, intent, outcome.current)
            case Vanished():
                return self._vanished(link, intent.side, outcome.how)
            case Throttled():
                return Verdict(link=self._throttled(link, intent, outcome))
            case Unknown():
                return self._unknown(ledger, link, intent, outcome.reason)
            case _:
                assert_never(outcome)

    def _rejected(self, link: Link, intent: Intent, outcome: Rejected) -> Link:
        """A copy that would be somebody's double is matched at once, the first time (F26)."""
        app = self._sync.app(intent.side)
        failed = self.failing(link, f"{app} refused it: {outcome.reason}")
        is_to_match = outcome.taken and intent.kind is IntentKind.CREATE and self._sync.matchers
        if not is_to_match or failed.attempts > 1 or failed.due_us is None:
            return failed
        return msgspec.structs.replace(failed, due_us=self._now_us())

    def _close(self, ledger: Ledger, intent: Intent, outcome: str) -> None:
        ledger.settled.append(Settled(intent=intent.id, outcome=outcome, at_us=self._now_us()))

    def _done(self, ledger: Ledger, link: Link, intent: Intent, done: Done) -> Verdict:
        self._throttles.pop(link.id, None)
        if not self._absorb_row(ledger, link, intent.side, done.stored.id):
            return Verdict(link=self._twin(link, intent.side, done.stored.id))
        settlement = settle_done(self._sync, link, intent, done, self._now_us())
        ledger.history += settlement.history
        if settlement.refused:
            app = self._sync.app(intent.side)
            name, reason = next(iter(settlement.refused.items()))
            failed = self.failing(settlement.link, f'{app}: field "{name}": {reason}')
            return Verdict(link=failed, is_fresh=True)
        return Verdict(link=settlement.link, decides=True, is_fresh=True)

    def _absorb_row(self, ledger: Ledger, link: Link, side: Side, record_id: str) -> bool:
        """Take over the row of a record that was polled before its create settled."""
        row = ledger.of(side, record_id)
        if row is None or row.id == link.id:
            return True
        if row.end(side.other) is not None:
            return False
        ledger.drop(row)
        return True

    def _twin(self, link: Link, side: Side, record_id: str) -> Link:
        reason = f"{self._sync.app(side)} {record_id} is its copy but is linked to another record"
        return msgspec.structs.replace(link, status=Status.HELD, reason=reason, due_us=None)

    def _exists(self, ledger: Ledger, link: Link, intent: Intent, found: Exists) -> Verdict:
        side = intent.side
        if not self._absorb_row(ledger, link, side, found.record_id):
            return Verdict(link=self._twin(link, side, found.record_id))
        if found.archived:
            end = End(id=found.record_id, gone=Departure.ARCHIVED)
            return Verdict(link=link.with_end(side, end), decides=True)
        if found.current is None:
            end = End(id=found.record_id)
            recovering = msgspec.structs.replace(link.with_end(side, end), recover=True)
            return Verdict(link=self.soon(recovering, "its copy is read"), looks=True)
        return self._adopted(link, intent, found.current)

    def _adopted(self, link: Link, intent: Intent, current: Snapshot) -> Verdict:
        side, now_us = intent.side, self._now_us()
        offset_us = self._offset_us(side)
        adopted = adopt(self._sync, link, side, current, now_us, intent, offset_us)
        return Verdict(link=adopted, decides=True, is_fresh=True)

    def _stale(self, link: Link, intent: Intent, current: Snapshot | None) -> Verdict:
        if current is None:
            return Verdict(link=self.soon(link, "it moved in the meantime"), looks=True)
        side = intent.side
        known = link.end(side)
        if known is not None and is_stale(known, current):
            return Verdict(link=self.soon(link, "an older copy of it was read"), looks=True)
        seen = observe_link(self._sync, link, side, current, self._now_us())
        return Verdict(link=seen, decides=True, is_fresh=True)

    def _vanished(self, link: Link, side: Side, how: Departure) -> Verdict:
        end = link.end(side)
        if end is None or how is Departure.MERGED:
            return Verdict(link=self.soon(link, "it was merged in the meantime"), looks=True)
        departed = msgspec.structs.replace(end, gone=how)
        return Verdict(link=link.with_end(side, departed), decides=True)

    def _throttled(self, link: Link, intent: Intent, outcome: Throttled) -> Link:
        times = self._throttles[link.id] = self._throttles.get(link.id, 0) + 1
        pause = delay(times, _THROTTLE_FIRST, _THROTTLE_LAST, self._clock.jitter())
        if outcome.retry_after_s is not None:
            pause = timedelta(seconds=outcome.retry_after_s)
        return msgspec.structs.replace(
            link,
            status=Status.PENDING,
            reason=f"{self._sync.app(intent.side)} asked to wait: {outcome.reason}",
            due_us=self._now_us() + pause // _ONE_US,
        )

    def _unknown(self, ledger: Ledger, link: Link, intent: Intent, reason: str) -> Verdict:
        """Keep the intent open; it is asked about until the app tells (6.4)."""
        ledger.intents.append(msgspec.structs.replace(intent, attempts=intent.attempts + 1))
        waiting = f"{self._sync.app(intent.side)} did not answer: {reason}"
        pending = msgspec.structs.replace(link, status=Status.PENDING, reason=waiting)
        return Verdict(link=pending, closes=False)

    def soon(self, link: Link, reason: str) -> Link:
        """Return the link marked as due at once."""
        return msgspec.structs.replace(
            link, status=Status.PENDING, reason=reason, due_us=self._now_us()
        )

    def failing(self, link: Link, reason: str) -> Link:
        """Return the link as failing, with its next try or set aside after too many."""
        attempts = link.attempts + 1
        due_us: int | None = None
        if attempts >= self._pace.quarantine_after:
            reason = f"set aside after {attempts} tries: {reason}"
        else:
            first, last = self._pace.retry_first, self._pace.retry_last
            pause = delay(attempts, first, last, self._clock.jitter())
            due_us = self._now_us() + pause // _ONE_US
        return msgspec.structs.replace(
            link, status=Status.FAILING, reason=reason, attempts=attempts, due_us=due_us
        )

    # --- the audit --------------------------------------------------------------------------

    def audited(
        self, ledger: Ledger, link: Link, intent: Intent, done: Done, edits: Mapping[str, Edit]
    ) -> Verdict:
        """Weigh edits that our write overwrote; what wins is written again (6.3)."""
        found = audit_write(
            self._sync, link, intent, done, edits, self._now_us(), self._offset_us(intent.side)
        )
        ledger.history += found.history
        ledger.conflicts += found.conflicts
        for draft in found.drafts:
            ledger.intents.append(
                Intent(
                    id=self._store.new_id(),
                    sync=self._sync.name,
                    link=link.id,
                    decided_us=self._now_us(),
                    **msgspec.structs.asdict(draft),
                )
            )
        return Verdict(link=link, decides=not found.drafts, is_fresh=True)

    # --- recovering -------------------------------------------------------------------------

    def recovered(self, ledger: Ledger, link: Link, intent: Intent, trace: Trace) -> Verdict:
        """Apply what was found out about an intent of unknown outcome."""
        if trace.failed:
            return self._unknown(ledger, link, intent, "it cannot be asked")
        if intent.kind is IntentKind.CREATE:
            return self._recovered_create(ledger, link, intent, trace)
        if trace.current is None:
            return self._recovered_gone(ledger, link, intent, trace.gone)
        known = link.end(intent.side)
        if known is not None and is_stale(known, trace.current):
            return self._unknown(ledger, link, intent, "an older copy of it was read")
        self._close(ledger, intent, "recovered")
        settlement = recover_update(
            self._sync,
            link,
            intent,
            trace,
            self._now_us(),
            self._pace.late,
            has_lock=self._has_lock(intent.side),
        )
        ledger.history += settlement.history
        standing, edited_since = self._hidden(intent, trace)
        ledger.history += overrun(self._sync, settlement.link, intent, edited_since, self._now_us())
        if standing:
            done = Done(stored=trace.current)
            return self.audited(ledger, settlement.link, intent, done, standing)
        return Verdict(link=settlement.link, decides=True, is_fresh=True)

    def _recovered_gone(
        self, ledger: Ledger, link: Link, intent: Intent, gone: Gone | None
    ) -> Verdict:
        self._close(ledger, intent, "recovered: gone")
        has_lock, late = self._has_lock(intent.side), self._pace.late
        link = recover_gone(self._sync, link, intent, self._now_us(), late, has_lock=has_lock)
        how = gone.how if gone is not None else Departure.HIDDEN
        return self._vanished(link, intent.side, how)

    def _has_lock(self, side: Side) -> bool:
        return self._apps[side].capabilities.lock

    def _hidden(self, intent: Intent, trace: Trace) -> tuple[dict[str, Edit], dict[str, Edit]]:
        """Find what a write of unknown outcome overwrote.

        Returns:
            Edits by field where our value stands there now, and where it was edited again.
        """
        assert trace.current is not None
        side, values = intent.side, trace.current.values
        history = {(intent.record_id or "", name): edits for name, edits in trace.edits.items()}
        stands: dict[bool, list[Unit]] = {True: [], False: []}
        for write in intent.units:
            unit = self._sync.by_key.get(write.unit)
            if unit is not None:
                stands[unit.same(side, unit.raws(side, values), write.sent)].append(unit)
        return (
            hidden_edits(stands[True], intent, history),
            hidden_edits(stands[False], intent, history),
        )

    def _recovered_create(
        self, ledger: Ledger, link: Link, intent: Intent, trace: Trace
    ) -> Verdict:
        holder: Snapshot | Gone | None = trace.current or trace.gone
        if holder is None:
            return self._not_created(ledger, link, intent)
        self._close(ledger, intent, "recovered: created")
        found = Exists(record_id=holder.id, current=trace.current, archived=trace.current is None)
        return self._exists(ledger, link, intent, found)

    def _not_created(self, ledger: Ledger, link: Link, intent: Intent) -> Verdict:
        """Not found is not "not done" where nothing but time rules out a late arrival (H44)."""
        capabilities = self._apps[intent.side].capabilities
        age_us = self._now_us() - intent.decided_us
        if not capabilities.unique_key and age_us < capabilities.settles // _ONE_US:
            return self._unknown(ledger, link, intent, "its create may still arrive")
        self._close(ledger, intent, "recovered: not created")
        return Verdict(link=link, decides=True)


def concluded(known: Iterable[Conflict], intent: Intent, outcome: Outcome) -> list[Conflict]:
    """Return the conflicts that this intent's outcome decides, with their outcome."""
    word = {Done: "copied", Rejected: "failed"}.get(type(outcome))
    units = {write.unit: write for write in intent.units}
    if word is None:
        return []
    return [
        msgspec.structs.replace(conflict, outcome=word)
        for conflict in known
        if conflict.outcome == "open"
        and conflict.unit in units
        and (conflict.left if intent.side is Side.RIGHT else conflict.right)
        == units[conflict.unit].source
    ]
