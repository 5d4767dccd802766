"""`tieline sandbox`: local systems to try things on."""

from __future__ import annotations

import click

from daemon.cli.lazy import LazyGroup


class _Sandboxes(LazyGroup):
    table = {  # noqa: RUF012  (never changed; LazyGroup declares it)
        "hubspot": ("daemon.sandbox.hubspot.cli:hubspot", "A HubSpot account, as strict as one."),
        "tryton": ("daemon.sandbox.tryton.cli:tryton", "A real Tryton server with some deals."),
    }


@click.group(cls=_Sandboxes)
def sandbox() -> None:
    """Start a local system to try things on; it serves on loopback until it is stopped."""
