"""Conditions as people write them to `actors.spec.Conditions`; every part knows its place.

A mapping names fields; all that it says must hold. `all`, `any` and `none` hold lists of further
mappings, `changed` asks when the record was last changed, and `fields` takes field names that
would be mistaken for one of these words. What a field is asked is a value, a list of which one
must be there, or a mapping of operators (`gte: 1000`, `older than: 30 days`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct

from actors.spec import CHANGED, Condition, Conditions, Match, Operator
from daemon.config.nodes import Listing, Mapping, Node, Scalar, describe
from daemon.config.problems import Mark, Path, suggest

OPERATORS: dict[str, Operator] = {one.value: one for one in Operator} | {
    "eq": Operator.EQUALS,
    "ne": Operator.NOT_EQUALS,
    "is": Operator.EQUALS,
    "is not": Operator.NOT_EQUALS,
    "gt": Operator.MORE,
    "greater than": Operator.MORE,
    "gte": Operator.AT_LEAST,
    "since": Operator.AT_LEAST,
    "lt": Operator.LESS,
    "less than": Operator.LESS,
    "lte": Operator.AT_MOST,
    "until": Operator.AT_MOST,
}
"""The words for operators; `-` and `_` may stand for the blank."""

GROUPS = {one.value: one for one in Match}
RESERVED = (*GROUPS, "changed", "fields")
MAX_DEPTH = 20

CONDITIONS_PAGE = """\
Under `filter:` and an app's name stand conditions on its records. A mapping names any fields of
the app, mapped or not, by the app's own names; all that it says must hold. `all:`, `any:` and
`none:` take lists of further mappings. `changed:` asks when the record was last changed. A field
whose name is one of these words goes under `fields:`.

What a field is asked is a value (`dealtype: newbusiness`), a list of which one must be there, or a
mapping of operators (`amount: {gte: 1000, lt: 5000}`). Options, stages and users are named by id
or label, users also by e-mail address; texts are compared without regard to case. A day where a
time is asked is that day in the connection's time zone. Lengths of time are written like
`12 hours`, `30 days`, `3 months`. An empty field passes only `known: false` and the operators with
`not`. A value that cannot be read passes nothing."""

ASKS: dict[Operator, str] = {
    Operator.EQUALS: "the value is this one (of several choices: exactly these)",
    Operator.NOT_EQUALS: "the value is another one, or there is none",
    Operator.IN: "the value is one of these",
    Operator.NOT_IN: "the value is none of these",
    Operator.CONTAINS: "the text has this in it (of several choices: all of these)",
    Operator.NOT_CONTAINS: "it has not",
    Operator.MORE: "the number is greater, the day or time later",
    Operator.AT_LEAST: "the same, or equal",
    Operator.LESS: "the number is smaller, the day or time earlier",
    Operator.AT_MOST: "the same, or equal",
    Operator.BETWEEN: "it is one of two values, `[from, to]`, or between them",
    Operator.KNOWN: "`true`: the field is filled; `false`: it is empty",
    Operator.UNKNOWN: "`true`: the field is empty; `false`: it is filled",
    Operator.BEFORE: "the day or time is earlier; also `today` for days and `now` for times",
    Operator.AFTER: "the day or time is later; also `today` and `now`",
    Operator.LAST: "it lies in the time up to now; days count from today",
    Operator.NEXT: "it lies in the time from now on; days count from today",
    Operator.OLDER: "it lies further back than that",
    Operator.FURTHER: "it lies further ahead than that",
}
"""The manual's words for each operator."""

_SWITCHES = {Operator.KNOWN: Operator.UNKNOWN, Operator.UNKNOWN: Operator.KNOWN}


class Place(Struct, frozen=True):
    """Where a part stands, and its path as written."""

    at: Mark
    shown: Path


Placed: TypeAlias = tuple[Condition, Place]


class ConditionsRead(Struct, kw_only=True):
    """What was read.

    Attributes:
        places: by path of indexes into the parts.
        problems: what is wrong, with its place.
    """

    conditions: Conditions = Conditions()
    places: dict[tuple[int, ...], Place] = {}
    problems: list[tuple[Place, str]] = []


def read_conditions(node: Node, shown: Path) -> ConditionsRead:
    """Read the conditions on one app's records; `shown` is their path in the file."""
    reader = _Reader()
    nodes = node.items if isinstance(node, Listing) and node.items else (node,)
    found = reader.group(Match.ALL, nodes, Place(node.at, shown), ())
    return ConditionsRead(conditions=found, places=reader.places, problems=reader.problems)


