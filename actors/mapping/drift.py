"""Schema drift: an app has changed under a mapping that worked (F18). Pure.

A mapping that fits the apps as they were, and no longer as they are, is no mistake of whoever
wrote it: what depends on the missing thing stops, all else goes on. What the apps had is kept as
a `Memory`, of no more than the mapping uses; without one, every problem is a mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from actors.mapping.compile import compile_sync
from actors.mapping.lookup import find, quoted
from actors.mapping.record import StageScope, Sync
from actors.mapping.relations import Pairs
from actors.records import Side
from actors.schema import AppSchema, ObjectSchema, Pipeline
from actors.spec import PipelineSpec, Problem, SyncSpec

Schemas = Mapping[Side, AppSchema]


class Memory(Struct, frozen=True, kw_only=True):
    """What both apps had when the mapping last fitted them, of what it uses."""

    left: AppSchema
    right: AppSchema

    def app(self, side: Side) -> AppSchema:
        """Return the app on that side."""
        return self.left if side is Side.LEFT else self.right


class Flaw(Problem, frozen=True, kw_only=True):
    """Something that an app has taken away or renamed; `stops`: something does not sync for it."""

    stops: bool = True


class Fit(Struct, frozen=True, kw_only=True):
    """How a mapping fits the apps.

    Attributes:
        sync: what can sync now; None if nothing can.
        memory: what to remember, if there is a sync.
        flaws: what the apps have changed since it fitted.
        problems: mistakes in the mapping; then there is no sync.
    """

    sync: Sync | None = None
    memory: Memory | None = None
    flaws: tuple[Flaw, ...] = ()
    problems: tuple[Problem, ...] = ()


def fit_sync(spec: SyncSpec, left: AppSchema, right: AppSchema, memory: Memory | None) -> Fit:
    """Compile a sync, without what the apps have taken away since it last fitted them.

    Units that are left out are paused: their bases stay as they are. Records in stages that are
    left out are excluded. A sync without which nothing can be decided (its object, a filter's
    field, its last stage) is not there at all.
    """
    now = {Side.LEFT: left, Side.RIGHT: right}
    sync, problems = compile_sync(spec, left, right)
    if sync is not None:
        return Fit(sync=sync, memory=_remember(sync, now))
    if memory is None:
        return Fit(problems=problems)
    was = {side: _overlaid(now[side], memory.app(side)) for side in Side}
    whole, _ = compile_sync(spec, was[Side.LEFT], was[Side.RIGHT])
    if whole is None:
        return Fit(problems=problems)
    return _fit_what_is_left(whole, now, was)


def _fit_what_is_left(whole: Sync, now: Schemas, was: Schemas) -> Fit:
    renamed = tuple(_renamed(whole.spec, now, was))
    followed = _followed(whole.spec, now, was)
    sync, problems = compile_sync(followed, now[Side.LEFT], now[Side.RIGHT])
    flaws = (*renamed, *(_flaw(followed, one, now, was) for one in problems))
    if sync is None:
        rest = without(followed, [one.path for one in problems])
        if rest is not None:
            sync, _ = compile_sync(rest, now[Side.LEFT], now[Side.RIGHT])
    if sync is None or (whole.scopes and not sync.scopes):
        return Fit(flaws=flaws)
    return Fit(sync=_paused(sync, whole), memory=_remember(whole, was), flaws=flaws)


# --- what was there ---------------------------------------------------------------------------


def _remember(sync: Sync, apps: Schemas) -> Memory:
    return Memory(
        left=_trimmed(sync, Side.LEFT, apps[Side.LEFT]),
        right=_trimmed(sync, Side.RIGHT, apps[Side.RIGHT]),
    )


def _trimmed(sync: Sync, side: Side, app: AppSchema) -> AppSchema:
    schema, spec = sync.schema(side), sync.spec
    scope = sync.scopes.get(side)
    mapped = {pipeline for pipeline, _ in scope.mapped} if scope is not None else set()
    trimmed = msgspec.structs.replace(
        schema,
        fields=tuple(one for one in schema.fields if one.name in sync.fields[side]),
        pipelines=tuple(one for one in schema.pipelines if one.id in mapped),
    )
    names = {name.casefold() for pair in spec.users for name in pair}
    names |= {name.casefold() for name in (spec.fallback_left, spec.fallback_right) if name}
    people = (one for one in app.users if {one.id, (one.email or "").casefold()} & names)
    return msgspec.structs.replace(app, objects=(trimmed,), users=tuple(people))


def _overlaid(now: AppSchema, was: AppSchema) -> AppSchema:
    """Return the app as it is, with what it had and under the names that things had."""
    lost = [one for one in was.objects if now.object(one.name) is None]
    objects = [
        one if (before := was.object(one.name)) is None else _overlaid_object(one, before)
        for one in now.objects
    ]
    known = {user.id for user in now.users}
    users = (*now.users, *(user for user in was.users if user.id not in known))
    return msgspec.structs.replace(now, objects=(*objects, *lost), users=users)


def _overlaid_object(now: ObjectSchema, was: ObjectSchema) -> ObjectSchema:
    before = {field.name for field in was.fields}
    fields = (*was.fields, *(field for field in now.fields if field.name not in before))
    return msgspec.structs.replace(now, fields=fields, pipelines=_overlaid_pipelines(now, was))


def _overlaid_pipelines(now: ObjectSchema, was: ObjectSchema) -> tuple[Pipeline, ...]:
    """Return the live pipelines with the stages that they had, then those that had another name."""
    live = {one.id: one for one in now.pipelines if not one.archived}
    before = {one.id: one for one in was.pipelines}
    both = [_joined(one, before[one.id]) if one.id in before else one for one in live.values()]
    names = {(one.id, one.label) for one in live.values()}
    former = [
        _joined(one, live[one.id]) if one.id in live else one
        for one in was.pipelines
        if (one.id, one.label) not in names
    ]
    return (*both, *former)


def _joined(one: Pipeline, other: Pipeline) -> Pipeline:
    live = tuple(stage for stage in one.stages if not stage.archived)
    names = {(stage.id, stage.label) for stage in live}
    more = (stage for stage in other.stages if (stage.id, stage.label) not in names)
    return msgspec.structs.replace(one, stages=(*live, *more))


# --- what was renamed -------------------------------------------------------------------------


def _followed(spec: SyncSpec, now: Schemas, was: Schemas) -> SyncSpec:
    """Return the spec with the ids of what was renamed in the place of the former names."""
    pipelines = []
    for mapping in spec.pipelines:
        ids = {side: _id_of(spec, mapping, side, now, was) for side in Side}
        stages = tuple(
            (
                _stage_id_of(spec, mapping, Side.LEFT, one, now, was),
                _stage_id_of(spec, mapping, Side.RIGHT, two, now, was),
            )
            for one, two in mapping.stages
        )
        followed = PipelineSpec(left=ids[Side.LEFT], right=ids[Side.RIGHT], stages=stages)
        pipelines.append(followed)
    return msgspec.structs.replace(spec, pipelines=tuple(pipelines))


def _renamed(spec: SyncSpec, now: Schemas, was: Schemas) -> Iterator[Flaw]:
    for index, mapping in enumerate(spec.pipelines):
        path = ("pipelines", index)
        for at, side in enumerate(Side):
            name, app = _name(mapping, side), spec.app(side)
            pipeline = find(_id_of(spec, mapping, side, now, was), _pipelines(spec, side, now))
            if pipeline is None:
                continue
            if find(name, _pipelines(spec, side, now)) is None:
                yield _told_renamed((*path, side.value), "pipeline", name, app, pipeline.label)
            for number, pair in enumerate(mapping.stages):
                stage_id = _stage_id_of(spec, mapping, side, pair[at], now, was)
                stage = find(stage_id, pipeline.stages)
                if stage is not None and find(pair[at], pipeline.stages) is None:
                    at_stage = (*path, "stages", number, side.value)
                    yield _told_renamed(at_stage, "stage", pair[at], app, stage.label)


def _told_renamed(path: tuple[str | int, ...], what: str, name: str, app: str, label: str) -> Flaw:
    message = (
        f'{what} "{name}" is now called "{label}" in {app}: it goes on syncing, '
        "but write the new name into the mapping"
    )
    return Flaw(path=path, message=message, stops=False)


def _pipelines(spec: SyncSpec, side: Side, apps: Schemas) -> tuple[Pipeline, ...]:
    schema = apps[side].object(spec.object)
    return schema.pipelines if schema is not None else ()


def _name(mapping: PipelineSpec, side: Side) -> str:
    return mapping.left if side is Side.LEFT else mapping.right


def _id_of(spec: SyncSpec, mapping: PipelineSpec, side: Side, now: Schemas, was: Schemas) -> str:
    """Return the pipeline's name if it still has it, else the id of what had it."""
    name, live = _name(mapping, side), _pipelines(spec, side, now)
    if find(name, live) is not None:
        return name
    before = find(name, _pipelines(spec, side, was))
    return before.id if before is not None and find(before.id, live) is not None else name


