"""A deal in plain words, the same for both apps, and what it means that two are equal.

Written apart from the engine on purpose: the demo checks the engine with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from msgspec import Struct

FIELDS = ("stage", "name", "amount", "close day", "owner")
COMMENT = "comment"


class Deal(Struct, frozen=True, kw_only=True):
    """What one app says of a deal, in words that both share.

    Attributes:
        id: the app's own.
        stage: the Tryton state that it means; empty if the stage is not mapped.
        app_stage: the app's own word for it.
        currency: of the amount; empty if there is no amount.
        owner: e-mail address of the Tryton employee that it means; empty if there is none.
        copy_of: id of the record in the other app of which tieline made this one, or empty.
    """

    id: str
    name: str
    stage: str
    app_stage: str
    amount: Decimal | None
    currency: str
    close_day: date | None
    owner: str
    comment: str
    copy_of: str

    def value(self, field: str) -> str:
        """Return a field's value as text."""
        match field:
            case "amount":
                return "" if self.amount is None else f"{self.amount:.2f} {self.currency}"
            case "close day":
                return "" if self.close_day is None else self.close_day.isoformat()
            case _:
                return str(getattr(self, field))

    def shown(self, field: str) -> str:
        """Return a field's value in the app's own words."""
        return (self.app_stage if field == "stage" else self.value(field)) or "(empty)"


class Pair(Struct, frozen=True):
    """A deal in both apps."""

    hubspot: Deal
    tryton: Deal

    def differences(self, fields: tuple[str, ...] = FIELDS) -> tuple[str, ...]:
        """Return the fields in which the two are not equal.

        An owner without a counterpart in Tryton says nothing: there the default stands.
        """
        return tuple(
            field
            for field in fields
            if self.hubspot.value(field) != self.tryton.value(field)
            and not (field == "owner" and not self.hubspot.owner)
        )

    def excused(self) -> tuple[str, ...]:
        """Return the fields that cannot be equal, since Tryton locks a deal as it is lost.

        A deal that was lost when it came has the day of its arrival, and a comment that is mapped
        only later does not get in.
        """
        here, there = self.hubspot, self.tryton
        if there.stage != "lost":
            return ()
        day = there.close_day
        came_lost = there.copy_of and day and abs(day - date.today()) <= timedelta(days=1)
        dated = ("close day",) if came_lost and day != here.close_day else ()
        return (*dated, COMMENT) if here.comment and not there.comment else dated


class Pairing(Struct, frozen=True, kw_only=True):
    """All deals of both apps, side by side.

    Attributes:
        missing: HubSpot deals in mapped stages, and Tryton deals, without a counterpart.
        doubled: deals with more than one.
    """

    pairs: tuple[Pair, ...]
    missing: tuple[str, ...]
    doubled: tuple[str, ...]


def pair_up(hubspot: Mapping[str, Deal], tryton: Mapping[str, Deal]) -> Pairing:
    """Put the deals of both apps side by side, by the keys that the records carry."""
    found = [(one.copy_of, one.id) for one in tryton.values() if one.copy_of]
    found += [(one.id, one.copy_of) for one in hubspot.values() if one.copy_of]
    lefts, rights = [left for left, _ in found], [right for _, right in found]
    missing = [f"HubSpot {i}" for i, one in hubspot.items() if one.stage and i not in set(lefts)]
    missing += [f"Tryton {one}" for one in tryton if one not in set(rights)]
    doubled = [f"HubSpot {one}" for one in set(lefts) if lefts.count(one) > 1]
    doubled += [f"Tryton {one}" for one in set(rights) if rights.count(one) > 1]
    pairs = [
        Pair(hubspot[left], tryton[right])
        for left, right in found
        if left in hubspot and right in tryton
    ]
    return Pairing(pairs=tuple(pairs), missing=tuple(missing), doubled=tuple(doubled))
