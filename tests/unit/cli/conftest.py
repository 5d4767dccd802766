from __future__ import annotations

from tests.support.cli import cli

__all__ = ["cli"]
