"""What people decide by command: answers to questions, conflicts taken back, retries (F23)."""

from __future__ import annotations

from datetime import timedelta

import anyio
import pytest

from actors.connection import Connection
from actors.errors import AuthError
from actors.links import Conflict, Link, Status
from actors.mapping.record import Sync
from actors.orders import AnyOrder, Choose, Resync, Retry
from actors.records import Departure, Side
from actors.spec import Blank, Direction, FieldSpec, Pace, Prefer, Rules
from actors.testing import ManualClock, MemoryStore
from actors.values import Raw
from tests.support.builders import (
    AMOUNT,
    LEFT,
    NAME,
    NOTE,
    RIGHT,
    erp,
    hub,
    hub_deal,
    sync,
)
from tests.support.scripted import ScriptedApp

pytestmark = pytest.mark.anyio

PACE = Pace(
    poll=timedelta(seconds=10),
    presence=timedelta(minutes=5),
    retry_first=timedelta(minutes=1),
    quarantine_after=4,
)
TITLE, REMARK = "name=title", "note=remark"
ASKING = Rules(prefer=Prefer.ASK)


class Desk:
    """Two apps with one linked pair, and the person who answers."""

    def __init__(self, kept: Sync | None = None) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore()
        self.sync = kept or sync(NAME, NOTE, AMOUNT, rules=ASKING)
        self.hub = ScriptedApp(hub(), self.clock, prefix="L", history=True)
        self.erp = ScriptedApp(erp(), self.clock, prefix="R", lock=True)
        self.hub.latency = self.erp.latency = 0.01
        self.hub.put(hub_deal(note="A"))

    def connection(self) -> Connection:
        return Connection(
            self.sync, {LEFT: self.hub, RIGHT: self.erp}, self.store, self.clock, PACE
        )

    async def settle(self) -> None:
        """Run a life until nothing is left to do."""
        with anyio.fail_after(7200):
            await self.connection().run_until_quiet()

    async def contest(self, left: str = "left", right: str = "right") -> Conflict:
        """Let two people edit the same field, and return the conflict."""
        await self.settle()
        self.hub.edit("L1", name=left)
        self.erp.edit("R1", title=right)
        await self.settle()
        return self.store.conflicts[-1]

    def give(self, order: AnyOrder) -> int:
        return self.store.give(self.sync.name, order, "kari", 1)

    def answer(self, conflict: Conflict, source: Side, **rest: object) -> int:
        """Answer a conflict as it stands."""
        left, right = conflict.left, conflict.right
        return self.give(
            Choose(
                link=conflict.link,
                unit=conflict.unit,
                left=left,
                right=right,
                source=source,
                conflict=conflict,
                **rest,  # type: ignore[arg-type]  # a test's own words
            )
        )

    @property
    def link(self) -> Link:
        (found,) = self.store.links.values()
        return found

    def said(self, left: str = "name", right: str = "title") -> tuple[Raw, Raw]:
        return self.hub.rows["L1"].values.get(left), self.erp.rows["R1"].values.get(right)

    def outcomes(self) -> list[tuple[str, str, Side | None]]:
        return [(one.outcome, one.rule, one.winner) for one in self.store.conflicts]


@pytest.mark.parametrize(("side", "value"), [(LEFT, "left"), (RIGHT, "right")])
async def test_f23_an_answer_is_written_to_the_other_side_and_closes_the_conflict(
    side: Side, value: str
) -> None:
    desk = Desk()
    conflict = await desk.contest()
    assert desk.link.reason.startswith("name=title: edited on both sides")
    number = desk.answer(conflict, side)
    await desk.settle()
    assert desk.said() == (value, value)
    assert desk.link.status is Status.IN_SYNC
    assert desk.outcomes() == [("copied", "person", side)]
    assert not desk.store.orders_done[number].refused
    assert [one.rule for one in desk.store.history][-1] == "person"
    writes = len(desk.hub.wrote) + len(desk.erp.wrote)
    await desk.settle()
    assert len(desk.hub.wrote) + len(desk.erp.wrote) == writes


