"""`tieline pipeline create`: mirror a pipeline into the other app, and map the two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.render import Block, Heading, Line, Table, Tone, show

if TYPE_CHECKING:
    from actors.ports import PipelineMaker
    from actors.records import Side
    from actors.schema import ObjectSchema, Pipeline
    from actors.spec import SyncSpec
    from daemon.accounts import Account
    from daemon.config.edit import AddStages
    from daemon.config.settings import Config


class MirroredStage(Struct, frozen=True, kw_only=True):
    """One stage with its counterpart; `mapped` if the configuration has the pair already."""

    label: str
    closing: str
    source: str
    mapped: bool


class CreateAnswer(Struct, frozen=True, kw_only=True):
    """What was done, or would be.

    Attributes:
        app, pipeline: where the pipeline is or would be, and its name; `id` is empty before.
        existed: it was there already.
        made: it was made just now.
        files: files of the configuration that were changed.
        written: `--write` was given.
    """

    sync: str
    app: str
    pipeline: str
    id: str
    existed: bool
    made: bool
    stages: tuple[MirroredStage, ...]
    files: tuple[str, ...]
    written: bool


@click.group()
def pipeline() -> None:
    """Make pipelines in an app."""


@pipeline.command()
@click.option(
    "--from",
    "source",
    nargs=2,
    required=True,
    metavar="APP PIPELINE",
    help="The app and its pipeline (by label or id) to mirror.",
)
@click.option("--in", "target", required=True, metavar="APP", help="The app to make it in.")
@click.option("--name", metavar="NAME", help="What to call it. [default: as the one mirrored]")
@click.option("--sync", "sync_name", metavar="NAME", help="The sync (sales/deals) that maps it.")
@click.option("--write", is_flag=True, help="Do it; without, only show what would be done.")
@json_option
@pass_invocation
def create(
    invocation: Invocation,
    source: tuple[str, str],
    target: str,
    name: str | None,
    sync_name: str | None,
    write: bool,
    as_json: bool,
) -> None:
    """Mirror a pipeline into another app and map the two stage by stage.

    Keeps synced deals apart from those that are there: the new pipeline has the same stages with
    the same meaning (open, won, lost), and the configuration gets their mapping, with its
    comments and order as they are. A second run finds what the first has made.
    """
    import anyio

    config = invocation.load()
    spec = _find_sync(config, source[0], target, sync_name)
    wish = Wish(spec=spec, source=source, target=target, name=name, write=write)
    answer = anyio.run(_create, invocation, config, wish)
    show(answer, _view(answer), as_json=as_json)


class Wish(Struct, frozen=True, kw_only=True):
    """What was asked for."""

    spec: SyncSpec
    source: tuple[str, str]
    target: str
    name: str | None
    write: bool

    @property
    def side(self) -> Side:
        """The side on which to make the pipeline."""
        from actors.records import Side

        return Side.LEFT if self.spec.left == self.target else Side.RIGHT


def _find_sync(config: Config, source: str, target: str, name: str | None) -> SyncSpec:
    from daemon.config.problems import suggest

    for app in (source, target):
        if app not in config.apps:
            raise click.UsageError(f"there is no app {app!r}; {suggest(app, config.apps)}")
    found = [
        spec
        for spec in config.specs()
        if {spec.left, spec.right} == {source, target} and spec.pipelines
    ]
    if name is not None:
        found = [spec for spec in found if spec.name == name]
    if not found:
        raise click.UsageError(f"no sync with pipelines connects {source} and {target}")
    if len(found) > 1:
        names = ", ".join(spec.name for spec in found)
        raise click.UsageError(f"several syncs connect them: choose one by --sync: {names}")
    return found[0]


async def _create(invocation: Invocation, config: Config, wish: Wish) -> CreateAnswer:
    from contextlib import AsyncExitStack

    from actors.records import Side
    from daemon.accounts import Accounts

    accounts = Accounts()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(accounts.aclose)
        apps = {side: accounts.get(config.apps[wish.spec.app(side)]) for side in Side}
        objects = {side: await _describe(apps[side], wish.spec) for side in Side}
        return await _mirror(invocation, wish, apps[wish.side], objects)


async def _describe(account: Account, spec: SyncSpec) -> ObjectSchema:
    from actors.errors import MappingError

    described = (await account.schema()).object(spec.object)
    if described is None:
        raise MappingError(f"{account.app.name} shows no {spec.object} to tieline")
    return described


async def _mirror(
    invocation: Invocation, wish: Wish, account: Account, objects: dict[Side, ObjectSchema]
) -> CreateAnswer:
    from daemon.config.edit import edit_config
    from daemon.mirroring import find_mirror, find_source, mirrored, plan_mapping

    here = wish.side
    source = find_source(wish.source[0], wish.source[1], objects[here.other])
    wanted = mirrored(source, wish.name or source.label)
    found = find_mirror(wish.target, wanted, objects[here])
    made = None
    if found is None:
        maker = _maker(account)
        made = await maker.make_pipeline(wish.spec.object, wanted) if wish.write else None
    mirror = found or made or wanted
    edit = plan_mapping(wish.spec, objects, {here: mirror, here.other: source})
    files = edit_config(invocation.config, [edit]) if wish.write and edit.stages else ()
    return CreateAnswer(
        sync=wish.spec.name,
        app=wish.target,
        pipeline=wanted.label,
        id=mirror.id,
        existed=found is not None,
        made=made is not None,
        stages=_stages(mirror, source, edit, here),
        files=tuple(map(str, files)),
        written=wish.write,
    )


def _maker(account: Account) -> PipelineMaker:
    from actors.errors import MappingError
    from actors.ports import PipelineMaker

    if isinstance(account.connector, PipelineMaker):
        return account.connector
    app = account.app.name
    raise MappingError(f"tieline cannot make pipelines in {app}: make it there yourself")


def _stages(
    mirror: Pipeline, source: Pipeline, edit: AddStages, here: Side
) -> tuple[MirroredStage, ...]:
    from actors.records import Side

    new = set(edit.stages)
    live = [[stage for stage in one.stages if not stage.archived] for one in (mirror, source)]
    return tuple(
        MirroredStage(
            label=one.label,
            closing=one.closing.value,
            source=two.label,
            mapped=((one.label, two.label) if here is Side.LEFT else (two.label, one.label))
            not in new,
        )
        for one, two in zip(*live, strict=True)
    )


def _view(answer: CreateAnswer) -> Iterator[Block]:
    yield Heading(f'{answer.app}: pipeline "{answer.pipeline}"')
    yield Line(_what_became(answer), Tone.GOOD if answer.written else Tone.PLAIN)
    rows = tuple(
        (one.label, one.closing, one.source, "there already" if one.mapped else "new")
        for one in answer.stages
    )
    yield Table(("stage", "means", "mirrors", "mapping"), rows)
    if not answer.written:
        yield Line("nothing was made or written; --write does it", Tone.QUIET)
    for file in answer.files:
        yield Line(f"{file} has the mapping now; `tieline check` and `tieline reload` come next")


def _what_became(answer: CreateAnswer) -> str:
    if answer.existed:
        return "is there already with these stages"
    return f"was made, with the id {answer.id}" if answer.made else "would be made"
