"""What a fresh snapshot does to an end, before anything is decided."""

from __future__ import annotations

import msgspec
import pytest

from actors.links import Base, End, Late, Link, Status
from actors.observing import is_stale, microseconds, observe, observe_link
from actors.records import Departure, Side, Snapshot
from actors.scope import scheduled
from tests.support.builders import (
    LEFT,
    NAME,
    NOTE,
    RIGHT,
    erp_deal,
    hub_deal,
    reread,
    settled,
    snapshot,
    sync,
    us,
)

SYNC = sync(NAME, NOTE)
TITLE = "name=title"


def start() -> Link:
    return settled(SYNC, snapshot("L", hub_deal()), snapshot("R", erp_deal()))


def end_of(link: Link, side: Side) -> End:
    end = link.end(side)
    assert end is not None
    return end


def left(token: str, at: str, **values: str | None) -> Snapshot:
    return snapshot("L", hub_deal(**values), token, at)


# --- what is stale --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "at", "stale"),
    [
        ("2", "10:30:00", False),  # the version that is known
        ("2", "10:00:00", False),  # the same version, whatever its time says
        ("3", "10:30:00", False),  # another version of the same moment
        ("3", "10:29:59", True),  # (b) older by the app's clock
        ("1", "10:40:00", True),  # (c) a version that is known to have been replaced
    ],
)
def test_h41_a_snapshot_older_than_what_is_known_is_stale(token: str, at: str, stale: bool) -> None:
    link = reread(SYNC, start(), LEFT, left("2", "10:30:00", name="B"))
    assert is_stale(end_of(link, LEFT), left(token, at)) is stale


def test_nothing_is_stale_for_a_record_that_was_never_seen() -> None:
    assert not is_stale(End(id="L"), left("1", "10:00:00"))


def test_the_last_eight_replaced_tokens_are_remembered() -> None:
    link = start()
    for number in range(2, 14):
        link = reread(SYNC, link, LEFT, left(str(number), f"10:{number:02}:00", name=str(number)))
    assert end_of(link, LEFT).replaced == ("5", "6", "7", "8", "9", "10", "11", "12")
    assert is_stale(end_of(link, LEFT), left("12", "11:00:00"))


def test_a_token_that_comes_back_is_not_among_the_replaced() -> None:
    """An app that reuses tokens (a hash of the values, say) must not be locked out by itself."""
    link = start()
    for token in ("2", "1", "2"):
        link = reread(SYNC, link, LEFT, left(token, "10:00:00"))
    assert end_of(link, LEFT).replaced == ("1",)


def test_reading_the_same_version_twice_replaces_nothing() -> None:
    link = reread(SYNC, start(), LEFT, left("1", "09:00:00"))
    assert end_of(link, LEFT).replaced == ()


# --- bases and times ------------------------------------------------------------------------


def test_reading_moves_no_base() -> None:
    before = start()
    link = reread(SYNC, before, LEFT, left("2", "10:00:00", name="B"))
    assert end_of(link, LEFT).base == end_of(before, LEFT).base
    assert end_of(link, RIGHT) == end_of(before, RIGHT)


def test_an_edit_happened_between_the_last_snapshot_and_the_first_that_showed_it() -> None:
    link = reread(SYNC, start(), LEFT, left("2", "10:00:00", name="B"))
    assert end_of(link, LEFT).moved == {TITLE: (us("09:00:00"), us("10:00:00"))}
    link = reread(SYNC, link, LEFT, left("3", "11:00:00", name="B", note="new"))
    assert end_of(link, LEFT).moved == {
        TITLE: (us("09:00:00"), us("10:00:00")),
        "note=remark": (us("10:00:00"), us("11:00:00")),
    }


def test_a_second_edit_of_the_field_has_its_own_time() -> None:
    link = reread(SYNC, start(), LEFT, left("2", "10:00:00", name="B"))
    link = reread(SYNC, link, LEFT, left("3", "11:00:00", name="C"))
    assert end_of(link, LEFT).moved == {TITLE: (us("10:00:00"), us("11:00:00"))}


def test_an_edit_that_was_taken_back_has_no_time() -> None:
    link = reread(SYNC, start(), LEFT, left("2", "10:00:00", name="B"))
    link = reread(SYNC, link, LEFT, left("3", "11:00:00", name="A"))
    assert end_of(link, LEFT).moved == {}


def test_another_spelling_of_the_base_is_no_edit() -> None:
    link = reread(SYNC, start(), LEFT, left("2", "10:00:00", note=""))
    assert end_of(link, LEFT).moved == {}


