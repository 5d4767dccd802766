"""Carrying out intents by batch create and batch update, with one outcome for each.

HubSpot reports per input when each carries a trace id; some refusals still concern the whole
call without saying which input is at fault, and then the batch is halved until it is clear.
Creates carry tieline's key in a unique property and are never upserts: a key that is taken is
looked up and reported, and its record is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from actors.errors import (
    AuthError,
    OutcomeUnknownError,
    RateLimitedError,
    SchemaDriftError,
    TransientError,
)
from actors.intents import (
    Done,
    Exists,
    Intent,
    IntentKind,
    Outcome,
    Rejected,
    Throttled,
    Unknown,
    Vanished,
)
from actors.records import Gone, Snapshot
from actors.values import Raw
from daemon.connectors.hubspot.errors import (
    RefusedError,
    bad_properties,
    holder_of,
    reason_of,
    taken_property,
    texts,
)
from daemon.connectors.hubspot.history import Authorship
from daemon.connectors.hubspot.kinds import KEY_PROPERTY, ObjectKind
from daemon.connectors.hubspot.presence import fetch, find
from daemon.connectors.hubspot.reading import BATCH_SIZE, chunks, to_snapshot
from daemon.connectors.hubspot.session import Call, Session
from daemon.connectors.hubspot.vouching import gone_words
from daemon.connectors.hubspot.wire import BATCH, Batch, BatchWrite, Input, Problem, Record

TRACE_ID = "objectWriteTraceId"
NOT_FOUND = "OBJECT_NOT_FOUND"
# HTTP statuses of a refusal that concerns the inputs; others concern the call.
OF_INPUTS = frozenset({400, 404, 409, 413, 422})

PipelineOf = Callable[[str], str | None]
"""From a stage's id to its pipeline's: stage ids are unique across pipelines."""


class Item(Struct, frozen=True):
    """One intent on its way: its place among the outcomes, and what is sent for it."""

    place: int
    intent: Intent
    input: Input

    @property
    def trace(self) -> str:
        """What HubSpot names the input by."""
        return self.input.object_write_trace_id

    @property
    def unique(self) -> str:
        """What must not occur twice in one call."""
        return self.intent.record_id or (self.intent.key or "").casefold()


class Writing:
    """One order to write: intents of one kind, and their outcomes as they become known.

    Args:
        fields: what the snapshots of outcomes must hold.
        pipeline_of: the pipeline of a stage, None when there is no such stage.
        authorship: told of what was written, to recognise it in histories.
    """

    def __init__(
        self,
        session: Session,
        kind: ObjectKind,
        fields: Sequence[str],
        *,
        pipeline_of: PipelineOf,
        authorship: Authorship,
    ) -> None:
        self._session = session
        self._kind = kind
        self._fields = fields
        self._pipeline_of = pipeline_of
        self._authorship = authorship
        self._creates = False
        self._outcomes: dict[int, Outcome] = {}
        # Written records of which HubSpot's answer did not show all fields.
        self._incomplete: dict[int, Snapshot] = {}

    async def carry_out(self, intents: Sequence[Intent]) -> tuple[Outcome, ...]:
        """Write, and return one outcome for each intent in order.

        Raises:
            TransientError, AuthError, ScopeError: nothing was written at all.
            SchemaDriftError: a property is gone; nothing was written by that call.
        """
        self._creates = any(intent.kind is IntentKind.CREATE for intent in intents)
        items = [self._to_item(place, intent) for place, intent in enumerate(intents)]
        for group in _calls(items):
            await self._send(group)
        await self._complete()
        return tuple(self._outcomes[place] for place in range(len(intents)))

    def _to_item(self, place: int, intent: Intent) -> Item:
        values = with_pipeline(self._kind, intent.values, self._pipeline_of)
        if self._creates:
            properties = {name: raw for name, raw in values.items() if raw}
            if intent.key:
                properties[KEY_PROPERTY] = intent.key
        else:
            properties = {name: raw or "" for name, raw in values.items()}
        trace = f"{intent.id}-{intent.attempts}-{place}"
        return Item(place, intent, Input(properties, trace, intent.record_id))

    # One call --------------------------------------------------------------------------------

    async def _send(self, items: Sequence[Item]) -> None:
        tail = "create" if self._creates else "update"
        call = Call(
            endpoint=f"{self._kind.name}/batch/{tail}",
            method="POST",
            path=self._session.paths.objects(self._kind.name, f"/batch/{tail}"),
            body=BatchWrite(inputs=[item.input for item in items]),
        )
        try:
            batch = (await self._session.write(call)).decode(BATCH)
        except OutcomeUnknownError as error:
            self._settle_all(items, Unknown(reason=str(error)))
        except RateLimitedError as error:
            self._settle_all(items, _throttled(error))
        except (TransientError, AuthError) as error:
            if not self._outcomes:
                raise
            self._settle_all(items, _throttled(error))
        except RefusedError as error:
            await self._refused(items, error)
        else:
            await self._answered(items, batch)

    async def _refused(self, items: Sequence[Item], error: RefusedError) -> None:
        """Settle a call that was refused whole: nothing of it was written."""
        if error.status not in OF_INPUTS:
            if not self._outcomes:
                raise error
            self._settle_all(items, Throttled(reason=str(error)))
            return
        if len(items) == 1:
            missing = error.status == 404 and not self._creates
            problem = replace(error.problem, category=NOT_FOUND) if missing else error.problem
            await self._settle_problems([(items[0], problem)])
            return
        middle = (len(items) + 1) // 2
        await self._send(items[:middle])
        await self._send(items[middle:])

    async def _answered(self, items: Sequence[Item], batch: Batch) -> None:
        by_trace = {item.trace: item for item in items}
        by_unique = {item.unique: item for item in items}
        for record in batch.results:
            item = by_trace.get(record.object_write_trace_id or "") or by_unique.get(
                self._unique_of(record)
            )
            if item is not None:
                self._settle_written(item, record)
        await self._settle_problems(
            [
                (by_trace[trace], problem)
                for problem in batch.errors
                for trace in texts(problem.context, TRACE_ID)
                if trace in by_trace
            ]
        )
        for item in items:
            # Neither a result nor an error that names it: what was done is not known.
            unnamed = Unknown(reason="HubSpot's answer does not mention this record")
            self._outcomes.setdefault(item.place, unnamed)

    def _unique_of(self, record: Record) -> str:
        if self._creates:
            return (record.properties.get(KEY_PROPERTY) or "").casefold()
        return record.id

    # Outcomes --------------------------------------------------------------------------------

    def _settle_all(self, items: Sequence[Item], outcome: Outcome) -> None:
        for item in items:
            self._outcomes[item.place] = outcome

    def _settle_written(self, item: Item, record: Record) -> None:
        if self._creates:
            self._authorship.note_create(record)
        elif record.id != item.intent.record_id:
            # Merged since it was read: the write went into the survivor.
            reason = f"written into record {record.id}, into which this one was merged"
            self._outcomes[item.place] = Unknown(reason=reason)
            return
        self._authorship.note_update(self._kind, record, item.input.properties)
        shown = record.properties
        sent = {**item.intent.values, **item.input.properties}
        stored = to_snapshot(record, [name for name in self._fields if name in shown])
        # What was sent and is not shown was taken as sent, or is empty. So is a new record's field
        # that neither names: what fills it afterwards makes a version that the next poll sees.
        values = {
            name: stored.values[name] if name in shown else sent.get(name) or None
            for name in self._fields
            if self._creates or name in shown or name in sent
        }
        key = stored.key or (item.intent.key if self._creates else None)
        stored = replace(stored, values=values, key=key)
        self._outcomes[item.place] = Done(stored=stored)
        if len(values) < len(self._fields):
            self._incomplete[item.place] = stored

    async def _settle_problems(self, problems: Sequence[tuple[Item, Problem]]) -> None:
        taken: list[tuple[Item, Problem]] = []
        missing: list[Item] = []
        for item, problem in problems:
            if self._creates and self._is_key_taken(problem):
                taken.append((item, problem))
            elif problem.category == NOT_FOUND and not self._creates:
                missing.append(item)
            else:
                self._outcomes[item.place] = self._verdict(problem)
        if taken:
            await self._settle_taken(taken)
        if missing:
            await self._settle_missing(missing)

    def _is_key_taken(self, problem: Problem) -> bool:
        return taken_property(problem) == KEY_PROPERTY

    def _verdict(self, problem: Problem) -> Outcome:
        match problem.category:
            case "RATE_LIMITS":
                return Throttled(reason=reason_of(problem))
            case "INTERNAL_ERROR":
                return Unknown(reason=reason_of(problem))
            case _:
                return self._rejected(problem)

    def _rejected(self, problem: Problem) -> Rejected:
        bad = {one.name: one.code for one in bad_properties(problem)}
        gone = next((name for name, code in bad.items() if code == "PROPERTY_DOESNT_EXIST"), None)
        if gone is not None and not self._outcomes:
            raise SchemaDriftError(gone_words(self._kind, gone))
        unique = taken_property(problem)
        if unique is None and problem.category == "CONFLICT":
            unique = self._kind.email
        fields = tuple(bad) or ((unique,) if unique else ())
        return Rejected(reason=reason_of(problem), fields=fields, taken=unique is not None)

    async def _settle_taken(self, taken: Sequence[tuple[Item, Problem]]) -> None:
        keys = [item.intent.key for item, _ in taken if item.intent.key]
        found: dict[str, Snapshot | Gone] = {}
        failure = ""
        try:
            found = await find(self._session, self._kind, keys, self._fields)
        except (TransientError, AuthError) as error:
            failure = str(error)
        for item, problem in taken:
            there = found.get(item.intent.key or "")
            self._outcomes[item.place] = _exists(there, holder_of(problem), failure)

    async def _settle_missing(self, missing: Sequence[Item]) -> None:
        ids = [item.intent.record_id or "" for item in missing]
        gone: dict[str, Gone] = {}
        reason = "HubSpot did not find the record for the write, but shows it"
        try:
            fetched = await fetch(self._session, self._kind, ids, ())
            gone = {one.id: one for one in fetched.gone}
        except (TransientError, AuthError) as error:
            reason = str(error)
        for item, record_id in zip(missing, ids, strict=True):
            one = gone.get(record_id)
            self._outcomes[item.place] = (
                Throttled(reason=reason) if one is None else Vanished(how=one.how, into=one.into)
            )

    async def _complete(self) -> None:
        """Read back written records of which HubSpot's answer did not show all fields."""
        if not self._incomplete:
            return
        ids = [stored.id for stored in self._incomplete.values()]
        try:
            fetched = await fetch(self._session, self._kind, ids, self._fields)
        except (TransientError, AuthError) as error:
            read: Mapping[str, Snapshot] = {}
            reason = f"written, but not read back: {error}"
        else:
            read = {one.id: one for one in fetched.records}
            reason = "written, but gone before it was read back"
        for place, stored in self._incomplete.items():
            whole = read.get(stored.id)
            self._outcomes[place] = (
                Unknown(reason=reason) if whole is None else Done(stored=_whole(stored, whole))
            )


