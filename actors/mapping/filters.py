"""Filters: which records of a side may sync, by what their fields hold (F19). Pure.

Built by `conditions` from the words of the configuration. Every record is judged here, on the
values that were read anyway; no part of a filter is handed to the app's own query.

A value that cannot be read as its field's kind is neither this nor that: a condition on it holds
no more than its opposite does, and a filter that depends on it lets the record not pass.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from actors.errors import OutsideDomainError
from actors.spec import CHANGED, Match
from actors.values import Kind, Raw, Scalar, parse

_FIRST, _LAST = (one.replace(tzinfo=UTC) for one in (datetime.min, datetime.max))
"""Before and after all time: a moment that no clock will show."""

Moments: TypeAlias = tuple[datetime, datetime]


class Check(Struct, frozen=True, kw_only=True, tag=True):
    """What a condition asks of a canonical value; one that is absent passes none of them."""

    def holds(self, value: Scalar, now: datetime) -> bool:
        """Say whether the value passes at that moment."""
        raise NotImplementedError

    def turns(self, value: Scalar) -> tuple[datetime, ...]:
        """Return the moments at which the answer for this value changes by itself."""
        return ()


class Known(Check, frozen=True, kw_only=True):
    """The field is filled."""

    def holds(self, value: Scalar, now: datetime) -> bool:
        """Any value passes."""
        return value is not None


class OneOf(Check, frozen=True, kw_only=True):
    """The value is one of these; texts are compared without regard to case."""

    values: tuple[Scalar, ...]

    def holds(self, value: Scalar, now: datetime) -> bool:
        """A listed value passes."""
        return value is not None and folded(value) in self.values


class Holds(Check, frozen=True, kw_only=True):
    """The text has this in it, without regard to case."""

    text: str

    def holds(self, value: Scalar, now: datetime) -> bool:
        """A text with the other in it passes."""
        return isinstance(value, str) and self.text in value.casefold()


class Sets(StrEnum):
    """How a multi-enum is held against listed members."""

    ALL = "all"
    ANY = "any"
    EXACTLY = "exactly"


class Members(Check, frozen=True, kw_only=True):
    """The multi-enum has all, any, or exactly these members."""

    members: frozenset[str]
    how: Sets

    def holds(self, value: Scalar, now: datetime) -> bool:
        """A fitting set of members passes."""
        if not isinstance(value, frozenset):
            return False
        match self.how:
            case Sets.ALL:
                return self.members <= value
            case Sets.ANY:
                return bool(self.members & value)
            case Sets.EXACTLY:
                return self.members == value


class Range(Check, frozen=True, kw_only=True):
    """The number, day or moment lies between two others; None leaves an end open.

    Attributes:
        has_low, has_high: the ends themselves pass as well.
    """

    low: Scalar = None
    high: Scalar = None
    has_low: bool = True
    has_high: bool = True

    def excludes(self, value: Scalar) -> bool:
        """Say whether a value lies outside."""
        return not self.holds(value, _FIRST)

    def holds(self, value: Scalar, now: datetime) -> bool:
        """A value within passes."""
        if value is None:
            return False
        here = _measure(value)
        if self.low is not None and _below(here, _measure(self.low), equal=not self.has_low):
            return False
        return self.high is None or not _below(_measure(self.high), here, equal=not self.has_high)


def _below(one: Decimal, two: Decimal, *, equal: bool) -> bool:
    return one < two or (equal and one == two)


def _measure(value: Scalar) -> Decimal:
    match value:
        case Decimal():
            return value
        case datetime():
            return Decimal((value - _FIRST) // timedelta(microseconds=1))
        case date():
            return Decimal(value.toordinal())
        case _:
            raise AssertionError(f"{value!r} has no order")


class When(StrEnum):
    """Where a day or moment must lie, seen from now."""

    LAST = "last"
    NEXT = "next"
    OLDER = "older"
    FURTHER = "further"


class Period(Struct, frozen=True, kw_only=True):
    """A length of time by the calendar: whole months first, then the rest."""

    months: int = 0
    rest: timedelta = timedelta()


class Window(Check, frozen=True, kw_only=True):
    """The day or moment lies within, or beyond, a period before or after now.

    For a moment: LAST and NEXT are the period before and after now; OLDER and FURTHER what lies
    beyond. For a day, counted in whole days of `zone`: both periods begin with today, so that
    `last 7 days` is today and the six days before.
    """

    when: When
    period: Period
    zone: str

    def holds(self, value: Scalar, now: datetime) -> bool:
        """A value that lies there at that moment passes."""
        if not isinstance(value, date):
            return False
        since, until = self._span(value)
        return since <= now < until

    def turns(self, value: Scalar) -> tuple[datetime, ...]:
        """Return when the value gets into the window and when it gets out of it."""
        if not isinstance(value, date):
            return ()
        since, until = self._span(value)
        return tuple(at for at in (since, until) if since < until and _FIRST < at < _LAST)

    def _span(self, value: date) -> Moments:
        """Return from when until when the value is in the window."""
        starts, ends = self._present(value)
        match self.when:
            case When.LAST:
                return starts, self._moved(value, 1)
            case When.OLDER:
                return self._moved(value, 1), _LAST
            case When.NEXT:
                return self._moved(value, -1), ends
            case When.FURTHER:
                return _FIRST, self._moved(value, -1)

    def _present(self, value: date) -> Moments:
        """Return from when the value is not ahead, and from when it is behind."""
        if isinstance(value, datetime):
            return value, value
        return day_begins(value, self.zone), day_begins(_next_day(value), self.zone)

    def _moved(self, value: date, times: int) -> datetime:
        """Return the edge of the window that lies a period after, or before, the value."""
        if isinstance(value, datetime):
            return _moved_moment(value, self.period, times)
        day = _moved_day(value, self.period, times)
        return day_begins(day if times > 0 else _next_day(day), self.zone)


def _moved_day(day: date, period: Period, times: int) -> date:
    """Move a day by a period; what leaves the calendar stays at its edge."""
    year, month = divmod(day.year * 12 + day.month - 1 + times * period.months, 12)
    try:
        last = monthrange(year, month + 1)[1]
        moved = date(year, month + 1, min(day.day, last))
        return moved + times * timedelta(days=period.rest.days)
    except (ValueError, OverflowError):
        return date.max if times > 0 else date.min


def _next_day(day: date) -> date:
    return day if day == date.max else day + timedelta(days=1)


def _moved_moment(moment: datetime, period: Period, times: int) -> datetime:
    day = _moved_day(moment.date(), Period(months=period.months), times)
    if day in (date.min, date.max):
        return _LAST if times > 0 else _FIRST
    try:
        return datetime.combine(day, moment.timetz()) + times * period.rest
    except OverflowError:
        return _LAST if times > 0 else _FIRST


def day_begins(day: date, zone: str) -> datetime:
    """Return the first instant of a day in a zone, or an end of time at the calendar's edge."""
    if day in (date.min, date.max):
        return _FIRST if day == date.min else _LAST
    try:
        return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
    except OverflowError:
        return _FIRST if day.year < _LAST.year else _LAST


