"""Telling: what decisions on a pair put on record, as conflicts and as lost values. Pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping

from actors.links import Change, Conflict, Link
from actors.mapping.record import Sync
from actors.mapping.units import Unit
from actors.merge import BOTH, Ask, Copy, Decision, Observed
from actors.records import Side


def conflicts_of(
    sync: Sync,
    link: Link,
    decisions: Mapping[str, Decision],
    observe: Callable[[Unit, Side], Observed],
    now_us: int,
) -> list[Conflict]:
    """Return the conflicts, and other questions to a person, that decisions on a pair record."""
    found = []
    for key, decision in decisions.items():
        if isinstance(decision, Ask) or (isinstance(decision, Copy) and decision.clash):
            unit = sync.by_key[key]
            left, right = (observe(unit, side) for side in BOTH)
            found.append(
                Conflict(
                    sync=sync.name,
                    link=link.id,
                    unit=unit.key,
                    left=left.now,
                    right=right.now,
                    left_us=left.edited[1],
                    right_us=right.edited[1],
                    rule=decision.rule,
                    winner=decision.source if isinstance(decision, Copy) else None,
                    uncertain=decision.uncertain,
                    at_us=now_us,
                )
            )
    return found


def losses_of(
    sync: Sync, link: Link, decisions: Mapping[str, Decision], written: Container[Side], now_us: int
) -> list[Change]:
    """Return history of the values that are about to be overwritten by a blind edit's winner.

    Args:
        written: sides that are written at all.
    """
    return [
        Change(
            sync=sync.name,
            link=link.id,
            side=decision.source.other,
            record_id=end.id,
            unit=key,
            rule=decision.rule,
            before=decision.lost,
            after=decision.sent,
            at_us=now_us,
            lost=True,
        )
        for key, decision in decisions.items()
        if isinstance(decision, Copy)
        and decision.lost is not None
        and decision.source.other in written
        and (end := link.end(decision.source.other)) is not None
    ]
