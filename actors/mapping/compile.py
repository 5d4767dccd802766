"""Compile a sync: resolve names against the two apps' schemas, choose relations, find problems.

All problems are collected, none raised: `check` shows them together, with their place.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable

import msgspec

from actors.errors import MappingError
from actors.mapping.conditions import Grounds, make_filter
from actors.mapping.filters import Filter, fields_of
from actors.mapping.lookup import describe_absence, find
from actors.mapping.record import StageScope, Sync
from actors.mapping.relate import Surroundings, relate
from actors.mapping.relations import Pairs, Relation
from actors.mapping.units import Member, Unit
from actors.records import Side
from actors.schema import AppSchema, Closing, Field, ObjectSchema, Pipeline
from actors.spec import Direction, FieldSpec, PipelineSpec, Problem, SyncSpec
from actors.values import Kind

Report = Callable[[tuple[str | int, ...], str], None]
StagePairs = tuple[tuple[tuple[str, str], tuple[str, str]], ...]


def compile_sync(
    spec: SyncSpec, left: AppSchema, right: AppSchema
) -> tuple[Sync | None, tuple[Problem, ...]]:
    """Resolve `spec` against both schemas.

    Returns:
        The sync and no problems, or None and at least one problem, each with its path in the
        spec.
    """
    problems: list[Problem] = []

    def report(path: tuple[str | int, ...], message: str) -> None:
        problems.append(Problem(path=path, message=message))

    objects = _objects(spec, {Side.LEFT: left, Side.RIGHT: right}, report)
    if objects is None:
        return None, tuple(problems)
    around = Surroundings(spec=spec, left=left, right=right, objects=objects)
    pairs = _stage_pairs(spec, objects, report)
    units = [*_stage_unit(spec, objects, pairs), *_field_units(around, report)]
    filters = _filters(around, report)
    if problems:
        return None, tuple(problems)
    return _assembled(spec, objects, tuple(units), pairs, filters), ()


def _objects(
    spec: SyncSpec, apps: dict[Side, AppSchema], report: Report
) -> dict[Side, ObjectSchema] | None:
    found: dict[Side, ObjectSchema] = {}
    for side, app in apps.items():
        schema = app.object(spec.object)
        if schema is None:
            report(("object",), f"{spec.app(side)} has no {spec.object} that tieline can sync")
        else:
            found[side] = schema
    return found if len(found) == len(apps) else None


def _filters(around: Surroundings, report: Report) -> dict[Side, Filter]:
    spec, zone = around.spec, around.spec.timezone or around.left.timezone
    return {
        side: make_filter(
            Grounds(
                app=spec.app(side),
                schema=around.objects[side],
                account=around.app(side),
                zone=zone,
            ),
            wanted,
            ("filters", side.value),
            report,
        )
        for side, wanted in spec.filters.items()
    }


def _assembled(
    spec: SyncSpec,
    objects: dict[Side, ObjectSchema],
    units: tuple[Unit, ...],
    pairs: StagePairs,
    filters: dict[Side, Filter],
) -> Sync:
    versions = [(unit.key, unit.version) for unit in units]
    meaning = (spec, versions, filters)
    return Sync(
        spec=spec,
        version=zlib.crc32(msgspec.json.encode(meaning, order="deterministic")),
        left=objects[Side.LEFT],
        right=objects[Side.RIGHT],
        units=units,
        fields={side: _fields(side, objects[side], units, filters) for side in objects},
        scopes={
            side: _scope(objects[side], {pair[index] for pair in pairs})
            for index, side in enumerate((Side.LEFT, Side.RIGHT))
            if pairs
        },
        filters=filters,
    )


def _fields(
    side: Side, schema: ObjectSchema, units: Iterable[Unit], filters: dict[Side, Filter]
) -> tuple[str, ...]:
    names = [schema.pipeline_field, schema.stage_field]
    names += [member.name for unit in units for member in unit.members(side)]
    names += fields_of(filters.get(side, Filter()))
    return tuple(dict.fromkeys(name for name in names if name is not None))


# --- stages ---------------------------------------------------------------------------------


def _stage_pairs(spec: SyncSpec, objects: dict[Side, ObjectSchema], report: Report) -> StagePairs:
    if spec.object == "deals" and not spec.pipelines:
        report(("pipelines",), "deals need at least one pipeline mapping: only mapped stages sync")
    found: list[tuple[tuple[str, str], tuple[str, str]]] = []
    for index, mapping in enumerate(spec.pipelines):
        found += _pairs_of(spec, mapping, ("pipelines", index), objects, report)
    return tuple(dict.fromkeys(found))


def _pairs_of(
    spec: SyncSpec,
    mapping: PipelineSpec,
    path: tuple[str | int, ...],
    objects: dict[Side, ObjectSchema],
    report: Report,
) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    names = {Side.LEFT: mapping.left, Side.RIGHT: mapping.right}
    pipelines: dict[Side, Pipeline] = {}
    for side, name in names.items():
        wanted = find(name, objects[side].pipelines)
        if wanted is None:
            what = f"{spec.app(side)} has no pipeline"
            absence = describe_absence(what, name, objects[side].pipelines)
            report((*path, side.value), absence)
        else:
            pipelines[side] = wanted
    if len(pipelines) < len(names):
        return []
    pairs = []
    for number, pair in enumerate(mapping.stages):
        ends = [
            _stage(spec, side, pipelines[side], pair[at], (*path, "stages", number), report)
            for at, side in enumerate((Side.LEFT, Side.RIGHT))
        ]
        if ends[0] is not None and ends[1] is not None:
            pairs.append((ends[0], ends[1]))
    return pairs


def _stage(
    spec: SyncSpec,
    side: Side,
    pipeline: Pipeline,
    name: str,
    path: tuple[str | int, ...],
    report: Report,
) -> tuple[str, str] | None:
    stage = find(name, pipeline.stages)
    if stage is not None:
        return pipeline.id, stage.id
    what = f'pipeline "{pipeline.label}" of {spec.app(side)} has no stage'
    report((*path, side.value), describe_absence(what, name, pipeline.stages))
    return None


def _scope(schema: ObjectSchema, mapped: set[tuple[str, str]]) -> StageScope:
    assert schema.pipeline_field is not None and schema.stage_field is not None
    return StageScope(
        pipeline_field=schema.pipeline_field,
        stage_field=schema.stage_field,
        mapped=frozenset(mapped),
        labels={(p.id, stage.id): stage.label for p in schema.pipelines for stage in p.stages},
        pipelines={pipeline.id: pipeline.label for pipeline in schema.pipelines},
        closings={
            (pipeline.id, stage.id): stage.closing
            for pipeline in schema.pipelines
            for stage in pipeline.stages
            if stage.closing is not Closing.OPEN
        },
    )


def _stage_unit(spec: SyncSpec, objects: dict[Side, ObjectSchema], pairs: StagePairs) -> list[Unit]:
    if not pairs:
        return []
    members = {side: _stage_members(objects[side]) for side in objects}
    return [_unit("stage", members, Pairs(pairs=pairs, what="stage"), spec, spec.direction, None)]


def _stage_members(schema: ObjectSchema) -> tuple[Member, ...]:
    names = (schema.pipeline_field, schema.stage_field)
    return tuple(Member(name=n, kind=Kind.ENUM, required=True) for n in names if n is not None)


# --- fields ---------------------------------------------------------------------------------


def _field_units(around: Surroundings, report: Report) -> list[Unit]:
    units: list[Unit] = []
    taken: set[tuple[Side, str]] = set()
    for index, mapping in enumerate(around.spec.fields):
        fields = _resolved(around, mapping, ("fields", index), report)
        if fields is None:
            continue
        try:
            unit = _field_unit(around, mapping, fields)
        except MappingError as error:
            report(("fields", index), str(error))
            continue
        units.append(unit)
        for side in Side:  # of all members: an amount takes its currency along
            for name in [member.name for member in unit.members(side)]:
                if (side, name) in taken:
                    app = around.spec.app(side)
                    report(("fields", index, side.value), f'{app}: "{name}" is mapped twice')
                taken.add((side, name))
    return units


def _resolved(
    around: Surroundings, mapping: FieldSpec, path: tuple[str | int, ...], report: Report
) -> dict[Side, Field] | None:
    fields: dict[Side, Field] = {}
    for side, name in ((Side.LEFT, mapping.left), (Side.RIGHT, mapping.right)):
        schema, app = around.objects[side], around.spec.app(side)
        field = schema.field(name)
        if field is None:
            report((*path, side.value), f'{app} has no field "{name}" on {schema.native}')
        elif name in (schema.pipeline_field, schema.stage_field, schema.key_field):
            report((*path, side.value), f'{app}: "{name}" is kept by tieline itself: remove it')
        else:
            fields[side] = field
    return fields if len(fields) == len(around.objects) else None


def _field_unit(around: Surroundings, mapping: FieldSpec, fields: dict[Side, Field]) -> Unit:
    spec = around.spec
    direction = _direction(spec, mapping, fields)
    relation, members, fallback = relate(around, mapping, fields)
    key = f"{mapping.left}={mapping.right}"
    unit = _unit(key, members, relation, spec, direction, mapping)
    return msgspec.structs.replace(unit, fallback=fallback)


def _direction(spec: SyncSpec, mapping: FieldSpec, fields: dict[Side, Field]) -> Direction:
    direction = (mapping.direction or spec.direction).within(spec.direction)
    if direction is None:
        raise MappingError("the field goes against the direction of the whole sync")
    for side, field in fields.items():
        if direction.allows(side) and not field.writable:
            to_other = Direction.TO_LEFT if side is Side.RIGHT else Direction.TO_RIGHT
            narrowed = to_other.within(direction)
            if mapping.direction is not None or narrowed is None:
                app = spec.app(side)
                raise MappingError(
                    f'{app}: "{field.name}" is read-only; map it only to {spec.app(side.other)}'
                )
            direction = narrowed
    return direction


def _unit(
    key: str,
    members: dict[Side, tuple[Member, ...]],
    relation: Relation,
    spec: SyncSpec,
    direction: Direction,
    mapping: FieldSpec | None,
) -> Unit:
    meaning = (members, relation, direction)
    return Unit(
        key=key,
        version=zlib.crc32(msgspec.json.encode(meaning, order="deterministic")),
        left=members[Side.LEFT],
        right=members[Side.RIGHT],
        relation=relation,
        direction=direction,
        rules=(mapping.rules if mapping is not None else None) or spec.rules,
    )
