"""Looking records up by what a property holds, for matching.

Contacts are read by e-mail from the primary store, by their further addresses as well. Anything
else is found through the search index, which may be behind, and read afresh.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from actors.records import Snapshot
from daemon.connectors.hubspot.errors import RefusedError
from daemon.connectors.hubspot.kinds import MORE_EMAILS, ObjectKind
from daemon.connectors.hubspot.presence import fetch
from daemon.connectors.hubspot.reading import (
    BATCH_SIZE,
    SEARCH_PAGE,
    chunks,
    read_batch,
    search,
    to_snapshot,
    wanted,
)
from daemon.connectors.hubspot.session import Session
from daemon.connectors.hubspot.wire import Filter, FilterGroup, Search

Found = dict[str, tuple[Snapshot, ...]]


async def lookup(
    session: Session, kind: ObjectKind, field: str, values: Sequence[str], fields: Sequence[str]
) -> Found:
    """Find live records by what a property holds, without regard to case."""
    # HubSpot's IN finds nothing for a value that is not in lower case.
    lower = sorted({value.strip().lower() for value in values} - {""})
    fields = tuple(dict.fromkeys((*fields, field)))
    records: list[Snapshot] = []
    for chunk in chunks(lower, BATCH_SIZE):
        if field == kind.email:
            records += await _by_email(session, kind, chunk, fields)
        else:
            ids = await _search(session, kind, field, chunk)
            records += (await fetch(session, kind, ids, fields)).records
    return group(values, field, records)


async def _by_email(
    session: Session, kind: ObjectKind, emails: Sequence[str], fields: Sequence[str]
) -> list[Snapshot]:
    addresses = [one for one in emails if "@" in one]
    if not addresses:
        return []
    properties = [*wanted(kind, fields), MORE_EMAILS]
    found = await read_batch(session, kind, addresses, properties, by=kind.email)
    return [
        replace(
            to_snapshot(record, fields),
            aliases=tuple(filter(None, (record.properties.get(MORE_EMAILS) or "").split(";"))),
        )
        for record in found
    ]


async def _search(
    session: Session, kind: ObjectKind, field: str, values: Sequence[str]
) -> list[str]:
    """Return ids of records that hold one of the values; at least a page of each value's."""
    body = Search(
        limit=SEARCH_PAGE,
        properties=[kind.modified],
        filter_groups=[FilterGroup(filters=[Filter(field, "IN", values=list(values))])],
    )
    try:
        listing = await search(session, kind, body)
    except RefusedError as error:
        if error.status != 400:
            raise
        if len(values) == 1:
            return []  # no value that the property could hold
    else:
        if listing.after is None or len(values) == 1:
            return [row.id for row in listing.results]
    middle = len(values) // 2
    first = await _search(session, kind, field, values[:middle])
    return first + await _search(session, kind, field, values[middle:])


def group(values: Iterable[str], field: str, records: Iterable[Snapshot]) -> Found:
    """Put records under the asked values that they hold."""
    holders: dict[str, dict[str, Snapshot]] = {}
    for record in records:
        for text in (record.values.get(field), *record.aliases):
            holders.setdefault((text or "").strip().lower(), {})[record.id] = record
    found = {value: holders.get(value.strip().lower(), {}) for value in values}
    return {value: tuple(some.values()) for value, some in found.items() if some}
