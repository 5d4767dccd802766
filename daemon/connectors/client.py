"""HTTP for connectors: one client per app account, and what a failed exchange means.

Owns the transport: TLS, timeouts, size limits, call counting, the app's clock. It maps transport
failures to errors by what the caller must do; what a status below 500 means is the connector's
business. Nothing here logs, and no message holds a header or a body.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import TracebackType
from typing import TypeVar

import anyio
import httpx
import msgspec
from msgspec import Struct

from actors.errors import OutcomeUnknownError, TielineError, TransientError
from daemon.connectors.clock import AppClock, ClockOffset, parse_http_date
from daemon.connectors.registry import Environment

MIB = 1024 * 1024
USER_AGENT = "tieline"

T = TypeVar("T")

# The request cannot have reached the app: nothing was written, whatever it was.
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of one client.

    Attributes:
        connect: longest wait for a connection.
        read: longest wait for the next bytes of an answer.
        write: longest wait for the app to take the next bytes of a request.
        total: longest time from asking for a connection to the last byte of the answer.
        max_bytes: largest answer, after decompression.
        connections: most connections at once.
        keepalive: how long an idle connection stays open; well above twice the poll interval,
            or each poll makes a new one.
    """

    connect: timedelta = timedelta(seconds=10)
    read: timedelta = timedelta(seconds=60)
    write: timedelta = timedelta(seconds=60)
    total: timedelta = timedelta(seconds=120)
    max_bytes: int = 32 * MIB
    connections: int = 10
    keepalive: timedelta = timedelta(seconds=300)


class Reply(Struct, frozen=True):
    """An answer read to its end.

    Attributes:
        date: the app's time by the `Date` header, if it sent one.
        wrote: the request was one that writes.
    """

    endpoint: str
    status: int
    headers: httpx.Headers
    body: bytes
    date: datetime | None
    wrote: bool

    @property
    def retry_after(self) -> timedelta | None:
        """The pause that the app asks for, given in seconds or as a date."""
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return timedelta(seconds=min(int(text), 7 * 86400))
        until = parse_http_date(text)
        if until is None:
            return None
        return max(until - (self.date or datetime.now(UTC)), timedelta(0))

    def decode(self, decoder: msgspec.json.Decoder[T]) -> T:
        """Decode the JSON body.

        Raises:
            TransientError, OutcomeUnknownError: it is not what the app answers on success; a
                proxy's page or a cut body, most likely.
        """
        try:
            return decoder.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _lost(self.wrote, f"{self.endpoint}: unreadable answer ({error})") from None


class _Oversized(Exception):  # noqa: N818  # never leaves this module
    """The answer has more bytes than allowed."""


@lru_cache(maxsize=16)
def shared_ssl_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Return the process's one TLS context per set of authorities.

    Making one costs 20 ms and 0.9 MB, so clients share it (performance.md, consequence 2).

    Args:
        ca_file: PEM file of authorities to trust instead of the public ones.
    """
    if ca_file is not None:
        return ssl.create_default_context(cafile=ca_file)
    return httpx.create_ssl_context(trust_env=False)


def _lost(writes: bool, message: str) -> TielineError:
    """Return the error for an exchange that broke after its request may have been sent."""
    return OutcomeUnknownError(message) if writes else TransientError(message)


class HttpClient:
    """The HTTP client of one app account.

    Args:
        base_url: scheme, host and an optional path that every request's path is put behind.
        environment: observer of calls and our wall clock.
        own_statuses: statuses of 500 and above that have a meaning of their own at this app;
            all others are failures of the app, not answers.
        transport: another transport than httpx's own, for tests and extras.
    """

    def __init__(
        self,
        base_url: str,
        environment: Environment,
        *,
        limits: Limits | None = None,
        ca_file: str | None = None,
        own_statuses: frozenset[int] = frozenset(),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._environment = environment
        self._own_statuses = own_statuses
        self._client = _make_client(base_url, self._limits, ca_file, transport)
        self.clock = AppClock()
        self.offset = ClockOffset()

    async def __aenter__(self) -> HttpClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def send(
        self,
        endpoint: str,
        method: str,
        path: str,
        *,
        writes: bool,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Reply:
        """Send a request once and read the answer.

        Args:
            endpoint: what is called, without ids, for counting and for messages to people.
            method: HTTP method.
            path: put behind the base URL.
            writes: the request may change something at the app.
            params: query.
            headers: beside the client's own; credentials go here, per request.
            content: body, encoded.

        Raises:
            TransientError: nothing was written and the call may be repeated: the app was not
                reached, or the request was a read.
            OutcomeUnknownError: a write was sent and its answer did not come, was cut, too
                large, or said that the app itself failed (status 500 and above).
        """
        request = self._client.build_request(
            method, path, params=params, headers=headers, content=content
        )
        reply = await self._exchange(endpoint, request, writes)
        if reply.status >= 500 and reply.status not in self._own_statuses:
            raise self._failed(reply)
        return reply

    def _failed(self, reply: Reply) -> TielineError:
        message = f"{reply.endpoint}: the app failed with status {reply.status}"
        if reply.wrote:
            return OutcomeUnknownError(message)
        return TransientError(message, reply.retry_after)

    async def _exchange(self, endpoint: str, request: httpx.Request, writes: bool) -> Reply:
        began, wall = anyio.current_time(), self._environment.now()
        status: int | None = None
        try:
            with anyio.fail_after(self._limits.total.total_seconds()):
                response = await self._client.send(request, stream=True)
                try:
                    body = await _read_body(response, self._limits.max_bytes)
                finally:
                    await response.aclose()
            status = response.status_code
        except NEVER_SENT as error:
            raise TransientError(f"{endpoint}: not reached ({_describe(error)})") from None
        except (httpx.HTTPError, TimeoutError) as error:
            raise _lost(writes, f"{endpoint}: no answer ({_describe(error)})") from None
        except _Oversized:
            raise _lost(
                writes, f"{endpoint}: answer above {self._limits.max_bytes} bytes"
            ) from None
        finally:
            self._environment.on_call(endpoint, status, anyio.current_time() - began)
        date = parse_http_date(response.headers.get("date"))
        if date is not None:
            self._observe(date, wall)
        return Reply(endpoint, status, response.headers, body, date, writes)

    def _observe(self, date: datetime, wall: datetime) -> None:
        self.clock.observe(date, anyio.current_time())
        self.offset.observe(date, wall + (self._environment.now() - wall) / 2)


def _make_client(
    base_url: str,
    limits: Limits,
    ca_file: str | None,
    transport: httpx.AsyncBaseTransport | None,
) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=base_url,
        verify=shared_ssl_context(ca_file),
        # Proxies and .netrc of the environment must not decide where records go.
        trust_env=False,
        follow_redirects=False,
        headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
        timeout=httpx.Timeout(
            connect=limits.connect.total_seconds(),
            read=limits.read.total_seconds(),
            write=limits.write.total_seconds(),
            pool=limits.total.total_seconds(),
        ),
        limits=httpx.Limits(
            max_connections=limits.connections,
            max_keepalive_connections=limits.connections,
            keepalive_expiry=limits.keepalive.total_seconds(),
        ),
        transport=transport,
    )


async def _read_body(response: httpx.Response, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > max_bytes:
            raise _Oversized
        chunks.append(chunk)
    return b"".join(chunks)


def _describe(error: Exception) -> str:
    """Name the failure without the request: httpx puts no secret there, other layers might."""
    return f"{type(error).__name__}: {error}"[:200] if str(error) else type(error).__name__
