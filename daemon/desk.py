"""The desk: what people have asked of the daemon by command, looked at once a second.

Pauses are a state that the daemon brings about; orders are carried out by the syncs themselves,
which are only told that there are some.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from msgspec import Struct

from actors.errors import StoreError
from actors.orders import Resync
from actors.ports import Clock
from daemon.store.reading import Pause, Reader

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0


class Wishes(Struct, frozen=True, kw_only=True):
    """What people want at one moment.

    Attributes:
        pauses: by target, a sync's name (`sales/deals`) or a connection's (`sales`).
        asked: syncs with orders that are not carried out yet.
        resyncs: by sync that is to be read whole again, the number of the newest such order.
    """

    pauses: dict[str, Pause] = {}
    asked: frozenset[str] = frozenset()
    resyncs: dict[str, int] = {}

    def pause_of(self, sync: str) -> Pause | None:
        """Return who paused a sync, or its whole connection, and when."""
        return self.pauses.get(sync) or self.pauses.get(sync.partition("/")[0])


async def read_wishes(reader: Reader) -> Wishes:
    """Read them from the store."""
    orders = await reader.open_orders()
    return Wishes(
        pauses={pause.target: pause for pause in await reader.list_pauses()},
        asked=frozenset(one.sync for one in orders if not isinstance(one.order, Resync)),
        resyncs={one.sync: one.id for one in orders if isinstance(one.order, Resync)},
    )


async def run_desk(reader: Reader, clock: Clock, heed: Callable[[Wishes], None]) -> None:
    """Tell `heed` what people want, once a second, until cancelled."""
    while True:
        await clock.sleep(EVERY_SECONDS)
        try:
            heed(await read_wishes(reader))
        except StoreError as error:
            log.warning("what people have asked for cannot be read: %s", error)
