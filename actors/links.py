"""Links: two records that are the same real thing, and what each side last said.

A row with one end only is a record that is known but not linked (excluded, pending, failing or
held), so that every record has a status with a reason.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec import Struct

from actors.intents import Intent
from actors.records import Departure, Side
from actors.values import Raw


class Status(StrEnum):
    """What people see of a record (F32, I17); TOMBSTONE counts as excluded."""

    IN_SYNC = "in sync"
    PENDING = "pending"
    FAILING = "failing"
    EXCLUDED = "excluded"
    HELD = "held"


class Base(Struct, frozen=True, array_like=True):
    """A unit's raws as one side reported them when the unit was last settled.

    Attributes:
        version: the version of the unit's mapping under which it was settled.
        raws: one per member of the unit.
    """

    version: int
    raws: tuple[Raw, ...]


class Seen(Struct, frozen=True, array_like=True):
    """The last snapshot of a record that was dealt with.

    Attributes:
        token: the app's version of it.
        modified_us: microseconds UTC by the app's clock.
        values: raw by field name of all that the sync reads.
        config: version of the sync under which it was dealt with.
    """

    token: str
    modified_us: int
    values: dict[str, Raw]
    config: int = 0


class Late(Struct, frozen=True, array_like=True):
    """Raws that were sent with unknown outcome; until then they may still arrive (H44).

    Attributes:
        token: where the app has a lock, the only version on which they can arrive.
    """

    until_us: int
    raws: tuple[Raw, ...]
    token: str | None = None


class Chosen(Struct, frozen=True, array_like=True):
    """What a person wants a unit of one side to hold, until it does or somebody edits it.

    Attributes:
        seen: what it held when the person decided.
        asked_us: when that was, microseconds UTC by our clock.
        rule: `person` for an answer, `undo` for a conflict that is taken back.
    """

    seen: tuple[Raw, ...]
    wanted: tuple[Raw, ...]
    asked_us: int
    rule: str = "person"


class Step(StrEnum):
    """What is done to a record whose counterpart was deleted, where that is wanted (F29)."""

    ARCHIVE = "archive"
    MARK = "mark"


class Followed(Struct, frozen=True, array_like=True):
    """What tieline did to a record because its counterpart is gone.

    Attributes:
        at_us: when it was last ordered, microseconds UTC by our clock.
        done: it is known to have been carried out.
        late_us: until then an earlier order, whose outcome was not known, may still arrive.
        before: by native field, what the record held before it was marked.
        values: by native field, what it was marked with.
    """

    step: Step
    at_us: int
    done: bool = False
    before: dict[str, Raw] = {}
    values: dict[str, Raw] = {}
    late_us: int = 0


class Consent(StrEnum):
    """Whether a delete that is wanted by the configuration needs a person's word.

    LIMIT: too many at once. RETURNED: the survivor was itself brought back by somebody.
    GIVEN: a person said yes.
    """

    LIMIT = "limit"
    RETURNED = "returned"
    GIVEN = "given"


class End(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One side of a link.

    Attributes:
        base: by unit key; a unit that was never settled is not in it.
        moved: by unit key, for units that differ from their base: (earliest, latest) time of
            the edit in microseconds UTC by the app's clock, of the first snapshot that showed
            it. Kept until the unit settles.
        replaced: the last tokens that are known to have been replaced.
        late: values sent with unknown outcome, by unit key; each may arrive until its time.
        owed: the last snapshot since which late writes have been looked for, if not `seen`: the
            history could not be read when they were to be.
        gone: how the record left, if it did.
        outside: the pair is out of scope, its bases are frozen.
        keys: match keys of what was last seen; the store finds the link by them.
        chosen: by unit key, what a person decided; always on both ends.
        asked: keys of units that wait for a person; on the left end only.
        followed: what tieline did to it because its counterpart is gone.
        consent: what the same still waits for, or that a person agreed.
        touched: it moved since the link was marked `recover`, or what it held then is not known.
        held: what of the last decision exceeds limits or waits for a go-ahead, by kind: how much.
        granted: what a person has agreed to since, likewise; until the record is settled.
    """

    id: str
    seen: Seen | None = None
    base: dict[str, Base] = {}
    moved: dict[str, tuple[int, int]] = {}
    replaced: tuple[str, ...] = ()
    late: dict[str, tuple[Late, ...]] = {}
    owed: Seen | None = None
    gone: Departure | None = None
    outside: bool = False
    keys: tuple[str, ...] = ()
    chosen: dict[str, Chosen] = {}
    asked: tuple[str, ...] = ()
    followed: Followed | None = None
    consent: Consent | None = None
    touched: bool = False
    held: dict[str, int] = {}
    granted: dict[str, int] = {}


