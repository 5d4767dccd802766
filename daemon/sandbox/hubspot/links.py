"""Associations between records: which pairs exist, and by which types.

Owns the symmetric store and the list of types; each pair is kept in both directions. What may
be written is decided in `associations`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from daemon.sandbox.hubspot.catalog import AssociationType, default_association_types

__all__ = ["Links", "Side"]

# Plural type name and record id.
Side = tuple[str, int]
_Targets = dict[int, tuple[int, ...]]


class Links:
    """Every association of an account."""

    def __init__(self) -> None:
        self.types = {kind.type_id: kind for kind in default_association_types()}
        # Associations of archived records.
        self.parked: dict[Side, list[tuple[Side, tuple[int, ...]]]] = {}
        self._pairs: dict[tuple[str, str], dict[int, _Targets]] = {}

    def kinds(self, left: str, right: str) -> list[AssociationType]:
        """The types that go from one object type to another, labelled ones first."""
        found = [
            kind
            for kind in self.types.values()
            if kind.from_object == left and kind.to_object == right
        ]
        return sorted(found, key=lambda kind: (kind.label is None, kind.type_id))

    def unlabelled(self, left: str, right: str) -> AssociationType | None:
        """The type every association of a pair of object types has."""
        return next((kind for kind in self.kinds(left, right) if kind.label is None), None)

    def targets(self, side: Side, right: str) -> _Targets:
        """What a record is associated with: target id to type ids. Not to be changed."""
        return self._pairs.get((side[0], right), {}).get(side[1], {})

    def put(self, left: Side, right: Side, type_ids: tuple[int, ...]) -> None:
        """Set the types of a pair, seen from `left`; none removes the pair."""
        inverse = tuple(self.types[type_id].inverse_type_id for type_id in type_ids)
        self._set(left, right, type_ids)
        # A type that is its own inverse still has two ends; a record paired with itself has one.
        if left != right:
            self._set(right, left, inverse)

    def all_of(self, side: Side) -> Iterator[tuple[Side, tuple[int, ...]]]:
        """Every association of a record with the other end and the type ids."""
        for (left, right), sources in list(self._pairs.items()):
            if left == side[0] and side[1] in sources:
                for target, type_ids in list(sources[side[1]].items()):
                    yield (right, target), type_ids

    def park(self, side: Side) -> list[tuple[Side, tuple[int, ...]]]:
        """Put an archived record's associations aside until it is restored."""
        ends = list(self.all_of(side))
        self.parked.setdefault(side, []).extend(ends)
        for other, _ in ends:
            self.put(side, other, ())
        return ends

    def unpark(self, side: Side, is_live: Callable[[Side], bool]) -> list[Side]:
        """Bring a restored record's associations back; returns the other ends.

        One whose other end is archived by now waits for that one's restore.
        """
        back = []
        for other, type_ids in self.parked.pop(side, []):
            if is_live(other):
                self.put(side, other, type_ids)
                back.append(other)
            elif other in self.parked:
                inverse = tuple(self.types[one].inverse_type_id for one in type_ids)
                self.parked[other].append((side, inverse))
        return back

    def drop_all(self, side: Side) -> None:
        """Remove every association of a record."""
        self.parked.pop(side, None)
        for other, _ in list(self.all_of(side)):
            self.put(side, other, ())

    def forget_type(self, kind: AssociationType) -> None:
        """Remove a type and its inverse from the account and from every pair."""
        gone = {kind.type_id, kind.inverse_type_id}
        for sources in self._pairs.values():
            for targets in sources.values():
                for target, type_ids in targets.items():
                    targets[target] = tuple(one for one in type_ids if one not in gone)
        for type_id in gone:
            self.types.pop(type_id, None)

    def dump(self) -> list[tuple[str, int, str, int, tuple[int, ...]]]:
        """Every pair in every direction, for the state file."""
        return [
            (left, source, right, target, type_ids)
            for (left, right), sources in self._pairs.items()
            for source, targets in sources.items()
            for target, type_ids in targets.items()
        ]

    def load(self, entries: list[tuple[str, int, str, int, tuple[int, ...]]]) -> None:
        """Take back what `dump` gave."""
        for left, source, right, target, type_ids in entries:
            self._set((left, source), (right, target), type_ids)

    def _set(self, left: Side, right: Side, type_ids: tuple[int, ...]) -> None:
        sources = self._pairs.setdefault((left[0], right[0]), {})
        if type_ids:
            sources.setdefault(left[1], {})[right[1]] = type_ids
            return
        targets = sources.get(left[1], {})
        targets.pop(right[1], None)
        if not targets:
            sources.pop(left[1], None)
