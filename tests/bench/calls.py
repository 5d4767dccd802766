"""Counts calls by endpoint, and remembers when each was sent."""

from __future__ import annotations

from collections import Counter

import anyio

from daemon.connectors.registry import Environment


class Calls:
    """The calls of one app.

    Attributes:
        counts: by endpoint, without ids.
        sent: (endpoint, when it was sent by the event loop's clock), in order of answers.
    """

    def __init__(self, app: str) -> None:
        self.counts: Counter[str] = Counter()
        self.sent: list[tuple[str, float]] = []
        self.environment = Environment(app=app, on_call=self._note)

    def _note(self, endpoint: str, status: int | None, seconds: float) -> None:
        self.counts[endpoint] += 1
        self.sent.append((endpoint, anyio.current_time() - seconds))

    @property
    def total(self) -> int:
        """All calls."""
        return sum(self.counts.values())

    def forget(self) -> None:
        """Begin anew."""
        self.counts.clear()
        self.sent.clear()
