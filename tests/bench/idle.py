"""The daemon with many links and nothing to do: start, memory, polls, and reading all anew."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import anyio
from msgspec import Struct

from actors.records import Side
from tests.bench import configs, least
from tests.bench.backfill import closing_sandbox, scratch
from tests.bench.daemon_process import Daemon, free_port, running_daemon
from tests.bench.figures import Figure, Tell, of_runs
from tests.bench.rig import forget_backfill, open_rig, read_all, seed_links
from tests.support.hubspot_process import Sandbox

_PATIENCE = 300
_MOST_MB = 80.0
_MOST_START_SECONDS = 1.0


class Place(Struct, frozen=True):
    """A folder with a configuration and a store of so many links, and both accounts."""

    folder: Path
    port: int
    links: int
    accounts: tuple[Sandbox, Sandbox]

    def calls(self, since: tuple[int, int]) -> Counter[str]:
        """Count the calls that both accounts had after these numbers, by path."""
        found: Counter[str] = Counter()
        for account, number in zip(self.accounts, since, strict=True):
            found.update(one["path"] for one in account.log(number)["requests"])
        return found

    def last(self) -> tuple[int, int]:
        """Return the numbers of the last calls."""
        left, right = (account.log(1 << 60)["last"] for account in self.accounts)
        return left, right


class Start(Struct, frozen=True):
    """What a start took until the daemon was ready: wall, CPU, peak memory in MB."""

    seconds: float
    cpu: float
    memory: float


class Writes:
    """Tells whether anybody wrote to the store since the last look."""

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        self._last = self._version()

    def _version(self) -> int:
        version: int = self._db.execute("PRAGMA data_version").fetchone()[0]
        return version

    def seen(self) -> int:
        """Return 1 if there was a commit, else 0."""
        before, self._last = self._last, self._version()
        return int(before != self._last)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def idle(links: int, polls: int, tell: Tell) -> list[Figure]:
    """Measure the daemon over so many links, next to one with none."""
    with ExitStack() as stack:
        folder, bare = stack.enter_context(scratch()), stack.enter_context(scratch())
        tell(f"idle: two accounts of {links} deals")
        left = stack.enter_context(closing_sandbox(links))
        right = stack.enter_context(closing_sandbox(links))
        place = Place(folder, free_port(), links, (left, right))
        configs.twins(folder, left, right, port=place.port, poll="1s")
        tell(f"idle: a store of {links} links")
        anyio.run(_seed, place)
        empty = stack.enter_context(closing_sandbox(0)), stack.enter_context(closing_sandbox(0))
        nothing = Place(bare, free_port(), 0, empty)
        configs.twins(bare, *empty, port=nothing.port, poll="1s")
        anyio.run(_seed, nothing)
        tell("idle: the daemon")
        starts = _start_figures(_starts(nothing), _starts(place), place)
        return [*starts, *_polls(place, polls), *_reread(place, tell)]


async def _seed(place: Place) -> None:
    config = configs.twins(place.folder, *place.accounts, port=place.port, poll="1s")
    async with open_rig(config, place.folder) as rig:
        lists = [await read_all(rig, side) for side in Side]
        for side in Side:
            await rig.apps[side].prepare("deals")
        await seed_links(rig, zip(*lists, strict=True))


def _starts(place: Place, runs: int = 3) -> list[Start]:
    found = []
    for _ in range(runs):
        with running_daemon(place.folder, place.port) as daemon:
            found.append(Start(daemon.ready_after, daemon.cpu, daemon.peak))
    return found


def _start_figures(without: list[Start], with_links: list[Start], place: Place) -> list[Figure]:
    part = f"daemon with {place.links:,} links"
    empty, full = ([one.seconds for one in found] for found in (without, with_links))
    return [
        of_runs(part, "start until ready", full, "s", at_most=_MOST_START_SECONDS),
        of_runs(part, "start with no link", empty, "s", note="Python, imports, both schemas"),
        of_runs(part, "CPU of a start", [one.cpu for one in with_links], "s"),
        of_runs(part, "memory after the start", [one.memory for one in with_links], "MB"),
        of_runs(part, "memory with no link", [one.memory for one in without], "MB"),
    ]


def _polls(place: Place, polls: int) -> list[Figure]:
    """Let it poll; a poll is one search a side and touches nothing else."""
    part = f"daemon with {place.links:,} links"
    with running_daemon(place.folder, place.port) as daemon:
        _wait_for_polls(daemon, place, place.last(), 2)
        writes = Writes(place.folder / "state.db")
        since, cpu, memory = place.last(), daemon.cpu, daemon.memory
        _wait_for_polls(daemon, place, since, polls)
        calls, spent, grown = place.calls(since), daemon.cpu - cpu, daemon.memory - memory
        committed = writes.seen()
        writes.close()
    searches = sum(count for path, count in calls.items() if path.endswith("/search"))
    others = sum(calls.values()) - searches
    return [
        Figure(
            part=part,
            name="idle: calls beside one search a poll",
            value=others,
            unit="calls",
            at_most=0,
            note=f"{searches} polls were made",
        ),
        Figure(
            part=part,
            name="idle: commits to the store",
            value=committed,
            unit="commits",
            at_most=0,
            note="1 stands for any number",
        ),
        Figure(
            part=part,
            name="idle: CPU a poll",
            value=spent / searches * 1000,
            unit="ms",
            note="the whole process; ticks of the clock and counting links included",
        ),
        Figure(part=part, name="idle: growth of memory", value=grown, unit="MB"),
    ]


def _wait_for_polls(daemon: Daemon, place: Place, since: tuple[int, int], polls: int) -> None:
    until = time.perf_counter() + _PATIENCE
    while sum(place.calls(since).values()) < 2 * polls:
        daemon.check(until, f"no {polls} polls within {_PATIENCE} s")
        time.sleep(0.2)


def _reread(place: Place, tell: Tell) -> list[Figure]:
    """Have both sides read whole, as after a change of the configuration."""
    tell(f"idle: reading {place.links} deals again on both sides")
    anyio.run(_forget, place)
    since, part = place.last(), f"daemon with {place.links:,} links"
    with running_daemon(place.folder, place.port) as daemon:
        cpu = daemon.cpu
        _wait_until_listed(daemon, place, since, 2 * least.listed(place.links))
        spent, peak, after = daemon.cpu - cpu, daemon.peak, daemon.memory
    calls = place.calls(since)
    wrote = sum(count for path, count in calls.items() if "batch/" in path)
    unit = "ms/1,000 records"
    return [
        Figure(
            part=part,
            name="pass over all: list calls",
            value=_lists(calls),
            unit="calls",
            at_most=2 * least.listed(place.links),
            note="both sides",
        ),
        Figure(
            part=part,
            name="pass over all: batch calls",
            value=wrote,
            unit="calls",
            at_most=0,
            note="reads by id and writes",
        ),
        Figure(
            part=part,
            name="pass over all: CPU",
            value=spent / (2 * place.links) * 1e6,
            unit=unit,
            note="the whole process",
        ),
        Figure(part=part, name="memory: peak", value=peak, unit="MB", at_most=_MOST_MB),
        Figure(part=part, name="memory: after the pass", value=after, unit="MB"),
    ]


async def _forget(place: Place) -> None:
    config = configs.twins(place.folder, *place.accounts, port=place.port, poll="1s")
    async with open_rig(config, place.folder) as rig:
        await forget_backfill(rig, *Side)


def _wait_until_listed(daemon: Daemon, place: Place, since: tuple[int, int], pages: int) -> None:
    """Wait for the last page, and then for a poll of each side, which comes behind it."""
    until = time.perf_counter() + _PATIENCE
    while (lists := _lists(place.calls(since))) < pages:
        daemon.check(until, f"only {lists} of {pages} pages within {_PATIENCE} s")
        time.sleep(0.2)
    _wait_for_polls(daemon, place, place.last(), 2)


def _lists(calls: Counter[str]) -> int:
    return sum(count for path, count in calls.items() if path.endswith("/objects/2026-03/deals"))
