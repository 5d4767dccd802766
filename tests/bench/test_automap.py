"""Automap is better than matching names as text, on what it knows and on what it does not."""

from __future__ import annotations

import pytest

from tests.bench.automap import Row, rows, write_table
from tests.support.automap_set import PARTS, field_cases, stage_cases

PARTS_AND_ALL = ("all", *PARTS)


def row(what: str, part: str, method: str) -> Row:
    (found,) = (
        one
        for one in rows()
        if (one.what, one.part) == (what, part) and one.method.startswith(method)
    )
    return found


def test_the_set_is_as_large_as_it_is_said_to_be() -> None:
    """Pairs count once, in however many languages they are in the set."""
    stages = {
        (case.left.id, left, case.right.id, right)
        for case in stage_cases()
        for left, right in case.same
    }
    fields = {
        (case.spec.object, case.spec.left, left, case.spec.right, right)
        for case in field_cases()
        for left, right in case.same
    }
    assert len(stages) >= 300
    assert len(fields) >= 300
    assert len({case.left.id for case in stage_cases()}) >= 10
    assert len({case.spec.left for case in field_cases()}) >= 10


@pytest.mark.parametrize("part", PARTS_AND_ALL)
@pytest.mark.parametrize("what", ["stages", "fields"])
def test_automap_beats_plain_text_matching(what: str, part: str) -> None:
    plain = row(what, part, "plain text").tally
    for method in ("tieline, all", "tieline, from"):
        ours = row(what, part, method).tally
        assert ours.f1 > plain.f1 + 0.15, (ours, plain)
        assert ours.precision > plain.precision
        assert ours.recall > plain.recall


@pytest.mark.parametrize("what", ["stages", "fields"])
def test_what_write_takes_without_asking_is_hardly_ever_wrong(what: str) -> None:
    assert row(what, "all", "tieline, from").tally.precision > 0.99


def test_the_table_has_every_row() -> None:
    assert len(write_table(rows()).splitlines()) == 2 + len(rows())
