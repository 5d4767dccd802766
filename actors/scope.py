"""Who takes part in a sync: mapped stages, filters, and the switches for creates and updates.

Pure. A pair that is out of scope keeps its bases as they are: when it comes back, it is merged
against them like any other (sync-semantics section 4).
"""

from __future__ import annotations

import msgspec

from actors.links import End, Link, Status, Step
from actors.mapping.filters import describe
from actors.mapping.record import Sync, Times
from actors.mapping.units import Unit
from actors.observing import microseconds, moment
from actors.records import Side
from actors.spec import Leave, Reopen

_LEAVING = {
    Leave.STOP: "the update that made them leave is sent, then they are left alone until they pass",
    Leave.FIRST_SYNC_ONLY: "they go on; the filter only decides what gets linked",
}

LASTING = frozenset({Status.IN_SYNC, Status.EXCLUDED, Status.HELD})
"""What such a link is due for is a look when time turns its filter, nothing before."""


def unmapped(sync: Sync, link: Link) -> str:
    """Return why the stage of an end keeps the pair out, or the empty text."""
    for side, end in _ends(link):
        if reason := sync.unmapped(side, end.seen.values if end.seen is not None else {}):
            return f"{sync.app(side)}: {reason}"
    return ""


def filtered(sync: Sync, link: Link, now_us: int) -> str:
    """Return why an end of the pair does not pass its filter, or the empty text."""
    if sync.spec.leave is Leave.FIRST_SYNC_ONLY:
        return ""
    for side, end in _ends(link):
        if end.seen is None:
            continue
        if reason := sync.filtered(side, end.seen.values, times_of(end, now_us)):
            return f"{sync.app(side)}: {reason}"
    return ""


def _ends(link: Link) -> list[tuple[Side, End]]:
    return [(side, end) for side in Side if (end := link.end(side)) is not None]


def times_of(end: End, now_us: int) -> Times:
    """Return the times by which an end is judged."""
    changed_us = end.seen.modified_us if end.seen is not None else 0
    return Times(now=moment(now_us), changed=moment(changed_us))


def never_updated(sync: Sync) -> str:
    """Return why no linked pair is written at all, or the empty text (F20)."""
    if len(sync.spec.update) == len(Side) or any(map(sync.merged, sync.units)):
        return ""
    targets = [side for side in Side if sync.spec.direction.allows(side)]
    apps = " and ".join(sync.app(side) for side in targets)
    return f"records that are there already are not changed in {apps}"


def rules(sync: Sync) -> tuple[str, ...]:
    """Say what limits who takes part and what is written, for people (F19, F20)."""
    spec, words = sync.spec, []
    for side, wanted in sync.filters.items():
        words.append(f"{sync.app(side)}: only records that pass the filter: {describe(wanted)}")
    if sync.filters:
        words.append(
            f"linked records that no longer pass (leave: {spec.leave}): {_LEAVING[spec.leave]}"
        )
    for side in (one for one in Side if spec.direction.allows(one)):
        if side not in spec.create:
            words.append(f"no records are created in {sync.app(side)}")
        if side not in spec.update:
            words.append(f"records that are there already are not changed in {sync.app(side)}")
    for side, follow in sync.deletes.items():
        done = "archived" if follow.step is Step.ARCHIVE else "marked"
        words.append(
            f"{sync.app(side)}: a record is {done} when its counterpart in "
            f"{sync.app(side.other)} is deleted, at most {spec.delete_limit} an hour"
        )
    if spec.reopen is Reopen.HOLD:
        words.append("closed deals that would be opened again wait for a person (reopen: hold)")
    return tuple(words)


def merged(sync: Sync, unit: Unit) -> Unit | None:
    """Return a unit as it is merged in pairs, or None if it is written nowhere (F20)."""
    direction = sync.merged(unit)
    if direction is None or direction is unit.direction:
        return unit if direction is not None else None
    return msgspec.structs.replace(unit, direction=direction)


def is_outside(link: Link) -> bool:
    """Say whether the pair was out of scope before, or has never been settled.

    Otherwise an update that takes it out is still owed to the other side.
    """
    ends = [end for _, end in _ends(link)]
    return link.recover or any(end.outside or not end.base for end in ends)


def placed(link: Link, *, outside: bool) -> Link:
    """Return the link with its ends marked as in or out of scope."""
    for side, end in _ends(link):
        if end.outside is not outside:
            link = link.with_end(side, msgspec.structs.replace(end, outside=outside))
    return link


def scheduled(sync: Sync, link: Link, now_us: int) -> Link:
    """Return the link as due when time alone changes what is to be thought of it.

    That is when it will turn a filter's verdict, and when values that were sent with unknown
    outcome can no longer arrive: whoever sets one of them after that look is a person.
    """
    if link.status not in LASTING:
        return link
    times = [*_turns(sync, link, now_us), *_expiries(link)]
    if times and link.due_us is not None and link.due_us > now_us:  # it waits for something else
        times.append(link.due_us)
    return msgspec.structs.replace(link, due_us=min(times)) if times else link


def _turns(sync: Sync, link: Link, now_us: int) -> list[int]:
    is_pair = link.left is not None and link.right is not None
    if is_pair and sync.spec.leave is Leave.FIRST_SYNC_ONLY:
        return []
    return [
        microseconds(turn)
        for side, end in _ends(link)
        if end.seen is not None
        and (turn := sync.turns(side, end.seen.values, times_of(end, now_us))) is not None
    ]


def _expiries(link: Link) -> list[int]:
    return [
        late.until_us
        for _, end in _ends(link)
        for sent in end.late.values()
        for late in sent
        if late.token is None
    ]


def is_due(link: Link, now_us: int) -> bool:
    """Say whether there is something to be done about the link now or soon."""
    if link.due_us is None:
        return False
    waits_long = link.status in LASTING or link.status is Status.FAILING
    return not waits_long or link.due_us <= now_us


def half_read(sync: Sync, link: Link) -> str:
    """Return why what is known of the ends is not enough to decide, or the empty text."""
    ends = [end for _, end in _ends(link)]
    if any(end.gone is not None for end in ends):
        return ""
    if any(end.seen is not None and end.seen.config != sync.version for end in ends):
        return "both sides are read anew under the new configuration"  # fields mapped since
    if any(end.owed is not None for end in ends):
        return "its history could not be read"  # whether that is a late write of ours
    return ""
