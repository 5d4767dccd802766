"""The root command: global options, the table of commands, and what becomes of errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from actors.errors import TielineError
from daemon.cli.exits import Exit, exit_of, list_exits
from daemon.cli.invocation import Invocation, find_config
from daemon.cli.lazy import LazyGroup
from daemon.cli.render import print_error

COMMANDS = {
    "check": ("daemon.cli.check:check", "Check the configuration, here and against the apps."),
    "plan": ("daemon.cli.plan:plan", "Show what the first sync would do; writes nothing."),
    "automap": ("daemon.cli.automap:automap", "Propose which stages and fields are the same."),
    "pipelines": ("daemon.cli.pipelines:pipelines", "Show both apps' pipelines and stages."),
    "pipeline": ("daemon.cli.pipeline:pipeline", "Make a pipeline in an app, with its mapping."),
    "run": ("daemon.cli.run:run", "Run the daemon in the foreground."),
    "reload": ("daemon.cli.reload:reload", "Have the running daemon read its files again."),
    "status": ("daemon.cli.status:status", "Count records by status and reason."),
    "explain": ("daemon.cli.explain:explain", "Tell the whole story of one record."),
    "conflicts": ("daemon.cli.conflicts:conflicts", "List fields that wait for a person."),
    "resolve": ("daemon.cli.resolve:resolve", "Say which value of such a field is right."),
    "retry": ("daemon.cli.retry:retry", "Try failing records again now."),
    "held": ("daemon.cli.held:held", "List what limits hold until somebody agrees."),
    "approve": ("daemon.cli.held:approve", "Let go what a limit holds."),
    "pause": ("daemon.cli.pause:pause", "Stop syncing for a while; nothing is lost."),
    "resume": ("daemon.cli.pause:resume", "Go on with what is paused."),
    "resync": ("daemon.cli.retry:resync", "Read both sides whole again."),
    "duplicates": (
        "daemon.cli.duplicates:duplicates",
        "Propose records that are probably the same; merges nothing.",
    ),
    "apps": ("daemon.cli.apps:apps", "List what can be connected, and what each app supports."),
    "types": ("daemon.cli.types:types", "Show which kinds of fields map to which, and why."),
    "schema": ("daemon.cli.schema:schema", "Print the configuration's JSON Schema or manual."),
    "sandbox": ("daemon.cli.sandbox:sandbox", "Start a local system to try things on."),
    "demo": ("daemon.cli.demo:demo", "See a sync at work on two local systems."),
}

EPILOG = f"""\b
Exit codes:
{list_exits()}

\b
Shell completion, in the shell's start file:
  bash: eval "$(_TIELINE_COMPLETE=bash_source tieline)"
  zsh:  eval "$(_TIELINE_COMPLETE=zsh_source tieline)"
  fish: _TIELINE_COMPLETE=fish_source tieline | source
"""


class Tieline(LazyGroup):
    """The root group: turns errors into one line and an exit code."""

    table = COMMANDS

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        with _errors_told(ctx):
            return super().invoke(ctx)


@click.group(
    cls=Tieline,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="TIELINE_CONFIG",
    show_envvar=True,
    metavar="FILE",
    help="The configuration. [default: tieline.yaml here, else /etc/tieline/tieline.yaml]",
)
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
@click.version_option(package_name="tieline")
@click.pass_context
def tieline(ctx: click.Context, config: Path | None, debug: bool) -> None:
    """Keep deals the same in two CRM systems, in both directions.

    \b
    Begin with:
      tieline apps                what can be connected
      tieline check               is the configuration right, do the apps let us in?
      tieline plan                what would the first sync do?
      tieline run                 do it, and keep doing it
      tieline explain APP RECORD  why is this record as it is?
    """  # noqa: D301  (\b is how click keeps lines as they are)
    ctx.obj = Invocation(find_config(config), debug)


@contextmanager
def _errors_told(ctx: click.Context) -> Iterator[None]:
    """Tell errors in words; tracebacks are for `--debug`."""
    try:
        yield
    except (click.exceptions.Exit, click.ClickException, click.Abort, EOFError, BrokenPipeError):
        raise  # click's own business
    except Exception as error:  # the last line before the user: nothing may pass as a traceback
        if ctx.params.get("debug"):
            raise
        ctx.exit(_tell(error))


def _tell(error: Exception) -> Exit:
    told = first_told(error)
    if told is not None:
        print_error(str(told))
        return exit_of(told)
    kind = type(error).__name__
    print_error(f"this is a bug: {kind}: {error}; please report it with what --debug shows")
    return Exit.BUG


def first_told(error: BaseException) -> TielineError | None:
    """Return the first error with words of its own, also from within a task group's group."""
    if isinstance(error, TielineError):
        return error
    if isinstance(error, BaseExceptionGroup):
        found = (first_told(inner) for inner in error.exceptions)
        return next((one for one in found if one is not None), None)
    return None


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    try:
        sys.exit(tieline.main(prog_name="tieline", standalone_mode=False) or Exit.OK)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        print_error("interrupted")
        sys.exit(Exit.INTERRUPTED)
