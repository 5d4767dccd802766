"""`filter:`, `create:` and `update:` in the file: what is read, what is refused and where."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from actors.mapping.compile import compile_sync
from actors.records import Side
from actors.spec import CHANGED, Condition, Conditions, Leave, Match, Operator, SyncSpec
from daemon.config.conditions import ASKS, OPERATORS
from daemon.config.reference import make_schema, write_manual
from tests.support.configs import GOOD, Load, Refused
from tests.unit.config.test_config_positions import ERP, HUB

FIRST = len(GOOD.splitlines()) + 1
"""The line on which what a test adds begins."""


def with_filter(text: str) -> str:
    """Return a good file with `filter:` and these lines in it, first on line FIRST + 1."""
    lines = "".join(f"        {line}\n" for line in text.splitlines())
    return f"{GOOD}      filter:\n{lines}"


def read(load: Load, text: str) -> SyncSpec:
    (spec,) = load(with_filter(text)).specs()
    return spec


def asks(field: str, operator: Operator, *operands: str) -> Condition:
    return Condition(field=field, operator=operator, operands=operands)


def test_without_a_filter_everything_takes_part(load: Load) -> None:
    (spec,) = load(GOOD).specs()
    assert (spec.filters, spec.leave) == ({}, Leave.STOP)
    assert spec.create == spec.update == (Side.LEFT, Side.RIGHT)


def test_f19_the_sketch_of_the_design_is_read(load: Load) -> None:
    spec = read(load, "hubspot: {amount: {gte: 1000}}")
    assert spec.filters == {
        Side.LEFT: Conditions(parts=(asks("amount", Operator.AT_LEAST, "1000"),))
    }


def test_f19_fields_groups_words_and_short_forms(load: Load) -> None:
    spec = read(
        load,
        """\
hubspot:
  dealtype: newbusiness
  owner: [ann@example.org, "12"]
  amount: {gte: 1000, less-than: 5000.50}
  changed: {last: 90 days}
  any:
    - closedate: {known: false}
    - closedate: {between: [2026-01-01, 2026-12-31]}
      dealname: {not_contains: test}
  none: [{dealname: {contains: x}}]
  fields: {any: yes, changed: {unknown: true}}
