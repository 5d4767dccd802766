"""Run every sync until nothing is left to do, then stop: `tieline run --once`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import anyio
import msgspec

from actors.connection import Connection as SyncConnection
from actors.meeting import Meeting
from actors.ports import Monitor
from actors.records import Side
from daemon.accounts import Accounts
from daemon.clock import SystemClock
from daemon.config.problems import ConfigError
from daemon.config.settings import Config, Connection
from daemon.fitting import fit_connection, keep_memories
from daemon.monitor import Monitors, Progress, ProgressMonitor, TraceMonitor
from daemon.store.sqlite import SqliteStore

log = logging.getLogger(__name__)

_POLL = timedelta(seconds=1)
_HORIZON = timedelta(seconds=10)


async def run_until_quiet(
    config: Config,
    store: SqliteStore,
    tell: Callable[[Progress], None],
    trace: TraceMonitor | None = None,
) -> None:
    """Bring every connection in step once, all at the same time.

    Records that an app refuses are left with their reason; they do not hold up the end.

    Raises:
        ConfigError: the configuration does not fit the apps.
        TielineError: an app or the store cannot be used.
    """
    accounts = Accounts()
    try:
        async with anyio.create_task_group() as tasks:
            for connection in config.connections.values():
                tasks.start_soon(_run_one, config, connection, accounts, store, tell, trace)
    finally:
        await accounts.aclose()


async def _run_one(
    config: Config,
    connection: Connection,
    accounts: Accounts,
    store: SqliteStore,
    tell: Callable[[Progress], None],
    trace: TraceMonitor | None,
) -> None:
    apps = {
        Side.LEFT: accounts.get(config.apps[connection.left]),
        Side.RIGHT: accounts.get(config.apps[connection.right]),
    }
    fitted = await fit_connection(config, connection, apps, store)
    if fitted.problems:
        raise ConfigError(fitted.problems)
    await keep_memories(store, fitted)
    for flaw in fitted.told:
        log.warning("%s: schema drift: %s", connection.name, flaw)
    pace = msgspec.structs.replace(connection.pace, poll=min(connection.pace.poll, _POLL))
    meeting = Meeting()
    for sync in fitted.syncs:
        meeting.join(sync.name)
    async with anyio.create_task_group() as tasks:
        for sync in fitted.syncs:
            progress = ProgressMonitor(sync.spec, tell)
            monitor: Monitor = Monitors((progress, trace)) if trace else progress
            one = SyncConnection(
                sync,
                {side: apps[side].connector for side in Side},
                store,
                SystemClock(),
                pace,
                monitor,
                meeting,
            )
            horizon_us = _HORIZON // timedelta(microseconds=1)
            tasks.start_soon(one.run_until_quiet, horizon_us, name=f"sync/{sync.name}")
