"""Pipelines, their stages and audit lists over HTTP."""

from __future__ import annotations

from collections.abc import Iterable

from daemon.sandbox.hubspot.auth import Need
from daemon.sandbox.hubspot.calls import Call, Endpoint
from daemon.sandbox.hubspot.catalog import shown
from daemon.sandbox.hubspot.pipeline_rules import (
    PipelineDraft,
    StageDraft,
    Workbench,
    create_pipeline,
    create_stage,
    delete_pipeline,
    delete_stage,
    find_pipeline,
    find_stage,
    replace_pipeline,
    update_pipeline,
    update_stage,
)
from daemon.sandbox.hubspot.wire import NO_CONTENT, Answer, answer, iso, not_found

__all__ = ["routes"]


def routes() -> list[Endpoint]:
    """The calls on pipelines and stages."""
    area, line, step = "pipelines", "/{t}/{p}", "/{t}/{p}/stages/{s}"
    reads = [
        ("/{t}", list_pipelines),
        (line, read_pipeline),
        ("/{t}/{p}/audit", read_audit),
        ("/{t}/{p}/stages", list_stages),
        (step, read_stage),
        ("/{t}/{p}/stages/{s}/audit", read_audit),
    ]
    writes = [
        ("POST", "/{t}", post_pipeline),
        ("PATCH", line, patch_pipeline),
        ("PUT", line, put_pipeline),
        ("DELETE", line, remove_pipeline),
        ("POST", "/{t}/{p}/stages", post_stage),
        ("PATCH", step, patch_stage),
        ("PUT", step, put_stage),
        ("DELETE", step, remove_stage),
    ]
    return [Endpoint("GET", area, path, handler, Need.SCHEMA_READ) for path, handler in reads] + [
        Endpoint(method, area, path, handler, Need.SCHEMA_WRITE, write=True)
        for method, path, handler in writes
    ]


def _bench(call: Call) -> Workbench:
    account, schema = call.account, call.table().schema

    def users_of(stages: Iterable[str]) -> list[str]:
        return [str(record.id) for record in account.records_in_stage(schema.type.name, stages)]

    # 2026-09 checks references unless told not to; older versions only when told to.
    checks = [call.flag("validateReferencesBeforeDelete", call.newest)]
    if schema.type.name == "deals":
        checks.append(call.flag("validateDealStageUsagesBeforeDelete", call.newest))
    return Workbench(
        schema=schema,
        portal_id=account.details.portal_id,
        at=iso(account.clock.now_ms()),
        new_id=lambda: str(account.mint_id()),
        users_of=users_of,
        check_references=any(checks),
    )


def list_pipelines(call: Call) -> Answer:
    """Every live pipeline of a type with its stages; no paging."""
    return answer({"results": call.table().schema.live_pipelines()})


def read_pipeline(call: Call) -> Answer:
    """One pipeline with its stages."""
    return answer(shown(find_pipeline(call.table().schema, call.params["p"])))


def post_pipeline(call: Call) -> Answer:
    """Make a pipeline."""
    _need_pipelines(call)
    made = create_pipeline(_bench(call), call.json(PipelineDraft))
    call.account.touch()
    return answer(shown(made), 201)


def _need_pipelines(call: Call) -> None:
    kind = call.table().schema.type
    if not kind.pipeline_property:
        raise not_found(f"Object type {kind.object_type_id} does not have pipelines.")


def patch_pipeline(call: Call) -> Answer:
    """Change label or place, or restore."""
    changed = update_pipeline(_bench(call), call.params["p"], call.json(PipelineDraft))
    call.account.touch()
    return answer(shown(changed))


def put_pipeline(call: Call) -> Answer:
    """Replace a pipeline and its stages."""
    changed = replace_pipeline(_bench(call), call.params["p"], call.json(PipelineDraft))
    call.account.touch()
    return answer(shown(changed))


def remove_pipeline(call: Call) -> Answer:
    """Delete a pipeline."""
    delete_pipeline(_bench(call), call.params["p"])
    call.account.touch()
    return NO_CONTENT


def list_stages(call: Call) -> Answer:
    """The live stages of a pipeline."""
    return answer({"results": shown(find_pipeline(call.table().schema, call.params["p"])).stages})


def read_stage(call: Call) -> Answer:
    """One stage."""
    pipeline = find_pipeline(call.table().schema, call.params["p"])
    return answer(find_stage(pipeline, call.params["s"]))


def post_stage(call: Call) -> Answer:
    """Add a stage."""
    made = create_stage(_bench(call), call.params["p"], call.json(StageDraft))
    call.account.touch()
    return answer(made, 201)


def patch_stage(call: Call) -> Answer:
    """Change a stage in part."""
    return _change_stage(call, whole=False)


def put_stage(call: Call) -> Answer:
    """Change a stage as a whole."""
    return _change_stage(call, whole=True)


def _change_stage(call: Call, *, whole: bool) -> Answer:
    draft = call.json(StageDraft)
    changed = update_stage(_bench(call), call.params["p"], call.params["s"], draft, whole=whole)
    call.account.touch()
    return answer(changed)


def remove_stage(call: Call) -> Answer:
    """Delete a stage."""
    delete_stage(_bench(call), call.params["p"], call.params["s"])
    call.account.touch()
    return NO_CONTENT


def read_audit(call: Call) -> Answer:
    """What was changed about a pipeline or a stage, deleted ones included; newest first."""
    schema = call.table().schema
    pipeline = schema.pipelines.get(call.params["p"]) or find_pipeline(schema, call.params["p"])
    wanted = call.params.get("s", pipeline.id)
    if wanted not in {pipeline.id, *(stage.id for stage in pipeline.stages)}:
        find_stage(pipeline, wanted)
    return answer({"results": schema.audits.get(wanted, [])[::-1]})
