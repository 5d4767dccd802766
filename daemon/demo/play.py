"""The order of events, from nothing to two equal systems, and the end of it all."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
from msgspec import Struct

from daemon.demo import edits, reloads
from daemon.demo.backfill import show_backfill, show_plan
from daemon.demo.failing import DemoError
from daemon.demo.hubspot import HubSpot, HubSpotInfo
from daemon.demo.processes import Part, ending_in_order, running
from daemon.demo.quiet import show_quiet, show_totals
from daemon.demo.screen import Screen
from daemon.demo.settings import (
    NAME,
    PASSWORD_VARIABLE,
    TOKEN_VARIABLE,
    Addresses,
    write_config,
)
from daemon.demo.stage import Stage
from daemon.demo.tieline import Tieline, find_free_port
from daemon.demo.tryton import Tryton
from daemon.sandbox.tryton.server import TrytonInfo
from daemon.sandbox.tryton.template import find_cache, name_template

HUBSPOT_DEALS, TRYTON_DEALS = 600, 40
LAG_SECONDS = 0.3


class Systems(Struct, frozen=True, kw_only=True):
    """The two running systems."""

    hubspot: HubSpotInfo
    tryton: TrytonInfo


def play(screen: Screen, *, folder: Path | None, keep: bool) -> None:
    """Show the demo.

    Args:
        screen: to show it on.
        folder: where to work; None uses a temporary one.
        keep: leave everything running at the end, until Ctrl-C.

    Raises:
        DemoError: something is not as it should be.
        TrytonError: Tryton cannot be brought up.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(ending_in_order())
        work = _work_folder(folder, stack)
        try:
            _play(screen, work, keep=keep)
        except httpx.HTTPError as error:
            raise DemoError(f"no answer any more: {error}") from error
        finally:
            if folder is not None:
                screen.note(f"configuration, store and logs are in {work}")
    screen.say("Everything is stopped.", "dim")


def _play(screen: Screen, work: Path, *, keep: bool) -> None:
    started = time.monotonic()
    token = f"demo-{secrets.token_hex(8)}"
    with contextlib.ExitStack() as stack:
        systems = stack.enter_context(_systems(screen, work, token))
        stage = _set(screen, work, systems, token, stack)
        show_plan(stage)
        stack.enter_context(stage.tieline.serving())
        show_backfill(stage)
        edits.show_edits(stage)
        reloads.show_reloads(stage)
        show_quiet(stage)
        show_totals(stage, time.monotonic() - started)
        if keep:
            _keep(stage, work)
        else:
            screen.say("`tieline demo --keep` leaves all of this running, to look around in")


def _work_folder(folder: Path | None, stack: contextlib.ExitStack) -> Path:
    if folder is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tieline-demo-")))
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise DemoError(f"{folder} is not empty: name a new folder with --dir")
    return folder.resolve()


# --- the two systems ------------------------------------------------------------------------


@contextlib.contextmanager
def _systems(screen: Screen, work: Path, token: str) -> Iterator[Systems]:
    screen.title("Two systems, side by side")
    if not (find_cache() / name_template()).exists():
        screen.say("Tryton's database is prepared first; this takes half a minute, once.")
    with contextlib.ExitStack() as stack:
        with screen.waiting("starting a HubSpot sandbox and a Tryton server"):
            tryton = stack.enter_context(_start_tryton(work))
            hubspot = stack.enter_context(_start_hubspot(work, token))
            systems = Systems(
                hubspot=msgspec.json.decode(hubspot.read_line(), type=HubSpotInfo),
                tryton=msgspec.json.decode(tryton.read_line(), type=TrytonInfo),
            )
        screen.good(
            f"a HubSpot sandbox with {HUBSPOT_DEALS} deals at {systems.hubspot.url}"
            f" (process {hubspot.process.pid})"
        )
        screen.good(
            f"a real Tryton server with {TRYTON_DEALS} deals of its own at {systems.tryton.url}"
            f" (process {systems.tryton.server_pid})"
        )
        yield systems


def _start_hubspot(work: Path, token: str) -> contextlib.AbstractContextManager[Part]:
    options = ["daemon.sandbox.hubspot", "--json", "--listen", "127.0.0.1:0", "--seed", "1"]
    # Two tokens, so that the request log tells tieline's calls from the demo's own.
    options += ["--token", token, "--token", _own(token)]
    options += ["--deals", str(HUBSPOT_DEALS), "--lag", str(LAG_SECONDS)]
    return running("the HubSpot sandbox", options, log=work / "hubspot.log", cwd=work)


def _own(token: str) -> str:
    return f"{token}-person"


def _start_tryton(work: Path) -> contextlib.AbstractContextManager[Part]:
    options = ["daemon.sandbox.tryton", "--json", "--listen", "127.0.0.1:0"]
    options += ["--deals", str(TRYTON_DEALS), "--work", str(work / "tryton")]
    return running("the Tryton server", options, log=work / "tryton.log", cwd=work)


# --- the stage ------------------------------------------------------------------------------


def _set(
    screen: Screen, work: Path, systems: Systems, token: str, stack: contextlib.ExitStack
) -> Stage:
    addresses = Addresses(
        hubspot_url=systems.hubspot.url, tryton=systems.tryton, port=find_free_port()
    )
    screen.title("The configuration")
    screen.say(f"{work / NAME}:")
    text = write_config(work, addresses)
    screen.yaml(text)
    variables = {TOKEN_VARIABLE: token, PASSWORD_VARIABLE: systems.tryton.password}
    return Stage(
        screen=screen,
        folder=work,
        config=text,
        token=token,
        url=addresses.daemon_url,
        hubspot=stack.enter_context(HubSpot(systems.hubspot, _own(token))),
        tryton=stack.enter_context(Tryton(systems.tryton)),
        tieline=Tieline(work, addresses.daemon_url, variables),
        variables=variables,
    )


def _keep(stage: Stage, work: Path) -> None:
    screen = stage.screen
    screen.say("")
    screen.say("Everything runs on. In another terminal:", "bold")
    exports = " ".join(f"{name}={value}" for name, value in stage.variables.items())
    if shutil.which("tieline") is None:
        exports = f"PATH={Path(sys.executable).parent}:$PATH {exports}"
    screen.say(f"  cd {work} && export {exports}")
    for command in stage.next_commands():
        screen.say(f"  {command}")
    screen.say("Ctrl-C stops it all.", "bold")
    try:
        while True:
            stage.tieline.daemon.check()
            time.sleep(1)
    except KeyboardInterrupt:
        screen.say("")
        screen.say("stopping ...", "dim")
