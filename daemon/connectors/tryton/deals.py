"""Deals as sale opportunities of the company: one pipeline, locks by state, keys by reference."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from actors.errors import OutsideDomainError
from actors.intents import Intent, IntentKind
from actors.records import Snapshot
from actors.schema import Field, ObjectSchema, Option
from actors.values import Kind, Raw
from daemon.connectors.tryton.changes import Domain
from daemon.connectors.tryton.columns import (
    Column,
    Facts,
    encode_values,
    lines_of,
    own_column,
    own_columns,
    pack,
)
from daemon.connectors.tryton.record_type import CREATE, WRITE, RecordType, Source, Steps
from daemon.connectors.tryton.schema import KEY_COLUMN, KEY_PREFIX, Account
from daemon.connectors.tryton.states import (
    ALWAYS_READONLY,
    LABELS,
    LEAD,
    NEEDED_TO_QUALIFY,
    PIPELINE,
    describe_pipeline,
    plan_update,
)
from daemon.connectors.tryton.wire import FieldDefinition, Row, decode, encode, inner

DEALS = "deals"
MODEL = "sale.opportunity"
REFERENCE = "reference"


# The party because a merge of parties changes it without a new version.
_EVERY = (
    "id",
    "_timestamp",
    "last_modified_at",
    "create_date",
    "write_uid",
    "create_uid",
    "party",
    "currency.code",
)


class Deals(RecordType):
    """The opportunities of one company.

    Args:
        definitions: of the model's fields.
        account: the company.
        has_notes: the user may read and write notes, where keys go when the reference is taken.
        lacking: models that the user may not write in.
    """

    name = DEALS
    model = MODEL
    sources = (Source(MODEL),)
    judged = ("state", "address", *NEEDED_TO_QUALIFY)

    def __init__(
        self,
        definitions: Mapping[str, FieldDefinition],
        account: Account,
        *,
        has_notes: bool,
        lacking: tuple[str, ...] = (),
    ) -> None:
        self._account = account
        self._has_notes = has_notes
        self.lacking = lacking
        self.columns = _make_columns(definitions, account)
        self.every = (*_EVERY, self.key_field)
        self.members = self.known = self.live = [["company", "=", account.company]]

    @property
    def key_field(self) -> str:
        """The key's own column where there is one, else the reference."""
        return KEY_COLUMN if self.has_key_column else REFERENCE

    def describe(self) -> ObjectSchema:
        """Return the schema of deals."""
        return ObjectSchema(
            name=DEALS,
            native=MODEL,
            fields=tuple(column.field for column in self.columns.values()),
            pipelines=(describe_pipeline(convert=self._account.convert),),
            pipeline_field="pipeline",
            stage_field="state",
            amount_field="amount",
            currency_field="currency",
            key_field=self.key_field,
        )

    def token_of(self, row: Row) -> str:
        """Return the version together with the party, which a merge changes unnoticed."""
        return f"{row['_timestamp']}/{row['party'] or ''}"

    def keys_of(self, row: Row) -> list[str]:
        """Return the key in its field, then those in notes."""
        notes = (note.get("message") for note in lines_of(row, "notes"))
        found = (row.get(self.key_field), *notes)
        return [text for text in found if isinstance(text, str) and text.startswith(KEY_PREFIX)]

    def seek(self, keys: Sequence[str]) -> Domain:
        """Look in the key's field, and in notes where they may be."""
        domain: Domain = [[self.key_field, "in", list(keys)]]
        if not self.may_have_notes:
            return domain
        return [["OR", domain, [["notes.message", "in", list(keys)]]]]

    def takes_notes(self, fields: Collection[str]) -> bool:
        """Keys go into notes where the reference is mapped."""
        return self.may_have_notes and REFERENCE in fields

    @property
    def may_have_notes(self) -> bool:
        """Keys are in notes only where they have no column of their own."""
        return self._has_notes and not self.has_key_column

    def place_key(self, key: str, names: Collection[str]) -> Row:
        """Put the key into its field, or into a note where a mapping takes that."""
        if self.has_key_column or REFERENCE not in names:
            return {self.key_field: key}
        if self.takes_notes((REFERENCE,)):
            return {"notes": [["create", [{"message": key}]]]}
        return {}

    def plan_create(self, values: Mapping[str, Raw], facts: Facts) -> Steps:
        """Plan a lead, and the buttons that bring it where it shall be."""
        account = self._account
        defaults = {"party": account.default_party, "employee": account.default_employee}
        complete: dict[str, Raw] = {
            name: str(record_id) for name, record_id in defaults.items() if record_id is not None
        }
        complete |= {name: raw for name, raw in values.items() if raw}
        encoded, left_out = encode_values(self.columns, complete, facts)
        wanted = {"state": complete.get("state", LEAD)}
        plan = plan_update(LEAD, wanted, complete, convert=account.convert)
        return Steps(
            steps=(CREATE, *plan.before, *plan.after),
            values=_sent(pack(self.columns, encoded, {}, facts)),
            refused=left_out | plan.refused,
        )

    def plan_update(self, values: Mapping[str, Raw], row: Row, facts: Facts) -> Steps:
        """Plan the writes and the buttons between them."""
        wanted = {one: raw for one, raw in values.items() if raw is not None or one != "pipeline"}
        if "currency" in wanted:
            wanted["currency"] = wanted["currency"] or self._account.currency
        changed = {
            name: raw for name, raw in wanted.items() if self.columns[name].differs(raw, row)
        }
        encoded, left_out = encode_values(self.columns, changed, facts)
        present = {name: self.columns[name].decode(row) for name in self.judged}
        plan = plan_update(
            present["state"] or LEAD, changed, present, convert=self._account.convert
        )
        can = {name: encoded[name] for name in plan.values if name in encoded}
        sent = _sent(pack(self.columns, can, row, facts))
        if "party" in sent and present["address"]:
            # An address must be one of the party's; a new one comes with the intent, if at all.
            sent.setdefault("address", None)
        write = (WRITE,) if sent else ()
        return Steps(
            steps=(*plan.before, *write, *plan.after),
            values=sent,
            refused=left_out | plan.refused,
        )

    def is_news(self, intent: Intent, record: Snapshot) -> bool:
        """Tell whether Tryton put its own day in place of ours, as we closed a deal.

        That day is news, not our value in another form: the other app is to hear of it. A deal
        that was closed elsewhere before it came here is another matter: Tryton's day is then
        only that of its arrival, and says nothing about the deal.
        """
        sent = intent.values.get("end_date")
        if intent.kind is not IntentKind.UPDATE or "state" not in intent.values:
            return False
        return sent is not None and record.values.get("end_date", sent) != sent