class _Reader:
    def __init__(self) -> None:
        self.places: dict[tuple[int, ...], Place] = {}
        self.problems: list[tuple[Place, str]] = []

    def group(
        self, match: Match, nodes: tuple[Node, ...], place: Place, path: tuple[int, ...]
    ) -> Conditions:
        """Read a group; a mapping that is all there is to it needs no group of its own."""
        if len(path) > MAX_DEPTH:
            self._bad(place, f"groups are nested deeper than {MAX_DEPTH}")
            return Conditions()
        if match is Match.ALL and len(nodes) == 1:
            return Conditions(parts=tuple(self._parts(nodes[0], place, path)))
        parts = []
        for index, node in enumerate(nodes):
            here = Place(node.at, (*place.shown, index))
            self.places[*path, index] = here
            parts.append(self.group(Match.ALL, (node,), here, (*path, index)))
        return Conditions(match=match, parts=tuple(parts))

    def _bad(self, place: Place, message: str) -> None:
        self.problems.append((place, message))

    def _parts(
        self, node: Node, place: Place, path: tuple[int, ...]
    ) -> Iterator[Condition | Conditions]:
        if not isinstance(node, Mapping) or not node.entries:
            what = "is empty" if isinstance(node, Mapping) else f"is {describe(node)}"
            self._bad(place, f"{what}; it needs fields with conditions, or all:, any: or none:")
            return
        index = 0
        for key, entry in node.entries.items():
            here = Place(entry.key_at, (*place.shown, key))
            if key in GROUPS:
                self.places[*path, index] = here
                yield self._listed(GROUPS[key], entry.node, here, (*path, index))
                index += 1
                continue
            for condition, at in self._of_key(key, entry.node, here):
                self.places[*path, index] = at
                yield condition
                index += 1

    def _listed(self, match: Match, node: Node, place: Place, path: tuple[int, ...]) -> Conditions:
        if isinstance(node, Listing) and node.items:
            return self.group(match, node.items, place, path)
        self._bad(place, "needs a list of conditions, like [{amount: {gte: 1000}}]")
        return Conditions()

    def _of_key(self, key: str, node: Node, place: Place) -> Iterator[Placed]:
        if key != "fields":
            yield from self._conditions(CHANGED if key == "changed" else key, node, place)
        elif isinstance(node, Mapping):
            for name, entry in node.entries.items():
                here = Place(entry.key_at, (*place.shown, name))
                yield from self._conditions(name, entry.node, here)
        else:
            self._bad(place, "needs a mapping of field names to conditions")

    def _conditions(self, field: str, node: Node, place: Place) -> Iterator[Placed]:
        if not isinstance(node, Mapping):
            is_list = isinstance(node, Listing)
            operator = Operator.IN if is_list else Operator.EQUALS
            operands = self._operands(node, place)
            if operands:
                yield Condition(field=field, operator=operator, operands=operands), place
            return
        if not node.entries:
            self._bad(place, "is empty; it needs an operator, like gte: 1000")
        for word, entry in node.entries.items():
            here = Place(entry.key_at, (*place.shown, word))
            found = OPERATORS.get(word.replace("-", " ").replace("_", " "))
            if found is None:
                self._bad(here, f"{word!r} is no operator; {suggest(word, OPERATORS)}")
            elif found in _SWITCHES:
                yield from self._switch(field, found, entry.node, here)
            elif operands := self._operands(entry.node, here):
                yield Condition(field=field, operator=found, operands=operands), here

    def _switch(self, field: str, operator: Operator, node: Node, place: Place) -> Iterator[Placed]:
        text = node.text.lower() if isinstance(node, Scalar) and node.kind == "bool" else ""
        if not text:
            self._bad(place, f"needs true or false, not {describe(node)}")
            return
        asked = operator if text == "true" else _SWITCHES[operator]
        yield Condition(field=field, operator=asked), place

    def _operands(self, node: Node, place: Place) -> tuple[str, ...]:
        """Read one value or several; nothing after a problem."""
        items = node.items if isinstance(node, Listing) else (node,)
        texts = [one.text for one in items if isinstance(one, Scalar) and one.kind != "null"]
        if not texts or len(texts) < len(items):
            self._bad(place, "needs a value or a list of values; for no value write known: false")
            return ()
        return tuple(texts)
