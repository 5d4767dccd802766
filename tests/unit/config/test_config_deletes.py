"""`deletes:` and `limits:` in the file: what is read, what is refused and where (F29)."""

from __future__ import annotations

import json

import pytest

from actors.mapping.compile import compile_sync
from actors.records import Side
from actors.spec import AfterDelete, SyncSpec
from daemon.config.reference import make_schema, write_manual
from tests.support.configs import GOOD, Load, Refused
from tests.unit.config.test_config_positions import ERP, HUB

FIRST = len(GOOD.splitlines()) + 1
"""The line on which what a test adds begins."""


def read(load: Load, *lines: str) -> SyncSpec:
    (spec,) = load(GOOD + "".join(f"      {line}\n" for line in lines)).specs()
    return spec


def test_without_a_word_deletes_are_not_followed(load: Load) -> None:
    spec = read(load)
    assert (spec.deletes, spec.delete_limit) == ({}, 10)
    assert read(load, "deletes: {to-erp: keep, to-hubspot: keep}").deletes == {}


def test_f29_each_direction_has_its_own(load: Load) -> None:
    spec = read(load, "deletes: {to-erp: archive, to-hubspot: {stage: Closed Lost}}")
    assert spec.deletes == {
        Side.LEFT: AfterDelete(stage="Closed Lost"),
        Side.RIGHT: AfterDelete(archive=True),
    }


def test_f29_fields_are_set_as_written(load: Load) -> None:
    spec = read(
        load,
        "deletes:",
        "  to-erp:",
        "    set: {comment: deleted in HubSpot, probability: 0}",
        "    stage: Lost",
        "limits: {deletes: 3}",
    )
    values = {"comment": "deleted in HubSpot", "probability": "0"}
    assert spec.deletes == {Side.RIGHT: AfterDelete(values=values, stage="Lost")}
    assert spec.delete_limit == 3


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("deletes: {to-erp: burn}", 25, "'burn' is not a choice here; known here: archive, keep"),
        ("deletes: {erp: archive}", 17, "unknown key; did you mean 'to-erp'?"),
        ("deletes: {to-erp: {field: 1}}", 26, "unknown key"),
        ("deletes: {to-erp: [archive]}", 25, "needs"),
        ("limits: {deletes: -1}", 25, "needs `int` >= 0"),
        ("limits: {deletes: many}", 25, "needs"),
    ],
)
def test_what_is_wrong_is_named_where_it_stands(
    refused: Refused, line: str, column: int, message: str
) -> None:
    (problem,) = refused(f"{GOOD}      {line}\n")
    assert problem.startswith(f"tieline.yaml:{FIRST}:{column}: ")
    assert message in problem


def test_i6_the_source_of_a_one_way_sync_is_not_touched_by_a_delete(refused: Refused) -> None:
    text = GOOD.replace("    deals:\n", "    deals:\n      direction: to-erp\n")
    (problem,) = refused(f"{text}      deletes: {{to-hubspot: archive}}\n")
    assert problem.startswith(f"tieline.yaml:{FIRST + 1}:")
    assert "records in hubspot are not changed by this sync" in problem


def test_what_does_not_fit_the_app_is_found_in_the_file(load: Load) -> None:
    config = load(f"{GOOD}      deletes:\n        to-erp:\n          set: {{nope: 1}}\n")
    (spec,) = config.specs()
    _, problems = compile_sync(spec, HUB, ERP)
    places = {
        (found.line, found.column): found.message
        for found in (config.locate(one, spec) for one in problems)
    }
    assert 'erp has no field "nope"' in places[FIRST + 2, 23]


def test_the_manual_and_the_schema_show_both_directions() -> None:
    manual = write_manual([])
    assert "| `to-FIRST_APP` | `keep` |" in manual
    schema = json.dumps(make_schema([]))
    assert '"^to-(?!' in schema
    assert '{"enum": ["keep", "archive"]}' in schema
