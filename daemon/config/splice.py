"""Where something can be added to YAML text, so that every other character stays as it is. Pure.

Works on the places that ruamel's composer reports. Written back by a YAML writer, a file would
lose its alignment, and a comment between two keys would move behind what was added to the first.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias, cast

from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

Value: TypeAlias = "str | tuple[Value, ...] | dict[str, Value]"
"""What is added: a text, a list, or a mapping."""

_PLAIN = re.compile(r"[^\W\d_](?:[\w ./()%&+@-]*[\w.)%+])?")
_STEP = 2


class PlaceError(Exception):
    """Something cannot be added there; `index` is the place in the text."""

    def __init__(self, index: int, message: str) -> None:
        self.index = index
        super().__init__(message)


class Splice(Struct, frozen=True):
    """Characters from `start` to before `end` give way to `text`."""

    start: int
    end: int
    text: str


def compose(text: str) -> Node:
    """Read text that holds valid YAML; its nodes know their places."""
    return cast(Node, YAML(typ="rt").compose(io.StringIO(text)))


def apply_splices(text: str, splices: Iterable[Splice]) -> str:
    """Return the text with every splice made; they must not overlap."""
    for one in sorted(splices, key=lambda one: one.start, reverse=True):
        text = text[: one.start] + one.text + text[one.end :]
    return text


def find_entry(node: Node, key: str) -> tuple[ScalarNode, Node] | None:
    """Return the key and the value in a mapping.

    Raises:
        PlaceError: the value is an alias, so that a change there would change the other place too.
    """
    for name, value in node.value if isinstance(node, MappingNode) else ():
        if name.value == key:
            if _is_alias(name, value):
                message = f"`{key}` is an alias of another part; write it out to have it edited"
                raise PlaceError(name.start_mark.index, message)
            return name, value
    return None


def append_items(text: str, node: Node, items: Iterable[Value]) -> Splice:
    """Add items to the end of a list."""
    if not isinstance(node, SequenceNode):
        raise PlaceError(node.start_mark.index, "is not a list; make it one to have it edited")
    if node.flow_style:
        return _append_in_flow(text, node, [_flow(item) for item in items])
    indent = _dash_column(text, node)
    lines = [" " * indent + row for item in items for row in _dashed(item)]
    return _append_lines(text, _end(text, node), lines)


def append_entries(text: str, node: Node, entries: Mapping[str, Value]) -> Splice:
    """Add keys to the end of a mapping."""
    if not isinstance(node, MappingNode):
        raise PlaceError(node.start_mark.index, "is not a mapping; make it one to have it edited")
    if node.flow_style:
        return _append_in_flow(text, node, [_flow(entries)[1:-1]] if entries else [])
    indent = node.value[0][0].start_mark.column
    return _append_lines(text, _end(text, node), [" " * indent + row for row in _lines(entries)])


def fill(text: str, key: Node, node: Node, entries: Mapping[str, Value]) -> tuple[Splice, ...]:
    """Add keys to a mapping within a block; to `{}` on lines of their own below its key."""
    if not isinstance(node, MappingNode) or node.value:
        return (append_entries(text, node, entries),)
    indent = " " * (key.start_mark.column + _STEP)
    start, end = len(text[: node.start_mark.index].rstrip()), node.end_mark.index
    lines = _append_lines(text, end, [indent + row for row in _lines(entries)])
    return Splice(start, end, ""), lines


def widen(text: str, node: Node, items: Iterable[Value]) -> Splice:
    """Add items to a list that may so far be a single value."""
    if isinstance(node, SequenceNode):
        return append_items(text, node, items)
    start, end = node.start_mark.index, _end(text, node)
    return Splice(start, end, f"[{', '.join([text[start:end], *map(_flow, items)])}]")


# --- where ----------------------------------------------------------------------------------


def _append_in_flow(text: str, node: CollectionNode, parts: list[str]) -> Splice:
    joined = ", ".join(parts)
    if node.value:
        at = _last_end(text, node)
        return Splice(at, at, f", {joined}" if joined else "")
    at = node.end_mark.index - 1  # before the bracket
    return Splice(at, at, joined)


def _last_end(text: str, node: CollectionNode) -> int:
    """Return where the last part of a node that is not empty ends."""
    if isinstance(node, MappingNode):
        key, value = node.value[-1]
        is_empty = value.start_mark.index == value.end_mark.index
        return _end(text, key if is_empty or _is_alias(key, value) else value)
    last = node.value[-1]
    if not node.start_mark.index <= last.start_mark.index <= node.end_mark.index:
        message = "ends in an alias; write it out to have it edited"
        raise PlaceError(node.start_mark.index, message)
    return _end(text, last)


def _append_lines(text: str, after: int, lines: list[str]) -> Splice:
    """Add lines below the one that something ends in."""
    found = text.find("\n", after)
    at = len(text) if found < 0 else found
    at -= text[at - 1 : at] == "\r"
    newline = "\r\n" if "\r\n" in text else "\n"
    return Splice(at, at, "".join(newline + line for line in lines))


def _end(text: str, node: Node) -> int:
    """Return where a node's own text ends: for blocks, before comments and empty lines."""
    if isinstance(node, CollectionNode) and not node.flow_style:
        return _last_end(text, node)
    start, end = node.start_mark.index, node.end_mark.index
    return int(start) + len(text[start:end].rstrip())


def _is_alias(key: Node, value: Node) -> bool:
    return bool(value.start_mark.index < key.end_mark.index)


def _dash_column(text: str, node: SequenceNode) -> int:
    dash = text.rindex("-", 0, node.value[0].start_mark.index)
    return dash - (text.rfind("\n", 0, dash) + 1)


# --- how ------------------------------------------------------------------------------------


def _item_lines(value: Value) -> list[str]:
    """Write a list's item: on one line, unless it is a mapping that holds another."""
    if isinstance(value, dict) and any(isinstance(one, dict) for one in value.values()):
        return _lines(value)
    return [_flow(value)]


def _lines(entries: Mapping[str, Value]) -> list[str]:
    lines = []
    for key, value in entries.items():
        if isinstance(value, dict) and value:
            lines += [f"{_scalar(key)}:", *(" " * _STEP + line for line in _lines(value))]
        elif isinstance(value, tuple) and any(isinstance(one, dict) for one in value):
            rows = (row for item in value for row in _dashed(item))
            lines += [f"{_scalar(key)}:", *(" " * _STEP + row for row in rows)]
        else:
            lines.append(f"{_scalar(key)}: {_flow(value)}")
    return lines


def _dashed(item: Value) -> Iterable[str]:
    return (("  " if at else "- ") + line for at, line in enumerate(_item_lines(item)))


def _flow(value: Value | Mapping[str, Value]) -> str:
    if isinstance(value, str):
        return _scalar(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return "{" + ", ".join(f"{_scalar(key)}: {_flow(one)}" for key, one in value.items()) + "}"


def _scalar(text: str) -> str:
    """Write a text so that it is read as that text everywhere; JSON's strings are YAML's too."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
