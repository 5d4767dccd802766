"""What two raw values of the simulated apps say to each other: the oracle's own judgement.

Shares no code with the engine. Each unit of the mapping has one `Meaning`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

from actors.records import Side
from actors.values import Raw
from tests.simulation.ledger import Values

Raws = tuple[Raw, ...]


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """One unit: its fields on both sides and what they say.

    Attributes:
        agree: the left's raws and the right's say the same.
        canonical: raws of one side in a form in which equal means the same.
        mapped: whether a side's raws have a counterpart on the other.
        unique: people give this unit no value twice, so that a value names its edit.
    """

    name: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    agree: Callable[[Raws, Raws], bool]
    canonical: Callable[[Raws], object]
    mapped: Callable[[Side, Raws], bool] = lambda _side, _raws: True
    unique: bool = False

    def fields(self, side: Side) -> tuple[str, ...]:
        """Return the unit's fields on a side."""
        return self.left if side is Side.LEFT else self.right

    def of(self, side: Side, values: Values) -> Raws:
        """Pick the unit's raws out of a record."""
        return tuple(values.get(name) for name in self.fields(side))

    def same(self, one: Raws, two: Raws) -> bool:
        """Say whether two raws of one side are the same value."""
        return one == two or self.canonical(one) == self.canonical(two)

    def agrees(self, side: Side, raws: Raws, others: Raws) -> bool:
        """Say whether the raws of `side` agree with those of the other side."""
        return self.agree(raws, others) if side is Side.LEFT else self.agree(others, raws)

    def blank(self, raws: Raws) -> bool:
        """Say whether the unit says nothing."""
        return raws[0] is None


def text(name: str, left: str, right: str, *, trimmed: bool) -> Meaning:
    """Text that is unique to each edit."""

    def canonical(raws: Raws) -> str:
        return unicodedata.normalize("NFC", (raws[0] or "").replace("\r\n", "\n"))

    def said(raws: Raws) -> str:
        return canonical(raws).strip() if trimmed else canonical(raws)

    return Meaning(
        name=name,
        left=(left,),
        right=(right,),
        agree=lambda one, two: said(one) == said(two),
        canonical=canonical,
        unique=True,
    )


def money(
    left: tuple[str, str], right: tuple[str, str], *, digits: int | None, default: str
) -> Meaning:
    """An amount with its currency; the coarser side keeps `digits`."""

    def exact(raws: Raws) -> object:
        return raws[0] and Decimal(raws[0]), raws[1]

    def coarse(raws: Raws) -> object:
        if raws[0] is None:
            return None
        amount = Decimal(raws[0])
        if digits is not None:
            amount = amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
        return amount, raws[1] or default

    return Meaning(
        name="money",
        left=left,
        right=right,
        agree=lambda one, two: coarse(one) == coarse(two),
        canonical=exact,
    )


def day(left: str, right: str, *, moment_on: Side | None, zone: str) -> Meaning:
    """A plain day, or on one side a moment in it."""

    def day_of(raw: Raw, is_moment: bool) -> str | None:
        if raw is None or not is_moment:
            return raw
        return str(datetime.fromisoformat(raw).astimezone(ZoneInfo(zone)).date())

    def canonical(raws: Raws) -> object:
        raw = raws[0]
        is_moment = raw is not None and "T" in raw
        return datetime.fromisoformat(raw).astimezone(UTC) if raw and is_moment else raw

    return Meaning(
        name="day",
        left=(left,),
        right=(right,),
        agree=lambda one, two: (
            day_of(one[0], moment_on is Side.LEFT) == day_of(two[0], moment_on is Side.RIGHT)
        ),
        canonical=canonical,
    )


def pairs(
    name: str,
    left: tuple[str, ...],
    right: tuple[str, ...],
    listed: tuple[tuple[Raws, Raws], ...],
) -> Meaning:
    """Listed pairs say the same; both empty do, too."""
    known = {Side.LEFT: {one for one, _ in listed}, Side.RIGHT: {two for _, two in listed}}

    def empty(raws: Raws) -> bool:
        return all(raw is None for raw in raws)

    return Meaning(
        name=name,
        left=left,
        right=right,
        agree=lambda one, two: (one, two) in listed or (empty(one) and empty(two)),
        canonical=lambda raws: raws,
        mapped=lambda side, raws: empty(raws) or raws in known[side],
    )


def people(left: str, right: str, listed: tuple[tuple[str, str], ...]) -> Meaning:
    """The same person; one whom the other side does not know agrees with anything."""
    lefts, rights = {one for one, _ in listed}, {two for _, two in listed}

    def agree(one: Raws, two: Raws) -> bool:
        if (one[0], two[0]) in listed or (one[0] is None and two[0] is None):
            return True
        strange_left = one[0] is not None and one[0] not in lefts
        strange_right = two[0] is not None and two[0] not in rights
        return strange_left or strange_right

    return Meaning(
        name="owner", left=(left,), right=(right,), agree=agree, canonical=lambda raws: raws
    )
