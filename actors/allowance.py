"""The allowance of deletes: how many may be followed within an hour before a person is asked."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from actors.mapping.record import Sync
from actors.observing import microseconds
from actors.ports import Clock, Store

CURSOR = "deletes"
"""Under this name the times are committed, in the transaction of the orders that they count."""

_HOUR_US = timedelta(hours=1) // timedelta(microseconds=1)
_SMALL = 100
_SHARE_PERCENT = 5
_COUNTED_FOR = 60.0


def most_deletes(limit: int, pairs: int) -> int:
    """Return how many deletes may be followed within an hour in a sync of so many pairs."""
    return limit if pairs <= _SMALL else min(limit, pairs * _SHARE_PERCENT // 100)


class Allowance:
    """Counts the deletes that one sync has followed of late."""

    def __init__(self, *, sync: Sync, store: Store, clock: Clock) -> None:
        self._sync = sync
        self._store = store
        self._clock = clock
        self._times: list[int] | None = None
        self._pairs = 0
        self._counted_at: float | None = None

    async def load(self) -> None:
        """Learn what was counted before, and how many pairs there are, where deletes count."""
        if not self._sync.deletes:
            return
        if self._times is None:
            text = await self._store.load_cursor(self._sync.name, CURSOR)
            self._times = msgspec.json.decode(text, type=list[int]) if text else []
        now = self._clock.monotonic()
        if self._counted_at is None or now - self._counted_at > _COUNTED_FOR:
            self._pairs, self._counted_at = await self._store.count_pairs(self._sync.name), now

    @property
    def left(self) -> int | None:
        """How many more may be followed now; None where none are followed at all.

        A clock that was set back does not make old ones forgotten sooner.
        """
        if self._times is None:
            return None
        now_us = microseconds(self._clock.now())
        recent = sum(now_us - at < _HOUR_US for at in self._times)
        return most_deletes(self._sync.spec.delete_limit, self._pairs) - recent

    def spend(self) -> dict[str, str]:
        """Count one more; returns what is to be committed, by cursor name."""
        now_us = microseconds(self._clock.now())
        known = self._times or []
        self._times = [at for at in known if now_us - at < _HOUR_US] + [now_us]
        return {CURSOR: msgspec.json.encode(self._times).decode()}
