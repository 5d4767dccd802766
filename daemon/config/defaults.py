"""Default field lines: what both apps have by the words that connectors share (F14). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from daemon.config.model import FieldLine
from daemon.connectors.registry import AnyConnectorType


def default_lines(
    left: AnyConnectorType, right: AnyConnectorType, object_name: str, own: Iterable[FieldLine]
) -> Iterator[FieldLine]:
    """Yield a line for each word that both apps have, in the left app's order.

    Args:
        own: lines of the file; a field that one of them names has no default line.
    """
    lines = tuple(own)
    taken_left = {name for line in lines for name in line.left}
    taken_right = {name for line in lines for name in line.right}
    theirs = right.common.get(object_name, {})
    for word, ours in left.common.get(object_name, {}).items():
        for line in _pair(ours, theirs.get(word, ())):
            if taken_left.isdisjoint(line.left) and taken_right.isdisjoint(line.right):
                yield line


def _pair(left: tuple[str, ...], right: tuple[str, ...]) -> Iterator[FieldLine]:
    """Pair the fields of a word; parts with parts, or parts with the whole that they make up."""
    if len(left) == len(right):
        for one, two in zip(left, right, strict=True):
            yield FieldLine(left=(one,), right=(two,))
    elif 1 in (len(left), len(right)) and left and right:
        yield FieldLine(left=left, right=right)
