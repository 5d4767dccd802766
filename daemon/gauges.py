"""Gauges that are read from the store now and then: links by status, exclusions, size."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable

from actors.errors import StoreError
from actors.links import Status
from actors.ports import Clock
from daemon.metrics import Metrics
from daemon.store.reading import Count
from daemon.store.sqlite import SqliteStore

log = logging.getLogger(__name__)

EVERY_SECONDS = 15.0


async def run_gauges(store: SqliteStore, metrics: Metrics, clock: Clock) -> None:
    """Refresh the gauges until cancelled."""
    while True:
        try:
            show_counts(metrics, await store.reader.count_links())
            metrics.store_size(await store.size_bytes())
        except StoreError as error:
            log.warning("the store's figures cannot be read: %s", error)
        await clock.sleep(EVERY_SECONDS)


def show_counts(metrics: Metrics, counts: Iterable[Count]) -> None:
    """Set the gauges of links by status, and of those set aside."""
    by_sync: dict[str, Counter[str]] = {}
    for count in counts:
        by_sync.setdefault(count.sync, Counter())[count.status] += count.links
    for sync, statuses in by_sync.items():
        connection, _, object_name = sync.partition("/")
        metrics.links(connection, object_name, {s.value: statuses[s.value] for s in Status})
