"""First sync of an account: calls against the least, records a second, CPU against bare loops."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from actors.records import Side
from daemon.config.settings import Config
from daemon.connectors.hubspot.kinds import DEALS
from daemon.connectors.hubspot.reading import wanted
from daemon.sandbox.tryton.running import running_tryton
from tests.bench import configs, least
from tests.bench.baseline import copy_bare
from tests.bench.clocks import Cost, cost_of
from tests.bench.figures import Figure, Tell, of_runs
from tests.bench.rig import UntilSettled, open_rig, start_sandbox
from tests.support.hubspot_process import Sandbox

_TARGET = 0.6


class Filled(Struct, frozen=True):
    """A finished backfill: its cost from the first read on, and calls by side and endpoint."""

    cost: Cost
    calls: dict[Side, dict[str, int]]

    def total(self, side: Side) -> int:
        """Return how many calls a side took."""
        return sum(self.calls[side].values())


def fill(config: Config, folder: Path, deals: int, *, mirrored: bool = False) -> Filled:
    """Run a backfill from an empty store until every deal is settled."""

    async def work() -> Filled:
        async with open_rig(config, folder, mirrored=mirrored) as rig:
            await rig.run(UntilSettled(deals))
            return Filled(Cost(0, 0), {side: dict(rig.calls[side].counts) for side in Side})

    filled, cost = cost_of(work)
    return Filled(cost, filled.calls)


@contextmanager
def scratch() -> Iterator[Path]:
    """Lend a folder."""
    with tempfile.TemporaryDirectory(prefix="tieline-bench-") as name:
        yield Path(name)


# --- the engine alone -----------------------------------------------------------------------


def into_memory(source: Sandbox, deals: int, runs: int, tell: Tell) -> list[Figure]:
    """HubSpot into an app that costs nothing: reading, deciding, storing are all there is."""
    costs = []
    for number in range(runs):
        tell(f"backfill into memory, run {number + 1} of {runs}")
        with scratch() as folder:
            config = configs.twins(folder, source, source)
            filled = fill(config, folder, deals, mirrored=True)
            costs.append(filled.cost)
    part = "backfill HubSpot -> memory"
    return [
        of_runs(part, "CPU", [one.per_thousand(deals) for one in costs], "ms/1,000 records"),
        of_runs(
            part, "speed", [deals / one.wall for one in costs], "records/s", higher_is_better=True
        ),
        *call_figures(part, "HubSpot", filled.calls[Side.LEFT], least.listed(deals), deals),
    ]


# --- the durable backfill and its bare twin -------------------------------------------------


def into_hubspot(source: Sandbox, deals: int, runs: int, tell: Tell) -> list[Figure]:
    """HubSpot into a second account, next to bare loops that do the same."""
    ours: list[Cost] = []
    ratios: list[float] = []
    for number in range(runs):
        tell(f"durable backfill, run {number + 1} of {runs}")
        bare = _copy(source, deals)
        with scratch() as folder, closing_sandbox(0) as target:
            filled = fill(configs.twins(folder, source, target), folder, deals)
        ours.append(filled.cost)
        ratios.append(bare.cpu / filled.cost.cpu)
    part = "backfill HubSpot -> HubSpot"
    note = "bare read + batch create + executemany at FULL = 1"
    return [
        of_runs(part, "CPU", [one.per_thousand(deals) for one in ours], "ms/1,000 records"),
        of_runs(
            part, "speed", [deals / one.wall for one in ours], "records/s", higher_is_better=True
        ),
        of_runs(
            part,
            "of the bare loops' speed",
            ratios,
            "by CPU",
            higher_is_better=True,
            at_least=_TARGET,
            note=note,
        ),
        *call_figures(part, "source", filled.calls[Side.LEFT], least.listed(deals), deals),
        *call_figures(part, "target", filled.calls[Side.RIGHT], least.written(deals), deals),
    ]


def _copy(source: Sandbox, deals: int) -> Cost:
    with scratch() as folder, closing_sandbox(0) as target:
        config = configs.twins(folder, source, target)
        names = _mapped(config)
        copied, cost = cost_of(
            lambda: copy_bare(source, target, wanted(DEALS, names), names, folder / "bare.db")
        )
    assert copied == deals, f"the bare loop copied {copied} of {deals}"
    return cost


def _mapped(config: Config) -> list[str]:
    (connection,) = config.connections.values()
    return ["pipeline", "dealstage", *(one.left for one in connection.syncs[0].fields)]


@contextmanager
def closing_sandbox(deals: int) -> Iterator[Sandbox]:
    """Start an account and end it."""
    sandbox = start_sandbox(deals)
    try:
        yield sandbox
    finally:
        sandbox.stop()


# --- a real ERP -----------------------------------------------------------------------------


def into_tryton(source: Sandbox, deals: int, tell: Tell) -> list[Figure]:
    """HubSpot into a real Tryton server, whose own work is most of the wall time."""
    tell(f"backfill of {deals} deals into Tryton")
    with scratch() as folder, running_tryton(deals=0) as erp:
        filled = fill(configs.with_tryton(folder, source, erp), folder, deals)
    part = "backfill HubSpot -> Tryton"
    note = "two cores shared with the Tryton server"
    return [
        Figure(
            part=part, name="speed", value=deals / filled.cost.wall, unit="records/s", note=note
        ),
        Figure(
            part=part, name="CPU", value=filled.cost.per_thousand(deals), unit="ms/1,000 records"
        ),
        *call_figures(part, "HubSpot", filled.calls[Side.LEFT], least.listed(deals), deals),
        *call_figures(
            part, "Tryton", filled.calls[Side.RIGHT], least.written(deals), deals, strict=False
        ),
    ]


def call_figures(
    part: str, app: str, calls: dict[str, int], fewest: int, records: int, *, strict: bool = True
) -> list[Figure]:
    """Compare calls with the least possible number, and show where they went."""
    total = sum(calls.values())
    figures = [
        Figure(
            part=part,
            name=f"calls to {app}",
            value=total,
            unit="calls",
            at_most=fewest + least.FIXED if strict else None,
            note=f"least {fewest}; {total * 1000 / records:.1f} per 1,000 records",
        ),
    ]
    for endpoint, count in sorted(calls.items(), key=lambda one: (-one[1], one[0])):
        if count * 1000 / records >= 1 or count > 2:
            figures.append(
                Figure(
                    part=part,
                    name=f"- {app}: {endpoint}",
                    value=count,
                    unit="calls",
                    note=f"{count * 1000 / records:.1f} per 1,000 records",
                )
            )
    return figures
