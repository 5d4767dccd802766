"""One sync as the configuration asks for it: names and rules, nothing resolved yet.

`mapping.compile` turns a `SyncSpec` and two schemas into a `Sync` that can decide records.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from msgspec import Struct

from actors.records import Side


class Direction(StrEnum):
    """Where edits may travel."""

    BOTH = "both"
    TO_LEFT = "to-left"
    TO_RIGHT = "to-right"

    def allows(self, target: Side) -> bool:
        """Say whether `target` may be written."""
        return self in (Direction.BOTH, _TO[target])

    def within(self, outer: Direction) -> Direction | None:
        """Return what is left of this direction inside another, or None if nothing is."""
        if outer is Direction.BOTH or outer is self:
            return self
        return outer if self is Direction.BOTH else None


_TO = {Side.LEFT: Direction.TO_LEFT, Side.RIGHT: Direction.TO_RIGHT}


class Prefer(StrEnum):
    """Who wins a conflict; ASK holds the field until a person decides."""

    LEFT = "left"
    RIGHT = "right"
    LATEST = "latest"
    ASK = "ask"


class Blank(StrEnum):
    """What an emptied value does to the other side (F22a)."""

    IGNORE = "ignore"
    PROPAGATE = "propagate"
    ASK = "ask"


class Drift(StrEnum):
    """What an edit on the target of a one-way field does."""

    LEAVE = "leave"
    RESTORE = "restore"


class TooLong(StrEnum):
    """What a text that does not fit on the other side does."""

    REFUSE = "refuse"
    SHORTEN = "shorten"


class Leave(StrEnum):
    """What becomes of a linked pair that no longer passes a filter (F19).

    STOP: the update that made it leave is still sent, then the pair is left alone until it
    passes again. FIRST_SYNC_ONLY: filters decide only what gets linked.
    """

    STOP = "stop"
    FIRST_SYNC_ONLY = "first-sync-only"


class Reopen(StrEnum):
    """What becomes of a closed deal that an edit in the other app would open again (F13)."""

    ALLOW = "allow"
    HOLD = "hold"


class Match(StrEnum):
    """How many parts of a group of conditions must hold."""

    ALL = "all"
    ANY = "any"
    NONE = "none"


class Operator(StrEnum):
    """What a condition asks of a value; which fit a field depends on its kind."""

    EQUALS = "equals"
    NOT_EQUALS = "not equals"
    IN = "in"
    NOT_IN = "not in"
    CONTAINS = "contains"
    NOT_CONTAINS = "not contains"
    MORE = "more than"
    AT_LEAST = "at least"
    LESS = "less than"
    AT_MOST = "at most"
    BETWEEN = "between"
    KNOWN = "known"
    UNKNOWN = "unknown"
    BEFORE = "before"
    AFTER = "after"
    LAST = "last"
    NEXT = "next"
    OLDER = "older than"
    FURTHER = "further than"


CHANGED = "*changed"
"""Stands for a field in a condition: when the record was last changed, by the app's clock."""


class Condition(Struct, frozen=True, kw_only=True, tag="condition"):
    """One condition of a filter, as written: nothing resolved.

    Attributes:
        field: native name, or `CHANGED`.
        operands: as people write them: option, stage or user by id or label, `2026-03-01`,
            `30 days`.
    """

    field: str
    operator: Operator
    operands: tuple[str, ...] = ()


class Conditions(Struct, frozen=True, kw_only=True, tag="conditions"):
    """A filter, or a group within one; an empty `all` lets every record pass.

    Attributes:
        match: how many parts must hold.
        parts: conditions and further groups.
    """

    match: Match = Match.ALL
    parts: tuple[Condition | Conditions, ...] = ()


class Rules(Struct, frozen=True, kw_only=True):
    """How one unit is merged.

    Attributes:
        window: edits this far apart or less are a conflict.
    """

    prefer: Prefer = Prefer.LEFT
    window: timedelta = timedelta(minutes=5)
    blank: Blank = Blank.IGNORE
    drift: Drift = Drift.LEAVE


class FieldSpec(Struct, frozen=True, kw_only=True):
    """One line of `fields:`.

    Attributes:
        left, right: native field names.
        direction: narrower than the sync's, or None for the sync's own.
        values: pairs (left option, right option) by id or label, for enums; several left
            options may share a right one.
        rules: overrides of the sync's rules, or None.
    """

    left: str
    right: str
    direction: Direction | None = None
    values: tuple[tuple[str, str], ...] = ()
    too_long: TooLong = TooLong.REFUSE
    rules: Rules | None = None


class PipelineSpec(Struct, frozen=True, kw_only=True):
    """One pipeline mapping; everything by id or label. `stages` are pairs (left, right)."""

    left: str
    right: str
    stages: tuple[tuple[str, str], ...]


class SyncSpec(Struct, frozen=True, kw_only=True):
    """One object within a connection.

    Attributes:
        connection: name of the connection; `object` is tieline's word (`deals`).
        left, right: app names as configured.
        users: pairs (left user, right user) by id or e-mail: overrides of the match by e-mail.
        fallback_left, fallback_right: user to set on create when a person has no counterpart.
        timezone: IANA zone for dates that meet times; None takes the left account's.
        create: sides on which records may be created.
        update: sides on which records that are there already may be changed.
        filters: what the records of a side must pass to sync.
        leave: what becomes of a linked pair that no longer passes.
        reopen: what becomes of a closed deal that would be opened again.
    """

    connection: str
    object: str
    left: str
    right: str
    direction: Direction = Direction.BOTH
    fields: tuple[FieldSpec, ...] = ()
    pipelines: tuple[PipelineSpec, ...] = ()
    rules: Rules = Rules()
    users: tuple[tuple[str, str], ...] = ()
    fallback_left: str | None = None
    fallback_right: str | None = None
    timezone: str | None = None
    create: tuple[Side, ...] = (Side.LEFT, Side.RIGHT)
    update: tuple[Side, ...] = (Side.LEFT, Side.RIGHT)
    filters: dict[Side, Conditions] = {}
    leave: Leave = Leave.STOP
    reopen: Reopen = Reopen.ALLOW

    @property
    def name(self) -> str:
        """The sync's name in the store, in metrics and in what people see (`sales/deals`)."""
        return f"{self.connection}/{self.object}"

    def app(self, side: Side) -> str:
        """Return the app's configured name on that side."""
        return self.left if side is Side.LEFT else self.right


class Pace(Struct, frozen=True, kw_only=True):
    """How a connection spends its time.

    Attributes:
        poll: time between polls of one side and object.
        presence: time between looks at all linked records, for deletes and merges.
        retry_first, retry_last: delay after the first failure of a record, and the longest.
        quarantine_after: failures in a row after which a record is set aside until it changes.
        late: how long values sent with unknown outcome may still arrive (H44).
        orders: most write orders in flight per side.
        schema: time between looks at what fields, stages and people the apps have.
    """

    poll: timedelta = timedelta(seconds=30)
    presence: timedelta = timedelta(minutes=20)
    retry_first: timedelta = timedelta(minutes=1)
    retry_last: timedelta = timedelta(hours=24)
    quarantine_after: int = 8
    late: timedelta = timedelta(minutes=15)
    orders: int = 4
    schema: timedelta = timedelta(minutes=10)


class Problem(Struct, frozen=True, kw_only=True):
    """Something in a spec that does not fit the apps.

    Attributes:
        path: where in the `SyncSpec`: attribute names and indexes, e.g.
            ("pipelines", 0, "stages", 2, "left").
        message: what is wrong and what to do.
    """

    path: tuple[str | int, ...]
    message: str
