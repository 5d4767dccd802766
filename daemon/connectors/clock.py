"""An app's clock as seen through the `Date` header of its answers.

Owns two readings of the same samples: what time it is there (for cursors), and how far its clock
is from ours (for comparing edit times of two apps). It never waits and never calls.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from statistics import median

# `Date` is cut to whole seconds: on average half a second is missing.
HALF_SECOND = timedelta(seconds=0.5)


def parse_http_date(text: str | None) -> datetime | None:
    """Read a `Date` header; None when it is missing or not a date with zone."""
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


class ClockOffset:
    """How far the app's clock is ahead of ours (sync-semantics section 3, "edit time").

    The applied offset is steady: it follows the median of the last samples only when the two
    have differed by more than `tolerance` for `patience` samples in a row.
    """

    def __init__(
        self,
        *,
        window: int = 15,
        tolerance: timedelta = timedelta(seconds=2),
        patience: int = 5,
    ) -> None:
        self._samples: deque[float] = deque(maxlen=window)
        self._tolerance = tolerance.total_seconds()
        self._patience = patience
        self._applied: float | None = None
        self._off = 0

    @property
    def applied(self) -> timedelta | None:
        """App time minus our time; None before the first sample."""
        return None if self._applied is None else timedelta(seconds=self._applied)

    @property
    def samples(self) -> int:
        """How many samples the present median rests on."""
        return len(self._samples)

    def observe(self, app: datetime, ours_at_middle: datetime) -> None:
        """Take the app's time of an answer and our wall clock in the middle of the call."""
        self._samples.append((app + HALF_SECOND - ours_at_middle).total_seconds())
        middle = median(self._samples)
        if self._applied is None:
            self._applied = middle
            return
        self._off = self._off + 1 if abs(middle - self._applied) > self._tolerance else 0
        if self._off >= self._patience:
            self._applied = middle
            self._off = 0


class AppClock:
    """What time it is at the app: the last `Date` it sent plus the time that passed since.

    It errs on the early side (the header is cut to seconds, the answer was on its way, our
    monotonic clock may stand still while the machine sleeps), which is the safe one for cursors.
    """

    def __init__(self) -> None:
        self._date: datetime | None = None
        self._at = 0.0

    @property
    def last(self) -> datetime | None:
        """The last `Date` as it was sent; None before the first answer."""
        return self._date

    def observe(self, date: datetime, at: float) -> None:
        """Take the app's time of an answer that arrived at `at` of our monotonic clock."""
        self._date, self._at = date, at

    def read(self, at: float) -> datetime | None:
        """Return the app's time at `at` of our monotonic clock; None before any answer."""
        return None if self._date is None else self._date + timedelta(seconds=at - self._at)
