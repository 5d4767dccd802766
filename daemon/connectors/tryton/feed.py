"""Reading a record type's changes: its own rows', and those of the lines that it is made of.

A line that is edited does not move its party's version, so each model has a feed of its own;
one round reads them one after the other. What they name is read as whole records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from actors.errors import SchemaDriftError
from actors.ports import Changes
from actors.records import Gone, Snapshot
from daemon.connectors.tryton.changes import (
    ORDER,
    STAMP,
    Cursor,
    Domain,
    Position,
    advance,
    begin_pass,
    next_rows,
    read_cursor,
    write_cursor,
)
from daemon.connectors.tryton.database import Database
from daemon.connectors.tryton.record_type import Reading, RecordType, Source
from daemon.connectors.tryton.rpc import TooLargeError
from daemon.connectors.tryton.wire import Row, decode_moment

# How many rows with nothing but their version cost as much as one that is read in full.
VERSIONS_PER_ROW = 10


class Round(Struct, frozen=True, omit_defaults=True):
    """How far the feed of each model was read, and whose turn it is."""

    feeds: tuple[Cursor, ...]
    turn: int = 0


def read_round(text: str, count: int) -> Round:
    """Decode a stored cursor of an object that has `count` feeds.

    Raises:
        SchemaDriftError: it was not made by this connector for such an object.
    """
    if count == 1:
        return Round(feeds=(read_cursor(text),))
    try:
        found = msgspec.json.decode(text, type=Round)
    except msgspec.DecodeError:
        raise SchemaDriftError(f"not a cursor of a Tryton app: {text[:100]!r}") from None
    if len(found.feeds) != count or not 0 <= found.turn < count:
        raise SchemaDriftError(f"not a cursor of this object: {text[:100]!r}")
    return found


def write_round(round_: Round) -> str:
    """Encode a cursor for the store."""
    if len(round_.feeds) == 1:
        return write_cursor(round_.feeds[0])
    return msgspec.json.encode(round_).decode()


class Sighting(Struct, frozen=True):
    """A row of a feed: its place there, and the record that it tells of; None if it has left."""

    position: Position
    record: Reading | None


class FeedReader:
    """Reads changes of one object.

    Args:
        database: where.
        kind: the object.
        quiet_until: a moment by the server's clock before which every row is visible.
    """

    def __init__(self, database: Database, kind: RecordType, quiet_until: datetime | None) -> None:
        self._database = database
        self._kind = kind
        self._quiet_until = quiet_until
        self._overlap: timedelta = database.options.overlap
        self._page_size = database.options.page_size

    async def newest(self) -> str:
        """Return a cursor at the newest row of each model."""
        feeds = []
        for source in self._kind.sources:
            rows = await self._rows(source, [], 1, [[STAMP, "DESC"], ["id", "DESC"]])
            feeds.append(Cursor(high=_place(rows[0]).stamp if rows else None))
        return write_round(Round(feeds=tuple(feeds)))

    async def read(self, fields: Sequence[str], cursor: str, seen: Mapping[str, str]) -> Changes:
        """Read on to the next page that holds something, or to the end of the round."""
        round_ = read_round(cursor, len(self._kind.sources))
        while True:
            records, round_, more = await self._read_page(fields, round_, seen)
            if records or not more:
                return Changes(records=tuple(records), cursor=write_round(round_), more=more)

    async def _read_page(
        self, fields: Sequence[str], round_: Round, seen: Mapping[str, str]
    ) -> tuple[list[Snapshot], Round, bool]:
        source = self._kind.sources[round_.turn]
        position = begin_pass(round_.feeds[round_.turn], self._overlap)
        # What was seen needs no fields: most rows of the overlap are never read in full, and
        # many of them fit into one answer.
        size = self._page_size * (VERSIONS_PER_ROW if seen else 1)
        sightings, size = await self._look(
            source, next_rows(position), () if seen else fields, size
        )
        page, fresh = cut_page(sightings, seen, self._page_size)
        if seen and fresh:
            found = await self._database.read(self._kind, (one.id for one in fresh), fields)
            whole = (found.get(one.id) for one in fresh)
            fresh = [one.snapshot for one in whole if isinstance(one, Reading)]
        more = len(sightings) == size or len(page) < len(sightings)
        after = advance(
            position, [one.position for one in page], more=more, quiet_until=self._quiet_until
        )
        return fresh, *_take_turn(round_, after, more=more)

    async def _look(
        self, source: Source, domain: Domain, fields: Sequence[str], size: int
    ) -> tuple[list[Sighting], int]:
        """Read one page, smaller ones where the server wants that; return it and its size."""
        while True:
            try:
                if source.owner:
                    return await self._look_at_lines(source, domain, fields, size), size
                return await self._look_at_records(domain, fields, size), size
            except TooLargeError:
                if size == 1:
                    raise
                size //= 2

    async def _look_at_records(
        self, domain: Domain, fields: Sequence[str], size: int
    ) -> list[Sighting]:
        found = await self._database.search(
            self._kind, domain, fields, limit=size, order=ORDER, within=self._kind.members
        )
        return [
            Sighting(_place(one.row), None if self._kind.departure_of(one.row) else one)
            for one in found
        ]

    async def _look_at_lines(
        self, source: Source, domain: Domain, fields: Sequence[str], size: int
    ) -> list[Sighting]:
        rows = await self._rows(source, domain, size, ORDER)
        owners = dict.fromkeys(str(row[source.owner]) for row in rows)
        found = await self._database.read(self._kind, owners, fields)
        return [Sighting(_place(row), _alive(found.get(str(row[source.owner])))) for row in rows]

    async def _rows(
        self, source: Source, domain: Domain, limit: int, order: list[list[str]]
    ) -> list[Row]:
        names = [STAMP, source.owner] if source.owner else [STAMP]
        return await self._database.ask(
            f"{source.model}.search_read",
            [*_reach(source, self._kind.members), *domain],
            0,
            limit,
            order,
            names,
            answer=list[Row],
        )


def _reach(source: Source, members: Domain) -> Domain:
    """Say of a line's record what `members` says of a record."""
    if not source.owner:
        return members
    clauses = msgspec.convert(members, list[list[object]])
    return [[f"{source.owner}.{name}", *rest] for name, *rest in clauses]


def _place(row: Row) -> Position:
    return Position(decode_moment(row[STAMP]), msgspec.convert(row["id"], int))


def _alive(record: Reading | Gone | None) -> Reading | None:
    return record if isinstance(record, Reading) else None


def _take_turn(round_: Round, after: Cursor, *, more: bool) -> tuple[Round, bool]:
    """Return the round after a page of the feed whose turn it was, and whether it goes on."""
    feeds = (*round_.feeds[: round_.turn], after, *round_.feeds[round_.turn + 1 :])
    if more:
        return Round(feeds=feeds, turn=round_.turn), True
    turn = (round_.turn + 1) % len(feeds)
    return Round(feeds=feeds, turn=turn), turn > 0


def cut_page(
    rows: Sequence[Sighting], seen: Mapping[str, str], most: int
) -> tuple[Sequence[Sighting], list[Snapshot]]:
    """Return as much of `rows` as tells of at most so many unseen records, and those."""
    fresh: dict[str, Snapshot] = {}
    for index, row in enumerate(rows):
        if row.record is None:
            continue
        record = row.record.snapshot
        if record.id in fresh or seen.get(record.id) == record.token:
            continue
        if len(fresh) == most:
            return rows[:index], list(fresh.values())
        fresh[record.id] = record
    return rows, list(fresh.values())
