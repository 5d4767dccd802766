"""People who work in the two apps at seeded times, each with a habit of making trouble."""

from __future__ import annotations

import contextvars
import random
from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial

import anyio

from actors.records import Side
from tests.simulation.crm import EPOCH, Crm
from tests.simulation.ledger import Record, Values
from tests.simulation.loop import current_loop
from tests.simulation.meaning import Meaning
from tests.simulation.scenario import (
    CLASSES,
    CURRENCIES,
    FIELDS,
    PEOPLE,
    PIPELINES,
    SAME_STAGE,
    Scenario,
)

_FLAIRS = ("", "", "", " ", "  two ", " e\u0301", " \u00e9", " \U0001f600", " \u05d0\u05d1")
_LINES = ("", "", "\nsecond", "\r\nsecond")
_MOSTLY_MAPPED = 0.88


class People:
    """Everybody who edits, on both sides.

    Args:
        until: true time at which they go home.
    """

    def __init__(self, scenario: Scenario, crms: Mapping[Side, Crm], until: float) -> None:
        self.scenario, self.crms, self.until = scenario, crms, until
        self.units = {unit.name: unit for unit in scenario.units()}
        self._draw = random.Random(f"{scenario.seed}/people")
        self._texts = 0
        self._context: contextvars.Context | None = None

    def found(self) -> None:
        """Make the records that were there before the run."""
        for side, number in self.scenario.records.items():
            for place in range(number):
                self.crms[side].found(self._new_values(side), at=-3600.0 + 60 * place)

    async def work(self) -> None:
        """Do things at random times until it is time to go home."""
        weights = self.scenario.habits.weights
        self._context = contextvars.copy_context()
        while True:
            await anyio.sleep(self._draw.expovariate(1 / self.scenario.habits.every_s))
            if self._now() >= self.until:
                break
            [habit] = self._draw.choices(list(weights), list(weights.values()))
            self._do(habit, self._draw.choice(list(Side)))
        self._context = None

    def react(self, side: Side, record: Record) -> None:
        """Perhaps edit a record just while a request of tieline's for it is under way."""
        if self._context is None or self._now() >= self.until:
            return  # or edits and requests would call each other up for ever
        if self._draw.random() >= self.scenario.habits.react:
            return
        delay = self._draw.uniform(0, 0.7)
        self._later(delay, side, record, self._any_unit())

    # --- habits ---

    def _do(self, habit: str, side: Side) -> None:
        crm = self.crms[side]
        if habit == "create":
            crm.edit("create", None, self._new_values(side))
            return
        record = self._pick(side, archived=habit == "restore")
        if record is None:
            return
        match habit:
            case "edit":
                units = {self._any_unit() for _ in range(self._draw.choice((1, 1, 1, 2, 3)))}
                changes: Values = {}
                for name in sorted(units):
                    changes |= self._fresh(name, side, record)
                crm.edit("set", record, changes)
            case "stage":
                crm.edit("set", record, self._fresh("stage", side, record))
            case "noise":
                crm.edit("set", record, {FIELDS[side]["noise"]: self._text("score")})
            case "blank":
                name = self._draw.choice(("note", "money", "day", "class", "owner"))
                crm.edit("set", record, {self.units[name].fields(side)[0]: None})
            case "archive" | "restore":
                crm.edit(habit, record, {})
            case _:
                self._do_twice(habit, side, record)

    def _do_twice(self, habit: str, side: Side, record: Record) -> None:
        """Do things that take two edits: on both sides, or there and back."""
        name = self._any_unit()
        if habit == "bounce":
            before = self.units[name].of(side, record.now.values)
            self.crms[side].edit("set", record, self._fresh(name, side, record))
            back = dict(zip(self.units[name].fields(side), before, strict=True))
            self._later(self._draw.uniform(0.5, 30), side, record, name, back)
            return
        other = self._counterpart(side, record)
        if other is None:
            return
        delay = self._draw.choice((0.0, 1.0, 30.0, 120.0, 299.0, 301.0, 400.0))
        delay *= self._draw.uniform(0.5, 1.0) if self._draw.random() < 0.5 else 1.0
        if habit == "same":
            mine, theirs = self._same(name, side)
            self.crms[side].edit("set", record, mine)
            self._later(delay / 10, side.other, other, name, theirs)
        else:
            self.crms[side].edit("set", record, self._fresh(name, side, record))
            self._later(delay, side.other, other, name, None)

    def _later(
        self, delay: float, side: Side, record: Record, name: str, changes: Values | None = None
    ) -> None:
        """Edit after a while, in the people's own context: a life that is killed takes nothing
        of theirs with it, whoever's request it was that they react to."""
        edit = partial(self._edit_now, side, record, name, changes)
        current_loop().call_later(delay, edit, context=self._context)

    def _edit_now(self, side: Side, record: Record, name: str, changes: Values | None) -> None:
        self.crms[side].settle()
        if self._now() < self.until and not record.now.archived:
            self.crms[side].edit("set", record, changes or self._fresh(name, side, record))

    # --- choices ---

    def _now(self) -> float:
        return self.crms[Side.LEFT].ledger.now()

    def _any_unit(self) -> str:
        names = ("name", "note", "money", "day", "class", "owner", "stage")
        return self._draw.choices(names, (4, 3, 3, 1, 1, 1, 2))[0]

    def _pick(self, side: Side, *, archived: bool) -> Record | None:
        """Pick a record, mostly out of the few that everybody is busy with just now."""
        crm = self.crms[side]
        records = [r for r in crm.records.values() if r.now.archived] if archived else crm.live()
        if not records:
            return None
        focus = self.scenario.habits.focus
        hour = int(self._now() // 600)
        start = (hour * focus) % len(records)
        near = [records[(start + place) % len(records)] for place in range(focus)]
        return self._draw.choice(near if self._draw.random() < 0.8 else records)

    def _counterpart(self, side: Side, record: Record) -> Record | None:
        if record.key is not None:
            other = self.crms[side.other].records.get(record.key.rpartition(":")[2])
        else:
            held = self.crms[side.other].by_key(self.scenario.key(side, record.id))
            other = held[0] if held else None
        return None if other is None or other.now.archived else other

    # --- values ---

    def _text(self, word: str) -> str:
        self._texts += 1
        return f"{word} {self._texts}{self._draw.choice(_FLAIRS)}"

    def _new_values(self, side: Side) -> Values:
        values: Values = {}
        for name in ("name", "note", "money", "day", "class", "owner", "stage"):
            if name in ("name", "stage") or self._draw.random() < 0.7:
                values |= self._fresh(name, side, None)
        return values

    def _fresh(self, name: str, side: Side, record: Record | None) -> Values:
        """Return a new value of a unit, in a side's own fields."""
        unit = self.units[name]
        raws = self._raws(unit, side)
        if name == "money" and record is not None:
            kept = unit.of(side, record.now.values)
            raws = self._draw.choice((raws, (raws[0], kept[1]), (kept[0], raws[1])))
        return dict(zip(unit.fields(side), raws, strict=True))

    def _raws(self, unit: Meaning, side: Side) -> tuple[str | None, ...]:
        mapped = self._draw.random() < _MOSTLY_MAPPED
        match unit.name:
            case "name":
                return (self._text("deal"),)
            case "note":
                return (self._text("call back") + self._draw.choice(_LINES),)
            case "money":
                amount = f"{self._draw.randint(1, 99999) / 10 ** self._draw.randint(0, 3):g}"
                return amount, self._draw.choice((*CURRENCIES, None))
            case "day":
                return (self._day(side),)
            case "class":
                options = CLASSES[side][:-1] if mapped and side is Side.LEFT else CLASSES[side]
                return (self._draw.choice(options),)
            case "owner":
                return (self._draw.choice(PEOPLE[side])[0],)
            case _:
                return self._stage(side, mapped)

    def _day(self, side: Side) -> str:
        day = EPOCH.date() + timedelta(days=self._draw.randint(0, 300))
        if side is not self.scenario.moment_on:
            return str(day)
        return _moment(day, self._draw.randint(0, 23), self._draw.choice((0, 30)))

    def _stage(self, side: Side, mapped: bool) -> tuple[str, str]:
        if mapped:
            return self._draw.choice(SAME_STAGE)[0 if side is Side.LEFT else 1]
        pipeline = self._draw.choice(list(PIPELINES[side]))
        return pipeline, self._draw.choice(PIPELINES[side][pipeline])

    def _same(self, name: str, side: Side) -> tuple[Values, Values]:
        """Return a value for a side, and one for the other that says the same."""
        unit = self.units[name]
        for _ in range(200):
            mine, theirs = self._raws(unit, side), self._raws(unit, side.other)
            if name in ("name", "note"):
                theirs = mine
            elif name == "money":
                mine = theirs = (str(self._draw.randint(1, 500)), "USD")
            if unit.agrees(side, mine, theirs):
                return (
                    dict(zip(unit.fields(side), mine, strict=True)),
                    dict(zip(unit.fields(side.other), theirs, strict=True)),
                )
        return self._fresh(name, side, None), self._fresh(name, side.other, None)


def _moment(day: date, hour: int, minute: int) -> str:
    return f"{day}T{hour:02}:{minute:02}:00Z"
