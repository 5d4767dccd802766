"""Recover: two-way units of a rebuilt link that differ, when no base proves who is right. Pure.

After a merge, a lost store or an old backup (sync-semantics section 3, "Recover").
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from actors.errors import OutsideDomainError
from actors.mapping.units import Unit
from actors.merge import BOTH, Ask, Copy, Decision, Observed, Undated, copy_from, decide_unit
from actors.records import Side

RULE = "recover"


def decide_recovered(
    unit: Unit,
    left: Observed,
    right: Observed,
    *,
    touched: Collection[Side],
    own: Collection[Side],
) -> Decision:
    """Decide a unit of a link that is marked `recover`.

    Args:
        touched: sides that moved since what is known of them, or of which nothing is known.
        own: sides whose present value is proven to be this connection's own write.
    """
    sides = {Side.LEFT: left, Side.RIGHT: right}
    untouched = [side for side in BOTH if side not in touched]
    if len(untouched) == len(BOTH):
        return decide_unit(unit, left, right)  # both are as they were left: the bases hold
    untouched = [side for side in untouched if _is_settled(unit, side, sides[side])]
    bare = decide_unit(unit, *(msgspec.structs.replace(sides[side], base=None) for side in BOTH))
    if not _differs(bare) or not all(unit.direction.allows(side) for side in BOTH):
        return bare
    if untouched:
        return copy_from(unit, sides, untouched[0].other, RULE)
    if isinstance(bare, Copy) and bare.lost is None:
        return bare  # a gap is filled
    return _weighed(unit, sides, own)


def _is_settled(unit: Unit, side: Side, seen: Observed) -> bool:
    """Say whether a side holds no edit that was read but never told to the other side."""
    try:
        return seen.base is not None and unit.same(side, seen.now, seen.base.raws)
    except OutsideDomainError:
        return False


def _differs(bare: Decision) -> bool:
    return isinstance(bare, Copy | Ask)


def _weighed(unit: Unit, sides: dict[Side, Observed], own: Collection[Side]) -> Decision:
    vague = tuple(side for side in BOTH if sides[side].traceable)
    if vague:
        return Undated(sides=vague)
    if len(own) == 1:
        (ours,) = own
        return copy_from(unit, sides, ours.other, RULE)
    times = {side: sides[side].edited for side in BOTH}
    is_known = all(first == last for first, last in times.values())
    if is_known and times[Side.LEFT] != times[Side.RIGHT]:
        winner = max(BOTH, key=lambda side: times[side])
        return copy_from(unit, sides, winner, RULE, lost=sides[winner.other].now)
    return Ask(rule=RULE, reason="the link was rebuilt and both sides differ")
