"""Filters on one record: operators by kind, absent and unreadable values, words, time (F19)."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from actors.errors import MappingError
from actors.mapping.conditions import Grounds, make_filter, read_period
from actors.mapping.filters import Filter, describe, evaluate, explain, next_change
from actors.schema import Field, Option, Pipeline, Stage
from actors.spec import CHANGED, Condition, Conditions, Match, Operator
from actors.values import Kind, Raw
from tests.support.builders import LEFT, RIGHT, field, hub, problems, sync

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
BERLIN = "Europe/Berlin"


def compiled(*parts: Condition | Conditions, match: Match = Match.ALL) -> Filter:
    wrong: list[tuple[object, str]] = []
    schema = hub().objects[0]
    more = (
        field("day", Kind.DATE),
        field("flag", Kind.BOOLEAN),
        field("mail", Kind.EMAIL),
        field("free", Kind.ENUM),
    )
    grounds = Grounds(
        app="hub",
        schema=type(schema)(
            name="deals",
            native="deals",
            fields=(*schema.fields, *more),
            pipelines=schema.pipelines,
            pipeline_field="pipeline",
            stage_field="stage",
        ),
        account=hub(),
        zone=BERLIN,
    )
    found = make_filter(
        grounds,
        Conditions(match=match, parts=parts),
        (),
        lambda path, message: wrong.append((path, message)),
    )
    if wrong:
        raise MappingError(str(wrong[0][1]))
    return found


def one(name: str, operator: Operator, *operands: str) -> Filter:
    return compiled(Condition(field=name, operator=operator, operands=operands))


O = Operator  # noqa: E741  # the table below stays readable


@pytest.mark.parametrize(
    ("name", "operator", "operands", "passing", "failing"),
    [
        ("name", O.EQUALS, ["Big Deal"], ["big deal", "BIG DEAL"], ["big deals", None, ""]),
        ("name", O.NOT_EQUALS, ["x"], ["y", None, ""], ["x", "X"]),
        ("name", O.IN, ["a", "b"], ["A", "b"], ["c", None]),
        ("name", O.NOT_IN, ["a", "b"], ["c", None], ["A", "b"]),
        ("name", O.CONTAINS, ["ump"], ["Pumps", "UMP"], ["Pimps", None]),
        ("name", O.NOT_CONTAINS, ["ump"], ["Pimps", None], ["Pumps"]),
        ("name", O.KNOWN, [], ["x", " "], ["", None]),
        ("name", O.UNKNOWN, [], ["", None], ["x"]),
        ("mail", O.EQUALS, ["Ann@Example.org"], ["ann@example.org"], ["bob@example.org"]),
        ("amount", O.EQUALS, ["1000"], ["1000", "1000.00", "1e3"], ["1000.01", None]),
        ("amount", O.IN, ["1", "2.50"], ["1.0", "2.5"], ["3", None]),
        ("amount", O.MORE, ["1000"], ["1000.01"], ["1000", "-5", None]),
        ("amount", O.AT_LEAST, ["1000"], ["1000.00", "1001"], ["999.99", None]),
        ("amount", O.LESS, ["0"], ["-0.01"], ["0", "0.00", None]),
        ("amount", O.AT_MOST, ["0"], ["0.0", "-1"], ["0.1", None]),
        ("amount", O.BETWEEN, ["1", "2"], ["1", "1.5", "2.00"], ["0.99", "2.01", None]),
        ("flag", O.EQUALS, ["true"], ["true"], ["false", None]),
        ("flag", O.NOT_EQUALS, ["true"], ["false", None], ["true"]),
        ("kind", O.EQUALS, ["NEW"], ["new"], ["old", None]),
        ("kind", O.IN, ["new", "OLD"], ["new", "old"], ["odd", None]),
        ("free", O.EQUALS, ["anything"], ["anything"], ["else"]),
        ("tags", O.IN, ["A", "b"], ["a;c", "b"], ["c", None]),
        ("tags", O.CONTAINS, ["a", "b"], ["a;b", "b;c;a"], ["a", None]),
        ("tags", O.EQUALS, ["a", "b"], ["b;a"], ["a;b;c", "a", None]),
        ("owner", O.EQUALS, ["bob@example.org"], ["h2"], ["h1", None]),
        ("owner", O.IN, ["Ann", "h3"], ["h1", "h3"], ["h2"]),
        ("company", O.EQUALS, ["77"], ["77"], ["78"]),
        ("stage", O.EQUALS, ["Won"], ["won"], ["lost"]),
        ("stage", O.NOT_IN, ["new", "Talk"], ["won", None], ["new", "talk"]),
        ("pipeline", O.EQUALS, ["Service"], ["service"], ["sales"]),
        ("day", O.EQUALS, ["2026-03-01"], ["2026-03-01"], ["2026-03-02", None]),
        ("day", O.BEFORE, ["2026-03-01"], ["2026-02-28"], ["2026-03-01", None]),
        ("day", O.AFTER, ["2026-03-01"], ["2026-03-02"], ["2026-03-01", None]),
        ("day", O.BETWEEN, ["2026-03-01", "2026-03-03"], ["2026-03-03"], ["2026-03-04"]),
        ("day", O.BEFORE, ["today"], ["2026-03-09"], ["2026-03-10", "2026-03-11", None]),
        ("day", O.AFTER, ["today"], ["2026-03-11"], ["2026-03-10", "2026-03-09", None]),
        ("day", O.LAST, ["7 days"], ["2026-03-10", "2026-03-04"], ["2026-03-11", "2026-03-03"]),
        ("day", O.NEXT, ["7 days"], ["2026-03-10", "2026-03-16"], ["2026-03-09", "2026-03-17"]),
        ("day", O.OLDER, ["7 days"], ["2026-03-03"], ["2026-03-04", "2026-03-11", None]),
        ("day", O.FURTHER, ["1w"], ["2026-03-17"], ["2026-03-16", "2026-03-09", None]),
        ("day", O.LAST, ["1 month"], ["2026-02-11"], ["2026-02-10"]),
        # The day of a time is that of the zone: Berlin is an hour ahead.
        ("close", O.EQUALS, ["2026-03-01"], ["2026-02-28T23:00:00Z"], ["2026-02-28T22:59:59Z"]),
        ("close", O.EQUALS, ["2026-03-01"], ["2026-03-01T22:59:59Z"], ["2026-03-01T23:00:00Z"]),
        ("close", O.AFTER, ["2026-03-01"], ["2026-03-01T23:00:00Z"], ["2026-03-01T22:00:00Z"]),
        ("close", O.AT_LEAST, ["2026-03-01"], ["2026-02-28T23:00:00Z"], ["2026-02-28T22:00:00Z"]),
        ("close", O.AT_MOST, ["2026-03-01"], ["2026-03-01T22:59:59Z"], ["2026-03-01T23:00:00Z"]),
        ("close", O.BEFORE, ["2026-03-01T10:00:00+01:00"], ["2026-03-01T08:59:59Z"], [None]),
        ("close", O.BEFORE, ["now"], ["2026-03-10T11:59:59Z"], ["2026-03-10T12:00:01Z"]),
        ("close", O.AFTER, ["now"], ["2026-03-10T12:00:01Z"], ["2026-03-10T12:00:00Z"]),
        ("close", O.LAST, ["2 hours"], ["2026-03-10T10:00:01Z"], ["2026-03-10T10:00:00Z"]),
        ("close", O.NEXT, ["30m"], ["2026-03-10T12:30:00Z"], ["2026-03-10T12:30:01Z"]),
        ("close", O.OLDER, ["1 year"], ["2025-03-10T12:00:00Z"], ["2025-03-10T12:00:01Z"]),
        ("close", O.FURTHER, ["1 day"], ["2026-03-11T12:00:01Z"], ["2026-03-11T12:00:00Z"]),
        (CHANGED, O.LAST, ["1 day"], ["2026-03-10T00:00:00Z"], ["2026-03-01T00:00:00Z"]),
        (CHANGED, O.AT_LEAST, ["2026-03-01"], ["2026-03-01T00:00:00Z"], ["2026-02-01T00:00:00Z"]),
    ],
)
def test_f19_each_operator_passes_and_fails_what_it_should(
    name: str, operator: Operator, operands: list[str], passing: list[Raw], failing: list[Raw]
) -> None:
    wanted = one(name, operator, *operands)
    for raw in passing:
        assert evaluate(wanted, {name: raw}, NOW), raw
        assert explain(wanted, {name: raw}, NOW) == ""
    for raw in failing:
        assert not evaluate(wanted, {name: raw}, NOW), raw
        assert explain(wanted, {name: raw}, NOW) != ""


def test_the_reason_is_the_condition_that_failed_without_the_record_s_value() -> None:
    wanted = compiled(
        Condition(field="name", operator=O.CONTAINS, operands=("ump",)),
        Condition(field="amount", operator=O.AT_LEAST, operands=("1000",)),
    )
    assert explain(wanted, {"name": "Pump", "amount": "5"}, NOW) == (
        '"amount" must be at least 1000'
    )
    assert explain(wanted, {"name": "x", "amount": "5"}, NOW) == '"name" must contain "ump"'
    assert explain(wanted, {"name": "Pump", "amount": "1000"}, NOW) == ""


def test_of_alternatives_all_are_named_and_of_none_the_one_that_held() -> None:
    new = Condition(field="kind", operator=O.EQUALS, operands=("new",))
    big = Condition(field="amount", operator=O.MORE, operands=("10",))
    values = {"kind": "old", "amount": "1"}
    alternatives = compiled(new, big, match=Match.ANY)
    reason = explain(alternatives, values, NOW)
    assert reason == '"kind" must be "new", or "amount" must be more than 10'
    neither = compiled(new, big, match=Match.NONE)
    assert explain(neither, {"kind": "new"}, NOW) == '"kind" must not be "new"'
    assert describe(neither) == '"kind" must not be "new", and "amount" must not be more than 10'
    nested = compiled(Conditions(match=Match.ALL, parts=(new, big)), match=Match.NONE)
    assert explain(nested, {"kind": "new", "amount": "11"}, NOW) == (
        '"kind" must not be "new", or "amount" must not be more than 10'
    )


@pytest.mark.parametrize("operator", [O.MORE, O.AT_MOST, O.NOT_EQUALS, O.KNOWN, O.UNKNOWN])
def test_what_cannot_be_read_passes_no_condition_and_no_opposite(operator: Operator) -> None:
    operands = () if operator in (O.KNOWN, O.UNKNOWN) else ("1",)
    condition = Condition(field="amount", operator=operator, operands=operands)
    for match in (Match.ALL, Match.NONE, Match.ANY):
        wanted = compiled(condition, match=match)
        assert not evaluate(wanted, {"amount": "lots"}, NOW)
        assert explain(wanted, {"amount": "lots"}, NOW) == '"amount" cannot be read as a number'
    spare = Condition(field="name", operator=O.KNOWN)
    assert evaluate(compiled(condition, spare, match=Match.ANY), {"amount": "!", "name": "x"}, NOW)


@pytest.mark.parametrize(
    ("name", "operator", "operands", "message"),
    [
        ("nowhere", O.KNOWN, [], 'there is no field "nowhere"'),
        ("amount", O.CONTAINS, ["1"], '"contains" does not fit "Amount", a number field'),
        ("flag", O.IN, ["true"], "does not fit"),
        ("name", O.LAST, ["3 days"], "does not fit"),
        ("kind", O.MORE, ["new"], "does not fit"),
        ("amount", O.MORE, ["much"], "is not a number"),
        ("amount", O.MORE, ["1", "2"], "takes one value, not 2"),
        ("amount", O.BETWEEN, ["1"], "takes two values, not 1"),
        ("amount", O.BETWEEN, ["2", "1"], "the lower value first"),
        ("amount", O.EQUALS, [""], "an empty value says nothing"),
        ("flag", O.EQUALS, ["yes"], "neither true nor false"),
        ("kind", O.EQUALS, ["newest"], 'has no value "newest"; it has "NEW", "OLD", "ODD"'),
        ("tags", O.CONTAINS, ["z"], 'has no value "z"'),
        ("owner", O.EQUALS, ["eve@example.org"], 'has no value "eve@example.org"'),
        ("stage", O.EQUALS, ["Nowhere"], "has no value"),
        ("day", O.EQUALS, ["01.03.2026"], "is not a date"),
        ("day", O.LAST, ["3 hours"], "count in days or longer"),
        ("day", O.BEFORE, ["now"], 'write "today"'),
        ("close", O.BEFORE, ["today"], 'write "now"'),
        ("close", O.LAST, ["soon"], "is no length of time"),
        ("close", O.LAST, ["0 days"], "is no length of time"),
        ("close", O.AFTER, ["2026-03-01T10:00:00"], "has no time zone"),
        ("close", O.AFTER, ["9999-12-31"], "edge of the calendar"),
        ("close", O.IN, ["2026-03-01"], "does not fit"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(
    name: str, operator: Operator, operands: list[str], message: str
) -> None:
    with pytest.raises(MappingError, match=message.replace("(", r"\(")):
        one(name, operator, *operands)


def test_a_stage_s_name_means_the_stages_of_all_pipelines_that_have_it() -> None:
    schema = hub().objects[0]
    lines = tuple(
        Pipeline(id=name, label=name, stages=(Stage(id=f"{name}-won", label="Won"),))
        for name in ("one", "two")
    )
    grounds = Grounds(
        app="hub",
        schema=type(schema)(
            name="deals",
            native="deals",
            fields=(Field(name="stage", label="Stage", kind=Kind.ENUM, options=(OPTION,)),),
            pipelines=lines,
            stage_field="stage",
        ),
        account=hub(),
        zone="UTC",
    )
    asked = Conditions(parts=(Condition(field="stage", operator=O.EQUALS, operands=("won",)),))
    found = make_filter(grounds, asked, (), lambda path, message: pytest.fail(message))
    assert evaluate(found, {"stage": "one-won"}, NOW)
    assert evaluate(found, {"stage": "two-won"}, NOW)
    assert not evaluate(found, {"stage": "three-won"}, NOW)


OPTION = Option(id="listed", label="Listed")


def test_time_turns_a_verdict_at_the_moment_told() -> None:
    wanted = one("close", O.LAST, "30 days")
    values = {"close": "2026-03-01T00:00:00Z"}
    turn = next_change(wanted, values, NOW)
    assert turn == datetime(2026, 3, 31, tzinfo=UTC)
    assert turn is not None and not evaluate(wanted, values, turn)
    ahead = {"close": "2026-04-01T00:00:00Z"}
    assert next_change(wanted, ahead, NOW) == datetime(2026, 4, 1, tzinfo=UTC)
    assert next_change(wanted, {"close": "2020-01-01T00:00:00Z"}, NOW) is None
    assert next_change(wanted, {"close": None}, NOW) is None
    assert next_change(wanted, {"close": "?"}, NOW) is None


def test_a_day_turns_at_midnight_of_the_zone() -> None:
    wanted = one("day", O.BEFORE, "today")
    turn = next_change(wanted, {"day": "2026-03-10"}, NOW)
    assert turn == datetime(2026, 3, 10, 23, tzinfo=UTC)


def test_time_that_changes_no_verdict_is_not_told() -> None:
    recent = Condition(field="close", operator=O.LAST, operands=("30 days",))
    big = Condition(field="amount", operator=O.AT_LEAST, operands=("1",))
    values = {"close": "2026-03-01T00:00:00Z", "amount": "5"}
    assert next_change(compiled(recent, big, match=Match.ANY), values, NOW) is None
    assert next_change(compiled(recent, big), values, NOW) is not None


def test_the_end_of_the_calendar_is_no_moment_that_comes() -> None:
    for operator in (O.LAST, O.NEXT, O.OLDER, O.FURTHER):
        for name, raw in (
            ("day", "9999-12-31"),
            ("day", "0001-01-01"),
            ("day", "0001-01-02"),
            ("close", "9998-12-31T23:59:59Z"),
            ("close", "0002-01-01T00:00:00Z"),
        ):
            wanted = one(name, operator, "99999 years")
            evaluate(wanted, {name: raw}, NOW)
            next_change(wanted, {name: raw}, NOW)


def test_periods_are_read_as_people_write_them() -> None:
    assert read_period("1 year").months == 12
    assert read_period("3 Months").months == 3
    assert read_period("2w") == read_period("14 days")
    assert read_period("90m") == read_period("90 minutes")
    assert read_period("1 month") != read_period("1m")


def test_problems_of_a_filter_name_their_place_in_the_spec() -> None:
    bad = Condition(field="nowhere", operator=O.KNOWN)
    good = Condition(field="title", operator=O.KNOWN)
    either = Conditions(match=Match.ANY, parts=(good, Conditions(parts=(good, bad))))
    (problem,) = problems(filters={RIGHT: Conditions(parts=(good, either))})
    assert problem.path == ("filters", "right", 1, 1, 1)
    assert problem.message == 'erp: there is no field "nowhere" on sale.opportunity'


def test_the_fields_of_a_filter_are_read_and_any_change_of_it_counts() -> None:
    asked = Condition(field="score", operator=O.AT_LEAST, operands=("3",))
    kept = sync(filters={LEFT: Conditions(parts=(asked,))})
    assert "score" in kept.fields[LEFT]
    assert "score" not in sync().fields[LEFT]
    other = msgspec.structs.replace(asked, operands=("4",))
    versions = {sync().version, kept.version}
    versions.add(sync(filters={LEFT: Conditions(parts=(other,))}).version)
    assert len(versions) == 3
    changed = Condition(field=CHANGED, operator=O.LAST, operands=("1 day",))
    assert sync(filters={LEFT: Conditions(parts=(changed,))}).fields == sync().fields
