"""The life of an opportunity as pure rules: states, buttons, and what may change in which state.

Tryton 8.2 enforces the locks over its API, 8.0 enforces none of them; by keeping the rules here
both behave alike. Source: tryton.md, section 5. Nothing here calls or waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from itertools import pairwise

from msgspec import Struct

from actors.schema import Closing, Pipeline, Stage
from actors.values import Raw

PIPELINE = "opportunities"

LEAD, OPPORTUNITY, CONVERTED = "lead", "opportunity", "converted"
WON, LOST, CANCELLED = "won", "lost", "cancelled"

LABELS = {
    LEAD: "Lead",
    OPPORTUNITY: "Opportunity",
    CONVERTED: "Converted",
    WON: "Won",
    LOST: "Lost",
    CANCELLED: "Cancelled",
}
_CLOSING = {WON: Closing.WON, LOST: Closing.LOST, CANCELLED: Closing.LOST}

# From state to state by which button. There are no others: `won` and the way out of `converted`
# belong to the sale.
BUTTONS: dict[tuple[str, str], str] = {
    (LEAD, OPPORTUNITY): "opportunity",
    (LEAD, LOST): "lost",
    (LEAD, CANCELLED): "cancel",
    (OPPORTUNITY, LEAD): "lead",
    (OPPORTUNITY, CONVERTED): "convert",
    (OPPORTUNITY, LOST): "lost",
    (OPPORTUNITY, CANCELLED): "cancel",
    (LOST, LEAD): "lead",
    (CANCELLED, LEAD): "lead",
}
BY_SALE = "only its sale in Tryton moves a deal on from here"
CONFIRM_SALE = "a deal is won in Tryton by confirming its sale"
CONVERT = "a person converts the deal into a sale in Tryton (or set `convert: true`)"

ALWAYS_READONLY = frozenset({"number", "company", "converted_by"})
_STARTED = frozenset({"currency", "start_date"})
_STOPPED = _STARTED | {
    "party",
    "address",
    "amount",
    "payment_term",
    "employee",
    "end_date",
    "description",
    "comment",
    "lines",
}
LOCKS: dict[str, frozenset[str]] = {
    LEAD: frozenset(),
    OPPORTUNITY: _STARTED,
    CONVERTED: _STOPPED,
    WON: (_STOPPED - {"party", "payment_term"}) | {"conversion_probability"},
    LOST: _STOPPED | {"conversion_probability"},
    CANCELLED: _STOPPED | {"conversion_probability"},
}
# Tryton asks for both before a deal may become an opportunity.
NEEDED_TO_QUALIFY = ("party", "employee")


class Route(Struct, frozen=True, kw_only=True):
    """The way from one state to another.

    Attributes:
        states: the states passed through, the present one first.
        refused: why the way ends before what was wanted; empty if it does not.
    """

    states: tuple[str, ...]
    refused: str = ""

    @property
    def arrives(self) -> str:
        """The state at the end of the way."""
        return self.states[-1]


class Plan(Struct, frozen=True, kw_only=True):
    """How one update of an opportunity is carried out, in this order.

    Attributes:
        before: buttons to press first, to unlock what is to be written.
        values: what to write.
        after: buttons to press last.
        refused: reason by field of what cannot be done.
    """

    before: tuple[str, ...] = ()
    values: dict[str, Raw] = {}
    after: tuple[str, ...] = ()
    refused: dict[str, str] = {}

    @property
    def is_empty(self) -> bool:
        """There is nothing to do."""
        return not (self.before or self.values or self.after)


def describe_pipeline(*, convert: bool) -> Pipeline:
    """Return the one pipeline with its six stages.

    Args:
        convert: tieline may press `convert`.
    """
    unreachable = {WON: CONFIRM_SALE} | ({} if convert else {CONVERTED: CONVERT})
    stages = tuple(
        Stage(
            id=state,
            label=label,
            closing=_CLOSING.get(state, Closing.OPEN),
            reachable=state not in unreachable,
            unreachable=unreachable.get(state, ""),
        )
        for state, label in LABELS.items()
    )
    return Pipeline(id=PIPELINE, label="Opportunities", stages=stages)


def find_route(state: str, wanted: str, *, convert: bool, missing: Collection[str] = ()) -> Route:
    """Find the shortest way by buttons, as far towards `wanted` as it goes.

    Args:
        state: where the deal is.
        wanted: where it shall be.
        convert: tieline may press `convert`.
        missing: fields of `NEEDED_TO_QUALIFY` that are empty.
    """
    if state == wanted:
        return Route(states=(state,))
    if state in (CONVERTED, WON):
        return Route(states=(state,), refused=BY_SALE)
    goal, refused = wanted, ""
    if wanted == WON:
        goal, refused = CONVERTED, CONFIRM_SALE
    if goal == CONVERTED and not convert:
        goal, refused = OPPORTUNITY, refused or CONVERT
    return _stop_at_missing(_shortest(state, goal), refused, missing)


def _shortest(state: str, goal: str) -> tuple[str, ...]:
    ways: deque[tuple[str, ...]] = deque([(state,)])
    while ways[0][-1] != goal:
        way = ways.popleft()
        ways.extend((*way, to) for came, to in BUTTONS if came == way[-1] and to not in way)
    return ways[0]


def _stop_at_missing(states: tuple[str, ...], refused: str, missing: Collection[str]) -> Route:
    if missing and OPPORTUNITY in states[1:]:
        names = " and ".join(name for name in NEEDED_TO_QUALIFY if name in missing)
        cut = states.index(OPPORTUNITY)
        return Route(states=states[:cut], refused=f"an opportunity in Tryton needs {names}")
    return Route(states=states, refused=refused)


def presses_of(states: tuple[str, ...]) -> tuple[str, ...]:
    """Return the buttons along a way."""
    return tuple(BUTTONS[step] for step in pairwise(states))


def plan_update(
    state: str, values: Mapping[str, Raw], present: Mapping[str, Raw], *, convert: bool
) -> Plan:
    """Plan how to bring an opportunity to new values: fields before closing, reopening first.

    Args:
        state: where the deal is.
        values: what it shall hold, `state` among it if it shall move; only what differs.
        present: what it holds, at least the fields of `NEEDED_TO_QUALIFY`.
        convert: tieline may press `convert`.
    """
    fields = {name: raw for name, raw in values.items() if name != "state"}
    route = _plan_route(state, values, present, convert=convert)
    # Write where the fewest fields are locked, and there as early as can be.
    locked = [_find_locked(passed, fields) for passed in route.states]
    at = min(range(len(locked)), key=lambda index: len(locked[index]))
    refused = dict.fromkeys(locked[at], f"locked in Tryton: the deal is {route.states[at]}")
    if route.refused:
        refused["state"] = route.refused
    return Plan(
        before=presses_of(route.states[: at + 1]),
        values={name: raw for name, raw in fields.items() if name not in refused},
        after=presses_of(route.states[at:]),
        refused=refused,
    )


def _find_locked(state: str, fields: Collection[str]) -> frozenset[str]:
    locked = LOCKS[state].intersection(fields)
    # An amount without the currency that it is in would be another amount.
    return locked | {"amount"} if "currency" in locked and "amount" in fields else locked


def _plan_route(
    state: str, values: Mapping[str, Raw], present: Mapping[str, Raw], *, convert: bool
) -> Route:
    wanted = values.get("state") or state
    after = {**present, **values}
    missing = [name for name in NEEDED_TO_QUALIFY if not after.get(name)]
    return find_route(state, wanted, convert=convert, missing=missing)
