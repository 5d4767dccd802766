"""The change feed: search in a frozen window, keyset by id, truth by batch read.

HubSpot's index lags by seconds or minutes, many records can carry one millisecond, a search
shows 10,000 results at most, and a record that is edited while pages are turned leaves the set.
So a window of modification times is frozen and walked by ascending id, each request anew from
offset 0; each window begins `overlap` before the end of the last one, and what was seen already
costs nothing more than its row in the search (hubspot-api.md section 12.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.ports import Changes
from actors.records import Gone, Snapshot
from daemon.connectors.hubspot.kinds import ObjectKind
from daemon.connectors.hubspot.presence import fetch
from daemon.connectors.hubspot.reading import SEARCH_PAGE, search
from daemon.connectors.hubspot.session import Session
from daemon.connectors.hubspot.wire import Filter, FilterGroup, Listing, Search, Sort

OBJECT_ID = "hs_object_id"


class Cursor(Struct, frozen=True, omit_defaults=True):
    """How far the feed was read; times are milliseconds since 1970 by HubSpot's clock.

    Attributes:
        hi_done: upper end of the last window that was read to its end.
        lo, hi: the open window, both ends included; None between windows.
        last_id: all records of the open window up to this id are dealt with.
    """

    hi_done: int
    lo: int | None = None
    hi: int | None = None
    last_id: int = 0

    def dump(self) -> str:
        """Write the cursor as text."""
        return msgspec.json.encode(self).decode()


_CURSORS = msgspec.json.Decoder(Cursor)


class Window(Struct, frozen=True):
    """The span of modification times that one pass looks at."""

    lo: int
    hi: int


class Margins(Struct, frozen=True, kw_only=True):
    """How far a window stays off the edges.

    Attributes:
        overlap: how much of the time before the last window is looked at again, for records
            that came into the index late.
        hold: the newest part of the time that is left for the next window.
    """

    overlap: timedelta
    hold: timedelta


def to_ms(moment: datetime) -> int:
    """Return milliseconds since 1970, rounded down."""
    return int(moment.timestamp() * 1000)


def open_window(cursor: Cursor, now: datetime, margins: Margins) -> Window:
    """Return the window of a cursor: the open one, or the next."""
    if cursor.lo is not None and cursor.hi is not None:
        return Window(cursor.lo, cursor.hi)
    lo = cursor.hi_done - _ms(margins.overlap)
    return Window(lo, max(to_ms(now) - _ms(margins.hold), lo))


async def start(session: Session) -> str:
    """Return a cursor for everything from now on; one cheap call makes sure of HubSpot's time."""
    await session.read_details()
    return Cursor(hi_done=to_ms(await session.read_clock())).dump()


async def read_changes(
    session: Session,
    kind: ObjectKind,
    fields: Sequence[str],
    cursor: str,
    seen: Mapping[str, str],
    margins: Margins,
) -> Changes:
    """Read one page of what changed since `cursor`, without what is in `seen`."""
    place = _CURSORS.decode(cursor)
    window = open_window(place, await session.read_clock(), margins)
    listing = await search(session, kind, _query(kind, window, place.last_id))
    fresh = [row.id for row in listing.results if seen.get(row.id) != row.updated_at]
    records: tuple[Snapshot, ...] = ()
    gone: tuple[Gone, ...] = ()
    if fresh:
        fetched = await fetch(session, kind, fresh, fields)
        # The index may lag behind the store: what it calls new may have been seen by now.
        records = tuple(one for one in fetched.records if seen.get(one.id) != one.token)
        gone = fetched.gone
    following = _advance(session, place, window, listing, margins)
    return Changes(
        records=records, gone=gone, cursor=following.dump(), more=following.lo is not None
    )


def _query(kind: ObjectKind, window: Window, last_id: int) -> Search:
    return Search(
        limit=SEARCH_PAGE,
        properties=[kind.modified],
        filter_groups=[
            FilterGroup(
                filters=[
                    Filter(kind.modified, "BETWEEN", str(window.lo), str(window.hi)),
                    Filter(OBJECT_ID, "GT", str(last_id)),
                ]
            )
        ],
        sorts=[Sort(OBJECT_ID, "ASCENDING")],
    )


def _advance(
    session: Session, place: Cursor, window: Window, listing: Listing, margins: Margins
) -> Cursor:
    if len(listing.results) >= SEARCH_PAGE:
        last_id = max(int(row.id) for row in listing.results)
        return replace(place, lo=window.lo, hi=window.hi, last_id=last_id)
    done = window.hi
    if session.last_date is not None:
        # The window's end was reckoned from an earlier answer; HubSpot's clock may have been
        # set back since.
        done = min(done, to_ms(session.last_date) - _ms(margins.hold))
    return Cursor(hi_done=max(place.hi_done, done))


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
