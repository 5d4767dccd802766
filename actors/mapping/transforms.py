"""Relations that change what is written: forms, scales, joined fields, templates, constants.

Each keeps the laws of `relations`: what it restores agrees, by construction or it is refused.
"""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from decimal import Context, Decimal, Inexact
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from actors.errors import OutsideDomainError
from actors.mapping.forms import shaped
from actors.mapping.relations import Number, Relation, Text, TextForm, Values, rounded
from actors.phones import PhoneBook
from actors.spec import Direction, Form, TooLong
from actors.values import MOST_DIGITS, Kind, Scalar, dump


class Formed(Text, frozen=True, kw_only=True):
    """Texts that say the same if they do in a form: phone numbers, addresses, names.

    Attributes:
        compare: the forms in which two texts are compared.
        write_left, write_right: the forms in which each side is written; empty writes a text
            as it stands on the other side.
        reach: where values can travel.
        because: why they cannot travel both ways.
    """

    compare: tuple[Form, ...]
    write_left: tuple[Form, ...] = ()
    write_right: tuple[Form, ...] = ()
    phones: PhoneBook = PhoneBook()
    reach: Direction = Direction.BOTH
    because: str = ""

    @property
    def ways(self) -> Direction:
        """Where values can travel."""
        return self.reach

    @property
    def one_way(self) -> str:
        """Why values travel only one way."""
        return self.because

    def agree(self, left: Values, right: Values) -> bool:
        """Equal as texts, or equal in the form."""
        if Text.agree(self, left, right):
            return True
        one, two = self._formed(self.compare, left), self._formed(self.compare, right)
        return Text.agree(self, one, two)

    def _formed(self, forms: tuple[Form, ...], value: Values) -> Values:
        text = value[0]
        return (shaped(forms, text, self.phones) or None,) if isinstance(text, str) else (None,)

    def _right(self, left: Values, present: Values) -> Values:
        return self._written(self.right, self.write_right, left, left_is_source=True)

    def _left(self, right: Values, present: Values) -> Values:
        return self._written(self.left, self.write_left, right, left_is_source=False)

    def _written(
        self, form: TextForm, write: tuple[Form, ...], source: Values, *, left_is_source: bool
    ) -> Values:
        """Return the source as written, or in the form if only that fits."""
        wanted = self._formed(write, source)
        text = wanted[0]
        assert text is None or isinstance(text, str), "a form makes texts of texts"
        if not write and form.max_length is not None and len(text or "") > form.max_length:
            text = str(self._formed(self.compare, source)[0])
        restored = (form.shape(text, self.too_long),)
        ends = (source, restored) if left_is_source else (restored, source)
        if not self.agree(*ends):
            raise OutsideDomainError(f'"{source[0]}" says something else once it is shortened')
        return restored


class Scaled(Number, frozen=True, kw_only=True):
    """Numbers of which the right one is the left one times `scale` (cents, percent)."""

    scale: Decimal

    def agree(self, left: Values, right: Values) -> bool:
        """Either is what the other becomes, rounded to what its side holds."""
        if left[0] is None or right[0] is None:
            return left[0] is right[0]
        one, two = rounded(left[0], self.left_digits), rounded(right[0], self.right_digits)
        return self._scaled(left[0]) == two or one == self._unscaled(right[0])

    def _right(self, left: Values, present: Values) -> Values:
        return (self._scaled(left[0]),)

    def _left(self, right: Values, present: Values) -> Values:
        return (self._unscaled(right[0]),)

    def _scaled(self, number: Scalar) -> Decimal | None:
        if number is None:
            return None
        assert isinstance(number, Decimal), f"a number was expected, not {number!r}"
        return _writable(rounded(_exact().multiply(number, self.scale), self.right_digits))

    def _unscaled(self, number: Scalar) -> Decimal | None:
        if number is None:
            return None
        assert isinstance(number, Decimal), f"a number was expected, not {number!r}"
        exact = _exact()
        quotient = exact.divide(number, self.scale)
        digits = self.left_digits
        if digits is None and exact.flags[Inexact]:
            digits = _MOST_PLACES
        return _writable(rounded(quotient, digits))


_MOST_PLACES = 12
"""Of a quotient that does not end, where the app names no limit."""


