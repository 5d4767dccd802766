"""Turn intents into jobs: what to send, what to press, what Tryton would refuse anyway."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from actors.intents import Intent, IntentKind, Outcome, Stale, Throttled, Vanished
from actors.records import Gone
from daemon.connectors.tryton.columns import Facts, RefusedError
from daemon.connectors.tryton.database import Database
from daemon.connectors.tryton.doubts import Doubts
from daemon.connectors.tryton.jobs import Job, Runner, as_exists
from daemon.connectors.tryton.record_type import Reading, RecordType, Steps

PAST_EVERYWHERE = timedelta(hours=36)
"""How long ago it was surely yesterday in every time zone."""


class Writer:
    """Writes records of one object.

    Args:
        database: where.
        kind: the object.
        doubts: creates that may still be under way.
        fields: native names for `Done.stored`.
    """

    def __init__(
        self, database: Database, kind: RecordType, doubts: Doubts, fields: Sequence[str]
    ) -> None:
        self._database = database
        self._kind = kind
        self._doubts = doubts
        self._fields = tuple(fields)

    async def write(self, intents: Sequence[Intent]) -> tuple[Outcome, ...]:
        """Carry out intents of one kind; see `Connector.write`."""
        if not intents:
            return ()
        self._kind.check_fields({name for intent in intents for name in intent.values})
        facts = await self._find_facts(intents)
        if intents[0].kind is IntentKind.CREATE:
            jobs = await self._plan_creates(intents, facts)
        else:
            jobs = await self._plan_updates(intents, facts)
        return await Runner(self._database, self._kind, self._fields).run(jobs)

    async def _find_facts(self, intents: Sequence[Intent]) -> Facts:
        """Look up what values refer to."""
        referred: dict[str, set[int]] = {}
        replaced: dict[str, set[int]] = {}
        for intent in intents:
            for name, raw in intent.values.items():
                column = self._kind.columns[name]
                if column.relation is None or not (raw and raw.isascii() and raw.isdigit()):
                    continue
                referred.setdefault(column.relation, set()).add(int(raw))
                if column.stand_in:
                    replaced.setdefault(column.stand_in, set()).add(int(raw))
        absent: set[tuple[str, str]] = set()
        for relation, ids in referred.items():
            missing = ids - await self._database.existing(relation, ids)
            absent.update((relation, str(one)) for one in missing)
        stand_ins = {
            (model, str(party)): line
            for model, ids in replaced.items()
            for party, line in (await self._database.first_lines(model, ids)).items()
        }
        ended = (self._database.now() - PAST_EVERYWHERE).date().isoformat()
        return Facts(absent=frozenset(absent), stand_ins=stand_ins, ended=ended)

    async def _plan_creates(self, intents: Sequence[Intent], facts: Facts) -> list[Job]:
        keys = list(dict.fromkeys(intent.key for intent in intents if intent.key is not None))
        found = await self._database.find(self._kind, keys, self._fields)
        jobs = []
        taken: set[str] = set()
        for intent in intents:
            twin = found.get(intent.key or "")
            if twin is not None:
                jobs.append(Job(intent, outcome=as_exists(twin)))
            elif intent.key is not None and (intent.key in taken or self._is_held(intent.key)):
                jobs.append(Job(intent, outcome=self._hold(intent.key)))
            else:
                jobs.append(self._plan_create(intent, facts))
                taken.add(intent.key or "")
        return jobs

    def _is_held(self, key: str) -> bool:
        return self._doubts.wait_for(key) > timedelta(0)

    def _hold(self, key: str) -> Throttled:
        return Throttled(
            reason="a create of the same record may still be under way",
            retry_after_s=self._doubts.wait_for(key).total_seconds(),
        )

    def _plan_create(self, intent: Intent, facts: Facts) -> Job:
        try:
            plan = self._kind.plan_create(intent.values, facts)
        except RefusedError as error:
            return Job(intent, outcome=error.as_outcome())
        if intent.key is not None:
            place = self._kind.place_key(intent.key, {*self._fields, *intent.values})
            values = _joined(plan.values, place)
            plan = Steps(steps=plan.steps, values=values, refused=plan.refused)
        return Job(intent, plan)

    async def _plan_updates(self, intents: Sequence[Intent], facts: Facts) -> list[Job]:
        names = {name for intent in intents for name in intent.values}
        ids = [intent.record_id or "" for intent in intents]
        also = sorted({*names, *self._kind.judged})
        found = await self._database.read(self._kind, ids, self._fields, also)
        return [await self._plan_one(one, found.get(one.record_id or ""), facts) for one in intents]

    async def _plan_one(self, intent: Intent, record: Reading | Gone | None, facts: Facts) -> Job:
        if record is None:
            record = await self._database.explain_absence(self._kind, intent.record_id or "")
        if isinstance(record, Gone):
            return Job(intent, outcome=Vanished(how=record.how, into=record.into))
        if intent.token is not None and intent.token != record.snapshot.token:
            return Job(intent, record=record, outcome=Stale())
        try:
            plan = self._kind.plan_update(intent.values, record.row, facts)
        except RefusedError as error:
            return Job(intent, outcome=error.as_outcome())
        return Job(intent, plan, record=record)


def _joined(values: dict[str, object], more: dict[str, object]) -> dict[str, object]:
    """Join what a create sends; both may order lines of the same kind."""
    joined = dict(values)
    for name, value in more.items():
        present = joined.get(name)
        if isinstance(present, list) and isinstance(value, list):
            joined[name] = [*present, *value]
        else:
            joined[name] = value
    return joined
