"""The connector of a scripted app: `actors.ports.Connector` with latency and faults.

A write that was sent is an effect in the app: it happens at its time even if the caller has been
cancelled or killed meanwhile, as a request on the wire would.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import anyio

from actors.errors import RateLimitedError, SchemaDriftError, TransientError
from actors.intents import (
    Done,
    Exists,
    Intent,
    IntentKind,
    Outcome,
    Rejected,
    Stale,
    Throttled,
    Unknown,
    Vanished,
)
from actors.ports import Capabilities, Changes, Fetched, Page
from actors.records import Departure, Edit, Gone, Snapshot
from actors.schema import AppSchema
from tests.simulation.crm import OBJECT, Crm, RefusedError
from tests.simulation.faults import FaultPlan, Trouble
from tests.simulation.ledger import Call, Record, Version, Write

_MOST_REJECTIONS = 3
"""Injected rejections of one record: below the number that sets it aside."""


@dataclass(kw_only=True, slots=True)
class _Item:
    """One intent on its way: its entry in the ledger, its fate, and the app's answer."""

    intent: Intent
    write: Write
    trouble: Trouble
    taken: Record | None = None
    outcome: Outcome | None = None


class ScriptedConnector:
    """One life's session with one app.

    Attributes:
        on_request: told the target of each update when the request begins, so that people can
            get in between.
    """

    def __init__(self, crm: Crm, plan: FaultPlan, life: int, *, engine_skew_s: float = 0.0) -> None:
        self.crm, self.plan, self.life, self.engine_skew_s = crm, plan, life, engine_skew_s
        self.on_call: Callable[[str], None] = lambda _: None
        self.on_request: Callable[[Record], None] = lambda _: None

    @property
    def overlap_us(self) -> int:
        """How far each poll of the feed reaches back."""
        worst = self.plan.rates.lag_worst_s + self.crm.flavour.late_stamp_s + 1
        return round(worst * 1_000_000)

    @property
    def capabilities(self) -> Capabilities:
        """What the app can do."""
        flavour = self.crm.flavour
        return Capabilities(
            objects=(OBJECT,),
            lock=flavour.lock,
            history=flavour.history,
            unique_key=flavour.unique_key,
            read_batch=flavour.read_batch,
            create_batch=flavour.create_batch,
            update_batch=flavour.update_batch,
            worst_delay=timedelta(microseconds=self.overlap_us),
            deletes="archived records are told by a direct read",
        )

    @property
    def clock_offset(self) -> timedelta:
        """How far the app's clock is ahead of tieline's, as measured: whole seconds."""
        return timedelta(seconds=round(self.crm.clock_skew_s - self.engine_skew_s))

    # --- the passage of a call ---

    async def _begin(self, name: str, detail: object = "") -> tuple[Trouble, float]:
        """Let a call reach the app; returns its trouble and how long the answer will take."""
        now = self.crm.ledger.now()
        self.crm.ledger.calls.append(Call(side=self.crm.side, name=name, at=now))
        trouble = self.plan.draw(self.crm.side, name, now)
        if trouble is not Trouble.NONE:
            self.crm.ledger.faults[trouble.value] += 1
        self.crm.ledger.note(f"{self.life} {self.crm.name}.{name} {detail} {trouble.value}")
        self.on_call(name)
        before, after = self.plan.latency_s(trouble)
        if name != "write":
            await anyio.sleep(before)
            self._fail(trouble)
            return trouble, after
        return trouble, before

    def _fail(self, trouble: Trouble) -> None:
        draw = self.plan.random
        match trouble:
            case Trouble.RATE_LIMITED:
                pause = timedelta(seconds=draw.uniform(1, 40)) if draw.random() < 0.5 else None
                raise RateLimitedError(f"{self.crm.name}: too many requests", pause)
            case Trouble.TRANSIENT | Trouble.OUTAGE:
                raise TransientError(f"{self.crm.name}: unavailable")
            case _:
                pass

    def _snapshot(self, record: Record, version: Version, fields: Sequence[str]) -> Snapshot:
        return Snapshot(
            id=record.id,
            values={name: version.values[name] for name in fields},
            token=version.token,
            modified_at=_moment(version.stamp_us),
            created_at=_moment(record.versions[0].stamp_us),
            key=record.key,
        )

    # --- reading ---

    async def describe(self) -> AppSchema:
        """Return the schema."""
        _, after = await self._begin("describe")
        await anyio.sleep(after)
        return self.crm.app_schema

    async def prepare(self, object_name: str) -> None:
        """Make the key property."""
        _, after = await self._begin("prepare")
        self.crm.prepared = True
        await anyio.sleep(after)

    async def start(self, object_name: str) -> str:
        """Return a cursor at now."""
        _, after = await self._begin("start")
        cursor = json.dumps({"since": self.crm.clock_us(self.crm.ledger.now())})
        await anyio.sleep(after)
        return cursor

    async def list_page(self, object_name: str, fields: Sequence[str], after: str | None) -> Page:
        """List live records by id."""
        _, delay = await self._begin("list_page", after)
        last = int(after) if after is not None else 0
        rest = sorted((int(r.id), r) for r in self.crm.live() if int(r.id) > last)
        size = self.crm.flavour.page * 2
        chosen = [record for _, record in rest[:size]]
        page = Page(
            records=tuple(self._snapshot(record, record.now, fields) for record in chosen),
            after=chosen[-1].id if len(rest) > size else None,
            total=len(self.crm.live()),
        )
        await anyio.sleep(delay)
        return page

    async def changes(
        self, object_name: str, fields: Sequence[str], cursor: str, seen: Mapping[str, str]
    ) -> Changes:
        """Read the index from the cursor's window on, one page."""
        trouble, delay = await self._begin("changes", cursor)
        place = json.loads(cursor)
        since = place["since"]
        now_us = self.crm.clock_us(self.crm.ledger.now())
        newest = max(since, now_us - round(self.crm.flavour.hold_s * 1_000_000))
        until = place.get("until", newest)
        after = tuple(place.get("after", (0, 0)))
        rows = sorted(
            ((version.stamp_us, int(record.id)), record, version)
            for record, version in self.crm.indexed()
            if since - self.overlap_us <= version.stamp_us <= until
            and seen.get(record.id) != version.token
            and (self.crm.flavour.feeds_gone or not version.archived)
        )
        rows = [row for row in rows if row[0] > after]
        size = self.crm.flavour.page
        page, more = rows[:size], len(rows) > size
        position = {"since": since, "until": until, "after": page[-1][0]} if more else None
        records = [self._snapshot(r, v, fields) for _, r, v in page if not v.archived]
        if trouble is Trouble.DUPLICATED:
            records += records[: len(records) // 2 + 1]
        if trouble in (Trouble.REORDERED, Trouble.DUPLICATED):
            self.plan.random.shuffle(records)
        await anyio.sleep(delay)
        return Changes(
            records=tuple(records),
            cursor=json.dumps(position or {"since": until}),
            more=more,
            gone=tuple(Gone(id=r.id, how=Departure.ARCHIVED) for _, r, v in page if v.archived),
        )

    async def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        """Read records from the primary store, or rarely from a replica that is behind."""
        trouble, delay = await self._begin("fetch", ",".join(ids))
        self.crm.settle()
        behind = self.plan.random.uniform(1, 60) if trouble is Trouble.STALE_READ else 0.0
        records, gone = [], []
        for record_id in dict.fromkeys(ids):
            record = self.crm.records.get(record_id)
            if record is None:
                gone.append(Gone(id=record_id, how=Departure.DELETED))
                continue
            version = record.at(self.crm.ledger.now() - behind) or record.versions[0]
            if version.archived:
                gone.append(Gone(id=record_id, how=Departure.ARCHIVED))
            else:
                records.append(self._snapshot(record, version, fields))
        await anyio.sleep(delay)
        return Fetched(records=tuple(records), gone=tuple(gone))

    async def find(
        self, object_name: str, keys: Sequence[str], fields: Sequence[str]
    ) -> dict[str, Snapshot | Gone]:
        """Look records up by key."""
        _, delay = await self._begin("find", ",".join(keys))
        found: dict[str, Snapshot | Gone] = {}
        for key in keys:
            for record in self.crm.by_key(key)[:1]:
                gone = Gone(id=record.id, how=Departure.ARCHIVED)
                shown = self._snapshot(record, record.now, fields)
                found[key] = gone if record.now.archived else shown
        await anyio.sleep(delay)
        return found

    async def lookup(
        self, object_name: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> dict[str, tuple[Snapshot, ...]]:
        """Look records up in the index by what a field holds, and read them."""
        _, delay = await self._begin("lookup", f"{field}={','.join(values)}")
        self.crm.settle()
        held: dict[str, list[Snapshot]] = {}
        for record, shown in self.crm.indexed():
            text = (shown.values.get(field) or "").strip().casefold()
            if text and not record.now.archived:
                held.setdefault(text, []).append(self._snapshot(record, record.now, fields))
        found = {value: tuple(held.get(value.strip().casefold(), ())) for value in values}
        await anyio.sleep(delay)
        return {value: records for value, records in found.items() if records}

    async def edits(
        self, object_name: str, wanted: Mapping[str, Sequence[str]]
    ) -> dict[tuple[str, str], tuple[Edit, ...]]:
        """Read fields' history."""
        if not self.crm.flavour.history:
            return {}
        _, delay = await self._begin("edits", ",".join(wanted))
        self.crm.settle()
        found = {
            (record_id, name): self._history(self.crm.records[record_id], name)
            for record_id, names in wanted.items()
            if record_id in self.crm.records
            for name in names
        }
        await anyio.sleep(delay)
        return found

    def _history(self, record: Record, name: str) -> tuple[Edit, ...]:
        entries: list[Edit] = []
        for before, version in zip((None, *record.versions), record.versions, strict=False):
            if before is None or before.values[name] != version.values[name]:
                at = _moment(version.stamp_us)
                ours = version.by == "write"
                entries.append(Edit(value=version.values[name], at=at, ours=ours))
        return tuple(reversed(entries))

    # --- writing ---

    async def write(
        self, object_name: str, intents: Sequence[Intent], fields: Sequence[str]
    ) -> tuple[Outcome, ...]:
        """Carry out intents of one kind."""
        self._check(intents)
        detail = ",".join(str(i.record_id or i.key) for i in intents)
        writes = [self._enter(intent) for intent in intents]
        trouble, before = await self._begin("write", detail)
        items = [
            _Item(intent=i, write=w, trouble=self._fate(i, trouble))
            for i, w in zip(intents, writes, strict=True)
        ]
        refused = trouble in (Trouble.RATE_LIMITED, Trouble.TRANSIENT, Trouble.OUTAGE)
        if refused:
            for write in writes:
                write.answer = "refused"
        else:
            self._send(items, before)
        await anyio.sleep(before)
        self._fail(trouble)
        self.crm.settle()
        if not self.crm.flavour.history:  # such an app's answer carries no values: read them
            await anyio.sleep(self.plan.random.uniform(0.02, 0.5))
        outcomes = tuple(self._told(item, fields) for item in items)
        await anyio.sleep(self.plan.latency_s(trouble)[1])
        for item, outcome in zip(items, outcomes, strict=True):
            item.write.answer = type(outcome).__name__.lower()
        answers = ",".join(item.write.answer for item in items)
        self.crm.ledger.note(f"{self.life} {self.crm.name}.write answered {answers}")
        return outcomes

    async def missing(self, object_name: str, *, writes: bool) -> tuple[str, ...]:
        return ()

    async def aclose(self) -> None:
        """Release nothing."""

    def _check(self, intents: Sequence[Intent]) -> None:
        flavour, breach = self.crm.flavour, self.crm.ledger.breach
        kinds = {intent.kind for intent in intents}
        if len(kinds) != 1:
            breach(f"{self.crm.name}.write of kinds {sorted(kinds)} in one call")
        creates = IntentKind.CREATE in kinds
        most = flavour.create_batch if creates else flavour.update_batch
        if len(intents) > most:
            breach(f"{self.crm.name}.write of {len(intents)} items at once")
        targets = [intent.record_id or intent.key for intent in intents]
        if len(set(targets)) != len(targets) or None in targets:
            breach(f"{self.crm.name}.write with targets {targets}")
        if flavour.lock and not creates and any(intent.token is None for intent in intents):
            breach(f"{self.crm.name}.write without a token")
        if creates and not self.crm.prepared:
            raise SchemaDriftError(f"{self.crm.name} has no key property: prepare it first")

    def _enter(self, intent: Intent) -> Write:
        """Enter one item into the ledger, at the moment that it is sent."""
        ledger = self.crm.ledger
        write = Write(
            id=len(ledger.writes),
            side=self.crm.side,
            kind=intent.kind.value,
            record=intent.record_id,
            intent=intent.id,
            life=self.life,
            values=dict(intent.values),
            key=intent.key,
            sent_at=ledger.now(),
        )
        ledger.writes.append(write)
        return write

    def _fate(self, intent: Intent, trouble: Trouble) -> Trouble:
        """Return the trouble of one item of a call."""
        if trouble is Trouble.PARTIAL:
            choices = (Trouble.NONE, Trouble.PARTIAL, Trouble.RATE_LIMITED)
            trouble = self.plan.random.choice(
                (*choices, Trouble.LOST_BEFORE, Trouble.LOST_AFTER, Trouble.NONE)
            )
        return trouble

    def _send(self, items: Sequence[_Item], before: float) -> None:
        """Let each item take effect at its time."""
        now = self.crm.ledger.now()
        for place, item in enumerate(items):
            at = now + before * (place + 1) / (len(items) + 1)
            if self._is_unguarded(item):
                # Look-up and create are two requests; a server ends a request soon after its
                # client is gone, so the key's race is short (not: minutes late).
                held = self.crm.by_key(item.intent.key or "")
                item.taken = held[0] if held else None
                at = now + min(before, 0.3)
            elif item.trouble is Trouble.LATE_COMMIT:
                at = now + before + self.plan.random.uniform(2, 480)
            if item.trouble is Trouble.LOST_BEFORE or self._is_refused(item):
                continue
            self.crm.later(at, lambda item=item: self._take(item))  # type: ignore[misc]
            if item.intent.record_id in self.crm.records:
                self.on_request(self.crm.records[item.intent.record_id or ""])

    def _is_unguarded(self, item: _Item) -> bool:
        return item.intent.kind is IntentKind.CREATE and not self.crm.flavour.unique_key

    def _is_refused(self, item: _Item) -> bool:
        """Refuse an item for the fault's sake: the record's fault, or the rate's."""
        if item.trouble is Trouble.RATE_LIMITED:
            item.outcome = Throttled(reason="too many of this kind", retry_after_s=None)
        target = (self.crm.side, item.intent.record_id or item.intent.key or "")
        if item.trouble is Trouble.PARTIAL and (
            self.crm.ledger.rejections[target] < _MOST_REJECTIONS
        ):
            self.crm.ledger.rejections[target] += 1
            item.outcome = Rejected(reason="an automation refused it")
        return item.outcome is not None

    def _take(self, item: _Item) -> None:
        """Carry an item out in the app, now."""
        intent, write = item.intent, item.write
        try:
            record = self._created(item) if intent.key is not None else self._updated(item)
        except RefusedError as error:
            item.outcome = Rejected(reason=str(error), fields=error.fields)
            return
        if record is not None:
            write.record, write.version = record.id, record.now.number
            write.committed_at = self.crm.ledger.now()
            item.taken = record

    def _created(self, item: _Item) -> Record | None:
        key = item.intent.key
        assert key is not None
        held = [item.taken] if item.taken is not None else []
        if self.crm.flavour.unique_key:
            held = list(self.crm.by_key(key))
        if held:
            record, item.taken = held[0], None
            current = None if record.now.archived else self._snapshot(record, record.now, ())
            item.outcome = Exists(
                record_id=record.id, current=current, archived=record.now.archived
            )
            return None
        return self.crm.create(item.intent.values, by="write", cause=item.write.id, key=key)

    def _updated(self, item: _Item) -> Record | None:
        record = self.crm.records.get(item.intent.record_id or "")
        if record is None or record.now.archived:
            how = Departure.DELETED if record is None else Departure.ARCHIVED
            item.outcome = Vanished(how=how)
            return None
        if self.crm.flavour.lock and item.intent.token != record.now.token:
            item.outcome = Stale(current=self._snapshot(record, record.now, ()))
            return None
        self.crm.change(record, item.intent.values, by="write", cause=item.write.id)
        return record

    def _told(self, item: _Item, fields: Sequence[str]) -> Outcome:
        """Return what the caller is told, with the values that it asked for."""
        if item.trouble in (Trouble.LOST_BEFORE, Trouble.LOST_AFTER, Trouble.LATE_COMMIT):
            return Unknown(reason="no answer came")
        match item.outcome:
            case Stale(current=Snapshot(id=record_id)):
                return Stale(current=self._current(record_id, fields))
            case Exists(current=Snapshot(id=record_id)):
                return Exists(record_id=record_id, current=self._current(record_id, fields))
            case None:
                return self._done(item, fields)
            case outcome:
                return outcome

    def _current(self, record_id: str, fields: Sequence[str]) -> Snapshot:
        record = self.crm.records[record_id]
        return self._snapshot(record, record.now, fields)

    def _done(self, item: _Item, fields: Sequence[str]) -> Done:
        record = item.taken
        assert record is not None and item.write.version is not None
        version = record.versions[item.write.version]
        proven = True
        if not self.crm.flavour.history and not record.now.archived:
            version = record.now
            proven = version.by == "write" and version.cause == item.write.id
        return Done(stored=self._snapshot(record, version, fields), proven=proven)


def _moment(stamp_us: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=stamp_us)
