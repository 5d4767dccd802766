"""Somebody who looks at what limits hold, and agrees to some of it: orders beside the daemon."""

from __future__ import annotations

import random
import sqlite3

import anyio

from actors.orders import Approve
from daemon.store.codec import order_row, to_link
from daemon.store.queries import QUERIES
from tests.simulation.crm import OBJECT
from tests.simulation.scenario import CONNECTION
from tests.simulation.world import World

_SYNC = f"{CONNECTION}/{OBJECT}"
_HELD = """
SELECT id, sync, left_end, right_end, status, reason, due_us, attempts, recover
FROM links WHERE status = 'held' AND reason LIKE '%exceed the limit of%' ORDER BY id
"""
_OPEN = "SELECT count(*) FROM orders WHERE done_us IS NULL"


async def agree_now_and_then(world: World) -> None:
    """Agree until cancelled: to a few records while people work, to all of them afterwards."""
    draw = random.Random(f"{world.scenario.seed}/approver")
    while True:
        await anyio.sleep(draw.uniform(20, 150))
        db = world.disk.look()
        if db.in_transaction:
            continue  # SQLite would have us wait
        links = [to_link(row).id for row in db.execute(_HELD)]
        [(open_orders,)] = db.execute(_OPEN)
        if not links or open_orders:
            continue
        is_over = world.loop.time() > world.scenario.activity_s
        chosen = links if is_over else draw.sample(links, draw.randint(1, len(links)))
        order = Approve(links=tuple(sorted(chosen)))
        db.execute(QUERIES.add_order, order_row(_SYNC, order, "approver", 0))
        world.ledger.approved += len(chosen)
        world.ledger.note(f"approved {sorted(chosen)}")


def is_waiting(db: sqlite3.Connection) -> bool:
    """Say whether something is held by a limit, or agreed to and not carried out yet."""
    [(open_orders,)] = db.execute(_OPEN)
    return bool(open_orders or db.execute(_HELD).fetchall())
