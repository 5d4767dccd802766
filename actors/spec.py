"""One sync as the configuration asks for it: names and rules, nothing resolved yet.

`mapping.compile` turns a `SyncSpec` and two schemas into a `Sync` that can decide records.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec import Struct

from actors.phones import PhoneBook
from actors.records import Side
from actors.values import Kind, Raw


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


class Form(StrEnum):
    """A form that texts are brought into when they are written, and compared in.

    E164: an international phone number (`+15550100000`). LINK: an address with a scheme.
    """

    TRIM = "trim"
    COLLAPSE = "collapse"
    LOWER = "lower"
    UPPER = "upper"
    TITLE = "title"
    E164 = "e164"
    EMAIL = "email"
    DOMAIN = "domain"
    URL = "url"
    LINK = "link"


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


class Normal(StrEnum):
    """How the values of a match key are made alike before they are compared (F26).

    TEXT: without regard to case, white space and accents. PHONE: the digits that are dialled.
    """

    EXACT = "exact"
    TEXT = "text"
    EMAIL = "email"
    DOMAIN = "domain"
    PHONE = "phone"


class MatchSpec(Struct, frozen=True, kw_only=True):
    """One rule by which a new record finds its counterpart: two fields that say who it is.

    Attributes:
        left, right: native field names.
        normal: how both are made alike; None goes by the kind of the fields.
    """

    left: str
    right: str
    normal: Normal | None = None


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
        lead: while this side is filled, only its value travels (`prefer X unless blank`).
    """

    prefer: Prefer = Prefer.LEFT
    window: timedelta = timedelta(minutes=5)
    blank: Blank = Blank.IGNORE
    drift: Drift = Drift.LEAVE
    lead: Side | None = None


class Join(Struct, frozen=True, kw_only=True):
    """Several fields of one side that hold in parts what one field of the other holds.

    Attributes:
        side: which has several fields.
        fields: their native names, in the order in which they are read.
        by: what stands between the parts in the one field.
    """

    side: Side
    fields: tuple[str, ...]
    by: str = " "


class AfterDelete(Struct, frozen=True, kw_only=True):
    """What a delete in one app does to the counterpart in the other (F29); by default nothing.

    Attributes:
        archive: it is archived as well, or deleted where the app has no archive.
        values: by native field, what is set on it once, as written.
        stage: id or label of the stage that it is moved to once.
    """

    archive: bool = False
    values: dict[str, str] = {}
    stage: str | None = None

    @property
    def is_wanted(self) -> bool:
        """Something is done at all."""
        return self.archive or bool(self.values) or self.stage is not None


class FieldSpec(Struct, frozen=True, kw_only=True):
    """One line of `fields:`.

    Attributes:
        left, right: native field names; empty where a side has no field in it. With `join`,
            the first of several.
        direction: narrower than the sync's, or None for the sync's own.
        values: pairs (left option, right option) by id or label, for enums; several left
            options may share a right one.
        rules: overrides of the sync's rules, or None.
        kind: what the texts of both sides are: a phone number, say; None as the apps say.
        form: how texts are written, and compared.
        scale: the right number is the left one times this.
        join: one of the sides has several fields.
        template: the text of one side, made of fields of the other.
        constant: the value of the one field, by id or label if it is a choice.
        defaults: by side, what a new record gets there if the other side is empty.
        is_off: the line is kept, but the field does not sync.
    """

    left: str
    right: str
    direction: Direction | None = None
    values: tuple[tuple[str, str], ...] = ()
    too_long: TooLong = TooLong.REFUSE
    rules: Rules | None = None
    kind: Kind | None = None
    form: tuple[Form, ...] = ()
    scale: Decimal | None = None
    join: Join | None = None
    template: str | None = None
    constant: str | None = None
    defaults: dict[Side, str] = {}
    is_off: bool = False

    def name(self, side: Side) -> str:
        """Return the native field of that side, the first of several, or the empty text."""
        return self.left if side is Side.LEFT else self.right


