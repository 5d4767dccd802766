"""The real clock behind the actors' `Clock` port."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime

import anyio


class SystemClock:
    """Wall clock, monotonic clock and chance of this machine."""

    def now(self) -> datetime:
        """Return the wall clock, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the seconds of the clock that asyncio's loop goes by too."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)

    def jitter(self) -> float:
        """Return a random number from 0 up to but not including 1."""
        return random.random()
