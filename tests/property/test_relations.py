"""The laws of sync-semantics section 2, for every relation and for what `relate` compiles.

Correct, hippocratic, total or refused; and what follows from them: nothing oscillates (H10).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from actors.errors import OutsideDomainError
from actors.mapping.relations import (
    DateInZone,
    Number,
    Pairs,
    PairSets,
    People,
    Relation,
    Text,
    TextForm,
    Values,
)
from actors.mapping.units import Unit
from actors.records import Side
from actors.schema import AppSchema, Field, ObjectSchema
from actors.spec import FieldSpec, TooLong
from actors.values import Kind, Raw
from tests.support.builders import ERP_USERS, HUB_USERS, LEFT, RIGHT, erp, field, hub, options, sync
from tests.support.strategies import CASES, raws


def to_right(relation: Relation, left: Values, present: Values) -> Values | None:
    """Restore the right side; None if the value was refused, with a reason for people."""
    try:
        return relation.to_right(left, present)
    except OutsideDomainError as error:
        assert str(error)
        return None


def to_left(relation: Relation, right: Values, present: Values) -> Values | None:
    """Restore the left side; likewise."""
    try:
        return relation.to_left(right, present)
    except OutsideDomainError as error:
        assert str(error)
        return None


# --- each relation --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CASES)
@given(st.data())
def test_correct_what_was_restored_agrees(kind: str, data: st.DataObject) -> None:
    relation, left, right = data.draw(CASES[kind]())
    restored = to_right(relation, left, right)
    assert restored is None or relation.agree(left, restored)
    restored = to_left(relation, right, left)
    assert restored is None or relation.agree(restored, right)


@pytest.mark.parametrize("kind", CASES)
@given(st.data())
def test_hippocratic_what_agrees_is_not_touched(kind: str, data: st.DataObject) -> None:
    relation, left, right = data.draw(CASES[kind]())
    restored = to_right(relation, left, right)
    for present in (right, restored):
        if present is not None and relation.agree(left, present):
            assert relation.to_right(left, present) == present
            assert relation.to_left(present, left) == left


@pytest.mark.parametrize("kind", CASES)
@given(st.data())
def test_restoring_one_side_and_then_the_other_rests_after_one_step(
    kind: str, data: st.DataObject
) -> None:
    relation, left, right = data.draw(CASES[kind]())
    right_now = to_right(relation, left, right)
    assume(right_now is not None and to_left(relation, right_now, left) is not None)
    assert right_now is not None
    for _ in range(3):
        left_now = relation.to_left(right_now, left)
        assert left_now == left
        assert relation.to_right(left_now, right_now) == right_now


# --- what the table of section 2 says of single kinds ---------------------------------------


def test_text_ignores_outer_white_space_only_if_a_side_is_declared_to_trim() -> None:
    strict = Text(left=TextForm(), right=TextForm())
    trimming = Text(left=TextForm(), right=TextForm(trims=True))
    assert not strict.agree((" A",), ("A",))
    assert trimming.agree((" A ",), ("A",))
    assert trimming.to_left(("A",), (" A ",)) == (" A ",)


def test_shortened_text_does_not_come_back_shorter() -> None:
    relation = Text(left=TextForm(), right=TextForm(max_length=3), too_long=TooLong.SHORTEN)
    assert relation.to_right(("Annabel",), (None,)) == ("Ann",)
    assert relation.to_left(("Ann",), ("Annabel",)) == ("Annabel",)
    assert relation.to_left(("Bob",), ("Annabel",)) == ("Bob",)


def test_numbers_round_half_to_even() -> None:
    relation = Number(right_digits=0)
    rounded = [relation.to_right((Decimal(one),), (None,))[0] for one in ("0.5", "1.5", "2.5")]
    assert rounded == [Decimal(0), Decimal(2), Decimal(2)]


@given(st.integers(1, 99), st.integers(0, 99))
def test_numbers_of_any_length_are_rounded(before: int, after: int) -> None:
    number = Decimal("9" * before + "." + "9" * after)
    assert to_right(Number(right_digits=2), (number,), (None,)) is not None


def test_a_time_within_the_same_day_is_kept() -> None:
    relation = DateInZone(zone="Europe/Berlin", day_on_right=True)
    evening = datetime(2026, 3, 2, 22, 59, tzinfo=UTC)  # 23:59 in Berlin
    assert relation.to_left((date(2026, 3, 2),), (evening,)) == (evening,)
    assert relation.to_left((date(2026, 3, 3),), (evening,)) == (
        datetime(2026, 3, 2, 23, tzinfo=UTC),
    )


def test_a_day_whose_midnight_does_not_exist_begins_when_its_clocks_do() -> None:
    """H17: in São Paulo the 4th of November 2018 began at one o'clock."""
    relation = DateInZone(zone="America/Sao_Paulo", day_on_right=True)
    assert relation.to_left((date(2018, 11, 4),), (None,)) == (
        datetime(2018, 11, 4, 3, tzinfo=UTC),
    )