async def test_f23_a_value_of_ones_own_is_written_to_both_sides() -> None:
    desk = Desk()
    conflict = await desk.contest()
    desk.answer(conflict, LEFT, value=("agreed",))
    await desk.settle()
    assert desk.said() == ("agreed", "agreed")
    assert desk.outcomes() == [("copied", "person", None)]
    assert not desk.link.left or not desk.link.left.chosen


async def test_f23_other_fields_go_on_while_one_waits_and_while_it_is_answered() -> None:
    desk = Desk()
    conflict = await desk.contest()
    desk.hub.edit("L1", note="B")
    await desk.settle()
    assert desk.said("note", "remark") == ("B", "B")
    desk.erp.edit("R1", remark="C")
    desk.answer(conflict, RIGHT)
    await desk.settle()
    assert desk.said("note", "remark") == ("C", "C")
    assert desk.said() == ("right", "right")


async def test_f23_an_answer_about_values_that_moved_is_refused() -> None:
    desk = Desk()
    conflict = await desk.contest()
    desk.erp.edit("R1", title="another")
    await desk.settle()
    number = desk.answer(conflict, LEFT)
    await desk.settle()
    assert desk.store.orders_done[number].refused
    assert "moved since" in desk.store.orders_done[number].outcome
    assert desk.said() == ("left", "another")
    assert [(one[0], one[2]) for one in desk.outcomes()] == [("superseded", None), ("open", None)]


async def test_f23_an_edit_that_comes_between_answer_and_write_stands_and_is_asked_about() -> None:
    desk = Desk()
    conflict = await desk.contest()
    desk.erp.before_write = lambda _: (
        desk.erp.edit("R1", title="quick") if desk.said()[1] == "right" else None
    )
    desk.answer(conflict, LEFT)
    await desk.settle()
    assert desk.said() == ("left", "quick")
    assert desk.link.status is Status.HELD
    assert [one[0] for one in desk.outcomes()] == ["superseded", "open"]


@pytest.mark.parametrize("lost", ["answer", "request"])
async def test_f23_h1_an_answer_survives_a_write_whose_outcome_is_unknown(lost: str) -> None:
    desk = Desk()
    conflict = await desk.contest()
    setattr(desk.erp, f"lost_{lost}s", 1)
    desk.answer(conflict, LEFT)
    await desk.settle()
    assert desk.said() == ("left", "left")
    assert desk.outcomes()[0][0] in ("copied", "settled")


async def test_f23_i13_an_answer_survives_a_stop_before_its_write() -> None:
    desk = Desk()
    conflict = await desk.contest()
    desk.answer(conflict, LEFT)
    async with anyio.create_task_group() as group:
        life = desk.connection()
        desk.erp.before_write = lambda _: group.cancel_scope.cancel()
        group.start_soon(life.run)
    desk.erp.before_write = lambda _: None
    assert desk.store.orders_done and desk.store.intents
    await desk.settle()
    assert desk.said() == ("left", "left")
    assert desk.link.status is Status.IN_SYNC


async def test_f23_an_answer_that_the_app_refuses_stays_until_it_takes_it() -> None:
    desk = Desk()
    conflict = await desk.contest()
    desk.erp.rejects = {"left"}
    desk.answer(conflict, LEFT)
    await desk.settle()
    assert desk.link.status is Status.FAILING
    assert desk.said() == ("left", "right")
    desk.erp.rejects = set()
    desk.give(Retry(links=(desk.link.id,)))
    await desk.settle()
    assert desk.said() == ("left", "left")


async def test_f23_an_answer_that_cannot_be_said_there_is_refused() -> None:
    desk = Desk()
    conflict = await desk.contest()
    number = desk.answer(conflict, LEFT, value=("",))
    await desk.settle()
    assert desk.store.orders_done[number].refused
    assert "erp refuses an empty name=title" in desk.store.orders_done[number].outcome
    assert desk.outcomes()[0][0] == "open"


