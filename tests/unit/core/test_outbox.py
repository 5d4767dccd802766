"""Credit and batches: at most so many orders in flight, one kind an order, nobody waits (H31)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import anyio
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream

from actors.intents import Intent, IntentKind
from actors.messages import Look, Recover, Write, WriterInbox
from actors.outbox import LookBox, Outbox
from actors.ports import Blind, Capabilities
from tests.support.builders import LEFT, RIGHT

CREDIT = 2
APP = Capabilities(
    objects=("deals",),
    lock=False,
    history=False,
    unique_key=True,
    read_batch=5,
    create_batch=3,
    update_batch=4,
    worst_delay=timedelta(0),
    deletes="",
)


def intent(key: int, kind: IntentKind = IntentKind.UPDATE) -> Intent:
    return Intent(id=key, sync="s", link=key, side=RIGHT, kind=kind, units=(), values={})


class Box:
    """An outbox with the far end of its channel, as the writer has it."""

    def __init__(self, room: float = CREDIT) -> None:
        send, self.orders = anyio.create_memory_object_stream[WriterInbox](room)
        self.box = Outbox(
            sync="s",
            side=RIGHT,
            orders=send,
            credit=CREDIT,
            capabilities=APP,
            monitor=Blind(),
        )

    def sent(self) -> list[WriterInbox]:
        """Take what has been sent so far."""
        return drained(self.orders)


def drained(channel: MemoryObjectReceiveStream[WriterInbox]) -> list[WriterInbox]:
    found: list[WriterInbox] = []
    while True:
        try:
            found.append(channel.receive_nowait())
        except anyio.WouldBlock:
            return found


@pytest.fixture
def outbox() -> Iterator[Box]:
    made = Box()
    yield made
    made.box.close()
    made.orders.close()


def ids(orders: list[WriterInbox]) -> list[list[int]]:
    return [[one.id for one in order.intents] for order in orders]


def test_one_kind_goes_in_one_order_and_no_more_than_the_app_takes(outbox: Box) -> None:
    for key in range(1, 6):
        outbox.box.write(intent(key, IntentKind.UPDATE if key != 3 else IntentKind.CREATE))
    outbox.box.pump()
    orders = outbox.sent()
    assert ids(orders) == [[1, 2, 4, 5], [3]]
    assert all(isinstance(order, Write) and order.side is RIGHT for order in orders)


def test_h31_no_more_orders_are_in_flight_than_there_is_credit_for(outbox: Box) -> None:
    for key in range(1, 13):
        outbox.box.write(intent(key))
    outbox.box.pump()
    outbox.box.pump()
    assert (outbox.box.in_flight, outbox.box.waiting) == (CREDIT, 4)
    assert ids(outbox.sent()) == [[1, 2, 3, 4], [5, 6, 7, 8]]
    outbox.box.pump()  # the writer has taken them but has not answered
    assert outbox.sent() == []
    outbox.box.answered()
    outbox.box.pump()
    assert ids(outbox.sent()) == [[9, 10, 11, 12]]
    assert (outbox.box.in_flight, outbox.box.waiting) == (CREDIT, 0)


def test_recoveries_go_first_and_creates_are_not_mixed_with_updates(outbox: Box) -> None:
    outbox.box.write(intent(1))
    outbox.box.recover(intent(2, IntentKind.CREATE))
    outbox.box.recover(intent(3))
    outbox.box.recover(intent(4, IntentKind.CREATE))
    outbox.box.pump()
    orders = outbox.sent()
    assert ids(orders) == [[2, 4], [3]]
    assert all(isinstance(order, Recover) for order in orders)


def test_a_recovery_holds_no_more_than_one_reading(outbox: Box) -> None:
    for key in range(1, 8):
        outbox.box.recover(intent(key))
    outbox.box.pump()
    assert ids(outbox.sent()) == [[1, 2, 3, 4, 5], [6, 7]]


def test_what_the_writer_has_not_got_can_be_taken_back(outbox: Box) -> None:
    for key in range(1, 11):
        outbox.box.write(intent(key))
    outbox.box.write(intent(11, IntentKind.CREATE))
    outbox.box.recover(intent(12))
    outbox.box.pump()
    assert ids(outbox.sent()) == [[12], [1, 2, 3, 4]]
    outbox.box.recover(intent(13))
    assert [one.id for one in outbox.box.withdraw()] == [5, 6, 7, 8, 9, 10, 11]
    assert outbox.box.waiting == 1  # a recovery stays: it is open in the store
    assert outbox.box.in_flight == CREDIT


def test_i14_the_box_says_when_it_is_full(outbox: Box) -> None:
    assert outbox.box.most_waiting == 20


# --- looks ----------------------------------------------------------------------------------


class Eyes:
    """A look box with the far end of its channel, as the poller has it."""

    def __init__(self) -> None:
        send, self.looks = anyio.create_memory_object_stream[Look](CREDIT)
        self.box = LookBox(sync="s", side=LEFT, looks=send, credit=CREDIT, monitor=Blind())

    def sent(self) -> list[tuple[str, ...]]:
        found = []
        while self.looks.statistics().current_buffer_used:
            found.append(self.looks.receive_nowait().ids)
        return found


@pytest.fixture
def eyes() -> Iterator[Eyes]:
    made = Eyes()
    yield made
    made.box.close()
    made.looks.close()


def test_a_record_is_asked_for_once_at_a_time(eyes: Eyes) -> None:
    for one in ("a", "b", "a"):
        eyes.box.want(one)
    eyes.box.pump()
    eyes.box.want("a")
    eyes.box.pump()
    assert eyes.sent() == [("a", "b")]
    assert not eyes.box.is_idle
    eyes.box.answered({"a", "b"})
    assert eyes.box.is_idle
    eyes.box.want("a")
    eyes.box.pump()
    assert eyes.sent() == [("a",)]


def test_looks_are_cut_into_readings_and_held_back_without_credit(eyes: Eyes) -> None:
    for number in range(250):
        eyes.box.want(str(number))
    eyes.box.pump()
    assert [len(one) for one in eyes.sent()] == [100, 100]
    eyes.box.answered({str(number) for number in range(100)})
    eyes.box.pump()
    assert [len(one) for one in eyes.sent()] == [50]


def test_a_poller_that_has_stopped_is_not_looked_through(eyes: Eyes) -> None:
    eyes.looks.close()
    eyes.box.want("a")
    eyes.box.pump()
