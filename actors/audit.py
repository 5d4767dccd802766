"""The audit of a write: edits that it overwrote unseen are weighed like any other (6.3). Pure.

An app without an optimistic lock leaves a gap between our last reading and our write. Where it
keeps history, what was lost in the gap is found, merged by M6 and M7, and never silent.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from itertools import dropwhile, takewhile

import msgspec
from msgspec import Struct

from actors.deciding import Draft
from actors.errors import OutsideDomainError
from actors.intents import Done, Intent, IntentKind, UnitWrite
from actors.links import Base, Change, Conflict, End, Link
from actors.mapping.record import Sync
from actors.mapping.units import Member, Unit
from actors.merge import Ask, Copy, Observed, Refuse, Settle, Undated, decide_unit
from actors.observing import awaited, looked_back_to, microseconds, moment
from actors.records import Edit, Side
from actors.values import Raw, parse


class Audit(Struct, frozen=True, kw_only=True):
    """What follows from overwritten edits; `drafts` put winners back."""

    drafts: tuple[Draft, ...] = ()
    history: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


def hidden_edits(
    units: Iterable[Unit], intent: Intent, history: Mapping[tuple[str, str], tuple[Edit, ...]]
) -> dict[str, Edit]:
    """Return, by field, what people had there that `intent` overwrote without having seen it.

    Args:
        units: those of the intent that are to be looked at.
        history: by (record id, field), newest first.
    """
    by_key, since = {unit.key: unit for unit in units}, moment(intent.seen_us)
    found: dict[str, Edit] = {}
    for write in intent.units:
        if write.unit not in by_key or write.expected is None:
            continue
        if by_key[write.unit].association is not None:
            continue  # a set is merged by members: nothing in it is overwritten unseen
        unit, members = by_key[write.unit], by_key[write.unit].members(intent.side)
        traced = {m.name: history.get((intent.record_id or "", m.name), ()) for m in members}
        below = {
            member.name: edit
            for member, sent in zip(members, write.sent, strict=True)
            if (edit := _beneath_first(member, traced[member.name], sent, since)) is not None
        }
        hidden = _had(traced, below, write.expected)
        if below and not (
            _is(unit, intent.side, hidden, write.expected)
            or _is(unit, intent.side, hidden, write.sent)
        ):
            found |= below
    return found


def _had(
    names: Iterable[str], below: Mapping[str, Edit], otherwise: Iterable[Raw]
) -> tuple[Raw, ...]:
    """Return a unit's raws as they were under our write; a field without an edit as known."""
    return tuple(
        (below[name].value or None) if name in below else raw
        for name, raw in zip(names, otherwise, strict=True)
    )


def _is(unit: Unit, side: Side, one: tuple[Raw, ...], two: tuple[Raw, ...]) -> bool:
    """Say whether two raws of a side are the same; what cannot be read is only itself."""
    try:
        return unit.same(side, one, two)
    except OutsideDomainError:
        return False


def _is_raw(member: Member, one: Raw, two: Raw) -> bool:
    if (one or None) == (two or None):
        return True
    try:
        return parse(member.kind, one) == parse(member.kind, two)
    except OutsideDomainError:
        return False


def _beneath(member: Member, edits: Iterable[Edit], sent: Raw, since: datetime) -> Edit | None:
    """Return the newest edit by somebody else, since our reading, that our write stands on.

    What lies above our write was made after it. A value that we did not change has no entry of
    ours: then somebody's entry of that very value is what our write stands on.
    """
    is_reached = False
    for edit in edits:
        if edit.at <= since:
            return None
        is_reached = is_reached or _is_raw(member, edit.value, sent)
        if is_reached and not edit.ours:
            return edit
    return None


def _beneath_first(
    member: Member, edits: Iterable[Edit], sent: Raw, since: datetime
) -> Edit | None:
    """Return what the first arrival of our value stands on.

    Where it arrived again, late, people had seen it in between: that is `overwritten_late`'s.
    """
    recent = list(takewhile(lambda edit: edit.at > since, edits))
    arrived = (i for i, e in enumerate(recent) if e.ours and _is_raw(member, e.value, sent))
    return _beneath(member, recent[max(arrived, default=0) :], sent, since)


