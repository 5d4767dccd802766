"""Questions: conflicts and other fields that wait for a person, closed once they no longer do."""

from __future__ import annotations

from actors import choices
from actors.ledger import Ledger
from actors.links import Change, Link, Status
from actors.ports import Store
from actors.records import Side


async def close_questions(store: Store, sync: str, ledger: Ledger) -> None:
    """Add to a step the outcome of conflicts that no longer wait for a person."""
    for link in ledger.links:
        before = ledger.before(link.id)
        if before is None or not choices.waiting(before):
            continue
        if link.status is Status.EXCLUDED:
            link = choices.forgotten(link)
            ledger.put(link)
        found = [one for one in ledger.conflicts if one.link == link.id]
        known = await store.load_conflicts(sync, link.id)
        ledger.conflicts += choices.closed(known, before, link, found)


def merge_line(link: Link, side: Side, old: str, survivor: str, at_us: int) -> Change:
    """Return the line of history by which the id of a merged record is still found."""
    return Change(
        sync=link.sync,
        link=link.id,
        side=side,
        record_id=old,
        unit="*",
        rule="merged",
        before=(old,),
        after=(survivor,),
        at_us=at_us,
    )
