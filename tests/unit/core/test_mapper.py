"""The mapper: verdicts in order, a permit for each page, a word at the end (H31)."""

from __future__ import annotations

import anyio
import pytest

from actors.mapper import map_page, run_mapper
from actors.messages import Drain, Mapped, Origin, Polled, ReconcilerInbox
from actors.ports import Blind
from actors.records import Departure, Gone
from actors.testing import ManualClock
from tests.support.builders import LEFT, MORNING, RIGHT, erp_deal, hub_deal, snapshot, sync

pytestmark = pytest.mark.anyio

SYNC = sync()


def page(number: int = 1) -> Polled:
    return Polled(
        side=LEFT,
        origin=Origin.CHANGES,
        records=(snapshot(str(number), hub_deal()),),
        began=float(number),
    )


def test_each_record_is_judged_and_nothing_else_of_the_page_changes() -> None:
    polled = Polled(
        side=LEFT,
        origin=Origin.BACKFILL,
        records=(
            snapshot("1", hub_deal()),
            snapshot("2", hub_deal(stage="?")),
            snapshot("3", hub_deal(pipeline=None)),
        ),
        began=7.0,
        gone=(Gone(id="4", how=Departure.DELETED),),
        cursors={"left": "9"},
        complete=True,
    )
    mapped = map_page(SYNC, polled, MORNING)
    assert [judged.record.id for judged in mapped.records] == ["1", "2", "3"]
    reasons = [judged.reason for judged in mapped.records]
    assert reasons == ["", 'stage "?" of "Sales" is not mapped', "it has no pipeline stage"]
    for name in ("side", "origin", "began", "gone", "cursors", "complete"):
        assert getattr(mapped, name) == getattr(polled, name)


def test_each_side_is_judged_by_its_own_stages() -> None:
    polled = Polled(side=RIGHT, origin=Origin.LOOK, records=(snapshot("1", erp_deal()),), began=0.0)
    assert map_page(SYNC, polled, MORNING).records[0].reason == ""


async def test_a_page_goes_on_only_with_a_permit() -> None:
    pages_send, pages = anyio.create_memory_object_stream[Polled](10)
    inbox_send, inbox = anyio.create_memory_object_stream[ReconcilerInbox](10)
    permits = anyio.Semaphore(2)
    async with anyio.create_task_group() as group, inbox:
        group.start_soon(run_mapper, SYNC, pages, inbox_send, permits, ManualClock(), Blind())
        for number in range(1, 5):
            await pages_send.send(page(number))
        pages_send.close()
        await anyio.sleep(1)
        assert inbox.statistics().current_buffer_used == 2
        permits.release()
        await anyio.sleep(1)
        assert inbox.statistics().current_buffer_used == 3
        permits.release()
        got = [message async for message in inbox]
    assert [one.began for one in got if isinstance(one, Mapped)] == [1.0, 2.0, 3.0, 4.0]
    assert isinstance(got[-1], Drain)
    assert len(got) == 5
