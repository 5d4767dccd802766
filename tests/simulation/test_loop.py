"""The virtual loop: seeded order, no waiting, and kills after which nothing runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest

from tests.simulation.loop import DeadlockError, LivelockError, current_loop, simulate


def crowd(seed: int) -> list[int]:
    """Cancel twenty tasks at one moment: no delay is random, only the loop's shuffle."""
    left: list[int] = []

    async def wait(number: int) -> None:
        try:
            await anyio.sleep(60)
        finally:
            left.append(number)

    async def main() -> None:
        with anyio.move_on_after(5):
            async with anyio.create_task_group() as group:
                for number in range(20):
                    group.start_soon(wait, number)

    simulate(seed, main)
    return left


def test_the_seed_alone_decides_the_order_of_tasks() -> None:
    orders = [crowd(seed) for seed in range(12)]
    assert orders == [crowd(seed) for seed in range(12)]
    assert len({tuple(order) for order in orders}) == 12
    assert all(sorted(order) == list(range(20)) for order in orders)


def test_a_simulated_day_is_over_at_once() -> None:
    async def main() -> float:
        await anyio.sleep(86400)
        return current_loop().time()

    assert simulate(1, main) == pytest.approx(86400)


@pytest.mark.parametrize("wait", [anyio.sleep_forever, lambda: anyio.Event().wait()])
def test_a_wait_for_ever_is_an_error(wait: Callable[[], Awaitable[None]]) -> None:
    with pytest.raises(DeadlockError):
        simulate(1, wait)


def test_tasks_that_only_keep_each_other_busy_are_an_error() -> None:
    async def spin() -> None:
        while True:
            await anyio.lowlevel.checkpoint()

    with pytest.raises(LivelockError):
        simulate(1, spin)


def test_no_thread_can_slip_in() -> None:
    async def main() -> None:
        current_loop().call_soon_threadsafe(print)

    with pytest.raises(RuntimeError, match="no threads"):
        simulate(1, main)


async def tick(beats: list[str], name: str) -> None:
    """Beat until stopped, and tell if any clean-up ever ran."""

    async def beat(half: str) -> None:
        try:
            while True:
                await anyio.sleep(1)
                beats.append(f"{name}{half}")
        finally:
            beats.append("cleaned up")

    async with anyio.create_task_group() as group:
        group.start_soon(beat, "1")
        group.start_soon(beat, "2")


def test_a_killed_process_neither_goes_on_nor_cleans_up() -> None:
    beats: list[str] = []

    async def main() -> list[str]:
        loop = current_loop()
        doomed = loop.spawn(1, lambda: tick(beats, "dead"))
        other = loop.spawn(2, lambda: tick(beats, "live"))
        await anyio.sleep(3.5)
        loop.kill(1)
        before = len(beats)
        await anyio.sleep(3)
        after = beats[before:]
        assert not doomed.done()
        other.cancel()
        return after

    after = simulate(1, main)
    assert sorted(after) == ["live1"] * 3 + ["live2"] * 3


def test_a_fuse_kills_after_exactly_so_many_steps() -> None:
    counts = []
    for steps in (1, 2, 3, 7):
        beats: list[str] = []

        async def main(beats: list[str] = beats, steps: int = steps) -> int:
            loop = current_loop()
            died = anyio.Event()
            loop.spawn(1, lambda: tick(beats, "x"))
            await anyio.sleep(10.5)
            before = loop.steps[1]
            loop.light_fuse(1, steps, died.set)
            await died.wait()
            await anyio.sleep(5)
            return loop.steps[1] - before

        counts.append(simulate(3, main))
    assert counts == [1, 2, 3, 7]
