"""Canonical values: how a field's text becomes something that can be compared.

On the ports every value is *raw*: the text that the app itself would show in its API, or None
when it is empty. Raw text is what the store keeps and what is compared first, byte for byte.
Only where two raws differ are they parsed into the canonical values of this module. Canonical
values are plain Python values whose kind is known from the field, not from the value.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeAlias

from actors.errors import OutsideDomainError

Raw: TypeAlias = str | None
Scalar: TypeAlias = str | bool | Decimal | date | datetime | frozenset[str] | None
Value: TypeAlias = Scalar | tuple[Scalar, ...]
"""A field's value, or one value per member for a group that travels together."""

MOST_DIGITS = 100
"""On either side of the point; `1e999999999` is a number that nobody can write out."""


class Kind(StrEnum):
    """The canonical kinds. The raw text of each kind, as every connector serves and takes it.

    TEXT, PHONE, EMAIL, DOMAIN, URL: the text. NUMBER: a decimal with a dot, no exponent needed
    (`1500.00`). BOOLEAN: `true` or `false`. DATE: `YYYY-MM-DD`. DATETIME: ISO 8601 with zone.
    ENUM: the option's id. MULTI_ENUM: option ids joined by `;`. REFERENCE: the id of a record
    or user of the same app. MULTI_REFERENCE: ids of records of the same app joined by `;`, the
    foremost first.
    """

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    ENUM = "enum"
    MULTI_ENUM = "multi-enum"
    REFERENCE = "reference"
    MULTI_REFERENCE = "multi-reference"
    PHONE = "phone"
    EMAIL = "email"
    DOMAIN = "domain"
    URL = "url"


def _text(raw: str) -> str:
    if "\x00" in raw:
        raise OutsideDomainError("the text holds a NUL character, which apps cannot store")
    if any("\ud800" <= char <= "\udfff" for char in raw) if not raw.isascii() else False:
        raise OutsideDomainError("the text holds half of a surrogate pair")
    return unicodedata.normalize("NFC", raw.replace("\r\n", "\n"))


def _number(raw: str) -> Decimal:
    try:
        number = Decimal(raw)
    except InvalidOperation:
        raise OutsideDomainError(f"{raw[:40]!r} is not a number") from None
    if not number.is_finite():
        raise OutsideDomainError(f"{raw[:40]!r} is not a finite number")
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    if number.adjusted() >= MOST_DIGITS or exponent < -MOST_DIGITS:
        raise OutsideDomainError(
            f"{raw[:40]!r} has more than {MOST_DIGITS} digits before or after the point"
        )
    return number


def _boolean(raw: str) -> bool:
    if raw not in ("true", "false"):
        raise OutsideDomainError(f"{raw[:40]!r} is neither true nor false")
    return raw == "true"


def _date(raw: str) -> date:
    try:
        return date.fromisoformat(raw)
    except ValueError:
        raise OutsideDomainError(f"{raw[:40]!r} is not a date (YYYY-MM-DD)") from None


def _datetime(raw: str) -> datetime:
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        raise OutsideDomainError(f"{raw[:40]!r} is not a date and time") from None
    if moment.tzinfo is None:
        raise OutsideDomainError(f"{raw[:40]!r} has no time zone")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        moment = datetime.max
    if not MINYEAR < moment.year < MAXYEAR:  # or another zone may put it outside the calendar
        raise OutsideDomainError(f"{raw[:40]!r} is at the edge of the calendar")
    return moment


def _members(raw: str) -> frozenset[str] | None:
    return frozenset(member for member in raw.split(";") if member) or None


_PARSERS: dict[Kind, Callable[[str], Scalar]] = {
    Kind.TEXT: _text,
    Kind.PHONE: _text,
    Kind.EMAIL: _text,
    Kind.DOMAIN: _text,
    Kind.URL: _text,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.DATETIME: _datetime,
    Kind.ENUM: str,
    Kind.MULTI_ENUM: _members,
    Kind.REFERENCE: str,
    Kind.MULTI_REFERENCE: _members,
}


def parse(kind: Kind, raw: Raw) -> Scalar:
    """Turn raw text into the canonical value of `kind`; None and the empty text are absent.

    Raises:
        OutsideDomainError: the text is not of that kind; the message quotes it.
    """
    if raw is None or raw == "":
        return None
    return _PARSERS[kind](raw)


def parser_of(kind: Kind) -> Callable[[str], Scalar]:
    """Return what parses a text of that kind that is not empty."""
    return _PARSERS[kind]


def dump(kind: Kind, value: Scalar) -> Raw:
    """Write a canonical value as raw text; the inverse of `parse` up to canonical equality."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case frozenset():
            return ";".join(sorted(value)) or None
        case _:
            return value or None
