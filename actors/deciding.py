"""Decide one record: what to write where, and why. Pure.

The live run obeys a `Ruling`, `plan` counts rulings, `explain` prints them: one decision, many
readers (I20).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from actors import choices, departures, scope
from actors.associations import (
    PartnerKey,
    Partners,
    awaited,
    awaited_for_create,
    created_members,
    decide_association,
    kept_waiting,
    tries_of,
)
from actors.bases import settle_all
from actors.errors import OutsideDomainError
from actors.intents import IntentKind, UnitWrite
from actors.links import Base, Change, Conflict, End, Link, Status
from actors.mapping.record import Sync
from actors.mapping.units import Unit
from actors.matching import Joined, Matches, join_or_hold
from actors.merge import (
    BOTH,
    Ask,
    Copy,
    Decision,
    Nothing,
    Observed,
    Raws,
    Refuse,
    Settle,
    Undated,
    decide_unit,
)
from actors.observing import untouched
from actors.records import Side, key_of
from actors.recovering import decide_recovered
from actors.reopening import unless_reopened
from actors.telling import conflicts_of, losses_of
from actors.values import Raw


class Draft(Struct, frozen=True, kw_only=True):
    """A write that was decided but has no id yet; becomes an `Intent`."""

    side: Side
    kind: IntentKind
    units: tuple[UnitWrite, ...]
    values: dict[str, Raw]
    key: str | None = None
    record_id: str | None = None
    held: dict[str, Raw] = {}
    token: str | None = None
    seen_us: int = 0
    edited_us: int = 0
    counts: dict[str, int] = {}


class Ruling(Struct, frozen=True, kw_only=True):
    """What becomes of one link now.

    Attributes:
        link: its state after the decision, with its status and reason.
        decisions: by unit key, for a pair in scope; units at rest are passed over.
        traces: by side, keys of units whose exact edit times are needed to decide; the link is
            then unchanged.
        settles: bases move although nothing is written, on the word of snapshots alone.
        seeks: candidates must be looked up to decide; the link is then unchanged.
        joined: id of the row of a record that is now an end of this link.
        awaited: records of other syncs that must be linked first.
    """

    link: Link
    drafts: tuple[Draft, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    history: tuple[Change, ...] = ()
    decisions: dict[str, Decision] = {}
    traces: dict[Side, tuple[str, ...]] = {}
    settles: bool = False
    seeks: bool = False
    joined: int | None = None
    awaited: tuple[PartnerKey, ...] = ()


class Known(Struct, frozen=True, kw_only=True):
    """What a decision needs besides the link.

    Attributes:
        now_us: our clock, microseconds UTC.
        offsets_us: by side, how far the app's clock is ahead of ours; taken off edit times.
        traceable: sides whose app keeps who edited what and when.
        exact: exact edit time by (side, unit key), microseconds UTC by the app's clock.
        matches: what was found for a record without counterpart; None if it was not sought.
        partners: what the records are linked to that associations name.
        own: (side, unit key) whose present value is proven to be a write of this connection.
        deletes_left: how many deletes may still be followed now; None for any number.
    """

    now_us: int
    offsets_us: Mapping[Side, int] = {}
    traceable: frozenset[Side] = frozenset()
    exact: Mapping[tuple[Side, str], int] = {}
    matches: Matches | None = None
    partners: Partners = Partners()
    own: frozenset[tuple[Side, str]] = frozenset()
    deletes_left: int | None = None


def decide_link(sync: Sync, link: Link, known: Known) -> Ruling:
    """Decide a link by what its ends hold now.

    The ends must have been observed (`observing.observe`). A one-sided link may become a
    create; a pair is merged field by field; what is gone or out of scope is left alone.
    """
    if link.left is None or link.right is None:
        return _decide_single(sync, link, known)
    if departures.departed(link):
        left = known.deletes_left
        parting = departures.decide_departed(sync, link, now_us=known.now_us, left=left)
        return _parted(parting)
    if (returned := departures.decide_returned(sync, link, known.now_us)) is not None:
        return _parted(returned)
    return _decide_in_scope(sync, departures.lifted(link, known.now_us), known)


def _parted(parting: departures.Parting) -> Ruling:
    """Turn what follows a delete into a ruling."""
    if parting.kind is None:
        return Ruling(link=parting.link)
    end = _end(parting.link, parting.side)
    draft = Draft(
        side=parting.side,
        kind=parting.kind,
        units=parting.units,
        values=parting.values,
        record_id=end.id,
        token=end.seen.token if end.seen is not None else None,
        seen_us=end.seen.modified_us if end.seen is not None else 0,
    )
    return Ruling(link=parting.link, drafts=(draft,))


def _decide_in_scope(sync: Sync, link: Link, known: Known) -> Ruling:
    if out := scope.unmapped(sync, link):
        return Ruling(link=_left_out(link, out))
    if frozen := scope.never_updated(sync):
        return Ruling(link=_left_out(link, frozen))
    reason = scope.filtered(sync, link, known.now_us)
    if not reason:
        ruling = _decide_pair(sync, scope.placed(link, outside=False), known)
    elif scope.is_outside(link):
        ruling = Ruling(link=_left_out(link, reason))
    else:
        ruling = _leave(sync, link, known, reason)
    return msgspec.structs.replace(ruling, link=scope.scheduled(sync, ruling.link, known.now_us))


def _left_out(link: Link, reason: str) -> Link:
    return scope.placed(_with(link, Status.EXCLUDED, reason), outside=True)


def _leave(sync: Sync, link: Link, known: Known, reason: str) -> Ruling:
    """The update that made a pair leave the filter is still sent; then the pair is left alone."""
    ruling = _decide_pair(sync, link, known)
    if ruling.traces:
        return ruling
    left = _left_out(ruling.link, reason)
    if ruling.drafts:
        waiting = f"leaves the sync ({reason}); {ruling.link.reason}"
        left = msgspec.structs.replace(ruling.link, reason=waiting)
    return msgspec.structs.replace(ruling, link=left)


def _end(link: Link, side: Side) -> End:
    end = link.end(side)
    assert end is not None, f"link {link.id} has no {side.value} end"
    return end


def _values(link: Link, side: Side) -> dict[str, Raw]:
    seen = _end(link, side).seen
    return seen.values if seen is not None else {}


def _with(link: Link, status: Status, reason: str = "") -> Link:
    return msgspec.structs.replace(link, status=status, reason=reason, due_us=None)


# --- one record -----------------------------------------------------------------------------


def _decide_single(sync: Sync, link: Link, known: Known) -> Ruling:
    side = Side.LEFT if link.left is not None else Side.RIGHT
    end, target = _end(link, side), side.other
    if end.gone is not None:
        return Ruling(
            link=_with(link, Status.EXCLUDED, f"{departures.GONE_WORDS[end.gone]}, never linked")
        )
    reason = sync.judge(side, _values(link, side), scope.times_of(end, known.now_us))
    if reason and not sync.unmapped(side, _values(link, side)):
        excluded = _with(link, Status.EXCLUDED, reason)
        return Ruling(link=scope.scheduled(sync, excluded, known.now_us))
    if not reason and not sync.spec.direction.allows(target):
        reason = f"the sync goes only to {sync.app(side)}"
    if not reason and end.keys:
        if known.matches is None:
            return Ruling(link=link, seeks=True)
        found = join_or_hold(sync, link, side, known.matches, known.now_us)
        if isinstance(found, Joined):
            return _join(sync, found, known)
        if found is not None:
            return Ruling(link=_earlier(found, scope.scheduled(sync, found, known.now_us)))
    if not reason and target not in sync.spec.create:
        reason = f"no records are created in {sync.app(target)}"
    if reason:
        return Ruling(link=_with(link, Status.EXCLUDED, reason))
    return _create(sync, link, side, known)


def _earlier(one: Link, other: Link) -> Link:
    """Return the link as due by the earlier of two plans for it."""
    due = [link.due_us for link in (one, other) if link.due_us is not None]
    return msgspec.structs.replace(one, due_us=min(due, default=None))


def _join(sync: Sync, found: Joined, known: Known) -> Ruling:
    """The record was there on both sides: a pair that has never been settled (M8)."""
    ruling = _decide_in_scope(sync, found.link, known)
    history = (found.change, *ruling.history)
    return msgspec.structs.replace(ruling, history=history, joined=found.row)


def _create(sync: Sync, link: Link, side: Side, known: Known) -> Ruling:
    end, target = _end(link, side), side.other
    assert end.seen is not None, "a record without a snapshot cannot be decided"
    writes: list[UnitWrite] = []
    for unit in sync.units:
        if not unit.direction.allows(target):
            continue
        source = unit.raws(side, end.seen.values)
        if unit.association is not None:
            tries = tries_of(link, Status.PENDING)
            if missing := awaited_for_create(unit, target, source, known.partners, tries):
                pending = _with(link, Status.PENDING)
                held = kept_waiting(sync, pending, missing, known.partners, known.now_us, tries)
                return Ruling(link=held, awaited=missing)
            told, sent = created_members(unit, target, source, known.partners)
            write = UnitWrite(
                unit=unit.key, version=unit.version, source=told, sent=sent, base=sent
            )
            writes.append(write)
            continue
        try:
            sent = _initial(unit, target, source)
        except OutsideDomainError as error:
            return Ruling(link=_failing(sync, link, side, unit, str(error)))
        if any(raw is not None for raw in sent):
            writes.append(UnitWrite(unit=unit.key, version=unit.version, source=source, sent=sent))
    draft = Draft(
        side=target,
        kind=IntentKind.CREATE,
        units=tuple(writes),
        values=_native(sync, target, writes, blanks=False) | sync.spec.markers.get(target, {}),
        key=key_of(sync.spec.connection, sync.spec.object, sync.app(side), end.id),
        edited_us=end.seen.modified_us,
    )
    waiting = f"to be created in {sync.app(target)}"
    made = _with(link, Status.PENDING, waiting)
    if link.status is Status.PENDING and sync.associations:  # they were waits, not failures
        made = msgspec.structs.replace(made, attempts=0)
    return Ruling(link=made, drafts=(draft,))


def _initial(unit: Unit, target: Side, source: Raws) -> Raws:
    empty: Raws = (None,) * len(unit.members(target))
    if unit.is_blank(target.other, source):
        return unit.defaults.get(target.value, empty)
    sent = unit.restore(target, source, empty)
    return unit.fallback.get(target.value, sent) if sent == empty else sent


def _failing(sync: Sync, link: Link, side: Side, unit: Unit, reason: str) -> Link:
    field = (unit.members(side) or unit.members(side.other))[-1].name
    return _with(link, Status.FAILING, f'{sync.app(side)}: field "{field}": {reason}')


def _native(sync: Sync, target: Side, writes: list[UnitWrite], *, blanks: bool) -> dict[str, Raw]:
    values: dict[str, Raw] = {}
    for write in writes:
        values |= sync.by_key[write.unit].native(target, write.sent)
    return {name: raw for name, raw in values.items() if blanks or raw is not None}


# --- a pair ---------------------------------------------------------------------------------


def _decide_pair(sync: Sync, link: Link, known: Known) -> Ruling:
    tries = tries_of(link, Status.IN_SYNC)
    if tries:  # they were waits, not failures
        link = msgspec.structs.replace(link, attempts=0)
    ruling = _merge_pair(sync, link, known)
    missing = awaited(sync, link, known.partners) if sync.associations else ()
    if not missing or ruling.traces:
        return ruling
    held = ruling.link
    if held.status is Status.IN_SYNC:
        held = kept_waiting(sync, held, missing, known.partners, known.now_us, tries)
    return msgspec.structs.replace(ruling, link=held, awaited=missing)


def _merge_pair(sync: Sync, link: Link, known: Known) -> Ruling:
    moving = [unit for unit in sync.units if _is_moving(link, unit)]
    decisions = {unit.key: _decide_one(sync, link, unit, known) for unit in moving}
    traces = _wanted_traces(decisions)
    if traces:
        return Ruling(link=link, decisions=decisions, traces=traces)
    writes = {side: _writes_to(sync, link, side, decisions, known) for side in BOTH}
    refused = [(unit, dec) for unit in moving if isinstance(dec := decisions[unit.key], Refuse)]
    for _, refusal in refused:  # all or nothing towards the side that cannot be told everything
        writes[refusal.source.other] = []
    drafts = tuple(_update(sync, link, side, writes[side]) for side in BOTH if writes[side])
    settled, written = _settled(sync, link, decisions), {draft.side for draft in drafts}

    def observe(unit: Unit, side: Side) -> Observed:
        return _observed(link, side, unit, known)

    return Ruling(
        link=_judged(sync, choices.noted(settled, decisions), refused, decisions, drafts),
        drafts=drafts,
        conflicts=tuple(conflicts_of(sync, link, decisions, observe, known.now_us)),
        history=tuple(losses_of(sync, link, decisions, written, known.now_us)),
        decisions=decisions,
        settles=settled is not link and any(_is_bare(dec) for dec in decisions.values()),
    )


def _is_moving(link: Link, unit: Unit) -> bool:
    return link.recover or choices.is_chosen(link, unit.key) or not _is_at_rest(link, unit)


def _is_at_rest(link: Link, unit: Unit) -> bool:
    """Both sides hold to the letter what they held when the unit was settled (M1, M2)."""
    for side in BOTH:
        end = _end(link, side)
        base = end.base.get(unit.key)
        if base is None or base.version != unit.version or end.seen is None:
            return False
        if unit.raws(side, end.seen.values) != base.raws:
            return False
    return True


def _is_bare(decision: Decision) -> bool:
    """A settlement that rests on snapshots alone; a first alignment has no base to lose."""
    return isinstance(decision, Settle) and decision.rule != "M8"


def _decide_one(sync: Sync, link: Link, unit: Unit, known: Known) -> Decision:
    left, right = (_observed(link, side, unit, known) for side in BOTH)
    allowed = scope.merged(sync, unit)
    if allowed is None:
        return Nothing(rule="no update")
    unit = allowed
    if unit.association is not None:
        bare = [msgspec.structs.replace(seen, base=None) for seen in (left, right)]
        left, right = bare if link.recover else (left, right)
        return decide_association(unit, left, right, known.partners)
    if chosen := choices.decide_chosen(unit, link):
        return chosen
    if link.recover:
        ends = {side: _end(link, side) for side in BOTH}
        touched = [side for side, end in ends.items() if end.touched or unit.key not in end.base]
        own = [side for side in BOTH if (side, unit.key) in known.own]
        decision = decide_recovered(unit, left, right, touched=touched, own=own)
    else:
        decision = decide_unit(unit, left, right)
    if not isinstance(decision, Copy):
        return decision
    return unless_reopened(
        sync, unit, decision, (right if decision.source is Side.LEFT else left).now
    )


def _observed(link: Link, side: Side, unit: Unit, known: Known) -> Observed:
    end = _end(link, side)
    last_us = end.seen.modified_us if end.seen is not None else 0
    earliest, latest = end.moved.get(unit.key, (0, last_us))
    exact = known.exact.get((side, unit.key))
    if exact is not None:
        earliest = latest = exact
    offset = known.offsets_us.get(side, 0)
    return Observed(
        now=unit.raws(side, _values(link, side)),
        base=end.base.get(unit.key),
        edited=(earliest - offset, latest - offset),
        traceable=side in known.traceable and exact is None,
    )


def _wanted_traces(decisions: dict[str, Decision]) -> dict[Side, tuple[str, ...]]:
    wanted: dict[Side, tuple[str, ...]] = {}
    for key, decision in decisions.items():
        if isinstance(decision, Undated):
            for side in decision.sides:
                wanted[side] = (*wanted.get(side, ()), key)
    return wanted


def _writes_to(
    sync: Sync, link: Link, target: Side, decisions: dict[str, Decision], known: Known
) -> list[UnitWrite]:
    writes = []
    for key, decision in decisions.items():
        if isinstance(decision, Copy) and decision.source.other is target:
            unit = sync.by_key[key]
            read = unit.raws(target.other, _values(link, target.other))
            writes.append(
                UnitWrite(
                    unit=unit.key,
                    version=unit.version,
                    source=decision.bases.get(target.other, read),
                    sent=decision.sent,
                    base=decision.bases.get(target),
                    expected=unit.raws(target, _values(link, target)),
                    rule=decision.rule,
                    edited=choices.asked_at(link, key)
                    or _observed(link, target.other, unit, known).edited,
                )
            )
    return writes


def _update(sync: Sync, link: Link, target: Side, writes: list[UnitWrite]) -> Draft:
    end, source = _end(link, target), _end(link, target.other)
    edits = [source.moved[write.unit][1] for write in writes if write.unit in source.moved]
    return Draft(
        side=target,
        kind=IntentKind.UPDATE,
        units=tuple(writes),
        values=_native(sync, target, writes, blanks=True),
        record_id=end.id,
        held=_held(sync, target, writes),
        token=end.seen.token if end.seen is not None else None,
        seen_us=end.seen.modified_us if end.seen is not None else 0,
        edited_us=max(edits, default=0),
    )


def _held(sync: Sync, target: Side, writes: list[UnitWrite]) -> dict[str, Raw]:
    held: dict[str, Raw] = {}
    for write in writes:
        unit = sync.by_key[write.unit]
        if unit.association is not None and write.expected is not None:
            held |= unit.native(target, write.expected)
    return held


def _settled(sync: Sync, link: Link, decisions: dict[str, Decision]) -> Link:
    for side in BOTH:
        values = _values(link, side)
        settled = [
            (unit, Base(unit.version, decision.bases.get(side, unit.raws(side, values))))
            for key, decision in decisions.items()
            if isinstance(decision, Settle) and side in decision.sides
            for unit in (sync.by_key[key],)
        ]
        if settled:
            link = link.with_end(side, settle_all(side, _end(link, side), settled))
    return link


def _judged(
    sync: Sync,
    link: Link,
    refused: list[tuple[Unit, Refuse]],
    decisions: dict[str, Decision],
    drafts: tuple[Draft, ...],
) -> Link:
    if refused:
        unit, refusal = refused[0]
        return _failing(sync, link, refusal.source, unit, refusal.reason)
    asked = [(key, dec) for key, dec in decisions.items() if isinstance(dec, Ask)]
    if asked:
        key, ask = asked[0]
        return _with(link, Status.HELD, f"{key}: {ask.reason}")
    if drafts:
        apps = " and ".join(sync.app(draft.side) for draft in drafts)
        return _with(link, Status.PENDING, f"to be written to {apps}")
    settled = msgspec.structs.replace(_with(link, Status.IN_SYNC), recover=False, attempts=0)
    return untouched(settled) if link.recover else settled
