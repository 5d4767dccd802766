"""`tieline retry` and `tieline resync`: again, now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from msgspec import Struct

from actors.links import Status
from actors.records import Side
from daemon.cli.completing import complete_record, complete_sync
from daemon.cli.exits import Exit
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.orders import OrderAnswer, Orders, wait_option
from daemon.cli.reading import app_names, ask_store
from daemon.cli.render import Line, Tone, show

if TYPE_CHECKING:
    from actors.orders import AnyOrder
    from daemon.config.settings import Config
    from daemon.store.reading import Reader

AT_ONCE = 500


class OrdersAnswer(Struct, frozen=True, kw_only=True):
    """What became of the orders; none if there was nothing to do."""

    orders: tuple[OrderAnswer, ...]


@click.command()
@click.argument("record", nargs=-1, metavar="[APP RECORD]", shell_complete=complete_record)
@click.option("--failing", is_flag=True, help="All failing records, also those set aside.")
@click.option(
    "--sync",
    metavar="NAME",
    shell_complete=complete_sync,
    help="With --failing: only of this sync.",
)
@wait_option
@json_option
@pass_invocation
@click.pass_context
def retry(
    ctx: click.Context,
    invocation: Invocation,
    record: tuple[str, ...],
    failing: bool,
    sync: str | None,
    wait: float,
    as_json: bool,
) -> None:
    """Try failing records again now, as if they had not failed before.

    Records that were set aside after too many failures are tried again as well.
    """
    if failing == bool(record) or len(record) not in (0, 2):
        raise click.UsageError("name one record by APP and RECORD, or all by --failing")
    config = invocation.load(follow=False)
    _known_sync(config, sync)
    found = ask_store(
        config.daemon.store,
        lambda reader: _find_failing(reader, config, record, sync),
    )
    if record and not found:
        raise click.ClickException(f"{' '.join(record)} is not failing; see `tieline explain`")
    _give_all(ctx, config, wait, found, "Nothing is failing.", as_json=as_json)


@click.command()
@click.argument("sync", required=False, shell_complete=complete_sync)
@wait_option
@json_option
@pass_invocation
@click.pass_context
def resync(
    ctx: click.Context, invocation: Invocation, sync: str | None, wait: float, as_json: bool
) -> None:
    """Read both sides of SYNC (or of all syncs) whole again, as in the first pass.

    Proves that nothing was missed: what is found to differ is repaired by the usual rules.
    """
    from actors.orders import Resync

    config = invocation.load(follow=False)
    _known_sync(config, sync)
    names = [spec.name for spec in config.specs() if sync in (None, spec.name)]
    _give_all(ctx, config, wait, [(name, Resync()) for name in names], "No syncs.", as_json=as_json)


def _known_sync(config: Config, sync: str | None) -> None:
    from daemon.config.problems import suggest

    names = app_names(config)
    if sync is not None and sync not in names:
        raise click.UsageError(f"no sync is named {sync!r}; {suggest(sync, names)}")


async def _find_failing(
    reader: Reader, config: Config, record: tuple[str, ...], sync: str | None
) -> list[tuple[str, AnyOrder]]:
    from actors.orders import Retry

    orders: list[tuple[str, AnyOrder]] = []
    for name, apps in app_names(config).items():
        if sync not in (None, name):
            continue
        if not record:
            orders += [(name, Retry(links=ids)) for ids in await _pages(reader, name)]
        elif record[0] in apps:
            side = Side.LEFT if record[0] == apps[0] else Side.RIGHT
            link = await reader.find_record(name, side, record[1])
            if link is not None and link.status is Status.FAILING:
                orders.append((name, Retry(links=(link.id,))))
    return orders


async def _pages(reader: Reader, sync: str) -> list[tuple[int, ...]]:
    pages: list[tuple[int, ...]] = []
    while page := await reader.list_links(
        sync, Status.FAILING, after=pages[-1][-1] if pages else 0, limit=AT_ONCE
    ):
        pages.append(tuple(link.id for link in page))
    return pages


def _give_all(
    ctx: click.Context,
    config: Config,
    wait: float,
    orders: list[tuple[str, AnyOrder]],
    nothing: str,
    *,
    as_json: bool,
) -> None:
    desk = Orders(config, wait)
    answer = OrdersAnswer(orders=tuple(desk.give(sync, order) for sync, order in orders))
    lines = [
        Line(f"{one.sync}: {one.outcome}", Tone.GOOD if one.state == "done" else Tone.WARNING)
        for one in answer.orders
    ]
    show(answer, lines or [Line(nothing, Tone.GOOD)], as_json=as_json)
    refused = any(one.state == "refused" for one in answer.orders)
    ctx.exit(Exit.PROBLEM if refused else Exit.OK)
