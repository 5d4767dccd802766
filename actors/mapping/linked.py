"""Sets of references: values that relate through the links of another sync.

Which record of the one app is which of the other is not part of a mapping but of the store.
"""

from __future__ import annotations

from collections.abc import Iterable

from actors.mapping.relations import Relation, Values
from actors.mapping.units import Unit
from actors.records import Side
from actors.values import Kind, Raw

SEPARATOR = ";"


class Linked(Relation, frozen=True, kw_only=True):
    """Records of another sync, which no mapping knows: members are merged by `associations`."""

    def agree(self, left: Values, right: Values) -> bool:
        """Only two empty sets say the same without asking the store."""
        return left[0] is None and right[0] is None


def ids_of(raws: tuple[Raw, ...] | None) -> tuple[str, ...]:
    """Return the ids in an association's raws, in their order."""
    raw = raws[0] if raws else None
    return tuple(dict.fromkeys(one for one in raw.split(SEPARATOR) if one)) if raw else ()


def raws_of(ids: Iterable[str]) -> tuple[Raw, ...]:
    """Return the raws that hold these ids in this order; the inverse of `ids_of`."""
    return (SEPARATOR.join(dict.fromkeys(ids)) or None,)


def is_single(unit: Unit, side: Side) -> bool:
    """Say whether that side holds one record at most."""
    return unit.members(side)[0].kind is Kind.REFERENCE


def ordered(ids: Iterable[str], like: Iterable[str]) -> tuple[str, ...]:
    """Return the ids in the order in which they stand in `like`, the others behind."""
    wanted = set(ids)
    front = [one for one in like if one in wanted]
    return (*front, *sorted(wanted.difference(front)))
