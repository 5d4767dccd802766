"""Limits: how much a sync may write before a person must agree, counted and judged. Pure.

What is counted has a kind, `<side>.<what>` by the side that is written to: `right.creates`. A
record whose writes exceed a limit is held as a whole: its link keeps what it was held for, and
what a person has granted since. It is decided again then, and must stay within the grant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

import msgspec
from msgspec import Struct

from actors.deciding import Draft
from actors.emptiness import SUDDENLY, TOGETHER
from actors.intents import IntentKind, UnitWrite
from actors.links import End, Link
from actors.mapping.record import Sync
from actors.records import Side
from actors.schema import Closing, Pipeline
from actors.spec import Limits

CREATES, CHANGES, BLANKS, REGRESSIONS = "creates", "changes", "blanks", "regressions"
COUNTED = (CREATES, CHANGES, BLANKS, REGRESSIONS)
WORDS = {
    CREATES: "creates",
    CHANGES: "changes",
    BLANKS: "emptied fields",
    REGRESSIONS: "stages set back",
}
FIRST_LOAD = "first load"
"""Stands among what is granted to a record that nobody was asked about: it bounds nothing."""

_STAGE = "stage"
_PARTS = 12
_HOUR = timedelta(hours=1)

Counts = Mapping[str, int]


def kind_of(side: Side, what: str) -> str:
    """Name what is counted on a side."""
    return f"{side.value}.{what}"


def split_kind(kind: str) -> tuple[Side | None, str]:
    """Return the side of a kind, if it has one, and what is counted."""
    side, dot, what = kind.partition(".")
    return (Side(side), what) if dot else (None, kind)


# --- what a decision takes ------------------------------------------------------------------


def count_draft(sync: Sync, draft: Draft) -> dict[str, int]:
    """Return what a write takes off the limits, by kind."""
    side = draft.side
    if draft.kind is IntentKind.CREATE:
        return {kind_of(side, CREATES): 1}
    if draft.kind.is_parting:
        return {}  # deletes have a limit of their own: `allowance`
    found = {
        CHANGES: 1,
        BLANKS: sum(_empties(sync, side, write) for write in draft.units),
        REGRESSIONS: sum(_sets_back(sync, side, write) for write in draft.units),
    }
    return {kind_of(side, what): count for what, count in found.items() if count}


def add_counts(parts: Iterable[Counts]) -> dict[str, int]:
    """Return the sum by kind."""
    total: dict[str, int] = {}
    for part in parts:
        for kind, count in part.items():
            total[kind] = total.get(kind, 0) + count
    return total


def _empties(sync: Sync, side: Side, write: UnitWrite) -> bool:
    unit = sync.by_key[write.unit]
    had = write.expected is not None and any(write.expected[:1])
    return had and unit.is_blank(side, write.sent)


def _sets_back(sync: Sync, side: Side, write: UnitWrite) -> bool:
    if write.unit != _STAGE or write.expected is None:
        return False
    places = _places(sync.schema(side).pipelines)
    before, after = (places.get(pair) for pair in (write.expected, write.sent))
    if before is None or after is None:
        return False
    if before[1] or after[1]:  # a closed deal that is reopened; closing is no step back
        return before[1] and not after[1]
    return write.expected[0] == write.sent[0] and after[0] < before[0]


def _places(pipelines: Iterable[Pipeline]) -> dict[tuple[str | None, ...], tuple[int, bool]]:
    """Return by (pipeline, stage) its place in the pipeline, and whether it is closed."""
    return {
        (pipeline.id, stage.id): (place, stage.closing is not Closing.OPEN)
        for pipeline in pipelines
        for place, stage in enumerate(pipeline.stages)
    }


# --- what is allowed ------------------------------------------------------------------------


def limit_of(limits: Limits, kind: str) -> int | None:
    """Return the most that a window may hold of a kind, or None."""
    what = split_kind(kind)[1]
    limit: int | None = getattr(limits, what) if what in COUNTED else None
    return limit


def exceeding(needs: Counts, used: Counts, limits: Limits, link: Link | None) -> dict[str, int]:
    """Return what of a record's needs a person must agree to, by kind.

    Args:
        used: what the window holds already.
        link: the record as it was: what it was held for waits for a person, though the window
            may have room again; what was granted to it bounds what it may take.
    """
    held, granted = held_of(link), granted_of(link)
    is_bound = bool(granted) and FIRST_LOAD not in granted
    over: dict[str, int] = {}
    for kind, count in needs.items():
        limit = limit_of(limits, kind)
        if limit is None or count <= granted.get(kind, 0):
            continue
        if is_bound or kind in held or used.get(kind, 0) + count > limit:
            over[kind] = count
    if not over:
        return {}
    # What was granted is said again: the next grant must cover all of it.
    return over | {kind: count for kind, count in needs.items() if kind in granted}


def charged(needs: Counts, link: Link | None) -> dict[str, int]:
    """Return what is taken off the limits: all but what a person granted to the record."""
    granted = granted_of(link)
    return {kind: count for kind, count in needs.items() if count > granted.get(kind, 0)}


def describe_excess(sync: Sync, limits: Limits, kind: str) -> str:
    """Say what limit holds a record and what to do, alike for all records of the kind."""
    side, what = split_kind(kind)
    app = sync.app(side) if side is not None else ""
    words = f"{WORDS[what]} in {app} exceed the limit of {limit_of(limits, kind)}"
    return f"{words} in {_span(limits.window)}: approve with `tieline approve {sync.name}`"


def code_of(reason: str) -> str:
    """Return the code of why a record is held, for metrics: what exceeds, `vanished` or `other`."""
    if " exceed the limit of " in reason:
        return next((what for what, words in WORDS.items() if reason.startswith(words)), "other")
    return "vanished" if SUDDENLY in reason or TOGETHER in reason else "other"


def _span(window: timedelta) -> str:
    if window % _HOUR == timedelta(0):
        return f"{window // _HOUR} h"
    return f"{window // timedelta(minutes=1)} min"


# --- what a link keeps ----------------------------------------------------------------------


def _ends(link: Link | None) -> list[End]:
    found = [link.end(side) for side in Side] if link is not None else []
    return [end for end in found if end is not None]


def held_of(link: Link | None) -> dict[str, int]:
    """Return what a link is held for, by kind."""
    return add_counts(end.held for end in _ends(link))


def granted_of(link: Link | None) -> dict[str, int]:
    """Return what a person has granted to a link, by kind."""
    return add_counts(end.granted for end in _ends(link))


def marked(link: Link, held: Counts, granted: Counts) -> Link:
    """Return the link with just this held and granted."""
    rest = (dict(held), dict(granted))
    for side in Side:
        end = link.end(side)
        if end is None:
            continue
        if (end.held, end.granted) != rest:
            end = msgspec.structs.replace(end, held=rest[0], granted=rest[1])
            link = link.with_end(side, end)
        rest = ({}, {})
    return link


def grant(link: Link) -> Link:
    """Return the link with all that it is held for granted."""
    return marked(link, {}, held_of(link))


# --- what a window holds --------------------------------------------------------------------


class Tally(Struct, frozen=True):
    """What was decided of late, by kind and by part of the window; durable with each step.

    Attributes:
        part_us: how long a part is; under another window what was counted means nothing.
    """

    part_us: int = 0
    parts: dict[str, dict[int, int]] = {}

    def used(self, limits: Limits, now_us: int) -> dict[str, int]:
        """Return what the window that ends now holds."""
        size = _part_us(limits)
        if size != self.part_us:
            return {}
        first = now_us // size - _PARTS
        sums = {
            kind: sum(count for part, count in parts.items() if part > first)
            for kind, parts in self.parts.items()
        }
        return {kind: count for kind, count in sums.items() if count}

    def added(self, counts: Counts, limits: Limits, at_us: int, sign: int = 1) -> Tally:
        """Return the tally with `counts` added at a time, or taken back with `sign` -1."""
        size = _part_us(limits)
        part, parts = at_us // size, dict(self.parts) if size == self.part_us else {}
        for kind, count in counts.items():
            kept = {old: n for old, n in parts.get(kind, {}).items() if old > part - 2 * _PARTS}
            kept[part] = max(kept.get(part, 0) + sign * count, 0)
            parts[kind] = kept
        return Tally(part_us=size, parts=parts)


def _part_us(limits: Limits) -> int:
    return max(limits.window // timedelta(microseconds=1) // _PARTS, 1)
