"""What an intent's outcome does to its link. Pure.

The rule that matters (H8): after our own write only the written units settle; everything else
in the app's answer is a fresh snapshot like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import takewhile

import msgspec
from msgspec import Struct

from actors import choices
from actors.audit import disproved
from actors.bases import settle, settle_all
from actors.intents import Done, Intent, IntentKind, UnitWrite
from actors.links import Base, Change, End, Late, Link
from actors.mapping.linked import ids_of, ordered, raws_of
from actors.mapping.record import Sync
from actors.mapping.units import Unit
from actors.messages import Trace
from actors.observing import (
    arrivals,
    microseconds,
    observe,
    observe_foreign,
    observe_link,
    recheck,
    remembered,
)
from actors.records import Edit, Side, Snapshot
from actors.values import Raw

_CREATED_BEFORE = timedelta(minutes=1)
"""A keyed record that is older than its intent by more than this is not that intent's doing."""


class Settlement(Struct, frozen=True, kw_only=True):
    """A link after an outcome, with what to remember and what is still wrong.

    Attributes:
        refused: reasons by native field for what the app did not bring about.
    """

    link: Link
    history: tuple[Change, ...] = ()
    refused: dict[str, str] = {}


def settle_done(sync: Sync, link: Link, intent: Intent, done: Done, now_us: int) -> Settlement:
    """Settle an intent that the app carried out, from the record as the app stored it."""
    target, source = intent.side, intent.side.other
    link = observe_link(sync, link, target, done.stored, now_us)
    answer, origin = link.end(target), link.end(source)
    assert answer is not None
    assert origin is not None, f"link {link.id} lost the source of intent {intent.id}"
    answered: list[tuple[Unit, Base]] = []
    told: list[tuple[Unit, Base]] = []
    refused = dict(done.refused)
    for unit, write in _written(sync, intent):
        if write.comes_back:
            continue  # the person's own edit, put back: it is still to be told to the other side
        stored = unit.raws(target, done.stored.values)
        if write.base is not None:
            refused |= _not_kept(unit, target, write, stored)
        is_refused = _is_refused(unit, target, refused)
        if write.base is not None:
            if not is_refused:
                answered.append((unit, Base(write.version, _linked_base(intent, write, stored))))
                told.append((unit, Base(write.version, write.source)))
            continue
        answered.append((unit, Base(write.version, stored if done.proven else write.sent)))
        if not is_refused:
            told.append((unit, Base(write.version, write.source)))
        elif unit.key not in origin.base:
            nothing: tuple[Raw, ...] = (None,) * len(write.source)
            origin = _based(origin, unit, nothing, write.version)
    settled = link.with_end(target, settle_all(target, answer, answered))
    settled = settled.with_end(source, settle_all(source, origin, told))
    for unit, write in _written(sync, intent):
        if write.rule in choices.RULES and not _is_refused(unit, target, refused):
            settled = choices.carried_out(unit, settled, target)
    return Settlement(
        link=recheck(sync, settled, source, now_us),
        history=_history(sync, link, intent, done.stored, now_us),
        refused=refused,
    )


def _not_kept(
    unit: Unit, target: Side, write: UnitWrite, stored: tuple[Raw, ...]
) -> dict[str, str]:
    """Return, by native field, that an association which was written is not there."""
    missing = [one for one in ids_of(write.sent) if one not in ids_of(stored)]
    name = unit.members(target)[0].name
    return {name: f"the app did not keep the link to {missing[0]}"} if missing else {}


def _linked_base(intent: Intent, write: UnitWrite, stored: tuple[Raw, ...]) -> tuple[Raw, ...]:
    """Return the target's base of an association; what an app gives a new record is accepted."""
    settled = stored if intent.kind is IntentKind.CREATE else write.base
    return raws_of(ordered(ids_of(settled), ids_of(stored)))


def _is_refused(unit: Unit, target: Side, refused: Mapping[str, str]) -> bool:
    return any(member.name in refused for member in unit.members(target))


def _written(sync: Sync, intent: Intent) -> list[tuple[Unit, UnitWrite]]:
    """Pair each written unit with its mapping; a unit that left the mapping settles nothing."""
    units = sync.by_key
    return [(units[write.unit], write) for write in intent.units if write.unit in units]


