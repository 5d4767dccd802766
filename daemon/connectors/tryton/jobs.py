"""Intents on their way: each a list of steps, taken together with others that are due the same.

A step is one call that Tryton carries out whole or not at all, for many records at once. When it
refuses, the records are tried in halves, so that one bad record does not hold up the others.
Every step names the version that it builds on; after it the records are read, which gives the
next version and shows whether somebody else wrote in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from actors.errors import OutcomeUnknownError, TransientError
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
from actors.records import Departure, Snapshot
from daemon.connectors.tryton.database import Database, lock_of
from daemon.connectors.tryton.errors import Kind, Refusal, as_read_error, as_rejected
from daemon.connectors.tryton.schema import MODEL
from daemon.connectors.tryton.wire import Row

T = TypeVar("T")

CREATE, WRITE = "create", "write"  # all other steps are the names of buttons


class Job:
    """One intent with what is left to do, and what came of it.

    Args:
        intent: the order.
        steps: what to do, in this order.
        values: what the create or write step sends, in Tryton's encoding.
        refused: reason by field of what is known to be impossible.
        record: the target as last read; None before it exists.
    """

    def __init__(
        self,
        intent: Intent,
        *,
        steps: Sequence[str] = (),
        values: Row | None = None,
        refused: dict[str, str] | None = None,
        record: Snapshot | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        self.intent = intent
        self.steps = list(steps)
        self.values = values or {}
        self.refused = refused or {}
        self.record = record
        self.record_id = record.id if record is not None else ""
        self.outcome = outcome
        self.is_touched = False

    @property
    def is_due(self) -> bool:
        """There is a step to take."""
        return self.outcome is None and bool(self.steps)

    def give_up(self, reason: str) -> None:
        """Refuse all that is left to do."""
        if WRITE in self.steps:
            self.refused |= dict.fromkeys(self.values, reason)
        if any(step not in (CREATE, WRITE) for step in self.steps):
            self.refused["state"] = reason
        self.steps.clear()


class Runner:
    """Takes all jobs of one batch through their steps.

    Args:
        database: where.
        fields: native names for `Done.stored`.
    """

    def __init__(self, database: Database, fields: Sequence[str]) -> None:
        self._database = database
        self._fields = tuple(fields)
        self._own_id = ""

    async def run(self, jobs: Sequence[Job]) -> tuple[Outcome, ...]:
        """Carry the jobs out and return their outcomes in order.

        Raises:
            TransientError: Tryton could not be reached before anything was written.
            ScopeError: the user may not write deals at all.
        """
        self._own_id = str((await self._database.account()).user_id)
        while due := [job for job in jobs if job.is_due]:
            # Grouped before any is taken: each job takes one step a round.
            groups: dict[str, list[Job]] = {}
            for job in due:
                groups.setdefault(job.steps[0], []).append(job)
            for step, group in groups.items():
                await self._attempt(step, group)
            await self._look(due)
        for job in jobs:
            if job.outcome is None:
                job.outcome = self._conclude(job)
        await self._show_current(jobs)
        return tuple(job.outcome for job in jobs if job.outcome is not None)

    async def _attempt(self, step: str, group: Sequence[Job]) -> None:
        try:
            await self._take(step, group)
        except Refusal as refusal:
            if len(group) > 1:
                middle = len(group) // 2
                await self._attempt(step, group[:middle])
                await self._attempt(step, group[middle:])
            else:
                await self._refuse(step, group[0], refusal)
        except OutcomeUnknownError as error:
            for job in group:
                job.outcome = Unknown(reason=str(error))
        except TransientError as error:
            self._postpone(group, error)
        else:
            for job in group:
                job.steps.pop(0)
                job.is_touched = True

    async def _take(self, step: str, group: Sequence[Job]) -> None:
        context = await self._database.context()
        if step == CREATE:
            rows = [job.values for job in group]
            ids = await self._call(CREATE, rows, answer=list[int], context=context)
            for job, record_id in zip(group, ids, strict=True):
                job.record_id = str(record_id)
            return
        context["_timestamp"] = {
            f"{MODEL},{job.record_id}": lock_of(job.record.token)
            for job in group
            if job.record is not None
        }
        if step == WRITE:
            pairs = [part for job in group for part in ([int(job.record_id)], job.values)]
            await self._call(WRITE, *pairs, answer=object, context=context)
        else:
            ids = [int(job.record_id) for job in group]
            await self._call(step, ids, answer=object, context=context)

    async def _call(self, name: str, *arguments: object, answer: type[T], context: Row) -> T:
        return await self._database.rpc.call(
            f"model.{MODEL}.{name}", *arguments, answer=answer, context=context, writes=True
        )

    def _postpone(self, group: Sequence[Job], error: TransientError) -> None:
        after = None if error.retry_after is None else error.retry_after.total_seconds()
        for job in group:
            if job.is_touched:
                job.outcome = Unknown(reason=f"half done: {error}")
            else:
                job.outcome = Throttled(reason=str(error), retry_after_s=after)

    async def _refuse(self, step: str, job: Job, refusal: Refusal) -> None:
        if job.is_touched:
            job.give_up(refusal.message)
            return
        match refusal.kind:
            case Kind.STALE | Kind.BUTTON:
                job.outcome = Stale()
            case Kind.GONE:
                job.outcome = Vanished(how=Departure.DELETED)
            case Kind.ACCESS:
                raise as_read_error(refusal) from None
            case _:
                job.outcome = await self._find_twin(step, job) or await self._reject(refusal, step)

    async def _find_twin(self, step: str, job: Job) -> Outcome | None:
        """Return the record that a unique column refused ours for, if that was the reason."""
        model, key = await self._database.model(), job.intent.key
        if step != CREATE or key is None or not model.has_key_column:
            return None
        found = await self._database.find([key], self._fields)
        twin = found.get(key)
        return None if twin is None else Exists(record_id=twin.id, current=twin)

    async def _reject(self, refusal: Refusal, step: str) -> Rejected:
        rejected = as_rejected(refusal, (await self._database.model()).labels)
        if step in (CREATE, WRITE):
            return rejected
        return Rejected(reason=rejected.reason, fields=("state", *rejected.fields))

    async def _look(self, jobs: Sequence[Job]) -> None:
        """Read the records that were just written."""
        written = [job for job in jobs if job.outcome is None and job.is_touched]
        if not written:
            return
        try:
            await self._read(written)
        except (TransientError, OutcomeUnknownError) as error:
            for job in written:
                job.outcome = Unknown(reason=f"written, but not read back: {error}")

    async def _read(self, jobs: Sequence[Job]) -> None:
        fields = {*self._fields, "state", "write_uid", "create_uid"}
        found = await self._database.read((job.record_id for job in jobs), sorted(fields))
        for job in jobs:
            job.record = found.get(job.record_id)
            if job.record is None:
                gone = await self._database.explain_absence(job.record_id)
                job.outcome = Vanished(how=gone.how)
            elif job.steps and not self._wrote_last(job.record):
                # Somebody wrote since our last step: what is left is decided again.
                job.outcome = Stale(current=self._trim(job.record))

    def _conclude(self, job: Job) -> Outcome:
        if job.record is None or (job.refused and not job.is_touched):
            reasons = dict.fromkeys(job.refused.values())
            return Rejected(reason="; ".join(reasons), fields=tuple(job.refused))
        return Done(
            stored=self._trim(job.record),
            refused=job.refused,
            proven=not job.is_touched or (self._wrote_last(job.record) and not _is_dated(job)),
        )

    def _wrote_last(self, record: Snapshot) -> bool:
        # `write_uid` is empty until the first edit.
        writer = record.values.get("write_uid") or record.values.get("create_uid")
        return writer == self._own_id

    async def _show_current(self, jobs: Sequence[Job]) -> None:
        stale = [job for job in jobs if job.outcome == Stale()]
        if stale:
            found = await self._database.read((job.record_id for job in stale), self._fields)
            for job in stale:
                job.outcome = Stale(current=found.get(job.record_id))

    def _trim(self, record: Snapshot) -> Snapshot:
        values = {name: record.values[name] for name in self._fields}
        return msgspec.structs.replace(record, values=values)


def _is_dated(job: Job) -> bool:
    """Say whether Tryton put its own day in place of the one that we sent, as we closed a deal.

    That day is news, not our value in another form: the other app is to hear of it. A deal that
    was closed elsewhere before it came here is another matter: Tryton's day is then only that
    of its arrival, and says nothing about the deal.
    """
    sent, record = job.intent.values.get("end_date"), job.record
    if job.intent.kind is not IntentKind.UPDATE or "state" not in job.intent.values:
        return False
    return sent is not None and record is not None and record.values.get("end_date") != sent
