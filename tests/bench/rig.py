"""A sync inside this process, wired as the daemon wires it, between apps whose calls count."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.connection import Connection
from actors.links import Commit, Link, Status
from actors.mapping.compile import compile_sync
from actors.mapping.record import Sync
from actors.messages import AnyMessage
from actors.poller import Listing
from actors.ports import Blind, Clock, Connector, Monitor
from actors.records import Side, Snapshot
from actors.spec import Pace
from daemon.clock import SystemClock
from daemon.config.settings import Config
from daemon.store.sqlite import SqliteStore, open_store
from tests.bench.calls import Calls
from tests.bench.configs import TOKEN
from tests.bench.mirror import Mirror
from tests.support.builders import settled
from tests.support.hubspot_process import Sandbox

SEEDED_AT_ONCE = 1000
_ENOUGH_SECONDS = 900


def start_sandbox(deals: int) -> Sandbox:
    """Start an account of its own without limits whose index follows at once."""
    options = ("--token", TOKEN, "--deals", str(deals), "--lag", "0")
    sandbox = Sandbox(*options, "--api-limit", "1000000", "--contacts", "5", "--companies", "5")
    sandbox.control("/limits", searchPerSecond=0, daily=0)
    return sandbox


class Rig(Struct, frozen=True, kw_only=True):
    """An open store, two open apps and what they are to do.

    Attributes:
        calls: by side; a mirror's stay at none.
    """

    sync: Sync
    apps: dict[Side, Connector]
    calls: dict[Side, Calls]
    store: SqliteStore
    pace: Pace

    def connection(self, monitor: Monitor | None = None, clock: Clock | None = None) -> Connection:
        """Wire the actors."""
        monitor = monitor or Blind()
        clock = clock or SystemClock()
        return Connection(self.sync, self.apps, self.store, clock, self.pace, monitor)

    async def run(self, monitor: Stopper) -> None:
        """Run until the monitor has seen enough."""
        connection = self.connection(monitor)
        monitor.stop = connection.stop
        with anyio.fail_after(_ENOUGH_SECONDS):
            await connection.run()

    def forget_calls(self) -> None:
        """Count calls from now on."""
        for calls in self.calls.values():
            calls.forget()


class Stopper(Blind):
    """A monitor that stops its connection."""

    def __init__(self) -> None:
        self.stop: Callable[[], None] = lambda: None


class UntilSettled(Stopper):
    """Stops once so many links are in sync."""

    def __init__(self, links: int) -> None:
        super().__init__()
        self._links = links
        self._in_sync: set[int] = set()

    def committed(self, sync: str, work: Commit) -> None:
        """Count."""
        self._in_sync.update(one.id for one in work.links if one.status is Status.IN_SYNC)
        if len(self._in_sync) >= self._links:
            self.stop()


class UntilListed(Stopper):
    """Stops once the backfill of one side has been dealt with; counts links that were stored."""

    def __init__(self, side: Side) -> None:
        super().__init__()
        self._name = f"{side}.backfill"
        self.stored = 0

    def committed(self, sync: str, work: Commit) -> None:
        """Look at the cursor."""
        self.stored += len(work.links)
        if '"done":true' in work.cursors.get(self._name, ""):
            self.stop()


class Watching(Stopper):
    """Passes every message on to a listener."""

    def __init__(self, tell: Callable[[AnyMessage], None]) -> None:
        super().__init__()
        self._tell = tell

    def saw(self, sync: str, message: AnyMessage) -> None:
        """Pass it on."""
        self._tell(message)


@asynccontextmanager
async def open_rig(
    config: Config, folder: Path, *, mirrored: bool = False, pace: Pace | None = None
) -> AsyncIterator[Rig]:
    """Open the store and the apps of the configuration's only connection.

    With `mirrored` a `Mirror` takes the place of the right app.
    """
    (wanted,) = config.connections.values()
    names = {Side.LEFT: wanted.left, Side.RIGHT: wanted.right}
    calls = {side: Calls(name) for side, name in names.items()}
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(folder / config.daemon.store))
        apps: dict[Side, Connector] = {}
        for side, name in names.items():
            if mirrored and side is Side.RIGHT:
                apps[side] = Mirror(await apps[Side.LEFT].describe())
            else:
                apps[side] = config.apps[name].open(calls[side].environment)
                stack.push_async_callback(apps[side].aclose)
        left, right = [await apps[side].describe() for side in Side]
        sync, problems = compile_sync(wanted.syncs[0], left, right)
        assert sync is not None, problems
        pace = pace or wanted.pace
        yield Rig(sync=sync, apps=apps, calls=calls, store=store, pace=pace)


# --- a store that is in step ----------------------------------------------------------------


async def read_all(rig: Rig, side: Side) -> list[Snapshot]:
    """List all records of one side."""
    found: list[Snapshot] = []
    fields, after = rig.sync.fields[side], None
    while True:
        page = await rig.apps[side].list_page("deals", fields, after)
        found += page.records
        after = page.after
        if after is None:
            return found


async def seed_links(rig: Rig, pairs: Iterable[tuple[Snapshot, Snapshot]]) -> int:
    """Store settled links past the engine, and cursors that say that all has been read."""
    links: list[Link] = []
    number = 0
    for left, right in pairs:
        number = rig.store.new_id()
        link = settled(rig.sync, left, right, number)
        links.append(replace(link, status=Status.IN_SYNC))
        if len(links) == SEEDED_AT_ONCE:
            await rig.store.commit(Commit(sync=rig.sync.name, links=tuple(links)))
            links.clear()
    await rig.store.commit(Commit(sync=rig.sync.name, links=tuple(links)))
    cursors = {"config": str(rig.sync.version)}
    for side in Side:
        start = await rig.apps[side].start("deals")
        cursors |= {f"{side}.backfill": _listing(start), str(side): start}
    await rig.store.commit(Commit(sync=rig.sync.name, cursors=cursors))
    return number


def _listing(start: str) -> str:
    return msgspec.json.encode(Listing(start=start, done=True)).decode()


async def forget_backfill(rig: Rig, *sides: Side) -> None:
    """Have everything on these sides read again."""
    cursors = {f"{side}.backfill": "" for side in sides}
    await rig.store.commit(Commit(sync=rig.sync.name, cursors=cursors))
