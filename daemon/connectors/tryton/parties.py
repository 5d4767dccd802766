"""Contacts and companies as parties: persons and organisations, with their lines.

Tryton does not say which party is a person: a rule of the options does. Most of what other apps
have as fields of a contact are lines of a party; the first live line of a type is the field.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec
from msgspec import Struct

from actors.intents import Intent
from actors.records import Departure, Gone
from actors.schema import Field, ObjectSchema, Option
from actors.values import Kind, Raw
from daemon.connectors.tryton.changes import Domain
from daemon.connectors.tryton.columns import (
    Column,
    Facts,
    LeftOutError,
    Line,
    encode_values,
    first_line,
    line_column,
    lines_of,
    own_columns,
    pack,
)
from daemon.connectors.tryton.places import Places
from daemon.connectors.tryton.record_type import CREATE, WRITE, Forgone, RecordType, Source, Steps
from daemon.connectors.tryton.schema import KEY_COLUMN, KEY_PREFIX, Account, describe_field
from daemon.connectors.tryton.wire import FieldDefinition, Row, decode, encode, inner

CONTACTS, COMPANIES = "contacts", "companies"
PARTY, ADDRESS, MECHANISM = "party.party", "party.address", "party.contact_mechanism"
IDENTIFIER = "party.identifier"

# The record's fields that hold its lines, and the lines' models.
LINES = {"contact_mechanisms": MECHANISM, "addresses": ADDRESS, "identifiers": IDENTIFIER}

_MECHANISMS = (
    ("email", "E-mail", Kind.EMAIL),
    ("phone", "Phone", Kind.PHONE),
    ("mobile", "Mobile", Kind.PHONE),
    ("fax", "Fax", Kind.PHONE),
    ("website", "Website", Kind.URL),
)
_MECHANISMS_FIELD = "contact_mechanisms"
_INVALID = re.compile(r'The (?:phone number|email address) "(.*)" for party ')
_ADDRESS = ("street", "city", "postal_code")

# Replaced by columns of our own, or of no use to a mapping.
_HIDDEN = frozenset(
    {
        *(name for name, _, _ in _MECHANISMS),
        "active",
        "lang",
        "tax_identifier",
        "replaced_by",
        "code_alnum",
        "code_digit",
        "code_readonly",
        "distance",
        "full_name",
    }
)
_READONLY = frozenset({"code"})  # 8.0 would take it
_STAMPS = ("last_modified_at", "_timestamp", "write_uid", "create_uid")
_OWN = ("id", *_STAMPS, "create_date", "active", "replaced_by")


class Membership(Struct, frozen=True, kw_only=True):
    """How a party is known as one of this object's.

    Attributes:
        reads: fields to read for it.
        domain: which parties are, for a search.
        values: what a create sends to make one.
        column: the field that says it, or None where the categories do.
        wanted: the category's id, or the field's value.
    """

    reads: tuple[str, ...]
    domain: Domain
    values: Row
    wanted: object
    column: str | None = None

    def holds(self, row: Row) -> bool:
        """Tell whether a party that was read is one."""
        if self.column is not None:
            return row[self.column] == self.wanted
        categories = row["categories"]
        return isinstance(categories, list) and self.wanted in categories


def by_category(category: int) -> Membership:
    """Parties in a category."""
    return Membership(
        reads=("categories",),
        domain=[["categories", "in", [category]]],
        values={"categories": [["add", [category]]]},
        wanted=category,
    )


def by_field(name: str, definition: FieldDefinition, value: str) -> Membership:
    """Parties that have a value in a field of an installed module.

    Raises:
        OutsideDomainError: the field cannot have the value.
    """
    wanted = encode(definition.type, value)
    return Membership(
        reads=(name,),
        domain=[[name, "=", wanted]],
        values={name: wanted},
        wanted=wanted,
        column=name,
    )


class Declared(Struct, frozen=True, kw_only=True):
    """What the database says of parties.

    Attributes:
        party, address: definitions of the models' fields.
        works_for: type of the relation from a person to an employer, if there is one.
        lacking: models that the user may not create and write in.
    """

    party: Mapping[str, FieldDefinition]
    address: Mapping[str, FieldDefinition]
    places: Places
    works_for: int | None = None
    lacking: tuple[str, ...] = ()


class Parties(RecordType):
    """The parties that are persons, or those that are organisations.

    Args:
        name: tieline's word of the object.
        membership: which parties.
        declared: what the database says of parties.
        account: the company.
        tax_type: type of identifier to keep tax numbers in; None only shows Tryton's own.
    """

    model = PARTY
    sources = (Source(PARTY), *(Source(model, "party") for model in LINES.values()))
    judged = ("country", "subdivision")

    def __init__(
        self,
        name: str,
        membership: Membership,
        declared: Declared,
        account: Account,
        *,
        tax_type: str | None = None,
    ) -> None:
        self.name = name
        self.lacking = declared.lacking
        self._membership = membership
        self._places = declared.places
        self.columns = _make_columns(declared, account, tax_type)
        if name == CONTACTS and declared.works_for is not None:
            self.columns["employer"] = _employer_column(declared.works_for)
        self.known = []
        stamps = (f"{lines}.{stamp}" for lines in LINES for stamp in (*_STAMPS, "active"))
        key = (KEY_COLUMN,) if self.has_key_column else ()
        relations = self.columns["employer"].reads if "employer" in self.columns else ()
        self.every = (*_OWN, *membership.reads, *stamps, "identifiers.code", *relations, *key)
        self.members = membership.domain
        self.live = [*membership.domain, ["active", "=", True]]

    @property
    def key_field(self) -> str:
        """The key's own column where there is one, else an identifier."""
        return KEY_COLUMN if self.has_key_column else "identifiers"

    def describe(self) -> ObjectSchema:
        """Return the schema."""
        return ObjectSchema(
            name=self.name,
            native=PARTY,
            fields=tuple(column.field for column in self.columns.values()),
            key_field=self.key_field,
        )

    # --- reading ----------------------------------------------------------------------------

    def parts_of(self, row: Row) -> list[Row]:
        """Return the party's row and those of all its lines."""
        return [row, *(line for lines in LINES for line in lines_of(row, lines))]

    def token_of(self, row: Row) -> str:
        """Return the party's version with a digest of its lines', which do not move it."""
        stamps = [
            f"{lines} {line['id']} {line['_timestamp']}"
            for lines in LINES
            for line in lines_of(row, lines)
        ]
        # Relations have no versions at all: a change shows when the record is next read.
        stamps += [
            f"relations {line['id']} {line['type']} {line['to']} {line['active']}"
            for line in lines_of(row, "relations")
        ]
        digest = hashlib.blake2b("\n".join(sorted(stamps)).encode(), digest_size=8)
        return f"{row['_timestamp']}/{digest.hexdigest()}"

    def locks_of(self, row: Row) -> dict[str, object]:
        """Return the versions of the party and of its lines."""
        locks = super().locks_of(row)
        for lines, model in LINES.items():
            locks |= {f"{model},{line['id']}": line["_timestamp"] for line in lines_of(row, lines)}
        return locks

    def keys_of(self, row: Row) -> list[str]:
        """Return the keys, those last that a merge brought in from other parties."""
        lines = sorted(lines_of(row, "identifiers"), key=lambda line: not line["active"])
        found = (row.get(KEY_COLUMN), *(line["code"] for line in lines))
        return [text for text in found if isinstance(text, str) and text.startswith(KEY_PREFIX)]

    def departure_of(self, row: Row) -> Gone | None:
        """A merged party is inactive and names its survivor; one of another kind is hidden."""
        record_id = str(row["id"])
        if row["replaced_by"]:
            return Gone(id=record_id, how=Departure.MERGED, into=str(row["replaced_by"]))
        if not row["active"]:
            return Gone(id=record_id, how=Departure.ARCHIVED)
        if not self._membership.holds(row):
            return Gone(id=record_id, how=Departure.HIDDEN)
        return None

    # --- keys -------------------------------------------------------------------------------

    def seek(self, keys: Sequence[str]) -> Domain:
        """Look where the keys are placed."""
        field = KEY_COLUMN if self.has_key_column else "identifiers.code"
        return [[field, "in", list(keys)]]

    def place_key(self, key: str, names: Collection[str]) -> Row:
        """Put the key into its column, or into an identifier without a type."""
        if self.has_key_column:
            return {KEY_COLUMN: key}
        return {"identifiers": [["create", [{"code": key}]]]}

    # --- writing ----------------------------------------------------------------------------

    def plan_create(self, values: Mapping[str, Raw], facts: Facts) -> Steps:
        """Plan one call that makes the party with its lines."""
        sent, left_out = self._pack({one: raw for one, raw in values.items() if raw}, {}, facts)
        return Steps(steps=(CREATE,), values=sent | self._membership.values, refused=left_out)

    def plan_update(self, values: Mapping[str, Raw], row: Row, facts: Facts) -> Steps:
        """Plan one call that writes what differs, lines included."""
        changed = {
            name: raw for name, raw in values.items() if self.columns[name].differs(raw, row)
        }
        sent, left_out = self._pack(changed, row, facts)
        return Steps(steps=(WRITE,) if sent else (), values=sent, refused=left_out)

    def forgo(self, intent: Intent, values: Row, message: str) -> Forgone | None:
        """Leave out a phone number or an e-mail address that Tryton finds invalid.

        It checks them where the library for that is installed on the server. A contact with one
        bad number is worth more than none.
        """
        found = _INVALID.match(message)
        orders = msgspec.convert(values.get(_MECHANISMS_FIELD, []), list[object])
        kept = [one for one in orders if found is None or not _has_value(one, found[1])]
        if found is None or len(kept) == len(orders):
            return None
        rest = {name: value for name, value in values.items() if name != _MECHANISMS_FIELD}
        names = [one for one, raw in intent.values.items() if raw == found[1]]
        return Forgone(
            values=rest | ({_MECHANISMS_FIELD: kept} if kept else {}),
            refused=dict.fromkeys(names, message),
        )

    def _pack(
        self, values: Mapping[str, Raw], row: Row, facts: Facts
    ) -> tuple[Row, dict[str, str]]:
        encoded, left_out = encode_values(self.columns, values, facts)
        if not _SETTLES.isdisjoint(encoded):
            left_out |= self._settle_subdivision(encoded, first_line(row, "addresses", None) or {})
        return pack(self.columns, encoded, row, facts), left_out

    def _settle_subdivision(self, encoded: dict[str, object], address: Row) -> dict[str, str]:
        """Find the subdivision within the country that the address has after the write."""
        country = inner(address, "country.", "id")
        for name in ("country_name", "country"):
            country = encoded.get(name, country)
        wanted = encoded.get("subdivision", inner(address, "subdivision.", "name"))
        try:
            encoded["subdivision"] = self._places.subdivision_id(
                wanted if isinstance(wanted, str) else None,
                country if isinstance(country, int) else None,
            )
        except LeftOutError as error:
            if "subdivision" in encoded:
                del encoded["subdivision"]
                return {"subdivision": f"subdivision: {error}"}
            # The one that is there belongs to the country that the address leaves.
            encoded["subdivision"] = None
        return {}