def _whole(stored: Snapshot, read: Snapshot) -> Snapshot:
    """Fill up the record of a write's answer from a later read.

    The token stays that of the write: if the record moved in between, the next poll sees it.
    """
    return replace(stored, values={**read.values, **stored.values}, absorbed=read.absorbed)


def with_pipeline(
    kind: ObjectKind, values: Mapping[str, Raw], pipeline_of: PipelineOf
) -> Mapping[str, Raw]:
    """Add the pipeline to a stage that is written without it: HubSpot wants both together."""
    if kind.stage is None or kind.pipeline is None or kind.pipeline in values:
        return values
    stage = values.get(kind.stage)
    pipeline = pipeline_of(stage) if stage else None
    return values if pipeline is None else {**values, kind.pipeline: pipeline}


def _calls(items: Sequence[Item]) -> list[Sequence[Item]]:
    """Cut into calls of at most a batch, none with the same record or key twice.

    HubSpot refuses a whole call for a repetition; the repeated ones go into a later call.
    """
    rounds: list[dict[str, Item]] = []
    for item in items:
        # An empty key is no key: such creates are told apart by their trace.
        unique = item.unique or item.trace
        free = next((one for one in rounds if unique not in one), None)
        if free is None:
            free = {}
            rounds.append(free)
        free[unique] = item
    return [call for one in rounds for call in chunks(list(one.values()), BATCH_SIZE)]


def _throttled(error: TransientError | AuthError) -> Throttled:
    pause = error.retry_after if isinstance(error, TransientError) else None
    return Throttled(
        reason=str(error), retry_after_s=None if pause is None else pause.total_seconds()
    )


def _exists(there: Snapshot | Gone | None, holder: str | None, failure: str) -> Outcome:
    match there:
        case Snapshot():
            return Exists(record_id=there.id, current=there)
        case Gone():
            return Exists(record_id=there.id, archived=True)
        case None if holder is not None:
            return Exists(record_id=holder)
        case None:
            reason = failure or "HubSpot says that the key is taken, but shows no record with it"
            return Throttled(reason=reason)
