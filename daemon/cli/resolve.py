"""`tieline resolve` and `tieline conflicts undo`: a person says what is right (F23)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from actors.links import Conflict, Link, Status
from actors.records import Side
from actors.values import Raw
from daemon.cli.completing import complete_app, complete_record
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.orders import OrderAnswer, Orders, show_order, wait_option
from daemon.cli.reading import app_names, ask_store, write_raws
from daemon.cli.render import Line, Tone, show

if TYPE_CHECKING:
    from actors.orders import Choose
    from daemon.config.settings import Config
    from daemon.store.reading import FoundConflict, Reader

UNDOABLE = ("copied", "settled")
"""Outcomes of conflicts whose decision can be taken back."""


class Case(Struct, frozen=True, kw_only=True):
    """A conflict with its records and the names of the two apps."""

    id: int
    conflict: Conflict
    link: Link
    apps: tuple[str, str]

    def side(self, app: str) -> Side:
        """Return the side of one of the two apps.

        Raises:
            click.UsageError: it is another app.
        """
        if app not in self.apps:
            raise click.UsageError(f"--with takes {self.apps[0]} or {self.apps[1]}, not {app!r}")
        return Side.LEFT if app == self.apps[0] else Side.RIGHT

    def app(self, side: Side) -> str:
        """Return an app's name."""
        return self.apps[0] if side is Side.LEFT else self.apps[1]

    def words(self, side: Side) -> str:
        """Name the record of a side."""
        end = self.link.end(side)
        return f"{self.app(side)} {end.id if end is not None else '(gone)'}"


class UndoAnswer(Struct, frozen=True, kw_only=True):
    """What taking a conflict back would do."""

    id: int
    sync: str
    field: str
    app: str
    record: str
    now: tuple[Raw, ...]
    then: tuple[Raw, ...]
    state: str = "planned"


@click.command()
@click.argument(
    "what", nargs=-1, required=True, metavar="ID | APP RECORD", shell_complete=complete_record
)
@click.option("--field", metavar="NAME", help="Which field of the record, if several wait.")
@click.option(
    "--with",
    "app",
    metavar="APP",
    shell_complete=complete_app,
    help="This app's value is right.",
)
@click.option(
    "--value",
    "values",
    multiple=True,
    metavar="VALUE",
    help="Neither: this is right, as --with's app (or else the first one) writes it. Once for"
    " each part of a field that has several, such as an amount and its currency.",
)
@click.option("--reverse", is_flag=True, help="As `tieline conflicts undo ID --yes`.")
@wait_option
@json_option
@pass_invocation
@click.pass_context
def resolve(
    ctx: click.Context,
    invocation: Invocation,
    what: tuple[str, ...],
    field: str | None,
    app: str | None,
    values: tuple[str, ...],
    reverse: bool,
    wait: float,
    as_json: bool,
) -> None:
    """Answer a field that waits for a person; `tieline conflicts` lists them with their ID.

    The answer is written like any edit. It is refused if a side holds something else by now
    than the list shows: then look again.
    """
    config = invocation.load(follow=False)
    if reverse:
        if app or values or field:
            raise click.UsageError("--reverse takes only an ID")
        case = _find_case(config, what, None)
        show_order(ctx, _give(config, wait, case, _undo_order(case, None)), as_json=as_json)
    if app is None and not values:
        raise click.UsageError("say what is right: --with APP, or --value VALUE")
    case = _find_case(config, what, field)
    if case.conflict.outcome != "open":
        raise click.ClickException(_closed(case))
    side = case.side(app) if app is not None else Side.LEFT
    order = _order(case, side, tuple(values) or None)
    show_order(ctx, _give(config, wait, case, order), as_json=as_json)


@click.command()
@click.argument("number", type=int, metavar="ID")
@click.option("--with", "app", metavar="APP", help="Put this app's value back, not the loser's.")
@click.option("--yes", is_flag=True, help="Do it without asking first.")
@wait_option
@json_option
@pass_invocation
@click.pass_context
def undo(
    ctx: click.Context,
    invocation: Invocation,
    number: int,
    app: str | None,
    yes: bool,
    wait: float,
    as_json: bool,
) -> None:
    """Take a decided conflict back: the value that lost is written again, on both sides.

    Shows what that means and asks first. It is refused if somebody has edited the field since.
    """
    config = invocation.load(follow=False)
    case = _find_case(config, (str(number),), None)
    order = _undo_order(case, app)
    if not yes:
        _show_undo(case, order, as_json=as_json)
        if as_json:
            return
        click.confirm("Do it?", abort=True)
    show_order(ctx, _give(config, wait, case, order), as_json=as_json)


# --- finding ---------------------------------------------------------------------------------


def _find_case(config: Config, what: tuple[str, ...], field: str | None) -> Case:
    names = app_names(config)
    if len(what) == 1 and what[0].isdecimal():
        return ask_store(config.daemon.store, lambda reader: _by_number(reader, names, what[0]))
    if len(what) != 2 or what[0] not in config.apps:
        raise click.UsageError(
            "name a conflict by its ID from `tieline conflicts`, or a record by APP and RECORD"
        )
    return ask_store(
        config.daemon.store, lambda reader: _by_record(reader, names, what[0], what[1], field)
    )


async def _by_number(reader: Reader, names: dict[str, tuple[str, str]], number: str) -> Case:
    found = await reader.find_conflict(int(number))
    if found is None:
        raise click.ClickException(f"there is no conflict {number}; see `tieline conflicts --all`")
    return await _case(reader, names, found)


