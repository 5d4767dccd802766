"""What a piece of work cost: CPU of this process or of a child, memory, wall time."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import anyio
from msgspec import Struct

T = TypeVar("T")

_TICKS = os.sysconf("SC_CLK_TCK")


class Cost(Struct, frozen=True):
    """Seconds of CPU (all threads, user and system) and of wall time."""

    cpu: float
    wall: float

    def per_thousand(self, records: int) -> float:
        """Return milliseconds of CPU for a thousand records."""
        return self.cpu / records * 1e6


def cost_of(work: Callable[[], Awaitable[T]]) -> tuple[T, Cost]:
    """Run asynchronous work in a loop of its own and say what it cost this process."""

    async def timed() -> tuple[T, Cost]:
        with measured() as taken:
            value = await work()
        return value, taken[0]

    return anyio.run(timed)


@contextmanager
def measured() -> Iterator[list[Cost]]:
    """Say what the block cost this process: the list holds one cost once it has ended."""
    taken: list[Cost] = []
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    yield taken
    taken.append(Cost(time.process_time() - cpu, time.perf_counter() - wall))


def child_cpu(pid: int) -> float:
    """Return the seconds of CPU that a running process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def child_memory(pid: int, what: str = "VmRSS") -> float:
    """Return a running process's memory in MB; `what` is VmRSS or VmHWM, its peak."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith(f"{what}:"))
    return int(line.split()[1]) / 1024
