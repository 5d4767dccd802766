"""Lines of `fields:` in every shape: what they become, and what is refused at which place."""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors.phones import PhoneBook
from actors.records import Side
from actors.spec import Blank, Direction, Drift, FieldSpec, Form, Join, Prefer, Rules
from actors.values import Kind
from daemon.config.reference import write_manual
from daemon.phones import WorldPhones
from tests.support.configs import GOOD, Load, Refused

LINE = "        - {hubspot: amount, erp: amount}\n"


def with_line(line: str, text: str = GOOD) -> str:
    assert LINE in text
    return text.replace(LINE, f"        - {line}\n")


def field(load: Load, line: str) -> FieldSpec:
    (spec,) = load(with_line(line)).specs()
    return spec.fields[1]


def test_f15_every_key_of_a_line_finds_its_way_into_the_spec(load: Load) -> None:
    line = (
        "{hubspot: phone, erp: telephone, kind: phone, form: [e164, trim], too_long: shorten,"
        " default: {erp: none, hubspot: 0}}"
    )
    found = field(load, line)
    assert (found.kind, found.form) == (Kind.PHONE, (Form.E164, Form.TRIM))
    assert found.defaults == {Side.LEFT: "0", Side.RIGHT: "none"}
    assert field(load, "{hubspot: a, erp: b, scale: 1e-2}").scale == Decimal("0.01")
    assert field(load, "{erp: b, template: '{a} {c}'}").template == "{a} {c}"
    assert field(load, "{erp: b, constant: yes}") == FieldSpec(left="", right="b", constant="yes")


def test_f15_a_list_of_fields_is_joined_by_a_blank_or_what_the_line_says(load: Load) -> None:
    name = field(load, "{hubspot: [firstname, lastname], erp: name}")
    assert (name.left, name.right) == ("firstname", "name")
    assert name.join == Join(side=Side.LEFT, fields=("firstname", "lastname"), by=" ")
    other = field(load, '{hubspot: name, erp: [lastname, firstname], join: ", "}')
    assert other.join == Join(side=Side.RIGHT, fields=("lastname", "firstname"), by=", ")
    assert field(load, "{hubspot: [name], erp: name}").join is None


def test_f15_the_region_of_phone_numbers_is_the_connections(load: Load) -> None:
    text = GOOD.replace("    deals:", "    phone_region: DE\n    deals:")
    (spec,) = load(text).specs()
    assert spec.phones == WorldPhones(region="DE")
    assert spec.phones != PhoneBook(region="DE")
    assert spec.phones.e164("089 1234567") == "+49891234567"


RULES = Rules(prefer=Prefer.LEFT)


@pytest.mark.parametrize(
    ("rule", "direction", "rules"),
    [
        ("two-way", Direction.BOTH, Rules(prefer=Prefer.LATEST, blank=Blank.PROPAGATE)),
        (
            "Always hubspot",
            Direction.TO_RIGHT,
            Rules(blank=Blank.PROPAGATE, drift=Drift.RESTORE),
        ),
        ("always erp", Direction.TO_LEFT, Rules(blank=Blank.PROPAGATE, drift=Drift.RESTORE)),
        (
            "prefer erp unless blank",
            Direction.BOTH,
            Rules(prefer=Prefer.RIGHT, lead=Side.RIGHT),
        ),
        ("prefer hubspot unless blank", Direction.BOTH, Rules(lead=Side.LEFT)),
    ],
)
def test_f22a_a_rule_by_name_says_direction_winner_and_what_emptiness_does(
    load: Load, rule: str, direction: Direction, rules: Rules
) -> None:
    found = field(load, f"{{hubspot: a, erp: b, rule: {rule}}}")
    assert (found.direction, found.rules) == (direction, rules)
    assert not found.is_off


