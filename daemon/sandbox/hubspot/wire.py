"""What an answer of the sandbox looks like: JSON bodies, error envelopes, HTML pages, dates.

Owns the vendor's shapes that every route shares. Knows nothing of the account's state.
A route module imports from here and from `calls` (the request and how to register a handler).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

__all__ = [
    "NO_CONTENT",
    "Answer",
    "ErrorDetail",
    "Refusal",
    "answer",
    "conflict",
    "encode",
    "html_page",
    "invalid",
    "iso",
    "not_found",
]

JSON_TYPE = "application/json;charset=utf-8"
HTML_TYPE = "text/html;charset=utf-8"

Context = dict[str, list[str]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
encode = msgspec.json.Encoder().encode


class Answer(Struct, frozen=True):
    """One HTTP answer before the server adds its own headers."""

    status: int
    body: bytes = b""
    content_type: str | None = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()


NO_CONTENT = Answer(204, b"", None)


# Any: a body is whatever the vendor's shape of the call is.
def answer(value: Any, status: int = 200, *headers: tuple[str, str]) -> Answer:
    """Encode a value of JSON kinds or Structs as the body of an answer."""
    return Answer(status, encode(value), JSON_TYPE, headers)


class ErrorDetail(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One entry of `errors` in an envelope."""

    message: str
    code: str | None = None
    in_: str | None = msgspec.field(default=None, name="in")
    sub_category: str | None = None
    context: Context | None = None


class Envelope(Struct, omit_defaults=True, rename="camel", kw_only=True):
    """The body of every refusal, and with no correlation id an item of a batch's `errors`."""

    status: str
    id: str | None = None
    message: str | None = None
    error_type: str | None = None
    correlation_id: str | None = None
    policy_name: str | None = None
    group_name: str | None = None
    request_id: str | None = None
    context: Context | None = None
    errors: tuple[ErrorDetail, ...] = ()
    links: dict[str, str] | None = None
    category: str | None = None
    sub_category: str | None = None


class Refusal(Exception):  # noqa: N818  # the vendor's "no", not a fault of the program
    """The vendor's refusal of a call, or of one input of a batch; raise it from any depth.

    Args:
        status: the HTTP status when the whole call fails with it.
        message: the vendor's text.
        category, sub_category, context, errors, links: as in the envelope; left out when empty.
        existing_id: id of the record that holds a unique value, told in batch items only.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        category: str | None = None,
        sub_category: str | None = None,
        context: Context | None = None,
        errors: tuple[ErrorDetail, ...] | list[ErrorDetail] = (),
        links: dict[str, str] | None = None,
        existing_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.category = category
        self.sub_category = sub_category
        self.context = context
        self.errors = tuple(errors)
        self.links = links
        self.existing_id = existing_id

    def envelope(self, correlation_id: str | None, context: Context | None = None) -> Envelope:
        """The error body; without a correlation id the form of a batch item."""
        return Envelope(
            status="error",
            message=self.message,
            correlation_id=correlation_id,
            context={**(self.context or {}), **(context or {})} or None,
            errors=self.errors,
            links=self.links,
            category=self.category,
            sub_category=self.sub_category,
        )

    def item(self, trace_id: str | None = None) -> Envelope:
        """The entry of a batch's `errors`, naming the input by its trace id."""
        context: Context = {}
        if trace_id is not None:
            context["objectWriteTraceId"] = [trace_id]
        if self.existing_id is not None:
            context["existingId"] = [self.existing_id]
        return self.envelope(None, context)


def invalid(message: str, **more: Any) -> Refusal:  # Any: the keywords of Refusal
    """A 400 of category VALIDATION_ERROR."""
    return Refusal(400, message, category="VALIDATION_ERROR", **more)


def not_found(message: str = "resource not found", **more: Any) -> Refusal:  # Any: as above
    """A 404 of category OBJECT_NOT_FOUND."""
    return Refusal(404, message, category="OBJECT_NOT_FOUND", **more)


def conflict(message: str, category: str = "CONFLICT", **more: Any) -> Refusal:  # Any: as above
    """A 409."""
    return Refusal(409, message, category=category, **more)


def html_page(status: int, title: str) -> Answer:
    """A page as the vendor's edge and servlet container send it."""
    page = (
        f"<html>\n<head>\n<title>Error {status} {title}</title>\n</head>\n"
        f"<body><h2>HTTP ERROR {status} {title}</h2></body>\n</html>\n"
    )
    return Answer(status, page.encode(), HTML_TYPE)


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    moment = _EPOCH + timedelta(seconds=seconds)
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")


def iso(ms: int) -> str:
    """Milliseconds since 1970 as the vendor prints them: no fraction when it is zero."""
    seconds, rest = divmod(ms, 1000)
    return f"{_second(seconds)}.{rest:03d}Z" if rest else f"{_second(seconds)}Z"