def test_a_day_that_a_zone_skipped_is_refused() -> None:
    relation = DateInZone(zone="Pacific/Apia", day_on_right=True)
    with pytest.raises(OutsideDomainError, match="2011-12-30 does not exist"):
        relation.to_left((date(2011, 12, 30),), (None,))


@pytest.mark.parametrize("year", [1, 2, 9998, 9999])
def test_a_day_at_the_edge_of_the_calendar_is_refused(year: int) -> None:
    relation = DateInZone(zone="Asia/Tokyo", day_on_right=True)
    with pytest.raises(OutsideDomainError, match="edge of the calendar"):
        relation.to_left((date(year, 1, 1),), (None,))


def test_a_stage_takes_the_first_listed_counterpart() -> None:
    relation = Pairs(pairs=((("a",), ("x",)), (("a",), ("y",)), (("b",), ("x",))), what="stage")
    assert relation.to_right(("a",), ("z",)) == ("x",)
    assert relation.to_right(("a",), ("y",)) == ("y",)
    assert relation.to_left(("x",), ("b",)) == ("b",)
    assert relation.to_left(("x",), (None,)) == ("a",)


def test_a_set_carries_what_is_mapped_and_keeps_what_is_not() -> None:
    relation = PairSets(pairs=(("a", "x"), ("b", "y")))
    assert relation.to_right((frozenset("aq"),), (frozenset("yo"),)) == (frozenset("xo"),)


def test_h36_a_person_without_counterpart_agrees_with_anybody() -> None:
    relation = People(pairs=(("ann", "e1"),))
    assert relation.to_right(("stranger",), ("e1",)) == ("e1",)
    assert relation.to_left(("stranger",), ("ann",)) == ("ann",)
    assert relation.to_right(("ann",), (None,)) == ("e1",)


# --- compiled units -------------------------------------------------------------------------

LENGTHS = st.one_of(st.none(), st.integers(1, 6))
PLAIN = [Kind.NUMBER, Kind.BOOLEAN, Kind.DATE, Kind.ENUM, Kind.MULTI_ENUM, Kind.REFERENCE]


@st.composite
def fields(draw: st.DrawFn, kind: Kind) -> Field:
    return field(
        "f",
        kind,
        options=options(*draw(st.sampled_from(["abc", "bcz", "c"]))),
        target="users",
        digits=draw(st.one_of(st.none(), st.integers(0, 3))),
        max_length=draw(LENGTHS),
        trims=draw(st.booleans()),
        multiline=draw(st.booleans()),
    )


def app(base: AppSchema, fielded: Field) -> AppSchema:
    """Return an app of contacts with this one field."""
    contacts = ObjectSchema(name="contacts", native="contacts", fields=(fielded,))
    return AppSchema(
        account=base.account, objects=(contacts,), users=base.users, timezone=base.timezone
    )


