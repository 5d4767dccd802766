"""Which pipelines are proposed, and how what was accepted is written."""

from __future__ import annotations

from actors.schema import Closing, Field, ObjectSchema, Pipeline, Stage
from actors.spec import FieldSpec, PipelineSpec, SyncSpec
from actors.values import Kind
from daemon.automap.edits import edits_of
from daemon.automap.pipelines import propose_pipelines
from daemon.automap.proposals import FieldProposal
from daemon.config.edit import AddFields, AddStages


def deals(**pipelines: str) -> ObjectSchema:
    """An app's pipelines by id: `Label: stage, stage`; a stage called Won or Lost is closed."""
    return ObjectSchema(
        name="deals",
        native="deal",
        fields=(),
        pipelines=tuple(_pipeline(key, *text.split(": ")) for key, text in pipelines.items()),
    )


def _pipeline(key: str, label: str, stages: str) -> Pipeline:
    classes = {"Won": Closing.WON, "Lost": Closing.LOST}
    return Pipeline(
        id=key,
        label=label,
        stages=tuple(
            Stage(id=f"{key}{at}", label=one, closing=classes.get(one, Closing.OPEN))
            for at, one in enumerate(stages.split(", "))
        ),
    )


def spec(*pipelines: PipelineSpec) -> SyncSpec:
    return SyncSpec(
        connection="sales", object="deals", left="crm", right="erp", pipelines=pipelines
    )


def test_the_only_pipelines_of_both_go_together_whatever_they_are_called() -> None:
    left, right = deals(a="Alpha: New, Won"), deals(b="Beta: New, Won")
    (found,) = propose_pipelines(spec(), left, right)
    assert (found.left.id, found.right.id, found.index) == ("a", "b", None)
    assert len(found.stages) == 2


def test_pipelines_go_together_by_name_and_stages() -> None:
    left = deals(
        a="Partner Pipeline: Identified, Signed, Won", b="Sales Pipeline: New, Proposal, Won"
    )
    right = deals(c="Opportunities: New, Proposal, Won", d="Partners: Identified, Signed, Won")
    found = propose_pipelines(spec(), left, right)
    assert {(one.left.id, one.right.id) for one in found} == {("a", "d"), ("b", "c")}


def test_no_new_pipeline_is_proposed_once_some_are_mapped() -> None:
    left = deals(a="Sales: New, Won", b="Partners: New, Won")
    right = deals(c="Sales: New, Won", d="Partners: New, Won")
    mapped = PipelineSpec(left="sales", right="c", stages=(("New", "New"),))
    (found,) = propose_pipelines(spec(mapped), left, right)
    assert (found.left.id, found.right.id, found.index) == ("a", "c", 0)
    assert [(one.left.label, one.right.label) for one in found.stages] == [("Won", "Won")]
    (edit,) = edits_of(spec(mapped), (left, right), [found], [])
    assert isinstance(edit, AddStages)
    assert (edit.left, edit.right, edit.stages) == ("sales", "c", (("Won", "Won"),))


def test_stages_are_written_by_id_where_the_file_does_so_already() -> None:
    left, right = deals(a="Sales: New, Won"), deals(b="Sales: New, Won")
    mapped = PipelineSpec(left="Sales", right="Sales", stages=(("New", "b0"),))
    (edit,) = edits_of(
        spec(mapped), (left, right), propose_pipelines(spec(mapped), left, right), []
    )
    assert isinstance(edit, AddStages)
    assert edit.stages == (("Won", "b1"),)


def test_a_label_that_would_be_taken_for_another_gives_way_to_the_id() -> None:
    left = deals(a="Sales: New, new, Won", b="a: Other, Lost")
    right = deals(c="Sales: New, Won")
    found = propose_pipelines(spec(), left, right)
    (edit,) = edits_of(spec(), (left, right), found, [])
    assert isinstance(edit, AddStages)
    assert edit.left == "Sales"
    assert ("New", "New") in edit.stages
    assert all(left_name in ("New", "a1", "Won") for left_name, _ in edit.stages)


def test_nothing_accepted_is_nothing_to_write() -> None:
    left, right = deals(a="Sales: New, Won"), deals(b="Sales: New, Won")
    assert list(edits_of(spec(), (left, right), [], [])) == []


def test_fields_are_written_by_name() -> None:
    left, right = (
        Field(name=name, label="Some label", kind=Kind.TEXT) for name in ("dealname", "title")
    )
    found = FieldProposal(left=left, right=right, score=1, reasons=("so",))
    (edit,) = edits_of(spec(), (deals(), deals()), [], [found])
    assert edit == AddFields(
        connection="sales", object="deals", fields=(FieldSpec(left="dealname", right="title"),)
    )
