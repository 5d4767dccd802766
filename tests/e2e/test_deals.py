"""Deals between the sandbox and a real Tryton, through the real process."""

from __future__ import annotations

import random
import time
from decimal import Decimal

import pytest

from tests.e2e.world import World, wait

pytestmark = pytest.mark.timeout(180)


def new_deal(world: World, name: str, stage: str = "appointmentscheduled", **more: str) -> str:
    """Make a deal in HubSpot as a person does; return its id."""
    properties = {"dealname": name, "pipeline": "default", "dealstage": stage} | more
    made = world.hubspot.control(
        "/admin/create", objectType="deals", properties=properties, userId=2620022
    )
    return str(made["id"])


def copy_of(world: World, record_id: str) -> str:
    """Return the Tryton id of a HubSpot deal's counterpart, once there is one."""
    wait(lambda: record_id in world.pairs(), 20, world.pairs)
    return world.pairs()[record_id]


def test_f24_a_first_pass_makes_both_sides_equal_and_a_second_writes_nothing(
    seeded: World,
) -> None:
    answer = seeded.once()
    assert answer["syncs"][0]["failing"] == answer["syncs"][0]["pending"] == 0
    assert seeded.differences() == []
    assert len(seeded.pairs()) > 20
    last, stamp = seeded.last_call(), seeded.last_erp_change()
    seeded.once()
    assert seeded.hubspot_writes(last) == []
    assert seeded.last_erp_change() == stamp


def test_i4_an_edit_on_either_side_arrives_and_then_all_is_quiet(world: World) -> None:
    deal = new_deal(world, "Pumps", amount="1000.00", deal_currency_code="EUR")
    with world.daemon():
        copy = copy_of(world, deal)
        world.edit_hubspot(deal, amount="1250.50")
        wait(lambda: world.erp_deals()[copy].amount == Decimal("1250.50"), 20, world.erp_deals)
        world.edit_erp(copy, description="Pumps, second offer")
        wait(lambda: "second" in world.hubspot_deals()[deal].name, 20, world.hubspot_deals)
        # The write that an edit leads to is one; then polls read and nobody writes.
        writes = [one["path"] for one in world.hubspot_writes() if "update" in one["path"]]
        assert len(writes) == 1
        last, stamp = world.last_call(), world.last_erp_change()
        wait(lambda: len(world.hubspot.log(last)["requests"]) >= 8, 30, world.last_call)
        assert world.hubspot_writes(last) == []
        assert world.last_erp_change() == stamp


def test_f22_edits_of_different_fields_are_both_kept(world: World) -> None:
    deal = new_deal(world, "Valves", amount="10.00", deal_currency_code="EUR")
    world.once()
    copy = copy_of(world, deal)
    world.edit_hubspot(deal, amount="20.00")
    world.edit_erp(copy, description="Valves and seals")
    world.once()
    assert world.differences() == []
    assert world.hubspot_deals()[deal].name == "Valves and seals"
    assert world.erp_deals()[copy].amount == Decimal(20)
    assert world.ask("conflicts", "--all")["conflicts"] == []


def test_f21_one_field_edited_on_both_sides_is_a_conflict_that_hubspot_wins(world: World) -> None:
    deal = new_deal(world, "Motors", amount="10.00", deal_currency_code="EUR")
    world.once()
    copy = copy_of(world, deal)
    world.edit_erp(copy, description="Motors (Tryton)")
    world.edit_hubspot(deal, dealname="Motors (HubSpot)")
    world.once()
    assert world.erp_deals()[copy].name == "Motors (HubSpot)"
    assert world.differences() == []
    (conflict,) = world.ask("conflicts", "--all")["conflicts"]
    told = str(conflict)
    assert "Motors (Tryton)" in told and "Motors (HubSpot)" in told
    world.once()
    assert len(world.ask("conflicts", "--all")["conflicts"]) == 1


def test_f22_outside_the_window_the_later_edit_wins_whoever_is_preferred(world: World) -> None:
    deal = new_deal(world, "Motors", amount="10.00", deal_currency_code="EUR")
    world.configure(window="1s", prefer="erp")
    world.once()
    copy = copy_of(world, deal)
    world.edit_erp(copy, description="first, in Tryton")
    time.sleep(2.5)  # the edits' own times must lie apart
    world.edit_hubspot(deal, dealname="later, in HubSpot")
    world.once()
    names = {world.hubspot_deals()[deal].name, world.erp_deals()[copy].name}
    assert names == {"later, in HubSpot"}
    assert world.ask("conflicts", "--all")["conflicts"] == []
    assert "first, in Tryton" in str(world.ask("explain", "erp", copy)), "the loser is on record"


