"""Matching between the sandbox and a real Tryton: what is there on both sides is not made twice."""

from __future__ import annotations

import pytest

from daemon.sandbox.tryton.client import AdminClient
from tests.e2e.test_deals import new_deal
from tests.e2e.test_f19_filters import story, under
from tests.e2e.world import World

pytestmark = pytest.mark.timeout(180)

BY_NAME = "match: [{hubspot: dealname, erp: description, as: text}]"


def new_opportunity(world: World, name: str, **more: object) -> str:
    """Make a deal in Tryton as a person does; return its id."""
    client = AdminClient(world.tryton, admin=False)
    try:
        parties = client.call("model.party.party.search", [["name", "like", "Kunde __ AS"]])
        employees = client.call("model.company.employee.search", [])
        values = {"party": parties[0], "employee": employees[0], "description": name, **more}
        (made,) = client.call("model.sale.opportunity.create", [values])
    finally:
        client.close()
    return str(made)


def decimal(text: str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": text}


def count(world: World) -> tuple[int, int]:
    """Return how many deals each system has."""
    return len(world.hubspot_deals()), len(world.erp_deals())


def test_f26_deals_match_by_an_own_key_in_the_first_sync_and_edits_then_travel(
    world: World,
) -> None:
    there = new_deal(world, "Große  Pumpe 50%", amount="1000.00", deal_currency_code="EUR")
    new_deal(world, "Only here")
    same = new_opportunity(world, "grosse pumpe 50%")
    other = new_opportunity(world, "Only there", amount=decimal("5.00"))
    under(world, BY_NAME)
    (plan,) = world.ask("plan")["syncs"]
    hubspot, erp = plan["sides"]
    assert (hubspot["creates"], erp["creates"]) == (1, 1)
    assert hubspot["matches"] + erp["matches"] == 1
    sample = (hubspot["match_samples"] + erp["match_samples"])[0]
    assert {sample["left_id"], sample["right_id"]} == {there, same}
    assert "umpe 50%" in sample["by"]
    assert count(world) == (2, 2)
    world.once()
    assert count(world) == (3, 3)
    assert world.erp_deals()[same].name == "Große  Pumpe 50%"
    assert str(world.erp_deals()[same].amount) == "1000.00"
    told = story(world, "hubspot", there)
    assert told["status"] == "in sync"
    assert any(one["rule"] == "match" for one in told["history"])
    assert any(one["lost"] and one["before"] == ["grosse pumpe 50%"] for one in told["history"])
    world.edit_hubspot(there, dealname="Another name")
    world.edit_erp(other, description="Still only there")
    world.once()
    assert world.erp_deals()[same].name == "Another name"
    assert "Still only there" in [one.name for one in world.hubspot_deals().values()]
    assert count(world) == (3, 3)


def test_f26_deals_are_not_matched_by_themselves(world: World) -> None:
    new_deal(world, "Pumps")
    new_opportunity(world, "Pumps")
    world.once()
    assert count(world) == (2, 2)


def test_f26_what_is_ambiguous_is_held_and_linked_once_a_person_has_told_it_apart(
    world: World,
) -> None:
    deal = new_deal(world, "Pumps")
    one, two = new_opportunity(world, "PUMPS"), new_opportunity(world, "pumps ")
    under(world, BY_NAME)
    world.once()
    assert count(world) == (1, 2)
    told = story(world, "hubspot", deal)
    assert told["status"] == "held"
    assert f"erp {one}" in told["reason"] and f"erp {two}" in told["reason"]
    (sync,) = world.ask("status")["syncs"]
    assert any(row["status"] == "held" for row in sync["counts"])
    world.edit_erp(two, description="Winches")
    world.once()
    assert count(world) == (2, 2)
    assert story(world, "hubspot", deal)["status"] == "in sync"
    assert story(world, "erp", one)["status"] == "in sync"


def test_h12_two_new_deals_with_one_name_make_one_copy_and_a_held_record(world: World) -> None:
    deals = [new_deal(world, "Pumps"), new_deal(world, "pumps")]
    under(world, BY_NAME)
    world.once()
    assert count(world) == (2, 1)
    held = [one for one in deals if story(world, "hubspot", one)["status"] == "held"]
    assert len(held) == 1
    (linked,) = set(deals) - set(held)
    assert f"hubspot {linked}" in story(world, "hubspot", held[0])["reason"]
    world.edit_hubspot(held[0], dealname="Winches")
    world.once()
    assert count(world) == (2, 2)


def test_f26_check_tells_of_a_rule_that_does_not_fit(world: World) -> None:
    under(world, "match: [{hubspot: dealname, erp: nowhere}]")
    (problem,) = world.ask("check")["problems"]
    assert 'erp has no field "nowhere"' in problem["message"]
    assert problem["path"].startswith("connections.sales.deals.match")


def test_f26_duplicates_are_proposed_within_and_across_apps_and_nothing_is_written(
    world: World,
) -> None:
    one = new_deal(world, "Harbour crane upgrade", amount="1000.00", deal_currency_code="EUR")
    two = new_deal(world, "Harbor crane upgrade", amount="1000.00", deal_currency_code="EUR")
    there = new_opportunity(world, "Upgrade: harbour crane", amount=decimal("1000.00"))
    other = new_opportunity(world, "Something else", amount=decimal("1000.00"))
    (before,) = world.ask("duplicates")["syncs"]
    pairs = {frozenset((pair["first"]["id"], pair["second"]["id"])) for pair in before["proposals"]}
    assert pairs == {frozenset((one, two)), frozenset((one, there)), frozenset((two, there))}
    best = before["proposals"][0]
    assert best["score"] > 0.6 and "same amount 1000" in best["reasons"]
    assert all(other not in pair for pair in pairs)
    assert world.hubspot_writes() == []
    assert count(world) == (2, 2)
    under(world, BY_NAME)
    new_deal(world, "harbour  crane upgrade")
    world.once()
    (after,) = world.ask("duplicates", "--most", "1")["syncs"]
    assert len(after["proposals"]) == 1
    (held,) = after["held"]
    assert held["app"] == "hubspot" and f"hubspot {one}" in held["reason"]
    told = world.tieline("duplicates").stdout
    assert "Held until somebody tells them apart" in told
    assert "nothing was merged or written" in told
