"""SIGTERM, SIGINT and SIGHUP as one async iterator; nothing else touches signal handlers."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from enum import Enum

import anyio


class Request(Enum):
    """What the process was asked to do."""

    STOP = "stop"
    RELOAD = "reload"


REQUESTS = {
    signal.SIGTERM: Request.STOP,
    signal.SIGINT: Request.STOP,
    signal.SIGHUP: Request.RELOAD,
}


@contextmanager
def open_requests() -> Iterator[AsyncIterator[Request]]:
    """Receive requests instead of being killed, while the block runs.

    Signals that come between two steps of the iterator wait for the next step. Enter it before
    telling anyone that the process is ready, in the main thread, on the event loop.
    """
    with anyio.open_signal_receiver(*REQUESTS) as signals:
        yield (REQUESTS[received] async for received in signals)
