"""The worked examples of sync-semantics section 3, on whole pairs: w = 5 min, prefer HubSpot.

Each is played to the end: polled, decided, written, settled and polled again until quiet.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from actors.links import Status
from actors.messages import Trace
from actors.observing import microseconds
from actors.settling import recover_update
from actors.values import Raw
from tests.support.builders import LEFT, RIGHT, erp_deal, hub_deal, sync
from tests.support.scene import Scene, is_quiet

Edit = tuple[str, Raw]
"""When, and to what."""

HUB_EDIT = ("10:00:00", "B")


def scene() -> Scene:
    """Return a pair that says A in its name and 1 in its amount on both sides."""
    return Scene(sync(), hub_deal(name="A", amount="1"), erp_deal(title="A", amount="1"))


def assert_quiet(played: Scene) -> None:
    played.poll()
    ruling = played.rule()
    assert is_quiet(ruling)
    assert ruling.link.status is Status.IN_SYNC


@pytest.mark.parametrize(
    ("hubspot", "app", "both", "conflicts", "lost"),
    [
        (HUB_EDIT, None, "B", 0, None),
        (HUB_EDIT, ("10:03:00", "B"), "B", 0, None),
        (HUB_EDIT, ("10:04:59", "C"), "B", 1, "C"),
        (HUB_EDIT, ("10:05:00", "C"), "B", 1, "C"),
        (HUB_EDIT, ("10:05:01", "C"), "C", 0, "B"),
        (("10:06:00", "C"), ("10:00:00", "B"), "C", 0, "B"),
        (("10:00:00", None), ("10:02:00", "C"), "C", 1, None),
    ],
    ids=["plain", "same-edit", "4:59", "exactly-w", "5:01", "left-later", "empty-winner"],
)
def test_edits_of_one_field(
    hubspot: Edit, app: Edit | None, both: str, conflicts: int, lost: str | None
) -> None:
    played = scene()
    played.edit(LEFT, hubspot[0], name=hubspot[1])
    if app is not None:
        played.edit(RIGHT, app[0], title=app[1])
    played.settle()
    assert played.values("name", "title") == (both, both)
    assert len(played.conflicts) == conflicts
    losers = [change.before for change in played.history if change.lost]
    assert losers == ([(lost,)] if lost else [(None,)] if hubspot[1] is None else [])
    assert_quiet(played)


@pytest.mark.parametrize("app_at", ["10:04:59", "10:05:00"])
def test_a_conflict_names_both_values_and_both_times(app_at: str) -> None:
    played = scene()
    played.edit(LEFT, "10:00:00", name="B")
    played.edit(RIGHT, app_at, title="C")
    played.settle()
    (conflict,) = played.conflicts
    assert (conflict.left, conflict.right) == (("B",), ("C",))
    assert (
        conflict.right_us - conflict.left_us == {"10:04:59": 299, "10:05:00": 300}[app_at] * 10**6
    )
    assert (conflict.rule, conflict.winner, conflict.uncertain) == ("M7", LEFT, False)


def test_an_emptied_value_writes_nothing_and_a_later_edit_fills_it_again() -> None:
    played = scene()
    played.edit(LEFT, "10:00:00", name=None)
    played.settle()
    assert played.values("name", "title") == (None, "A")
    assert not played.writes
    assert_quiet(played)
    played.edit(RIGHT, "10:30:00", title="D")
    played.settle()
    assert played.values("name", "title") == ("D", "D")
    assert not played.conflicts


def test_an_edit_taken_back_between_two_polls_is_no_edit() -> None:
    played = scene()
    played.edit(LEFT, "10:00:00", name="B")
    played.edit(LEFT, "10:00:30", name="A")
    played.edit(RIGHT, "10:01:00", title="C")
    played.settle()
    assert played.values("name", "title") == ("C", "C")
    assert not played.conflicts


def test_edits_of_different_fields_never_conflict() -> None:
    played = scene()
    played.edit(LEFT, "10:00:00", name="B")
    played.edit(RIGHT, "10:01:00", amount="2")
    played.settle()
    assert played.values("name", "title") == ("B", "B")
    assert played.values("amount", "amount") == ("2", "2")
    assert not played.conflicts
    assert_quiet(played)


def test_h1_an_edit_during_the_recovery_of_a_lost_answer_is_no_conflict() -> None:
    played = scene()
    played.edit(LEFT, "10:00:00", name="B")
    played.poll()
    (draft,) = played.rule().drafts
    intent = played.intent(draft)
    played.records[RIGHT].change(draft.values, played.now + timedelta(seconds=1))  # answer lost
    played.edit(LEFT, "10:00:20", name="D")
    played.observe(LEFT)
    trace = Trace(current=played.records[RIGHT].snapshot())
    late = timedelta(minutes=15)
    now_us = microseconds(played.now)
    played.link = recover_update(played.sync, played.link, intent, trace, now_us, late).link
    played.settle()
    assert played.values("name", "title") == ("D", "D")
    assert not played.conflicts
    assert not [change for change in played.history if change.lost]


# --- times ----------------------------------------------------------------------------------


def test_times_known_only_as_intervals_make_an_uncertain_conflict() -> None:
    """Neither app keeps times: the edit on the right may be hours older than its snapshot."""
    played = Scene(sync(), hub_deal(), erp_deal(), dated=())
    played.edit(LEFT, "12:00:00", name="B")
    played.edit(RIGHT, "12:10:00", title="C")
    played.settle()
    (conflict,) = played.conflicts
    assert conflict.uncertain
    assert played.values("name", "title") == ("B", "B")


def test_the_time_of_the_first_snapshot_that_showed_an_edit_counts() -> None:
    """A later touch of another field does not make the edit younger."""
    played = Scene(sync(), hub_deal(), erp_deal(), dated=())
    played.edit(RIGHT, "10:00:00", title="C")
    played.observe(RIGHT)
    played.edit(RIGHT, "11:00:00", remark="unmapped")
    played.observe(RIGHT)
    end = played.link.right
    assert end is not None
    assert end.moved["name=title"][1] == microseconds(played.now) - 3600 * 10**6
    assert end.moved["note=remark"][1] == microseconds(played.now)


def test_an_own_write_does_not_raise_the_time_of_an_edit() -> None:
    played = Scene(sync(), hub_deal(), erp_deal(), dated=())
    played.edit(RIGHT, "10:00:00", title="C", remark="x")
    played.observe(RIGHT)
    before = played.link
    played.edit(LEFT, "10:01:00", amount="7")
    played.observe(LEFT)
    (draft,) = [one for one in played.rule().drafts if one.side is RIGHT]
    assert list(draft.values) == ["amount", "currency"]
    played.write(draft)
    assert before.right is not None and played.link.right is not None
    assert played.link.right.moved["name=title"] == before.right.moved["name=title"]


def test_clock_offsets_are_taken_off_before_times_are_compared() -> None:
    """H20: the right app's clock is ten minutes ahead; its edit was really five minutes earlier."""
    played = Scene(sync(), hub_deal(), erp_deal())
    played.edit(LEFT, "10:00:00", name="B")
    played.edit(RIGHT, "10:04:00", title="C")
    played.offsets = {RIGHT: timedelta(minutes=10)}
    played.settle()
    assert played.values("name", "title") == ("B", "B")
    assert not played.conflicts
    (lost,) = [change for change in played.history if change.lost]
    assert (lost.rule, lost.before) == ("M6", ("C",))


# --- conflicts have an identity -------------------------------------------------------------


def test_i11_a_decision_that_recurs_names_the_same_conflict() -> None:
    played = scene()
    played.edit(LEFT, "10:00:00", name="B")
    played.edit(RIGHT, "10:01:00", title="C")
    played.poll()
    first, second = played.rule().conflicts, played.rule().conflicts
    assert first == second
    played.now += timedelta(minutes=1)
    (again,) = played.rule().conflicts
    assert msgspec.structs.replace(again, at_us=first[0].at_us) == first[0]
