"""The writer: brings intents to one app, and finds out what became of those in doubt.

It guards against lost updates (sync-semantics 6.2, 6.3) and decides nothing: what it cannot
carry out goes back as an outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from actors.audit import hidden_edits
from actors.errors import OutcomeUnknownError, TransientError
from actors.intents import (
    Done,
    Intent,
    IntentKind,
    Outcome,
    Stale,
    Throttled,
    Unknown,
    Vanished,
)
from actors.mapping.record import Sync
from actors.messages import (
    ReconcilerInbox,
    Recover,
    Recovered,
    Trace,
    Write,
    WriterInbox,
    Written,
)
from actors.ports import Clock, Connector, Monitor
from actors.records import Departure, Edit, Gone, Side, Snapshot


class Writer:
    """Carries out orders for one side of one sync, one batch at a time."""

    def __init__(
        self, *, sync: Sync, side: Side, connector: Connector, clock: Clock, monitor: Monitor
    ) -> None:
        self._sync = sync
        self._side = side
        self._app = connector
        self._clock = clock
        self._monitor = monitor
        self._object = sync.spec.object
        self._fields = sync.fields[side]
        self._units = {unit.key: unit for unit in sync.units}
        self._is_prepared = False

    async def run(
        self,
        orders: MemoryObjectReceiveStream[WriterInbox],
        results: MemoryObjectSendStream[ReconcilerInbox],
    ) -> None:
        """Carry out orders until the reconciler closes the channel."""
        async with orders, results:
            async for order in orders:
                match order:
                    case Write():
                        answer: Written | Recovered = await self._write(order)
                    case Recover():
                        answer = await self._recover(order)
                self._monitor.saw(self._sync.name, answer)
                await results.send(answer)

    # --- writing ----------------------------------------------------------------------------

    async def _write(self, order: Write) -> Written:
        outcomes: dict[int, Outcome] = {}
        overwritten: dict[int, dict[str, Edit]] = {}
        began = self._clock.monotonic()
        try:
            await self._prepare()
            ready = await self._guard(order.intents, outcomes)
        except TransientError as error:
            ready = []
            outcomes = {one.id: _throttled(error) for one in order.intents}
        if ready:
            began = self._clock.monotonic()
            outcomes |= await self._send(ready)
            overwritten = await self._audit(ready, outcomes)
        return Written(
            side=self._side,
            intents=order.intents,
            outcomes=tuple(outcomes[intent.id] for intent in order.intents),
            began=began,
            overwritten=overwritten,
        )

    async def _prepare(self) -> None:
        if not self._is_prepared:
            await self._app.prepare(self._object)
            self._is_prepared = True

    async def _guard(self, intents: Sequence[Intent], outcomes: dict[int, Outcome]) -> list[Intent]:
        """Re-read targets that the app itself cannot guard; return what may still be sent."""
        is_guarded = intents[0].kind.is_guarded
        if not is_guarded or self._app.capabilities.lock:
            return list(intents)
        ids = [intent.record_id or "" for intent in intents]
        found = await self._app.fetch(self._object, ids, self._fields)
        records = {record.id: record for record in found.records}
        gone = {one.id: one for one in found.gone}
        ready = []
        for intent in intents:
            record = records.get(intent.record_id or "")
            if record is None:
                outcomes[intent.id] = _vanished(gone.get(intent.record_id or ""))
            elif self._has_moved(intent, record):
                outcomes[intent.id] = Stale(current=record)
            else:
                ready.append(intent)
        return ready

    def _has_moved(self, intent: Intent, record: Snapshot) -> bool:
        return any(
            write.expected is not None
            and write.unit in self._units
            and self._units[write.unit].raws(self._side, record.values) != write.expected
            for write in intent.units
        )

    async def _send(self, ready: list[Intent]) -> dict[int, Outcome]:
        try:
            answers = await self._app.write(self._object, ready, self._fields)
        except OutcomeUnknownError as error:
            answers = tuple(Unknown(reason=str(error)) for _ in ready)
        except TransientError as error:
            answers = tuple(_throttled(error) for _ in ready)
        return {intent.id: answer for intent, answer in zip(ready, answers, strict=True)}

    # --- the audit --------------------------------------------------------------------------

    async def _audit(
        self, sent: Sequence[Intent], outcomes: dict[int, Outcome]
    ) -> dict[int, dict[str, Edit]]:
        """Find edits that our write overwrote between the guard's read and its arrival.

        Possible only where the app keeps history and needed only where it has no lock. While
        the app cannot tell, the outcome is unknown: recovering asks again.
        """
        capabilities = self._app.capabilities
        updates = [
            intent
            for intent in sent
            if intent.kind is IntentKind.UPDATE and isinstance(outcomes[intent.id], Done)
        ]
        if capabilities.lock or not capabilities.history or not updates:
            return {}
        wanted = {one.record_id or "": sorted(one.values) for one in updates}
        try:
            history = await self._app.edits(self._object, wanted)
        except TransientError as error:
            outcomes |= {one.id: Unknown(reason=f"no history came: {error}") for one in updates}
            return {}
        found = {one.id: hidden_edits(self._sync.units, one, history) for one in updates}
        return {intent_id: edits for intent_id, edits in found.items() if edits}

    # --- recovering -------------------------------------------------------------------------

    async def _recover(self, order: Recover) -> Recovered:
        began = self._clock.monotonic()
        try:
            if order.intents[0].kind is IntentKind.CREATE:
                traces = await self._find(order.intents)
            else:
                traces = await self._reread(order.intents)
        except TransientError:
            traces = None
        return Recovered(
            side=self._side,
            intents=order.intents,
            traces=traces or tuple(Trace(failed=True) for _ in order.intents),
            began=began,
        )

    async def _find(self, intents: Sequence[Intent]) -> tuple[Trace, ...]:
        keys = [intent.key or "" for intent in intents]
        found = await self._app.find(self._object, keys, self._fields)
        return tuple(_trace(found.get(key)) for key in keys)

    async def _reread(self, intents: Sequence[Intent]) -> tuple[Trace, ...]:
        ids = [intent.record_id or "" for intent in intents]
        found = await self._app.fetch(self._object, ids, self._fields)
        holders: dict[str, Snapshot | Gone] = {one.id: one for one in found.gone}
        holders |= {record.id: record for record in found.records}
        edits: Mapping[tuple[str, str], tuple[Edit, ...]] = {}
        if self._app.capabilities.history:
            wanted = {one.record_id or "": sorted(one.values) for one in intents if one.values}
            edits = await self._app.edits(self._object, wanted) if wanted else {}
        return tuple(
            _trace(
                holders.get(intent.record_id or ""),
                {
                    name: edits[key]
                    for name in intent.values
                    if (key := (intent.record_id or "", name)) in edits
                },
            )
            for intent in intents
        )


def _trace(
    holder: Snapshot | Gone | None, edits: dict[str, tuple[Edit, ...]] | None = None
) -> Trace:
    if isinstance(holder, Snapshot):
        return Trace(current=holder, edits=edits or {})
    return Trace(gone=holder)


def _throttled(error: TransientError) -> Throttled:
    pause = error.retry_after.total_seconds() if error.retry_after is not None else None
    return Throttled(reason=str(error), retry_after_s=pause)


def _vanished(gone: Gone | None) -> Vanished:
    if gone is None:
        return Vanished(how=Departure.HIDDEN)
    return Vanished(how=gone.how, into=gone.into)
