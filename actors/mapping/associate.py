"""Resolve the associations of a sync: which field of each app holds links to which records."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator

import msgspec
from msgspec import Struct

from actors.errors import MappingError
from actors.mapping.directions import narrowed
from actors.mapping.linked import Linked
from actors.mapping.relate import Surroundings
from actors.mapping.units import Association, Member, Unit
from actors.records import Side
from actors.schema import Field, ObjectSchema
from actors.spec import AssociationSpec
from actors.values import Kind

Report = Callable[[tuple[str | int, ...], str], None]

REFERENCES = frozenset({Kind.REFERENCE, Kind.MULTI_REFERENCE})


def association_units(around: Surroundings, report: Report) -> list[Unit]:
    """Return a unit for each association that is asked for, or that both apps can hold."""
    asked = around.spec.associations
    if asked is None:
        found = [_by_object(around, AssociationSpec(object=one)) for one in around.spec.peers]
        return [unit for unit in found if isinstance(unit, Unit)]
    units: list[Unit] = []
    for index, wanted in enumerate(asked):
        try:
            unit = _asked(around, wanted)
        except MappingError as error:
            report(("associations", index), str(error))
            continue
        if any(unit.key == one.key for one in units):
            report(("associations", index), f"{unit.key} is there twice; remove one")
        units.append(unit)
    return units


def _asked(around: Surroundings, wanted: AssociationSpec) -> Unit:
    if wanted.object is None:
        return _by_names(around, wanted)
    found = _by_object(around, wanted)
    if not isinstance(found, Unit):
        raise MappingError(found.reason)
    return found


class Missing(Struct, frozen=True):
    """An association that cannot be synced, and why."""

    object: str
    reason: str


def left_out(around: Surroundings, units: Iterable[Unit]) -> Iterator[Missing]:
    """Say of each other object that syncs why no links to it do, where none do (F17)."""
    there = {unit.association.object for unit in units if unit.association is not None}
    for peer in around.spec.peers:
        if peer not in there:
            found = _by_object(around, AssociationSpec(object=peer))
            if isinstance(found, Unit):
                found = Missing(peer, "not asked for under associations:")
            yield found


def fields_to(schema: ObjectSchema, target: str) -> list[Field]:
    """Return the fields that refer to records of an object, those that hold several first."""
    found = [one for one in schema.fields if one.kind in REFERENCES and one.target == target]
    return sorted(found, key=lambda one: one.kind is Kind.REFERENCE)


def _by_object(around: Surroundings, wanted: AssociationSpec) -> Unit | Missing:
    target = wanted.object or ""
    if target not in around.spec.peers:
        reason = f"{target} do not sync in this connection: add `{target}:` to it, or remove this"
        return Missing(target, reason)
    fields: dict[Side, Field] = {}
    for side, schema in around.objects.items():
        found = fields_to(schema, target)
        if not found:
            app = around.spec.app(side)
            return Missing(target, f"{app} has no field on {schema.native} for {target}")
        fields[side] = found[0]
    try:
        return _unit(around, wanted, fields, target)
    except MappingError as error:
        return Missing(target, str(error))


def _by_names(around: Surroundings, wanted: AssociationSpec) -> Unit:
    fields: dict[Side, Field] = {}
    for side, name in ((Side.LEFT, wanted.left), (Side.RIGHT, wanted.right)):
        schema, app = around.objects[side], around.spec.app(side)
        field = schema.field(name or "")
        if field is None:
            raise MappingError(f'{app} has no field "{name}" on {schema.native}')
        if field.kind not in REFERENCES or field.target == "users":
            raise MappingError(f'{app}: "{name}" does not refer to records: map it under fields:')
        fields[side] = field
    left, right = (fields[side].target for side in Side)
    if left != right or left is None:
        raise MappingError(f"one field refers to {left}, the other to {right}")
    if left not in around.spec.peers:
        raise MappingError(f"{left} do not sync in this connection: add `{left}:` to it")
    return _unit(around, wanted, fields, left)


def _unit(
    around: Surroundings, wanted: AssociationSpec, fields: dict[Side, Field], target: str
) -> Unit:
    direction = narrowed(around.spec, wanted.direction, fields.items())
    left, right = (_member(fields[side]) for side in Side)
    association = Association(object=target, removals=wanted.removals)
    meaning = (left, right, direction, association)
    return Unit(
        key=f"{left.name}={right.name}",
        version=zlib.crc32(msgspec.json.encode(meaning, order="deterministic")),
        left=(left,),
        right=(right,),
        relation=Linked(),
        direction=direction,
        rules=around.spec.rules,
        association=association,
    )


def _member(field: Field) -> Member:
    return Member(name=field.name, kind=field.kind, required=field.required)
