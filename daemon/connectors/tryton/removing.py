"""Taking records out of use, and parties back into it, where a delete is to be followed.

A party is deactivated and can come back. A deal has no such flag: it is cancelled and deleted for
good, which Tryton lets only some users do (tryton.md, sections 4.2 and 5). Such orders are rare
and limited, so they are carried out one by one; every call names the version that it builds on.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.errors import OutcomeUnknownError, TransientError
from actors.intents import (
    Archived,
    Done,
    Intent,
    IntentKind,
    Outcome,
    Rejected,
    Stale,
    Throttled,
    Unknown,
    Vanished,
)
from actors.records import Departure, Gone
from daemon.connectors.tryton.database import Database
from daemon.connectors.tryton.errors import Kind, Refusal
from daemon.connectors.tryton.record_type import WRITE, Reading, RecordType


class Remover:
    """Removes records of one object, or brings them back.

    Args:
        database: where.
        kind: the object.
        fields: native names for the snapshots of outcomes.
    """

    def __init__(self, database: Database, kind: RecordType, fields: Sequence[str]) -> None:
        self._database = database
        self._kind = kind
        self._fields = tuple(fields)

    async def carry_out(self, intents: Sequence[Intent]) -> tuple[Outcome, ...]:
        """Carry out orders to archive or to restore; one outcome each, in order."""
        return tuple([await self._one(intent) for intent in intents])

    async def _one(self, intent: Intent) -> Outcome:
        is_touched = False
        try:
            holder = await self._read(intent.record_id or "")
            if intent.kind is IntentKind.RESTORE:
                return await self._restore(intent, holder)
            if isinstance(holder, Gone):
                return Vanished(how=holder.how, into=holder.into)
            if intent.token is not None and intent.token != holder.snapshot.token:
                return Stale(current=holder.snapshot)
            steps = self._kind.plan_removal(holder.row)
            if steps is None:
                return Rejected(reason="Tryton deletes no deal that has a sale", fields=("state",))
            for step in steps:
                if is_touched:
                    holder = await self._read(intent.record_id or "")
                if isinstance(holder, Gone):
                    return Vanished(how=holder.how, into=holder.into)
                await self._take(step, holder)
                is_touched = True
        except Refusal as refusal:
            return await self._refused(refusal, intent.record_id or "")
        except OutcomeUnknownError as error:
            return Unknown(reason=str(error))
        except TransientError as error:
            if is_touched:
                return Unknown(reason=f"half done: {error}")
            after = None if error.retry_after is None else error.retry_after.total_seconds()
            return Throttled(reason=str(error), retry_after_s=after)
        return Archived(how=self._kind.removal or Departure.DELETED)

    async def _read(self, record_id: str) -> Reading | Gone:
        also = self._kind.judged
        found = await self._database.read(self._kind, [record_id], self._fields, also)
        if record_id in found:
            return found[record_id]
        return await self._database.explain_absence(self._kind, record_id)

    async def _take(self, step: str, holder: Reading) -> None:
        context = await self._database.context()
        context["_timestamp"] = self._kind.locks_of(holder.row)
        values = ({"active": False},) if step == WRITE else ()
        await self._call(step, holder.snapshot.id, *values, context=context)

    async def _restore(self, intent: Intent, holder: Reading | Gone) -> Outcome:
        """Activate a record; one that is active already is as wanted."""
        if isinstance(holder, Gone):
            if holder.how is not Departure.ARCHIVED or not self._kind.can_return:
                return Vanished(how=holder.how, into=holder.into)
            context = await self._database.context()
            await self._call(WRITE, holder.id, {"active": True}, context=context)
            try:
                holder = await self._read(holder.id)
            except TransientError as error:
                return Unknown(reason=f"written, but not read back: {error}")
        if isinstance(holder, Gone):
            return Vanished(how=holder.how, into=holder.into)
        return Done(stored=holder.snapshot)

    async def _call(
        self, step: str, record_id: str, *values: object, context: dict[str, object]
    ) -> None:
        await self._database.rpc.call(
            f"model.{self._kind.model}.{step}",
            [int(record_id)],
            *values,
            answer=object,
            context=context,
            writes=True,
        )

    async def _refused(self, refusal: Refusal, record_id: str) -> Outcome:
        match refusal.kind:
            case Kind.STALE | Kind.BUTTON:
                holder = await self._read(record_id)
                return Stale(current=holder.snapshot if isinstance(holder, Reading) else None)
            case Kind.GONE:
                return Vanished(how=Departure.DELETED)
            case _:
                return Rejected(reason=refusal.message)
