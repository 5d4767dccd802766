"""Every endpoint of the vendor's surface, gathered from the route modules."""

from __future__ import annotations

from daemon.sandbox.hubspot import (
    routes_associations,
    routes_associations_v3,
    routes_batch,
    routes_labels,
    routes_legacy,
    routes_merge,
    routes_owners,
    routes_pipelines,
    routes_properties,
    routes_records,
    routes_search,
)
from daemon.sandbox.hubspot.calls import Endpoint

__all__ = ["all_endpoints"]

_MODULES = (
    routes_associations,
    routes_associations_v3,
    routes_batch,
    routes_labels,
    routes_legacy,
    routes_merge,
    routes_owners,
    routes_pipelines,
    routes_properties,
    routes_records,
    routes_search,
)


def all_endpoints() -> list[Endpoint]:
    """The endpoints of all modules."""
    return [endpoint for module in _MODULES for endpoint in module.routes()]
