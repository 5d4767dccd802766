"""The decision table of sync-semantics section 3, row by row, on single units."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from actors.mapping.relations import CurrencyForm, Money, Number, Pairs, PairSets, Text, TextForm
from actors.mapping.units import Unit
from actors.merge import (
    Ask,
    Copy,
    Decision,
    Nothing,
    Observed,
    Refuse,
    Settle,
    Undated,
    decide_unit,
)
from actors.records import Side
from actors.spec import Blank, Direction, Drift, Prefer
from actors.values import Kind
from tests.support.builders import LEFT, RIGHT, seen, unbased, unit

BOTH = (LEFT, RIGHT)
NUMBERS = ((Kind.NUMBER,), (Kind.NUMBER,))


def decide(left: Observed, right: Observed, plan: Unit | None = None) -> Decision:
    return decide_unit(plan or unit(), left, right)


# --- M1 to M5 -------------------------------------------------------------------------------


def test_m1_nothing_changed_and_the_sides_agree() -> None:
    assert decide(seen("A"), seen("A")) == Nothing(rule="M1")


def test_m2_a_difference_that_was_accepted_stays() -> None:
    assert decide(seen(None, None), seen("A")) == Nothing(rule="M2")


def test_m3_an_edit_on_the_left_is_copied() -> None:
    assert decide(seen("B"), seen("A")) == Copy(rule="M3", source=LEFT, sent=("B",))


def test_m4_an_edit_on_the_right_is_copied() -> None:
    assert decide(seen("A"), seen("B")) == Copy(rule="M4", source=RIGHT, sent=("B",))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (seen("B"), seen("B")),
        (seen("B"), seen("B", base="B")),
        (seen("B", base="B"), seen("B")),
        (seen("B", at="09:00:00"), seen("B", at="20:00:00")),
    ],
)
def test_m5_the_same_edit_on_both_sides_settles_without_a_conflict(
    left: Observed, right: Observed
) -> None:
    assert decide(left, right) == Settle(rule="M5", sides=BOTH)


def test_m5_holds_for_one_way_units_as_well() -> None:
    plan = unit(direction=Direction.TO_RIGHT)
    assert decide(seen("A"), seen("A", base="B"), plan) == Settle(rule="M5", sides=BOTH)


def test_a_side_is_compared_with_its_own_base_only() -> None:
    """H6, H7: the right app stores a normalised form; that is neither an edit nor an echo."""
    plan = unit(Text(left=TextForm(), right=TextForm(trims=True)))
    assert decide(seen(" A ", base=" A "), seen("A", base="A"), plan) == Nothing(rule="M1")
    plan = unit(Number(right_digits=0), kinds=NUMBERS)
    assert decide(seen("1.4", base="1.4"), seen("1", base="1"), plan) == Nothing(rule="M1")


def test_another_spelling_of_the_same_value_is_no_change() -> None:
    plan = unit(Number(), kinds=NUMBERS)
    assert decide(seen("1.50", base="1.5"), seen("1.5", base="1.50"), plan) == Nothing(rule="M1")


# --- M6 and M7 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left_at", "right_at", "winner"),
    [
        ("10:00:00", "10:05:01", RIGHT),
        ("10:05:01", "10:00:00", LEFT),
        ("10:00:00", "10:05:00.000001", RIGHT),
    ],
)
def test_m6_edits_more_than_the_window_apart_let_the_later_win(
    left_at: str, right_at: str, winner: Side
) -> None:
    left, right = seen("B", at=left_at), seen("C", at=right_at)
    sent, lost = (("B",), ("C",)) if winner is LEFT else (("C",), ("B",))
    assert decide(left, right) == Copy(rule="M6", source=winner, sent=sent, lost=lost)


@pytest.mark.parametrize("prefer", [Prefer.LEFT, Prefer.RIGHT, Prefer.LATEST, Prefer.ASK])
def test_m6_does_not_ask_for_the_policy(prefer: Prefer) -> None:
    decision = decide(seen("B", at="10:00:00"), seen("C", at="11:00:00"), unit(prefer=prefer))
    assert decision == Copy(rule="M6", source=RIGHT, sent=("C",), lost=("B",))


@pytest.mark.parametrize("right_at", ["10:00:00", "10:04:59", "10:05:00", "09:55:00"])
@pytest.mark.parametrize(("prefer", "winner"), [(Prefer.LEFT, LEFT), (Prefer.RIGHT, RIGHT)])
def test_m7_edits_within_the_window_are_a_conflict_that_the_preferred_app_wins(
    right_at: str, prefer: Prefer, winner: Side
) -> None:
    decision = decide(seen("B"), seen("C", at=right_at), unit(prefer=prefer))
    sent, lost = (("B",), ("C",)) if winner is LEFT else (("C",), ("B",))
    assert decision == Copy(rule="M7", source=winner, sent=sent, lost=lost, clash=True)


@pytest.mark.parametrize(("right_at", "winner"), [("10:01:00", RIGHT), ("09:59:00", LEFT)])
def test_m7_latest_copies_the_later_and_still_records_the_conflict(
    right_at: str, winner: Side
) -> None:
    decision = decide(seen("B"), seen("C", at=right_at), unit(prefer=Prefer.LATEST))
    assert isinstance(decision, Copy)
    assert (decision.rule, decision.source, decision.clash) == ("M7", winner, True)


def test_m7_ask_writes_nothing_and_is_a_conflict() -> None:
    decision = decide(seen("B"), seen("C"), unit(prefer=Prefer.ASK))
    assert isinstance(decision, Ask)
    assert (decision.rule, decision.clash) == ("M7", True)


def test_a_window_of_nothing_leaves_only_edits_of_one_moment_in_conflict() -> None:
    plan = unit(window=timedelta(0))
    later = decide(seen("B", at="10:00:00"), seen("C", at="10:00:00.000001"), plan)
    same = decide(seen("B", at="10:00:00"), seen("C", at="10:00:00"), plan)
    assert isinstance(later, Copy) and isinstance(same, Copy)
    assert (later.rule, later.source) == ("M6", RIGHT)
    assert (same.rule, same.source) == ("M7", LEFT)


@pytest.mark.parametrize(
    ("since", "at", "rule", "uncertain"),
    [
        ("10:00:00", "10:03:00", "M7", False),  # at most three minutes apart
        ("10:00:00", "10:05:00", "M7", False),  # at most exactly the window
        ("10:00:00", "10:05:01", "M7", True),  # straddles it
        ("10:05:00", "12:00:00", "M7", True),  # at least exactly the window
        ("10:05:01", "12:00:00", "M6", False),  # surely outside
        ("00:00:00", "10:00:00", "M7", True),  # an edit at any time before
    ],
)
def test_an_edit_known_as_an_interval_that_straddles_the_window_is_an_uncertain_conflict(
    since: str, at: str, rule: str, uncertain: bool
) -> None:
    decision = decide(seen("B", at="10:00:00"), seen("C", since=since, at=at))
    assert isinstance(decision, Copy)
    assert (decision.rule, decision.uncertain) == (rule, uncertain)
    assert decision.source is (RIGHT if rule == "M6" else LEFT)


def test_a_side_that_keeps_times_is_asked_before_two_edits_are_told_apart() -> None:
    vague = seen("C", since="09:00:00", at="10:03:00", traceable=True)
    assert decide(seen("B"), vague) == Undated(sides=(RIGHT,))
    assert decide(vague, seen("B")) == Undated(sides=(LEFT,))
    exact = seen("C", at="10:03:00", traceable=True)
    assert isinstance(decide(seen("B"), exact), Copy)


@pytest.mark.parametrize(
    ("left", "right"),
    [(seen("A"), seen("B", since="09:00:00")), (seen("B", since="09:00:00"), seen("B"))],
)
def test_times_are_not_asked_for_where_they_decide_nothing(left: Observed, right: Observed) -> None:
    there, here = (msgspec.structs.replace(view, traceable=True) for view in (left, right))
    assert not isinstance(decide(there, here), Undated)


# --- M8 -------------------------------------------------------------------------------------


def test_m8_equal_sides_are_settled() -> None:
    assert decide(unbased("A"), unbased("A")) == Settle(rule="M8", sides=BOTH)
    assert decide(unbased(None), unbased("")) == Settle(rule="M8", sides=BOTH)


@pytest.mark.parametrize("prefer", list(Prefer))
def test_m8_an_empty_side_is_filled_from_the_other(prefer: Prefer) -> None:
    plan = unit(prefer=prefer)
    assert decide(unbased(None), unbased("B"), plan) == Copy(rule="M8", source=RIGHT, sent=("B",))
    assert decide(unbased("B"), unbased(None), plan) == Copy(rule="M8", source=LEFT, sent=("B",))


def test_m8_the_preferred_app_wins_and_the_other_value_is_kept_in_history() -> None:
    left = decide(unbased("B"), unbased("C"))
    right = decide(unbased("B"), unbased("C"), unit(prefer=Prefer.RIGHT))
    assert left == Copy(rule="M8", source=LEFT, sent=("B",), lost=("C",))
    assert right == Copy(rule="M8", source=RIGHT, sent=("C",), lost=("B",))


def test_m8_ask_leaves_it_to_a_person() -> None:
    decision = decide(unbased("B"), unbased("C"), unit(prefer=Prefer.ASK))
    assert isinstance(decision, Ask)
    assert not decision.clash


@pytest.mark.parametrize("prefer", list(Prefer))
@pytest.mark.parametrize(
    ("direction", "source"), [(Direction.TO_RIGHT, LEFT), (Direction.TO_LEFT, RIGHT)]
)
def test_m8_in_a_one_way_unit_the_source_wins_whatever_is_preferred(
    direction: Direction, source: Side, prefer: Prefer
) -> None:
    plan = unit(direction=direction, prefer=prefer)
    sent, lost = (("B",), ("C",)) if source is LEFT else (("C",), ("B",))
    expected = Copy(rule="M8", source=source, sent=sent, lost=lost)
    assert decide(unbased("B"), unbased("C"), plan) == expected


def test_m8_never_fills_the_source_of_a_one_way_unit() -> None:
    plan = unit(direction=Direction.TO_RIGHT)
    assert decide(unbased(None), unbased("B"), plan) == Settle(rule="M8", sides=BOTH)


# --- a changed mapping ----------------------------------------------------------------------


@pytest.mark.parametrize(("left_version", "right_version"), [(1, 1), (2, 1), (1, 2)])
def test_a_difference_accepted_under_another_mapping_is_aligned_anew(
    left_version: int, right_version: int
) -> None:
    decision = decide(
        seen("B", base="B", version=left_version),
        seen("C", base="C", version=right_version),
        unit(version=2),
    )
    assert decision == Copy(rule="M8", source=LEFT, sent=("B",), lost=("C",))


def test_an_edit_under_a_changed_mapping_is_still_an_edit() -> None:
    decision = decide(seen("A", version=1), seen("C", version=1), unit(version=2))
    assert decision == Copy(rule="M4", source=RIGHT, sent=("C",))


def test_what_agrees_under_a_changed_mapping_is_left_alone() -> None:
    assert decide(seen("A", version=1), seen("A", version=1), unit(version=2)) == Nothing(rule="M1")


def test_a_base_on_one_side_only_counts_as_a_change_of_the_other() -> None:
    assert decide(seen("A"), unbased("C")) == Copy(rule="M4", source=RIGHT, sent=("C",))


# --- the blank rule -------------------------------------------------------------------------


@pytest.mark.parametrize("emptied", [None, ""])
def test_blank_ignore_settles_only_the_emptied_side(emptied: str | None) -> None:
    assert decide(seen(emptied), seen("A")) == Settle(rule="M3 blank", sides=(LEFT,))
    assert decide(seen("A"), seen(emptied)) == Settle(rule="M4 blank", sides=(RIGHT,))


def test_blank_propagate_empties_the_other_side() -> None:
    decision = decide(seen(None), seen("A"), unit(blank=Blank.PROPAGATE))
    assert decision == Copy(rule="M3", source=LEFT, sent=(None,))


def test_blank_ask_leaves_it_to_a_person() -> None:
    decision = decide(seen(None), seen("A"), unit(blank=Blank.ASK))
    assert isinstance(decision, Ask)
    assert not decision.clash


def test_a_required_field_is_never_emptied() -> None:
    plan = unit(blank=Blank.PROPAGATE, required=(RIGHT,))
    assert decide(seen(None), seen("A"), plan) == Settle(rule="M3 blank", sides=(LEFT,))
    back = decide(seen("A"), seen(None), plan)
    assert back == Copy(rule="M4", source=RIGHT, sent=(None,))


def test_a_value_that_the_other_side_would_hold_as_empty_does_not_empty_a_required_field() -> None:
    relation = Text(left=TextForm(), right=TextForm(trims=True))
    plan = unit(relation, required=(RIGHT,), blank=Blank.PROPAGATE)
    decision = decide(seen("   "), seen("A"), plan)
    assert not (isinstance(decision, Copy) and decision.sent == (None,))


@pytest.mark.parametrize("gap", ["10:02:00", "10:30:00"])
def test_an_empty_winner_has_nothing_to_say(gap: str) -> None:
    """M7, and M6 likewise: the other's value is copied."""
    conflict = decide(seen(None), seen("C", at="10:02:00"))
    assert conflict == Copy(rule="M7", source=RIGHT, sent=("C",), lost=(None,), clash=True)
    later = decide(seen("C", at="10:00:00"), seen(None, at=gap))
    assert isinstance(later, Copy)
    assert (later.source, later.sent) == (LEFT, ("C",))
    assert later.rule == ("M7" if gap == "10:02:00" else "M6")


