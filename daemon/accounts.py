"""Accounts: each app is opened once, and lent to all connections that use it."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial

import anyio

from actors.errors import TielineError
from actors.ports import Connector
from actors.schema import AppSchema
from daemon.config.settings import App
from daemon.connectors.registry import Environment
from daemon.metrics import Metrics

SCHEMA_LIFE = timedelta(minutes=10)
_CLOSE_WITHIN = 5.0


class Account:
    """One open app: its connector and what it said last of its fields, stages and people."""

    def __init__(self, app: App, metrics: Metrics | None) -> None:
        self.app = app
        self._metrics = metrics
        environment = Environment(app=app.name)
        if metrics is not None:
            environment = Environment(
                app=app.name,
                on_call=partial(_count, metrics, app.name),
                on_budget=partial(metrics.api_budget, app.name),
            )
        self.connector: Connector = app.open(environment)
        self._schema: AppSchema | None = None
        self._read_at = 0.0
        self._reading = anyio.Lock()

    async def schema(self, max_age: timedelta = SCHEMA_LIFE) -> AppSchema:
        """Return the app's schema as it is, or was at most `max_age` ago.

        Raises:
            TransientError, AuthError: the app cannot be asked.
        """
        async with self._reading:
            age = time.monotonic() - self._read_at
            if self._schema is None or age >= max_age.total_seconds():
                self._schema = await self._describe()
                self._read_at = time.monotonic()
                if self._metrics is not None:
                    self._metrics.clock_offset(self.app.name, self.connector.clock_offset)
            return self._schema

    async def _describe(self) -> AppSchema:
        """Ask the app; an error's words then say which app it was."""
        try:
            return await self.connector.describe()
        except TielineError as error:
            if not str(error).startswith(f"{self.app.name}: "):
                error.args = (f"{self.app.name}: {error}",)
            raise

    async def aclose(self) -> None:
        """Release the connector; bounded."""
        with anyio.move_on_after(_CLOSE_WITHIN, shield=True):
            await self.connector.aclose()


class Accounts:
    """The open apps of a process."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self._metrics = metrics
        self._open: dict[str, Account] = {}

    def get(self, app: App) -> Account:
        """Return the app's account, opening it if it is not open under these options."""
        account = self._open.get(app.name)
        if account is None:
            account = self._open[app.name] = Account(app, self._metrics)
        return account

    async def close(self, name: str) -> None:
        """Close one app, if it is open."""
        account = self._open.pop(name, None)
        if account is not None:
            await account.aclose()

    async def replace(self, account: Account) -> None:
        """Take over an account that was opened on trial; the old one is closed."""
        await self.close(account.app.name)
        self._open[account.app.name] = account

    async def aclose(self) -> None:
        """Close all."""
        for name in list(self._open):
            await self.close(name)


def _count(metrics: Metrics, app: str, endpoint: str, status: int | None, seconds: float) -> None:
    metrics.api_call(app, endpoint, status)
