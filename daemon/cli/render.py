"""The only module that prints: answers as tables on a terminal, plain text in a pipe, or JSON.

A command makes an answer (a Struct) and a view of it (blocks); this module decides how they look.
What comes out of records was typed by anybody, so control characters never reach a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TextIO

from msgspec import Struct


class Tone(StrEnum):
    """How a line is meant; becomes a colour where there are colours."""

    PLAIN = ""
    GOOD = "green"
    WARNING = "yellow"
    BAD = "red"
    QUIET = "dim"


class Heading(Struct, frozen=True):
    """The title of what follows."""

    text: str


class Line(Struct, frozen=True):
    """One line of text."""

    text: str
    tone: Tone = Tone.PLAIN


class Facts(Struct, frozen=True):
    """Names with their values."""

    pairs: tuple[tuple[str, str], ...]


class Table(Struct, frozen=True):
    """Rows under column titles; `numbers` are the columns that align to the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...] = ()


Block = Heading | Line | Facts | Table


def show(answer: Struct, view: Iterable[Block], *, as_json: bool) -> None:
    """Print an answer: its view for people, or the answer itself as one line of JSON."""
    if as_json:
        print_json(answer)
    elif sys.stdout.isatty():
        _show_rich(view)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _plain(view)))
        sys.stdout.flush()


def print_json(answer: object) -> None:
    """Print one line of JSON."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()


def print_text(text: str) -> None:
    """Print text that is a document of its own, as it is."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    sys.stdout.flush()


def print_error(message: str) -> None:
    """Say on standard error what went wrong; a message may have several lines."""
    _print_stderr("tieline: ", message, "31")


def print_warning(message: str) -> None:
    """Say on standard error what deserves a look."""
    _print_stderr("tieline: warning: ", message, "33")


def _print_stderr(prefix: str, message: str, colour: str) -> None:
    lines = [printable(line) for line in message.splitlines() or [""]]
    if _has_colour(sys.stderr):
        prefix = f"\033[{colour}m{prefix}\033[0m"
    sys.stderr.write("".join(f"{prefix}{line}\n" for line in lines))
    sys.stderr.flush()


def _has_colour(stream: TextIO) -> bool:
    import os

    return stream.isatty() and "NO_COLOR" not in os.environ


def printable(text: str) -> str:
    """Return text without line breaks and terminal commands."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _plain(view: Iterable[Block]) -> Iterable[str]:
    for number, block in enumerate(view):
        match block:
            case Heading():
                yield from ([""] if number else [])
                yield printable(block.text)
            case Line():
                yield printable(block.text)
            case Facts():
                width = max((len(name) for name, _ in block.pairs), default=0)
                for name, value in block.pairs:
                    yield f"{name:<{width}}  {printable(value)}".rstrip()
            case Table():
                yield from _plain_table(block)


def _plain_table(table: Table) -> Iterable[str]:
    rows = [table.columns, *(tuple(map(printable, row)) for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            f"{cell:>{width}}" if index in table.numbers else f"{cell:<{width}}"
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _show_rich(view: Iterable[Block]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for number, block in enumerate(view):
        match block:
            case Heading():
                console.print(Text(("\n" if number else "") + printable(block.text), "bold"))
            case Line():
                console.print(Text(printable(block.text), block.tone.value))
            case Facts():
                _print_rich_table(console, ("", ""), block.pairs, (), is_bare=True)
            case Table():
                _print_rich_table(console, block.columns, block.rows, block.numbers)


def _print_rich_table(
    console: object,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: Sequence[int],
    *,
    is_bare: bool = False,
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    table = RichTable(box=None if is_bare else box.SIMPLE_HEAD, show_header=not is_bare)
    for index, title in enumerate(columns):
        table.add_column(
            title,
            justify="right" if index in numbers else "left",
            style="dim" if is_bare and not index else "",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    assert isinstance(console, Console)
    console.print(table)
