"""Relations: what it means that two values say the same, and how to make them.

Every mapping of a value is a `Relation`: `agree`, `to_right`, `to_left`, with the laws of
sync-semantics section 2 (correct, hippocratic, total or refused). Merge, plan and explain know
values only through these three. A relation works on tuples: one canonical value per member of
the unit, so that groups (amount with currency, stage with pipeline) travel together.
"""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cached_property
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from actors.errors import OutsideDomainError
from actors.spec import Direction, TooLong
from actors.values import MOST_DIGITS, Scalar

Values: TypeAlias = tuple[Scalar, ...]


class Relation(Struct, frozen=True, kw_only=True, tag=True, dict=True):
    """Base of all relations; a subclass gives `agree`, `_right` and `_left`."""

    def agree(self, left: Values, right: Values) -> bool:
        """Say whether the two sides say the same."""
        return left == right

    @property
    def ways(self) -> Direction:
        """Where values can travel: a one-way relation lacks one of the two restorers."""
        return Direction.BOTH

    @property
    def one_way(self) -> str:
        """Why values travel only one way, for people; empty if they travel both ways."""
        return ""

    def bearing(self, members: tuple[Any, ...]) -> tuple[Any, ...]:
        """Pick the members of a side that carry what is said; the others only qualify it."""
        return members[:1]

    def is_blank(self, values: Values) -> bool:
        """Say whether a side with these values says nothing."""
        return all(value is None for value in self.bearing(values))

    def to_right(self, left: Values, present: Values) -> Values:
        """Return what the right side must hold to say what `left` says.

        Raises:
            OutsideDomainError: `left` has no counterpart on the right.
        """
        return present if self.agree(left, present) else self._right(left, present)

    def to_left(self, right: Values, present: Values) -> Values:
        """Return what the left side must hold to say what `right` says; mirrors `to_right`."""
        return present if self.agree(present, right) else self._left(right, present)

    def _right(self, left: Values, present: Values) -> Values:
        return left

    def _left(self, right: Values, present: Values) -> Values:
        return right


class Same(Relation, frozen=True, kw_only=True):
    """Equal values say the same (dates, booleans, references by shared id)."""


class TextForm(Struct, frozen=True, kw_only=True):
    """How one side holds text; `max_length` None is no limit."""

    trims: bool = False
    multiline: bool = True
    max_length: int | None = None

    def shape(self, text: str | None, too_long: TooLong) -> str | None:
        """Return the text as this side would hold it.

        Raises:
            OutsideDomainError: it does not fit and may not be shortened.
        """
        if text is None:
            return None
        held = text if self.multiline else " ".join(text.split("\n"))
        held = held.strip() if self.trims else held
        if self.max_length is not None and len(held) > self.max_length:
            if too_long is TooLong.REFUSE:
                raise OutsideDomainError(
                    f"the text has {len(held)} characters, {self.max_length} fit"
                )
            held = held[: self.max_length]
            held = held.strip() if self.trims else held
        return held or None


class Text(Relation, frozen=True, kw_only=True):
    """Text that each side may trim, shorten or keep on one line."""

    left: TextForm
    right: TextForm
    too_long: TooLong = TooLong.REFUSE

    def agree(self, left: Values, right: Values) -> bool:
        """Equal once both are shaped as the other side would hold them."""
        return left == right or self._folded(self.right, left) == self._folded(self.left, right)

    def _folded(self, form: TextForm, value: Values) -> str | None:
        text = _text(value)
        if self.too_long is TooLong.SHORTEN:
            text = form.shape(text, self.too_long)
        if text is None:
            return None
        if not (self.left.multiline and self.right.multiline):
            text = " ".join(text.split("\n"))
        if self.left.trims or self.right.trims:
            text = text.strip()
        return text or None

    def _right(self, left: Values, present: Values) -> Values:
        return (self.right.shape(_text(left), self.too_long),)

    def _left(self, right: Values, present: Values) -> Values:
        return (self.left.shape(_text(right), self.too_long),)


def _text(value: Values) -> str | None:
    text = value[0]
    assert text is None or isinstance(text, str), f"a text was expected, not {text!r}"
    return text


