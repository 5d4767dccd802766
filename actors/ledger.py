"""The ledger of one step: links as they will be, and all that is committed as one transaction."""

from __future__ import annotations

from collections.abc import Iterable

from actors.intents import Intent
from actors.links import Change, Commit, Conflict, Link, OrderDone, Settled
from actors.records import Side


class Ledger:
    """Collects the effects of a page or of a writer's answer, latest state per link."""

    def __init__(self, sync: str, known: Iterable[Link] = ()) -> None:
        self._sync = sync
        self._links: dict[int, Link] = {}
        self._by_record: dict[tuple[Side, str], int] = {}
        self._by_key: dict[tuple[Side, str], set[int]] = {}
        self._before: dict[int, Link] = {}
        self._put: set[int] = set()
        self._dropped: set[int] = set()
        self.intents: list[Intent] = []
        self.settled: list[Settled] = []
        self.conflicts: list[Conflict] = []
        self.history: list[Change] = []
        self.cursors: dict[str, str] = {}
        self.orders_done: list[OrderDone] = []
        self.know(known)

    def know(self, links: Iterable[Link]) -> None:
        """Take in stored links; those that are here already stand as they are here."""
        for link in links:
            if link.id not in self._links and link.id not in self._dropped:
                self._before[link.id] = link
                self._index(link)

    def _index(self, link: Link) -> None:
        self._links[link.id] = link
        for side in Side:
            end = link.end(side)
            if end is not None:
                self._by_record[side, end.id] = link.id
                for key in end.keys:
                    self._by_key.setdefault((side, key), set()).add(link.id)

    def link(self, link_id: int) -> Link | None:
        """Return a link of this step by its id."""
        return self._links.get(link_id)

    def before(self, link_id: int) -> Link | None:
        """Return a link as it was when the step began."""
        return self._before.get(link_id)

    def of(self, side: Side, record_id: str) -> Link | None:
        """Return the link of a record, as it stands in this step."""
        return self._links.get(self._by_record.get((side, record_id), 0))

    def with_key(self, side: Side, key: str) -> list[Link]:
        """Return the links of this step whose end on that side has a match key, oldest first."""
        return [self._links[one] for one in sorted(self._by_key.get((side, key), ()))]

    def is_put(self, link_id: int) -> bool:
        """Say whether this step stores a new state of the link."""
        return link_id in self._put

    def moved_keys(self) -> set[str]:
        """Return the match keys that another record, or one record more or less, now has."""
        moved: set[str] = set()
        for link_id in self._put | self._dropped:
            before, after = self._before.get(link_id), self._links.get(link_id)
            for side in Side:
                moved |= _keys(before, side) ^ _keys(after, side)
        return moved

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
            for key in end.keys if end is not None else ():
                self._by_key.get((side, key), set()).discard(link.id)

    @property
    def links(self) -> tuple[Link, ...]:
        """The links to be stored, in id order, as the store likes them."""
        return tuple(self._links[key] for key in sorted(self._put))

    @property
    def is_empty(self) -> bool:
        """Nothing but cursors would be written."""
        effects = (
            self.intents,
            self.settled,
            self.conflicts,
            self.history,
            self.orders_done,
        )
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
            orders_done=tuple(self.orders_done),
        )


def _keys(link: Link | None, side: Side) -> set[str]:
    end = link.end(side) if link is not None else None
    return set(end.keys) if end is not None and end.gone is None else set()
