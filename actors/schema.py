"""What a connector declares about its app: objects, fields, pipelines, stages, users."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from actors.values import Kind


class Closing(StrEnum):
    """What a stage says about the deal: still open, won, or lost."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class Option(Struct, frozen=True, kw_only=True):
    """One value of an enum field."""

    id: str
    label: str
    archived: bool = False


class Field(Struct, frozen=True, kw_only=True):
    """One field of an object, as far as a mapping must know it.

    Attributes:
        writable: the app takes values for it from us (in at least some states of a record).
        required: the app refuses the empty value.
        unique: no two records hold the same value.
        options: the values of an enum; empty for other kinds.
        target: for a reference or a set of them, what it refers to: `users`, `contacts`,
            `companies` or the app's own word.
        max_length: longest text in characters, or None where the app names no limit.
        digits: decimals after the point that the app keeps, or None for all.
        trims: the app strips outer white space.
        multiline: the app takes line breaks.
    """

    name: str
    label: str
    kind: Kind
    writable: bool = True
    required: bool = False
    unique: bool = False
    options: tuple[Option, ...] = ()
    target: str | None = None
    max_length: int | None = None
    digits: int | None = None
    trims: bool = False
    multiline: bool = True


class Stage(Struct, frozen=True, kw_only=True):
    """One stage of a pipeline.

    Attributes:
        probability: 0 to 1, or None where the app has none.
        reachable: a client may move a record here; otherwise `unreachable` says who can.
    """

    id: str
    label: str
    closing: Closing = Closing.OPEN
    probability: float | None = None
    reachable: bool = True
    unreachable: str = ""
    archived: bool = False


class Pipeline(Struct, frozen=True, kw_only=True):
    """A pipeline with its stages in their order."""

    id: str
    label: str
    stages: tuple[Stage, ...]
    archived: bool = False


class User(Struct, frozen=True, kw_only=True):
    """A person of the app to whom records can be assigned (HubSpot: owner)."""

    id: str
    name: str
    email: str | None = None
    active: bool = True


class ObjectSchema(Struct, frozen=True, kw_only=True):
    """One object of an app.

    Attributes:
        name: tieline's word: `deals`, `contacts` or `companies`.
        native: the app's word, for messages to people.
        pipeline_field, stage_field: names of the fields that hold them; None without
            pipelines. An app with a single pipeline serves a constant in `pipeline_field`.
        amount_field, currency_field: the amount of a deal and its currency, which travel
            together; None where the app has no such field.
        key_field: the field in which tieline keeps the key of a record that it made.
        shows: by the name of a field that can be read, the other object whose links it shows:
            to the app their change is one of this record, not of the other.
    """

    name: str
    native: str
    fields: tuple[Field, ...]
    pipelines: tuple[Pipeline, ...] = ()
    pipeline_field: str | None = None
    stage_field: str | None = None
    amount_field: str | None = None
    currency_field: str | None = None
    key_field: str | None = None
    shows: dict[str, str] = {}

    def field(self, name: str) -> Field | None:
        """Return the field of that name, or None."""
        return next((field for field in self.fields if field.name == name), None)


class AppSchema(Struct, frozen=True, kw_only=True):
    """An account as it is now.

    Attributes:
        account: what identifies the account to people (`HubSpot 62515`).
        currency: ISO code that applies where a record names none.
        timezone: IANA name of the account's zone, for dates that have a time on one side.
    """

    account: str
    objects: tuple[ObjectSchema, ...]
    users: tuple[User, ...] = ()
    currency: str | None = None
    timezone: str = "UTC"

    def object(self, name: str) -> ObjectSchema | None:
        """Return the object of that tieline name, or None if the app has no such object."""
        return next((one for one in self.objects if one.name == name), None)
