"""`tieline pipelines`: both apps' stages, what they are mapped to, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from daemon.cli.check import advise_stages, objects_of
from daemon.cli.exits import Exit, exit_of
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.render import Block, Heading, Line, Table, Tone, show
from daemon.config.problems import ConfigProblem

if TYPE_CHECKING:
    from actors.mapping.drift import Memory
    from actors.mapping.stagelint import StagePair
    from actors.records import Side
    from actors.schema import AppSchema, ObjectSchema, Pipeline, Stage
    from actors.spec import Problem, SyncSpec
    from daemon.config.settings import Config
    from daemon.survey import Answers, Survey


_ABOUT_STAGES = (("pipelines",), ("object",))


class StageView(Struct, frozen=True, kw_only=True):
    """One stage.

    Attributes:
        closing: `open`, `won` or `lost`.
        unreachable: why tieline cannot move a record here; empty if it can.
        mapped_to: labels of the stages of the other app.
        records: how many there are now; None if they could not be counted.
    """

    id: str
    label: str
    closing: str
    probability: float | None
    unreachable: str
    mapped_to: tuple[str, ...]
    records: int | None


class PipelineView(Struct, frozen=True, kw_only=True):
    """One pipeline with its stages in their order; `mapped` if a mapping names it."""

    id: str
    label: str
    mapped: bool
    stages: tuple[StageView, ...]


class SideView(Struct, frozen=True, kw_only=True):
    """One app of a sync; `problem` is why it shows nothing, `uncounted` why no records."""

    app: str
    account: str = ""
    problem: str = ""
    uncounted: str = ""
    pipelines: tuple[PipelineView, ...] = ()


class SyncPipelines(Struct, frozen=True, kw_only=True):
    """One sync that has pipelines.

    Attributes:
        problems: what the mapping names and does not show, each with its cause.
        warnings: what deserves a look.
    """

    sync: str
    sides: tuple[SideView, ...]
    problems: tuple[ConfigProblem, ...]
    warnings: tuple[ConfigProblem, ...]


class PipelinesAnswer(Struct, frozen=True, kw_only=True):
    """All syncs; `exit` is the exit code."""

    exit: int
    syncs: tuple[SyncPipelines, ...]


@click.command()
@json_option
@pass_invocation
@click.pass_context
def pipelines(ctx: click.Context, invocation: Invocation, as_json: bool) -> None:
    """Show the pipelines and stages of both apps, what they are mapped to and what they hold.

    Counts the records in each stage now, says why a stage that is mapped does not show (not
    there, archived, renamed since, no permission), and what deserves a look in the mapping.
    Writes nothing.
    """
    import anyio

    from daemon.survey import survey_apps

    config = invocation.load()
    answers = anyio.run(survey_apps, config.apps.values(), partial(all_stages, config))
    memories = anyio.run(_load_memories, config)
    answer = compare_pipelines(config, answers, memories)
    show(answer, _view(answer), as_json=as_json)
    ctx.exit(answer.exit)


def all_stages(
    config: Config, schemas: Mapping[str, AppSchema]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return every stage of every app that a sync uses, by app and object. Pure."""
    names = {(app, spec.object) for spec in config.specs() for app in (spec.left, spec.right)}
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for app, object_name in sorted(names):
        described = schemas[app].object(object_name) if app in schemas else None
        lines = described.pipelines if described is not None else ()
        ids = tuple(stage.id for line in lines for stage in line.stages)
        if ids:
            found.setdefault(app, {})[object_name] = ids
    return found


async def _load_memories(config: Config) -> dict[str, Memory | None]:
    """Return what the store remembers of the apps, by sync; nothing if there is no store yet."""
    from daemon.fitting import MEMORY, read_memory
    from daemon.store.reading import open_reader

    if not config.daemon.store.exists():
        return {}
    async with open_reader(config.daemon.store) as reader:
        cursors = await reader.list_cursors()
    return {sync: read_memory(text) for (sync, name), text in cursors.items() if name == MEMORY}


def compare_pipelines(
    config: Config, answers: Answers, memories: Mapping[str, Memory | None]
) -> PipelinesAnswer:
    """Lay each sync's two sides next to each other. Pure."""
    from actors.errors import TielineError

    syncs = tuple(
        _compare(config, spec, answers, memories.get(spec.name))
        for spec in config.specs()
        if spec.pipelines or spec.object == "deals"
    )
    failed = (exit_of(one) for one in answers.values() if isinstance(one, TielineError))
    exits = [Exit.CONFIG for one in syncs if one.problems]
    exits += sorted(failed, reverse=True)
    return PipelinesAnswer(exit=exits[0] if exits else Exit.OK, syncs=syncs)


