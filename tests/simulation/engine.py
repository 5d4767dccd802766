"""tieline in the simulator: one life of a connection on the parts that the world gives it."""

from __future__ import annotations

import anyio

from actors.connection import Connection
from actors.links import Commit
from actors.mapping.compile import compile_sync
from actors.messages import AnyMessage
from actors.records import Side
from tests.simulation.ledger import Ledger
from tests.simulation.world import Parts

_NUDGE_S = 7.0


class _Watcher:
    """Puts what tieline decides into a trace that is kept for reading."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def saw(self, sync: str, message: AnyMessage) -> None:
        """Take no note: the connectors tell."""

    def committed(self, sync: str, work: Commit) -> None:
        """Note what has just become durable."""
        for link in work.links:
            ends = "/".join(end.id if end is not None else "-" for end in (link.left, link.right))
            self._ledger.remark(f"link {link.id} {ends} {link.status} {link.reason!r}")
        for intent in work.intents:
            units = [(u.unit, u.rule, u.expected, u.sent) for u in intent.units]
            self._ledger.remark(
                f"intent {intent.id} {intent.side} {intent.record_id or intent.key}"
                f" attempt {intent.attempts} {units}"
            )
        for row in (*work.settled, *work.conflicts, *work.history):
            self._ledger.remark(str(row))


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
            monitor=_Watcher(parts.ledger) if parts.ledger.lines is not None else None,
        )
        if scenario.limits is None:
            await connection.run()
        else:
            await _run_with_orders(connection)


async def _run_with_orders(connection: Connection) -> None:
    """Run a connection that is told now and then that there may be orders, as by a daemon."""
    async with anyio.create_task_group() as group:
        group.start_soon(_nudge, connection, name="nudge")
        await connection.run()
        group.cancel_scope.cancel()


async def _nudge(connection: Connection) -> None:
    while True:
        await anyio.sleep(_NUDGE_S)
        connection.nudge()
