"""The writer on real channels: guard, outcomes, audit, recovery. On asyncio and trio."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import anyio
import msgspec
import pytest

from actors.deciding import Known, decide_link
from actors.errors import AuthError, RateLimitedError, TransientError
from actors.intents import (
    Done,
    Exists,
    Intent,
    IntentKind,
    Outcome,
    Rejected,
    Stale,
    Throttled,
    Unknown,
    Vanished,
)
from actors.messages import ReconcilerInbox, Recover, Recovered, Write, WriterInbox, Written
from actors.observing import observe
from actors.ports import Blind
from actors.records import Departure
from actors.testing import ManualClock
from actors.writer import Writer
from tests.support.builders import (
    LEFT,
    NAME,
    NOTE,
    RIGHT,
    erp,
    erp_deal,
    hub_deal,
    settled,
    single,
    snapshot,
    sync,
)
from tests.support.scripted import ScriptedApp

pytestmark = pytest.mark.anyio

SYNC = sync(NAME, NOTE)
FIELDS = SYNC.fields[RIGHT]


class Bench:
    """The writer of `erp` with orders for it."""

    def __init__(self, *, lock: bool = False, history: bool = False) -> None:
        self.clock = ManualClock()
        self.app = ScriptedApp(erp(), self.clock, prefix="R", lock=lock, history=history)
        self._intents = 0

    def update(self, record_id: str, **left: str | None) -> Intent:
        """Decide an edit of the left record against the right one as it is now."""
        self._intents += 1
        there = self.app.snapshot(record_id, FIELDS)
        title, remark = there.values["title"], there.values["remark"]
        here = hub_deal(name=title, note=remark)
        link = settled(SYNC, snapshot("L", here), there, self._intents)
        assert link.left is not None
        edited = snapshot("L", here | left, "2", self.clock.now())
        link = link.with_end(LEFT, observe(SYNC, LEFT, link.left, edited, 0))
        (draft,) = decide_link(SYNC, link, Known(now_us=0)).drafts
        return self._intent(msgspec.structs.asdict(draft), link.id)

    def create(self, left_id: str, **left: str | None) -> Intent:
        """Decide the creation of a left record's counterpart."""
        self._intents += 1
        link = single(SYNC, LEFT, snapshot(left_id, hub_deal(**left)), self._intents)
        (draft,) = decide_link(SYNC, link, Known(now_us=0)).drafts
        return self._intent(msgspec.structs.asdict(draft), link.id)

    def _intent(self, draft: dict[str, object], link_id: int) -> Intent:
        base = Intent(
            id=self._intents,
            sync=SYNC.name,
            link=link_id,
            side=RIGHT,
            kind=IntentKind.UPDATE,
            units=(),
            values={},
        )
        return msgspec.structs.replace(base, **draft)

    async def answers(self, *orders: WriterInbox) -> list[ReconcilerInbox]:
        """Let a writer carry out these orders and return what it says."""
        orders_send, orders_in = anyio.create_memory_object_stream[WriterInbox](len(orders))
        results, answers = anyio.create_memory_object_stream[ReconcilerInbox](len(orders))
        writer = Writer(
            sync=SYNC, side=RIGHT, connector=self.app, clock=self.clock, monitor=Blind()
        )
        got: list[ReconcilerInbox] = []
        async with anyio.create_task_group() as group, answers:
            group.start_soon(writer.run, orders_in, results)
            for order in orders:
                await orders_send.send(order)
            orders_send.close()
            got += [one async for one in answers]
        return got

    async def write(self, *intents: Intent) -> tuple[Outcome, ...]:
        """Carry out one order to write."""
        return (await self.written(*intents)).outcomes

    async def written(self, *intents: Intent) -> Written:
        (answer,) = await self.answers(Write(side=RIGHT, intents=intents))
        assert isinstance(answer, Written)
        assert answer.intents == intents
        return answer

    async def recover(self, *intents: Intent) -> Recovered:
        """Carry out one order to recover."""
        (answer,) = await self.answers(Recover(side=RIGHT, intents=intents))
        assert isinstance(answer, Recovered)
        return answer


# --- the guard ------------------------------------------------------------------------------


async def test_an_update_is_sent_after_its_target_was_read_again() -> None:
    bench = Bench()
    one, two = bench.app.put(erp_deal()), bench.app.put(erp_deal(title="Z"))
    outcomes = await bench.write(bench.update(one, name="B"), bench.update(two, note="n"))
    assert bench.app.calls == ["prepare", "fetch", "write"]
    assert [type(outcome) for outcome in outcomes] == [Done, Done]
    assert bench.app.values("title") == ["B", "Z"]
    assert bench.app.values("remark") == [None, "n"]


