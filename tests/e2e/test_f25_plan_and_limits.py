"""Plans that are applied, limits that hold and careful first loads, on real systems (F25)."""

from __future__ import annotations

import pytest

from daemon.sandbox.tryton.deals import add_deals
from tests.e2e.world import World, wait

pytestmark = pytest.mark.timeout(180)


def under(world: World, *lines: str) -> None:
    """Configure the deals sync with further lines."""
    world.configure(more_fields="".join(f"\n      {line}" for line in lines))


def make_deals(world: World, *names: str) -> list[str]:
    made = []
    for name in names:
        properties = {"dealname": name, "pipeline": "default", "dealstage": "appointmentscheduled"}
        answer = world.hubspot.control(
            "/admin/create", objectType="deals", properties=properties, userId=2620022
        )
        made.append(str(answer["id"]))
    return made


def numbered(count: int, word: str = "Deal") -> list[str]:
    return [f"{word} {number}" for number in range(count)]


def titles(world: World) -> list[str]:
    return sorted(deal.name for deal in world.erp_deals().values())


def reasons(world: World) -> dict[str, int]:
    """Return how many links are held, by reason."""
    return {
        one["reason"]: one["links"]
        for one in world.ask("status")["syncs"][0]["counts"]
        if one["status"] == "held"
    }


def test_f25_a_plan_is_applied_by_its_number_and_what_moved_is_left(world: World) -> None:
    first, second, _ = make_deals(world, "Pumps", "Valves", "Cranes")
    planned = world.ask("plan")
    (sync,) = planned["syncs"]
    assert [(one["app"], one["creates"]) for one in sync["sides"]] == [("hubspot", 0), ("erp", 3)]
    assert titles(world) == []
    world.edit_hubspot(second, dealname="Valves, renamed since")
    make_deals(world, "Belts")
    done = world.ask("run", "--plan", str(planned["plan"]))
    assert titles(world) == ["Cranes", "Pumps"]
    assert done["held"] == [
        {
            "sync": "sales/deals",
            "reason": f"not as plan {planned['plan']} has it: left for a new plan",
            "records": 2,
        }
    ]
    again = world.ask("plan")
    assert again["plan"] == planned["plan"] + 1
    world.ask("run", "--once", "--plan", str(again["plan"]))
    assert titles(world) == ["Belts", "Cranes", "Pumps", "Valves, renamed since"]
    assert world.differences() == []
    world.edit_hubspot(first, dealname="Pumps, edited")
    world.once()
    assert "Pumps, edited" in titles(world)


def test_f25_a_plan_of_another_configuration_is_refused_and_nothing_is_written(
    world: World,
) -> None:
    make_deals(world, "Pumps")
    number = world.ask("plan")["plan"]
    under(world, "blank: propagate")
    last, stamp = world.last_call(), world.last_erp_change()
    refused = world.tieline("run", "--plan", str(number))
    assert refused.returncode == 1
    assert f"decides otherwise now than in plan {number}" in refused.stderr
    assert "make a new plan with `tieline plan`" in refused.stderr
    assert (world.hubspot_writes(last), world.last_erp_change()) == ([], stamp)
    unknown = world.tieline("run", "--plan", "4711")
    assert "there is no plan 4711" in unknown.stderr
    assert titles(world) == []


def test_f25_limits_hold_creates_of_a_running_daemon_until_they_are_approved(
    world: World,
) -> None:
    under(world, "limits: {creates: 3}")
    make_deals(world, *numbered(5, "Before"))
    with world.daemon() as daemon:
        wait(lambda: len(titles(world)) == 5, 30, daemon.said)
        wait(lambda: not world.differences(), 20, world.differences)
        make_deals(world, *numbered(10, "Import"))
        wait(lambda: sum(reasons(world).values()) == 7, 30, lambda: reasons(world))
        (reason,) = reasons(world)
        assert reason == (
            "creates in erp exceed the limit of 3 in 1 h:"
            " approve with `tieline approve sales/deals`"
        )
        assert len(titles(world)) == 8
        shown = world.ask("held")["syncs"][0]["held"]
        assert [(one["kinds"], one["records"]) for one in shown] == [(["creates in erp"], 7)]
        assert len(shown[0]["samples"]) == 5
        wait(
            lambda: (
                'kind="creates",object="deals"} 7.0' in daemon.metrics()
                or 'object="deals",kind="creates"} 7.0' in daemon.metrics()
            ),
            25,
            daemon.metrics,
        )
        daemon.kill()
    with world.daemon() as daemon:
        answer = world.ask("approve", "sales/deals", "--creates", "2")
        assert (answer["approved"], answer["left"]) == ({"sales/deals": 2}, {"sales/deals": 5})
        wait(lambda: len(titles(world)) == 10, 30, daemon.said)
        world.ask("approve", "--all")
        wait(lambda: len(titles(world)) == 15, 30, daemon.said)
        wait(lambda: not reasons(world), 20, lambda: reasons(world))
        wait(lambda: not world.differences(), 20, world.differences)
    nothing = world.tieline("held")
    assert (nothing.returncode, nothing.stdout) == (0, "Nothing is held.\n")


