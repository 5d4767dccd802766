"""The text of a template: `{firstname} {lastname}[ - {company}]`, read into its parts."""

from __future__ import annotations

import re

from actors.errors import MappingError
from actors.mapping.transforms import Segment

_TOKENS = re.compile(r"\{\{|\}\}|\[\[|\]\]|\{([^{}]*)\}|[\[\]{}]")
_ESCAPED = {"{{": "{", "}}": "}", "[[": "[", "]]": "]"}


class Reading:
    """A template as far as it has been read."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self.names: list[str] = []
        self._parts: list[str | int] = []
        self._inside = False

    def say(self, text: str) -> None:
        """Add text that stands for itself."""
        if text:
            self._parts.append(text)

    def show(self, name: str) -> None:
        """Add a field."""
        if name not in self.names:
            self.names.append(name)
        self._parts.append(self.names.index(name))

    def bracket(self, mark: str) -> None:
        """Open or close a stretch that is left out if a field in it is empty."""
        if (mark == "[") is self._inside:
            raise MappingError(f'"{mark}" has no partner; write {mark * 2} for the sign itself')
        self.close()
        self._inside = mark == "["

    def close(self) -> None:
        """End the stretch."""
        if self._parts:
            self.segments.append(Segment(parts=tuple(self._parts), is_optional=self._inside))
        self._parts = []

    def end(self) -> None:
        """End the template."""
        if self._inside:
            raise MappingError('"[" has no partner; write [[ for the sign itself')
        self.close()


def read_template(text: str) -> tuple[tuple[Segment, ...], tuple[str, ...]]:
    """Read a template into its segments and the names of its fields, each once.

    Raises:
        MappingError: it is not well formed, or shows no field.
    """
    reading, at = Reading(), 0
    for token in _TOKENS.finditer(text):
        reading.say(text[at : token.start()])
        at = token.end()
        _take(reading, token)
    reading.say(text[at:])
    reading.end()
    if not reading.names:
        raise MappingError("the template shows no field; write fields as {name}")
    return tuple(reading.segments), tuple(reading.names)


def _take(reading: Reading, token: re.Match[str]) -> None:
    mark, name = token[0], token[1]
    if mark in _ESCAPED:
        reading.say(_ESCAPED[mark])
    elif name is not None and name.strip():
        reading.show(name.strip())
    elif mark in ("[", "]"):
        reading.bracket(mark)
    else:
        raise MappingError(f'"{mark}" is no field; write {{name}}, or {{{{ for the sign itself')
