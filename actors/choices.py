"""Choices: what a person decided about a unit, from the order to the settled pair. Pure.

A choice stands on both ends of a link until both hold what was chosen. It is obeyed by the same
decision as everything else, so that a crash, a lost answer or a refusal does not lose it; it
falls as soon as a side holds something that the person had not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from actors.errors import OutsideDomainError, TielineError
from actors.links import Base, Chosen, Conflict, End, Link, Status
from actors.mapping.record import Sync
from actors.mapping.units import Unit
from actors.merge import BOTH, Ask, Copy, Decision, Nothing, Raws, Settle
from actors.orders import Choose
from actors.records import Side

RULES = ("person", "undo")
"""Rules of decisions that a person took."""


class ChoiceRefusedError(TielineError):
    """A choice cannot be carried out; the message says why and what to do."""


# --- taking an order ------------------------------------------------------------------------


def choose(sync: Sync, link: Link, order: Choose, at_us: int) -> Link:
    """Return the link with the choice noted on both ends; it is decided when both are read.

    Raises:
        ChoiceRefusedError: the values moved since the person saw them, they cannot be said
            there, or the pair is not synced.
    """
    unit = sync.by_key.get(order.unit)
    if unit is None:
        raise ChoiceRefusedError(f'field "{order.unit}" is not mapped any more')
    if unit.association is not None:
        raise ChoiceRefusedError(f"{unit.key} is made of links between records: edit it in an app")
    if link.left is None or link.right is None or link.status is Status.EXCLUDED:
        raise ChoiceRefusedError(f"the pair does not sync now: {link.reason or 'it has one end'}")
    now = {side: _now(unit, side, link) for side in BOTH}
    saw = {Side.LEFT: order.left, Side.RIGHT: order.right}
    if any(not unit.same(side, now[side], saw[side]) for side in BOTH):
        raise ChoiceRefusedError("it moved since: look again with `tieline conflicts`")
    wanted = _wanted(sync, unit, order, now)
    for side in BOTH:
        end = link.end(side)
        assert end is not None
        chosen = Chosen(now[side], wanted[side], at_us, order.rule)
        link = link.with_end(
            side, msgspec.structs.replace(end, chosen={**end.chosen, unit.key: chosen})
        )
    return link


def _wanted(sync: Sync, unit: Unit, order: Choose, now: Mapping[Side, Raws]) -> dict[Side, Raws]:
    """Return what each side is to hold; a side that may not be written keeps what it has."""
    source, allowed = order.source, sync.merged(unit)
    said = now[source] if order.value is None else order.value
    wanted = {source: said, source.other: now[source.other]}
    if len(said) != len(unit.members(source)):
        names = ", ".join(member.name for member in unit.members(source))
        raise ChoiceRefusedError(f"it takes {len(unit.members(source))} values, for {names}")
    try:
        unit.parse(source, said)
        if said != now[source] and (allowed is None or not allowed.allows(source)):
            raise ChoiceRefusedError(f"the sync never writes to {sync.app(source)}")
        if allowed is not None and allowed.allows(source.other):
            wanted[source.other] = unit.restore(source.other, said, now[source.other])
    except OutsideDomainError as error:
        raise ChoiceRefusedError(f"{sync.app(source)}: {error}") from error
    for side in BOTH:
        if wanted[side] != now[side] and unit.requires(side) and unit.is_blank(side, wanted[side]):
            raise ChoiceRefusedError(f"{sync.app(side)} refuses an empty {unit.key}")
    return wanted


def _now(unit: Unit, side: Side, link: Link) -> Raws:
    end = link.end(side)
    return unit.raws(side, end.seen.values) if end is not None and end.seen is not None else ()


# --- deciding -------------------------------------------------------------------------------


def is_chosen(link: Link, unit: str) -> bool:
    """Say whether a person's choice for the unit is still to be carried out."""
    return all(end is not None and unit in end.chosen for end in (link.left, link.right))


def asked_at(link: Link, unit: str) -> tuple[int, int] | None:
    """Return when a person chose, as an edit's (earliest, latest) time, or None."""
    end = link.left
    chosen = end.chosen.get(unit) if end is not None else None
    return (chosen.asked_us, chosen.asked_us) if chosen is not None else None


def decide_chosen(unit: Unit, link: Link) -> Copy | Settle | Nothing | None:
    """Decide a unit as a person chose; None without a choice, or when a side moved since."""
    if not is_chosen(link, unit.key):
        return None
    chosen, now = _chosen(link, unit.key), {side: _now(unit, side, link) for side in BOTH}
    if any(not _holds(unit, side, now[side], chosen[side]) for side in BOTH):
        return None
    for side in BOTH:
        one = chosen[side]
        if not unit.same(side, now[side], one.wanted):
            return Copy(rule=one.rule, source=side.other, sent=one.wanted)
    rule = chosen[Side.LEFT].rule
    if all(_is_settled(unit, link.end(side), now[side]) for side in BOTH):
        return Nothing(rule=rule)
    return Settle(rule=rule, sides=BOTH)


