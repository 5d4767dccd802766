"""Choose the relation for a field mapping from the kinds of its two fields."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct

from actors.errors import MappingError, OutsideDomainError
from actors.mapping.relations import (
    CurrencyForm,
    DateInZone,
    Moment,
    Money,
    Number,
    Pairs,
    PairSets,
    People,
    Relation,
    Same,
    Values,
)
from actors.mapping.texts import TEXTS, made_text, relate_texts
from actors.mapping.transforms import Scaled, Segment, Slot, Template
from actors.mapping.units import Member
from actors.records import Side
from actors.schema import AppSchema, Field, ObjectSchema, Option, User
from actors.spec import FieldSpec, SyncSpec
from actors.values import Kind, Raw, Scalar, parse

_DAYS = frozenset({Kind.DATE, Kind.DATETIME})
_LISTED = frozenset({Kind.ENUM, Kind.TEXT, Kind.BOOLEAN})
"""Kinds that `values:` can map to each other, one value to one."""

Fields = dict[Side, Field]
Related = tuple[Relation, dict[Side, tuple[Member, ...]], dict[str, tuple[Raw, ...]]]


class Surroundings(Struct, frozen=True, kw_only=True):
    """What a field mapping may need to know besides its two fields."""

    spec: SyncSpec
    left: AppSchema
    right: AppSchema
    objects: dict[Side, ObjectSchema]

    def app(self, side: Side) -> AppSchema:
        """Return the app on that side."""
        return self.left if side is Side.LEFT else self.right

    @property
    def zone(self) -> str:
        """The zone in which moments become days and texts."""
        return self.spec.timezone or self.left.timezone


def relate(around: Surroundings, mapping: FieldSpec, fields: Fields) -> Related:
    """Return the relation, the members of each side, and fallbacks by side.

    Raises:
        MappingError: the kinds cannot be mapped; the message says why.
    """
    fields = {side: _as_told(around, mapping, side, field) for side, field in fields.items()}
    members: dict[Side, tuple[Member, ...]] = {s: (member_of(f),) for s, f in fields.items()}
    kinds = (fields[Side.LEFT].kind, fields[Side.RIGHT].kind)
    _check_references(around, fields)
    _check_keys(mapping, kinds)
    if _is_money(around, fields):
        return _money(around, mapping, fields)
    if set(kinds) == {Kind.REFERENCE}:
        return _people(around), members, _fallbacks(around)
    relation = _relation(around, mapping, fields, kinds)
    if relation is None:
        raise MappingError(
            f"{around.spec.left} has {_named(kinds[0])} field and {around.spec.right} "
            f"{_named(kinds[1])} field: these cannot be mapped; {_why_not(kinds)}"
        )
    return relation, members, {}


def _named(kind: Kind) -> str:
    return f"an {kind.value}" if kind.value[0] in "aeio" else f"a {kind.value}"


def _why_not(kinds: tuple[Kind, Kind]) -> str:
    if Kind.MULTI_ENUM in kinds:
        return "a set of choices does not fit into one value"
    if Kind.REFERENCE in kinds:
        return "people are only mapped to people, or one way to a text"
    return "neither can say what the other says; any value fits into a text, one way"


def member_of(field: Field) -> Member:
    """Return what a unit keeps of a field."""
    return Member(name=field.name, kind=field.kind, required=field.required)


def _as_told(around: Surroundings, mapping: FieldSpec, side: Side, field: Field) -> Field:
    """Return the field as the kind that the configuration says it holds."""
    if mapping.kind is None:
        return field
    if field.kind not in TEXTS:
        raise MappingError(
            f'{around.spec.app(side)}: "{field.name}" is a {field.kind.value} field; '
            "only a text can be said to be of another kind: remove it",
            at=("kind",),
        )
    return msgspec.structs.replace(field, kind=mapping.kind)


def _check_references(around: Surroundings, fields: Fields) -> None:
    for side, field in fields.items():
        if field.kind is Kind.MULTI_REFERENCE or (
            field.kind is Kind.REFERENCE and field.target != "users"
        ):
            raise MappingError(
                f'{around.spec.app(side)}: "{field.name}" refers to {field.target}, not to '
                "people: links between records are synced as associations"
            )


def _check_keys(mapping: FieldSpec, kinds: tuple[Kind, Kind]) -> None:
    """Refuse keys that mean nothing for these kinds, instead of ignoring them."""
    named = f"{_named(kinds[0])} and {_named(kinds[1])} field"
    if mapping.form and not TEXTS.issuperset(kinds):
        raise MappingError(f"forms are for texts, not for {named}: remove it", at=("form",))
    if mapping.scale is not None and set(kinds) != {Kind.NUMBER}:
        raise MappingError(f"a scale is for numbers, not for {named}: remove it", at=("scale",))
    if mapping.values and not (_LISTED.issuperset(kinds) or set(kinds) == {Kind.MULTI_ENUM}):
        raise MappingError(f"values cannot map {named}: remove them", at=("values",))


def _relation(
    around: Surroundings, mapping: FieldSpec, fields: Fields, kinds: tuple[Kind, Kind]
) -> Relation | None:
    if mapping.values and Kind.MULTI_ENUM not in kinds:
        return _listed(around, mapping, fields)
    if TEXTS.issuperset(kinds):
        return relate_texts(mapping, fields, around.spec.phones)
    if Kind.TEXT in kinds:
        return _as_text(around, mapping, fields)
    if set(kinds) == _DAYS:
        return DateInZone(zone=around.zone, day_on_right=kinds[1] is Kind.DATE)
    if kinds[0] is not kinds[1]:
        return None
    makers: dict[Kind, Callable[[], Relation]] = {
        Kind.NUMBER: lambda: _number(mapping, fields),
        Kind.BOOLEAN: Same,
        Kind.DATE: Same,
        Kind.DATETIME: Moment,
        Kind.ENUM: lambda: Pairs(pairs=_alone(_alike_options(fields))),
        Kind.MULTI_ENUM: lambda: PairSets(pairs=_sets(around, mapping, fields)),
    }
    return makers[kinds[0]]()


def _number(mapping: FieldSpec, fields: Fields) -> Number:
    left, right = fields[Side.LEFT].digits, fields[Side.RIGHT].digits
    if mapping.scale is not None:
        return Scaled(left_digits=left, right_digits=right, scale=mapping.scale)
    return Number(left_digits=left, right_digits=right)


def _as_text(around: Surroundings, mapping: FieldSpec, fields: Fields) -> Template:
    """Write any value into a text, as people read it."""
    on_right = fields[Side.RIGHT].kind is Kind.TEXT
    source, target = (Side.LEFT, Side.RIGHT) if on_right else (Side.RIGHT, Side.LEFT)
    kind = _named(fields[source].kind)
    return Template(
        segments=(Segment(parts=(0,)),),
        slots=(slot_of(around, source, fields[source]),),
        text=made_text(fields[target], mapping.too_long),
        on_right=on_right,
        zone=around.zone,
        because=f"{kind} can be written as a text, but a text cannot be read as {kind}",
    )


def slot_of(around: Surroundings, side: Side, field: Field) -> Slot:
    """Return how a field's values are written into a text."""
    labels = {option.id: option.label for option in field.options}
    if field.kind is Kind.REFERENCE:
        labels = {user.id: user.name for user in around.app(side).users}
    return Slot(kind=field.kind, labels=labels)