def _has_value(order: object, value: str) -> bool:
    """Tell whether an order for a line is to store that value."""
    action, *_, sent = msgspec.convert(order, list[object])
    rows = msgspec.convert(sent if action == "create" else [sent], list[Row])
    return any(one.get("value") == value for one in rows)


_SETTLES = frozenset({"country", "country_name", "subdivision"})


# --- columns -----------------------------------------------------------------------------------


def _make_columns(declared: Declared, account: Account, tax_type: str | None) -> dict[str, Column]:
    own = own_columns(declared.party, account, hidden=_HIDDEN, readonly=_READONLY)
    made = (
        *(_mechanism_column(*one) for one in _MECHANISMS),
        *(_address_column(part, declared.address[part], account) for part in _ADDRESS),
        *_place_columns(declared.address, declared.places),
        _language_column(declared),
        _tax_column(declared.party["tax_identifier"], tax_type),
    )
    return own | {column.field.name: column for column in made}


def _mechanism_column(name: str, label: str, kind: Kind) -> Column:
    field = Field(name=name, label=label, kind=kind, trims=True, multiline=False)
    return line_column(field, Line(lines=_MECHANISMS_FIELD, part="value", type=name), "char")


def _address_column(part: str, definition: FieldDefinition, account: Account) -> Column:
    field = describe_field(part, definition, account, writable=True)
    return line_column(field, Line(lines="addresses", part=part), definition.type)


