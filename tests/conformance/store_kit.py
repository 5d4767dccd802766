"""What every store must do: run it by subclassing `StoreKit` and naming a place for the store.

`build_machine` gives a hypothesis state machine of commits against a model that shares no code
with any store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from actors.errors import StoreError
from actors.intents import Intent, IntentKind, UnitWrite
from actors.links import (
    Base,
    Change,
    Chosen,
    Commit,
    Conflict,
    End,
    Late,
    Link,
    OrderDone,
    Seen,
    Settled,
    Status,
)
from actors.orders import AnyOrder, Choose, Resync, Retry
from actors.ports import MOST_PER_KEY, Store
from actors.records import Departure, Side

DEALS, CONTACTS = "sales/deals", "sales/contacts"
AWKWARD = "ж" * 65_536 + "\x00\u202e🙂e\u0301\r\n'\"\\"
ODD_KEY = "ж" * 100 + "=\u202e🙂e\u0301\n'\"\\"  # a NUL never comes into a key


class Place(Protocol):
    """Where one store lives: opening it again finds what was committed."""

    def open(self) -> AbstractAsyncContextManager[Store]: ...


def link(key: int, left: str | None = None, right: str | None = None, **rest: Any) -> Link:
    sync = rest.pop("sync", DEALS)
    ends = {"left": left and End(id=left), "right": right and End(id=right)}
    return Link(id=key, sync=sync, **ends, **rest)  # type: ignore[arg-type]  # str is truthy


def intent(key: int, link_id: int = 1, sync: str = DEALS, attempts: int = 0) -> Intent:
    unit = UnitWrite(unit="name", version=3, source=("A",), sent=(None,), expected=("", AWKWARD))
    return Intent(
        id=key,
        sync=sync,
        link=link_id,
        side=Side.RIGHT,
        kind=IntentKind.UPDATE,
        units=(unit,),
        values={"name": None, "note": AWKWARD},
        record_id="r1",
        token="t",
        edited_us=1,
        decided_us=2,
        attempts=attempts,
    )


def conflict(unit: str = "name", at_us: int = 1, **rest: Any) -> Conflict:
    known: dict[str, Any] = {"left": ("A",), "right": (None,), "left_us": 10, "right_us": 20}
    known |= {"sync": DEALS, "link": 1, "rule": "M7", "winner": Side.LEFT} | rest
    return Conflict(unit=unit, at_us=at_us, **known)


CHOICE = Choose(
    link=1,
    unit="name",
    left=("A",),
    right=(AWKWARD,),
    source=Side.RIGHT,
    value=(None,),
    conflict=conflict(),
)


def change(link_id: int, at_us: int, **rest: Any) -> Change:
    known: dict[str, Any] = {"sync": DEALS, "side": Side.RIGHT, "record_id": "r1", "unit": "name"}
    known |= {"rule": "M3", "before": ("A",), "after": (AWKWARD,)} | rest
    return Change(link=link_id, at_us=at_us, **known)


def full_end(record_id: str) -> End:
    return End(
        id=record_id,
        seen=Seen(token="v7", modified_us=1_772_442_000_000_001, values={"a": AWKWARD, "b": None}),
        base={"amount": Base(version=2, raws=("1500.00", "EUR")), "empty": Base(1, (None,))},
        moved={"stage": (5, 9)},
        replaced=("v5", "v6"),
        late={"name": (Late(until_us=99, raws=("x",)),)},
        chosen={"name": Chosen(("A",), (AWKWARD,), 5, "undo")},
        asked=("amount", "name"),
        gone=Departure.ARCHIVED,
    )


def full_link(key: int) -> Link:
    return Link(
        id=key,
        sync=DEALS,
        left=full_end(f"l{key}"),
        right=full_end(f"r{key}"),
        status=Status.FAILING,
        reason=f"option “Gold” has no counterpart: {AWKWARD}",
        due_us=2**53 + 1,
        attempts=7,
        recover=True,
    )


async def commit(store: Store, *links: Link, **rest: Any) -> None:
    await store.commit(Commit(sync=rest.pop("sync", DEALS), links=links, **rest))


class StoreKit:
    """Subclass it with a fixture `place`, not shared between tests."""

    async def test_a_fresh_store_is_empty(self, place: Place) -> None:
        async with place.open() as store:
            assert await store.load_links(DEALS, "left", ["1"]) == {}
            assert await store.load_links(DEALS, "right", []) == {}
            assert await store.load_links_by_id([1]) == {}
            assert await store.load_due(DEALS, 2**62, 10) == ()
            assert await store.page_links(DEALS, 0, 10) == ()
            assert await store.load_intents(DEALS) == ()
            assert await store.load_cursor(DEALS, "left") is None
            assert await store.load_conflicts(DEALS, 1) == ()

    async def test_everything_comes_back_as_it_was_committed(self, place: Place) -> None:
        links, wanted = (full_link(1), link(2, left="l2")), intent(3)
        found = conflict(left=(AWKWARD, None), right=("",), uncertain=True, outcome="copied")
        async with place.open() as store:
            await commit(
                store,
                *links,
                intents=(wanted,),
                conflicts=(found,),
                history=(change(1, 5),),
                cursors={"left": AWKWARD},
            )
        async with place.open() as store:
            assert await store.page_links(DEALS, 0, 10) == links
            assert await store.load_intents(DEALS) == (wanted,)
            assert await store.load_conflicts(DEALS, 1) == (found,)
            assert await store.load_cursor(DEALS, "left") == AWKWARD

    async def test_links_are_found_by_the_record_of_either_side(self, place: Place) -> None:
        one, two = link(1, left="10", right="7"), link(2, left="9")
        async with place.open() as store:
            await commit(store, one, two)
            found = await store.load_links(DEALS, "left", ["9", "10", "8", "9"])
            assert found == {"10": one, "9": two}
            assert await store.load_links(DEALS, "right", ["7", "9"]) == {"7": one}
            assert await store.load_links_by_id([2, 1, 3]) == {1: one, 2: two}

    async def test_records_that_are_at_rest_just_as_read_are_told_apart(self, place: Place) -> None:
        known = Seen("t1", 7, {"name": AWKWARD, "word": "seen", "none": None}, 3)
        ends = {
            "same": End(id="same", seen=known),
            "moved": End(id="moved", seen=replace(known, token="t0")),
            "edited": End(id="edited", seen=replace(known, values={**known.values, "name": "n"})),
            "older": End(id="older", seen=replace(known, modified_us=6)),
            "reconfigured": End(id="reconfigured", seen=replace(known, config=2)),
            "unseen": End(id="unseen"),
            "left": End(id="left", seen=known, gone=Departure.ARCHIVED),
            "due": End(id="due", seen=known),
        }
        links = {
            one: Link(id=key, sync=DEALS, right=end, due_us=5 if one == "due" else None)
            for key, (one, end) in enumerate(ends.items(), 1)
        }
        async with place.open() as store:
            await commit(store, *links.values())
            seen = dict.fromkeys((*ends, "never heard of"), known)
            found, resting = await store.compare_links(DEALS, "right", seen)
            assert resting == {"same"}
            assert found == {one: link for one, link in links.items() if one != "same"}
            assert await store.compare_links(CONTACTS, "right", seen) == ({}, set())
            assert await store.compare_links(DEALS, "left", {}) == ({}, set())

    async def test_a_snapshot_in_another_order_is_only_looked_at_closer(self, place: Place) -> None:
        known = Seen("t1", 7, {"a": "gone", "b": None}, 3)
        one = Link(id=1, sync=DEALS, left=End(id="1", seen=known))
        turned = replace(known, values=dict(reversed(known.values.items())))
        async with place.open() as store:
            await commit(store, one)
            found, resting = await store.compare_links(DEALS, "left", {"1": turned})
            assert (found, resting) in (({"1": one}, set()), ({}, {"1"}))

    async def test_links_are_found_by_the_match_keys_of_either_side(self, place: Place) -> None:
        shared = link(1, left="a", right="b")
        one = replace(shared, left=End(id="a", keys=("k=1", ODD_KEY)), right=End(id="b"))
        two = Link(id=2, sync=DEALS, left=End(id="c", keys=("k=1",)))
        far = Link(id=3, sync=DEALS, right=End(id="d", keys=("k=1", "k=2")))
        other = Link(id=4, sync=CONTACTS, left=End(id="a", keys=("k=1",)))
        async with place.open() as store:
            await commit(store, one, two, far)
            await commit(store, other, sync=CONTACTS)
            assert await store.load_by_keys(DEALS, "left", ["k=2", "k=1", ODD_KEY]) == {
                "k=1": (one, two),
                ODD_KEY: (one,),
            }
            assert await store.load_by_keys(DEALS, "right", ["k=1"]) == {"k=1": (far,)}
            assert await store.load_by_keys(DEALS, "left", []) == {}
            assert await store.load_by_keys(CONTACTS, "left", ["k=1"]) == {"k=1": (other,)}

    async def test_match_keys_follow_what_a_link_holds_and_go_with_it(self, place: Place) -> None:
        one = Link(id=1, sync=DEALS, left=End(id="a", keys=("k=1", "k=2")))
        two = Link(id=2, sync=DEALS, left=End(id="b", keys=("k=1",)))
        async with place.open() as store:
            await commit(store, one, two)
            changed = replace(one, left=End(id="a", keys=("k=2", "k=3")))
            await commit(store, changed)
            keys = ["k=1", "k=2", "k=3"]
            found = await store.load_by_keys(DEALS, "left", keys)
            assert found == {"k=1": (two,), "k=2": (changed,), "k=3": (changed,)}
            merged = replace(changed, right=End(id="r", keys=("k=3",)))
            await commit(store, merged, dropped=(2,))
        async with place.open() as store:
            assert await store.load_by_keys(DEALS, "left", keys) == {
                "k=2": (merged,),
                "k=3": (merged,),
            }
            assert await store.load_by_keys(DEALS, "right", keys) == {"k=3": (merged,)}

    async def test_of_very_many_with_one_key_the_oldest_come(self, place: Place) -> None:
        links = tuple(
            Link(id=key, sync=DEALS, left=End(id=f"{key}", keys=("same",)))
            for key in range(1, MOST_PER_KEY + 9)
        )
        async with place.open() as store:
            await commit(store, *links)
            found = await store.load_by_keys(DEALS, "left", ["same"])
            assert found == {"same": links[:MOST_PER_KEY]}

    async def test_a_batch_of_any_size_is_one_question(self, place: Place) -> None:
        links = tuple(link(key, left=f"é{key}") for key in range(1, 3001))
        async with place.open() as store:
            await commit(store, *links)
            assert len(
                await store.load_links(DEALS, "left", [f"é{key}" for key in range(6000)])
            ) == (3000)

    async def test_syncs_do_not_see_each_other(self, place: Place) -> None:
        deal, contact = link(1, left="5", due_us=1), link(2, left="5", due_us=1, sync=CONTACTS)
        async with place.open() as store:
            await commit(store, deal, cursors={"left": "d"}, intents=(intent(3),))
            await commit(store, contact, sync=CONTACTS, cursors={"left": "c"})
            assert await store.load_links(CONTACTS, "left", ["5"]) == {"5": contact}
            assert await store.page_links(DEALS, 0, 10) == (deal,)
            assert await store.load_due(DEALS, 1, 10) == (deal,)
            assert await store.load_cursor(CONTACTS, "left") == "c"
            assert await store.load_intents(CONTACTS) == ()

    async def test_due_links_come_longest_due_first(self, place: Place) -> None:
        times = {1: 30, 2: None, 3: 10, 4: 41, 5: 40, 6: 10}
        links = [link(key, left=str(key), due_us=due) for key, due in times.items()]
        async with place.open() as store:
            await commit(store, *links)
            assert [one.id for one in await store.load_due(DEALS, 40, 10)] == [3, 6, 1, 5]
            assert [one.id for one in await store.load_due(DEALS, 40, 3)] == [3, 6, 1]
            assert await store.load_due(DEALS, 9, 10) == ()

    async def test_paging_goes_through_all_links_in_id_order(self, place: Place) -> None:
        links = [link(key, left=str(90 - key)) for key in (5, 1, 4, 2)]
        async with place.open() as store:
            await commit(store, *links, link(3, left="1", sync=CONTACTS))
            first = await store.page_links(DEALS, 0, 3)
            assert [one.id for one in first] == [1, 2, 4]
            assert [one.id for one in await store.page_links(DEALS, 4, 3)] == [5]

    async def test_a_link_is_replaced_as_a_whole(self, place: Place) -> None:
        async with place.open() as store:
            await commit(store, full_link(1))
            await commit(store, link(1, right="r9"))
            assert await store.load_links_by_id([1]) == {1: link(1, right="r9")}
            assert await store.load_links(DEALS, "left", ["l1"]) == {}
            assert await store.load_due(DEALS, 2**62, 1) == ()

    async def test_a_dropped_link_frees_its_records(self, place: Place) -> None:
        merged = link(2, left="b", right="a")
        async with place.open() as store:
            await commit(store, link(1, left="a", right="a"), link(2, left="b"))
            await commit(store, merged, dropped=(1, 77))
            assert await store.page_links(DEALS, 0, 10) == (merged,)
            assert await store.load_links(DEALS, "right", ["a"]) == {"a": merged}

    async def test_links_may_exchange_records_in_one_commit(self, place: Place) -> None:
        swapped = (link(1, left="b", right="x"), link(2, left="a"), link(3, left="c", right="y"))
        async with place.open() as store:
            await commit(store, link(1, left="a", right="y"), link(2, left="b", right="x"))
            await commit(store, *swapped)
            assert await store.page_links(DEALS, 0, 10) == swapped
            assert await store.load_links(DEALS, "left", ["a"]) == {"a": swapped[1]}

    @pytest.mark.parametrize("side", list(Side))
    async def test_h14_a_record_has_one_link_and_nothing_is_stored_otherwise(
        self, place: Place, side: Side
    ) -> None:
        there, again = link(1, **{side.value: "a"}), link(2, **{side.value: "a"})
        async with place.open() as store:
            await commit(store, there, cursors={"left": "old"})
            with pytest.raises(StoreError, match=f"{side} record a belongs to link 1"):
                await commit(
                    store,
                    link(3, left="z"),
                    again,
                    intents=(intent(4),),
                    conflicts=(conflict(),),
                    cursors={"left": "new"},
                )
            assert await store.page_links(DEALS, 0, 10) == (there,)
            assert await store.load_intents(DEALS) == ()
            assert await store.load_conflicts(DEALS, 1) == ()
            assert await store.load_cursor(DEALS, "left") == "old"
            await commit(store, link(3, left="z"))

    async def test_h14_two_links_of_one_commit_cannot_share_a_record(self, place: Place) -> None:
        async with place.open() as store:
            with pytest.raises(StoreError, match="record a belongs to link"):
                await commit(store, link(1, left="a"), link(2, left="a"))
            assert await store.page_links(DEALS, 0, 10) == ()

    async def test_intents_stay_until_they_have_an_outcome(self, place: Place) -> None:
        again = intent(5, attempts=1)
        async with place.open() as store:
            await commit(store, intents=(intent(5), intent(4)))
            await commit(store, intents=(again,))
            assert await store.load_intents(DEALS) == (intent(4), again)
            await commit(store, settled=(Settled(intent=4, outcome="done", at_us=9),))
        async with place.open() as store:
            assert await store.load_intents(DEALS) == (again,)

    @pytest.mark.parametrize("wrong", [(3,), (4, 4), (5,)])
    async def test_an_intent_is_settled_once_or_the_commit_fails(
        self, place: Place, wrong: tuple[int, ...]
    ) -> None:
        settled = tuple(Settled(intent=key, outcome="done", at_us=9) for key in wrong)
        async with place.open() as store:
            await commit(store, intents=(intent(4), intent(5)))
            await commit(store, settled=(Settled(intent=5, outcome="done", at_us=9),))
            with pytest.raises(StoreError, match="cannot be settled"):
                await commit(store, link(1, left="a"), settled=settled)
            with pytest.raises(StoreError, match="cannot be attempted again"):
                await commit(store, link(1, left="a"), intents=(intent(5),))
            assert await store.load_intents(DEALS) == (intent(4),)
            assert await store.page_links(DEALS, 0, 1) == ()

    async def test_cursors_move_with_the_work(self, place: Place) -> None:
        async with place.open() as store:
            await commit(store, cursors={"left": "1", "left.backfill": ""})
            await commit(store, cursors={"left": "2"})
            assert await store.load_cursor(DEALS, "left") == "2"
            assert await store.load_cursor(DEALS, "left.backfill") == ""

    async def test_h40_a_conflict_that_recurs_is_one_conflict(self, place: Place) -> None:
        settled = conflict(at_us=7, outcome="settled", winner=None, rule="ask", uncertain=True)
        async with place.open() as store:
            await commit(store, conflicts=(conflict(at_us=1), conflict(unit="amount", at_us=2)))
            await commit(store, conflicts=(settled, conflict(at_us=8, left_us=11)))
            assert await store.load_conflicts(DEALS, 1) == (
                conflict(at_us=8, left_us=11),
                conflict(unit="amount", at_us=2),
                conflict(at_us=1, outcome="settled", winner=None, rule="ask", uncertain=True),
            )
            assert await store.load_conflicts(DEALS, 2) == ()
            assert await store.load_conflicts(CONTACTS, 1) == ()

    async def test_an_order_is_open_until_it_is_done_and_is_done_once(self, place: Place) -> None:
        async with place.open() as store:
            orders = (Retry(links=(1, 2)), CHOICE, Resync())
            numbers = [await self.give(store, DEALS, one) for one in orders]
            await self.give(store, CONTACTS, Resync())
            asked = await store.load_orders(DEALS)
            assert tuple(one.order for one in asked) == orders
            assert {(one.by, one.at_us, one.sync) for one in asked} == {("kari", 7, DEALS)}
            done = OrderDone(order=numbers[1], outcome="taken", at_us=9)
            await commit(store, link(1, "l1"), orders_done=(done,))
            left = [one.id for one in await store.load_orders(DEALS)]
            assert left == [numbers[0], numbers[2]]
            with pytest.raises(StoreError, match="done or unknown"):
                await commit(store, link(1, "l2"), orders_done=(done,))
            assert await store.load_links(DEALS, "left", ["l2"]) == {}
        async with place.open() as store:
            assert len(await store.load_orders(DEALS)) == 2

    async def give(self, store: Store, sync: str, order: AnyOrder) -> int:
        """Leave an order as people do, by `kari` at 7, and return its number."""
        raise NotImplementedError

    async def test_an_id_never_comes_back(self, place: Place) -> None:
        async with place.open() as store:
            ids = [store.new_id() for _ in range(5)]
            assert len(set(ids)) == 5
            await commit(store, link(ids[3], left="a"), intents=(intent(ids[4]),))
            await commit(store, link(ids[0], left="b"), dropped=(ids[3],))
        async with place.open() as store:
            assert store.new_id() > ids[4]


class Model:
    """What a store holds, told by the plainest code."""

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}
        self.intents: dict[int, Intent] = {}
        self.settled: set[int] = set()
        self.cursors: dict[tuple[str, str], str] = {}
        self.conflicts: dict[tuple[object, ...], Conflict] = {}

    def after(self, work: Commit) -> Model | None:
        """Return the state after `work`, or None if it must be refused."""
        new = Model()
        new.links = {key: one for key, one in self.links.items() if key not in work.dropped}
        new.links |= {one.id: one for one in work.links}
        claims = [
            (one.sync, side, end.id)
            for one in new.links.values()
            for side in Side
            if (end := one.end(side))
        ]
        new.intents = self.intents | {one.id: one for one in work.intents}
        ended = [one.intent for one in work.settled]
        legal = (
            len(set(claims)) == len(claims)
            and not any(one.id in self.settled for one in work.intents)
            and len(set(ended)) == len(ended)
            and all(key in new.intents for key in ended)
        )
        if not legal:
            return None
        for key in ended:
            del new.intents[key]
        new.settled = self.settled | set(ended)
        new.cursors = self.cursors | {(work.sync, name): at for name, at in work.cursors.items()}
        new.conflicts = dict(self.conflicts)
        for one in work.conflicts:
            known = (one.sync, one.link, one.unit, one.left, one.right, one.left_us, one.right_us)
            new.conflicts[known] = one
        return new

    async def check(self, store: Store) -> None:
        """Assert that the store says the same by each of its questions."""
        ids = list(range(1, 8))
        assert await store.load_links_by_id(ids) == self.links
        for sync in (DEALS, CONTACTS):
            mine = [one for _, one in sorted(self.links.items()) if one.sync == sync]
            assert await store.page_links(sync, 2, 3) == tuple(o for o in mine if o.id > 2)[:3]
            due = sorted((o.due_us, o.id) for o in mine if o.due_us is not None and o.due_us <= 5)
            assert [o.id for o in await store.load_due(sync, 5, 2)] == [key for _, key in due[:2]]
            for side in Side:
                held = {end.id: o for o in mine if (end := o.end(side))}
                assert await store.load_links(sync, side, ["c", "a", "b"]) == held
            open_intents = [o for _, o in sorted(self.intents.items()) if o.sync == sync]
            assert await store.load_intents(sync) == tuple(open_intents)
            for name in ("left", "right"):
                assert await store.load_cursor(sync, name) == self.cursors.get((sync, name))
            for key in (1, 2):
                found = [o for o in self.conflicts.values() if (o.sync, o.link) == (sync, key)]
                assert await store.load_conflicts(sync, key) == tuple(found[::-1])


syncs = st.sampled_from([DEALS, CONTACTS])
record_ids = st.none() | st.sampled_from("abc")
links = st.builds(
    link,
    st.integers(1, 7),
    record_ids,
    record_ids,
    sync=syncs,
    status=st.sampled_from(Status),
    due_us=st.none() | st.integers(1, 9),
    attempts=st.integers(0, 2),
)
conflicts = st.builds(
    conflict,
    st.sampled_from(["name", "amount"]),
    st.just(1),
    sync=syncs,
    link=st.integers(1, 2),
    outcome=st.sampled_from(["open", "settled"]),
)
works = st.builds(
    Commit,
    sync=syncs,
    links=st.lists(links, max_size=4).map(tuple),
    dropped=st.lists(st.integers(1, 7), max_size=2).map(tuple),
    intents=st.lists(
        st.builds(intent, st.integers(11, 15), st.integers(1, 7), syncs, st.integers(0, 3)),
        max_size=2,
    ).map(tuple),
    settled=st.lists(
        st.builds(Settled, intent=st.integers(11, 15), outcome=st.just("done"), at_us=st.just(1)),
        max_size=1,
    ).map(tuple),
    conflicts=st.lists(conflicts, max_size=2).map(tuple),
    history=st.lists(st.builds(change, st.integers(1, 7), st.integers(1, 9)), max_size=1).map(
        tuple
    ),
    cursors=st.dictionaries(st.sampled_from(["left", "right"]), st.sampled_from("xyz"), max_size=2),
)


class StoreMachine(RuleBasedStateMachine):
    """Commits at random, legal and not, and restarts; `make_place` is given by the subclass."""

    make_place: Callable[[], Place]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.place = self.make_place()
        self.model = Model()
        self.open()

    def open(self) -> None:
        self.opened = self.place.open()
        self.store = self.runner.run(self.opened.__aenter__())

    def close(self) -> None:
        self.runner.run(self.opened.__aexit__(None, None, None))

    @rule(work=works)
    def commit(self, work: Commit) -> None:
        expected = self.model.after(work)
        try:
            self.runner.run(self.store.commit(work))
        except StoreError:
            assert expected is None
        else:
            assert expected is not None
            self.model = expected

    @rule()
    def restart(self) -> None:
        self.close()
        self.open()

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        self.runner.run(self.model.check(self.store))

    def teardown(self) -> None:
        self.close()
        self.runner.close()
