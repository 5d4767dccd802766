"""`python -m daemon.sandbox.hubspot`: the sandbox without the main command."""

from __future__ import annotations

from daemon.sandbox.hubspot.cli import hubspot

hubspot(prog_name="tieline sandbox hubspot")