@pytest.mark.parametrize(("side", "value"), [(LEFT, None), (RIGHT, "A")])
async def test_f22a_an_emptied_value_is_asked_about_and_emptied_or_filled(
    side: Side, value: str | None
) -> None:
    desk = Desk(sync(NAME, NOTE, rules=Rules(blank=Blank.ASK)))
    await desk.settle()
    desk.hub.edit("L1", note=None)
    await desk.settle()
    (question,) = desk.store.conflicts
    assert (question.unit, question.rule, question.outcome) == (REMARK, "M3 blank", "open")
    desk.answer(question, side)
    await desk.settle()
    assert [raw or None for raw in desk.said("note", "remark")] == [value, value]
    assert desk.outcomes() == [("copied", "person", side)]
    assert desk.link.status is Status.IN_SYNC


async def test_i6_an_answer_never_writes_to_the_source_of_a_one_way_sync() -> None:
    blank = Rules(blank=Blank.ASK)
    desk = Desk(sync(NAME, NOTE, rules=blank, direction=Direction.TO_RIGHT))
    await desk.settle()
    desk.hub.edit("L1", note=None)
    await desk.settle()
    (question,) = desk.store.conflicts
    refused = desk.answer(question, LEFT, value=("B",))
    await desk.settle()
    assert "never writes to hub" in desk.store.orders_done[refused].outcome
    desk.answer(question, RIGHT)
    await desk.settle()
    assert desk.said("note", "remark") == (None, "A")
    assert desk.outcomes() == [("settled", "person", RIGHT)]
    assert desk.link.status is Status.IN_SYNC
    assert not desk.hub.wrote


async def test_m8_a_first_alignment_that_waits_for_a_person_is_a_question_with_a_number() -> None:
    desk = Desk(sync(NAME, rules=ASKING))
    await desk.settle()
    desk.hub.edit("L1", note="left")
    desk.erp.edit("R1", remark="right")
    desk.sync = sync(NAME, NOTE, rules=ASKING)
    await desk.settle()
    (question,) = desk.store.conflicts
    assert (question.unit, question.rule, question.outcome) == (REMARK, "M8", "open")
    desk.answer(question, RIGHT)
    await desk.settle()
    assert desk.said("note", "remark") == ("right", "right")
    assert desk.outcomes() == [("copied", "person", RIGHT)]


async def test_a_question_that_people_answer_in_the_apps_is_superseded() -> None:
    desk = Desk()
    await desk.contest()
    desk.erp.edit("R1", title="left")
    await desk.settle()
    assert desk.outcomes() == [("superseded", "M7", None)]
    assert desk.link.status is Status.IN_SYNC
    assert desk.link.left is not None and not desk.link.left.asked


async def test_a_question_about_a_pair_that_no_longer_syncs_is_closed() -> None:
    desk = Desk()
    conflict = await desk.contest()
    desk.erp.rows["R1"].gone = Departure.DELETED
    async with anyio.create_task_group() as group:
        life = desk.connection()
        group.start_soon(life.run)
        await anyio.sleep(PACE.presence.total_seconds() * 2)
        life.stop()
    assert desk.link.status is Status.EXCLUDED
    assert desk.outcomes() == [("superseded", "M7", None)]
    number = desk.answer(conflict, LEFT)
    await desk.settle()
    assert "does not sync now" in desk.store.orders_done[number].outcome


async def test_f23_a_conflict_is_taken_back_on_both_sides() -> None:
    desk = Desk(sync(NAME, NOTE))
    conflict = await desk.contest()
    assert desk.said() == ("left", "left")
    assert desk.outcomes() == [("copied", "M7", LEFT)]
    order = Choose(
        link=conflict.link,
        unit=TITLE,
        left=("left",),
        right=("left",),
        source=RIGHT,
        value=conflict.right,
        rule="undo",
        conflict=conflict,
    )
    desk.give(order)
    await desk.settle()
    assert desk.said() == ("right", "right")
    assert desk.outcomes() == [("reversed", "M7", LEFT)]
    assert [line.rule for line in desk.store.history][-2:] == ["undo", "undo"]
    number = desk.give(order)
    await desk.settle()
    assert "moved since" in desk.store.orders_done[number].outcome


