"""A relay on loopback in front of an HTTP server, for what a real server does only by chance.

It can lose the answer to a chosen call, give another answer instead of relaying it, or let
something happen right after it.

The server must end each connection after its answer, as Tryton's own server does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteReceiveStream, ByteStream, SocketAttribute, SocketStream

T = TypeVar("T")


class AnswerCutter:
    """Relays connections to `target`; `url` is where it listens."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        assert parts.hostname is not None and parts.port is not None
        self._host, self._port = parts.hostname, parts.port
        self._marks: tuple[bytes, ...] = ()
        self._replies: list[tuple[bytes, bytes]] = []
        self._events: list[tuple[bytes, Callable[[], object]]] = []
        self.requests: list[bytes] = []
        self.url = ""

    def lose_answer_to(self, *marks: bytes) -> None:
        """Lose the answer to the next request whose bytes hold one of `marks`."""
        self._marks = marks

    def reply_to(self, mark: bytes, status: int, body: bytes = b"", times: int = 1) -> None:
        """Answer the next requests that hold `mark` instead of the server."""
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self._replies += [(mark, head.encode() + body)] * times

    def run_after(self, mark: bytes, event: Callable[[], object]) -> None:
        """Call `event` between the server's answer to the next such request and its relay."""
        self._events.append((mark, event))

    def count(self, mark: bytes) -> int:
        """Count the requests so far that held `mark`."""
        return sum(mark in request for request in self.requests)

    async def relay(self, client: SocketStream) -> None:
        """Relay one connection."""
        async with client:
            request = await _read_request(client)
            self.requests.append(request)
            answer = _take(self._replies, request) or await self._ask(request)
            if any(mark in request for mark in self._marks):
                self._marks = ()
                return
            event = _take(self._events, request)
            if event is not None:
                event()
            await client.send(answer)

    async def _ask(self, request: bytes) -> bytes:
        async with await anyio.connect_tcp(self._host, self._port) as server:
            await server.send(request)
            return b"".join([part async for part in server])


def _take(prepared: list[tuple[bytes, T]], request: bytes) -> T | None:
    for index, (mark, one) in enumerate(prepared):
        if mark in request:
            del prepared[index]
            return one
    return None


@asynccontextmanager
async def cutting(target: str) -> AsyncIterator[AnswerCutter]:
    """Run a relay to the server at `target` while the block lasts."""
    cutter = AnswerCutter(target)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(SocketAttribute.local_port)
        cutter.url = f"http://127.0.0.1:{port}/"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, cutter.relay)
            yield cutter
            tasks.cancel_scope.cancel()


async def _read_request(client: ByteReceiveStream | ByteStream) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        request += await client.receive()
    head, _, body = request.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().splitlines()
        if line.startswith(b"content-length:")
    )
    while len(body) < length:
        body += await client.receive()
    return head + b"\r\n\r\n" + body