def folded(value: Scalar) -> Scalar:
    """Return a text without its case; other values as they are."""
    return value.casefold() if isinstance(value, str) else value


# --- filters --------------------------------------------------------------------------------


class Clause(Struct, frozen=True, kw_only=True, tag="clause"):
    """One condition, resolved.

    Attributes:
        negated: it holds where `check` does not (but not where the value cannot be read).
        words: what the field must do, for people: `be at least 1000`.
    """

    field: str
    kind: Kind
    check: Check
    words: str
    negated: bool = False


class Filter(Struct, frozen=True, kw_only=True, tag="filter"):
    """Conditions and groups of them, of which all, any or none must hold."""

    match: Match = Match.ALL
    parts: tuple[Clause | Filter, ...] = ()


Values: TypeAlias = Mapping[str, Raw]


def evaluate(wanted: Filter, values: Values, now: datetime) -> bool:
    """Say whether a record with these values passes at that moment."""
    return _truth(wanted, values, now) is True


def _truth(part: Clause | Filter, values: Values, now: datetime) -> bool | None:
    """Kleene's logic; None where it hangs on a value that cannot be read."""
    if isinstance(part, Clause):
        return _clause_truth(part, values, now)
    truths = {_truth(one, values, now) for one in part.parts}
    decisive = part.match is not Match.ALL  # one True decides any and none, one False all
    if decisive in truths:
        outcome = decisive
    elif None in truths:
        return None
    else:
        outcome = not decisive
    return not outcome if part.match is Match.NONE else outcome


