"""A field is added to a running sync: both sides are read with it before anything is decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import anyio
import pytest

from actors.connection import Connection
from actors.links import Link, Status
from actors.mapping.record import Sync
from actors.spec import Pace, Prefer, Rules
from actors.testing import ManualClock, MemoryStore
from tests.support.builders import LEFT, NAME, NOTE, RIGHT, erp, erp_deal, hub, hub_deal, sync
from tests.support.scripted import ScriptedApp

pytestmark = pytest.mark.anyio

PACE = Pace(poll=timedelta(seconds=10), retry_first=timedelta(seconds=30), quarantine_after=4)


class OverlappingApp(ScriptedApp):
    """Its feed begins with what was changed before, as those that overlap do."""

    async def start(self, object_name: str) -> str:
        await super().start(object_name)
        return "0"


class SlowStore(MemoryStore):
    """So slow that the next reading has begun before the last one is dealt with."""

    async def load_links(self, sync: str, side: str, ids: Sequence[str]) -> dict[str, Link]:
        await anyio.sleep(0.1)
        return await super().load_links(sync, side, ids)


class Two:
    """Two apps, a store and the lives of a connection."""

    def __init__(self) -> None:
        self.clock, self.store = ManualClock(), SlowStore()
        self.hub = OverlappingApp(hub(), self.clock, prefix="L", history=True, page=100)
        self.erp = OverlappingApp(erp(), self.clock, prefix="R", lock=True, page=100)

    async def settle(self, kept: Sync) -> None:
        """Run a life until nothing is left to do."""
        with anyio.fail_after(7200):
            await self._connection(kept).run_until_quiet()

    async def run(self, kept: Sync, seconds: float) -> None:
        """Run a life for so long."""
        connection = self._connection(kept)
        async with anyio.create_task_group() as group:
            group.start_soon(connection.run)
            await anyio.sleep(seconds)
            connection.stop()

    def _connection(self, kept: Sync) -> Connection:
        apps = {LEFT: self.hub, RIGHT: self.erp}
        return Connection(kept, apps, self.store, self.clock, PACE)

    @property
    def statuses(self) -> list[Status]:
        return [link.status for link in self.store.links.values()]


@pytest.mark.parametrize("prefer", [Prefer.LEFT, Prefer.RIGHT])
async def test_what_was_there_already_is_seen_before_it_could_be_overwritten(
    prefer: Prefer,
) -> None:
    two, rules = Two(), Rules(prefer=prefer)
    two.hub.put(hub_deal(name="A", note="left"))
    await two.settle(sync(NAME, rules=rules))
    two.erp.edit("R1", remark="right")
    await two.settle(sync(NAME, rules=rules))  # its version is known, its remark is not
    await two.settle(sync(NAME, NOTE, rules=rules))
    winner, loser = ("left", "right") if prefer is Prefer.LEFT else ("right", "left")
    assert (two.hub.rows["L1"].values["note"], two.erp.rows["R1"].values["remark"]) == (
        winner,
        winner,
    )
    assert [one.before for one in two.store.history if one.lost] == [(loser,)]


async def test_a_refused_write_of_the_new_field_is_tried_again_at_its_pace() -> None:
    two = Two()
    two.hub.put(hub_deal(name="A", note="never"))
    await two.settle(sync(NAME))
    two.erp.rejects = {"never"}
    before = len(two.erp.wrote)
    await two.run(sync(NAME, NOTE), seconds=20)
    assert two.statuses == [Status.FAILING]
    assert len(two.erp.wrote) == before + 1
    await two.run(sync(NAME, NOTE), seconds=7200)
    assert len(two.erp.wrote) == before + PACE.quarantine_after


async def test_a_reading_that_overlaps_an_earlier_one_and_shows_the_same_is_no_news() -> None:
    two = Two()
    for number in range(9):
        two.hub.put(hub_deal(name=f"hub {number}"))
        two.erp.put(erp_deal(title=f"erp {number}"))
    await two.settle(sync(NAME))
    await two.settle(sync(NAME, NOTE))
    assert set(two.statuses) == {Status.IN_SYNC}
    assert two.erp.calls.count("fetch") == two.hub.calls.count("fetch") == 0
