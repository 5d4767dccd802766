"""Histories: what the apps know of who set which field to what, asked only where that decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from actors.audit import disproved
from actors.errors import TransientError
from actors.links import End, Link
from actors.mapping.record import Sync
from actors.observing import arrivals, awaited, microseconds
from actors.ports import Connector
from actors.records import Edit, Side
from actors.values import Raw

Traced: TypeAlias = Mapping[tuple[str, str], tuple[Edit, ...]]
"""Fields' history by (record id, field), newest first."""

UnitOf: TypeAlias = tuple[Side, str]
"""A unit of one side: (side, unit key)."""


class Histories:
    """Asks the apps of one sync for the history of fields."""

    def __init__(self, sync: Sync, connectors: Mapping[Side, Connector]) -> None:
        self._sync = sync
        self._apps = connectors

    async def read(self, side: Side, record_id: str, names: list[str]) -> Traced | None:
        """Read the history of a record's fields; None if the app cannot be asked now."""
        try:
            return await self._apps[side].edits(self._sync.spec.object, {record_id: names})
        except TransientError:
            return None

    async def of_arrivals(self, link: Link, side: Side, before: End) -> Traced | None:
        """Read the history of units in which a late write may have arrived; None if it fails."""
        end = link.end(side)
        doubtful = awaited(before, end) if end is not None else {}
        if end is None or not doubtful:
            return {}
        units = [unit for unit in self._sync.units if unit.key in doubtful]
        return await self.read(side, end.id, [m.name for u in units for m in u.members(side)])

    def foreign(self, link: Link, side: Side, before: End, history: Traced) -> set[str]:
        """Return the units that look like late writes of ours but were set by somebody."""
        end = link.end(side)
        assert end is not None
        return disproved(self._sync, side, end, arrivals(self._sync, side, before, end), history)

    async def dated(
        self, link: Link, traces: Mapping[Side, tuple[str, ...]]
    ) -> tuple[dict[UnitOf, int], set[UnitOf]] | None:
        """Ask the apps when the units were last edited by somebody else (M6 and M7).

        A value that the app does not know of is taken at the time known: its snapshot's.

        Returns:
            The times, and the units whose present value is tieline's own write. None if an app
            could not be asked: the same two edits must give the same conflict.
        """
        exact: dict[UnitOf, int] = {}
        own: set[UnitOf] = set()
        units = {unit.key: unit for unit in self._sync.units}
        for side, keys in traces.items():
            end = link.end(side)
            assert end is not None
            names = [member.name for key in keys for member in units[key].members(side)]
            history = await self.read(side, end.id, names)
            if history is None:
                return None
            values = end.seen.values if end.seen is not None else {}
            for key in keys:
                held = {member.name: values.get(member.name) for member in units[key].members(side)}
                fallback = end.moved.get(key, (0, 0))[1]
                exact[side, key] = _last_edit(end.id, held, history) or fallback
                if _is_own(end.id, held, history):
                    own.add((side, key))
        return exact, own


def _last_edit(
    record_id: str,
    held: Mapping[str, Raw],
    history: Mapping[tuple[str, str], tuple[Edit, ...]],
) -> int | None:
    """Return when somebody else gave one of the fields what it holds, microseconds UTC.

    Not simply the newest entries: the app may know later ones than the snapshot that is decided,
    and an edit that we have put back stands there as our entry.
    """
    standing = {
        name: next(
            (
                edit
                for edit in history.get((record_id, name), ())
                if _is_value(edit, raw) and not edit.ours
            ),
            None,
        )
        for name, raw in held.items()
    }
    return max((microseconds(e.at) for e in standing.values() if e is not None), default=None)


def _is_own(
    record_id: str,
    held: Mapping[str, Raw],
    history: Mapping[tuple[str, str], tuple[Edit, ...]],
) -> bool:
    """Say whether all that a unit holds is proven to have been written by tieline."""
    standing = [
        next((e for e in history.get((record_id, name), ()) if _is_value(e, raw)), None)
        for name, raw in held.items()
    ]
    return bool(standing) and all(edit is not None and edit.ours for edit in standing)


def _is_value(edit: Edit, raw: Raw) -> bool:
    return (edit.value or None) == (raw or None)