def test_an_empty_winner_is_copied_where_blanks_propagate() -> None:
    plan = unit(blank=Blank.PROPAGATE)
    decision = decide(seen(None), seen("C", at="10:02:00"), plan)
    assert decision == Copy(rule="M7", source=LEFT, sent=(None,), lost=("C",), clash=True)
    decision = decide(seen("C"), seen(None, at="10:30:00"), plan)
    assert decision == Copy(rule="M6", source=RIGHT, sent=(None,), lost=("C",))


def test_a_conflict_whose_winner_is_empty_is_recorded_even_if_a_person_is_asked() -> None:
    decision = decide(seen(None), seen("C", at="10:02:00"), unit(blank=Blank.ASK))
    assert isinstance(decision, Ask)
    assert decision.clash


# --- one way --------------------------------------------------------------------------------


def one_way(**rules: Any) -> Unit:
    return unit(direction=Direction.TO_RIGHT, **rules)


def test_one_way_the_source_is_copied() -> None:
    assert decide(seen("B"), seen("A"), one_way()) == Copy(rule="M3", source=LEFT, sent=("B",))


def test_drift_leave_settles_the_target_and_writes_nothing() -> None:
    assert decide(seen("A"), seen("X"), one_way()) == Settle(rule="drift", sides=(RIGHT,))


