"""Due marks: what could not be dealt with now is marked, durably, as to be looked at again."""

from __future__ import annotations

import msgspec

from actors.attention import Attention
from actors.ledger import Ledger
from actors.links import Link, Status
from actors.observing import microseconds
from actors.ports import Clock

_SECOND = 1_000_000
_SOON_US = 2 * _SECOND


class DueMarks:
    """Marks links of one sync as due."""

    def __init__(self, clock: Clock, attention: Attention) -> None:
        self._clock = clock
        self._attention = attention

    def again(self, ledger: Ledger, link: Link, reason: str) -> None:
        """Mark a link as due soon: it cannot be dealt with now."""
        if link.due_us is None or link.status is not Status.PENDING:
            ledger.put(self.due(link, reason, link.attempts))

    def passed_over(self, ledger: Ledger, link: Link) -> None:
        """Put off what was read while a write was on its way: it is read again after that."""
        self._attention.passed_over(link.id)
        self.again(ledger, link, "a write to it is on its way")

    def due(self, link: Link, reason: str, attempts: int) -> Link:
        """Return the link as pending and due soon."""
        return msgspec.structs.replace(
            link,
            status=Status.PENDING,
            reason=reason,
            due_us=microseconds(self._clock.now()) + _SOON_US,
            attempts=attempts,
        )

    def still_due(self, link: Link) -> Link:
        """An end that was to be read has not come yet: what is decided now is not all."""
        now_us = microseconds(self._clock.now())
        due_us = now_us if link.due_us is None else min(link.due_us, now_us)
        return msgspec.structs.replace(link, due_us=due_us)
