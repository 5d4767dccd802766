"""Which mappings feed which: a field may be read by several, but nothing may feed itself."""

from __future__ import annotations

from collections.abc import Sequence

from actors.mapping.units import Unit
from actors.records import Side


def written(unit: Unit) -> set[tuple[Side, str]]:
    """Return the fields that a unit writes."""
    return {
        (side, member.name)
        for side in Side
        if unit.direction.allows(side)
        for member in unit.members(side)
    }


def read(unit: Unit) -> set[tuple[Side, str]]:
    """Return the fields whose values a unit carries somewhere."""
    return {
        (side, member.name)
        for side in Side
        if unit.direction.allows(side.other)
        for member in unit.members(side)
    }


def find_circle(units: Sequence[Unit]) -> tuple[int, ...]:
    """Return which units write each what the next reads, the last feeding the first, or ().

    A unit by itself comes to rest by its relation's laws; several in a circle need not: a field
    that is made from one that is made from it would grow with every round.
    """
    sources = [read(unit) for unit in units]
    fed = [
        [other for other, wanted in enumerate(sources) if other != at and written(unit) & wanted]
        for at, unit in enumerate(units)
    ]
    for first in range(len(units)):
        if path := _back_to(first, fed, (first,)):
            return path
    return ()


def _back_to(first: int, fed: list[list[int]], path: tuple[int, ...]) -> tuple[int, ...]:
    for at in fed[path[-1]]:
        if at == first:
            return path
        if at not in path and (found := _back_to(first, fed, (*path, at))):
            return found
    return ()
