"""`tieline held` and `tieline approve`: what limits hold back, and a person's word on it (F25)."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from actors.approvals import DELETES, awaited
from actors.limits import BLANKS, CHANGES, COUNTED, CREATES, REGRESSIONS, split_kind
from actors.links import Link, Status
from actors.records import Side
from daemon.cli.exits import Exit
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.orders import OrderAnswer, Orders, wait_option
from daemon.cli.reading import app_names, ask_store
from daemon.cli.render import Block, Facts, Heading, Line, Tone, show

if TYPE_CHECKING:
    from actors.orders import Approve
    from daemon.config.settings import Config
    from daemon.store.reading import Reader

AT_ONCE = 500
SAMPLES = 5
Apps = tuple[str, str]
"""Names of a sync's left and right app."""


class HeldKind(Struct, kw_only=True):
    """Records of a sync that are held for one reason.

    Attributes:
        kinds: what they exceed: `creates in erp`; empty for those that wait for an answer.
        samples: some of them, as `app id`.
    """

    kinds: tuple[str, ...]
    reason: str
    records: int = 0
    samples: list[str] = []


class HeldSync(Struct, frozen=True, kw_only=True):
    """One sync; `questions` are records that wait for an answer of another kind."""

    sync: str
    held: tuple[HeldKind, ...]
    questions: int


class HeldAnswer(Struct, frozen=True, kw_only=True):
    """All syncs."""

    syncs: tuple[HeldSync, ...]


class ApproveAnswer(Struct, frozen=True, kw_only=True):
    """What became of an approval.

    Attributes:
        approved: records by sync.
        left: records that stay held, since they exceed more than was approved.
    """

    approved: dict[str, int]
    left: dict[str, int]
    orders: tuple[OrderAnswer, ...]


@click.command()
@click.argument("sync", required=False)
@json_option
@pass_invocation
def held(invocation: Invocation, sync: str | None, as_json: bool) -> None:
    """List what limits and a careful first load hold back, with counts and samples.

    `tieline approve` lets it go. Exit code 1 says that there is something.
    """
    config = invocation.load(follow=False)
    names = _wanted(config, sync)

    async def question(reader: Reader) -> HeldAnswer:
        return HeldAnswer(
            syncs=tuple([await _read(reader, name, apps) for name, apps in names.items()])
        )

    answer = ask_store(config.daemon.store, question)
    show(answer, _view(answer), as_json=as_json)
    is_any = any(one.held for one in answer.syncs)
    click.get_current_context().exit(Exit.PROBLEM if is_any else Exit.OK)


def _wanted(config: Config, sync: str | None) -> dict[str, Apps]:
    from daemon.config.problems import suggest

    names = app_names(config)
    if sync is not None and sync not in names:
        raise click.UsageError(f"no sync is named {sync!r}; {suggest(sync, names)}")
    return names if sync is None else {sync: names[sync]}


async def _held_links(reader: Reader, sync: str) -> AsyncIterator[Link]:
    after = 0
    while links := await reader.list_links(sync, Status.HELD, after=after, limit=AT_ONCE):
        for link in links:
            yield link
        after = links[-1].id


async def _read(reader: Reader, sync: str, apps: Apps) -> HeldSync:
    groups: dict[tuple[tuple[str, ...], str], HeldKind] = {}
    questions = 0
    async for link in _held_links(reader, sync):
        kinds = tuple(sorted(_words(kind, apps) for kind in awaited(link)))
        if not kinds:
            questions += 1
            continue
        group = groups.setdefault(
            (kinds, link.reason), HeldKind(kinds=kinds, reason=link.reason, samples=[])
        )
        group.records += 1
        if len(group.samples) < SAMPLES:
            group.samples.append(_name(link, apps))
    return HeldSync(sync=sync, held=tuple(groups.values()), questions=questions)


def _words(kind: str, apps: Apps) -> str:
    side, what = split_kind(kind)
    return what if side is None else f"{what} in {apps[side is Side.RIGHT]}"


def _name(link: Link, apps: Apps) -> str:
    ends = [f"{apps[side is Side.RIGHT]} {end.id}" for side in Side if (end := link.end(side))]
    return " = ".join(ends)


def _view(answer: HeldAnswer) -> Iterator[Block]:
    if not any(one.held or one.questions for one in answer.syncs):
        yield Line("Nothing is held.", Tone.GOOD)
    for sync in answer.syncs:
        if not sync.held and not sync.questions:
            continue
        yield Heading(sync.sync)
        for one in sync.held:
            yield Line(f"{one.records} records: {one.reason}", Tone.WARNING)
            yield Facts((("  for example", ", ".join(one.samples)),))
        if sync.questions:
            yield Line(f"{sync.questions} records wait for an answer: see `tieline conflicts`")


