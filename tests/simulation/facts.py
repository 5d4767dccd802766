"""What the oracle works on: pairs of records, the edits of a unit, who saw what.

Built from the ledger and the apps alone; shares no code with the engine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from actors.records import Side
from actors.spec import Direction
from tests.simulation.crm import Crm
from tests.simulation.ledger import Ledger, Record, Version, Write
from tests.simulation.meaning import Meaning, Raws
from tests.simulation.scenario import Scenario
from tests.simulation.view import LinkView, StoreView


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A record and its counterpart that tieline made."""

    records: Mapping[Side, Record]
    made_on: Side

    def __str__(self) -> str:
        left, right = self.records[Side.LEFT], self.records[Side.RIGHT]
        return f"left {left.id} = right {right.id}"


@dataclass(frozen=True, kw_only=True)
class UnitEdit:
    """A person's edit of one unit of one record.

    Attributes:
        seen: what stood there before it, set there by `seen_by` (`edit` or `write`) at `seen_at`.
    """

    id: int
    side: Side
    record: str
    at: float
    stamp_us: int
    raws: Raws
    seen: Raws | None
    seen_by: str
    seen_at: float


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A finished run, as far as an oracle may know it."""

    scenario: Scenario
    crms: Mapping[Side, Crm]
    ledger: Ledger
    view: StoreView

    @cached_property
    def units(self) -> tuple[Meaning, ...]:
        """The units of the mapping."""
        return self.scenario.units()

    @cached_property
    def stage(self) -> Meaning:
        """The unit that says which records sync."""
        return next(unit for unit in self.units if unit.name == "stage")

    def source_of(self, side: Side, record: Record) -> Record | None:
        """Return the record whose counterpart this one claims to be."""
        prefix = self.scenario.key(side.other, "")
        if record.key is None or not record.key.startswith(prefix):
            return None
        return self.crms[side.other].records.get(record.key.removeprefix(prefix))

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs, the archived included; of several counterparts the first."""
        found: dict[tuple[Side, str], Pair] = {}
        for side, crm in self.crms.items():
            for record in crm.records.values():
                source = self.source_of(side, record)
                if source is not None and (side.other, source.id) not in found:
                    pair = Pair(records={side.other: source, side: record}, made_on=side)
                    found[side.other, source.id] = pair
        return tuple(found.values())

    @cached_property
    def pair_of(self) -> dict[tuple[Side, str], Pair]:
        """The pair of each record that is in one."""
        return {(side, record.id): p for p in self.pairs for side, record in p.records.items()}

    def is_eligible(self, side: Side, version: Version) -> bool:
        """Say whether a record in this state takes part."""
        raws = self.stage.of(side, version.values)
        return not version.archived and raws[1] is not None and self.stage.mapped(side, raws)

    def in_scope(self, pair: Pair) -> bool:
        """Say whether both ends take part now."""
        return all(self.is_eligible(side, record.now) for side, record in pair.records.items())

    def link(self, pair: Pair) -> LinkView | None:
        """Return the row that joins the two records."""
        left, right = pair.records[Side.LEFT].id, pair.records[Side.RIGHT].id
        rows = self.view.links
        return next((row for row in rows if row.left == left and row.right == right), None)

    def now(self, pair: Pair, unit: Meaning) -> dict[Side, Raws]:
        """Return what both sides say."""
        return {side: unit.of(side, record.now.values) for side, record in pair.records.items()}

    def carries(self, unit: Meaning, source: Side) -> bool:
        """Say whether edits on that side are to reach the other."""
        return self.scenario.writable(source.other)

    @property
    def two_way(self) -> bool:
        """Edits travel in both directions."""
        return self.scenario.direction is Direction.BOTH

    def unsayable(self, pair_or_record: Mapping[Side, Record]) -> list[str]:
        """Return the units whose value has no counterpart on the other side."""
        return [
            unit.name
            for side, record in pair_or_record.items()
            for unit in self.units
            if self.carries(unit, side) and not unit.mapped(side, unit.of(side, record.now.values))
        ]

    def last_set(
        self, side: Side, record: Record, unit: Meaning, at: Version | None = None
    ) -> Version:
        """Return the version that gave the unit the value that it has now, or had at a version."""
        last = len(record.versions) - 1 if at is None else at.number
        return next(self._settings(side, record, unit, range(last, -1, -1)))

    def _settings(
        self, side: Side, record: Record, unit: Meaning, places: Iterable[int]
    ) -> Iterator[Version]:
        """Yield those of the versions that changed the unit; the first version always counts."""
        versions = record.versions
        for place in places:
            raws = unit.of(side, versions[place].values)
            if place == 0 or not unit.same(raws, unit.of(side, versions[place - 1].values)):
                yield versions[place]

    def edits(self, pair: Pair, unit: Meaning) -> list[UnitEdit]:
        """Return people's edits of the unit on both sides, in the order of true time."""
        found: list[UnitEdit] = []
        for side, record in pair.records.items():
            for version in self._settings(side, record, unit, range(len(record.versions))):
                if version.by != "edit":
                    continue
                seen, seen_by, seen_at = None, "", version.at
                if version.number > 0:
                    before = record.versions[version.number - 1]
                    seen = unit.of(side, before.values)
                    setting = self.last_set(side, record, unit, before)
                    seen_by, seen_at = setting.by, setting.at
                found.append(
                    UnitEdit(
                        id=version.cause,
                        side=side,
                        record=record.id,
                        at=version.at,
                        stamp_us=version.stamp_us,
                        raws=unit.of(side, version.values),
                        seen=seen,
                        seen_by=seen_by,
                        seen_at=seen_at,
                    )
                )
        return sorted(found, key=lambda edit: (edit.at, edit.id))

    def superseded(self, edit: UnitEdit, edits: list[UnitEdit], unit: Meaning) -> list[UnitEdit]:
        """Return the edits whose value, or its image, the author of `edit` had before them."""
        if edit.seen is None:
            return []
        found = []
        mine = [e for e in edits if e.side is edit.side and e.at < edit.at]
        if mine and unit.same(mine[-1].raws, edit.seen):
            found.append(mine[-1])
        seen = edit.seen
        images = (
            other
            for other in edits
            if other.side is not edit.side
            and other.at < edit.at
            and unit.agrees(edit.side, seen, other.raws)
        )
        return [*found, *images, *self._healed(edit, mine, unit)]

    def _healed(self, edit: UnitEdit, mine: list[UnitEdit], unit: Meaning) -> list[UnitEdit]:
        """Return edits that a write of ours ran over with what the other side said of them.

        That has the other side's precision, so that no value need be the same. It happens after
        a late write; and to a text, when both sides were given the same at one time.
        """
        writes = self.writes_to.get((edit.side, edit.record), ())
        is_late = any(write.answer in ("lost", "unknown") for write in writes)
        if edit.seen_by != "write" or not (is_late or unit.unique):
            return []
        said = [
            unit.of(edit.side.other, version.values)
            for version in self.pair_of[edit.side, edit.record].records[edit.side.other].versions
            if version.at < edit.at
        ]
        seen = edit.seen or ()
        return [
            one
            for one in mine
            if any(
                unit.agrees(edit.side, one.raws, raws) and unit.agrees(edit.side, seen, raws)
                for raws in said
            )
        ]

    @cached_property
    def writes_to(self) -> dict[tuple[Side, str], list[Write]]:
        """What tieline asked for, by its target."""
        found: dict[tuple[Side, str], list[Write]] = defaultdict(list)
        for write in self.ledger.writes:
            if write.record is not None:
                found[write.side, write.record].append(write)
        return found

    def sent(self, write: Write, unit: Meaning) -> Raws | None:
        """Return the unit's raws in a write, or None if the write leaves the unit alone."""
        names = unit.fields(write.side)
        if not any(name in write.values for name in names):
            return None
        return unit.of(write.side, write.values)

    def is_unit(self, stored: str, unit: Meaning) -> bool:
        """Say whether the name of a unit in the store means this unit."""
        return stored in (unit.name, f"{unit.left[0]}={unit.right[0]}")
