"""The rate budget under virtual time: the promise to the app, and the one to the borrowers."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import anyio
import pytest

from actors.errors import RateLimitedError
from daemon.connectors.budget import BORROWER, Budget, Pool
from tests.simulation.loop import VirtualLoop

SECOND = timedelta(seconds=1)


def simulate(main: Callable[[], Coroutine[Any, Any, None]], seed: int = 1) -> float:
    """Run under virtual time; return the seconds that passed."""
    loop = VirtualLoop(seed)
    try:
        loop.run_until_complete(main())
        return loop.now
    finally:
        loop.close()


class App:
    """Counts calls as an app does: somewhere between their sending and their answer."""

    def __init__(self, limit: int, interval: float, seed: int) -> None:
        self.limit, self.interval = limit, interval
        self.counted: list[float] = []
        self.refused = 0
        self._dice = random.Random(seed)

    async def serve(self) -> int:
        """Take one call; return how many remain."""
        await anyio.sleep(self._dice.choice([0.01, 0.05, 0.3, 2.0]) * self._dice.random())
        now = anyio.current_time()
        recent = [at for at in self.counted if at > now - self.interval]
        if len(recent) >= self.limit:
            self.refused += 1
        self.counted.append(now)
        await anyio.sleep(self._dice.choice([0.01, 0.3]) * self._dice.random())
        return self.limit - len(recent) - 1


@pytest.mark.parametrize("seed", range(8))
def test_a_limit_is_never_exceeded_however_long_calls_travel(seed: int) -> None:
    app = App(limit=20, interval=10.0, seed=seed)
    budget = Budget(Pool("window", 5, timedelta(seconds=10)))

    async def call() -> None:
        async with budget.slot("window") as pool:
            remaining = await app.serve()
            pool.learn(app.limit, remaining, timedelta(seconds=app.interval))

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(200):
                tasks.start_soon(call)

    passed = simulate(main, seed)
    assert app.refused == 0
    assert len(app.counted) == 200
    # 200 calls at 20 in 10 s take 90 s at the least; the way there and back costs some more.
    assert 90 <= passed < 130


def test_a_borrower_with_few_calls_does_not_wait_behind_one_with_many() -> None:
    budget = Budget(Pool("window", 10, timedelta(seconds=10)))
    finished: dict[str, list[float]] = {"many": [], "few": []}

    async def call(borrower: str) -> None:
        BORROWER.set(borrower)
        async with budget.slot("window"):
            await anyio.sleep(0.01)
        finished[borrower].append(anyio.current_time())

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(300):
                tasks.start_soon(call, "many")
            await anyio.sleep(15)
            for _ in range(10):
                tasks.start_soon(call, "few")

    simulate(main)
    # From 15 s on ten calls in 10 s are to be had, half of them for each borrower.
    assert max(finished["few"]) < 15 + 3 * 10
    assert len(finished["many"]) == 300


def test_calls_of_one_borrower_keep_their_order() -> None:
    budget = Budget(Pool("window", 2, SECOND))
    order: list[int] = []

    async def call(number: int) -> None:
        async with budget.slot("window"):
            order.append(number)

    async def main() -> None:
        async with (
            anyio.create_task_group() as tasks,
            budget.slot("window"),
            budget.slot("window"),
        ):
            for number in range(10):
                tasks.start_soon(call, number)
                await anyio.sleep(0.001)

    simulate(main)
    assert order == sorted(order)


def test_a_cancelled_waiter_gives_its_turn_to_the_next() -> None:
    budget = Budget(Pool("window", 1, SECOND))
    served: list[str] = []

    async def call(name: str, patience: float) -> None:
        with anyio.move_on_after(patience):
            async with budget.slot("window"):
                served.append(name)

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, "first", 60)
            await anyio.sleep(0.01)
            tasks.start_soon(call, "impatient", 0.1)
            await anyio.sleep(0.01)
            tasks.start_soon(call, "patient", 60)

    passed = simulate(main)
    assert served == ["first", "patient"]
    assert passed < 1.2
    assert budget.pool("window").waiting == 0


def test_calls_of_others_that_the_app_reports_are_held_back() -> None:
    budget = Budget(Pool("window", 10, timedelta(seconds=10)))

    async def main() -> None:
        async with budget.slot("window") as pool:
            pool.learn(10, 2, None)
        assert budget.remaining()["window"] == 2
        await anyio.sleep(10)
        assert budget.remaining()["window"] == 10

    simulate(main)


def test_a_refused_pool_stays_shut_for_the_pause_that_grows_when_it_does_not_help() -> None:
    budget = Budget(Pool("window", 10, timedelta(seconds=10)))
    pool = budget.pool("window")

    async def main() -> None:
        assert pool.close(None) == timedelta(seconds=10)
        await pool.take()
        assert anyio.current_time() >= 10
        pool.give_back()
        assert pool.close(None) == timedelta(seconds=20)
        await anyio.sleep(20)
        pool.accepted()
        assert pool.close(None) == timedelta(seconds=10)
        assert pool.close(timedelta(seconds=30)) == timedelta(seconds=30)

    simulate(main)


def test_a_long_pause_is_for_the_caller_to_plan() -> None:
    budget = Budget(Pool("window", 10, timedelta(seconds=10)))

    async def main() -> None:
        budget.pool("window").close(timedelta(hours=2))
        with pytest.raises(RateLimitedError) as raised:
            async with budget.slot("window"):
                pytest.fail("no slot is to be had")
        assert raised.value.retry_after == timedelta(hours=2)

    simulate(main)


def test_the_day_is_counted_down_between_answers_and_begins_anew() -> None:
    budget = Budget(Pool("window", 100, SECOND))

    async def main() -> None:
        async with budget.slot("window"):
            budget.learn_day(1000, 2, timedelta(hours=1))
        for _ in range(2):
            async with budget.slot("window"):
                pass
        with pytest.raises(RateLimitedError) as raised:
            async with budget.slot("window"):
                pytest.fail("the day is used up")
        assert raised.value.retry_after == timedelta(hours=1)
        await anyio.sleep(3600)
        async with budget.slot("window"):
            assert budget.daily_remaining is None

    simulate(main)


def test_calls_under_way_are_not_counted_as_left_for_the_day() -> None:
    budget = Budget(Pool("window", 100, SECOND))

    async def main() -> None:
        async with budget.slot("window"), budget.slot("window"), budget.slot("window"):
            budget.learn_day(1000, 5, timedelta(hours=1))
            assert budget.daily_remaining == 3

    simulate(main)
