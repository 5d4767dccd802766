"""The HubSpot connector."""

from __future__ import annotations

from daemon.connectors.hubspot.common import COMMON
from daemon.connectors.hubspot.connector import (
    CAPABILITIES,
    HubSpotConnector,
    HubSpotOptions,
    open_connector,
)
from daemon.connectors.registry import ConnectorType

__all__ = ["CONNECTOR", "HubSpotConnector", "HubSpotOptions"]

CONNECTOR = ConnectorType(
    name="hubspot",
    title="HubSpot",
    options=HubSpotOptions,
    capabilities=CAPABILITIES,
    open=open_connector,
    common=COMMON,
)