def _history(
    sync: Sync, link: Link, intent: Intent, stored: Snapshot, now_us: int
) -> tuple[Change, ...]:
    if intent.kind is IntentKind.CREATE:
        return (_change(sync, link, intent, stored.id, "*", (), (), now_us, rule="create"),)
    return tuple(
        _change(
            sync,
            link,
            intent,
            stored.id,
            write.unit,
            write.expected or (),
            unit.raws(intent.side, stored.values),
            now_us,
            rule=write.rule,
        )
        for unit, write in _written(sync, intent)
    )


def _change(
    sync: Sync,
    link: Link,
    intent: Intent,
    record_id: str,
    unit: str,
    before: tuple[Raw, ...],
    after: tuple[Raw, ...],
    now_us: int,
    *,
    rule: str,
    lost: bool = False,
) -> Change:
    return Change(
        sync=sync.name,
        link=link.id,
        side=intent.side,
        record_id=record_id,
        unit=unit,
        rule=rule,
        before=before,
        after=after,
        at_us=now_us,
        lost=lost,
    )


# --- adopting -------------------------------------------------------------------------------


def adopt(
    sync: Sync,
    link: Link,
    target: Side,
    current: Snapshot,
    now_us: int,
    intent: Intent | None,
    offset_us: int = 0,
) -> Link:
    """Complete a link with a record that carries our key (sync-semantics section 5).

    With the intent known and the record made by it, what was sent is the base; otherwise no
    base proves anything and the link is `recover`.
    """
    end = observe(sync, target, link.end(target), current, now_us)
    origin = link.end(target.other)
    ours = intent is not None and not _is_older(current, intent, offset_us)
    if intent is not None and ours and origin is not None:
        for unit, write in _written(sync, intent):
            if unit.association is not None:
                continue  # members that both sides have need no base to agree
            held = unit.raws(target, current.values)
            if _is_untouched(current) and not unit.same(target, held, write.sent):
                # An earlier attempt made it, and nobody was there since: the source goes on.
                end = _based(end, unit, held, write.version)
                continue
            end = _based(end, unit, write.sent, write.version)
            origin = settle(target.other, origin, unit, write.source, write.version)
        if _is_untouched(current):
            end = _based_on_earlier(sync, end, intent, current)
    linked = link.with_end(target, end).with_end(target.other, origin)
    return msgspec.structs.replace(linked, recover=not ours)


def _based_on_earlier(sync: Sync, end: End, intent: Intent, current: Snapshot) -> End:
    """What the record holds beyond the intent an earlier attempt of ours put there: no edit."""
    written = {write.unit for write in intent.units}
    for unit in sync.units:
        held = unit.raws(intent.side, current.values)
        if unit.key not in written and unit.association is None and any(held):
            end = _based(end, unit, held, unit.version)
    return end


def _based(end: End, unit: Unit, raws: tuple[Raw, ...], version: int) -> End:
    return msgspec.structs.replace(end, base={**end.base, unit.key: Base(version, raws)})


def _is_untouched(record: Snapshot) -> bool:
    return record.created_at is not None and record.created_at == record.modified_at


def _is_older(current: Snapshot, intent: Intent, offset_us: int) -> bool:
    if current.created_at is None:
        return False
    created_us = microseconds(current.created_at) - offset_us
    return created_us < intent.decided_us - _CREATED_BEFORE // timedelta(microseconds=1)


# --- recovering -----------------------------------------------------------------------------


