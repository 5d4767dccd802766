"""The change feed's arithmetic: ties, pages, late rows, quiet times."""

from __future__ import annotations

import operator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import SchemaDriftError
from daemon.connectors.tryton.changes import (
    Cursor,
    Position,
    advance,
    begin_pass,
    next_rows,
    read_cursor,
    write_cursor,
)
from daemon.connectors.tryton.wire import decode_moment

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
OVERLAP = timedelta(minutes=10)
SECOND = timedelta(seconds=1)


# Any: a domain is nested lists of texts, numbers and timestamps.
def fits(row: Position, domain: list[Any]) -> bool:
    """Judge a row by a domain as the server does, for the domains that are asked."""
    if not domain:
        return True
    (clause,) = domain
    if clause[0] == "OR":
        return any(all(meets(row, part) for part in way) for way in clause[1:])
    return meets(row, clause)


def meets(row: Position, clause: list[Any]) -> bool:
    name, symbol, value = clause
    compare = {"=": operator.eq, ">": operator.gt, ">=": operator.ge}[symbol]
    if name == "id":
        return bool(compare(row.id, value))
    return bool(compare(row.stamp, decode_moment(value)))


def read_pass(
    rows: list[Position], cursor: Cursor, size: int, quiet: datetime | None = None
) -> tuple[list[Position], Cursor]:
    """Read one pass to its end, storing the cursor between pages as the engine does."""
    found: list[Position] = []
    while True:
        cursor = begin_pass(read_cursor(write_cursor(cursor)), OVERLAP)
        fitting = sorted(row for row in rows if fits(row, next_rows(cursor)))
        page = fitting[:size]
        more = len(page) == size
        found += page
        cursor = advance(cursor, page, more=more, quiet_until=quiet)
        if not more:
            return found, cursor


rows = st.lists(
    st.builds(
        Position,
        st.integers(0, 5).map(lambda second: NOON + second * SECOND),
        st.integers(1, 10_000),
    ),
    unique_by=lambda row: row.id,
    max_size=40,
)


@given(rows, st.integers(1, 7))
def test_a_pass_reads_each_row_once_whatever_the_ties_and_the_size_of_pages(
    rows: list[Position], size: int
) -> None:
    found, cursor = read_pass(rows, Cursor(), size)
    assert found == sorted(rows)
    assert cursor == Cursor(high=max((row.stamp for row in rows), default=None))


def test_three_thousand_rows_of_one_stamp_are_read_once_each() -> None:
    rows: list[Position] = [Position(NOON, number) for number in range(1, 3001)]
    found, _ = read_pass(rows, Cursor(), 500)
    assert found == rows


def test_a_row_that_turns_up_under_an_older_stamp_is_read_by_the_next_pass() -> None:
    early, late = Position(NOON, 2), Position(NOON - OVERLAP + SECOND, 1)
    _, cursor = read_pass([early], Cursor(), 5)
    found, _ = read_pass([early, late], cursor, 5)
    assert late in found


def test_the_feed_never_goes_back() -> None:
    _, cursor = read_pass([Position(NOON, 1)], Cursor(), 5)
    _, cursor = read_pass([], cursor, 5)
    assert cursor.high == NOON


def test_a_quiet_time_moves_the_cursor_past_what_cannot_change_any_more() -> None:
    rows: list[Position] = [Position(NOON, number) for number in range(1, 30)]
    _, cursor = read_pass(rows, Cursor(), 10)
    _, cursor = read_pass(rows, cursor, 10, quiet=NOON + OVERLAP + SECOND)
    found, _ = read_pass(rows, cursor, 10)
    assert found == []


def test_a_pass_that_was_cut_short_goes_on_where_it_was() -> None:
    rows: list[Position] = [Position(NOON + number * SECOND, number) for number in range(1, 10)]
    cursor = begin_pass(Cursor(high=NOON), OVERLAP)
    cursor = advance(cursor, rows[:4], more=True, quiet_until=None)
    found, end = read_pass(rows, read_cursor(write_cursor(cursor)), 4)
    assert found == rows[4:]
    assert end.high == rows[-1].stamp


def test_a_foreign_cursor_is_refused() -> None:
    with pytest.raises(SchemaDriftError, match="not a cursor of a Tryton app"):
        read_cursor("2026-11-24T12:00:00Z|17")
