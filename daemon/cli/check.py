"""`tieline check`: is the configuration right, by itself and against the apps as they are now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

import click
import msgspec
from msgspec import Struct

from actors.records import Side
from daemon.cli.associations import (
    AssociationCheck,
    explain_associations,
    view_associations,
)
from daemon.cli.exits import Exit, exit_of
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.render import Block, Heading, Line, Table, Tone, show
from daemon.config.problems import ConfigProblem

if TYPE_CHECKING:
    from actors.errors import TielineError
    from actors.records import Side
    from actors.schema import AppSchema, ObjectSchema
    from actors.spec import Problem, SyncSpec
    from daemon.config.settings import App, Config
    from daemon.survey import Answers, Survey


class AppCheck(Struct, frozen=True, kw_only=True):
    """An app as it answered; `ok` is None if it was not asked."""

    name: str
    type: str
    ok: bool | None = None
    account: str = ""
    problem: str = ""


class SyncCheck(Struct, frozen=True, kw_only=True):
    """A sync; `ok` is None if it could not be compared with its apps."""

    name: str
    between: tuple[str, str]
    direction: str
    pipelines: int
    stages: int
    fields: int
    ok: bool | None = None


class CheckAnswer(Struct, frozen=True, kw_only=True):
    """All that was found; `exit` is the exit code, `associations` come with --explain."""

    config: str
    exit: int
    offline: bool
    apps: tuple[AppCheck, ...] = ()
    syncs: tuple[SyncCheck, ...] = ()
    problems: tuple[ConfigProblem, ...] = ()
    warnings: tuple[ConfigProblem, ...] = ()
    associations: tuple[AssociationCheck, ...] | None = None


@click.command()
@click.option("--offline", is_flag=True, help="Read the files only; connect to nothing.")
@click.option(
    "--no-secrets",
    is_flag=True,
    help="Do not look where secrets are kept, for a check where they are not (with --offline).",
)
@click.option(
    "--explain",
    "explains",
    is_flag=True,
    help="Show too which links between records will be made, and with which object.",
)
@json_option
@pass_invocation
@click.pass_context
def check(
    ctx: click.Context,
    invocation: Invocation,
    offline: bool,
    no_secrets: bool,
    explains: bool,
    as_json: bool,
) -> None:
    """Check the configuration, and by default the apps too.

    Lists every problem at once with file, line and column. Signs in to each app, reads its
    fields, pipelines and stages, and compares them with the mappings. Writes nothing.
    """
    from daemon.config.problems import ConfigError

    if no_secrets and not offline:
        raise click.UsageError("--no-secrets needs --offline: apps do not let us in without")
    if explains and offline:
        raise click.UsageError("--explain needs the apps: it tells what they can hold")
    try:
        config = invocation.load(follow=not no_secrets)
    except ConfigError as error:
        answer = CheckAnswer(
            config=str(invocation.config),
            exit=Exit.CONFIG,
            offline=offline,
            problems=error.problems,
        )
    else:
        answer = _check_files(config) if offline else _check_live(config, explains)
    show(answer, _view(answer), as_json=as_json)
    ctx.exit(answer.exit)


def _check_files(config: Config) -> CheckAnswer:
    return CheckAnswer(
        config=str(config.files[0]),
        exit=Exit.OK,
        offline=True,
        apps=tuple(AppCheck(name=app.name, type=app.type) for app in config.apps.values()),
        syncs=tuple(_sync_check(spec, None) for spec in config.specs()),
    )


def _check_live(config: Config, explains: bool) -> CheckAnswer:
    import anyio

    from daemon.survey import survey_apps

    choose = partial(unmapped_of, config)
    answers = anyio.run(survey_apps, config.apps.values(), choose, _needs(config))
    answer = compare_with_apps(config, answers)
    if not explains:
        return answer
    return msgspec.structs.replace(answer, associations=_associations(config, answers))


def _associations(config: Config, answers: Answers) -> tuple[AssociationCheck, ...]:
    from actors.mapping.compile import compile_sync
    from actors.records import Side
    from daemon.survey import schemas_of

    found: list[AssociationCheck] = []
    for spec in config.specs():
        schemas = schemas_of(answers, {side: spec.app(side) for side in Side})
        if schemas is not None:
            left, right = schemas[Side.LEFT], schemas[Side.RIGHT]
            sync, _ = compile_sync(spec, left, right)
            found += explain_associations(sync, left, right) if sync is not None else ()
    return tuple(found)


def _needs(config: Config) -> dict[str, dict[str, bool]]:
    """Return by app the objects that sync, and whether they are written there."""
    needs: dict[str, dict[str, bool]] = {name: {} for name in config.apps}
    for spec in config.specs():
        for side in Side:
            known = needs[spec.app(side)].get(spec.object, False)
            needs[spec.app(side)][spec.object] = known or spec.direction.allows(side)
    return needs


async def describe_apps(apps: dict[str, App]) -> dict[str, AppSchema | TielineError]:
    """Ask every app what it has, all at the same time; an error takes the answer's place."""
    from daemon.survey import Survey, survey_apps

    answers = await survey_apps(apps.values())
    return {name: one.schema if isinstance(one, Survey) else one for name, one in answers.items()}