def _sent(values: Row) -> Row:
    """Leave out what is brought about by other means than a write."""
    return {name: value for name, value in values.items() if name not in ("pipeline", "state")}


def _make_columns(
    definitions: Mapping[str, FieldDefinition], account: Account
) -> dict[str, Column]:
    columns = own_columns(
        definitions, account, hidden=("state", "currency"), readonly=ALWAYS_READONLY
    )
    return {
        "pipeline": _pipeline_column(),
        "state": _state_column(definitions["state"], account),
        "currency": _currency_column(definitions["currency"], account),
        "contact_person": _contact_column(definitions["contact"]),
        **columns,
    }


def _contact_column(definition: FieldDefinition) -> Column:
    """Return the person behind the deal's contact, which is one of their e-mails or phones."""
    return Column(
        field=Field(
            name="contact_person",
            label=f"{definition.string} person",
            kind=Kind.REFERENCE,
            target="contacts",
        ),
        reads=("contact.party",),
        path="contact.party",
        type="many2one",
        decode=lambda row: decode("many2one", inner(row, "contact.", "party")),
        encode=lambda raw: encode("many2one", raw),
        relation="party.party",
        native="contact",
        stand_in="party.contact_mechanism",
    )


def _pipeline_column() -> Column:
    return Column(
        field=Field(
            name="pipeline",
            label="Pipeline",
            kind=Kind.ENUM,
            required=True,
            options=(Option(id=PIPELINE, label="Opportunities"),),
        ),
        reads=(),
        decode=lambda row: PIPELINE,
        encode=lambda raw: _one_of((PIPELINE,), raw),
    )


def _state_column(definition: FieldDefinition, account: Account) -> Column:
    # It is moved by buttons, so Tryton calls it read-only.
    column = own_column("state", definition, account, writable=True)
    options = tuple(Option(id=state, label=label) for state, label in LABELS.items())
    return msgspec.structs.replace(
        column,
        field=msgspec.structs.replace(column.field, options=options),
        encode=lambda raw: _one_of(LABELS, raw),
    )


def _one_of(known: Collection[str], raw: Raw) -> object:
    if raw is not None and raw not in known:
        raise OutsideDomainError(f"Tryton has no {raw!r}")
    return raw


def _currency_column(definition: FieldDefinition, account: Account) -> Column:
    def encode_code(raw: Raw) -> object:
        currency = account.currency_id(raw or account.currency)
        if currency is None:
            raise OutsideDomainError(f"Tryton has no currency {raw!r}")
        return currency

    return Column(
        field=Field(
            name="currency",
            label=definition.string,
            kind=Kind.TEXT,
            required=definition.required,
            max_length=3,
            multiline=False,
        ),
        reads=("currency.code",),
        path="currency.code",
        decode=lambda row: decode("char", inner(row, "currency.", "code")),
        encode=encode_code,
    )
