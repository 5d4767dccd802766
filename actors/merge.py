"""Three-way merge of one unit: which side's value survives, and why.

The decision table of sync-semantics section 3 as one pure function. Nothing here reads a
clock, an app or the store; live run, plan and explain all call `decide_unit`.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec import Struct

from actors.errors import OutsideDomainError
from actors.links import Base
from actors.mapping.units import Unit
from actors.records import Side
from actors.spec import Blank, Direction, Drift, Prefer
from actors.values import Raw

Raws: TypeAlias = tuple[Raw, ...]


class Observed(Struct, frozen=True, kw_only=True):
    """One side's view of a unit.

    Attributes:
        now: raws as last read.
        base: what the side said when the unit was last settled; None if it never was.
        edited: (earliest, latest) time of the last edit, microseconds UTC, both sides on one
            clock; equal when the app told the exact time.
        traceable: the app could still tell the exact time.
        late: raws sent by us with unknown outcome that may still arrive (H44), or None.
    """

    now: Raws
    base: Base | None = None
    edited: tuple[int, int] = (0, 0)
    traceable: bool = False
    late: Raws | None = None


class Nothing(Struct, frozen=True, kw_only=True, tag=True):
    """Write nothing and move no base (M1, M2)."""

    rule: str


class Settle(Struct, frozen=True, kw_only=True, tag=True):
    """Write nothing; the bases of `sides` move to what was read, or to `bases` if given."""

    rule: str
    sides: tuple[Side, ...]
    bases: dict[Side, Raws] = {}


class Copy(Struct, frozen=True, kw_only=True, tag=True):
    """Write `sent` to the side opposite to `source`.

    Attributes:
        lost: the target's edit that is overwritten, for history; None if there was none.
        clash: the edits lay within the window: a conflict is recorded.
        uncertain: the window could not be told for sure from the times known.
        bases: what both sides' bases become once it is written, if not what was read and sent.
    """

    rule: str
    source: Side
    sent: Raws
    lost: Raws | None = None
    clash: bool = False
    uncertain: bool = False
    bases: dict[Side, Raws] = {}


class Ask(Struct, frozen=True, kw_only=True, tag=True):
    """A person must decide; nothing is written meanwhile. `clash`: it is a conflict."""

    rule: str
    reason: str
    clash: bool = False
    uncertain: bool = False


class Refuse(Struct, frozen=True, kw_only=True, tag=True):
    """The value of `source` cannot be said on the other side; the record fails for it."""

    rule: str
    source: Side
    reason: str


class Undated(Struct, frozen=True, kw_only=True, tag=True):
    """Both sides moved: ask the traceable sides for the exact times, then decide again."""

    sides: tuple[Side, ...]


Decision = Nothing | Settle | Copy | Ask | Refuse | Undated

BOTH = (Side.LEFT, Side.RIGHT)


def decide_unit(unit: Unit, left: Observed, right: Observed) -> Decision:
    """Decide what happens to one unit of a linked pair that is in scope.

    Args:
        unit: the mapping with its direction and rules.
        left, right: each side now, next to what it said before.

    Returns:
        One of the decisions above, each with the rule of sync-semantics section 3 that led to
        it. A value that cannot be read or said is `Refuse`; nothing is raised.
    """
    sides = {Side.LEFT: left, Side.RIGHT: right}
    try:
        unit = _led(unit, sides)
        changed = {side: _changed(unit, side, sides) for side in BOTH}
        agreed = unit.agree(left.now, right.now)
    except OutsideDomainError as error:
        return Refuse(rule="unreadable", source=_unreadable(unit, sides), reason=str(error))
    if left.base is None and right.base is None:
        return _aligned(unit, sides, agreed)
    if not (changed[Side.LEFT] or changed[Side.RIGHT]):
        return _unmoved(unit, sides, agreed)
    if agreed:
        return Settle(rule="M5", sides=BOTH)
    moved = tuple(side for side in BOTH if changed[side])
    allowed = tuple(side for side in moved if unit.direction.allows(side.other))
    if not allowed:
        return _drifted(unit, sides, moved[0])
    if len(moved) == 1:
        rule = "M3" if moved[0] is Side.LEFT else "M4"
        return _copied(unit, sides, moved[0], rule)
    if len(allowed) == 1:
        rule = "M3" if allowed[0] is Side.LEFT else "M4"
        return _copied(unit, sides, allowed[0], rule, lost=sides[allowed[0].other].now)
    return _contested(unit, sides)


def _led(unit: Unit, sides: dict[Side, Observed]) -> Unit:
    """While the side that is preferred unless blank is filled, only its value travels (F22a)."""
    lead = unit.rules.lead
    if lead is None or unit.is_blank(lead, sides[lead].now):
        return unit
    away = Direction.TO_RIGHT if lead is Side.LEFT else Direction.TO_LEFT
    narrowed = away.within(unit.direction)
    return unit if narrowed is None else msgspec.structs.replace(unit, direction=narrowed)


def _changed(unit: Unit, side: Side, sides: dict[Side, Observed]) -> bool:
    """A side changed iff it differs from its own base.

    One whose base is missing says nothing new if it says what the other side's base does.
    """
    seen, other = sides[side], sides[side.other]
    if seen.base is not None:
        return not unit.same(side, seen.now, seen.base.raws)
    if other.base is None:
        return True
    left, right = (other.base.raws, seen.now)[:: -1 if side is Side.LEFT else 1]
    return not unit.agree(left, right)


def _unreadable(unit: Unit, sides: dict[Side, Observed]) -> Side:
    try:
        unit.parse(Side.LEFT, sides[Side.LEFT].now)
    except OutsideDomainError:
        return Side.LEFT
    return Side.RIGHT


def _unmoved(unit: Unit, sides: dict[Side, Observed], agreed: bool) -> Decision:
    if agreed:
        return Nothing(rule="M1")
    bases = (sides[Side.LEFT].base, sides[Side.RIGHT].base)
    if all(base is not None and base.version == unit.version for base in bases):
        return Nothing(rule="M2")
    return _aligned(unit, sides, agreed)


def _aligned(unit: Unit, sides: dict[Side, Observed], agreed: bool) -> Decision:
    """M8: no base proves who is right."""
    if agreed:
        return Settle(rule="M8", sides=BOTH)
    filled = [side for side in BOTH if not unit.is_blank(side, sides[side].now)]
    source = filled[0] if len(filled) == 1 else _preferred(unit)
    if len(filled) == 2 and source is None:
        source = _source_of_one_way(unit)
    if source is None:
        return Ask(rule="M8", reason="both sides are filled and differ: a person must choose")
    if not unit.direction.allows(source.other):
        if len(filled) == 1:
            return Settle(rule="M8", sides=BOTH)
        source = source.other
    lost = sides[source.other].now if len(filled) == 2 else None
    return _copied(unit, sides, source, "M8", lost=lost)


def _preferred(unit: Unit) -> Side | None:
    match unit.rules.prefer:
        case Prefer.LEFT:
            return Side.LEFT
        case Prefer.RIGHT:
            return Side.RIGHT
        case Prefer.LATEST:
            return Side.LEFT
        case Prefer.ASK:
            return None


def _source_of_one_way(unit: Unit) -> Side | None:
    allowed = [side for side in BOTH if unit.direction.allows(side.other)]
    return allowed[0] if len(allowed) == 1 else None


def _drifted(unit: Unit, sides: dict[Side, Observed], moved: Side) -> Decision:
    """Only the target of a one-way unit moved."""
    if unit.rules.drift is Drift.LEAVE:
        return Settle(rule="drift", sides=(moved,))
    return _copied(unit, sides, moved.other, "drift", lost=sides[moved].now)


def _copied(
    unit: Unit, sides: dict[Side, Observed], source: Side, rule: str, *, lost: Raws | None = None
) -> Decision:
    """Copy from `source`, unless its emptiness may not travel or its value cannot."""
    target = source.other
    if _is_emptying(unit, sides, source):
        match _blank_rule(unit, target):
            case Blank.IGNORE:
                return Settle(rule=f"{rule} blank", sides=(source,))
            case Blank.ASK:
                return Ask(rule=f"{rule} blank", reason="the value was emptied: shall it be?")
            case Blank.PROPAGATE:
                pass
    try:
        sent = unit.restore(target, sides[source].now, sides[target].now)
    except OutsideDomainError as error:
        return Refuse(rule=rule, source=source, reason=str(error))
    if sent == sides[target].now:
        return Settle(rule=rule, sides=BOTH)
    return Copy(rule=rule, source=source, sent=sent, lost=lost)


def _is_emptying(unit: Unit, sides: dict[Side, Observed], source: Side) -> bool:
    """The source is empty, or says what a required field would hold as empty (white space)."""
    here, there, target = sides[source].now, sides[source.other].now, source.other
    if unit.is_blank(target, there):
        return False
    if unit.is_blank(source, here) or not unit.requires(target):
        return unit.is_blank(source, here)
    try:
        return unit.is_blank(target, unit.restore(target, here, there))
    except OutsideDomainError:
        return False


def _blank_rule(unit: Unit, target: Side) -> Blank:
    """Required fields are never emptied."""
    return Blank.IGNORE if unit.requires(target) else unit.rules.blank


def _contested(unit: Unit, sides: dict[Side, Observed]) -> Decision:
    """Both sides moved, may be copied both ways, and do not agree (M6, M7)."""
    vague = tuple(
        side for side in BOTH if sides[side].traceable and not _is_exact(sides[side].edited)
    )
    if vague:
        return Undated(sides=vague)
    least, most = _apart(sides[Side.LEFT].edited, sides[Side.RIGHT].edited)
    window = round(unit.rules.window.total_seconds() * 1_000_000)
    if least > window:
        return _later(unit, sides)
    return _clash(unit, sides, uncertain=most > window)


def _is_exact(edited: tuple[int, int]) -> bool:
    return edited[0] == edited[1]


def _apart(left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    """Return the least and the greatest distance of two moments known as intervals."""
    least = max(0, left[0] - right[1], right[0] - left[1])
    return least, max(left[1] - right[0], right[1] - left[0])


def _latest(sides: dict[Side, Observed]) -> Side:
    left, right = sides[Side.LEFT].edited[1], sides[Side.RIGHT].edited[1]
    return Side.LEFT if left > right else Side.RIGHT


def _later(unit: Unit, sides: dict[Side, Observed]) -> Decision:
    """M6: the later edit is copied; one that says nothing lets the other's value stand."""
    winner = _latest(sides)
    if _is_emptying(unit, sides, winner) and _blank_rule(unit, winner.other) is Blank.IGNORE:
        return _copied(unit, sides, winner.other, "M6", lost=sides[winner].now)
    return _copied(unit, sides, winner, "M6", lost=sides[winner.other].now)


def _clash(unit: Unit, sides: dict[Side, Observed], *, uncertain: bool) -> Decision:
    """M7: within the window the policy decides, and the conflict is recorded."""
    winner = _latest(sides) if unit.rules.prefer is Prefer.LATEST else _preferred(unit)
    if winner is None:
        reason = "edited on both sides within the window: a person must choose"
        return Ask(rule="M7", reason=reason, clash=True, uncertain=uncertain)
    if _is_emptying(unit, sides, winner) and _blank_rule(unit, winner.other) is Blank.IGNORE:
        winner = winner.other
    decision = _copied(unit, sides, winner, "M7", lost=sides[winner.other].now)
    if isinstance(decision, Copy | Ask):
        return msgspec.structs.replace(decision, clash=True, uncertain=uncertain)
    return decision