def unmapped_of(config: Config, schemas: Mapping[str, AppSchema]) -> dict[str, dict[str, set[str]]]:
    """Return the stages that no sync maps in pipelines that one does, by app and object. Pure."""
    from actors.mapping.stagelint import unmapped_stages
    from actors.records import Side

    found: dict[str, dict[str, set[str]]] = {}
    for spec in config.specs():
        objects = objects_of(spec, {s: schemas[a] for s in Side if (a := spec.app(s)) in schemas})
        for side in Side if objects is not None else ():
            assert objects is not None
            ids = {stage.id for _, stage in unmapped_stages(spec, objects, side)}
            if ids:
                found.setdefault(spec.app(side), {}).setdefault(spec.object, set()).update(ids)
    return found


def objects_of(
    spec: SyncSpec, schemas: Mapping[Side, AppSchema]
) -> dict[Side, ObjectSchema] | None:
    """Return a sync's object on both sides, or None if it is not there on one."""
    found = {side: schema.object(spec.object) for side, schema in schemas.items()}
    objects = {side: one for side, one in found.items() if one is not None}
    return objects if len(objects) == 2 else None


def compare_with_apps(config: Config, answers: Answers) -> CheckAnswer:
    """Compare every sync with what its apps answered, and name missing rights. Pure."""
    from actors.errors import TielineError
    from daemon.survey import Survey

    warnings, syncs = [], []
    failed = {name: one for name, one in answers.items() if isinstance(one, TielineError)}
    problems = [locate_failure(config, name, error) for name, error in failed.items()]
    lacks = {name: one.lacks for name, one in answers.items() if isinstance(one, Survey)}
    for name, sentences in lacks.items():
        at = ("apps", name, "auth")
        problems += [config.positions.problem(at, sentence) for sentence in sentences]
    for spec in config.specs():
        found, advice = _compare(config, spec, answers)
        problems += found or ()
        warnings += advice
        syncs.append(_sync_check(spec, None if found is None else not found))
    does_not_fit = any(sync.ok is False for sync in syncs)
    exits = [Exit.CONFIG] * does_not_fit + [Exit.DENIED] * any(lacks.values())
    exits += sorted(map(exit_of, failed.values()), reverse=True)
    return CheckAnswer(
        config=str(config.files[0]),
        exit=exits[0] if exits else Exit.OK,
        offline=False,
        apps=tuple(_app_check(app, answers[app.name]) for app in config.apps.values()),
        syncs=tuple(syncs),
        problems=tuple(problems),
        warnings=tuple(warnings),
    )


def locate_failure(config: Config, name: str, error: TielineError) -> ConfigProblem:
    """Say of an app that did not answer where it stands in the files, and what may be wrong."""
    from actors.errors import AuthError

    at = ("apps", name, "auth") if isinstance(error, AuthError) else ("apps", name)
    return config.positions.problem(at, _told(name, error))


def _told(name: str, error: TielineError) -> str:
    from actors.errors import TransientError

    text = str(error).removeprefix(f"{name}: ")
    return (
        f"{text}; is the address right and the app up?" if type(error) is TransientError else text
    )


