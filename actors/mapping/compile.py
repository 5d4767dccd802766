"""Compile a sync: resolve names against the two apps' schemas, choose relations, find problems.

All problems are collected, none raised: `check` shows them together, with their place.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable

import msgspec

from actors.errors import MappingError
from actors.mapping.associate import association_units
from actors.mapping.compose import Several, compose, defaults_of, key_of, names_of
from actors.mapping.conditions import Grounds, make_filter
from actors.mapping.directions import narrowed
from actors.mapping.feeding import find_circle, written
from actors.mapping.filters import Filter, fields_of
from actors.mapping.follow import with_deletes
from actors.mapping.laws import check_laws
from actors.mapping.lookup import describe_absence, find
from actors.mapping.matchers import Matcher, make_matchers
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
    units = [
        *_stage_unit(spec, objects, pairs),
        *_field_units(around, report),
        *association_units(around, report),
    ]
    filters = _filters(around, report)
    matchers = make_matchers(spec, objects, report)
    _check_markers(spec, objects, units, report)
    if problems:
        return None, tuple(problems)
    sync = with_deletes(_assembled(spec, objects, tuple(units), pairs, filters, matchers), report)
    return (None, tuple(problems)) if problems else (sync, ())


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


def _check_markers(
    spec: SyncSpec, objects: dict[Side, ObjectSchema], units: Iterable[Unit], report: Report
) -> None:
    """A marker goes to a field of its own that can be written."""
    for side, values in spec.markers.items():
        schema, app = objects[side], spec.app(side)
        kept = {schema.pipeline_field, schema.stage_field, schema.key_field}
        kept |= {member.name for unit in units for member in unit.members(side)}
        for name in values:
            field, path = schema.field(name), ("markers", side.value, name)
            if field is None:
                report(path, f'{app} has no field "{name}" on {schema.native}')
            elif name in kept:
                report(path, f'{app}: "{name}" is synced; a marker needs a field of its own')
            elif not field.writable:
                report(path, f'{app}: "{name}" is read-only; a marker needs another field')


def _assembled(
    spec: SyncSpec,
    objects: dict[Side, ObjectSchema],
    units: tuple[Unit, ...],
    pairs: StagePairs,
    filters: dict[Side, Filter],
    matchers: tuple[Matcher, ...],
) -> Sync:
    versions = [(unit.key, unit.version) for unit in units]
    shows = {
        side: {name: to for name, to in one.shows.items() if to in spec.peers}
        for side, one in objects.items()
    }
    # What the other objects are shows in the units: those that stay the same stay at rest.
    alone = msgspec.structs.replace(spec.decisive, peers=(), associations=None)
    meaning = (alone, versions, filters, matchers)
    return Sync(
        spec=spec,
        version=zlib.crc32(msgspec.json.encode(meaning, order="deterministic")),
        left=objects[Side.LEFT],
        right=objects[Side.RIGHT],
        units=units,
        fields={
            side: (*_fields(side, objects[side], units, filters, matchers), *shows[side])
            for side in objects
        },
        shows=shows,
        scopes={
            side: _scope(objects[side], {pair[index] for pair in pairs})
            for index, side in enumerate((Side.LEFT, Side.RIGHT))
            if pairs
        },
        filters=filters,
        matchers=matchers,
    )


def _fields(
    side: Side,
    schema: ObjectSchema,
    units: Iterable[Unit],
    filters: dict[Side, Filter],
    matchers: Iterable[Matcher],
) -> tuple[str, ...]:
    names = [schema.pipeline_field, schema.stage_field]
    names += [member.name for unit in units for member in unit.members(side)]
    names += fields_of(filters.get(side, Filter()))
    names += [matcher.field(side) for matcher in matchers]
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
    lines: list[int] = []
    taken: set[tuple[Side, str]] = set()
    doubles: set[tuple[Side, str]] = set()
    for index, mapping in enumerate(around.spec.fields):
        if mapping.is_off:
            continue
        try:
            fields = _resolved(around, mapping, ("fields", index), report)
            if fields is None:
                continue
            unit = _field_unit(around, mapping, fields)
        except MappingError as error:
            report(("fields", index, *error.at), str(error))
            continue
        units.append(unit)
        lines.append(index)
        mine = written(unit)  # all members: an amount takes its currency along
        doubles |= mine & taken
        for side, name in sorted(mine & taken):
            app = around.spec.app(side)
            report(("fields", index, side.value), f'{app}: "{name}" is mapped twice')
        taken |= mine
    if circle := () if doubles else find_circle(units):
        names = ", ".join(f'"{units[at].key}"' for at in sorted(circle))
        message = f"these feed each other in a circle, and would never come to rest: {names}"
        report(("fields", lines[max(circle)]), message)
    return units


def _resolved(
    around: Surroundings, mapping: FieldSpec, path: tuple[str | int, ...], report: Report
) -> Several | None:
    fields: Several = {}
    is_whole = True
    for side in Side:
        found: list[Field] = []
        names = names_of(mapping, side)
        for name in names:
            schema, app = around.objects[side], around.spec.app(side)
            at = (*path, side.value if mapping.name(side) else "template")
            field = schema.field(name)
            if field is None:
                report(at, f'{app} has no field "{name}" on {schema.native}')
            elif name in (schema.pipeline_field, schema.stage_field, schema.key_field):
                report(at, f'{app}: "{name}" is kept by tieline itself: remove it')
            else:
                found.append(field)
        is_whole = is_whole and len(found) == len(names)
        fields[side] = tuple(found)
    return fields if is_whole else None


def _field_unit(around: Surroundings, mapping: FieldSpec, fields: Several) -> Unit:
    spec = around.spec
    named = [(side, one) for side, some in fields.items() if mapping.name(side) for one in some]
    direction = narrowed(spec, mapping.direction, named)
    if all(len(some) == 1 for some in fields.values()) and mapping.template is None:
        pair = {side: some[0] for side, some in fields.items()}
        relation, members, fallback = relate(around, mapping, pair)
    else:
        relation, members, fallback = compose(around, mapping, fields)
    direction = _possible(spec, mapping, relation, direction)
    check_laws(relation, fields, {side: len(some) for side, some in members.items()})
    unit = _unit(key_of(mapping), members, relation, spec, direction, mapping)
    defaults = {
        side: raws + (None,) * (len(members[Side(side)]) - len(raws))
        for side, raws in defaults_of(around, mapping, fields).items()
    }
    return msgspec.structs.replace(unit, fallback=fallback, defaults=defaults)


def _possible(
    spec: SyncSpec, mapping: FieldSpec, relation: Relation, direction: Direction
) -> Direction:
    """Refuse to map both ways what can be said only one way, instead of guessing."""
    is_meant = mapping.left and mapping.right  # two fields: which way they go is up to people
    if relation.ways is Direction.BOTH:
        return direction
    possible = relation.ways.within(direction)
    target = Side.RIGHT if relation.ways is Direction.TO_RIGHT else Side.LEFT
    if possible is None:
        message = f"{relation.one_way}, and {spec.app(target)} is not written to: remove the line"
        raise MappingError(message, at=("direction",))
    if direction is Direction.BOTH and (mapping.direction is not None or is_meant):
        advice = f"map it one way with `direction: to-{spec.app(target)}`"
        raise MappingError(f"{relation.one_way}: {advice}", at=("direction",))
    return possible


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
