"""The configuration's manual, made from the Structs: JSON Schema for editors, Markdown for people.

App names are keys and words of the file, so the schema allows any name where one can stand; that
it is the right one is checked by loading.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Iterator
from datetime import timedelta
from enum import Enum
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from actors.records import Side
from actors.spec import Direction, Operator, Prefer
from daemon.config.conditions import ASKS, CONDITIONS_PAGE, GROUPS, OPERATORS
from daemon.config.durations import write_duration
from daemon.config.lines import FIELDS_PAGE
from daemon.config.model import (
    CONDITIONS,
    MATCH_RULES,
    NAMES,
    PAIRS,
    WORD,
    ConnectionSection,
    DaemonSection,
    PerApp,
)
from daemon.config.secrets import Secret, is_secret_key
from daemon.connectors.registry import AnyConnectorType

Schema = dict[str, object]
# Any: a type annotation has no type of its own that fits all of them.
Hint: TypeAlias = Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAME = r"^[A-Za-z][A-Za-z0-9_-]*$"
DURATION: Schema = {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|[smhdw]) ?)+$"}
TEXT: Schema = {"type": ["string", "number", "boolean"]}
REFERENCE: Schema = {"type": "string", "pattern": r"^\$\{(env|file|credential):[^{}]+\}$"}
CONDITIONS_ALL: Schema = {"$ref": "#/$defs/conditions"}
MAPPED: Schema = {
    "oneOf": [
        {
            "type": "object",
            "additionalProperties": {"oneOf": [TEXT, {"type": "array", "items": TEXT}]},
        },
        {"type": "array", "items": {"type": ["array", "object"]}},
    ]
}


def make_schema(connectors: Iterable[AnyConnectorType]) -> Schema:
    """Return the JSON Schema of the main file, with the options of these connectors."""
    return {
        "$schema": DIALECT,
        "title": "tieline.yaml",
        "type": "object",
        "required": ["apps", "connections"],
        "additionalProperties": False,
        "properties": {
            "apps": _by_name({"oneOf": [_app(one) for one in connectors]}),
            "connections": _by_name(_of_struct(ConnectionSection, ())),
            "daemon": _of_struct(DaemonSection, ()),
        },
        "$defs": {"conditions": _conditions()},
    }


def _conditions() -> Schema:
    """Return the schema of a filter: `daemon.config.conditions` says what it means."""
    group: Schema = {"type": "array", "minItems": 1, "items": CONDITIONS_ALL}
    values: Schema = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1}]}
    words = "|".join(re.escape(word).replace(r"\ ", "[ _-]") for word in OPERATORS)
    operators: Schema = {
        "type": "object",
        "patternProperties": {f"^({words})$": values},
        "additionalProperties": False,
        "minProperties": 1,
    }
    asked: Schema = {"anyOf": [values, operators]}
    keys = {**dict.fromkeys(GROUPS, group), "changed": asked}
    mapping: Schema = {
        "type": "object",
        "properties": {**keys, "fields": {"type": "object", "additionalProperties": asked}},
        "additionalProperties": asked,
        "minProperties": 1,
    }
    return {"anyOf": [mapping, group]}


def _by_name(schema: Schema) -> Schema:
    return {"type": "object", "patternProperties": {NAME: schema}, "additionalProperties": False}


def _app(connector: AnyConnectorType) -> Schema:
    schema = _of_struct(connector.options, ("apps", connector.name))
    properties = {"type": {"const": connector.name}, **_as_dict(schema["properties"])}
    required = ["type", *_as_list(schema.get("required", []))]
    return {**schema, "title": connector.title, "properties": properties, "required": required}


def _as_dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _of_struct(kind: type[Struct], path: tuple[str, ...]) -> Schema:
    about = _described(kind)
    properties: dict[str, object] = {}
    required = []
    for field in _plain_fields(kind):
        schema = _of(field.type, (*path, field.encode_name))
        text = about.get(field.name)
        properties[field.encode_name] = {**schema, "description": text} if text else schema
        if field.required:
            required.append(field.encode_name)
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if issubclass(kind, PerApp):
        of_app = next(one for one in msgspec.structs.fields(kind) if one.name == "left")
        pattern = f"^(?!({'|'.join(properties)})$)"
        schema["patternProperties"] = {pattern: _of(of_app.type, (*path, of_app.name))}
    return {**schema, "required": required} if required else schema


def _plain_fields(kind: type[Struct]) -> Iterator[msgspec.structs.FieldInfo]:
    """Yield the fields whose key is always the same."""
    for field in msgspec.structs.fields(kind):
        if not (issubclass(kind, PerApp) and field.name in ("left", "right")):
            yield field


def _of(hint: Hint, path: tuple[str, ...]) -> Schema:
    origin: Hint = get_origin(hint)
    args = get_args(hint)
    if origin is Annotated:
        if CONDITIONS in args:
            return CONDITIONS_ALL
        if NAMES in args:
            return {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 2}]}
        if MATCH_RULES in args:
            return {"oneOf": [_of(args[0], path), {"const": "none"}]}
        if WORD in args:
            return {"anyOf": [TEXT, _of(args[0], path)]}
        return MAPPED if PAIRS in args else _limited(_of(args[0], path), args[1:])
    if origin in (Union, types.UnionType):
        real = [member for member in args if member is not type(None)]
        return _of(real[0], path) if len(real) == 1 else {}
    if origin in (tuple, list, set, frozenset):
        return _list_of(args, path)
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(args[1], path)}
    if isinstance(hint, type) and issubclass(hint, Struct):
        return _of_struct(hint, path)
    return _leaf(hint, path)


def _list_of(args: tuple[Hint, ...], path: tuple[str, ...]) -> Schema:
    schema: Schema = {"type": "array", "items": _of(args[0], path)}
    is_fixed = len(args) > 1 and args[1] is not Ellipsis
    return {**schema, "minItems": len(args), "maxItems": len(args)} if is_fixed else schema


def _limited(schema: Schema, meta: tuple[Hint, ...]) -> Schema:
    words = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "pattern": "pattern"}
    found = {words[name]: getattr(one, name, None) for one in meta for name in words}
    return {**schema, **{name: value for name, value in found.items() if value is not None}}


def _leaf(hint: Hint, path: tuple[str, ...]) -> Schema:
    if hint is Secret or (hint is str and is_secret_key(path)):
        return REFERENCE
    if hint is timedelta:
        return DURATION
    if words := _choices(hint):
        return {"enum": words} if hint not in (Direction, Prefer, Side) else _app_words(hint, words)
    kinds = {bool: "boolean", int: "integer", float: "number"}
    return {"type": kinds[hint]} if hint in kinds else TEXT


def _choices(hint: Hint) -> list[str]:
    origin: Hint = get_origin(hint)
    if origin is Literal:
        return list(get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return [str(member.value) for member in hint]
    return []


def _app_words(hint: Hint, words: list[str]) -> Schema:
    """Return a pattern for words of which some are app names."""
    if hint is Direction:
        return {"type": "string", "pattern": "^(both|to-[A-Za-z][A-Za-z0-9_-]*)$"}
    return {"type": "string", "pattern": NAME}


def _described(kind: type[Struct]) -> dict[str, str]:
    """Read what a Struct's docstring says about its attributes."""
    _, _, listed = (kind.__doc__ or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in listed.splitlines():
        if start := re.match(r"\s{4,8}(\w+(?:, \w+)*): (.*)", line):
            names = start[1].split(", ")
            found.update(dict.fromkeys(names, start[2]))
        elif line.strip():
            found.update({name: f"{found[name]} {line.strip()}" for name in names})
    return found


def write_manual(connectors: Iterable[AnyConnectorType]) -> str:
    """Write the reference of every key as Markdown."""
    parts = ["# tieline.yaml\n"]
    parts += _rows("daemon", DaemonSection)
    for one in connectors:
        parts += _rows(f"apps.NAME (type: {one.name})", one.options)
    parts += _rows("connections.NAME", ConnectionSection)
    return "\n".join([*parts, FIELDS_PAGE, *_filter_pages()])


def _filter_pages() -> list[str]:
    """Write what stands under `filter:` and an app's name."""
    words: dict[Operator, list[str]] = {}
    for word, operator in OPERATORS.items():
        words.setdefault(operator, []).append(f"`{word}`")
    rows = [f"| {', '.join(names)} | {ASKS[operator]} |" for operator, names in words.items()]
    return [
        "## Conditions\n",
        CONDITIONS_PAGE,
        "\n| operator | holds if |",
        "|---|---|",
        *rows,
        "",
    ]


def _rows(path: str, kind: type[Struct]) -> list[str]:
    about = _described(kind)
    first = (kind.__doc__ or "").strip().splitlines()[:1]
    lines = [f"## {path}\n", *first, "", "| key | default | meaning |", "|---|---|---|"]
    below: list[str] = []
    for field in msgspec.structs.fields(kind):
        lines.append(f"| `{_key(kind, field)}` | {_default(field)} | {about.get(field.name, '')} |")
        if inner := _inner(field.type):
            mark = "[]" if _is_listed(field.type) else ""
            below += _rows(f"{path}.{field.encode_name}{mark}", inner)
    return [*lines, "", *below]


def _key(kind: type[Struct], field: msgspec.structs.FieldInfo) -> str:
    is_named_by_app = issubclass(kind, PerApp) and field.name in ("left", "right")
    words = {"left": "FIRST_APP", "right": "SECOND_APP"}
    return words[field.name] if is_named_by_app else field.encode_name


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default
    if field.required:
        return "required"
    if value is msgspec.NODEFAULT or value is None or isinstance(value, Struct | tuple):
        return ""
    if isinstance(value, timedelta):
        return f"`{write_duration(value)}`"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`"


def _is_listed(hint: Hint) -> bool:
    origins: list[Hint] = [get_origin(one) for one in _parts(hint)]
    return tuple in origins


def _parts(hint: Hint) -> Iterator[Hint]:
    """Yield a hint and all that it is made of; conditions have a page of their own."""
    yield hint
    for inner in get_args(hint) if CONDITIONS not in get_args(hint) else ():
        yield from _parts(inner)


def _inner(hint: Hint) -> type[Struct] | None:
    """Return the Struct that a key holds, one or a list of them."""
    kinds = (one for one in _parts(hint) if isinstance(one, type))
    return next((one for one in kinds if issubclass(one, Struct)), None)
