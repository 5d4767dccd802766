"""Filters, and who is created or updated, between the sandbox and a real Tryton (F19, F20)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.test_deals import copy_of, new_deal
from tests.e2e.world import World, wait

pytestmark = pytest.mark.timeout(180)


def under(world: World, *lines: str) -> None:
    """Configure the deals sync with further lines."""
    world.configure(more_fields="".join(f"\n      {line}" for line in lines))


def story(world: World, app: str, record: str) -> Any:  # Any: the command's JSON
    """Return what `explain` tells of a record."""
    (found,) = world.ask("explain", app, record)["stories"]
    return found


def test_f19_a_filter_on_an_unmapped_field_decides_what_is_linked_and_says_why(
    world: World,
) -> None:
    wanted = new_deal(world, "Pumps", amount="1000.00", dealtype="newbusiness")
    other = new_deal(world, "Valves", amount="1000.00", dealtype="existingbusiness")
    small = new_deal(world, "Seals", amount="999.99", dealtype="newbusiness")
    under(world, "filter: {hubspot: {dealtype: New Business, amount: {gte: 1000}}}")
    (plan,) = world.ask("plan")["syncs"]
    assert any("hubspot: only records that pass the filter" in rule for rule in plan["rules"])
    assert any("leave: stop" in rule for rule in plan["rules"])
    left = {one["reason"]: one["records"] for one in plan["sides"][0]["left"]}
    assert left == {
        'filter: "amount" must be at least 1000': 1,
        'filter: "dealtype" must be "New Business"': 1,
    }
    world.once()
    assert list(world.pairs()) == [wanted]
    assert '"dealtype" must be "New Business"' in story(world, "hubspot", other)["reason"]
    assert '"amount" must be at least 1000' in story(world, "hubspot", small)["reason"]
    reasons = [one["reason"] for one in world.ask("status")["syncs"][0]["counts"]]
    assert 'filter: "amount" must be at least 1000' in reasons
    world.edit_hubspot(small, amount="1000.00")
    world.once()
    assert set(world.pairs()) == {wanted, small}


def test_f19_the_update_that_makes_a_deal_leave_arrives_and_later_ones_wait_for_its_return(
    world: World,
) -> None:
    deal = new_deal(world, "Pumps", amount="2000.00", deal_currency_code="EUR")
    under(world, "filter: {hubspot: {amount: {gte: 1000}}}")
    with world.daemon():
        copy = copy_of(world, deal)
        world.edit_hubspot(deal, amount="500.00", dealname="Last word")
        wait(lambda: world.erp_deals()[copy].name == "Last word", 20, world.erp_deals)
        assert world.erp_deals()[copy].amount == 500
        wait(
            lambda: story(world, "hubspot", deal)["status"] == "excluded",
            20,
            lambda: story(world, "hubspot", deal),
        )
        assert "amount" in story(world, "erp", copy)["reason"]
        world.edit_hubspot(deal, dealname="Unheard")
        other = new_deal(world, "Next", amount="3000.00")
        copy_of(world, other)  # so the edit before it has been read as well
        assert world.erp_deals()[copy].name == "Last word"
        world.edit_hubspot(deal, amount="1500.00")
        wait(lambda: world.erp_deals()[copy].name == "Unheard", 20, world.erp_deals)
        wait(lambda: not world.differences(), 20, world.differences)
    assert story(world, "hubspot", deal)["status"] == "in sync"
    assert world.ask("conflicts", "--all")["conflicts"] == []


def test_f19_first_sync_only_goes_on_with_what_is_linked(world: World) -> None:
    deal = new_deal(world, "Pumps", amount="2000.00", deal_currency_code="EUR")
    never = new_deal(world, "Seals", amount="20.00", deal_currency_code="EUR")
    under(world, "filter: {hubspot: {amount: {gte: 1000}}, leave: first-sync-only}")
    world.once()
    copy = world.pairs()[deal]
    world.edit_hubspot(deal, amount="5.00")
    world.once()
    world.edit_erp(copy, description="Still heard")
    world.once()
    assert world.hubspot_deals()[deal].name == "Still heard"
    assert world.erp_deals()[copy].amount == 5
    assert never not in world.pairs()


def test_f19_a_filter_in_tryton_works_like_one_in_hubspot(world: World) -> None:
    seed = new_deal(world, "Seed", amount="10.00", deal_currency_code="EUR")
    world.once()
    copy = world.pairs()[seed]
    under(world, "filter: {erp: {none: [{description: {contains: secret}}]}}")
    world.edit_erp(copy, description="A Secret matter")
    world.once()
    assert world.hubspot_deals()[seed].name == "A Secret matter"  # the update that made it leave
    world.edit_erp(copy, description="More secrets")
    world.once()
    assert world.hubspot_deals()[seed].name == "A Secret matter"
    told = story(world, "erp", copy)
    assert told["status"] == "excluded"
    assert told["reason"] == 'erp: filter: "description" must not contain "secret"'


def test_f19_time_alone_lets_a_deal_in_while_the_daemon_runs(world: World) -> None:
    under(world, "filter: {hubspot: {closedate: {before: now}}}")
    soon = datetime.now(UTC) + timedelta(seconds=15)
    deal = new_deal(world, "Due soon", closedate=soon.isoformat(timespec="milliseconds"))
    with world.daemon():
        wait(
            lambda: bool(world.ask("explain", "hubspot", deal)["stories"]),
            12,
            lambda: world.ask("explain", "hubspot", deal),
        )
        told = story(world, "hubspot", deal)
        assert told["status"] == "excluded"
        assert told["next_look"]
        assert world.pairs() == {}
        copy_of(world, deal)
        assert datetime.now(UTC) >= soon


def test_f20_only_what_is_there_is_updated(world: World) -> None:
    deal = new_deal(world, "Pumps", amount="10.00", deal_currency_code="EUR")
    world.once()
    copy = world.pairs()[deal]
    under(world, "create: []")
    fresh = new_deal(world, "Valves", amount="10.00", deal_currency_code="EUR")
    world.edit_hubspot(deal, dealname="Pumps, again")
    world.once()
    assert world.erp_deals()[copy].name == "Pumps, again"
    assert list(world.pairs()) == [deal]
    assert story(world, "hubspot", fresh)["reason"] == "no records are created in erp"


def test_f20_only_creating_changes_nothing_that_is_there(world: World) -> None:
    under(world, "update: []")
    deal = new_deal(world, "Pumps", amount="10.00", deal_currency_code="EUR")
    world.once()
    copy = world.pairs()[deal]
    last, stamp = world.last_call(), world.last_erp_change()
    world.edit_hubspot(deal, dealname="Unheard")
    world.once()
    assert world.hubspot_writes(last) == []
    assert world.last_erp_change() == stamp
    told = story(world, "hubspot", deal)
    assert told["reason"] == "records that are there already are not changed in hubspot and erp"
    under(world, "update: [erp]")
    world.once()
    assert world.erp_deals()[copy].name == "Unheard"
    world.edit_erp(copy, description="Mine alone")
    world.once()
    assert world.hubspot_deals()[deal].name == "Unheard"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("filter: {hubspot: {nowhere: 1}}", 'hubspot: there is no field "nowhere"'),
        ("filter: {hubspot: {amount: {contains: 1}}}", "does not fit"),
        ("filter: {erp: {amount: {gte: much}}}", "is not a number"),
        ("filter: {hubspot: {dealtype: Newest}}", 'has no value "Newest"'),
    ],
)
def test_f19_check_tells_what_does_not_fit_with_line_and_key(
    world: World, line: str, words: str
) -> None:
    under(world, line)
    (problem,) = world.ask("check")["problems"]
    text = (world.folder / "tieline.yaml").read_text().splitlines()
    assert text[problem["line"] - 1].strip() == line
    assert words in problem["message"]
    assert problem["path"].startswith("connections.sales.deals.filter.")
