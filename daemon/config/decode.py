"""A tree of nodes to Structs, with every mismatch noted at its place instead of the first raised.

Goes by the Structs' own annotations, so that it serves our sections and the options of any
connector alike. Where a value is wrong its default takes its place, so that what depends on the
rest can still be checked; nothing that is made with problems is ever used.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from datetime import timedelta
from enum import Enum
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

import msgspec
from msgspec import Struct

from actors.records import Side
from actors.spec import Direction, Prefer
from daemon.config.conditions import read_conditions
from daemon.config.durations import parse_duration
from daemon.config.model import CONDITIONS, MATCH_RULES, NAMES, PAIRS, WORD, Most, PerApp, Section
from daemon.config.nodes import Listing, Mapping, Node, Scalar, describe
from daemon.config.problems import Mark, Path, Problems, suggest
from daemon.config.secrets import Secret

# Any: a type annotation has no type of its own that fits all of them.
Hint: TypeAlias = Any
AnyStruct = TypeVar("AnyStruct", bound=Struct)
TextReader = Callable[[Scalar, Path, bool], str | None]
"""Reads a text: (scalar, path, is it a secret by type) to text, or None after a problem."""


class _Bad:
    """Stands for a value that had a problem."""


BAD: Final = _Bad()

_LEAVES: dict[Hint, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Most: "a whole number from 0 up, or none",
}


class Position(Struct, frozen=True):
    """Where a value stands, and its path as written in YAML."""

    at: Mark
    shown: Path


class Trail(Struct, frozen=True):
    """How we got to a node: `model` by attributes of our Structs, `shown` by keys of the YAML."""

    model: Path
    shown: Path

    def step(self, attribute: str | int, key: str | int | None = None) -> Trail:
        """Go one step down; `key` is what the file says, if it says something else."""
        shown = attribute if key is None else key
        return Trail((*self.model, attribute), (*self.shown, shown))


def _plain_text(scalar: Scalar, path: Path, is_secret: bool) -> str | None:
    return scalar.text


class Decoder:
    """Decodes parts of one configuration.

    Attributes:
        positions: where each value stands, by the path of attributes that leads to it.
        is_lenient: texts may stand for others (references that were not followed), so a Struct
            that refuses its values is no problem.
    """

    def __init__(
        self, problems: Problems, positions: dict[Path, Position], *, is_lenient: bool = False
    ) -> None:
        self._problems = problems
        self.positions = positions
        self.is_lenient = is_lenient
        self._names: tuple[str, str] | None = None
        self._text: TextReader = _plain_text

    def section(
        self,
        node: Node,
        kind: type[AnyStruct],
        trail: Trail,
        *,
        names: tuple[str, str] | None = None,
        text: TextReader = _plain_text,
    ) -> AnyStruct | None:
        """Decode a mapping into a Struct, or return None once its problems have been noted.

        Args:
            names: the connection's two apps, for keys and words that are app names.
            text: reads text values (follows references, say).
        """
        self._names, self._text = names, text
        decoded = self._decode(node, kind, trail)
        return decoded if isinstance(decoded, kind) else None

    def _decode(self, node: Node, hint: Hint, trail: Trail) -> object:
        self.positions[trail.model] = Position(node.at, trail.shown)
        origin: Hint = get_origin(hint)
        args = get_args(hint)
        if origin is Annotated:
            return self._annotated(node, hint, trail)
        if origin in (Union, types.UnionType):
            return self._optional(node, args, hint, trail)
        if isinstance(hint, type) and issubclass(hint, Struct):
            return self._struct(node, hint, trail)
        if origin in (tuple, list, set, frozenset):
            return self._sequence(node, origin, args, trail)
        if origin is dict:
            return self._dict(node, args[1], trail)
        return self._scalar(node, hint, trail)

    def _bad(self, at: Mark, trail: Trail, message: str) -> _Bad:
        self._problems.add(at, trail.shown, message)
        return BAD

    def _annotated(self, node: Node, hint: Hint, trail: Trail) -> object:
        base, *meta = get_args(hint)
        if PAIRS in meta:
            return self._pairs(node, trail)
        if NAMES in meta and not isinstance(node, Listing):
            name = self._decode(node, str, trail)
            return BAD if name is BAD else (name,)
        if CONDITIONS in meta:
            read = read_conditions(node, trail.shown)
            self.positions |= {
                (*trail.model, *path): Position(place.at, place.shown)
                for path, place in read.places.items()
            }
            for place, message in read.problems:
                self._problems.add(place.at, place.shown, message)
            return BAD if read.problems else read.conditions
        if MATCH_RULES in meta:
            is_none = isinstance(node, Scalar) and node.text == "none"
            return () if is_none else self._decode(node, base, trail)
        if WORD in meta and isinstance(node, Scalar) and node.kind != "null":
            word = self._decode(node, str, trail)
            return BAD if word is BAD else base(object=word)
        value = self._decode(node, base, trail)
        if value is BAD:
            return BAD
        try:
            return msgspec.convert(value, hint)
        except msgspec.ValidationError as error:
            return self._bad(node.at, trail, f"{error}".replace("Expected", "needs"))

    def _optional(self, node: Node, members: tuple[Hint, ...], hint: Hint, trail: Trail) -> object:
        real = [member for member in members if member is not type(None)]
        if len(real) == 2 and (section := _section_of(real)) is not None:
            # A word, or a mapping in its place.
            word = real[1] if real[0] is section else real[0]
            return self._decode(node, section if isinstance(node, Mapping) else word, trail)
        if len(real) != 1:
            return self._foreign(node, hint, trail)
        is_null = isinstance(node, Scalar) and node.kind == "null"
        is_ours = isinstance(real[0], type) and issubclass(real[0], Section)
        if is_null and len(real) < len(members) and not is_ours:
            return None
        return self._decode(node, real[0], trail)

    def _struct(self, node: Node, kind: type[Struct], trail: Trail) -> object:
        if not isinstance(node, Mapping):
            return self._bad(node.at, trail, f"{_lacking(node)}; it holds {_keys_of(kind)}")
        keys = self._keys(kind)
        values: dict[str, object] = {}
        for key, entry in node.entries.items():
            if key not in keys:
                self._bad(entry.key_at, trail.step(key), f"unknown key; {suggest(key, keys)}")
                continue
            field = keys[key]
            value = self._decode(entry.node, field.type, trail.step(field.name, key))
            if value is not BAD:
                values[field.name] = value
        required = {key: field for key, field in keys.items() if field.required}
        for key in required.keys() - node.entries.keys():
            self._bad(node.at, trail, f"`{key}` is missing; add `{key}: ...`")
        if any(field.name not in values for field in required.values()):
            return BAD
        try:
            return kind(**values)
        except (TypeError, ValueError) as error:
            return BAD if self.is_lenient else self._bad(node.at, trail, str(error))

    def _keys(self, kind: type[Struct]) -> dict[str, msgspec.structs.FieldInfo]:
        fields = msgspec.structs.fields(kind)
        if not issubclass(kind, PerApp) or self._names is None:
            return {field.encode_name: field for field in fields}
        shown = [f"{kind.key_prefix}{name}" for name in self._names]
        sides = dict(zip(("left", "right"), shown, strict=True))
        return {sides.get(field.name, field.encode_name): field for field in fields}

    def _sequence(self, node: Node, origin: Hint, args: tuple[Hint, ...], trail: Trail) -> object:
        if not isinstance(node, Listing):
            return self._bad(node.at, trail, f"needs a list, not {describe(node)}")
        is_fixed = origin is tuple and args[-1] is not Ellipsis
        if is_fixed and len(node.items) != len(args):
            message = f"needs exactly {len(args)} values, not {len(node.items)}"
            return self._bad(node.at, trail, message)
        hints = args if is_fixed else (args[0],) * len(node.items)
        pairs = zip(node.items, hints, strict=True)
        items = [self._decode(item, hint, trail.step(i)) for i, (item, hint) in enumerate(pairs)]
        return BAD if BAD in items else origin(items)

    def _dict(self, node: Node, hint: Hint, trail: Trail) -> object:
        if not isinstance(node, Mapping):
            return self._bad(node.at, trail, f"needs a mapping, not {describe(node)}")
        decoded = {
            key: self._decode(entry.node, hint, trail.step(key))
            for key, entry in node.entries.items()
        }
        return BAD if BAD in decoded.values() else decoded

    def _pairs(self, node: Node, trail: Trail) -> object:
        if isinstance(node, Mapping):
            found: list[tuple[Node, Node]] = [
                (_key_node(key, entry.key_at), right)
                for key, entry in node.entries.items()
                for right in _each(entry.node)
            ]
        elif isinstance(node, Listing):
            found = list(self._listed_pairs(node, trail))
        else:
            message = f"needs a mapping of pairs, not {describe(node)}"
            return self._bad(node.at, trail, message)
        return self._pair_texts(found, trail)

    def _listed_pairs(self, node: Listing, trail: Trail) -> Iterable[tuple[Node, Node]]:
        for index, item in enumerate(node.items):
            sides = tuple(map(item.get, self._names or ())) if isinstance(item, Mapping) else ()
            if isinstance(item, Mapping) and len(item.entries) == 2 and None not in sides:
                yield cast(tuple[Node, Node], sides)
            elif isinstance(item, Listing) and len(item.items) == 2:
                yield item.items[0], item.items[1]
            else:
                message = "needs a pair: [left, right], or the names of both apps"
                self._bad(item.at, trail.step(index), message)

    def _pair_texts(self, found: list[tuple[Node, Node]], trail: Trail) -> object:
        pairs = []
        for index, (left, right) in enumerate(found):
            pair = trail.step(index)
            shown = left.text if isinstance(left, Scalar) else index
            spot = Trail(pair.model, (*trail.shown, shown))
            self.positions[pair.model] = Position(left.at, spot.shown)
            texts = (
                self._decode(left, str, Trail((*pair.model, "left"), spot.shown)),
                self._decode(right, str, Trail((*pair.model, "right"), spot.shown)),
            )
            pairs.append(texts)
        return BAD if any(BAD in pair for pair in pairs) else tuple(pairs)

    def _scalar(self, node: Node, hint: Hint, trail: Trail) -> object:
        if not isinstance(node, Scalar):
            wanted = _LEAVES.get(hint, "a single value")
            return self._bad(node.at, trail, f"needs {wanted}, not {describe(node)}")
        if node.kind == "null" and hint is not Any:
            return self._bad(node.at, trail, "is empty; give it a value or remove the key")
        if hint is str or hint is Secret:
            return self._read_text(node, hint, trail)
        if hint is timedelta:
            try:
                return parse_duration(node.text)
            except ValueError as error:
                return self._bad(node.at, trail, str(error))
        if (words := self._words(hint)) is not None:
            if node.text in words:
                return words[node.text]
            message = f"{node.text!r} is not a choice here; {suggest(node.text, words)}"
            return self._bad(node.at, trail, message)
        return self._foreign(node, hint, trail)

    def _read_text(self, node: Scalar, hint: Hint, trail: Trail) -> object:
        text = self._text(node, trail.shown, hint is Secret)
        if text is None:
            return BAD
        return Secret(text) if hint is Secret else text

    def _words(self, hint: Hint) -> dict[str, object] | None:
        """Return the words that a choice may be written as, or None if it is not a choice."""
        origin: Hint = get_origin(hint)
        if origin is Literal:
            return {str(word): word for word in get_args(hint)}
        if not (isinstance(hint, type) and issubclass(hint, Enum)):
            return None
        words: dict[str, object] = {str(member.value): member for member in hint}
        if self._names is None or hint not in (Direction, Prefer, Side):
            return words
        prefix = "to-" if hint is Direction else ""
        for side, name in zip(Side, self._names, strict=True):
            words[f"{prefix}{name}"] = words.pop(f"{prefix}{side}")
        return words

    def _foreign(self, node: Node, hint: Hint, trail: Trail) -> object:
        """Leave to msgspec what is not told apart above; it names only the first mismatch."""
        try:
            plain = self._plain(node, trail)
            return BAD if plain is BAD else msgspec.convert(plain, hint, dec_hook=_hold_secret)
        except (msgspec.ValidationError, ValueError):  # ValueError: thousands of digits
            wanted = _LEAVES.get(hint, getattr(hint, "__name__", str(hint)))
            return self._bad(node.at, trail, f"needs {wanted}, not {describe(node)}")

    def _plain(self, node: Node, trail: Trail) -> object:
        if isinstance(node, Listing):
            items = [self._plain(item, trail.step(i)) for i, item in enumerate(node.items)]
            return BAD if BAD in items else items
        if isinstance(node, Mapping):
            entries = node.entries.items()
            plain = {key: self._plain(entry.node, trail.step(key)) for key, entry in entries}
            return BAD if BAD in plain.values() else plain
        if node.kind == "str":
            text = self._text(node, trail.shown, False)
            return BAD if text is None else text
        return _builtin(node)


def _section_of(members: list[Hint]) -> type[Section] | None:
    for one in members:
        if isinstance(one, type) and issubclass(one, Section):
            return one
    return None


def _builtin(node: Scalar) -> object:
    """Return a plain scalar as YAML 1.2 means it."""
    text = node.text.replace("_", "")
    if node.kind == "int":
        return int(text, 0) if text.lower().lstrip("+-")[:2] in ("0x", "0o") else int(text)
    if node.kind == "float":
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return {"bool": text.lower() == "true", "null": None}.get(node.kind, node.text)


def _hold_secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError(f"{kind} is not a type of options")


def _key_node(key: str, at: Mark) -> Scalar:
    return Scalar(key, "str", at)


def _each(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Listing) else (node,)


def _lacking(node: Node) -> str:
    if isinstance(node, Scalar) and node.kind == "null":
        return "is empty; fill it in or remove the key"
    return f"needs a mapping, not {describe(node)}"


def _keys_of(kind: type[Struct]) -> str:
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    return ", ".join(name for name in names if name not in ("left", "right"))
