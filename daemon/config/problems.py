"""What is wrong with a configuration, and where: every problem has file, line, column and path.

Problems are collected, not raised one by one, so that people see all of them at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from msgspec import Struct

from actors.errors import TielineError

Path = tuple[str | int, ...]
"""Keys and indexes from the top of the configuration down to a value."""


class Mark(Struct, frozen=True):
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int


class ConfigProblem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong, ready to be shown.

    Attributes:
        path: the key's path as written in YAML (`connections.sales.deals.fields[0].erp`);
            empty where the file as a whole is meant.
        message: what is wrong; what to do.
    """

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        """Write it as compilers do, so that editors can jump to it."""
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class ConfigError(TielineError):
    """The configuration is refused; the one that is running stays in force.

    Attributes:
        problems: all that was found, in the order of the files.
    """

    def __init__(self, problems: Iterable[ConfigProblem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda one: (one.file, one.line, one.column)))
        super().__init__("\n".join(map(str, self.problems)))


class Problems:
    """Collects what is found while a configuration is read."""

    def __init__(self) -> None:
        self.found: list[ConfigProblem] = []

    def add(self, at: Mark, path: Path, message: str) -> None:
        """Note a problem; the same one twice counts once."""
        problem = ConfigProblem(
            file=at.file, line=at.line, column=at.column, path=write_path(path), message=message
        )
        if problem not in self.found:
            self.found.append(problem)

    def refuse(self) -> None:
        """Raise `ConfigError` if anything was found."""
        if self.found:
            raise ConfigError(self.found)


def write_path(path: Path) -> str:
    """Write a path as people read it: `a.b[0]."Closed Won"`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if re.fullmatch(r"[\w-]+", step) else f'"{step}"'
            text += f".{name}" if text else name
    return text


def suggest(word: str, known: Iterable[str]) -> str:
    """Say what may have been meant by an unknown word: `did you mean ...?`, or all there are."""
    known = sorted(known)
    if close := get_close_matches(word, known, n=1, cutoff=0.6):
        return f"did you mean {close[0]!r}?"
    return f"known here: {', '.join(known)}" if known else "nothing is known here"
