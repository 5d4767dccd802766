"""The vendor's surface as an ASGI application: what happens to every call, in order.

Routing (404, 405, 414), faults, token (401), limits (429), object types, scopes (403), handler,
headers, log. Handlers are in the route modules; nothing here knows what they do.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from typing import Any

from msgspec import Struct

from daemon.sandbox.hubspot.account import Account
from daemon.sandbox.hubspot.auth import Token, authenticate, authorise
from daemon.sandbox.hubspot.calls import Call
from daemon.sandbox.hubspot.faults import FaultRule, FiredFaults, error_answer
from daemon.sandbox.hubspot.limits import too_many
from daemon.sandbox.hubspot.protocol import TRANSPORT
from daemon.sandbox.hubspot.reqlog import RequestEntry
from daemon.sandbox.hubspot.routing import Match, Router
from daemon.sandbox.hubspot.wire import JSON_TYPE, Answer, Refusal, encode, html_page

__all__ = ["Surface"]

_log = logging.getLogger(__name__)

# ASGI's own types: its scope and messages are open dictionaries.
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_URL_CHARS = 16_200
MAX_BODY_BYTES = 10 * 1024 * 1024
_TYPE_PARAMS = ("t", "a", "b")
_SAME_ON_ALL = [
    (b"server", b"cloudflare"),
    (b"cf-cache-status", b"DYNAMIC"),
    (b"vary", b"origin, Accept-Encoding"),
    (b"access-control-allow-credentials", b"false"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains; preload"),
]


class _Visit(Struct):
    """One HTTP request on its way through."""

    method: str
    path: str
    query: str
    headers: dict[bytes, bytes]
    correlation_id: str
    started: float
    sequence: int
    body: bytes = b""
    token: Token | None = None
    match: Match | None = None
    faults: FiredFaults = FiredFaults()
    object_type: str = ""
    inputs: int = 0


class Surface:
    """The ASGI application of one account."""

    def __init__(self, account: Account, router: Router) -> None:
        self._account = account
        self._router = router
        self._bits = random.Random()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything but HTTP is not for us."""
        if scope["type"] != "http":
            return
        visit = self._visit(scope)
        visit.body = await _read_body(receive)
        self._account.purge_due()
        rule, answer = await self._serve(visit)
        status = answer.status
        if rule is not None and rule.kind == "cut":
            status = 0
            await _cut(scope, receive)
        elif rule is not None and rule.kind in ("truncate", "garbage"):
            await _spoil(rule, scope, receive, send, self._headers(visit, answer), answer)
        else:
            await _send(send, answer.status, self._headers(visit, answer), answer.body)
        self._log(visit, status)

    def _visit(self, scope: Scope) -> _Visit:
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        return _Visit(
            method=scope["method"],
            path=raw.decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=dict(scope["headers"]),
            correlation_id=self._correlation_id(),
            started=time.perf_counter(),
            sequence=self._account.log.next_sequence(),
        )

    def _correlation_id(self) -> str:
        """A UUID of version 7: milliseconds, then random bits."""
        text = f"{self._account.clock.now_ms():012x}7{self._bits.getrandbits(72):018x}"
        variant = "89ab"[int(text[16], 16) & 3]
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{variant}{text[17:20]}-{text[19:31]}"

    async def _serve(self, visit: _Visit) -> tuple[FaultRule | None, Answer]:
        """The answer of a call, and the fault that spoils its sending."""
        visit.faults = self._account.faults.fire(visit.method, visit.path)
        if visit.faults.seconds:
            await asyncio.sleep(visit.faults.seconds)
        before = visit.faults.first("before")
        if before is not None:
            self._recognise(visit)
            return before, self._fault_answer(visit, before)
        answer = self._answer(visit)
        after = visit.faults.first("after")
        if after is not None and after.kind == "status":
            answer = self._fault_answer(visit, after)
        return after, answer

    def _fault_answer(self, visit: _Visit, rule: FaultRule) -> Answer:
        if rule.kind != "status":
            return Answer(0)
        account = self._account
        return error_answer(
            rule, visit.correlation_id, account.details.portal_id, account.clock.now_ms()
        )

    def _answer(self, visit: _Visit) -> Answer:
        try:
            return self._handle(visit)
        except Refusal as refusal:
            envelope = refusal.envelope(visit.correlation_id)
            return Answer(refusal.status, encode(envelope), JSON_TYPE)
        except Exception:  # a bug of the sandbox: told as the vendor tells one of its own
            _log.exception("%s %s failed", visit.method, visit.path)
            body = {"correlationId": visit.correlation_id, "message": "internal error"}
            return Answer(500, encode({**body, "status": "error"}), JSON_TYPE)

    def _recognise(self, visit: _Visit) -> Answer | None:
        """Find endpoint and token; an answer instead if the path leads nowhere."""
        if len(visit.path) + len(visit.query) + 1 > MAX_URL_CHARS:
            return html_page(414, "URI Too Long")
        found = self._router.find(visit.method, visit.path)
        if isinstance(found, int):
            return html_page(found, "Method Not Allowed" if found == 405 else "Not Found")
        visit.match = found
        header = visit.headers.get(b"authorization", b"").decode("latin-1")
        value = header.partition(" ")[2].strip()
        visit.token = self._account.tokens.get(value)
        return None

    def _handle(self, visit: _Visit) -> Answer:
        page = self._recognise(visit)
        if page is not None or visit.match is None:
            return page or html_page(404, "Not Found")
        account, endpoint = self._account, visit.match.endpoint
        header = visit.headers.get(b"authorization", b"").decode("latin-1")
        token = visit.token = authenticate(account.tokens, header, account.clock.now_ms())
        zone = account.details.time_zone
        policy = account.limits.count(endpoint.pool, token.value, account.clock.now_ms(), zone)
        if policy is not None:
            return self._too_many(visit, policy)
        self._check_body(visit)
        call = self._call(visit, visit.match, token)
        authorise(token, endpoint.need, tuple(table.name for table in call.tables.values()))
        try:
            return endpoint.handler(call)
        finally:
            visit.inputs = call.inputs

    def _too_many(self, visit: _Visit, policy: str) -> Answer:
        switches = self._account.switches
        wait = {"TEN_SECONDLY_ROLLING": 10, "SECONDLY": 1}.get(policy, 60)
        return too_many(
            policy,
            visit.correlation_id,
            self._account.details.portal_id,
            retry_after=wait if switches.retry_after_on_429 else None,
            newer=switches.search_429_newer,
        )

    def _check_body(self, visit: _Visit) -> None:
        if len(visit.body) > MAX_BODY_BYTES:
            raise Refusal(413, "The request entity is too large.")
        kind = visit.headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        is_json = kind == b"application/json" or kind.endswith(b"+json")
        if visit.body and kind and not is_json and self._account.switches.strict_content_type:
            raise Refusal(415, f"Unsupported Media Type: {kind.decode('latin-1')}")

    def _call(self, visit: _Visit, match: Match, token: Token) -> Call:
        call = Call(
            self._account,
            method=visit.method,
            path=visit.path,
            version=match.version,
            params=match.params,
            query=visit.query,
            body=visit.body,
            origin=_origin(visit.headers),
        )
        call.token = token
        call.correlation_id = visit.correlation_id
        call.failing = visit.faults.failing()
        for name in _TYPE_PARAMS:
            if name in match.params:
                call.tables[name] = self._account.table(match.params[name])
        visit.object_type = next((table.name for table in call.tables.values()), "")
        return call

    def _headers(self, visit: _Visit, answer: Answer) -> list[tuple[bytes, bytes]]:
        correlation = visit.correlation_id.encode()
        headers = [
            (b"date", formatdate(self._account.clock.now_ms() / 1000, usegmt=True).encode()),
            *_SAME_ON_ALL,
            (b"x-hubspot-correlation-id", correlation),
            (b"x-request-id", correlation),
        ]
        if answer.content_type is not None:
            headers.append((b"content-type", answer.content_type.encode()))
        if answer.status != 204:
            headers.append((b"content-length", b"%d" % len(answer.body)))
        headers += [(name.lower().encode(), text.encode()) for name, text in answer.headers]
        if visit.match is not None and visit.token is not None:
            endpoint, token = visit.match.endpoint, visit.token
            daily = token.kind != "oauth"
            headers += self._account.limits.headers(endpoint.pool, token.value, daily=daily)
        return headers

    def _log(self, visit: _Visit, status: int) -> None:
        match, token = visit.match, visit.token
        self._account.log.add(
            RequestEntry(
                sequence=visit.sequence,
                at=self._account.clock.now_ms(),
                method=visit.method,
                path=visit.path,
                query=visit.query,
                status=status,
                token=token.name if token is not None else "",
                object_type=visit.object_type,
                inputs=visit.inputs,
                write=match is not None and match.endpoint.write,
                duration_ms=round((time.perf_counter() - visit.started) * 1000, 3),
                fault=visit.faults.names(),
            )
        )


def _origin(headers: dict[bytes, bytes]) -> str:
    """The address the client used, so that links lead back to the sandbox."""
    scheme = headers.get(b"x-forwarded-proto", b"http").decode("latin-1")
    return f"{scheme}://{headers.get(b'host', b'127.0.0.1').decode('latin-1')}"


async def _read_body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _cut(scope: Scope, receive: Receive) -> None:
    """Close the connection with no answer."""
    scope["extensions"][TRANSPORT].abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _spoil(
    rule: FaultRule,
    scope: Scope,
    receive: Receive,
    send: Send,
    headers: list[tuple[bytes, bytes]],
    answer: Answer,
) -> None:
    """Send a body that is not JSON, or half of the right one and hang up."""
    if rule.kind == "garbage":
        body = b"<html><body>upstream connect error</body></html>"
        kept = [pair for pair in headers if pair[0] != b"content-length"]
        await _send(send, answer.status, [*kept, (b"content-length", b"%d" % len(body))], body)
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    half = answer.body[: len(answer.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    # close, not abort: what was sent must still arrive.
    scope["extensions"][TRANSPORT].close()
    while (await receive())["type"] != "http.disconnect":
        pass
