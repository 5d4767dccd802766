"""The HTTP protocol of the vendor's surface: uvicorn's, with a way to hang up on a client.

Owns the cut of a connection: an application under ASGI can otherwise only answer.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["TRANSPORT", "CuttableProtocol"]

# Key under `scope["extensions"]` of the connection's transport.
TRANSPORT = "tieline.transport"


class CuttableProtocol(H11Protocol):
    """Hands each call the transport of its connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wrap the application once the transport is known (uvicorn narrows the type, too)."""
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own
            scope.setdefault("extensions", {})[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport
