"""The Tryton connector against the kit, on a real server: each object, each place of its key."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from daemon.connectors.conformance import ConnectorKit, CreatingKit
from daemon.sandbox.tryton.client import AdminClient
from daemon.sandbox.tryton.server import TrytonInfo
from tests.support.answer_cutter import cutting
from tests.support.tryton import tryton, tryton_admin
from tests.support.tryton_bench import FIELDS, PartyBench, TrytonBench

__all__ = ["tryton", "tryton_admin"]

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def bench(tryton: TrytonInfo, tryton_admin: AdminClient) -> AsyncIterator[TrytonBench]:
    async with cutting(tryton.url) as cutter:
        bench = TrytonBench(tryton, tryton_admin, cutter)
        yield bench
        await bench.connector.aclose()


class TestTryton(ConnectorKit):
    """Keys stand in the reference."""


class TestTrytonWithTheReferenceMapped(CreatingKit):
    """Keys stand in notes, since a mapping uses the reference."""

    @pytest.fixture
    async def bench(
        self, tryton: TrytonInfo, tryton_admin: AdminClient
    ) -> AsyncIterator[TrytonBench]:
        async with cutting(tryton.url) as cutter:
            bench = TrytonBench(tryton, tryton_admin, cutter, (*FIELDS, "reference"))
            yield bench
            await bench.connector.aclose()


class TestTrytonParties(ConnectorKit):
    """Contacts and companies; keys stand in identifiers."""

    @pytest.fixture(params=["contacts", "companies"])
    async def bench(
        self, request: pytest.FixtureRequest, tryton: TrytonInfo, tryton_admin: AdminClient
    ) -> AsyncIterator[PartyBench]:
        async with cutting(tryton.url) as cutter:
            bench = PartyBench(str(request.param), tryton, tryton_admin, cutter)
            yield bench
            await bench.connector.aclose()
