"""Plans: what a planned decision is known by, and the book that they are written into.

A plan is applied by deciding again: only what comes out as it was planned is written.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Protocol, TypeAlias

import msgspec

from actors.deciding import Draft
from actors.intents import Intent, IntentKind
from actors.links import Link

_encode = msgspec.json.Encoder(order="deterministic").encode

CREATED, CHANGED, ARCHIVED = "created", "changed", "archived"


Write: TypeAlias = tuple[str, str]
"""One write of a decision: the side, and `created`, `changed` or `archived`."""


class Planned(Protocol):
    """The decisions of one plan about one sync."""

    @property
    def number(self) -> int:
        """The plan's id."""
        ...

    def has(self, record: str, digest: bytes) -> bool:
        """Say whether the plan decides this of the record; must be quick."""
        ...


class Book(Protocol):
    """Where the decisions about one sync are written down while they are planned."""

    def note(self, link: int, record: str, digest: bytes, writes: Iterable[Write]) -> None:
        """Put down what is decided of a link, in the place of what was before."""
        ...

    def strike(self, link: int) -> None:
        """Nothing is to be written for a link any more."""
        ...

    def knows(self, link: int) -> bool:
        """Say whether something is to be written for a link."""
        ...

    def total(self) -> dict[Write, int]:
        """Count by side and what would happen: `created`, `changed` or `archived`."""
        ...


def name_record(link: Link) -> str:
    """Name a link by its records, so that it is found in another run's store."""
    ends = (link.left, link.right)
    return "|".join(end.id.replace("|", "||") if end is not None else "" for end in ends)


def digest_of(writes: Iterable[Draft | Intent]) -> bytes:
    """Return 16 bytes that stand for what would be written, and over what.

    Times and versions are no part of it: a record that was touched and still comes to the same
    is the same.
    """
    parts = [
        (
            one.side.value,
            one.kind.value,
            one.record_id,
            one.values,
            sorted((write.unit, write.expected or ()) for write in one.units),
        )
        for one in sorted(writes, key=lambda one: one.side.value)
    ]
    return hashlib.blake2b(_encode(parts), digest_size=16).digest()


def writes_of(intents: Iterable[Intent]) -> tuple[Write, ...]:
    """Return what a book keeps of the intents of one link."""
    words = {IntentKind.CREATE: CREATED, IntentKind.ARCHIVE: ARCHIVED}
    return tuple((one.side.value, words.get(one.kind, CHANGED)) for one in intents)


class MemoryBook:
    """A book in memory, for one sync."""

    number = 0

    def __init__(self) -> None:
        self._notes: dict[int, tuple[str, bytes, tuple[Write, ...]]] = {}

    def note(self, link: int, record: str, digest: bytes, writes: Iterable[Write]) -> None:
        """Put down what is decided of a link."""
        self._notes[link] = (record, digest, tuple(writes))

    def strike(self, link: int) -> None:
        """Nothing is to be written for a link any more."""
        self._notes.pop(link, None)

    def knows(self, link: int) -> bool:
        """Say whether something is to be written for a link."""
        return link in self._notes

    def has(self, record: str, digest: bytes) -> bool:
        """Say whether the plan decides this of the record."""
        return any(note[:2] == (record, digest) for note in self._notes.values())

    def total(self) -> dict[Write, int]:
        """Count by side and what would happen."""
        counts = Counter[Write]()
        for _, _, writes in self._notes.values():
            for one in writes:
                counts[one] += 1
        return dict(counts)
