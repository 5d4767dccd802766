"""Columns: what one field of tieline's is made of in Tryton, and how it is read and written.

A column is a field of the record itself, a part of one of its lines (the value of its first
e-mail, the city of its first address), or something that tieline makes up. Nothing here calls.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import msgspec
from msgspec import Struct

from actors.errors import OutsideDomainError
from actors.intents import Rejected
from actors.schema import Field
from actors.values import Raw, parse
from daemon.connectors.tryton.schema import HIDDEN, Account, describe_field
from daemon.connectors.tryton.wire import KINDS, FieldDefinition, Row, decode, encode


class Facts(Struct, frozen=True, kw_only=True):
    """What was looked up for the values that are to be written.

    Attributes:
        absent: (model, id) of records that values refer to and that do not exist.
        stand_ins: by (model, id of a party), the line of it that a reference takes instead.
        ended: a day that is past everywhere, for what ends now.
    """

    absent: frozenset[tuple[str, str]] = frozenset()
    stand_ins: Mapping[tuple[str, str], int] = {}
    ended: str = "1970-01-01"


class Line(Struct, frozen=True, kw_only=True):
    """The line that holds a column: the record's first live one of that type.

    Attributes:
        lines: the record's field (`contact_mechanisms`).
        type: what the line's `type` must be; None where lines have no type.
        part: the line's field that holds the value.
        is_dated: the line is over by its `end_date`; others are by `active`.
    """

    lines: str
    part: str
    type: str | int | None = None
    is_dated: bool = False


class Column(Struct, frozen=True, kw_only=True):
    """One field.

    Attributes:
        field: how the schema shows it.
        reads: what to ask Tryton for.
        decode: the value, out of a row that was so read.
        encode: what Tryton takes for a raw; raises `OutsideDomainError`.
        path: what a search calls it, within the line where it has one; empty if none can.
        type: Tryton's type of what is there.
        relation: the model that it refers to.
        line: where it is kept, if not in the record's own row.
        native: the record's field that is written, if it has another name.
        stand_in: the model of the party's lines of which one is written for a party.
    """

    field: Field
    reads: tuple[str, ...]
    decode: Callable[[Row], Raw]
    encode: Callable[[Raw], object]
    path: str = ""
    type: str = "char"
    relation: str | None = None
    line: Line | None = None
    native: str = ""
    stand_in: str = ""

    def differs(self, raw: Raw, row: Row) -> bool:
        """Tell whether writing would change anything: even an empty write makes a version."""
        kind = self.field.kind
        try:
            return parse(kind, raw) != parse(kind, self.decode(row))
        except OutsideDomainError:
            return True


class LeftOutError(OutsideDomainError):
    """This value cannot be stored, which is no reason to refuse the record's other values."""


class RefusedError(Exception):
    """Some values cannot be sent; `reasons` says why, by field."""

    def __init__(self, reasons: dict[str, str]) -> None:
        super().__init__("; ".join(reasons.values()))
        self.reasons = reasons

    def as_outcome(self) -> Rejected:
        """Return the outcome of an intent with such values."""
        return Rejected(reason=str(self), fields=tuple(self.reasons))


def own_columns(
    definitions: Mapping[str, FieldDefinition],
    account: Account,
    *,
    hidden: Collection[str] = (),
    readonly: Collection[str] = (),
) -> dict[str, Column]:
    """Return columns for the model's own fields that a mapping could use."""
    return {
        name: own_column(name, one, account, writable=not (one.readonly or name in readonly))
        for name, one in definitions.items()
        if one.type in KINDS and name not in HIDDEN and name not in hidden
    }


def own_column(
    name: str, definition: FieldDefinition, account: Account, *, writable: bool
) -> Column:
    """Return the column of one field of the model's own."""
    return Column(
        field=describe_field(name, definition, account, writable=writable),
        reads=(name,),
        decode=lambda row: decode(definition.type, row[name]),
        encode=lambda raw: encode(definition.type, raw),
        path=name if definition.searchable else "",
        type=definition.type,
        relation=definition.relation,
    )


