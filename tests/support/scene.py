"""A pair of records with two apps of one record each: edits, polls, decisions, writes.

Plays what the actors do with the pure core, without channels, store or time: what the pair ends
up with is what the rules say. Shares with the engine only the functions under test.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from actors.deciding import Draft, Known, Ruling, decide_link
from actors.intents import Done, Intent
from actors.links import Change, Conflict, End
from actors.mapping.record import Sync
from actors.merge import Nothing
from actors.observing import is_stale, microseconds, observe_link
from actors.records import Side, Snapshot
from actors.settling import settle_done
from actors.values import Raw
from tests.support.builders import LEFT, MORNING, RIGHT, moment, settled, snapshot

_SECOND = timedelta(seconds=1)


class Record:
    """One app's record and what its history says."""

    def __init__(self, record_id: str, values: dict[str, Raw]) -> None:
        self.id, self.values = record_id, values
        self.version, self.modified = 1, MORNING
        self.edited: dict[str, datetime] = {}

    def change(self, values: dict[str, Raw], at: datetime) -> None:
        """Store values under a new token."""
        self.values = {**self.values, **values}
        self.version += 1
        self.modified = max(at, self.modified + timedelta(milliseconds=1))

    def snapshot(self) -> Snapshot:
        """Return the record as it is now."""
        return snapshot(self.id, self.values, str(self.version), self.modified)


class Scene:
    """A settled pair that people then edit.

    Attributes:
        dated: sides whose app keeps when somebody edited what.
        offsets: how far the clocks of the apps are ahead.
        conflicts, history: all that was recorded.
        writes: all that was written, in order.
    """

    def __init__(
        self,
        kept: Sync,
        left: dict[str, Raw],
        right: dict[str, Raw],
        dated: Iterable[Side] = (LEFT, RIGHT),
    ) -> None:
        self.sync = kept
        self.records = {LEFT: Record("L1", left), RIGHT: Record("R1", right)}
        ends = [self.records[side].snapshot() for side in (LEFT, RIGHT)]
        self.link = settled(kept, ends[0], ends[1])
        self.dated = frozenset(dated)
        self.offsets: dict[Side, timedelta] = {}
        self.now = MORNING
        self.conflicts: list[Conflict] = []
        self.history: list[Change] = []
        self.writes: list[Draft] = []

    def edit(self, side: Side, at: str, **values: Raw) -> None:
        """Let a person edit a record."""
        self.records[side].change(values, moment(at))
        self.records[side].edited |= dict.fromkeys(values, moment(at))
        self.now = max(self.now, moment(at))

    def observe(self, side: Side, record: Snapshot | None = None) -> None:
        """Read a record as it is now, or as an older snapshot shows it."""
        fresh = record or self.records[side].snapshot()
        if not is_stale(self._end(side), fresh):
            now_us = microseconds(self.now)
            self.link = observe_link(self.sync, self.link, side, fresh, now_us)

    def poll(self) -> None:
        """Read both records."""
        for side in Side:
            self.observe(side)

    def _end(self, side: Side) -> End:
        end = self.link.end(side)
        assert end is not None
        return end

    def rule(self) -> Ruling:
        """Decide as things stand, with the apps' histories where they are asked for."""
        ruling = decide_link(self.sync, self.link, self._known({}))
        if ruling.traces:
            ruling = decide_link(self.sync, self.link, self._known(self._dates(ruling)))
        return ruling

    def _known(self, exact: dict[tuple[Side, str], int]) -> Known:
        ahead_us = {
            side: ahead // timedelta(microseconds=1) for side, ahead in self.offsets.items()
        }
        return Known(
            now_us=microseconds(self.now),
            offsets_us=ahead_us,
            traceable=self.dated,
            exact=exact,
        )

    def _dates(self, ruling: Ruling) -> dict[tuple[Side, str], int]:
        units = {unit.key: unit for unit in self.sync.units}
        dates = {}
        for side, keys in ruling.traces.items():
            for key in keys:
                names = [member.name for member in units[key].members(side)]
                edited = self.records[side].edited
                dates[side, key] = max(microseconds(edited[n]) for n in names if n in edited)
        return dates

    def decide(self) -> Ruling:
        """Decide, write what is to be written, and settle it."""
        ruling = self.rule()
        self.link = ruling.link
        self.conflicts += ruling.conflicts
        self.history += ruling.history
        for draft in ruling.drafts:
            self.write(draft)
        return ruling

    def intent(self, draft: Draft) -> Intent:
        """Return the draft as a durable order."""
        return Intent(
            id=len(self.writes) + 1,
            sync=self.sync.name,
            link=self.link.id,
            decided_us=microseconds(self.now),
            **msgspec.structs.asdict(draft),
        )

    def write(self, draft: Draft) -> None:
        """Carry out one draft and settle it by the app's answer."""
        intent = self.intent(draft)
        self.writes.append(draft)
        self.now += _SECOND
        self.records[draft.side].change(draft.values, self.now)
        done = Done(stored=self.records[draft.side].snapshot())
        settlement = settle_done(self.sync, self.link, intent, done, microseconds(self.now))
        self.link = settlement.link
        self.history += settlement.history

    def settle(self, rounds: int = 4) -> None:
        """Poll and decide until a decision writes nothing; fail if that never comes."""
        for _ in range(rounds):
            self.poll()
            if not self.decide().drafts:
                return
        raise AssertionError(f"still writing after {rounds} rounds: {self.writes[-2:]}")

    def values(self, left: str, right: str) -> tuple[Raw, Raw]:
        """Return the present value of a field on each side."""
        return self.records[LEFT].values.get(left), self.records[RIGHT].values.get(right)


def is_quiet(ruling: Ruling) -> bool:
    """Say whether a decision changes nothing anywhere."""
    return not ruling.drafts and all(isinstance(d, Nothing) for d in ruling.decisions.values())
