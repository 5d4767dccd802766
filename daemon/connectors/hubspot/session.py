"""One authorised conversation with a HubSpot account: token, budget, and what statuses mean.

Every call of the connector goes through here and takes its turn in the account's budget. A read
that is refused for its rate is repeated a few times; a write never is, its caller decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import anyio
from msgspec import Struct

from actors.errors import AuthError, RateLimitedError, TransientError
from daemon.connectors.budget import Budget, Pool
from daemon.connectors.client import HttpClient, Reply
from daemon.connectors.hubspot.errors import RefusedError, denied, problem_of
from daemon.connectors.hubspot.paths import Paths
from daemon.connectors.hubspot.wire import DETAILS, Details, encode
from daemon.connectors.patience import patiently
from daemon.connectors.registry import BudgetObserver, ignore_budget

# The edge answers a malformed token with this status and no JSON.
BAD_TOKEN = 530
LOCKED_PAUSE = timedelta(seconds=2)
UNKNOWN_MIDNIGHT = timedelta(hours=1)
READ_ATTEMPTS = 4
# Until the first answer names the account's own limit; where none does, the smallest plan's.
FIRST_WINDOW = 10
UNNAMED_WINDOW = 100
WINDOW = timedelta(seconds=10)


class PoolName(StrEnum):
    """The limits that HubSpot counts apart."""

    WINDOW = "window"
    SEARCH = "search"
    ASSOCIATIONS = "associations"


class TokenProvider(Protocol):
    """Where the session gets its token from."""

    async def token(self) -> str:
        """Return the token to use now."""
        ...

    async def renew(self, stale: str) -> bool:
        """Replace a token that HubSpot called expired; False when that cannot be done."""
        ...


class StaticToken:
    """The token of a private app or a service key: it does not expire."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        """Return the token."""
        return self._token

    async def renew(self, stale: str) -> bool:
        """Nothing renews it."""
        return False


def make_budget(*, search_per_second: int = 5, associations_per_window: int = 100) -> Budget:
    """Make the budget of one account; the window's limit is learned from the first answer."""
    return Budget(
        Pool(PoolName.WINDOW, FIRST_WINDOW, WINDOW),
        Pool(PoolName.SEARCH, search_per_second, timedelta(seconds=1)),
        Pool(PoolName.ASSOCIATIONS, associations_per_window, WINDOW),
    )


class Call(Struct, frozen=True, kw_only=True):
    """A request.

    Attributes:
        endpoint: the path without ids, for counting and for people (`deals/batch/read`).
        body: Struct that is sent as JSON.
        patient: a read that is repeated a few times when HubSpot fails for the moment.
    """

    endpoint: str
    method: str
    path: str
    params: Mapping[str, str] | None = None
    body: Struct | None = None
    pool: PoolName = PoolName.WINDOW
    patient: bool = False


