"""Mappings of other shapes than one field to one: joined fields, templates, constants, defaults."""

from __future__ import annotations

from actors.errors import MappingError, OutsideDomainError
from actors.mapping.relate import Related, Surroundings, member_of, option_of, person_of, slot_of
from actors.mapping.relations import Relation
from actors.mapping.templates import read_template
from actors.mapping.texts import TEXTS, made_text, text_form
from actors.mapping.transforms import Fixed, Free, Joined, Template
from actors.records import Side
from actors.schema import Field
from actors.spec import FieldSpec, TooLong
from actors.values import Kind, Raw, Scalar, dump, parse

Several = dict[Side, tuple[Field, ...]]


def names_of(mapping: FieldSpec, side: Side) -> tuple[str, ...]:
    """Return the native fields that a mapping uses on a side.

    Raises:
        MappingError: the template is not well formed.
    """
    if mapping.join is not None and mapping.join.side is side:
        return mapping.join.fields
    name = mapping.name(side)
    if mapping.template is not None and not name:
        return read_template(mapping.template)[1]
    return (name,) if name else ()


def key_of(mapping: FieldSpec) -> str:
    """Name the mapping in the store and to people."""
    left, right = ("+".join(names_of(mapping, side)) for side in Side)
    return f"{left}={right}"


def compose(around: Surroundings, mapping: FieldSpec, fields: Several) -> Related:
    """Return the relation, members and fallbacks of a mapping that is not one field to one.

    Raises:
        MappingError: these fields cannot be mapped so; the message says why.
    """
    for key in ("kind", "form", "scale", "values"):
        if getattr(mapping, key):
            raise MappingError(f"{key}: means nothing here: remove it", at=(key,))
    members = {side: tuple(map(member_of, some)) for side, some in fields.items()}
    return _relation(around, mapping, fields), members, {}


def _relation(around: Surroundings, mapping: FieldSpec, fields: Several) -> Relation:
    if mapping.join is not None:
        return _joined(around, mapping, fields)
    target = Side.LEFT if mapping.left else Side.RIGHT
    (field,) = fields[target]
    on_right = target is Side.RIGHT
    if mapping.template is not None:
        return _template(around, mapping, target, fields)
    if mapping.constant is None:
        return Free(on_right=on_right)
    value = value_of(around, target, field, mapping.constant, at=("constant",))
    return Fixed(value=value, on_right=on_right)


def _joined(around: Surroundings, mapping: FieldSpec, fields: Several) -> Joined:
    join = mapping.join
    assert join is not None, "only joined fields come here"
    for side, some in fields.items():
        for field in some:
            if field.kind is not Kind.TEXT:
                app = around.spec.app(side)
                kind = field.kind.value
                raise MappingError(f'{app}: "{field.name}" is a {kind} field; only texts join')
    (whole,) = fields[join.side.other]
    if "\n" in join.by and not whole.multiline:
        app = around.spec.app(join.side.other)
        raise MappingError(f'{app}: "{whole.name}" takes a single line', at=("join", "by"))
    return Joined(
        parts=tuple(text_form(field) for field in fields[join.side]),
        whole=text_form(whole),
        by=join.by,
        whole_on_right=join.side is Side.LEFT,
        too_long=mapping.too_long,
    )


def _template(around: Surroundings, mapping: FieldSpec, target: Side, fields: Several) -> Template:
    (field,) = fields[target]
    app, source = around.spec.app(target), target.other
    if field.kind not in TEXTS:
        raise MappingError(f'{app}: "{field.name}" is a {field.kind.value} field, not a text')
    return Template(
        segments=read_template(mapping.template or "")[0],
        slots=tuple(slot_of(around, source, one) for one in fields[source]),
        text=made_text(field, mapping.too_long),
        on_right=target is Side.RIGHT,
        zone=around.zone,
    )


def defaults_of(
    around: Surroundings, mapping: FieldSpec, fields: Several
) -> dict[str, tuple[Raw, ...]]:
    """Return what new records get, by side.

    Raises:
        MappingError: a field cannot hold its default.
    """
    found: dict[str, tuple[Raw, ...]] = {}
    for side, text in mapping.defaults.items():
        at = ("defaults", side.value)
        if len(fields[side]) != 1:
            raise MappingError("several fields cannot share a default: map them one by one", at=at)
        (field,) = fields[side]
        found[side.value] = (dump(field.kind, value_of(around, side, field, text, at=at)),)
    return found


def value_of(
    around: Surroundings, side: Side, field: Field, text: str, at: tuple[str | int, ...]
) -> Scalar:
    """Return what a text of the configuration means as a value of a field.

    Raises:
        MappingError: the field cannot hold it.
    """
    app = around.spec.app(side)
    try:
        match field.kind:
            case Kind.ENUM:
                return option_of(around, side, field, text, at)
            case Kind.MULTI_ENUM:
                names = [name.strip() for name in text.split(";") if name.strip()]
                return frozenset(option_of(around, side, field, name, at) for name in names)
            case Kind.REFERENCE if field.target == "users":
                return person_of(around, side, text, at)
            case kind if kind in TEXTS:
                wanted = parse(kind, text)
                return text_form(field).shape(str(wanted), TooLong.REFUSE)
            case kind:
                return parse(kind, text)
    except OutsideDomainError as error:
        raise MappingError(f'{app}: "{field.name}" cannot hold that: {error}', at=at) from None
