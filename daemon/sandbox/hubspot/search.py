"""What a search means: filters, groups, order, and the plan that answers it from the index.

Pure over the index. The request's shape and its limits are in `routes_search`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from daemon.sandbox.hubspot.calculated import Getter, getter
from daemon.sandbox.hubspot.catalog import Property
from daemon.sandbox.hubspot.index import SearchIndex
from daemon.sandbox.hubspot.table import Table
from daemon.sandbox.hubspot.validate import parse_instant
from daemon.sandbox.hubspot.wire import Refusal

if TYPE_CHECKING:
    from daemon.sandbox.hubspot.account import Account

__all__ = ["NO_VALUE", "RANGE", "Condition", "Order", "find", "problem", "sorted_ids"]

RANGE = frozenset({"LT", "LTE", "GT", "GTE", "BETWEEN"})
NO_VALUE = frozenset({"HAS_PROPERTY", "NOT_HAS_PROPERTY"})
_TOKEN = frozenset({"CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"})
_TEXT = frozenset({"string", "phone_number", "json", "object_coordinates"})
_TIMES = frozenset({"datetime", "date"})
_TOP_ID = 1 << 62
# So many ids are looked at one by one; for more the window's ids are worked out, and kept.
_FEW = 1_000

# Record id, stored values -> whether it matches.
Test = Callable[[int, Mapping[str, str]], bool]
# Any: numbers for number and date properties, strings for the others.
Read = Callable[[int, Mapping[str, str]], Any]


class Condition(Struct, frozen=True):
    """One filter, already of the right shape."""

    name: str
    operator: str
    value: str = ""
    high: str = ""
    values: tuple[str, ...] = ()


class Order(Struct, frozen=True):
    """By which property results are sorted."""

    name: str
    descending: bool = False


def problem() -> Refusal:
    """The vendor's answer to a filter that is well formed but makes no sense."""
    return Refusal(400, "There was a problem with the request.")


class _Range(Struct):
    """Ids or times between two bounds, both inclusive."""

    low: int | None = None
    high: int | None = None

    def narrow(self, condition: Condition) -> bool:
        """Take in a comparison of whole numbers; False when it is not of that kind."""
        bounds = _whole_bounds(condition)
        if bounds is None:
            return False
        low, high = bounds
        if low is not None:
            self.low = low if self.low is None else max(self.low, low)
        if high is not None:
            self.high = high if self.high is None else min(self.high, high)
        return True


def _whole(text: str) -> int | None:
    return parse_instant(text) if text else None


def _whole_bounds(condition: Condition) -> tuple[int | None, int | None] | None:
    value = _whole(condition.value)
    if value is None:
        return None
    match condition.operator:
        case "EQ":
            return value, value
        case "GT":
            return value + 1, None
        case "GTE":
            return value, None
        case "LT":
            return None, value - 1
        case "LTE":
            return None, value
        case "BETWEEN":
            high = _whole(condition.high)
            return None if high is None else (value, high)
        case _:
            return None


def find(
    account: Account, table: Table, index: SearchIndex, groups: Iterable[list[Condition]], text: str
) -> list[int]:
    """Ids of all records that match any of the groups and the full text, ascending.

    Raises:
        Refusal: 400 for an unknown property or an operator that does not fit its type.
    """
    finders = [_Group(account, table, index, group) for group in groups]
    if text:
        words = _full_text(table, text)
        for finder in finders:
            finder.tests.append(words)
    found = [finder.ids() for finder in finders]
    if len(found) == 1:
        return found[0]
    return sorted(set().union(*found))