def _compare(
    config: Config, spec: SyncSpec, answers: Answers
) -> tuple[list[ConfigProblem] | None, list[ConfigProblem]]:
    """Return problems and warnings of one sync; no problems but None if an app is missing."""
    from actors.mapping.compile import compile_sync
    from daemon.config.advice import advise_users
    from daemon.survey import schemas_of

    schemas = schemas_of(answers, {side: spec.app(side) for side in Side})
    if schemas is None:
        return None, []
    _, problems = compile_sync(spec, schemas[Side.LEFT], schemas[Side.RIGHT])
    advice = (*advise_stages(spec, answers), *advise_users(spec, schemas))
    return (
        [config.locate(one, spec) for one in problems],
        [config.locate(one, spec) for one in advice],
    )


def advise_stages(spec: SyncSpec, answers: Answers) -> tuple[Problem, ...]:
    """Return what deserves a look in a sync's stage mapping; nothing if an app is missing. Pure."""
    from actors.mapping.stagelint import lint_stages
    from actors.records import Side
    from daemon.survey import Survey, schemas_of

    schemas = schemas_of(answers, {side: spec.app(side) for side in Side})
    objects = objects_of(spec, schemas) if schemas is not None else None
    if objects is None:
        return ()
    counts = {
        side: survey.counts.get(spec.object, {})
        for side in Side
        if isinstance(survey := answers[spec.app(side)], Survey)
    }
    return lint_stages(spec, objects, counts)


def _app_check(app: App, answer: Survey | TielineError) -> AppCheck:
    from daemon.survey import Survey

    if isinstance(answer, Survey):
        return AppCheck(name=app.name, type=app.type, ok=True, account=answer.schema.account)
    return AppCheck(name=app.name, type=app.type, ok=False, problem=str(answer))


def _sync_check(spec: SyncSpec, ok: bool | None) -> SyncCheck:
    from actors.spec import Direction

    words = {Direction.TO_LEFT: f"to-{spec.left}", Direction.TO_RIGHT: f"to-{spec.right}"}
    return SyncCheck(
        name=spec.name,
        between=(spec.left, spec.right),
        direction=words.get(spec.direction, "both"),
        pipelines=len(spec.pipelines),
        stages=sum(len(one.stages) for one in spec.pipelines),
        fields=len(spec.fields),
        ok=ok,
    )


def _view(answer: CheckAnswer) -> Iterator[Block]:
    yield from _lines("error", answer.problems, Tone.BAD)
    yield from _lines("warning", answer.warnings, Tone.WARNING)
    if answer.apps:
        yield Heading("Apps")
        rows = ((one.name, one.type, _app_word(one)) for one in answer.apps)
        yield Table(("app", "type", "account"), tuple(rows))
    if answer.syncs:
        yield Heading("Syncs")
        yield Table(
            ("sync", "direction", "pipelines", "stages", "fields", "fits the apps"),
            tuple(_sync_row(one) for one in answer.syncs),
            numbers=(2, 3, 4),
        )
    if answer.associations is not None:
        yield from view_associations(answer.associations)
    yield _verdict(answer)


def _lines(word: str, problems: Iterable[ConfigProblem], tone: Tone) -> Iterator[Line]:
    for one in problems:
        yield Line(f"{word}: {one}" if tone is Tone.WARNING else str(one), tone)


def _app_word(app: AppCheck) -> str:
    if app.ok is None:
        return "not asked"
    return app.account if app.ok else "not reached: see above"


def _sync_row(sync: SyncCheck) -> tuple[str, ...]:
    fits = {True: "yes", False: "no", None: "not compared"}[sync.ok]
    counts = (str(sync.pipelines), str(sync.stages), str(sync.fields))
    return (sync.name, sync.direction, *counts, fits)


def _verdict(answer: CheckAnswer) -> Line:
    count = len(answer.problems)
    if count:
        return Line(f"{count} problem{'s' * (count > 1)} found", Tone.BAD)
    more = "; the apps were not asked" if answer.offline else ""
    return Line(f"{answer.config} is right{more}", Tone.GOOD)
