"""What tieline's store says, read from its tables and from nothing of tieline's code."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import msgspec

from actors.records import Side
from tests.simulation.meaning import Raws


@dataclass(frozen=True, kw_only=True)
class LinkView:
    """A link or a known record without counterpart."""

    id: int
    left: str | None
    right: str | None
    status: str
    reason: str
    due_us: int | None
    attempts: int

    def end(self, side: Side) -> str | None:
        """Return the record's id on a side."""
        return self.left if side is Side.LEFT else self.right


@dataclass(frozen=True, kw_only=True)
class ConflictView:
    """A conflict as recorded; times in microseconds as tieline understood them."""

    link: int
    unit: str
    left: Raws
    right: Raws
    left_us: int
    right_us: int
    rule: str
    uncertain: bool
    outcome: str
    winner: str | None


@dataclass(frozen=True, kw_only=True)
class HistoryView:
    """A line of history."""

    link: int
    side: Side
    unit: str
    rule: str
    before: Raws
    after: Raws
    lost: bool


@dataclass(frozen=True, kw_only=True)
class StoreView:
    """The whole store at one moment."""

    links: tuple[LinkView, ...] = ()
    conflicts: tuple[ConflictView, ...] = ()
    history: tuple[HistoryView, ...] = ()
    open_intents: int = 0

    def of(self, side: Side, record_id: str) -> list[LinkView]:
        """Return the rows that name a record."""
        return [link for link in self.links if link.end(side) == record_id]


def _raws(blob: bytes) -> Raws:
    return tuple(msgspec.msgpack.decode(blob, type=list[str | None]))


def read_store(db: sqlite3.Connection) -> StoreView:
    """Read the store's tables."""
    links = db.execute(
        "SELECT id, left_id, right_id, status, reason, due_us, attempts FROM links ORDER BY id"
    )
    conflicts = db.execute(
        "SELECT link, unit, left_raws, right_raws, left_us, right_us, rule, uncertain, outcome,"
        " winner FROM conflicts WHERE rule LIKE 'M7%' ORDER BY id"
    )
    history = db.execute(
        "SELECT link, side, unit, rule, before_raws, after_raws, lost FROM history ORDER BY id"
    )
    [(open_intents,)] = db.execute("SELECT count(*) FROM intents WHERE outcome IS NULL")
    return StoreView(
        links=tuple(
            LinkView(
                id=row[0],
                left=row[1],
                right=row[2],
                status=row[3],
                reason=row[4],
                due_us=row[5],
                attempts=row[6],
            )
            for row in links
        ),
        conflicts=tuple(
            ConflictView(
                link=row[0],
                unit=row[1],
                left=_raws(row[2]),
                right=_raws(row[3]),
                left_us=row[4],
                right_us=row[5],
                rule=row[6],
                uncertain=bool(row[7]),
                outcome=row[8],
                winner=row[9],
            )
            for row in conflicts
        ),
        history=tuple(
            HistoryView(
                link=row[0],
                side=Side(row[1]),
                unit=row[2],
                rule=row[3],
                before=_raws(row[4]),
                after=_raws(row[5]),
                lost=bool(row[6]),
            )
            for row in history
        ),
        open_intents=open_intents,
    )
