"""Runs the sandbox: two loopback listeners, one for the vendor's surface, one for control.

Owns sockets, signals and the start line. `running` serves inside a program (tests); `main` is
the whole process behind the command.
"""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import uvicorn
from msgspec import Struct

from daemon.sandbox.hubspot import routes
from daemon.sandbox.hubspot.account import Account
from daemon.sandbox.hubspot.auth import Token
from daemon.sandbox.hubspot.control import control_app
from daemon.sandbox.hubspot.loading import load_seed
from daemon.sandbox.hubspot.protocol import CuttableProtocol
from daemon.sandbox.hubspot.routing import Router
from daemon.sandbox.hubspot.seed import SeedCounts, counts_for
from daemon.sandbox.hubspot.statefile import StateError, load_state, save_state
from daemon.sandbox.hubspot.surface import Surface

__all__ = ["Addresses", "SandboxError", "Settings", "main", "running"]

SAVE_SECONDS = 5.0


class SandboxError(Exception):
    """The sandbox cannot start; the message says why and what to do."""


class Addresses(Struct, frozen=True):
    """Where a running sandbox listens, and a token it knows."""

    url: str
    token: str
    control_url: str


class Settings(Struct, frozen=True, kw_only=True):
    """How a sandbox starts.

    Args:
        listen: host and port of the vendor's surface; port 0 takes a free one.
        tokens: values of the access tokens; `scopes` None lets them do everything.
        deals, contacts, companies: records to seed; None of the last two is in proportion.
        state: file to load at start if it is there, and to save to.
        lag: seconds until search finds a write.
        api_limit: calls per ten seconds and token; daily_limit: per account; 0 is unlimited.
    """

    listen: str = "127.0.0.1:0"
    tokens: tuple[str, ...] = ()
    scopes: frozenset[str] | None = None
    deals: int = 0
    contacts: int | None = None
    companies: int | None = None
    seed: int = 1
    state: Path | None = None
    lag: float = 5.0
    api_limit: int = 190
    daily_limit: int = 625_000


def build_account(settings: Settings) -> Account:
    """The account as the settings want it: from the state file, or freshly seeded."""
    account = Account(seed=settings.seed, lag_ms=int(settings.lag * 1000))
    for position, value in enumerate(settings.tokens):
        name = "sandbox" if position == 0 else f"sandbox-{position + 1}"
        account.tokens[value] = Token(
            value=value, name=name, scopes=settings.scopes, app_id=1_234_567 + position
        )
    account.limits.rates.window = settings.api_limit
    account.limits.rates.daily = settings.daily_limit
    if not settings.api_limit:
        account.limits.rates.search_per_second = account.limits.rates.associations = 0
    with _collector_at_rest():
        if settings.state is not None and settings.state.exists():
            load_state(account, settings.state)
        else:
            load_seed(account, settings.seed, _counts(settings))
    return account


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Load without garbage collection, and leave what was loaded out of it for good.

    Nothing loaded is garbage, and walking a million objects again and again takes seconds.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _counts(settings: Settings) -> SeedCounts:
    usual = counts_for(settings.deals)
    return SeedCounts(
        deals=settings.deals,
        contacts=usual.contacts if settings.contacts is None else settings.contacts,
        companies=usual.companies if settings.companies is None else settings.companies,
    )


class _Server(uvicorn.Server):
    """A server that leaves signals to us; uvicorn would die of them a second time."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listener(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol must be named: asyncio sets TCP_NODELAY only where it is, and without that
    # every answer waits 40 ms for the client's delayed acknowledgement.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, int(port)))
        bound.listen(512)
    except (OSError, ValueError, OverflowError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise SandboxError(f"cannot listen on {listen}: {reason}") from None
    return bound


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://{host}:{port}"


def _configured(app: Any, **more: Any) -> _Server:  # Any: uvicorn's own options
    return _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
            loop="asyncio",
            ws="none",
            **more,
        )
    )


@asynccontextmanager
async def running(account: Account, listen: str = "127.0.0.1:0") -> AsyncIterator[Addresses]:
    """Serve an account until the block is left.

    Raises:
        SandboxError: the address is taken or is no address.
    """
    surface = Surface(account, Router(routes.all_endpoints()))
    with _listener(listen) as front, _listener("127.0.0.1:0") as back:
        servers = [
            # A request line of 15,000 characters, and then some, must fit.
            _configured(
                surface,
                http=CuttableProtocol,
                h11_max_incomplete_event_size=1 << 18,
                date_header=False,
            ),
            _configured(control_app(account), http="h11"),
        ]
        token = next(iter(account.tokens), "")
        async with anyio.create_task_group() as tasks:
            for server, bound in zip(servers, (front, back), strict=True):
                tasks.start_soon(server.serve, [bound], name=f"sandbox/{_address(bound)}")
            for server in servers:
                await server.serving.wait()
            try:
                yield Addresses(_address(front), token, _address(back))
            finally:
                for server in servers:
                    server.should_exit = True


async def serve(settings: Settings, announce: Any) -> None:  # Any: a callable taking Addresses
    """Serve until SIGTERM or SIGINT; save the state if there is a file for it."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        account = build_account(settings)
        async with running(account, settings.listen) as addresses, anyio.create_task_group() as own:
            announce(addresses)
            if settings.state is not None:
                own.start_soon(_save_regularly, account, settings.state, name="sandbox/state")
            async for _ in signals:
                break
            own.cancel_scope.cancel()
    if settings.state is not None:
        save_state(account, settings.state)


async def _save_regularly(account: Account, path: Path) -> None:
    saved = -1
    while True:
        if account.changes != saved:
            saved = account.changes
            _try_to_save(account, path)
        await anyio.sleep(SAVE_SECONDS)


def _try_to_save(account: Account, path: Path) -> None:
    """A full disk must not end a running sandbox; it is told once more on leaving."""
    try:
        save_state(account, path)
    except StateError as error:
        sys.stderr.write(f"{error}\n")


def main(
    listen: str = "127.0.0.1:0",
    token: str | Sequence[str] = (),
    deals: int = 0,
    seed: int = 1,
    state: Path | None = None,
    lag: float = 5.0,
    *,
    json: bool = False,
    scopes: frozenset[str] | None = None,
    contacts: int | None = None,
    companies: int | None = None,
    api_limit: int = 190,
    daily_limit: int = 625_000,
) -> int:
    """Run the sandbox as a process of its own and return its exit code.

    Raises:
        SandboxError: it cannot start; nothing was written or served.
    """
    tokens = (token,) if isinstance(token, str) else tuple(token)
    settings = Settings(
        listen=listen,
        tokens=tokens,
        scopes=scopes,
        deals=deals,
        contacts=contacts,
        companies=companies,
        seed=seed,
        state=state,
        lag=lag,
        api_limit=api_limit,
        daily_limit=daily_limit,
    )
    try:
        anyio.run(serve, settings, _printed_as_json if json else _printed)
    except StateError as error:
        raise SandboxError(str(error)) from None
    return 0


def _printed_as_json(addresses: Addresses) -> None:
    sys.stdout.write(msgspec.json.encode(addresses).decode() + "\n")
    sys.stdout.flush()


def _printed(addresses: Addresses) -> None:
    sys.stdout.write(
        f"HubSpot sandbox at {addresses.url}\n"
        f"  token    {addresses.token}\n"
        f"  control  {addresses.control_url}\n"
        "Stop it with Ctrl-C.\n"
    )
    sys.stdout.flush()
