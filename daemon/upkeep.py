"""Upkeep of the store beside the syncs: old history is dropped once a day, damage is looked for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from actors.errors import StoreError
from actors.observing import microseconds
from actors.ports import Clock
from daemon.metrics import Metrics
from daemon.store.reading import open_reader
from daemon.store.sqlite import SqliteStore

log = logging.getLogger(__name__)

FIRST_SECONDS = 300.0
EVERY_SECONDS = 24 * 3600.0
CHECKING = "being checked for damage"


async def run_pruning(
    store: SqliteStore, keep: Callable[[], timedelta], metrics: Metrics, clock: Clock
) -> None:
    """Drop what is older than `keep` says, once a day, until cancelled.

    Open conflicts, open writes and the lines by which merged records are found always stay.
    """
    await clock.sleep(FIRST_SECONDS)
    while True:
        before_us = microseconds(clock.now() - keep())
        try:
            pruned = await store.prune(before_us)
        except StoreError as error:
            log.error("old history cannot be dropped: %s", error)
        else:
            metrics.store_pruned(pruned)
            if pruned:
                log.info("old history was dropped", extra={"rows": pruned})
        await clock.sleep(EVERY_SECONDS)


async def check_store(
    path: Path, is_checked: bool, metrics: Metrics, tell: Callable[[str], None]
) -> None:
    """Look for damage in a store that was too large to be checked before the start.

    Args:
        is_checked: it was small enough, and is sound.
        tell: told what is wrong or still to be found out; the empty text for a sound store.
    """
    if is_checked:
        metrics.store_intact(True)
        return
    tell(CHECKING)
    try:
        async with open_reader(path) as reader:
            await reader.check_integrity()
    except StoreError as error:
        log.error("%s", error)
        metrics.store_intact(False)
        tell(str(error))
    else:
        metrics.store_intact(True)
        tell("")
