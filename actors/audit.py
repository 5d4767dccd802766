"""The audit of a write: edits that it overwrote unseen are weighed like any other (6.3). Pure.

An app without an optimistic lock leaves a gap between our last reading and our write. Where it
keeps history, what was lost in the gap is found, merged by M6 and M7, and never silent.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from actors.deciding import Draft
from actors.intents import Done, Intent, IntentKind, UnitWrite
from actors.links import Base, Change, Conflict, Link
from actors.mapping.record import Sync
from actors.mapping.units import Unit
from actors.merge import Copy, Observed, decide_unit
from actors.observing import microseconds
from actors.records import Edit, Side
from actors.values import Raw


class Audit(Struct, frozen=True, kw_only=True):
    """What follows from overwritten edits; `drafts` bring a winner back on both sides."""

    drafts: tuple[Draft, ...] = ()
    history: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


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
    returns: dict[Side, list[UnitWrite]] = {side: [] for side in Side}
    history: list[Change] = []
    conflicts: list[Conflict] = []
    for write in intent.units:
        unit = units.get(write.unit)
        names = [member.name for member in unit.members(intent.side)] if unit else []
        if unit is None or write.expected is None or not any(name in edits for name in names):
            continue
        hidden = tuple(
            edits[name].value if name in edits else raw
            for name, raw in zip(names, write.expected, strict=True)
        )
        at = max(microseconds(edits[name].at) for name in names if name in edits) - offset_us
        verdict = decide_unit(unit, *_contest(intent, write, hidden, at))
        if not isinstance(verdict, Copy):
            continue
        wins = verdict.source is intent.side
        history.append(_lost(sync, link, intent, write, hidden, now_us, verdict.rule))
        if verdict.clash:
            conflicts.append(_conflict(sync, link, intent, write, hidden, at, now_us, wins))
        if wins:
            stored = unit.raws(intent.side, done.stored.values)
            _bring_back(returns, unit, intent, write, hidden, verdict.sent, stored)
    drafts = tuple(_draft(sync, link, side, writes) for side, writes in returns.items() if writes)
    return Audit(drafts=drafts, history=tuple(history), conflicts=tuple(conflicts))


def _contest(
    intent: Intent, write: UnitWrite, hidden: tuple[Raw, ...], at: int
) -> tuple[Observed, Observed]:
    """The overwritten edit against the one that we copied, as if both had just been read."""
    ours = Observed(now=write.source, base=None, edited=(intent.edited_us, intent.edited_us))
    theirs = Observed(now=hidden, base=Base(write.version, write.expected or ()), edited=(at, at))
    return (theirs, ours) if intent.side is Side.LEFT else (ours, theirs)


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
        left_us=at if on_left else intent.edited_us,
        right_us=intent.edited_us if on_left else at,
        rule="M7 audit",
        winner=intent.side if wins else intent.side.other,
        outcome="open" if wins else "copied",
        at_us=now_us,
    )


def _bring_back(
    returns: dict[Side, list[UnitWrite]],
    unit: Unit,
    intent: Intent,
    write: UnitWrite,
    hidden: tuple[Raw, ...],
    said: tuple[Raw, ...],
    stored: tuple[Raw, ...],
) -> None:
    """The overwritten edit won: it is written to its own side again and to the other."""
    back = UnitWrite(
        unit=unit.key,
        version=unit.version,
        source=said,
        sent=hidden,
        expected=stored,
        rule="M6 audit",
    )
    over = UnitWrite(
        unit=unit.key,
        version=unit.version,
        source=hidden,
        sent=said,
        expected=write.source,
        rule="M6 audit",
    )
    returns[intent.side].append(back)
    returns[intent.side.other].append(over)


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
    )
