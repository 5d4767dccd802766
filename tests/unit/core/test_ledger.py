"""The ledger of one step: the latest state of each link, as one transaction."""

from __future__ import annotations

from actors.ledger import Ledger
from actors.links import End, Link, Settled, Status
from tests.support.builders import LEFT, RIGHT


def link(key: int, left: str | None = None, right: str | None = None) -> Link:
    return Link(
        id=key,
        sync="c/deals",
        left=End(id=left) if left else None,
        right=End(id=right) if right else None,
    )


def test_what_was_loaded_is_found_by_record_and_by_id_but_not_stored_again() -> None:
    ledger = Ledger("c/deals", [link(1, "a", "x"), link(2, None, "y")])
    assert ledger.of(LEFT, "a") == ledger.of(RIGHT, "x") == ledger.link(1)
    assert ledger.of(RIGHT, "y") == ledger.link(2)
    assert ledger.of(LEFT, "x") is None
    assert ledger.is_empty
    assert ledger.work().links == ()


def test_the_last_state_of_a_link_is_stored_once_in_id_order() -> None:
    ledger = Ledger("c/deals", [link(2, "b")])
    ledger.put(link(5, "e"))
    ledger.put(link(2, "b", "x"))
    final = Link(id=5, sync="c/deals", left=End(id="e"), status=Status.HELD)
    ledger.put(final)
    assert ledger.work().links == (link(2, "b", "x"), final)
    assert not ledger.is_empty


def test_a_record_that_changed_its_link_is_found_under_the_new_one() -> None:
    ledger = Ledger("c/deals", [link(1, "a"), link(2, None, "x")])
    ledger.drop(link(2, None, "x"))
    ledger.put(link(1, "a", "x"))
    found = ledger.of(RIGHT, "x")
    assert found is not None
    assert found.id == 1
    assert ledger.link(2) is None
    assert ledger.work().dropped == (2,)


def test_an_end_that_was_given_up_is_not_found_any_more() -> None:
    ledger = Ledger("c/deals", [link(1, "old", "x")])
    ledger.put(link(1, "new", "x"))
    assert ledger.of(LEFT, "old") is None
    assert ledger.of(LEFT, "new") == link(1, "new", "x")


def test_a_row_that_was_stored_and_then_dropped_is_only_dropped() -> None:
    ledger = Ledger("c/deals")
    ledger.put(link(1, "a"))
    ledger.drop(link(1, "a"))
    assert ledger.work().links == ()
    assert ledger.work().dropped == (1,)
    assert ledger.of(LEFT, "a") is None


def test_dropping_a_row_leaves_a_record_that_has_moved_on_where_it_is() -> None:
    ledger = Ledger("c/deals", [link(1, "a"), link(2, None, "x")])
    ledger.put(link(1, "a", "x"))
    ledger.drop(link(2, None, "x"))
    found = ledger.of(RIGHT, "x")
    assert found is not None
    assert found.id == 1


def test_cursors_alone_are_nothing_to_do_but_travel_with_the_work() -> None:
    ledger = Ledger("c/deals")
    ledger.cursors = {"left": "7"}
    assert ledger.is_empty
    assert ledger.work().cursors == {"left": "7"}
    ledger.settled.append(Settled(intent=1, outcome="done", at_us=0))
    assert not ledger.is_empty
