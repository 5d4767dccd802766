"""Hypothesis strategies for transforms, with values as the two sides would really hold them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import strategies as st

from actors.errors import OutsideDomainError
from actors.mapping.forms import shaped
from actors.mapping.relations import Relation, Text, TextForm, Values, rounded
from actors.mapping.texts import relate_texts
from actors.mapping.transforms import Fixed, Free, Joined, Scaled, Segment, Slot, Template
from actors.phones import PhoneBook
from actors.records import Side
from actors.schema import Field
from actors.spec import FieldSpec, Form, TooLong
from actors.values import Kind, Scalar, parse
from daemon.phones import WorldPhones
from tests.support.strategies import canonical_texts, decimals, digits, forms, held

Case = tuple[Relation, Values, Values]

WORDS = [
    "Ada",
    "Lovelace",
    "van",
    "Beethoven",
    "ß",
    "ŉa",
    "İ",
    "e\u0301",
    ",",
    ", ",
    " ",
    "\n",
    "É",
]
words = st.lists(st.sampled_from(WORDS), max_size=5).map("".join)
ADDRESSES = [
    "+1 (555) 010-0000",
    "+15550100000",
    "(555) 010-0000",
    "0049 89 1234-567 ext. 12",
    "+39 06 1234567",
    "no number",
    "Ada@Example.ORG",
    "ada@example.org",
    "mailto:ada@bücher.example",
    "https://www.Example.org:443/A?b#c",
    "http://example.org/",
    "EXAMPLE.org",
    "example.org.",
    "ftp://me@example.org:80/x",
    "http://http://x",
    "@",
    "/",
    " ",
    "www.",
]
written: st.SearchStrategy[str] = st.one_of(
    words, st.sampled_from(ADDRESSES), canonical_texts.map(lambda one: str(one or ""))
)
phones = st.sampled_from([PhoneBook(), WorldPhones(), WorldPhones(region="US")])
TEXT_KINDS = [Kind.TEXT, Kind.PHONE, Kind.EMAIL, Kind.DOMAIN, Kind.URL]


@st.composite
def text_fields(draw: st.DrawFn) -> Field:
    form = draw(forms)
    return Field(
        name="f",
        label="F",
        kind=draw(st.sampled_from(TEXT_KINDS)),
        trims=form.trims,
        multiline=form.multiline,
        max_length=draw(st.sampled_from([None, form.max_length, 30])),
    )


@st.composite
def formed_cases(draw: st.DrawFn) -> Case:
    """Texts of any kinds that can be mapped, in any forms, the two often alike."""
    book = draw(phones)
    mapping = FieldSpec(
        left="f",
        right="f",
        form=tuple(draw(st.lists(st.sampled_from(Form), max_size=2, unique=True))),
        too_long=draw(st.sampled_from(TooLong)),
    )
    pair = st.fixed_dictionaries({side: text_fields() for side in Side})
    relation, fields = draw(
        pair.map(lambda two: (relate_texts(mapping, two, book), two)).filter(lambda one: one[0])
    )
    assert relation is not None
    left = draw(written)
    right = draw(st.one_of(written, st.just(left), _near(left, book)))
    values = [
        (held(_form(fields[side]), _canonical(text)),)
        for side, text in ((Side.LEFT, left), (Side.RIGHT, right))
    ]
    return relation, values[0], values[1]


def _form(field: Field) -> TextForm:
    return TextForm(trims=field.trims, multiline=field.multiline, max_length=field.max_length)


def _canonical(text: str) -> Scalar:
    return parse(Kind.TEXT, text.replace("\x00", ""))


def _near(text: str, book: PhoneBook) -> st.SearchStrategy[str]:
    return st.sampled_from(Form).map(lambda form: _shaped_or_same(form, text, book))


def _shaped_or_same(form: Form, text: str, book: PhoneBook) -> str:
    try:
        return shaped((form,), text, book)
    except OutsideDomainError:
        return text


SCALES = [Decimal(one) for one in ("0.01", "100", "3", "-1", "1e-12", "1.19", "7e9")]


@st.composite
def scaled_cases(draw: st.DrawFn) -> Case:
    relation = Scaled(
        scale=draw(st.sampled_from(SCALES)), left_digits=draw(digits), right_digits=draw(digits)
    )
    number = draw(st.one_of(st.decimals(-50, 50, places=3), decimals))
    other = draw(st.one_of(st.just(number * relation.scale), decimals))
    left = None if draw(st.booleans()) else rounded(number, relation.left_digits)
    right = rounded(other, relation.right_digits)
    return relation, (left,), (draw(st.sampled_from([None, right])),)


@st.composite
def joined_cases(draw: st.DrawFn) -> Case:
    count = draw(st.integers(2, 3))
    parts = tuple(draw(forms) for _ in range(count))
    relation = Joined(
        parts=parts,
        whole=draw(forms),
        by=draw(st.sampled_from([" ", ", ", "\n", "-"])),
        whole_on_right=draw(st.booleans()),
        too_long=draw(st.sampled_from(TooLong)),
    )
    here = tuple(held(form, _canonical(draw(written))) for form in parts)
    near = relation.by.join(str(part) for part in here if part)
    whole = (held(relation.whole, _canonical(draw(st.one_of(written, st.just(near))))),)
    return (relation, here, whole) if relation.whole_on_right else (relation, whole, here)


@st.composite
def template_cases(draw: st.DrawFn) -> Case:
    relation = Template(
        segments=(
            Segment(parts=(0, " ", 1)),
            Segment(parts=(" - ", 2), is_optional=True),
            Segment(parts=("/", 3, 4)),
        ),
        slots=tuple(
            Slot(kind=kind, labels={"a": "Alpha"})
            for kind in (Kind.TEXT, Kind.NUMBER, Kind.ENUM, Kind.DATETIME, Kind.MULTI_ENUM)
        ),
        text=Text(left=TextForm(), right=draw(forms), too_long=draw(st.sampled_from(TooLong))),
        on_right=draw(st.booleans()),
        zone=draw(st.sampled_from(["UTC", "Asia/Kathmandu"])),
    )
    sources = (
        draw(canonical_texts),
        draw(st.none() | decimals),
        draw(st.sampled_from([None, "a", "b"])),
        draw(st.none() | st.just(datetime(2026, 3, 2, 23, 59, tzinfo=UTC))),
        draw(st.sampled_from([None, frozenset("ab")])),
    )
    near = held(relation.text.right, relation.render(sources))
    target = (draw(st.one_of(st.just(near), canonical_texts.map(_as(relation.text.right)))),)
    return (relation, sources, target) if relation.on_right else (relation, target, sources)


def _as(form: TextForm) -> Callable[[Scalar], Scalar]:
    return lambda text: held(form, text)


@st.composite
def constant_cases(draw: st.DrawFn) -> Case:
    on_right = draw(st.booleans())
    values: list[Scalar] = [None, "a", "b", True, Decimal(1), date(2026, 3, 2)]
    target = (draw(st.sampled_from(values)),)
    fixed = draw(st.sampled_from(values[1:]))
    relation = draw(
        st.sampled_from([Fixed(value=fixed, on_right=on_right), Free(on_right=on_right)])
    )
    return (relation, (), target) if on_right else (relation, target, ())


TRANSFORMS: dict[str, Callable[[], st.SearchStrategy[Case]]] = {
    "formed": formed_cases,
    "scaled": scaled_cases,
    "joined": joined_cases,
    "template": template_cases,
    "constant": constant_cases,
}
