"""An app in memory with HubSpot's schema: the other side when only our own cost is to be seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, islice

import anyio
from msgspec.structs import replace

from actors.intents import Done, Intent, IntentKind, Outcome, Vanished
from actors.ports import Capabilities, Changes, Fetched, Page
from actors.records import Departure, Edit, Gone, Snapshot
from actors.schema import AppSchema
from actors.values import Raw

_BATCH = 100
_CAPABILITIES = Capabilities(
    objects=("deals",),
    lock=True,
    history=False,
    unique_key=True,
    read_batch=_BATCH,
    create_batch=_BATCH,
    update_batch=_BATCH,
    worst_delay=timedelta(0),
    deletes="at once",
)


class Mirror:
    """Carries out everything at once and refuses nothing.

    Attributes:
        records: by id.
        changed: ids in the order of their changes; a cursor is a place in it.
        written_at: when each call to write came, by the event loop's clock.
    """

    def __init__(self, schema: AppSchema, records: Iterable[Snapshot] = ()) -> None:
        self.records = {one.id: one for one in records}
        self.changed: list[str] = []
        self.written_at: list[float] = []
        self._schema = schema
        self._by_key = {one.key: one.id for one in self.records.values() if one.key}
        self._numbers = count(1)

    @property
    def capabilities(self) -> Capabilities:
        """It has a lock and keeps no history."""
        return _CAPABILITIES

    @property
    def clock_offset(self) -> timedelta:
        """Its clock is ours."""
        return timedelta(0)

    async def describe(self) -> AppSchema:
        """Return HubSpot's schema."""
        return self._schema

    async def prepare(self, object_name: str) -> None:
        """Nothing is needed."""

    async def start(self, object_name: str) -> str:
        """Return the place after the last change."""
        return str(len(self.changed))

    async def list_page(self, object_name: str, fields: Sequence[str], after: str | None) -> Page:
        """List in the order of creation; `after` is a place."""
        await anyio.lowlevel.checkpoint()
        first = int(after or 0)
        rows = tuple(islice(self.records.values(), first, first + _BATCH))
        last = first + len(rows)
        return Page(records=rows, after=str(last) if last < len(self.records) else None)

    async def changes(
        self, object_name: str, fields: Sequence[str], cursor: str, seen: Mapping[str, str]
    ) -> Changes:
        """Return what changed since."""
        await anyio.lowlevel.checkpoint()
        ids = dict.fromkeys(self.changed[int(cursor) :])
        fresh = (self.records[one] for one in ids)
        return Changes(
            records=tuple(one for one in fresh if seen.get(one.id) != one.token),
            cursor=str(len(self.changed)),
            more=False,
        )

    async def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        """Read by id."""
        await anyio.lowlevel.checkpoint()
        missing = [one for one in ids if one not in self.records]
        return Fetched(
            records=tuple(self.records[one] for one in ids if one in self.records),
            gone=tuple(Gone(id=one, how=Departure.DELETED) for one in missing),
        )

    async def find(
        self, object_name: str, keys: Sequence[str], fields: Sequence[str]
    ) -> dict[str, Snapshot | Gone]:
        """Look up by key."""
        return {key: self.records[self._by_key[key]] for key in keys if key in self._by_key}

    async def lookup(
        self, object_name: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> dict[str, tuple[Snapshot, ...]]:
        """Benches match by nothing."""
        return {}

    async def edits(
        self, object_name: str, wanted: Mapping[str, Sequence[str]]
    ) -> dict[tuple[str, str], tuple[Edit, ...]]:
        """It keeps no history."""
        return {}

    async def write(
        self, object_name: str, intents: Sequence[Intent], fields: Sequence[str]
    ) -> tuple[Outcome, ...]:
        """Carry out all of it."""
        self.written_at.append(anyio.current_time())
        await anyio.lowlevel.checkpoint()
        return tuple(self._carry_out(intent, fields) for intent in intents)

    def _carry_out(self, intent: Intent, fields: Sequence[str]) -> Outcome:
        if intent.kind is IntentKind.CREATE:
            record_id = f"m{next(self._numbers)}"
            values: dict[str, Raw] = dict.fromkeys(fields)
            self._by_key[intent.key or ""] = record_id
        elif intent.record_id in self.records:
            record_id = intent.record_id
            values = self.records[record_id].values
        else:
            return Vanished(how=Departure.DELETED)
        self._store(record_id, {**values, **intent.values}, intent.key)
        return Done(stored=self.records[record_id])

    def _store(self, record_id: str, values: dict[str, Raw], key: str | None) -> None:
        self.changed.append(record_id)
        self.records[record_id] = Snapshot(
            id=record_id,
            values=values,
            token=str(len(self.changed)),
            modified_at=datetime.now(UTC),
            key=key,
        )

    def edit(self, record_id: str, **values: Raw) -> None:
        """Let a person edit a record."""
        held = self.records[record_id]
        self._store(record_id, {**held.values, **values}, held.key)

    async def missing(self, object_name: str, *, writes: bool) -> tuple[str, ...]:
        return ()

    async def aclose(self) -> None:
        """Nothing is held."""


def copy_of(record: Snapshot, number: int) -> Snapshot:
    """Return the record's counterpart in a mirror."""
    return replace(record, id=f"m{number}", token="0", key=None)
