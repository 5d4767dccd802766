"""Limits: what a write counts as, what exceeds, and what a window still holds (F25)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actors.deciding import Draft, Known, decide_link
from actors.limits import (
    FIRST_LOAD,
    Tally,
    charged,
    count_draft,
    describe_excess,
    exceeding,
    grant,
    granted_of,
    held_of,
    marked,
)
from actors.links import Link
from actors.records import Side
from actors.spec import Blank, Limits, Rules
from actors.values import Raw
from tests.support.builders import (
    LEFT,
    NOTE,
    RIGHT,
    erp_deal,
    hub_deal,
    reread,
    settled,
    single,
    snapshot,
    sync,
)

KNOWN = Known(now_us=10**15)
PROPAGATING = sync(NOTE, rules=Rules(blank=Blank.PROPAGATE))
MINUTE = 60_000_000
CREATE = "right.creates"


def drafted(**changes: Raw) -> tuple[Draft, ...]:
    """Decide a settled pair of which the left record was edited so."""
    left = hub_deal(note="said", stage="talk")
    pair = settled(
        PROPAGATING,
        snapshot("L1", left),
        snapshot("R1", erp_deal(remark="said", state="offer")),
    )
    edited = snapshot("L1", left | changes, token="2", at="10:00")
    return decide_link(PROPAGATING, reread(PROPAGATING, pair, LEFT, edited), KNOWN).drafts


def count(**changes: Raw) -> dict[str, int]:
    (draft,) = drafted(**changes)
    return count_draft(PROPAGATING, draft)


def test_a_create_counts_as_one_create_in_the_app_that_is_written() -> None:
    link = single(PROPAGATING, LEFT, snapshot("L1", hub_deal(note="said")))
    (draft,) = decide_link(PROPAGATING, link, KNOWN).drafts
    assert count_draft(PROPAGATING, draft) == {CREATE: 1}


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({"note": "other"}, {}),
        ({"note": None}, {"right.blanks": 1}),
        ({"stage": "new"}, {"right.regressions": 1}),
        ({"stage": "won"}, {}),
        ({"stage": "new", "note": ""}, {"right.regressions": 1, "right.blanks": 1}),
    ],
)
def test_an_update_counts_as_a_change_and_for_what_it_empties_or_sets_back(
    changes: dict[str, Raw], more: dict[str, int]
) -> None:
    assert count(**changes) == {"right.changes": 1, **more}


def test_a_record_is_over_when_the_window_would_hold_more_than_the_limit() -> None:
    limits = Limits(creates=3)
    assert exceeding({CREATE: 1}, {CREATE: 2}, limits, None) == {}
    assert exceeding({CREATE: 1}, {CREATE: 3}, limits, None) == {CREATE: 1}
    assert exceeding({CREATE: 1}, {"left.creates": 3}, limits, None) == {}
    assert exceeding({CREATE: 1}, {CREATE: 999}, Limits(creates=None), None) == {}


def link() -> Link:
    return single(PROPAGATING, RIGHT, snapshot("R1", erp_deal()))


def test_what_was_held_waits_for_a_person_though_there_is_room_again() -> None:
    held = marked(link(), {CREATE: 1}, {})
    assert exceeding({CREATE: 1}, {}, Limits(), held) == {CREATE: 1}
    assert exceeding({"right.changes": 1}, {}, Limits(), held) == {}


def test_a_grant_lets_pass_what_it_names_uncounted_and_nothing_beyond() -> None:
    limits, full = Limits(blanks=3), {"right.blanks": 3, "right.changes": 0}
    granted = grant(marked(link(), {"right.blanks": 2}, {}))
    assert (held_of(granted), granted_of(granted)) == ({}, {"right.blanks": 2})
    assert exceeding({"right.blanks": 2}, full, limits, granted) == {}
    assert charged({"right.blanks": 2}, granted) == {}
    assert exceeding({"right.blanks": 3}, {}, limits, granted) == {"right.blanks": 3}
    more = {"right.blanks": 2, "left.blanks": 1}
    assert exceeding(more, {}, limits, granted) == more, "one grant must cover all of it"
    assert exceeding({CREATE: 1}, {}, limits, granted) == {CREATE: 1}


def test_what_the_first_load_let_through_repeats_uncounted_and_bounds_nothing() -> None:
    free = marked(link(), {}, {CREATE: 1, FIRST_LOAD: 1})
    assert exceeding({CREATE: 1}, {CREATE: 9}, Limits(creates=0), free) == {}
    assert charged({CREATE: 1}, free) == {}
    assert exceeding({"right.changes": 1}, {}, Limits(), free) == {}
    assert charged({"right.changes": 1}, free) == {"right.changes": 1}


def test_marks_go_with_the_link_and_are_said_once() -> None:
    both = marked(link().with_end(Side.LEFT, link().right), {CREATE: 2}, {"left.changes": 1})
    assert (held_of(both), granted_of(both)) == ({CREATE: 2}, {"left.changes": 1})
    cleared = marked(both, {}, {})
    assert (held_of(cleared), granted_of(cleared)) == ({}, {})


def test_a_window_forgets_what_is_older_and_takes_back_what_did_not_happen() -> None:
    limits = Limits(window=timedelta(minutes=60))
    tally = Tally().added({CREATE: 5}, limits, 0).added({CREATE: 2}, limits, 30 * MINUTE)
    assert tally.used(limits, 40 * MINUTE) == {CREATE: 7}
    assert tally.used(limits, 61 * MINUTE) == {CREATE: 2}
    assert tally.used(limits, 120 * MINUTE) == {}
    assert tally.added({CREATE: 2}, limits, 30 * MINUTE, -1).used(limits, 31 * MINUTE) == {
        CREATE: 5
    }
    assert tally.added({CREATE: 9}, limits, 30 * MINUTE, -1).used(limits, 31 * MINUTE) == {
        CREATE: 5
    }
    assert tally.used(Limits(window=timedelta(minutes=5)), 40 * MINUTE) == {}


def test_a_tally_does_not_grow_with_time() -> None:
    limits, tally = Limits(), Tally()
    for hour in range(500):
        tally = tally.added({CREATE: 1}, limits, hour * 17 * MINUTE)
    assert len(tally.parts[CREATE]) < 30


def test_the_reason_names_app_limit_window_and_command() -> None:
    assert describe_excess(PROPAGATING, Limits(creates=7), CREATE) == (
        "creates in erp exceed the limit of 7 in 1 h: approve with `tieline approve c/deals`"
    )
