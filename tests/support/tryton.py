"""One real Tryton server for a whole test session; tests make records of their own in it.

Import the fixtures that a test module uses: `from tests.support.tryton import tryton`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from daemon.sandbox.tryton.client import AdminClient
from daemon.sandbox.tryton.running import running_tryton
from daemon.sandbox.tryton.server import TrytonInfo


@contextmanager
def deletes_allowed(person: AdminClient) -> Iterator[None]:
    """Give the sync user the right to delete deals for the block."""
    domain = [["model", "=", "sale.opportunity"], ["group.name", "=", "CRM sync"]]
    rows = [row["id"] for row in person.read("ir.model.access", domain, [])]
    person.call("model.ir.model.access.write", rows, {"perm_delete": True})
    try:
        yield
    finally:
        person.call("model.ir.model.access.write", rows, {"perm_delete": False})


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
