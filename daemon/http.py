"""The daemon's HTTP listener: `GET /metrics` for Prometheus, `GET /healthz` for whoever watches.

Owns the socket, uvicorn and the two routes. It keeps uvicorn's hands off the process's signals,
which belong to `daemon/signals.py`, and off the log set-up, which belongs to `daemon/logs.py`.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import anyio
import uvicorn
from anyio.abc import TaskStatus
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from actors.errors import TielineError
from daemon.health import Health
from daemon.metrics import Metrics

# How long a stop waits for answers that are still being sent; the whole drain has 10 s.
STOP_WITHIN = timedelta(seconds=2)

BIND_ERRORS = {
    errno.EADDRINUSE: "the port is in use. Stop the program that has it, or choose another port",
    errno.EACCES: "not allowed. Ports below 1024 need a privilege; choose a higher one",
    errno.EADDRNOTAVAIL: "this machine has no such address. 127.0.0.1 and 0.0.0.0 always exist",
}


class ListenError(TielineError):
    """An address to listen on that cannot be had; the message says why and what to do."""


async def serve(
    address: str,
    metrics: Metrics,
    health: Callable[[], Health],
    *,
    task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Serve metrics and health until cancelled; for `task_group.start`.

    Args:
        address: `host:port`; port 0 takes a free one.
        metrics: rendered in a worker thread at each scrape.
        health: asked at each request, on the event loop; must not block.
        task_status: gets the bound port once requests are answered.

    Raises:
        ListenError: the address is malformed or cannot be bound.
    """
    await serve_app(make_app(metrics, health), address, task_status=task_status)


def make_app(metrics: Metrics, health: Callable[[], Health]) -> Starlette:
    """Build the application with its two routes."""

    def get_metrics(request: Request) -> Response:
        # Not async, so that Starlette runs it in a thread: with hundreds of connections the
        # text takes longer than the event loop should stand still.
        body, content_type = metrics.render(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    async def get_health(_request: Request) -> Response:
        now = health()
        return Response(now.to_json(), status_code=now.status, media_type="application/json")

    return Starlette(routes=[Route("/metrics", get_metrics), Route("/healthz", get_health)])


async def serve_app(
    app: ASGIApp, address: str, *, task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Serve any ASGI application at an address until cancelled, as one anyio task."""
    listener = bind(address)
    server = _Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=int(STOP_WITHIN.total_seconds()),
        )
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_run, server, listener, name=f"uvicorn/{address}")
        try:
            await server.listening.wait()
            task_status.started(listener.getsockname()[1])
            await anyio.sleep_forever()
        finally:
            server.should_exit = True


def bind(address: str) -> socket.socket:
    """Open a listening TCP socket.

    Args:
        address: `host:port`, `[v6]:port`; port 0 takes a free one.

    Raises:
        ListenError: malformed, unknown host, port in use, not allowed.
    """
    host, port = split_address(address)
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ListenError(f"cannot listen on {address}: {error.strerror}") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
        listener.listen()
    except OSError as error:
        listener.close()
        reason = BIND_ERRORS.get(error.errno or 0, error.strerror)
        raise ListenError(f"cannot listen on {address}: {reason}") from error
    return listener


def join_address(host: str, port: int) -> str:
    """Write a host and a port as one address; the reverse of `split_address`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_address(address: str) -> tuple[str, int]:
    """Split `host:port` or `[v6]:port`.

    Raises:
        ListenError: it is neither.
    """
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    bare_v6 = ":" in host and not address.startswith("[")
    if not (colon and host and port.isdecimal() and int(port) < 65536) or bare_v6:
        raise ListenError(
            f"cannot listen on {address!r}: write it as host:port, such as 127.0.0.1:9464"
        )
    return host, int(port)


class _Server(uvicorn.Server):
    """A server that leaves signals alone and tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = anyio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


async def _run(server: _Server, listener: socket.socket) -> None:
    # Shielded, because a cancelled uvicorn leaves its sockets open. It ends by itself soon after
    # `should_exit`: it looks ten times a second, then waits at most STOP_WITHIN for answers.
    with listener, anyio.CancelScope(shield=True):
        await server.serve(sockets=[listener])
