"""Where the syncs of one connection meet: who waits for whose links, and whether all are quiet.

A hint, no more: it is lost in a crash, and what waits is due again by the store in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from actors.associations import PartnerKey
from actors.links import End, Link
from actors.mapping.linked import ids_of
from actors.mapping.record import Sync
from actors.partners import is_counted
from actors.records import Side
from actors.values import Raw

_MOST_WAITING = 200_000


class Meeting:
    """Shared by the syncs of one connection while they run."""

    def __init__(self) -> None:
        self._waiting: dict[PartnerKey, set[tuple[str, int]]] = {}
        self._woken: dict[str, set[int]] = {}
        self._looks: dict[str, dict[tuple[Side, str], None]] = {}
        self._is_resting: dict[str, bool] = {}

    def wait(self, sync: str, link_id: int, keys: Iterable[PartnerKey]) -> None:
        """Note that a link of this sync waits until these records are linked."""
        for key in keys:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.setdefault(key, set()).add((sync, link_id))

    def linked(self, object_name: str, links: Iterable[Link]) -> None:
        """Wake those who wait for records of these links, as they have just been stored."""
        if not self._waiting:
            return
        for link in links:
            if not is_counted(link):
                continue
            for side in Side:
                end = link.end(side)
                assert end is not None, "a link that counts has both ends"
                for sync, waiting in self._waiting.pop((object_name, side, end.id), ()):
                    self._woken.setdefault(sync, set()).add(waiting)

    def take(self, sync: str) -> list[int]:
        """Return the links of this sync that need not wait any longer, and forget them."""
        return sorted(self._woken.pop(sync, ()))

    # --- looks ------------------------------------------------------------------------------

    def look(self, sync: str, side: Side, ids: Iterable[str]) -> None:
        """Have a sync read these records: somebody else's record shows that they changed."""
        self._looks.setdefault(sync, {}).update(((side, one), None) for one in ids)

    def shown(self, sync: Sync, side: Side, before: End | None, values: Mapping[str, Raw]) -> None:
        """Have the records read whose links have changed by what a record of `sync` shows."""
        for name, object_name in sync.shows.get(side, {}).items():
            seen = before.seen.values if before is not None and before.seen is not None else None
            if seen is not None and name not in seen:
                continue  # it was not asked for before
            known = ids_of(((seen or {}).get(name),))
            changed = set(known).symmetric_difference(ids_of((values.get(name),)))
            if changed:
                self.look(f"{sync.spec.connection}/{object_name}", side, sorted(changed))

    def take_looks(self, sync: str) -> list[tuple[Side, str]]:
        """Return the records that this sync is to read, and forget them."""
        return list(self._looks.pop(sync, ()))

    # --- quiet ------------------------------------------------------------------------------

    def join(self, sync: str) -> None:
        """A sync begins to run until quiet: the others wait for it."""
        self._is_resting[sync] = False

    def rest(self, sync: str, *, is_quiet: bool) -> bool:
        """Say how it is with one sync; return whether all are quiet and nobody was woken."""
        self._is_resting[sync] = is_quiet
        has_work = any(self._woken.values()) or any(self._looks.values())
        return all(self._is_resting.values()) and not has_work
