"""How pipelines and stages may be made, changed and deleted.

Pure changes to one `ObjectSchema`, each told to the audit list of what it changed. Deleting
leaves records with a dangling stage unless the caller asks for the references to be checked;
which ids are in use is asked back from the caller, who has the records.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from daemon.sandbox.hubspot.catalog import (
    AuditEntry,
    ObjectSchema,
    Pipeline,
    Stage,
    add_stage_properties,
)
from daemon.sandbox.hubspot.property_rules import missing_fields
from daemon.sandbox.hubspot.wire import Refusal, invalid, not_found

__all__ = [
    "PipelineDraft",
    "StageDraft",
    "Workbench",
    "create_pipeline",
    "create_stage",
    "delete_pipeline",
    "delete_stage",
    "find_pipeline",
    "find_stage",
    "replace_pipeline",
    "update_pipeline",
    "update_stage",
]

MAX_STAGES = 100
MAX_PIPELINES = 100
_PROBABILITY = re.compile(r"0(\.\d)?0*|1(\.0+)?")

# Metadata values are strings in answers; scalars in a request are turned into them.
Scalar = str | int | float | bool


class StageDraft(Struct, rename="camel", kw_only=True):
    """The body of a stage's create or update; what is absent is UNSET."""

    label: str | UnsetType = UNSET
    display_order: int | UnsetType = UNSET
    metadata: dict[str, Scalar] | UnsetType = UNSET
    stage_id: str | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


class PipelineDraft(Struct, rename="camel", kw_only=True):
    """The body of a pipeline's create or update; what is absent is UNSET."""

    label: str | UnsetType = UNSET
    display_order: int | UnsetType = UNSET
    stages: list[StageDraft] | UnsetType = UNSET
    pipeline_id: str | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


class Workbench(Struct, kw_only=True):
    """What a change of pipelines needs from the account around the schema.

    Args:
        at: the time of the change, as answers show it.
        new_id: gives out an id no pipeline or stage has.
        users_of: ids of the live records that stand in any of these stages.
        check_references: refuse a deletion that would leave records without their stage.
    """

    schema: ObjectSchema
    portal_id: int
    at: str
    new_id: Callable[[], str]
    users_of: Callable[[Iterable[str]], list[str]] = field(default=lambda stages: [])
    check_references: bool = False
    user_id: int = 2_620_022

    def note(self, action: str, changed: Pipeline | Stage) -> None:
        """Add to the audit list of a pipeline or stage."""
        kind = "Pipeline" if isinstance(changed, Pipeline) else "Pipeline stage"
        entry = AuditEntry(
            portal_id=self.portal_id,
            identifier=changed.id,
            action=action,
            timestamp=self.at,
            from_user_id=self.user_id,
            message=f"{kind} {changed.id}: {action}",
            raw_object=msgspec.to_builtins(changed),
        )
        self.schema.audits.setdefault(changed.id, []).append(entry)


def find_pipeline(schema: ObjectSchema, pipeline_id: str) -> Pipeline:
    """The live pipeline of that exact id; a 404 otherwise."""
    found = schema.pipelines.get(pipeline_id)
    if found is None or found.archived:
        raise not_found(
            f"Pipeline {pipeline_id} does not exist.", context={"pipelineId": [pipeline_id]}
        )
    return found


def find_stage(pipeline: Pipeline, stage_id: str) -> Stage:
    """The live stage of that exact id in a pipeline; a 404 otherwise."""
    for stage in pipeline.stages:
        if stage.id == stage_id and not stage.archived:
            return stage
    raise not_found(
        f"Stage {stage_id} does not exist in pipeline {pipeline.id}.",
        context={"stageId": [stage_id], "pipelineId": [pipeline.id]},
    )


