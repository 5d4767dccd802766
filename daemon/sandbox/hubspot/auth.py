"""Tokens, their scopes, and which scopes a call needs.

Owns 401 and 403. It does not know the routes: an endpoint says what it needs (`Need`).
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from daemon.sandbox.hubspot.wire import ErrorDetail, Refusal, iso

__all__ = ["Need", "Token", "authenticate", "authorise"]

_NO_CREDENTIALS = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can "
    "find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)
_NOT_GRANTED = (
    "This app hasn't been granted all required scopes to make this call. Read more about required "
    "scopes here: https://developers.hubspot.com/scopes."
)
_SCOPES_PAGE = "https://developers.hubspot.com/scopes"
_STANDARD = frozenset({"contacts", "companies", "deals", "line_items", "quotes", "orders", "leads"})


class Token(Struct, kw_only=True):
    """An access token of one app; `scopes` None means all of them."""

    value: str
    name: str = "sandbox"
    scopes: frozenset[str] | None = None
    app_id: int = 1234567
    app_label: str = "tieline"
    kind: str = "private"
    expires_ms: int | None = None
    revoked: bool = False


class Need(Enum):
    """What a call needs of its token, per object type named in the path."""

    NOTHING = "nothing"
    READ = "read"
    WRITE = "write"
    SCHEMA_READ = "schema_read"
    SCHEMA_WRITE = "schema_write"
    OWNERS = "owners"
    CURRENCIES = "currencies"


def _object_scope(type_name: str, access: str) -> str:
    if type_name == "tickets":
        return "tickets"
    known = type_name if type_name in _STANDARD else "custom"
    return f"crm.objects.{known}.{access}"


def _schema_scope(type_name: str, access: str) -> str:
    if type_name == "tickets":
        return "tickets"
    known = type_name if type_name in _STANDARD else "custom"
    return f"crm.schemas.{known}.{access}"


def scopes_for(need: Need, type_name: str) -> tuple[str, ...]:
    """The scopes of which any one is enough, for one object type."""
    match need:
        case Need.NOTHING:
            return ()
        case Need.READ:
            return (_object_scope(type_name, "read"),)
        case Need.WRITE:
            return (_object_scope(type_name, "write"),)
        case Need.SCHEMA_READ:
            return tuple(
                dict.fromkeys(
                    scope(type_name, access)
                    for access in ("read", "write")
                    for scope in (_schema_scope, _object_scope)
                )
            )
        case Need.SCHEMA_WRITE:
            return (_schema_scope(type_name, "write"),)
        case Need.OWNERS:
            return ("crm.objects.owners.read", "automation")
        case Need.CURRENCIES:
            return ("settings.currencies.read",)


def _spell(seconds: int) -> str:
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}(s)"
    return f"{seconds} second(s)"


def expired(expires_ms: int, now_ms: int) -> Refusal:
    """The 401 for a token that was good once."""
    return Refusal(
        401,
        "The OAuth token used to make this call expired "
        f"{_spell(max(now_ms - expires_ms, 0) // 1000)} ago.",
        category="EXPIRED_AUTHENTICATION",
        context={"expire time": [iso(expires_ms)]},
    )


def authenticate(tokens: dict[str, Token], header: str | None, now_ms: int) -> Token:
    """Find the token of an `Authorization` header.

    Raises:
        Refusal: 401 for none, an unknown or a revoked one, and for an expired one.
    """
    scheme, _, value = (header or "").partition(" ")
    token = tokens.get(value.strip()) if scheme.lower() == "bearer" else None
    if token is None or token.revoked:
        raise Refusal(401, _NO_CREDENTIALS, category="INVALID_AUTHENTICATION")
    if token.expires_ms is not None and token.expires_ms <= now_ms:
        raise expired(token.expires_ms, now_ms)
    return token


def authorise(token: Token, need: Need, type_names: tuple[str, ...]) -> None:
    """Check the token's scopes for a call on these types.

    Raises:
        Refusal: 403 naming the scopes of which one is missing.
    """
    if token.scopes is None or need is Need.NOTHING:
        return
    for type_name in type_names or ("",):
        wanted = scopes_for(need, type_name)
        if not token.scopes.intersection(wanted):
            raise _missing(wanted)


def _missing(wanted: tuple[str, ...]) -> Refusal:
    detail = ErrorDetail(
        "One or more of the following scopes are required.",
        context={"requiredGranularScopes": list(wanted)},
    )
    return Refusal(
        403,
        _NOT_GRANTED,
        category="MISSING_SCOPES",
        errors=[detail],
        links={"scopes": _SCOPES_PAGE},
    )
