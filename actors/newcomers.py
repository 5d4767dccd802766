"""Newcomers: records without a link, and what merges leave: whose link is theirs, or who waits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from actors import merging
from actors.attention import Attention
from actors.backoff import delay
from actors.ledger import Ledger
from actors.links import End, Link, Status
from actors.mapping.record import Sync
from actors.observing import microseconds, observe
from actors.outbox import LookBox
from actors.ports import Clock, Store
from actors.questions import merge_line
from actors.records import Side, Snapshot, source_of
from actors.spec import Pace


class Newcomers:
    """Finds the link of a record that has none, for one sync."""

    def __init__(
        self,
        *,
        sync: Sync,
        store: Store,
        clock: Clock,
        pace: Pace,
        attention: Attention,
        looks: Mapping[Side, LookBox],
    ) -> None:
        self._sync = sync
        self._store = store
        self._clock = clock
        self._pace = pace
        self._attention = attention
        self._looks = looks

    def source(self, side: Side, record: Snapshot) -> str | None:
        """Return the id of the record of which this one is tieline's copy, if it is one."""
        spec = self._sync.spec
        source = source_of(record.key, spec.connection, spec.object)
        return source[1] if source is not None and source[0] == spec.app(side.other) else None

    def introduced(
        self, ledger: Ledger, side: Side, record: Snapshot, link: Link | None
    ) -> Link | None:
        """Find a link for a record that has none, or return None if it must wait."""
        source_id = self.source(side, record)
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
        end = observe(self._sync, side, link.end(side), record, microseconds(self._clock.now()))
        return link.with_end(side, end)

    def _wait(
        self, ledger: Ledger, side: Side, record: Snapshot, row: Link | None, reason: str
    ) -> None:
        link = self._row(side, record, row)
        attempts = link.attempts + 1
        jitter = self._clock.jitter()
        pause = delay(attempts, timedelta(seconds=2), self._pace.retry_first, jitter)
        due_us = microseconds(self._clock.now()) + pause // timedelta(microseconds=1)
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

    def inherited(
        self, ledger: Ledger, side: Side, survivor: str, heir: Link, row: Link | None
    ) -> Link:
        """The survivor of a merge takes over the link; its bases prove nothing (H15)."""
        if row is not None:
            ledger.drop(row)
        end = heir.end(side)
        asked = end.asked if end is not None else ()
        if end is not None:
            ledger.history.append(
                merge_line(heir, side, end.id, survivor, microseconds(self._clock.now()))
            )
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
        return self.inherited(ledger, side, record.id, kept, row)

    def look_at_absorbed(self, ledger: Ledger, side: Side, record: Snapshot) -> None:
        """Look at records that a linked one says it absorbed and that still have links."""
        for one in record.absorbed:
            link = ledger.of(side, one)
            end = link.end(side) if link is not None else None
            if end is not None and end.gone is None:
                self._looks[side].want(one)
