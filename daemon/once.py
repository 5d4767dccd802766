"""Run every sync until nothing is left to do, then stop: `tieline run --once`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta

import anyio
import msgspec

from actors.connection import Connection as SyncConnection
from actors.errors import SchemaDriftError
from actors.meeting import Meeting
from actors.ports import Monitor
from actors.records import Side
from daemon.accounts import Account, Accounts
from daemon.clock import SystemClock
from daemon.config.problems import ConfigError
from daemon.config.settings import Config, Connection
from daemon.desk import Wishes, read_wishes
from daemon.fitting import fit_connection, keep_memories
from daemon.monitor import Monitors, Progress, ProgressMonitor, TraceMonitor
from daemon.store.plans import PlanFile, PlanMovedError
from daemon.store.sqlite import SqliteStore
from daemon.supervisor import check_rights, describe_pause

log = logging.getLogger(__name__)

_POLL = timedelta(seconds=1)
_HORIZON = timedelta(seconds=10)


async def run_until_quiet(
    config: Config,
    store: SqliteStore,
    tell: Callable[[Progress], None],
    trace: TraceMonitor | None = None,
    plan: PlanFile | None = None,
) -> None:
    """Bring every connection in step once, all at the same time.

    Records that an app refuses are left with their reason; they do not hold up the end. With a
    plan, only what it decides is written.

    Raises:
        PlanMovedError: the configuration is not the one that was planned.
        ConfigError: the configuration does not fit the apps.
        TielineError: an app or the store cannot be used.
    """
    accounts, wishes = Accounts(), await read_wishes(store.reader)
    active = [_unpaused(connection, wishes) for connection in config.connections.values()]
    try:
        if plan is not None:
            await _check_plan(plan, config, active, accounts, store)
        async with anyio.create_task_group() as tasks:
            for connection in active:
                if connection.syncs:
                    one = (config, connection, accounts, store, tell, trace, plan)
                    tasks.start_soon(_run_one, *one)
    finally:
        await accounts.aclose()


def _unpaused(connection: Connection, wishes: Wishes) -> Connection:
    """Leave out what people have paused."""
    for spec in connection.syncs:
        if pause := wishes.pause_of(spec.name):
            log.warning("%s is passed over: %s", spec.name, describe_pause(pause))
    active = tuple(spec for spec in connection.syncs if wishes.pause_of(spec.name) is None)
    return msgspec.structs.replace(connection, syncs=active)


async def _run_one(
    config: Config,
    connection: Connection,
    accounts: Accounts,
    store: SqliteStore,
    tell: Callable[[Progress], None],
    trace: TraceMonitor | None,
    plan: PlanFile | None,
) -> None:
    apps = _accounts(config, connection, accounts)
    fitted = await fit_connection(config, connection, apps, store)
    if fitted.problems:
        raise ConfigError(fitted.problems)
    await check_rights(connection, apps)
    await keep_memories(store, fitted)
    for flaw in fitted.told:
        log.warning("%s: schema drift: %s", connection.name, flaw)
    if fitted.stopped and not fitted.syncs:
        raise SchemaDriftError("; ".join(fitted.told))
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
                planned=plan.part(sync.name) if plan is not None else None,
            )
            horizon_us = _HORIZON // timedelta(microseconds=1)
            tasks.start_soon(one.run_until_quiet, horizon_us, name=f"sync/{sync.name}")


async def _check_plan(
    plan: PlanFile,
    config: Config,
    connections: Iterable[Connection],
    accounts: Accounts,
    store: SqliteStore,
) -> None:
    """Refuse before anything is written what another configuration has planned."""
    versions = plan.facts().versions
    for connection in connections:
        apps = _accounts(config, connection, accounts)
        fitted = await fit_connection(config, connection, apps, store)
        if fitted.problems:
            raise ConfigError(fitted.problems)
        for sync in fitted.syncs:
            if versions.get(sync.name) != sync.version:
                is_known = sync.name in versions
                how = "decides otherwise now than in" if is_known else "is not in"
                raise PlanMovedError(
                    f"{sync.name} {how} plan {plan.number}: its configuration or an app's fields"
                    " have changed; make a new plan with `tieline plan`"
                )


def _accounts(config: Config, connection: Connection, accounts: Accounts) -> dict[Side, Account]:
    return {
        Side.LEFT: accounts.get(config.apps[connection.left]),
        Side.RIGHT: accounts.get(config.apps[connection.right]),
    }
