from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daemon.connectors.clock import HALF_SECOND, AppClock, ClockOffset, parse_http_date

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def feed(offset: ClockOffset, *seconds: float) -> None:
    for one in seconds:
        offset.observe(NOON - HALF_SECOND + timedelta(seconds=one), NOON)


def applied(offset: ClockOffset) -> float:
    assert offset.applied is not None
    return offset.applied.total_seconds()


def test_the_first_sample_is_applied_at_once() -> None:
    offset = ClockOffset()
    assert offset.applied is None
    feed(offset, 7)
    assert applied(offset) == 7


def test_jitter_within_two_seconds_never_moves_the_offset() -> None:
    offset = ClockOffset()
    feed(offset, 0, *[1.9, -1.9] * 40)
    assert applied(offset) == 0


def test_a_single_stray_answer_does_not_move_the_offset() -> None:
    offset = ClockOffset()
    feed(offset, *[0] * 15, 3600, *[0] * 15)
    assert applied(offset) == 0


def test_a_lasting_change_moves_it_after_five_samples_of_the_median() -> None:
    offset = ClockOffset(window=3)
    feed(offset, 0, 0, 0, 30, 30)
    assert applied(offset) == 0
    feed(offset, 30, 30, 30)
    assert applied(offset) == 0
    feed(offset, 30)
    assert applied(offset) == 30


def test_the_apps_time_goes_on_between_answers() -> None:
    clock = AppClock()
    assert clock.read(0) is None
    clock.observe(NOON, 100.0)
    assert clock.read(103.5) == NOON + timedelta(seconds=3.5)
    clock.observe(NOON - timedelta(hours=1), 200.0)
    assert clock.read(200.0) == NOON - timedelta(hours=1), "the last answer counts"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 01 Mar 2026 12:00:00 GMT", NOON),
        ("Sun, 01 Mar 2026 13:00:00 +0100", NOON),
        ("", None),
        (None, None),
        ("yesterday", None),
    ],
)
def test_dates_of_answers(text: str | None, expected: datetime | None) -> None:
    assert parse_http_date(text) == expected
