"""One real Tryton server for a whole test session; tests make records of their own in it.

Import the fixtures that a test module uses: `from tests.support.tryton import tryton`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daemon.sandbox.tryton.client import AdminClient
from daemon.sandbox.tryton.running import running_tryton
from daemon.sandbox.tryton.server import TrytonInfo


@pytest.fixture(scope="session")
def tryton() -> Iterator[TrytonInfo]:
    """A server with parties and employees, and no deals but those that tests make."""
    with running_tryton(deals=0) as info:
        yield info


@pytest.fixture(scope="session")
def tryton_admin(tryton: TrytonInfo) -> Iterator[AdminClient]:
    """The administrator's own view of that server, past tieline."""
    client = AdminClient(tryton)
    yield client
    client.close()
