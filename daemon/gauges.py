"""Gauges that are read from the store now and then: links by status, exclusions, size."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping

from actors.errors import StoreError
from actors.gate import GATE_CURSOR, read_state, stopped_sides
from actors.limits import COUNTED, code_of
from actors.links import Status
from actors.ports import Clock
from daemon.metrics import Metrics
from daemon.store.reading import Count
from daemon.store.sqlite import SqliteStore

log = logging.getLogger(__name__)

EVERY_SECONDS = 15.0
HELD_KINDS = (*COUNTED, "vanished", "other")


async def run_gauges(store: SqliteStore, metrics: Metrics, clock: Clock) -> None:
    """Refresh the gauges until cancelled."""
    while True:
        try:
            show_counts(metrics, await store.reader.count_links())
            show_stops(metrics, await store.reader.list_cursors())
            metrics.store_size(await store.size_bytes())
        except StoreError as error:
            log.warning("the store's figures cannot be read: %s", error)
        await clock.sleep(EVERY_SECONDS)


def show_counts(metrics: Metrics, counts: Iterable[Count]) -> None:
    """Set the gauges of links by status, and of those set aside."""
    by_sync: dict[str, Counter[str]] = {}
    held: dict[str, Counter[str]] = {}
    for count in counts:
        by_sync.setdefault(count.sync, Counter())[count.status] += count.links
        if count.status is Status.HELD:
            held.setdefault(count.sync, Counter())[code_of(count.reason)] += count.links
    for sync, statuses in by_sync.items():
        connection, _, object_name = sync.partition("/")
        metrics.links(connection, object_name, {s.value: statuses[s.value] for s in Status})
        kinds = held.get(sync, Counter())
        metrics.held(connection, object_name, {kind: kinds[kind] for kind in HELD_KINDS})


def show_stops(metrics: Metrics, cursors: Mapping[tuple[str, str], str]) -> None:
    """Say of each side whether it is suddenly empty, so that nothing is decided."""
    for (sync, name), text in cursors.items():
        state = read_state(text) if name == GATE_CURSOR else None
        if state is not None:
            connection, _, object_name = sync.partition("/")
            metrics.stopped(connection, object_name, bool(stopped_sides(state)))
