"""Tryton's JSON-RPC with a session: one call is one transaction at the server.

Owns the session and its renewal. A password that Tryton refused is not tried again by itself:
Tryton counts failures per user, and soon refuses the right password, too.
"""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TypeVar
from urllib.parse import quote

import anyio
import msgspec
from msgspec import UNSET, Struct

from actors.errors import AuthError, OutcomeUnknownError, RateLimitedError, TransientError
from daemon.connectors.client import MIB, HttpClient, Limits, Reply
from daemon.connectors.registry import Environment
from daemon.connectors.tryton.errors import Kind, Refusal, classify
from daemon.connectors.tryton.options import TrytonOptions
from daemon.connectors.tryton.wire import Answer, Row

T = TypeVar("T")

LIMITS = Limits(max_bytes=128 * MIB)
# More at once gain nothing: writers are serial, and readers share the server's processor.
CALLS_AT_ONCE = 2
# As long as Tryton goes on refusing a user whose password was wrong too often.
LOGIN_PAUSE = timedelta(minutes=5)
OLDEST_VERSION = (8, 0)

_ANSWER = msgspec.json.Decoder(Answer)
_ENCODER = msgspec.json.Encoder()


class TooLargeError(TransientError):
    """The server set a limit on rows or time that this read exceeds: ask for fewer."""


class Session(Struct, frozen=True, kw_only=True):
    """A signed-in session: who, and the context that every call carries."""

    user_id: int
    authorization: str


