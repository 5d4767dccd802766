"""One call as a handler sees it, and how a route module registers its handlers.

A route module exposes `routes() -> list[Endpoint]`; `server` mounts them all, so a module names
only the area and the rest of the path, and gets every version's spelling (`FAMILIES`):

    def routes() -> list[Endpoint]:
        return [Endpoint("GET", "owners", "", list_owners, Need.OWNERS),
                Endpoint("GET", "owners", "/{id}", read_owner, Need.OWNERS)]

    def list_owners(call: Call) -> Answer:
        limit = call.integer("limit", default=100, top=500)
        return answer({"results": [...], **call.paging(after)})

Parameters `{t}`, `{a}`, `{b}` are object types: they are resolved before the handler runs
(`call.table()`, `call.table("b")`) and the token's scopes are checked for each. Literal segments
win over parameters. Handlers are plain functions: no await, so each call is atomic.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from msgspec import Struct

from daemon.sandbox.hubspot.auth import Need, Token
from daemon.sandbox.hubspot.wire import Answer, Refusal

if TYPE_CHECKING:
    from daemon.sandbox.hubspot.account import Account
    from daemon.sandbox.hubspot.table import Table

__all__ = ["FAMILIES", "Call", "Endpoint", "Handler", "Pool"]

T = TypeVar("T")
Handler = Callable[["Call"], Answer]
DATED = ("2026-03", "2026-09")


def _family(area: str, *numbered: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    head, _, tail = area.partition("{v}")
    return numbered + tuple((version, f"{head}{version}{tail}") for version in DATED)


# Area -> (version told to the handler, path prefix).
FAMILIES: dict[str, tuple[tuple[str, str], ...]] = {
    "objects": _family("/crm/objects/{v}", ("v3", "/crm/v3/objects"), ("v3", "/crm/objects/v3")),
    "object-associations": _family(
        "/crm/objects/{v}", ("v4", "/crm/v4/objects"), ("v4", "/crm/objects/v4")
    ),
    "associations": _family(
        "/crm/associations/{v}", ("v4", "/crm/v4/associations"), ("v4", "/crm/associations/v4")
    ),
    "properties": _family(
        "/crm/properties/{v}", ("v3", "/crm/v3/properties"), ("v3", "/crm/properties/v3")
    ),
    "pipelines": _family(
        "/crm/pipelines/{v}", ("v3", "/crm/v3/pipelines"), ("v3", "/crm/pipelines/v3")
    ),
    "owners": _family("/crm/owners/{v}", ("v3", "/crm/v3/owners"), ("v3", "/crm/owners/v3")),
    "schemas": _family(
        "/crm-object-schemas/{v}/schemas",
        ("v3", "/crm-object-schemas/v3/schemas"),
        ("v3", "/crm/v3/schemas"),
    ),
    "account-info": _family("/account-info/{v}", ("v3", "/account-info/v3")),
    "currencies": _family(
        "/settings/currencies/{v}",
        ("v3", "/settings/v3/currencies"),
        ("v3", "/settings/currencies/v3"),
    ),
    # For paths that exist in one spelling only: the endpoint's path is the whole path.
    "plain": (("v1", ""),),
}


class Pool:
    """Which rate limit a call counts to."""

    WINDOW = "window"
    SEARCH = "search"
    ASSOCIATIONS = "associations"


class Endpoint(Struct, frozen=True):
    """One handler under all spellings of its path; `write` marks it in the request log."""

    method: str
    area: str
    path: str
    handler: Handler
    need: Need = Need.NOTHING
    pool: str = Pool.WINDOW
    write: bool = False


_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}  # Any: one entry per body type
_AT_BYTE = re.compile(r"\(byte (\d+)\)")
_MISSING = re.compile(r"Object missing required field `(\w+)`")


def _bad_json(body: bytes, error: Exception) -> Refusal:
    text = str(error)
    found = _AT_BYTE.search(text)
    before = body[: int(found.group(1)) if found else len(body)]
    line = before.count(b"\n") + 1
    column = max(len(before) - (before.rfind(b"\n") + 1), 1)
    missing = _MISSING.search(text)
    if missing:
        text = f"Some required fields were not set: [{missing.group(1)}]"
    return Refusal(400, f"Invalid input JSON on line {line}, column {column}: {text}")


class Call:
    """One authenticated call: its parameters, its body and the account it is for."""

    __slots__ = (
        "account",
        "body",
        "correlation_id",
        "failing",
        "inputs",
        "method",
        "origin",
        "params",
        "path",
        "query",
        "tables",
        "token",
        "version",
    )

    def __init__(
        self,
        account: Account,
        *,
        method: str,
        path: str,
        version: str,
        params: dict[str, str],
        query: str,
        body: bytes,
        origin: str,
    ) -> None:
        self.account = account
        self.method = method
        self.path = path
        self.version = version
        self.params = params
        self.query = parse_qsl(query, keep_blank_values=True)
        self.body = body
        self.origin = origin
        self.tables: dict[str, Table] = {}
        self.token: Token = Token(value="")
        self.correlation_id = ""
        # How many inputs a batch had, for the request log.
        self.inputs = 1
        # Positions of a batch that an injected fault makes fail; empty is every second one.
        self.failing: frozenset[int] | None = None

    @property
    def dated(self) -> bool:
        """Whether the call came by a dated path."""
        return self.version in DATED

    @property
    def newest(self) -> bool:
        """Whether the behaviour of 2026-09 applies."""
        return self.version == "2026-09"

    def must_fail(self, position: int) -> bool:
        """Whether an injected fault hits this input of a batch."""
        if self.failing is None:
            return False
        return position in self.failing if self.failing else position % 2 == 1

    def table(self, param: str = "t") -> Table:
        """The table of the object type in a path parameter."""
        return self.tables[param]

    def text(self, name: str) -> str | None:
        """The last value of a query parameter, None when absent or empty."""
        found = [value for key, value in self.query if key == name]
        return found[-1] or None if found else None

    def names(self, name: str) -> list[str]:
        """A list parameter, repeated or with commas or both, without repetitions."""
        parts = (
            part.strip()
            for key, value in self.query
            if key == name or key == f"{name}[]"
            for part in value.split(",")
        )
        return list(dict.fromkeys(part for part in parts if part))

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean parameter; anything but true and false is refused."""
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in ("true", "false"):
            raise Refusal(400, f"Unable to parse value for query parameter: {name}")
        return value.lower() == "true"

    def integer(self, name: str, *, default: int, top: int, low: int = 1) -> int:
        """A whole-number parameter within `low`..`top`; outside is refused, not clamped."""
        value = self.text(name)
        if value is None:
            return default
        if not re.fullmatch(r"[+-]?\d+", value) or not -(2**31) <= int(value) < 2**31:
            raise Refusal(400, f"Unable to parse value for query parameter: {name}")
        if not low <= int(value) <= top:
            raise Refusal(
                400,
                f"Invalid value for query parameter {name}: {value} is not between {low} and {top}",
                category="VALIDATION_ERROR",
            )
        return int(value)

    def json(self, kind: type[T]) -> T:
        """The body decoded into a Struct; refused with the vendor's text when it does not fit."""
        decoder = _DECODERS.get(kind)
        if decoder is None:
            decoder = _DECODERS[kind] = msgspec.json.Decoder(kind, strict=True)
        try:
            decoded: T = decoder.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _bad_json(self.body, error) from None
        return decoded

    def link(self, after: str) -> str:
        """This call's own address with another `after`: its host is the caller's."""
        kept = [(key, value) for key, value in self.query if key != "after"]
        return f"{self.origin}{quote(self.path, safe='/%')}?{urlencode([*kept, ('after', after)])}"

    def paging(self, after: str | None) -> dict[str, Any]:  # Any: merged into the answer's body
        """The `paging` entry of an answer, or nothing at all on the last page."""
        if after is None:
            return {}
        return {"paging": {"next": {"after": after, "link": self.link(after)}}}
