"""From method and path to the handler, in every spelling a path has.

Owns the tree of path segments. Literal segments win over parameters; a trailing slash counts
for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from msgspec import Struct, field

from daemon.sandbox.hubspot.calls import FAMILIES, Endpoint

__all__ = ["Match", "Router"]


class _Node(Struct):
    literals: dict[str, _Node] = field(default_factory=dict)
    parameters: dict[str, _Node] = field(default_factory=dict)
    # Method -> endpoint and the version whose spelling led here.
    endpoints: dict[str, tuple[Endpoint, str]] = field(default_factory=dict)


class Match(Struct, frozen=True):
    """Where a path leads."""

    endpoint: Endpoint
    version: str
    params: dict[str, str]


class Router:
    """All endpoints under all their paths."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._root = _Node()
        for endpoint in endpoints:
            for version, prefix in FAMILIES[endpoint.area]:
                self._add(prefix + endpoint.path, endpoint, version)

    def _add(self, path: str, endpoint: Endpoint, version: str) -> None:
        node = self._root
        for segment in _segments(path):
            if segment.startswith("{"):
                node = node.parameters.setdefault(segment[1:-1], _Node())
            else:
                node = node.literals.setdefault(segment, _Node())
        node.endpoints[endpoint.method] = (endpoint, version)

    def find(self, method: str, raw_path: str) -> Match | int:
        """The endpoint of a call; 404 or 405 when there is none."""
        reached = list(_walk(self._root, _segments(raw_path), 0, {}))
        for node, params in reached:
            found = node.endpoints.get(method)
            if found is not None:
                return Match(found[0], found[1], params)
        return 405 if reached else 404


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").removesuffix("/").split("/")


def _walk(
    node: _Node, segments: list[str], at: int, params: dict[str, str]
) -> Iterable[tuple[_Node, dict[str, str]]]:
    """Every node with endpoints that the path fits, the most literal first."""
    if at == len(segments):
        if node.endpoints:
            yield node, params
        return
    literal = node.literals.get(segments[at])
    if literal is not None:
        yield from _walk(literal, segments, at + 1, params)
    # An empty segment names nothing.
    for name, child in node.parameters.items() if segments[at] else ():
        value = unquote(segments[at])
        yield from _walk(child, segments, at + 1, {**params, name: value})