class Rpc:
    """Calls methods of one database as one user.

    Args:
        options: address, database and credentials.
        environment: lent by the daemon.
    """

    def __init__(self, options: TrytonOptions, environment: Environment) -> None:
        self._options = options
        self._app = environment.app
        self.http = HttpClient(
            options.url.rstrip("/"),
            environment,
            limits=LIMITS,
            ca_file=options.ca_file,
            # 503: the database cannot be opened now, or PostgreSQL gave a transaction up.
            own_statuses=frozenset({503}),
        )
        self._slots = anyio.CapacityLimiter(CALLS_AT_ONCE)
        self._signing_in = anyio.Lock()
        self._session: Session | None = None
        self._refused_at: float | None = None
        self._refusal = ""
        self._server_is_known = False

    async def aclose(self) -> None:
        """Close all connections; the session stays valid at the server until it ages."""
        await self.http.aclose()

    async def call(
        self,
        method: str,
        *arguments: object,
        answer: type[T],
        context: Row,
        writes: bool = False,
    ) -> T:
        """Call a method and return its result.

        Args:
            method: with its model, `model.sale.opportunity.read`.
            arguments: positional, as the method wants them; the context is put behind.
            answer: type of the result.
            context: company, language and what else the call needs.
            writes: the call may change something.

        Raises:
            Refusal: Tryton answered that it did not do it; nothing was written.
            TransientError: nothing was written, the call may be repeated.
            OutcomeUnknownError: a write was sent, and its answer did not come.
            AuthError: the credentials, the database or the server's version will not do.
        """
        session = await self._sign_in(None)
        body = _make_body(method, [*arguments, context])
        reply = await self._send(method, body, session, writes)
        if reply.status == 401:
            # Expired, logged out, or known from another address: there is no telling which.
            session = await self._sign_in(session)
            reply = await self._send(method, body, session, writes)
            if reply.status == 401:
                raise AuthError(f"{self._app}: Tryton refuses a session that it has just given")
        return _read_answer(reply, answer)

    async def user_id(self) -> int:
        """Return the id of the user that is signed in."""
        return (await self._sign_in(None)).user_id

    async def _send(self, method: str, body: bytes, session: Session, writes: bool) -> Reply:
        async with self._slots:
            return await self._post(
                method, self._path, body, writes=writes, authorization=session.authorization
            )

    @property
    def _path(self) -> str:
        return f"/{quote(self._options.database, safe='')}/rpc/"

    async def _post(
        self, method: str, path: str, body: bytes, *, writes: bool, authorization: str = ""
    ) -> Reply:
        headers = {"Content-Type": "application/json"}
        if authorization:
            headers["Authorization"] = authorization
        return await self.http.send(
            method.removeprefix("model."),
            "POST",
            path,
            writes=writes,
            headers=headers,
            content=body,
        )

    async def _sign_in(self, expired: Session | None) -> Session:
        """Return a session other than `expired`, signing in if nobody else just did."""
        async with self._signing_in:
            if self._session is not None and self._session is not expired:
                return self._session
            self._session = None
            self._check_refusal()
            if not self._server_is_known:
                await self._check_server()
            self._session = await self._log_in()
            return self._session

    def _check_refusal(self) -> None:
        if self._refused_at is None:
            return
        if anyio.current_time() - self._refused_at < LOGIN_PAUSE.total_seconds():
            raise AuthError(self._refusal)
        self._refused_at = None

    async def _check_server(self) -> None:
        body = _make_body("common.server.version", [])
        reply = await self._post("common.server.version", "/rpc/", body, writes=False)
        if reply.status != 200:
            raise AuthError(
                f"{self._app}: no Tryton server at {self._options.url} (status {reply.status}): "
                "check `url`"
            )
        version = _read_answer(reply, str)
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VERSION:
            raise AuthError(
                f"{self._app}: Tryton {version} at {self._options.url} is too old: "
                "tieline needs 8.0 or later"
            )
        self._server_is_known = True

    async def _log_in(self) -> Session:
        auth = self._options.auth
        body = _make_body("common.db.login", [auth.user, {"password": auth.password}])
        reply = await self._post("common.db.login", self._path, body, writes=False)
        if reply.status == 401:
            raise self._refuse(f"Tryton refuses the password of user {auth.user!r}: check `auth`")
        if reply.status == 404:
            raise self._refuse(f"no database {self._options.database!r} at {self._options.url}")
        if reply.status == 429:
            raise RateLimitedError(
                f"{self._app}: Tryton had too many failed sign-ins of {auth.user!r}", LOGIN_PAUSE
            )
        try:
            user_id, key, *_ = _read_answer(reply, list[object])
        except Refusal as refusal:
            raise self._refuse(self._explain(refusal)) from None
        token = f"{auth.user}:{user_id}:{key}".encode()
        return Session(
            user_id=int(str(user_id)),
            authorization=f"Session {base64.b64encode(token).decode()}",
        )

    def _explain(self, refusal: Refusal) -> str:
        # A database that the server was not started with answers as if it had no users.
        if refusal.kind is Kind.UNFORESEEN and "res.user" in refusal.message:
            return f"the server does not serve database {self._options.database!r}"
        return f"signing in needs more than a password: {refusal.message}"

    def _refuse(self, reason: str) -> AuthError:
        self._refused_at = anyio.current_time()
        self._refusal = f"{self._app}: {reason}"
        return AuthError(self._refusal)


def _make_body(method: str, params: list[object]) -> bytes:
    # Exactly these three keys: with one more or one less, errors come as HTML pages.
    return _ENCODER.encode({"id": 1, "method": method, "params": params})


def _read_answer(reply: Reply, answer: type[T]) -> T:
    if reply.status != 200:
        raise _explain_status(reply)
    decoded = reply.decode(_ANSWER)
    if decoded.error is not UNSET:
        raise classify(*decoded.error)
    try:
        return msgspec.json.decode(decoded.result, type=answer)
    except msgspec.DecodeError as error:
        message = f"{reply.endpoint}: unexpected answer ({error})"
        raise (OutcomeUnknownError if reply.wrote else TransientError)(message) from None


def _explain_status(reply: Reply) -> Exception:
    """Return the error for a status other than 200, 401 and those that mean a broken app."""
    message = f"{reply.endpoint}: Tryton answered with status {reply.status}"
    match reply.status:
        case 403:
            return Refusal(Kind.ACCESS, f"{message}: the user may not call this method")
        case 413:
            return TooLargeError(message)
        case 429:
            return RateLimitedError(message, reply.retry_after or LOGIN_PAUSE)
        case 503:
            return TransientError(message, reply.retry_after)
        case _:
            return Refusal(Kind.UNFORESEEN, message)
