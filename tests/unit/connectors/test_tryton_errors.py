"""Tryton's refusals: each row of the two tables of what it says."""

from __future__ import annotations

import pytest

from actors.errors import SchemaDriftError, ScopeError
from daemon.connectors.tryton.errors import (
    MAX_MESSAGE,
    Kind,
    as_read_error,
    as_rejected,
    classify,
    find_fields,
)

LABELS = {"Party": "party", "Amount": "amount", "Number": "number", "Description": "description"}


@pytest.mark.parametrize(
    ("message", "kind", "fields"),
    [
        ('A value is required for field "Party" in record "7" of "X".', Kind.RECORD, ("party",)),
        ('The value "5" for field "Amount" in record "7" is not valid', Kind.RECORD, ("amount",)),
        ('The value for field "Elsewhere" is not one of the allowed options.', Kind.RECORD, ()),
        (
            'The number of digits in the value "1" for field "Amount" in record "7" exceeds',
            Kind.RECORD,
            ("amount",),
        ),
        (
            'The value "a" for field "Description" in "7" contains some invalid chars',
            Kind.RECORD,
            ("description",),
        ),
        ("The code on party must be unique.", Kind.RECORD, ()),
        ('You are not allowed to modify the field "Number" of "X"', Kind.RECORD, ("number",)),
        ('You are not allowed to access "Sale".', Kind.ACCESS, ()),
        (
            'You are not allowed to write to records "7" of "X" because of at least one of these '
            "rules:\nhide",
            Kind.RULE,
            (),
        ),
        ('Calling button "convert on "Sale Opportunity" is not allowed.', Kind.RECORD, ()),
        ('You can not call "lead" on "62" of "Sale Opportunity".', Kind.BUTTON, ()),
        ('You are trying to read records "37" of "Party" that don\'t exist.', Kind.GONE, ()),
        ('You are trying to write to records "37" of "X" that don\'t exist.', Kind.GONE, ()),
    ],
)
def test_user_errors_are_told_apart_by_their_text(
    message: str, kind: Kind, fields: tuple[str, ...]
) -> None:
    refusal = classify("UserError", [message, "", None])
    assert refusal.kind is kind
    assert find_fields(refusal.message, LABELS) == fields


def test_the_description_is_part_of_the_reason() -> None:
    refusal = classify("UserError", ['You are not allowed to access "Sale".', "Within groups: A"])
    assert refusal.message == 'You are not allowed to access "Sale": Within groups: A'


def test_a_warning_asks_for_a_person() -> None:
    refusal = classify("UserWarning", ["name", "Really?", "details"])
    assert (refusal.kind, refusal.message) == (
        Kind.WARNING,
        "Tryton asks a person to confirm: Really?",
    )


def test_a_moved_record_is_stale() -> None:
    refusal = classify("ConcurrencyException", "Records were modified in the meanwhile")
    assert refusal.kind is Kind.STALE


def test_an_unforeseen_error_carries_its_text_in_the_place_of_a_name() -> None:
    refusal = classify("'nope'", "")
    assert refusal.kind is Kind.UNFORESEEN
    assert "'nope'" in refusal.message


def test_a_huge_domain_never_reaches_a_message() -> None:
    refusal = classify("UserError", ["x" * 100_000, "y", [["a"] * 10_000]])
    assert len(refusal.message) == MAX_MESSAGE


def test_a_refusal_becomes_an_outcome_with_the_fields_it_names() -> None:
    refusal = classify("UserError", ['A value is required for field "Party" in record "7".', ""])
    rejected = as_rejected(refusal, LABELS)
    assert rejected.fields == ("party",)
    assert rejected.reason.startswith("A value is required")


def test_reads_lack_a_right_or_meet_another_schema() -> None:
    access = classify("UserError", ['You are not allowed to access "Sale".', ""])
    assert isinstance(as_read_error(access), ScopeError)
    assert isinstance(as_read_error(classify("'nope'", "")), SchemaDriftError)