def test_drift_restore_writes_the_source_again() -> None:
    decision = decide(seen("A"), seen("X"), one_way(drift=Drift.RESTORE))
    assert decision == Copy(rule="drift", source=LEFT, sent=("A",), lost=("X",))


@pytest.mark.parametrize("drift", list(Drift))
@pytest.mark.parametrize("right_at", ["10:00:00", "23:00:00"])
def test_one_way_knows_no_conflicts_and_the_source_overwrites(drift: Drift, right_at: str) -> None:
    decision = decide(seen("B"), seen("X", at=right_at), one_way(drift=drift))
    assert decision == Copy(rule="M3", source=LEFT, sent=("B",), lost=("X",))


@pytest.mark.parametrize("left", [seen("A"), seen("B"), seen(None), unbased("A"), unbased(None)])
@pytest.mark.parametrize("right", [seen("A"), seen("X"), seen(None), unbased("X"), unbased(None)])
@pytest.mark.parametrize("drift", list(Drift))
def test_the_source_of_a_one_way_unit_is_never_written(
    left: Observed, right: Observed, drift: Drift
) -> None:
    """I6."""
    decision = decide(left, right, one_way(drift=drift))
    assert not (isinstance(decision, Copy) and decision.source is RIGHT)


# --- groups ---------------------------------------------------------------------------------

