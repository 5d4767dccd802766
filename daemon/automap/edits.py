"""What was accepted of the proposals, as edits of the configuration. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from actors.mapping.lookup import Named, find
from actors.schema import ObjectSchema, Pipeline
from actors.spec import FieldSpec, SyncSpec
from daemon.automap.proposals import FieldProposal, PipelineProposal
from daemon.config.edit import AddFields, AddStages, Edit


def edits_of(
    spec: SyncSpec,
    objects: tuple[ObjectSchema, ObjectSchema],
    pipelines: Iterable[PipelineProposal],
    fields: Sequence[FieldProposal],
) -> Iterator[Edit]:
    """Return the edits that add what was accepted; a pipeline without stages adds nothing.

    Args:
        objects: the left app's and the right app's, to name things so that they are found.
    """
    for one in pipelines:
        if one.stages:
            yield _stages(spec, objects, one)
    if fields:
        lines = tuple(FieldSpec(left=one.left.name, right=one.right.name) for one in fields)
        yield AddFields(connection=spec.connection, object=spec.object, fields=lines)


def _stages(
    spec: SyncSpec, objects: tuple[ObjectSchema, ObjectSchema], proposal: PipelineProposal
) -> AddStages:
    left, right = (
        _named_stages(spec, proposal, at, pipeline)
        for at, pipeline in enumerate((proposal.left, proposal.right))
    )
    names = (
        _name(proposal.left, objects[0].pipelines),
        _name(proposal.right, objects[1].pipelines),
    )
    if proposal.index is not None:
        mapped = spec.pipelines[proposal.index]
        names = (mapped.left, mapped.right)
    return AddStages(
        connection=spec.connection,
        object=spec.object,
        left=names[0],
        right=names[1],
        stages=tuple((left[one.left.id], right[one.right.id]) for one in proposal.stages),
    )


def _named_stages(
    spec: SyncSpec, proposal: PipelineProposal, at: int, pipeline: Pipeline
) -> dict[str, str]:
    """Return what the file calls each stage: its label, or its id where that is the custom."""
    ids = {one.id for one in pipeline.stages}
    mapped = spec.pipelines[proposal.index].stages if proposal.index is not None else ()
    if mapped and all(pair[at] in ids for pair in mapped):
        return {one: one for one in ids}
    return {one.id: _name(one, pipeline.stages) for one in pipeline.stages}


def _name(one: Named, among: Sequence[Named]) -> str:
    """Return the label, or the id if the label means something else."""
    return one.label if find(one.label, among) is one else one.id
