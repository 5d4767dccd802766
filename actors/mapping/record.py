"""A compiled sync: what to read, who is eligible, how units map. Pure, built by `compile`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from msgspec import Struct

from actors.links import Step
from actors.mapping.filters import Filter, explain, next_change
from actors.mapping.matchers import Matcher
from actors.mapping.units import Unit
from actors.records import Side
from actors.schema import Closing, ObjectSchema
from actors.spec import CHANGED, Direction, SyncSpec
from actors.values import Raw


class StageScope(Struct, frozen=True, kw_only=True):
    """Which (pipeline, stage) pairs of one side are mapped, and what the others are called.

    Attributes:
        lost: mapped ones that an app has taken away: why records there are left alone.
        closings: of stages that end a deal, how.
    """

    pipeline_field: str
    stage_field: str
    mapped: frozenset[tuple[str, str]]
    labels: dict[tuple[str, str], str] = {}
    pipelines: dict[str, str] = {}
    lost: dict[tuple[str, str], str] = {}
    closings: dict[tuple[str, str], Closing] = {}

    def reason(self, values: Mapping[str, Raw]) -> str:
        """Return why the record is out of scope, or the empty text."""
        pipeline, stage = values.get(self.pipeline_field), values.get(self.stage_field)
        if not pipeline or not stage:
            return "it has no pipeline stage"
        if (pipeline, stage) in self.mapped:
            return ""
        if reason := self.lost.get((pipeline, stage)):
            return reason
        where = self.pipelines.get(pipeline, pipeline)
        return f'stage "{self.labels.get((pipeline, stage), stage)}" of "{where}" is not mapped'

    def closing(self, place: tuple[Raw, ...]) -> Closing:
        """Return what it says about a deal to stand at this (pipeline, stage)."""
        return self.closings.get((place[0] or "", place[1] or ""), Closing.OPEN)

    def label(self, place: tuple[Raw, ...]) -> str:
        """Return what people call the stage at this (pipeline, stage)."""
        return f'"{self.labels.get((place[0] or "", place[1] or ""), place[1])}"'


class Follow(Struct, frozen=True, kw_only=True):
    """What a delete in the other app does to a record of this side, resolved.

    Attributes:
        values: by native field, what the record is marked with.
        stages: by pipeline, the stage that it is moved to.
        pipeline_field, stage_field: where a record's pipeline and stage stand.
    """

    step: Step
    values: dict[str, Raw] = {}
    stages: dict[str, str] = {}
    pipeline_field: str | None = None
    stage_field: str | None = None

    def values_for(self, held: Mapping[str, Raw]) -> dict[str, Raw] | None:
        """Return what to mark a record with; None if its pipeline has no such stage."""
        if not self.stages or self.stage_field is None:
            return dict(self.values)
        stage = self.stages.get(held.get(self.pipeline_field or "") or "")
        return {**self.values, self.stage_field: stage} if stage is not None else None


class Times(Struct, frozen=True, kw_only=True):
    """The times by which a filter judges: ours, and of the record's last change."""

    now: datetime
    changed: datetime

    def told(self, values: Mapping[str, Raw]) -> Mapping[str, Raw]:
        """Return a record's values with the time of its last change among them."""
        return {**values, CHANGED: self.changed.isoformat()}


class Sync(Struct, frozen=True, kw_only=True, dict=True):
    """A sync that can decide records.

    Attributes:
        spec: what was asked for.
        left, right: the object's schema on each side.
        units: in the order of the configuration, the stage first.
        fields: by side, the native fields to read.
        scopes: by side, the mapped stages; empty without pipelines.
        filters: by side, what its records must pass; empty without filters.
        matchers: how new records find their counterparts, in the order to be tried.
        shows: by side, fields that show changed links of another object's records, and which.
        deletes: by side, what follows a delete on the other side; empty where nothing does.
        version: changes when any decision could change: records are then decided anew.
        paused: keys of units that an app's change has stopped: their bases stay as they are.
    """

    spec: SyncSpec
    left: ObjectSchema
    right: ObjectSchema
    units: tuple[Unit, ...]
    fields: dict[Side, tuple[str, ...]]
    scopes: dict[Side, StageScope] = {}
    filters: dict[Side, Filter] = {}
    matchers: tuple[Matcher, ...] = ()
    shows: dict[Side, dict[str, str]] = {}
    deletes: dict[Side, Follow] = {}
    version: int = 0
    paused: frozenset[str] = frozenset()

    @cached_property
    def by_key(self) -> dict[str, Unit]:
        """The units by their keys."""
        return {unit.key: unit for unit in self.units}

    @cached_property
    def associations(self) -> tuple[Unit, ...]:
        """The units that are links to records of other syncs."""
        return tuple(unit for unit in self.units if unit.association is not None)

    @property
    def name(self) -> str:
        """The sync's name (`sales/deals`)."""
        return self.spec.name

    def schema(self, side: Side) -> ObjectSchema:
        """Return the object's schema on that side."""
        return self.left if side is Side.LEFT else self.right

    def app(self, side: Side) -> str:
        """Return the configured name of the app on that side."""
        return self.spec.app(side)

    def judge(self, side: Side, values: Mapping[str, Raw], times: Times) -> str:
        """Return why a record with these values is not eligible, or the empty text."""
        return self.unmapped(side, values) or self.filtered(side, values, times)

    def unmapped(self, side: Side, values: Mapping[str, Raw]) -> str:
        """Return why the record's stage keeps it out, or the empty text."""
        scope = self.scopes.get(side)
        return scope.reason(values) if scope is not None else ""

    def filtered(self, side: Side, values: Mapping[str, Raw], times: Times) -> str:
        """Return why the record does not pass its side's filter, or the empty text."""
        wanted = self.filters.get(side)
        if wanted is None:
            return ""
        reason = explain(wanted, times.told(values), times.now)
        return f"filter: {reason}" if reason else ""

    def turns(self, side: Side, values: Mapping[str, Raw], times: Times) -> datetime | None:
        """Return when the filter's verdict next changes because time passes, if ever."""
        wanted = self.filters.get(side)
        return next_change(wanted, times.told(values), times.now) if wanted is not None else None

    def merged(self, unit: Unit) -> Direction | None:
        """Return where a unit of a linked pair may be written, or None if nowhere."""
        direction: Direction | None = unit.direction
        for side, away in _AWAY.items():
            if side not in self.spec.update and direction is not None:
                direction = away.within(direction)
        return direction


_AWAY = {Side.LEFT: Direction.TO_RIGHT, Side.RIGHT: Direction.TO_LEFT}
