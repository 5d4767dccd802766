"""A pipeline of one app as it would stand in another, and the stage pairs between them."""

from __future__ import annotations

import msgspec

from actors.errors import MappingError
from actors.mapping.lookup import describe_absence, find
from actors.mapping.stagelint import mapped_pipelines, stage_pairs
from actors.records import Side
from actors.schema import ObjectSchema, Pipeline
from actors.spec import SyncSpec
from daemon.config.edit import AddStages


def mirrored(source: Pipeline, name: str) -> Pipeline:
    """Return the source's live stages, in their order, under another name and without ids."""
    stages = tuple(
        msgspec.structs.replace(stage, id="", reachable=True, unreachable="")
        for stage in source.stages
        if not stage.archived
    )
    return Pipeline(id="", label=name, stages=stages)


def find_source(app: str, name: str, described: ObjectSchema) -> Pipeline:
    """Return the pipeline to mirror.

    Raises:
        MappingError: there is none of that name.
    """
    found = find(name, described.pipelines)
    if found is None:
        raise MappingError(describe_absence(f"{app} has no pipeline", name, described.pipelines))
    return found


def find_mirror(app: str, wanted: Pipeline, described: ObjectSchema) -> Pipeline | None:
    """Return the pipeline of that name if it was made before, or None if there is none.

    Raises:
        MappingError: the name is taken by a pipeline with other stages.
    """
    found = find(wanted.label, described.pipelines)
    if found is None:
        return None
    there, labels = (
        [stage.label.casefold() for stage in one.stages if not stage.archived]
        for one in (found, wanted)
    )
    if there == labels:
        return found
    raise MappingError(
        f'{app} has a pipeline "{found.label}" already, with other stages: give another --name, '
        "or map its stages as they are"
    )


def plan_mapping(
    spec: SyncSpec,
    objects: dict[Side, ObjectSchema],
    ends: dict[Side, Pipeline],
) -> AddStages:
    """Return the edit that maps two pipelines stage by stage, of what is not mapped yet.

    Args:
        objects: what the apps have, as far as it is there yet.
        ends: the two pipelines, with the same stages in the same order.
    """
    live = {side: [s for s in ends[side].stages if not s.archived] for side in Side}
    pairs = tuple(
        (one.label, two.label)
        for one, two in zip(live[Side.LEFT], live[Side.RIGHT], strict=True)
        if not _is_mapped(
            spec, objects, (ends[Side.LEFT].id, one.id), (ends[Side.RIGHT].id, two.id)
        )
    )
    left, right = _names(spec, objects, ends)
    return AddStages(
        connection=spec.connection, object=spec.object, left=left, right=right, stages=pairs
    )


def _is_mapped(
    spec: SyncSpec,
    objects: dict[Side, ObjectSchema],
    left: tuple[str, str],
    right: tuple[str, str],
) -> bool:
    pairs = stage_pairs(spec, objects)
    return any((pair.key(Side.LEFT), pair.key(Side.RIGHT)) == (left, right) for pair in pairs)


def _names(
    spec: SyncSpec, objects: dict[Side, ObjectSchema], ends: dict[Side, Pipeline]
) -> tuple[str, str]:
    """Return what the file calls the two pipelines, or would call them."""
    ids = {side: one.id for side, one in ends.items()}
    for mapping in spec.pipelines:
        if {side: one.id for side, one in mapped_pipelines(mapping, objects).items()} == ids:
            return mapping.left, mapping.right
    return ends[Side.LEFT].label, ends[Side.RIGHT].label
