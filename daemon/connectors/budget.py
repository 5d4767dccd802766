"""The rate budget of one app account: who may call when, so that no announced limit is exceeded.

Each limit is a sliding log. A call holds its slot from before it is sent until the interval has
passed *after its answer*: the app counted it somewhere in between, so any window that the app
looks at holds at most the limit, however long calls travel (a token bucket would let twice the
limit into one window; a log of sending times lets late arrivals pile up).

Borrowers (connections) that wait are served in turn, each in its own order. Whoever runs a
connection names it in `BORROWER`; calls then need not say for whom they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import timedelta
from math import inf

import anyio

from actors.errors import RateLimitedError

BORROWER: ContextVar[str] = ContextVar("BORROWER", default="")
"""The connection on whose behalf the present task calls."""

# A longer wait than this is the caller's to plan, not to sit out in a call.
LONGEST_WAIT = timedelta(seconds=60)


class Pool:
    """One limit of an account: so many calls in any interval.

    Args:
        name: for messages.
        limit, interval: most calls in any span of that length.
    """

    def __init__(self, name: str, limit: int, interval: timedelta) -> None:
        self.name = name
        self.limit = limit
        self.interval = interval.total_seconds()
        self._in_flight = 0
        self._ended: deque[float] = deque()
        self._closed_until = -inf
        self._refusals = 0
        self._queue = _Turns()
        self._changed = anyio.Event()

    @property
    def waiting(self) -> int:
        """How many calls wait for a slot."""
        return len(self._queue)

    def free(self, now: float) -> int:
        """Return how many calls may be sent at once."""
        if now < self._closed_until:
            return 0
        return max(self.limit - self._held(now), 0)

    async def take(self) -> None:
        """Wait for a slot and hold it; `give_back` must follow.

        Raises:
            RateLimitedError: the app closed the pool for longer than a call may wait.
        """
        if not self._queue and self._ready_in() <= 0:
            self._in_flight += 1
            return
        turn = self._queue.join(BORROWER.get())
        try:
            while True:
                await self._wait_for(turn)
                if turn.is_first and self._ready_in() <= 0:
                    break
            self._in_flight += 1
        finally:
            self._queue.leave(turn)

    def give_back(self) -> None:
        """Tell that the call is over; its slot is free again one interval from now."""
        self._in_flight -= 1
        self._ended.append(anyio.current_time())
        self._wake()

    def learn(self, limit: int | None, remaining: int | None, interval: timedelta | None) -> None:
        """Take what the app said of this pool in an answer; None where it said nothing.

        When fewer calls remain than our own log explains, others use the same limit: their
        share is held back for one interval.
        """
        if limit is not None and limit > 0:
            self.limit = limit
        if interval is not None and interval > timedelta(0):
            self.interval = interval.total_seconds()
        if remaining is not None:
            now = anyio.current_time()
            foreign = self.limit - self._held(now) - max(remaining, 0)
            self._ended.extend([now] * max(foreign, 0))
        self._wake()

    def close(self, pause: timedelta | None) -> timedelta:
        """Send nothing for a while, because the app refused a call for its rate.

        Args:
            pause: what the app asked for; None takes one interval, and one more for each
                refusal in a row, up to `LONGEST_WAIT`.

        Returns:
            The time from now until the pool opens again.
        """
        self._refusals += 1
        if pause is None:
            steps = timedelta(seconds=self.interval) * self._refusals
            pause = min(steps, max(LONGEST_WAIT, timedelta(seconds=self.interval)))
        now = anyio.current_time()
        self._closed_until = max(self._closed_until, now + pause.total_seconds())
        self._wake()
        return timedelta(seconds=self._closed_until - now)

    def accepted(self) -> None:
        """Tell that the app took a call: refusals are no longer in a row."""
        self._refusals = 0

    def _held(self, now: float) -> int:
        while self._ended and self._ended[0] + self.interval <= now:
            self._ended.popleft()
        return self._in_flight + len(self._ended)

    def _ready_in(self) -> float:
        """Return the seconds until a slot is free; infinity while only answers can tell.

        Raises:
            RateLimitedError: as `take`.
        """
        now = anyio.current_time()
        shut = self._closed_until - now
        if shut > LONGEST_WAIT.total_seconds():
            raise RateLimitedError(
                f"the app takes no calls of pool {self.name} for now", timedelta(seconds=shut)
            )
        over = self._held(now) - self.limit
        if over < 0:
            return max(shut, 0.0)
        if over >= len(self._ended):
            return inf
        return max(shut, self._ended[over] + self.interval - now)

    async def _wait_for(self, turn: _Turn) -> None:
        if not turn.is_first:
            await turn.called.wait()
            return
        delay = self._ready_in()
        if delay > 0:
            with anyio.move_on_after(delay):
                await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class _Turn:
    """A call that waits. `called` is set when it stands first."""

    def __init__(self, borrower: str) -> None:
        self.borrower = borrower
        self.called = anyio.Event()

    @property
    def is_first(self) -> bool:
        return self.called.is_set()


class _Turns:
    """Waiting calls: borrowers in turn, each one's calls in their order.

    The first stays first until it leaves, so that it can sleep until its slot is free.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[_Turn]] = {}
        self._first: _Turn | None = None

    def __len__(self) -> int:
        return sum(len(turns) for turns in self._waiting.values())

    def join(self, borrower: str) -> _Turn:
        turn = _Turn(borrower)
        self._waiting.setdefault(borrower, deque()).append(turn)
        if self._first is None:
            self._call_next()
        return turn

    def leave(self, turn: _Turn) -> None:
        turns = self._waiting.pop(turn.borrower)
        turns.remove(turn)
        if turns:
            # Back of the queue of borrowers: dict keeps the order of insertion.
            self._waiting[turn.borrower] = turns
        if turn is self._first:
            self._call_next()

    def _call_next(self) -> None:
        self._first = next((turns[0] for turns in self._waiting.values()), None)
        if self._first is not None:
            self._first.called.set()