def _stage_id_of(
    spec: SyncSpec, mapping: PipelineSpec, side: Side, name: str, now: Schemas, was: Schemas
) -> str:
    pipeline_id = _id_of(spec, mapping, side, now, was)
    live = find(pipeline_id, _pipelines(spec, side, now))
    before = find(_name(mapping, side), _pipelines(spec, side, was))
    if live is None or before is None or find(name, live.stages) is not None:
        return name
    stage = find(name, before.stages)
    return stage.id if stage is not None and find(stage.id, live.stages) is not None else name


# --- what is gone -----------------------------------------------------------------------------


def without(spec: SyncSpec, paths: Iterable[tuple[str | int, ...]]) -> SyncSpec | None:
    """Return the spec without the parts at these paths, or None if it is nothing without them."""
    fields: set[int] = set()
    associations: set[int] = set()
    stages: set[tuple[int, int | None]] = set()
    for path in paths:
        match path:
            case ("fields", int(index), *_):
                fields.add(index)
            case ("associations", int(index), *_):
                associations.add(index)
            case ("pipelines", int(index), "stages", int(number), *_):
                stages.add((index, number))
            case ("pipelines", int(index), *_):
                stages.add((index, None))
            case _:
                return None
    return msgspec.structs.replace(
        spec,
        fields=tuple(one for index, one in enumerate(spec.fields) if index not in fields),
        associations=spec.associations
        and tuple(one for at, one in enumerate(spec.associations) if at not in associations),
        pipelines=tuple(
            _without_stages(one, {number for at, number in stages if at == index})
            for index, one in enumerate(spec.pipelines)
            if (index, None) not in stages
        ),
    )