def create_pipeline(bench: Workbench, draft: PipelineDraft) -> Pipeline:
    """Make a pipeline with its stages."""
    missing_fields(draft, "label", "display_order", "stages")
    schema = bench.schema
    if len(schema.live_pipelines()) >= MAX_PIPELINES:
        raise invalid(f"The maximum number of pipelines is {MAX_PIPELINES}.")
    _check_pipeline_label(schema, str(draft.label), None)
    stages = [] if draft.stages is UNSET else draft.stages
    made = Pipeline(
        id=_fresh_id(bench, draft.pipeline_id),
        label=str(draft.label),
        display_order=0 if draft.display_order is UNSET else draft.display_order,
        created_at=bench.at,
        updated_at=bench.at,
    )
    made.stages = _new_stages(bench, made, stages)
    schema.pipelines[made.id] = made
    _note_creation(bench, made, made.stages)
    return made


def _note_creation(bench: Workbench, pipeline: Pipeline | None, stages: list[Stage]) -> None:
    if pipeline is not None:
        bench.note("CREATE", pipeline)
    for stage in stages:
        add_stage_properties(bench.schema, stage)
        bench.note("CREATE", stage)


def _new_stages(bench: Workbench, pipeline: Pipeline, drafts: list[StageDraft]) -> list[Stage]:
    """Stages of a new list, every one checked before any is part of the schema."""
    if not drafts:
        raise invalid("A pipeline must have at least one stage.")
    if len(drafts) > MAX_STAGES:
        raise invalid(f"The maximum number of stages in a pipeline is {MAX_STAGES}.")
    made: list[Stage] = []
    for draft in drafts:
        made.append(_new_stage(bench, pipeline, draft, made))
    return made


def _new_stage(
    bench: Workbench, pipeline: Pipeline, draft: StageDraft, siblings: list[Stage]
) -> Stage:
    missing_fields(draft, "label", "display_order", "metadata")
    _check_stage_label(str(draft.label), siblings, None)
    taken = {stage.id for stage in siblings} | {pipeline.id}
    return Stage(
        id=_fresh_id(bench, draft.stage_id, taken),
        label=str(draft.label),
        display_order=0 if draft.display_order is UNSET else draft.display_order,
        metadata=_metadata(bench.schema, {} if draft.metadata is UNSET else draft.metadata),
        created_at=bench.at,
        updated_at=bench.at,
        write_permissions="CRM_PERMISSIONS_ENFORCEMENT",
    )


def _fresh_id(bench: Workbench, wanted: str | UnsetType, taken: Iterable[str] = ()) -> str:
    """The id a client chose, or a new one; unique over all pipelines and stages of the type."""
    if wanted is UNSET or not wanted:
        return bench.new_id()
    if wanted != wanted.lower():
        raise invalid(f"Pipeline and stage ids must be lowercase, but given: {wanted}")
    every = {line.id for line in bench.schema.pipelines.values()}
    every |= {stage.id for line in bench.schema.pipelines.values() for stage in line.stages}
    if wanted in every or wanted in set(taken):
        raise invalid(f"Id {wanted} is already in use.", context={"id": [wanted]})
    return wanted


def _check_pipeline_label(schema: ObjectSchema, label: str, itself: Pipeline | None) -> None:
    others = (line for line in schema.live_pipelines() if itself is None or line.id != itself.id)
    if not label or any(line.label == label for line in others):
        raise invalid(f"Pipeline label must be unique and not empty: {label}")


def _check_stage_label(label: str, siblings: Iterable[Stage], itself: Stage | None) -> None:
    others = (stage for stage in siblings if stage is not itself and not stage.archived)
    if not label or any(stage.label == label for stage in others):
        raise _bad_label(label)


def _bad_label(label: str) -> Refusal:
    return invalid(f"Stage label must be unique in its pipeline and not empty: {label}")


