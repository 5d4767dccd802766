"""Associations: which links between records are due on the other side, and which must wait. Pure.

An association unit holds ids of records of another sync (F28). Each pair of linked records is
one yes-or-no value, merged three ways against the bases: an addition travels, a removal travels
if the rules let it, and where they meet the addition wins, for apps tell no times (sync-semantics
6.6). Members without a counterpart that takes part count for nothing: they stay where they are,
and the decision is taken again once they have one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec
from msgspec import Struct

from actors.links import Link, Status
from actors.mapping.linked import ids_of, is_single, ordered, raws_of
from actors.mapping.record import Sync
from actors.mapping.units import Association, Unit
from actors.merge import BOTH, Ask, Copy, Decision, Nothing, Observed, Raws, Settle
from actors.records import Side
from actors.spec import Drift, Prefer

PartnerKey: TypeAlias = tuple[str, Side, str]
"""A record: its object, the side it is on, its id there."""
Sides: TypeAlias = Mapping[Side, Observed]

WAITS = "an association waits for"
_FIRST_US = 2_000_000
_LAST_US = 900_000_000
_PATIENT_TRIES = 7
"""Together some four minutes."""


class Absence(Struct, frozen=True):
    """Why a record has no counterpart that counts; `comes` if one may be on its way."""

    reason: str
    comes: bool


class Partners(Struct, frozen=True, kw_only=True):
    """What the records that associations name are linked to.

    Attributes:
        ids: the counterpart's id, of those that have one and take part in their sync.
        absent: why others have none; one that is in neither has never been seen.
    """

    ids: Mapping[PartnerKey, str] = {}
    absent: Mapping[PartnerKey, Absence] = {}

    def absence(self, key: PartnerKey) -> Absence:
        """Return why a record that is not in `ids` has no counterpart."""
        return self.absent.get(key) or Absence("not linked yet", comes=True)


def terms_of(unit: Unit) -> Association:
    """Return what makes the unit an association."""
    assert unit.association is not None, f"{unit.key} is no association"
    return unit.association


# --- members --------------------------------------------------------------------------------


class Member(Struct, frozen=True, kw_only=True):
    """Two linked records: on which sides they are members now, and were when last settled."""

    ids: Mapping[Side, str]
    now: Mapping[Side, bool]
    was: Mapping[Side, bool]

    @property
    def moved(self) -> tuple[Side, ...]:
        """The sides that added or dropped it since."""
        return tuple(side for side in BOTH if self.now[side] is not self.was[side])

    @property
    def differs(self) -> bool:
        """One side has it, the other has not."""
        return self.now[Side.LEFT] is not self.now[Side.RIGHT]


def members_of(unit: Unit, sides: Sides, partners: Partners) -> tuple[Member, ...]:
    """Return the pairs of linked records that are or were members on a side, in their order."""
    now = {side: ids_of(sides[side].now) for side in BOTH}
    was = {side: _base_ids(sides[side]) for side in BOTH}
    found: dict[tuple[str, str], Member] = {}
    for side in BOTH:
        for one in (*now[side], *was[side]):
            other = partners.ids.get((terms_of(unit).object, side, one))
            if other is not None:
                ids = {side: one, side.other: other}
                found[ids[Side.LEFT], ids[Side.RIGHT]] = Member(
                    ids=ids,
                    now={at: ids[at] in now[at] for at in BOTH},
                    was={at: ids[at] in was[at] for at in BOTH},
                )
    return tuple(found.values())


def _base_ids(seen: Observed) -> tuple[str, ...]:
    return ids_of(seen.base.raws) if seen.base is not None else ()


def dropped_ids(now: Raws, base: Raws) -> list[str]:
    """Return the members that a side no longer has although it had them when last settled."""
    held = ids_of(now)
    return [one for one in ids_of(base) if one not in held]


# --- the merge ------------------------------------------------------------------------------


class _Message(Struct, frozen=True):
    """What one side is to be told: members to add and to drop, and what makes room for them."""

    added: tuple[Member, ...]
    dropped: tuple[Member, ...]
    displaced: tuple[str, ...] = ()

    @property
    def says_something(self) -> bool:
        return bool(self.added or self.dropped)


def decide_association(unit: Unit, left: Observed, right: Observed, partners: Partners) -> Decision:
    """Decide what happens to one association of a linked pair that is in scope.

    One side is written at a time: what the other one is to be told is decided again once that
    has been settled.

    Returns:
        `Copy` with the bases that hold once it is written, `Settle` with bases, `Ask` where both
        sides hold one record only and a person must choose, or `Nothing`.
    """
    sides = {Side.LEFT: left, Side.RIGHT: right}
    members = members_of(unit, sides, partners)
    told = [(one, _told(unit, one)) for one in members]
    if _is_for_a_person(unit, sides, told):
        return Ask(rule="M7", reason="both sides name another record: a person must choose")
    settled = _settled_bases(sides, [one for one, target in told if target is None])
    for target in (Side.RIGHT, Side.LEFT):
        wanted = [one for one, side in told if side is target]
        message = _message(unit, sides, members, target, wanted)
        if message.says_something:
            return _copy(sides, target, message, settled)
    return _at_rest(unit, sides, settled)


def _told(unit: Unit, member: Member) -> Side | None:
    """Return the side that must be told of a member, or None if it stands as it is."""
    moved = member.moved
    if not member.differs or not moved:
        return None
    holder = next(side for side in BOTH if member.now[side])
    source = holder if len(moved) == len(BOTH) else moved[0]
    is_added = source is holder
    if unit.direction.allows(source.other):
        return source.other if is_added or terms_of(unit).removals else None
    is_restored = not is_added and unit.rules.drift is Drift.RESTORE
    return source if is_restored and unit.direction.allows(source) else None


def _is_for_a_person(unit: Unit, sides: Sides, told: Iterable[tuple[Member, Side | None]]) -> bool:
    adds = {target for one, target in told if target is not None and not one.now[target]}
    full = all(is_single(unit, side) and ids_of(sides[side].now) for side in BOTH)
    return full and len(adds) == len(BOTH) and unit.rules.prefer is Prefer.ASK


def _message(
    unit: Unit, sides: Sides, members: Sequence[Member], target: Side, wanted: Sequence[Member]
) -> _Message:
    """Return of what a side is to be told what fits there."""
    added = tuple(one for one in wanted if not one.now[target])
    dropped = tuple(one for one in wanted if one.now[target])
    held = ids_of(sides[target].now)
    if not added and unit.requires(target) and len(dropped) == len(held):
        return _Message((), ())  # what is required is never emptied
    if not is_single(unit, target) or not added:
        return _Message(added, dropped)
    staying = [one for one in held if one not in {member.ids[target] for member in dropped}]
    if not staying:
        return _Message(added[:1], dropped)
    if _stays(unit, sides, members, target, staying[0]):
        return _Message((), dropped)
    return _Message(added[:1], dropped, displaced=(staying[0],))


def _stays(unit: Unit, sides: Sides, members: Iterable[Member], target: Side, present: str) -> bool:
    """Say whether the one record that a side holds need not make room for another.

    What both sides say stays. What was settled gives way to the other side's edit. What this
    side has just set stays, unless the other may not be told of it or is preferred.
    """
    if any(one.ids[target] == present and not one.differs for one in members):
        return True
    if present in _base_ids(sides[target]) or not unit.direction.allows(target.other):
        return False
    return not (is_single(unit, target.other) and _is_preferred(unit, target.other))


def _is_preferred(unit: Unit, side: Side) -> bool:
    return (unit.rules.prefer is Prefer.RIGHT) is (side is Side.RIGHT)


def _settled_bases(sides: Sides, settled: Iterable[Member]) -> dict[Side, set[str]]:
    """Return both bases with what stands as it is."""
    bases = {side: set(_base_ids(sides[side])) for side in BOTH}
    for member in settled:
        for side in BOTH:
            _set(bases[side], member.ids[side], member.now[side])
    return bases


def _set(ids: set[str], one: str, is_member: bool) -> None:
    if is_member:
        ids.add(one)
    else:
        ids.discard(one)


def _copy(sides: Sides, target: Side, message: _Message, settled: Mapping[Side, set[str]]) -> Copy:
    bases = {side: set(ids) for side, ids in settled.items()}
    for member in (*message.added, *message.dropped):
        for side in BOTH:
            _set(bases[side], member.ids[side], not member.now[target])
    bases[target].difference_update(message.displaced)
    gone = {one.ids[target] for one in message.dropped} | set(message.displaced)
    before = [one for one in ids_of(sides[target].now) if one not in gone]
    met = [one for one in message.added if len(one.moved) == len(BOTH)]
    has_base = any(sides[side].base is not None for side in BOTH)
    return Copy(
        rule=("M4" if target is Side.LEFT else "M3") if has_base else "M8",
        source=target.other,
        sent=raws_of((*before, *(one.ids[target] for one in message.added))),
        lost=sides[target].now if met or message.displaced else None,
        bases={side: raws_of(ordered(bases[side], ids_of(sides[side].now))) for side in BOTH},
    )


def _at_rest(unit: Unit, sides: Sides, settled: Mapping[Side, set[str]]) -> Decision:
    """Move the bases, if there is anything to move."""
    known = [sides[side].base for side in BOTH]
    is_current = all(base is not None and base.version == unit.version for base in known)
    if is_current and all(settled[side] == set(_base_ids(sides[side])) for side in BOTH):
        return Nothing(rule="M1")
    only_adds = all(settled[side] >= set(_base_ids(sides[side])) for side in BOTH)
    bases = {side: raws_of(ordered(settled[side], ids_of(sides[side].now))) for side in BOTH}
    return Settle(rule="M8" if only_adds else "M5", sides=BOTH, bases=bases)


# --- creating -------------------------------------------------------------------------------


def created_members(
    unit: Unit, target: Side, source: Raws, partners: Partners
) -> tuple[Raws, Raws]:
    """Return of a new record's members those that can be said at once: (source's, target's)."""
    found = [
        (one, other)
        for one in ids_of(source)
        if (other := partners.ids.get((terms_of(unit).object, target.other, one))) is not None
    ]
    fitting = found[:1] if is_single(unit, target) else found
    return raws_of(one for one, _ in fitting), raws_of(other for _, other in fitting)