class Budget:
    """All limits of one account: its pools, and what is left of the day.

    Args:
        pools: by the names under which `slot` finds them.
    """

    def __init__(self, *pools: Pool) -> None:
        self._pools = {pool.name: pool for pool in pools}
        self._day_ends: float | None = None
        self._under_way = 0
        self.daily_limit: int | None = None
        self.daily_remaining: int | None = None

    def pool(self, name: str) -> Pool:
        """Return a pool by its name."""
        return self._pools[name]

    def remaining(self) -> dict[str, int]:
        """Return by pool how many calls may be sent at once, and `daily` where it is known."""
        now = anyio.current_time()
        left = {str(name): pool.free(now) for name, pool in self._pools.items()}
        if self.daily_remaining is not None:
            left["daily"] = self.daily_remaining
        return left

    @asynccontextmanager
    async def slot(self, name: str) -> AsyncIterator[Pool]:
        """Hold the right to make one call.

        Raises:
            RateLimitedError: the pool or the day is closed for longer than a call may wait.
        """
        self._check_day()
        pool = self._pools[name]
        await pool.take()
        try:
            self._check_day()
            if self.daily_remaining is not None:
                self.daily_remaining -= 1
            self._under_way += 1
            try:
                yield pool
            finally:
                self._under_way -= 1
        finally:
            pool.give_back()

    def learn_day(self, limit: int | None, remaining: int | None, ends_in: timedelta) -> None:
        """Take what the app said of the daily limit in the answer to a call whose slot is held.

        Args:
            limit: calls a day, None where the app did not say.
            remaining: calls left today, None where the app did not say.
            ends_in: time until the app starts to count anew.
        """
        if limit is not None:
            self.daily_limit = limit
        if remaining is None:
            return
        self._day_ends = anyio.current_time() + ends_in.total_seconds()
        # The app may not have counted the other calls that are under way.
        self.daily_remaining = max(remaining - max(self._under_way - 1, 0), 0)

    def close_day(self, ends_in: timedelta) -> None:
        """Tell that the app refused a call for the daily limit."""
        self.learn_day(None, 0, ends_in)

    def _check_day(self) -> None:
        if self.daily_remaining is None or self._day_ends is None:
            return
        left = self._day_ends - anyio.current_time()
        if left <= 0:
            self.daily_remaining = self._day_ends = None
        elif self.daily_remaining <= 0:
            raise RateLimitedError("the daily limit of calls is used up", timedelta(seconds=left))
