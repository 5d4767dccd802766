"""Every endpoint of the vendor's surface, gathered from the route modules."""

from __future__ import annotations

from daemon.sandbox.hubspot import (
    routes_batch,
    routes_records,
)
from daemon.sandbox.hubspot.calls import Endpoint

__all__ = ["all_endpoints"]

_MODULES = (routes_batch, routes_records)


def all_endpoints() -> list[Endpoint]:
    """The endpoints of all modules."""
    return [endpoint for module in _MODULES for endpoint in module.routes()]