def _metadata(schema: ObjectSchema, given: dict[str, Scalar]) -> dict[str, str]:
    """The metadata to keep: all strings, with `isClosed` derived where it is not sent."""
    sent = {key: _scalar(value) for key, value in given.items()}
    if schema.type.name == "tickets":
        state = sent.setdefault("ticketState", "OPEN")
        if state not in {"OPEN", "CLOSED"}:
            raise _bad_metadata("ticketState", state)
        sent.setdefault("isClosed", "true" if state == "CLOSED" else "false")
        return sent
    probability = sent.get("probability")
    if probability is None or not _PROBABILITY.fullmatch(probability):
        raise _bad_metadata("probability", probability or "")
    ends = float(probability) in {0.0, 1.0}
    closed = sent.setdefault("isClosed", "true" if ends else "false")
    if closed not in {"true", "false"}:
        raise _bad_metadata("isClosed", closed)
    sent["probability"] = f"{float(probability):.1f}"
    return sent


def _scalar(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bad_metadata(key: str, value: str) -> Refusal:
    text = (
        f"Stage metadata is not valid: {key} must be "
        + {
            "probability": "a number between 0.0 and 1.0 in tenths",
            "ticketState": "OPEN or CLOSED",
            "isClosed": "true or false",
        }[key]
        + f", but given: {value}"
    )
    return invalid(text, context={key: [value]})


def create_stage(bench: Workbench, pipeline_id: str, draft: StageDraft) -> Stage:
    """Add a stage to a pipeline."""
    pipeline = find_pipeline(bench.schema, pipeline_id)
    live = [stage for stage in pipeline.stages if not stage.archived]
    if len(live) >= MAX_STAGES:
        raise invalid(f"The maximum number of stages in a pipeline is {MAX_STAGES}.")
    made = _new_stage(bench, pipeline, draft, live)
    pipeline.stages.append(made)
    _note_creation(bench, None, [made])
    return made


def update_pipeline(bench: Workbench, pipeline_id: str, draft: PipelineDraft) -> Pipeline:
    """Change label or place; `archived: false` brings an archived pipeline back."""
    pipeline = bench.schema.pipelines.get(pipeline_id)
    if pipeline is None or (pipeline.archived and draft.archived is not False):
        return find_pipeline(bench.schema, pipeline_id)
    if draft.archived is True or (draft.archived is False and not pipeline.archived):
        raise invalid("archived can only be set to false, to restore an archived pipeline.")
    if draft.label is not UNSET:
        _check_pipeline_label(bench.schema, draft.label, pipeline)
        pipeline.label = draft.label
    if draft.display_order is not UNSET:
        pipeline.display_order = draft.display_order
    pipeline.archived, pipeline.archived_at, pipeline.updated_at = False, UNSET, bench.at
    bench.note("UPDATE", pipeline)
    return pipeline


def replace_pipeline(bench: Workbench, pipeline_id: str, draft: PipelineDraft) -> Pipeline:
    """Replace label, place and stages; stages named by their id stay, others are deleted."""
    missing_fields(draft, "label", "display_order", "stages")
    pipeline = find_pipeline(bench.schema, pipeline_id)
    _check_pipeline_label(bench.schema, str(draft.label), pipeline)
    drafts = [] if draft.stages is UNSET else draft.stages
    present = {stage.id: stage for stage in pipeline.stages if not stage.archived}
    kept = [present.get(str(item.stage_id)) for item in drafts]
    gone = [stage for stage in present.values() if stage not in kept]
    _check_unused(bench, gone)
    _check_stage_drafts(bench, drafts)
    fresh = [item for item, stage in zip(drafts, kept, strict=True) if stage is None]
    made = iter(_new_stages(bench, pipeline, fresh) if fresh or not drafts else [])
    stages = [
        next(made) if stage is None else _change_stage(bench, stage, item, {})
        for item, stage in zip(drafts, kept, strict=True)
    ]
    _archive(bench, gone)
    archived = [stage for stage in pipeline.stages if stage.archived]
    pipeline.stages = [*stages, *archived]
    pipeline.label, pipeline.updated_at = str(draft.label), bench.at
    pipeline.display_order = 0 if draft.display_order is UNSET else draft.display_order
    bench.note("UPDATE", pipeline)
    _note_creation(bench, None, [stage for stage in stages if stage.id not in present])
    return pipeline


def _check_stage_drafts(bench: Workbench, drafts: list[StageDraft]) -> None:
    """Refuse a whole list of stages before any of them is changed."""
    labels: list[str] = []
    for draft in drafts:
        missing_fields(draft, "label", "display_order", "metadata")
        if not draft.label or draft.label in labels:
            raise _bad_label(str(draft.label))
        labels.append(str(draft.label))
        _metadata(bench.schema, {} if draft.metadata is UNSET else draft.metadata)


def _change_stage(bench: Workbench, stage: Stage, draft: StageDraft, base: dict[str, str]) -> Stage:
    """Apply a checked draft; its metadata is laid over `base`."""
    if draft.metadata is not UNSET:
        stage.metadata = _metadata(bench.schema, {**base, **_fitting(draft.metadata)})
    if draft.label is not UNSET:
        stage.label = draft.label
    if draft.display_order is not UNSET:
        stage.display_order = draft.display_order
    stage.updated_at = bench.at
    bench.note("UPDATE", stage)
    return stage


def _fitting(metadata: dict[str, Scalar]) -> dict[str, Scalar]:
    """A new probability decides anew whether the stage is closed, unless that is sent too."""
    probability = _scalar(metadata.get("probability", ""))
    if "isClosed" in metadata or not _PROBABILITY.fullmatch(probability):
        return metadata
    return {**metadata, "isClosed": float(probability) in {0.0, 1.0}}


def update_stage(
    bench: Workbench, pipeline_id: str, stage_id: str, draft: StageDraft, *, whole: bool = False
) -> Stage:
    """Change a stage; with `whole` the body must say everything, as PUT does.

    PATCH needs `metadata` in every version's OpenAPI, and so it does here.
    """
    missing_fields(draft, *(("label", "display_order", "metadata") if whole else ("metadata",)))
    pipeline = find_pipeline(bench.schema, pipeline_id)
    stage = find_stage(pipeline, stage_id)
    if draft.label is not UNSET:
        _check_stage_label(draft.label, pipeline.stages, stage)
    return _change_stage(bench, stage, draft, {} if whole else stage.metadata)


def delete_pipeline(bench: Workbench, pipeline_id: str) -> None:
    """Archive a pipeline with its stages; the last one cannot go."""
    pipeline = find_pipeline(bench.schema, pipeline_id)
    if len(bench.schema.live_pipelines()) == 1:
        raise invalid("The last pipeline cannot be deleted.", context={"pipelineId": [pipeline_id]})
    _check_unused(bench, [stage for stage in pipeline.stages if not stage.archived])
    pipeline.archived, pipeline.archived_at, pipeline.updated_at = True, bench.at, bench.at
    bench.note("DELETE", pipeline)


def delete_stage(bench: Workbench, pipeline_id: str, stage_id: str) -> None:
    """Archive a stage; the last one of a pipeline cannot go."""
    pipeline = find_pipeline(bench.schema, pipeline_id)
    stage = find_stage(pipeline, stage_id)
    if sum(not item.archived for item in pipeline.stages) == 1:
        raise invalid(
            "The last stage of a pipeline cannot be deleted.", context={"stageId": [stage_id]}
        )
    _check_unused(bench, [stage])
    _archive(bench, [stage])
    pipeline.updated_at = bench.at


def _archive(bench: Workbench, stages: Iterable[Stage]) -> None:
    for stage in stages:
        stage.archived, stage.archived_at, stage.updated_at = True, bench.at, bench.at
        bench.note("DELETE", stage)


def _check_unused(bench: Workbench, stages: Iterable[Stage]) -> None:
    if not bench.check_references:
        return
    used = [(stage.id, users) for stage in stages if (users := bench.users_of([stage.id]))]
    if not used:
        return
    stage_ids = f"[{', '.join(stage_id for stage_id, _ in used)}]"
    object_ids = f"[{', '.join(user for _, users in used for user in users)}]"
    raise invalid(
        f"Stage IDs: {stage_ids} are being referenced by object IDs: {object_ids}",
        context={"stageIds": [stage_ids], "objectIds": [object_ids]},
        sub_category="PipelineError.STAGE_ID_IN_USE",
    )
