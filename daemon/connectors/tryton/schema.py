"""Describe a Tryton database: the fields of its deals, their pipeline, the employees."""

from __future__ import annotations

import json
from collections.abc import Mapping

from msgspec import Struct

from actors.schema import Field, ObjectSchema, Option, User
from daemon.connectors.tryton.states import ALWAYS_READONLY, LABELS, PIPELINE, describe_pipeline
from daemon.connectors.tryton.wire import KINDS, FieldDefinition, Row, decode, inner

DEALS = "deals"
MODEL = "sale.opportunity"
# A field of the optional module that gives the key a unique column (tryton.md, 7.3).
KEY_COLUMN = "tieline_key"
REFERENCE = "reference"
KEY_PREFIX = "tieline:"

# Of no use to a mapping: two say the same as others, `write_date` is null until the first edit.
_HIDDEN = frozenset({"id", "rec_name", "xml_id", "write_date"})

# What a reference refers to in tieline's words; other models keep Tryton's.
_TARGETS = {"company.employee": "users", "party.party": "companies"}


class Currency(Struct, frozen=True):
    """A currency of the installation."""

    id: int
    code: str
    digits: int
    active: int | bool = True


class Account(Struct, frozen=True, kw_only=True):
    """The company whose deals sync, and what creating deals needs of it."""

    user_id: int
    company: int
    name: str
    currency: str
    timezone: str
    currencies: tuple[Currency, ...]
    may_write: bool
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


class DealModel(Struct, frozen=True, kw_only=True):
    """The deal's fields as Tryton declares them.

    Attributes:
        definitions: of the fields that can be mapped, by name.
        has_notes: the user may read and write notes, where keys go when the reference is taken.
    """

    definitions: dict[str, FieldDefinition]
    has_notes: bool

    @property
    def has_key_column(self) -> bool:
        """The optional module with a unique column for the key is installed."""
        return KEY_COLUMN in self.definitions

    @property
    def key_field(self) -> str:
        """The field that holds tieline's key unless a mapping takes it."""
        return KEY_COLUMN if self.has_key_column else REFERENCE

    @property
    def labels(self) -> dict[str, str]:
        """Native name by label."""
        return {one.string: name for name, one in self.definitions.items()}


def make_model(definitions: Mapping[str, FieldDefinition], *, has_notes: bool) -> DealModel:
    """Keep the fields that a mapping could use."""
    useful = {
        name: definition
        for name, definition in definitions.items()
        if definition.type in KINDS and name not in _HIDDEN
    }
    return DealModel(definitions=useful, has_notes=has_notes)


def describe_deals(model: DealModel, account: Account, *, convert: bool) -> ObjectSchema:
    """Return the schema of deals."""
    fields = [_describe_field(name, one, account) for name, one in model.definitions.items()]
    return ObjectSchema(
        name=DEALS,
        native=MODEL,
        fields=(_PIPELINE_FIELD, *fields),
        pipelines=(describe_pipeline(convert=convert),),
        pipeline_field="pipeline",
        stage_field="state",
        amount_field="amount",
        currency_field="currency",
        key_field=model.key_field,
    )


_PIPELINE_FIELD = Field(
    name="pipeline",
    label="Pipeline",
    kind=KINDS["selection"],
    required=True,
    options=(Option(id=PIPELINE, label="Opportunities"),),
)


def _describe_field(name: str, definition: FieldDefinition, account: Account) -> Field:
    is_text = definition.type == "text"
    return Field(
        name=name,
        label=definition.string,
        kind=KINDS["char"] if name == "currency" else KINDS[definition.type],
        # The state is moved by buttons, so Tryton calls the field read-only.
        writable=name == "state" or not (definition.readonly or name in ALWAYS_READONLY),
        required=definition.required,
        unique=name == KEY_COLUMN,
        options=_describe_options(name, definition),
        target=None if name == "currency" else _find_target(definition),
        max_length=3 if name == "currency" else _find_size(definition),
        digits=_find_digits(definition, account),
        trims=definition.strip is True and definition.type == "char",
        multiline=is_text,
    )


def _describe_options(name: str, definition: FieldDefinition) -> tuple[Option, ...]:
    if name == "state":
        return tuple(Option(id=state, label=label) for state, label in LABELS.items())
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