def mapped(left: Field, right: Field, too_long: TooLong) -> Unit:
    """Compile the mapping of two fields."""
    mapping = FieldSpec(left="f", right="f", too_long=too_long)
    apps = {"left": app(hub(), left), "right": app(erp(), right)}
    return sync(mapping, object="contacts", pipelines=(), **apps).units[0]


Compiled = tuple[Unit, tuple[Raw, ...], tuple[Raw, ...]]
"""A compiled unit with what the two apps serve for it."""


@st.composite
def compiled(draw: st.DrawFn) -> Compiled:
    left, right = draw(kindred(2))
    unit = mapped(left, right, draw(st.sampled_from(TooLong)))
    return unit, (draw(_served(left)),), (draw(_served(right)),)


@st.composite
def kindred(draw: st.DrawFn, count: int) -> list[Field]:
    """Draw fields that can be mapped to each other."""
    kind = draw(st.sampled_from([*PLAIN, Kind.TEXT, Kind.DATETIME]))
    days = [Kind.DATE, Kind.DATETIME]
    return [
        draw(fields(draw(st.sampled_from(days)) if kind in days else kind)) for _ in range(count)
    ]


def _served(fielded: Field) -> st.SearchStrategy[Raw]:
    if fielded.kind is Kind.REFERENCE:
        return st.sampled_from([None, "", "?", *(one.id for one in HUB_USERS + ERP_USERS)])
    if fielded.kind is Kind.TEXT:
        form = TextForm(
            trims=fielded.trims, multiline=fielded.multiline, max_length=fielded.max_length
        )
        return raws(Kind.TEXT).map(lambda raw: raw and _stored(form, raw))
    if fielded.kind is Kind.NUMBER and fielded.digits is not None:
        places = fielded.digits
        return st.none() | st.decimals(-50, 50, places=places).map(str)
    return raws(fielded.kind)


def _stored(form: TextForm, raw: str) -> Raw:
    """Return what an app of this form would have made of a text, however it is spelled."""
    shaped = form.shape(raw.replace("\r\n", "\n"), TooLong.SHORTEN)
    return shaped.replace("\n", "\r\n") if shaped and form.max_length is None else shaped


def restore(
    unit: Unit, target: Side, source: tuple[Raw, ...], present: tuple[Raw, ...]
) -> tuple[Raw, ...] | None:
    try:
        return unit.restore(target, source, present)
    except OutsideDomainError as error:
        assert str(error)
        return None


@given(compiled())
def test_a_compiled_unit_keeps_the_laws_on_the_apps_own_texts(
    case: Compiled,
) -> None:
    unit, left, right = case
    held = {LEFT: left, RIGHT: right}
    for target in Side:
        restored = restore(unit, target, held[target.other], held[target])
        if restored is None:
            continue
        now = {**held, target: restored}
        assert unit.agree(now[LEFT], now[RIGHT])
        for side in Side:  # whatever agrees is not rewritten, not even in another spelling
            assert unit.restore(side, now[side.other], now[side]) == now[side]


@given(compiled())
@example((sync().units[0], ("sales", "new"), ("main", "lead")))
def test_a_compiled_unit_never_fails_but_by_refusing(
    case: Compiled,
) -> None:
    unit, left, right = case
    try:
        unit.agree(left, right)
        unit.same(LEFT, left, left[::-1])
    except OutsideDomainError as error:
        assert str(error)


@given(kindred(3), st.sampled_from(TooLong), st.data())
def test_h38_from_spoke_over_hub_to_spoke_nothing_comes_back_different(
    three: list[Field], too_long: TooLong, data: st.DataObject
) -> None:
    one, center, two = three
    near, far = mapped(center, one, too_long), mapped(center, two, too_long)
    first, middle, last = ((data.draw(_served(each)),) for each in three)
    hub_now = restore(near, LEFT, first, middle)
    assume(hub_now is not None)
    assert hub_now is not None
    end_now = restore(far, RIGHT, hub_now, last)
    assume(end_now is not None)
    assert end_now is not None
    assert far.restore(LEFT, end_now, hub_now) == hub_now
    assert near.restore(RIGHT, hub_now, first) == first
