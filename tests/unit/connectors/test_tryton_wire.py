"""Tryton's encodings: each type there and back, and what is never sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import OutsideDomainError
from actors.values import Raw
from daemon.connectors.tryton.wire import decode, decode_moment, encode, encode_moment


@pytest.mark.parametrize(
    ("native_type", "raw", "sent"),
    [
        ("char", "a line", "a line"),
        ("char", "two\r\nlines\tand\x00 more", "two lines and more"),
        ("text", "two\r\nlines\tand\x00 more", "two\r\nlines\tand more"),
        ("numeric", "12.30", {"__class__": "Decimal", "decimal": "12.30"}),
        ("numeric", "1E+3", {"__class__": "Decimal", "decimal": "1000"}),
        ("float", "0.25", 0.25),
        ("integer", "7", 7),
        ("integer", "7.0", 7),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("date", "2026-02-03", {"__class__": "date", "year": 2026, "month": 2, "day": 3}),
        ("many2one", "12", 12),
        ("selection", "lead", "lead"),
        ("multiselection", "b;a", ["a", "b"]),
        ("numeric", None, None),
        ("char", "", None),
    ],
)
def test_raw_text_becomes_what_tryton_takes(native_type: str, raw: Raw, sent: object) -> None:
    assert encode(native_type, raw) == sent


@pytest.mark.parametrize(
    ("native_type", "value", "raw"),
    [
        ("char", "", None),
        ("char", "x", "x"),
        ("numeric", {"__class__": "Decimal", "decimal": "12.30"}, "12.30"),
        ("numeric", {"__class__": "Decimal", "decimal": "1E+3"}, "1000"),
        ("float", 0.0001, "0.0001"),
        ("float", 1e-7, "0.0000001"),
        ("boolean", 1, "true"),
        ("boolean", True, "true"),
        ("boolean", 0, "false"),
        ("date", {"__class__": "date", "year": 2026, "month": 2, "day": 3}, "2026-02-03"),
        ("many2one", 12, "12"),
        ("multiselection", ["b", "a"], "a;b"),
        ("multiselection", [], None),
        ("date", None, None),
    ],
)
def test_what_tryton_serves_becomes_raw_text(native_type: str, value: object, raw: Raw) -> None:
    assert decode(native_type, value) == raw


@pytest.mark.parametrize(
    ("native_type", "raw"),
    [
        ("numeric", "twelve"),
        ("float", "NaN"),
        ("integer", "1.5"),
        ("many2one", "Kunde"),
        ("many2one", "-1"),
        ("date", "03.02.2026"),
        ("datetime", "2026-02-03T10:00:00"),
        ("boolean", "1"),
    ],
)
def test_text_of_another_kind_is_refused_before_it_is_sent(native_type: str, raw: str) -> None:
    with pytest.raises(OutsideDomainError, match=r"not|neither|zone"):
        encode(native_type, raw)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_money_comes_back_to_the_last_digit_and_never_as_a_float(number: Decimal) -> None:
    sent = encode("numeric", f"{number:f}")
    assert not isinstance(sent, float)
    raw = decode("numeric", json.loads(json.dumps(sent)))
    assert raw is not None
    assert Decimal(raw) == number


@given(st.datetimes(timezones=st.just(UTC)))
def test_moments_keep_their_microseconds(moment: datetime) -> None:
    assert decode_moment(json.loads(json.dumps(encode_moment(moment)))) == moment
    raw = decode("timestamp", encode_moment(moment))
    assert raw is not None and datetime.fromisoformat(raw) == moment
