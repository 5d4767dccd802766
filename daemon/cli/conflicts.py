"""`tieline conflicts`: fields that were edited in both apps, or wait for a person (F21, F23)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from actors.values import Raw
from daemon.cli.completing import complete_sync
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.reading import app_names, ask_store, write_raws, write_time
from daemon.cli.render import Block, Heading, Line, Table, Tone, show
from daemon.cli.resolve import UNDOABLE, undo

if TYPE_CHECKING:
    from actors.links import Conflict, Link
    from daemon.store.reading import Reader

PAGE = 500


class ConflictSide(Struct, frozen=True, kw_only=True):
    """One side of a conflict: the record, what it said, and when it was edited."""

    app: str
    record: str
    values: tuple[Raw, ...]
    edited: str


class ConflictEntry(Struct, frozen=True, kw_only=True):
    """One conflict.

    Attributes:
        id: its number, for `tieline resolve` and `tieline conflicts undo`.
        winner: the app whose value was kept; empty while a person must decide.
        uncertain: the edit times were only known as intervals that straddle the window.
        commands: what a person can do about it.
    """

    id: int
    sync: str
    field: str
    left: ConflictSide
    right: ConflictSide
    rule: str
    winner: str
    outcome: str
    uncertain: bool
    at: str
    commands: tuple[str, ...] = ()


class ConflictsAnswer(Struct, frozen=True, kw_only=True):
    """Conflicts, newest first; `more` says that there are older ones."""

    conflicts: tuple[ConflictEntry, ...]
    more: bool


@click.group(invoke_without_command=True, subcommand_metavar="[undo]")
@click.option("--all", "is_all", is_flag=True, help="Closed ones too: the history of conflicts.")
@click.option(
    "--sync",
    "sync",
    metavar="NAME",
    shell_complete=complete_sync,
    help="Only of this sync, such as sales/deals.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="At most so many.",
)
@json_option
@pass_invocation
@click.pass_context
def conflicts(
    ctx: click.Context,
    invocation: Invocation,
    is_all: bool,
    sync: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List fields that wait for a person to say what is right, newest first.

    With --all also those that a rule decided. Each has a number: `tieline resolve` answers an
    open one, `tieline conflicts undo` takes a decision back.
    """
    from daemon.config.problems import suggest

    if ctx.invoked_subcommand is not None:
        return
    config = invocation.load(follow=False)
    names = app_names(config)
    if sync is not None and sync not in names:
        raise click.UsageError(f"no sync is named {sync!r}; {suggest(sync, names)}")

    async def question(reader: Reader) -> ConflictsAnswer:
        return await read_conflicts(
            reader, names, syncs=(sync,) if sync else (), only_open=not is_all, limit=limit
        )

    answer = ask_store(config.daemon.store, question)
    show(answer, _view(answer, is_all=is_all), as_json=as_json)


conflicts.add_command(undo)


async def read_conflicts(
    reader: Reader,
    names: dict[str, tuple[str, str]],
    *,
    syncs: tuple[str, ...] = (),
    only_open: bool = False,
    limit: int = 50,
) -> ConflictsAnswer:
    """Read the newest conflicts with the records they are about."""
    numbered: list[tuple[int, Conflict]] = []
    if only_open:
        for name in syncs or tuple(names):
            page = await reader.list_open_conflicts(name, limit=limit + 1)
            numbered += [(one.id, one.conflict) for one in page]
        numbered.sort(key=lambda one: one[0], reverse=True)
    else:
        numbered = await _newest(reader, syncs, limit + 1)
    wanted = numbered[:limit]
    links = await reader.find_links(sorted({conflict.link for _, conflict in wanted}))
    return ConflictsAnswer(
        conflicts=tuple(
            make_entry(number, one, links.get(one.link), names.get(one.sync, ("left", "right")))
            for number, one in wanted
        ),
        more=len(numbered) > limit,
    )


async def _newest(
    reader: Reader, syncs: tuple[str, ...], wanted: int
) -> list[tuple[int, Conflict]]:
    found: list[tuple[int, Conflict]] = []
    page = await reader.list_conflicts(limit=PAGE)
    while page and len(found) < wanted:
        found += [(one.id, one.conflict) for one in page if not syncs or one.conflict.sync in syncs]
        page = await reader.list_conflicts(before=page[-1].id, limit=PAGE)
    return found[:wanted]


def make_entry(
    number: int, conflict: Conflict, link: Link | None, apps: tuple[str, str]
) -> ConflictEntry:
    """Put a conflict into people's words."""
    left, right = (link.left, link.right) if link else (None, None)
    winner = {"left": apps[0], "right": apps[1]}.get(str(conflict.winner or ""), "")
    return ConflictEntry(
        id=number,
        sync=conflict.sync,
        field=conflict.unit,
        left=ConflictSide(
            app=apps[0],
            record=left.id if left else "",
            values=conflict.left,
            edited=write_time(conflict.left_us),
        ),
        right=ConflictSide(
            app=apps[1],
            record=right.id if right else "",
            values=conflict.right,
            edited=write_time(conflict.right_us),
        ),
        rule=conflict.rule,
        winner=winner,
        outcome=conflict.outcome,
        uncertain=conflict.uncertain,
        at=write_time(conflict.at_us),
        commands=_commands(number, conflict, apps),
    )


def _commands(number: int, conflict: Conflict, apps: tuple[str, str]) -> tuple[str, ...]:
    if conflict.outcome == "open" and conflict.rule != "person":
        return (
            *(f"tieline resolve {number} --with {app}" for app in apps),
            f"tieline resolve {number} --value VALUE",
        )
    if conflict.outcome in UNDOABLE:
        return (f"tieline conflicts undo {number}",)
    return ()


def view_conflicts(entries: tuple[ConflictEntry, ...]) -> Table:
    """Make the table of conflicts."""
    columns = ("id", "when", "sync", "field", "left", "right", "winner", "outcome")
    return Table(columns, tuple(map(_row, entries)))


def _row(entry: ConflictEntry) -> tuple[str, ...]:
    sides = (_side_words(entry.left), _side_words(entry.right))
    by = entry.winner or ("(a person)" if entry.rule == "person" else "(to be decided)")
    return (str(entry.id), entry.at, entry.sync, entry.field, *sides, by, entry.outcome)


def _side_words(side: ConflictSide) -> str:
    return f"{side.app} {side.record}: {write_raws(side.values)} ({side.edited})"


def _view(answer: ConflictsAnswer, *, is_all: bool) -> Iterator[Block]:
    if not answer.conflicts:
        more = "" if is_all else " wait for a person; --all shows those that were decided"
        yield Line(f"No conflicts{more}.", Tone.GOOD)
        return
    yield view_conflicts(answer.conflicts)
    if not is_all:
        yield Heading("To answer")
        yield from (Line(command) for one in answer.conflicts for command in one.commands)
    if answer.more:
        yield Line("There are older ones: use --limit.", Tone.QUIET)
