"""`tieline duplicates`: records that are probably the same; proposals only, nothing is merged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from actors.links import Link
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.render import Block, Heading, Line, Table, Tone, show

if TYPE_CHECKING:
    from pathlib import Path

    from actors.records import Side, Snapshot
    from actors.spec import SyncSpec
    from daemon.accounts import Accounts
    from daemon.cli.progress import Tell
    from daemon.config.settings import Config
    from daemon.duplicates.likeness import Roles
    from daemon.duplicates.pool import Entry, Pair, Pool
    from daemon.store.sqlite import SqliteStore


class Record(Struct, frozen=True, kw_only=True):
    """A record by app and id; `name` is how people call it."""

    app: str
    id: str
    name: str


class Proposal(Struct, frozen=True, kw_only=True):
    """Two records that may be the same; `score` is 0 to 1."""

    score: float
    reasons: tuple[str, ...]
    first: Record
    second: Record


class Held(Struct, frozen=True, kw_only=True):
    """A record that tieline holds until somebody has told it apart."""

    app: str
    id: str
    reason: str


class SyncAnswer(Struct, frozen=True, kw_only=True):
    """One sync: `found` pairs are at least as alike as asked, of which the best are shown."""

    sync: str
    records: int
    found: int
    proposals: tuple[Proposal, ...]
    held: tuple[Held, ...]


class DuplicatesAnswer(Struct, frozen=True, kw_only=True):
    """All syncs."""

    syncs: tuple[SyncAnswer, ...]


@click.command()
@click.option(
    "--least",
    type=click.FloatRange(0.05, 1.0),
    default=0.6,
    show_default=True,
    help="Score from which a pair is told.",
)
@click.option(
    "--most", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Pairs per sync."
)
@json_option
@pass_invocation
def duplicates(invocation: Invocation, least: float, most: int, as_json: bool) -> None:
    """Propose records that are probably the same, within an app and across both.

    Reads both apps whole and compares names, e-mail addresses, domains, phone numbers and
    amounts. Pairs that are linked already are left out. Then it lists the records that tieline
    holds since their match is not clear. Nothing is merged, linked or written.
    """
    import anyio

    from daemon.cli.progress import show_progress

    config = invocation.load()
    with show_progress(enabled=not as_json) as tell:
        answers = anyio.run(_search_all, config, least, most, tell)
    answer = DuplicatesAnswer(syncs=tuple(answers))
    show(answer, _view(answer), as_json=as_json)


async def _search_all(config: Config, least: float, most: int, tell: Tell) -> list[SyncAnswer]:
    import tempfile
    from pathlib import Path

    from daemon.accounts import Accounts
    from daemon.store.sqlite import open_unlocked

    accounts = Accounts()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(accounts.aclose)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tieline-")))
        store: SqliteStore | None = None
        if config.daemon.store.exists():
            store = await stack.enter_async_context(open_unlocked(config.daemon.store))
        answers = []
        for number, spec in enumerate(config.specs()):
            search = _Search(config, spec, accounts, store, tell)
            answers.append(await search.run(folder / f"{number}.db", least, most))
        return answers


class _Search:
    """The search in one sync."""

    def __init__(
        self,
        config: Config,
        spec: SyncSpec,
        accounts: Accounts,
        store: SqliteStore | None,
        tell: Tell,
    ) -> None:
        self._spec = spec
        self._store = store
        self._tell = tell
        self._apps = {name: accounts.get(config.apps[name]) for name in (spec.left, spec.right)}

    async def run(self, file: Path, least: float, most: int) -> SyncAnswer:
        """Read both sides into a pool on disk, and draw the best pairs that are not linked."""
        from actors.records import Side
        from daemon.duplicates.pool import Pool

        with Pool(file) as pool:
            for side in Side:
                await self._read(side, pool)
            pairs, found = pool.best(least, most)
            return SyncAnswer(
                sync=self._spec.name,
                records=pool.records,
                found=found,
                proposals=tuple(map(_proposal, pairs)),
                held=await self._held(),
            )

    async def _read(self, side: Side, pool: Pool) -> None:
        from actors.errors import SchemaDriftError
        from daemon.duplicates.likeness import find_roles
        from daemon.monitor import Progress

        name, total, seen = self._spec.app(side), None, 0
        schema = (await self._apps[name].schema()).object(self._spec.object)
        if schema is None:
            raise SchemaDriftError(f"{name} has no {self._spec.object} that tieline can read")
        mapped = [one.left if name == self._spec.left else one.right for one in self._spec.fields]
        roles, after, is_last = find_roles(schema, mapped), None, False
        while not is_last:
            page = await self._apps[name].connector.list_page(
                self._spec.object, roles.fields, after
            )
            pool.add(await self._entries(side, roles, page.records))
            after, total = page.after, total if page.total is None else page.total
            seen, is_last = seen + len(page.records), after is None
            step = Progress(sync=self._spec.name, app=name, seen=seen, total=total, done=is_last)
            self._tell(step)

    async def _entries(
        self, side: Side, roles: Roles, records: tuple[Snapshot, ...]
    ) -> list[Entry]:
        from daemon.duplicates.likeness import read_traits
        from daemon.duplicates.pool import Entry

        ids, links = [record.id for record in records], dict[str, Link]()
        if self._store is not None:
            links = await self._store.load_links(self._spec.name, side, ids)
        others = {key: link.end(side.other) for key, link in links.items()}
        return [
            Entry(
                app=self._spec.app(side),
                id=record.id,
                traits=read_traits(roles, record.values),
                linked=other.id if (other := others.get(record.id)) is not None else "",
            )
            for record in records
        ]

    async def _held(self) -> tuple[Held, ...]:
        from actors.links import Status

        if self._store is None:
            return ()
        links = await self._store.reader.list_links(self._spec.name, Status.HELD)
        return tuple(one for link in links if (one := self._held_record(link)) is not None)

    def _held_record(self, link: Link) -> Held | None:
        """Return a held record without counterpart; held pairs are conflicts, not duplicates."""
        end = link.left or link.right
        if end is None or (link.left is not None and link.right is not None):
            return None
        app = self._spec.left if link.left is not None else self._spec.right
        return Held(app=app, id=end.id, reason=link.reason)


def _proposal(pair: Pair) -> Proposal:
    first, second = (
        Record(app=one.app, id=one.id, name=one.traits.label) for one in (pair.first, pair.second)
    )
    likeness = pair.likeness
    return Proposal(score=likeness.score, reasons=likeness.reasons, first=first, second=second)


def _view(answer: DuplicatesAnswer) -> Iterator[Block]:
    for sync in answer.syncs:
        yield Heading(sync.sync)
        yield Line(f"{sync.records} records read, {sync.found} probable duplicates")
        if sync.proposals:
            rows = tuple(
                (f"{one.score:.2f}", _name(one.first), _name(one.second), ", ".join(one.reasons))
                for one in sync.proposals
            )
            yield Table(("score", "record", "probably the same as", "why"), rows, numbers=(0,))
        if sync.held:
            yield Heading("Held until somebody tells them apart")
            held = tuple((f"{one.app} {one.id}", one.reason) for one in sync.held)
            yield Table(("record", "why"), held)
    yield Line("nothing was merged or written", Tone.QUIET)


def _name(record: Record) -> str:
    return f"{record.app} {record.id} {record.name}".rstrip()
