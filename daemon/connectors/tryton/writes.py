"""Turn intents into jobs: what to send, what to press, what Tryton would refuse anyway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from msgspec import Struct

from actors.errors import OutsideDomainError, SchemaDriftError
from actors.intents import Exists, Intent, IntentKind, Outcome, Rejected, Stale, Throttled, Vanished
from actors.records import Snapshot
from actors.values import Raw, parse
from daemon.connectors.tryton.database import Database, takes_notes
from daemon.connectors.tryton.doubts import Doubts
from daemon.connectors.tryton.jobs import CREATE, WRITE, Job, Runner
from daemon.connectors.tryton.schema import REFERENCE, Account, DealModel
from daemon.connectors.tryton.states import (
    ALWAYS_READONLY,
    LABELS,
    LEAD,
    NEEDED_TO_QUALIFY,
    PIPELINE,
    Plan,
    plan_update,
)
from daemon.connectors.tryton.wire import KINDS, Row, encode

# Read with every target of an update, for the decision how to go about it.
_JUDGED = ("state", "address", *NEEDED_TO_QUALIFY)


class RefusedError(Exception):
    """Some values cannot be sent; `reasons` says why, by field."""

    def __init__(self, reasons: dict[str, str]) -> None:
        super().__init__("; ".join(reasons.values()))
        self.reasons = reasons

    def as_outcome(self) -> Rejected:
        """Return the outcome of an intent with such values."""
        return Rejected(reason=str(self), fields=tuple(self.reasons))


class Facts(Struct, frozen=True):
    """What encoding a record's values rests upon.

    Attributes:
        absent: (model, id) of records that values refer to and that do not exist.
    """

    account: Account
    model: DealModel
    absent: frozenset[tuple[str, str]]


class Writer:
    """Writes deals.

    Args:
        database: where.
        doubts: creates that may still be under way.
        fields: native names for `Done.stored`.
    """

    def __init__(self, database: Database, doubts: Doubts, fields: Sequence[str]) -> None:
        self._database = database
        self._doubts = doubts
        self._fields = tuple(fields)

    async def write(self, intents: Sequence[Intent]) -> tuple[Outcome, ...]:
        """Carry out intents of one kind; see `Connector.write`."""
        if not intents:
            return ()
        model = await self._database.model()
        self._check_fields(intents, model)
        absent = await self._find_absent_references(intents, model)
        facts = Facts(await self._database.account(), model, absent)
        if intents[0].kind is IntentKind.CREATE:
            jobs = await self._plan_creates(intents, facts)
        else:
            jobs = await self._plan_updates(intents, facts)
        return await Runner(self._database, self._fields).run(jobs)

    def _check_fields(self, intents: Sequence[Intent], model: DealModel) -> None:
        names = {name for intent in intents for name in intent.values} - {"pipeline"}
        unknown = sorted(names - model.definitions.keys())
        if unknown:
            raise SchemaDriftError(f"Tryton has no field {', '.join(unknown)} on deals")

    async def _find_absent_references(
        self, intents: Sequence[Intent], model: DealModel
    ) -> frozenset[tuple[str, str]]:
        """Return (model, id) of records that values refer to and that do not exist."""
        wanted: dict[str, set[int]] = {}
        for intent in intents:
            for name, raw in intent.values.items():
                relation = _relation_of(name, model)
                if relation is not None and raw and raw.isascii() and raw.isdigit():
                    wanted.setdefault(relation, set()).add(int(raw))
        absent: set[tuple[str, str]] = set()
        for relation, ids in wanted.items():
            missing = ids - await self._database.existing(relation, ids)
            absent.update((relation, str(one)) for one in missing)
        return frozenset(absent)

    async def _plan_creates(self, intents: Sequence[Intent], facts: Facts) -> list[Job]:
        keys = list(dict.fromkeys(intent.key for intent in intents if intent.key is not None))
        found = await self._database.find(keys, self._fields)
        jobs = []
        taken: set[str] = set()
        for intent in intents:
            twin = found.get(intent.key or "")
            if twin is not None:
                jobs.append(Job(intent, outcome=Exists(record_id=twin.id, current=twin)))
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
        account = facts.account
        defaults = {"party": account.default_party, "employee": account.default_employee}
        values: dict[str, Raw] = {
            name: str(record_id) for name, record_id in defaults.items() if record_id is not None
        }
        values |= {name: raw for name, raw in intent.values.items() if raw}
        try:
            encoded = encode_values(values, facts)
        except RefusedError as error:
            return Job(intent, outcome=error.as_outcome())
        if intent.key is not None:
            encoded |= self._place_key(intent.key, values, facts.model)
        plan = plan_update(
            LEAD,
            {"state": values.get("state", LEAD)},
            values,
            convert=self._database.options.convert,
        )
        return Job(
            intent, steps=(CREATE, *plan.before, *plan.after), values=encoded, refused=plan.refused
        )

    def _place_key(self, key: str, values: Mapping[str, Raw], model: DealModel) -> Row:
        if model.has_key_column or not {REFERENCE} & {*self._fields, *values}:
            return {model.key_field: key}
        if takes_notes((REFERENCE,), model):
            return {"notes": [["create", [{"message": key}]]]}
        return {}

    async def _plan_updates(self, intents: Sequence[Intent], facts: Facts) -> list[Job]:
        names = {name for intent in intents for name in intent.values}
        fields = sorted({*self._fields, *names, *_JUDGED})
        found = await self._database.read((one.record_id or "" for one in intents), fields)
        return [await self._plan_one(one, found.get(one.record_id or ""), facts) for one in intents]

    async def _plan_one(self, intent: Intent, record: Snapshot | None, facts: Facts) -> Job:
        if record is None:
            gone = await self._database.explain_absence(intent.record_id or "")
            return Job(intent, outcome=Vanished(how=gone.how, into=gone.into))
        if intent.token is not None and intent.token != record.token:
            return Job(intent, record=record, outcome=Stale())
        try:
            plan, values = self._plan_update(intent, record, facts)
        except RefusedError as error:
            return Job(intent, outcome=error.as_outcome())
        write = (WRITE,) if values else ()
        return Job(
            intent,
            steps=(*plan.before, *write, *plan.after),
            values=values,
            refused=plan.refused,
            record=record,
        )

    def _plan_update(self, intent: Intent, record: Snapshot, facts: Facts) -> tuple[Plan, Row]:
        values = dict(intent.values)
        if "currency" in values:
            values["currency"] = values["currency"] or facts.account.currency
        changed = {
            name: raw
            for name, raw in values.items()
            if _differs(name, raw, record.values, facts.model)
        }
        encoded = encode_values(changed, facts)
        convert = self._database.options.convert
        plan = plan_update(record.values["state"] or LEAD, changed, record.values, convert=convert)
        sent = {name: encoded[name] for name in plan.values if name in encoded}
        if "party" in sent and record.values["address"]:
            # An address must be one of the party's; a new one comes with the intent, if at all.
            sent.setdefault("address", None)
        return plan, sent


def encode_values(values: Mapping[str, Raw], facts: Facts) -> Row:
    """Encode values for Tryton; pipeline and state are checked and left out.

    Raises:
        RefusedError: for all fields that cannot be sent.
    """
    encoded: Row = {}
    reasons: dict[str, str] = {}
    for name, raw in values.items():
        try:
            if name in ("pipeline", "state"):
                _check_place(name, raw)
            else:
                encoded[name] = _encode_one(name, raw, facts)
        except OutsideDomainError as error:
            reasons[name] = f"{name}: {error}"
    if reasons:
        raise RefusedError(reasons)
    return encoded


def _check_place(name: str, raw: Raw) -> None:
    if raw is not None and raw not in ((PIPELINE,) if name == "pipeline" else LABELS):
        raise OutsideDomainError(f"Tryton has no {raw!r}")


def _encode_one(name: str, raw: Raw, facts: Facts) -> object:
    definition = facts.model.definitions[name]
    if definition.readonly or name in ALWAYS_READONLY:
        raise OutsideDomainError("read-only in Tryton")
    if name == "currency":
        currency = facts.account.currency_id(raw or facts.account.currency)
        if currency is None:
            raise OutsideDomainError(f"Tryton has no currency {raw!r}")
        return currency
    if (definition.relation, raw) in facts.absent:
        raise OutsideDomainError(f"there is no {definition.relation} with id {raw} in Tryton")
    return encode(definition.type, raw)


def _relation_of(name: str, model: DealModel) -> str | None:
    if name in ("pipeline", "currency"):
        return None
    return model.definitions[name].relation


def _differs(name: str, raw: Raw, present: Mapping[str, Raw], model: DealModel) -> bool:
    """Tell whether writing would change anything: even an empty write makes a new version."""
    if name == "pipeline":
        return raw not in (None, PIPELINE)
    kind = KINDS["char"] if name == "currency" else KINDS[model.definitions[name].type]
    try:
        return parse(kind, raw) != parse(kind, present[name])
    except OutsideDomainError:
        return True