def _place_columns(
    definitions: Mapping[str, FieldDefinition], places: Places
) -> tuple[Column, ...]:
    country, subdivision = definitions["country"].string, definitions["subdivision"].string
    return (
        _place_column("country", f"{country} code", "country", "code", places.country_id),
        _place_column("country_name", country, "country", "name", places.country_id),
        # Its id is found when the country is known.
        _place_column("subdivision", subdivision, "subdivision", "name", lambda text: text),
    )


def _place_column(
    name: str, label: str, part: str, via: str, encode_place: Callable[[Raw], object]
) -> Column:
    field = Field(name=name, label=label, kind=Kind.TEXT, trims=True, multiline=False)
    column = line_column(field, Line(lines="addresses", part=part), "char", via=via)
    return msgspec.structs.replace(column, encode=encode_place)


def _language_column(declared: Declared) -> Column:
    languages = declared.places.languages
    return Column(
        field=Field(
            name="language",
            label=declared.party["lang"].string,
            kind=Kind.ENUM,
            options=tuple(Option(id=one.code, label=one.name) for one in languages),
        ),
        reads=("lang.code",),
        decode=lambda row: decode("char", inner(row, "lang.", "code")),
        encode=declared.places.language_id,
        native="lang",
    )


def _employer_column(works_for: int) -> Column:
    field = Field(name="employer", label="Employer", kind=Kind.REFERENCE, target=COMPANIES)
    line = Line(lines="relations", part="to", type=works_for, is_dated=True)
    return msgspec.structs.replace(line_column(field, line, "many2one"), relation=PARTY)


def _tax_column(definition: FieldDefinition, tax_type: str | None) -> Column:
    field = Field(
        name="tax_identifier",
        label=definition.string,
        kind=Kind.TEXT,
        writable=tax_type is not None,
        trims=True,
        multiline=False,
    )
    if tax_type is not None:
        return line_column(field, Line(lines="identifiers", part="code", type=tax_type), "char")
    return Column(
        field=field,
        reads=("tax_identifier.code",),
        path="tax_identifier.code",
        decode=lambda row: decode("char", inner(row, "tax_identifier.", "code")),
        encode=lambda raw: encode("char", raw),
    )
