"""What follows a delete in the other app, resolved against the app that it is done to. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from actors.errors import OutsideDomainError
from actors.links import Step
from actors.mapping.record import Follow, Sync
from actors.records import Side
from actors.schema import Field, ObjectSchema, Stage
from actors.spec import AfterDelete
from actors.values import Kind, Raw, dump, parse

Report = Callable[[tuple[str | int, ...], str], None]


def with_deletes(sync: Sync, report: Report) -> Sync:
    """Return the sync with what its spec says about deletes resolved.

    What is wrong is reported with its path in the spec, and left out.
    """
    found: dict[Side, Follow] = {}
    for side, wanted in sync.spec.deletes.items():
        follow = _follow(sync, side, wanted, report) if wanted.is_wanted else None
        if follow is not None:
            found[side] = follow
    if not found:
        return sync
    fields = {
        side: tuple(dict.fromkeys((*sync.fields[side], *_fields(found.get(side))))) for side in Side
    }
    return msgspec.structs.replace(sync, deletes=found, fields=fields)


def _fields(follow: Follow | None) -> tuple[str, ...]:
    return tuple(follow.values) if follow is not None else ()


def _follow(sync: Sync, side: Side, wanted: AfterDelete, report: Report) -> Follow | None:
    schema, app, path = sync.schema(side), sync.app(side), ("deletes", side.value)
    if side not in sync.spec.update or not sync.spec.direction.allows(side):
        report(path, f"{app} is not to be changed by this sync, so nothing can follow a delete")
        return None
    if wanted.archive:
        if schema.removal is None:
            report(path, f"{app} cannot archive {schema.name} by its API; set a field or a stage")
            return None
        return Follow(step=Step.ARCHIVE)
    values = {
        name: _value(schema, app, name, text, (*path, "values", name), report)
        for name, text in wanted.values.items()
    }
    stages = _stages(sync, side, wanted.stage, (*path, "stage"), report)
    return Follow(
        step=Step.MARK,
        values=values,
        stages=stages,
        pipeline_field=schema.pipeline_field,
        stage_field=schema.stage_field,
    )


def _value(
    schema: ObjectSchema,
    app: str,
    name: str,
    text: str,
    path: tuple[str | int, ...],
    report: Report,
) -> Raw:
    """Return the raw value of what a field is to be set to, as written by a person."""
    field = schema.field(name)
    if field is None:
        report(path, f'{app} has no field "{name}" on {schema.native}')
    elif not field.writable or name in (schema.pipeline_field, schema.key_field):
        report(path, f'{app}: "{name}" cannot be written')
    elif name == schema.stage_field:
        report(path, f"{app}: a stage is given as `stage:`")
    else:
        try:
            return _raw(field, text)
        except OutsideDomainError as error:
            report(path, f'{app}: "{name}": {error}')
    return None


def _raw(field: Field, text: str) -> Raw:
    if field.options:
        folded = text.casefold().strip()
        by_id = next((one for one in field.options if one.id == text), None)
        found = by_id or next(
            (one for one in field.options if one.label.casefold().strip() == folded), None
        )
        if found is None:
            choices = ", ".join(f'"{one.label}"' for one in field.options)
            raise OutsideDomainError(f'there is no option "{text}"; it has {choices}')
        return found.id
    if field.kind is Kind.REFERENCE:
        return text
    return dump(field.kind, parse(field.kind, text))


def _stages(
    sync: Sync, side: Side, name: str | None, path: tuple[str | int, ...], report: Report
) -> dict[str, str]:
    """Return the stage of that id or label in each mapped pipeline."""
    if name is None:
        return {}
    scope = sync.scopes.get(side)
    mapped = {pipeline for pipeline, _ in scope.mapped} if scope is not None else set()
    found: dict[str, str] = {}
    for pipeline in sync.schema(side).pipelines:
        stage = _stage(pipeline.stages, name) if pipeline.id in mapped else None
        if stage is not None and not stage.reachable:
            report(path, f'{sync.app(side)}: "{stage.label}": {stage.unreachable}')
        if stage is not None:
            found[pipeline.id] = stage.id
    if not found:
        report(path, f'{sync.app(side)} has no stage "{name}" in a mapped pipeline')
    return found


def _stage(stages: tuple[Stage, ...], name: str) -> Stage | None:
    live = [one for one in stages if not one.archived]
    folded = name.casefold().strip()
    by_id = next((one for one in live if one.id == name), None)
    return by_id or next((one for one in live if one.label.casefold().strip() == folded), None)
