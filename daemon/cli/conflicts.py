"""`tieline conflicts`: fields that were edited in both apps at about the same time (F21, F23)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from actors.values import Raw
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.reading import app_names, ask_store, write_raws, write_time
from daemon.cli.render import Block, Line, Table, Tone, show

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
        winner: the app whose value was kept; empty while a person must decide.
        uncertain: the edit times were only known as intervals that straddle the window.
    """

    sync: str
    field: str
    left: ConflictSide
    right: ConflictSide
    rule: str
    winner: str
    outcome: str
    uncertain: bool
    at: str


class ConflictsAnswer(Struct, frozen=True, kw_only=True):
    """Conflicts, newest first; `more` says that there are older ones."""

    conflicts: tuple[ConflictEntry, ...]
    more: bool


@click.command()
@click.option("--open", "only_open", is_flag=True, help="Only those that wait for a person.")
@click.option("--sync", "sync", metavar="NAME", help="Only of this sync, such as sales/deals.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="At most so many.",
)
@json_option
@pass_invocation
def conflicts(
    invocation: Invocation, only_open: bool, sync: str | None, limit: int, as_json: bool
) -> None:
    """List fields that were edited in both apps within the window, newest first."""
    from daemon.config.problems import suggest

    config = invocation.load(follow=False)
    names = app_names(config)
    if sync is not None and sync not in names:
        raise click.UsageError(f"no sync is named {sync!r}; {suggest(sync, names)}")

    async def question(reader: Reader) -> ConflictsAnswer:
        return await read_conflicts(
            reader, names, syncs=(sync,) if sync else (), only_open=only_open, limit=limit
        )

    answer = ask_store(config.daemon.store, question)
    show(answer, _view(answer), as_json=as_json)


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
            make_entry(one, links.get(one.link), names.get(one.sync, ("left", "right")))
            for _, one in wanted
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


def make_entry(conflict: Conflict, link: Link | None, apps: tuple[str, str]) -> ConflictEntry:
    """Put a conflict into people's words."""
    left, right = (link.left, link.right) if link else (None, None)
    winner = {"left": apps[0], "right": apps[1]}.get(str(conflict.winner or ""), "")
    return ConflictEntry(
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
    )


def view_conflicts(entries: tuple[ConflictEntry, ...]) -> Table:
    """Make the table of conflicts."""
    columns = ("when", "sync", "field", "left", "right", "winner", "outcome")
    return Table(columns, tuple(map(_row, entries)))


def _row(entry: ConflictEntry) -> tuple[str, ...]:
    sides = (_side_words(entry.left), _side_words(entry.right))
    winner = entry.winner or "(to be decided)"
    return (entry.at, entry.sync, entry.field, *sides, winner, entry.outcome)


def _side_words(side: ConflictSide) -> str:
    return f"{side.app} {side.record}: {write_raws(side.values)} ({side.edited})"


def _view(answer: ConflictsAnswer) -> Iterator[Block]:
    if not answer.conflicts:
        yield Line("No conflicts.", Tone.GOOD)
        return
    yield view_conflicts(answer.conflicts)
    if answer.more:
        yield Line("There are older ones: use --limit.", Tone.QUIET)
