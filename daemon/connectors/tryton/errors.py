"""Tryton's refusals: what kind they are, and which error or outcome they become.

Over JSON-RPC Tryton answers every user error as `UserError`, whatever class it had on the server:
only the English text tells them apart, which is why sessions pin the language. Texts that this
file does not know are refusals of one record, for good.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

from actors.errors import SchemaDriftError, ScopeError, TielineError
from actors.intents import Rejected

# Domain errors carry whole field definitions, hundreds of kilobytes of them.
MAX_MESSAGE = 500

# A trailing part such as `in record "12"` names the record's number, not its id.
_FIELD = re.compile(r'(?:for|the) field "([^"]+)"')


class Kind(Enum):
    """What a refusal means to the caller."""

    RECORD = "the record's values or state"
    ACCESS = "a right on the whole model"
    RULE = "a right on this record"
    BUTTON = "a button that the record's state does not offer"
    STALE = "the record moved since it was read"
    GONE = "there is no such record"
    WARNING = "a person must confirm"
    UNFORESEEN = "the server did not foresee this call"


class Refusal(Exception):  # noqa: N818  # never leaves this connector
    """Tryton answered that it did not do what was asked; all of the call was rolled back."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message[:MAX_MESSAGE])
        self.kind = kind

    @property
    def message(self) -> str:
        """What Tryton said, cut to a readable length."""
        return str(self)


def classify(kind: str, detail: object) -> Refusal:
    """Read the two members of a JSON-RPC `error`.

    Args:
        kind: an exception's name, or the bare message of one that Tryton did not foresee.
        detail: by `kind`: a list of texts, a text, or the empty text.

    Source: tryton.md, section 3.
    """
    texts = [str(text) for text in detail] if isinstance(detail, list) else [str(detail)]
    match kind:
        case "UserError":
            return _classify_user_error(texts[0], texts[1] if len(texts) > 1 else "")
        case "UserWarning":
            message = texts[1] if len(texts) > 1 else texts[0]
            return Refusal(Kind.WARNING, f"Tryton asks a person to confirm: {message}")
        case "ConcurrencyException":
            return Refusal(Kind.STALE, texts[0])
        case _:
            return Refusal(Kind.UNFORESEEN, f"Tryton failed: {kind}")


def _classify_user_error(message: str, description: str) -> Refusal:
    if "that don't exist" in message:
        return Refusal(Kind.GONE, message)
    if message.startswith("You are not allowed to access"):
        return Refusal(Kind.ACCESS, _join(message, description))
    if "at least one of these rules" in message:
        return Refusal(Kind.RULE, _join(message, description))
    if message.startswith("You can not call"):
        return Refusal(Kind.BUTTON, message)
    return Refusal(Kind.RECORD, _join(message, description))


def _join(message: str, description: str) -> str:
    parts = (part.strip().rstrip(".:") for part in (message, description))
    return ": ".join(part for part in parts if part)


def find_fields(message: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the native names of fields that Tryton names by their label in a message.

    Args:
        message: Tryton's text, English.
        labels: native name by label.
    """
    return tuple(labels[label] for label in _FIELD.findall(message) if label in labels)


def as_rejected(refusal: Refusal, labels: Mapping[str, str]) -> Rejected:
    """Turn a refusal of one record into its outcome."""
    return Rejected(reason=refusal.message, fields=find_fields(refusal.message, labels))


def as_read_error(refusal: Refusal) -> TielineError:
    """Turn the refusal of a read into the error that the engine knows."""
    if refusal.kind in (Kind.ACCESS, Kind.RULE):
        return ScopeError(f"Tryton: {refusal.message}")
    return SchemaDriftError(f"Tryton does not answer as expected: {refusal.message}")
