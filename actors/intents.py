"""Intents: writes that were decided and made durable before they are attempted.

An intent carries all that is needed to settle it later without the decision at hand: what the
source said, what was sent, and what the target was believed to hold.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from actors.records import Departure, Side, Snapshot
from actors.values import Raw


class IntentKind(StrEnum):
    """What an intent asks of the target app.

    ARCHIVE, RESTORE and MARK follow a delete in the other app (F29). Their units say only what
    the target must still hold; nothing of a mapping settles with them.
    """

    CREATE = "create"
    UPDATE = "update"
    ARCHIVE = "archive"
    RESTORE = "restore"
    MARK = "mark"

    @property
    def is_guarded(self) -> bool:
        """Its target must still be as it was when it was decided."""
        return self in (IntentKind.UPDATE, IntentKind.ARCHIVE, IntentKind.MARK)

    @property
    def is_parting(self) -> bool:
        """It follows a delete, or the end of one, and settles no unit."""
        return self in (IntentKind.ARCHIVE, IntentKind.RESTORE, IntentKind.MARK)


class UnitWrite(Struct, frozen=True, kw_only=True):
    """One unit (field or group of fields) of an intent.

    Attributes:
        unit: the unit's key in the mapping.
        version: the mapping's version under which it was decided.
        source: the source side's raws of the unit when the decision was taken.
        sent: the raws that are written to the target.
        expected: the target's raws that the decision saw; None on a create.
        rule: why (a rule of sync-semantics section 3, or `create`).
        edited: (earliest, latest) time of the source's edit, microseconds UTC by our clock.
        base: the target's base once it is written, where that is not simply what the target
            then holds; `source` is then the source's base (associations).
        comes_back: it is the target's own edit, which an earlier write of ours overwrote; it
            settles nothing, so that the other side is told of it like of any edit.
    """

    unit: str
    version: int
    source: tuple[Raw, ...]
    sent: tuple[Raw, ...]
    expected: tuple[Raw, ...] | None = None
    rule: str = "create"
    edited: tuple[int, int] = (0, 0)
    comes_back: bool = False
    base: tuple[Raw, ...] | None = None


class Intent(Struct, frozen=True, kw_only=True):
    """A durable order to write one record on side `side`.

    Attributes:
        key: tieline's idempotency key; set on creates.
        record_id: the target record; None on creates.
        values: raw value by native field name: the union of all units' `sent`.
        held: by native field, what the decision saw in sets of references: an app that writes
            them one by one writes the difference only.
        token: the target's version that the decision saw, for apps with an optimistic lock.
        seen_us: the target's modified time in the snapshot that the decision saw, microseconds
            UTC by its own clock; 0 on creates.
        edited_us: when the source was edited, microseconds UTC by the source's clock (for lag).
        decided_us: our own clock, microseconds UTC.
        attempts: how often it was sent; after the first attempt its outcome may be unknown.
        counts: what it takes off the limits, by kind; empty if a person has agreed to it.
    """

    id: int
    sync: str
    link: int
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
    decided_us: int = 0
    attempts: int = 0
    counts: dict[str, int] = {}


class Done(Struct, frozen=True, kw_only=True, tag=True):
    """The app stored it; `stored` is the record as the app holds it now.

    Attributes:
        refused: reason by native field name for what could not be brought about although the
            rest was written (a stage that only people can reach, say).
        proven: the values in `stored` are known to be the result of this very call.
    """

    stored: Snapshot
    refused: dict[str, str] = {}
    proven: bool = True


class Rejected(Struct, frozen=True, kw_only=True, tag=True):
    """The app refused this record for a reason of its own.

    Attributes:
        fields: names the offending ones.
        taken: another record holds a value that only one may have: it is to be matched.
    """

    reason: str
    fields: tuple[str, ...] = ()
    taken: bool = False


class Exists(Struct, frozen=True, kw_only=True, tag=True):
    """A create was refused because a record with this key is there; it is to be adopted.

    `current` is that record, or None when it is archived or could not be read.
    """

    record_id: str
    current: Snapshot | None = None
    archived: bool = False


class Stale(Struct, frozen=True, kw_only=True, tag=True):
    """Nothing was written: the target moved since the decision. `current` is its new state."""

    current: Snapshot | None = None


class Vanished(Struct, frozen=True, kw_only=True, tag=True):
    """Nothing was written: the target is not there (any more)."""

    how: Departure
    into: str | None = None


class Archived(Struct, frozen=True, kw_only=True, tag=True):
    """An order to archive was carried out; `how` says whether the record can come back."""

    how: Departure


class Throttled(Struct, frozen=True, kw_only=True, tag=True):
    """Nothing was written; try again after `retry_after_s` seconds (None: own backoff)."""

    reason: str
    retry_after_s: float | None = None


class Unknown(Struct, frozen=True, kw_only=True, tag=True):
    """The write was sent and no answer came: it may have happened, or happen later."""

    reason: str


Outcome = Done | Rejected | Exists | Stale | Vanished | Archived | Throttled | Unknown
