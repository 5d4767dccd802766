"""`tieline automap`: which stages and fields are the same; proposed, accepted, written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from daemon.automap.proposals import SURE_FROM
from daemon.cli.exits import exit_of
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.render import Block, Heading, Line, Table, Tone, print_error, print_warning, show

if TYPE_CHECKING:
    from actors.schema import AppSchema, ObjectSchema
    from actors.spec import SyncSpec
    from daemon.automap.proposals import (
        FieldProposal,
        PipelineProposal,
        StageProposal,
    )
    from daemon.config.settings import Config


class End(Struct, frozen=True, kw_only=True):
    """A pipeline, stage or field of one app."""

    id: str
    label: str


class Pair(Struct, frozen=True, kw_only=True):
    """Two stages or fields that may be the same, how sure that is, and why.

    Attributes:
        written: it is in the configuration now.
    """

    left: End
    right: End
    score: float
    reasons: tuple[str, ...]
    written: bool = False


class PipelinePair(Pair, frozen=True):
    """Two pipelines with the stages that are not mapped yet; `mapped` if they are themselves."""

    mapped: bool
    stages: tuple[Pair, ...]


class SyncProposals(Struct, frozen=True, kw_only=True):
    """What is proposed for one sync; `apps` are the names of left and right."""

    sync: str
    apps: tuple[str, str]
    pipelines: tuple[PipelinePair, ...] = ()
    fields: tuple[Pair, ...] = ()


class AutomapAnswer(Struct, frozen=True, kw_only=True):
    """Everything that is proposed; `files` are those that were changed."""

    syncs: tuple[SyncProposals, ...]
    min_score: float
    files: tuple[str, ...] = ()


class Work(Struct, frozen=True, kw_only=True):
    """One sync with what is proposed for it, or with what of it was accepted."""

    spec: SyncSpec
    objects: tuple[ObjectSchema, ObjectSchema]
    pipelines: tuple[PipelineProposal, ...]
    fields: tuple[FieldProposal, ...]

    @property
    def count(self) -> int:
        """How many pairs of stages and fields there are."""
        return len(self.fields) + sum(len(one.stages) for one in self.pipelines)


@click.command()
@click.argument("what", type=click.Choice(["stages", "fields", "both"]), default="both")
@click.option(
    "--sync",
    "--connection",
    "name",
    metavar="NAME",
    help="Only this sync (sales/deals), or all of a connection (sales).",
)
@click.option("--write", is_flag=True, help="Write what is sure enough into the configuration.")
@click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    default=SURE_FROM,
    show_default=True,
    help="What is sure enough for --write, 0 to 1.",
)
@json_option
@pass_invocation
def automap(
    invocation: Invocation,
    what: str,
    name: str | None,
    write: bool,
    min_score: float,
    as_json: bool,
) -> None:
    """Propose which stages and fields of the apps are the same.

    Looks at what is not mapped yet: names in a dozen languages, order, class (won, lost, open)
    and probability of stages, types of fields. On a terminal each proposal is accepted or
    refused by you and the accepted ones are written into the configuration, whose comments and
    order stay. Elsewhere they are listed; --write takes the sure ones without asking. Nothing is
    written to the apps.
    """
    config = invocation.load()
    works = _propose(config, _chosen(config, name), what)
    accepted = _accept(works, write=write, min_score=min_score, as_json=as_json)
    files = _write(config, accepted)
    answer = AutomapAnswer(
        syncs=tuple(map(_answer, works, accepted)),
        min_score=min_score,
        files=tuple(map(str, files)),
    )
    show(answer, _view(answer), as_json=as_json)


def _chosen(config: Config, name: str | None) -> list[SyncSpec]:
    """Return the syncs that are meant.

    Raises:
        click.UsageError: there is none of that name.
    """
    from daemon.config.problems import suggest

    specs = config.specs()
    found = [one for one in specs if name in (None, one.connection, one.name)]
    if found:
        return found
    known = [*config.connections, *(one.name for one in specs)]
    raise click.UsageError(f"no sync is named {name!r}; {suggest(str(name), known)}")


# --- proposals ------------------------------------------------------------------------------


def _propose(config: Config, specs: list[SyncSpec], what: str) -> list[Work]:
    schemas = _describe(config, {name for spec in specs for name in (spec.left, spec.right)})
    return [one for spec in specs if (one := _work(spec, schemas, what)) is not None]


def _describe(config: Config, names: set[str]) -> dict[str, AppSchema]:
    """Ask the apps what they have; leave with the exit code of the first that does not answer."""
    import anyio

    from actors.errors import TielineError
    from daemon.cli.check import describe_apps, locate_failure

    answers = anyio.run(describe_apps, {name: config.apps[name] for name in sorted(names)})
    failed = {name: one for name, one in answers.items() if isinstance(one, TielineError)}
    for name, error in failed.items():
        print_error(str(locate_failure(config, name, error)))
    if failed:
        raise click.exceptions.Exit(exit_of(next(iter(failed.values()))))
    return {name: one for name, one in answers.items() if not isinstance(one, TielineError)}


def _work(spec: SyncSpec, schemas: dict[str, AppSchema], what: str) -> Work | None:
    from daemon.automap.fields import propose_fields
    from daemon.automap.pipelines import propose_pipelines

    left, right = schemas[spec.left], schemas[spec.right]
    objects = (left.object(spec.object), right.object(spec.object))
    if objects[0] is None or objects[1] is None:
        print_warning(f"{spec.name}: not in both apps; see `tieline check`")
        return None
    return Work(
        spec=spec,
        objects=(objects[0], objects[1]),
        pipelines=() if what == "fields" else propose_pipelines(spec, objects[0], objects[1]),
        fields=() if what == "stages" else propose_fields(spec, left, right),
    )


# --- accepting ------------------------------------------------------------------------------


def _accept(works: list[Work], *, write: bool, min_score: float, as_json: bool) -> list[Work]:
    """Return what of each sync's proposals is to be written."""
    if write:
        return [_above(one, min_score) for one in works]
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return [_above(one, 2.0) for one in works]
    from daemon.cli.asking import ask_for

    return ask_for(works)