async def test_h9_a_target_that_moved_in_a_written_field_is_not_overwritten() -> None:
    bench = Bench()
    moved, still = bench.app.put(erp_deal()), bench.app.put(erp_deal())
    orders = bench.update(moved, name="B"), bench.update(still, name="C")
    bench.app.edit(moved, title="theirs")
    stale, done = await bench.write(*orders)
    assert isinstance(stale, Stale) and isinstance(done, Done)
    assert stale.current is not None
    assert stale.current.values["title"] == "theirs"
    assert bench.app.values("title") == ["C", "theirs"]
    assert [one.id for one in bench.app.wrote] == [orders[1].id]


async def test_an_edit_of_another_field_does_not_hold_up_the_write() -> None:
    bench = Bench()
    record = bench.app.put(erp_deal())
    order = bench.update(record, name="B")
    bench.app.edit(record, remark="theirs")
    (done,) = await bench.write(order)
    assert isinstance(done, Done)
    assert (done.stored.values["title"], done.stored.values["remark"]) == ("B", "theirs")


@pytest.mark.parametrize("how", [Departure.ARCHIVED, Departure.DELETED])
async def test_i8_a_target_that_is_gone_is_told_and_not_written(how: Departure) -> None:
    bench = Bench()
    record = bench.app.put(erp_deal())
    order = bench.update(record, name="B")
    bench.app.remove(record, how)
    assert await bench.write(order) == (Vanished(how=how),)
    assert "write" not in bench.app.calls


async def test_where_everything_moved_no_write_call_is_made() -> None:
    bench = Bench()
    record = bench.app.put(erp_deal())
    order = bench.update(record, name="B")
    bench.app.edit(record, title="theirs")
    await bench.write(order)
    assert bench.app.calls == ["prepare", "fetch"]


async def test_an_app_with_a_lock_guards_itself() -> None:
    bench = Bench(lock=True)
    record = bench.app.put(erp_deal())
    first = bench.update(record, name="B")
    assert isinstance((await bench.write(first))[0], Done)
    second = bench.update(record, name="C")
    bench.app.edit(record, remark="theirs")  # any edit changes the version
    (stale,) = await bench.write(second)
    assert isinstance(stale, Stale)
    assert "fetch" not in bench.app.calls


async def test_creates_need_no_guard_and_are_prepared_for_once_a_run() -> None:
    bench = Bench()
    orders = [Write(side=RIGHT, intents=(bench.create(one),)) for one in ("L1", "L2")]
    await bench.answers(*orders)
    assert bench.app.calls == ["prepare", "write", "write"]
    assert bench.app.values("title") == ["A", "A"]


async def test_h42_a_key_that_is_taken_is_adopted_and_not_written_over() -> None:
    bench = Bench()
    order = bench.create("L1")
    (done,) = await bench.write(order)
    assert isinstance(done, Done)
    bench.app.edit(done.stored.id, title="theirs")
    (exists,) = await bench.write(order)
    assert isinstance(exists, Exists)
    assert exists.record_id == done.stored.id
    assert bench.app.values("title") == ["theirs"]


# --- outcomes -------------------------------------------------------------------------------


async def test_h27_a_rejected_record_fails_alone() -> None:
    bench = Bench()
    one, two = bench.app.put(erp_deal()), bench.app.put(erp_deal())
    bench.app.rejects = {"bad"}
    rejected, done = await bench.write(bench.update(one, name="bad"), bench.update(two, name="B"))
    assert rejected == Rejected(reason="bad is refused")
    assert isinstance(done, Done)


@pytest.mark.parametrize("lost", ["lost_answers", "lost_requests"])
async def test_h2_without_an_answer_each_outcome_is_unknown_and_nothing_is_repeated(
    lost: str,
) -> None:
    bench = Bench()
    setattr(bench.app, lost, 1)
    outcomes = await bench.write(bench.create("L1"), bench.create("L2"))
    assert all(isinstance(outcome, Unknown) for outcome in outcomes)
    assert bench.app.calls.count("write") == 1
    assert len(bench.app.rows) == (2 if lost == "lost_answers" else 0)


@pytest.mark.parametrize("call", ["prepare", "fetch", "write"])
async def test_a_passing_fault_before_anything_was_written_asks_to_wait(call: str) -> None:
    bench = Bench()
    record = bench.app.put(erp_deal())
    order = bench.update(record, name="B")
    bench.app.fail(call, RateLimitedError("too fast", timedelta(seconds=9)))
    assert await bench.write(order) == (Throttled(reason="too fast", retry_after_s=9.0),)
    assert bench.app.values("title") == ["A"]
    assert isinstance((await bench.write(order))[0], Done)


async def test_a_failed_preparation_is_tried_again_with_the_next_order() -> None:
    bench = Bench()
    bench.app.fail("prepare", TransientError("503"))
    orders = [Write(side=RIGHT, intents=(bench.create(one),)) for one in ("L1", "L2", "L3")]
    await bench.answers(*orders)
    assert bench.app.calls == ["prepare", "prepare", "write", "write"]


async def test_what_a_person_must_mend_ends_the_writer() -> None:
    bench = Bench()
    bench.app.fail("write", AuthError("the token was revoked"))
    with pytest.raises(ExceptionGroup) as caught:
        await bench.write(bench.create("L1"))
    assert caught.group_contains(AuthError)


