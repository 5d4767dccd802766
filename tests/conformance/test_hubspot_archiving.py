"""Archiving HubSpot records by batch, against the sandbox (F29)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest

from actors.intents import Archived, Intent, IntentKind, Unknown
from actors.records import Departure, Side
from daemon.connectors.hubspot import HubSpotConnector
from tests.support.hubspot import Sandbox, connect, run_sandbox

pytestmark = pytest.mark.anyio
numbers = count(1)
DEAL = {"dealname": "Pumps", "pipeline": "default", "dealstage": "appointmentscheduled"}


@pytest.fixture(scope="module")
def process() -> Iterator[Sandbox]:
    with run_sandbox(deals=0) as sandbox:
        yield sandbox


@pytest.fixture
async def hubspot(process: Sandbox) -> AsyncIterator[HubSpotConnector]:
    process.reset()
    connector = connect(process)
    yield connector
    await connector.aclose()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def archiving(record_id: str) -> Intent:
    return Intent(
        id=next(numbers),
        sync="s",
        link=1,
        side=Side.LEFT,
        kind=IntentKind.ARCHIVE,
        units=(),
        values={},
        record_id=record_id,
    )


async def test_a_batch_is_archived_in_one_call_also_what_was_before(
    process: Sandbox, hubspot: HubSpotConnector
) -> None:
    ids = process.make(DEAL, DEAL, DEAL)
    process.archive(ids[0])
    process.forget_calls()
    outcomes = await hubspot.write("deals", [archiving(one) for one in ids], ("dealname",))
    assert outcomes == (Archived(how=Departure.ARCHIVED),) * 3
    assert process.calls() == ["POST batch/archive"]
    gone = (await hubspot.fetch("deals", ids, ("dealname",))).gone
    assert {one.how for one in gone} == {Departure.ARCHIVED}


async def test_an_archive_without_an_answer_is_unknown_and_shows_when_it_is_read(
    process: Sandbox, hubspot: HubSpotConnector
) -> None:
    (deal,) = process.make(DEAL)
    process.fault("cut", "batch/archive", when="after")
    (outcome,) = await hubspot.write("deals", [archiving(deal)], ("dealname",))
    assert isinstance(outcome, Unknown)
    (gone,) = (await hubspot.fetch("deals", [deal], ("dealname",))).gone
    assert gone.how is Departure.ARCHIVED


async def test_the_schema_says_that_records_can_be_archived_but_not_restored(
    hubspot: HubSpotConnector,
) -> None:
    for one in (await hubspot.describe()).objects:
        assert one.removal is Departure.ARCHIVED
        assert not one.restores
