"""The runner: one sync of a connection, through pauses and orders to read all of it again."""

from __future__ import annotations

import logging
from collections.abc import Callable

import anyio

from actors.connection import Connection as SyncConnection
from daemon.desk import Wishes

log = logging.getLogger(__name__)


class Runner:
    """Runs a sync until stopped; while it is paused it holds nothing and asks nobody."""

    def __init__(self, name: str, make: Callable[[], SyncConnection], wishes: Wishes) -> None:
        self.name = name
        self._make = make
        self._wishes = wishes
        self._read_again_for = wishes.resyncs.get(name, 0)
        self._current: SyncConnection | None = None
        self._is_stopping = False
        self._changed = anyio.Event()

    def stop(self) -> None:
        """Drain; `run` returns when it is done."""
        self._is_stopping = True
        self._changed.set()
        if self._current is not None:
            self._current.stop()

    def heed(self, wishes: Wishes) -> None:
        """Take note of what people want now."""
        self._wishes = wishes
        self._changed.set()
        current, resync = self._current, wishes.resyncs.get(self.name, 0)
        if current is None:
            return
        if wishes.pause_of(self.name) is not None:
            current.stop()
        elif resync > self._read_again_for:
            current.stop()  # the next life begins with reading all of it
        elif self.name in wishes.asked:
            current.nudge()
        self._read_again_for = max(self._read_again_for, resync)

    async def run(self) -> None:
        """Run until stopped.

        Raises:
            ExceptionGroup: as `SyncConnection.run`.
        """
        while not self._is_stopping:
            pause = self._wishes.pause_of(self.name)
            if pause is not None:
                log.info("sync is paused", extra={"sync": self.name, "by": pause.by})
                await self._resumed()
                continue
            self._current = self._make()
            try:
                await self._current.run()
            finally:
                self._current = None

    async def _resumed(self) -> None:
        while not self._is_stopping and self._wishes.pause_of(self.name) is not None:
            self._changed = anyio.Event()
            await self._changed.wait()
