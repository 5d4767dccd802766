"""Which connectors are installed, and how an app of the configuration becomes a connector.

A connector package declares one `ConnectorType`, by convention under the name `CONNECTOR`, as an
entry point of the group `tieline.connectors`. Nothing else in tieline names a connector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from actors.errors import TielineError
from actors.ports import Capabilities, Connector

GROUP = "tieline.connectors"

CallObserver = Callable[[str, int | None, float], None]
"""Told of each HTTP call: (endpoint, status or None without an answer, seconds)."""

BudgetObserver = Callable[[str, int], None]
"""Told what the app said of its limits: (pool, calls that remain)."""

Options = TypeVar("Options", bound=Struct)


class UnknownConnectorError(TielineError):
    """No installed connector has the name that the configuration gives as `type`."""


class BrokenConnectorError(TielineError):
    """An installed connector cannot be imported or declares something else than a connector."""


def ignore_call(endpoint: str, status: int | None, seconds: float) -> None:
    """Observe nothing."""


def ignore_budget(pool: str, remaining: int) -> None:
    """Observe nothing."""


def utc_now() -> datetime:
    """Return our own wall clock."""
    return datetime.now(UTC)


class Environment(Struct, frozen=True, kw_only=True):
    """What the daemon lends a connector.

    Attributes:
        app: the app's name in the configuration, for messages to people.
        on_call: told of every HTTP call; must not raise.
        on_budget: told of what remains of the app's limits; must not raise.
        now: our own wall clock, against which the app's clock is measured.
    """

    app: str
    on_call: CallObserver = ignore_call
    on_budget: BudgetObserver = ignore_budget
    now: Callable[[], datetime] = utc_now


class ConnectorType(Struct, Generic[Options], frozen=True, kw_only=True):
    """One kind of app.

    Attributes:
        name: the word for `type:` in the configuration.
        title: the app's name for people.
        options: Struct of the app's entry in the configuration without `type`; secrets are
            resolved by then. Declare it with `forbid_unknown_fields=True`.
        capabilities: what any connector of this type can do, known without an account.
        open: makes a connector; no network call is made before its first method.
        common: by object, the fields that hold what most apps have, by a word that connectors
            share (`name`, `email`, `postal_code`); several fields hold it in parts.
    """

    name: str
    title: str
    options: type[Options]
    capabilities: Capabilities
    open: Callable[[Options, Environment], Connector]
    common: Mapping[str, Mapping[str, tuple[str, ...]]] = {}

    def decode(self, settings: Mapping[str, object]) -> Options:
        """Turn an app's plain settings (timedelta values may be given as such) into options.

        Raises:
            msgspec.ValidationError: a setting is missing, unknown or of the wrong type.
        """
        return msgspec.convert(dict(settings), self.options)


# Any: the type of a connector's options is known to that connector alone.
AnyConnectorType = ConnectorType[Any]


def find_entry_points() -> dict[str, EntryPoint]:
    """Return the installed connectors' entry points by name; nothing is imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


def load_connector(name: str) -> AnyConnectorType:
    """Import one connector by its name.

    Raises:
        UnknownConnectorError: there is none of that name; the message lists those there are.
        BrokenConnectorError: importing it failed.
    """
    points = find_entry_points()
    if name not in points:
        known = ", ".join(sorted(points)) or "none"
        raise UnknownConnectorError(f"no connector is named {name!r} (installed: {known})")
    try:
        loaded = points[name].load()
    except Exception as error:  # whatever a foreign package raises while it is imported
        raise BrokenConnectorError(f"connector {name!r} cannot be imported: {error}") from error
    if not isinstance(loaded, ConnectorType):
        raise BrokenConnectorError(f"connector {name!r} declares {type(loaded).__name__}")
    return loaded
