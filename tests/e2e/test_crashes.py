"""Nothing lost, nothing doubled: SIGKILL, lost answers and a lost store, on the real parts."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.test_deals import copy_of, new_deal
from tests.e2e.world import World, running_world, wait

pytestmark = pytest.mark.timeout(240)


def wait_for_deals(world: World, count: int, why: Callable[[], object]) -> None:
    """Wait until Tryton has so many deals."""
    wait(lambda: len(world.erp_deals()) >= count, 60, why)


@pytest.mark.slow
def test_i13_a_kill_in_the_middle_of_a_thousand_deals_doubles_and_loses_none(
    tmp_path: Path,
) -> None:
    with running_world(tmp_path, "--deals", "1000", "--seed", "3", erp_deals=60) as world:
        for goal in (100, 180, 280):  # 60 are there from the start
            with world.daemon(ready=False) as daemon:
                wait_for_deals(world, goal, daemon.said)
                daemon.kill()
        made = len(world.erp_deals())
        world.once()
        assert len(world.erp_deals()) > made, "the last kill came after the end of the backfill"
        assert world.differences() == []
        last = world.last_call()
        world.once()
        assert world.hubspot_writes(last) == []


def test_i3_edits_made_while_tieline_is_killed_again_and_again_all_arrive(world: World) -> None:
    deals = [new_deal(world, f"Deal {n}", amount="1.00") for n in range(12)]
    world.once()
    pairs = world.pairs()
    for turn in range(4):
        with world.daemon() as daemon:
            for number, deal in enumerate(deals):
                world.edit_hubspot(deal, amount=f"{turn}{number}.00")
                world.edit_erp(pairs[deal], description=f"Deal {number}, turn {turn}")
            daemon.kill()
    world.once()
    assert world.differences() == []
    for number, deal in enumerate(deals):
        assert world.hubspot_deals()[deal].name == f"Deal {number}, turn 3"
        assert world.erp_deals()[pairs[deal]].amount == Decimal(f"3{number}.00")


def test_i2_a_lost_store_is_rebuilt_from_the_keys_without_a_duplicate(seeded: World) -> None:
    seeded.once()
    pairs, counts = seeded.pairs(), (len(seeded.hubspot_deals()), len(seeded.erp_deals()))
    for file in seeded.folder.glob("state.db*"):
        file.unlink()
    seeded.once()
    assert seeded.pairs() == pairs
    assert (len(seeded.hubspot_deals()), len(seeded.erp_deals())) == counts
    assert seeded.differences() == []


@pytest.mark.parametrize("fault", ["cut", "status"])
def test_h2_a_create_whose_answer_is_lost_makes_one_record(seeded: World, fault: str) -> None:
    rule: dict[str, object] = {"kind": fault, "when": "after", "path": "batch/create"}
    if fault == "status":
        rule["error"] = "internal"
    with seeded.hubspot.fault(**rule):
        seeded.once()
    assert any(one["fault"] for one in seeded.hubspot.log()["requests"]), "no fault came about"
    seeded.once()
    assert seeded.differences() == []


def test_h1_an_update_whose_answer_is_lost_is_no_edit_of_the_other_side(world: World) -> None:
    deal = new_deal(world, "Gears", amount="1.00")
    world.once()
    copy = copy_of(world, deal)
    with world.hubspot.fault(kind="cut", when="after", path="batch/update"):
        world.edit_erp(copy, description="Gears, B")
        with world.daemon():
            wait(lambda: "B" in world.hubspot_deals()[deal].name, 20, world.hubspot_deals)
            world.edit_erp(copy, description="Gears, D")
            wait(lambda: "D" in world.hubspot_deals()[deal].name, 60, world.hubspot_deals)
    assert world.differences() == []
    assert world.ask("conflicts", "--all")["conflicts"] == []


def test_a_throttled_hubspot_is_waited_for(seeded: World) -> None:
    with seeded.hubspot.fault(kind="status", error="ten_secondly", count=3, retryAfter=1):
        seeded.once()
    assert seeded.differences() == []
