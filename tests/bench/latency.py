"""From the moment an edit has been read to the moment its write is sent, one edit at a time."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable
from datetime import timedelta

import anyio
from msgspec.structs import replace

from actors.messages import AnyMessage, Origin, Polled
from actors.records import Side
from tests.bench import configs
from tests.bench.backfill import scratch
from tests.bench.clocks import cost_of
from tests.bench.figures import Figure, Tell
from tests.bench.mirror import Mirror, copy_of
from tests.bench.rig import Rig, Watching, open_rig, read_all, seed_links
from tests.support.hubspot_process import Sandbox

_TARGET_MS = 15
_POLL = timedelta(milliseconds=20)
_PATIENCE = 30
PART = "edit latency"

Act = Callable[[int], Awaitable[None]]


class Stopwatch:
    """Notes when each edit was read and when its write was sent, by the event loop's clock."""

    def __init__(self, rig: Rig, source: Side) -> None:
        self._rig = rig
        self._source = source
        self.read_at: list[float] = []

    def saw(self, message: AnyMessage) -> None:
        """Note the page that brings an edit."""
        if not isinstance(message, Polled) or message.side is not self._source:
            return
        if message.origin is Origin.CHANGES and message.records:
            self.read_at.append(anyio.current_time())

    @property
    def sent_at(self) -> list[float]:
        """When writes were sent."""
        mirror = self._rig.apps[Side.RIGHT]
        if self._source is Side.LEFT:
            assert isinstance(mirror, Mirror)
            return mirror.written_at
        sent = self._rig.calls[Side.LEFT].sent
        return [at for endpoint, at in sent if endpoint == "deals/batch/update"]


def latency(source: Sandbox, edits: int, tell: Tell) -> list[Figure]:
    """Edit HubSpot, then the mirror, with nothing else to do."""
    tell(f"{PART}, {edits} edits each way")
    (right, left), _ = cost_of(lambda: _both_ways(source, edits))
    return [
        *_figures("HubSpot -> memory", right, "decided, stored, sent"),
        *_figures("memory -> HubSpot", left, "one guard read by HTTP is in it"),
    ]


def _figures(name: str, seconds: list[float], note: str) -> list[Figure]:
    ms = sorted(one * 1000 for one in seconds)
    p95 = statistics.quantiles(ms, n=20)[-1]
    target = float(_TARGET_MS)
    return [
        Figure(
            part=PART,
            name=f"{name}, p50",
            value=statistics.median(ms),
            unit="ms",
            best=ms[0],
            runs=len(ms),
            at_most=target,
            note=note,
        ),
        Figure(
            part=PART,
            name=f"{name}, p95",
            value=p95,
            unit="ms",
            runs=len(ms),
            note="wall time: only a quiet machine tells the truth",
        ),
    ]


async def _both_ways(sandbox: Sandbox, edits: int) -> tuple[list[float], list[float]]:
    with scratch() as folder:
        config = configs.twins(folder, sandbox, sandbox)
        (wanted,) = config.connections.values()
        pace = replace(wanted.pace, poll=_POLL)
        async with open_rig(config, folder, mirrored=True, pace=pace) as rig:
            # Twice as many: no record is edited in both directions.
            records = (await read_all(rig, Side.LEFT))[: 2 * edits]
            pairs = [(one, copy_of(one, at)) for at, one in enumerate(records)]
            mirror = rig.apps[Side.RIGHT]
            assert isinstance(mirror, Mirror)
            mirror.records = {right.id: right for _, right in pairs}
            await seed_links(rig, pairs)

            async def in_hubspot(at: int) -> None:
                values = {"dealname": f"edited {at}"}
                await anyio.to_thread.run_sync(
                    lambda: sandbox.control("/admin/edit", id=pairs[at][0].id, properties=values)
                )

            async def in_mirror(at: int) -> None:
                mirror.edit(pairs[edits + at][1].id, dealname=f"edited {at}")

            to_right = await _timed(rig, Side.LEFT, edits, in_hubspot)
            return to_right, await _timed(rig, Side.RIGHT, edits, in_mirror)


async def _timed(rig: Rig, source: Side, edits: int, edit: Act) -> list[float]:
    watch = Stopwatch(rig, source)
    connection = rig.connection(Watching(watch.saw))
    found: list[float] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(connection.run)
        for number in range(edits):
            read, sent = len(watch.read_at), len(watch.sent_at)
            await edit(number)
            with anyio.fail_after(_PATIENCE):
                while len(watch.sent_at) == sent:  # noqa: ASYNC110  # seen by no actor of ours
                    await anyio.sleep(0.002)
            found.append(watch.sent_at[sent] - watch.read_at[read])
        connection.stop()
    return found