def _is_settled(unit: Unit, end: End | None, now: Raws) -> bool:
    return end is not None and end.base.get(unit.key) == Base(unit.version, now)


def _chosen(link: Link, unit: str) -> dict[Side, Chosen]:
    return {side: end.chosen[unit] for side in BOTH if (end := link.end(side)) is not None}


def _holds(unit: Unit, side: Side, now: Raws, chosen: Chosen) -> bool:
    return unit.same(side, now, chosen.seen) or unit.same(side, now, chosen.wanted)


def noted(link: Link, decisions: Mapping[str, Decision]) -> Link:
    """Return the link with what is still chosen, and with the units that wait for a person."""
    standing = {
        key for key, one in decisions.items() if isinstance(one, Copy) and one.rule in RULES
    }
    for side in BOTH:
        end = link.end(side)
        if end is not None and end.chosen.keys() - standing:
            kept = {key: one for key, one in end.chosen.items() if key in standing}
            link = link.with_end(side, msgspec.structs.replace(end, chosen=kept))
    asked = {key for key, one in decisions.items() if isinstance(one, Ask)}
    asked |= standing.intersection(waiting(link))
    return asking(link, asked)


def waiting(link: Link) -> tuple[str, ...]:
    """Return the keys of units that wait for a person, or for that person's answer to arrive."""
    return link.left.asked if link.left is not None else ()


def forgotten(link: Link) -> Link:
    """Return the link without choices and questions: the pair no longer syncs."""
    for side in BOTH:
        end = link.end(side)
        if end is not None and (end.chosen or end.asked):
            link = link.with_end(side, msgspec.structs.replace(end, chosen={}, asked=()))
    return link


def asking(link: Link, units: Iterable[str]) -> Link:
    """Return the link with these units waiting for a person."""
    asked = tuple(sorted(units))
    if link.left is None or link.left.asked == asked:
        return link
    return link.with_end(Side.LEFT, msgspec.structs.replace(link.left, asked=asked))


# --- settling -------------------------------------------------------------------------------


def carried_out(unit: Unit, link: Link, side: Side) -> Link:
    """Return the link once the app on `side` has stored what was chosen.

    What it stored, which may be less than was sent, is what it is to hold from now on; the
    choice is over when the other side says its part as well.
    """
    if not is_chosen(link, unit.key):
        return link
    chosen, stored = _chosen(link, unit.key), _now(unit, side, link)
    other = chosen[side.other]
    is_over = unit.same(side.other, _now(unit, side.other, link), other.wanted)
    one = msgspec.structs.replace(chosen[side], seen=stored, wanted=stored)
    for at, left in ((side, one), (side.other, other)):
        end = link.end(at)
        assert end is not None
        link = link.with_end(at, _with_choice(end, unit.key, None if is_over else left))
    return link


def _with_choice(end: End, unit: str, chosen: Chosen | None) -> End:
    kept = {key: one for key, one in end.chosen.items() if key != unit}
    if chosen is not None:
        kept[unit] = chosen
    return msgspec.structs.replace(end, chosen=kept)


# --- conflicts ------------------------------------------------------------------------------


def answered(order: Choose) -> tuple[Conflict, ...]:
    """Return the conflict as it stands once a person has spoken; it closes when that is done."""
    known = order.conflict
    if known is None:
        return ()
    if order.rule == "undo":
        return (msgspec.structs.replace(known, outcome="reversed"),)
    winner = order.source if order.value is None else None
    return (msgspec.structs.replace(known, rule="person", winner=winner),)


def closed(
    known: Iterable[Conflict], before: Link, after: Link, found: Iterable[Conflict]
) -> list[Conflict]:
    """Return open conflicts of units that waited for a person, with what became of them.

    Args:
        known: conflicts of the link as stored.
        before, after: the link around a step.
        found: conflicts that the step itself recorded: what is asked anew stays open.
    """
    asked_again = {identity(one) for one in found}
    ended = [
        one
        for one in known
        if one.outcome == "open"
        and one.unit in waiting(before)
        and identity(one) not in asked_again
        and not is_chosen(after, one.unit)
    ]
    return [msgspec.structs.replace(one, outcome=_outcome(one, before, after)) for one in ended]


def _outcome(conflict: Conflict, before: Link, after: Link) -> str:
    """An answer was written, or needed no write; any other question fell away."""
    if conflict.rule != "person" or conflict.unit in waiting(after):
        return "superseded"
    chosen = _chosen(before, conflict.unit) if is_chosen(before, conflict.unit) else {}
    return "copied" if any(one.seen != one.wanted for one in chosen.values()) else "settled"


def identity(conflict: Conflict) -> tuple[object, ...]:
    """Return what makes two rows the same conflict."""
    times = (conflict.left_us, conflict.right_us)
    return (conflict.sync, conflict.link, conflict.unit, conflict.left, conflict.right, *times)
