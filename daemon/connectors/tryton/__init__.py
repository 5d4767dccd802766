"""The connector for Tryton 8.0 and later, over JSON-RPC."""

from __future__ import annotations

from actors.ports import Connector
from daemon.connectors.registry import ConnectorType, Environment
from daemon.connectors.tryton.common import COMMON
from daemon.connectors.tryton.connector import CAPABILITIES, TrytonConnector
from daemon.connectors.tryton.options import TrytonOptions


def open_connector(options: TrytonOptions, environment: Environment) -> Connector:
    """Make a connector; nothing is called before its first method."""
    return TrytonConnector(options, environment)


CONNECTOR = ConnectorType(
    name="tryton",
    title="Tryton",
    options=TrytonOptions,
    capabilities=CAPABILITIES,
    open=open_connector,
    common=COMMON,
)
