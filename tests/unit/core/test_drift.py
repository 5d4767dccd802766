"""What still syncs when an app has changed under a mapping that worked (F18)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.deciding import Known, decide_link
from actors.links import Status
from actors.mapping.compile import compile_sync
from actors.mapping.drift import Fit, Memory, fit_sync
from actors.schema import AppSchema, Pipeline
from actors.spec import Condition, Conditions, FieldSpec, Operator, PipelineSpec
from actors.values import Kind
from tests.support.builders import (
    LEFT,
    NAME,
    NOTE,
    RIGHT,
    SALES,
    erp,
    erp_deal,
    field,
    hub,
    hub_deal,
    reread,
    settled,
    snapshot,
    spec,
)

NOW = Known(now_us=0)


def changed(app: AppSchema, **replaced: Any) -> AppSchema:
    """Return the app with its deals changed."""
    (deals,) = app.objects
    return msgspec.structs.replace(app, objects=(msgspec.structs.replace(deals, **replaced),))


def without_field(app: AppSchema, name: str) -> AppSchema:
    return changed(app, fields=tuple(one for one in app.objects[0].fields if one.name != name))


def with_stages(app: AppSchema, pipeline: str, **labels: str | None) -> AppSchema:
    """Return the app with stages of a pipeline renamed, or gone where the label is None."""

    def staged(one: Pipeline) -> Pipeline:
        stages = (
            msgspec.structs.replace(stage, label=labels.get(stage.id, stage.label))
            for stage in one.stages
            if labels.get(stage.id, "") is not None
        )
        return msgspec.structs.replace(one, stages=tuple(stages)) if one.id == pipeline else one

    return changed(app, pipelines=tuple(map(staged, app.objects[0].pipelines)))


def memory_of(**rest: Any) -> Memory:
    fit = fit_sync(spec(**rest), hub(), erp(), None)
    assert fit.memory is not None
    return fit.memory


def drifted(left: AppSchema | None = None, right: AppSchema | None = None, **rest: Any) -> Fit:
    """Return how a mapping fits that fitted `hub` and `erp`."""
    return fit_sync(spec(**rest), left or hub(), right or erp(), memory_of(**rest))


def test_what_fits_is_compiled_as_ever_and_remembered_as_far_as_it_is_used() -> None:
    fit = fit_sync(spec(), hub(), erp(), None)
    whole, _ = compile_sync(spec(), hub(), erp())
    assert fit.sync == whole
    assert fit.flaws == () == fit.problems
    assert fit.memory is not None
    (deals,) = fit.memory.left.objects
    assert {one.name for one in deals.fields} == {
        "pipeline", "stage", "name", "note", "amount", "currency",
    }  # fmt: skip
    assert [one.id for one in deals.pipelines] == ["sales"]
    assert fit.memory.left.users == ()


def test_without_a_memory_every_problem_is_a_mistake() -> None:
    fit = fit_sync(spec(), without_field(hub(), "note"), erp(), None)
    assert fit.sync is None
    assert [one.path for one in fit.problems] == [("fields", 1, "left")]


def test_a_mistake_beside_a_drift_is_still_a_mistake() -> None:
    wrong = spec(NAME, NOTE, FieldSpec(left="nowhere", right="remark"))
    fit = fit_sync(wrong, without_field(hub(), "note"), erp(), memory_of())
    assert fit.sync is None
    assert {one.path for one in fit.problems} >= {("fields", 2, "left")}
    assert fit.flaws == ()


def test_a_field_that_is_gone_stops_alone() -> None:
    fit = drifted(without_field(hub(), "note"))
    assert fit.sync is not None
    assert [unit.key for unit in fit.sync.units] == ["stage", "name=title", "amount=amount"]
    assert fit.sync.paused == {"note=remark"}
    assert "note" not in fit.sync.fields[LEFT]
    (flaw,) = fit.flaws
    assert flaw.path == ("fields", 1, "left")
    assert flaw.stops
    assert 'hub has no field "note" on deals' in flaw.message
    assert "this field does not sync until that is mended" in flaw.message


def test_a_field_of_another_kind_stops_alone() -> None:
    retyped = without_field(erp(), "remark")
    (deals,) = retyped.objects
    fit = drifted(right=changed(retyped, fields=(*deals.fields, field("remark", Kind.NUMBER))))
    assert fit.sync is not None
    assert fit.sync.paused == {"note=remark"}
    assert "a text cannot be read as a number" in fit.flaws[0].message


def test_an_option_that_is_gone_stops_its_field() -> None:
    kinds = FieldSpec(left="kind", right="class", values=(("new", "new"), ("odd", "renewal")))
    whole = fit_sync(spec(NAME, kinds), hub(), erp(), None)
    (deals,) = hub().objects
    fields = tuple(
        msgspec.structs.replace(one, options=one.options[:2]) if one.name == "kind" else one
        for one in deals.fields
    )
    fit = fit_sync(spec(NAME, kinds), changed(hub(), fields=fields), erp(), whole.memory)
    assert fit.sync is not None
    assert fit.sync.paused == {"kind=class"}
    assert 'has no option "odd"' in fit.flaws[0].message


def test_what_goes_on_means_what_it_meant() -> None:
    whole, _ = compile_sync(spec(), hub(), erp())
    fit = drifted(with_stages(hub(), "sales", talk=None))
    assert fit.sync is not None and whole is not None
    before = {unit.key: unit.version for unit in whole.units}
    assert {unit.key: unit.version for unit in fit.sync.units} == before
    assert fit.sync.version != whole.version


def test_deals_in_a_stage_that_is_gone_are_left_alone_with_their_reason() -> None:
    fit = drifted(with_stages(hub(), "sales", talk=None))
    assert fit.sync is not None
    (flaw,) = fit.flaws
    assert flaw.path == ("pipelines", 0, "stages", 1, "left")
    assert 'has no stage "talk"' in flaw.message
    here = fit.sync.unmapped(LEFT, hub_deal(stage="talk"))
    assert here == 'stage "Talk" is gone in hub'
    there = fit.sync.unmapped(RIGHT, erp_deal(state="offer"))
    assert there == 'stage "Offer" is mapped to "Talk" of hub, which is gone'
    assert fit.sync.unmapped(LEFT, hub_deal()) == ""


def test_a_second_counterpart_takes_over_for_one_that_is_gone() -> None:
    twice = PipelineSpec(
        left="Sales", right="main", stages=(("new", "offer"), ("new", "lead"), ("won", "won"))
    )
    fit = drifted(right=with_stages(erp(), "main", offer=None), pipelines=(twice,))
    assert fit.sync is not None
    assert fit.sync.unmapped(LEFT, hub_deal()) == ""
    stage = fit.sync.by_key["stage"]
    assert stage.restore(RIGHT, ("sales", "new"), (None, None)) == ("main", "lead")


def test_a_renamed_stage_goes_on_and_is_told() -> None:
    fit = drifted(with_stages(hub(), "sales", new="Incoming"), pipelines=(by_label(),))
    assert fit.sync is not None
    assert fit.sync.unmapped(LEFT, hub_deal()) == ""
    (flaw,) = fit.flaws
    assert not flaw.stops
    assert flaw.path == ("pipelines", 0, "stages", 0, "left")
    assert 'stage "New" is now called "Incoming" in hub' in flaw.message


def by_label() -> PipelineSpec:
    return PipelineSpec(left="Sales", right="Main", stages=(("New", "Lead"), ("Talk", "Offer")))


def renamed(app: AppSchema, pipeline: str, label: str) -> AppSchema:
    lines = (
        msgspec.structs.replace(one, label=label) if one.id == pipeline else one
        for one in app.objects[0].pipelines
    )
    return changed(app, pipelines=tuple(lines))


def test_a_renamed_pipeline_goes_on_with_its_stages() -> None:
    fit = drifted(renamed(hub(), "sales", "Deals"), pipelines=(by_label(),))
    assert fit.sync is not None
    assert [one.message.partition(":")[0] for one in fit.flaws] == [
        'pipeline "Sales" is now called "Deals" in hub'
    ]


def test_a_rename_is_mended_by_the_new_name() -> None:
    app = with_stages(hub(), "sales", new="Incoming")
    mapping = PipelineSpec(left="Sales", right="Main", stages=(("Incoming", "Lead"),))
    fit = fit_sync(spec(pipelines=(mapping,)), app, erp(), memory_of(pipelines=(by_label(),)))
    assert fit.sync is not None
    assert fit.flaws == ()


def test_a_renamed_and_a_lost_stage_are_each_told() -> None:
    app = with_stages(hub(), "sales", new="Incoming", talk=None)
    fit = drifted(app, pipelines=(by_label(),))
    assert fit.sync is not None
    assert [one.stops for one in fit.flaws] == [False, True]
    again = fit_sync(spec(pipelines=(by_label(),)), app, erp(), fit.memory)
    assert again.flaws == fit.flaws
    assert again.sync == fit.sync


def gone(app: AppSchema, pipeline: str) -> AppSchema:
    lines = (one for one in app.objects[0].pipelines if one.id != pipeline)
    return changed(app, pipelines=tuple(lines))


def test_a_pipeline_that_is_gone_stops_its_deals_alone() -> None:
    service = PipelineSpec(left="service", right="main", stages=(("open", "lead"),))
    fit = drifted(gone(hub(), "service"), pipelines=(SALES, service))
    assert fit.sync is not None
    lost = fit.sync.unmapped(LEFT, hub_deal(pipeline="service", stage="open"))
    assert lost == 'stage "Open" is gone in hub'
    assert fit.sync.unmapped(RIGHT, erp_deal()) == ""
    assert "deals in this pipeline are left alone" in fit.flaws[0].message


def test_without_a_stage_or_a_filters_field_nothing_syncs() -> None:
    fit = drifted(gone(hub(), "sales"))
    assert (fit.sync, fit.problems) == (None, ())
    assert len(fit.flaws) == 1
    wanted = Conditions(parts=(Condition(field="score", operator=Operator.KNOWN),))
    fit = drifted(without_field(hub(), "score"), filters={LEFT: wanted})
    assert (fit.sync, fit.problems) == (None, ())
    assert "deals do not sync until that is mended" in fit.flaws[0].message


def test_an_object_that_may_not_be_read_any_more_stops_its_sync() -> None:
    fit = drifted(msgspec.structs.replace(hub(), objects=()))
    assert (fit.sync, fit.problems) == (None, ())
    assert "deals do not sync until that is mended" in fit.flaws[0].message


@pytest.mark.parametrize("edited", [True, False])
def test_the_bases_of_a_paused_field_are_frozen_and_prove_what_moved_meanwhile(
    edited: bool,
) -> None:
    whole, _ = compile_sync(spec(), hub(), erp())
    paused = drifted(without_field(hub(), "note")).sync
    assert whole is not None and paused is not None
    link = settled(
        whole, snapshot("h", hub_deal(note="old")), snapshot("e", erp_deal(remark="old"))
    )
    link = reread(paused, link, LEFT, snapshot("h", hub_deal(name="B"), "2", "10:00:00"))
    told = erp_deal(remark="newer" if edited else "old")
    stored = snapshot("e", {k: v for k, v in told.items() if k != "remark"}, "2", "10:05:00")
    link = reread(paused, link, RIGHT, stored)
    ruling = decide_link(paused, link, NOW)
    assert [draft.values for draft in ruling.drafts] == [{"title": "B"}]
    link = reread(whole, ruling.link, LEFT, snapshot("h", hub_deal(note="old", name="B"), "2"))
    link = reread(whole, link, RIGHT, snapshot("e", told | {"title": "B"}, "3", "10:06:00"))
    ruling = decide_link(whole, link, NOW)
    notes = [draft.values for draft in ruling.drafts if draft.side is LEFT]
    assert notes == ([{"note": "newer"}] if edited else [])


def test_an_emptied_answer_of_a_field_that_is_gone_is_not_heard() -> None:
    whole, _ = compile_sync(spec(), hub(), erp())
    paused = drifted(without_field(hub(), "note")).sync
    assert whole is not None and paused is not None
    link = settled(
        whole, snapshot("h", hub_deal(note="old")), snapshot("e", erp_deal(remark="old"))
    )
    link = reread(paused, link, LEFT, snapshot("h", hub_deal(), "2", "10:00:00"))
    ruling = decide_link(paused, link, NOW)
    assert ruling.drafts == ()
    assert ruling.link.status is Status.PENDING or ruling.link.status is Status.IN_SYNC
    end = ruling.link.end(LEFT)
    assert end is not None and end.base["note=remark"].raws == ("old",)


def test_a_memory_survives_its_storage() -> None:
    memory = memory_of()
    assert msgspec.json.decode(msgspec.json.encode(memory), type=Memory) == memory
