"""`tieline pause` and `tieline resume`: stop for a while, and go on where it stopped (F24)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from daemon.cli.completing import complete_target
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.orders import at_desk, now_us, whoami
from daemon.cli.reading import ask_store, write_time
from daemon.cli.render import Line, Tone, show

if TYPE_CHECKING:
    from daemon.config.settings import Config
    from daemon.store.reading import Pause


class PauseEntry(Struct, frozen=True, kw_only=True):
    """A sync or a connection that is paused."""

    target: str
    by: str
    since: str


class PausesAnswer(Struct, frozen=True, kw_only=True):
    """What is paused now; `changed` counts what the command changed."""

    changed: int
    paused: tuple[PauseEntry, ...]


@click.command()
@click.argument(
    "target", required=False, metavar="[CONNECTION[/OBJECT]]", shell_complete=complete_target
)
@json_option
@pass_invocation
def pause(invocation: Invocation, target: str | None, as_json: bool) -> None:
    """Stop syncing a connection or one object of it; all connections if none is named.

    Writes under way are finished, then the apps are left alone until `tieline resume`, also
    across restarts. Nothing is lost: what people edit meanwhile is read afterwards.
    """
    config = invocation.load(follow=False)
    targets = _targets(config, target)
    by, at_us = whoami(), now_us()
    changed = at_desk(config, lambda desk: desk.pause(targets, by, at_us))
    _show(config, changed, as_json=as_json)


@click.command()
@click.argument(
    "target", required=False, metavar="[CONNECTION[/OBJECT]]", shell_complete=complete_target
)
@json_option
@pass_invocation
def resume(invocation: Invocation, target: str | None, as_json: bool) -> None:
    """Go on with a paused connection or object, where it stopped; with all if none is named."""
    config = invocation.load(follow=False)
    if target is None:
        paused = ask_store(config.daemon.store, lambda reader: reader.list_pauses())
        targets = [one.target for one in paused]
    else:
        inner = (spec.name for spec in config.specs() if spec.connection == target)
        targets = [*_targets(config, target), *inner]  # however each was paused
        _refuse_covered(config, target)
    changed = at_desk(config, lambda desk: desk.resume(targets))
    _show(config, changed, as_json=as_json)


def _refuse_covered(config: Config, target: str) -> None:
    """An object of a connection that is paused as a whole does not go on by itself."""
    paused = ask_store(config.daemon.store, lambda reader: reader.list_pauses())
    connection, slash, _ = target.partition("/")
    if slash and any(one.target == connection for one in paused):
        raise click.ClickException(
            f"all of {connection} is paused: `tieline resume {connection}`, then pause what is"
            " to stay paused"
        )


def _targets(config: Config, target: str | None) -> list[str]:
    from daemon.config.problems import suggest

    if target is None:
        return list(config.connections)
    known = [*config.connections, *(spec.name for spec in config.specs())]
    if target not in known:
        raise click.UsageError(
            f"no connection or sync is named {target!r}; {suggest(target, known)}"
        )
    return [target]


def entries(pauses: Iterable[Pause]) -> tuple[PauseEntry, ...]:
    """Put pauses into people's words."""
    return tuple(
        PauseEntry(target=one.target, by=one.by, since=write_time(one.since_us)) for one in pauses
    )


def pause_words(entry: PauseEntry) -> str:
    """Write a pause as a line."""
    return f"{entry.target}: paused by {entry.by} since {entry.since}"


def _show(config: Config, changed: int, *, as_json: bool) -> None:
    paused = ask_store(config.daemon.store, lambda reader: reader.list_pauses())
    answer = PausesAnswer(changed=changed, paused=entries(paused))
    lines = [Line(pause_words(one), Tone.WARNING) for one in answer.paused]
    show(answer, lines or [Line("nothing is paused", Tone.GOOD)], as_json=as_json)
