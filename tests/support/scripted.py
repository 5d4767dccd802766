"""A scripted app in memory behind the Connector port: pages, a feed, history, faults on order.

Small and without chance: a test says what happens. The simulator has its own, with chance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import anyio.lowlevel

from actors.errors import OutcomeUnknownError
from actors.intents import (
    Done,
    Exists,
    Intent,
    IntentKind,
    Outcome,
    Rejected,
    Stale,
    Vanished,
)
from actors.ports import Capabilities, Changes, Clock, Fetched, Page
from actors.records import Departure, Edit, Gone, Snapshot
from actors.schema import AppSchema
from actors.values import Raw


class Row:
    """A record as the app keeps it; `edits` is its history by field, newest first."""

    def __init__(self, record_id: str, key: str | None, created: datetime) -> None:
        self.id, self.key, self.created = record_id, key, created
        self.values: dict[str, Raw] = {}
        self.edits: dict[str, tuple[Edit, ...]] = {}
        self.version = 0
        self.modified = created
        self.gone: Departure | None = None


class ScriptedApp:
    """One app.

    Attributes:
        rows: by id.
        calls: the name of each call, in order. asked: what each was asked for.
        wrote: the intents that reached the app, in order.
        page: records per page and per part of the feed.
        rejects: record ids, or values, that the app refuses to store.
        unindexed: record ids that look-ups do not find yet.
        taken: fields in which a new record cannot have what another one has.
        latency: seconds that each call takes.
        drops: fields whose values in updates the app takes and does not keep.
        fills: what the app gives a new record where nothing is said.
        on_call: told the name of each call before it is answered.
        before_write: called when a write has been sent and before it is carried out.
        lost_answers, lost_requests: how many of the next writes go unanswered, done or not done.
    """

    def __init__(
        self,
        schema: AppSchema,
        clock: Clock,
        *,
        prefix: str,
        lock: bool = False,
        history: bool = False,
        unique_key: bool = True,
        page: int = 2,
    ) -> None:
        self.schema, self.clock, self.page = schema, clock, page
        self.rows: dict[str, Row] = {}
        self.calls: list[str] = []
        self.asked: list[object] = []
        self.wrote: list[Intent] = []
        self.drops: set[str] = set()
        self.latency = 0.0
        self.fills: dict[str, Raw] = {}
        self.rejects: set[str] = set()
        self.on_call: Callable[[str], None] = lambda _: None
        self.before_write: Callable[[Sequence[Intent]], None] = lambda _: None
        self.lost_answers = self.lost_requests = 0
        self.offset = timedelta(0)
        self.unindexed: set[str] = set()
        self.taken: set[str] = set()
        self._prefix = prefix
        self._feed: list[str] = []
        self._troubles: dict[str, deque[Exception]] = {}
        self._capabilities = Capabilities(
            objects=("deals",),
            lock=lock,
            history=history,
            unique_key=unique_key,
            read_batch=50,
            create_batch=3,
            update_batch=3,
            worst_delay=timedelta(0),
            deletes="a direct read tells",
        )

    # --- what a test does -------------------------------------------------------------------

    def put(self, values: Mapping[str, Raw], record_id: str | None = None) -> str:
        """Let a person make a record; returns its id."""
        return self._made(values, record_id or f"{self._prefix}{len(self.rows) + 1}", None).id

    def edit(self, record_id: str, **values: Raw) -> None:
        """Let a person edit a record."""
        self._store(self.rows[record_id], values, ours=False)

    def remove(self, record_id: str, how: Departure = Departure.ARCHIVED) -> None:
        """Let a person archive or delete a record."""
        self.rows[record_id].gone = how

    def fail(self, call: str, *errors: Exception) -> None:
        """Let the next calls of this name fail with these errors, one each."""
        self._troubles.setdefault(call, deque()).extend(errors)

    def values(self, field: str) -> list[Raw]:
        """Return a field's value in all live records, sorted."""
        live = [row.values.get(field) for row in self.rows.values() if row.gone is None]
        return sorted(live, key=str)

    def _made(self, values: Mapping[str, Raw], record_id: str, key: str | None) -> Row:
        row = self.rows[record_id] = Row(record_id, key, self.clock.now())
        self._store(row, dict(values), ours=key is not None)
        return row

    def _store(self, row: Row, values: Mapping[str, Raw], *, ours: bool) -> None:
        row.version += 1
        row.modified = max(self.clock.now(), row.modified + timedelta(milliseconds=1))
        for name, value in values.items():
            entry = Edit(value=value, at=row.modified, ours=ours)
            row.edits[name] = (entry, *row.edits.get(name, ()))
        row.values = {**row.values, **values}
        self._feed.append(row.id)

    def snapshot(self, record_id: str, fields: Sequence[str]) -> Snapshot:
        """Return a record as the app would now serve it."""
        row = self.rows[record_id]
        return Snapshot(
            id=row.id,
            values={name: row.values.get(name) for name in fields},
            token=str(row.version),
            modified_at=row.modified,
            created_at=row.created,
            key=row.key,
        )

    # --- the port ---------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def clock_offset(self) -> timedelta:
        return self.offset

    async def _called(self, name: str, what: object = None) -> None:
        self.calls.append(name)
        self.asked.append(what)
        self.on_call(name)
        await anyio.lowlevel.checkpoint()
        if self.latency:
            await self.clock.sleep(self.latency)
        if self._troubles.get(name):
            raise self._troubles[name].popleft()

    async def describe(self) -> AppSchema:
        await self._called("describe")
        return self.schema

    async def prepare(self, object_name: str) -> None:
        await self._called("prepare", object_name)

    async def start(self, object_name: str) -> str:
        await self._called("start", object_name)
        return str(len(self._feed))

    async def list_page(self, object_name: str, fields: Sequence[str], after: str | None) -> Page:
        await self._called("list_page", after)
        ids = [row.id for row in self._live() if after is None or row.id > after]
        part = ids[: self.page]
        return Page(
            records=tuple(self.snapshot(one, fields) for one in part),
            after=part[-1] if len(ids) > self.page else None,
            total=len(self._live()),
        )

    def _live(self) -> list[Row]:
        return [row for _, row in sorted(self.rows.items()) if row.gone is None]

    async def changes(
        self, object_name: str, fields: Sequence[str], cursor: str, seen: Mapping[str, str]
    ) -> Changes:
        await self._called("changes", (cursor, dict(seen)))
        start, end = int(cursor), min(int(cursor) + self.page, len(self._feed))
        ids = dict.fromkeys(self._feed[start:end])
        fresh = [
            self.snapshot(one, fields)
            for one in ids
            if self.rows[one].gone is None and seen.get(one) != str(self.rows[one].version)
        ]
        return Changes(records=tuple(fresh), cursor=str(end), more=end < len(self._feed))

    async def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        await self._called("fetch", tuple(ids))
        live = [one for one in ids if one in self.rows and self.rows[one].gone is None]
        return Fetched(
            records=tuple(self.snapshot(one, fields) for one in live),
            gone=tuple(Gone(id=one, how=self._how(one)) for one in ids if one not in live),
        )

    def _how(self, record_id: str) -> Departure:
        row = self.rows.get(record_id)
        return (row.gone if row is not None else None) or Departure.DELETED

    async def find(
        self, object_name: str, keys: Sequence[str], fields: Sequence[str]
    ) -> dict[str, Snapshot | Gone]:
        await self._called("find", tuple(keys))
        found: dict[str, Snapshot | Gone] = {}
        for row in self.rows.values():
            if row.key is not None and row.key in keys:
                is_live = row.gone is None
                found[row.key] = (
                    self.snapshot(row.id, fields) if is_live else Gone(id=row.id, how=row.gone)  # type: ignore[arg-type]  # set when not live
                )
        return found

    async def lookup(
        self, object_name: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> dict[str, tuple[Snapshot, ...]]:
        await self._called("lookup", (field, tuple(values)))
        return {
            value: hits
            for value in values
            if (hits := tuple(self.snapshot(one, fields) for one in self._holders(field, value)))
        }

    def _holders(self, field: str, value: str) -> list[str]:
        folded = value.strip().casefold()
        return [
            row.id
            for row in self._live()
            if (row.values.get(field) or "").strip().casefold() == folded
            and row.id not in self.unindexed
        ]

    async def edits(
        self, object_name: str, wanted: Mapping[str, Sequence[str]]
    ) -> dict[tuple[str, str], tuple[Edit, ...]]:
        await self._called("edits", {one: tuple(names) for one, names in wanted.items()})
        if not self._capabilities.history:
            return {}
        return {
            (one, name): self.rows[one].edits[name]
            for one, names in wanted.items()
            for name in names
            if one in self.rows and name in self.rows[one].edits
        }

    async def write(
        self, object_name: str, intents: Sequence[Intent], fields: Sequence[str]
    ) -> tuple[Outcome, ...]:
        await self._called("write", tuple(one.id for one in intents))
        self.before_write(intents)
        if self.lost_requests:
            self.lost_requests -= 1
            raise OutcomeUnknownError("the connection was cut")
        self.wrote += intents
        outcomes = tuple(self._carry_out(one, fields) for one in intents)
        if self.lost_answers:
            self.lost_answers -= 1
            raise OutcomeUnknownError("no answer came")
        return outcomes

    def _carry_out(self, intent: Intent, fields: Sequence[str]) -> Outcome:
        refused = self.rejects.intersection([*intent.values.values(), intent.record_id])
        if refused:
            return Rejected(reason=f"{min(map(str, refused))} is refused")
        if intent.kind is IntentKind.CREATE:
            return self._create(intent, fields)
        row = self.rows.get(intent.record_id or "")
        if row is None or row.gone is not None:
            return Vanished(how=self._how(intent.record_id or ""))
        if self._capabilities.lock and intent.token != str(row.version):
            return Stale(current=self.snapshot(row.id, fields))
        kept = {name: raw for name, raw in intent.values.items() if name not in self.drops}
        self._store(row, kept, ours=True)
        return Done(stored=self.snapshot(row.id, fields))

    def _create(self, intent: Intent, fields: Sequence[str]) -> Outcome:
        for row in self.rows.values():
            if row.key is not None and row.key == intent.key:
                is_live = row.gone is None
                current = self.snapshot(row.id, fields) if is_live else None
                return Exists(record_id=row.id, current=current, archived=not is_live)
        for name in sorted(self.taken):
            if any(row.values.get(name) == intent.values.get(name) for row in self._live()):
                reason = f"{intent.values[name]!r} is taken"
                return Rejected(reason=reason, fields=(name,), taken=True)
        record_id = f"{self._prefix}{len(self.rows) + 1}"
        row = self._made(self.fills | intent.values, record_id, intent.key)
        return Done(stored=self.snapshot(row.id, fields))

    async def missing(self, object_name: str, *, writes: bool) -> tuple[str, ...]:
        return ()

    async def aclose(self) -> None:
        await self._called("aclose")
