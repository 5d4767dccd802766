"""What HubSpot's refusals mean: from status, category and body to tieline's errors.

The text of an error is the vendor's; what is decided from it rests on the status first and on
documented categories and codes second. Two texts have to be read because nothing else says it:
the list of bad properties, and the record that holds a unique value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct

from actors.errors import AuthError, ScopeError, TielineError
from daemon.connectors.client import Reply
from daemon.connectors.hubspot.wire import PROBLEM, Problem

LONGEST_REASON = 300

_HOLDER = re.compile(r"(\d+) already has that value")
_TAKEN = re.compile(r"propertyName=([A-Za-z0-9_]+), value=")
_EXISTING = re.compile(r"Existing ID: (\d+)")


class RefusedError(TielineError):
    """HubSpot refused a call with a status of 400 to 499; nothing was written by it.

    It stays inside this package where a refusal has a meaning; elsewhere it is a bug of ours.
    """

    def __init__(self, endpoint: str, status: int, problem: Problem) -> None:
        super().__init__(f"HubSpot refused {endpoint} with status {status}: {reason_of(problem)}")
        self.status = status
        self.problem = problem


class BadProperty(Struct, frozen=True):
    """What is wrong with one property of a write."""

    name: str
    code: str
    message: str


def problem_of(reply: Reply) -> Problem:
    """Read an error body; a page of the edge or anything unreadable gives an empty problem."""
    try:
        return PROBLEM.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Problem(message=f"status {reply.status} without a readable body")


def texts(context: Mapping[str, object] | None, key: str) -> tuple[str, ...]:
    """Return a context entry as texts: a list by the documents, taken as found."""
    found = (context or {}).get(key)
    if isinstance(found, list):
        return tuple(str(one) for one in found)
    return () if found is None else (str(found),)


def denied(reply: Reply, problem: Problem) -> AuthError:
    """Return the error for 401, 403 and 530: the token, or what it may do, is at fault."""
    if reply.status == 403 and problem.category == "BANNED":
        return AuthError(f"HubSpot does not let this app into the account: {problem.message}")
    if reply.status == 403:
        scopes = missing_scopes(problem)
        if not scopes:
            return ScopeError(f"HubSpot forbids {reply.endpoint}: {problem.message}")
        return ScopeError(
            f"HubSpot refuses {reply.endpoint}: the token has none of the scopes "
            f"{', '.join(scopes)}. Add one to the app and use its new token"
        )
    if problem.category == "EXPIRED_AUTHENTICATION":
        return AuthError("the HubSpot token has expired")
    return AuthError("HubSpot does not know the token: check auth.token of this app")


def missing_scopes(problem: Problem) -> tuple[str, ...]:
    """Return the scopes of which any one would do; old and new form of the answer."""
    key = "requiredGranularScopes"
    places = [problem.context, *(detail.context for detail in problem.errors or ())]
    return tuple(dict.fromkeys(scope for place in places for scope in texts(place, key)))


def reason_of(problem: Problem) -> str:
    """Return why a record was refused, for people, without long lists of options."""
    bad = bad_properties(problem)
    if bad:
        return "; ".join(f'property "{one.name}": {_cut(one.message)}' for one in bad)
    text = _cut(problem.message or "no reason given")
    return f"{text} (correlation id {problem.correlation_id})" if problem.correlation_id else text


def bad_properties(problem: Problem) -> tuple[BadProperty, ...]:
    """Return what is wrong with which property, each property once.

    `errors` and the JSON array inside the message are both incomplete at times: the array has
    been seen longer than `errors`, and either may be missing.
    """
    found: dict[str, BadProperty] = {}
    for one in (*_from_errors(problem), *_from_message(problem.message or "")):
        found.setdefault(one.name, one)
    return tuple(found.values())


def taken_property(problem: Problem) -> str | None:
    """Return the unique property whose value another record holds, if that is the problem."""
    match = _TAKEN.search(problem.message or "")
    if match and _HOLDER.search(problem.message or ""):
        return match.group(1)
    codes = ("CONFLICTING_UNIQUE_VALUE",)
    return next((one.name for one in bad_properties(problem) if one.code in codes), None)


def holder_of(problem: Problem) -> str | None:
    """Return the id of the record that holds the unique value, where the error names it."""
    existing = texts(problem.context, "existingId")
    if existing:
        return existing[0]
    text = problem.message or ""
    match = _HOLDER.search(text) or _EXISTING.search(text)
    return match.group(1) if match else None


def _cut(text: str) -> str:
    # Messages about options end with all of them, which can be many kB.
    text = text.partition(" was not one of the allowed options: [")[0] + (
        " is not one of the allowed options" if "allowed options: [" in text else ""
    )
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}..."


def _from_errors(problem: Problem) -> Iterator[BadProperty]:
    for detail in problem.errors or ():
        for name in texts(detail.context, "propertyName")[:1]:
            yield BadProperty(name, detail.code or "", detail.message or detail.code or "")


class _Invalid(Struct):
    name: str = ""
    error: str = ""
    message: str = ""


_INVALIDS = msgspec.json.Decoder(list[_Invalid])


def _from_message(message: str) -> Iterator[BadProperty]:
    prose, bracket, array = message.partition("[")
    if not bracket or not prose.startswith("Property values were not valid"):
        return
    try:
        found = _INVALIDS.decode(bracket + array)
    except msgspec.DecodeError:
        return
    for one in found:
        if one.name:
            yield BadProperty(one.name, one.error, one.message or one.error)
