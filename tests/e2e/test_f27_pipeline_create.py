"""`tieline pipeline create`: a pipeline of Tryton mirrored into the sandbox (F27)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.world import World

pytestmark = pytest.mark.timeout(180)

CREATE = ("pipeline", "create", "--from", "erp", "opportunities", "--in", "hubspot")
NAME = ("--name", "From the ERP")


def lines_of(world: World) -> Any:  # Any: the vendor's JSON
    answer = world.hubspot.http.get("/crm/v3/pipelines/deals").json()
    return {one["label"]: one for one in answer["results"]}


def test_f27_a_pipeline_is_mirrored_mapped_and_syncs(world: World) -> None:
    file = world.folder / "tieline.yaml"
    before = file.read_text().replace("      pipelines:", "      # Mine alone.\n      pipelines:")
    file.write_text(before)
    plan = world.ask(*CREATE, *NAME)
    assert not plan["made"] and not plan["written"] and plan["id"] == ""
    assert [one["label"] for one in plan["stages"]][:2] == ["Lead", "Opportunity"]
    assert file.read_text() == before
    assert "From the ERP" not in lines_of(world)

    made = world.ask(*CREATE, *NAME, "--write")
    assert made["made"] and made["files"] == ["tieline.yaml"]
    stages = sorted(lines_of(world)["From the ERP"]["stages"], key=lambda one: one["displayOrder"])
    assert [(one["label"], one["metadata"]["isClosed"]) for one in stages] == [
        ("Lead", "false"),
        ("Opportunity", "false"),
        ("Converted", "false"),
        ("Won", "true"),
        ("Lost", "true"),
        ("Cancelled", "true"),
    ]
    assert [one["metadata"]["probability"] for one in stages][-3:] == ["1.0", "0.0", "0.0"]
    text = file.read_text()
    assert "      # Mine alone.\n      pipelines:" in text
    assert all(line in text for line in before.splitlines())
    assert world.ask("check")["exit"] == 0
    (sync,) = world.ask("pipelines")["syncs"]
    line = next(one for one in sync["sides"][0]["pipelines"] if one["label"] == "From the ERP")
    assert all(stage["mapped_to"] == [stage["label"]] for stage in line["stages"])

    deal = world.hubspot.control(
        "/admin/create",
        objectType="deals",
        properties={"dealname": "Pumps", "pipeline": made["id"], "dealstage": stages[0]["id"]},
        userId=2620022,
    )
    world.once()
    (copy,) = world.erp_deals().values()
    assert (copy.name, copy.stage) == ("Pumps", "lead")
    world.press_erp(copy.id, "lost")
    world.once()
    # The old mapping is listed first, so a move in Tryton goes there: check said so.
    assert world.hubspot_deals()[str(deal["id"])].stage == "closedlost"

    again = world.ask(*CREATE, *NAME, "--write")
    assert again["existed"] and not again["made"] and again["files"] == []
    assert file.read_text() == text


def test_f27_what_cannot_be_is_refused_in_words(world: World) -> None:
    taken = world.tieline(*CREATE, "--name", "Sales Pipeline", "--write")
    assert taken.returncode == 78
    assert 'hubspot has a pipeline "Sales Pipeline" already, with other stages' in taken.stderr
    unknown = world.tieline(
        "pipeline", "create", "--from", "erp", "oportunities", "--in", "hubspot"
    )
    assert 'Did you mean "Opportunities"?' in unknown.stderr
    wrong_way = world.tieline(
        "pipeline", "create", "--from", "hubspot", "Sales Pipeline", "--in", "erp", "--write"
    )
    assert wrong_way.returncode == 78
    assert "tieline cannot make pipelines in erp" in wrong_way.stderr
    text = (world.folder / "tieline.yaml").read_text()
    scopes = ("oauth", "crm.objects.deals.read", "crm.objects.owners.read")
    allowed = world.variables["HUBSPOT_TOKEN"]
    world.variables["HUBSPOT_TOKEN"] = world.hubspot.grant(*scopes)
    denied = world.tieline(*CREATE, *NAME, "--write")
    assert denied.returncode == 77
    assert "may not make pipelines. Add the scope crm.schemas.deals.write" in denied.stderr
    world.variables["HUBSPOT_TOKEN"] = allowed
    stage = {"label": "A", "displayOrder": 0, "metadata": {"probability": "0.5"}}
    for number in range(100):
        body = {"label": f"Line {number}", "displayOrder": number, "stages": [stage]}
        if world.hubspot.http.post("/crm/v3/pipelines/deals", json=body).status_code != 201:
            break
    full = world.tieline(*CREATE, *NAME, "--write")
    assert full.returncode == 78
    assert "how many there may be is a matter of the account's plan" in full.stderr
    assert (world.folder / "tieline.yaml").read_text() == text
