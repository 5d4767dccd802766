from __future__ import annotations

from datetime import timedelta

import pytest

from actors.backoff import delay

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(0, 1), (1, 1), (2, 2), (3, 4), (8, 128), (11, 1024), (12, 1440)]
)
def test_the_pause_doubles_up_to_the_longest(attempts: int, minutes: int) -> None:
    assert delay(attempts, MINUTE, DAY, 0.0) == timedelta(minutes=minutes)


def test_h29_chance_takes_away_up_to_a_fifth_also_of_the_longest() -> None:
    assert delay(1, MINUTE, DAY, 0.5) == timedelta(seconds=54)
    assert delay(99, MINUTE, DAY, 1.0) == DAY * 0.8


def test_any_number_of_failures_has_a_pause() -> None:
    assert delay(10**9, MINUTE, DAY, 0.0) == DAY
