"""One object of tieline's as Tryton keeps it: the questions that reading and writing ask of it.

A record type is made anew from each look at the account. It decides and never calls.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from actors.errors import SchemaDriftError
from actors.intents import Intent
from actors.records import Gone, Snapshot
from actors.schema import ObjectSchema
from actors.values import Raw
from daemon.connectors.tryton.changes import Domain
from daemon.connectors.tryton.columns import Column, Facts
from daemon.connectors.tryton.schema import KEY_COLUMN
from daemon.connectors.tryton.wire import Row, decode_moment

CREATE, WRITE = "create", "write"  # all other steps are the names of buttons


class Source(Struct, frozen=True):
    """A model whose rows' versions tell of changes; `owner` leads from such a row to the record."""

    model: str
    owner: str = ""


class Reading(Struct, frozen=True):
    """A record as read: for the engine, and as Tryton told it."""

    snapshot: Snapshot
    row: Row


class Steps(Struct, frozen=True, kw_only=True):
    """How an intent is carried out.

    Attributes:
        steps: calls to make, in this order.
        values: what the create or write step sends.
        refused: reason by field of what cannot be done.
    """

    steps: tuple[str, ...]
    values: Row = {}
    refused: dict[str, str] = {}


class Forgone(Struct, frozen=True):
    """What is sent after a refusal, and the reason by field of what is left out of it."""

    values: Row
    refused: dict[str, str]


class RecordType(ABC):
    """One object.

    Attributes:
        name: tieline's word.
        model: Tryton's.
        columns: the fields, by name.
        sources: the models whose changes are changes of a record.
        every: fields read with every record: what versions, times and keys are made of.
        judged: columns read beside those that an update names, to decide how to go about it.
        lacking: models that the user may not create and write in.
        members: domain of the records, inactive ones too.
        known: domain for looking a record up by its id or key.
        live: domain of the records that sync.
    """

    name: str
    model: str
    columns: dict[str, Column]
    sources: tuple[Source, ...]
    every: tuple[str, ...]
    judged: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    members: Domain
    known: Domain
    live: Domain

    @property
    @abstractmethod
    def key_field(self) -> str:
        """The field that holds tieline's key unless a mapping takes it."""

    @property
    def has_key_column(self) -> bool:
        """The optional module with a unique column for the key is installed."""
        return KEY_COLUMN in self.columns

    @abstractmethod
    def describe(self) -> ObjectSchema:
        """Return the schema."""

    # --- reading ----------------------------------------------------------------------------

    def names_for(self, fields: Collection[str], *, with_notes: bool = False) -> list[str]:
        """Return what to ask for so that a record with these fields can be made.

        Raises:
            SchemaDriftError: a field is not there.
        """
        self.check_fields(fields)
        wanted = {*self.every, *(name for one in fields for name in self.columns[one].reads)}
        if with_notes:
            wanted.add("notes.message")
        return sorted(wanted)

    def check_fields(self, names: Collection[str]) -> None:
        """Refuse names of fields that are not there.

        Raises:
            SchemaDriftError: a field is not there.
        """
        unknown = sorted(set(names) - self.columns.keys())
        if unknown:
            raise SchemaDriftError(
                f"Tryton has no field {', '.join(unknown)} on {self.name} ({self.model})"
            )

    def read_row(self, row: Row, fields: Collection[str]) -> Reading:
        """Make a record out of a row that was read with the names for these fields."""
        keys = self.keys_of(row)
        snapshot = Snapshot(
            id=str(row["id"]),
            values={name: self.columns[name].decode(row) for name in fields},
            token=self.token_of(row),
            modified_at=max(decode_moment(one["last_modified_at"]) for one in self.parts_of(row)),
            created_at=decode_moment(row["create_date"]),
            key=keys[0] if keys else None,
        )
        return Reading(snapshot, row)

    def parts_of(self, row: Row) -> list[Row]:
        """Return the rows that make up a record: its own and its lines'."""
        return [row]

    @abstractmethod
    def token_of(self, row: Row) -> str:
        """Return a record's version."""

    @abstractmethod
    def keys_of(self, row: Row) -> list[str]:
        """Return the keys that a record carries, the one that counts first."""

    def departure_of(self, row: Row) -> Gone | None:
        """Say how a record that was found has left, if it has."""
        return None

    def locks_of(self, row: Row) -> dict[str, object]:
        """Return the versions that Tryton is to check on a write."""
        return {f"{self.model},{row['id']}": row["_timestamp"]}

    def wrote_last(self, row: Row, user_id: int) -> bool:
        """Tell whether this user made the record's newest version.

        `write_uid` may be empty until the first edit.
        """
        parts = self.parts_of(row)
        newest = max(decode_moment(one["last_modified_at"]) for one in parts)
        return all(
            (one["write_uid"] or one["create_uid"]) == user_id
            for one in parts
            if decode_moment(one["last_modified_at"]) == newest
        )

    # --- keys -------------------------------------------------------------------------------

    @abstractmethod
    def seek(self, keys: Sequence[str]) -> Domain:
        """Return the domain of the records that carry one of these keys."""

    def takes_notes(self, fields: Collection[str]) -> bool:
        """Tell whether keys go into notes, since a mapping uses the field that they go into."""
        return False

    @property
    def may_have_notes(self) -> bool:
        """Keys may be in notes, whatever the mapping is now."""
        return False

    @abstractmethod
    def place_key(self, key: str, names: Collection[str]) -> Row:
        """Return what a create sends beside its values, so that the record carries the key.

        Args:
            names: fields that are mapped.
        """

    # --- writing ----------------------------------------------------------------------------

    @abstractmethod
    def plan_create(self, values: Mapping[str, Raw], facts: Facts) -> Steps:
        """Plan how to make a record.

        Raises:
            RefusedError: Tryton would refuse it.
        """

    @abstractmethod
    def plan_update(self, values: Mapping[str, Raw], row: Row, facts: Facts) -> Steps:
        """Plan how to bring a record to new values; no steps if it has them all.

        Raises:
            RefusedError: Tryton would refuse it.
        """

    def forgo(self, intent: Intent, values: Row, message: str) -> Forgone | None:
        """Say what to send instead of values of which Tryton refuses a part; None to give up."""
        return None

    def is_news(self, intent: Intent, record: Snapshot) -> bool:
        """Tell whether Tryton put a value of its own in place of one that we sent."""
        return False

    @property
    def labels(self) -> dict[str, str]:
        """Name by label, as Tryton's messages name fields."""
        return {one.field.label: name for name, one in self.columns.items()}
