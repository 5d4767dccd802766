"""Associations between deals, contacts and companies of two real accounts (F28, F17)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.twins import Twins, running_twins
from tests.e2e.world import wait

pytestmark = pytest.mark.timeout(180)

WHOLE = {("Deal", "Ann"), ("Deal", "Acme (primary)"), ("Ann", "Acme (primary)")}


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[Twins]:
    with running_twins(tmp_path) as found:
        yield found


def make_whole(twins: Twins) -> tuple[str, str, str]:
    """Let people make a deal, a contact and a company in the first account, and link them."""
    deal, ann, acme = (
        twins.one.make(kind, name)
        for kind, name in (("deals", "Deal"), ("contacts", "Ann"), ("companies", "Acme"))
    )
    twins.one.link("deals", "contacts", deal, ann)
    twins.one.link("deals", "companies", deal, acme)
    twins.one.link("contacts", "companies", ann, acme)
    return deal, ann, acme


def assert_quiet(twins: Twins, polls: int = 5) -> None:
    """Fail if tieline writes anything within some polls of every object in both accounts."""
    marks = [(account, account.last_call()) for account in (twins.one, twins.two)]
    for account, mark in marks:
        wait(
            lambda account=account, mark=mark: min(account.polls(mark).values()) >= polls,  # type: ignore[misc]
            60,
            lambda account=account, mark=mark: account.polls(mark),  # type: ignore[misc]
            pause=0.5,
        )
    for account, mark in marks:
        assert account.writes(mark) == []


def test_f28_links_are_made_on_the_other_side_and_then_all_is_quiet(twins: Twins) -> None:
    make_whole(twins)
    with twins.daemon():
        twins.wait_links(*WHOLE)
        assert_quiet(twins)


def test_f28_links_travel_both_ways_and_so_do_their_removals(twins: Twins) -> None:
    deal, ann, acme = make_whole(twins)
    with twins.daemon():
        twins.wait_links(*WHOLE)
        there = twins.two.ids("deals")["Deal"]
        bob = twins.two.make("contacts", "Bob")
        bolt = twins.two.make("companies", "Bolt")
        twins.two.link("deals", "contacts", there, bob)
        twins.two.link("deals", "companies", there, bolt)
        twins.two.link("contacts", "companies", bob, bolt)
        more = {("Deal", "Bob"), ("Deal", "Bolt"), ("Bob", "Bolt (primary)")}
        twins.wait_links(*WHOLE, *more)
        twins.one.unlink("deals", "contacts", deal, ann)
        twins.one.unlink("deals", "companies", deal, acme)
        twins.two.unlink("contacts", "companies", bob, bolt)
        twins.wait_links(("Ann", "Acme (primary)"), ("Deal", "Bob"), ("Deal", "Bolt"))
        assert_quiet(twins)


@pytest.mark.parametrize("first", ["deals", "others"])
def test_f28_h35_the_ends_may_arrive_in_any_order(twins: Twins, first: str) -> None:
    make_whole(twins)
    if first == "deals":
        twins.configure(others=False)
    else:
        twins.configure(deals_too=False)
    with twins.daemon() as daemon:
        early = ("deals",) if first == "deals" else ("contacts", "companies")
        wait(lambda: all(twins.two.ids(kind) for kind in early), 30, daemon.said, pause=0.5)
        twins.configure()
        assert not daemon.hang_up()["refused"]
        twins.wait_links(*WHOLE)
        assert_quiet(twins)


def test_f28_a_contact_made_after_its_deal_is_linked_and_explain_says_what_was_awaited(
    twins: Twins,
) -> None:
    deal = twins.one.make("deals", "Deal")
    hidden = twins.one.make("contacts", "Hidden")
    twins.one.link("deals", "contacts", deal, hidden)
    twins.configure(contacts="filter: {one: {firstname: Ann}}")
    with twins.daemon():
        wait(lambda: bool(twins.two.ids("deals")), 30, twins.one.links, pause=0.5)

        def reason() -> str:
            stories = twins.ask("explain", "one", deal)["stories"]
            return next((one["reason"] for one in stories if one["sync"] == "twins/deals"), "")

        wait(lambda: f"waits for contacts {hidden} of one" in reason(), 30, reason, pause=0.5)
        assert "excluded" in reason()
        twins.one.touch("contacts", hidden, firstname="Ann")
        twins.wait_links(("Deal", "Ann"))
        assert reason() == ""


def test_f28_a_member_that_is_archived_is_no_removal(twins: Twins) -> None:
    _, ann, _ = make_whole(twins)
    with twins.daemon():
        twins.wait_links(*WHOLE)
        twins.one.archive("contacts", ann)
        wait(lambda: twins.one.links() == {("Deal", "Acme (primary)")}, 10, twins.one.links)
        twins.one.touch("deals", twins.one.ids("deals")["Deal"], dealname="Deal 2")
        wait(lambda: "Deal 2" in twins.two.ids("deals"), 30, twins.two.links, pause=0.5)
        assert_quiet(twins)
        assert {("Deal 2", "Ann"), ("Ann", "Acme (primary)")} <= twins.two.links()


def test_f28_i6_h37_a_one_way_sync_never_writes_its_source(twins: Twins) -> None:
    deal, ann, _ = make_whole(twins)
    twins.configure(direction="to-two")
    mark = twins.one.last_call()
    with twins.daemon():
        twins.wait_links(*WHOLE)
        bob = twins.two.make("contacts", "Bob")
        twins.two.link("deals", "contacts", twins.two.ids("deals")["Deal"], bob)
        twins.one.unlink("deals", "contacts", deal, ann)
        left = WHOLE - {("Deal", "Ann")}
        wait(lambda: twins.two.links() == left | {("Deal", "Bob")}, 30, twins.two.links, pause=0.5)
        assert_quiet(twins)
        assert twins.one.links() == left
    assert twins.one.writes(mark) == []


def test_f28_removals_can_be_kept_apart(twins: Twins) -> None:
    deal, ann, _ = make_whole(twins)
    twins.configure(deals="associations: [{object: contacts, removals: keep}]")
    with twins.daemon():
        wait(lambda: ("Deal", "Ann") in twins.two.links(), 30, twins.two.links, pause=0.5)
        assert ("Deal", "Acme (primary)") not in twins.two.links(), "only contacts were asked for"
        twins.one.unlink("deals", "contacts", deal, ann)
        twins.one.touch("deals", deal, dealname="Deal 2")
        wait(lambda: "Deal 2" in twins.two.ids("deals"), 30, twins.two.links, pause=0.5)
        assert_quiet(twins)
        assert ("Deal 2", "Ann") in twins.two.links()
        assert ("Deal 2", "Ann") not in twins.one.links()


def test_f28_the_primary_company_travels_where_both_apps_have_one(twins: Twins) -> None:
    deal, _, _ = make_whole(twins)
    bolt = twins.one.make("companies", "Bolt")
    twins.one.link("deals", "companies", deal, bolt)
    name = "associations.companies.primary"
    twins.configure(deals=f"associations: [contacts, companies, {{one: {name}, two: {name}}}]")
    with twins.daemon():
        twins.wait_links(*WHOLE, ("Deal", "Bolt"))
        twins.one.mark_primary("deals", deal, bolt)
        moved = {("Deal", "Acme"), ("Deal", "Bolt (primary)")}
        twins.wait_links(("Deal", "Ann"), ("Ann", "Acme (primary)"), *moved)
        assert_quiet(twins)


def test_f28_one_pass_links_everything_and_a_second_writes_nothing(twins: Twins) -> None:
    make_whole(twins)
    twins.once()
    assert twins.two.links() == WHOLE
    marks = twins.one.last_call(), twins.two.last_call()
    twins.once()
    assert (twins.one.writes(marks[0]), twins.two.writes(marks[1])) == ([], [])


def test_f17_check_explains_the_associations(twins: Twins) -> None:
    found = {
        (one["sync"], one["object"]): one for one in twins.ask("check", "--explain")["associations"]
    }
    assert found["twins/deals", "contacts"]["linked_by"] == "twins/contacts"
    assert found["twins/deals", "companies"]["direction"] == "both"
    assert found["twins/companies", "deals"]["fields"] == []


def test_f28_h15_a_merge_of_two_linked_contacts_removes_no_link(twins: Twins) -> None:
    deal, ann, _ = make_whole(twins)
    anna = twins.one.make("contacts", "Anna")
    twins.one.link("deals", "contacts", deal, anna)
    twins.configure(presence="5s")
    with twins.daemon():
        twins.wait_links(*WHOLE, ("Deal", "Anna"))
        survivor = twins.one.merge("contacts", ann, anna)

        def statuses() -> list[str]:
            stories = twins.ask("explain", "one", survivor)["stories"]
            return [one["status"] for one in stories if len(one["ends"]) > 1]

        wait(lambda: statuses() == ["in sync"], 60, statuses, pause=0.5)
        assert_quiet(twins, polls=8)
        assert twins.one.links() == WHOLE
        assert twins.two.links() == WHOLE | {("Deal", "Anna")}, "the twin is left to a person"
        twins.one.unlink("deals", "contacts", deal, survivor)
        wait(lambda: ("Deal", "Ann") not in twins.two.links(), 30, twins.two.links, pause=0.5)
        assert twins.one.links() == WHOLE - {("Deal", "Ann")}
