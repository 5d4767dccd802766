"""Reading again what has not changed: list, map, look up, compare, next to a bare reading loop."""

from __future__ import annotations

from actors.records import Side
from daemon.connectors.hubspot.kinds import DEALS
from daemon.connectors.hubspot.reading import wanted
from tests.bench import configs, least
from tests.bench.backfill import scratch
from tests.bench.baseline import read_bare
from tests.bench.clocks import Cost, cost_of, measured
from tests.bench.figures import Figure, Tell, of_runs
from tests.bench.mirror import copy_of
from tests.bench.rig import Rig, UntilListed, forget_backfill, open_rig, read_all, seed_links
from tests.support.hubspot_process import Sandbox

_TARGET = 0.75
PART = "unchanged re-read"


def reread(source: Sandbox, deals: int, runs: int, tell: Tell) -> list[Figure]:
    """Read all deals again that are linked and in step, and store nothing but cursors."""

    async def work() -> tuple[list[Cost], list[Cost], list[int], int]:
        with scratch() as folder:
            config = configs.twins(folder, source, source)
            async with open_rig(config, folder, mirrored=True) as rig:
                records = await read_all(rig, Side.LEFT)
                await seed_links(rig, [(one, copy_of(one, at)) for at, one in enumerate(records)])
                names = wanted(DEALS, rig.sync.fields[Side.LEFT])
                ours, bare, stored = [], [], []
                for number in range(runs):
                    tell(f"{PART}, run {number + 1} of {runs}")
                    bare.append(await _bare(source, names, deals))
                    cost, links = await _ours(rig)
                    ours.append(cost)
                    stored.append(links)
                return ours, bare, stored, rig.calls[Side.LEFT].counts["deals/list"]

    (ours, bare, stored, calls), _ = cost_of(work)
    ratios = [loop.cpu / mine.cpu for mine, loop in zip(ours, bare, strict=True)]
    unit = "ms/1,000 records"
    return [
        of_runs(PART, "CPU", [one.per_thousand(deals) for one in ours], unit),
        of_runs(PART, "CPU of the bare loop", [one.per_thousand(deals) for one in bare], unit),
        of_runs(
            PART,
            "of the bare loop's speed",
            ratios,
            "by CPU",
            higher_is_better=True,
            at_least=_TARGET,
            note="bare httpx + msgspec with sniffio = 1",
        ),
        Figure(part=PART, name="links stored", value=max(stored), unit="rows", at_most=0),
        Figure(
            part=PART,
            name="calls",
            value=calls,
            unit="calls",
            at_most=least.listed(deals),
            note="list pages of the last run",
        ),
    ]


async def _ours(rig: Rig) -> tuple[Cost, int]:
    await forget_backfill(rig, Side.LEFT)
    rig.forget_calls()
    watch = UntilListed(Side.LEFT)
    with measured() as taken:
        await rig.run(watch)
    return taken[0], watch.stored


async def _bare(source: Sandbox, names: list[str], deals: int) -> Cost:
    with measured() as taken:
        count = await read_bare(source, names)
    assert count == deals, f"the bare loop read {count} of {deals}"
    return taken[0]
