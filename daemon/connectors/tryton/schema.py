"""Describe what a Tryton database declares: a company, its currencies, fields, the employees."""

from __future__ import annotations

import json

from msgspec import Struct

from actors.schema import Field, Option, User
from daemon.connectors.tryton.wire import KINDS, FieldDefinition, Row, decode, inner

# A field of the optional module that gives the key a unique column (tryton.md, 7.3).
KEY_COLUMN = "tieline_key"
KEY_PREFIX = "tieline:"

# Of no use to a mapping: two say the same as others, `write_date` is null until the first edit.
HIDDEN = frozenset({"id", "rec_name", "xml_id", "write_date"})

# What a reference refers to in tieline's words; other models keep Tryton's. A party may be a
# person, too: those who use the reference look among the contacts as well.
_TARGETS = {"company.employee": "users", "party.party": "companies"}


class Currency(Struct, frozen=True):
    """A currency of the installation."""

    id: int
    code: str
    digits: int
    active: int | bool = True


class Account(Struct, frozen=True, kw_only=True):
    """The company whose records sync, and what creating deals needs of it."""

    user_id: int
    company: int
    name: str
    currency: str
    timezone: str
    currencies: tuple[Currency, ...]
    convert: bool = False
    default_party: int | None = None
    default_employee: int | None = None

    def currency_id(self, code: str) -> int | None:
        """Return the id of a currency in use by its ISO code."""
        wanted = code.upper()
        return next((one.id for one in self.currencies if one.code.upper() == wanted), None)

    @property
    def digits(self) -> int | None:
        """Decimals of the company's own currency."""
        own = (one.digits for one in self.currencies if one.code == self.currency)
        return next(own, None)


def describe_field(
    name: str, definition: FieldDefinition, account: Account, *, writable: bool
) -> Field:
    """Return a field of the model's own as tieline knows it."""
    return Field(
        name=name,
        label=definition.string,
        kind=KINDS[definition.type],
        writable=writable,
        required=definition.required,
        unique=name == KEY_COLUMN,
        options=_describe_options(definition),
        target=_find_target(definition),
        max_length=_find_size(definition),
        digits=_find_digits(definition, account),
        trims=definition.strip is True and definition.type == "char",
        multiline=definition.type == "text",
    )


def _describe_options(definition: FieldDefinition) -> tuple[Option, ...]:
    if not isinstance(definition.selection, list):
        return ()
    return tuple(Option(id=key, label=label) for key, label in definition.selection if key)


def _find_target(definition: FieldDefinition) -> str | None:
    relation = definition.relation
    return None if relation is None else _TARGETS.get(relation, relation)


def _find_size(definition: FieldDefinition) -> int | None:
    size = _read_json(definition.size)
    return size if isinstance(size, int) and not isinstance(size, bool) else None


def _find_digits(definition: FieldDefinition, account: Account) -> int | None:
    if definition.type in ("integer", "biginteger"):
        return 0
    digits = _read_json(definition.digits)
    if digits == "currency":
        return account.digits
    if isinstance(digits, list) and len(digits) == 2 and isinstance(digits[1], int):
        return digits[1]
    return None


def _read_json(text: object) -> object:
    """Read a constant that Tryton sends as text; formulas give whatever they are."""
    if not isinstance(text, str):
        return text
    try:
        value: object = json.loads(text)
    except ValueError:
        return None
    return value


def describe_user(row: Row) -> User:
    """Return an employee as a person to whom deals can be assigned."""
    return User(
        id=str(row["id"]),
        name=str(inner(row, "party.", "name") or row["id"]),
        email=decode("char", inner(row, "party.", "email")),
        active=bool(row.get("active")),
    )
