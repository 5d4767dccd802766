"""Laws of filters: De Morgan, one verdict with its reason, and time that never surprises (F19)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from actors.mapping.filters import (
    Check,
    Clause,
    Filter,
    Holds,
    Known,
    Members,
    OneOf,
    Period,
    Range,
    Sets,
    When,
    Window,
    evaluate,
    explain,
    next_change,
)
from actors.spec import Match
from actors.values import Kind, Raw
from tests.support.strategies import ZONES

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)

periods = st.builds(
    Period,
    months=st.integers(0, 14),
    rest=st.integers(1, 40).map(lambda days: timedelta(days=days)),
)
checks: dict[str, tuple[Kind, st.SearchStrategy[Check]]] = {
    "text": (
        Kind.TEXT,
        st.one_of(
            st.builds(OneOf, values=st.lists(st.sampled_from(["a", "b"]), min_size=1).map(tuple)),
            st.builds(Holds, text=st.sampled_from(["a", "ab"])),
            st.just(Known()),
        ),
    ),
    "number": (
        Kind.NUMBER,
        st.builds(
            Range,
            low=st.one_of(st.none(), st.integers(-2, 2).map(Decimal)),
            high=st.one_of(st.none(), st.integers(-2, 2).map(Decimal)),
            has_low=st.booleans(),
            has_high=st.booleans(),
        ),
    ),
    "set": (
        Kind.MULTI_ENUM,
        st.builds(
            Members,
            members=st.frozensets(st.sampled_from("abc"), min_size=1),
            how=st.sampled_from(Sets),
        ),
    ),
    "day": (
        Kind.DATE,
        st.builds(
            Window,
            when=st.sampled_from(When),
            period=periods,
            zone=st.sampled_from(ZONES),
        ),
    ),
    "moment": (
        Kind.DATETIME,
        st.builds(
            Window,
            when=st.sampled_from(When),
            period=periods,
            zone=st.just("UTC"),
        ),
    ),
}
raws: dict[str, st.SearchStrategy[Raw]] = {
    "text": st.sampled_from([None, "", "a", "AB", "c"]),
    "number": st.one_of(st.sampled_from([None, "much"]), st.integers(-3, 3).map(str)),
    "set": st.sampled_from([None, "a", "a;b", "c", "a;b;c"]),
    "day": st.one_of(
        st.sampled_from([None, "soon", "9999-12-31", "0001-01-01", "2011-12-30"]),
        st.dates(NOW.date() - timedelta(days=500), NOW.date() + timedelta(days=500)).map(str),
    ),
    "moment": st.one_of(
        st.none(),
        st.integers(-500 * 24, 500 * 24).map(lambda h: (NOW + timedelta(hours=h)).isoformat()),
    ),
}


@st.composite
def clauses(draw: st.DrawFn) -> Clause:
    name = draw(st.sampled_from(sorted(checks)))
    kind, check = checks[name]
    negated = draw(st.booleans())
    return Clause(field=name, kind=kind, check=draw(check), words="do", negated=negated)


def groups(parts: st.SearchStrategy[Clause | Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(parts, max_size=3).map(tuple)
    return st.builds(Filter, match=st.sampled_from(Match), parts=several)


filters: st.SearchStrategy[Filter] = groups(
    st.recursive(clauses(), lambda inner: groups(inner), max_leaves=5)
)
records: st.SearchStrategy[dict[str, Raw]] = st.fixed_dictionaries(raws)
moments = st.integers(-600 * 24 * 60, 600 * 24 * 60).map(lambda m: NOW + timedelta(minutes=m))


def none_of(*parts: Clause | Filter) -> Filter:
    return Filter(match=Match.NONE, parts=parts)


@given(filters, filters, records, moments)
def test_de_morgan(one: Filter, two: Filter, record: dict[str, Raw], now: datetime) -> None:
    def says(wanted: Filter) -> bool:
        return evaluate(wanted, record, now)

    nots = (none_of(one), none_of(two))
    assert says(none_of(Filter(match=Match.ALL, parts=(one, two)))) == says(
        Filter(match=Match.ANY, parts=nots)
    )
    assert says(none_of(one, two)) == says(Filter(match=Match.ALL, parts=nots))
    assert says(none_of(Filter(match=Match.ANY, parts=(one, two)))) == says(none_of(one, two))
    assert says(none_of(none_of(one))) == says(one)
    assert not (says(one) and says(none_of(one)))


@given(filters, records, moments)
def test_what_can_be_read_passes_a_filter_or_its_opposite(
    wanted: Filter, record: dict[str, Raw], now: datetime
) -> None:
    readable = {name: None if raw in ("much", "soon") else raw for name, raw in record.items()}
    assert evaluate(wanted, readable, now) != evaluate(none_of(wanted), readable, now)


@given(filters, records, moments)
def test_a_reason_is_given_exactly_to_what_does_not_pass(
    wanted: Filter, record: dict[str, Raw], now: datetime
) -> None:
    assert evaluate(wanted, record, now) == (explain(wanted, record, now) == "")


@given(filters, records, moments, st.lists(st.floats(0, 1), max_size=8))
def test_no_verdict_changes_before_the_moment_told_and_then_it_does(
    wanted: Filter, record: dict[str, Raw], now: datetime, parts: list[float]
) -> None:
    turn = next_change(wanted, record, now)
    verdict = evaluate(wanted, record, now)
    until = turn if turn is not None else now + timedelta(days=3000)
    assert until > now
    for part in parts:
        assert evaluate(wanted, record, now + (until - now) * part * 0.999999) == verdict
    just_before = until - timedelta(microseconds=1)
    assert evaluate(wanted, record, max(now, just_before)) == verdict
    if turn is not None:
        assert evaluate(wanted, record, turn) != verdict


@given(st.sampled_from(["day", "moment"]), records, periods, st.sampled_from(ZONES), moments)
@example("day", {"day": "2011-12-30"}, Period(rest=timedelta(days=1)), "Pacific/Apia", NOW)
def test_the_past_and_the_future_are_each_divided_in_two(
    name: str, record: dict[str, Raw], period: Period, zone: str, now: datetime
) -> None:
    """A value is within the last or next period or beyond one; only today is in both."""
    kind = checks[name][0]

    def lies(when: When) -> bool:
        check = Window(when=when, period=period, zone=zone)
        clause = Clause(field=name, kind=kind, check=check, words="do")
        return evaluate(Filter(parts=(clause,)), record, now)

    found = [when for when in When if lies(when)]
    if record[name] in (None, "soon"):
        assert found == []
    elif name == "moment":
        assert len(found) == 1
    else:
        assert found in (
            [When.LAST],
            [When.NEXT],
            [When.LAST, When.NEXT],
            [When.OLDER],
            [When.FURTHER],
        )
