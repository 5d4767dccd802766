"""Merges inside one app: who takes over the link, and what becomes of the others (H15). Pure.

The survivor may be one of the merged records or, as in HubSpot, a third one. It goes on with the
counterpart of the record whose values it shows; the other counterparts are left over, and what
becomes of them is for a person to say.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from actors.links import Link, Status
from actors.mapping.record import Sync
from actors.records import Departure, Side, Snapshot


def primary(links: Sequence[Link], side: Side, survivor: Snapshot) -> Link:
    """Return the link whose record on `side` gave the survivor its values; of equals the oldest."""

    def likeness(link: Link) -> tuple[int, int]:
        end = link.end(side)
        known = end.seen.values if end is not None and end.seen is not None else {}
        alike = sum(bool(raw) and survivor.values.get(name) == raw for name, raw in known.items())
        return alike, -link.id

    return max(links, key=likeness)


def twin(sync: Sync, link: Link, side: Side, survivor: str, kept: Link) -> Link:
    """Return the link of a merged record whose survivor has another counterpart.

    It is held, unless nothing is left over.
    """
    end, stays, left = link.end(side), kept.end(side.other), link.end(side.other)
    assert end is not None, f"link {link.id} has no {side.value} end"
    link = link.with_end(side, msgspec.structs.replace(end, gone=Departure.MERGED))
    if left is None:
        reason = f"merged into {survivor}, never linked"
        return msgspec.structs.replace(link, status=Status.EXCLUDED, reason=reason, due_us=None)
    if left.gone is not None:
        reason = "gone in both apps"
        return msgspec.structs.replace(link, status=Status.EXCLUDED, reason=reason, due_us=None)
    app, other = sync.app(side), sync.app(side.other)
    reason = (
        f"merged in {app} into {survivor}, which stays linked with {other} "
        f"{stays.id if stays is not None else '?'}; {other} {left.id} is left over: "
        "merge or delete it there"
    )
    return msgspec.structs.replace(link, status=Status.HELD, reason=reason, due_us=None)