def _without_stages(mapping: PipelineSpec, numbers: set[int | None]) -> PipelineSpec:
    kept = tuple(pair for number, pair in enumerate(mapping.stages) if number not in numbers)
    return msgspec.structs.replace(mapping, stages=kept)


def _flaw(spec: SyncSpec, problem: Problem, now: Schemas, was: Schemas) -> Flaw:
    match problem.path:
        case ("fields", int(), *_):
            stops = "this field does not sync until that is mended"
        case ("associations", int(), *_):
            stops = "these links do not sync until that is mended"
        case ("pipelines", int(), "stages", int(), *_):
            stops = "deals in this stage are left alone until that is mended"
        case ("pipelines", int(), *_):
            stops = "deals in this pipeline are left alone until that is mended"
        case _:
            stops = f"{spec.object} do not sync until that is mended"
    return Flaw(path=problem.path, message=f"{problem.message}; {stops}")


def _paused(sync: Sync, whole: Sync) -> Sync:
    """Mark in a sync what it lacks of the whole one; what goes on means what it meant."""
    before = whole.by_key.get("stage")
    units = tuple(
        msgspec.structs.replace(unit, version=before.version)
        if before is not None and unit.key == "stage"
        else unit
        for unit in sync.units
    )
    scopes = {side: _lessened(sync, whole, side) for side in sync.scopes}
    paused = frozenset(whole.by_key) - {unit.key for unit in units}
    return msgspec.structs.replace(sync, units=units, scopes=scopes, paused=paused)


def _lessened(sync: Sync, whole: Sync, side: Side) -> StageScope:
    scope, before = sync.scopes[side], whole.scopes[side]
    lost = before.mapped - scope.mapped
    return msgspec.structs.replace(scope, lost={key: _loss(sync, whole, side, key) for key in lost})


def _loss(sync: Sync, whole: Sync, side: Side, key: tuple[str, str]) -> str:
    labels = {at: whole.scopes[at].labels for at in Side}
    if not _is_live(sync.schema(side), key):
        return f'stage "{labels[side].get(key, key[1])}" is gone in {sync.app(side)}'
    relation = whole.by_key["stage"].relation
    assert isinstance(relation, Pairs)
    ends = {Side.LEFT: 0, Side.RIGHT: 1}
    others = [pair[ends[side.other]] for pair in relation.pairs if pair[ends[side]] == key]
    places = [(str(line), str(stage)) for line, stage in others]
    gone = quoted([labels[side.other].get(place, place[1]) for place in places])
    there = f"{gone} of {sync.app(side.other)}, which is gone"
    return f'stage "{labels[side].get(key, key[1])}" is mapped to {there}'


def _is_live(schema: ObjectSchema, key: tuple[str, str]) -> bool:
    return any(
        (pipeline.id, stage.id) == key and not (pipeline.archived or stage.archived)
        for pipeline in schema.pipelines
        for stage in pipeline.stages
    )
