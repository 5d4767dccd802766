"""The control address: what a test or a person does to the sandbox, apart from the vendor's API.

Everything here is the sandbox's own invention; no vendor call leads here, no limit counts here.
All bodies are JSON; an unknown field is refused.

    GET    /requests?since=N    the request log: {"last": N, "requests": [...]}; DELETE forgets it
    POST   /faults              one rule or a list (`faults.FaultRule`); GET lists, DELETE clears
    POST   /clock               {"thaw", "setMs", "advanceMs", "freeze"}, in this order; GET reads
    POST   /lag                 {"seconds": S, "flush": true}: lag from now on, index now
    POST   /switches            any of `switches.Switches`; GET reads
    POST   /limits              {"window", "daily", "searchPerSecond", "associations",
                                "usedToday"}; 0 is unlimited; all use is forgotten; GET reads
    POST   /tokens              {"token", "name", "scopes", "appId", "appLabel", "kind",
                                "expiresIn", "revoked"}: adds or changes one
    GET    /state/summary       counts per type
    POST   /admin/create        {"objectType", "properties", "userId"}
    POST   /admin/edit          the same with "id"
    POST   /admin/archive       {"objectType", "ids"}; also /admin/restore and /admin/purge
    POST   /admin/restore-property  {"objectType", "name"}
    POST   /admin/merge         {"objectType", "primaryObjectId", "objectIdToMerge", "userId"}

Acts under `/admin` are those of a person in the UI: history says CRM_UI.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from daemon.sandbox.hubspot.account import Account
from daemon.sandbox.hubspot.admin import ACTS
from daemon.sandbox.hubspot.auth import Token
from daemon.sandbox.hubspot.faults import FaultRule
from daemon.sandbox.hubspot.limits import Rates
from daemon.sandbox.hubspot.records import BadValues
from daemon.sandbox.hubspot.switches import Switches
from daemon.sandbox.hubspot.wire import Refusal, encode

__all__ = ["control_app"]

T = TypeVar("T")
Act = Callable[[Account, Request, bytes], Any]  # Any: the JSON to answer with


class ClockBody(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What to do to the clock; in this order if several are given."""

    thaw: bool = False
    set_ms: int | None = None
    advance_ms: int | None = None
    freeze: bool = False


class LagBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """The search index's lag from now on; `flush` makes everything written findable at once."""

    seconds: float | None = None
    flush: bool = False


