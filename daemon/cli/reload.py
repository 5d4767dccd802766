"""`tieline reload`: have the running daemon read its files again, and say whether it did."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from daemon.cli.exits import Exit
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.render import Line, Tone, show

if TYPE_CHECKING:
    from daemon.config.settings import Config


class ReloadAnswer(Struct, frozen=True, kw_only=True):
    """What became of it; `refused` is why, or empty."""

    applied: bool
    refused: str = ""


@click.command()
@click.option(
    "--wait", default=90.0, show_default=True, metavar="SECONDS", help="How long to wait for it."
)
@json_option
@pass_invocation
@click.pass_context
def reload(ctx: click.Context, invocation: Invocation, wait: float, as_json: bool) -> None:
    """Send SIGHUP to the daemon that uses this configuration's store, and wait for the result.

    A configuration that is wrong, or does not fit the apps, is refused as a whole: exit code 78,
    and the daemon goes on with the one that it has.
    """
    config = invocation.load()
    before = _health(config)
    os.kill(_pid(config), signal.SIGHUP)
    until = time.monotonic() + wait
    while time.monotonic() < until:
        time.sleep(0.1)
        now = _health(config)
        if now["reloads"] > before["reloads"]:
            _answer(ctx, str(now["refused"]), as_json=as_json)
    raise click.ClickException(f"the daemon has not answered within {wait:g} s; see its log")


def _answer(ctx: click.Context, refused: str, *, as_json: bool) -> None:
    answer = ReloadAnswer(applied=not refused, refused=refused)
    lines = [Line("configuration applied", Tone.GOOD)]
    if refused:
        text = ("refused, the old one runs on:", *refused.splitlines())
        lines = [Line(line, Tone.BAD) for line in text]
    show(answer, lines, as_json=as_json)
    ctx.exit(Exit.CONFIG if refused else Exit.OK)


def _pid(config: Config) -> int:
    """Return the process that holds the store's lock."""
    from actors.errors import StoreError
    from daemon.store.lock import hold_lock, lock_path

    try:
        with hold_lock(config.daemon.store):
            pass
    except StoreError:
        return int(lock_path(config.daemon.store).read_text())
    raise click.ClickException(f"no daemon uses the store {config.daemon.store}")


def _health(config: Config) -> dict[str, Any]:  # the daemon's own JSON, of known keys
    import httpx

    from daemon.http import join_address

    address = join_address(config.daemon.host, config.daemon.port)
    try:
        answer: dict[str, Any] = httpx.get(f"http://{address}/healthz", timeout=5).json()
    except httpx.HTTPError as error:
        raise click.ClickException(f"the daemon does not answer on {address}: {error}") from error
    return answer
