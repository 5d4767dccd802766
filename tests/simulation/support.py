"""A tiny world of one deal and its copy, to plant right and wrong histories in."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.records import Side
from tests.simulation.crm import Crm
from tests.simulation.facts import Facts
from tests.simulation.ledger import Call, Ledger, Record, Values, Write
from tests.simulation.scenario import FIELDS, Scenario
from tests.simulation.view import ConflictView, HistoryView, LinkView, StoreView

NEW = {Side.LEFT: ("sales", "new"), Side.RIGHT: ("opportunities", "lead")}


@dataclass
class Stage:
    """Two apps by hand: every method happens at the time `now`."""

    scenario: Scenario = field(default_factory=lambda: Scenario(seed="planted"))
    now: float = 0.0
    conflicts: list[ConflictView] = field(default_factory=list)
    history: list[HistoryView] = field(default_factory=list)
    links: list[LinkView] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(lambda: self.now)
        self.crms = {
            side: Crm(
                name=self.scenario.app(side),
                side=side,
                flavour=self.scenario.flavours[side],
                schema=self.scenario.schema(side),
                ledger=self.ledger,
                seed="planted",
            )
            for side in Side
        }

    def deal(self, side: Side = Side.LEFT, name: str = "first", **more: str | None) -> Record:
        """A person makes a deal."""
        values: Values = {
            FIELDS[side]["name"]: name,
            FIELDS[side]["pipeline"]: NEW[side][0],
            FIELDS[side]["stage"]: NEW[side][1],
        }
        values |= {FIELDS[side][key]: value for key, value in more.items()}
        record = self.crms[side].edit("create", None, values)
        assert record is not None
        return record

    def edit(self, side: Side, record: Record, at: float, **values: str | None) -> None:
        """A person edits fields, named by their units."""
        self.now = at
        changes = {FIELDS[side][key]: value for key, value in values.items()}
        assert self.crms[side].edit("set", record, changes) is not None

    def copy(self, source: Record, side: Side = Side.RIGHT, **changes: str | None) -> Record:
        """tieline makes the counterpart on `side`, with the source's values or others."""
        crm, other = self.crms[side], self.crms[side.other]
        names = {FIELDS[side.other][key]: FIELDS[side][key] for key in ("name", "note", "amount")}
        values: Values = {there: source.now.values[here] for here, there in names.items()}
        stage = tuple(source.now.values[FIELDS[side.other][k]] for k in ("pipeline", "stage"))
        assert stage == NEW[side.other]
        values |= dict(
            zip((FIELDS[side]["pipeline"], FIELDS[side]["stage"]), NEW[side], strict=True)
        )
        values |= {FIELDS[side][key]: value for key, value in changes.items()}
        write = self._write(side, "create", None, values, self.scenario.key(other.side, source.id))
        record = crm.create(values, by="write", cause=write.id, key=write.key)
        self._committed(write, record)
        left, right = (source, record) if side is Side.RIGHT else (record, source)
        self.link(left.id, right.id)
        return record

    def write(self, side: Side, record: Record, at: float, **values: str | None) -> Write:
        """tieline updates fields, named by their units."""
        self.now = at
        named = {FIELDS[side][key]: value for key, value in values.items()}
        write = self._write(side, "update", record.id, named, None)
        self.crms[side].change(record, named, by="write", cause=write.id)
        self._committed(write, record)
        return write

    def link(self, left: str | None, right: str | None, status: str = "in sync") -> None:
        """tieline's store has a row for these records."""
        reason = "" if status == "in sync" else "a reason"
        number = len(self.links) + 1
        self.links.append(
            LinkView(
                id=number,
                left=left,
                right=right,
                status=status,
                reason=reason,
                due_us=None,
                attempts=0,
            )
        )

    def call(self, side: Side, name: str, at: float) -> None:
        """tieline makes a request."""
        self.ledger.calls.append(Call(side=side, name=name, at=at))

    def facts(self) -> Facts:
        """Return what the oracle is given."""
        view = StoreView(
            links=tuple(self.links),
            conflicts=tuple(self.conflicts),
            history=tuple(self.history),
        )
        return Facts(scenario=self.scenario, crms=self.crms, ledger=self.ledger, view=view)

    def _write(
        self, side: Side, kind: str, record: str | None, values: Values, key: str | None
    ) -> Write:
        write = Write(
            id=len(self.ledger.writes),
            side=side,
            kind=kind,
            record=record,
            intent=0,
            life=1,
            values=values,
            key=key,
            sent_at=self.now,
            answer="done",
        )
        self.ledger.writes.append(write)
        self.call(side, "write", self.now)
        return write

    def _committed(self, write: Write, record: Record) -> None:
        write.record, write.version = record.id, record.now.number
        write.committed_at = self.now