def _above(work: Work, least: float) -> Work:
    import msgspec

    pipelines = tuple(
        msgspec.structs.replace(
            one, stages=tuple(stage for stage in one.stages if stage.score >= least)
        )
        for one in work.pipelines
        if one.score >= least
    )
    fields = tuple(one for one in work.fields if one.score >= least)
    return msgspec.structs.replace(work, pipelines=pipelines, fields=fields)


def _write(config: Config, accepted: list[Work]) -> tuple[Path, ...]:
    from daemon.automap.edits import edits_of
    from daemon.config.edit import edit_config

    edits = [
        edit
        for one in accepted
        for edit in edits_of(one.spec, one.objects, one.pipelines, one.fields)
    ]
    return edit_config(config.files[0], edits) if edits else ()


# --- answer ---------------------------------------------------------------------------------


def _answer(work: Work, accepted: Work) -> SyncProposals:
    stages = {
        (pipeline.left.id, pipeline.right.id, one.left.id, one.right.id)
        for pipeline in accepted.pipelines
        for one in pipeline.stages
    }
    return SyncProposals(
        sync=work.spec.name,
        apps=(work.spec.left, work.spec.right),
        pipelines=tuple(_pipeline_pair(one, stages) for one in work.pipelines),
        fields=tuple(
            Pair(
                left=End(id=one.left.name, label=one.left.label),
                right=End(id=one.right.name, label=one.right.label),
                score=one.score,
                reasons=one.reasons,
                written=one in accepted.fields,
            )
            for one in work.fields
        ),
    )


def _pipeline_pair(one: PipelineProposal, written: set[tuple[str, str, str, str]]) -> PipelinePair:
    pipelines = (one.left.id, one.right.id)
    stages = tuple(
        _stage_pair(stage, (*pipelines, stage.left.id, stage.right.id) in written)
        for stage in one.stages
    )
    return PipelinePair(
        left=End(id=one.left.id, label=one.left.label),
        right=End(id=one.right.id, label=one.right.label),
        score=one.score,
        reasons=one.reasons,
        written=any(stage.written for stage in stages),
        mapped=one.index is not None,
        stages=stages,
    )


def _stage_pair(one: StageProposal, written: bool) -> Pair:
    return Pair(
        left=End(id=one.left.id, label=one.left.label),
        right=End(id=one.right.id, label=one.right.label),
        score=one.score,
        reasons=one.reasons,
        written=written,
    )


def _view(answer: AutomapAnswer) -> Iterator[Block]:
    for sync in answer.syncs:
        for one in sync.pipelines:
            names = f"{one.left.label} = {one.right.label}"
            why = "" if one.mapped else f" ({one.score:.2f}: {', '.join(one.reasons)})"
            yield Heading(f"{sync.sync}: stages of {names}{why}")
            yield _table(sync.apps, one.stages)
        if sync.fields:
            yield Heading(f"{sync.sync}: fields")
            yield _table(sync.apps, sync.fields, by_id=True)
        if not sync.pipelines and not sync.fields:
            yield Line(f"{sync.sync}: nothing to propose beyond what is mapped")
    yield _verdict(answer)


def _table(apps: tuple[str, str], pairs: tuple[Pair, ...], *, by_id: bool = False) -> Table:
    rows = tuple(
        (
            "written" if one.written else "",
            one.left.id if by_id else one.left.label,
            one.right.id if by_id else one.right.label,
            f"{one.score:.2f}",
            "; ".join(one.reasons),
        )
        for one in pairs
    )
    return Table(("", *apps, "score", "why"), rows, numbers=(3,))


def _verdict(answer: AutomapAnswer) -> Line:
    pairs = [
        pair
        for sync in answer.syncs
        for pair in (*(one for each in sync.pipelines for one in each.stages), *sync.fields)
    ]
    written = sum(pair.written for pair in pairs)
    if answer.files:
        text = f"{written} of {len(pairs)} written to {', '.join(answer.files)}"
        return Line(f"{text}; look with `tieline check` and `tieline plan`", Tone.GOOD)
    sure = sum(pair.score >= answer.min_score for pair in pairs)
    if not sure:
        return Line("nothing is written")
    return Line(f"nothing is written; --write would take the {sure} from {answer.min_score} up")
