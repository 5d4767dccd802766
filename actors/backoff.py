"""Retry delays, as pure functions of how often something failed."""

from __future__ import annotations

from datetime import timedelta


def delay(attempts: int, first: timedelta, last: timedelta, jitter: float) -> timedelta:
    """Return the pause after the `attempts`-th failure in a row (1 is the first).

    It doubles from `first` up to `last`; `jitter` (0 to 1) takes away up to a fifth, so that
    what failed together does not return together.
    """
    doublings: int = 2 ** min(max(attempts - 1, 0), 32)
    doubled = first * doublings
    return min(doubled, last) * (1 - 0.2 * jitter)
