"""The change feed as arithmetic: which rows to ask for next, and where that leaves the cursor.

A row's stamp is the start of its transaction, so rows can turn up under stamps older than others
already read. Each pass therefore begins an overlap before the newest stamp, and what was seen is
left out by its version. Source: tryton.md, section 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from actors.errors import SchemaDriftError
from daemon.connectors.tryton.wire import encode_moment

STAMP = "last_modified_at"
ORDER: list[list[str]] = [[STAMP, "ASC"], ["id", "ASC"]]

Domain = list[object]


class Position(Struct, frozen=True, array_like=True, order=True):
    """A row's place in the feed: any number of rows may share a stamp."""

    stamp: datetime
    id: int


class Cursor(Struct, frozen=True, omit_defaults=True):
    """How far the feed was read.

    Attributes:
        high: the newest stamp of which all is read, but for late rows; None before any row.
        low: where the pass under way began; None between passes, or at the feed's beginning.
        after: the last row that the pass under way has read; None between passes.
        top: the newest stamp that the pass under way has met.
    """

    high: datetime | None = None
    low: datetime | None = None
    after: Position | None = None
    top: datetime | None = None


def read_cursor(text: str) -> Cursor:
    """Decode a stored cursor.

    Raises:
        SchemaDriftError: it was not made by this connector.
    """
    try:
        return msgspec.json.decode(text, type=Cursor)
    except msgspec.DecodeError:
        raise SchemaDriftError(f"not a cursor of a Tryton app: {text[:100]!r}") from None


def write_cursor(cursor: Cursor) -> str:
    """Encode a cursor for the store."""
    return msgspec.json.encode(cursor).decode()


def begin_pass(cursor: Cursor, overlap: timedelta) -> Cursor:
    """Return the cursor with a pass under way: the present one, or a new one from the overlap."""
    if cursor.after is not None:
        return cursor
    low = None if cursor.high is None else cursor.high - overlap
    return Cursor(high=cursor.high, low=low)


def next_rows(cursor: Cursor) -> Domain:
    """Return the domain of the rows that the pass has yet to read."""
    if cursor.after is not None:
        stamp = encode_moment(cursor.after.stamp)
        tie: Domain = [[STAMP, "=", stamp], ["id", ">", cursor.after.id]]
        return [["OR", [[STAMP, ">", stamp]], tie]]
    return [] if cursor.low is None else [[STAMP, ">=", encode_moment(cursor.low)]]


def advance(
    cursor: Cursor, rows: Sequence[Position], *, more: bool, quiet_until: datetime | None
) -> Cursor:
    """Return the cursor after a page.

    Args:
        cursor: with its pass under way.
        rows: the page, in feed order.
        more: the pass has more pages.
        quiet_until: a moment by the server's clock before which every row is sure to be
            visible. Without it, the rows of the last burst would be read again at every poll
            until the next edit, however long that takes.
    """
    top = max((row.stamp for row in rows), default=None)
    top = max((stamp for stamp in (cursor.top, top) if stamp is not None), default=None)
    if more:
        return Cursor(high=cursor.high, low=cursor.low, after=rows[-1], top=top)
    known = [stamp for stamp in (cursor.high, top, quiet_until) if stamp is not None]
    return Cursor(high=max(known, default=None))
