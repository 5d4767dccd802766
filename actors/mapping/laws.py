"""The laws of every relation, tried on samples when a mapping is loaded.

A relation that breaks one would write back and forth for ever. None that tieline builds does, as
its property tests show; here the very mapping of the configuration is tried, before it may run.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice, product, zip_longest

from actors.errors import MappingError, OutsideDomainError
from actors.mapping.relations import Relation, Values, rounded
from actors.mapping.texts import TEXTS, text_form
from actors.records import Side
from actors.schema import Field
from actors.spec import TooLong
from actors.values import Kind, Scalar

MOST = 36
"""Pairs of samples that are tried; loading is to stay quick."""

_WORDS = ("Ada Lovelace", "  ludwig van Beethoven ", "Zoë\nŁ.", "", "x" * 300)
_SAMPLES: dict[Kind, tuple[Scalar, ...]] = {
    Kind.TEXT: _WORDS,
    Kind.PHONE: ("+1 (555) 010-0000", "+15550100000", "no number"),
    Kind.EMAIL: ("Ada@Example.org", "ada@example.org", "nobody"),
    Kind.DOMAIN: ("WWW.Example.org", "example.org", "localhost"),
    Kind.URL: ("https://Example.org/", "example.org", "https://example.org/A?b#c"),
    Kind.NUMBER: (Decimal("1234.565"), Decimal(-3), Decimal(0), Decimal("0.1")),
    Kind.BOOLEAN: (True, False),
    Kind.DATE: (date(2026, 3, 29), date(2026, 10, 25)),
    Kind.DATETIME: (
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        datetime(2026, 10, 24, 23, 59, 59, 999_999, tzinfo=UTC),
    ),
    Kind.REFERENCE: ("1",),
}


def check_laws(
    relation: Relation, fields: dict[Side, tuple[Field, ...]], members: dict[Side, int]
) -> None:
    """Try the laws of sync-semantics section 2 on samples of what these fields hold.

    Args:
        members: how many members each side has; those without a field of their own stay empty.

    Raises:
        MappingError: a law does not hold; the message shows the values.
    """
    lefts, rights = (list(_rows(fields[side], members[side])) for side in Side)
    for left, right in islice(product(lefts, rights), MOST):
        if relation.ways.allows(Side.RIGHT):
            _try_right(relation, left, right)
        if relation.ways.allows(Side.LEFT):
            _try_left(relation, left, right)


def _try_right(relation: Relation, left: Values, right: Values) -> None:
    with suppress(OutsideDomainError):
        _demand_rest(relation, left, relation.to_right(left, right))


def _try_left(relation: Relation, left: Values, right: Values) -> None:
    with suppress(OutsideDomainError):
        _demand_rest(relation, relation.to_left(right, left), right)


def _demand_rest(relation: Relation, left: Values, right: Values) -> None:
    """Demand that the two agree, and that what agrees stays as it is."""
    if (
        relation.agree(left, right)
        and relation.to_right(left, right) == right
        and relation.to_left(right, left) == left
    ):
        return
    raise MappingError(
        f"this mapping would never come to rest: {left!r} and {right!r} do not agree after one "
        "was made from the other; please report it, and leave the line out"
    )


def _rows(fields: tuple[Field, ...], count: int) -> Iterable[Values]:
    """Return a few rows of values, each as its field would really hold it."""
    if not fields:
        return ((),)
    columns = [tuple(_held(field, value) for value in _samples(field)) for field in fields]
    rows: Iterable[Values] = zip_longest(*columns)
    missing = (None,) * (count - len(fields))
    return ((*row, *missing) for row in (*rows, (None,) * len(fields)))


def _samples(field: Field) -> tuple[Scalar, ...]:
    ids = [option.id for option in field.options[:4]]
    if field.kind is Kind.ENUM:
        return tuple(ids)
    if field.kind is Kind.MULTI_ENUM:
        return (frozenset(ids[:1]) or None, frozenset(ids) or None)
    return _SAMPLES[field.kind]


def _held(field: Field, value: Scalar) -> Scalar:
    if field.kind in TEXTS and isinstance(value, str):
        return text_form(field).shape(value, TooLong.SHORTEN)
    if isinstance(value, Decimal):
        return rounded(value, field.digits)
    return value