class _Group:
    """One group of conditions that must all hold."""

    def __init__(
        self, account: Account, table: Table, index: SearchIndex, conditions: list[Condition]
    ) -> None:
        self._index = index
        self._times = _Range()
        self._ids = _Range()
        self.tests: list[Test] = []
        modified = table.schema.type.last_modified_property
        for condition in conditions:
            # Built even for the fast paths, for it refuses what is wrong.
            test = _test(account, table, index, condition)
            narrowed = (
                self._ids.narrow(condition)
                if condition.name == "hs_object_id"
                else condition.name == modified and self._times.narrow(condition)
            )
            if not narrowed:
                self.tests.append(test)

    def ids(self) -> list[int]:
        """The matching ids, ascending."""
        candidates = self._candidates()
        if not self.tests:
            return candidates
        docs, tests = self._index.docs, self.tests
        if len(tests) == 1:
            only = tests[0]
            return [one for one in candidates if only(one, docs[one])]
        return [one for one in candidates if all(test(one, docs[one]) for test in tests)]

    def _candidates(self) -> list[int]:
        """Ids within both ranges, by the shorter way."""
        index = self._index
        low_id = -1 if self._ids.low is None else self._ids.low
        high_id = _TOP_ID if self._ids.high is None else self._ids.high
        first, last = bisect_left(index.ids, low_id), bisect_right(index.ids, high_id)
        low_ms, high_ms = self._times.low, self._times.high
        if low_ms is None and high_ms is None:
            return index.ids[first:last]
        if last - first > _FEW:
            ids = index.ids_modified_in(low_ms, high_ms)
            return ids[bisect_left(ids, low_id) : bisect_right(ids, high_id)]
        low = -_TOP_ID if low_ms is None else low_ms
        high = _TOP_ID if high_ms is None else high_ms
        times = index.modified
        return [one for one in index.ids[first:last] if low <= times[one] <= high]


def _full_text(table: Table, text: str) -> Test:
    words = text.lower().split()
    names = table.schema.type.searchable_properties

    def matches(_: int, values: Mapping[str, str]) -> bool:
        there = " ".join(values[name].lower() for name in names if name in values)
        return all(word in there for word in words)

    return matches


def _test(account: Account, table: Table, index: SearchIndex, condition: Condition) -> Test:
    if condition.name.startswith("associations."):
        return _association_test(account, table, condition)
    known = table.schema.live_property(condition.name)
    if known is None:
        raise problem()
    read, number_of = _reader(account, table, index, known)
    if condition.operator in NO_VALUE:
        present = condition.operator == "HAS_PROPERTY"
        return lambda one, values: (read(one, values) is not None) is present
    if condition.operator in _TOKEN:
        return _token_test(known, condition, read)
    if condition.operator in RANGE:
        return _range_test(known, condition, read, number_of)
    return _equality_test(known, condition, read, number_of)


def _reader(
    account: Account, table: Table, index: SearchIndex, known: Property
) -> tuple[Read, Callable[[str], Any]]:
    """How to read a property as something to compare, and how to read a filter's value so."""
    name, parse = known.name, _parser(known)
    if name == "hs_object_id":
        return (lambda one, values: one), parse
    if name == table.schema.type.last_modified_property:
        times = index.modified
        return (lambda one, values: times[one]), parse
    get: Getter | None = getter(table.name, name)

    def stored(one: int, values: Mapping[str, str]) -> Any:
        text = values.get(name)
        return None if not text else parse(text)

    def calculated(one: int, values: Mapping[str, str]) -> Any:
        assert get is not None
        text = get(account, one, values)
        return None if not text else parse(text)

    return (stored if get is None else calculated), parse


def _parser(known: Property) -> Callable[[str], Any]:
    if known.name == "hs_object_id":
        return _integer
    if known.type == "number":
        return _number
    if known.type in _TIMES:
        return parse_instant
    # Strings compare without case, the values of enumerations with it.
    return str.lower if known.type in _TEXT else str


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else None


def _needed(parsed: Any) -> Any:
    if parsed is None:
        raise problem()
    return parsed


