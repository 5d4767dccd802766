"""Ports: all that the actors know of the world outside.

A connector speaks to one app account. Times that it reports are the app's own; times that we
wait by are `Clock.monotonic`. Every method of a connector may raise `TransientError`,
`RateLimitedError`, `AuthError`, `ScopeError` or `SchemaDriftError` (see `errors`) and nothing
else on purpose; write methods report per item instead wherever the app does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from msgspec import Struct

from actors.intents import Intent, Outcome
from actors.links import Commit, Conflict, Link, Seen
from actors.messages import AnyMessage
from actors.orders import Asked
from actors.records import Edit, Gone, Snapshot
from actors.schema import AppSchema, Pipeline

MOST_PER_KEY = 20
"""Links that a store tells of one match key: more than a person wants to choose from."""


class Clock(Protocol):
    """Time and chance, so that a simulation can own both."""

    def now(self) -> datetime:
        """Return the wall clock, UTC with zone."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that never jumps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def jitter(self) -> float:
        """Return a random number from 0 up to but not including 1."""
        ...


class Capabilities(Struct, frozen=True, kw_only=True):
    """What a connector can do; shown by `tieline apps`, obeyed by the engine.

    Attributes:
        objects: tieline names of the objects that can sync.
        lock: an update carries a version and is refused when the record moved.
        history: the app keeps who set a field to what, and when.
        unique_key: a create with a key that is taken is refused by the app itself.
        read_batch, create_batch, update_batch: most records in one call.
        worst_delay: the longest time after which a change is sure to be visible to `changes`.
        deletes: how deletes are noticed, in words for people.
        notes: limits that people should know, a sentence each.
        settles: after this time a write without an answer can no longer happen.
    """

    objects: tuple[str, ...]
    lock: bool
    history: bool
    unique_key: bool
    read_batch: int
    create_batch: int
    update_batch: int
    worst_delay: timedelta
    deletes: str
    notes: tuple[str, ...] = ()
    settles: timedelta = timedelta(minutes=2)


class Page(Struct, frozen=True, kw_only=True):
    """Part of a full listing in a stable order; `after` is None on the last page."""

    records: tuple[Snapshot, ...]
    after: str | None
    total: int | None = None


class Changes(Struct, frozen=True, kw_only=True):
    """Part of the change feed.

    Attributes:
        cursor: position to continue from: everything before it is in pages up to this one.
            Opaque text of the connector; stored with the work.
        more: a further page can be had at once.
    """

    records: tuple[Snapshot, ...]
    cursor: str
    more: bool
    gone: tuple[Gone, ...] = ()


class Fetched(Struct, frozen=True, kw_only=True):
    """Records read by id. Each id that was asked for is in `records` or in `gone`."""

    records: tuple[Snapshot, ...]
    gone: tuple[Gone, ...] = ()


