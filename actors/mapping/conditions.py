"""Make filters of conditions: resolve fields, operators and operands against an app's schema.

Which operators fit which kind of field is decided here, and what the words of an operand mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

from msgspec import Struct

from actors.errors import MappingError, OutsideDomainError
from actors.mapping.filters import (
    Check,
    Clause,
    Filter,
    Holds,
    Known,
    Members,
    OneOf,
    Period,
    Range,
    Sets,
    When,
    Window,
    day_begins,
    folded,
)
from actors.schema import AppSchema, Field, ObjectSchema
from actors.spec import CHANGED, Condition, Conditions, Operator
from actors.values import Kind, Scalar, parse

Report: TypeAlias = Callable[[tuple[str | int, ...], str], None]
Ids: TypeAlias = Sequence[tuple[str, tuple[str, ...]]]
"""What an operand may name: an id, and the words that people have for it."""

_TEXTS = frozenset({Kind.TEXT, Kind.PHONE, Kind.EMAIL, Kind.DOMAIN, Kind.URL})
_DAYS = frozenset({Kind.DATE, Kind.DATETIME})
_CHOICES = frozenset({Kind.ENUM, Kind.REFERENCE})

_ANY = frozenset({Operator.KNOWN, Operator.UNKNOWN})
_ALIKE = frozenset({Operator.EQUALS, Operator.NOT_EQUALS})
_LISTS = frozenset({Operator.IN, Operator.NOT_IN})
_PARTS = frozenset({Operator.CONTAINS, Operator.NOT_CONTAINS})
_BOUNDS = frozenset({Operator.AT_LEAST, Operator.AT_MOST, Operator.BETWEEN})
_ORDER = frozenset({Operator.BEFORE, Operator.AFTER, Operator.MORE, Operator.LESS})
_RELATIVE = frozenset({Operator.LAST, Operator.NEXT, Operator.OLDER, Operator.FURTHER})

_FITTING: dict[Kind, frozenset[Operator]] = {
    **dict.fromkeys(_TEXTS, _ALIKE | _LISTS | _PARTS),
    **dict.fromkeys(_CHOICES, _ALIKE | _LISTS),
    Kind.MULTI_ENUM: _ALIKE | _LISTS | _PARTS,
    Kind.MULTI_REFERENCE: _ANY,
    Kind.BOOLEAN: _ALIKE,
    Kind.NUMBER: _ALIKE | _LISTS | _BOUNDS | {Operator.MORE, Operator.LESS},
    Kind.DATE: _ALIKE | _LISTS | _BOUNDS | _RELATIVE | _ORDER,
    Kind.DATETIME: _ALIKE | _BOUNDS | _RELATIVE | _ORDER,
}
_OPPOSITES = {
    Operator.NOT_EQUALS: Operator.EQUALS,
    Operator.NOT_IN: Operator.IN,
    Operator.NOT_CONTAINS: Operator.CONTAINS,
    Operator.UNKNOWN: Operator.KNOWN,
}
_WORDS = {
    Operator.EQUALS: "be {}",
    Operator.IN: "be one of {}",
    Operator.CONTAINS: "contain {}",
    Operator.MORE: "be more than {}",
    Operator.AT_LEAST: "be at least {}",
    Operator.LESS: "be less than {}",
    Operator.AT_MOST: "be at most {}",
    Operator.BETWEEN: "be between {}",
    Operator.KNOWN: "be known",
    Operator.BEFORE: "be before {}",
    Operator.AFTER: "be after {}",
    Operator.LAST: "be in the last {}",
    Operator.NEXT: "be in the next {}",
    Operator.OLDER: "be more than {} ago",
    Operator.FURTHER: "be more than {} ahead",
}
_DATE_WORDS = {
    Operator.AT_LEAST: "be on or after {}",
    Operator.AT_MOST: "be on or before {}",
    Operator.MORE: "be after {}",
    Operator.LESS: "be before {}",
}
_COUNTS = {Operator.BETWEEN: 2} | dict.fromkeys(_ANY, 0)
_MANY = _LISTS | _PARTS
_WHENS = {
    Operator.LAST: When.LAST,
    Operator.NEXT: When.NEXT,
    Operator.OLDER: When.OLDER,
    Operator.FURTHER: When.FURTHER,
}
_PERIOD = re.compile(r"(\d{1,5}) *(minutes?|hours?|days?|weeks?|months?|years?|[mhdwy])")


class Grounds(Struct, frozen=True, kw_only=True):
    """What conditions on one side are resolved against; days are those of `zone`."""

    app: str
    schema: ObjectSchema
    account: AppSchema
    zone: str


def make_filter(
    grounds: Grounds, wanted: Conditions, path: tuple[str | int, ...], report: Report
) -> Filter:
    """Return the filter; what is wrong is reported with its place and left out."""
    parts: list[Clause | Filter] = []
    for index, part in enumerate(wanted.parts):
        here = (*path, index)
        if isinstance(part, Conditions):
            parts.append(make_filter(grounds, part, here, report))
            continue
        try:
            parts.append(_clause(grounds, part))
        except (MappingError, OutsideDomainError) as error:
            report(here, f"{grounds.app}: {error}")
    return Filter(match=wanted.match, parts=tuple(parts))


def _clause(grounds: Grounds, wanted: Condition) -> Clause:
    field = _field(grounds, wanted.field)
    if wanted.operator not in _FITTING[field.kind] | _ANY:
        known = ", ".join(one.value for one in Operator if one in _FITTING[field.kind] | _ANY)
        raise MappingError(
            f'"{wanted.operator.value}" does not fit "{field.label}", a {field.kind.value} field;'
            f" these do: {known}"
        )
    _check_count(wanted, field)
    plain = _OPPOSITES.get(wanted.operator, wanted.operator)
    check = _check(grounds, field, plain, wanted.operands)
    return Clause(
        field=wanted.field,
        kind=field.kind,
        check=check,
        words=_worded(plain, field, wanted.operands),
        negated=plain is not wanted.operator,
    )


def _field(grounds: Grounds, name: str) -> Field:
    if name == CHANGED:
        return Field(name=name, label="changed", kind=Kind.DATETIME)
    field = grounds.schema.field(name)
    if field is None:
        raise MappingError(f'there is no field "{name}" on {grounds.schema.native}')
    return field


def _check_count(wanted: Condition, field: Field) -> None:
    is_set = field.kind is Kind.MULTI_ENUM and wanted.operator in _ALIKE
    count, least = len(wanted.operands), _COUNTS.get(wanted.operator, 1)
    if count < least or (count > least and not is_set and wanted.operator not in _MANY):
        values = {0: "no value", 1: "one value", 2: "two values"}[least]
        raise MappingError(f'"{wanted.operator.value}" takes {values}, not {count}')


def _worded(operator: Operator, field: Field, operands: tuple[str, ...]) -> str:
    words = _DATE_WORDS if field.kind in _DAYS else {}
    form = words.get(operator) or _WORDS[operator]
    joint = " and " if operator is Operator.BETWEEN else ", "
    is_text = field.kind in _TEXTS | _CHOICES | {Kind.MULTI_ENUM}
    return form.format(joint.join(f'"{one}"' if is_text else one for one in operands))


def _check(grounds: Grounds, field: Field, operator: Operator, operands: tuple[str, ...]) -> Check:
    if operator is Operator.KNOWN:
        return Known()
    if operator in _RELATIVE:
        return _window(grounds, field, _WHENS[operator], operands[0])
    if operator is Operator.CONTAINS and field.kind in _TEXTS:
        return _holds(operands)
    if field.kind is Kind.MULTI_ENUM:
        hows = {Operator.CONTAINS: Sets.ALL, Operator.IN: Sets.ANY, Operator.EQUALS: Sets.EXACTLY}
        return Members(members=frozenset(_ids(grounds, field, operands)), how=hows[operator])
    if field.kind in _CHOICES:
        return OneOf(values=tuple(_ids(grounds, field, operands)))
    if field.kind in _DAYS:
        return _days(grounds, field, operator, operands)
    values = tuple(_operand(field.kind, one) for one in operands)
    if operator in (Operator.EQUALS, Operator.IN):
        return OneOf(values=tuple(map(folded, values)))
    return _bounded(operator, values, values)


def _holds(operands: tuple[str, ...]) -> Check:
    texts = [folded(_operand(Kind.TEXT, one)) for one in operands]
    if len(texts) != 1 or not isinstance(texts[0], str):
        raise MappingError('"contains" takes one text; write several conditions for several texts')
    return Holds(text=texts[0])


def _operand(kind: Kind, text: str) -> Scalar:
    value = parse(kind, text.strip() if kind not in _TEXTS else text)
    if value is None:
        raise MappingError('an empty value says nothing; use "known" or "unknown"')
    return value


# --- choices --------------------------------------------------------------------------------


def _ids(grounds: Grounds, field: Field, operands: tuple[str, ...]) -> Iterable[str]:
    """Return the ids that the operands name; a stage's name may stand in several pipelines."""
    known = _choices(grounds, field)
    found: list[str] = []
    for operand in operands:
        named = _named(known, operand.strip())
        if not named and known:
            words = dict.fromkeys((words or (one,))[0] for one, words in known)
            shown = ", ".join(f'"{word}"' for word in list(words)[:20])
            raise MappingError(f'"{field.name}" has no value "{operand}"; it has {shown}')
        found += named or [operand.strip()]
    return dict.fromkeys(found)


