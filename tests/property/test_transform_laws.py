"""The laws of sync-semantics section 2 for every transform of F15, and for forms by themselves."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from actors.errors import OutsideDomainError
from actors.mapping.forms import shaped
from actors.mapping.relations import Relation, Values
from actors.phones import PhoneBook
from actors.records import Side
from actors.spec import Form
from tests.support.transforms import TRANSFORMS, phones, written


def restore(relation: Relation, target: Side, source: Values, present: Values) -> Values | None:
    """Restore a side; None if that is refused with a reason for people, or the way is barred."""
    if not relation.ways.allows(target):
        return None
    try:
        to = relation.to_right if target is Side.RIGHT else relation.to_left
        return to(source, present)
    except OutsideDomainError as error:
        assert str(error)
        return None


def agree(relation: Relation, left: Values, right: Values) -> bool:
    try:
        return relation.agree(left, right)
    except OutsideDomainError as error:
        assert str(error)
        return False


@pytest.mark.parametrize("kind", TRANSFORMS)
@given(st.data())
def test_f15_correct_what_was_restored_agrees(kind: str, data: st.DataObject) -> None:
    relation, left, right = data.draw(TRANSFORMS[kind]())
    restored = restore(relation, Side.RIGHT, left, right)
    assert restored is None or relation.agree(left, restored)
    restored = restore(relation, Side.LEFT, right, left)
    assert restored is None or relation.agree(restored, right)


@pytest.mark.parametrize("kind", TRANSFORMS)
@given(st.data())
def test_f15_hippocratic_what_agrees_is_not_touched(kind: str, data: st.DataObject) -> None:
    relation, left, right = data.draw(TRANSFORMS[kind]())
    for present in (right, restore(relation, Side.RIGHT, left, right)):
        if present is not None and agree(relation, left, present):
            assert relation.to_right(left, present) == present
            assert relation.to_left(present, left) == left


@pytest.mark.parametrize("kind", TRANSFORMS)
@given(st.data())
def test_f15_restoring_there_and_back_rests_after_one_step(kind: str, data: st.DataObject) -> None:
    relation, left, right = data.draw(TRANSFORMS[kind]())
    now = restore(relation, Side.RIGHT, left, right)
    assume(now is not None)
    assert now is not None
    for _ in range(2):
        assert relation.to_left(now, left) == left
        assert relation.to_right(left, now) == now


@pytest.mark.parametrize("form", Form)
@given(written, phones)
def test_f15_a_form_changes_nothing_the_second_time(form: Form, text: str, book: PhoneBook) -> None:
    try:
        once = shaped((form,), text, book)
    except OutsideDomainError:
        return
    assert shaped((form,), once, book) == once


@given(st.lists(st.sampled_from(Form), min_size=2, max_size=3), written, phones)
def test_f15_forms_one_after_the_other_come_to_rest_or_are_refused(
    several: list[Form], text: str, book: PhoneBook
) -> None:
    try:
        once = shaped(several, text, book)
    except OutsideDomainError as error:
        assert "cannot be brought into the form" in str(error)
        return
    assert shaped(several, once, book) == once
