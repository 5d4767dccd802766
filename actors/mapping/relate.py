"""Choose the relation for a field mapping from the kinds of its two fields."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from actors.errors import MappingError
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
    Text,
    TextForm,
)
from actors.mapping.units import Member
from actors.records import Side
from actors.schema import AppSchema, Field, ObjectSchema, Option, User
from actors.spec import FieldSpec, SyncSpec
from actors.values import Kind, Raw

_TEXTS = frozenset({Kind.TEXT, Kind.PHONE, Kind.EMAIL, Kind.URL})
_DAYS = frozenset({Kind.DATE, Kind.DATETIME})

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


def relate(around: Surroundings, mapping: FieldSpec, fields: Fields) -> Related:
    """Return the relation, the members of each side, and fallbacks by side.

    Raises:
        MappingError: the kinds cannot be mapped; the message says why.
    """
    members: dict[Side, tuple[Member, ...]] = {s: (_member(f),) for s, f in fields.items()}
    kinds = (fields[Side.LEFT].kind, fields[Side.RIGHT].kind)
    if _is_money(around, fields):
        return _money(around, fields)
    if kinds.count(Kind.MULTI_REFERENCE) or set(kinds) == {Kind.REFERENCE}:
        return _people(around, fields), members, _fallbacks(around)
    relation = _relation(around, mapping, fields, kinds)
    if relation is None:
        raise MappingError(
            f"{around.spec.left} has a {kinds[0].value} field and {around.spec.right} a "
            f"{kinds[1].value} field: these cannot be mapped"
        )
    return relation, members, {}


def _member(field: Field) -> Member:
    return Member(name=field.name, kind=field.kind, required=field.required)


def _relation(
    around: Surroundings, mapping: FieldSpec, fields: Fields, kinds: tuple[Kind, Kind]
) -> Relation | None:
    if _TEXTS.issuperset(kinds):
        return _text(mapping, fields)
    if set(kinds) == _DAYS:
        zone = around.spec.timezone or around.left.timezone
        return DateInZone(zone=zone, day_on_right=kinds[1] is Kind.DATE)
    if kinds[0] is not kinds[1]:
        return None
    makers: dict[Kind, Callable[[], Relation]] = {
        Kind.NUMBER: lambda: _number(fields),
        Kind.BOOLEAN: Same,
        Kind.DATE: Same,
        Kind.DATETIME: Moment,
        Kind.ENUM: lambda: Pairs(
            pairs=tuple(((one,), (two,)) for one, two in _options(around, mapping, fields))
        ),
        Kind.MULTI_ENUM: lambda: PairSets(pairs=_options(around, mapping, fields)),
    }
    return makers[kinds[0]]()


def _text(mapping: FieldSpec, fields: Fields) -> Text:
    left, right = (
        TextForm(trims=f.trims, multiline=f.multiline, max_length=f.max_length)
        for f in (fields[Side.LEFT], fields[Side.RIGHT])
    )
    return Text(left=left, right=right, too_long=mapping.too_long)


def _number(fields: Fields) -> Number:
    return Number(left_digits=fields[Side.LEFT].digits, right_digits=fields[Side.RIGHT].digits)


# --- money ----------------------------------------------------------------------------------


def _is_money(around: Surroundings, fields: Fields) -> bool:
    return all(
        schema.amount_field == fields[side].name and schema.currency_field is not None
        for side, schema in around.objects.items()
    )


def _money(around: Surroundings, fields: Fields) -> Related:
    forms: dict[Side, CurrencyForm] = {}
    members: dict[Side, tuple[Member, ...]] = {}
    for side, schema in around.objects.items():
        currency = schema.field(schema.currency_field or "")
        if currency is None:
            app = around.spec.app(side)
            raise MappingError(f'{app} does not show the currency field "{schema.currency_field}"')
        known = frozenset(option.id for option in currency.options if not option.archived)
        forms[side] = CurrencyForm(default=around.app(side).currency, known=known)
        members[side] = (_member(fields[side]), _member(currency))
    money = Money(amount=_number(fields), left=forms[Side.LEFT], right=forms[Side.RIGHT])
    return money, members, {}


# --- options --------------------------------------------------------------------------------


def _options(
    around: Surroundings, mapping: FieldSpec, fields: Fields
) -> tuple[tuple[str, str], ...]:
    left, right = fields[Side.LEFT], fields[Side.RIGHT]
    if mapping.values:
        return tuple(
            (_option(around, Side.LEFT, left, one), _option(around, Side.RIGHT, right, two))
            for one, two in mapping.values
        )
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


def _option(around: Surroundings, side: Side, field: Field, name: str) -> str:
    for option in field.options:
        if option.id == name or option.label.casefold() == name.casefold():
            return option.id
    known = ", ".join(f'"{option.id}"' for option in field.options[:20])
    raise MappingError(
        f'{around.spec.app(side)}: "{field.name}" has no option "{name}"; it has {known}'
    )


# --- people ---------------------------------------------------------------------------------


def _people(around: Surroundings, fields: Fields) -> People:
    for side, field in fields.items():
        if field.target != "users":
            app = around.spec.app(side)
            raise MappingError(
                f'{app}: "{field.name}" refers to {field.target}, not to people: '
                "links between records are synced as associations"
            )
    overrides = tuple(
        (_person(around, Side.LEFT, one), _person(around, Side.RIGHT, two))
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


def _person(around: Surroundings, side: Side, name: str) -> str:
    for user in around.app(side).users:
        if name == user.id or (user.email and user.email.casefold() == name.casefold()):
            return user.id
    raise MappingError(f'{around.spec.app(side)} has no user "{name}" (by id or e-mail)')


def _fallbacks(around: Surroundings) -> dict[str, tuple[Raw, ...]]:
    named = {Side.LEFT: around.spec.fallback_left, Side.RIGHT: around.spec.fallback_right}
    return {side.value: (_person(around, side, name),) for side, name in named.items() if name}
