"""Real signals to this process, read as requests."""

from __future__ import annotations

import os
import signal

import anyio
import pytest

from daemon.signals import Request, open_requests

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    ("number", "request_"),
    [
        (signal.SIGTERM, Request.STOP),
        (signal.SIGINT, Request.STOP),
        (signal.SIGHUP, Request.RELOAD),
    ],
)
async def test_each_signal_is_a_request(number: signal.Signals, request_: Request) -> None:
    with open_requests() as requests, anyio.fail_after(5):
        os.kill(os.getpid(), number)
        assert await anext(requests) is request_


async def test_signals_wait_for_a_reader_that_is_busy() -> None:
    with open_requests() as requests, anyio.fail_after(5):
        os.kill(os.getpid(), signal.SIGHUP)
        await anyio.lowlevel.checkpoint()
        os.kill(os.getpid(), signal.SIGTERM)
        await anyio.lowlevel.checkpoint()
        assert [await anext(requests), await anext(requests)] == [Request.RELOAD, Request.STOP]


async def test_handlers_are_given_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    with open_requests():
        assert signal.getsignal(signal.SIGHUP) != before[1]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before