def _exact() -> Context:
    return Context(prec=4 * MOST_DIGITS)


def _writable(number: Decimal | None) -> Decimal | None:
    if number is None:
        return None
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int), "finite numbers only"
    if number.adjusted() >= MOST_DIGITS or exponent < -MOST_DIGITS:
        raise OutsideDomainError(f"{number:.6e} has more digits than a field can hold")
    return number


class Joined(Relation, frozen=True, kw_only=True):
    """Parts in several fields of one side, read one after the other in one field of the other.

    A name `Ada Lovelace` with a first and a last name; `street` and `city` on two lines.
    White space around parts does not count.

    Attributes:
        parts: the form of each part, in the order of reading.
        whole: the form of the one field.
        by: what stands between the parts.
        whole_on_right: which side has the one field.
    """

    parts: tuple[TextForm, ...]
    whole: TextForm
    by: str
    whole_on_right: bool
    too_long: TooLong = TooLong.REFUSE

    def bearing(self, members: tuple[Any, ...]) -> tuple[Any, ...]:
        """All parts carry what is said."""
        return members

    def agree(self, left: Values, right: Values) -> bool:
        """The parts, read one after the other, are the whole."""
        parts, whole = (left, right) if self.whole_on_right else (right, left)
        said = self._pieces(parts)
        return self._one(said) == self._one(self._pieces(whole)) or (
            self.too_long is TooLong.SHORTEN
            and self._pieces((self._made(said),)) == self._pieces(whole)
        )

    def _pieces(self, values: Values) -> list[str]:
        """Return what stands between separators, in all values, without outer white space."""
        token = self.by.strip()
        pieces: list[str] = []
        for value in values:
            text = str(value or "")
            found = text.split(token) if token else _parted(text, self.by)
            pieces += [" ".join(piece.split()) for piece in found]
        return [piece for piece in pieces if piece]

    def _one(self, pieces: list[str]) -> str | None:
        return unicodedata.normalize("NFC", self.by.join(pieces)) or None

    def _made(self, pieces: list[str]) -> str | None:
        return self.whole.shape(self._one(pieces), self.too_long)

    def _right(self, left: Values, present: Values) -> Values:
        return self._told(left, present, to_whole=self.whole_on_right)

    def _left(self, right: Values, present: Values) -> Values:
        return self._told(right, present, to_whole=not self.whole_on_right)

    def _told(self, source: Values, present: Values, *, to_whole: bool) -> Values:
        pieces = self._pieces(source)
        told = (self._made(pieces),) if to_whole else self._split(pieces, present)
        whole, parts = (told, source) if to_whole else (source, told)
        ends = (parts, whole) if self.whole_on_right else (whole, parts)
        if not self.agree(*ends):
            raise OutsideDomainError(f'"{self._one(pieces)}" cannot be said in the other fields')
        return told

    def _split(self, pieces: list[str], present: Values) -> Values:
        cuts = self._cuts(pieces, [self._pieces((part,)) for part in present])
        groups = [pieces[start:end] for start, end in pairwise(cuts)]
        return tuple(
            form.shape(self._one(group), TooLong.REFUSE)
            for form, group in zip(self.parts, groups, strict=True)
        )

    def _cuts(self, pieces: list[str], present: list[list[str]]) -> list[int]:
        """Say where each part begins: as the parts stand now if that fits, else by the rule."""
        count, end = len(self.parts), len(pieces)
        if count == 2 and end > 1:
            first, last = present
            if first and len(first) < end and pieces[: len(first)] == first:
                return [0, len(first), end]
            if last and len(last) < end and pieces[-len(last) :] == last:
                return [0, end - len(last), end]
            if self.by == " ":
                return [0, _surname(pieces), end]
        return [*(min(at, end) for at in range(count)), end]


def _parted(text: str, by: str) -> list[str]:
    return text.splitlines() if "\n" in by else text.split()


def _surname(words: list[str]) -> int:
    """Return where the last name begins: its last word, with `van`, `de`, `von` before it."""
    at = len(words) - 1
    while at > 1 and words[at - 1].islower():
        at -= 1
    return at


