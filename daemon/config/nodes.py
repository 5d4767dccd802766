"""YAML text as a tree in which everything knows its place; nothing is interpreted here.

Scalars keep their text as written, so that a stage id `012` or a label `no` stays what it is.
Reading goes through ruamel's composer, which gives places to keys and values alike; `splice` goes
by the same places when a file is edited.
"""

from __future__ import annotations

import io

from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode
from ruamel.yaml.reader import ReaderError

from daemon.config.problems import Mark, Path, Problems

MAX_NODES = 200_000
"""More nodes than this in one file come from aliases of aliases, not from people."""


class Scalar(Struct, frozen=True):
    """One value as written; `kind` is YAML 1.2's: str, int, float, bool, null."""

    text: str
    kind: str
    at: Mark


class Listing(Struct, frozen=True):
    """A YAML sequence."""

    items: tuple[Node, ...]
    at: Mark


class Entry(Struct, frozen=True):
    """One key of a mapping: where the key stands, and its value."""

    key_at: Mark
    node: Node


class Mapping(Struct, frozen=True):
    """A YAML mapping with unique text keys, in the order of the file."""

    entries: dict[str, Entry]
    at: Mark

    def get(self, key: str) -> Node | None:
        """Return the value of a key, or None."""
        entry = self.entries.get(key)
        return entry.node if entry else None


Node = Scalar | Listing | Mapping

_WORDS = {Scalar: "a single value", Listing: "a list", Mapping: "a mapping"}


def describe(node: Node) -> str:
    """Name what a node is, for messages."""
    if isinstance(node, Scalar):
        text = node.text if len(node.text) <= 60 else f"{node.text[:60]}..."
        return "empty" if node.kind == "null" else repr(text)
    return _WORDS[type(node)]


def parse(file: str, content: bytes, problems: Problems) -> Mapping | None:
    """Read one file; whatever is wrong with it goes to `problems`.

    Returns:
        The top mapping without what was wrong, or None if there is nothing to work with.
    """
    start = Mark(file, 1, 1)
    text = _decode(file, content, problems)
    if text is None:
        return None
    try:
        root = YAML(typ="rt").compose(io.StringIO(text))
        if root is None:
            problems.add(start, (), "the file is empty; start from `tieline.example.yaml`")
            return None
        node = _Reader(file, problems).read(root, ())
    except RecursionError:
        problems.add(start, (), "the file is nested too deep, or an alias contains itself")
    except YAMLError as error:
        problems.add(*_explain(file, text, error))
    else:
        if isinstance(node, Mapping):
            return node
        problems.add(start, (), f"the file must hold a mapping of keys, not {describe(node)}")
    return None


def _decode(file: str, content: bytes, problems: Problems) -> str | None:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        problems.add(Mark(file, line, column), (), "this is not UTF-8 text; save it as UTF-8")
        return None


def _explain(file: str, text: str, error: YAMLError) -> tuple[Mark, Path, str]:
    if isinstance(error, ReaderError):
        before = text[: error.position]
        mark = Mark(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        return mark, (), "YAML does not allow this control character; remove it"
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return Mark(file, 1, 1), (), f"not YAML: {error}"
    mark = _mark(file, error.problem_mark)
    problem = str(error.problem)
    if "'\\t'" in problem:
        return mark, (), "a tab stands where YAML allows only spaces; indent with spaces"
    if problem == "mapping values are not allowed here":
        return mark, (), "a second `key:` on one line; put quotes around text that has a colon"
    if problem == "but found another document":
        return mark, (), "a second YAML document begins; one file holds one document"
    if error.context and error.context_mark:
        began = f" (it began in line {error.context_mark.line + 1})"
        return mark, (), f"not YAML: {error.context}{began}: {problem}"
    return mark, (), f"not YAML: {problem}"


def _mark(file: str, mark: StringMark) -> Mark:
    return Mark(file, mark.line + 1, mark.column + 1)


class _Reader:
    """Turns ruamel's nodes into ours, and finds what YAML allows but we do not."""

    def __init__(self, file: str, problems: Problems) -> None:
        self._file = file
        self._problems = problems
        self._count = 0

    def read(self, node: YamlNode, path: Path) -> Node:
        self._count += 1
        if self._count > MAX_NODES:
            raise YAMLError(f"the file unfolds to more than {MAX_NODES} values")
        at = _mark(self._file, node.start_mark)
        if isinstance(node, MappingNode):
            return Mapping(self._entries(node, path), at)
        if isinstance(node, SequenceNode):
            items = enumerate(node.value)
            return Listing(tuple(self.read(item, (*path, i)) for i, item in items), at)
        assert isinstance(node, ScalarNode)  # YAML has no fourth kind
        return self._scalar(node, at, path)

    def _scalar(self, node: ScalarNode, at: Mark, path: Path) -> Scalar:
        tag = str(node.tag)
        kind = tag.removeprefix("tag:yaml.org,2002:")
        if tag == kind:
            self._problems.add(at, path, f"the tag {tag!r} is not known; remove it")
        return Scalar(node.value, kind if kind in ("int", "float", "bool", "null") else "str", at)

    def _entries(self, node: MappingNode, path: Path) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for key, value in node.value:
            at = _mark(self._file, key.start_mark)
            if not isinstance(key, ScalarNode):
                self._problems.add(at, path, "a key must be plain text; put quotes around it")
            elif str(key.tag).endswith(":merge"):
                self._problems.add(at, path, "`<<` is not supported; write the keys out")
            elif first := entries.get(key.value):
                where = f"line {first.key_at.line}"
                message = f"the key is there twice (also in {where}); remove one"
                self._problems.add(at, (*path, key.value), message)
            else:
                entries[key.value] = Entry(at, self._value(value, at, (*path, key.value)))
        return entries

    def _value(self, node: YamlNode, key_at: Mark, path: Path) -> Node:
        value = self.read(node, path)
        if isinstance(value, Scalar) and value.kind == "null" and not value.text:
            return Scalar("", "null", key_at)  # YAML has it begin at whatever comes next
        return value
