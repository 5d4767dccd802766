"""tieline in the simulator: one life of a connection on the parts that the world gives it."""

from __future__ import annotations

from actors.connection import Connection
from actors.mapping.compile import compile_sync
from actors.records import Side
from tests.simulation.world import Parts


async def run_engine(parts: Parts) -> None:
    """Run a connection until it is cancelled, killed or fails."""
    scenario = parts.scenario
    schemas = {side: scenario.schema(side) for side in Side}
    sync, problems = compile_sync(scenario.spec(), schemas[Side.LEFT], schemas[Side.RIGHT])
    assert sync is not None, problems
    async with parts.open_store() as store:
        connection = Connection(
            sync=sync,
            connectors=dict(parts.connectors),
            store=store,
            clock=parts.clock,
            pace=scenario.pace,
            monitor=None,
        )
        await connection.run()
