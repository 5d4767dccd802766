"""Departures: what a delete in one app means for the counterpart in the other (F29). Pure.

By default nothing: the link becomes a tombstone and the survivor stops syncing. Where the
configuration asks for it, the survivor is archived or marked once, unless it was edited since,
there are too many at once, or somebody brought it back. What returns lifts all of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec
from msgspec import Struct

from actors import scope
from actors.errors import OutsideDomainError
from actors.intents import Intent, IntentKind, UnitWrite
from actors.links import Change, Consent, End, Followed, Link, Status, Step
from actors.mapping.record import Follow, Sync
from actors.merge import BOTH
from actors.observing import observe_link
from actors.records import Departure, Side, Snapshot
from actors.values import Raw

GONE_WORDS = {
    Departure.ARCHIVED: "archived",
    Departure.DELETED: "deleted",
    Departure.MERGED: "merged into another record",
    Departure.HIDDEN: "not visible",
}

REMOVED = (Departure.ARCHIVED, Departure.DELETED)
"""Proven deletes: a merged record goes on elsewhere, a hidden one may be there."""

RULE = "deleted"
"""The rule of what follows a delete, in intents and history."""

_ONE_US = timedelta(microseconds=1)
_ARRIVES_WITHIN_US = timedelta(hours=1) // _ONE_US
"""How late an order of unknown outcome may still arrive, and its arrival be noticed."""

_SOON_US = timedelta(seconds=2) // _ONE_US


class Parting(Struct, frozen=True, kw_only=True):
    """What becomes of a pair of which a record is gone, or was.

    Attributes:
        kind: what is to be done to the record on `side`, or None if nothing is.
        units: what that record must still hold for it.
        values: what it is marked with.
    """

    link: Link
    kind: IntentKind | None = None
    side: Side = Side.LEFT
    units: tuple[UnitWrite, ...] = ()
    values: dict[str, Raw] = {}


def departed(link: Link) -> tuple[Side, ...]:
    """Return the sides whose record is gone."""
    return tuple(side for side in BOTH if (end := link.end(side)) is not None and end.gone)


# --- one or both are gone -------------------------------------------------------------------


def decide_departed(sync: Sync, link: Link, *, now_us: int, left: int | None) -> Parting:
    """Decide a pair of which at least one record is gone.

    Args:
        left: how many deletes may still be followed now; None for any number.
    """
    gone = departed(link)
    if any(_end(link, side).gone is Departure.HIDDEN for side in gone):
        hidden = next(side for side in gone if _end(link, side).gone is Departure.HIDDEN)
        reason = f"{sync.app(hidden)} no longer shows the record; it is not deleted"
        return _still(link, Status.FAILING, reason)
    if len(gone) == len(BOTH):
        return _still(link, Status.EXCLUDED, _both_gone(sync, link))
    if _end(link, gone[0]).gone is Departure.MERGED:
        return _merged(sync, link, gone[0], now_us)
    followed = _end(link, gone[0]).followed
    if followed is not None and followed.step is Step.ARCHIVE and followed.done:
        return _restored(sync, link, gone[0], followed, now_us)
    return _follow(sync, link, gone[0], now_us=now_us, left=left)


def _both_gone(sync: Sync, link: Link) -> str:
    for side in BOTH:
        followed = _end(link, side).followed
        if followed is not None and followed.step is Step.ARCHIVE and followed.done:
            return f"{_gone(sync, link, side.other)}; so was its record in {sync.app(side)}"
    return "gone in both apps"


def _merged(sync: Sync, link: Link, side: Side, now_us: int) -> Parting:
    """A merged record's link moves to the survivor, or waits as a twin for a person."""
    if link.status is Status.HELD:
        return Parting(link=link)
    reason = f"merged in {sync.app(side)}; the survivor is read"
    return Parting(link=_with(link, Status.PENDING, reason, now_us + _SOON_US))


