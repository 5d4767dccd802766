"""How alike two records are, and why: names, e-mail, domain, phone and amount. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from msgspec import Struct
from rapidfuzz import fuzz

from actors.mapping.matchers import normalise
from actors.schema import Field, ObjectSchema
from actors.spec import Normal
from actors.values import Kind, Raw

LEAST_NAME = 0.8
"""Names that are less alike than this say nothing."""

_NAMES = ("name", "firstname", "lastname", "dealname", "title", "full_name")
_DOMAINS = ("domain", "website")
_PER_ROLE = 3
# What each agreement is worth by itself; together they are counted as independent hints.
_EMAIL, _DOMAIN, _PHONE, _NAME, _AMOUNT = 0.9, 0.7, 0.7, 0.65, 0.3
# What is left of a score where both say something and differ.
_OTHER_EMAIL, _OTHER_DOMAIN, _OTHER_AMOUNT = 0.7, 0.75, 0.75


class Roles(Struct, frozen=True, kw_only=True):
    """Which native fields of an object say who or what a record is."""

    names: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    amount: str | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """All of them."""
        amount = (self.amount,) if self.amount else ()
        return tuple(
            dict.fromkeys((*self.names, *self.emails, *self.domains, *self.phones, *amount))
        )


class Traits(Struct, frozen=True):
    """What of a record is compared: texts made alike, and the name as people read it."""

    label: str
    name: str = ""
    emails: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    amount: str = ""


class Likeness(Struct, frozen=True):
    """A score from 0 to 1, and what speaks for it."""

    score: float
    reasons: tuple[str, ...]


def find_roles(schema: ObjectSchema, mapped: Iterable[str]) -> Roles:
    """Find the fields that say who a record is; `mapped` are candidates for its name."""
    usable = [one for one in schema.fields if one.writable and not one.name.startswith("hs_")]
    names = [one.name for one in usable if one.name in _NAMES]
    if not names:
        texts = {one.name for one in usable if one.kind is Kind.TEXT} - {schema.key_field}
        names = [one for one in mapped if one in texts][:1]
    return Roles(
        names=tuple(sorted(names, key=_rank)),
        emails=_of_kind(usable, Kind.EMAIL),
        domains=tuple(one.name for one in usable if one.name in _DOMAINS),
        phones=_of_kind(usable, Kind.PHONE),
        amount=schema.amount_field,
    )


def _rank(name: str) -> int:
    return _NAMES.index(name) if name in _NAMES else len(_NAMES)


def _of_kind(fields: Iterable[Field], kind: Kind) -> tuple[str, ...]:
    return tuple(one.name for one in fields if one.kind is kind)[:_PER_ROLE]


def read_traits(roles: Roles, values: Mapping[str, Raw]) -> Traits:
    """Take from a record what is compared."""
    label = " ".join(filter(None, (values.get(name) for name in roles.names)))
    return Traits(
        label=" ".join(label.split()),
        name=normalise(Normal.TEXT, label) or "",
        emails=_alike(Normal.EMAIL, roles.emails, values),
        domains=_alike(Normal.DOMAIN, roles.domains, values),
        phones=_alike(Normal.PHONE, roles.phones, values),
        amount=_amount(values.get(roles.amount)) if roles.amount else "",
    )


def _alike(normal: Normal, names: Iterable[str], values: Mapping[str, Raw]) -> frozenset[str]:
    found = (normalise(normal, values.get(name)) for name in names)
    return frozenset(one for one in found if one)


def _amount(raw: Raw) -> str:
    try:
        number = Decimal(raw or "0")
    except InvalidOperation:
        return ""
    return f"{number.normalize():f}" if number.is_finite() and number else ""


def blocks_of(traits: Traits) -> tuple[str, ...]:
    """Return the drawers in which a record lies; only records of one drawer are compared."""
    words = sorted(traits.name.split())
    found = [f"e:{one}" for one in traits.emails]
    found += [f"d:{one}" for one in traits.domains]
    found += [f"p:{one[-8:]}" for one in traits.phones]
    if words:
        found.append("n:" + " ".join(word[:4] for word in words[:2]))
        found.append("f:" + "".join(traits.name.split())[:6])
        found.append("l:" + max(words, key=lambda word: (len(word), word))[:7])
    return tuple(sorted(found))


def compare(one: Traits, two: Traits) -> Likeness:
    """Say how alike two records are; the order makes no difference."""
    hints: list[tuple[float, str]] = []
    for worth, word, mine, theirs in (
        (_EMAIL, "same e-mail", one.emails, two.emails),
        (_DOMAIN, "same domain", one.domains, two.domains),
        (_PHONE, "same phone", one.phones, two.phones),
    ):
        if both := sorted(mine & theirs):
            hints.append((worth, f"{word} {both[0]}"))
    alike = _names_alike(one.name, two.name)
    if alike >= LEAST_NAME:
        share = (alike - LEAST_NAME) / (1 - LEAST_NAME)
        said = "same name" if alike == 1 else f"names {alike:.0%} alike"
        hints.append((_NAME * (0.4 + 0.6 * share), said))
    if hints and one.amount and one.amount == two.amount:
        hints.append((_AMOUNT, f"same amount {one.amount}"))
    return Likeness(
        round(_together(hint for hint, _ in hints) * _doubt(one, two), 3),
        tuple(reason for _, reason in hints),
    )


def _names_alike(one: str, two: str) -> float:
    if not one or not two:
        return 0.0
    if one == two:
        return 1.0
    first, second = sorted((one, two))
    ratio = max(fuzz.ratio(first, second), fuzz.token_sort_ratio(first, second)) / 100
    return min(ratio, 0.99)


def _together(hints: Iterable[float]) -> float:
    left = 1.0
    for hint in hints:
        left *= 1 - hint
    return 1 - left


def _doubt(one: Traits, two: Traits) -> float:
    doubt = 1.0
    for share, mine, theirs in (
        (_OTHER_EMAIL, one.emails, two.emails),
        (_OTHER_DOMAIN, one.domains, two.domains),
        (_OTHER_AMOUNT, {one.amount} - {""}, {two.amount} - {""}),
    ):
        if mine and theirs and not mine & theirs:
            doubt *= share
    return doubt