def recover_update(
    sync: Sync,
    link: Link,
    intent: Intent,
    trace: Trace,
    now_us: int,
    late: timedelta,
    *,
    has_lock: bool = False,
) -> Settlement:
    """Settle an update of unknown outcome, field by field (sync-semantics 6.4, H1, H46).

    `trace.current` must be there. The old base means not done: the sent value may still arrive
    and is remembered for `late` (H44). The sent value means done. Anything else: done and then
    edited, unless the app's history shows no write of ours.
    """
    assert trace.current is not None, "a target that is gone is not recovered"
    target, source = intent.side, intent.side.other
    link, arrived = _reread(sync, link, intent, trace, now_us)
    end, origin = link.end(target), link.end(source)
    assert end is not None
    assert origin is not None, f"link {link.id} lost the source of intent {intent.id}"
    history: list[Change] = []
    until, version = now_us + late // timedelta(microseconds=1), intent.token if has_lock else None
    for unit, write in _written(sync, intent):
        raws = unit.raws(target, trace.current.values)
        if unit.association is not None:
            continue  # adding and dropping can be repeated: it is decided again
        if write.comes_back:
            if write.expected is not None and unit.same(target, raws, write.expected):
                end = remembered(end, unit.key, Late(until, write.sent, version))
            continue
        is_undone = write.expected is not None and unit.same(target, raws, write.expected)
        is_done = unit.same(target, raws, write.sent) and not is_undone
        if is_done and _is_anothers(unit, target, write, trace.edits):
            end = remembered(end, unit.key, Late(until, write.sent, version))
        elif is_done:
            end = settle(target, end, unit, raws, write.version)
            origin = settle(source, origin, unit, write.source, write.version)
        elif is_undone or unit.key in arrived:
            end = remembered(end, unit.key, Late(until, write.sent, version))
        elif not trace.edits and not unit.direction.allows(source):
            continue  # nobody can tell, and only the source counts: it is said again
        elif _was_written(unit, target, write, trace.edits):
            end = _based(end, unit, write.sent, write.version)
            origin = settle(source, origin, unit, write.source, write.version)
            record_id = trace.current.id
            history.append(
                _change(
                    sync,
                    link,
                    intent,
                    record_id,
                    unit.key,
                    write.sent,
                    raws,
                    now_us,
                    rule="possible conflict",
                    lost=True,
                )
            )
        else:
            end = remembered(end, unit.key, Late(until, write.sent, version))
    recovered = link.with_end(target, end).with_end(source, origin)
    return Settlement(link=recovered, history=tuple(history))


def _reread(
    sync: Sync, link: Link, intent: Intent, trace: Trace, now_us: int
) -> tuple[Link, set[str]]:
    """Observe the target as found; say in which units an earlier write of ours has arrived."""
    side, current, before = intent.side, trace.current, link.end(intent.side)
    assert current is not None
    seen = observe_link(sync, link, side, current, now_us)
    end = seen.end(side)
    if before is None or end is None:
        return seen, set()
    arrived = arrivals(sync, side, before, end)
    history = {(current.id, name): edits for name, edits in trace.edits.items()}
    foreign = disproved(sync, side, end, arrived, history)
    if foreign:
        seen = observe_foreign(sync, link, side, current, now_us, foreign)
    return seen, arrived - foreign


def recover_gone(
    sync: Sync, link: Link, intent: Intent, now_us: int, late: timedelta, *, has_lock: bool = False
) -> Link:
    """Return the link of an update of unknown outcome whose target is gone by now.

    Should the target come back, what it then holds of ours is no edit (H44).
    """
    end = link.end(intent.side)
    if end is None:
        return link
    until, version = now_us + late // timedelta(microseconds=1), intent.token if has_lock else None
    for unit, write in _written(sync, intent):
        end = remembered(end, unit.key, Late(until, write.sent, version))
    return link.with_end(intent.side, end)


def _was_written(
    unit: Unit, target: Side, write: UnitWrite, edits: Mapping[str, tuple[Edit, ...]]
) -> bool:
    """Say whether our value was stored before somebody changed it again.

    Without history the present value came after our last read and is taken for the later one.
    """
    names = [member.name for member in unit.members(target)]
    if write.expected is None or not any(name in edits for name in names):
        return True
    sent, read = unit.native(target, write.sent), unit.native(target, write.expected)
    return all(
        any((edit.value or None) == sent[name] for edit in _since(read[name], edits[name]))
        for name in names
        if name in edits and sent[name] != read[name]
    )


def _is_anothers(
    unit: Unit, target: Side, write: UnitWrite, edits: Mapping[str, tuple[Edit, ...]]
) -> bool:
    """Say whether the history knows that somebody else set just what we had sent.

    That is an edit like any other, and ours may still arrive.
    """
    if write.expected is None:
        return False
    sent, read = unit.native(target, write.sent), unit.native(target, write.expected)
    told = [name for name in sent if sent[name] != read[name] and name in edits]
    return bool(told) and not any(
        edit.ours or edit.may_be_ours for name in told for edit in _since(read[name], edits[name])
    )


def _since(read: Raw, edits: tuple[Edit, ...]) -> Iterator[Edit]:
    """Yield the edits that are newer than the value we had read; older ones are not ours."""
    return takewhile(lambda edit: (edit.value or None) != (read or None), edits)
