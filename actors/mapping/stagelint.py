"""What deserves a look in a stage mapping although it is no error (F13). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from actors.mapping.lookup import find
from actors.mapping.relations import Pairs, Values
from actors.records import Side
from actors.schema import Closing, ObjectSchema, Pipeline, Stage
from actors.spec import PipelineSpec, Problem, SyncSpec

Counts = Mapping[Side, Mapping[str, int]]
"""By side, how many records a stage holds, by stage id; what was not counted is left out."""

_LEARN = "deletes do not travel, so a closing stage is how the other app learns that a deal ended"


class StagePair(Struct, frozen=True, kw_only=True):
    """One line of `stages:` with both of its stages found.

    Attributes:
        path: of the line in the spec.
    """

    path: tuple[str | int, ...]
    pipelines: dict[Side, Pipeline]
    stages: dict[Side, Stage]

    def key(self, side: Side) -> tuple[str, str]:
        """Return the pipeline and the stage by their ids."""
        return self.pipelines[side].id, self.stages[side].id


def stage_pairs(spec: SyncSpec, objects: Mapping[Side, ObjectSchema]) -> tuple[StagePair, ...]:
    """Return the stage pairs whose pipelines and stages are there."""
    return tuple(pair for index in range(len(spec.pipelines)) for pair in _of(spec, index, objects))


def _of(spec: SyncSpec, index: int, objects: Mapping[Side, ObjectSchema]) -> Iterator[StagePair]:
    mapping = spec.pipelines[index]
    pipelines = mapped_pipelines(mapping, objects)
    if len(pipelines) < len(Side):
        return
    for number, names in enumerate(mapping.stages):
        pair = zip(Side, names, strict=True)
        stages = {side: find(name, pipelines[side].stages) for side, name in pair}
        found = {side: stage for side, stage in stages.items() if stage is not None}
        if len(found) == len(Side):
            path = ("pipelines", index, "stages", number)
            yield StagePair(path=path, pipelines=pipelines, stages=found)


def mapped_pipelines(
    mapping: PipelineSpec, objects: Mapping[Side, ObjectSchema]
) -> dict[Side, Pipeline]:
    """Return the pipelines that a mapping names, by side; those that are not there are missing."""
    names = {Side.LEFT: mapping.left, Side.RIGHT: mapping.right}
    found = {side: find(name, objects[side].pipelines) for side, name in names.items()}
    return {side: one for side, one in found.items() if one is not None}


def unmapped_stages(
    spec: SyncSpec, objects: Mapping[Side, ObjectSchema], side: Side
) -> tuple[tuple[int, Stage], ...]:
    """Return the stages of mapped pipelines that no pair names, each with its mapping's index."""
    mapped = {pair.key(side) for pair in stage_pairs(spec, objects)}
    found: dict[tuple[str, str], tuple[int, Stage]] = {}
    for index, mapping in enumerate(spec.pipelines):
        pipeline = mapped_pipelines(mapping, objects).get(side)
        for stage in pipeline.stages if pipeline else ():
            key = (pipeline.id, stage.id) if pipeline else ("", "")
            if not stage.archived and key not in mapped:
                found.setdefault(key, (index, stage))
    return tuple(found.values())


def lint_stages(
    spec: SyncSpec, objects: Mapping[Side, ObjectSchema], counts: Counts
) -> tuple[Problem, ...]:
    """Look for stages that hold deals and do not sync, do not come back, or change their meaning.

    Args:
        counts: of the unmapped stages at least, as far as they are known.

    Returns:
        Warnings, each with its path in the spec. What is not there at all is left to `compile`.
    """
    pairs = stage_pairs(spec, objects)
    return (
        *_idle(spec, objects, counts),
        *_closings(spec, objects),
        *_meanings(spec, pairs),
        *_unreachable(spec, pairs),
        *_one_way(spec, pairs),
    )


def _idle(
    spec: SyncSpec, objects: Mapping[Side, ObjectSchema], counts: Counts
) -> Iterator[Problem]:
    for side in Side:
        for index, stage in unmapped_stages(spec, objects, side):
            held = counts.get(side, {}).get(stage.id, 0)
            if held:
                does = "deal, which does" if held == 1 else "deals, which do"
                message = f'"{stage.label}" is not mapped and holds {held} {does} not sync'
                yield _warn(("pipelines", index, "stages"), f"{spec.app(side)}: {message}")