def _named(known: Ids, operand: str) -> list[str]:
    by_id = [one for one, _ in known if one == operand]
    word = operand.casefold()
    return by_id or [one for one, words in known if word in [w.casefold().strip() for w in words]]


def _choices(grounds: Grounds, field: Field) -> Ids:
    """Return what a choice may be; empty if the app names no list and any id will do."""
    schema = grounds.schema
    if field.name == schema.pipeline_field:
        return [(one.id, (one.label,)) for one in schema.pipelines]
    if field.name == schema.stage_field:
        return [(one.id, (one.label,)) for line in schema.pipelines for one in line.stages]
    if field.kind is Kind.REFERENCE:
        if field.target != "users":
            return []
        users = grounds.account.users
        return [(u.id, tuple(word for word in (u.email, u.name) if word)) for u in users]
    return [(option.id, (option.label,)) for option in field.options]


# --- days and moments -----------------------------------------------------------------------


def _days(grounds: Grounds, field: Field, operator: Operator, operands: tuple[str, ...]) -> Check:
    if operator in (Operator.BEFORE, Operator.AFTER) and operands[0] in ("today", "now"):
        return _as_of_now(grounds, field, operator, operands[0])
    if field.kind is Kind.DATE:
        values = tuple(_operand(Kind.DATE, one) for one in operands)
        if operator in (Operator.EQUALS, Operator.IN):
            return OneOf(values=values)
        return _bounded(operator, values, values)
    spans = [_span(grounds.zone, one) for one in operands]
    return _bounded(operator, [one for one, _ in spans], [two for _, two in spans])