def _restored(sync: Sync, link: Link, side: Side, followed: Followed, now_us: int) -> Parting:
    """The record whose delete had been followed is back: so shall its counterpart be."""
    app, other = sync.app(side), sync.app(side.other)
    end, returned = _end(link, side), _end(link, side.other)
    out = sync.unmapped(side.other, returned.seen.values if returned.seen is not None else {})
    if out:  # it takes no part now: its counterpart stays as it is
        return Parting(link=_with(link, Status.EXCLUDED, f"{other}: {out}"))
    if end.gone is Departure.ARCHIVED and sync.schema(side).restores:
        reason = f"restored in {other}; to be brought back in {app}"
        ordered = msgspec.structs.replace(followed, at_us=now_us)
        link = link.with_end(side, msgspec.structs.replace(end, followed=ordered))
        return Parting(link=_with(link, Status.PENDING, reason), kind=IntentKind.RESTORE, side=side)
    how = "restore it there" if end.gone is Departure.ARCHIVED else "it was deleted for good"
    reason = f"restored in {other}; {app} cannot bring back its record by its API: {how}"
    return _still(link, Status.HELD, reason)


def _follow(sync: Sync, link: Link, side: Side, *, now_us: int, left: int | None) -> Parting:
    survivor = side.other
    end, wanted = _end(link, survivor), sync.deletes.get(survivor)
    gone, app = _gone(sync, link, side), sync.app(survivor)
    if end.followed is not None and end.followed.done:
        return _still(link, Status.EXCLUDED, f"{gone}; {_done(app, end.followed)}")
    kept = f"{gone}; {app} keeps its record"
    if wanted is None or _is_left_out(sync, link, now_us):
        return _still(link, Status.EXCLUDED, kept)
    if end.seen is None:
        reason = f"{gone}; {app}'s record is read first"
        return Parting(link=_with(link, Status.PENDING, reason, now_us + _SOON_US))
    values = wanted.values_for(end.seen.values)
    if values is None:
        return _still(link, Status.EXCLUDED, f"{kept}: its pipeline has no such stage")
    if end.consent is not Consent.GIVEN:
        why, consent = _objection(sync, link, survivor, left)
        if why:
            end = msgspec.structs.replace(end, consent=consent)
            reason = f"{gone}; {app}'s record is {_verb(wanted)} only when approved: {why}"
            return _still(link.with_end(survivor, end), Status.HELD, reason)
    return _ordered(sync, link, survivor, wanted, values, now_us)


def _is_left_out(sync: Sync, link: Link, now_us: int) -> bool:
    """Records that did not take part are not touched (I7)."""
    if any(_end(link, side).outside for side in BOTH):
        return True
    return bool(scope.unmapped(sync, link) or scope.filtered(sync, link, now_us))


def _objection(
    sync: Sync, link: Link, survivor: Side, left: int | None
) -> tuple[str, Consent | None]:
    """Return why a delete is not simply followed, and what is to be remembered of that."""
    end = _end(link, survivor)
    if end.consent is Consent.RETURNED:
        return f"it was brought back in {sync.app(survivor)}", end.consent
    if link.recover or not end.base:
        return "whether it was edited is not known", end.consent
    if edited := _edited(sync, link, survivor):
        return f"it was edited there ({', '.join(edited)})", end.consent
    if end.consent is Consent.LIMIT or (left is not None and left <= 0 and end.followed is None):
        return (
            f"too many were deleted within an hour (limits: deletes: {sync.spec.delete_limit})",
            (Consent.LIMIT),
        )
    return "", None


def _edited(sync: Sync, link: Link, survivor: Side) -> list[str]:
    """Return the fields of the survivor that say something else than when they settled."""
    end = _end(link, survivor)
    values = end.seen.values if end.seen is not None else {}
    found = []
    for unit in sync.units:
        base = end.base.get(unit.key)
        raws = unit.raws(survivor, values)
        if base is None or raws == base.raws or unit.association is not None:
            continue  # members go of themselves when their records do
        try:
            is_same = unit.same(survivor, raws, base.raws)
        except OutsideDomainError:
            is_same = False
        if not is_same:
            found.append(unit.members(survivor)[-1].name)
    return found


def _ordered(
    sync: Sync, link: Link, side: Side, wanted: Follow, values: dict[str, Raw], now_us: int
) -> Parting:
    end = _end(link, side)
    held = end.seen.values if end.seen is not None else {}
    before = {name: held.get(name) for name in values}
    late_us = end.followed.late_us if end.followed is not None else 0
    followed = Followed(wanted.step, now_us, False, before, values, late_us)
    link = link.with_end(side, msgspec.structs.replace(end, followed=followed))
    reason = f"{_gone(sync, link, side.other)}; to be {_verb(wanted)} in {sync.app(side)}"
    return Parting(
        link=_with(link, Status.PENDING, reason),
        kind=IntentKind.ARCHIVE if wanted.step is Step.ARCHIVE else IntentKind.MARK,
        side=side,
        units=_expected(sync, side, held),
        values=values,
    )


