"""The ledger of one step: links as they will be, and all that is committed as one transaction."""

from __future__ import annotations

from collections.abc import Iterable

from actors.intents import Intent
from actors.links import Change, Commit, Conflict, Link, Settled
from actors.records import Side


class Ledger:
    """Collects the effects of a page or of a writer's answer, latest state per link."""

    def __init__(self, sync: str, known: Iterable[Link] = ()) -> None:
        self._sync = sync
        self._links: dict[int, Link] = {}
        self._by_record: dict[tuple[Side, str], int] = {}
        self._put: set[int] = set()
        self._dropped: set[int] = set()
        self.intents: list[Intent] = []
        self.settled: list[Settled] = []
        self.conflicts: list[Conflict] = []
        self.history: list[Change] = []
        self.cursors: dict[str, str] = {}
        for link in known:
            self._index(link)

    def _index(self, link: Link) -> None:
        self._links[link.id] = link
        for side in Side:
            end = link.end(side)
            if end is not None:
                self._by_record[side, end.id] = link.id

    def link(self, link_id: int) -> Link | None:
        """Return a link of this step by its id."""
        return self._links.get(link_id)

    def of(self, side: Side, record_id: str) -> Link | None:
        """Return the link of a record, as it stands in this step."""
        return self._links.get(self._by_record.get((side, record_id), 0))

    def put(self, link: Link) -> None:
        """Store a link's new state."""
        before = self._links.get(link.id)
        if before is not None:
            self._forget_ends(before)
        self._index(link)
        self._put.add(link.id)

    def drop(self, link: Link) -> None:
        """Remove a row that is merged into another."""
        self._forget_ends(link)
        self._links.pop(link.id, None)
        self._put.discard(link.id)
        self._dropped.add(link.id)

    def _forget_ends(self, link: Link) -> None:
        for side in Side:
            end = link.end(side)
            if end is not None and self._by_record.get((side, end.id)) == link.id:
                del self._by_record[side, end.id]

    @property
    def links(self) -> tuple[Link, ...]:
        """The links to be stored, in id order, as the store likes them."""
        return tuple(self._links[key] for key in sorted(self._put))

    @property
    def is_empty(self) -> bool:
        """Nothing but cursors would be written."""
        effects = (self.intents, self.settled, self.conflicts, self.history)
        return not (self._put or self._dropped or any(effects))

    def work(self) -> Commit:
        """Return the transaction."""
        return Commit(
            sync=self._sync,
            links=self.links,
            dropped=tuple(sorted(self._dropped)),
            intents=tuple(self.intents),
            settled=tuple(self.settled),
            conflicts=tuple(self.conflicts),
            history=tuple(self.history),
            cursors=self.cursors,
        )
