"""What each transform of F15 makes of values, by example."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from actors.errors import MappingError, OutsideDomainError
from actors.mapping.relations import Relation, Text, TextForm
from actors.mapping.templates import read_template
from actors.mapping.texts import relate_texts
from actors.mapping.transforms import Joined, Scaled, Segment, Slot, Template
from actors.phones import PhoneBook
from actors.spec import FieldSpec, Form, TooLong
from actors.values import Kind
from daemon.phones import WorldPhones
from tests.support.builders import LEFT, RIGHT, field

US = WorldPhones(region="US")


def texts(left: Kind, right: Kind, *forms: Form, max_length: int | None = None) -> Relation:
    """Return the relation of two texts of these kinds; `max_length` is of the right one."""
    fields = {LEFT: field("a", left), RIGHT: field("b", right, max_length=max_length)}
    found = relate_texts(FieldSpec(left="a", right="b", form=forms), fields, US)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("kind", "left", "right"),
    [
        (Kind.PHONE, "+1 (555) 010-0000", "+15550100000"),
        (Kind.PHONE, "(555) 010-0000", "+1 555 010 0000"),
        (Kind.PHONE, "+49 89 1234567", "+49 (0)89 / 123 45 67"),
        (Kind.EMAIL, "Ada@Example.org", "mailto:ada@example.org"),
        (Kind.DOMAIN, "https://www.Example.org/about", "example.org"),
        (Kind.URL, "http://Example.org/", "example.org"),
        (Kind.URL, "https://example.org:443/A", "example.org/A"),
        (Kind.DOMAIN, "bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_f15_what_differs_only_in_spelling_agrees_and_is_not_rewritten(
    kind: Kind, left: str, right: str
) -> None:
    for relation in (texts(kind, kind), texts(kind, Kind.TEXT), texts(Kind.TEXT, kind)):
        assert relation.agree((left,), (right,))
        assert relation.to_right((left,), (right,)) == (right,)
        assert relation.to_left((right,), (left,)) == (left,)


@pytest.mark.parametrize(
    ("kind", "left", "right"),
    [
        (Kind.PHONE, "+15550100000", "+15550100001"),
        (Kind.PHONE, "+15550100000", "+15550100000 ext. 7"),
        (Kind.PHONE, "+39 06 1234567", "+39 6 1234567"),
        (Kind.EMAIL, "ada@example.org", "ada@example.com"),
        (Kind.URL, "example.org/A", "example.org/a"),
        (Kind.DOMAIN, "mail.example.org", "example.org"),
    ],
)
def test_f15_what_says_something_else_does_not_agree(kind: Kind, left: str, right: str) -> None:
    relation = texts(kind, kind)
    assert not relation.agree((left,), (right,))
    assert relation.to_right((left,), (right,)) == (left,)


def test_f15_a_number_is_written_as_it_stands_unless_only_its_plain_form_fits() -> None:
    spelled = "+1 (555) 010-0000"
    assert texts(Kind.PHONE, Kind.PHONE).to_right((spelled,), (None,)) == (spelled,)
    short = texts(Kind.PHONE, Kind.PHONE, max_length=12)
    assert short.to_right((spelled,), (None,)) == ("+15550100000",)
    assert short.to_left(("+15550100000",), (spelled,)) == (spelled,)
    with pytest.raises(OutsideDomainError, match="12 characters, 8 fit"):
        texts(Kind.PHONE, Kind.PHONE, max_length=8).to_right((spelled,), (None,))


def test_f15_a_form_is_written_and_does_not_count_when_compared() -> None:
    phone = texts(Kind.PHONE, Kind.PHONE, Form.E164)
    assert phone.to_right(("(555) 010-0000",), (None,)) == ("+15550100000",)
    city = texts(Kind.TEXT, Kind.TEXT, Form.COLLAPSE, Form.UPPER)
    assert city.to_right(("  san   josé ",), ("Bonn",)) == ("SAN JOSÉ",)
    assert city.to_right(("  san   josé ",), ("San José",)) == ("San José",)
    name = texts(Kind.TEXT, Kind.TEXT, Form.TITLE)
    assert name.to_right(("ada o'HARA",), (None,)) == ("Ada O'hara",)


def test_f15_the_domain_of_an_address_goes_one_way_and_that_of_a_web_site_both() -> None:
    mail = texts(Kind.EMAIL, Kind.DOMAIN)
    assert mail.to_right(("Ada@Example.org",), (None,)) == ("example.org",)
    assert not mail.ways.allows(LEFT)
    site = texts(Kind.URL, Kind.DOMAIN)
    assert site.to_left(("example.org",), ("https://example.org/about",)) == (
        "https://example.org/about",
    )
    assert site.to_left(("example.org",), (None,)) == ("https://example.org",)


@pytest.mark.parametrize("pair", [(Kind.PHONE, Kind.EMAIL), (Kind.URL, Kind.EMAIL)])
def test_f14_texts_that_never_say_the_same_are_not_mapped(pair: tuple[Kind, Kind]) -> None:
    fields = {LEFT: field("a", pair[0]), RIGHT: field("b", pair[1])}
    assert relate_texts(FieldSpec(left="a", right="b"), fields, US) is None


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("+1 (555) 010-0000", "+15550100000"),
        ("0049 89 1", "+49891"),
        ("555-0100", "5550100"),
        ("ext. seven", "ext. seven"),
        ("  ", ""),
    ],
)
def test_f15_without_a_book_of_the_world_only_separators_go(text: str, e164: str) -> None:
    assert PhoneBook().e164(text) == e164


# --- numbers --------------------------------------------------------------------------------


def scaled(scale: str, **digits: int) -> Scaled:
    return Scaled(scale=Decimal(scale), **digits)


def test_f15_cents_and_percent() -> None:
    cents = scaled("0.01", left_digits=0, right_digits=2)
    assert cents.to_right((Decimal(1999),), (None,)) == (Decimal("19.99"),)
    assert cents.to_left((Decimal("19.99"),), (Decimal(5),)) == (Decimal(1999),)
    percent = scaled("100", right_digits=0)
    assert percent.to_right((Decimal("0.254"),), (None,)) == (Decimal(25),)
    assert percent.to_left((Decimal(25),), (Decimal("0.254"),)) == (Decimal("0.254"),)


def test_f15_a_scale_that_does_not_divide_evenly_comes_to_rest() -> None:
    third = scaled("3")
    (back,) = third.to_left((Decimal(1),), (None,))
    assert back == Decimal("0.333333333333")
    assert third.to_right((back,), (Decimal(1),)) == (Decimal(1),)


def test_f15_a_number_that_no_field_can_hold_is_refused() -> None:
    with pytest.raises(OutsideDomainError, match="more digits"):
        scaled("1e12").to_right((Decimal("9" * 95),), (None,))


# --- joined fields --------------------------------------------------------------------------


def joined(by: str = " ", **rest: Any) -> Joined:
    parts = (TextForm(), TextForm())
    return Joined(parts=parts, whole=TextForm(), by=by, whole_on_right=True, **rest)


@pytest.mark.parametrize(
    ("whole", "present", "parts"),
    [
        ("Ada Lovelace", (None, None), ("Ada", "Lovelace")),
        ("Ada King Lovelace", (None, None), ("Ada King", "Lovelace")),
        ("Ludwig van Beethoven", (None, None), ("Ludwig", "van Beethoven")),
        ("Madonna", (None, None), ("Madonna", None)),
        ("Ada King Noel", ("Ada", "Lovelace"), ("Ada", "King Noel")),
        ("Anne Mary King Noel", ("Ada", "King Noel"), ("Anne Mary", "King Noel")),
        (" Ada  Lovelace", ("Ada", "Lovelace"), ("Ada", "Lovelace")),
        (None, ("Ada", None), (None, None)),
    ],
)
def test_f15_a_name_is_split_as_its_parts_stand_or_before_the_last_name(
    whole: str | None, present: tuple[str | None, ...], parts: tuple[str | None, ...]
) -> None:
    assert joined().to_left((whole,), present) == parts


def test_f15_parts_are_joined_in_their_order_with_any_sign() -> None:
    assert joined().to_right(("Ada", None), (None,)) == ("Ada",)
    assert joined(", ").to_right(("Lovelace", "Ada"), (None,)) == ("Lovelace, Ada",)
    assert joined(", ").to_left(("Lovelace,Ada",), (None, None)) == ("Lovelace", "Ada")
    assert joined("\n").to_left(("Main St 1\nBonn\nGermany",), (None, None)) == (
        "Main St 1",
        "Bonn\nGermany",
    )


def test_f15_a_part_that_does_not_fit_is_refused_and_not_cut() -> None:
    relation = Joined(
        parts=(TextForm(max_length=3), TextForm()),
        whole=TextForm(),
        by=" ",
        whole_on_right=True,
        too_long=TooLong.SHORTEN,
    )
    with pytest.raises(OutsideDomainError, match="7 characters, 3 fit"):
        relation.to_left(("Annabel Lee",), (None, None))


# --- templates ------------------------------------------------------------------------------


def template(text: str, *slots: Slot, **form: Any) -> Template:
    segments, names = read_template(text)
    made = slots or tuple(Slot(kind=Kind.TEXT) for _ in names)
    return Template(
        segments=segments,
        slots=made,
        text=Text(left=TextForm(), right=TextForm(**form)),
        on_right=True,
    )


def test_f15_a_template_shows_fields_and_leaves_out_what_is_optional_and_empty() -> None:
    relation = template("{first} {last}[ – {company}]")  # noqa: RUF001  (as people write it)
    assert relation.render(("Ada", "Lovelace", "Engines")) == "Ada Lovelace – Engines"  # noqa: RUF001
    assert relation.render(("Ada", None, None)) == "Ada"
    assert relation.render((None, None, None)) is None
    assert relation.to_right(("Ada", "L", None), ("old",)) == ("Ada L",)


def test_f15_a_template_shows_choices_and_people_by_what_they_are_called() -> None:
    relation = template(
        "{{{a}}} [[{b}]]", Slot(kind=Kind.ENUM, labels={"1": "One"}), Slot(kind=Kind.NUMBER)
    )
    assert relation.render(("1", Decimal("2.50"))) == "{One} [2.50]"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("nothing", "shows no field"),
        ("{a", "is no field; write {name}"),
        ("{}", "is no field"),
        ("[{a}", "has no partner"),
        ("{a}]", "has no partner"),
        ("[[{a}", None),
    ],
)
def test_f15_a_template_that_is_not_well_formed_is_refused(text: str, word: str | None) -> None:
    if word is None:
        assert read_template(text)[0] == (Segment(parts=("[", 0)),)
        return
    with pytest.raises(MappingError) as caught:
        read_template(text)
    assert word in str(caught.value)


def test_f15_nothing_comes_back_from_a_template() -> None:
    with pytest.raises(OutsideDomainError, match="cannot be taken apart"):
        template("{a}").to_left(("x",), ("y",))


def test_the_sides_of_a_relation_may_be_the_other_way_round() -> None:
    relation = Joined(
        parts=(TextForm(), TextForm()), whole=TextForm(), by=" ", whole_on_right=False
    )
    assert relation.to_right(("Ada Lovelace",), (None, None)) == ("Ada", "Lovelace")
    assert relation.is_blank((None, None)) and not relation.is_blank((None, "Lovelace"))
