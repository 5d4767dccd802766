"""`tieline check`: is the configuration right, by itself and against the apps as they are now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
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
    from actors.schema import AppSchema
    from actors.spec import SyncSpec
    from daemon.config.settings import App, Config

ANSWER_WITHIN = timedelta(seconds=60)


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

    answers, lacks = anyio.run(ask_apps, config.apps, _needs(config))
    answer = compare_with_apps(config, answers, lacks)
    if not explains:
        return answer
    return msgspec.structs.replace(answer, associations=_associations(config, answers))


def _associations(
    config: Config, answers: dict[str, AppSchema | TielineError]
) -> tuple[AssociationCheck, ...]:
    from actors.errors import TielineError
    from actors.mapping.compile import compile_sync

    found: list[AssociationCheck] = []
    for spec in config.specs():
        left, right = answers[spec.left], answers[spec.right]
        if not isinstance(left, TielineError) and not isinstance(right, TielineError):
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


async def ask_apps(
    apps: dict[str, App], needs: dict[str, dict[str, bool]]
) -> tuple[dict[str, AppSchema | TielineError], dict[str, tuple[str, ...]]]:
    """Ask every app what it has, and what it does not let us do, all at the same time.

    Args:
        needs: by app, the objects that sync, and whether they are written there.

    Returns:
        By app, what it has, or the error that came instead; and by app, missing rights.
    """
    import anyio

    found: dict[str, AppSchema | TielineError] = {}
    lacks: dict[str, tuple[str, ...]] = {}

    async def ask(app: App) -> None:
        found[app.name], lacks[app.name] = await _describe(app, needs[app.name])

    async with anyio.create_task_group() as tasks:
        for app in apps.values():
            tasks.start_soon(ask, app, name=f"describe/{app.name}")
    return found, lacks


async def describe_apps(apps: dict[str, App]) -> dict[str, AppSchema | TielineError]:
    """Ask every app what it has, all at the same time; an error takes the answer's place."""
    return (await ask_apps(apps, {name: {} for name in apps}))[0]


async def _describe(
    app: App, needs: dict[str, bool]
) -> tuple[AppSchema | TielineError, tuple[str, ...]]:
    import anyio

    from actors.errors import TielineError, TransientError
    from daemon.connectors.registry import Environment

    connector = app.open(Environment(app=app.name))
    try:
        with anyio.fail_after(ANSWER_WITHIN.total_seconds()):
            schema = await connector.describe()
            lacks = [await connector.missing(name, writes=writes) for name, writes in needs.items()]
            return schema, tuple(sentence for some in lacks for sentence in some)
    except TielineError as error:
        return error, ()
    except TimeoutError:
        late = f"no answer within {ANSWER_WITHIN.seconds} s; is it reachable?"
        return TransientError(late), ()
    finally:
        with anyio.move_on_after(5, shield=True):
            await connector.aclose()


def compare_with_apps(
    config: Config,
    answers: dict[str, AppSchema | TielineError],
    lacks: dict[str, tuple[str, ...]],
) -> CheckAnswer:
    """Compare every sync with what its apps answered, and name missing rights. Pure."""
    from actors.errors import TielineError

    warnings, syncs = [], []
    failed = {name: one for name, one in answers.items() if isinstance(one, TielineError)}
    problems = [locate_failure(config, name, error) for name, error in failed.items()]
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
    config: Config, spec: SyncSpec, answers: dict[str, AppSchema | TielineError]
) -> tuple[list[ConfigProblem] | None, list[ConfigProblem]]:
    """Return problems and warnings of one sync; no problems but None if an app is missing."""
    from actors.errors import TielineError
    from actors.mapping.compile import compile_sync
    from daemon.config.advice import advise_closings, advise_users

    left, right = answers[spec.left], answers[spec.right]
    if isinstance(left, TielineError) or isinstance(right, TielineError):
        return None, []
    _, problems = compile_sync(spec, left, right)
    schemas = {Side.LEFT: left, Side.RIGHT: right}
    advice = (*advise_closings(spec, schemas), *advise_users(spec, schemas))
    return (
        [config.locate(one, spec) for one in problems],
        [config.locate(one, spec) for one in advice],
    )


def _app_check(app: App, answer: AppSchema | TielineError) -> AppCheck:
    from actors.schema import AppSchema

    if isinstance(answer, AppSchema):
        return AppCheck(name=app.name, type=app.type, ok=True, account=answer.account)
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