def _closings(spec: SyncSpec, objects: Mapping[Side, ObjectSchema]) -> Iterator[Problem]:
    """Pipelines in which no won, or no lost, stage is mapped although there is one.

    A class of stage counts as mapped if a mapped stage of either app is of it.
    """
    for index, mapping in enumerate(spec.pipelines):
        pipelines = mapped_pipelines(mapping, objects)
        mapped = {s.closing for pair in _of(spec, index, objects) for s in pair.stages.values()}
        for closing in (Closing.WON, Closing.LOST):
            there = sorted(
                f"{spec.app(side)}: {stage.label}"
                for side, pipeline in pipelines.items()
                for stage in pipeline.stages
                if stage.closing is closing and not stage.archived
            )
            if there and closing not in mapped:
                message = f"no {closing} stage is mapped ({', '.join(there)}); {_LEARN}"
                yield _warn(("pipelines", index, "stages"), message)


def _meanings(spec: SyncSpec, pairs: tuple[StagePair, ...]) -> Iterator[Problem]:
    """Stages that are mapped to one of another class: such a sync closes or reopens deals."""
    for pair in pairs:
        for side in Side:
            here, there = pair.stages[side], pair.stages[side.other]
            if not spec.direction.allows(side.other) or here.closing is there.closing:
                continue
            says = f'"{here.label}" is {here.closing} in {spec.app(side)}'
            heard = f'but "{there.label}" is {there.closing} in {spec.app(side.other)}'
            yield _warn(pair.path, f"{says}, {heard}: {_effect(here.closing, there.closing)}")
            break


def _effect(here: Closing, there: Closing) -> str:
    if there is Closing.OPEN:
        return f"a deal that was {here} is opened again there, closed or not"
    if here is Closing.OPEN:
        return f"a deal that is still open counts as {there} there"
    return f"a deal that was {here} counts as {there} there"


def _unreachable(spec: SyncSpec, pairs: tuple[StagePair, ...]) -> Iterator[Problem]:
    """Stages that tieline may be asked to move a deal to, but that no client can reach."""
    told: set[tuple[Side, tuple[str, str]]] = set()
    for pair in pairs:
        for side in Side:
            stage, key = pair.stages[side], (side, pair.key(side))
            if not stage.reachable and spec.direction.allows(side) and key not in told:
                told.add(key)
                message = f'tieline cannot move a deal to "{stage.label}": {stage.unreachable}'
                yield _warn(pair.path, f"{spec.app(side)}: {message}")


def _one_way(spec: SyncSpec, pairs: tuple[StagePair, ...]) -> Iterator[Problem]:
    """Stages to which no move in the other app ever leads: there and back is another stage."""
    if not pairs or not all(spec.direction.allows(side) for side in Side):
        return
    for side in Side:
        here, there = spec.app(side), spec.app(side.other)
        for pair, target, came in _astray(pairs, side):
            message = (
                f'{here} "{pair.stages[side].label}" becomes "{target.label}" in {there}, '
                f'which comes back as "{came.label}": a deal moved in {there} never gets here'
            )
            yield _warn(pair.path, message)


def _astray(pairs: tuple[StagePair, ...], side: Side) -> Iterator[tuple[StagePair, Stage, Stage]]:
    """Return each stage that comes back as another: its pair, what it becomes, what returns."""
    listed = tuple((pair.key(side), pair.key(side.other)) for pair in pairs)
    relation, nothing = Pairs(pairs=listed, what="stage"), (None, None)
    here: dict[Values, StagePair] = {pair.key(side): pair for pair in reversed(pairs)}
    there: dict[Values, StagePair] = {pair.key(side.other): pair for pair in reversed(pairs)}
    for key, pair in reversed(here.items()):
        target = relation.to_right(key, nothing)
        came = relation.to_left(target, nothing)
        if came != key:
            yield pair, there[target].stages[side.other], here[came].stages[side]


def _warn(path: tuple[str | int, ...], message: str) -> Problem:
    return Problem(path=path, message=message)
