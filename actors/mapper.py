"""The mapper: judges each record of a page. No I/O, no state; the rules are in `mapping`."""

from __future__ import annotations

from datetime import datetime

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from actors.mapping.record import Sync, Times
from actors.messages import Drain, Judged, Mapped, Polled, ReconcilerInbox
from actors.ports import Clock, Monitor


def map_page(sync: Sync, page: Polled, now: datetime) -> Mapped:
    """Return the page with a verdict on each record's eligibility, as of now."""
    return Mapped(
        side=page.side,
        origin=page.origin,
        records=tuple(
            Judged(
                record=record,
                reason=sync.judge(
                    page.side, record.values, Times(now=now, changed=record.modified_at)
                ),
            )
            for record in page.records
        ),
        began=page.began,
        gone=page.gone,
        cursors=page.cursors,
        complete=page.complete,
    )


async def run_mapper(
    sync: Sync,
    pages: MemoryObjectReceiveStream[Polled],
    inbox: MemoryObjectSendStream[ReconcilerInbox],
    permits: anyio.Semaphore,
    clock: Clock,
    monitor: Monitor,
) -> None:
    """Map pages until the pollers close the channel.

    A page goes on only with a permit, which the reconciler gives back once the page is dealt
    with: so nobody ever waits to send to the reconciler's inbox (see `connection`).
    """
    async with pages, inbox:
        async for page in pages:
            mapped = map_page(sync, page, clock.now())
            await permits.acquire()
            monitor.saw(sync.name, mapped)
            await inbox.send(mapped)
        await inbox.send(Drain())
