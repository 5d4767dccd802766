"""What a fresh snapshot does to one end of a link, before anything is decided."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from actors.links import Base, End, Late, Link, Seen
from actors.mapping.matchers import keys_of
from actors.mapping.record import Sync
from actors.mapping.units import Unit
from actors.records import Side, Snapshot
from actors.values import Raw

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REMEMBERED_TOKENS = 8


def microseconds(moment: datetime) -> int:
    """Return a moment as whole microseconds since 1970, UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(time_us: int) -> datetime:
    """Return the moment of whole microseconds since 1970, UTC; the inverse of `microseconds`."""
    return _EPOCH + timedelta(microseconds=time_us)


def is_stale(end: End, record: Snapshot) -> bool:
    """Say whether a snapshot is older than what is known of the record (H41).

    Covers rules (b) and (c) of sync-semantics section 1; (a) compares our own clock and is the
    reconciler's.
    """
    if end.seen is None or record.token == end.seen.token:
        return False
    return record.token in end.replaced or microseconds(record.modified_at) < end.seen.modified_us


def observe_link(sync: Sync, link: Link, side: Side, record: Snapshot, now_us: int) -> Link:
    """Return the link once `record` has been read on `side`.

    Where a late write of ours arrived, the other side's base is dropped as well: what it says
    now is to be said here again (H44).
    """
    before = link.end(side)
    end = observe(sync, side, before, record, now_us)
    if link.recover and not end.touched:
        end = msgspec.structs.replace(end, touched=_has_moved(before, record))
    link = link.with_end(side, end)
    return _unsaid(link, side, _rebased(before, end))


def _has_moved(before: End | None, record: Snapshot) -> bool:
    """Say whether a record is not as it was last seen, or was never seen."""
    return before is None or before.seen is None or before.seen.token != record.token


def untouched(link: Link) -> Link:
    """Return the link once it is no longer `recover`: what moved meanwhile is settled."""
    for side in Side:
        end = link.end(side)
        if end is not None and end.touched:
            link = link.with_end(side, msgspec.structs.replace(end, touched=False))
    return link


def _rebased(before: End | None, end: End) -> set[str]:
    """Return the units that now hold a value which we had sent, but not what we knew."""
    known = before.base if before is not None else {}
    return {key for key, base in end.base.items() if known.get(key) != base}


def awaited(before: End, end: End) -> dict[str, tuple[Late, ...]]:
    """Return, by unit, what we had sent long ago and may have arrived with this new version."""
    last = looked_back_to(before)
    if last is None or end.seen is None or last.token == end.seen.token:
        return {}
    return _awaited(before)


def looked_back_to(end: End) -> Seen | None:
    """Return the last snapshot since which late writes of ours have been looked for."""
    return end.owed or end.seen


def _awaited(end: End) -> dict[str, tuple[Late, ...]]:
    """Return what may have arrived since the end was read, however long ago that was."""
    version = end.seen.token if end.seen is not None else None
    kept = {
        key: tuple(one for one in sent if one.token in (None, version))
        for key, sent in end.late.items()
    }
    return {key: sent for key, sent in kept.items() if sent}


def owing(link: Link, side: Side, known: End | None) -> Link:
    """Return the link with a note that late writes are still to be looked for on this side."""
    end = link.end(side)
    if end is None or known is None:
        return link
    return link.with_end(side, msgspec.structs.replace(end, owed=looked_back_to(known)))


def arrivals(sync: Sync, side: Side, before: End, end: End) -> set[str]:
    """Return the units in which a value that we had sent long ago may just have arrived."""
    doubtful = awaited(before, end)
    values = end.seen.values if end.seen is not None else {}
    return {
        unit.key
        for unit in sync.units
        for one in doubtful.get(unit.key, ())
        if unit.same(side, unit.raws(side, values), one.raws)
    }


def recheck(sync: Sync, link: Link, side: Side, now_us: int) -> Link:
    """Return the link after its base on `side` has moved: what stands there may be a late write."""
    end = link.end(side)
    if end is None or end.seen is None or not end.late:
        return link
    base, _ = _arrived(sync, side, end, end.seen.values, now_us, is_new=True)
    rebased = msgspec.structs.replace(end, base=base)
    return _unsaid(link.with_end(side, rebased), side, _rebased(end, rebased))


def _unsaid(link: Link, side: Side, rebased: set[str]) -> Link:
    """Drop the other side's bases of units in which a late write arrived on `side`."""
    other = link.end(side.other)
    if not rebased or other is None:
        return link
    kept = {key: base for key, base in other.base.items() if key not in rebased}
    return link.with_end(side.other, msgspec.structs.replace(other, base=kept))


def observe_foreign(
    sync: Sync, link: Link, side: Side, record: Snapshot, now_us: int, units: set[str]
) -> Link:
    """Observe a record in which somebody has set these units to what may still arrive of ours."""
    before = link.end(side)
    assert before is not None
    others = {key: late for key, late in before.late.items() if key not in units}
    bare = link.with_end(side, msgspec.structs.replace(before, late=others))
    seen = observe_link(sync, bare, side, record, now_us)
    end = seen.end(side)
    assert end is not None
    kept = {key: late for key, late in before.late.items() if key in units}
    return seen.with_end(side, msgspec.structs.replace(end, late={**end.late, **kept}))


