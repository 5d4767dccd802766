"""The ground truth of a run: what people did, what tieline asked for, what the apps committed.

Written by the simulated world alone; the oracle reads it. Times are true seconds since the
start of the run (negative: before it).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from actors.records import Side
from actors.values import Raw

Values = dict[str, Raw]


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """A record's state from one commit to the next.

    Attributes:
        number: 0, 1, ... within the record.
        at: true time of the commit.
        stamp_us: the app's modified time, by its own clock; may lie before the commit.
        by: `edit` for a person, `write` for tieline; `cause` is the id in the ledger.
        indexed_at: when the search index shows it.
    """

    number: int
    at: float
    stamp_us: int
    values: Values
    by: str
    cause: int
    indexed_at: float
    archived: bool = False
    token: str = ""


@dataclass(kw_only=True, slots=True)
class Record:
    """A record with all that it ever was."""

    id: str
    key: str | None
    versions: list[Version] = field(default_factory=list)

    @property
    def now(self) -> Version:
        """The record as the primary store holds it."""
        return self.versions[-1]

    def at(self, moment: float) -> Version | None:
        """Return the version that stood at that true time, or None before its creation."""
        return next((v for v in reversed(self.versions) if v.at <= moment), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """What a person did to one record at one moment, seeing the version before it."""

    id: int
    side: Side
    record: str
    version: int
    at: float
    stamp_us: int
    action: str
    changed: Values


@dataclass(kw_only=True, slots=True)
class Write:
    """One item of a write call by tieline, and what became of it in the app.

    Attributes:
        sent_at: when the call began; committed_at: when the app took it, if it did.
        version: the version that it made (or the one that stood, if it changed nothing).
        answer: the outcome that tieline was told (`done`, `unknown`, ...), `lost` without any.
    """

    id: int
    side: Side
    kind: str
    record: str | None
    intent: int
    life: int
    values: Values
    key: str | None
    sent_at: float
    committed_at: float | None = None
    version: int | None = None
    answer: str = "lost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request by tieline."""

    side: Side
    name: str
    at: float


class Ledger:
    """All that happened, in its order, with a running digest as trace."""

    def __init__(self, now: Callable[[], float], *, keep_lines: bool = False) -> None:
        self.now = now
        self.edits: list[Edit] = []
        self.writes: list[Write] = []
        self.calls: list[Call] = []
        self.faults: Counter[str] = Counter()
        self.rejections: Counter[tuple[Side, str]] = Counter()
        self.breaches: list[str] = []
        self.approved = 0
        self.lines: list[str] | None = [] if keep_lines else None
        self._digest = hashlib.blake2b(digest_size=16)

    def note(self, text: str) -> None:
        """Add a line to the trace."""
        line = f"{self.now():.6f} {text}"
        self._digest.update(line.encode())
        if self.lines is not None:
            self.lines.append(line)

    def remark(self, text: str) -> None:
        """Add a line for the reader of a trace that is kept; it is not part of the digest."""
        if self.lines is not None:
            self.lines.append(f"{self.now():.6f}     {text}")

    @property
    def digest(self) -> str:
        """The trace in 32 characters."""
        return self._digest.copy().hexdigest()

    def breach(self, text: str) -> None:
        """Record that tieline broke a connector's contract."""
        self.note(f"BREACH {text}")
        self.breaches.append(text)
