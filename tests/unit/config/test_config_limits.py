"""`limits:`, `first_load:`, `require_plan:` and `marker:` in the file."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from actors.records import Side
from actors.spec import FirstLoad, Limits, SyncSpec
from daemon.config.reference import make_schema, write_manual
from tests.support.builders import NAME, problems
from tests.support.configs import GOOD, Load, Refused

FIRST = len(GOOD.splitlines()) + 1


def read(load: Load, *lines: str) -> SyncSpec:
    (spec,) = load(GOOD + "".join(f"      {line}\n" for line in lines)).specs()
    return spec


def test_without_a_word_limits_are_such_that_a_normal_team_never_meets_them(load: Load) -> None:
    spec = read(load)
    assert spec.limits == Limits(creates=500, changes=1000, blanks=50, regressions=20)
    assert (spec.first_load, spec.require_plan, spec.markers) == (FirstLoad(), False, {})


def test_f25_limits_are_read_and_each_or_all_may_be_none(load: Load) -> None:
    spec = read(load, "limits: {creates: 7, blanks: none, window: 1d, vanished: 90}")
    assert spec.limits == Limits(creates=7, blanks=None, window=timedelta(days=1), vanished=90)
    assert read(load, "limits: {deletes: 3}").delete_limit == 3
    nothing = read(load, "limits: none")
    assert (nothing.limits.creates, nothing.limits.changes) == (None, None)
    assert (nothing.limits.vanished, nothing.delete_limit) == (50, 1_000_000)


def test_f25_a_careful_first_load_and_a_marker(load: Load) -> None:
    spec = read(
        load,
        "first_load: {link_only: true, ramp: 20}",
        "require_plan: true",
        "marker: {hubspot: {made_by: tieline, robot: true}}",
    )
    assert spec.first_load == FirstLoad(link_only=True, ramp=20)
    assert spec.require_plan
    assert spec.markers == {Side.LEFT: {"made_by": "tieline", "robot": "true"}}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("limits: {creates: many}", "limits.creates: needs a whole number from 0 up, or none"),
        ("limits: {creates: -1}", "limits.creates: needs a whole number from 0 up, or none"),
        ("limits: all", "limits: 'all' is not a choice here"),
        ("limits: {window: 1s}", "limits.window: is too short to count in; use 1m or more"),
        ("limits: {vanished: 0}", "limits.vanished: "),
        ("limits: {deletions: 1}", "unknown key"),
        ("first_load: {ramp: 0}", "first_load.ramp: "),
        ("marker: {hubspott: {a: b}}", "unknown key"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(refused: Refused, line: str, words: str) -> None:
    (problem,) = refused(GOOD + f"      {line}\n")
    assert problem.startswith(f"tieline.yaml:{FIRST}:")
    assert words in problem


def test_a_marker_where_nothing_is_created_is_refused(refused: Refused) -> None:
    text = GOOD + "      create: [hubspot]\n      marker: {erp: {a: b}}\n"
    (problem,) = refused(text)
    assert "marker.erp: no records are created in erp, so nothing gets a marker" in problem


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("nowhere", 'erp has no field "nowhere"'),
        ("title", '"title" is synced; a marker needs a field of its own'),
        ("state", '"state" is synced'),
    ],
)
def test_a_marker_needs_a_field_of_its_own(field: str, words: str) -> None:
    (problem,) = problems(NAME, markers={Side.RIGHT: {field: "x"}})
    assert problem.path == ("markers", "right", field)
    assert words in problem.message


def test_the_schema_and_the_manual_know_them() -> None:
    schema = json.loads(json.dumps(make_schema([])))
    (connection,) = schema["properties"]["connections"]["patternProperties"].values()
    limits = connection["properties"]["deals"]["properties"]["limits"]["anyOf"]
    assert limits[0]["properties"]["creates"]["anyOf"] == [
        {"type": "integer", "minimum": 0},
        {"enum": ["none"]},
    ]
    assert limits[1] == {"enum": ["none"]}
    assert "| `creates` | `500` | records created; `none` for no limit. |" in write_manual([])