async def test_f23_what_an_app_makes_of_the_chosen_value_is_what_it_says_from_then_on() -> None:
    short = FieldSpec(left="amount", right="amount")
    desk = Desk(sync(NAME, short, rules=ASKING))
    await desk.settle()
    desk.hub.edit("L1", amount="1.00")
    desk.erp.edit("R1", amount="2.00")
    await desk.settle()
    (conflict,) = desk.store.conflicts
    desk.answer(conflict, LEFT, value=("3.456", *conflict.left[1:]))
    await desk.settle()
    assert desk.said("amount", "amount") == ("3.456", "3.46")
    assert desk.link.status is Status.IN_SYNC


# --- retry, resync, and when a failure is tried again ----------------------------------------


async def test_f33_a_record_that_was_set_aside_is_tried_again_by_order() -> None:
    desk = Desk(sync(NAME, NOTE))
    await desk.settle()
    desk.erp.rejects = {"bad"}
    desk.hub.edit("L1", note="bad")
    async with anyio.create_task_group() as group:
        life = desk.connection()
        group.start_soon(life.run)
        await anyio.sleep(24 * 3600)
        assert desk.link.reason.startswith("set aside after 4 tries")
        assert (desk.link.due_us, len(desk.erp.wrote)) == (None, 5)  # one create, four tries
        desk.erp.rejects = set()
        number = desk.give(Retry(links=(desk.link.id, 999)))
        life.nudge()
        await anyio.sleep(30)
        life.stop()
    assert desk.said("note", "remark") == ("bad", "bad")
    assert desk.link.attempts == 0
    assert desk.store.orders_done[number].outcome == "1 of 2 tried again now"


async def test_looking_for_presence_brings_no_try_of_a_failing_record_forward() -> None:
    desk = Desk(sync(NAME, NOTE))
    await desk.settle()
    desk.erp.rejects = {"bad"}
    desk.hub.edit("L1", note="bad")
    pace = Pace(
        poll=timedelta(seconds=10),
        presence=timedelta(seconds=20),
        retry_first=timedelta(hours=1),
        retry_last=timedelta(hours=1),
    )
    apps = {LEFT: desk.hub, RIGHT: desk.erp}
    life = Connection(desk.sync, apps, desk.store, desk.clock, pace)
    async with anyio.create_task_group() as group:
        group.start_soon(life.run)
        await anyio.sleep(1800)
        life.stop()
    assert desk.hub.calls.count("fetch") > 20
    assert (desk.link.attempts, len(desk.erp.wrote)) == (1, 2)


async def test_f33_resync_reads_both_sides_whole_when_the_next_run_begins() -> None:
    desk = Desk(sync(NAME, NOTE))
    await desk.settle()
    listed = desk.hub.calls.count("list_page"), desk.erp.calls.count("list_page")
    await desk.settle()
    assert (desk.hub.calls.count("list_page"), desk.erp.calls.count("list_page")) == listed
    number = desk.give(Resync())
    await desk.settle()
    assert desk.hub.calls.count("list_page") > listed[0]
    assert desk.erp.calls.count("list_page") > listed[1]
    assert desk.store.orders_done[number].outcome == "both sides are read whole again"
    assert len(desk.erp.wrote) == 1


async def test_orders_wait_until_the_record_is_written_and_outlive_a_failed_run() -> None:
    desk = Desk()
    conflict = await desk.contest()
    number = desk.answer(conflict, LEFT)
    desk.hub.fail("changes", AuthError("no"))
    with pytest.raises(BaseExceptionGroup):
        await desk.connection().run()
    assert number in desk.store.orders or not desk.store.orders_done[number].refused
    await desk.settle()
    assert desk.said() == ("left", "left")
