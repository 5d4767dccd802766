"""What the demo looks like: colours and bars on a terminal, plain lines in a pipe."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from daemon.cli.render import printable

MOST_LINES = 23

Advance = Callable[[str, int, int], None]
"""Tells a bar's name, how many are done and of how many."""


class Screen:
    """Prints the demo.

    Attributes:
        is_live: somebody watches on a terminal.
    """

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self.is_live = sys.stdout.isatty()
        self._chapter = 0

    def title(self, text: str) -> None:
        """Begin a chapter."""
        self._chapter += 1
        words = f"{self._chapter}. {text}"
        if self.is_live:
            self._console.print()
            self._console.rule(Text(words, "bold cyan"), align="left")
        else:
            self._write(f"\n== {words} ==")

    def say(self, text: str, style: str = "") -> None:
        """Print a line of text."""
        self._line("", "", text, style)

    def act(self, text: str) -> None:
        """Tell what somebody does."""
        self._line("> ", "bold yellow", text, "bold")

    def good(self, text: str) -> None:
        """Tell what was checked and is right."""
        self._line("✓ " if self.is_live else "ok: ", "bold green", text)

    def why(self, text: str) -> None:
        """Tell a reason."""
        self._line("  why: ", "dim", text, "dim")

    def note(self, text: str) -> None:
        """Tell something aside."""
        self._line("  ", "", text, "dim")

    def output(self, command: str, text: str) -> None:
        """Show a command and what it printed, shortened."""
        self._line("$ ", "bold green", command, "bold")
        lines = text.rstrip().splitlines()
        for line in lines[:MOST_LINES]:
            self._line("  ", "", line)
        if len(lines) > MOST_LINES:
            self.note(f"... and {len(lines) - MOST_LINES} lines more")

    def yaml(self, text: str) -> None:
        """Show a configuration."""
        if self.is_live:
            code = Syntax(text.rstrip(), "yaml", background_color="default", word_wrap=True)
            self._console.print(Padding(code, (0, 2)))
        else:
            for line in text.rstrip().splitlines():
                self._write(f"  {line}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show rows under titles."""
        if self.is_live:
            table = Table(*columns, box=None, header_style="dim", padding=(0, 3, 0, 2))
            for row in rows:
                table.add_row(*(Text(printable(cell)) for cell in row))
            self._console.print(table)
            return
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        for row in (columns, *rows):
            cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
            self._write("  " + printable("  ".join(cells).rstrip()))

    @contextlib.contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show that something takes a while."""
        if self.is_live:
            with self._console.status(text):
                yield
        else:
            self._write(f"{text} ...")
            yield

    @contextlib.contextmanager
    def bars(self) -> Iterator[Advance]:
        """Show progress bars while the block runs."""
        if not self.is_live:
            yield self._lines()
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(40))
        with Progress(*columns, MofNCompleteColumn(), console=self._console) as progress:
            tasks: dict[str, TaskID] = {}

            def advance(name: str, done: int, total: int) -> None:
                if name not in tasks:
                    tasks[name] = progress.add_task(name, total=total)
                progress.update(tasks[name], completed=done, total=total)

            yield advance

    def _lines(self) -> Advance:
        told: dict[str, int] = {}

        def advance(name: str, done: int, total: int) -> None:
            quarter = done * 4 // total if total else 4
            if quarter > told.get(name, -1):
                told[name] = quarter
                self._write(f"  {name}: {done} of {total}")

        return advance

    def _line(self, mark: str, mark_style: str, text: str, style: str = "") -> None:
        for line in text.splitlines() or [""]:
            if self.is_live:
                self._console.print(Text.assemble((mark, mark_style), (printable(line), style)))
            else:
                self._write(f"{mark}{printable(line)}".rstrip())

    def _write(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
