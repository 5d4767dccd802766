"""A click group whose commands are imported when they are used, so that `--help` is quick.

The short help stands in the table for the same reason. A command whose module is not installed
does not appear.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import click


class LazyGroup(click.Group):
    """A group that knows its commands by the module they are in.

    Attributes:
        table: by command name, `module:attribute` and the short help.
    """

    table: dict[str, tuple[str, str]]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands that are there, in the order of the table."""
        lazy = [name for name, (target, _) in self.table.items() if _is_there(target)]
        return [*lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command, or return None if there is none of that name."""
        if cmd_name not in self.table:
            return super().get_command(ctx, cmd_name)
        target = self.table[cmd_name][0]
        if not _is_there(target):
            return None
        module, _, attribute = target.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command), target
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.table[name][1]) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        from daemon.config.problems import suggest

        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            ctx.fail(f"no command is named {args[0]!r}; {suggest(args[0], known)}")
        return super().resolve_command(ctx, args)


def _is_there(target: str) -> bool:
    return find_spec(target.partition(":")[0]) is not None