MONEY = Money(
    amount=Number(right_digits=2),
    left=CurrencyForm(default="EUR"),
    right=CurrencyForm(default="EUR", known=frozenset({"EUR", "USD"})),
)
AMOUNTS = ((Kind.NUMBER, Kind.ENUM), (Kind.NUMBER, Kind.ENUM))
STAGES = Pairs(
    pairs=((("p", "a"), ("q", "x")), (("p", "b"), ("q", "x")), (("p", "c"), ("q", "y"))),
    what="stage",
)
STAGE_KINDS = ((Kind.ENUM, Kind.ENUM), (Kind.ENUM, Kind.ENUM))


def test_a_group_changes_as_a_whole() -> None:
    """H11: the currency alone was edited; amount and currency travel."""
    plan = unit(MONEY, kinds=AMOUNTS)
    decision = decide(
        seen(("10", "USD"), base=("10", "EUR")), seen(("10", "EUR"), base=("10", "EUR")), plan
    )
    assert decision == Copy(rule="M3", source=LEFT, sent=("10", "USD"))


def test_edits_of_different_members_of_a_group_contest_each_other() -> None:
    plan = unit(MONEY, kinds=AMOUNTS)
    base = ("10", "EUR")
    decision = decide(seen(("11", "EUR"), base=base), seen(("10", "USD"), base=base), plan)
    assert decision == Copy(
        rule="M7", source=LEFT, sent=("11", "EUR"), lost=("10", "USD"), clash=True
    )