class AssociationSpec(Struct, frozen=True, kw_only=True):
    """Links between records that are kept in step; one word, or a field of each app.

    Attributes:
        object: the other object (`contacts`): its fields are found by what they refer to.
        left, right: native field names, where they are named.
        direction: narrower than the sync's, or None for the sync's own.
        removals: a link that is removed in one app is removed in the other.
    """

    object: str | None = None
    left: str | None = None
    right: str | None = None
    direction: Direction | None = None
    removals: bool = True


class PipelineSpec(Struct, frozen=True, kw_only=True):
    """One pipeline mapping; everything by id or label. `stages` are pairs (left, right)."""

    left: str
    right: str
    stages: tuple[tuple[str, str], ...]


class Limits(Struct, frozen=True, kw_only=True):
    """How much a sync may do to each app before a person must agree (F25).

    Counted over a rolling window, per app that is written to; None is no limit. What exceeds a
    limit is held, everything else goes on.

    Attributes:
        creates, changes: records that may be created, and changed.
        blanks: fields that may be emptied.
        regressions: stages that may be set back, closed ones reopened included.
        vanished: percent of an app's linked records; if so many of those looked at are gone at
            once, and at least 20, nothing more is decided until a person agrees.
    """

    creates: int | None = 500
    changes: int | None = 1000
    blanks: int | None = 50
    regressions: int | None = 20
    window: timedelta = timedelta(hours=1)
    vanished: int = 50


class FirstLoad(Struct, frozen=True, kw_only=True):
    """How carefully a sync begins.

    Attributes:
        link_only: nothing is written: records are only matched and linked.
        canary: so many records are written, then none.
        ramp: so many records are written in the first minute of the first load, twice as many
            in the next, and so on.
    """

    link_only: bool = False
    canary: int | None = None
    ramp: int | None = None


class SyncSpec(Struct, frozen=True, kw_only=True):
    """One object within a connection.

    Attributes:
        connection: name of the connection; `object` is tieline's word (`deals`).
        left, right: app names as configured.
        users: pairs (left user, right user) by id or e-mail: overrides of the match by e-mail.
        fallback_left, fallback_right: user to set on create when a person has no counterpart.
        timezone: IANA zone for dates that meet times; None takes the left account's.
        phones: how phone numbers are read.
        create: sides on which records may be created.
        update: sides on which records that are there already may be changed.
        filters: what the records of a side must pass to sync.
        leave: what becomes of a linked pair that no longer passes.
        reopen: what becomes of a closed deal that would be opened again.
        match: rules that are tried in order, () for none; None takes the object's own:
            contacts by e-mail, companies by domain, deals not at all.
        peers: the other objects that the connection syncs.
        associations: links to records of `peers`; None for all that both apps can hold.
        deletes: by side, what becomes of its records when their counterparts are deleted.
        delete_limit: more deletes than that within an hour are held until a person agrees.
        limits: how much may be written before a person must agree.
        first_load: how carefully the sync begins.
        require_plan: the first load stands under the limits as well.
        markers: by side, native values that records created there get besides the mapped ones.
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
    phones: PhoneBook = PhoneBook()
    create: tuple[Side, ...] = (Side.LEFT, Side.RIGHT)
    update: tuple[Side, ...] = (Side.LEFT, Side.RIGHT)
    filters: dict[Side, Conditions] = {}
    leave: Leave = Leave.STOP
    reopen: Reopen = Reopen.ALLOW
    match: tuple[MatchSpec, ...] | None = None
    peers: tuple[str, ...] = ()
    associations: tuple[AssociationSpec, ...] | None = None
    deletes: dict[Side, AfterDelete] = {}
    delete_limit: int = 10
    limits: Limits = Limits()
    first_load: FirstLoad = FirstLoad()
    require_plan: bool = False
    markers: dict[Side, dict[str, Raw]] = {}

    @property
    def decisive(self) -> SyncSpec:
        """The spec without what only says how much of the decisions is carried out."""
        return msgspec.structs.replace(
            self, limits=Limits(), first_load=FirstLoad(), require_plan=False, markers={}
        )

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