def as_edited(sync: Sync, link: Link, side: Side, before: Link, units: set[str]) -> Link:
    """Return a link in which these units, taken for late writes of ours, count as edits.

    Args:
        before: the link before the end on `side` was observed.
    """
    known, end, other = before.end(side), link.end(side), link.end(side.other)
    if not units or known is None or end is None or end.seen is None:
        return link
    moved = {
        unit.key: _edit_interval(unit, side, known, end.seen)
        for unit in sync.units
        if unit.key in units
    }
    edited = _with_bases(end, known, units)
    link = link.with_end(side, msgspec.structs.replace(edited, moved={**edited.moved, **moved}))
    told = before.end(side.other)
    if other is None or told is None:
        return link
    return link.with_end(side.other, _with_bases(other, told, units))


def _with_bases(end: End, earlier: End, units: set[str]) -> End:
    """Return the end with the bases of these units as they were."""
    base = {key: one for key, one in end.base.items() if key not in units}
    base |= {key: one for key, one in earlier.base.items() if key in units}
    return msgspec.structs.replace(end, base=base)


def remembered(end: End, unit: str, late: Late) -> End:
    """Return the end with a value that was sent with unknown outcome and may still arrive."""
    kept = tuple(one for one in end.late.get(unit, ()) if one.raws != late.raws)
    return msgspec.structs.replace(end, late={**end.late, unit: (*kept, late)})


def seen_of(sync: Sync, record: Snapshot) -> Seen:
    """Return the snapshot as an end keeps it."""
    return Seen(record.token, microseconds(record.modified_at), record.values, sync.version)


def observe(sync: Sync, side: Side, end: End | None, record: Snapshot, now_us: int) -> End:
    """Return the end as it stands once `record` has been read.

    Bases stay, except those of fields that are no longer mapped (H25), and where a value that
    we sent with unknown outcome has arrived late (H44): that is our write, not an edit. Such a
    value stays remembered until its time is over: what arrived may have been a repetition. The
    time of an edit is that of the first snapshot that showed it.
    """
    before = end or End(id=record.id)
    seen = seen_of(sync, record)
    last = looked_back_to(before)
    is_new = last is None or last.token != record.token
    base, late = _arrived(sync, side, before, record.values, now_us, is_new=is_new)
    moved = {key: at for key, at in before.moved.items() if key in sync.paused}
    for unit in sync.units:
        settled = base.get(unit.key)
        raws = unit.raws(side, record.values)
        if settled is None or not unit.same(side, raws, settled.raws):
            moved[unit.key] = _edit_interval(unit, side, before, seen)
    return End(
        id=record.id,
        seen=seen,
        base=base,
        moved=moved,
        replaced=_replaced(before, seen),
        late=late,
        outside=before.outside,
        keys=keys_of(sync.matchers, side, record.values),
        chosen=before.chosen,
        asked=before.asked,
        followed=before.followed,
        consent=before.consent,
        touched=before.touched,
    )


def _edit_interval(unit: Unit, side: Side, before: End, seen: Seen) -> tuple[int, int]:
    """Return when the unit got its present value: (earliest, latest)."""
    last = before.seen
    if last is None or (unit.key in before.base and _was_unread(unit, side, last, seen)):
        return (0, seen.modified_us)
    if unit.raws(side, last.values) == unit.raws(side, seen.values):
        return before.moved.get(unit.key, (0, last.modified_us))
    return (min(last.modified_us, seen.modified_us), seen.modified_us)


def _was_unread(unit: Unit, side: Side, last: Seen, seen: Seen) -> bool:
    """Say whether the last snapshot was taken while the unit, which has a base, was paused."""
    names = [member.name for member in unit.members(side)]
    return last.config != seen.config and not any(name in last.values for name in names)


def _replaced(before: End, seen: Seen) -> tuple[str, ...]:
    last = before.seen
    if last is None or last.token == seen.token:
        return tuple(token for token in before.replaced if token != seen.token)
    kept = [token for token in before.replaced if token not in (seen.token, last.token)]
    return (*kept, last.token)[-_REMEMBERED_TOKENS:]


def _arrived(
    sync: Sync,
    side: Side,
    end: End,
    values: dict[str, Raw],
    now_us: int,
    *,
    is_new: bool,
) -> tuple[dict[str, Base], dict[str, tuple[Late, ...]]]:
    mapped = sync.by_key.keys() | sync.paused
    base = {key: settled for key, settled in end.base.items() if key in mapped}
    possible = {key: sent for key, sent in _awaited(end).items() if key in mapped}
    late = {
        key: kept
        for key, sent in possible.items()
        if (kept := tuple(one for one in sent if one.until_us > now_us))
    }
    if not possible or not is_new:
        return base, late
    for unit in sync.units:
        settled, raws = base.get(unit.key), unit.raws(side, values)
        if settled is not None and unit.same(side, raws, settled.raws):
            continue
        if any(unit.same(side, raws, one.raws) for one in possible.get(unit.key, ())):
            base[unit.key] = Base(unit.version, raws)
    return base, late