class Slot(Struct, frozen=True, kw_only=True):
    """A field whose value a template shows; `labels` are what people call options and users."""

    kind: Kind
    labels: dict[str, str] = {}

    def show(self, value: Scalar, zone: str) -> str:
        """Return the value as people write it; the empty text for none."""
        match value:
            case frozenset():
                return ", ".join(sorted(self.labels.get(one, one) for one in value))
            case datetime():
                return value.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")
            case date():
                return value.isoformat()
            case str():
                return self.labels.get(value, value)
            case _:
                return dump(self.kind, value) or ""


class Segment(Struct, frozen=True, kw_only=True):
    """A stretch of a template: texts, and numbers of slots; an optional one needs all filled."""

    parts: tuple[str | int, ...]
    is_optional: bool = False


class Template(Relation, frozen=True, kw_only=True):
    """A text made of other fields, which cannot be taken apart again.

    Attributes:
        on_right: which side holds the text.
        zone: IANA zone in which moments are written.
    """

    segments: tuple[Segment, ...]
    slots: tuple[Slot, ...]
    text: Text
    on_right: bool
    zone: str = "UTC"
    because: str = "a text made of other fields cannot be taken apart again"

    @property
    def ways(self) -> Direction:
        """Only towards the text."""
        return Direction.TO_RIGHT if self.on_right else Direction.TO_LEFT

    @property
    def one_way(self) -> str:
        """Why values travel only one way."""
        return self.because

    def bearing(self, members: tuple[Any, ...]) -> tuple[Any, ...]:
        """Every field of a template carries something."""
        return members

    def agree(self, left: Values, right: Values) -> bool:
        """The text is what the fields make."""
        sources, target = (left, right) if self.on_right else (right, left)
        return self.text.agree((self.render(sources),), target)

    def render(self, values: Values) -> str | None:
        """Return the text that these fields make; None if all are empty."""
        shown = [
            slot.show(value, self.zone) for slot, value in zip(self.slots, values, strict=True)
        ]
        if not any(shown):
            return None
        text = "".join(_rendered(segment, shown) for segment in self.segments)
        return unicodedata.normalize("NFC", text.strip()) or None

    def _right(self, left: Values, present: Values) -> Values:
        return self._made(left, present) if self.on_right else self._refused()

    def _left(self, right: Values, present: Values) -> Values:
        return self._refused() if self.on_right else self._made(right, present)

    def _made(self, sources: Values, present: Values) -> Values:
        return self.text.to_right((self.render(sources),), present)

    def _refused(self) -> Values:
        raise OutsideDomainError(self.because)


def _rendered(segment: Segment, shown: list[str]) -> str:
    said = [shown[part] if isinstance(part, int) else part for part in segment.parts]
    slots = [shown[part] for part in segment.parts if isinstance(part, int)]
    return "" if segment.is_optional and not all(slots) else "".join(said)


class Fixed(Relation, frozen=True, kw_only=True):
    """One field that always holds the same; the other side has no field in it."""

    value: Scalar
    on_right: bool

    @property
    def ways(self) -> Direction:
        """Only towards the field."""
        return Direction.TO_RIGHT if self.on_right else Direction.TO_LEFT

    @property
    def one_way(self) -> str:
        """Why values travel only one way."""
        return "a constant has no field on the other side"

    def is_blank(self, values: Values) -> bool:
        """A constant always says something."""
        return bool(values) and values[0] is None

    def agree(self, left: Values, right: Values) -> bool:
        """The field holds the constant."""
        return (right if self.on_right else left) == (self.value,)

    def _right(self, left: Values, present: Values) -> Values:
        return (self.value,) if self.on_right else ()

    def _left(self, right: Values, present: Values) -> Values:
        return () if self.on_right else (self.value,)


class Free(Relation, frozen=True, kw_only=True):
    """One field that is given a value when its record is made, and is never looked at again."""

    on_right: bool

    @property
    def ways(self) -> Direction:
        """Only towards the field."""
        return Direction.TO_RIGHT if self.on_right else Direction.TO_LEFT

    @property
    def one_way(self) -> str:
        """Why values travel only one way."""
        return "a default has no field on the other side"

    def agree(self, left: Values, right: Values) -> bool:
        """Whatever the field holds is right."""
        return True
