"""Candidates: find who has the match keys of new records, in the app and among what was seen.

One look-up per rule and page. Reads; decides nothing: `matching` does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from actors.attention import Attention
from actors.errors import TransientError
from actors.ledger import Ledger
from actors.links import End, Link, Status
from actors.mapping.matchers import Matcher
from actors.mapping.record import Sync
from actors.matching import SOON_US, Candidate, Matches, is_waiting_for_a_person
from actors.observing import is_stale, microseconds, observe
from actors.poller import is_listed
from actors.ports import Clock, Connector, Store
from actors.records import Side, Snapshot, source_of
from actors.scope import times_of
from actors.values import Raw

_SHOWN = 60
"""Characters of a value that a reason shows."""


class Candidates:
    """Looks up for one sync. What it found is good for one step of the reconciler."""

    def __init__(
        self,
        *,
        sync: Sync,
        connectors: Mapping[Side, Connector],
        store: Store,
        clock: Clock,
        attention: Attention,
    ) -> None:
        self._sync = sync
        self._apps = connectors
        self._store = store
        self._clock = clock
        self._attention = attention
        self._hits: dict[tuple[Side, str], dict[str, Snapshot]] = {}
        self._listed: set[Side] = set()
        self._failure: TransientError | None = None

    def forget(self) -> None:
        """A new step begins: what was found before may be wrong by now."""
        self._hits.clear()
        self._failure = None

    def _now_us(self) -> int:
        return microseconds(self._clock.now())

    # --- looking up -------------------------------------------------------------------------

    async def look_up(
        self, ledger: Ledger, side: Side, records: Sequence[Mapping[str, Raw]]
    ) -> None:
        """Find candidates on the other side, and rivals on this one, for records of `side`.

        Raises:
            TransientError: the app cannot be asked now; in this step it is not asked again.
        """
        if not await self._is_readable(side.other):
            records = [one for one in records if not self._is_loose(side, one)]
        asked: dict[Matcher, dict[str, Raw]] = {}
        for matcher in self._sync.matchers:
            for values in records:
                key = matcher.key(side, values)
                if key is not None and (side.other, key) not in self._hits:
                    asked.setdefault(matcher, {})[key] = values[matcher.field(side)]
        if not asked:
            return
        if self._failure is not None:
            raise self._failure
        try:
            await self._look_up(ledger, side.other, asked)
        except TransientError as error:
            self._failure = error
            raise

    def _is_loose(self, side: Side, values: Mapping[str, Raw]) -> bool:
        return any(one.is_loose and one.key(side, values) for one in self._sync.matchers)

    async def _is_readable(self, target: Side) -> bool:
        """Say whether loose keys can be sought: all that is there was seen, or none is loose."""
        if target not in self._listed and any(one.is_loose for one in self._sync.matchers):
            cursor = await self._store.load_cursor(self._sync.name, f"{target}.backfill")
            if not is_listed(cursor):
                return False
        self._listed.add(target)
        return True

    async def _look_up(
        self, ledger: Ledger, target: Side, asked: Mapping[Matcher, Mapping[str, Raw]]
    ) -> None:
        name, keys = self._sync.name, {key for raws in asked.values() for key in raws}
        for where in Side:
            rows = await self._store.load_by_keys(name, where, sorted(keys))
            ledger.know(link for links in rows.values() for link in links)
        found = await self._ask(target, asked)
        known = {
            end.id
            for key in keys
            for row in ledger.with_key(target, key)
            if (end := row.end(target)) is not None and end.gone is None
        }
        found |= await self._reread(target, known - found.keys())
        ledger.know((await self._store.load_links(name, target, sorted(found))).values())
        self._note(target, keys, found)
        for record in found.values():
            self._attention.heard(target, record.id, self._clock.monotonic())
        await self._look_beside(ledger, target.other, asked)

    async def _look_beside(
        self, ledger: Ledger, side: Side, asked: Mapping[Matcher, Mapping[str, Raw]]
    ) -> None:
        """Find who else on the records' own side has a key that fits somebody on the other."""
        fitting = {
            matcher: {key: raw for key, raw in raws.items() if self._hits[side.other, key]}
            for matcher, raws in asked.items()
        }
        beside = await self._ask(side, {one: raws for one, raws in fitting.items() if raws})
        rows = await self._store.load_links(self._sync.name, side, sorted(beside))
        ledger.know(rows.values())
        self._note(side, {key for raws in fitting.values() for key in raws}, beside)

    def _note(self, side: Side, keys: set[str], found: Mapping[str, Snapshot]) -> None:
        hits: dict[str, dict[str, Snapshot]] = {key: {} for key in keys}
        for record in found.values():
            for key in self._keys(side, record) & keys:
                hits[key][record.id] = record
        self._hits |= {(side, key): records for key, records in hits.items()}

    async def _ask(
        self, target: Side, asked: Mapping[Matcher, Mapping[str, Raw]]
    ) -> dict[str, Snapshot]:
        app, fields = self._apps[target], self._sync.fields[target]
        found: dict[str, Snapshot] = {}
        for matcher, raws in asked.items():
            values = sorted({one for raw in raws.values() for one in matcher.spellings(raw)})
            hits = await app.lookup(self._sync.spec.object, matcher.field(target), values, fields)
            found |= {record.id: record for records in hits.values() for record in records}
        return found

    async def _reread(self, target: Side, ids: Collection[str]) -> dict[str, Snapshot]:
        """Read what had a key when it was last seen, and which the app's index does not show."""
        if not ids:
            return {}
        app, fields = self._apps[target], self._sync.fields[target]
        fetched = await app.fetch(self._sync.spec.object, sorted(ids), fields)
        return {record.id: record for record in fetched.records}

    def _keys(self, side: Side, record: Snapshot) -> set[str]:
        """Return all keys of a record as read, its further addresses included."""
        keys: set[str | None] = set()
        for matcher in self._sync.matchers:
            keys.add(matcher.key(side, record.values))
            keys |= {matcher.key_of(alias) for alias in record.aliases}
        return {key for key in keys if key is not None}

    # --- what was found ---------------------------------------------------------------------

    async def sought(self, ledger: Ledger, link: Link) -> Matches | None:
        """Return who has the match keys of a record; None if the app cannot be asked now."""
        side = Side.LEFT if link.left is not None else Side.RIGHT
        end = link.end(side)
        assert end is not None and end.seen is not None
        try:
            await self.look_up(ledger, side, [end.seen.values])
        except TransientError:
            return None
        return self.matches(ledger, link, side)

    def matches(self, ledger: Ledger, link: Link, side: Side) -> Matches | None:
        """Return what was found for a record without counterpart, or None if it was not sought."""
        end = link.end(side)
        assert end is not None and end.seen is not None, "only a record that was read is matched"
        if side.other not in self._listed and self._is_loose(side, end.seen.values):
            return Matches(unread=True)
        if any((side.other, key) not in self._hits for key in end.keys):
            return None
        for matcher in self._sync.matchers:
            key = matcher.key(side, end.seen.values)
            candidates = self._candidates(ledger, end, side, key) if key is not None else ()
            if key is not None and candidates:
                return Matches(
                    candidates=candidates,
                    by=_words(matcher, side, end),
                    siblings=self._siblings(ledger, end, side, key),
                )
        return self._rival(ledger, link, side, end)

    def _candidates(self, ledger: Ledger, end: End, side: Side, key: str) -> tuple[Candidate, ...]:
        hits = self._hits[side.other, key]
        found = (self._candidate(ledger, end.id, side, hits[one]) for one in sorted(hits))
        return tuple(one for one in found if one is not None)

    def _candidate(
        self, ledger: Ledger, record_id: str, side: Side, hit: Snapshot
    ) -> Candidate | None:
        target, spec = side.other, self._sync.spec
        row = ledger.of(target, hit.id)
        known = row.end(target) if row is not None else None
        fresh = known is None or known.seen is None or not is_stale(known, hit)
        seen = observe(self._sync, target, known, hit, self._now_us()) if fresh else known
        assert seen is not None
        source = source_of(hit.key, spec.connection, spec.object)
        if source == (spec.app(side), record_id):
            return None  # our own copy: making it again finds it
        linked = _linked(row, side, spec.app(side))
        if not linked and source is not None and source[0] == spec.app(side):
            linked = f"{source[0]} {source[1]}, of which it is the copy"
        is_busy = row is not None and self._is_busy(ledger, row)
        waits = "is just being copied itself" if is_busy and not linked else ""
        return Candidate(
            end=seen, row=row.id if row is not None else None, linked=linked, waits=waits
        )

    def _siblings(self, ledger: Ledger, end: End, side: Side, key: str) -> tuple[str, ...]:
        """Return unlinked records of this side that take part and have the same key."""
        now_us = self._now_us()
        ends = {
            one.id: observe(self._sync, side, None, one, now_us)
            for one in self._hits.get((side, key), {}).values()
        }
        rows = [ledger.of(side, one) for one in ends] + [*ledger.with_key(side, key)]
        ends |= {own.id: own for row in rows if row is not None and (own := row.end(side))}
        taken = {own.id for row in rows if row and row.end(side.other) and (own := row.end(side))}
        return tuple(
            f"{self._sync.app(side)} {one.id}"
            for one in ends.values()
            if one.id not in (end.id, *taken)
            and one.gone is None
            and one.seen is not None
            and not self._sync.judge(side, one.seen.values, times_of(one, now_us))
        )

    def _is_busy(self, ledger: Ledger, row: Link) -> bool:
        return self._attention.is_busy(row.id) or any(
            intent.link == row.id for intent in ledger.intents
        )

    def _rival(self, ledger: Ledger, link: Link, side: Side, end: End) -> Matches:
        """Look for a record of the same side that has one of the keys, and came first (H12)."""
        waiting = Matches()
        for matcher in self._sync.matchers:
            assert end.seen is not None
            key = matcher.key(side, end.seen.values)
            for row in ledger.with_key(side, key) if key is not None else ():
                other = row.end(side)
                if row.id == link.id or other is None or other.gone is not None:
                    continue
                name = f"{self._sync.app(side)} {other.id}"
                by = _words(matcher, side, end)
                if row.end(side.other) is not None or self._is_busy(ledger, row):
                    return Matches(rival=name, by=by)
                if row.status is Status.PENDING and row.id < link.id:
                    waiting = Matches(rival=name, by=by, rival_waits=True)
        return waiting

    # --- waking -----------------------------------------------------------------------------

    async def wake(self, ledger: Ledger) -> None:
        """Have held and excluded records decided again whose match keys another record moved."""
        if not self._sync.matchers:
            return
        keys = ledger.moved_keys()
        if not keys:
            return
        soon_us = self._now_us() + SOON_US
        for side in Side:
            rows = await self._store.load_by_keys(self._sync.name, side, sorted(keys))
            ledger.know(link for links in rows.values() for link in links)
            for key in keys:
                for row in ledger.with_key(side, key):
                    is_later = row.due_us is None or row.due_us > soon_us
                    if is_later and is_waiting_for_a_person(row) and not ledger.is_put(row.id):
                        ledger.put(msgspec.structs.replace(row, due_us=soon_us))


def _linked(row: Link | None, side: Side, app: str) -> str:
    """Say which record of the other app a row is linked to, or nothing."""
    other = row.end(side) if row is not None else None
    if other is None:
        return ""
    return f"{app} {other.id}" + (", which is gone" if other.gone is not None else "")


def _words(matcher: Matcher, side: Side, end: End) -> str:
    assert end.seen is not None
    raw = (end.seen.values.get(matcher.field(side)) or "").strip()
    shown = raw if len(raw) <= _SHOWN else f"{raw[:_SHOWN]}..."
    return f'{matcher.field(side)} "{shown}"'