# --- money ----------------------------------------------------------------------------------


def _is_money(around: Surroundings, fields: Fields) -> bool:
    return all(
        schema.amount_field == fields[side].name and schema.currency_field is not None
        for side, schema in around.objects.items()
    )


def _money(around: Surroundings, mapping: FieldSpec, fields: Fields) -> Related:
    forms: dict[Side, CurrencyForm] = {}
    members: dict[Side, tuple[Member, ...]] = {}
    for side, schema in around.objects.items():
        currency = schema.field(schema.currency_field or "")
        if currency is None:
            app = around.spec.app(side)
            raise MappingError(f'{app} does not show the currency field "{schema.currency_field}"')
        known = frozenset(option.id for option in currency.options if not option.archived)
        forms[side] = CurrencyForm(default=around.app(side).currency, known=known)
        members[side] = (member_of(fields[side]), member_of(currency))
    money = Money(amount=_number(mapping, fields), left=forms[Side.LEFT], right=forms[Side.RIGHT])
    return money, members, {}


# --- options --------------------------------------------------------------------------------


def _listed(around: Surroundings, mapping: FieldSpec, fields: Fields) -> Pairs:
    """Pair the values that are listed, of choices, texts or booleans."""
    pairs = []
    for index, pair in enumerate(mapping.values):
        ends = [
            (_value(around, side, fields[side], pair[at], ("values", index, side.value)),)
            for at, side in enumerate(fields)
        ]
        pairs.append((ends[0], ends[1]))
    is_choice = any(field.kind is Kind.ENUM for field in fields.values())
    return Pairs(pairs=tuple(pairs), what="option" if is_choice else "value")


