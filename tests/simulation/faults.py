"""The seeded plan of what goes wrong between tieline and the apps, and when tieline dies."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from actors.records import Side


class Trouble(StrEnum):
    """What happens to one call."""

    NONE = "none"
    SLOW = "slow"
    VERY_SLOW = "very slow"
    RATE_LIMITED = "rate limited"
    TRANSIENT = "transient"
    OUTAGE = "outage"
    LOST_BEFORE = "unknown before commit"
    LOST_AFTER = "unknown after commit"
    LATE_COMMIT = "late commit"
    PARTIAL = "partial batch"
    STALE_READ = "stale read"
    DUPLICATED = "duplicated rows"
    REORDERED = "reordered rows"


READS = ("describe", "start", "list_page", "changes", "fetch", "find", "edits", "prepare")


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How often each trouble befalls a call, as shares of one; `lag_*` in seconds.

    Attributes:
        lag_usual_s, lag_worst_s: the search index is that far behind, mostly and at worst.
        outages: (side, from, to) in true seconds: every call fails.
    """

    slow: float = 0.0
    very_slow: float = 0.0
    rate_limited: float = 0.0
    transient: float = 0.0
    lost_before: float = 0.0
    lost_after: float = 0.0
    late_commit: float = 0.0
    partial: float = 0.0
    stale_read: float = 0.0
    duplicated: float = 0.0
    reordered: float = 0.0
    lag_usual_s: float = 1.0
    lag_worst_s: float = 5.0
    outages: tuple[tuple[Side, float, float], ...] = ()


class CrashKind(StrEnum):
    """When and how tieline stops."""

    AT_TIME = "crash at a time"
    AFTER_CALL = "crash near a call"
    AFTER_COMMIT = "crash near a commit"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class Crash:
    """One end of a life of tieline.

    Attributes:
        after_s: seconds into that life from which the crash is armed.
        event: for calls and commits, how many of them after that.
        steps: task steps after the event.
        pause_s: until the next life begins.
    """

    kind: CrashKind
    after_s: float
    event: int = 0
    steps: int = 1
    pause_s: float = 5.0


class FaultPlan:
    """Draws the trouble of each call; goes quiet at `until`."""

    def __init__(self, rates: Rates, seed: str, until: float) -> None:
        self.rates, self.until = rates, until
        self.random = random.Random(f"{seed}/faults")

    def is_active(self, now: float) -> bool:
        """Say whether faults still happen."""
        return now < self.until

    def draw(self, side: Side, call: str, now: float) -> Trouble:
        """Return what befalls this call."""
        if not self.is_active(now):
            return Trouble.NONE
        if any(on is side and start <= now < end for on, start, end in self.rates.outages):
            return Trouble.OUTAGE
        table = _COMMON + (_WRITE if call == "write" else _READ.get(call, ()))
        dice = self.random.random()
        for trouble, name in table:
            dice -= getattr(self.rates, name)
            if dice < 0:
                return trouble
        return Trouble.NONE

    def latency_s(self, trouble: Trouble) -> tuple[float, float]:
        """Return how long the call takes before and after it is carried out."""
        draw = self.random.uniform
        match trouble:
            case Trouble.SLOW:
                return draw(1, 15), draw(1, 15)
            case Trouble.VERY_SLOW:
                return draw(10, 120), draw(20, 300)
            case _:
                return draw(0.02, 0.3), draw(0.02, 0.3)

    def lag_s(self, now: float) -> float:
        """Return how long the search index takes for a commit."""
        if not self.is_active(now):
            return self.random.uniform(0.1, self.rates.lag_usual_s)
        if self.random.random() < 0.1:
            return self.random.uniform(self.rates.lag_usual_s, self.rates.lag_worst_s)
        return self.random.uniform(0.1, self.rates.lag_usual_s)


_COMMON = (
    (Trouble.SLOW, "slow"),
    (Trouble.VERY_SLOW, "very_slow"),
    (Trouble.RATE_LIMITED, "rate_limited"),
    (Trouble.TRANSIENT, "transient"),
)
_WRITE = (
    (Trouble.LOST_BEFORE, "lost_before"),
    (Trouble.LOST_AFTER, "lost_after"),
    (Trouble.LATE_COMMIT, "late_commit"),
    (Trouble.PARTIAL, "partial"),
)
_READ = {
    "fetch": ((Trouble.STALE_READ, "stale_read"),),
    "changes": ((Trouble.DUPLICATED, "duplicated"), (Trouble.REORDERED, "reordered")),
}