class Connector(Protocol):
    """One app account. Object names are tieline's (`deals`); field names are the app's.

    `fields` arguments are the native names wanted in `Snapshot.values`; pipeline, stage and
    key fields come only when named (the key also always comes as `Snapshot.key`).
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this connector can do."""
        ...

    @property
    def clock_offset(self) -> timedelta:
        """How far the app's clock is ahead of ours, as measured; zero while unknown."""
        ...

    async def describe(self) -> AppSchema:
        """Read objects, fields, pipelines and users as they are now."""
        ...

    async def prepare(self, object_name: str) -> None:
        """Make what creating records on this side needs (a key property); may be repeated.

        Called only for a side that is written to.
        """
        ...

    async def missing(self, object_name: str, *, writes: bool) -> tuple[str, ...]:
        """Say which rights are missing to read the object, and to write it if `writes`.

        A sentence each: what is missing, what stops working, how to grant it. Writes nothing;
        nothing is said of rights that the app does not tell about.
        """
        ...

    async def start(self, object_name: str) -> str:
        """Return a cursor such that `changes` from it sees every edit made from now on."""
        ...

    async def list_page(self, object_name: str, fields: Sequence[str], after: str | None) -> Page:
        """List all live records by id, one page; stable under concurrent change."""
        ...

    async def changes(
        self, object_name: str, fields: Sequence[str], cursor: str, seen: Mapping[str, str]
    ) -> Changes:
        """Read what changed since `cursor`, one page, with the app's overlap for late rows.

        Records whose id and token are in `seen` (id to token) are left out, without further
        calls where the app allows.
        """
        ...

    async def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        """Read records by id from the app's primary store, in batches."""
        ...

    async def find(
        self, object_name: str, keys: Sequence[str], fields: Sequence[str]
    ) -> dict[str, Snapshot | Gone]:
        """Look up records by tieline's key, archived ones included; absent keys are left out."""
        ...

    async def lookup(
        self, object_name: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> dict[str, tuple[Snapshot, ...]]:
        """Look up live records by what a field holds, many values in few calls.

        Compares as the app does, without regard to case as far as it can; whoever asks compares
        again. Values that nobody holds are left out. Of a value that very many hold some may be
        left out, but never all but one.
        """
        ...

    async def edits(
        self, object_name: str, wanted: Mapping[str, Sequence[str]]
    ) -> dict[tuple[str, str], tuple[Edit, ...]]:
        """Read the history of fields: (record id, field) to edits, newest first.

        `wanted` maps record ids to field names. An app without history returns {}.
        """
        ...

    async def write(
        self, object_name: str, intents: Sequence[Intent], fields: Sequence[str]
    ) -> tuple[Outcome, ...]:
        """Carry out intents of one kind, at most a batch; one outcome each, in order.

        Creates are create-only: a key that is taken gives `Exists`, never a write. Updates
        send the intent's token where the app has a lock. `Done.stored` has the `fields`.
        """
        ...

    async def aclose(self) -> None:
        """Release what the connector holds."""
        ...


@runtime_checkable
class Counting(Protocol):
    """What a connector may offer besides: telling how many records hold a value."""

    async def count(self, object_name: str, field: str, values: Sequence[str]) -> dict[str, int]:
        """Count the live records that hold each of these values in a field."""
        ...


@runtime_checkable
class PipelineMaker(Protocol):
    """What a connector may offer besides: making a pipeline."""

    async def make_pipeline(self, object_name: str, wanted: Pipeline) -> Pipeline:
        """Make a pipeline like `wanted`, whose ids do not matter, and return it as made.

        Raises:
            MappingError: the app refuses it: its name is taken, or there may be no more.
            ScopeError: the credentials do not let us.
        """
        ...


class Store(Protocol):
    """Durable state of all syncs. One `commit` is one transaction; reads see commits at once.

    Raises `StoreError` when the state cannot be read or written (full disk, lock, damage).
    """

    def new_id(self) -> int:
        """Return an id never given before in this store, for a link or an intent."""
        ...

    async def load_links(self, sync: str, side: str, ids: Sequence[str]) -> dict[str, Link]:
        """Return the links of these records of one side by record id; unknown ids are left out."""
        ...

    async def compare_links(
        self, sync: str, side: str, seen: Mapping[str, Seen]
    ) -> tuple[dict[str, Link], set[str]]:
        """Look up records as just read, by record id, without decoding what did not change.

        Returns:
            The links of records that hold something else as `seen`, are due or have departed;
            and the ids of those that are at rest with just this. Unknown ids are in neither; a
            store may count a record that is at rest among the links.
        """
        ...

    async def load_links_by_id(self, ids: Sequence[int]) -> dict[int, Link]:
        """Return links by their own id."""
        ...

    async def load_by_keys(
        self, sync: str, side: str, keys: Sequence[str]
    ) -> dict[str, tuple[Link, ...]]:
        """Return the links whose end on that side has a match key, by key, oldest first.

        Keys that nobody has are left out; of many links with one key the first `MOST_PER_KEY`
        come.
        """
        ...

    async def load_due(self, sync: str, now_us: int, limit: int) -> tuple[Link, ...]:
        """Return links whose due time has come, the longest due first."""
        ...

    async def page_links(self, sync: str, after: int, limit: int) -> tuple[Link, ...]:
        """Return links with an id above `after`, in id order."""
        ...

    async def count_pairs(self, sync: str) -> int:
        """Count the links that have both ends."""
        ...

    async def load_held(self, sync: str, after: int, limit: int) -> tuple[Link, ...]:
        """Return held links with an id above `after`, in id order."""
        ...

    async def load_intents(self, sync: str) -> tuple[Intent, ...]:
        """Return intents without an outcome, in id order."""
        ...

    async def load_cursor(self, sync: str, name: str) -> str | None:
        """Return a cursor that was committed under this name (`left`, `left.backfill`, ...)."""
        ...

    async def load_conflicts(self, sync: str, link: int) -> tuple[Conflict, ...]:
        """Return the conflicts of a link, newest first."""
        ...

    async def load_orders(self, sync: str) -> tuple[Asked, ...]:
        """Return orders of people that are not carried out yet, in the order asked."""
        ...

    async def commit(self, work: Commit) -> None:
        """Make all of `work` durable, or none of it."""
        ...


class Monitor(Protocol):
    """Watches a connection: metrics and traces hang here. Must be quick and never raise."""

    def saw(self, sync: str, message: AnyMessage) -> None:
        """Take note of a message that is about to be sent."""
        ...

    def committed(self, sync: str, work: Commit) -> None:
        """Take note of what has just become durable."""
        ...


class Blind:
    """A monitor that watches nothing."""

    def saw(self, sync: str, message: AnyMessage) -> None:
        """Ignore a message."""

    def committed(self, sync: str, work: Commit) -> None:
        """Ignore a commit."""