def _value(
    around: Surroundings, side: Side, field: Field, name: str, at: tuple[str | int, ...]
) -> Scalar:
    if field.kind is Kind.ENUM:
        return option_of(around, side, field, name, at)
    try:
        return parse(field.kind, name)
    except OutsideDomainError as error:
        app = around.spec.app(side)
        raise MappingError(f'{app}: "{field.name}" cannot hold that: {error}', at=at) from None


def _alone(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[Values, Values], ...]:
    return tuple(((one,), (two,)) for one, two in pairs)


def _sets(around: Surroundings, mapping: FieldSpec, fields: Fields) -> tuple[tuple[str, str], ...]:
    left, right = fields[Side.LEFT], fields[Side.RIGHT]
    if not mapping.values:
        return _alike_options(fields)
    return tuple(
        (
            option_of(around, Side.LEFT, left, one, ("values", index, "left")),
            option_of(around, Side.RIGHT, right, two, ("values", index, "right")),
        )
        for index, (one, two) in enumerate(mapping.values)
    )


def _alike_options(fields: Fields) -> tuple[tuple[str, str], ...]:
    left, right = fields[Side.LEFT], fields[Side.RIGHT]
    pairs = tuple(
        (one.id, two.id) for one in left.options for two in right.options if _alike(one, two)
    )
    if not pairs:
        raise MappingError(
            f'"{left.name}" and "{right.name}" share no option by id or label: add `values:`'
        )
    return pairs


def _alike(one: Option, two: Option) -> bool:
    return one.id == two.id or one.label.casefold() == two.label.casefold()


def option_of(
    around: Surroundings, side: Side, field: Field, name: str, at: tuple[str | int, ...] = ()
) -> str:
    """Return the id of an option by id or label.

    Raises:
        MappingError: there is none; `at` is where it was asked for.
    """
    for option in field.options:
        if option.id == name or option.label.casefold() == name.casefold():
            return option.id
    known = ", ".join(f'"{option.id}"' for option in field.options[:20])
    raise MappingError(
        f'{around.spec.app(side)}: "{field.name}" has no option "{name}"; it has {known}', at=at
    )


# --- people ---------------------------------------------------------------------------------


def _people(around: Surroundings) -> People:
    overrides = tuple(
        (person_of(around, Side.LEFT, one), person_of(around, Side.RIGHT, two))
        for one, two in around.spec.users
    )
    lefts = {one for one, _ in overrides}
    rights = {two for _, two in overrides}
    by_mail = _by_mail(around.right.users)
    matched = tuple(
        (user.id, by_mail[user.email.casefold()])
        for user in around.left.users
        if user.email and user.email.casefold() in by_mail and user.id not in lefts
    )
    return People(pairs=overrides + tuple(p for p in matched if p[1] not in rights))


def _by_mail(users: tuple[User, ...]) -> dict[str, str]:
    """Active people last, so that they win over former ones with the same address."""
    ordered = sorted(users, key=lambda user: user.active)
    return {user.email.casefold(): user.id for user in ordered if user.email}


def person_of(around: Surroundings, side: Side, name: str, at: tuple[str | int, ...] = ()) -> str:
    """Return the id of a user by id or e-mail.

    Raises:
        MappingError: there is none.
    """
    for user in around.app(side).users:
        if name == user.id or (user.email and user.email.casefold() == name.casefold()):
            return user.id
    raise MappingError(f'{around.spec.app(side)} has no user "{name}" (by id or e-mail)', at=at)


def _fallbacks(around: Surroundings) -> dict[str, tuple[Raw, ...]]:
    named = {Side.LEFT: around.spec.fallback_left, Side.RIGHT: around.spec.fallback_right}
    return {side.value: (person_of(around, side, name),) for side, name in named.items() if name}