class Number(Relation, frozen=True, kw_only=True):
    """Decimals of which a side may keep only some digits after the point (None: all)."""

    left_digits: int | None = None
    right_digits: int | None = None

    def agree(self, left: Values, right: Values) -> bool:
        """Equal after rounding each to what the other side can hold."""
        return rounded(left[0], self.right_digits) == rounded(right[0], self.left_digits)

    def _right(self, left: Values, present: Values) -> Values:
        return (rounded(left[0], self.right_digits),)

    def _left(self, right: Values, present: Values) -> Values:
        return (rounded(right[0], self.left_digits),)


_ANY_NUMBER = Context(prec=4 * MOST_DIGITS)


def rounded(value: Scalar, digits: int | None) -> Decimal | None:
    """Round half to even to `digits` places; None stays None."""
    if value is None:
        return None
    assert isinstance(value, Decimal), f"a number was expected, not {value!r}"
    if digits is None or -digits <= value.as_tuple().exponent:  # type: ignore[operator]
        return value  # finite by construction, so the exponent is a number
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN, _ANY_NUMBER)


class CurrencyForm(Struct, frozen=True, kw_only=True):
    """One side's currencies: what an empty one means, and which are known (empty: any)."""

    default: str | None
    known: frozenset[str] = frozenset()

    def code(self, value: Scalar) -> str | None:
        """Return the ISO code that a record's currency field stands for."""
        return str(value).upper() if value is not None else self.default


class Money(Relation, frozen=True, kw_only=True):
    """An amount and its currency; they travel together or not at all (H11)."""

    amount: Number
    left: CurrencyForm
    right: CurrencyForm

    def agree(self, left: Values, right: Values) -> bool:
        """Equal amounts in one currency; without an amount the currency says nothing."""
        if not self.amount.agree(left[:1], right[:1]):
            return False
        return left[0] is None or self.left.code(left[1]) == self.right.code(right[1])

    def _right(self, left: Values, present: Values) -> Values:
        amount = self.amount.to_right(left[:1], present[:1])
        code = self.left.code(left[1])
        return (*amount, _currency(code, self.right, present[1], empty=left[0] is None))

    def _left(self, right: Values, present: Values) -> Values:
        amount = self.amount.to_left(right[:1], present[:1])
        code = self.right.code(right[1])
        return (*amount, _currency(code, self.left, present[1], empty=right[0] is None))


def _currency(code: str | None, form: CurrencyForm, present: Scalar, *, empty: bool) -> Scalar:
    if empty or code == form.code(present):
        return present
    if code is None or (form.known and code not in form.known):
        raise OutsideDomainError(f"the currency {code or '(none)'} is not known on the other side")
    return code


class DateInZone(Relation, frozen=True, kw_only=True):
    """A moment on one side, a plain day on the other; the day is that of the zone (H17).

    `day_on_right` tells which side holds the day.
    """

    zone: str
    day_on_right: bool

    def agree(self, left: Values, right: Values) -> bool:
        """The moment lies in the day."""
        moment, day = (left[0], right[0]) if self.day_on_right else (right[0], left[0])
        return self._day_of(moment) == day

    def _right(self, left: Values, present: Values) -> Values:
        return (self._day_of(left[0]) if self.day_on_right else self._first_instant(left[0]),)

    def _left(self, right: Values, present: Values) -> Values:
        return (self._first_instant(right[0]) if self.day_on_right else self._day_of(right[0]),)

    def _day_of(self, moment: Scalar) -> date | None:
        if moment is None:
            return None
        assert isinstance(moment, datetime), f"a moment was expected, not {moment!r}"
        return moment.astimezone(ZoneInfo(self.zone)).date()

    def _first_instant(self, day: Scalar) -> datetime | None:
        if day is None:
            return None
        assert isinstance(day, date), f"a day was expected, not {day!r}"
        # Midnight may not exist; zoneinfo then takes the offset before the gap, which names
        # the very instant at which the gap, and so the day, begins.
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.zone))
        if not MINYEAR + 1 < day.year < MAXYEAR - 1:  # in UTC it may fall into another year
            raise OutsideDomainError(f"the day {day} is at the edge of the calendar")
        first = midnight.astimezone(UTC)
        if self._day_of(first) != day:  # Samoa had no 30 December 2011
            raise OutsideDomainError(f"the day {day} does not exist in {self.zone}")
        return first


class Moment(Relation, frozen=True, kw_only=True):
    """Two moments that are equal to the millisecond, which is what the coarser app keeps."""

    def agree(self, left: Values, right: Values) -> bool:
        """Equal to the millisecond."""
        return _millisecond(left[0]) == _millisecond(right[0])


