"""What every command needs to know of how it was called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

if TYPE_CHECKING:
    from daemon.config.settings import Config

NAME = "tieline.yaml"
SYSTEM_FILE = Path("/etc/tieline") / NAME

json_option = click.option("--json", "as_json", is_flag=True, help="Answer in one line of JSON.")
"""For every command that a machine may read."""


class Invocation(Struct, frozen=True):
    """The global options.

    Attributes:
        config: the configuration's main file; it need not be there.
        debug: show tracebacks.
    """

    config: Path
    debug: bool = False

    def load(self, *, follow: bool = True) -> Config:
        """Read the configuration; without `follow` its secrets need not be at hand.

        Raises:
            ConfigError: it is refused.
        """
        from daemon.config.load import load_config

        return load_config(self.config, follow=follow)


pass_invocation = click.make_pass_decorator(Invocation)


def find_config(given: Path | None) -> Path:
    """Return the file that was named, else the one in this folder, else the system's."""
    if given is not None:
        return given
    here = Path(NAME)
    return here if here.exists() or not SYSTEM_FILE.exists() else SYSTEM_FILE
