"""Which links between records will be made in the other app, and with which object there (F17)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from daemon.cli.render import Block, Heading, Line, Table

if TYPE_CHECKING:
    from actors.mapping.record import Sync
    from actors.mapping.units import Unit
    from actors.schema import AppSchema


class AssociationCheck(Struct, frozen=True, kw_only=True):
    """Links from the records of a sync to those of another object.

    Attributes:
        object: the other object; `linked_by` is the sync that says which records are the same.
        fields: of both apps, which hold the links; empty if the links do not sync.
        direction: where they are made.
        removals: `propagate` or `keep`.
        notes: what one should know, a sentence each; why not, if they do not sync.
    """

    sync: str
    object: str
    linked_by: str
    between: tuple[str, str]
    fields: tuple[str, ...] = ()
    direction: str = ""
    removals: str = ""
    notes: tuple[str, ...] = ()


def explain_associations(sync: Sync, left: AppSchema, right: AppSchema) -> list[AssociationCheck]:
    """Say of each other object of the connection how links to it are synced, or why not."""
    from actors.mapping.associate import left_out
    from actors.mapping.relate import Surroundings
    from actors.records import Side

    objects = {Side.LEFT: sync.left, Side.RIGHT: sync.right}
    around = Surroundings(spec=sync.spec, left=left, right=right, objects=objects)
    found = [_synced(sync, unit) for unit in sync.associations]
    found += [
        AssociationCheck(
            sync=sync.name,
            object=one.object,
            linked_by=f"{sync.spec.connection}/{one.object}",
            between=(sync.spec.left, sync.spec.right),
            notes=(one.reason,),
        )
        for one in left_out(around, sync.units)
    ]
    return found


def _synced(sync: Sync, unit: Unit) -> AssociationCheck:
    from actors.associations import terms_of
    from actors.records import Side

    spec, terms = sync.spec, terms_of(unit)
    targets = [sync.app(side) for side in Side if unit.direction.allows(side)]
    return AssociationCheck(
        sync=sync.name,
        object=terms.object,
        linked_by=f"{spec.connection}/{terms.object}",
        between=(spec.left, spec.right),
        fields=(unit.left[0].name, unit.right[0].name),
        direction="both" if len(targets) > 1 else f"to-{targets[0]}",
        removals="propagate" if terms.removals else "keep",
        notes=tuple(_notes(sync, unit)),
    )


def _notes(sync: Sync, unit: Unit) -> Iterator[str]:
    from actors.mapping.linked import is_single
    from actors.records import Side

    for side in Side:
        if is_single(unit, side) and not is_single(unit, side.other):
            yield f"{sync.app(side)} holds one only: the foremost of {sync.app(side.other)}'s"


def view_associations(found: Iterable[AssociationCheck]) -> Iterator[Block]:
    """Show them for people."""
    yield Heading("Associations")
    rows = tuple(_row(one) for one in found)
    if rows:
        yield Table(("from", "links to", "how", "direction", "removals", "notes"), rows)
    else:
        yield Line("none: each connection syncs one object only")


def _row(one: AssociationCheck) -> tuple[str, ...]:
    how = "not synced"
    if one.fields:
        how = f"{one.between[0]} {one.fields[0]} = {one.between[1]} {one.fields[1]}"
    there = f"{one.object} (as {one.linked_by} links them)" if one.fields else one.object
    return (one.sync, there, how, one.direction, one.removals, "; ".join(one.notes))