def test_an_unknown_currency_is_refused_with_the_whole_group() -> None:
    plan = unit(MONEY, kinds=AMOUNTS)
    base = ("10", "EUR")
    decision = decide(seen(("11", "XAU"), base=base), seen(base, base=base), plan)
    assert isinstance(decision, Refuse)
    assert (decision.rule, decision.source) == ("M3", LEFT)
    assert "XAU" in decision.reason


def test_a_stage_that_shares_its_counterpart_does_not_move_the_other_side() -> None:
    plan = unit(STAGES, kinds=STAGE_KINDS)
    decision = decide(seen(("p", "b"), base=("p", "a")), seen(("q", "x"), base=("q", "x")), plan)
    assert decision == Settle(rule="M5", sides=BOTH)


def test_a_stage_without_counterpart_is_refused_by_name() -> None:
    plan = unit(STAGES, kinds=STAGE_KINDS)
    decision = decide(seen(("p", "gone"), base=("p", "a")), seen(("q", "x"), base=("q", "x")), plan)
    assert isinstance(decision, Refuse)
    assert "gone" in decision.reason


# --- what cannot be read or said ------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right", "source"),
    [
        (seen("x", base="1"), seen("1", base="1"), LEFT),
        (seen("1", base="1"), seen("x", base="1"), RIGHT),
        (seen("x", base="1"), seen("y", base="1"), LEFT),
    ],
)
def test_an_unreadable_value_fails_the_record_and_names_its_side(
    left: Observed, right: Observed, source: Side
) -> None:
    decision = decide(left, right, unit(Number(), kinds=NUMBERS))
    assert isinstance(decision, Refuse)
    assert (decision.rule, decision.source) == ("unreadable", source)


def test_a_text_that_does_not_fit_is_refused() -> None:
    plan = unit(Text(left=TextForm(), right=TextForm(max_length=3)))
    decision = decide(seen("Anna"), seen("A"), plan)
    assert isinstance(decision, Refuse)
    assert (decision.rule, decision.source) == ("M3", LEFT)
    assert "4 characters" in decision.reason


def test_the_finer_side_is_not_coarsened() -> None:
    """H10: the coarse side's own rounding never comes back."""
    plan = unit(Number(right_digits=0), kinds=NUMBERS)
    there = decide(seen("1.4", base="7"), seen("7", base="7"), plan)
    assert there == Copy(rule="M3", source=LEFT, sent=("1",))
    assert decide(seen("1.4", base="1.4"), seen("1", base="7"), plan) == Settle(
        rule="M5", sides=BOTH
    )


def test_members_of_a_set_without_a_counterpart_stay_where_they_are() -> None:
    kinds = ((Kind.MULTI_ENUM,), (Kind.MULTI_ENUM,))
    plan = unit(PairSets(pairs=(("a", "x"), ("b", "y"))), kinds=kinds)
    decision = decide(seen("a;b;only", base="a"), seen("x;own", base="x;own"), plan)
    assert decision == Copy(rule="M3", source=LEFT, sent=("own;x;y",))
