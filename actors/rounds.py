"""Rounds: what must be looked at again by the clock: due records, open outcomes, presence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from actors.attention import Attention
from actors.backoff import delay
from actors.intents import Intent
from actors.links import Commit, Link
from actors.mapping.record import Sync
from actors.matching import may_wait_for_listing
from actors.observing import microseconds
from actors.outbox import LookBox, Outbox
from actors.poller import is_listed
from actors.ports import Clock, Store
from actors.records import Side
from actors.spec import Pace

_DUE_AT_ONCE = 200
_ASK_STORE_EVERY = 30.0
_NEVER_US = 2**63 - 1
_PRESENCE_PAGE = 100
_WAITING_PAGE = 500
_LOOKED = "matched"
"""Cursor of a side: version of the sync whose waiting records have all been looked at."""
_UNKNOWN_FIRST = timedelta(seconds=2)
_UNKNOWN_LAST = timedelta(minutes=1)


class Rounds:
    """Keeps the times at which something is to be done again.

    Attributes:
        passes: how often all linked records have been looked at.
    """

    def __init__(
        self, *, sync: Sync, store: Store, clock: Clock, pace: Pace, looks: Mapping[Side, LookBox]
    ) -> None:
        self._sync = sync
        self._store = store
        self._clock = clock
        self._pace = pace
        self._looks = looks
        self._unknown: dict[int, tuple[float, Intent]] = {}
        self._ask_store_at = clock.monotonic()
        self._presence_at = clock.monotonic() + pace.presence.total_seconds()
        self._presence_after: int | None = None
        self._is_pass_ending = False
        self.passes = 0
        self._waiting_after: dict[Side, int | None] = {}
        self._waits_for_listings = any(matcher.is_loose for matcher in sync.matchers)

    @property
    def is_passing(self) -> bool:
        """Records that waited for a listing are being looked at."""
        return bool(self._waiting_after)

    @property
    def has_unknown(self) -> bool:
        """Some intent's outcome is still to be found out."""
        return bool(self._unknown)

    def doubt(self, intent: Intent, at: float) -> None:
        """Find out what became of this intent, not before `at` (our monotonic clock)."""
        self._unknown[intent.id] = (at, intent)

    def again(self, intent: Intent) -> float:
        """Return when to ask (again) for an intent that has been tried `attempts` times."""
        jitter = self._clock.jitter()
        pause = delay(intent.attempts, _UNKNOWN_FIRST, _UNKNOWN_LAST, jitter)
        return self._clock.monotonic() + pause.total_seconds()

    def listed(self, side: Side) -> None:
        """A side has been read whole: have the records looked at that waited for that."""
        if self._waits_for_listings:
            self._waiting_after[side.other] = 0

    async def resume(self) -> None:
        """Go on with what a former run left: records that waited for a listing which has ended."""
        for side in Side if self._waits_for_listings else ():
            listing = await self._store.load_cursor(self._sync.name, f"{side}.backfill")
            looked = await self._store.load_cursor(self._sync.name, f"{side.other}.{_LOOKED}")
            if is_listed(listing) and looked != str(self._sync.version):
                self.listed(side)

    def scheduled(self, link: Link) -> None:
        """A link was stored; if it is due some time, ask the store by then."""
        if link.due_us is not None:
            ahead = (link.due_us - microseconds(self._clock.now())) / 1_000_000
            self._ask_store_at = min(self._ask_store_at, self._clock.monotonic() + max(ahead, 0))

    async def make(self, outboxes: Mapping[Side, Outbox], attention: Attention) -> None:
        """Do what the time has come for."""
        now = self._clock.monotonic()
        for key, (at, intent) in list(self._unknown.items()):
            if at <= now:
                del self._unknown[key]
                outboxes[intent.side].recover(intent)
        if now >= self._ask_store_at:
            await self._look_at_due(attention, now)
        for side in list(self._waiting_after):
            await self._look_at_waiting(side, attention)
        is_idle = all(box.is_idle for box in self._looks.values())
        if self._is_pass_ending and is_idle:
            self._is_pass_ending = False
            self.passes += 1
        if now >= self._presence_at:
            await self._look_for_presence()

    async def _look_at_due(self, attention: Attention, now: float) -> None:
        now_us = microseconds(self._clock.now())
        due = await self._store.load_due(self._sync.name, now_us, _DUE_AT_ONCE)
        for link in due:
            if attention.is_busy(link.id):
                continue
            if expected := attention.expected(link.id):
                self.look(link, expected)  # anew, if what came was too old to count
            else:
                self.look_at_all(link, attention)
        self._ask_store_at = now + (1.0 if due else await self._until_next_due(now_us))

    async def _until_next_due(self, now_us: int) -> float:
        """Return the seconds until a link is due, within bounds: our wall clock may jump."""
        next_due = await self._store.load_due(self._sync.name, _NEVER_US, 1)
        if not next_due or next_due[0].due_us is None:
            return _ASK_STORE_EVERY
        ahead = (next_due[0].due_us - now_us) / 1_000_000
        return min(max(ahead, 0.0), _ASK_STORE_EVERY)

    def look(self, link: Link, sides: Iterable[Side] = tuple(Side)) -> None:
        """Have both ends of a link read, or that on some side."""
        for side in sides:
            end = link.end(side)
            if end is not None:
                self._looks[side].want(end.id)

    def look_at_all(self, link: Link, attention: Attention) -> None:
        """Have both ends of a link read that is due; until then it remains so."""
        attention.expect(link.id, [side for side in Side if link.end(side) is not None])
        self.look(link)

    async def _look_at_waiting(self, side: Side, attention: Attention) -> None:
        if not self._looks[side].is_idle:
            return
        after = self._waiting_after[side]
        if after is None:  # all were wanted, and what was wanted has come
            del self._waiting_after[side]
            cursors = {f"{side}.{_LOOKED}": str(self._sync.version)}
            await self._store.commit(Commit(sync=self._sync.name, cursors=cursors))
            return
        links = await self._store.page_links(self._sync.name, after, _WAITING_PAGE)
        for link in links:
            if may_wait_for_listing(link, side) and not attention.is_busy(link.id):
                self.look(link)
        self._waiting_after[side] = links[-1].id if len(links) == _WAITING_PAGE else None

    def hurry_presence(self) -> None:
        """Look at all linked records now, from the first."""
        self._presence_after, self._is_pass_ending = None, False
        self._presence_at = self._clock.monotonic()

    async def _look_for_presence(self) -> None:
        """Read the linked records, a page a round: who is gone shows only this way."""
        if not all(box.is_idle for box in self._looks.values()):
            return
        after = self._presence_after or 0
        links = await self._store.page_links(self._sync.name, after, _PRESENCE_PAGE)
        for link in links:
            if link.left is not None and link.right is not None:
                self.look(link)
        if len(links) == _PRESENCE_PAGE:
            self._presence_after = links[-1].id
        else:
            self._presence_after, self._is_pass_ending = None, True
            self._presence_at = self._clock.monotonic() + self._pace.presence.total_seconds()
