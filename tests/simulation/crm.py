"""A scripted app: an honest little CRM with a primary store, a lagging index and a clock.

All methods are atomic and take no time; `connector.py` puts latency and faults around them.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from actors.records import Side
from actors.schema import AppSchema, Field, ObjectSchema
from actors.values import Kind
from tests.simulation.ledger import Edit, Ledger, Record, Values, Version, Write

EPOCH = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""True time zero of every run."""

OBJECT = "deals"


@dataclass(frozen=True, kw_only=True)
class Flavour:
    """How an app behaves.

    Attributes:
        lock: an update carries a token, checked atomically.
        history: who set a field to what is kept.
        unique_key: the app itself refuses a second record with a key.
        touches: an update that changes nothing makes a new version all the same.
        feeds_gone: archived records come in the change feed.
        restores: archived records can be brought back by the API.
        late_stamp_s: longest time between a version's stamp and its commit (long transactions).
        read_batch, create_batch, update_batch, page: sizes of calls.
        hold_s: the newest part of the feed that is left for the next poll.
    """

    name: str
    lock: bool
    history: bool
    unique_key: bool
    touches: bool
    feeds_gone: bool
    restores: bool = False
    late_stamp_s: float = 0.0
    read_batch: int = 10
    create_batch: int = 5
    update_batch: int = 5
    page: int = 7
    hold_s: float = 10.0


HUB = Flavour(
    name="hub",
    lock=False,
    history=True,
    unique_key=True,
    touches=False,
    feeds_gone=False,
)
ERP = Flavour(
    name="erp",
    lock=True,
    history=False,
    unique_key=False,
    touches=True,
    feeds_gone=True,
    restores=True,
    late_stamp_s=3.0,
    hold_s=0.0,
)