def _expected(sync: Sync, side: Side, held: Mapping[str, Raw]) -> tuple[UnitWrite, ...]:
    """Return what the record holds, for the last look before it is touched."""
    return tuple(
        UnitWrite(
            unit=unit.key,
            version=unit.version,
            source=(),
            sent=unit.raws(side, held),
            expected=unit.raws(side, held),
            rule=RULE,
        )
        for unit in sync.units
        if unit.association is None
    )


# --- both are there again -------------------------------------------------------------------


def decide_returned(sync: Sync, link: Link, now_us: int) -> Parting | None:
    """Take back the mark of a record whose counterpart is there again; None if there is none."""
    for side in BOTH:
        followed = _end(link, side).followed
        if followed is None or followed.step is not Step.MARK or not _stands(link, side):
            continue
        end = msgspec.structs.replace(
            _end(link, side), followed=msgspec.structs.replace(followed, at_us=now_us)
        )
        app = sync.app(side)
        reason = f"restored in {sync.app(side.other)}; its mark in {app} is to be taken back"
        seen = end.seen
        return Parting(
            link=_with(link.with_end(side, end), Status.PENDING, reason),
            kind=IntentKind.MARK,
            side=side,
            units=_expected(sync, side, seen.values if seen is not None else {}),
            values=followed.before,
        )
    return None


def _stands(link: Link, side: Side) -> bool:
    """Say whether a record still holds what it was marked with, and had held something else."""
    end = _end(link, side)
    followed, held = end.followed, end.seen.values if end.seen is not None else {}
    if followed is None or followed.values == followed.before:
        return False
    return all(held.get(name) == raw for name, raw in followed.values.items())


def lifted(link: Link, now_us: int) -> Link:
    """Return the link of two records that are there, without what followed a delete.

    An order that may still arrive is kept in mind for a while: it would not be a person's doing.
    """
    for side in BOTH:
        end = link.end(side)
        if end is None or (end.followed is None and end.consent is None):
            continue
        followed = end.followed
        if followed is not None:
            followed = _awaited(followed, now_us)
        link = link.with_end(side, msgspec.structs.replace(end, followed=followed, consent=None))
    return link


def _awaited(followed: Followed, now_us: int) -> Followed | None:
    """Return what is left of an order once it no longer holds: what may still arrive of it."""
    if now_us >= followed.late_us:
        return None
    return msgspec.structs.replace(followed, done=False)


def doubted(link: Link, side: Side, now_us: int) -> Link:
    """Return the link once an order without an answer was not found done: it may come late."""
    end = link.end(side)
    if end is None or end.followed is None:
        return link
    late_us = now_us + _ARRIVES_WITHIN_US
    followed = msgspec.structs.replace(end.followed, late_us=late_us)
    return link.with_end(side, msgspec.structs.replace(end, followed=followed))


# --- facts ----------------------------------------------------------------------------------


def gone_end(end: End, how: Departure, now_us: int, *, ours: bool | None = None) -> End:
    """Return the end of a record that was found to be gone.

    Args:
        ours: it is known to be tieline's doing, or not to be; None if it was only found so:
            then it is ours if an order to archive it may just have arrived.
    """
    followed = end.followed
    if followed is not None and followed.step is Step.ARCHIVE and end.gone is None:
        is_ours = (followed.done or now_us < followed.late_us) if ours is None else ours
        followed = msgspec.structs.replace(followed, done=True) if is_ours else None
    return msgspec.structs.replace(end, gone=how, followed=followed)


def came_back(link: Link, side: Side) -> Link:
    """Return the link once the record on `side`, which was gone, has been read alive.

    If the other one is gone as well, bringing this one back was somebody's will.
    """
    end, other = link.end(side), link.end(side.other)
    if end is None or other is None or other.gone is None or end.followed is not None:
        return link
    if other.followed is not None and other.followed.done:
        return link
    return link.with_end(side, msgspec.structs.replace(end, consent=Consent.RETURNED))


