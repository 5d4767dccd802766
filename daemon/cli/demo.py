"""`tieline demo`: see a sync at work between two local systems."""

from __future__ import annotations

import signal
from pathlib import Path

import click


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Work in this new folder and keep it. [default: a temporary one]",
)
@click.option(
    "--keep/--no-keep",
    default=None,
    help="Leave everything running at the end, until Ctrl-C. [default: on a terminal]",
)
def demo(folder: Path | None, keep: bool | None) -> None:
    """See a sync at work on two local systems; takes about a minute.

    Starts a HubSpot sandbox and a real Tryton server, writes a configuration, runs the daemon,
    edits in both systems, and shows after each step what arrived where and why, read back over
    the systems' own APIs. Exit code 1 says that something was not as expected.
    """
    from daemon.demo.play import play
    from daemon.demo.screen import Screen

    # A shell that starts it in the background has SIGINT ignored; it shall end the demo there too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    screen = Screen()
    play(screen, folder=folder, keep=screen.is_live if keep is None else keep)