def _clause_truth(clause: Clause, values: Values, now: datetime) -> bool | None:
    try:
        value = parse(clause.kind, values.get(clause.field))
    except OutsideDomainError:
        return None
    return clause.check.holds(value, now) is not clause.negated


def explain(wanted: Filter, values: Values, now: datetime) -> str:
    """Return which condition a record does not meet, for people; empty if it passes.

    The words name no value of the record: records that fail alike have the same words.
    """
    return _failure(wanted, True, values, now) or ""


def _failure(part: Clause | Filter, wanted: bool, values: Values, now: datetime) -> str | None:
    """Return why the part is not as wanted, or None if it is."""
    if isinstance(part, Clause):
        truth = _clause_truth(part, values, now)
        if truth is None:
            return f"{_name(part)} cannot be read as a {part.kind.value}"
        return None if truth is wanted else _must(part, wanted)
    is_joint, each = _pushed(part.match, wanted)
    found = [_failure(one, each, values, now) for one in part.parts]
    failures = [one for one in found if one is not None]
    if is_joint:
        return failures[0] if failures else None
    if len(failures) < len(found):
        return None
    return ", or ".join(dict.fromkeys(failures)) or "no record is let pass"


def _pushed(match: Match, wanted: bool) -> tuple[bool, bool]:
    """Return whether all parts must be so for the group to be as wanted, and how each must be."""
    each = wanted is not (match is Match.NONE)
    return (match is Match.ANY) is not wanted if match is not Match.NONE else wanted, each


def _must(clause: Clause, wanted: bool) -> str:
    word = "must" if wanted is not clause.negated else "must not"
    return f"{_name(clause)} {word} {clause.words}"


def _name(clause: Clause) -> str:
    return "its last change" if clause.field == CHANGED else f'"{clause.field}"'


def describe(wanted: Filter) -> str:
    """Say what a record must be like to pass, for people."""
    return _described(wanted, True, is_inner=False)


def _described(part: Clause | Filter, wanted: bool, *, is_inner: bool = True) -> str:
    if isinstance(part, Clause):
        return _must(part, wanted)
    is_joint, each = _pushed(part.match, wanted)
    text = (", and " if is_joint else ", or ").join(_described(one, each) for one in part.parts)
    return f"({text})" if is_inner and len(part.parts) > 1 else text


def next_change(wanted: Filter, values: Values, now: datetime) -> datetime | None:
    """Return when the verdict on these values next changes just because time passes."""
    present = evaluate(wanted, values, now)
    for at in sorted({at for at in _turns(wanted, values) if at > now}):
        if evaluate(wanted, values, at) is not present:
            return at
    return None


def _turns(part: Clause | Filter, values: Values) -> Iterator[datetime]:
    if isinstance(part, Filter):
        for one in part.parts:
            yield from _turns(one, values)
        return
    try:
        yield from part.check.turns(parse(part.kind, values.get(part.field)))
    except OutsideDomainError:
        return


def fields_of(part: Clause | Filter) -> Iterator[str]:
    """Yield the native fields that a filter looks at."""
    if isinstance(part, Filter):
        for one in part.parts:
            yield from fields_of(one)
    elif part.field != CHANGED:
        yield part.field
