"""Conflicts that a person answers or takes back, by the real command, daemon running or not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.servers import MakeWorld, make_world, servers
from tests.e2e.world import World, wait

__all__ = ["make_world", "servers"]
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def systems(make_world: MakeWorld) -> World:
    return make_world("--deals", "0", "--api-limit", "0")


@pytest.fixture
def world(systems: World) -> World:
    systems.configure(prefer="ask")
    return systems


def linked_deal(world: World, name: str) -> tuple[str, str]:
    """Make a deal in HubSpot and sync it; return both ids."""
    properties = {"dealname": name, "pipeline": "default", "dealstage": "appointmentscheduled"}
    made = world.hubspot.control(
        "/admin/create", objectType="deals", properties=properties, userId=2620022
    )
    world.once()
    return str(made["id"]), world.pairs()[str(made["id"])]


def contested(world: World, name: str) -> tuple[str, str]:
    """Edit the name of a linked deal on both sides, and let that be seen."""
    deal, copy = linked_deal(world, name)
    world.edit_hubspot(deal, dealname=f"{name} (HubSpot)")
    world.edit_erp(copy, description=f"{name} (Tryton)")
    world.once()
    return deal, copy


def open_of(world: World, deal: str) -> list[dict[str, Any]]:  # Any: the command's JSON
    """Return the deal's conflicts that wait."""
    listed = world.ask("conflicts")["conflicts"]
    return [one for one in listed if one["left"]["record"] == deal]


def names(world: World, deal: str, copy: str) -> tuple[str, str]:
    return world.hubspot_deals()[deal].name, world.erp_deals()[copy].name


def test_f23_a_held_field_is_answered_while_no_daemon_runs(world: World) -> None:
    deal, copy = contested(world, "Motors")
    (waiting,) = open_of(world, deal)
    assert names(world, deal, copy) == ("Motors (HubSpot)", "Motors (Tryton)")
    assert waiting["left"]["edited"] and waiting["right"]["edited"]
    assert f"tieline resolve {waiting['id']} --with erp" in waiting["commands"]
    done = world.tieline("resolve", str(waiting["id"]), "--with", "erp")
    assert (done.returncode, done.stdout) == (
        0,
        "noted; no daemon runs now: it is done when `tieline run` does\n",
    )
    world.once()
    assert names(world, deal, copy) == ("Motors (Tryton)", "Motors (Tryton)")
    assert open_of(world, deal) == []
    (closed,) = [
        one for one in world.ask("conflicts", "--all")["conflicts"] if one["left"]["record"] == deal
    ]
    assert (closed["outcome"], closed["rule"], closed["winner"]) == ("copied", "person", "erp")
    again = world.tieline("resolve", str(waiting["id"]), "--with", "hubspot")
    assert again.returncode == 1
    assert f"is copied, not open; `tieline conflicts undo {waiting['id']}`" in again.stderr


def test_f23_a_running_daemon_answers_at_once_with_a_value_of_ones_own(world: World) -> None:
    deal, copy = contested(world, "Pumps")
    with world.daemon():
        done = world.tieline("resolve", "erp", copy, "--field", "dealname", "--value", "Pumps 2")
        assert (done.returncode, done.stdout) == (
            0,
            "dealname=description is settled as you said\n",
        ), done.stderr
        assert names(world, deal, copy) == ("Pumps 2", "Pumps 2")
        assert open_of(world, deal) == []
    story = json.dumps(world.ask("explain", "erp", copy))
    assert '"rule": "person"' in story


def test_f23_an_answer_about_what_moved_is_refused(world: World) -> None:
    deal, copy = contested(world, "Valves")
    (waiting,) = open_of(world, deal)
    with world.daemon():
        world.edit_erp(copy, description="Valves, edited once more")
        wait(lambda: open_of(world, deal)[0]["id"] != waiting["id"], 20, world.erp_deals)
        done = world.tieline("resolve", str(waiting["id"]), "--with", "hubspot")
        assert done.returncode == 1
        assert "is superseded, not open" in done.stderr
        (newer,) = open_of(world, deal)
        assert newer["right"]["values"] == ["Valves, edited once more"]
        done = world.tieline("resolve", str(newer["id"]), "--with", "hubspot")
        assert done.returncode == 0, done.stdout + done.stderr
    assert names(world, deal, copy) == ("Valves (HubSpot)", "Valves (HubSpot)")


def test_f23_a_conflict_that_a_rule_decided_is_taken_back(world: World) -> None:
    world.configure(prefer="hubspot")
    deal, copy = contested(world, "Cranes")
    (decided,) = [
        one for one in world.ask("conflicts", "--all")["conflicts"] if one["left"]["record"] == deal
    ]
    assert decided["commands"] == [f"tieline conflicts undo {decided['id']}"]
    number = str(decided["id"])
    shown = world.ask("conflicts", "undo", number)
    assert (shown["now"], shown["then"]) == (["Cranes (HubSpot)"], ["Cranes (Tryton)"])
    assert names(world, deal, copy) == ("Cranes (HubSpot)", "Cranes (HubSpot)")
    with world.daemon():
        done = world.tieline("conflicts", "undo", number, "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert names(world, deal, copy) == ("Cranes (Tryton)", "Cranes (Tryton)")
        again = world.tieline("conflicts", "undo", number, "--yes")
        assert (again.returncode, "is reversed" in again.stderr) == (1, True)
    world.once()
    assert names(world, deal, copy) == ("Cranes (Tryton)", "Cranes (Tryton)")


def test_an_answer_to_nothing_says_so(world: World) -> None:
    deal, _ = linked_deal(world, "Belts")
    done = world.tieline("resolve", "hubspot", deal, "--with", "erp")
    assert (done.returncode, "waits for a person" in done.stderr) == (1, True)
    assert world.tieline("resolve", "4711").returncode == 2
    assert "there is no conflict 4711" in world.tieline("resolve", "4711", "--with", "erp").stderr
