"""Matching: which record of the other side a new one is, before a copy of it is made. Pure.

One unlinked candidate is linked; several, or one that belongs to another record, wait for a
person (sync-semantics section 5). What was looked up comes in; nothing is looked up here.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from actors.links import Change, End, Link, Status
from actors.mapping.record import Sync
from actors.records import Side
from actors.scope import times_of

UNREAD_US = 600_000_000
"""A record that waits for a listing is looked at after this, should nobody do so before."""

MATCHED = "match"
"""The rule of a line of history that says by which key two records were linked."""

WAITS = "waits until"
"""How the reason of a record begins that waits for a listing."""

LOOK_AGAIN_US = 3_600_000_000
"""A held record is looked up anew after this, for changes that nobody told us of."""

SOON_US = 2_000_000
_NAMED = 5
"""Candidates that a reason names; of more it tells the number."""


class Candidate(Struct, frozen=True, kw_only=True):
    """A live record of the other side with the same match key.

    Attributes:
        row: id of the link row in which it is known, if it is known and unlinked.
        linked: the record that it is linked to, or made from, in words; else empty.
        waits: why it cannot be decided about yet, else empty.
    """

    end: End
    row: int | None = None
    linked: str = ""
    waits: str = ""


class Matches(Struct, frozen=True, kw_only=True):
    """What was found for one record.

    Attributes:
        by: the rule and the key that found the candidates, in words; empty without any.
        siblings: unlinked records of the same side that the candidates fit as well, in words.
        unread: the other side must be read whole before it is known who has the key there.
        rival: a record of the same side with the same key that came first, in words.
        rival_waits: the rival may still turn out to need no copy.
    """

    candidates: tuple[Candidate, ...] = ()
    by: str = ""
    siblings: tuple[str, ...] = ()
    unread: bool = False
    rival: str = ""
    rival_waits: bool = False


class Joined(Struct, frozen=True, kw_only=True):
    """The record is this candidate: a pair without bases, to be aligned (M8)."""

    link: Link
    row: int | None
    change: Change


def join_or_hold(
    sync: Sync, link: Link, side: Side, matches: Matches, now_us: int
) -> Joined | Link | None:
    """Decide what a new record is.

    Returns:
        Joined: it is that candidate. A link: it is held, excluded or waits, with the reason.
        None: nothing like it is there, a copy may be made.
    """
    if matches.unread:
        reason = f"{WAITS} {sync.app(side.other)} has been read once, to find its match there"
        return _waiting(link, reason, now_us, UNREAD_US)
    if not matches.candidates:
        return _behind_rival(link, matches, now_us)
    app = sync.app(side.other)
    out = {one.end.id: _why_out(sync, side, one, now_us) for one in matches.candidates}
    fitting = [one for one in matches.candidates if not out[one.end.id]]
    if not fitting:
        outside, why = next(iter(out.items()))
        reason = f"{matches.by} fits {app} {outside}, which does not take part: {why}"
        return _again(link, Status.EXCLUDED, reason, now_us)
    names = [f"{app} {one.end.id}" for one in fitting]
    if len(fitting) > 1:
        return _held(link, f"{matches.by} fits several records: {_listed(names)}", now_us)
    found = fitting[0]
    if found.waits:
        return _waiting(link, f"its match {app} {found.end.id} {found.waits}", now_us)
    if found.linked:
        reason = f"{matches.by} fits {app} {found.end.id}, which belongs to {found.linked}"
        return _held(link, reason, now_us)
    if matches.siblings:
        others = _listed(list(matches.siblings))
        return _held(link, f"{matches.by} fits {names[0]}, but also {others} does", now_us)
    return _joined(sync, link, side, found, matches.by, now_us)


def _why_out(sync: Sync, side: Side, found: Candidate, now_us: int) -> str:
    """Return why a candidate cannot be meant: it does not take part and belongs to nobody."""
    seen = found.end.seen
    assert seen is not None, "a candidate was read"
    if found.linked:
        return ""
    return sync.judge(side.other, seen.values, times_of(found.end, now_us))


def _joined(sync: Sync, link: Link, side: Side, found: Candidate, by: str, now_us: int) -> Joined:
    target = side.other
    change = Change(
        sync=sync.name,
        link=link.id,
        side=target,
        record_id=found.end.id,
        unit="*",
        rule=MATCHED,
        before=(),
        after=(by,),
        at_us=now_us,
    )
    return Joined(link=link.with_end(target, found.end), row=found.row, change=change)


def _behind_rival(link: Link, matches: Matches, now_us: int) -> Link | None:
    if not matches.rival:
        return None
    if matches.rival_waits:
        return _waiting(link, f"{matches.rival} has the same {matches.by} and goes first", now_us)
    reason = f"probably a duplicate of {matches.rival}: it has the same {matches.by}"
    return _held(link, reason, now_us)


def _held(link: Link, reason: str, now_us: int) -> Link:
    return _again(link, Status.HELD, reason, now_us)


def _again(link: Link, status: Status, reason: str, now_us: int) -> Link:
    due_us = now_us + LOOK_AGAIN_US
    return msgspec.structs.replace(link, status=status, reason=reason, due_us=due_us, attempts=0)


def _waiting(link: Link, reason: str, now_us: int, pause_us: int = SOON_US) -> Link:
    return msgspec.structs.replace(
        link, status=Status.PENDING, reason=reason, due_us=now_us + pause_us
    )


def _listed(names: list[str]) -> str:
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def may_wait_for_listing(link: Link, side: Side) -> bool:
    """Say whether a row may wait until the other side of `side` has been read whole."""
    end = link.end(side)
    is_single = end is not None and link.end(side.other) is None
    return is_single and link.status is Status.PENDING and end is not None and bool(end.keys)


def is_waiting_for_a_person(link: Link) -> bool:
    """Say whether a row may be decided otherwise once a record with one of its keys changes."""
    is_single = (link.left is None) != (link.right is None)
    return is_single and link.status in (Status.HELD, Status.EXCLUDED)