def _range_test(
    known: Property, condition: Condition, read: Read, parse: Callable[[str], Any]
) -> Test:
    if known.type != "number" and known.type not in _TIMES:
        raise problem()
    bound = _needed(parse(condition.value))
    match condition.operator:
        case "LT":
            return lambda one, values: (got := read(one, values)) is not None and got < bound
        case "LTE":
            return lambda one, values: (got := read(one, values)) is not None and got <= bound
        case "GT":
            return lambda one, values: (got := read(one, values)) is not None and got > bound
        case "GTE":
            return lambda one, values: (got := read(one, values)) is not None and got >= bound
        case _:
            high = _needed(parse(condition.high))
            return lambda one, values: (
                (got := read(one, values)) is not None and bound <= got <= high
            )


def _equality_test(
    known: Property, condition: Condition, read: Read, parse: Callable[[str], Any]
) -> Test:
    """EQ, NEQ, IN, NOT_IN; the negated ones match only records that have the property."""
    if condition.operator in ("IN", "NOT_IN"):
        # The vendor wants lower case here and finds nothing otherwise.
        given = condition.values if known.type in _TEXT else map(parse, condition.values)
        wanted = frozenset(_needed(value) for value in given)
    else:
        wanted = frozenset({_needed(parse(condition.value))})
    if condition.operator in ("NEQ", "NOT_IN"):
        return lambda one, values: (got := read(one, values)) is not None and got not in wanted
    return lambda one, values: read(one, values) in wanted


def _token_test(known: Property, condition: Condition, read: Read) -> Test:
    if known.type not in _TEXT and known.type != "enumeration":
        raise problem()
    wanted = [_token_pattern(token) for token in condition.value.lower().split()]
    if not wanted:
        raise problem()

    def contains(one: int, values: Mapping[str, str]) -> bool | None:
        got = read(one, values)
        if got is None:
            return None
        text = got.lower()
        return all(pattern.search(text) is not None for pattern in wanted)

    sought = condition.operator == "CONTAINS_TOKEN"
    return lambda one, values: contains(one, values) is sought


def _token_pattern(token: str) -> re.Pattern[str]:
    """A token matches a whole word; `*` at an end lets the word go on there."""
    open_start, open_end = token.startswith("*"), token.endswith("*")
    core = re.escape(token.strip("*"))
    start = r"" if open_start else r"(?<!\w)"
    end = r"" if open_end else r"(?!\w)"
    return re.compile(f"{start}{core}{end}")


def _association_test(account: Account, table: Table, condition: Condition) -> Test:
    try:
        right = account.table(condition.name.removeprefix("associations.")).name
    except Refusal:
        raise problem() from None
    links, left = account.links, table.name
    if condition.operator in NO_VALUE:
        present = condition.operator == "HAS_PROPERTY"
        return lambda one, values: bool(links.targets((left, one), right)) is present
    if condition.operator not in ("EQ", "IN"):
        raise problem()
    texts = condition.values if condition.operator == "IN" else (condition.value,)
    wanted = frozenset(_needed(_integer(text)) for text in texts)
    return lambda one, values: not wanted.isdisjoint(links.targets((left, one), right))


def sorted_ids(
    account: Account, table: Table, index: SearchIndex, ids: list[int], order: Order
) -> list[int]:
    """Ascending ids put in order; records without the property come last, either way.

    Raises:
        Refusal: 400 for an unknown property.
    """
    if order.name == "hs_object_id":
        return ids[::-1] if order.descending else ids
    known = table.schema.live_property(order.name)
    if known is None:
        raise problem()
    read, _ = _reader(account, table, index, known)
    docs = index.docs
    keyed = [(read(one, docs[one]), one) for one in ids]
    filled = [pair for pair in keyed if pair[0] is not None]
    if order.descending:
        # A stable sort: ties stay in ascending id either way, so that pages fit together.
        filled.sort(key=lambda pair: pair[0], reverse=True)
    else:
        filled.sort()
    return [one for _, one in filled] + [one for got, one in keyed if got is None]
