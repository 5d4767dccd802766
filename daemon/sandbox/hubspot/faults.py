"""Faults on demand: which calls go wrong, how, and whether their work was done before.

Owns the rules and their counting, and the bodies of injected errors. `server` carries them out.
"""

from __future__ import annotations

import random
import re
from typing import Literal

import msgspec
from msgspec import Struct

from daemon.sandbox.hubspot.auth import expired
from daemon.sandbox.hubspot.limits import too_many
from daemon.sandbox.hubspot.wire import JSON_TYPE, Answer, Envelope, Refusal, encode, html_page

__all__ = ["FaultRule", "Faults", "FiredFaults", "error_answer"]

Kind = Literal["latency", "status", "cut", "truncate", "garbage", "fail_inputs"]

# Name of an error -> status.
ERRORS = {
    "ten_secondly": 429,
    "daily": 429,
    "secondly": 429,
    "locked": 423,
    "migration": 477,
    "internal": 500,
    "bad_gateway": 502,
    "unavailable": 503,
    "timeout": 504,
    "edge_timeout": 524,
    "bad_token": 530,
    "expired": 401,
    "unauthorised": 401,
}


class FaultRule(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One rule. A call matches by method and path; then `after`, `count` and `probability` decide.

    Args:
        kind: `latency` waits `seconds`; `status` answers `error` (a name of `ERRORS`, or by
            `status` alone) with `retry_after` seconds if given; `cut` closes the connection with
            no answer; `truncate` sends half of the body and closes; `garbage` sends a body that
            is not JSON; `fail_inputs` makes inputs of a batch fail.
        method: GET, POST, ...; None is any. path: regular expression, searched in the raw path.
        after: this many matching calls go through untouched first.
        count: how many calls it hits; None is without end.
        probability, seed: chance of hitting a matching call, by a generator of its own.
        when: `before` the call does its work, or `after` it did and was saved.
        inputs: positions in the batch that fail; empty is every second one.
    """

    kind: Kind
    method: str | None = None
    path: str | None = None
    after: int = 0
    count: int | None = 1
    probability: float = 1.0
    seed: int = 0
    when: Literal["before", "after"] = "before"
    seconds: float = 0.0
    status: int | None = None
    error: str | None = None
    retry_after: int | None = None
    inputs: list[int] = msgspec.field(default_factory=list)
    id: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        if self.error is not None and self.error not in ERRORS:
            raise ValueError(f"error must be one of {', '.join(ERRORS)}")
        if self.kind == "status" and self.error is None and self.status is None:
            raise ValueError("a status fault needs `error` or `status`")
        if self.path is not None:
            try:
                re.compile(self.path)
            except re.error as error:
                raise ValueError(f"path is not a regular expression: {error}") from None


class FiredFaults(Struct, frozen=True):
    """The rules that hit one call."""

    rules: tuple[FaultRule, ...] = ()

    @property
    def seconds(self) -> float:
        """How long the call waits before anything else."""
        return sum(rule.seconds for rule in self.rules if rule.kind == "latency")

    def first(self, when: str) -> FaultRule | None:
        """The rule that ends the call before, or spoils it after, its work."""
        ending = (rule for rule in self.rules if rule.kind not in ("latency", "fail_inputs"))
        return next((rule for rule in ending if _moment(rule) == when), None)

    def failing(self) -> frozenset[int] | None:
        """Positions of a batch that must fail, empty for every second; None for no such rule."""
        for rule in self.rules:
            if rule.kind == "fail_inputs":
                return frozenset(rule.inputs)
        return None

    def names(self) -> str:
        """The kinds, for the request log."""
        return ",".join(rule.kind for rule in self.rules)


def _moment(rule: FaultRule) -> str:
    # There is nothing to truncate or spoil before an answer exists.
    return "after" if rule.kind in ("truncate", "garbage") else rule.when


class Faults:
    """The queue of rules."""

    def __init__(self) -> None:
        self.rules: list[FaultRule] = []
        self._seen: dict[int, int] = {}
        self._dice: dict[int, random.Random] = {}
        self._last_id = 0

    def add(self, rule: FaultRule) -> FaultRule:
        """Put a rule at the end of the queue."""
        self._last_id += 1
        rule.id, rule.hits = self._last_id, 0
        self._seen[rule.id] = 0
        self._dice[rule.id] = random.Random(rule.seed)
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Remove every rule."""
        self.rules.clear()

    def fire(self, method: str, path: str) -> FiredFaults:
        """Decide which rules hit a call, and count them."""
        if not self.rules:
            return FiredFaults()
        return FiredFaults(tuple(rule for rule in self.rules if self._hits(rule, method, path)))

    def _hits(self, rule: FaultRule, method: str, path: str) -> bool:
        if rule.method is not None and rule.method.upper() != method:
            return False
        if rule.path is not None and not re.search(rule.path, path):
            return False
        self._seen[rule.id] += 1
        if self._seen[rule.id] <= rule.after or rule.hits == rule.count:
            return False
        if self._dice[rule.id].random() >= rule.probability:
            return False
        rule.hits += 1
        return True


_BY_STATUS = {429: "ten_secondly", 423: "locked", 477: "migration", 500: "internal", 401: "expired"}
_POLICIES = {"ten_secondly": "TEN_SECONDLY_ROLLING", "daily": "DAILY", "secondly": "SECONDLY"}
_TITLES = {
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    524: "A timeout occurred",
    530: "Origin DNS error",
}


def _plain(status: int, message: str, correlation_id: str, category: str | None = None) -> Answer:
    refusal = Refusal(status, message, category=category)
    return Answer(status, encode(refusal.envelope(correlation_id)), JSON_TYPE)


def error_answer(rule: FaultRule, correlation_id: str, portal_id: int, now_ms: int) -> Answer:
    """The answer of a `status` rule."""
    status = rule.status or ERRORS[rule.error or "internal"]
    name = rule.error or _BY_STATUS.get(status, "")
    if name in _POLICIES:
        return too_many(_POLICIES[name], correlation_id, portal_id, retry_after=rule.retry_after)
    found = _named(name, status, correlation_id, now_ms)
    if rule.retry_after is None:
        return found
    header = (("Retry-After", str(rule.retry_after)),)
    return Answer(found.status, found.body, found.content_type, header)


def _named(name: str, status: int, correlation_id: str, now_ms: int) -> Answer:
    match name:
        case "locked":
            return _plain(status, "The record is temporarily locked", correlation_id, "LOCKED")
        case "migration":
            return _plain(status, "The account is being migrated", correlation_id, "MIGRATING")
        case "internal":
            body = {"correlationId": correlation_id, "message": "internal error"}
            return Answer(status, encode({**body, "status": "error"}), JSON_TYPE)
        case "expired":
            envelope: Envelope = expired(now_ms - 12_000, now_ms).envelope(correlation_id)
            return Answer(status, encode(envelope), JSON_TYPE)
        case "unauthorised":
            return _plain(
                status,
                "Authentication credentials not found.",
                correlation_id,
                "INVALID_AUTHENTICATION",
            )
        case _ if status in _TITLES:
            return html_page(status, _TITLES[status])
        case _:
            return _plain(status, "There was a problem with the request.", correlation_id)
