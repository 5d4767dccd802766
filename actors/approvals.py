"""Approvals: what a person's word is awaited for, and what it makes of a link. Pure."""

from __future__ import annotations

from actors import departures
from actors.limits import grant, held_of, kind_of
from actors.links import Link, Status

DELETES = "deletes"


def awaited(link: Link) -> dict[str, int]:
    """Return what a held link waits for that can be approved, by kind; empty if it is not that.

    Besides what limits hold these are deletes that are to be followed only when approved.
    """
    if link.status is not Status.HELD:
        return {}
    if held := held_of(link):
        return held
    gone = departures.departed(link) if departures.approve(link) is not None else ()
    return {kind_of(side.other, DELETES): 1 for side in gone}


def approved(link: Link) -> Link | None:
    """Return the link with a person's word, to be decided again; None if it waits for none."""
    if link.status is not Status.HELD:
        return None
    return grant(link) if held_of(link) else departures.approve(link)
