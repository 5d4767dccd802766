"""Reading records from HubSpot's primary store: lists, batches, and snapshots made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from actors.errors import TransientError
from actors.ports import Page
from actors.records import Snapshot
from daemon.connectors.hubspot.kinds import KEY_PROPERTY, MERGED_PROPERTY, ObjectKind
from daemon.connectors.hubspot.session import Call, PoolName, Session
from daemon.connectors.hubspot.vouching import check_shown
from daemon.connectors.hubspot.wire import (
    BATCH,
    LISTING,
    BatchRead,
    Filter,
    FilterGroup,
    Listing,
    Record,
    Search,
)

BATCH_SIZE = 100
HISTORY_BATCH_SIZE = 50
LIST_PAGE = 100
SEARCH_PAGE = 200
# The edge answers 414 from about 8,000 characters on at some customers.
LONGEST_QUERY = 6000

T = TypeVar("T")


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def wanted(kind: ObjectKind, fields: Iterable[str]) -> list[str]:
    """Return the properties to ask for: the mapped ones and what every snapshot needs."""
    return list(dict.fromkeys((*fields, *kind.own_properties)))


def parse_time(text: str) -> datetime:
    """Read one of HubSpot's times; a number is milliseconds since 1970."""
    if text.lstrip("-").isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def to_snapshot(record: Record, fields: Iterable[str]) -> Snapshot:
    """Make a snapshot of a record; the empty text and null are both absent."""
    found = record.properties
    merged = found.get(MERGED_PROPERTY)
    return Snapshot(
        id=record.id,
        values={name: found.get(name) or None for name in fields},
        token=record.updated_at,
        modified_at=parse_time(record.updated_at),
        created_at=parse_time(record.created_at) if record.created_at else None,
        key=found.get(KEY_PROPERTY) or None,
        absorbed=tuple(filter(None, merged.split(";"))) if merged else (),
    )


async def read_batch(
    session: Session,
    kind: ObjectKind,
    ids: Sequence[str],
    properties: Sequence[str],
    *,
    history: Sequence[str] = (),
    by: str | None = None,
    archived: bool = False,
) -> list[Record]:
    """Read at most a batch of records by id, or by the unique property `by`.

    Returns:
        The records that are there, in no order. Records that were merged may come under the
        survivor's id, or not at all.

    Raises:
        TransientError: some could not be read for another reason than that they are not there.
        SchemaDriftError: a property is gone.
    """
    body = BatchRead(
        inputs=[{"id": one} for one in ids],
        properties=list(properties),
        properties_with_history=list(history),
        id_property=by,
    )
    call = Call(
        endpoint=f"{kind.name}/batch/read",
        method="POST",
        path=session.paths.objects(kind.name, "/batch/read"),
        params={"archived": "true"} if archived else None,
        body=body,
    )
    batch = (await session.read(call)).decode(BATCH)
    for problem in batch.errors:
        if problem.category != "OBJECT_NOT_FOUND":
            raise TransientError(f"HubSpot read a part of a batch only: {problem.message}")
    await check_shown(session, kind, properties, batch.results)
    return batch.results


async def search(session: Session, kind: ObjectKind, body: Search) -> Listing:
    """Search the index, which follows writes by seconds, at times by minutes."""
    call = Call(
        endpoint=f"{kind.name}/search",
        method="POST",
        path=session.paths.objects(kind.name, "/search"),
        body=body,
        pool=PoolName.SEARCH,
    )
    return (await session.read(call)).decode(LISTING)


async def list_page(
    session: Session, kind: ObjectKind, fields: Sequence[str], after: str | None
) -> Page:
    """List live records by id, one page; the first page says how many there are."""
    properties = wanted(kind, fields)
    query = ",".join(properties)
    # A list names its properties in the address; too many of them are read by batch instead.
    by_batch = len(query) > LONGEST_QUERY
    listing = await _list_ids(session, kind, kind.modified if by_batch else query, after)
    records = listing.results
    if not by_batch:
        await check_shown(session, kind, properties, records)
    if by_batch and records:
        ids = [record.id for record in records]
        read = await read_batch(session, kind, ids, properties)
        found = {record.id: record for record in read}
        records = [found[one] for one in ids if one in found]
    return Page(
        records=tuple(to_snapshot(record, fields) for record in records),
        after=listing.after,
        total=await _count(session, kind) if after is None else None,
    )


async def _list_ids(
    session: Session, kind: ObjectKind, properties: str, after: str | None
) -> Listing:
    params = {"limit": str(LIST_PAGE), "properties": properties}
    if after is not None:
        params["after"] = after
    path = session.paths.objects(kind.name)
    call = Call(endpoint=f"{kind.name}/list", method="GET", path=path, params=params)
    return (await session.read(call)).decode(LISTING)


async def _count(session: Session, kind: ObjectKind, *conditions: Filter) -> int | None:
    groups = [FilterGroup(filters=list(conditions))] if conditions else []
    body = Search(limit=1, properties=[kind.modified], filter_groups=groups)
    return (await search(session, kind, body)).total


async def count_values(
    session: Session, kind: ObjectKind, field: str, values: Sequence[str]
) -> dict[str, int]:
    """Count the live records that hold each value, a search for each; the index may lag."""
    return {
        value: await _count(session, kind, Filter(field, "EQ", value)) or 0
        for value in dict.fromkeys(values)
    }
