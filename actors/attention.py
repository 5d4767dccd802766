"""What the reconciler remembers of records besides the store: who is busy, old or in doubt.

All of it may be lost in a crash: what must survive is in the store (open intents, due marks).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from actors.records import Side

_REMEMBERED_FOR = 900.0
_INSISTED_FOR = 600.0
"""An app that shows only an older version for so long is not behind: its time went back."""
_NEVER = float("-inf")


@dataclass
class Doubt:
    """A settlement without a write that waits until both sides have been read anew.

    Attributes:
        since: our monotonic clock when the last change of either side came to be known.
        began: by side, when the request of the last reading began.
    """

    since: float
    began: dict[Side, float] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Both sides were read by requests that began after the last known change."""
        return not self.unread

    @property
    def unread(self) -> tuple[Side, ...]:
        """The sides that are still to be read by a request that began after that."""
        return tuple(side for side in Side if self.began.get(side, _NEVER) <= self.since)


class Attention:
    """Counts intents in flight per link and remembers when records were last heard of."""

    def __init__(self) -> None:
        self._busy: dict[int, int] = {}
        self._heard: OrderedDict[tuple[Side, str], float] = OrderedDict()
        self._doubts: dict[int, Doubt] = {}
        self._behind_since: dict[tuple[Side, str], float] = {}
        self._passed_over: set[int] = set()
        self._expected: dict[int, set[Side]] = {}

    # --- intents in flight ------------------------------------------------------------------

    def opened(self, link_id: int) -> None:
        """An intent of this link is on its way."""
        self._busy[link_id] = self._busy.get(link_id, 0) + 1

    def closed(self, link_id: int) -> None:
        """An intent of this link has its outcome."""
        left = self._busy.get(link_id, 0) - 1
        if left > 0:
            self._busy[link_id] = left
        else:
            self._busy.pop(link_id, None)

    def is_busy(self, link_id: int) -> bool:
        """Say whether the link waits for an outcome."""
        return link_id in self._busy

    def passed_over(self, link_id: int) -> None:
        """Something new was read of a link while an intent of it was on its way."""
        self._passed_over.add(link_id)

    def take_up(self, link_id: int) -> bool:
        """Say whether something was passed over since the last time, and forget it."""
        was_passed_over = link_id in self._passed_over
        self._passed_over.discard(link_id)
        return was_passed_over

    # --- looks at what is due ---------------------------------------------------------------

    def expect(self, link_id: int, sides: Iterable[Side]) -> None:
        """These ends of a link are read because it is due; it stays due until all of them came."""
        self._expected.setdefault(link_id, set()).update(sides)

    def came(self, link_id: int, side: Side) -> None:
        """An end of a link has been read, or is known to be gone."""
        expected = self._expected.get(link_id)
        if expected is not None:
            expected.discard(side)
            if not expected:
                del self._expected[link_id]

    def expected(self, link_id: int) -> tuple[Side, ...]:
        """Return the sides of a link that is due which have still to be read."""
        return tuple(sorted(self._expected.get(link_id, ())))

    # --- stale snapshots --------------------------------------------------------------------

    def heard(self, side: Side, record_id: str, at: float) -> None:
        """A snapshot or an answer of this record has been received now."""
        self._heard[side, record_id] = at
        self._heard.move_to_end((side, record_id))
        while self._heard and next(iter(self._heard.values())) < at - _REMEMBERED_FOR:
            self._heard.popitem(last=False)

    def is_outdated(self, side: Side, record_id: str, began: float) -> bool:
        """Say whether the answer to a request that began then may be older than what we know."""
        return began < self._heard.get((side, record_id), _NEVER)

    def insists(self, side: Side, record_id: str, now: float) -> bool:
        """Note that the app showed an older version; say whether it has for too long to be late."""
        return now - self._behind_since.setdefault((side, record_id), now) > _INSISTED_FOR

    def caught_up(self, side: Side, record_id: str) -> None:
        """The app shows a version that is not older than what is known."""
        self._behind_since.pop((side, record_id), None)

    # --- doubts -----------------------------------------------------------------------------

    def is_sure(self, link_id: int, side: Side, began: float, now: float) -> bool:
        """Say whether a settlement of this link may rest on the snapshots at hand.

        The first time it may not: a doubt is noted, and both sides must be read again.
        """
        doubt = self._doubts.get(link_id)
        if doubt is None:
            self._doubts[link_id] = Doubt(since=now)
            return False
        doubt.began[side] = began
        return doubt.is_over

    def unread(self, link_id: int) -> tuple[Side, ...]:
        """Return the sides that must still be read before a doubt is over."""
        doubt = self._doubts.get(link_id)
        return doubt.unread if doubt is not None else tuple(Side)

    def changed(self, link_id: int, now: float) -> None:
        """A side of a link in doubt was seen to change."""
        doubt = self._doubts.get(link_id)
        if doubt is not None:
            self._doubts[link_id] = Doubt(since=now)

    def decided(self, link_id: int) -> None:
        """The link has been decided: no doubt is left."""
        self._doubts.pop(link_id, None)
