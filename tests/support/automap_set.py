"""The labelled set of `tests/data/automap` as schemas, and what it says of a pair.

Its parts: `seen` is what weights and words were chosen by; `held` was kept apart while the weights
were chosen, but the vocabularies have met its languages; `fresh` are apps that were added when all
was done: what was measured then, before anything was learned from it, stands in `fresh.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

from msgspec import Struct

from actors.schema import AppSchema, Closing, Field, ObjectSchema, Pipeline, Stage
from actors.spec import SyncSpec
from actors.values import Kind
from daemon.automap.fields import can_map

DATA = Path(__file__).parents[1] / "data" / "automap"

_KINDS = {
    "t": Kind.TEXT,
    "s": Kind.TEXT,
    "n": Kind.NUMBER,
    "d": Kind.DATE,
    "dt": Kind.DATETIME,
    "b": Kind.BOOLEAN,
    "p": Kind.PHONE,
    "m": Kind.EMAIL,
    "u": Kind.URL,
    "r": Kind.REFERENCE,
    "R": Kind.REFERENCE,
}
_CLOSINGS = {"o": Closing.OPEN, "u": Closing.OPEN, "w": Closing.WON, "l": Closing.LOST}

Pairs = frozenset[tuple[str, str]]


class StageCase(Struct, frozen=True, kw_only=True):
    """Two pipelines and which of their stages are the same, by key."""

    name: str
    part: str
    left: Pipeline
    right: Pipeline
    same: Pairs
    also: Pairs


class FieldCase(Struct, frozen=True, kw_only=True):
    """An object of two apps and which of their fields are the same, by name."""

    name: str
    part: str
    spec: SyncSpec
    left: AppSchema
    right: AppSchema
    same: Pairs


PARTS = ("seen", "held", "fresh")


# Any: the contents of the TOML files.
@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((DATA / f"{name}.toml").read_text(encoding="utf-8"))


def stage_cases() -> Iterator[StageCase]:
    """Return every pair of pipelines in every pair of languages that is labelled."""
    fresh = _read("fresh")
    pipelines = _read("pipelines") | fresh["pipelines"]
    for block in _read("stage_pairs")["pairs"]:
        yield from _stage_cases(pipelines, block, "held" if block.get("held") else "seen")
    for block in fresh["pairs"]:
        yield from _stage_cases(pipelines, block, "fresh")


# Any: as above.
def _stage_cases(
    pipelines: dict[str, Any], block: dict[str, Any], part: str
) -> Iterator[StageCase]:
    names = block["of"]
    keys = [[row[0] for row in pipelines[name]["stages"] if row[1] == "o"] for name in names]
    for languages in block["in"]:
        left, right = (
            _pipeline(name, language, pipelines[name])
            for name, language in zip(names, languages, strict=True)
        )
        yield StageCase(
            name=f"{left.label} = {right.label}",
            part=part,
            left=left,
            right=right,
            same=frozenset(_pairs(block["same"], keys)),
            also=frozenset(_pairs(block["also"], keys)),
        )


# Any: as above.
def _pipeline(name: str, language: str, found: dict[str, Any]) -> Pipeline:
    column = 3 + found["languages"].index(language)
    stages = [
        Stage(
            id=row[0],
            label=row[column],
            closing=_CLOSINGS[row[1]],
            probability=int(row[2]) / 100 if row[2] else None,
            reachable=row[1] != "u",
        )
        for row in found["stages"]
    ]
    return Pipeline(id=name, label=f"{name}/{language}", stages=tuple(stages))


def _pairs(texts: list[str], keys: list[list[str]]) -> Iterator[tuple[str, str]]:
    for text in texts:
        ends = text.split("=")
        lefts, rights = ([end] if end != "*" else keys[at] for at, end in enumerate(ends))
        yield from ((one, two) for one in lefts for two in rights)


def field_cases() -> Iterator[FieldCase]:
    """Return every object of every two apps: both in English, and each in other languages."""
    known, fresh = _read("fields"), _read("fresh")
    languages = known["languages"] | fresh["languages"]
    for word in ("deals", "contacts", "companies"):
        apps = known[word] | fresh[word]
        for left, right in combinations(apps, 2):
            many = len(languages[left]), len(languages[right])
            columns = [(0, 0), (many[0] - 1, 1), (1, many[1] - 1)]
            part = "held" if {left, right} & set(known["held"]) else "seen"
            if {left, right} & fresh[word].keys():
                part = "fresh"
                columns = [(at, at) for at in range(max(many))]
            for one, two in columns:
                at = (one % many[0], two % many[1])
                words = languages[left][at[0]], languages[right][at[1]]
                name = f"{word}: {left}/{words[0]} = {right}/{words[1]}"
                yield _field_case(name, part, word, {left: apps[left], right: apps[right]}, at)


# Any: as above.
def _field_case(
    name: str, part: str, word: str, apps: dict[str, Any], columns: tuple[int, int]
) -> FieldCase:
    (one, lefts), (two, rights) = apps.items()
    left, right = _app(word, lefts, columns[0]), _app(word, rights, columns[1])
    spec = SyncSpec(connection="set", object=word, left=one, right=two)
    same = frozenset(
        (one[0], two[0])
        for one in lefts
        for two in rights
        if one[2] == two[2] != "-" and can_map(spec, left, right, (one[0], two[0]))
    )
    return FieldCase(name=name, part=part, spec=spec, left=left, right=right, same=same)


# Any: as above.
def _app(word: str, rows: list[Any], column: int) -> AppSchema:
    fields = tuple(_field(row, row[3 + column]) for row in rows)
    return AppSchema(
        account="labelled", objects=(ObjectSchema(name=word, native=word, fields=fields),)
    )


def _field(row: list[str], label: str) -> Field:
    kind = row[1].removeprefix("x") or "t"
    return Field(
        name=row[0],
        label=label,
        kind=_KINDS[kind],
        writable=not row[1].startswith("x"),
        multiline=kind != "s",
        target={"r": "users", "R": "companies"}.get(kind),
    )
