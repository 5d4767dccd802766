"""Search: the shape of the request, its limits, and pages by offset."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from daemon.sandbox.hubspot.auth import Need
from daemon.sandbox.hubspot.calls import Call, Endpoint, Pool
from daemon.sandbox.hubspot.render import View, Wire
from daemon.sandbox.hubspot.search import (
    NO_VALUE,
    RANGE,
    Condition,
    Order,
    find,
    problem,
    sorted_ids,
)
from daemon.sandbox.hubspot.wire import Answer, ErrorDetail, Refusal, answer, encode, invalid

__all__ = ["routes"]

MAX_CHARS = 3_000
MAX_GROUPS, MAX_FILTERS, MAX_TOTAL = 5, 6, 18
MAX_LIMIT, MAX_DEPTH = 200, 10_000
KEPT_RESULTS = 8

_OPERATORS = (
    RANGE | NO_VALUE | {"EQ", "NEQ", "IN", "NOT_IN", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"}
)


class Filter(Struct, rename="camel"):
    """One filter as sent; what must be there depends on the operator."""

    property_name: str | None = None
    operator: str | None = None
    value: str | int | float | bool | None = None
    high_value: str | int | float | None = None
    values: list[str | int | float | bool] | None = None


class FilterGroup(Struct):
    """Filters that must all hold."""

    filters: list[Filter]


class Sort(Struct, rename="camel"):
    """A sort as an object."""

    property_name: str
    direction: str = "ASCENDING"


class SearchBody(Struct, rename="camel"):
    """A search request."""

    filter_groups: list[FilterGroup] | None = None
    filters: list[Filter] | None = None
    sorts: list[str | Sort] | None = None
    query: str | None = None
    properties: list[str] | None = None
    limit: int | str | None = None
    after: str | int | None = None


def routes() -> list[Endpoint]:
    """The search call."""
    return [
        Endpoint("POST", "objects", "/{t}/search", search, Need.READ, Pool.SEARCH),
    ]


def search(call: Call) -> Answer:
    """One page of the records that the index finds."""
    body = call.json(SearchBody)
    if _length(call) > MAX_CHARS:
        raise _limit("request", f"The request must not be longer than {MAX_CHARS} characters")
    limit, after = _limit_of(body), _offset_of(body)
    ids = _found(call, body)
    page = ids[after : after + limit]
    table = call.table()
    view = View(call.account, table, body.properties or (), with_url=False)
    # The index is behind the records: what it found is shown as it is now.
    records = [table.live(one) for one in page]
    shown: Wire = {
        "total": len(ids),
        "results": [view.record(record) for record in records if record is not None],
    }
    if after + limit < len(ids):
        shown["paging"] = {"next": {"after": str(after + limit)}}
    return answer(shown)


def _length(call: Call) -> int:
    """Characters that count: all but the list of properties, and no blanks between them.

    Airbyte's source, Meltano's tap and others ask for every property of a type in one search,
    many thousand characters, and are served.
    """
    counted = {**msgspec.json.decode(call.body), "properties": None}
    return len(encode(counted).decode())


def _limit_of(body: SearchBody) -> int:
    text = "10" if body.limit is None else str(body.limit)
    if not text.lstrip("-").isdigit():
        raise problem()
    limit = int(text)
    if not 1 <= limit <= MAX_LIMIT:
        raise _limit("limit", f"limit must be between 1 and {MAX_LIMIT}, but was {limit}")
    return limit


def _offset_of(body: SearchBody) -> int:
    text = str(body.after if body.after not in (None, "") else 0)
    if not text.isascii() or not text.isdigit():
        raise problem()
    if int(text) + _limit_of(body) > MAX_DEPTH:
        raise problem()
    return int(text)


def _limit(where: str, message: str) -> Refusal:
    return invalid(message, errors=[ErrorDetail(message, in_=where)])


def _found(call: Call, body: SearchBody) -> list[int]:
    """All matching ids in order; remembered, since pages of one search come one by one."""
    account, table = call.account, call.table()
    index = account.indexes[table.name]
    index.settle(table, account.clock.elapsed_ms() - account.lag_ms)
    groups, order = _groups(call, body), _order(body)
    key = (table.name, index.generation, account.changes, encode([groups, order, body.query]))
    kept = account.kept_searches
    ids = kept.get(key)
    if ids is None:
        ids = find(account, table, index, groups or [[]], body.query or "")
        ids = sorted_ids(account, table, index, ids, order)
        kept[key] = ids
        while len(kept) > KEPT_RESULTS:
            kept.popitem(last=False)
    return ids


def _order(body: SearchBody) -> Order:
    sorts = body.sorts or []
    if len(sorts) > 1:
        raise _limit("sorts", "Only one sort is allowed")
    if not sorts:
        return Order("createdate")
    only = sorts[0]
    if isinstance(only, str):
        return Order(only.removeprefix("-"), descending=only.startswith("-"))
    if only.direction not in ("ASCENDING", "DESCENDING"):
        raise Refusal(
            400,
            "Invalid input JSON on line 1, column 2: Cannot deserialize value of type "
            f'`Direction` from String "{only.direction}": not one of the values accepted for '
            "Enum class: [ASCENDING, DESCENDING]",
        )
    return Order(only.property_name, descending=only.direction == "DESCENDING")


def _groups(call: Call, body: SearchBody) -> list[list[Condition]]:
    groups = [group.filters for group in body.filter_groups or ()]
    if body.filters:
        groups.append(body.filters)
    if len(groups) > MAX_GROUPS:
        raise _limit("filterGroups", f"A search takes at most {MAX_GROUPS} filter groups")
    if any(len(group) > MAX_FILTERS for group in groups):
        raise _limit("filters", f"A filter group takes at most {MAX_FILTERS} filters")
    if sum(map(len, groups)) > MAX_TOTAL:
        raise _limit("filters", f"A search takes at most {MAX_TOTAL} filters")
    return [[_condition(call, entry) for entry in group] for group in groups if group] or (
        [[]] if groups else []
    )


def _condition(call: Call, entry: Filter) -> Condition:
    missing = [
        name
        for name, value in (("propertyName", entry.property_name), ("operator", entry.operator))
        if not value
    ]
    if missing or entry.property_name is None or entry.operator is None:
        raise _cannot_build(
            call,
            f"Cannot build Filter, some of required attributes are not set [{', '.join(missing)}]",
        )
    operator = entry.operator
    if operator not in _OPERATORS:
        raise _cannot_build(
            call,
            f'Cannot deserialize value of type `OperatorEnum` from String "{operator}": not one '
            f"of the values accepted for Enum class: [{', '.join(sorted(_OPERATORS))}]",
        )
    lacking = _lacking(entry, operator)
    if lacking:
        raise _cannot_build(
            call,
            "Cannot construct instance of `com.hubspot.inbounddb.publicobject.core.v3.search."
            f"Filter`, problem: operator {operator} requires {lacking}",
        )
    return Condition(
        entry.property_name,
        operator,
        _text(entry.value),
        _text(entry.high_value),
        tuple(_text(value) for value in entry.values or ()),
    )


def _lacking(entry: Filter, operator: str) -> str:
    if operator in NO_VALUE:
        return ""
    if operator in ("IN", "NOT_IN"):
        return "" if entry.values else "values"
    if entry.value is None:
        return "a value"
    return "a highValue" if operator == "BETWEEN" and entry.high_value is None else ""


def _text(value: str | int | float | bool | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _cannot_build(call: Call, problem_text: str) -> Refusal:
    column = max(len(call.body), 1)
    return Refusal(400, f"Invalid input JSON on line 1, column {column}: {problem_text}")
