"""The HTTP client against a real socket that misbehaves: what a broken exchange means."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import anyio
import msgspec
import pytest

from actors.errors import OutcomeUnknownError, TransientError
from daemon.connectors.client import HttpClient, Limits, Reply, shared_ssl_context
from daemon.connectors.registry import Environment

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
DATE = b"Date: Sun, 01 Mar 2026 12:01:00 GMT\r\n"
OK = b"HTTP/1.1 200 OK\r\n" + DATE + b"Content-Length: 2\r\n\r\n{}"
NUMBERS = msgspec.json.Decoder(dict[str, int])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Server:
    """Answers every request with the same bytes, then closes, or goes on for ever in drops."""

    def __init__(self, answer: bytes, *, pause: float = 0.0, drips: bool = False) -> None:
        self.answer = answer
        self.pause = pause
        self.drips = drips

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(65_536)
            await anyio.sleep(self.pause)
            writer.write(self.answer)
            await writer.drain()
            while self.drips:
                await anyio.sleep(0.01)
                writer.write(b"x")
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[str]:
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"


async def exchange(
    server: Server,
    *,
    writes: bool,
    limits: Limits | None = None,
    environment: Environment | None = None,
) -> Reply:
    async with (
        serving(server) as url,
        HttpClient(
            url,
            environment or Environment(app="app", now=lambda: NOW),
            limits=limits,
            own_statuses=frozenset({530}),
        ) as client,
    ):
        return await client.send("things", "POST", "/things", writes=writes, content=b"{}")


BROKEN = {
    "closed": b"",
    "cut in the headers": b"HTTP/1.1 200 OK\r\nContent-",
    "cut in the body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "cut in a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
    "not HTTP": b"220 smtp.example ready\r\n",
    "not what it says": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"
    ),
    "server error": b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_a_broken_answer_leaves_a_write_unknown_and_a_read_repeatable(answer: bytes) -> None:
    with pytest.raises(OutcomeUnknownError):
        await exchange(Server(answer), writes=True)
    with pytest.raises(TransientError):
        await exchange(Server(answer), writes=False)


async def test_no_connection_means_never_sent_also_for_a_write() -> None:
    async with HttpClient("http://127.0.0.1:1", Environment(app="app")) as client:
        with pytest.raises(TransientError, match="not reached"):
            await client.send("things", "POST", "/things", writes=True)


async def test_an_answer_that_does_not_come_in_time_is_given_up() -> None:
    limits = Limits(read=timedelta(milliseconds=50))
    with pytest.raises(OutcomeUnknownError, match="ReadTimeout"):
        await exchange(Server(OK, pause=30), writes=True, limits=limits)


async def test_an_answer_that_drips_for_ever_is_given_up() -> None:
    # Bytes keep coming, so that a limit on the time between them is no help.
    limits = Limits(total=timedelta(milliseconds=200))
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    with pytest.raises(OutcomeUnknownError, match="TimeoutError"):
        await exchange(Server(endless, drips=True), writes=True, limits=limits)


async def test_a_small_answer_that_unpacks_to_a_large_one_is_refused() -> None:
    packed = gzip.compress(b" " * 5_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    with pytest.raises(TransientError, match="above 1000000 bytes"):
        await exchange(
            Server(head.encode() + packed), writes=False, limits=Limits(max_bytes=1_000_000)
        )


async def test_a_body_that_is_not_the_expected_json_is_a_lost_answer() -> None:
    reply = await exchange(Server(OK.replace(b"{}", b"[]")), writes=True)
    with pytest.raises(OutcomeUnknownError):
        reply.decode(NUMBERS)
    reply = await exchange(Server(OK.replace(b"{}", b"[]")), writes=False)
    with pytest.raises(TransientError):
        reply.decode(NUMBERS)


async def test_a_status_that_has_a_meaning_of_its_own_is_an_answer() -> None:
    answer = b"HTTP/1.1 530 Bad token\r\nContent-Length: 0\r\n\r\n"
    assert (await exchange(Server(answer), writes=True)).status == 530


async def test_every_call_is_counted_with_what_became_of_it() -> None:
    calls: list[tuple[str, int | None]] = []
    environment = Environment(
        app="app",
        now=lambda: NOW,
        on_call=lambda endpoint, status, _: calls.append((endpoint, status)),
    )
    await exchange(Server(OK), writes=False, environment=environment)
    with pytest.raises(TransientError):
        await exchange(Server(b""), writes=False, environment=environment)
    assert calls == [("things", 200), ("things", None)]


async def test_the_apps_clock_is_measured_against_ours() -> None:
    async with (
        serving(Server(OK)) as url,
        HttpClient(url, Environment(app="app", now=lambda: NOW)) as client,
    ):
        reply = await client.send("things", "GET", "/things", writes=False)
    assert reply.date == datetime(2026, 3, 1, 12, 1, tzinfo=UTC)
    # The header stands for 12:01:00.5 on average; our clock said 12:00:00.5.
    assert client.offset.applied == timedelta(seconds=60)
    assert client.clock.last == reply.date


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        (b"7", timedelta(seconds=7)),
        (b"Sun, 01 Mar 2026 12:02:30 GMT", timedelta(seconds=90)),
        (b"soon", None),
        (b"-5", None),
    ],
)
async def test_the_pause_that_an_app_asks_for(header: bytes, pause: timedelta | None) -> None:
    answer = b"HTTP/1.1 429 Slow\r\n" + DATE + b"Retry-After: " + header
    reply = await exchange(Server(answer + b"\r\nContent-Length: 0\r\n\r\n"), writes=False)
    assert reply.retry_after == pause


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert (await exchange(Server(OK), writes=False)).status == 200


def test_all_clients_share_one_tls_context() -> None:
    assert shared_ssl_context() is shared_ssl_context()