# --- the audit ------------------------------------------------------------------------------


def slip_in(bench: Bench, record: str, **values: str) -> None:
    """Let a person edit the record while our write is on the wire."""

    def edit(intents: Sequence[Intent]) -> None:
        bench.app.edit(record, **values)

    bench.app.before_write = edit


async def test_h9_an_edit_between_the_guard_and_the_write_is_found_in_the_history() -> None:
    bench = Bench(history=True)
    record = bench.app.put(erp_deal())
    order = bench.update(record, name="B")
    slip_in(bench, record, title="theirs")
    answer = await bench.written(order)
    assert isinstance(answer.outcomes[0], Done)
    assert bench.app.values("title") == ["B"]
    assert {key: sorted(found) for key, found in answer.overwritten.items()} == {
        order.id: ["title"]
    }
    assert answer.overwritten[order.id]["title"].value == "theirs"


async def test_an_edit_of_a_field_that_was_not_written_is_not_overwritten() -> None:
    bench = Bench(history=True)
    record = bench.app.put(erp_deal())
    order = bench.update(record, name="B")
    slip_in(bench, record, remark="theirs")
    answer = await bench.written(order)
    assert answer.overwritten == {}
    (done,) = answer.outcomes
    assert isinstance(done, Done)
    assert done.stored.values["remark"] == "theirs"


async def test_edits_that_the_decision_had_seen_are_not_found_again() -> None:
    bench = Bench(history=True)
    record = bench.app.put(erp_deal())
    bench.app.edit(record, title="old")
    order = bench.update(record, name="B")
    assert (await bench.written(order)).overwritten == {}
    assert bench.app.calls[-1] == "edits"


@pytest.mark.parametrize(("lock", "history"), [(True, True), (False, False), (True, False)])
async def test_the_history_is_read_only_where_it_is_kept_and_needed(
    lock: bool, history: bool
) -> None:
    bench = Bench(lock=lock, history=history)
    record = bench.app.put(erp_deal())
    await bench.write(bench.update(record, name="B"))
    await bench.write(bench.create("L1"))
    assert "edits" not in bench.app.calls


async def test_while_the_history_cannot_be_had_the_outcome_is_unknown() -> None:
    bench = Bench(history=True)
    record = bench.app.put(erp_deal())
    bench.app.fail("edits", TransientError("503"))
    (outcome,) = await bench.write(bench.update(record, name="B"))
    assert isinstance(outcome, Unknown)


# --- recovering -----------------------------------------------------------------------------


async def test_a_create_in_doubt_is_found_by_its_key_archived_or_not_at_all() -> None:
    bench = Bench()
    orders = [bench.create(one) for one in ("L1", "L2", "L3")]
    bench.app.lost_answers = 1
    await bench.write(*orders[:2])
    made = {row.key: row.id for row in bench.app.rows.values()}
    bench.app.remove(made[orders[1].key])
    answer = await bench.recover(*orders)
    alive, archived, absent = answer.traces
    assert alive.current is not None and alive.current.id == made[orders[0].key]
    assert archived.gone is not None and archived.gone.how is Departure.ARCHIVED
    assert (absent.current, absent.gone, absent.failed) == (None, None, False)
    assert bench.app.calls[-1] == "find"
    assert bench.app.calls.count("write") == 1


@pytest.mark.parametrize("history", [True, False])
async def test_an_update_in_doubt_is_read_again_with_its_history(history: bool) -> None:
    bench = Bench(history=history)
    record, lost = bench.app.put(erp_deal()), bench.app.put(erp_deal())
    orders = bench.update(record, name="B"), bench.update(lost, name="C")
    bench.app.lost_answers = 1
    await bench.write(*orders)
    bench.app.remove(lost)
    first, second = (await bench.recover(*orders)).traces
    assert first.current is not None
    assert first.current.values["title"] == "B"
    titles = [edit.value for edit in first.edits.get("title", ())]
    assert titles == (["B", "A"] if history else [])
    assert second.gone is not None and second.gone.how is Departure.ARCHIVED
    assert bench.app.calls.count("write") == 1


@pytest.mark.parametrize("call", ["find", "fetch", "edits"])
async def test_recovering_that_fails_in_passing_says_so_of_each(call: str) -> None:
    bench = Bench(history=True)
    record = bench.app.put(erp_deal())
    order = bench.create("L1") if call == "find" else bench.update(record, name="B")
    bench.app.fail(call, TransientError("503"))
    (trace,) = (await bench.recover(order)).traces
    assert trace.failed


async def test_orders_are_carried_out_one_after_another_until_the_channel_closes() -> None:
    bench = Bench()
    record = bench.app.put(erp_deal())
    order = bench.update(record, name="B")
    answers = await bench.answers(
        Write(side=RIGHT, intents=(order,)), Recover(side=RIGHT, intents=(order,))
    )
    assert [type(answer) for answer in answers] == [Written, Recovered]
