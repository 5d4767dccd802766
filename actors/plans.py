"""Plans as they are applied: what names a decision, and by what it is known again. Pure.

A plan is applied by deciding again: only what comes out as it was planned is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Protocol

import msgspec

from actors.deciding import Draft
from actors.links import Link

_encode = msgspec.json.Encoder(order="deterministic").encode


class Planned(Protocol):
    """The decisions of one plan."""

    @property
    def number(self) -> int:
        """The plan's id."""
        ...

    def has(self, record: str, digest: bytes) -> bool:
        """Say whether the plan decides this of the record; must be quick."""
        ...


def name_record(link: Link) -> str:
    """Name a link by its records, so that it is found in another run's store."""
    return "|".join(
        end.id.replace("|", "||") if end is not None else "" for end in (link.left, link.right)
    )


def digest_of(drafts: Iterable[Draft]) -> bytes:
    """Return 16 bytes that stand for what would be written, and over what.

    Times and versions are no part of it: a record that was touched and still comes to the same
    is the same.
    """
    writes = sorted(
        (
            draft.side.value,
            draft.kind.value,
            draft.record_id,
            draft.values,
            sorted((write.unit, write.expected) for write in draft.units),
        )
        for draft in drafts
    )
    return hashlib.blake2b(_encode(writes), digest_size=16).digest()
