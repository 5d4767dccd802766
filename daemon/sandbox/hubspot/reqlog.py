"""The log of every call to the vendor's surface, in order, for tests and the demo to read.

Calls to the control address are not in it.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

__all__ = ["RequestEntry", "RequestLog"]


class RequestEntry(Struct, frozen=True, rename="camel", kw_only=True):
    """One call. `at` is the sandbox's own time in milliseconds; status 0 = connection cut."""

    sequence: int
    at: int
    method: str
    path: str
    query: str
    status: int
    token: str
    object_type: str
    inputs: int
    write: bool
    duration_ms: float
    fault: str = ""


class RequestLog:
    """The last calls, oldest first; sequence numbers go on for ever."""

    def __init__(self, capacity: int = 200_000) -> None:
        self._entries: deque[RequestEntry] = deque(maxlen=capacity)
        self.last_sequence = 0

    def next_sequence(self) -> int:
        """The number of the call that begins now."""
        self.last_sequence += 1
        return self.last_sequence

    def add(self, entry: RequestEntry) -> None:
        """Keep one finished call."""
        self._entries.append(entry)

    def since(self, sequence: int) -> list[RequestEntry]:
        """Calls with a higher number than the given one."""
        return [entry for entry in self._entries if entry.sequence > sequence]

    def clear(self) -> None:
        """Forget the calls; numbers go on."""
        self._entries.clear()
