"""Reading records by id, and finding out what became of those that do not come.

A record that is not in a batch's answer may be archived, merged into another, purged, or hidden
from this token. Only a direct read that says so proves it (hubspot-api.md section 12.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actors.errors import ScopeError
from actors.ports import Fetched
from actors.records import Departure, Gone, Snapshot
from daemon.connectors.hubspot.errors import RefusedError
from daemon.connectors.hubspot.kinds import KEY_PROPERTY, ObjectKind
from daemon.connectors.hubspot.reading import (
    BATCH_SIZE,
    chunks,
    read_batch,
    to_snapshot,
    wanted,
)
from daemon.connectors.hubspot.session import Call, Session
from daemon.connectors.hubspot.vouching import check_shown, has_property
from daemon.connectors.hubspot.wire import RECORD


async def fetch(
    session: Session, kind: ObjectKind, ids: Sequence[str], fields: Sequence[str]
) -> Fetched:
    """Read records by id; each id comes as a record or as gone, in the order asked for."""
    records: list[Snapshot] = []
    gone: list[Gone] = []
    for chunk in chunks(tuple(dict.fromkeys(ids)), BATCH_SIZE):
        for one in await _fetch_chunk(session, kind, chunk, fields):
            if isinstance(one, Gone):
                gone.append(one)
            else:
                records.append(one)
    return Fetched(records=tuple(records), gone=tuple(gone))


async def _fetch_chunk(
    session: Session, kind: ObjectKind, ids: Sequence[str], fields: Sequence[str]
) -> list[Snapshot | Gone]:
    # An id of another shape cannot be a record's, and would have the whole batch refused.
    asked = [one for one in ids if is_id(one)]
    found: dict[str, Snapshot | Gone] = {}
    if asked:
        read = await read_batch(session, kind, asked, wanted(kind, fields))
        found.update((record.id, to_snapshot(record, fields)) for record in read)
        found.update(_merged(found.values(), asked))
    missing = [one for one in asked if one not in found]
    found.update(await resolve(session, kind, missing, fields))
    return [found.get(one) or Gone(id=one, how=Departure.DELETED) for one in ids]


def is_id(text: str) -> bool:
    """Tell whether a text can be a record's id."""
    return text.isascii() and text.isdigit() and text.strip("0") != ""


def _merged(found: Iterable[Snapshot | Gone], asked: Sequence[str]) -> dict[str, Gone]:
    """Return the asked ids that records in the answer say they absorbed."""
    read = {one.id for one in found}
    return {
        old: Gone(id=old, how=Departure.MERGED, into=one.id)
        for one in found
        if isinstance(one, Snapshot)
        for old in one.absorbed
        if old in asked and old not in read
    }


async def resolve(
    session: Session, kind: ObjectKind, ids: Sequence[str], fields: Sequence[str]
) -> dict[str, Snapshot | Gone]:
    """Find out about at most a batch of ids that a batch read left out."""
    if not ids:
        return {}
    archived = await read_batch(session, kind, ids, [kind.modified], archived=True)
    gone = {record.id for record in archived}
    found: dict[str, Snapshot | Gone] = {
        one: Gone(id=one, how=Departure.ARCHIVED) for one in ids if one in gone
    }
    for one in ids:
        if one not in found:
            found[one] = await _resolve_one(session, kind, one, fields)
    return found


async def _resolve_one(
    session: Session, kind: ObjectKind, record_id: str, fields: Sequence[str]
) -> Snapshot | Gone:
    call = Call(
        endpoint=f"{kind.name}/read",
        method="GET",
        path=session.paths.objects(kind.name, f"/{record_id}"),
        params={"properties": ",".join(wanted(kind, fields))},
    )
    try:
        record = (await session.read(call)).decode(RECORD)
    except ScopeError:
        return Gone(id=record_id, how=Departure.HIDDEN)
    except RefusedError as error:
        if error.status != 404:
            raise
        return Gone(id=record_id, how=Departure.DELETED)
    if record.id != record_id:
        return Gone(id=record_id, how=Departure.MERGED, into=record.id)
    await check_shown(session, kind, fields, [record])
    return to_snapshot(record, fields)


async def find(
    session: Session, kind: ObjectKind, keys: Sequence[str], fields: Sequence[str]
) -> dict[str, Snapshot | Gone]:
    """Look up records by tieline's key, archived ones included; absent keys are left out."""
    found: dict[str, Snapshot | Gone] = {}
    for chunk in chunks(tuple(dict.fromkeys(keys)), BATCH_SIZE):
        try:
            found.update(await _find_chunk(session, kind, chunk, fields))
        except RefusedError:
            # Without the property no record can carry a key, and every look-up by it is refused.
            if await has_property(session, kind, KEY_PROPERTY):
                raise
            return {}
    return found


async def _find_chunk(
    session: Session, kind: ObjectKind, keys: Sequence[str], fields: Sequence[str]
) -> dict[str, Snapshot | Gone]:
    properties = wanted(kind, fields)
    found: dict[str, Snapshot | Gone] = {}
    for record in await read_batch(session, kind, keys, properties, by=KEY_PROPERTY):
        snapshot = to_snapshot(record, fields)
        found.update((key, snapshot) for key in _named(keys, snapshot.key))
    missing = [key for key in keys if key not in found]
    if missing:
        archived = await read_batch(
            session, kind, missing, properties, by=KEY_PROPERTY, archived=True
        )
        for record in archived:
            gone = Gone(id=record.id, how=Departure.ARCHIVED)
            found.update(
                (key, gone) for key in _named(missing, record.properties.get(KEY_PROPERTY))
            )
    return found


def _named(keys: Sequence[str], key: str | None) -> list[str]:
    """Return the keys that HubSpot takes for `key`: unique values ignore case."""
    folded = (key or "").casefold()
    return [one for one in keys if one.casefold() == folded]