erp: [{description: {known: true}}, {amount: {">": 3}}]
leave: first-sync-only
""".replace('{">": 3}', "{more than: 3}"),
    )
    closing = Conditions(
        parts=(
            asks("closedate", Operator.BETWEEN, "2026-01-01", "2026-12-31"),
            asks("dealname", Operator.NOT_CONTAINS, "test"),
        )
    )
    unknown = Conditions(parts=(asks("closedate", Operator.UNKNOWN),))
    held = Conditions(parts=(asks("dealname", Operator.CONTAINS, "x"),))
    assert spec.filters[Side.LEFT].parts == (
        asks("dealtype", Operator.EQUALS, "newbusiness"),
        asks("owner", Operator.IN, "ann@example.org", "12"),
        asks("amount", Operator.AT_LEAST, "1000"),
        asks("amount", Operator.LESS, "5000.50"),
        asks(CHANGED, Operator.LAST, "90 days"),
        Conditions(match=Match.ANY, parts=(unknown, closing)),
        Conditions(match=Match.NONE, parts=(held,)),
        asks("any", Operator.EQUALS, "yes"),
        asks("changed", Operator.UNKNOWN),
    )
    assert spec.filters[Side.RIGHT] == Conditions(
        parts=(
            Conditions(parts=(asks("description", Operator.KNOWN),)),
            Conditions(parts=(asks("amount", Operator.MORE, "3"),)),
        )
    )
    assert spec.leave is Leave.FIRST_SYNC_ONLY


def test_f20_creates_and_updates_are_switched_per_direction(load: Load) -> None:
    (spec,) = load(f"{GOOD}      create: [erp]\n      update: []\n").specs()
    assert (spec.create, spec.update) == ((Side.RIGHT,), ())


def test_f20_a_side_that_the_direction_forbids_is_refused(refused: Refused) -> None:
    text = f"{GOOD}      direction: to-erp\n      update: [hubspot, erp]\n"
    assert refused(text) == [
        f"tieline.yaml:{FIRST + 1}:16: connections.sales.deals.update[0]:"
        " the direction forbids to write to hubspot; remove it here"
    ]


@pytest.mark.parametrize(
    ("text", "column", "path", "message"),
    [
        ("hubspot: {amount: {bigger: 3}}", 28, "hubspot.amount.bigger", "is no operator"),
        ("hubspot: {amount: {older: 3}}", 28, "hubspot.amount.older", "mean 'older than'"),
        ("hubspot: {amount: {}}", 19, "hubspot.amount", "needs an operator"),
        ("hubspot: {amount: {gte: }}", 28, "hubspot.amount.gte", "needs a value"),
        ("hubspot: {amount: {gte: {a: b}}}", 28, "hubspot.amount.gte", "needs a value"),
        ("hubspot: {amount: null}", 19, "hubspot.amount", "known: false"),
        ("hubspot: {amount: []}", 19, "hubspot.amount", "needs a value"),
        ("hubspot: {amount: {known: maybe}}", 28, "hubspot.amount.known", "true or false"),
        ("hubspot: {any: {a: 1}}", 19, "hubspot.any", "needs a list"),
        ("hubspot: {any: []}", 19, "hubspot.any", "needs a list"),
        ("hubspot: {any: [3]}", 25, "hubspot.any[0]", "needs fields"),
        ("hubspot: {fields: 3}", 19, "hubspot.fields", "needs a mapping"),
        ("hubspot: {}", 18, "hubspot", "is empty"),
        ("hubspot: big", 18, "hubspot", "needs fields"),
        ("hubspt: {amount: 1}", 9, "hubspt", "did you mean 'hubspot'?"),
        ("leave: never", 16, "leave", "is not a choice here"),
    ],
)
def test_f19_what_is_wrong_is_told_with_its_place(
    refused: Refused, text: str, column: int, path: str, message: str
) -> None:
    (problem,) = refused(with_filter(text))
    start = f"tieline.yaml:{FIRST + 1}:{column}: connections.sales.deals.filter.{path}: "
    assert problem.startswith(start)
    assert message in problem


def test_groups_without_end_are_refused_and_not_followed(refused: Refused) -> None:
    deep = "{any: [" * 30 + "{a: 1}" + "]}" * 30
    assert "nested deeper than" in refused(with_filter(f"hubspot: {deep}"))[0]


@pytest.mark.parametrize(
    ("text", "line", "path", "message"),
    [
        ("hubspot: {color: red}", 1, "hubspot.color", 'hubspot: there is no field "color"'),
        ("hubspot:\n  amount: {contains: 3}", 2, "hubspot.amount.contains", "does not fit"),
        ("hubspot:\n  amount:\n    lt: 5\n    gte: lots", 4, "hubspot.amount.gte", "not a number"),
        ("erp:\n  any:\n    - amount: 1\n    - stage: Nowhere", 4, "erp.any[1].stage", "no value"),
        ("erp:\n  - amount: 1\n  - nope: 1", 3, "erp[1].nope", 'no field "nope"'),
        ("erp:\n  all:\n    - amount: 1\n      nope: 2", 4, "erp.all.nope", 'no field "nope"'),
        ("erp:\n  fields:\n    all: 1", 3, "erp.fields.all", 'no field "all"'),
    ],
)
def test_f19_what_does_not_fit_the_apps_is_told_with_its_place(
    load: Load, tmp_path: Path, text: str, line: int, path: str, message: str
) -> None:
    config = load(with_filter(text))
    (spec,) = config.specs()
    _, problems = compile_sync(spec, HUB, ERP)
    (found,) = [str(config.locate(one, spec)).replace(f"{tmp_path}/", "") for one in problems]
    assert found.startswith(f"tieline.yaml:{FIRST + line}:")
    assert f": connections.sales.deals.filter.{path}: " in found
    assert message in found


def test_the_schema_and_the_manual_know_every_operator() -> None:
    schema = json.loads(json.dumps(make_schema([])))
    mapping, listing = schema["$defs"]["conditions"]["anyOf"]
    assert set(mapping["properties"]) == {"all", "any", "none", "changed", "fields"}
    assert listing["items"] == {"$ref": "#/$defs/conditions"}
    (pattern,) = mapping["additionalProperties"]["anyOf"][1]["patternProperties"]
    manual = write_manual([])
    for word in OPERATORS:
        assert re.search(pattern, word)
        assert re.search(pattern, word.replace(" ", "-"))
        assert f"`{word}`" in manual
    assert not re.search(pattern, "bigger")
    assert set(ASKS) == set(Operator)
    (connection,) = schema["properties"]["connections"]["patternProperties"].values()
    section = connection["properties"]["deals"]["properties"]["filter"]
    assert section["properties"]["leave"]["enum"] == ["stop", "first-sync-only"]
    assert list(section["patternProperties"].values()) == [{"$ref": "#/$defs/conditions"}]
    fields = connection["properties"]["deals"]["properties"]["fields"]["items"]
    named = next(iter(fields["patternProperties"].values()))["anyOf"]
    assert "string" in named[0]["type"]
