"""The account in a file: written whole and atomically, read at start."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from daemon.sandbox.hubspot.account import Account
from daemon.sandbox.hubspot.auth import Token
from daemon.sandbox.hubspot.catalog import AccountDetails, AssociationType, ObjectSchema, Owner
from daemon.sandbox.hubspot.links import Side
from daemon.sandbox.hubspot.switches import Switches
from daemon.sandbox.hubspot.table import Record, Table

__all__ = ["StateError", "load_state", "save_state"]

VERSION = 1


class StateError(Exception):
    """The state file cannot be read or written; the message names it."""


class _Rows(Struct, array_like=True):
    records: list[Record]
    merged: dict[int, int]


class _State(Struct, kw_only=True):
    version: int
    details: AccountDetails
    rates: dict[str, float]
    switches: Switches
    tokens: list[Token]
    owners: list[Owner]
    schemas: dict[str, ObjectSchema]
    rows: dict[str, _Rows]
    association_types: list[AssociationType]
    links: list[tuple[str, int, str, int, tuple[int, ...]]]
    blocked_emails: set[str]
    parked: list[tuple[Side, list[tuple[Side, tuple[int, ...]]]]]
    next_id: int
    used_today: int
    day_ms: tuple[int, int]


def save_state(account: Account, path: Path) -> None:
    """Write the whole account, so that a crash leaves the old file or the new one.

    Raises:
        StateError: the file cannot be written.
    """
    state = _State(
        version=VERSION,
        details=account.details,
        rates=account.rates,
        switches=account.switches,
        tokens=list(account.tokens.values()),
        owners=list(account.owners.values()),
        schemas={name: table.schema for name, table in account.tables.items()},
        rows={
            name: _Rows(list(table.records.values()), table.merged)
            for name, table in account.tables.items()
        },
        association_types=list(account.links.types.values()),
        links=account.links.dump(),
        blocked_emails=account.blocked_emails,
        parked=list(account.links.parked.items()),
        next_id=account.next_id,
        used_today=account.limits.used_today,
        day_ms=account.limits.day_ms,
    )
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with partial.open("wb") as file:
            file.write(msgspec.msgpack.encode(state))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StateError(f"cannot write {path}: {error.strerror}") from None


def load_state(account: Account, path: Path) -> None:
    """Fill an empty account from a file; tokens given at start stay as given.

    Raises:
        StateError: the file is damaged or of another version.
    """
    try:
        state = msgspec.msgpack.decode(path.read_bytes(), type=_State)
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise StateError(f"{path} is not a state of this sandbox: {error}") from None
    if state.version != VERSION:
        raise StateError(f"{path} is of version {state.version}, this sandbox reads {VERSION}")
    account.details, account.rates = state.details, state.rates
    account.switches, account.next_id = state.switches, state.next_id
    account.blocked_emails = state.blocked_emails
    account.limits.used_today = state.used_today
    account.limits.day_ms = state.day_ms
    account.owners = {owner.id: owner for owner in state.owners}
    account.tokens = {**{one.value: one for one in state.tokens}, **account.tokens}
    account.links.types = {kind.type_id: kind for kind in state.association_types}
    account.links.load(state.links)
    account.links.parked = dict(state.parked)
    for name, schema in state.schemas.items():
        _load_table(account, name, schema, state.rows[name])


def _load_table(account: Account, name: str, schema: ObjectSchema, rows: _Rows) -> None:
    table = account.tables[name] = Table(schema)
    table.merged = rows.merged
    for record in rows.records:
        table.add(record)
        if record.archived_ms is not None:
            table.archive(record, record.archived_ms)
            account.note_archived(table, record)
    account.indexes[name].load(table.records[one] for one in table.ids)
