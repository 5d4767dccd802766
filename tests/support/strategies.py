"""Hypothesis strategies for values, for relations with values of their domains, and for units."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from actors.mapping.relations import (
    CurrencyForm,
    DateInZone,
    Moment,
    Money,
    Number,
    Pairs,
    PairSets,
    People,
    Relation,
    Same,
    Text,
    TextForm,
    Values,
)
from actors.spec import TooLong
from actors.values import Kind, Raw, Scalar, parse

Case = tuple[Relation, Values, Values]
"""A relation with a value of each side."""

# --- text -----------------------------------------------------------------------------------

AWKWARD = [
    "",
    " ",
    "\n",
    "\r\n",
    "\t",
    "\u00a0",
    "e\u0301",
    "é",
    "ß",
    "\u200b",
    "\u202e",
    "🙂",
    "A",
]
texts = st.lists(st.one_of(st.sampled_from(AWKWARD), st.text(max_size=4)), max_size=6).map("".join)
canonical_texts: st.SearchStrategy[Scalar] = texts.filter(lambda raw: "\x00" not in raw).map(
    lambda raw: parse(Kind.TEXT, raw)
)
forms = st.builds(
    TextForm,
    trims=st.booleans(),
    multiline=st.booleans(),
    max_length=st.one_of(st.none(), st.integers(1, 8)),
)


def held(form: TextForm, text: Scalar) -> Scalar:
    """Return a text as a side of this form could really hold it."""
    assert text is None or isinstance(text, str)
    return form.shape(text, TooLong.SHORTEN)


@st.composite
def text_cases(draw: st.DrawFn) -> Case:
    left, right = draw(forms), draw(forms)
    relation = Text(left=left, right=right, too_long=draw(st.sampled_from(TooLong)))
    one = held(left, draw(canonical_texts))
    near = [one, *(() if one is None else (f"{one}!", f" {one} ", f"{one}\n", str(one)[:3]))]
    two = held(right, draw(st.one_of(canonical_texts, st.sampled_from(near))))
    return relation, (one,), (two,)


# --- numbers and money ----------------------------------------------------------------------

decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15)
digits = st.one_of(st.none(), st.integers(0, 4))


def _kept(number: Decimal, places: int | None) -> Decimal:
    return number if places is None else round(number, places)


@st.composite
def number_cases(draw: st.DrawFn) -> tuple[Number, tuple[Scalar], tuple[Scalar]]:
    relation = Number(left_digits=draw(digits), right_digits=draw(digits))
    number = draw(st.one_of(st.decimals(-50, 50, places=3), decimals))
    other = draw(st.one_of(st.just(number), st.decimals(-50, 50, places=3), decimals))
    left = draw(st.sampled_from([None, _kept(number, relation.left_digits)]))
    right = draw(st.sampled_from([None, _kept(other, relation.right_digits)]))
    return relation, (left,), (right,)


CURRENCIES = ["EUR", "USD", "CHF"]


@st.composite
def currency_forms(draw: st.DrawFn) -> CurrencyForm:
    known = draw(st.one_of(st.just([]), st.just(CURRENCIES[:2]), st.just(CURRENCIES)))
    default = draw(st.sampled_from([None, *(known or CURRENCIES)]))
    return CurrencyForm(default=default, known=frozenset(known))


@st.composite
def money_cases(draw: st.DrawFn) -> Case:
    amount, left, right = draw(number_cases())
    relation = Money(amount=amount, left=draw(currency_forms()), right=draw(currency_forms()))
    one, two = (
        draw(st.sampled_from([None, *(form.known or [*CURRENCIES, "eur"])]))
        for form in (relation.left, relation.right)
    )
    return relation, (*left, one), (*right, two)


# --- days and moments -----------------------------------------------------------------------

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",  # midnight did not exist on some days
    "Asia/Beirut",
    "America/St_Johns",  # changed its clocks at a minute past midnight
    "Australia/Lord_Howe",  # half an hour of daylight saving
    "Pacific/Apia",  # had no 30 December 2011
    "Pacific/Kiritimati",
    "Asia/Kathmandu",
    "America/New_York",
]
EVENTFUL = [
    datetime(2011, 12, 30, 10, tzinfo=UTC),
    datetime(2018, 11, 4, 3, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2006, 10, 29, 2, 31, tzinfo=UTC),
]
moments = st.one_of(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.tuples(st.sampled_from(EVENTFUL), st.integers(-(2 * 86400), 2 * 86400)).map(
        lambda near: near[0] + timedelta(seconds=near[1])
    ),
)


@st.composite
def day_cases(draw: st.DrawFn) -> Case:
    relation = DateInZone(zone=draw(st.sampled_from(ZONES)), day_on_right=draw(st.booleans()))
    moment = draw(moments)
    day = moment.astimezone(ZoneInfo(relation.zone)).date()
    near = st.integers(-2, 2).map(lambda days: day + timedelta(days=days))
    instant: Scalar = draw(st.one_of(st.none(), st.just(moment)))
    date_: Scalar = draw(st.one_of(st.none(), near, st.dates(date(1900, 1, 1))))
    ends = ((instant,), (date_,)) if relation.day_on_right else ((date_,), (instant,))
    return relation, *ends


@st.composite
def moment_cases(draw: st.DrawFn) -> Case:
    moment = draw(moments)
    near = st.integers(-2000, 2000).map(lambda off: moment + timedelta(microseconds=off))
    other: Scalar = draw(st.one_of(st.none(), near, moments))
    return Moment(), (draw(st.sampled_from([None, moment])),), (other,)


# --- listed pairs ---------------------------------------------------------------------------

LEFTS, RIGHTS = "abcde", "vwxyz"
letter_pairs = st.lists(
    st.tuples(st.sampled_from(LEFTS[:4]), st.sampled_from(RIGHTS[:4])), min_size=1, unique=True
).map(tuple)


@st.composite
def option_cases(draw: st.DrawFn) -> Case:
    """Many-to-many options, some of them unlisted."""
    pairs = tuple(((one,), (two,)) for one, two in draw(letter_pairs))
    left, right = draw(st.sampled_from([None, *LEFTS])), draw(st.sampled_from([None, *RIGHTS]))
    return Pairs(pairs=pairs), (left,), (right,)


@st.composite
def stage_cases(draw: st.DrawFn) -> Case:
    """Pairs of (pipeline, stage), many to many, over two pipelines a side."""
    ends = [
        st.tuples(st.sampled_from(["p", "q"]), st.sampled_from(letters[:3]))
        for letters in (LEFTS, RIGHTS)
    ]
    pairs = draw(st.lists(st.tuples(*ends), min_size=1, unique=True).map(tuple))
    empty = st.just((None, None))
    left, right = (draw(st.one_of(end, empty)) for end in ends)
    return Pairs(pairs=pairs, what="stage"), left, right


@st.composite
def set_cases(draw: st.DrawFn) -> Case:
    left, right = (
        draw(st.frozensets(st.sampled_from(letters)).map(lambda members: members or None))
        for letters in (LEFTS, RIGHTS)
    )
    return PairSets(pairs=draw(letter_pairs)), (left,), (right,)


@st.composite
def people_cases(draw: st.DrawFn) -> Case:
    left, right = draw(st.sampled_from([None, *LEFTS])), draw(st.sampled_from([None, *RIGHTS]))
    return People(pairs=draw(letter_pairs)), (left,), (right,)


@st.composite
def same_cases(draw: st.DrawFn) -> Case:
    values: st.SearchStrategy[Scalar] = draw(
        st.sampled_from([st.booleans(), st.dates(), st.sampled_from(LEFTS)])
    )
    return Same(), (draw(st.none() | values),), (draw(st.none() | values),)


CASES: dict[str, Callable[[], st.SearchStrategy[Case]]] = {
    "same": same_cases,
    "text": text_cases,
    "number": number_cases,
    "money": money_cases,
    "day": day_cases,
    "moment": moment_cases,
    "options": option_cases,
    "stages": stage_cases,
    "sets": set_cases,
    "people": people_cases,
}


# --- raw values -----------------------------------------------------------------------------

raw_numbers = st.one_of(
    decimals.map(str),
    st.from_regex(r"-?[0-9]{1,40}(\.[0-9]{1,40})?(e-?[0-9]{1,12})?", fullmatch=True),
)
raw_moments = st.one_of(
    moments.map(datetime.isoformat),
    st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
)
RAWS: dict[Kind, st.SearchStrategy[str]] = {
    Kind.TEXT: texts,
    Kind.NUMBER: raw_numbers,
    Kind.BOOLEAN: st.sampled_from(["true", "false"]),
    Kind.DATE: st.dates().map(date.isoformat),
    Kind.DATETIME: raw_moments,
    Kind.ENUM: st.sampled_from("abc"),
    Kind.MULTI_ENUM: st.lists(st.sampled_from("abcz")).map(";".join),
    Kind.REFERENCE: st.sampled_from("123"),
}


def raws(kind: Kind) -> st.SearchStrategy[Raw]:
    """Return what an app may serve for a field of this kind: mostly good, sometimes nonsense."""
    return st.one_of(st.none(), st.just(""), RAWS[kind], RAWS[kind], st.text(max_size=5))
