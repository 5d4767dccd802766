from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from trio.testing import MockClock

from tests.simulation.loop import VirtualLoop


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Run async tests on both backends, under virtual time: waiting costs nothing."""
    if request.param == "trio":
        return "trio", {"clock": MockClock(autojump_threshold=0)}
    return "asyncio", {"loop_factory": partial(VirtualLoop, 1)}
