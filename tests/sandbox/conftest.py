"""One HubSpot sandbox process for all tests below this folder that ask for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.hubspot_process import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A seeded account without rate limits whose search index never lags."""
    running = Sandbox("--deals", "120", "--seed", "5", "--lag", "0", "--api-limit", "0")
    yield running
    assert running.stop() == 0
