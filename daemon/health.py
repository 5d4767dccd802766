"""Live, ready, and why not: the answer of `GET /healthz` as a value.

Pure: whoever watches the connections makes the value, `daemon/http.py` serves it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct


class Health(Struct, frozen=True, kw_only=True):
    """What the daemon says about itself at one moment.

    `live` is false when only a restart helps (the event loop's work does not progress); `ready`
    is false while something keeps a connection from syncing, and `why_not` then says what, one
    sentence each, fit to be read by whoever may reach the address: no values, no secrets.
    `connections` gives each connection's phase by name. `reloads` counts the reloads since the
    start; `refused` says why the last one was refused, and is empty if it was applied. `store`
    says what is wrong with the store, or that it is still being checked; empty if it is sound.
    `schema_problems` tells, by connection, what the apps have changed under a mapping that fitted:
    what depends on it does not sync, all else does.
    """

    live: bool
    ready: bool
    why_not: tuple[str, ...] = ()
    connections: Mapping[str, str] = {}
    reloads: int = 0
    refused: str = ""
    store: str = ""
    schema_problems: Mapping[str, tuple[str, ...]] = {}

    @property
    def status(self) -> int:
        """The HTTP status that says the same: 200, or 503 when not both live and ready."""
        return 200 if self.live and self.ready else 503

    def to_json(self) -> bytes:
        """Encode as the body of `GET /healthz`."""
        return msgspec.json.encode(self) + b"\n"


def healthy() -> Health:
    """Say that all is well."""
    return Health(live=True, ready=True)


def starting(what: str = "starting") -> Health:
    """Say that the daemon lives and is not ready yet, and what it waits for."""
    return Health(live=True, ready=False, why_not=(what,))
