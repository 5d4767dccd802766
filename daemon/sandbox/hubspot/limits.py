"""Rate limits: the rolling window per token, the day per account, search per second.

Owns the 429 bodies and the headers. Windows run on real time, so that a frozen sandbox clock
never locks a client out; the day ends at midnight of the sandbox clock in the account's zone.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from daemon.sandbox.hubspot.calls import Pool
from daemon.sandbox.hubspot.wire import JSON_TYPE, Answer, Envelope, encode

__all__ = ["Limits", "Rates", "too_many"]

WINDOW_SECONDS = 10.0
_SECONDLY = "You have reached your secondly limit."


class Rates(Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Calls allowed; 0 means unlimited, and that pool then sends no headers."""

    window: int = 190
    daily: int = 625_000
    search_per_second: int = 5
    associations: int = 150


class _Rolling:
    """Counts calls of the last so many seconds."""

    def __init__(self) -> None:
        self._at: deque[float] = deque()

    def used(self, seconds: float, now: float) -> int:
        while self._at and self._at[0] <= now - seconds:
            self._at.popleft()
        return len(self._at)

    def add(self, now: float) -> None:
        self._at.append(now)


def too_many(
    policy: str, correlation_id: str, portal_id: int, *, retry_after: int | None, newer: bool = True
) -> Answer:
    """The 429 of one policy: TEN_SECONDLY_ROLLING, DAILY or SECONDLY.

    The vendor's clients compare `policyName` or the search message as exact strings.
    """
    body = Envelope(status="error", correlation_id=correlation_id)
    if policy == "SECONDLY" and not newer:
        body.message, body.category = _SECONDLY, "RATE_LIMITS"
    else:
        body.error_type, body.policy_name = "RATE_LIMIT", policy
        body.message = _SECONDLY
    if policy == "TEN_SECONDLY_ROLLING":
        body.message = "You have reached your ten_secondly_rolling limit."
        body.group_name = f"publicapi:private-apps-api-calls-ten-secondly:{portal_id}"
    if policy == "DAILY":
        body.message, body.request_id = "You have reached your daily limit.", str(uuid.uuid4())
    headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
    return Answer(429, encode(body), JSON_TYPE, headers)


def day_bounds_ms(now_ms: int, zone: str) -> tuple[int, int]:
    """Start and end of the account's day around a moment."""
    local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    start = local.replace(hour=0, minute=0, second=0, microsecond=0)
    end = (start + timedelta(days=1)).replace(hour=0)
    return int(start.timestamp() * 1000), int(end.timestamp() * 1000)


class Limits:
    """What has been used of every allowance."""

    def __init__(self, rates: Rates | None = None) -> None:
        self.rates = rates or Rates()
        self.used_today = 0
        self.day_ms = (0, 0)
        self._windows: dict[tuple[str, str], _Rolling] = {}
        self._search = _Rolling()

    def reset(self) -> None:
        """Forget all use."""
        self.used_today = 0
        self._windows.clear()
        self._search = _Rolling()

    def set_used(self, used: int, now_ms: int, zone: str) -> None:
        """Pretend that so many calls were made today."""
        self.used_today, self.day_ms = used, day_bounds_ms(now_ms, zone)

    def count(self, pool: str, token: str, now_ms: int, zone: str) -> str | None:
        """Count one call, or name the policy that refuses it; a refused call is not counted."""
        start, end = self.day_ms
        if not start <= now_ms < end:
            self.used_today = 0
            self.day_ms = day_bounds_ms(now_ms, zone)
        if self.rates.daily and self.used_today >= self.rates.daily:
            return "DAILY"
        now = time.monotonic()
        rolling, allowed, seconds = self._pool(pool, token)
        if allowed and rolling.used(seconds, now) >= allowed:
            return "SECONDLY" if pool == Pool.SEARCH else "TEN_SECONDLY_ROLLING"
        if allowed:
            rolling.add(now)
        self.used_today += 1
        return None

    def headers(self, pool: str, token: str, *, daily: bool) -> list[tuple[bytes, bytes]]:
        """What an answer tells about the allowances; search tells nothing of the window."""
        found: list[tuple[str, int]] = []
        if daily and self.rates.daily:
            left = max(self.rates.daily - self.used_today, 0)
            found += [("Daily", self.rates.daily), ("Daily-Remaining", left)]
        if pool == Pool.WINDOW and self.rates.window:
            rolling, allowed, seconds = self._pool(pool, token)
            left = max(allowed - rolling.used(seconds, time.monotonic()), 0)
            found += [
                ("Interval-Milliseconds", int(WINDOW_SECONDS * 1000)),
                ("Max", allowed),
                ("Remaining", left),
                ("Secondly", allowed // 10),
                ("Secondly-Remaining", min(left, allowed // 10)),
            ]
        return [(b"x-hubspot-ratelimit-" + k.lower().encode(), b"%d" % v) for k, v in found]

    def _pool(self, pool: str, token: str) -> tuple[_Rolling, int, float]:
        if pool == Pool.SEARCH:
            return self._search, self.rates.search_per_second, 1.0
        allowed = self.rates.associations if pool == Pool.ASSOCIATIONS else self.rates.window
        rolling = self._windows.get((pool, token))
        if rolling is None:
            rolling = self._windows[pool, token] = _Rolling()
        return rolling, allowed, WINDOW_SECONDS