def audit_write(
    sync: Sync,
    link: Link,
    intent: Intent,
    done: Done,
    edits: Mapping[str, Edit],
    now_us: int,
    offset_us: int,
) -> Audit:
    """Weigh what `intent` overwrote.

    Args:
        edits: by native field, somebody's edit that lies below our value in the history.
        offset_us: how far the target's clock is ahead of ours; taken off the edits' times.
    """
    units = {unit.key: unit for unit in sync.units}
    returns: list[UnitWrite] = []
    history: list[Change] = []
    conflicts: list[Conflict] = []
    for write in intent.units:
        unit = units.get(write.unit)
        names = [member.name for member in unit.members(intent.side)] if unit else []
        if unit is None or write.expected is None or not any(name in edits for name in names):
            continue
        hidden = _had(names, edits, write.expected)
        at = max(microseconds(edits[name].at) for name in names if name in edits) - offset_us
        verdict = decide_unit(unit, *_contest(intent, write, hidden, at))
        assert not isinstance(verdict, Undated), "an overwritten edit has its time"
        if not isinstance(verdict, Copy | Ask | Refuse):
            says_the_same = isinstance(verdict, Settle)
            if says_the_same and not _is(unit, intent.side, hidden, write.sent):
                history.append(_lost(sync, link, intent, write, hidden, now_us, verdict.rule))
            continue
        wins = isinstance(verdict, Copy) and verdict.source is intent.side
        history.append(_lost(sync, link, intent, write, hidden, now_us, verdict.rule))
        if not isinstance(verdict, Refuse) and verdict.clash:
            conflict = _conflict(sync, link, intent, write, hidden, at, now_us, wins)
            conflicts.append(msgspec.structs.replace(conflict, uncertain=verdict.uncertain))
        if wins and isinstance(verdict, Copy):
            history.append(_beaten(sync, link, intent, write, verdict, now_us))
            returns.append(_back(unit, intent, write, hidden, done, verdict.rule))
    drafts = (_draft(sync, link, intent.side, returns),) if returns else ()
    return Audit(drafts=drafts, history=tuple(history), conflicts=tuple(conflicts))


def overrun(
    sync: Sync, link: Link, intent: Intent, edits: Mapping[str, Edit], now_us: int
) -> tuple[Change, ...]:
    """Put on record what `intent` overwrote where somebody has edited again since.

    Nothing is weighed: what stands there now was set by one who saw our value.
    """
    found: list[Change] = []
    for write in intent.units:
        unit = sync.by_key.get(write.unit)
        names = [member.name for member in unit.members(intent.side)] if unit else []
        if write.expected is not None and any(name in edits for name in names):
            hidden = _had(names, edits, write.expected)
            found.append(_lost(sync, link, intent, write, hidden, now_us, "unseen"))
    return tuple(found)


def _contest(
    intent: Intent, write: UnitWrite, hidden: tuple[Raw, ...], at: int
) -> tuple[Observed, Observed]:
    """The overwritten edit against the one that we copied, as if both had just been read."""
    ours = Observed(now=write.source, base=None, edited=write.edited)
    theirs = Observed(now=hidden, base=Base(write.version, write.expected or ()), edited=(at, at))
    return (theirs, ours) if intent.side is Side.LEFT else (ours, theirs)


def _beaten(
    sync: Sync, link: Link, intent: Intent, write: UnitWrite, verdict: Copy, now_us: int
) -> Change:
    """What we had copied loses, where it came from: the overwritten edit travels there."""
    source = link.end(intent.side.other)
    return Change(
        sync=sync.name,
        link=link.id,
        side=intent.side.other,
        record_id=source.id if source is not None else "",
        unit=write.unit,
        rule=f"{verdict.rule} audit",
        before=write.source,
        after=verdict.sent,
        at_us=now_us,
        lost=True,
    )


def _lost(
    sync: Sync,
    link: Link,
    intent: Intent,
    write: UnitWrite,
    hidden: tuple[Raw, ...],
    now_us: int,
    rule: str,
) -> Change:
    return Change(
        sync=sync.name,
        link=link.id,
        side=intent.side,
        record_id=intent.record_id or "",
        unit=write.unit,
        rule=f"{rule} audit",
        before=hidden,
        after=write.sent,
        at_us=now_us,
        lost=True,
    )


def _conflict(
    sync: Sync,
    link: Link,
    intent: Intent,
    write: UnitWrite,
    hidden: tuple[Raw, ...],
    at: int,
    now_us: int,
    wins: bool,
) -> Conflict:
    on_left = intent.side is Side.LEFT
    return Conflict(
        sync=sync.name,
        link=link.id,
        unit=write.unit,
        left=hidden if on_left else write.source,
        right=write.source if on_left else hidden,
        left_us=at if on_left else write.edited[1],
        right_us=write.edited[1] if on_left else at,
        rule="M7 audit",
        winner=intent.side if wins else intent.side.other,
        outcome="open" if wins else "copied",
        at_us=now_us,
    )


def _back(
    unit: Unit, intent: Intent, write: UnitWrite, hidden: tuple[Raw, ...], done: Done, rule: str
) -> UnitWrite:
    """The overwritten edit won: it is put back where it was made, and travels from there.

    One write, not one to each side: what the other side says by then is weighed like ever.
    """
    return UnitWrite(
        unit=unit.key,
        version=unit.version,
        source=write.source,
        sent=hidden,
        expected=unit.raws(intent.side, done.stored.values),
        rule=f"{rule} audit",
        comes_back=True,
    )