def test_f25_h26_a_reload_that_would_change_too_much_is_held(world: World) -> None:
    world.configure()
    deals = make_deals(world, *numbered(6))
    world.once()
    for deal in deals:
        world.edit_hubspot(deal, dealstage="qualifiedtobuy")
    world.once()
    text = (world.folder / "tieline.yaml").read_text()
    backwards = text.replace("Qualified To Buy: opportunity", "Qualified To Buy: lead")
    backwards = backwards.replace(
        "Appointment Scheduled: lead", "Appointment Scheduled: opportunity"
    )
    (world.folder / "tieline.yaml").write_text(f"{backwards}      limits: {{regressions: 2}}\n")
    world.once()
    states = sorted(deal.stage for deal in world.erp_deals().values())
    stages = sorted(deal.stage for deal in world.hubspot_deals().values())
    moved = states.count("lead") + stages.count("appointmentscheduled")
    assert moved == 2
    assert sum(reasons(world).values()) == 4
    assert all("stages set back in" in one for one in reasons(world))


def test_f25_linking_only_and_canaries_before_all_is_written(world: World) -> None:
    under(world, "limits: {creates: 3}")
    make_deals(world, *numbered(12))
    last = world.last_call()
    world.ask("run", "--once", "--link-only")
    assert (titles(world), world.hubspot_writes(last)) == ([], [])
    done = world.ask("run", "--canary", "2")
    assert len(titles(world)) == 2
    assert any("until the first 2 have been looked at" in one["reason"] for one in done["held"])
    world.once()
    assert titles(world) == sorted(numbered(12))
    assert world.differences() == []


def test_f25_a_required_plan_holds_a_large_first_load(world: World) -> None:
    under(world, "limits: {creates: 2}", "require_plan: true")
    make_deals(world, *numbered(5))
    world.once()
    assert len(titles(world)) == 2
    (reason,) = reasons(world)
    assert reason.endswith("or apply a plan (`tieline plan`)")
    plan = world.ask("plan")
    assert plan["syncs"][0]["sides"][1]["creates"] == 3
    world.ask("run", "--plan", str(plan["plan"]))
    assert (titles(world), reasons(world)) == (sorted(numbered(5)), {})


def test_f25_created_records_carry_the_marker_and_others_do_not(world: World) -> None:
    under(world, "marker: {hubspot: {description: made by tieline}}")
    (born_here,) = make_deals(world, "Pumps")
    add_deals(world.tryton, 1)
    world.once()
    world.edit_erp(world.pairs()[born_here], description="Pumps, edited in Tryton")
    world.once()
    assert world.hubspot_deals()[born_here].name == "Pumps, edited in Tryton"
    answer = world.reader.get(
        "/crm/v3/objects/deals", params={"limit": "100", "properties": "description"}
    )
    said = {one["id"]: one["properties"].get("description") for one in answer.json()["results"]}
    assert said.pop(born_here) is None
    assert list(said.values()) == ["made by tieline"]


def test_f25_h39_a_side_that_is_suddenly_empty_stops_everything(world: World) -> None:
    world.configure(presence="2s")
    deals = make_deals(world, *numbered(25))
    world.once()
    copies = world.pairs()
    assert len(copies) == 25
    with world.daemon() as daemon:
        world.hubspot.control("/admin/archive", objectType="deals", ids=deals)
        wait(lambda: bool(world.ask("status")["syncs"][0]["stopped"]), 40, daemon.said)
        world.edit_erp(copies[deals[0]], description="Edited meanwhile")
        assert not any(
            "deleted" in one["reason"] for one in world.ask("status")["syncs"][0]["counts"]
        )
        wait(
            lambda: (
                'tieline_sync_stopped{connection="sales",object="deals"} 1.0' in daemon.metrics()
            ),
            25,
            daemon.metrics,
        )
        assert (
            "hubspot suddenly shows hardly any of its linked records"
            in world.tieline("status").stdout
        )
        world.ask("approve", "sales/deals", "--vanished")
        wait(lambda: not world.ask("status")["syncs"][0]["stopped"], 20, daemon.said)
        wait(lambda: not reasons(world), 40, lambda: reasons(world))
    assert world.hubspot_deals() == {}
    assert len(titles(world)) == 25