class RefusedError(Exception):
    """The app refuses a value; `fields` names the offending ones."""

    def __init__(self, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class Crm:
    """One app's data.

    Args:
        name: the app's configured name.
        clock_skew_s: how far the app's clock is ahead of true time.
        lag: draws how long the index is behind, seconds.
    """

    def __init__(
        self,
        *,
        name: str,
        side: Side,
        flavour: Flavour,
        schema: AppSchema,
        ledger: Ledger,
        seed: str,
        clock_skew_s: float = 0.0,
        lag: Callable[[], float] = lambda: 0.0,
    ) -> None:
        found = schema.object(OBJECT)
        assert found is not None
        self.name, self.side, self.flavour = name, side, flavour
        self.app_schema, self.schema, self.ledger = schema, found, ledger
        self.clock_skew_s, self.lag = clock_skew_s, lag
        self.records: dict[str, Record] = {}
        self.prepared = False
        self.on_commit: Callable[[Record], None] = lambda _: None
        self._random = random.Random(f"{seed}/{name}/stamps")
        self._last_stamp_us = 0
        self._pending: list[tuple[float, int, Callable[[], None]]] = []
        self._scheduled = 0

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields of the object."""
        return self.schema.fields

    def clock_us(self, at: float) -> int:
        """Return what the app's clock shows at a true time, microseconds UTC."""
        moment = EPOCH + timedelta(seconds=at + self.clock_skew_s)
        return round(moment.timestamp() * 1_000_000)

    # --- effects that come later ---

    def later(self, at: float, effect: Callable[[], None]) -> None:
        """Let `effect` happen at that true time, whatever becomes of who asked for it."""
        self._scheduled += 1
        heapq.heappush(self._pending, (at, self._scheduled, effect))

    def settle(self) -> None:
        """Let what is due happen, in the order of its time."""
        while self._pending and self._pending[0][0] <= self.ledger.now():
            heapq.heappop(self._pending)[2]()

    @property
    def is_pending(self) -> bool:
        """Something is still to happen."""
        return bool(self._pending)

    # --- reading ---

    def live(self) -> list[Record]:
        """Return the records that are not archived, in id order."""
        self.settle()
        return [record for record in self.records.values() if not record.now.archived]

    def by_key(self, key: str) -> list[Record]:
        """Return the records that carry a key, archived ones included."""
        self.settle()
        return [record for record in self.records.values() if record.key == key]

    def indexed(self) -> list[tuple[Record, Version]]:
        """Return each record as the search index shows it now."""
        self.settle()
        now = self.ledger.now()
        rows = []
        for record in self.records.values():
            shown = next((v for v in reversed(record.versions) if v.indexed_at <= now), None)
            if shown is not None:
                rows.append((record, shown))
        return rows

    # --- writing ---

    def create(
        self,
        values: Values,
        *,
        by: str,
        cause: int,
        key: str | None = None,
        at: float | None = None,
    ) -> Record:
        """Make a record.

        Raises:
            RefusedError: a value or the key is not acceptable.
        """
        self.settle()
        if key is not None and self.flavour.unique_key and self.by_key(key):
            raise RefusedError(f"a record with the key {key} exists")
        empty: Values = {field.name: None for field in self.fields}
        held = self._normal({**empty, **values})
        record = Record(id=str(100 + len(self.records)), key=key)
        if self.schema.key_field is not None:
            held[self.schema.key_field] = key
        self.records[record.id] = record
        self._append(record, held, by=by, cause=cause, at=at)
        return record

    def change(self, record: Record, values: Values, *, by: str, cause: int) -> Version:
        """Set values of a record; one that changes nothing may leave the version as it is.

        Raises:
            RefusedError: a value is not acceptable.
        """
        held = self._normal({**record.now.values, **values})
        if held == record.now.values and not self.flavour.touches:
            return record.now
        return self._append(record, held, by=by, cause=cause)

    def put_away(self, record: Record, *, archived: bool, cause: int, by: str = "edit") -> Version:
        """Archive a record, or bring it back."""
        values = dict(record.now.values)
        return self._append(record, values, by=by, cause=cause, archived=archived)

    def _append(
        self,
        record: Record,
        values: Values,
        *,
        by: str,
        cause: int,
        archived: bool | None = None,
        at: float | None = None,
    ) -> Version:
        at = self.ledger.now() if at is None else at
        if archived is None:
            archived = bool(record.versions) and record.now.archived
        stamp_us = self._stamp(record, at)
        number = len(record.versions)
        version = Version(
            number=number,
            at=at,
            stamp_us=stamp_us,
            values=values,
            by=by,
            cause=cause,
            indexed_at=at + (self.lag() if at >= 0 else 0.0),
            archived=archived,
            token=f"{stamp_us // 1000}.{number}",
        )
        record.versions.append(version)
        changed = {
            name: value
            for name, value in values.items()
            if number == 0 or record.versions[-2].values[name] != value
        }
        self.ledger.note(f"{self.name} {record.id} v{number} {by} {cause} {changed!r} {archived}")
        self.on_commit(record)
        return version

    def _stamp(self, record: Record, at: float) -> int:
        """Stamp a version with the start of its transaction, after the record's last one."""
        late = self._random.uniform(0, self.flavour.late_stamp_s)
        stamp_us = self.clock_us(at - late) // 1000 * 1000
        if record.versions:
            stamp_us = max(stamp_us, record.now.stamp_us + 1000)
        return stamp_us

    def _normal(self, values: Values) -> Values:
        return {field.name: self._stored(field, values[field.name]) for field in self.fields}

    def _stored(self, field: Field, raw: str | None) -> str | None:
        if raw is not None and field.trims:
            raw = raw.strip()
        if raw is None or raw == "":
            if field.required:
                raise RefusedError(f"{field.name} must not be empty", (field.name,))
            return None
        if field.max_length is not None and len(raw) > field.max_length:
            raise RefusedError(f"{field.name} is too long", (field.name,))
        if field.options and raw not in {option.id for option in field.options}:
            raise RefusedError(f"{field.name} has no option {raw!r}", (field.name,))
        if field.kind is Kind.NUMBER and field.digits is not None:
            unit = Decimal(1).scaleb(-field.digits)
            return str(Decimal(raw).quantize(unit, ROUND_HALF_EVEN))
        return raw

    # --- people ---

    def edit(self, action: str, record: Record | None, changes: Values) -> Record | None:
        """Do what a person does: `create`, `set`, `archive` or `restore`; None if refused."""
        self.settle()
        number = len(self.ledger.edits)
        try:
            if record is None:
                record = self.create(changes, by="edit", cause=number)
            elif action == "set":
                if self._normal({**record.now.values, **changes}) == record.now.values:
                    return None
                self.change(record, changes, by="edit", cause=number)
            else:
                self.put_away(record, archived=action == "archive", cause=number)
        except RefusedError:
            return None
        self.note_edit(action, record, changes)
        return record

    def note_edit(self, action: str, record: Record, changes: Values) -> None:
        """Enter the record's newest version into the ledger as a person's edit."""
        version = record.now
        self.ledger.edits.append(
            Edit(
                id=version.cause,
                side=self.side,
                record=record.id,
                version=version.number,
                at=version.at,
                stamp_us=version.stamp_us,
                action=action,
                changed=dict(changes),
            )
        )

    def found(self, values: Values, at: float) -> Record:
        """Make a record that was there before the run."""
        record = self.create(values, by="edit", cause=len(self.ledger.edits), at=at)
        self.note_edit("create", record, values)
        return record

    def entry(self, version: Version) -> Edit | Write:
        """Return the ledger's entry that caused a version."""
        entries = self.ledger.edits if version.by == "edit" else self.ledger.writes
        return entries[version.cause]


def object_schema(app: AppSchema) -> ObjectSchema:
    """Return the schema of the object that the simulation syncs."""
    found = app.object(OBJECT)
    assert found is not None
    return found