# --- approving ------------------------------------------------------------------------------


@click.command()
@click.argument("sync", required=False)
@click.option("--creates", type=click.IntRange(min=1), metavar="N", help="Let N creates go.")
@click.option("--changes", type=click.IntRange(min=1), metavar="N", help="Let N changes go.")
@click.option("--blanks", type=click.IntRange(min=1), metavar="N", help="Let N fields be emptied.")
@click.option(
    "--regressions", type=click.IntRange(min=1), metavar="N", help="Let N stages be set back."
)
@click.option(
    "--deletes", type=click.IntRange(min=1), metavar="N", help="Let N deletes be followed."
)
@click.option("--all", "everything", is_flag=True, help="Let all go but deletes.")
@click.option(
    "--vanished", is_flag=True, help="What is gone from an app that is stopped is really gone."
)
@wait_option
@json_option
@pass_invocation
@click.pass_context
def approve(
    ctx: click.Context,
    invocation: Invocation,
    sync: str | None,
    creates: int | None,
    changes: int | None,
    blanks: int | None,
    regressions: int | None,
    deletes: int | None,
    everything: bool,
    vanished: bool,
    wait: float,
    as_json: bool,
) -> None:
    """Let go what limits hold in SYNC (or in all syncs); `tieline held` lists it.

    Each record is decided again when it is let go, and is held again if it comes to more than
    it was held for. Records that exceed several limits go when all of them are named.
    """
    counts = {CREATES: creates, CHANGES: changes, BLANKS: blanks, REGRESSIONS: regressions}
    named = {what: count for what, count in counts.items() if count is not None}
    if not (named or everything or vanished or deletes) or (named and everything):
        raise click.UsageError("say how many: --creates N, --changes N, ..., or --all")
    config = invocation.load(follow=False)
    most: dict[str, int | None] = {**named} if not everything else dict.fromkeys(COUNTED)
    if deletes is not None:
        most[DELETES] = deletes
    names, store = _wanted(config, sync), config.daemon.store
    chosen, left = {}, {}
    for name in names:
        found = ask_store(store, lambda reader, name=name: _choose(reader, name, most))  # type: ignore[misc]
        chosen[name], left[name] = found
    orders = [one for name, ids in chosen.items() for one in _orders(name, ids, vanished=vanished)]
    desk = Orders(config, wait)
    answer = ApproveAnswer(
        approved={name: len(ids) for name, ids in chosen.items()},
        left=left,
        orders=tuple(desk.give(name, order) for name, order in orders),
    )
    show(answer, _approved_view(answer), as_json=as_json)
    ctx.exit(Exit.PROBLEM if any(one.state == "refused" for one in answer.orders) else Exit.OK)


async def _choose(reader: Reader, sync: str, most: dict[str, int | None]) -> tuple[list[int], int]:
    """Return the ids of the held records that what is approved covers, and how many it does not."""
    chosen, left, room = [], 0, dict(most)
    async for link in _held_links(reader, sync):
        needs = Counter[str]()
        for kind, count in awaited(link).items():
            needs[split_kind(kind)[1]] += count
        if not needs or not needs.keys() <= {*COUNTED, DELETES}:
            continue
        if all(_fits(room, what, count) for what, count in needs.items()):
            chosen.append(link.id)
            room = {what: _less(rest, needs.get(what, 0)) for what, rest in room.items()}
        else:
            left += 1
    return chosen, left


def _fits(room: dict[str, int | None], what: str, count: int) -> bool:
    if what not in room:
        return False
    rest = room[what]
    return rest is None or count <= rest


def _less(rest: int | None, count: int) -> int | None:
    return None if rest is None else rest - count


def _orders(sync: str, ids: list[int], *, vanished: bool) -> Iterator[tuple[str, Approve]]:
    from actors.orders import Approve

    if vanished:
        yield sync, Approve(sides=tuple(Side))
    for start in range(0, len(ids), AT_ONCE):
        yield sync, Approve(links=tuple(ids[start : start + AT_ONCE]))


def _approved_view(answer: ApproveAnswer) -> Iterator[Block]:
    for order in answer.orders:
        tone = Tone.GOOD if order.state == "done" else Tone.WARNING
        yield Line(f"{order.sync}: {order.outcome}", tone)
    if not answer.orders:
        yield Line("Nothing is held that this would let go.", Tone.GOOD)
    for sync, count in answer.left.items():
        if count:
            yield Line(f"{sync}: {count} records stay held; see `tieline held {sync}`")
