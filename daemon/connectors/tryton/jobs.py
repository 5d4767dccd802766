"""Intents on their way: each a list of steps, taken together with others that are due the same.

A step is one call that Tryton carries out whole or not at all, for many records at once. When it
refuses, the records are tried in halves, so that one bad record does not hold up the others.
Every step names the version that it builds on; after it the records are read, which gives the
next version and shows whether somebody else wrote in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from actors.errors import OutcomeUnknownError, TransientError
from actors.intents import (
    Done,
    Exists,
    Intent,
    Outcome,
    Rejected,
    Stale,
    Throttled,
    Unknown,
    Vanished,
)
from actors.records import Departure, Gone
from daemon.connectors.tryton.database import Database
from daemon.connectors.tryton.errors import Kind, Refusal, as_read_error, as_rejected
from daemon.connectors.tryton.record_type import CREATE, WRITE, Forgone, Reading, RecordType, Steps
from daemon.connectors.tryton.wire import Row

T = TypeVar("T")


class Job:
    """One intent with what is left to do, and what came of it.

    Args:
        intent: the order.
        plan: what is to be done.
        record: the target as last read; None before it exists.
        outcome: what came of it, if that is known already.
    """

    def __init__(
        self,
        intent: Intent,
        plan: Steps | None = None,
        *,
        record: Reading | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        plan = plan or Steps(steps=())
        self.intent = intent
        self.steps = list(plan.steps)
        self.values = plan.values
        self.refused = dict(plan.refused)
        self.record = record
        self.record_id = record.snapshot.id if record is not None else ""
        self.outcome = outcome
        self.is_touched = False

    @property
    def is_due(self) -> bool:
        """There is a step to take."""
        return self.outcome is None and bool(self.steps)

    def settle_for(self, lesser: Forgone) -> None:
        """Send less when the step is taken the next time, or nothing if nothing is left."""
        self.values = lesser.values
        self.refused |= lesser.refused
        if not self.values:
            self.steps.clear()

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
        kind: the object.
        fields: native names for `Done.stored`.
    """

    def __init__(self, database: Database, kind: RecordType, fields: Sequence[str]) -> None:
        self._database = database
        self._kind = kind
        self._fields = tuple(fields)
        self._own_id = 0

    async def run(self, jobs: Sequence[Job]) -> tuple[Outcome, ...]:
        """Carry the jobs out and return their outcomes in order.

        Raises:
            TransientError: Tryton could not be reached before anything was written.
            ScopeError: the user may not write such records at all.
        """
        self._own_id = (await self._database.account()).user_id
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
        locks: Row = {}
        for job in group:
            locks |= self._kind.locks_of(job.record.row) if job.record is not None else {}
        context["_timestamp"] = locks
        if step == WRITE:
            pairs = [part for job in group for part in ([int(job.record_id)], job.values)]
            await self._call(WRITE, *pairs, answer=object, context=context)
        else:
            ids = [int(job.record_id) for job in group]
            await self._call(step, ids, answer=object, context=context)

    async def _call(self, name: str, *arguments: object, answer: type[T], context: Row) -> T:
        return await self._database.rpc.call(
            f"model.{self._kind.model}.{name}",
            *arguments,
            answer=answer,
            context=context,
            writes=True,
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
        if step in (CREATE, WRITE):
            lesser = self._kind.forgo(job.intent, job.values, refusal.message)
            if lesser is not None:
                job.settle_for(lesser)
                return
        match refusal.kind:
            case Kind.STALE | Kind.BUTTON:
                job.outcome = Stale()
            case Kind.GONE:
                job.outcome = Vanished(how=Departure.DELETED)
            case Kind.ACCESS:
                raise as_read_error(refusal) from None
            case _:
                job.outcome = await self._find_twin(step, job) or self._reject(refusal, step)

    async def _find_twin(self, step: str, job: Job) -> Outcome | None:
        """Return the record that a unique column refused ours for, if that was the reason."""
        key = job.intent.key
        if step != CREATE or key is None or not self._kind.has_key_column:
            return None
        twin = (await self._database.find(self._kind, [key], self._fields)).get(key)
        return None if twin is None else as_exists(twin)

    def _reject(self, refusal: Refusal, step: str) -> Rejected:
        rejected = as_rejected(refusal, self._kind.labels)
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
        ids = [job.record_id for job in jobs]
        found = await self._database.read(self._kind, ids, self._fields, self._kind.judged)
        for job in jobs:
            record = found.get(job.record_id)
            if record is None:
                record = await self._database.explain_absence(self._kind, job.record_id)
            if isinstance(record, Gone):
                job.outcome = Vanished(how=record.how, into=record.into)
                continue
            job.record = record
            if job.steps and not self._wrote_last(record):
                # Somebody wrote since our last step: what is left is decided again.
                job.outcome = Stale(current=record.snapshot)

    def _conclude(self, job: Job) -> Outcome:
        if job.record is None or (job.refused and not job.is_touched):
            reasons = dict.fromkeys(job.refused.values())
            return Rejected(reason="; ".join(reasons), fields=tuple(job.refused))
        stored = job.record.snapshot
        is_news = job.is_touched and self._kind.is_news(job.intent, stored)
        return Done(
            stored=stored,
            refused=job.refused,
            proven=not job.is_touched or (self._wrote_last(job.record) and not is_news),
        )

    def _wrote_last(self, record: Reading) -> bool:
        return self._kind.wrote_last(record.row, self._own_id)

    async def _show_current(self, jobs: Sequence[Job]) -> None:
        stale = [job for job in jobs if job.outcome == Stale()]
        if stale:
            ids = [job.record_id for job in stale]
            found = await self._database.read(self._kind, ids, self._fields)
            for job in stale:
                current = found.get(job.record_id)
                if isinstance(current, Reading):
                    job.outcome = Stale(current=current.snapshot)


def as_exists(twin: Reading | Gone) -> Exists:
    """Return the outcome of a create whose key a record has already."""
    if isinstance(twin, Gone):
        return Exists(record_id=twin.id, archived=True)
    return Exists(record_id=twin.snapshot.id, current=twin.snapshot)
