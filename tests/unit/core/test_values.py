"""Raw text to canonical values and back (H18, H19)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from actors.errors import OutsideDomainError
from actors.values import Kind, Raw, Scalar, dump, parse


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("raw", [None, ""])
def test_h18_null_and_the_empty_text_are_one_absence_in_every_kind(kind: Kind, raw: Raw) -> None:
    assert parse(kind, raw) is None
    assert dump(kind, None) is None


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (Kind.NUMBER, "0", Decimal(0)),
        (Kind.NUMBER, "-0.0", Decimal(0)),
        (Kind.NUMBER, "1500.00", Decimal(1500)),
        (Kind.NUMBER, "1.5e3", Decimal(1500)),
        (Kind.BOOLEAN, "false", False),
        (Kind.BOOLEAN, "true", True),
        (Kind.DATE, "2026-03-02", date(2026, 3, 2)),
        (Kind.DATETIME, "2026-03-02T10:00:00+02:00", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        (Kind.DATETIME, "2026-03-02T08:00:00.250Z", datetime(2026, 3, 2, 8, 0, 0, 250000, UTC)),
        (Kind.ENUM, "false", "false"),
        (Kind.MULTI_ENUM, "b;a;;b", frozenset("ab")),
        (Kind.REFERENCE, "007", "007"),
        (Kind.TEXT, " a ", " a "),
        (Kind.TEXT, "0", "0"),
    ],
)
def test_parses(kind: Kind, raw: str, value: Scalar) -> None:
    parsed = parse(kind, raw)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize("raw", [";", ";;"])
def test_h18_a_set_without_members_is_empty(raw: str) -> None:
    assert parse(Kind.MULTI_ENUM, raw) is None


def test_h18_zero_and_false_are_not_empty() -> None:
    assert parse(Kind.NUMBER, "0") is not None
    assert parse(Kind.BOOLEAN, "false") is not None


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("e\u0301", "é", True),  # NFD and NFC
        ("a\r\nb", "a\nb", True),
        ("a\u200bb", "ab", False),  # zero-width characters are characters
        ("\u202eabc", "abc", False),
        ("ß", "ss", False),
        ("A", "a", False),
        ("🙂" * 32_768 + "é", "🙂" * 32_768 + "e\u0301", True),
    ],
)
def test_h19_texts_are_equal_after_nfc_and_one_kind_of_line_break(
    one: str, two: str, same: bool
) -> None:
    assert (parse(Kind.TEXT, one) == parse(Kind.TEXT, two)) is same


@pytest.mark.parametrize(
    ("kind", "raw", "word"),
    [
        (Kind.TEXT, "a\x00b", "NUL"),
        (Kind.EMAIL, "\x00", "NUL"),
        (Kind.TEXT, "a\ud83d", "surrogate"),
        (Kind.NUMBER, "12,5", "not a number"),
        (Kind.NUMBER, "NaN", "finite"),
        (Kind.NUMBER, "-Infinity", "finite"),
        (Kind.NUMBER, "1e999999999", "digits"),
        (Kind.NUMBER, "1e-999999999", "digits"),
        (Kind.NUMBER, "1e99999999999999999999", "not a number"),
        (Kind.BOOLEAN, "True", "neither true nor false"),
        (Kind.BOOLEAN, "1", "neither true nor false"),
        (Kind.DATE, "02.03.2026", "not a date"),
        (Kind.DATE, "2026-02-30", "not a date"),
        (Kind.DATETIME, "2026-03-02T10:00:00", "no time zone"),
        (Kind.DATETIME, "soon", "not a date and time"),
        (Kind.DATETIME, "0001-01-01T00:00:00+10:00", "edge of the calendar"),
        (Kind.DATETIME, "0002-01-01T00:00:00+01:00", "edge of the calendar"),
        (Kind.DATETIME, "9999-12-31T23:59:59Z", "edge of the calendar"),
    ],
)
def test_what_is_not_of_the_kind_is_refused_with_a_reason(kind: Kind, raw: str, word: str) -> None:
    with pytest.raises(OutsideDomainError, match=word):
        parse(kind, raw)


def test_a_refusal_quotes_only_the_beginning_of_a_long_value() -> None:
    with pytest.raises(OutsideDomainError) as caught:
        parse(Kind.NUMBER, "x" * 65_536)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(
    ("kind", "value", "raw"),
    [
        (Kind.NUMBER, Decimal("1E+3"), "1000"),
        (Kind.NUMBER, Decimal("1500.00"), "1500.00"),
        (Kind.BOOLEAN, False, "false"),
        (Kind.DATE, date(2026, 3, 2), "2026-03-02"),
        (Kind.DATETIME, datetime(2026, 3, 2, 8, tzinfo=UTC), "2026-03-02T08:00:00Z"),
        (Kind.MULTI_ENUM, frozenset("ba"), "a;b"),
        (Kind.MULTI_ENUM, frozenset(), None),
        (Kind.TEXT, "", None),
    ],
)
def test_dumps(kind: Kind, value: Scalar, raw: Raw) -> None:
    assert dump(kind, value) == raw