class Link(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A link, or a known record without counterpart.

    Attributes:
        sync: name of the sync it belongs to (`sales/deals`).
        reason: why the status is what it is, for people; empty for in sync.
        due_us: when it must be looked at again, microseconds UTC by our clock, or None.
        attempts: failures in a row, for backoff and quarantine.
        recover: the bases prove nothing (restored store, merge): sync-semantics "Recover".
    """

    id: int
    sync: str
    left: End | None = None
    right: End | None = None
    status: Status = Status.PENDING
    reason: str = ""
    due_us: int | None = None
    attempts: int = 0
    recover: bool = False

    def end(self, side: Side) -> End | None:
        """Return the end on `side`, or None if there is no record known there."""
        return self.left if side is Side.LEFT else self.right

    def with_end(self, side: Side, end: End | None) -> Link:
        """Return the link with that end replaced."""
        return msgspec.structs.replace(self, **{side.value: end})


class Settled(Struct, frozen=True, kw_only=True):
    """The end of an intent: its row is closed with what became of it."""

    intent: int
    outcome: str
    at_us: int


class OrderDone(Struct, frozen=True, kw_only=True):
    """The end of a person's order: what became of it, in words for that person."""

    order: int
    outcome: str
    at_us: int
    refused: bool = False


class Conflict(Struct, frozen=True, kw_only=True):
    """The same unit edited on both sides within the window (F21 to F23, I11).

    Also a question without such edits (rules other than M7): a first alignment, an emptied
    value or a rebuilt link of which a person must say what is right.

    Its identity is (link, unit, both raws, both times): a decision that recurs updates it.

    Attributes:
        left_us, right_us: edit times, microseconds UTC, corrected to one clock.
        uncertain: the times were only known as intervals that straddle the window.
        winner: the side whose value was copied; None while a person must decide.
        outcome: `open`, then `copied`, `settled`, `superseded` or `failed`; `reversed` once a
            person has taken it back.
    """

    sync: str
    link: int
    unit: str
    left: tuple[Raw, ...]
    right: tuple[Raw, ...]
    left_us: int
    right_us: int
    rule: str
    winner: Side | None
    uncertain: bool = False
    outcome: str = "open"
    at_us: int = 0


class Change(Struct, frozen=True, kw_only=True):
    """One line of history: a unit of a record was changed by us, or a value lost to another.

    Attributes:
        side: where the change was made (for a lost value: where it was lost).
        rule: why (`M3`, `M6`, `create`, ...).
        before, after: raws of that side.
    """

    sync: str
    link: int
    side: Side
    record_id: str
    unit: str
    rule: str
    before: tuple[Raw, ...]
    after: tuple[Raw, ...]
    at_us: int
    lost: bool = False


class Commit(Struct, frozen=True, kw_only=True):
    """All that one step of the reconciler changes, as one transaction.

    Attributes:
        links: rows to insert or replace, by their id.
        dropped: ids of links that were merged into another row.
        intents: new ones, or further attempts of known ones.
        settled: intents that have their outcome.
        cursors: text by cursor name.
        orders_done: orders of people that are carried out, or refused, with this very step.
    """

    sync: str
    links: tuple[Link, ...] = ()
    dropped: tuple[int, ...] = ()
    intents: tuple[Intent, ...] = ()
    settled: tuple[Settled, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    history: tuple[Change, ...] = ()
    cursors: dict[str, str] = {}
    orders_done: tuple[OrderDone, ...] = ()
