"""`tieline status`: how many records of each sync are in what state, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from actors.emptiness import describe
from actors.gate import GATE_CURSOR, read_state, stopped_sides
from actors.records import Side
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.pause import entries, pause_words
from daemon.cli.reading import app_names, ask_store
from daemon.cli.render import Block, Facts, Heading, Line, Table, Tone, show

if TYPE_CHECKING:
    from daemon.config.settings import Daemon
    from daemon.store.reading import Reader

ANSWER_WITHIN_SECONDS = 2.0


class DaemonState(Struct, frozen=True, kw_only=True):
    """What the running daemon says of itself, if one answers.

    Attributes:
        schema_problems: by connection, what its apps have changed under its mappings.
    """

    running: bool
    ready: bool = False
    why_not: tuple[str, ...] = ()
    connections: dict[str, str] = {}
    schema_problems: dict[str, tuple[str, ...]] = {}
    store: str = ""


class StatusCount(Struct, frozen=True, kw_only=True):
    """Links of one status and reason; `left` and `right` count the records on each side."""

    status: str
    reason: str
    links: int
    left: int
    right: int


class SyncStatus(Struct, frozen=True, kw_only=True):
    """One sync. `total_left` and `total_right` are the sums of all counts.

    Attributes:
        configured: false for what the store still knows of a sync that was removed.
        writes_open: write orders without an outcome.
        conflicts: by outcome; `open` waits for a person.
        paused: by whom and since when, or empty.
        orders: of people, that are not carried out yet.
        stopped: why nothing is decided until somebody agrees, or empty.
    """

    name: str
    left: str
    right: str
    configured: bool
    counts: tuple[StatusCount, ...]
    total_left: int
    total_right: int
    writes_open: int
    conflicts: dict[str, int]
    paused: str = ""
    orders: int = 0
    stopped: str = ""


class StatusAnswer(Struct, frozen=True, kw_only=True):
    """All syncs, the daemon and the store."""

    daemon: DaemonState
    store: str
    store_bytes: int
    syncs: tuple[SyncStatus, ...]


@click.command()
@json_option
@pass_invocation
def status(invocation: Invocation, as_json: bool) -> None:
    """Count the records of each sync by status and reason, and ask the daemon how it is."""
    config = invocation.load(follow=False)
    names = app_names(config)

    async def question(reader: Reader) -> StatusAnswer:
        return StatusAnswer(
            daemon=ask_daemon(config.daemon),
            store=str(config.daemon.store),
            store_bytes=await reader.size_bytes(),
            syncs=await read_syncs(reader, names),
        )

    answer = ask_store(config.daemon.store, question)
    show(answer, _view(answer), as_json=as_json)


async def read_syncs(reader: Reader, names: dict[str, tuple[str, str]]) -> tuple[SyncStatus, ...]:
    """Read the counts of every sync that is configured or in the store."""
    counts = await reader.count_links()
    intents = await reader.count_intents()
    cursors = await reader.list_cursors()
    conflicts = await reader.count_conflicts()
    pauses = {one.target: pause_words(one) for one in entries(await reader.list_pauses())}
    orders = Counter(one.sync for one in await reader.open_orders())
    found = {one.sync for one in counts} | intents.keys() | {sync for sync, _ in conflicts}
    syncs = []
    for name in sorted(names.keys() | found):
        left, right = names.get(name, ("left", "right"))
        own = [one for one in counts if one.sync == name]
        rows = (
            StatusCount(
                status=one.status.value,
                reason=one.reason,
                links=one.links,
                left=one.left,
                right=one.right,
            )
            for one in own
        )
        syncs.append(
            SyncStatus(
                name=name,
                left=left,
                right=right,
                configured=name in names,
                counts=tuple(rows),
                total_left=sum(one.left for one in own),
                total_right=sum(one.right for one in own),
                writes_open=intents.get(name, 0),
                conflicts={word: n for (sync, word), n in conflicts.items() if sync == name},
                paused=pauses.get(name, pauses.get(name.partition("/")[0], "")),
                orders=orders[name],
                stopped=_stop_words(name, (left, right), cursors.get((name, GATE_CURSOR))),
            )
        )
    return tuple(syncs)


def _stop_words(sync: str, apps: tuple[str, str], text: str | None) -> str:
    state = read_state(text)
    sides = stopped_sides(state) if state is not None else ()
    return "; ".join(describe(apps[side is Side.RIGHT], sync) for side in sides)


def ask_daemon(daemon: Daemon) -> DaemonState:
    """Ask the daemon of this configuration for its health; none may be running."""
    from http.client import HTTPConnection, HTTPException

    import msgspec

    from daemon.health import Health

    loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where one listens is not where one asks
    host = loopback.get(daemon.host, daemon.host)
    connection = HTTPConnection(host, daemon.port, timeout=ANSWER_WITHIN_SECONDS)
    try:
        connection.request("GET", "/healthz")
        health = msgspec.json.decode(connection.getresponse().read(), type=Health)
    except (OSError, HTTPException, msgspec.MsgspecError):
        return DaemonState(running=False)
    finally:
        connection.close()
    return DaemonState(
        running=True,
        ready=health.ready,
        why_not=health.why_not,
        connections=dict(health.connections),
        schema_problems=dict(health.schema_problems),
        store=health.store,
    )


def _view(answer: StatusAnswer) -> Iterator[Block]:
    yield from _daemon_lines(answer.daemon)
    for sync in answer.syncs:
        gone = "" if sync.configured else " (no longer configured)"
        yield Heading(f"{sync.name}: {sync.left} <-> {sync.right}{gone}")
        if sync.paused:
            yield Line(sync.paused, Tone.WARNING)
        if sync.stopped:
            yield Line(sync.stopped, Tone.BAD)
        rows = [(one.status, str(one.left), str(one.right), one.reason) for one in sync.counts] or [
            ("nothing yet", "0", "0", "")
        ]
        if len(rows) > 1:
            rows.append(("total", str(sync.total_left), str(sync.total_right), ""))
        columns = ("status", sync.left, sync.right, "reason")
        yield Table(columns, tuple(rows), numbers=(1, 2))
        yield Facts(
            (
                ("writes under way", str(sync.writes_open)),
                ("conflicts", _conflict_words(sync.conflicts)),
                *((("orders waiting", str(sync.orders)),) if sync.orders else ()),
            )
        )
    yield Heading("Store")
    facts = [("file", answer.store), ("size", f"{answer.store_bytes / 1e6:.1f} MB")]
    if answer.daemon.store:
        facts.append(("state", answer.daemon.store))
    yield Facts(tuple(facts))


def _daemon_lines(daemon: DaemonState) -> Iterator[Line]:
    if not daemon.running:
        yield Line("No daemon answers; `tieline run` starts one.", Tone.WARNING)
        return
    yield Line("The daemon runs." if daemon.ready else "The daemon runs, but:", Tone.GOOD)
    for reason in daemon.why_not:
        yield Line(f"  {reason}", Tone.BAD)
    for name, phase in daemon.connections.items():
        yield Line(f"  {name}: {phase}")
        for problem in daemon.schema_problems.get(name, ()):
            yield Line(f"    schema: {problem}", Tone.WARNING)


def _conflict_words(conflicts: dict[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in sorted(conflicts.items())) or "none"