@pytest.mark.parametrize("words", ["don't sync", "do not sync"])
def test_f22a_a_line_may_be_turned_off_by_name(load: Load, words: str) -> None:
    assert field(load, f'{{hubspot: a, erp: b, rule: "{words}"}}').is_off


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{hubspot: a}", "19:11: connections.sales.deals.fields[1]: `erp` is missing"),
        ("{direction: both}", "19:11: connections.sales.deals.fields[1]: names no field; add"),
        ("{hubspot: a, erp: b, scale: lots}", "19:39: connections.sales.deals.fields[1].scale: 'l"),
        ("{hubspot: a, erp: b, scale: 0}", "19:39: connections.sales.deals.fields[1].scale: '0'"),
        ("{hubspot: a, erp: b, join: x}", "19:38: connections.sales.deals.fields[1].join: is abo"),
        ("{hubspot: [a, b], erp: [c, d]}", "19:21: connections.sales.deals.fields[1].hubspot: a "),
        ("{hubspot: [a, a], erp: c}", "19:21: connections.sales.deals.fields[1].hubspot: a list"),
        ('{hubspot: [a, b], erp: c, join: ""}', "19:43: connections.sales.deals.fields[1].join: "),
        (
            "{hubspot: a, erp: b, constant: x}",
            "19:42: connections.sales.deals.fields[1].constant: makes the value itself; remove",
        ),
        (
            '{erp: b, template: "{a", direction: to-erp}',
            '19:30: connections.sales.deals.fields[1].template: "{" is no field; write {name}',
        ),
        (
            "{erp: b, template: '{a}', constant: x}",
            "19:47: connections.sales.deals.fields[1].constant: a field has a template or",
        ),
        (
            "{erp: b, constant: x, default: {erp: y}}",
            "19:48: connections.sales.deals.fields[1].default.erp: there is no field that",
        ),
        ("{hubspot: a, erp: b, kind: fax}", "19:38: connections.sales.deals.fields[1].kind: 'fax'"),
        (
            "{hubspot: a, erp: b, form: [uper]}",
            "19:39: connections.sales.deals.fields[1].form[0]: 'uper' is not a choice here; did "
            "you mean 'upper'?",
        ),
        (
            "{hubspot: a, erp: b, rule: always hubspt}",
            "19:38: connections.sales.deals.fields[1].rule: 'always hubspt' is no rule; did you "
            "mean 'always hubspot'?",
        ),
        (
            "{hubspot: a, erp: b, rule: always hubspot unless blank}",
            "19:38: connections.sales.deals.fields[1].rule: 'always hubspot unless blank' is no",
        ),
        (
            "{hubspot: a, erp: b, rule: two-way, blank: ask}",
            "19:54: connections.sales.deals.fields[1].blank: `rule: two-way` says that already",
        ),
    ],
)
def test_f15_what_makes_no_sense_is_refused_at_its_place(
    refused: Refused, line: str, problem: str
) -> None:
    (found,) = refused(with_line(line))
    assert found.startswith(f"tieline.yaml:{problem}")


def test_f15_a_country_that_there_is_not_is_refused(refused: Refused) -> None:
    (found,) = refused(GOOD.replace("    deals:", "    phone_region: Germany\n    deals:"))
    assert found.startswith("tieline.yaml:10:19: connections.sales.phone_region: 'Germany' is no")


def test_f15_a_field_is_written_once_also_as_part_of_a_list(refused: Refused) -> None:
    (found,) = refused(with_line("{hubspot: name, erp: [description, more]}"))
    assert "'description' is written from two fields (also in line 18)" in found


def test_f15_the_manual_shows_every_shape_and_each_line_of_it_loads(load: Load) -> None:
    manual = write_manual([])
    _, _, page = manual.partition("## What a field line can do")
    lines = [row.split("|")[1].strip(" `") for row in page.splitlines() if row.startswith("| `{")]
    assert len(lines) >= 10
    for line in lines:
        found = field(load, line.replace("dealname, erp: description", "other, erp: other"))
        assert found.left or found.right
