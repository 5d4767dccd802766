"""Associations between deals, contacts and companies of two real accounts (F28, F17)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.twins import Twins, running_twins

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


def assert_quiet(twins: Twins, seconds: float = 8) -> None:
    """Fail if tieline writes anything within some polls and looks."""
    marks = [(account, account.last_call()) for account in (twins.one, twins.two)]
    time.sleep(seconds)
    for account, mark in marks:
        assert account.last_call() > mark, "nobody polls"
        assert account.writes(mark) == []


def test_f28_links_are_made_on_the_other_side_and_then_all_is_quiet(twins: Twins) -> None:
    make_whole(twins)
    with twins.daemon():
        twins.wait_links(*WHOLE)
        assert_quiet(twins)


def test_f28_links_travel_both_ways_and_so_do_their_removals(twins: Twins) -> None:
    deal, ann, _ = make_whole(twins)
    with twins.daemon():
        twins.wait_links(*WHOLE)
        there = {name: one for one, name in twins.two.names("deals").items()}
        bob = twins.two.make("contacts", "Bob")
        twins.two.link("deals", "contacts", there["Deal"], bob)
        twins.wait_links(*WHOLE, ("Deal", "Bob"))
        twins.one.unlink("deals", "contacts", deal, ann)
        twins.wait_links(*(WHOLE - {("Deal", "Ann")}), ("Deal", "Bob"))
        assert_quiet(twins)
