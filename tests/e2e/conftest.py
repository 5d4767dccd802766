"""A fresh pair of systems for each test: they start in seconds, from prepared data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.world import World, running_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two empty systems."""
    with running_world(tmp_path) as found:
        yield found


@pytest.fixture
def seeded(tmp_path: Path) -> Iterator[World]:
    """HubSpot with 60 deals in all stages, Tryton with 12."""
    with running_world(tmp_path, "--deals", "60", "--seed", "7", erp_deals=12) as found:
        yield found
