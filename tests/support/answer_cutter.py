"""A relay on loopback in front of an HTTP server, which can lose the answer to a chosen call.

The server must end each connection after its answer, as Tryton's own server does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteReceiveStream, ByteStream, SocketAttribute, SocketStream


class AnswerCutter:
    """Relays connections to `target`; `url` is where it listens."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        assert parts.hostname is not None and parts.port is not None
        self._host, self._port = parts.hostname, parts.port
        self._marks: tuple[bytes, ...] = ()
        self.requests: list[bytes] = []
        self.url = ""

    def lose_answer_to(self, *marks: bytes) -> None:
        """Lose the answer to the next request whose bytes hold one of `marks`."""
        self._marks = marks

    async def relay(self, client: SocketStream) -> None:
        """Relay one connection."""
        async with client, await anyio.connect_tcp(self._host, self._port) as server:
            request = await _read_request(client)
            self.requests.append(request)
            await server.send(request)
            answer = b"".join([part async for part in server])
            if any(mark in request for mark in self._marks):
                self._marks = ()
                return
            await client.send(answer)


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
