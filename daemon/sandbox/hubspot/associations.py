"""The rules of associations: directions, labels, primary companies, and what they move.

Owns what a write of an association means; `links` keeps the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from daemon.sandbox.hubspot.catalog import AssociationType
from daemon.sandbox.hubspot.links import Side
from daemon.sandbox.hubspot.table import Table
from daemon.sandbox.hubspot.wire import Refusal, invalid

if TYPE_CHECKING:
    from daemon.sandbox.hubspot.account import Account

__all__ = [
    "AssociationSpec",
    "InlineAssociation",
    "LinkPlan",
    "ObjectRef",
    "connect",
    "connect_planned",
    "disconnect",
    "expected_kind",
    "plan_links",
    "shown_kind",
]


class ObjectRef(Struct):
    """The end of an association in a request; ids come as strings or numbers."""

    id: str | int

    @property
    def number(self) -> int | None:
        """The record id, None for one that is no number."""
        text = str(self.id)
        return int(text) if text.isascii() and text.isdigit() else None


class AssociationSpec(Struct, rename="camel"):
    """A type of association in a request."""

    association_category: str
    association_type_id: int


class InlineAssociation(Struct):
    """An association sent along with a create."""

    to: ObjectRef
    types: list[AssociationSpec]


class LinkPlan(Struct, frozen=True):
    """A checked association of a record yet to be made."""

    target: Side
    type_ids: tuple[int, ...]


def plan_links(
    account: Account, table: Table, wanted: Sequence[InlineAssociation] | None
) -> list[LinkPlan]:
    """Check the associations of a create: directions, types and targets.

    Raises:
        Refusal: 400; no record may then be created.
    """
    plans = []
    for entry in wanted or ():
        if not entry.types:
            raise invalid("One or more associations are invalid")
        kinds = [_kind_from(account, table, spec) for spec in entry.types]
        target_types = {kind.to_object for kind in kinds}
        if len(target_types) != 1:
            raise invalid("One or more associations are invalid")
        target = _existing(account, target_types.pop(), entry.to)
        plans.append(LinkPlan(target, tuple(kind.type_id for kind in kinds)))
    return plans


def _kind_from(account: Account, table: Table, spec: AssociationSpec) -> AssociationType:
    kind = account.links.types.get(spec.association_type_id)
    if kind is None or kind.category != spec.association_category:
        raise invalid(
            "One or more associations are invalid",
            context={"INVALID_ASSOCIATION_TYPE": [str(spec.association_type_id)]},
        )
    if kind.from_object != table.name:
        given = account.tables[kind.from_object].schema.type.object_type_id
        raise invalid(
            f"invalid from object type {given} for associations to be created. "
            f"expected: {table.schema.type.object_type_id}"
        )
    return kind


def _existing(account: Account, type_name: str, ref: ObjectRef) -> Side:
    number = ref.number
    if number is None or account.tables[type_name].live(number) is None:
        raise invalid(
            "One or more associations are invalid", context={"INVALID_OBJECT_IDS": [str(ref.id)]}
        )
    return type_name, number


def connect_planned(account: Account, side: Side, plans: Iterable[LinkPlan]) -> None:
    """Carry out the associations of a create."""
    for plan in plans:
        connect(account, side, plan.target, plan.type_ids)


def expected_kind(
    account: Account, left: str, right: str, spec: AssociationSpec
) -> AssociationType:
    """The type a request names, if it leads from `left` to `right`.

    Raises:
        Refusal: 400 with the vendor's sub-category.
    """
    kind = account.links.types.get(spec.association_type_id)
    wanted = (left, right, spec.association_category)
    if kind is not None and (kind.from_object, kind.to_object, kind.category) == wanted:
        return kind
    raise Refusal(
        400,
        f"{spec.association_type_id} is not a valid association type between "
        f"{_word(account, left)} and {_word(account, right)}",
        category="VALIDATION_ERROR",
        sub_category="crm.associations.INVALID_ASSOCIATION_TYPE",
        context={
            "typeId": [str(spec.association_type_id)],
            "fromObjectType": [_word(account, left)],
            "toObjectType": [_word(account, right)],
        },
    )


def _word(account: Account, type_name: str) -> str:
    return account.tables[type_name].schema.type.fully_qualified_name


def connect(
    account: Account, left: Side, right: Side, type_ids: Iterable[int], *, replace: bool = False
) -> None:
    """Associate two records, in both directions.

    Every pair has the unlabelled type. The first company of a record becomes its primary one,
    and a new primary takes the place of the old.

    Args:
        type_ids: types seen from `left`; they are added to those there are.
        replace: they take the place of the labels there are.
    """
    if left[0] == "companies" and right[0] != "companies":
        inverse = [account.links.types[one].inverse_type_id for one in type_ids]
        connect(account, right, left, inverse, replace=replace)
        return
    links = account.links
    kinds = links.kinds(left[0], right[0])
    before = links.targets(left, right[0]).get(right[1], ())
    wanted = {*type_ids, *(kind.type_id for kind in kinds if kind.label is None)}
    wanted |= set() if replace else set(before)
    primary = _primary(kinds, right[0])
    if primary is not None:
        wanted |= _first_primary(account, left, right, primary)
        if primary in wanted:
            _demote_others(account, left, right, primary)
    links.put(left, right, tuple(kind.type_id for kind in kinds if kind.type_id in wanted))
    account.touch()
    if not before:
        _counts_moved(account, left, right)


def _primary(kinds: list[AssociationType], right: str) -> int | None:
    if right != "companies":
        return None
    found = (k.type_id for k in kinds if k.label == "Primary" and k.category == "HUBSPOT_DEFINED")
    return next(found, None)


def _first_primary(account: Account, left: Side, right: Side, primary: int) -> set[int]:
    others = account.links.targets(left, right[0]).items()
    if not account.switches.first_company_primary:
        return set()
    taken = any(primary in type_ids for target, type_ids in others if target != right[1])
    return set() if taken else {primary}


def _demote_others(account: Account, left: Side, right: Side, primary: int) -> None:
    for target, type_ids in list(account.links.targets(left, right[0]).items()):
        if primary in type_ids and target != right[1]:
            rest = tuple(one for one in type_ids if one != primary)
            account.links.put(left, (right[0], target), rest)


def disconnect(
    account: Account, left: Side, right: Side, type_ids: Iterable[int] | None = None
) -> None:
    """Remove some types of a pair; all of them when the unlabelled one is named, or none is."""
    links = account.links
    before = links.targets(left, right[0]).get(right[1], ())
    if not before:
        return
    gone = set(before) if type_ids is None else set(type_ids)
    unlabelled = links.unlabelled(left[0], right[0])
    if unlabelled is not None and unlabelled.type_id in gone:
        gone = set(before)
    rest = tuple(one for one in before if one not in gone)
    links.put(left, right, rest)
    account.touch()
    if not rest:
        _counts_moved(account, left, right)


def _counts_moved(account: Account, left: Side, right: Side) -> None:
    account.count_moved(left, right[0])
    account.count_moved(right, left[0])


def shown_kind(kind: AssociationType) -> dict[str, object]:
    """A type as v4 answers show it."""
    return {"category": kind.category, "typeId": kind.type_id, "label": kind.label}
