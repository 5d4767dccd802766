"""Tryton's JSON: the shapes of its answers, and how a field's value becomes raw text and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import cast

import msgspec
from msgspec import UNSET, Struct, UnsetType

from actors.errors import OutsideDomainError
from actors.values import Kind, Raw, parse

Row = dict[str, object]
"""One record as `read` returns it. Values are told apart by their field's type only."""

# What Tryton refuses in one line of text, and what no text of it may hold.
_LINE_BREAKING = re.compile(r"[\r\n\t\v\f]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def inner(row: Row, name: str, part: str) -> object:
    """Return a part of a referenced record (`currency.`, `code`); None where there is none."""
    referenced = row.get(name)
    return referenced.get(part) if isinstance(referenced, dict) else None


class Answer(Struct, frozen=True):
    """A JSON-RPC answer: a result or an error."""

    id: int
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: tuple[str, object] | UnsetType = UNSET


class FieldDefinition(Struct, frozen=True):
    """What `fields_get` says of a field, as far as it is used here.

    `digits` and `size` are texts holding JSON, which may be a formula; `selection` is a list of
    (key, label), or the name of a method of the server.
    """

    type: str
    string: str
    readonly: bool = False
    required: bool = False
    relation: str | None = None
    selection: list[tuple[str | None, str]] | str | None = None
    digits: object = None
    strip: bool | str = False
    size: object = None
    searchable: bool = True


class Access(Struct, frozen=True):
    """Rights on a model; booleans are 0 and 1 on some databases."""

    read: int | bool
    write: int | bool
    create: int | bool


def decode_decimal(value: object) -> str:
    """Write a number as plain decimal text, digits as Tryton keeps them (`12.30`)."""
    if isinstance(value, Mapping):
        return f"{Decimal(str(value['decimal'])):f}"
    return f"{Decimal(repr(value)):f}"


def decode_date(value: object) -> str:
    """Write a date as ISO text."""
    parts = cast("Mapping[str, int]", value)
    return date(parts["year"], parts["month"], parts["day"]).isoformat()


def decode_moment(value: object) -> datetime:
    """Read a timestamp, which is UTC without saying so."""
    parts = cast("Mapping[str, int]", value)
    return datetime(
        parts["year"],
        parts["month"],
        parts["day"],
        parts["hour"],
        parts["minute"],
        parts["second"],
        parts["microsecond"],
        tzinfo=UTC,
    )


def encode_moment(moment: datetime) -> Row:
    """Write a moment as Tryton's timestamp."""
    at = moment.astimezone(UTC)
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime"} | {name: getattr(at, name) for name in names}


def _decode_moment_text(value: object) -> str:
    return decode_moment(value).isoformat().replace("+00:00", "Z")


def _decode_boolean(value: object) -> str:
    return "true" if value else "false"


def _decode_members(value: object) -> Raw:
    return ";".join(sorted(str(member) for member in cast("list[object]", value))) or None


def _decode_text(value: object) -> Raw:
    return str(value) or None


_DECODERS: dict[str, Callable[[object], Raw]] = {
    "char": _decode_text,
    "text": _decode_text,
    "fullname": _decode_text,
    "selection": _decode_text,
    "multiselection": _decode_members,
    "integer": str,
    "biginteger": str,
    "many2one": str,
    "one2one": str,
    "float": decode_decimal,
    "numeric": decode_decimal,
    "boolean": _decode_boolean,
    "date": decode_date,
    "timestamp": _decode_moment_text,
    "datetime": _decode_moment_text,
}

KINDS: dict[str, Kind] = {
    "char": Kind.TEXT,
    "text": Kind.TEXT,
    "selection": Kind.ENUM,
    "multiselection": Kind.MULTI_ENUM,
    "integer": Kind.NUMBER,
    "biginteger": Kind.NUMBER,
    "many2one": Kind.REFERENCE,
    "float": Kind.NUMBER,
    "numeric": Kind.NUMBER,
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "timestamp": Kind.DATETIME,
    "datetime": Kind.DATETIME,
}
"""The kind of each Tryton type that can be mapped."""


def decode(native_type: str, value: object) -> Raw:
    """Turn a value of a row into raw text; null and the empty text are None."""
    return None if value is None else _DECODERS[native_type](value)


def _encode_line(raw: str) -> object:
    return _CONTROL.sub("", _LINE_BREAKING.sub(" ", raw))


def _encode_text(raw: str) -> object:
    return _CONTROL.sub("", raw)


def _encode_decimal(raw: str) -> object:
    return {"__class__": "Decimal", "decimal": f"{parse(Kind.NUMBER, raw):f}"}


def _encode_float(raw: str) -> object:
    return float(cast("Decimal", parse(Kind.NUMBER, raw)))


def _encode_integer(raw: str) -> object:
    number = cast("Decimal", parse(Kind.NUMBER, raw))
    if number != number.to_integral_value():
        raise OutsideDomainError(f"{raw[:40]!r} is not a whole number")
    return int(number)


def _encode_id(raw: str) -> object:
    if not (raw.isascii() and raw.isdigit()):
        raise OutsideDomainError(f"{raw[:40]!r} is not the id of a record in Tryton")
    return int(raw)


def _encode_date(raw: str) -> object:
    day = cast("date", parse(Kind.DATE, raw))
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


def _encode_moment_text(raw: str) -> object:
    return encode_moment(cast("datetime", parse(Kind.DATETIME, raw)))


def _encode_members(raw: str) -> object:
    return sorted(cast("frozenset[str]", parse(Kind.MULTI_ENUM, raw)))


def _encode_boolean(raw: str) -> object:
    return parse(Kind.BOOLEAN, raw)


_ENCODERS: dict[str, Callable[[str], object]] = {
    "char": _encode_line,
    "text": _encode_text,
    "selection": str,
    "multiselection": _encode_members,
    "integer": _encode_integer,
    "biginteger": _encode_integer,
    "many2one": _encode_id,
    "float": _encode_float,
    "numeric": _encode_decimal,
    "boolean": _encode_boolean,
    "date": _encode_date,
    "timestamp": _encode_moment_text,
    "datetime": _encode_moment_text,
}


def encode(native_type: str, raw: Raw) -> object:
    """Turn raw text into what Tryton takes for a field of that type.

    Raises:
        OutsideDomainError: the text is not of that type.
    """
    return None if raw is None or raw == "" else _ENCODERS[native_type](raw)
