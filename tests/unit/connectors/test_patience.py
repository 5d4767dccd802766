"""Reads at a start are repeated while an app fails for the moment, and no longer."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import anyio
import pytest

from actors.errors import AuthError, RateLimitedError, TransientError
from daemon.connectors.patience import ATTEMPTS, patiently
from tests.simulation.loop import VirtualLoop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": partial(VirtualLoop, 1)}


class App:
    """Fails with these errors, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


async def test_a_read_that_fails_for_the_moment_is_repeated_after_growing_pauses() -> None:
    app, began = App(*[TransientError("502")] * (ATTEMPTS - 1)), anyio.current_time()
    assert await patiently(app) == "answer"
    assert app.calls == ATTEMPTS
    assert 2 < anyio.current_time() - began < 10


async def test_an_app_that_goes_on_failing_is_given_up() -> None:
    app = App(*[TransientError("502")] * ATTEMPTS)
    with pytest.raises(TransientError):
        await patiently(app)
    assert app.calls == ATTEMPTS


async def test_the_pause_that_the_app_asks_for_is_kept_unless_it_is_long() -> None:
    app, began = App(TransientError("503", timedelta(seconds=3))), anyio.current_time()
    assert await patiently(app) == "answer"
    assert anyio.current_time() - began >= 3
    with pytest.raises(TransientError):
        await patiently(App(TransientError("503", timedelta(minutes=1))))


@pytest.mark.parametrize("error", [AuthError("no"), RateLimitedError("slowly")])
async def test_what_no_repetition_mends_is_raised_at_once(error: Exception) -> None:
    app = App(error)
    with pytest.raises(type(error)):
        await patiently(app)
    assert app.calls == 1
