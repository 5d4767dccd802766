"""What the syncs of one connection tell each other."""

from __future__ import annotations

from actors.links import End, Link
from actors.meeting import Meeting
from actors.records import Departure, Side

PAIR = Link(id=7, sync="c/companies", left=End(id="L1"), right=End(id="R1"))


def test_who_waits_is_woken_once_by_either_end() -> None:
    meeting = Meeting()
    meeting.wait("c/deals", 1, [("companies", Side.LEFT, "L1")])
    meeting.wait("c/contacts", 2, [("companies", Side.RIGHT, "R1"), ("deals", Side.LEFT, "L1")])
    meeting.linked("companies", [PAIR])
    assert (meeting.take("c/deals"), meeting.take("c/contacts")) == ([1], [2])
    meeting.linked("companies", [PAIR])
    assert (meeting.take("c/deals"), meeting.take("c/contacts")) == ([], [])


def test_nobody_is_woken_by_what_does_not_count() -> None:
    meeting = Meeting()
    meeting.wait("c/deals", 1, [("companies", Side.LEFT, "L1")])
    for right in (None, End(id="R1", gone=Departure.ARCHIVED), End(id="R1", outside=True)):
        meeting.linked("companies", [PAIR.with_end(Side.RIGHT, right)])
    meeting.linked("contacts", [PAIR])
    assert meeting.take("c/deals") == []


def test_all_rest_only_together_and_with_nothing_to_do() -> None:
    meeting = Meeting()
    meeting.join("a")
    meeting.join("b")
    assert not meeting.rest("a", is_quiet=True)
    assert meeting.rest("b", is_quiet=True)
    meeting.look("a", Side.LEFT, ["L1"])
    assert not meeting.rest("b", is_quiet=True)
    assert meeting.take_looks("a") == [(Side.LEFT, "L1")]
    assert not meeting.rest("a", is_quiet=False)
    assert not meeting.rest("b", is_quiet=True)
