"""Patience: reads that are few and needed at once are repeated while an app fails for the moment.

For what a connection reads when it starts. Pollers have a patience of their own, without end.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import anyio

from actors.backoff import delay
from actors.errors import RateLimitedError, TransientError

T = TypeVar("T")

ATTEMPTS = 5
FIRST = timedelta(milliseconds=250)
LAST = timedelta(seconds=4)


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call that only reads, up to five times within some ten seconds.

    Raises:
        TransientError: the app still failed, asked for a longer pause, or refused the rate,
            which the account's budget deals with.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return await call()
        except RateLimitedError:
            raise
        except TransientError as error:
            pause = error.retry_after or delay(attempt, FIRST, LAST, random.random())
            if pause > LAST:
                raise
            await anyio.sleep(pause.total_seconds())
    return await call()
