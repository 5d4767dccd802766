"""The simulated world around tieline: two apps, people, a disk, and lives that end abruptly."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import anyio

from actors.errors import TielineError
from actors.ports import Connector, Store
from actors.records import Side
from tests.simulation.connector import ScriptedConnector
from tests.simulation.crm import EPOCH, Crm
from tests.simulation.faults import Crash, CrashKind, FaultPlan
from tests.simulation.inline_store import Disk
from tests.simulation.ledger import Ledger
from tests.simulation.loop import VirtualLoop, current_loop
from tests.simulation.people import People
from tests.simulation.scenario import Scenario


class SimClock:
    """tieline's own clock in one life."""

    def __init__(self, seed: str, life: int, skew_s: float) -> None:
        self._random = random.Random(f"{seed}/clock/{life}")
        self._skew_s = skew_s
        self._boot = self._random.uniform(0, 1000)

    def now(self) -> datetime:
        """Return the wall clock, which may be wrong."""
        return EPOCH + timedelta(seconds=current_loop().time() + self._skew_s)

    def monotonic(self) -> float:
        """Return seconds since some moment of this life's own."""
        return current_loop().time() + self._boot

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)

    def jitter(self) -> float:
        """Return a seeded number from 0 to 1."""
        return self._random.random()


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What one life of tieline is given."""

    scenario: Scenario
    connectors: Mapping[Side, Connector]
    open_store: Callable[[], AbstractAsyncContextManager[Store]]
    clock: SimClock
    ledger: Ledger


Engine = Callable[[Parts], Coroutine[Any, Any, None]]
"""Runs tieline until it is cancelled."""

_RESTART_S = 5.0


class World:
    """Everything but tieline."""

    def __init__(self, scenario: Scenario, loop: VirtualLoop, *, keep_lines: bool = False) -> None:
        self.scenario, self.loop = scenario, loop
        self.ledger = Ledger(loop.time, keep_lines=keep_lines)
        self.plan = FaultPlan(scenario.rates, scenario.seed, scenario.activity_s)
        self.crms = {side: self._crm(side) for side in Side}
        self.people = People(scenario, self.crms, scenario.activity_s)
        self._disk_time = random.Random(f"{scenario.seed}/disk")
        self.disk = Disk(pause=self._disk_pause)
        self.life, self.began_at = 0, 0.0
        self.failures: list[str] = []
        self.on_breakdown: Callable[[], None] = lambda: None
        self._crashes = list(scenario.crashes)
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connectors: dict[Side, ScriptedConnector] = {}
        self.people.found()

    def _crm(self, side: Side) -> Crm:
        return Crm(
            name=self.scenario.app(side),
            side=side,
            flavour=self.scenario.flavours[side],
            schema=self.scenario.schema(side),
            ledger=self.ledger,
            seed=self.scenario.seed,
            clock_skew_s=self.scenario.skews[side],
            lag=lambda: self.plan.lag_s(self.loop.time()),
        )

    async def _disk_pause(self) -> None:
        await anyio.sleep(self._disk_time.uniform(0.0001, 0.002))

    def settle(self) -> None:
        """Let effects that are due happen on both sides."""
        for crm in self.crms.values():
            crm.settle()

    @property
    def is_pending(self) -> bool:
        """Something that tieline asked for is still to happen."""
        return any(crm.is_pending for crm in self.crms.values())

    @property
    def is_up(self) -> bool:
        """tieline runs."""
        return self._task is not None and not self._task.done()

    # --- lives ---

    async def keep_alive(self, engine: Engine) -> None:
        """Run one life of tieline after the other, until cancelled."""
        while True:
            self.start_life(engine)
            crash = self._next_crash()
            if crash is not None:
                self._arm(crash)
            await self._ended.wait()
            if self.failures:
                return self.on_breakdown()
            pause = crash.pause_s if crash is not None and self._task is None else _RESTART_S
            await anyio.sleep(pause)

    def start_life(self, engine: Engine) -> None:
        """Start tieline."""
        self.life += 1
        self.began_at = self.loop.time()
        self._ended = asyncio.Event()
        self.disk.fault = lambda _: None
        skew_s = self.scenario.engine_skew_s
        connectors: dict[Side, ScriptedConnector] = {
            side: ScriptedConnector(crm, self.plan, self.life, engine_skew_s=skew_s)
            for side, crm in self.crms.items()
        }
        for side, connector in connectors.items():
            connector.on_request = partial(self.people.react, side)
        self._connectors = connectors
        parts = Parts(
            scenario=self.scenario,
            connectors=dict(connectors),
            open_store=self.disk.open,
            clock=SimClock(self.scenario.seed, self.life, self.scenario.engine_skew_s),
            ledger=self.ledger,
        )
        self.ledger.note(f"life {self.life} begins")
        self._task = self.loop.spawn(self.life, lambda: engine(parts))
        self._task.add_done_callback(self._on_end)

    def kill(self) -> None:
        """End this life between two steps."""
        if self._task is not None:
            self.loop.kill(self.life)
            self._on_kill()

    def _on_kill(self) -> None:
        self._task = None
        self.disk.kill()
        self.ledger.note(f"life {self.life} killed")
        self._ended.set()

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """A life ended by itself: after an error that it may end for, it begins again."""
        if task is not self._task:
            return
        self.disk.kill()
        error = None if task.cancelled() else task.exception()
        self.ledger.note(f"life {self.life} ended: {type(error).__name__}")
        if error is not None:
            self.ledger.faults["life ended by an error"] += 1
            if not all(isinstance(leaf, TielineError) for leaf in _leaves(error)):
                self.failures.append("".join(traceback.format_exception(error)))
        if task.cancelled():
            self._task = None
        self._ended.set()

    def _next_crash(self) -> Crash | None:
        if not self._crashes or not self.plan.is_active(self.loop.time()):
            return None
        return self._crashes.pop(0)

    def _arm(self, crash: Crash) -> None:
        """Prepare the end of this life; it happens only while people are at work."""
        self.loop.call_later(crash.after_s, self._armed, crash, self.life)

    def _armed(self, crash: Crash, life: int) -> None:
        if life != self.life or self._task is None:
            return
        left = [crash.event]

        def count(name: str) -> None:
            if crash.kind is CrashKind.AFTER_COMMIT and name != "commit":
                return
            left[0] -= 1
            alive = life == self.life and self._task is not None
            if left[0] == 0 and alive and self.plan.is_active(self.loop.time()):
                self.ledger.faults[crash.kind.value] += 1
                self.loop.light_fuse(life, crash.steps, self._on_kill)

        match crash.kind:
            case CrashKind.AT_TIME:
                left[0] = 1
                count("")
            case CrashKind.STOPPED:
                self.ledger.faults[crash.kind.value] += 1
                self._task.cancel()
            case CrashKind.AFTER_CALL:
                for connector in self._connectors.values():
                    connector.on_call = count
            case CrashKind.AFTER_COMMIT:
                self.disk.fault = lambda name: count(name)


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error]
