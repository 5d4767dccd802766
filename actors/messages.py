"""The messages on the channels: facts in the past tense, orders in the imperative.

A message carries a page of records, never one record, and never a callable, a connection or an
open transaction: any channel can be logged and replayed.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from actors.intents import Intent, Outcome
from actors.records import Edit, Gone, Side, Snapshot


class Message(Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """A fact or an order; small enough to log, complete enough to replay."""


class Origin(StrEnum):
    """Why a poller read a page."""

    BACKFILL = "backfill"
    CHANGES = "changes"
    LOOK = "look"


class Look(Message, frozen=True):
    """Order to a poller: read these records now (a webhook, a due record, a doubt)."""

    side: Side
    ids: tuple[str, ...]


class Polled(Message, frozen=True):
    """A page as read.

    Attributes:
        began: our monotonic clock when the request began.
        cursors: by cursor name, to be committed with the work on this page.
        complete: a full pass has ended with this page (of a backfill, or of the change feed).
    """

    side: Side
    origin: Origin
    records: tuple[Snapshot, ...]
    began: float
    gone: tuple[Gone, ...] = ()
    cursors: dict[str, str] = {}
    complete: bool = False


class Judged(Struct, frozen=True, kw_only=True):
    """A record with the mapper's verdict; `reason` says why it is not eligible, else empty."""

    record: Snapshot
    reason: str = ""


class Mapped(Message, frozen=True):
    """A page of which every record has been judged."""

    side: Side
    origin: Origin
    records: tuple[Judged, ...]
    began: float
    gone: tuple[Gone, ...] = ()
    cursors: dict[str, str] = {}
    complete: bool = False


class Tick(Message, frozen=True):
    """It is time to look for records that are due."""


class Drain(Message, frozen=True):
    """Order to the reconciler: no more pages come; finish what is with the writers and end."""


class Write(Message, frozen=True):
    """Order to a writer: bring these intents to the app; one kind, at most one batch."""

    side: Side
    intents: tuple[Intent, ...]


class Recover(Message, frozen=True):
    """Order to a writer: find out what became of these intents; write nothing."""

    side: Side
    intents: tuple[Intent, ...]


class Written(Message, frozen=True):
    """What became of each intent, in the order of its `Write`; `began` as in `Polled`."""

    side: Side
    intents: tuple[Intent, ...]
    outcomes: tuple[Outcome, ...]
    began: float
    overwritten: dict[int, dict[str, Edit]] = {}


class Trace(Struct, frozen=True, kw_only=True):
    """What a target holds now, for an intent whose outcome was unknown.

    Attributes:
        current: the target, or the record that carries the create's key; None if there is
            none alive.
        gone: set when the target or the keyed record is there no more.
        edits: history of the written fields by field name, newest first; empty without history.
        failed: the app could not be asked; ask again later.
    """

    current: Snapshot | None = None
    gone: Gone | None = None
    edits: dict[str, tuple[Edit, ...]] = {}
    failed: bool = False


class Recovered(Message, frozen=True):
    """What was found for each intent, in the order of its `Recover`."""

    side: Side
    intents: tuple[Intent, ...]
    traces: tuple[Trace, ...]
    began: float


ReconcilerInbox = Mapped | Written | Recovered | Tick | Drain
WriterInbox = Write | Recover
AnyMessage = Look | Polled | Mapped | Tick | Drain | Write | Recover | Written | Recovered