async def _by_record(
    reader: Reader, names: dict[str, tuple[str, str]], app: str, record: str, field: str | None
) -> Case:
    waiting: list[FoundConflict] = []
    for sync, apps in names.items():
        if app in apps:
            side = Side.LEFT if app == apps[0] else Side.RIGHT
            if link := await reader.find_record(sync, side, record):
                found = await reader.list_link_conflicts(link.id)
                waiting += [one for one in found if one.conflict.outcome == "open"]
    wanted = [one for one in waiting if field is None or _is_field(one.conflict.unit, field)]
    if len(wanted) == 1:
        return await _case(reader, names, wanted[0])
    fields = ", ".join(one.conflict.unit for one in waiting)
    if wanted:
        raise click.UsageError(f"several fields wait: {fields}; say which with --field")
    more = f"; these do: {fields}" if waiting else ""
    which = f" of field {field!r}" if field else ""
    raise click.ClickException(f"nothing{which} of {app} {record} waits for a person{more}")


def _is_field(unit: str, field: str) -> bool:
    return field == unit or field in re.split(r"\W+", unit)


async def _case(reader: Reader, names: dict[str, tuple[str, str]], found: FoundConflict) -> Case:
    conflict = found.conflict
    link = (await reader.find_links([conflict.link])).get(conflict.link)
    if link is None or conflict.sync not in names:
        raise click.ClickException(f"conflict {found.id} is of a record that is not synced now")
    return Case(id=found.id, conflict=conflict, link=link, apps=names[conflict.sync])


def _closed(case: Case) -> str:
    outcome = case.conflict.outcome
    how = f"; `tieline conflicts undo {case.id}` takes it back" if outcome in UNDOABLE else ""
    return f"conflict {case.id} is {outcome}, not open{how}"


# --- orders ----------------------------------------------------------------------------------


def _order(case: Case, source: Side, value: tuple[Raw, ...] | None) -> Choose:
    from actors.orders import Choose

    conflict = case.conflict
    return Choose(
        link=conflict.link,
        unit=conflict.unit,
        left=conflict.left,
        right=conflict.right,
        source=source,
        value=tuple(raw or None for raw in value) if value is not None else None,
        conflict=conflict,
    )


def _undo_order(case: Case, app: str | None) -> Choose:
    """Make the order that puts the loser's value back where it was, and on the other side.

    Raises:
        click.ClickException: the conflict was not decided, or the field moved since.
    """
    from actors.orders import Choose

    conflict = case.conflict
    if conflict.outcome not in UNDOABLE:
        more = "; use `tieline resolve`" if conflict.outcome == "open" else ""
        raise click.ClickException(f"conflict {case.id} is {conflict.outcome}{more}")
    if app is None and conflict.winner is None:
        raise click.UsageError(
            f"a person gave a value of their own: say whose to put back, --with"
            f" {case.apps[0]} or --with {case.apps[1]}"
        )
    winner = conflict.winner or Side.LEFT
    source = case.side(app) if app is not None else winner.other
    now = {side: _settled(case, side) for side in Side}
    return Choose(
        link=conflict.link,
        unit=conflict.unit,
        left=now[Side.LEFT],
        right=now[Side.RIGHT],
        source=source,
        value=conflict.left if source is Side.LEFT else conflict.right,
        rule="undo",
        conflict=conflict,
    )


def _settled(case: Case, side: Side) -> tuple[Raw, ...]:
    end, unit = case.link.end(side), case.conflict.unit
    if end is None or unit not in end.base or unit in end.moved:
        raise click.ClickException(
            f"{unit} of {case.words(side)} was edited since and is not settled yet; look again"
            f" with `tieline explain {case.words(side)}`"
        )
    return end.base[unit].raws


def _give(config: Config, wait: float, case: Case, order: Choose) -> OrderAnswer:
    """Give the order, and tell how it ended in the apps if it does while we wait."""
    orders = Orders(config, wait)
    answer = orders.give(case.conflict.sync, order)
    if answer.state != "done":
        return answer
    ended = orders.wait_for(lambda reader: _ending(reader, order))
    state, outcome = ended or ("waiting", "taken; it is being written, see `tieline explain`")
    return OrderAnswer(order=answer.order, sync=answer.sync, state=state, outcome=outcome)


async def _ending(reader: Reader, order: Choose) -> tuple[str, str] | None:
    link = (await reader.find_links([order.link])).get(order.link)
    if link is None or link.left is None:
        return "refused", "the record is gone"
    if order.unit in link.left.chosen:
        return ("refused", link.reason) if link.status is Status.FAILING else None
    if order.unit in link.left.asked:
        return "refused", "refused: it moved since: look again with `tieline conflicts`"
    return "done", f"{order.unit} is settled as you said"


def _show_undo(case: Case, order: Choose, *, as_json: bool) -> None:
    source = order.source
    now = order.left if source is Side.LEFT else order.right
    end = case.link.end(source)
    then = order.value or ()
    answer = UndoAnswer(
        id=case.id,
        sync=case.conflict.sync,
        field=order.unit,
        app=case.app(source),
        record=end.id if end is not None else "",
        now=now,
        then=then,
    )
    lines = [
        Line(f"{order.unit} of {case.words(source)}: {write_raws(now)} -> {write_raws(then)}"),
        Line(f"and the same in {case.words(source.other)}", Tone.QUIET),
    ]
    show(answer, lines, as_json=as_json)