def _compare(
    config: Config, spec: SyncSpec, answers: Answers, memory: Memory | None
) -> SyncPipelines:
    from actors.mapping.drift import fit_sync
    from actors.mapping.stagelint import stage_pairs
    from actors.records import Side
    from daemon.survey import schemas_of

    schemas = schemas_of(answers, {side: spec.app(side) for side in Side})
    objects = objects_of(spec, schemas) if schemas is not None else None
    problems: list[ConfigProblem] = []
    pairs: tuple[StagePair, ...] = ()
    advice: tuple[Problem, ...] = ()
    if schemas is not None:
        fit = fit_sync(spec, schemas[Side.LEFT], schemas[Side.RIGHT], memory)
        absent = [one for one in (*fit.problems, *fit.flaws) if one.path[:1] in _ABOUT_STAGES]
        problems = [config.locate(one, spec) for one in absent]
        if objects is not None:  # renamed stages are followed as a running sync follows them
            pairs = stage_pairs(fit.sync.spec if fit.sync is not None else spec, objects)
            advice = advise_stages(spec, answers)
    return SyncPipelines(
        sync=spec.name,
        sides=tuple(_side(spec, side, answers, pairs) for side in Side),
        problems=tuple(problems),
        warnings=tuple(config.locate(one, spec) for one in advice),
    )


def _side(spec: SyncSpec, side: Side, answers: Answers, pairs: tuple[StagePair, ...]) -> SideView:
    from daemon.survey import Survey

    answer = answers[spec.app(side)]
    if not isinstance(answer, Survey):
        return SideView(app=spec.app(side), problem=str(answer))
    described = answer.schema.object(spec.object)
    account, problem = answer.schema.account, ""
    if described is None:
        problem = f"shows no {spec.object}: tieline may not read them, or they are not supported"
    return SideView(
        app=spec.app(side),
        account=account,
        problem=problem,
        uncounted=answer.uncounted,
        pipelines=_lines(spec, side, described, answer, pairs) if described is not None else (),
    )


def _lines(
    spec: SyncSpec,
    side: Side,
    described: ObjectSchema,
    survey: Survey,
    pairs: tuple[StagePair, ...],
) -> tuple[PipelineView, ...]:
    counts = survey.counts.get(spec.object, {})
    return tuple(
        PipelineView(
            id=line.id,
            label=line.label,
            mapped=any(pair.pipelines[side].id == line.id for pair in pairs),
            stages=tuple(
                _stage(line, stage, counts.get(stage.id), side, pairs)
                for stage in line.stages
                if not stage.archived
            ),
        )
        for line in described.pipelines
        if not line.archived
    )


def _stage(
    line: Pipeline, stage: Stage, records: int | None, side: Side, pairs: tuple[StagePair, ...]
) -> StageView:
    others = (pair.stages[side.other] for pair in pairs if pair.key(side) == (line.id, stage.id))
    return StageView(
        id=stage.id,
        label=stage.label,
        closing=stage.closing.value,
        probability=stage.probability,
        unreachable=stage.unreachable,
        mapped_to=tuple(dict.fromkeys(other.label for other in others)),
        records=records,
    )


def _view(answer: PipelinesAnswer) -> Iterator[Block]:
    for sync in answer.syncs:
        yield Heading(sync.sync)
        for side in sync.sides:
            yield from _side_view(side, sync)
        for problem in sync.problems:
            yield Line(str(problem), Tone.BAD)
        for warning in sync.warnings:
            yield Line(f"warning: {warning}", Tone.WARNING)


def _side_view(side: SideView, sync: SyncPipelines) -> Iterator[Block]:
    yield Heading(f"{side.app} ({side.account})" if side.account else side.app)
    if side.problem:
        yield Line(side.problem, Tone.BAD)
        return
    other = next(one.app for one in sync.sides if one is not side)
    yield Table(
        ("pipeline", "stage", "means", "probability", "records", f"in {other}"),
        tuple(_row(line, stage) for line in side.pipelines for stage in line.stages),
        numbers=(3, 4),
    )
    if side.uncounted:
        yield Line(f"not counted: {side.uncounted}", Tone.WARNING)


def _row(line: PipelineView, stage: StageView) -> tuple[str, ...]:
    probability = "" if stage.probability is None else f"{stage.probability:.0%}"
    records = "?" if stage.records is None else str(stage.records)
    to = ", ".join(stage.mapped_to) or ("not mapped" if line.mapped else "-")
    return (line.label, stage.label, stage.closing, probability, records, to)
