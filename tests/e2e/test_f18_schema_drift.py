"""An app changes its fields and stages while the daemon runs: what depends on it stops (F18)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.test_deals import copy_of, new_deal
from tests.e2e.world import Daemon, World, wait

pytestmark = pytest.mark.timeout(180)

TIER = "\n        - {hubspot: tier, erp: comment}\n      blank: propagate"
STAGES = "/crm/v3/pipelines/deals/default/stages"


def make_tier(world: World) -> None:
    """Make a property of our own in HubSpot and map it."""
    body = {"name": "tier", "label": "Tier", "groupName": "dealinformation", "type": "string"}
    made = world.hubspot.http.post("/crm/v3/properties/deals", json={**body, "fieldType": "text"})
    assert made.status_code == 201, made.text
    world.configure(more_fields=TIER)


def archive_tier(world: World) -> None:
    assert world.hubspot.http.delete("/crm/v3/properties/deals/tier").status_code == 204


def comment_of(world: World, record: str) -> str:
    (row,) = world.erp.call("model.sale.opportunity.read", [int(record)], ["comment"])
    return str(row["comment"] or "")


def tier_of(world: World, record: str) -> str:
    url = f"/crm/v3/objects/deals/{record}"
    answer = world.reader.get(url, params={"properties": "tier"}).json()
    return str(answer["properties"].get("tier") or "")


def problems(daemon: Daemon) -> Any:  # Any: the daemon's own JSON
    return daemon.health().get("schema_problems", {}).get("sales", [])


def test_f18_an_archived_property_stops_its_field_alone_and_resumes_when_it_is_back(
    world: World,
) -> None:
    make_tier(world)
    deal = new_deal(world, "Pumps", tier="gold")
    with world.daemon() as daemon:
        copy = copy_of(world, deal)
        assert comment_of(world, copy) == "gold"
        archive_tier(world)
        # The read that the edit leads to shows that the property is gone; nobody reloads.
        world.edit_hubspot(deal, dealname="Pumps, second offer")
        wait(lambda: world.erp_deals()[copy].name.endswith("second offer"), 30, daemon.said)
        assert comment_of(world, copy) == "gold"
        (told,) = problems(daemon)
        assert 'hubspot has no field "tier" on deal' in told
        assert "this field does not sync until that is mended" in told
        assert daemon.health()["ready"]
        assert 'tieline_schema_problems{connection="sales",object="deals"} 1.0' in daemon.metrics()
        assert "schema drift" in daemon.said()
        status = world.ask("status")["daemon"]
        assert status["schema_problems"] == {"sales": [told]}
        assert "schema: " in world.tieline("status").stdout
        # What moves meanwhile in the field that has stopped is told when it is back.
        world.edit_erp(copy, comment="platinum")
        world.hubspot.control("/admin/restore-property", objectType="deals", name="tier")
        assert tier_of(world, deal) == "gold"
        daemon.hang_up()
        wait(lambda: tier_of(world, deal) == "platinum", 30, daemon.said)
        assert problems(daemon) == []
        assert 'tieline_schema_problems{connection="sales",object="deals"} 0.0' in daemon.metrics()


def test_f18_a_drift_is_seen_without_a_reload_and_survives_a_restart_but_a_typo_does_not(
    world: World,
) -> None:
    make_tier(world)
    text = (world.folder / "tieline.yaml").read_text()
    (world.folder / "tieline.yaml").write_text(text.replace("poll: 1s", "poll: 1s\n    schema: 2s"))
    deal = new_deal(world, "Pumps", tier="gold")
    with world.daemon() as daemon:
        copy = copy_of(world, deal)
        archive_tier(world)
        wait(lambda: len(problems(daemon)) == 1, 20, daemon.said)
    world.edit_hubspot(deal, dealname="Pumps, second offer")
    with world.daemon() as daemon:
        wait(lambda: world.erp_deals()[copy].name.endswith("second offer"), 30, daemon.said)
        assert comment_of(world, copy) == "gold"
        assert len(problems(daemon)) == 1
    checked = world.tieline("check", "--json")
    assert checked.returncode == 78
    (plan,) = world.ask("plan")["syncs"]
    assert any('no field "tier"' in rule for rule in plan["rules"])
    world.configure(more_fields=TIER.replace("tier", "tear"))
    refused = world.tieline("run", "--once", "--json")
    assert refused.returncode == 78
    assert 'no field "tear"' in refused.stderr


def test_f18_deals_in_a_stage_that_is_gone_are_left_alone_and_all_others_go_on(
    world: World,
) -> None:
    stuck = new_deal(world, "Stuck", "qualifiedtobuy")
    other = new_deal(world, "Other")
    with world.daemon() as daemon:
        stuck_copy, other_copy = copy_of(world, stuck), copy_of(world, other)
        gone = world.hubspot.http.delete(f"{STAGES}/qualifiedtobuy")
        assert gone.status_code == 204, gone.text
        daemon.hang_up()
        wait(lambda: len(problems(daemon)) == 1, 20, daemon.said)
        assert 'has no stage "Qualified To Buy"' in problems(daemon)[0]
        world.edit_erp(stuck_copy, description="Unheard")
        world.edit_erp(other_copy, description="Heard")
        wait(lambda: world.hubspot_deals()[other].name == "Heard", 30, daemon.said)
        reason = 'hubspot: stage "Qualified To Buy" is gone in hubspot'
        wait(
            lambda: what_is_told(world, stuck) == [("excluded", reason)],
            30,
            lambda: what_is_told(world, stuck),
        )
        assert world.hubspot_deals()[stuck].name == "Stuck"
        # A person moves the deal on and mends the mapping: it is merged against frozen bases.
        world.edit_hubspot(stuck, dealstage="appointmentscheduled", pipeline="default")
        text = (world.folder / "tieline.yaml").read_text()
        mended = text.replace("Qualified To Buy: opp", "Presentation Scheduled: opp")
        (world.folder / "tieline.yaml").write_text(mended)
        assert daemon.hang_up()["refused"] == ""
        wait(lambda: world.hubspot_deals()[stuck].name == "Unheard", 30, daemon.said)
        wait(lambda: world.erp_deals()[stuck_copy].stage == "lead", 30, daemon.said)
        assert daemon.health()["ready"]
        assert problems(daemon) == []


def what_is_told(world: World, deal: str) -> list[tuple[str, str]]:
    """Return status and reason of all that is known of a HubSpot deal."""
    return [(one["status"], one["reason"]) for one in stories(world, deal)]


def stories(world: World, record: str) -> Any:  # Any: the command's JSON
    return world.ask("explain", "hubspot", record)["stories"]


def test_f11_a_renamed_stage_goes_on_is_named_and_mended_by_its_new_name(world: World) -> None:
    deal = new_deal(world, "Pumps")
    with world.daemon() as daemon:
        copy = copy_of(world, deal)
        body = {"label": "First Meeting", "metadata": {"probability": "0.2"}}
        renamed = world.hubspot.http.patch(f"{STAGES}/appointmentscheduled", json=body)
        assert renamed.status_code == 200, renamed.text
        daemon.hang_up()
        wait(lambda: len(problems(daemon)) == 1, 20, daemon.said)
        assert '"Appointment Scheduled" is now called "First Meeting"' in problems(daemon)[0]
        world.edit_erp(copy, description="Heard")
        wait(lambda: world.hubspot_deals()[deal].name == "Heard", 30, daemon.said)
        (problem,) = world.ask("check")["problems"]
        assert 'has no stage "Appointment Scheduled"; it has "First Meeting"' in problem["message"]
        text = (world.folder / "tieline.yaml").read_text()
        mended = text.replace("Appointment Scheduled:", "First Meeting:")
        (world.folder / "tieline.yaml").write_text(mended)
        assert daemon.hang_up()["refused"] == ""
        wait(lambda: daemon.health()["ready"] and problems(daemon) == [], 20, daemon.said)
        world.edit_erp(copy, description="Heard again")
        wait(lambda: world.hubspot_deals()[deal].name == "Heard again", 30, daemon.said)


def test_f18_a_sync_whose_only_pipeline_is_gone_waits_and_goes_on_once_it_is_restored(
    world: World,
) -> None:
    deal = new_deal(world, "Pumps")
    pipeline = "/crm/v3/pipelines/deals/default"
    with world.daemon() as daemon:
        copy = copy_of(world, deal)
        assert world.hubspot.http.delete(pipeline).status_code == 204
        daemon.hang_up()
        wait(lambda: daemon.health()["connections"]["sales"] == "needs you", 20, daemon.said)
        health = daemon.health()
        assert not health["ready"]
        assert 'hubspot has no pipeline "Sales Pipeline"' in health["why_not"][0]
        world.edit_erp(copy, description="Waits")
        restored = world.hubspot.http.patch(pipeline, json={"archived": False})
        assert restored.status_code == 200, restored.text
        daemon.hang_up()
        wait(lambda: world.hubspot_deals()[deal].name == "Waits", 30, daemon.said)
        assert daemon.health()["ready"]
        assert problems(daemon) == []