def _millisecond(moment: Scalar) -> datetime | None:
    if moment is None:
        return None
    assert isinstance(moment, datetime), f"a moment was expected, not {moment!r}"
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class Pairs(Relation, frozen=True, kw_only=True):
    """Listed pairs say the same; several values of a side may share one of the other.

    Serves enums (`members` 1) and stages with their pipelines (`members` 2). The first listed
    counterpart is taken when the present one does not already agree. `what` names the values
    in messages (`option`, `stage`).
    """

    pairs: tuple[tuple[Values, Values], ...]
    what: str = "option"

    def agree(self, left: Values, right: Values) -> bool:
        """The pair is listed, or both are empty."""
        if _empty(left) or _empty(right):
            return _empty(left) and _empty(right)
        return (left, right) in self._listed

    @cached_property
    def _listed(self) -> frozenset[tuple[Values, Values]]:
        return frozenset(self.pairs)

    @cached_property
    def _rights(self) -> dict[Values, Values]:
        return dict(reversed(self.pairs))

    @cached_property
    def _lefts(self) -> dict[Values, Values]:
        return {two: one for one, two in reversed(self.pairs)}

    def _right(self, left: Values, present: Values) -> Values:
        return self._counterpart(left, self._rights, present)

    def _left(self, right: Values, present: Values) -> Values:
        return self._counterpart(right, self._lefts, present)

    def _counterpart(self, value: Values, first: dict[Values, Values], present: Values) -> Values:
        if _empty(value):
            return (None,) * len(present)
        found = first.get(value)
        if found is None:
            shown = " / ".join(str(one) for one in value)
            raise OutsideDomainError(f'{self.what} "{shown}" has no counterpart on the other side')
        return found


def _empty(value: Values) -> bool:
    return value.count(None) == len(value)


class PairSets(Relation, frozen=True, kw_only=True):
    """Multi-enums: mapped members travel, members without a counterpart stay where they are."""

    pairs: tuple[tuple[str, str], ...]

    def agree(self, left: Values, right: Values) -> bool:
        """Each mapped member of a side has a counterpart among the other's members."""
        here, there = _members(left), _members(right)
        return self._covered(here, there, 0) and self._covered(there, here, 1)

    def _covered(self, here: frozenset[str], there: frozenset[str], index: int) -> bool:
        for member in here:
            counterparts = {pair[1 - index] for pair in self.pairs if pair[index] == member}
            if counterparts and not counterparts & there:
                return False
        return True

    def _right(self, left: Values, present: Values) -> Values:
        return self._carried(_members(left), _members(present), 0)

    def _left(self, right: Values, present: Values) -> Values:
        return self._carried(_members(right), _members(present), 1)

    def _carried(self, source: frozenset[str], present: frozenset[str], index: int) -> Values:
        mapped = {pair[1 - index] for pair in self.pairs}
        kept = {one for one in present if one not in mapped}
        for member in source:
            targets = [pair[1 - index] for pair in self.pairs if pair[index] == member]
            kept.update([one for one in targets if one in present] or targets[:1])
        return (frozenset(kept) or None,)


def _members(value: Values) -> frozenset[str]:
    members = value[0]
    assert members is None or isinstance(members, frozenset), f"a set was expected: {members!r}"
    return members or frozenset()


class People(Relation, frozen=True, kw_only=True):
    """Owners and users: the same person by override or e-mail.

    A person without a counterpart agrees with anything: the field is left as it is and the
    record never fails for it (H36).
    """

    pairs: tuple[tuple[str, str], ...]

    def agree(self, left: Values, right: Values) -> bool:
        """The same person, both empty, or somebody whom the other side does not know."""
        if (left[0], right[0]) in self.pairs or (left[0] is None and right[0] is None):
            return True
        return self._stranger(left[0], 0) or self._stranger(right[0], 1)

    def _stranger(self, person: Scalar, index: int) -> bool:
        return person is not None and all(pair[index] != person for pair in self.pairs)

    def _right(self, left: Values, present: Values) -> Values:
        return (next((two for one, two in self.pairs if one == left[0]), None),)

    def _left(self, right: Values, present: Values) -> Values:
        return (next((one for one, two in self.pairs if two == right[0]), None),)
