"""Keys whose absence proves nothing yet: an earlier create may still be under way at the server.

A row is invisible until its transaction ends, and the server goes on with a call whose client is
gone. Keys are not unique in Tryton, so a second create would double the deal (tryton.md, 7.1).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import timedelta


class Doubts:
    """Knows how long to wait until a key that was not found is sure to be absent.

    Args:
        settle: how long a create may run on after its client is gone.
        monotonic: seconds of a clock that never jumps.
    """

    def __init__(self, settle: timedelta, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settle = settle.total_seconds()
        self._monotonic = monotonic
        # What a process before this one sent is not known: any key may be under way.
        self._opened = monotonic()
        self._unanswered: dict[str, float] = {}

    def remember(self, keys: Iterable[str]) -> None:
        """Note creates that were sent and not answered."""
        now = self._monotonic()
        self._unanswered = {
            key: at for key, at in self._unanswered.items() if at + self._settle > now
        }
        self._unanswered |= dict.fromkeys(keys, now)

    def wait_for_any(self, keys: Iterable[str]) -> timedelta:
        """Return how long to wait before believing that these keys, once sent, are absent."""
        latest = max((self._unanswered.get(key, self._opened) for key in keys), default=None)
        return self._left(latest)

    def wait_for(self, key: str) -> timedelta:
        """Return how long to wait before sending this key again."""
        return self._left(self._unanswered.get(key))

    def _left(self, since: float | None) -> timedelta:
        if since is None:
            return timedelta(0)
        return timedelta(seconds=max(since + self._settle - self._monotonic(), 0.0))