def test_a_stage_travels_both_ways(world: World) -> None:
    deal = new_deal(world, "Cranes", amount="10.00", deal_currency_code="EUR")
    world.once()
    copy = copy_of(world, deal)
    world.edit_hubspot(deal, dealstage="qualifiedtobuy")
    world.once()
    assert world.erp_deals()[copy].stage == "opportunity"
    world.press_erp(copy, "lost")
    world.once()
    assert world.hubspot_deals()[deal].stage == "closedlost"
    assert world.differences(closing_days=True) == []


def test_f9_only_deals_in_mapped_stages_sync_and_the_others_say_why(world: World) -> None:
    deal = new_deal(world, "Elsewhere", "presentationscheduled")
    world.once()
    assert world.pairs() == {}
    assert "not mapped" in str(world.ask("explain", "hubspot", deal))
    world.edit_hubspot(deal, dealstage="appointmentscheduled")
    world.once()
    copy = world.pairs()[deal]
    world.edit_hubspot(deal, dealstage="presentationscheduled", dealname="Out of sight")
    world.once()
    assert world.erp_deals()[copy].name == "Elsewhere"
    world.edit_hubspot(deal, dealstage="appointmentscheduled")
    world.once()
    assert world.erp_deals()[copy].name == "Out of sight"


def test_f29_a_delete_on_one_side_leaves_the_other_alone(world: World) -> None:
    world.configure(presence="1s")
    first = new_deal(world, "Archived in HubSpot")
    second = new_deal(world, "Deleted in Tryton")
    world.once()
    pairs = world.pairs()
    world.hubspot.control("/admin/archive", objectType="deals", id=first)
    world.press_erp(pairs[second], "cancel")
    world.erp.call("model.sale.opportunity.delete", [int(pairs[second])])

    def explained() -> list[str]:
        return [
            str(world.ask("explain", "erp", pairs[first])),
            str(world.ask("explain", "hubspot", second)),
        ]

    with world.daemon():
        wait(lambda: "archived" in explained()[0], 30, explained)
        wait(lambda: "deleted" in explained()[1], 30, explained)
    assert world.erp_deals()[pairs[first]].name == "Archived in HubSpot"
    assert world.hubspot_deals()[second].name == "Deleted in Tryton"
    assert len(world.erp_deals()) == 1


def test_i6_a_one_way_sync_never_writes_to_its_source(seeded: World) -> None:
    seeded.configure(direction="to-erp")
    seeded.once()
    properties = seeded.hubspot.http.get("/crm/v3/properties/deals").json()["results"]
    assert "tieline_key" not in {one["name"] for one in properties}
    deal = next(iter(seeded.pairs()))
    seeded.edit_erp(seeded.pairs()[deal], reference="tieline:sales:deals:hubspot:" + deal)
    seeded.edit_hubspot(deal, dealname="Edited at the source")
    seeded.once()
    assert seeded.erp_deals()[seeded.pairs()[deal]].name == "Edited at the source"
    assert seeded.hubspot_writes() == []


def test_a_stage_that_only_tryton_reaches_is_told_and_holds_up_nothing_else(world: World) -> None:
    world.configure(more_stages="\n            Closed Won: won")
    won = new_deal(world, "Won in HubSpot", "closedwon")
    other = new_deal(world, "Another")
    world.once()
    pairs = world.pairs()
    assert other in pairs
    assert "won" in str(world.ask("explain", "hubspot", won))
    states = {deal.name: deal.stage for deal in world.erp_deals().values()}
    assert states["Won in HubSpot"] == "opportunity"


def test_many_random_edits_on_both_sides_end_equal(seeded: World) -> None:
    seeded.once()
    rng = random.Random(11)
    pairs = seeded.pairs()
    live = [one for one, two in pairs.items() if seeded.erp_deals()[two].stage != "lost"]
    with seeded.daemon():
        for number in range(40):
            deal = rng.choice(live)
            match rng.randrange(4):
                case 0:
                    seeded.edit_hubspot(deal, dealname=f"named {number}")
                case 1:
                    seeded.edit_hubspot(deal, amount=f"{rng.randrange(1, 99999)}.5")
                case 2:
                    seeded.edit_erp(pairs[deal], description=f"described {number}")
                case _:
                    seeded.edit_hubspot(
                        deal, dealstage=rng.choice(["appointmentscheduled", "qualifiedtobuy"])
                    )
        seeded.wait_equal(60)
        last = seeded.last_call()
        wait(lambda: len(seeded.hubspot.log(last)["requests"]) >= 8, 30, seeded.last_call)
        assert seeded.hubspot_writes(last) == []
    assert seeded.differences() == []
