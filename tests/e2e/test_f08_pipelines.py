"""`tieline pipelines` on the sandbox and a real Tryton (F8, F9, F11), and the linter (F13)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.test_deals import new_deal
from tests.e2e.world import World, wait

pytestmark = pytest.mark.timeout(180)


def side(answer: Any, app: str) -> Any:  # Any: the command's JSON
    (sync,) = answer["syncs"]
    return next(one for one in sync["sides"] if one["app"] == app)


def stages_of(answer: Any, app: str, pipeline: str) -> Any:
    lines = {one["label"]: one for one in side(answer, app)["pipelines"]}
    return {one["label"]: one for one in lines[pipeline]["stages"]}


def test_f08_both_sides_are_shown_with_meaning_counterparts_and_live_counts(world: World) -> None:
    for number in range(3):
        new_deal(world, f"Deal {number}")
    new_deal(world, "Offered", "contractsent")
    world.once()

    def counted() -> int:  # by search, whose index is behind
        shown = stages_of(world.ask("pipelines"), "hubspot", "Sales Pipeline")
        return int(shown["Appointment Scheduled"]["records"] + shown["Contract Sent"]["records"])

    wait(lambda: counted() == 4, 20, counted)
    answer = world.ask("pipelines")
    assert answer["exit"] == 0
    assert side(answer, "hubspot")["account"].startswith("HubSpot ")
    hubspot = stages_of(answer, "hubspot", "Sales Pipeline")
    assert next(iter(hubspot)) == "Appointment Scheduled"
    first = hubspot["Appointment Scheduled"]
    assert (first["records"], first["mapped_to"], first["closing"]) == (3, ["Lead"], "open")
    assert first["probability"] == 0.2
    assert (hubspot["Contract Sent"]["records"], hubspot["Contract Sent"]["mapped_to"]) == (1, [])
    assert hubspot["Closed Won"]["closing"] == "won"
    erp = stages_of(answer, "erp", "Opportunities")
    assert (erp["Lead"]["records"], erp["Lead"]["mapped_to"]) == (3, ["Appointment Scheduled"])
    assert (erp["Lost"]["closing"], erp["Lost"]["records"]) == ("lost", 0)
    assert "confirming its sale" in erp["Won"]["unreachable"]
    text = world.tieline("pipelines").stdout
    (line,) = [one.split("  ") for one in text.splitlines() if "Contract Sent  " in one]
    words = [word.strip() for word in line if word.strip()]
    assert words == ["Sales Pipeline", "Contract Sent", "open", "90%", "1", "not mapped"]


def test_f13_the_linter_warns_in_check_and_in_pipelines_alike(world: World) -> None:
    new_deal(world, "Offered", "contractsent")
    more = ("Closed Won: opportunity", "Presentation Scheduled: lead")
    world.configure(more_stages="".join(f"\n            {line}" for line in more))
    checked, shown = world.ask("check"), world.ask("pipelines")
    assert checked["exit"] == shown["exit"] == 0
    warnings = [one["message"] for one in shown["syncs"][0]["warnings"]]
    assert [one["message"] for one in checked["warnings"]] == warnings
    assert (
        'hubspot: "Contract Sent" is not mapped and holds 1 deal, which does not sync' in warnings
    )
    reopened = (
        '"Closed Won" is won in hubspot, but "Opportunity" is open in erp: a deal that was won'
    )
    assert any(one.startswith(reopened) for one in warnings)
    back = 'hubspot "Presentation Scheduled" becomes "Lead" in erp, which comes back as "Appoint'
    assert any(one.startswith(back) for one in warnings)
    text = (world.folder / "tieline.yaml").read_text().splitlines()
    lines = {one["message"]: text[one["line"] - 1].strip() for one in checked["warnings"]}
    told = next(message for message in lines if message.startswith(back))
    assert lines[told] == "Presentation Scheduled: lead"


def test_f11_a_stage_that_does_not_show_is_told_with_its_cause(world: World) -> None:
    world.configure(more_stages="\n            Qualified To By: opportunity")
    done = world.tieline("pipelines")
    assert done.returncode == 78
    assert 'has no stage "Qualified To By"' in done.stdout
    assert 'Did you mean "Qualified To Buy"?' in done.stdout
    world.configure()
    world.once()
    body = {"label": "Fit For Us", "metadata": {"probability": "0.4"}}
    url = "/crm/v3/pipelines/deals/default/stages/qualifiedtobuy"
    assert world.hubspot.http.patch(url, json=body).status_code == 200
    answer = world.ask("pipelines")
    assert answer["exit"] == 78
    (problem,) = answer["syncs"][0]["problems"]
    assert 'stage "Qualified To Buy" is now called "Fit For Us" in hubspot' in problem["message"]
    assert stages_of(answer, "hubspot", "Sales Pipeline")["Fit For Us"]["mapped_to"] == [
        "Opportunity"
    ]


def test_f11_a_missing_permission_is_told_as_such(world: World) -> None:
    world.variables["HUBSPOT_TOKEN"] = world.hubspot.grant("oauth", "crm.objects.owners.read")
    answer = world.ask("pipelines")
    assert answer["exit"] == 77
    assert "crm.schemas.deals.read" in side(answer, "hubspot")["problem"]
    assert side(answer, "erp")["pipelines"]


def test_f08_another_pipeline_may_be_mapped_and_many_stages_meet_in_one(world: World) -> None:
    stages = [
        {"label": label, "displayOrder": at, "metadata": {"probability": probability}}
        for at, (label, probability) in enumerate([("Asked", "0.1"), ("No", "0.0")])
    ]
    body = {"label": "Rentals", "displayOrder": 1, "stages": stages}
    made = world.hubspot.http.post("/crm/v3/pipelines/deals", json=body).json()
    ids = {one["label"]: one["id"] for one in made["stages"]}
    text = (world.folder / "tieline.yaml").read_text()
    more = (
        "        - {hubspot: Rentals, erp: opportunities, stages: {Asked: lead, No: lost}}\n"
        "      fields:\n"
    )
    (world.folder / "tieline.yaml").write_text(text.replace("      fields:\n", more))
    sale = new_deal(world, "Sale")
    rental = new_deal(world, "Rental", ids["Asked"], pipeline=made["id"])
    world.once()
    copies = world.pairs()
    assert {world.erp_deals()[copies[one]].stage for one in (sale, rental)} == {"lead"}
    world.edit_erp(copies[rental], description="Rental, heard")
    world.press_erp(copies[rental], "lost")
    world.once()
    assert world.hubspot_deals()[rental].name == "Rental, heard"
    # Lost has two counterparts: the first listed one takes the deal over.
    assert world.hubspot_deals()[rental].stage == "closedlost"
    world.press_erp(copies[rental], "lead")
    world.once()
    assert world.hubspot_deals()[rental].stage == "appointmentscheduled"
    last = world.last_call()
    world.once()
    assert world.hubspot_writes(last) == []


def test_f09_a_deal_that_leaves_the_mapped_stages_waits_there_and_is_merged_when_it_is_back(
    world: World,
) -> None:
    deal = new_deal(world, "Pumps", amount="10.00", deal_currency_code="EUR")
    world.once()
    copy = world.pairs()[deal]
    world.edit_hubspot(deal, dealstage="contractsent", pipeline="default", dealname="Unheard")
    world.once()
    (story,) = world.ask("explain", "hubspot", deal)["stories"]
    assert story["status"] == "excluded"
    assert story["reason"] == 'hubspot: stage "Contract Sent" of "Sales Pipeline" is not mapped'
    world.edit_erp(copy, amount={"__class__": "Decimal", "decimal": "20.00"})
    last, stamp = world.last_call(), world.last_erp_change()
    world.once()
    assert world.hubspot_writes(last) == []
    assert world.last_erp_change() == stamp
    world.edit_hubspot(deal, dealstage="qualifiedtobuy", pipeline="default")
    world.once()
    left, right = world.hubspot_deals()[deal], world.erp_deals()[copy]
    assert (left.name, left.amount, left.stage) == ("Unheard", Decimal(20), "qualifiedtobuy")
    assert (right.name, right.amount, right.stage) == ("Unheard", Decimal(20), "opportunity")
    assert world.ask("conflicts")["conflicts"] == []


def test_f13_a_closed_deal_is_not_opened_again_by_the_sync_unless_allowed(world: World) -> None:
    deal = new_deal(world, "Pumps", "closedlost")
    world.configure(more_fields="\n      reopen: hold")
    assert any("reopen: hold" in rule for rule in world.ask("plan")["syncs"][0]["rules"])
    world.once()
    copy = world.pairs()[deal]
    assert world.erp_deals()[copy].stage == "lost"
    world.press_erp(copy, "lead")
    world.edit_erp(copy, description="Pumps, again")
    world.once()
    left = world.hubspot_deals()[deal]
    assert (left.name, left.stage) == ("Pumps, again", "closedlost")
    (story,) = world.ask("explain", "hubspot", deal)["stories"]
    assert story["status"] == "held"
    assert '"Closed Lost" is lost in hubspot and would be opened again' in story["reason"]
    world.configure()
    world.once()
    assert world.hubspot_deals()[deal].stage == "appointmentscheduled"
