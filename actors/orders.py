"""Orders of people: what somebody asked of a sync by command, carried out by the reconciler.

An order is a row in the store until it is done, so that it can be given beside a running daemon
and while none runs. It carries what the person saw: an order about values that have moved since
is refused. Pausing is no order but a state, which the daemon looks at by itself.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from actors.links import Conflict
from actors.records import Side
from actors.values import Raw


class Order(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """One thing that a person wants done."""


class Choose(Order, frozen=True):
    """Decide what a unit of a linked pair shall say on both sides.

    Attributes:
        left, right: raws of the unit as the person saw them.
        source: the side whose value stands, or in whose terms `value` is given.
        value: raws to put there instead of what it holds; None to keep that.
        rule: why, as history tells it: `person` or `undo`.
        conflict: the conflict that is answered or taken back, if there is a row of it.
    """

    link: int
    unit: str
    left: tuple[Raw, ...]
    right: tuple[Raw, ...]
    source: Side
    value: tuple[Raw, ...] | None = None
    rule: str = "person"
    conflict: Conflict | None = None


class Retry(Order, frozen=True):
    """Try these failing links again now, as if they had not failed before."""

    links: tuple[int, ...]


class Resync(Order, frozen=True):
    """Read both sides whole again, as in the first pass. Done when a run of the sync begins."""


class Approve(Order, frozen=True):
    """Let these records go on that a limit holds; each is decided again within what it was.

    Attributes:
        sides: what is gone from these sides is really gone.
    """

    links: tuple[int, ...] = ()
    sides: tuple[Side, ...] = ()


AnyOrder: TypeAlias = Choose | Retry | Resync | Approve


class Asked(Struct, frozen=True, kw_only=True):
    """An order with its number.

    Attributes:
        by: who gave it, for people.
        at_us: when, microseconds UTC by our clock.
    """

    id: int
    sync: str
    order: AnyOrder
    by: str
    at_us: int