class Session:
    """A conversation with one account.

    Args:
        http: client with status 530 as its own.
        tokens: where the token comes from.
        budget: shared by all that call this account.
        paths: of the API version in use.
        on_budget: told of what HubSpot says of its limits.

    Attributes:
        vouched: properties (type, name) that exist although answers do not show them.
    """

    def __init__(
        self,
        http: HttpClient,
        tokens: TokenProvider,
        budget: Budget,
        paths: Paths,
        on_budget: BudgetObserver = ignore_budget,
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._on_budget = on_budget
        self._zone: ZoneInfo | None = None
        self.budget = budget
        self.paths = paths
        self.vouched: set[tuple[str, str]] = set()

    async def read(self, call: Call) -> Reply:
        """Make a call that changes nothing.

        Raises:
            TransientError, RateLimitedError, AuthError, ScopeError: as the port says.
            RefusedError: any other status of 400 to 499.
        """
        return await (patiently(lambda: self._read(call)) if call.patient else self._read(call))

    async def _read(self, call: Call) -> Reply:
        for attempt in range(1, READ_ATTEMPTS + 1):
            try:
                return await self._call(call, writes=False)
            except RateLimitedError:
                # The pool is closed for as long as it takes: the next attempt waits in it, or
                # is refused by it at once if that is too long.
                if attempt == READ_ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def write(self, call: Call) -> Reply:
        """Make a call that writes, once.

        Raises:
            OutcomeUnknownError: it may have been carried out.
            TransientError, RateLimitedError, AuthError, ScopeError, RefusedError: nothing was
                written.
        """
        return await self._call(call, writes=True)

    async def read_details(self) -> Details:
        """Read the account; teaches the time there and when its day ends."""
        path = self.paths.details()
        call = Call(endpoint="account-info/details", method="GET", path=path, patient=True)
        reply = await self.read(call)
        details = reply.decode(DETAILS)
        try:
            self._zone = ZoneInfo(details.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            self._zone = None
        return details

    async def read_clock(self) -> datetime:
        """Return the account's time, by a cheap call if no answer has told it yet."""
        now = self._http.clock.read(anyio.current_time())
        if now is None:
            await self.read_details()
            now = self._http.clock.read(anyio.current_time())
        if now is None:
            raise TransientError("HubSpot's answers carry no Date header: its time is not known")
        return now

    async def token(self) -> str:
        """Return the token, for a call that asks about the token itself."""
        return await self._tokens.token()

    @property
    def last_date(self) -> datetime | None:
        """The `Date` of the last answer."""
        return self._http.clock.last

    @property
    def http(self) -> HttpClient:
        """The client, for its clock offset."""
        return self._http

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _call(self, call: Call, *, writes: bool) -> Reply:
        token = await self._tokens.token()
        reply = await self._send(call, token, writes)
        if reply.status == 401 and await self._tokens.renew(token):
            reply = await self._send(call, await self._tokens.token(), writes)
        if reply.status < 300:
            return reply
        raise self._refusal(reply)

    async def _send(self, call: Call, token: str, writes: bool) -> Reply:
        headers = {"Authorization": f"Bearer {token}"}
        content = None
        if call.body is not None:
            content = encode(call.body)
            headers["Content-Type"] = "application/json"
        async with self.budget.slot(call.pool) as pool:
            reply = await self._http.send(
                call.endpoint,
                call.method,
                call.path,
                writes=writes,
                params=call.params,
                headers=headers,
                content=content,
            )
            self._learn(call, pool, reply)
        if reply.status == 429:
            raise self._throttled(pool, reply)
        pool.accepted()
        return reply

    def _learn(self, call: Call, pool: Pool, reply: Reply) -> None:
        left = _header(reply, "remaining")
        if call.pool is PoolName.WINDOW:
            interval = _header(reply, "interval-milliseconds")
            unnamed = UNNAMED_WINDOW if pool.limit == FIRST_WINDOW else None
            pool.learn(
                _header(reply, "max") or unnamed,
                left,
                None if interval is None else timedelta(milliseconds=interval),
            )
        remaining = _header(reply, "daily-remaining")
        if remaining is not None:
            self.budget.learn_day(_header(reply, "daily"), remaining, self._until_midnight())
            self._on_budget("daily", remaining)
        if left is not None:
            self._on_budget(call.pool.value, left)

    def _throttled(self, pool: Pool, reply: Reply) -> RateLimitedError:
        problem = problem_of(reply)
        text = problem.message or ""
        if problem.policy_name == "DAILY" or "daily limit" in text:
            pause = reply.retry_after or self._until_midnight()
            self.budget.close_day(pause)
            return RateLimitedError("HubSpot's daily limit of calls is used up", pause)
        pause = pool.close(reply.retry_after)
        return RateLimitedError(
            f"HubSpot refused {reply.endpoint} for its rate ({pool.name})", pause
        )

    def _until_midnight(self) -> timedelta:
        now = self._http.clock.read(anyio.current_time())
        if now is None or self._zone is None:
            return UNKNOWN_MIDNIGHT
        local = now.astimezone(self._zone)
        tomorrow = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return tomorrow.astimezone(UTC) - now

    def _refusal(self, reply: Reply) -> Exception:
        problem = problem_of(reply)
        match reply.status:
            case 401 | 403 | 530:
                return denied(reply, problem)
            case 423:
                pause = max(reply.retry_after or LOCKED_PAUSE, LOCKED_PAUSE)
                return TransientError(f"{reply.endpoint}: records are locked", pause)
            case 477:
                return TransientError(
                    "HubSpot is moving the account between data centres", reply.retry_after
                )
            case 404 | 405 if problem.correlation_id is None and b"<html" in reply.body[:200]:
                return AuthError(
                    f"{reply.endpoint}: there is no HubSpot API at base_url "
                    f"(status {reply.status} with a page)"
                )
            case _:
                return RefusedError(reply.endpoint, reply.status, problem)


def _header(reply: Reply, name: str) -> int | None:
    text = reply.headers.get(f"x-hubspot-ratelimit-{name}", "")
    return int(text) if text.isascii() and text.isdigit() else None
