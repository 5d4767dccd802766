"""The service: start order, signals, reload, drain and stop of the whole process."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import anyio
from anyio.abc import TaskGroup
from msgspec import Struct

from actors.errors import TielineError
from actors.ports import Monitor
from actors.spec import SyncSpec
from daemon.clock import SystemClock
from daemon.config.settings import Config
from daemon.desk import read_wishes, run_desk
from daemon.gauges import run_gauges
from daemon.health import Health
from daemon.http import ListenError, join_address, serve
from daemon.logs import Redactor
from daemon.metrics import Metrics
from daemon.monitor import MetricsMonitor, Monitors, TraceMonitor
from daemon.signals import Request, open_requests
from daemon.store.sqlite import CHECKED_AT_START, SqliteStore, open_store
from daemon.supervisor import Supervisor
from daemon.systemd import Notifier, run_watchdog, watchdog_interval
from daemon.upkeep import CHECKING, check_store, run_pruning

log = logging.getLogger(__name__)

DRAIN_SECONDS = 8.0
"""How long a stop waits for answers from the apps; the whole stop stays within ten seconds."""


class Reloads(Struct):
    """What became of the last reload; `count` grows with every one."""

    count: int = 0
    refused: str = ""
    at: datetime | None = None


class Service:
    """One running daemon."""

    def __init__(
        self,
        config: Config,
        *,
        load: Callable[[], Config],
        redactor: Redactor,
        trace: Path | None = None,
    ) -> None:
        self._config = config
        self._load = load
        self._redactor = redactor
        self._trace_path = trace
        self._trace: TraceMonitor | None = None
        self._clock = SystemClock()
        self._metrics = Metrics(version("tieline"))
        self._notifier = Notifier.from_environment()
        self._reloads = Reloads()
        self._is_stopping = False
        self._store_word = ""
        self._supervisor: Supervisor | None = None

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            StoreError: the store cannot be used.
            ListenError: the address cannot be had.
        """
        with open_requests() as requests:
            async with open_store(self._config.daemon.store) as store:
                if self._trace_path is None:
                    await self._serve(store, requests)
                else:
                    with self._trace_path.open("ab") as file:
                        self._trace = TraceMonitor(file)
                        await self._serve(store, requests)

    async def _serve(self, store: SqliteStore, requests: AsyncIterator[Request]) -> None:
        self._supervisor = Supervisor(
            store=store, clock=self._clock, metrics=self._metrics, make_monitor=self._monitor
        )
        settings = self._config.daemon
        async with anyio.create_task_group() as tasks:
            address = join_address(settings.host, settings.port)
            try:
                port = await tasks.start(serve, address, self._metrics, self.health)
            except ListenError as error:
                raise ListenError(f"{error}: listen under daemon: in {self._file}") from error
            self._start_upkeep(tasks, store, await store.size_bytes())
            tasks.start_soon(run_gauges, store, self._metrics, self._clock, name="gauges")
            self._supervisor.heed(await read_wishes(store.reader))
            desk = (store.reader, self._clock, self._supervisor.heed)
            tasks.start_soon(run_desk, *desk, name="desk")
            self._start_watchdog(tasks)
            self._metrics.config_applied(datetime.now(UTC))
            tasks.start_soon(self._supervise, tasks, name="supervisor")
            self._notifier.ready(f"{len(self._config.connections)} connections")
            log.info("tieline runs", extra={"listen": join_address(settings.host, port)})
            async for request in requests:
                if request is Request.STOP:
                    break
                await self._reload()
            await self._stop()

    def _start_upkeep(self, tasks: TaskGroup, store: SqliteStore, size_bytes: int) -> None:
        is_checked = size_bytes <= CHECKED_AT_START
        path, tell = self._config.daemon.store, self._tell_store
        tasks.start_soon(check_store, path, is_checked, self._metrics, tell, name="store check")
        pruning = (store, lambda: self._config.daemon.history, self._metrics, self._clock)
        tasks.start_soon(run_pruning, *pruning, name="pruning")

    @property
    def _file(self) -> Path:
        return self._config.files[0]

    def _tell_store(self, word: str) -> None:
        self._store_word = word

    async def _supervise(self, tasks: TaskGroup) -> None:
        assert self._supervisor is not None
        await self._supervisor.run(self._config)
        tasks.cancel_scope.cancel()

    def _start_watchdog(self, tasks: TaskGroup) -> None:
        interval = watchdog_interval()
        if interval is not None:
            tasks.start_soon(run_watchdog, self._notifier, interval, lambda: True, name="watchdog")

    def _monitor(self, spec: SyncSpec) -> Monitor:
        metrics = MetricsMonitor(self._metrics, spec, self._clock.now)
        return metrics if self._trace is None else Monitors((metrics, self._trace))

    async def _stop(self) -> None:
        """Drain: read no more, let the writers' calls end, then go; twice is at once."""
        assert self._supervisor is not None
        self._is_stopping = True
        self._notifier.stopping("draining")
        log.info("stopping: what is with the apps is waited for")
        self._supervisor.stop()
        await anyio.sleep(DRAIN_SECONDS)
        log.warning("stopping without the answers still missing; the next start looks for them")
        self._supervisor.cancel()

    # --- reload -----------------------------------------------------------------------------

    async def _reload(self) -> None:
        """Apply the files as they are now as a whole, or keep what runs."""
        assert self._supervisor is not None
        self._notifier.reloading()
        refused = ""
        try:
            new = self._load()
            touched = await self._supervisor.reload(new)
            for secret in new.secrets:
                self._redactor.add(secret.reveal())
            self._config = new
            self._metrics.config_applied(datetime.now(UTC))
            log.info("configuration applied", extra={"touched": list(touched)})
        except (TielineError, TimeoutError) as error:
            refused = self._redactor.redact(str(error)) or "an app did not answer in time"
            self._metrics.config_refused()
            log.error("configuration refused, the old one runs on: %s", refused)
        finally:
            count = self._reloads.count + 1
            self._reloads = Reloads(count=count, refused=refused, at=self._clock.now())
            self._notifier.ready("configuration refused" if refused else "configuration applied")

    # --- health -----------------------------------------------------------------------------

    def health(self) -> Health:
        """Say how the daemon is, for `GET /healthz`."""
        phases = dict(self._supervisor.phases) if self._supervisor is not None else {}
        why_not = tuple(
            self._redactor.redact(f"{name}: {phase.word}: {phase.reason}")
            for name, phase in sorted(phases.items())
            if not phase.is_well
        )
        if self._store_word not in ("", CHECKING):
            why_not = (self._store_word, *why_not)
        if self._is_stopping:
            why_not = ("stopping", *why_not)
        return Health(
            live=True,
            ready=not why_not and bool(phases),
            why_not=why_not,
            connections={name: phase.word for name, phase in phases.items()},
            reloads=self._reloads.count,
            refused=self._reloads.refused,
            store=self._store_word,
            schema_problems={
                name: tuple(map(self._redactor.redact, phase.flaws))
                for name, phase in phases.items()
                if phase.flaws
            },
        )