def _span(zone: str, operand: str) -> tuple[datetime, datetime]:
    """Return the first and the last instant of what is written: of a day, or one moment."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", operand.strip()):
        day = _operand(Kind.DATE, operand)
        assert isinstance(day, date)
        if not 2 < day.year < 9998:
            raise MappingError(f'"{operand}" is at the edge of the calendar')
        after = day_begins(day + timedelta(days=1), zone)
        return day_begins(day, zone), after - timedelta(microseconds=1)
    moment = _operand(Kind.DATETIME, operand)
    assert isinstance(moment, datetime)
    return moment.astimezone(UTC), moment.astimezone(UTC)


def _bounded(operator: Operator, firsts: Sequence[Scalar], lasts: Sequence[Scalar]) -> Range:
    """Return the range of an operator; a day as operand has a first and a last instant."""
    match operator:
        case Operator.MORE | Operator.AFTER:
            return Range(low=lasts[0], has_low=False)
        case Operator.AT_LEAST:
            return Range(low=firsts[0])
        case Operator.LESS | Operator.BEFORE:
            return Range(high=firsts[0], has_high=False)
        case Operator.AT_MOST:
            return Range(high=lasts[0])
        case Operator.EQUALS:
            return Range(low=firsts[0], high=lasts[0])
        case _:
            if Range(low=firsts[0]).excludes(lasts[1]):
                raise MappingError('"between" takes the lower value first')
            return Range(low=firsts[0], high=lasts[1])


def _as_of_now(grounds: Grounds, field: Field, operator: Operator, word: str) -> Window:
    """`before: today` for days, `before: now` for moments: the periods without a length."""
    right = "today" if field.kind is Kind.DATE else "now"
    if word != right:
        raise MappingError(f'"{field.name}" is a {field.kind.value} field: write "{right}"')
    when = When.OLDER if operator is Operator.BEFORE else When.FURTHER
    one_day = timedelta(days=1 if field.kind is Kind.DATE else 0)
    return Window(when=when, period=Period(rest=one_day), zone=grounds.zone)


def _window(grounds: Grounds, field: Field, when: When, operand: str) -> Window:
    period = read_period(operand)
    if field.kind is Kind.DATE and period.rest % timedelta(days=1):
        raise MappingError(f'"{field.name}" is a day without a time: count in days or longer')
    return Window(when=when, period=period, zone=grounds.zone)


def read_period(text: str) -> Period:
    """Read a length of time like `30 days`, `3 months` or `12h`.

    Raises:
        MappingError: it is none, or is empty.
    """
    found = _PERIOD.fullmatch(text.strip().lower())
    if found is None or int(found[1]) == 0:
        raise MappingError(f'"{text}" is no length of time; write it like 30 days or 3 months')
    count, unit = int(found[1]), found[2]
    if unit.startswith("mo") or unit.startswith("y"):
        return Period(months=count * (12 if unit.startswith("y") else 1))
    units = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    return Period(rest=timedelta(**{units[unit[0]]: count}))
