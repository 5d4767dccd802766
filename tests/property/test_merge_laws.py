"""Laws of the three-way merge, for any two views of a unit."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from actors.links import Base
from actors.mapping.relations import Number, Text, TextForm
from actors.mapping.units import Member, Unit
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
from actors.spec import Blank, Direction, Drift, Prefer, Rules
from actors.values import Kind
from tests.support.builders import LEFT, RIGHT, unit

MINUTE = 60_000_000
values = st.sampled_from([None, "", "A", "B", "C", " A", "a long text"])
intervals = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(
    lambda ends: (min(ends) * MINUTE, max(ends) * MINUTE)
)
bases = st.none() | st.builds(Base, st.sampled_from([1, 2]), values.map(lambda raw: (raw,)))
views = st.builds(
    Observed,
    now=values.map(lambda raw: (raw,)),
    base=bases,
    edited=intervals,
    traceable=st.booleans(),
)
forms = st.builds(TextForm, trims=st.booleans(), max_length=st.sampled_from([None, 4]))
rules = st.builds(
    Rules,
    prefer=st.sampled_from(Prefer),
    window=st.sampled_from([timedelta(0), timedelta(minutes=5)]),
    blank=st.sampled_from(Blank),
    drift=st.sampled_from(Drift),
)


@st.composite
def units(draw: st.DrawFn) -> Unit:
    made = unit(
        Text(left=draw(forms), right=draw(forms)),
        direction=draw(st.sampled_from(Direction)),
        required=tuple(draw(st.sets(st.sampled_from(Side)))),
    )
    return msgspec.structs.replace(made, rules=draw(rules))


# --- mirroring ------------------------------------------------------------------------------

_PREFER = {Prefer.LEFT: Prefer.RIGHT, Prefer.RIGHT: Prefer.LEFT}
_DIRECTION = {Direction.TO_LEFT: Direction.TO_RIGHT, Direction.TO_RIGHT: Direction.TO_LEFT}


def mirrored_unit(one: Unit) -> Unit:
    assert isinstance(one.relation, Text)
    prefer = _PREFER.get(one.rules.prefer, one.rules.prefer)
    return msgspec.structs.replace(
        one,
        left=one.right,
        right=one.left,
        relation=Text(left=one.relation.right, right=one.relation.left),
        direction=_DIRECTION.get(one.direction, one.direction),
        rules=msgspec.structs.replace(one.rules, prefer=prefer),
    )


def mirrored(decision: Decision) -> Decision:
    names = {"M3": "M4", "M4": "M3", "M3 blank": "M4 blank", "M4 blank": "M3 blank"}
    match decision:
        case Settle(rule=rule, sides=sides):
            flipped = tuple(side for side in Side if side.other in sides)
            return Settle(rule=names.get(rule, rule), sides=flipped)
        case Copy() | Refuse():
            rule = names.get(decision.rule, decision.rule)
            return msgspec.structs.replace(decision, rule=rule, source=decision.source.other)
        case Ask():
            return msgspec.structs.replace(decision, rule=names.get(decision.rule, decision.rule))
        case Undated(sides=sides):
            return Undated(sides=tuple(side for side in Side if side.other in sides))
        case Nothing():
            return decision


@given(units(), views, views)
def test_swapping_the_sides_mirrors_the_decision(
    plan: Unit, left: Observed, right: Observed
) -> None:
    there = decide_unit(plan, left, right)
    if plan.rules.prefer is Prefer.LATEST:  # no time counts in M8; two may be equal
        assume(left.edited[1] != right.edited[1])
        assume(isinstance(there, Undated) or there.rule != "M8")
    assert mirrored(decide_unit(mirrored_unit(plan), right, left)) == there


# --- what may never happen ------------------------------------------------------------------


@given(units(), views, views)
def test_i5_what_is_written_is_what_the_source_says_as_the_target_would_hold_it(
    plan: Unit, left: Observed, right: Observed
) -> None:
    decision = decide_unit(plan, left, right)
    if not isinstance(decision, Copy):
        return
    sides = {LEFT: left, RIGHT: right}
    now = {side: sides[side].now for side in Side} | {decision.source.other: decision.sent}
    assert plan.agree(now[LEFT], now[RIGHT])
    assert decision.sent != sides[decision.source.other].now


@given(units(), views, views)
def test_i6_nothing_is_written_against_the_direction(
    plan: Unit, left: Observed, right: Observed
) -> None:
    decision = decide_unit(plan, left, right)
    if isinstance(decision, Copy):
        assert plan.direction.allows(decision.source.other)
    if isinstance(decision, Copy | Ask) and plan.direction is not Direction.BOTH:
        assert not decision.clash


@given(units(), views, views)
def test_a_required_field_is_never_emptied(plan: Unit, left: Observed, right: Observed) -> None:
    decision = decide_unit(plan, left, right)
    if isinstance(decision, Copy):
        target = decision.source.other
        held = {LEFT: left, RIGHT: right}[target].now
        is_emptied = plan.is_blank(target, decision.sent) and not plan.is_blank(target, held)
        assert not (is_emptied and plan.requires(target))


@given(units(), views, views)
def test_i3_an_edit_is_overwritten_only_on_record(
    plan: Unit, left: Observed, right: Observed
) -> None:
    """A target that moved since its base is named as lost (or was empty)."""
    decision = decide_unit(plan, left, right)
    if not isinstance(decision, Copy):
        return
    target = decision.source.other
    seen = {LEFT: left, RIGHT: right}[target]
    moved = seen.base is not None and not plan.same(target, seen.now, seen.base.raws)
    if moved and not plan.is_blank(target, seen.now):
        assert decision.lost == seen.now


@given(units(), views, views)
def test_what_agrees_or_did_not_move_is_never_written(
    plan: Unit, left: Observed, right: Observed
) -> None:
    decision = decide_unit(plan, left, right)
    is_current = all(
        one.base is not None
        and one.base.version == plan.version
        and plan.same(side, one.now, one.base.raws)
        for side, one in ((LEFT, left), (RIGHT, right))
    )
    if is_current or plan.agree(left.now, right.now):
        assert isinstance(decision, Nothing | Settle)


# --- coming to rest -------------------------------------------------------------------------


@given(units(), views, views, st.booleans())
def test_i1_each_decision_brings_the_pair_to_rest(
    plan: Unit, left: Observed, right: Observed, normalises: bool
) -> None:
    """Carry a decision out and decide again: at most one more write, then nothing for ever."""
    sides = {
        side: msgspec.structs.replace(one, traceable=False)
        for side, one in ((LEFT, left), (RIGHT, right))
    }
    writes = 0
    for _ in range(5):
        decision = decide_unit(plan, sides[LEFT], sides[RIGHT])
        match decision:
            case Settle(sides=settled):
                for side in settled:
                    sides[side] = based(plan, sides[side])
            case Copy(source=source, sent=sent):
                writes += 1
                held = tuple(raw and f"{raw}~" for raw in sent) if normalises else sent
                sides[source] = based(plan, sides[source])
                there = msgspec.structs.replace(sides[source.other], now=held)
                sides[source.other] = based(plan, there)
            case _:
                break
    assert isinstance(decide_unit(plan, sides[LEFT], sides[RIGHT]), Nothing | Ask | Refuse | Settle)
    assert writes <= 1


def based(plan: Unit, one: Observed) -> Observed:
    return msgspec.structs.replace(one, base=Base(plan.version, one.now))


# --- numbers --------------------------------------------------------------------------------

amounts = st.decimals(-100, 100, places=3).map(lambda number: (str(number),))


@given(amounts, amounts)
def test_h10_an_edit_on_the_coarse_side_coarsens_only_what_it_means(
    fine: tuple[str], coarse: tuple[str]
) -> None:
    plan = unit(Number(right_digits=0), kinds=((Kind.NUMBER,), (Kind.NUMBER,)))
    assert plan.left == (Member(name="name", kind=Kind.NUMBER),)
    whole = (f"{float(coarse[0]):.0f}",)
    left = Observed(now=fine, base=Base(1, fine))
    right = Observed(now=whole, base=Base(1, ("1000",)))
    decision = decide_unit(plan, left, right)
    if plan.agree(fine, whole):
        assert decision == Settle(rule="M5", sides=(LEFT, RIGHT))
    else:
        assert decision == Copy(rule="M4", source=RIGHT, sent=whole)