def awaited_for_create(
    unit: Unit, target: Side, source: Raws, partners: Partners, tries: int
) -> tuple[PartnerKey, ...]:
    """Return the records that a new one is to wait for, as long as they may come.

    What the target requires is waited for. So is, for some minutes, the one record of a single
    reference: an app may lock it once the record has moved on.
    """
    keys = [(terms_of(unit).object, target.other, one) for one in ids_of(source)]
    is_patient = is_single(unit, target) and tries < _PATIENT_TRIES
    if not (unit.requires(target) or is_patient) or any(key in partners.ids for key in keys):
        return ()
    return tuple(key for key in keys if partners.absence(key).comes)


# --- waiting --------------------------------------------------------------------------------


def awaited(sync: Sync, link: Link, partners: Partners) -> tuple[PartnerKey, ...]:
    """Return the members of a pair that cannot be said on the other side for now."""
    found: list[PartnerKey] = []
    for unit in sync.associations:
        for side in BOTH:
            end = link.end(side)
            direction = sync.merged(unit)
            if end is None or end.seen is None or direction is None:
                continue
            if not direction.allows(side.other):
                continue
            base = end.base.get(unit.key)
            known = ids_of(base.raws) if base is not None else ()
            for one in ids_of(unit.raws(side, end.seen.values)):
                key = (terms_of(unit).object, side, one)
                if key not in partners.ids and one not in known:
                    found.append(key)
    return tuple(found)


def kept_waiting(
    sync: Sync,
    link: Link,
    missing: Sequence[PartnerKey],
    partners: Partners,
    now_us: int,
    tries: int,
) -> Link:
    """Return the link as due again, ever more seldom, with what it waits for as the reason."""
    object_name, side, one = missing[0]
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    why = partners.absence(missing[0]).reason
    return msgspec.structs.replace(
        link,
        reason=f"{WAITS} {object_name} {one} of {sync.app(side)}{more}: {why}",
        due_us=now_us + min(_FIRST_US << min(tries, 20), _LAST_US),
        attempts=tries + 1,
    )


def tries_of(link: Link, status: Status) -> int:
    """Return how often a link has waited; in another status its attempts are failures."""
    return link.attempts if link.status is status else 0


def waits(link: Link) -> bool:
    """Say whether a link waits for records of other syncs."""
    return link.due_us is not None and link.reason.startswith(WAITS)
