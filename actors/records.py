"""Records as an app reported them at one moment, and records that are no longer there."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from actors.values import Raw


class Side(StrEnum):
    """The two sides of a connection; people see the apps' names instead."""

    LEFT = "left"
    RIGHT = "right"

    # Enum's own hash is a call of Python code, and sides are half of many keys.
    __hash__ = str.__hash__

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


class Snapshot(Struct, frozen=True, kw_only=True):
    """A record as read at one moment.

    Attributes:
        id: the app's id of it, as text.
        values: raw value by field name, of the fields that were asked for.
        token: the app's version of the record; equal tokens mean an unchanged record.
        modified_at: UTC, by the app's own clock.
        created_at: UTC, by the app's own clock; None where the app does not say.
        key: tieline's key, if the record carries one.
        absorbed: ids of records that were merged into this one.
        aliases: what else the app knows the record by, where a look-up found it by that: a
            contact's further e-mail addresses.
    """

    id: str
    values: dict[str, Raw]
    token: str
    modified_at: datetime
    created_at: datetime | None = None
    key: str | None = None
    absorbed: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


class Departure(StrEnum):
    """Why a record that was asked for by its id did not come.

    HIDDEN means that the app neither shows it nor says that it is gone: not a delete.
    """

    ARCHIVED = "archived"
    DELETED = "deleted"
    MERGED = "merged"
    HIDDEN = "hidden"


class Gone(Struct, frozen=True, kw_only=True):
    """A record that a direct read by id did not find alive; `into` is a merge's survivor."""

    id: str
    how: Departure
    into: str | None = None


class Edit(Struct, frozen=True, kw_only=True):
    """One entry of a field's history in the app.

    Attributes:
        at: UTC, by the app's own clock.
        ours: the app proves that this account's tieline wrote it.
        may_be_ours: it is not proven, and the app cannot tell either that somebody else did.
    """

    value: Raw
    at: datetime
    ours: bool = False
    may_be_ours: bool = False


def key_of(connection: str, object_name: str, app: str, record_id: str) -> str:
    """Return the idempotency key of a record's counterpart (sync-semantics section 5).

    It needs no memory: the same source record always gives the same key.
    """
    return f"tieline:{connection}:{object_name}:{app}:{record_id}"


def source_of(key: str | None, connection: str, object_name: str) -> tuple[str, str] | None:
    """Return (source app, source id) if `key` is one of this connection and object."""
    prefix = f"tieline:{connection}:{object_name}:"
    if key is None or not key.startswith(prefix):
        return None
    app, _, record_id = key[len(prefix) :].partition(":")
    return (app, record_id) if app and record_id else None
