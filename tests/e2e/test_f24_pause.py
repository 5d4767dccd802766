"""Pausing, resuming, trying again and reading all again, by the real command."""

from __future__ import annotations

import pytest

from tests.e2e.servers import MakeWorld, make_world, servers
from tests.e2e.world import Daemon, World, wait

__all__ = ["make_world", "servers"]
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def systems(make_world: MakeWorld) -> World:
    return make_world("--deals", "0", "--api-limit", "0")


@pytest.fixture
def world(systems: World) -> World:
    systems.configure()
    return systems


def make_deal(world: World, name: str) -> str:
    properties = {"dealname": name, "pipeline": "default", "dealstage": "appointmentscheduled"}
    made = world.hubspot.control(
        "/admin/create", objectType="deals", properties=properties, userId=2620022
    )
    return str(made["id"])


def phase(daemon: Daemon) -> str:
    return str(daemon.health().get("connections", {}).get("sales", ""))


def test_f24_a_paused_connection_asks_nobody_and_goes_on_where_it_stopped(world: World) -> None:
    deal = make_deal(world, "Pumps")
    world.once()
    copy = world.pairs()[deal]
    with world.daemon() as daemon:
        paused = world.ask("pause", "sales")
        assert [one["target"] for one in paused["paused"]] == ["sales"]
        wait(lambda: phase(daemon) == "paused", 15, daemon.said)
        assert daemon.health()["ready"]
        assert 'tieline_connection_up{connection="sales"}' not in daemon.metrics()
        assert 'tieline_sync_paused{connection="sales",object="deals"} 1.0' in daemon.metrics()
        assert "sales: paused by" in world.tieline("status").stdout
        world.edit_hubspot(deal, dealname="Pumps, edited meanwhile")
        last = world.last_call()
    with world.daemon(ready=False) as daemon:  # a restart does not forget it
        wait(lambda: phase(daemon) == "paused", 15, daemon.said)
        assert world.hubspot.log(last)["requests"] == []
        assert world.erp_deals()[copy].name == "Pumps"
        assert world.ask("resume")["paused"] == []
        wait(lambda: world.erp_deals()[copy].name.endswith("meanwhile"), 20, daemon.said)
        wait(lambda: phase(daemon) == "running", 15, daemon.said)
        assert 'tieline_connection_up{connection="sales"} 1.0' in daemon.metrics()
        listed = [one for one in world.hubspot.log(last)["requests"] if _is_listing(one["path"])]
        assert listed == [], "cursors stay: nothing is listed whole again"


def _is_listing(path: str) -> bool:
    """The path of tieline's own listing; the tests read by that of another version."""
    return path.partition("?")[0].endswith("/objects/2026-03/deals")


def test_f24_one_object_is_paused_and_a_single_pass_passes_it_over(world: World) -> None:
    deal = make_deal(world, "Valves")
    world.tieline("pause", "sales/deals")
    done = world.tieline("run", "--once")
    assert "sales/deals is passed over: paused by" in done.stderr
    assert deal not in world.pairs()
    wrong = world.tieline("pause", "sales/dels")
    assert (wrong.returncode, "did you mean 'sales/deals'?" in wrong.stderr) == (2, True)
    world.tieline("resume", "sales")
    world.once()
    assert deal in world.pairs()


def test_f33_a_record_that_was_set_aside_is_tried_again(world: World) -> None:
    deal = make_deal(world, "Cranes")
    world.once()
    copy = world.pairs()[deal]
    with world.hubspot.fault(kind="fail_inputs", path="deals/batch/update", count=None, inputs=[0]):
        world.edit_erp(copy, description="Cranes, refused")
        world.once()
    assert world.ask("explain", "erp", copy)["stories"][0]["status"] == "failing"
    (order,) = world.ask("retry", "--failing")["orders"]
    assert order["state"] == "waiting"
    world.once()
    assert world.hubspot_deals()[deal].name == "Cranes, refused"
    assert world.ask("retry", "--failing")["orders"] == []
    nothing = world.tieline("retry", "hubspot", "4711")
    assert (nothing.returncode, "is not failing" in nothing.stderr) == (1, True)
    assert world.tieline("retry").returncode == 2


def test_f33_resync_lists_both_sides_again_and_writes_nothing(world: World) -> None:
    make_deal(world, "Belts")
    world.once()
    with world.daemon() as daemon:
        last, stamp = world.last_call(), world.last_erp_change()
        (order,) = world.ask("resync", "sales/deals")["orders"]
        assert (order["state"], order["outcome"]) == ("done", "both sides are read whole again")
        wait(
            lambda: any(_is_listing(one["path"]) for one in world.hubspot.log(last)["requests"]),
            20,
            daemon.said,
        )
        wait(lambda: phase(daemon) == "running", 10, daemon.said)
        assert world.hubspot_writes(last) == []
        assert world.last_erp_change() == stamp
