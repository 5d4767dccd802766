"""The supervisor: starts, restarts, reloads and stops connections, each on its own.

A failing connection restarts with backoff and disturbs no other. What it does about a failure is
decided by the error's class: credentials and schema wait for a person (and are tried again now
and then), all else for time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

import anyio
from anyio.abc import TaskGroup
from msgspec import Struct

from actors.backoff import delay
from actors.connection import Connection as SyncConnection
from actors.errors import (
    AuthError,
    MappingError,
    SchemaDriftError,
    ScopeError,
    TielineError,
)
from actors.mapping.record import Sync
from actors.meeting import Meeting
from actors.ports import Clock, Connector, Monitor, Store
from actors.records import Side
from actors.spec import SyncSpec
from daemon.accounts import Account, Accounts
from daemon.config.changes import compare_configs
from daemon.config.problems import ConfigError, ConfigProblem
from daemon.config.settings import Config, Connection
from daemon.connectors.budget import BORROWER
from daemon.desk import Wishes
from daemon.fitting import Fitted, fit_connection, keep_memories
from daemon.logs import in_connection
from daemon.metrics import Metrics, error_kind
from daemon.runner import Runner
from daemon.store.reading import Pause

log = logging.getLogger(__name__)

_RESTART_FIRST = timedelta(seconds=1)
_RESTART_LAST = timedelta(minutes=5)
_PERSON_PAUSE = timedelta(minutes=15)
_STEADY_AFTER = timedelta(minutes=2)
_ANSWER_WITHIN = 60.0

MonitorMaker = Callable[[SyncSpec], Monitor]


class Phase(Struct, frozen=True, kw_only=True):
    """What a connection is doing.

    `starting`, `running`, `paused`, `waiting`, `needs you` or `stopped`.

    Attributes:
        flaws: what its apps have changed since its mappings fitted them, for people.
    """

    word: str
    reason: str = ""
    flaws: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Nobody needs to look."""
        return self.word in ("running", "paused")


class Supervisor:
    """Runs the connections of a configuration.

    Attributes:
        phases: by connection name, what it is doing and why.
    """

    def __init__(
        self, *, store: Store, clock: Clock, metrics: Metrics, make_monitor: MonitorMaker
    ) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._make_monitor = make_monitor
        self._accounts = Accounts(metrics)
        self._config: Config | None = None
        self._tasks: TaskGroup | None = None
        self._keepers: dict[str, Keeper] = {}
        self._wishes = Wishes()
        self.phases: dict[str, Phase] = {}

    async def run(self, config: Config) -> None:
        """Run all connections until `stop`, restarting those that fail."""
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                self._config = config
                for connection in config.connections.values():
                    self._start(config, connection)
        finally:
            await self._accounts.aclose()

    def stop(self) -> None:
        """Drain every connection; `run` returns when all have ended."""
        for keeper in self._keepers.values():
            keeper.stop()

    def cancel(self) -> None:
        """End at once; what is under way is found out at the next start."""
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()

    def heed(self, wishes: Wishes) -> None:
        """Bring about what people want: pauses, and orders for the syncs to carry out."""
        self._wishes = wishes
        for keeper in self._keepers.values():
            keeper.heed(wishes)

    def _start(self, config: Config, connection: Connection) -> None:
        keeper = Keeper(
            config=config,
            connection=connection,
            accounts=self._accounts,
            store=self._store,
            clock=self._clock,
            metrics=self._metrics,
            make_monitor=self._make_monitor,
            wishes=self._wishes,
            tell=lambda phase: self.phases.__setitem__(connection.name, phase),
        )
        self._keepers[connection.name] = keeper
        assert self._tasks is not None, "the supervisor is not running"
        self._tasks.start_soon(keeper.run, name=f"connection/{connection.name}")

    async def _end(self, name: str) -> None:
        keeper = self._keepers.pop(name)
        keeper.stop()
        await keeper.ended.wait()
        self.phases.pop(name, None)

    # --- reload -----------------------------------------------------------------------------

    async def reload(self, new: Config) -> tuple[str, ...]:
        """Apply a configuration as a whole, or refuse it as a whole.

        Only connections that changed are touched. Returns their names. Those that wait after a
        failure try again at once: what they waited for may be mended, in the apps as well. Those
        that run look at their apps' schemas again.

        Raises:
            ConfigError: it does not fit the apps; nothing was touched.
            TielineError: an app cannot be asked whether it fits; nothing was touched.
        """
        old = self._config
        assert old is not None, "the supervisor is not running"
        changes = compare_configs(old, new)
        touched = (*changes.changed, *changes.added)
        trials = {
            name: Account(new.apps[name], self._metrics)
            for name in changes.apps
            if name in new.apps
        }
        try:
            await self._try(new, touched, trials)
        except BaseException:
            for account in trials.values():
                await account.aclose()
            raise
        for name in (*changes.changed, *changes.removed):
            await self._end(name)
        for name in changes.removed:
            self._metrics.forget_connection(name)
        for name in changes.apps:
            if name in trials:
                await self._accounts.replace(trials[name])
            else:
                await self._accounts.close(name)
                self._metrics.forget_app(name)
        self._config = new
        for keeper in self._keepers.values():
            keeper.hurry()
        for name in touched:
            self._start(new, new.connections[name])
        return (*touched, *changes.removed)

    async def _try(self, config: Config, names: Iterable[str], trials: dict[str, Account]) -> None:
        problems: list[ConfigProblem] = []
        for name in names:
            connection = config.connections[name]
            accounts = {
                side: trials.get(app) or self._accounts.get(config.apps[app])
                for side, app in ((Side.LEFT, connection.left), (Side.RIGHT, connection.right))
            }
            with anyio.fail_after(_ANSWER_WITHIN):
                fitted = await fit_connection(config, connection, accounts, self._store)
            problems += fitted.problems
        if problems:
            raise ConfigError(tuple(problems))