def approve(link: Link) -> Link | None:
    """Return the link with a person's word that its delete may be followed; None if none waits.

    The link is then to be read and decided again: what was edited since is held again.
    """
    if link.status is not Status.HELD or link.left is None or link.right is None:
        return None
    for side in departed(link):
        gone, end = _end(link, side), _end(link, side.other)
        is_theirs = gone.followed is None or not gone.followed.done
        if gone.gone in REMOVED and is_theirs and end.gone is None:
            given = msgspec.structs.replace(end, consent=Consent.GIVEN)
            return link.with_end(side.other, given)
    return None


def is_counted(before: Link | None, side: Side, kind: IntentKind) -> bool:
    """Say whether an order is a further delete, and not a repetition or the end of one."""
    end = before.end(side) if before is not None else None
    is_first = end is None or end.followed is None
    return kind in (IntentKind.ARCHIVE, IntentKind.MARK) and is_first


# --- outcomes -------------------------------------------------------------------------------


def archived(link: Link, side: Side, how: Departure, now_us: int) -> Link:
    """Return the link once the app has archived the record as ordered."""
    return link.with_end(side, gone_end(_end(link, side), how, now_us, ours=True))


def carried_out(sync: Sync, link: Link, intent: Intent, stored: Snapshot, now_us: int) -> Link:
    """Return the link once a mark was set or taken back, or a record was brought back."""
    link = observe_link(sync, link, intent.side, stored, now_us)
    end, other = _end(link, intent.side), link.end(intent.side.other)
    followed = end.followed
    is_over = other is None or other.gone is None
    if followed is not None:
        done = msgspec.structs.replace(followed, done=True)
        followed = _awaited(followed, now_us) if is_over else done
    return link.with_end(intent.side, msgspec.structs.replace(end, followed=followed))


def is_marked(intent: Intent, link: Link, current: Snapshot) -> bool:
    """Say whether a mark of unknown outcome has arrived: the record moved from what it held.

    An app may hold it in another form than it was sent in.
    """
    end = link.end(intent.side)
    held = end.seen.values if end is not None and end.seen is not None else {}
    return any(
        current.values.get(name) == raw or current.values.get(name) != held.get(name)
        for name, raw in intent.values.items()
    )


def withdrawn(link: Link, side: Side) -> Link:
    """Return the link without a person's word: the record moved since it was given."""
    end = link.end(side)
    if end is None or end.consent is not Consent.GIVEN:
        return link
    return link.with_end(side, msgspec.structs.replace(end, consent=None))


def lines(sync: Sync, link: Link, intent: Intent, now_us: int) -> tuple[Change, ...]:
    """Return the lines of history of an order that was carried out."""
    record_id = intent.record_id or ""

    def line(unit: str, before: tuple[Raw, ...], after: tuple[Raw, ...]) -> Change:
        return Change(
            sync=sync.name,
            link=link.id,
            side=intent.side,
            record_id=record_id,
            unit=unit,
            rule=intent.kind.value,
            before=before,
            after=after,
            at_us=now_us,
        )

    if intent.kind is not IntentKind.MARK:
        return (line("*", (), ()),)
    end = link.end(intent.side)
    held = end.seen.values if end is not None and end.seen is not None else {}
    return tuple(line(name, (held.get(name),), (raw,)) for name, raw in intent.values.items())


# --- words ----------------------------------------------------------------------------------


def _end(link: Link, side: Side) -> End:
    end = link.end(side)
    assert end is not None, f"link {link.id} has no {side.value} end"
    return end


def _gone(sync: Sync, link: Link, side: Side) -> str:
    how = _end(link, side).gone
    assert how is not None
    return f"{GONE_WORDS[how]} in {sync.app(side)}"


def _verb(wanted: Follow) -> str:
    return "archived" if wanted.step is Step.ARCHIVE else "marked"


def _done(app: str, followed: Followed) -> str:
    if followed.step is Step.MARK:
        return f"{app}'s record was marked"
    return f"{app}'s record was brought back and stays"


def _with(link: Link, status: Status, reason: str, due_us: int | None = None) -> Link:
    return msgspec.structs.replace(link, status=status, reason=reason, due_us=due_us)


def _still(link: Link, status: Status, reason: str) -> Parting:
    return Parting(link=_with(link, status, reason))