def line_column(field: Field, line: Line, type_: str, *, via: str = "") -> Column:
    """Return the column of a part of a line.

    Args:
        type_: Tryton's type of the part.
        via: a field of the record that the part refers to, whose value it is instead.
    """
    part = f"{line.part}." if via else line.part

    def read(row: Row) -> Raw:
        value = (first_line(row, line.lines, line.type) or {}).get(part)
        return decode(type_, value.get(via) if isinstance(value, dict) else value)

    kind = [f"{line.lines}.type"] if line.type else []
    return Column(
        field=field,
        reads=(f"{line.lines}.{part}{via}", f"{line.lines}.active", *kind),
        decode=read,
        encode=lambda raw: encode(type_, raw),
        path=f"{part}{via}",
        type=type_,
        line=line,
    )


def lines_of(row: Row, lines: str) -> list[Row]:
    """Return the lines of a record in Tryton's own order, inactive ones too."""
    return msgspec.convert(row.get(f"{lines}.") or [], list[Row])


def first_line(row: Row, lines: str, type_: str | int | None) -> Row | None:
    """Return the line that stands for all of its type: the one that Tryton shows first."""
    live = (line for line in lines_of(row, lines) if line["active"])
    return next((line for line in live if type_ is None or line["type"] == type_), None)


def encode_values(
    columns: Mapping[str, Column], values: Mapping[str, Raw], facts: Facts
) -> tuple[dict[str, object], dict[str, str]]:
    """Encode values; also return the reason by field of those that are left out.

    Raises:
        RefusedError: for all fields that cannot be sent.
    """
    encoded: dict[str, object] = {}
    reasons: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for name, raw in values.items():
        try:
            encoded[name] = _encode_one(columns[name], raw, facts)
        except LeftOutError as error:
            left_out[name] = f"{name}: {error}"
        except OutsideDomainError as error:
            reasons[name] = f"{name}: {error}"
    if reasons:
        raise RefusedError(reasons)
    return encoded, left_out


def _encode_one(column: Column, raw: Raw, facts: Facts) -> object:
    if not column.field.writable:
        raise OutsideDomainError("read-only in Tryton")
    if (column.relation, raw) in facts.absent:
        raise OutsideDomainError(f"there is no {column.relation} with id {raw} in Tryton")
    if column.stand_in and raw:
        stand_in = facts.stand_ins.get((column.stand_in, raw))
        if stand_in is None:
            raise LeftOutError(f"party {raw} has no e-mail, phone or the like to be named by")
        return stand_in
    return column.encode(raw)


def pack(
    columns: Mapping[str, Column], encoded: Mapping[str, object], row: Row, facts: Facts
) -> Row:
    """Put encoded values where they belong: into the record, or into orders for its lines.

    Args:
        row: the record as it is, with the lines that the columns read; {} for a new one.
    """
    packed: Row = {}
    parts: dict[Line, Row] = {}
    for name, value in encoded.items():
        line = columns[name].line
        if line is None:
            packed[columns[name].native or name] = value
        else:
            whole = msgspec.structs.replace(line, part="")
            parts.setdefault(whole, {})[line.part] = value
    orders: dict[str, list[object]] = {}
    for line, values in parts.items():
        order = _order_line(line, first_line(row, line.lines, line.type), values, facts)
        if order is not None:
            orders.setdefault(line.lines, []).append(order)
    return packed | orders


def _order_line(line: Line, present: Row | None, values: Row, facts: Facts) -> list[object] | None:
    is_empty = all(value is None for value in values.values())
    if present is None:
        if is_empty:
            return None
        return ["create", [values if line.type is None else {"type": line.type, **values}]]
    if line.type is None or not is_empty:
        return ["write", [present["id"]], values]
    # Such a line needs a value. It is retired: nobody but people delete in Tryton.
    over = {"end_date": encode("date", facts.ended)} if line.is_dated else {"active": False}
    return ["write", [present["id"]], over]
