"""Planning a pipeline that mirrors another, and the mapping of the two (F27)."""

from __future__ import annotations

import msgspec
import pytest

from actors.errors import MappingError
from actors.schema import Closing, Pipeline, Stage
from actors.spec import PipelineSpec
from daemon.connectors.hubspot.pipelines import to_new_stages
from daemon.mirroring import find_mirror, find_source, mirrored, plan_mapping
from tests.support.builders import LEFT, RIGHT, erp, hub, spec

HUB, ERP = hub().objects[0], erp().objects[0]
OBJECTS = {LEFT: HUB, RIGHT: ERP}
MAIN = ERP.pipelines[0]


def as_made(wanted: Pipeline) -> Pipeline:
    """Return the pipeline with ids of the app's own."""
    stages = (msgspec.structs.replace(one, id=f"1{at}") for at, one in enumerate(wanted.stages))
    return msgspec.structs.replace(wanted, id="139", stages=tuple(stages))


def test_a_mirror_has_the_live_stages_in_their_order_with_their_meaning() -> None:
    gone = Stage(id="old", label="Old", archived=True)
    source = msgspec.structs.replace(MAIN, stages=(gone, *MAIN.stages))
    wanted = mirrored(source, "From ERP")
    assert wanted.label == "From ERP"
    assert [(one.label, one.closing) for one in wanted.stages] == [
        ("Lead", Closing.OPEN),
        ("Offer", Closing.OPEN),
        ("Won", Closing.WON),
        ("Lost", Closing.LOST),
    ]


def test_every_stage_is_paired_with_its_mirror() -> None:
    made = as_made(mirrored(MAIN, "From ERP"))
    objects = OBJECTS | {LEFT: msgspec.structs.replace(HUB, pipelines=(*HUB.pipelines, made))}
    edit = plan_mapping(spec(), objects, {LEFT: made, RIGHT: MAIN})
    assert (edit.left, edit.right) == ("From ERP", "Main")
    assert edit.stages == (("Lead", "Lead"), ("Offer", "Offer"), ("Won", "Won"), ("Lost", "Lost"))


def test_what_is_mapped_already_is_not_mapped_again_under_another_name() -> None:
    made = as_made(mirrored(MAIN, "From ERP"))
    objects = OBJECTS | {LEFT: msgspec.structs.replace(HUB, pipelines=(*HUB.pipelines, made))}
    mapping = PipelineSpec(left="139", right="main", stages=(("10", "lead"), ("Won", "won")))
    edit = plan_mapping(spec(pipelines=(mapping,)), objects, {LEFT: made, RIGHT: MAIN})
    assert (edit.left, edit.right) == ("139", "main")
    assert edit.stages == (("Offer", "Offer"), ("Lost", "Lost"))


def test_a_second_run_finds_what_the_first_has_made() -> None:
    wanted = mirrored(MAIN, "From ERP")
    made = as_made(wanted)
    there = msgspec.structs.replace(HUB, pipelines=(*HUB.pipelines, made))
    assert find_mirror("hub", wanted, HUB) is None
    assert find_mirror("hub", wanted, there) == made


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(MappingError, match='hub has a pipeline "Sales" already, with other stages'):
        find_mirror("hub", mirrored(MAIN, "sales"), HUB)


def test_a_source_that_does_not_show_is_told() -> None:
    with pytest.raises(MappingError, match='erp has no pipeline "Mian"; it has "Main"'):
        find_source("erp", "Mian", ERP)


def test_hubspot_gets_a_probability_for_each_stage() -> None:
    stages = (
        Stage(id="a", label="A"),
        Stage(id="b", label="B", probability=0.44),
        Stage(id="c", label="C", probability=1.0),
        Stage(id="d", label="D", closing=Closing.WON),
        Stage(id="e", label="E", closing=Closing.LOST, probability=0.3),
    )
    told = [(one.display_order, *one.metadata.values()) for one in to_new_stages(stages)]
    assert told == [
        (0, "0.2", "false"),
        (1, "0.4", "false"),
        (2, "0.9", "false"),
        (3, "1.0", "true"),
        (4, "0.0", "true"),
    ]
