"""Units: what is merged as one thing, a mapped field or a group of fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from msgspec import Struct

from actors.errors import OutsideDomainError
from actors.mapping.relations import Relation, Values
from actors.records import Side
from actors.spec import Direction, Rules
from actors.values import Kind, Raw, Scalar, dump, parser_of


class Member(Struct, frozen=True, kw_only=True):
    """One native field of a unit."""

    name: str
    kind: Kind
    required: bool = False


class Association(Struct, frozen=True, kw_only=True):
    """What makes a unit a set of links to records of another sync, merged by members.

    Attributes:
        object: the object of both sides' members (`contacts`); its sync links them.
        removals: a member that one side drops is dropped on the other.
    """

    object: str
    removals: bool = True


class Unit(Struct, frozen=True, kw_only=True, dict=True):
    """One field mapping, or several fields that travel together or not at all.

    Attributes:
        key: names the unit in the store and to people (`dealname=description`).
        version: changes when the mapping's meaning changes.
        fallback: raws for a side on create when the source's value has no counterpart (owner).
        defaults: raws for a side on create when the source is empty.
        association: set if the unit's values are records of another sync.
    """

    key: str
    version: int
    left: tuple[Member, ...]
    right: tuple[Member, ...]
    relation: Relation
    direction: Direction
    rules: Rules
    fallback: dict[str, tuple[Raw, ...]] = {}
    defaults: dict[str, tuple[Raw, ...]] = {}
    association: Association | None = None

    def members(self, side: Side) -> tuple[Member, ...]:
        """Return the unit's fields on that side."""
        return self.left if side is Side.LEFT else self.right

    def raws(self, side: Side, values: Mapping[str, Raw]) -> tuple[Raw, ...]:
        """Pick the unit's raws out of a record's values."""
        names = self._names[side]
        if len(names) == 1:
            return (values.get(names[0]),)
        return tuple([values.get(name) for name in names])

    @cached_property
    def _names(self) -> dict[Side, tuple[str, ...]]:
        return {side: tuple(member.name for member in self.members(side)) for side in Side}

    @cached_property
    def _parsers(self) -> dict[Side, tuple[Callable[[str], Scalar], ...]]:
        return {side: tuple(parser_of(one.kind) for one in self.members(side)) for side in Side}

    def native(self, side: Side, raws: tuple[Raw, ...]) -> dict[str, Raw]:
        """Name the unit's raws by native field."""
        return {m.name: raw for m, raw in zip(self.members(side), raws, strict=True)}

    def parse(self, side: Side, raws: tuple[Raw, ...]) -> Values:
        """Turn raws into canonical values.

        Raises:
            OutsideDomainError: a raw is not of its field's kind.
        """
        parsers = self._parsers[side]
        if len(parsers) == 1:
            return (parsers[0](raws[0]) if raws[0] else None,)
        return tuple([read(raw) if raw else None for read, raw in zip(parsers, raws, strict=True)])

    def same(self, side: Side, one: tuple[Raw, ...], two: tuple[Raw, ...]) -> bool:
        """Say whether two readings of one side hold the same canonical values.

        What cannot be read equals only itself, byte for byte.
        """
        try:
            return one == two or self.parse(side, one) == self.parse(side, two)
        except OutsideDomainError:
            return False

    def agree(self, left: tuple[Raw, ...], right: tuple[Raw, ...]) -> bool:
        """Say whether the two sides' raws say the same.

        Raises:
            OutsideDomainError: a raw is not of its field's kind.
        """
        return self.relation.agree(self.parse(Side.LEFT, left), self.parse(Side.RIGHT, right))

    def restore(
        self, target: Side, source: tuple[Raw, ...], present: tuple[Raw, ...]
    ) -> tuple[Raw, ...]:
        """Return the raws that `target` must hold to say what the other side says.

        Members whose canonical value stays keep the raw that they have.

        Raises:
            OutsideDomainError: the source's value has no counterpart, or is unreadable.
        """
        said, held = self.parse(target.other, source), self.parse(target, present)
        to = self.relation.to_right if target is Side.RIGHT else self.relation.to_left
        wanted = to(said, held)
        return tuple(
            raw if new == old else dump(member.kind, new)
            for member, raw, old, new in zip(
                self.members(target), present, held, wanted, strict=True
            )
        )

    def is_blank(self, side: Side, raws: tuple[Raw, ...]) -> bool:
        """Say whether the members that carry the value are empty; others only qualify it."""
        return self.relation.is_blank(self.parse(side, raws))

    def requires(self, side: Side) -> bool:
        """Say whether that side refuses an empty value."""
        return any(member.required for member in self.relation.bearing(self.members(side)))
