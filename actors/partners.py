"""What the records that associations name are linked to, as the store has it in one step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from actors.associations import Absence, PartnerKey, Partners, dropped_ids, terms_of
from actors.links import End, Link, Status
from actors.mapping.linked import ids_of
from actors.mapping.record import Sync
from actors.mapping.units import Unit
from actors.ports import Connector, Store
from actors.records import Side
from actors.values import Raw

_COMING = frozenset({Status.PENDING, Status.FAILING, Status.IN_SYNC})


class PartnerBook:
    """Looks up counterparts, each once: in one query per object and side for a whole page."""

    def __init__(self, sync: Sync, store: Store, connectors: Mapping[Side, Connector]) -> None:
        self._sync = sync
        self._store = store
        self._apps = connectors
        self._ids: dict[PartnerKey, str] = {}
        self._absent: dict[PartnerKey, Absence] = {}
        self._asked: set[PartnerKey] = set()
        self._proven: set[PartnerKey] = set()

    @property
    def partners(self) -> Partners:
        """All that has been looked up."""
        return Partners(ids=self._ids, absent=self._absent)

    async def read(self, side: Side, values: Iterable[Mapping[str, Raw]]) -> None:
        """Look up what records as just read name."""
        if not self._sync.associations:
            return
        await self._look_up(
            (terms_of(unit).object, side, one)
            for held in values
            for unit in self._sync.associations
            for one in ids_of(unit.raws(side, held))
        )

    async def learn(self, links: Iterable[Link]) -> None:
        """Look up what the ends of links name, and what they named when last settled."""
        if not self._sync.associations:
            return
        await self._look_up(
            (terms_of(unit).object, side, one)
            for link in links
            for side in Side
            if (end := link.end(side)) is not None
            for unit in self._sync.associations
            for one in self._named(unit.key, side, end)
        )

    def _named(self, key: str, side: Side, end: End) -> list[str]:
        unit, base = self._sync.by_key[key], end.base.get(key)
        now = unit.raws(side, end.seen.values) if end.seen is not None else ()
        return [*ids_of(now), *ids_of(base.raws if base is not None else ())]

    async def _look_up(self, keys: Iterable[PartnerKey]) -> None:
        wanted: dict[tuple[str, Side], list[str]] = {}
        for key in keys:
            if key not in self._asked:
                self._asked.add(key)
                wanted.setdefault(key[:2], []).append(key[2])
        for (name, side), ids in wanted.items():
            peer = f"{self._sync.spec.connection}/{name}"
            links = await self._store.load_links(peer, side, ids)
            for one in ids:
                self._note((name, side, one), links.get(one))

    def _note(self, key: PartnerKey, link: Link | None) -> None:
        other = link.end(key[1].other) if link is not None else None
        if link is not None and other is not None and is_counted(link):
            self._ids[key] = other.id
        elif link is not None:
            reason = f"{link.status.value}, {link.reason}" if link.reason else link.status.value
            self._absent[key] = Absence(reason, comes=link.status in _COMING)

    async def prove(self, link: Link) -> None:
        """Find out whether members that one side no longer shows are there at all.

        A record that was archived leaves all sets without anybody having removed it from them:
        such a member counts for nothing.

        Raises:
            TransientError: the app cannot be asked now.
        """
        for unit in self._sync.associations:
            for side in Side:
                if doubtful := self._doubtful(unit, link, side):
                    await self._prove(terms_of(unit).object, side, doubtful)

    def _doubtful(self, unit: Unit, link: Link, side: Side) -> list[str]:
        """Return the members that a side dropped while the other still has their counterparts."""
        end, other = link.end(side), link.end(side.other)
        base = end.base.get(unit.key) if end is not None else None
        if end is None or end.seen is None or base is None or other is None or other.seen is None:
            return []
        name, held = terms_of(unit).object, ids_of(unit.raws(side.other, other.seen.values))
        return [
            one
            for one in dropped_ids(unit.raws(side, end.seen.values), base.raws)
            if self._ids.get((name, side, one)) in held and (name, side, one) not in self._proven
        ]

    async def _prove(self, name: str, side: Side, ids: list[str]) -> None:
        fetched = await self._apps[side].fetch(name, ids, ())
        for gone in fetched.gone:
            key = (name, side, gone.id)
            other = self._ids.pop(key, None)
            self._absent[key] = Absence(f"{gone.how.value} in {self._sync.app(side)}", comes=False)
            if other is not None:
                self._ids.pop((name, side.other, other), None)
        self._proven.update((name, side, one.id) for one in fetched.records)


def is_counted(link: Link) -> bool:
    """Say whether a link pairs two records that both take part in their sync."""
    ends = (link.left, link.right)
    return all(end is not None and end.gone is None and not end.outside for end in ends)
