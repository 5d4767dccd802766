"""The sandbox's own clock: the vendor's time, which a test may freeze, set or push forward.

Owns nothing else. Two times come from it: `now_ms`, which stamps records, and `elapsed_ms`,
which never stands still and never runs back, for the search index's lag.
"""

from __future__ import annotations

import time

__all__ = ["Clock"]


class Clock:
    """Vendor time in milliseconds since 1970."""

    def __init__(self) -> None:
        self._offset_ms = 0
        self._frozen_ms: int | None = None
        self._advanced_ms = 0

    def now_ms(self) -> int:
        """The time that a write made now is stamped with."""
        if self._frozen_ms is not None:
            return self._frozen_ms
        return time.time_ns() // 1_000_000 + self._offset_ms

    def elapsed_ms(self) -> int:
        """Milliseconds that passed, counting jumps forward; unaffected by freezing."""
        return time.monotonic_ns() // 1_000_000 + self._advanced_ms

    def advance(self, ms: int) -> None:
        """Push the clock forward."""
        self._advanced_ms += max(ms, 0)
        if self._frozen_ms is not None:
            self._frozen_ms += ms
        else:
            self._offset_ms += ms

    def set(self, ms: int) -> None:
        """Set the clock; it runs on from there unless frozen."""
        self.advance(ms - self.now_ms())

    def freeze(self, ms: int | None = None) -> None:
        """Stop the clock, now or at a given time, so that many records share a millisecond."""
        if ms is not None:
            self.set(ms)
        self._frozen_ms = self.now_ms()

    def thaw(self) -> None:
        """Let a frozen clock run on from where it stands."""
        if self._frozen_ms is not None:
            frozen, self._frozen_ms = self._frozen_ms, None
            self._offset_ms += frozen - self.now_ms()

    @property
    def frozen(self) -> bool:
        """Whether the clock stands still."""
        return self._frozen_ms is not None