def test_a_record_that_was_never_seen_may_have_been_edited_at_any_time_before() -> None:
    end = observe(SYNC, LEFT, None, left("1", "10:00:00"), 0)
    assert end.moved[TITLE] == (0, us("10:00:00"))


def test_an_apps_clock_that_went_back_gives_no_interval_that_ends_before_it_begins() -> None:
    link = reread(SYNC, start(), LEFT, left("2", "08:00:00", name="B"))
    earliest, latest = end_of(link, LEFT).moved[TITLE]
    assert earliest <= latest == us("08:00:00")


def test_a_record_that_is_read_again_is_not_gone() -> None:
    link = start()
    gone = msgspec.structs.replace(end_of(link, LEFT), gone=Departure.ARCHIVED)
    link = reread(SYNC, link.with_end(LEFT, gone), LEFT, left("2", "10:00:00"))
    assert end_of(link, LEFT).gone is None


def test_h25_the_base_of_a_field_that_is_no_longer_mapped_is_dropped() -> None:
    """Mapped again later, the field is aligned anew, not merged against an ancient base."""
    smaller = sync(NAME)
    link = reread(smaller, start(), LEFT, left("2", "10:00:00"))
    assert set(end_of(link, LEFT).base) == {"stage", TITLE}
    link = reread(SYNC, link, LEFT, left("3", "11:00:00"))
    assert set(end_of(link, LEFT).base) == {"stage", TITLE}


# --- late writes ----------------------------------------------------------------------------

SOON, PAST = us("12:00:00"), us("09:30:00")


def with_late(link: Link, side: Side, until_us: int, *sent: str) -> Link:
    late = tuple(Late(until_us, (one,)) for one in sent)
    return link.with_end(side, msgspec.structs.replace(end_of(link, side), late={TITLE: late}))


def test_h44_a_write_of_ours_that_arrives_late_is_no_edit() -> None:
    link = with_late(start(), RIGHT, SOON, "B")
    arrived = snapshot("R", erp_deal(title="B"), "2", "10:00:00")
    link = observe_link(SYNC, link, RIGHT, arrived, us("10:00:05"))
    right = end_of(link, RIGHT)
    assert right.base[TITLE].raws == ("B",)
    assert TITLE not in right.moved
    assert TITLE not in end_of(link, LEFT).base  # what the left says now is to be said again


def test_any_of_several_late_values_is_known_as_ours() -> None:
    for value, is_ours in (("B", True), ("C", True), ("D", False)):
        link = with_late(start(), RIGHT, SOON, "B", "C")
        arrived = snapshot("R", erp_deal(title=value), "2", "10:00:00")
        link = observe_link(SYNC, link, RIGHT, arrived, us("10:00:05"))
        assert (TITLE not in end_of(link, RIGHT).moved) is is_ours


def test_a_late_value_is_forgotten_by_the_first_look_when_its_time_is_over() -> None:
    """It may have arrived since the last look, however long ago that was: that look knows it."""
    link = with_late(start(), RIGHT, PAST, "B")
    arrived = snapshot("R", erp_deal(title="B"), "2", "10:00:00")
    known = observe_link(SYNC, link, RIGHT, arrived, us("10:00:05"))
    assert TITLE not in end_of(known, RIGHT).moved

    looked = observe_link(SYNC, link, RIGHT, snapshot("R", erp_deal(), "1", "09:00:00"), SOON)
    assert end_of(looked, RIGHT).late == {}
    edited = observe_link(SYNC, looked, RIGHT, arrived, SOON)
    assert TITLE in end_of(edited, RIGHT).moved


def test_a_link_is_due_when_the_last_late_value_can_no_longer_arrive() -> None:
    link = with_late(start(), RIGHT, SOON, "B")
    link = msgspec.structs.replace(link, status=Status.IN_SYNC, due_us=None)
    assert scheduled(SYNC, link, us("10:00:00")).due_us == SOON


def test_a_late_value_is_still_waited_for_while_the_target_says_the_old_one() -> None:
    link = with_late(start(), RIGHT, SOON, "B")
    link = observe_link(
        SYNC, link, RIGHT, snapshot("R", erp_deal(remark="x"), "2", "10:00:00"), us("10:00:05")
    )
    assert end_of(link, RIGHT).late[TITLE] == (Late(SOON, ("B",)),)
    assert end_of(link, RIGHT).base[TITLE] == Base(SYNC.units[1].version, ("A",))


def test_moments_are_whole_microseconds() -> None:
    record = snapshot("L", {}, "1", "10:00:00.000001")
    assert microseconds(record.modified_at) - us("10:00:00") == 1