async def check_rights(connection: Connection, accounts: dict[Side, Account]) -> None:
    """Compare what the apps let us do with what the syncs need (F3).

    Raises:
        ScopeError: a right is missing; names it, what stops working and how to grant it.
        TransientError, AuthError: an app cannot be asked.
    """
    lacks: list[str] = []
    for spec in connection.syncs:
        for side in Side:
            account, writes = accounts[side], spec.direction.allows(side)
            found = await account.connector.missing(spec.object, writes=writes)
            lacks += [f"{account.app.name}: {sentence}" for sentence in found]
    if lacks:
        raise ScopeError("; ".join(dict.fromkeys(lacks)))


class Keeper:
    """Keeps one connection running."""

    def __init__(
        self,
        *,
        config: Config,
        connection: Connection,
        accounts: Accounts,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        make_monitor: MonitorMaker,
        wishes: Wishes,
        tell: Callable[[Phase], None],
    ) -> None:
        self._config = config
        self._connection = connection
        self._accounts = accounts
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._make_monitor = make_monitor
        self._tell = tell
        self._wishes = wishes
        self._runners: list[Runner] = []
        self._flaws: tuple[str, ...] = ()
        self._look = anyio.Event()
        self._is_up = False
        self._stopping = anyio.Event()
        self._wake = anyio.Event()
        self.ended = anyio.Event()

    def stop(self) -> None:
        """Drain; `ended` is set when it is done."""
        self._stopping.set()
        self._wake.set()
        for one in self._runners:
            one.stop()

    def heed(self, wishes: Wishes) -> None:
        """Take note of what people want now."""
        before = self._pauses()
        self._wishes = wishes
        for one in self._runners:
            one.heed(wishes)
        if before != self._pauses():
            self._wake.set()
            if self._is_up:
                self._tell_up()

    def _pauses(self) -> dict[str, str]:
        """Return by object that is paused, since when and by whom."""
        pauses = {one.object: self._wishes.pause_of(one.name) for one in self._connection.syncs}
        return {word: describe_pause(one) for word, one in pauses.items() if one is not None}

    def _is_paused(self) -> bool:
        return len(self._pauses()) == len(self._connection.syncs)

    def _tell_up(self) -> None:
        """Say what runs and what is paused."""
        name, pauses = self._connection.name, self._pauses()
        for spec in self._connection.syncs:
            self._metrics.sync_paused(name, spec.object, spec.object in pauses)
        reason = "; ".join(f"{word} {why}" for word, why in pauses.items())
        if self._is_paused():
            self._metrics.connection_paused(name)
        else:
            self._metrics.connection_up(name, True)
        word = "paused" if self._is_paused() else "running"
        self._tell(Phase(word=word, reason=reason, flaws=self._flaws))

    def hurry(self) -> None:
        """Let a connection that waits try again now, one that runs look at its apps' schemas."""
        self._wake.set()
        self._look.set()

    async def run(self) -> None:
        """Run until stopped, through any failure."""
        name = self._connection.name
        attempts = 0
        try:
            BORROWER.set(name)  # the accounts' budgets are shared fairly among connections
            with in_connection(name):
                while not self._stopping.is_set():
                    if self._is_paused():
                        await self._wait_paused()
                        continue
                    started = self._clock.monotonic()
                    try:
                        await self._run_once()
                    except Exception as error:  # whatever an actor raised: this one falls alone
                        if self._clock.monotonic() - started > _STEADY_AFTER.total_seconds():
                            attempts = 0
                        attempts += 1
                        await self._wait_after(error, attempts)
        finally:
            self._metrics.connection_up(name, False)
            self._tell(Phase(word="stopped"))
            self.ended.set()

    async def _wait_paused(self) -> None:
        """Ask no app for anything while all of it is paused."""
        self._tell_up()
        self._wake = anyio.Event()
        if not self._stopping.is_set():
            await self._wake.wait()

    async def _run_once(self) -> None:
        """Run until stopped, or until the apps' schemas call for another set of syncs."""
        self._tell(Phase(word="starting"))
        accounts = {
            Side.LEFT: self._accounts.get(self._config.apps[self._connection.left]),
            Side.RIGHT: self._accounts.get(self._config.apps[self._connection.right]),
        }
        fitted = await fit_connection(self._config, self._connection, accounts, self._store)
        if fitted.problems:
            raise ConfigError(fitted.problems)
        await keep_memories(self._store, fitted)
        self._note_flaws(fitted)
        await check_rights(self._connection, accounts)
        if fitted.stopped and not fitted.syncs:
            raise SchemaDriftError("; ".join(fitted.told))
        meeting, connectors = Meeting(), {side: accounts[side].connector for side in Side}
        self._runners = [
            Runner(sync.name, partial(self._make_sync, sync, connectors, meeting), self._wishes)
            for sync in fitted.syncs
        ]
        if self._stopping.is_set():
            return
        self._is_up = True
        self._tell_up()
        log.info("connection runs", extra={"syncs": [sync.name for sync in fitted.syncs]})
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._watch, fitted, accounts, name="schema watch")
                async with anyio.create_task_group() as syncs:
                    for one in self._runners:
                        syncs.start_soon(one.run, name=f"sync/{one.name}")
                group.cancel_scope.cancel()
        finally:
            self._is_up = False
            self._runners = []

    async def _watch(self, fitted: Fitted, accounts: dict[Side, Account]) -> None:
        """Look at the apps' schemas now and then; end the run once they call for another one."""
        pause = self._connection.pace.schema
        while True:
            with anyio.move_on_after(pause.total_seconds()):
                await self._look.wait()
            if self._is_paused():
                self._look = anyio.Event()
                continue  # then no app is asked for anything
            # Connections that share an app share a look, unless somebody asked for one.
            max_age = timedelta(0) if self._look.is_set() else pause / 2
            self._look = anyio.Event()  # before the look: who asks meanwhile gets another one
            try:
                now = await fit_connection(
                    self._config, self._connection, accounts, self._store, max_age
                )
            except TielineError as error:  # the pollers meet it as well, and know what to do
                log.info("the schemas could not be looked at: %s", error)
                continue
            if now.standing != fitted.standing and not now.problems:
                log.info("the apps' schemas have changed: the connection starts anew")
                for one in self._runners:
                    one.stop()
                return

    def _note_flaws(self, fitted: Fitted) -> None:
        """Tell of what the apps have changed: each flaw once in the log, their number always."""
        for spec in self._connection.syncs:
            flaws = fitted.flaws.get(spec.name, ())
            self._metrics.schema_problems(spec.connection, spec.object, len(flaws))
            for flaw in flaws:
                if flaw.message not in self._flaws:
                    log.warning("%s: schema drift: %s", spec.name, flaw)
        if self._flaws and not fitted.told:
            log.info("the apps' schemas fit again")
        self._flaws = fitted.told

    def _make_sync(
        self, sync: Sync, connectors: dict[Side, Connector], meeting: Meeting
    ) -> SyncConnection:
        return SyncConnection(
            sync,
            connectors,
            self._store,
            self._clock,
            self._connection.pace,
            self._make_monitor(sync.spec),
            meeting,
        )

    async def _wait_after(self, error: BaseException, attempts: int) -> None:
        cause = root_cause(error)
        name = self._connection.name
        self._metrics.connection_up(name, False)
        self._metrics.connection_restarted(name)
        self._metrics.error(name, error_kind(cause))
        needs_person = isinstance(cause, AuthError | MappingError | SchemaDriftError | ConfigError)
        pause = delay(attempts, _RESTART_FIRST, _RESTART_LAST, self._clock.jitter())
        # After a drift the next start goes on with what is left.
        if needs_person and not isinstance(cause, SchemaDriftError):
            pause = _PERSON_PAUSE
        known = isinstance(cause, TielineError)
        log.error(
            "connection failed: %s; next try in %d s",
            cause,
            pause.total_seconds(),
            exc_info=None if known else error,
        )
        word = "needs you" if needs_person else "waiting"
        reason = str(cause) or type(cause).__name__
        self._tell(Phase(word=word, reason=reason, flaws=self._flaws))
        self._wake = anyio.Event()
        with anyio.move_on_after(pause.total_seconds()):
            if not self._stopping.is_set():
                await self._wake.wait()


def describe_pause(pause: Pause) -> str:
    """Say since when something is paused, and by whom."""
    since = datetime.fromtimestamp(pause.since_us / 1_000_000, UTC)
    return f"paused by {pause.by} since {since:%Y-%m-%d %H:%M:%SZ}"


def root_cause(error: BaseException) -> BaseException:
    """Return the error inside task groups' groups: a known one if there is any."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    causes = [root_cause(inner) for inner in error.exceptions]
    known = [one for one in causes if isinstance(one, TielineError)]
    return (known or causes)[0]
