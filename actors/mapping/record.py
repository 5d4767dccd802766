"""A compiled sync: what to read, who is eligible, how units map. Pure, built by `compile`."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from actors.mapping.units import Unit
from actors.records import Side
from actors.schema import ObjectSchema
from actors.spec import SyncSpec
from actors.values import Raw


class StageScope(Struct, frozen=True, kw_only=True):
    """Which (pipeline, stage) pairs of one side are mapped, and what the others are called."""

    pipeline_field: str
    stage_field: str
    mapped: frozenset[tuple[str, str]]
    labels: dict[tuple[str, str], str] = {}
    pipelines: dict[str, str] = {}

    def reason(self, values: Mapping[str, Raw]) -> str:
        """Return why the record is out of scope, or the empty text."""
        pipeline, stage = values.get(self.pipeline_field), values.get(self.stage_field)
        if not pipeline or not stage:
            return "it has no pipeline stage"
        if (pipeline, stage) in self.mapped:
            return ""
        where = self.pipelines.get(pipeline, pipeline)
        return f'stage "{self.labels.get((pipeline, stage), stage)}" of "{where}" is not mapped'


class Sync(Struct, frozen=True, kw_only=True):
    """A sync that can decide records.

    Attributes:
        spec: what was asked for.
        left, right: the object's schema on each side.
        units: in the order of the configuration, the stage first.
        fields: by side, the native fields to read.
        scopes: by side, the mapped stages; empty without pipelines.
        version: changes when any decision could change: records are then decided anew.
    """

    spec: SyncSpec
    left: ObjectSchema
    right: ObjectSchema
    units: tuple[Unit, ...]
    fields: dict[Side, tuple[str, ...]]
    scopes: dict[Side, StageScope] = {}
    version: int = 0

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

    def judge(self, side: Side, values: Mapping[str, Raw]) -> str:
        """Return why a record with these values is not eligible, or the empty text."""
        scope = self.scopes.get(side)
        return scope.reason(values) if scope is not None else ""
