"""The clock of simulations: the loop's time, a wall clock that may jump, seeded chance."""

from __future__ import annotations

from datetime import timedelta

import anyio
import pytest

from actors.ports import Clock
from actors.testing import ManualClock

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_the_wall_follows_the_loop_and_may_jump() -> None:
    clock = ManualClock()
    started, wall = anyio.current_time(), clock.now()
    await clock.sleep(0.001)
    assert clock.monotonic() > started
    assert clock.now() > wall
    clock.epoch -= timedelta(hours=1)
    assert clock.now() < wall
    assert clock.monotonic() > started


async def test_one_seed_gives_one_sequence_of_chance() -> None:
    def draw(clock: Clock) -> list[float]:
        return [clock.jitter() for _ in range(5)]

    assert draw(ManualClock(seed=3)) == draw(ManualClock(seed=3)) != draw(ManualClock(seed=4))
    assert all(0 <= number < 1 for number in draw(ManualClock()))
