"""Problems that show only against the apps come back to the line that caused them."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.mapping.compile import compile_sync
from actors.schema import AppSchema, Field, ObjectSchema, Pipeline, Stage
from actors.spec import Problem
from actors.values import Kind
from tests.support.configs import GOOD, Load


def schema(app: str, pipeline: str, stages: tuple[str, ...], **kinds: Kind) -> AppSchema:
    fields = (
        Field(name="pipeline", label="Pipeline", kind=Kind.ENUM),
        Field(name="stage", label="Stage", kind=Kind.ENUM),
        *(Field(name=name, label=name, kind=kind) for name, kind in kinds.items()),
    )
    deals = ObjectSchema(
        name="deals",
        native="deal",
        fields=fields,
        pipelines=(
            Pipeline(
                id=pipeline,
                label=pipeline,
                stages=tuple(Stage(id=stage, label=stage) for stage in stages),
            ),
        ),
        pipeline_field="pipeline",
        stage_field="stage",
    )
    return AppSchema(account=app, objects=(deals,))


HUB = schema(
    "HubSpot 1",
    "Sales Pipeline",
    ("Appointment Scheduled", "Closed Won"),
    dealname=Kind.TEXT,
    amount=Kind.NUMBER,
)
ERP = schema(
    "Tryton", "opportunities", ("lead", "converted"), description=Kind.TEXT, amount=Kind.NUMBER
)


def found(
    load: Load, folder: Path, text: str, hub: AppSchema = HUB, erp: AppSchema = ERP
) -> list[str]:
    config = load(text)
    (spec,) = config.specs()
    _, problems = compile_sync(spec, hub, erp)
    return [str(config.locate(one, spec)).replace(f"{folder}/", "") for one in problems]


def test_a_good_file_fits(load: Load, tmp_path: Path) -> None:
    assert found(load, tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "place", "named"),
    [
        (
            "lead",
            "leed",
            '15:36: connections.sales.deals.pipelines[0].stages."Appointment Sched',
            "leed",
        ),
        ("Closed Won", "Won", "16:13: connections.sales.deals.pipelines[0].stages.Won", "Won"),
        ("opportunities", "o", "13:16: connections.sales.deals.pipelines[0].erp", '"o"'),
        ("erp: description", "erp: text", "18:36: connections.sales.deals.fields[0].erp", "text"),
        (
            "hubspot: dealname",
            "hubspot: x",
            "18:21: connections.sales.deals.fields[0].hubspot",
            "x",
        ),
    ],
)
def test_what_an_app_does_not_have_is_named_at_its_place(
    load: Load, tmp_path: Path, old: str, new: str, place: str, named: str
) -> None:
    (problem,) = found(load, tmp_path, GOOD.replace(old, new))
    assert problem.startswith(f"tieline.yaml:{place}")
    assert named in problem


def test_fields_that_do_not_fit_together_are_named_as_a_pair(load: Load, tmp_path: Path) -> None:
    hub = schema(
        "HubSpot 1",
        "Sales Pipeline",
        ("Appointment Scheduled", "Closed Won"),
        dealname=Kind.TEXT,
        amount=Kind.DATE,
    )
    (problem,) = found(load, tmp_path, GOOD, hub)
    assert problem.startswith("tieline.yaml:19:11: connections.sales.deals.fields[1]: ")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("rules", "window"), "tieline.yaml:22:29: connections.sales.deals.conflicts.window"),
        (("rules", "blank"), "tieline.yaml:23:14: connections.sales.deals.blank"),
        (("users", 0, "right"), "tieline.yaml:24:31: connections.sales.deals.owners.overrides.1"),
        (("fallback_right",), "tieline.yaml:24:53: connections.sales.deals.owners.fallback.erp"),
        (("fallback_left",), "tieline.yaml:24:47: connections.sales.deals.owners.fallback"),
        (
            ("fields", 1, "values", 0, "left"),
            "tieline.yaml:19:51: connections.sales.deals.fields[1]",
        ),
        (("fields", 1, "rules", "prefer"), "tieline.yaml:19:11: connections.sales.deals.fields[1]"),
        (("left",), "tieline.yaml:9:15: connections.sales.between[0]"),
        (("object",), "tieline.yaml:11:7: connections.sales.deals"),
        (("timezone",), "tieline.yaml:9:5: connections.sales"),
        ((), "tieline.yaml:11:7: connections.sales.deals"),
    ],
)
def test_every_part_of_a_spec_has_a_place(
    load: Load, tmp_path: Path, path: tuple[str | int, ...], place: str
) -> None:
    text = GOOD.replace("erp: amount}", "erp: amount, values: {a: b}}") + (
        "      direction: both\n      create: [erp]\n      conflicts: {  window: 1m}\n"
        "      blank: ask\n      owners: {overrides: {1: bob}, fallback: {erp: admin}}\n"
    )
    config = load(text)
    (spec,) = config.specs()
    problem = str(config.locate(Problem(path=path, message="m"), spec))
    assert problem.replace(f"{tmp_path}/", "").startswith(place)
