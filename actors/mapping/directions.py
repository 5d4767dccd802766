"""Which way a mapping may go, given the sync's direction and what the apps let us write."""

from __future__ import annotations

from collections.abc import Iterable

from actors.errors import MappingError
from actors.records import Side
from actors.schema import Field
from actors.spec import Direction, SyncSpec


def narrowed(
    spec: SyncSpec, wanted: Direction | None, fields: Iterable[tuple[Side, Field]]
) -> Direction:
    """Return the direction of a mapping of fields; without a wish, read-only ones narrow it.

    Raises:
        MappingError: nothing is left of it, or a wish asks for what is read-only.
    """
    direction = (wanted or spec.direction).within(spec.direction)
    if direction is None:
        raise MappingError("the field goes against the direction of the whole sync")
    for side, field in fields:
        if direction.allows(side) and not field.writable:
            to_other = Direction.TO_LEFT if side is Side.RIGHT else Direction.TO_RIGHT
            rest = to_other.within(direction)
            if wanted is not None or rest is None:
                app = spec.app(side)
                raise MappingError(
                    f'{app}: "{field.name}" is read-only; map it only to {spec.app(side.other)}'
                )
            direction = rest
    return direction
