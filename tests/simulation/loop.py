"""A seeded asyncio loop under virtual time, in which a whole process can be killed.

The selector never waits: it jumps to the next timer. Ready task steps are sorted by the task's
birth and then shuffled by the seed. Code runs as a *process* (a number in a context variable that
tasks, timers and callbacks inherit): killing one drops everything of it between two steps and
resumes none of its frames, so no `finally` and no handler runs, as under SIGKILL.

Must not know what is simulated. No threads.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import random
import selectors
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

import anyio

T = TypeVar("T")

HORIZON_S = 1e9
"""`anyio.sleep_forever` is a timer at infinity; beyond this nothing is waited for."""

MOST_TURNS_AT_ONCE = 20_000
"""Turns of the loop without any time passing, after which something spins."""

PROCESS: contextvars.ContextVar[int] = contextvars.ContextVar("simulated_process", default=0)


class DeadlockError(RuntimeError):
    """Nothing can happen any more: every task waits for another."""


class LivelockError(RuntimeError):
    """Tasks keep each other busy for ever at one moment of virtual time."""


class _Selector(selectors.DefaultSelector):
    """Where a loop would wait for the kernel: permute what is ready, or jump to the next timer."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or (timeout > 0 and self.loop.now > HORIZON_S):
            raise DeadlockError("deadlock: nothing can happen any more")
        self.loop.advance(max(timeout, 0.0))
        self.loop.permute()
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock is a number and whose order of task steps comes from a seed."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _asyncgens: Any  # asyncio's own weak set; typeshed does not know it

    def __init__(self, seed: int | str) -> None:
        self.now = 0.0
        self.steps: dict[int, int] = {}
        self._order = random.Random(f"{seed}/order")
        self._tasks: dict[asyncio.Task[Any], tuple[int, int]] = {}  # to birth, process
        self._births = 0
        self._turns_at_once = 0
        self._dead: set[int] = set()
        self._graves: list[asyncio.Task[Any]] = []
        self._fuse: tuple[int, int, Callable[[], None]] | None = None
        self._doomed: Callable[[], None] | None = None
        selector = _Selector()
        super().__init__(selector)
        selector.loop = self
        self.set_task_factory(self._number)

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self.now

    def call_soon_threadsafe(  # type: ignore[override]  # typeshed's has a TypeVarTuple
        self, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> NoReturn:
        """Refuse: no seed can repeat when a thread answers."""
        raise RuntimeError("no threads in a simulation: no seed can repeat when they answer")

    def spawn(self, process: int, main: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """Start `main` as a process of its own, which can be killed."""
        context = contextvars.copy_context()
        context.run(PROCESS.set, process)
        return self.create_task(main(), name=f"process/{process}", context=context)

    def light_fuse(self, process: int, steps: int, then: Callable[[], None]) -> None:
        """Kill `process` after so many more steps of its tasks, then call `then`."""
        self._fuse = (process, self.steps.get(process, 0) + steps, then)

    def kill(self, process: int) -> None:
        """Stop a process between two steps: nothing of it ever runs again."""
        self._dead.add(process)
        if self._fuse is not None and self._fuse[0] == process:
            self._fuse = None
        for timer in self._scheduled:
            if _process_of(timer) == process:
                timer.cancel()
        for task, (_, owner) in self._tasks.items():
            if owner == process and not task.done():
                # Out of asyncio's sight, so that closing the loop does not wait for the dead.
                asyncio.tasks._unregister_task(task)
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                self._graves.append(task)
        self._tasks = {task: known for task, known in self._tasks.items() if not task.done()}
        self._asyncgens.clear()

    def advance(self, seconds: float) -> None:
        """Move the clock; complain if it has stood still for too many turns."""
        self._turns_at_once = 0 if seconds else self._turns_at_once + 1
        if self._turns_at_once > MOST_TURNS_AT_ONCE:
            raise LivelockError(f"livelock: {MOST_TURNS_AT_ONCE} turns at {self.now:.6f}")
        self.now += seconds

    def permute(self) -> None:
        """Drop what is dead, then shuffle task steps among themselves.

        Other callbacks keep their first-in-first-out places. By birth first: anyio cancels in the
        order of a set, which memory addresses decide.
        """
        if self._doomed is not None:
            then, self._doomed = self._doomed, None
            then()
        if self._dead and self._ready:
            alive = [h for h in self._ready if _process_of(h) not in self._dead]
            self._ready.clear()
            self._ready.extend(alive)
        if self._ready:
            self._shuffle()
            self._count()

    def _shuffle(self) -> None:
        steps = [
            (place, self._tasks[task][0])
            for place, handle in enumerate(self._ready)
            if (task := _task_of(handle)) is not None
        ]
        if len(steps) < 2:
            return
        order = [self._ready[place] for place, _ in sorted(steps, key=lambda step: step[1])]
        self._order.shuffle(order)
        for (place, _), handle in zip(steps, order, strict=True):
            self._ready[place] = handle

    def _count(self) -> None:
        """Count the steps of each process; cut the turn short where a fuse ends in it."""
        for place, handle in enumerate(self._ready):
            if _task_of(handle) is None:
                continue
            process = _process_of(handle)
            done = self.steps[process] = self.steps.get(process, 0) + 1
            if self._fuse is not None and self._fuse[:2] == (process, done):
                self._doomed, self._fuse = self._burnt(process, self._fuse[2]), None
                rest = [h for h in list(self._ready)[place + 1 :] if _process_of(h) != process]
                while len(self._ready) > place + 1:
                    self._ready.pop()
                self._ready.extend(rest)
                return

    def _burnt(self, process: int, then: Callable[[], None]) -> Callable[[], None]:
        def die() -> None:
            self.kill(process)
            then()

        return die

    def _number(self, loop: asyncio.AbstractEventLoop, coro: Any, **kw: Any) -> asyncio.Task[Any]:
        context = kw.get("context")
        process = PROCESS.get() if context is None else context.get(PROCESS, 0)
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **kw)
        self._tasks[task] = (self._births, process)
        self._births += 1
        return task

    def bury(self) -> None:
        """Let go of the frames of killed processes; call it when the run is over."""
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            for task in reversed(self._graves):
                for _ in range(50):  # a frame may wait again while it is being closed
                    with suppress(BaseException):
                        task.get_coro().close()
                        break
            self._graves.clear()
            self._tasks.clear()
            gc.collect()
        finally:
            sys.unraisablehook = hook


def _process_of(handle: asyncio.Handle) -> int:
    context: contextvars.Context = handle._context  # type: ignore[attr-defined]
    return context.get(PROCESS, 0)


def _task_of(handle: asyncio.Handle) -> asyncio.Task[Any] | None:
    owner = getattr(getattr(handle, "_callback", None), "__self__", None)
    return owner if isinstance(owner, asyncio.Task) else None


def current_loop() -> VirtualLoop:
    """Return the running loop, which must be a virtual one."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop), "this code only runs in the simulator"
    return loop


def simulate(seed: int | str, main: Callable[[], Awaitable[T]]) -> T:
    """Run `main` in a virtual loop to its end and return what it returns."""
    loops: list[VirtualLoop] = []

    def factory() -> VirtualLoop:
        loops.append(VirtualLoop(seed))
        return loops[0]

    gc.disable()  # a collection in mid-run calls finalizers at a moment that no seed decides
    try:
        return anyio.run(main, backend_options={"loop_factory": factory})
    finally:
        for loop in loops:
            loop.bury()
        gc.enable()