def _draft(sync: Sync, link: Link, side: Side, writes: list[UnitWrite]) -> Draft:
    units = {unit.key: unit for unit in sync.units}
    end = link.end(side)
    assert end is not None
    values: dict[str, Raw] = {}
    for write in writes:
        values |= units[write.unit].native(side, write.sent)
    return Draft(
        side=side,
        kind=IntentKind.UPDATE,
        units=tuple(writes),
        values=values,
        record_id=end.id,
        token=end.seen.token if end.seen is not None else None,
        seen_us=end.seen.modified_us if end.seen is not None else 0,
    )


def overwritten_late(
    sync: Sync,
    link: Link,
    side: Side,
    before: End,
    history: Mapping[tuple[str, str], tuple[Edit, ...]],
    now_us: int,
    *,
    written: Container[str] = (),
) -> tuple[Change, ...]:
    """Return what stood in a record before a late write of ours arrived, for the history (H44).

    Args:
        before: the end as it was known until then: an edit seen but not yet settled is lost.
        history: by (record id, field), newest first: it knows edits that were never read.
        written: units that a write of ours has just brought about, if the end came with its
            answer: the newest of our entries there is that write's.
    """
    end = link.end(side)
    assert end is not None and end.seen is not None
    found: list[Change] = []
    doubtful = awaited(before, end)
    for unit in sync.units:
        for late in doubtful.get(unit.key, ()):
            is_read = unit.key not in written
            lost = _run_over(unit, side, before, end, late.raws, history, is_read=is_read)
            if lost is not None:
                change = Change(
                    sync=sync.name,
                    link=link.id,
                    side=side,
                    record_id=end.id,
                    unit=unit.key,
                    rule="late write",
                    before=lost,
                    after=late.raws,
                    at_us=now_us,
                    lost=True,
                )
                found.append(change)
    return tuple(found)


def _run_over(
    unit: Unit,
    side: Side,
    before: End,
    end: End,
    sent: tuple[Raw, ...],
    history: Mapping[tuple[str, str], tuple[Edit, ...]],
    *,
    is_read: bool,
) -> tuple[Raw, ...] | None:
    """Return the unseen value on which a late write of `sent` arrived, or None if there is none."""
    last = looked_back_to(before)
    assert last is not None and end.seen is not None
    now, known = unit.raws(side, end.seen.values), unit.raws(side, last.values)
    since, members = moment(last.modified_us), unit.members(side)
    below = {
        member.name: edit
        for member, raw in zip(members, sent, strict=True)
        if (edit := _beneath_ours(member, history.get((end.id, member.name), ()), raw, since))
    }
    traced = {member.name: history.get((end.id, member.name), ()) for member in members}
    tops = [edits[0] for edits in traced.values() if edits]
    stands = _is(unit, side, now, sent) and (not tops or any(top.ours for top in tops))
    came = (
        is_read
        and not stands
        and any(
            edit.ours and edit.at > since and _is_raw(member, edit.value, raw)
            for member, raw in zip(members, sent, strict=True)
            for edit in traced[member.name]
        )
    )
    if not (below or stands or came):
        return None
    lost = _had(traced, below, known)
    settled = before.base.get(unit.key)
    is_said_again = stands and settled is not None and _is(unit, side, lost, settled.raws)
    return None if is_said_again or _is(unit, side, lost, sent) else lost


def _beneath_ours(member: Member, edits: Iterable[Edit], sent: Raw, since: datetime) -> Edit | None:
    """Return the newest edit by somebody else, since our reading, under an entry of our own."""
    recent = takewhile(lambda edit: edit.at > since, edits)
    under = dropwhile(lambda edit: not (edit.ours and _is_raw(member, edit.value, sent)), recent)
    return next((edit for edit in under if not edit.ours), None)


def disproved(
    sync: Sync,
    side: Side,
    end: End,
    arrived: Iterable[str],
    history: Mapping[tuple[str, str], tuple[Edit, ...]],
) -> set[str]:
    """Return those units whose value looks like a late write of ours, but was set by somebody."""
    newest = {
        unit.key: [history.get((end.id, member.name), ())[:1] for member in unit.members(side)]
        for unit in sync.units
        if unit.key in set(arrived)
    }
    return {
        key
        for key, tops in newest.items()
        if (known := [edit for top in tops for edit in top])
        and not _is_maybe_ours(max(known, key=lambda edit: edit.at))
    }


def _is_maybe_ours(edit: Edit) -> bool:
    return edit.ours or edit.may_be_ours