class TokenBody(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A token to add or change; `scopes` None means all, `expires_in` counts seconds from now."""

    token: str
    name: str | None = None
    scopes: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    app_id: int | None = None
    app_label: str | None = None
    kind: str | None = None
    expires_in: float | None = None
    revoked: bool | None = None


def _decode(kind: type[T], body: bytes) -> T:
    return msgspec.json.decode(body or b"{}", type=kind)


def control_app(account: Account) -> Starlette:
    """The ASGI application of the control address."""
    acts: list[tuple[str, str, Act]] = [
        ("GET", "/requests", _requests),
        ("DELETE", "/requests", _forget_requests),
        ("GET", "/faults", _faults),
        ("POST", "/faults", _add_fault),
        ("DELETE", "/faults", _clear_faults),
        ("GET", "/clock", _clock),
        ("POST", "/clock", _set_clock),
        ("POST", "/lag", _lag),
        ("GET", "/switches", _switches),
        ("POST", "/switches", _set_switches),
        ("GET", "/limits", _limits),
        ("POST", "/limits", _set_limits),
        ("POST", "/tokens", _token),
        ("GET", "/state/summary", _summary),
        *(("POST", f"/admin/{name}", _admin(run)) for name, run in ACTS.items()),
    ]
    routes = [Route(path, _served(account, act), methods=[method]) for method, path, act in acts]
    return Starlette(routes=routes)


def _served(account: Account, act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        body = await request.body()
        try:
            return _json(act(account, request, body))
        except BadValues as bad:
            refusal = bad.refusal(account.details.portal_id)
            return _json(refusal.envelope(None), refusal.status)
        except Refusal as refusal:
            return _json(refusal.envelope(None), refusal.status)
        except (msgspec.MsgspecError, ValueError, UnicodeDecodeError) as error:
            return _json({"status": "error", "message": str(error)}, 400)

    return serve


def _json(value: Any, status: int = 200) -> Response:  # Any: whatever an act answers
    return Response(encode(value), status, media_type="application/json")


def _admin(run: Callable[[Account, bytes], Any]) -> Act:  # Any: as above
    return lambda account, request, body: run(account, body)


def _requests(account: Account, request: Request, body: bytes) -> Any:
    since = int(request.query_params.get("since", "0"))
    return {"last": account.log.last_sequence, "requests": account.log.since(since)}


def _forget_requests(account: Account, request: Request, body: bytes) -> Any:
    account.log.clear()
    return {"last": account.log.last_sequence}


def _faults(account: Account, request: Request, body: bytes) -> Any:
    return {"faults": account.faults.rules}


def _add_fault(account: Account, request: Request, body: bytes) -> Any:
    given = _decode(list[FaultRule] | FaultRule, body)  # type: ignore[arg-type]  # a union type
    rules = given if isinstance(given, list) else [given]
    return {"faults": [account.faults.add(rule) for rule in rules]}


def _clear_faults(account: Account, request: Request, body: bytes) -> Any:
    account.faults.clear()
    return {"faults": []}


def _clock(account: Account, request: Request, body: bytes) -> Any:
    return {"nowMs": account.clock.now_ms(), "frozen": account.clock.frozen}


def _set_clock(account: Account, request: Request, body: bytes) -> Any:
    wanted = _decode(ClockBody, body)
    if wanted.thaw:
        account.clock.thaw()
    if wanted.set_ms is not None:
        account.clock.set(wanted.set_ms)
    if wanted.advance_ms is not None:
        account.clock.advance(wanted.advance_ms)
    if wanted.freeze:
        account.clock.freeze()
    account.purge_due()
    return _clock(account, request, body)


def _lag(account: Account, request: Request, body: bytes) -> Any:
    wanted = _decode(LagBody, body)
    if wanted.seconds is not None:
        account.lag_ms = int(wanted.seconds * 1000)
    if wanted.flush:
        for name, index in account.indexes.items():
            index.settle(account.tables[name], account.clock.elapsed_ms())
    return {"seconds": account.lag_ms / 1000}


def _switches(account: Account, request: Request, body: bytes) -> Any:
    return account.switches


def _set_switches(account: Account, request: Request, body: bytes) -> Any:
    merged = {**msgspec.to_builtins(account.switches), **_decode(dict[str, Any], body)}
    account.switches = msgspec.convert(merged, Switches)
    return account.switches


def _limits(account: Account, request: Request, body: bytes) -> Any:
    return {"rates": account.limits.rates, "usedToday": account.limits.used_today}


def _set_limits(account: Account, request: Request, body: bytes) -> Any:
    wanted = _decode(dict[str, Any], body)
    used = wanted.pop("usedToday", None)
    merged = {**msgspec.to_builtins(account.limits.rates), **wanted}
    account.limits.rates = msgspec.convert(merged, Rates)
    account.limits.reset()
    if used is not None:
        now, zone = account.clock.now_ms(), account.details.time_zone
        account.limits.set_used(int(used), now, zone)
    return _limits(account, request, body)


def _token(account: Account, request: Request, body: bytes) -> Any:
    wanted = _decode(TokenBody, body)
    token = account.tokens.setdefault(wanted.token, Token(value=wanted.token))
    for name in ("name", "app_id", "app_label", "kind", "revoked"):
        given = getattr(wanted, name)
        if given is not None:
            setattr(token, name, given)
    if not isinstance(wanted.scopes, msgspec.UnsetType):
        token.scopes = None if wanted.scopes is None else frozenset(wanted.scopes)
    if wanted.expires_in is not None:
        token.expires_ms = account.clock.now_ms() + int(wanted.expires_in * 1000)
    return token


def _summary(account: Account, request: Request, body: bytes) -> Any:
    types = {
        name: {
            "live": len(table.ids),
            "archived": len(table.archived_ids),
            "merged": len(table.merged),
            "indexed": len(account.indexes[name].docs),
        }
        for name, table in account.tables.items()
    }
    return {
        "types": types,
        "owners": len(account.owners),
        "changes": account.changes,
        "requests": account.log.last_sequence,
        "nowMs": account.clock.now_ms(),
    }
