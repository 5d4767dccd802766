"""Bases: what a side said when a unit was last settled, and how it moves. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from actors.links import Base, End
from actors.mapping.units import Unit
from actors.merge import Raws
from actors.records import Side


def settle(side: Side, end: End, unit: Unit, raws: Raws, version: int | None = None) -> End:
    """Return the end with the unit's base moved to `raws`; see `settle_all`."""
    base = Base(unit.version if version is None else version, raws)
    return settle_all(side, end, ((unit, base),))


def settle_all(side: Side, end: End, settled: Iterable[tuple[Unit, Base]]) -> End:
    """Return the end with the bases of these units moved.

    The time of an edit is forgotten, unless the end holds something newer than the base.
    """
    base, moved = dict(end.base), dict(end.moved)
    for unit, at in settled:
        base[unit.key] = at
        if end.seen is None or unit.raws(side, end.seen.values) == at.raws:
            moved.pop(unit.key, None)
    return msgspec.structs.replace(end, base=base, moved=moved)
