"""Errors by what the caller must do about them, not by where they happened.

Connectors translate their vendor's errors into these; httpx and vendor errors never reach an
actor. A single record's rejection is an `Outcome` (see `intents`), not an exception.
"""

from __future__ import annotations

from datetime import timedelta


class TielineError(Exception):
    """Root of every error that tieline raises on purpose."""


class TransientError(TielineError):
    """The call may be repeated after a pause; nothing was written by it.

    Attributes:
        retry_after: the pause that the app asked for, or None to use our own backoff.
    """

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimitedError(TransientError):
    """The app refused the call for its rate; the account's budget has been told."""


class OutcomeUnknownError(TielineError):
    """A write was sent and its answer never came: read before writing again."""


class AuthError(TielineError):
    """The app does not accept our credentials: pause the app and name the fix."""


class ScopeError(AuthError):
    """The credentials lack a right that the configured sync needs."""


class SchemaDriftError(TielineError):
    """A mapped field, option, stage or pipeline is gone or has changed its type."""


class MappingError(TielineError):
    """A mapping cannot be built from the configuration and the apps' schemas.

    Attributes:
        at: which part of the mapping is meant, as attribute names of its spec.
    """

    def __init__(self, message: str, at: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.at = at


class OutsideDomainError(TielineError):
    """A value has no counterpart on the other side; concerns one field of one record.

    The message names the value and the reason, ready to be shown to a person.
    """


class StoreError(TielineError):
    """The store cannot be used; the message says why and what to do."""
