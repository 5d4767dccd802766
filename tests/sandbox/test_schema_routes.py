from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.hubspot_process import Sandbox, fresh

Json = dict[str, Any]
VERSIONS = ["v3", "2026-03", "2026-09"]
PATHS = {
    "properties": {"v3": "/crm/v3/properties", "": "/crm/properties/{v}"},
    "pipelines": {"v3": "/crm/v3/pipelines", "": "/crm/pipelines/{v}"},
    "owners": {"v3": "/crm/v3/owners", "": "/crm/owners/{v}"},
    "account-info": {"v3": "/account-info/v3", "": "/account-info/{v}"},
}


def path(area: str, version: str) -> str:
    return PATHS[area].get(version, PATHS[area][""]).format(v=version)


def get(sandbox: Sandbox, address: str, **query: str) -> Any:
    answer = sandbox.http.get(address, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(answer: httpx.Response, status: int, text: str) -> Json:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    body: Json = answer.json()
    assert body["status"] == "error"
    assert text in body["message"]
    assert body["correlationId"] == answer.headers["x-hubspot-correlation-id"]
    return body


def property_body(name: str, **more: object) -> Json:
    return {
        "name": name,
        "label": name,
        "type": "string",
        "fieldType": "text",
        "groupName": "dealinformation",
        **more,
    }


# Properties


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_properties_are_listed_under_every_version(
    sandbox: Sandbox,
    version: str,
    slash: str,
) -> None:
    listed = get(sandbox, path("properties", version) + "/0-3" + slash)["results"]
    names = [item["name"] for item in listed]
    assert {"dealname", "amount", "hs_v2_date_entered_closedwon"} <= set(names)
    assert "hs_v2_date_entered_139922" in names
    assert len(set(names)) == len(names)


def test_a_property_lives_and_dies(sandbox: Sandbox) -> None:
    base, name = path("properties", "2026-03") + "/deals", fresh("life_")
    made = sandbox.http.post(base, json=property_body(name, hasUniqueValue=False))
    assert made.status_code == 201
    assert get(sandbox, f"{base}/{name}") == made.json()
    changed = sandbox.http.patch(f"{base}/{name}", json={"label": "New label"})
    assert (changed.status_code, changed.json()["label"]) == (200, "New label")
    again = sandbox.http.post(base, json=property_body(name))
    body = refused(again, 409, f"A property named '{name}' already exists.")
    assert body["subCategory"] == "Properties.PROPERTY_WITH_NAME_EXISTS"
    gone = sandbox.http.delete(f"{base}/{name}")
    assert (gone.status_code, gone.content) == (204, b"")
    missing = refused(sandbox.http.get(f"{base}/{name}"), 404, f'Property "{name}" does not exist')
    assert missing["category"] == "OBJECT_NOT_FOUND"
    assert get(sandbox, f"{base}/{name}", archived="true")["archived"] is True
    archived = get(sandbox, base, archived="true")["results"]
    assert name in {item["name"] for item in archived}


def test_a_new_property_is_validated_at_once(sandbox: Sandbox) -> None:
    name = fresh("size_")
    options = [{"label": "Small", "value": "s"}, {"label": "Large", "value": "l"}]
    body = property_body(name, type="enumeration", fieldType="select", options=options)
    deal = {"properties": {"dealname": "x", name: "m"}}
    before = sandbox.http.post("/crm/v3/objects/deals", json=deal)
    refused(before, 400, "does not exist")
    assert sandbox.http.post("/crm/v3/properties/deals", json=body).status_code == 201
    after = refused(
        sandbox.http.post("/crm/v3/objects/deals", json=deal),
        400,
        "m was not one of the allowed options: [s, l]",
    )
    assert after["errors"][0]["code"] == "INVALID_OPTION"
    deal["properties"][name] = "l"
    assert sandbox.http.post("/crm/v3/objects/deals", json=deal).status_code == 201


def test_batches_of_properties_tell_what_failed(sandbox: Sandbox) -> None:
    base, one, two = "/crm/v3/properties/deals", fresh("batch_"), fresh("batch_")
    inputs = [property_body(one), property_body("dealname"), property_body(two)]
    made = sandbox.http.post(f"{base}/batch/create", json={"inputs": inputs})
    assert made.status_code == 207
    body = made.json()
    assert [item["name"] for item in body["results"]] == [one, two]
    assert all("createdAt" not in item for item in body["results"])
    assert (body["numErrors"], body["errors"][0]["category"]) == (1, "OBJECT_ALREADY_EXISTS")
    names = [{"name": one}, {"name": "nope"}]
    read = sandbox.http.post(f"{base}/batch/read", json={"archived": False, "inputs": names})
    assert read.status_code == 207
    assert [item["name"] for item in read.json()["results"]] == [one]
    gone = sandbox.http.post(f"{base}/batch/archive", json={"inputs": names})
    assert gone.status_code == 204
    refused(sandbox.http.get(f"{base}/{one}"), 404, "does not exist")
    assert get(sandbox, f"{base}/{two}")["createdAt"]


def test_a_batch_of_properties_is_created_with_200_in_the_newest_version(
    sandbox: Sandbox,
) -> None:
    for version, status in (("2026-03", 201), ("2026-09", 200)):
        address = f"{path('properties', version)}/deals/batch/create"
        inputs = [property_body(fresh("versioned_"))]
        assert sandbox.http.post(address, json={"inputs": inputs}).status_code == status


def test_groups_have_their_own_calls(sandbox: Sandbox) -> None:
    base, name = "/crm/v3/properties/contacts/groups", fresh("group_")
    made = sandbox.http.post(base, json={"name": name, "label": "Mine"})
    assert (made.status_code, made.json()["archived"]) == (201, False)
    changed = sandbox.http.patch(f"{base}/{name}", json={"label": "Ours", "displayOrder": 3})
    assert (changed.json()["label"], changed.json()["displayOrder"]) == ("Ours", 3)
    assert name in {group["name"] for group in get(sandbox, base)["results"]}
    assert sandbox.http.delete(f"{base}/{name}").status_code == 204
    refused(sandbox.http.get(f"{base}/{name}"), 404, "does not exist")


def test_a_body_that_is_not_right_gets_the_parsers_words(sandbox: Sandbox) -> None:
    base = "/crm/v3/properties/deals"
    body = refused(sandbox.http.post(base, json={"name": "x"}), 400, "Some required fields")
    assert "category" not in body
    refused(sandbox.http.post(base, json=[1]), 400, "Invalid input JSON on line 1, column")
    refused(sandbox.http.post(base, json={"name": 5}), 400, "Invalid input JSON on line 1, column")


# Pipelines


def stage(label: str, order: int, probability: str) -> Json:
    return {"label": label, "displayOrder": order, "metadata": {"probability": probability}}


def new_pipeline(sandbox: Sandbox) -> Json:
    body = {
        "label": fresh("Pipeline "),
        "displayOrder": 9,
        "stages": [stage("Open", 0, "0.5"), stage("Won", 1, "1.0")],
    }
    made = sandbox.http.post("/crm/v3/pipelines/deals", json=body)
    assert made.status_code == 201, made.text
    result: Json = made.json()
    return result


@pytest.mark.parametrize("version", VERSIONS)
def test_a_seeded_account_has_two_pipelines(sandbox: Sandbox, version: str) -> None:
    listed = get(sandbox, path("pipelines", version) + "/deals")["results"]
    assert [(line["id"], len(line["stages"])) for line in listed[:2]] == [
        ("default", 7),
        ("139921", 5),
    ]
    assert listed[0]["stages"][5]["metadata"] == {"isClosed": "true", "probability": "1.0"}


def test_a_pipeline_lives_is_restored_and_tells_its_history(
    sandbox: Sandbox,
) -> None:
    made = new_pipeline(sandbox)
    address = f"/crm/v3/pipelines/deals/{made['id']}"
    assert get(sandbox, address) == made
    assert sandbox.http.patch(address, json={"label": fresh("P ")}).status_code == 200
    added = sandbox.http.post(f"{address}/stages", json=stage("Lost", 2, "0.0"))
    assert (added.status_code, added.json()["metadata"]["isClosed"]) == (201, "true")
    stages = get(sandbox, f"{address}/stages")["results"]
    assert [item["label"] for item in stages] == ["Open", "Won", "Lost"]
    one = f"{address}/stages/{added.json()['id']}"
    patched = sandbox.http.patch(one, json={"label": "Gone", "metadata": {}})
    assert (patched.status_code, patched.json()["label"]) == (200, "Gone")
    assert sandbox.http.put(one, json=stage("Lost", 5, "0.0")).status_code == 200
    assert sandbox.http.delete(one).status_code == 204
    refused(sandbox.http.get(one), 404, "does not exist")
    assert sandbox.http.delete(address).status_code == 204
    refused(sandbox.http.get(address), 404, "does not exist")
    assert sandbox.http.patch(address, json={"archived": False}).status_code == 200
    actions = [entry["action"] for entry in get(sandbox, f"{address}/audit")["results"]]
    assert actions == ["UPDATE", "DELETE", "UPDATE", "CREATE"]
    audit = get(sandbox, f"{one}/audit")["results"]
    assert audit[0] | {"timestamp": "", "rawObject": ""} == {
        "portalId": 62515,
        "identifier": added.json()["id"],
        "action": "DELETE",
        "timestamp": "",
        "fromUserId": 2620022,
        "message": f"Pipeline stage {added.json()['id']}: DELETE",
        "rawObject": "",
    }


@pytest.mark.parametrize(
    ("version", "query", "deleted"),
    [
        ("v3", {}, True),
        ("2026-03", {}, True),
        ("2026-09", {}, False),
        ("v3", {"validateReferencesBeforeDelete": "true"}, False),
        ("v3", {"validateDealStageUsagesBeforeDelete": "true"}, False),
        (
            "2026-09",
            {
                "validateReferencesBeforeDelete": "false",
                "validateDealStageUsagesBeforeDelete": "false",
            },
            True,
        ),
    ],
)
def test_references_are_checked_before_a_deletion_as_the_version_has_it(
    sandbox: Sandbox,
    version: str,
    query: dict[str, str],
    deleted: bool,
) -> None:
    made = new_pipeline(sandbox)
    stage_id = made["stages"][0]["id"]
    values = {"dealname": "x", "pipeline": made["id"], "dealstage": stage_id}
    deal = sandbox.http.post("/crm/v3/objects/deals", json={"properties": values}).json()
    address = f"{path('pipelines', version)}/deals/{made['id']}"
    for one in (f"{address}/stages/{stage_id}", address):
        answer = sandbox.http.delete(one, params=query)
        if deleted:
            assert answer.status_code == 204
            continue
        body = refused(answer, 400, f"Stage IDs: [{stage_id}] are being referenced")
        assert body["subCategory"] == "PipelineError.STAGE_ID_IN_USE"
        assert body["context"]["objectIds"] == [f"[{deal['id']}]"]
    # With the stage gone its deals keep the dangling id.
    kept = get(sandbox, f"/crm/v3/objects/deals/{deal['id']}")
    assert kept["properties"]["dealstage"] == stage_id


def test_tickets_have_a_pipeline_and_contacts_have_none(sandbox: Sandbox) -> None:
    (line,) = get(sandbox, "/crm/v3/pipelines/tickets")["results"]
    assert [item["metadata"]["ticketState"] for item in line["stages"]] == [
        "OPEN",
        "OPEN",
        "OPEN",
        "CLOSED",
    ]
    assert get(sandbox, "/crm/v3/pipelines/contacts") == {"results": []}
    made = sandbox.http.post("/crm/v3/pipelines/contacts", json={"label": "x"})
    refused(made, 404, "does not have pipelines")


# Owners and the account


@pytest.mark.parametrize("version", VERSIONS)
def test_owners_are_paged_to_the_end(sandbox: Sandbox, version: str) -> None:
    address, seen = f"{path('owners', version)}?limit=3", []
    for _ in range(5):
        body = get(sandbox, address)
        seen += [owner["id"] for owner in body["results"]]
        if "paging" not in body:
            break
        address = body["paging"]["next"]["link"]
        assert address.startswith(sandbox.url)
    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen, key=int)


def test_an_archived_owner_has_no_user_any_more(sandbox: Sandbox) -> None:
    base = path("owners", "2026-03")
    (gone,) = get(sandbox, base, archived="true")["results"]
    assert gone["userId"] is None
    user = str(gone["userIdIncludingInactive"])
    refused(sandbox.http.get(f"{base}/{gone['id']}"), 404, "resource not found")
    found = get(sandbox, f"{base}/{user}", idProperty="userId", archived="true")
    assert found == gone


def test_an_owner_is_found_by_address_id_and_user(sandbox: Sandbox) -> None:
    base = path("owners", "v3")
    (owner,) = get(sandbox, f"{base}/", email="ann.lee@tieline.example")["results"]
    assert get(sandbox, f"{base}/{owner['id']}") == owner
    assert get(sandbox, f"{base}/{owner['userId']}", idProperty="userId") == owner
    assert get(sandbox, base, email="ann.lee")["results"] == []
    refused(sandbox.http.get(f"{base}/{owner['userId']}"), 404, "resource not found")
    refused(sandbox.http.get(f"{base}/ann"), 400, "path parameter: ownerId")
    refused(sandbox.http.get(base, params={"limit": "501"}), 400, "limit")
    refused(sandbox.http.get(base, params={"after": "x"}), 400, "query parameter: after")
    refused(sandbox.http.get(f"{base}/1", params={"idProperty": "email"}), 400, "idProperty")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_account_tells_about_itself(sandbox: Sandbox, version: str) -> None:
    base = path("account-info", version)
    details = get(sandbox, f"{base}/details")
    assert (details["portalId"], details["companyCurrency"]) == (62515, "USD")
    assert set(details) == {
        "portalId",
        "accountType",
        "timeZone",
        "companyCurrency",
        "additionalCurrencies",
        "utcOffset",
        "utcOffsetMilliseconds",
        "uiDomain",
        "dataHostingLocation",
    }
    (before,) = get(sandbox, f"{base}/api-usage/daily/private-apps")["results"]
    (after,) = get(sandbox, f"{base}/api-usage/daily/private-apps")["results"]
    assert after["currentUsage"] == before["currentUsage"] + 1
    assert after["usageLimit"] == 625_000


def test_currencies_and_limits_can_be_read(sandbox: Sandbox) -> None:
    base = "/settings/currencies/2026-03"
    assert get(sandbox, f"{base}/company-currency")["id"] == "USD"
    rates = get(sandbox, f"{base}/exchange-rates/current")["results"]
    assert {rate["fromCurrencyCode"] for rate in rates} == {"EUR", "GBP", "NOK"}
    codes = get(sandbox, f"{base}/codes")["results"]
    assert {"currencyCode": "NOK", "currencyName": "Norwegian Krone"} in codes
    for name in ("records", "pipelines", "custom-properties"):
        body = get(sandbox, f"/crm/limits/2026-03/{name}")
        counted = body.get("hubspotDefinedObjectTypes") or body["byObjectType"]
        assert "0-3" in {entry["objectTypeId"] for entry in counted}


# What older readers call


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_older_properties_are_a_bare_list_with_flat_flags(
    sandbox: Sandbox,
    version: str,
) -> None:
    listed = get(sandbox, f"/properties/{version}/deals/properties")
    by_name = {item["name"]: item for item in listed}
    assert by_name["amount"]["type"] == "number"
    assert by_name["hs_is_closed"]["readOnlyValue"] is True
    assert by_name["dealtype"]["options"][0]["value"] == "newbusiness"
    one = get(sandbox, f"/properties/{version}/deals/properties/named/amount")
    assert one == by_name["amount"]
    newer = get(sandbox, "/crm/v3/properties/deals")["results"]
    assert set(by_name) == {item["name"] for item in newer}
    groups = get(sandbox, f"/properties/{version}/deals/groups", includeProperties="true")
    assert sum(len(group["properties"]) for group in groups) == len(listed)


@pytest.mark.parametrize("word", ["deals", "deal", "tickets"])
def test_older_pipelines_have_the_older_keys(sandbox: Sandbox, word: str) -> None:
    line = get(sandbox, f"/crm-pipelines/v1/pipelines/{word}")["results"][0]
    assert line["active"] is True
    assert isinstance(line["createdAt"], int)
    assert line["stages"][0]["metadata"]["isClosed"] == "false"
    assert line["stages"][0]["stageId"]
    assert line["objectType"] == ("TICKET" if word == "tickets" else "DEAL")


def test_the_oldest_deal_pipelines_have_numbers(sandbox: Sandbox) -> None:
    listed = get(sandbox, "/deals/v1/pipelines")
    assert listed[0]["stages"][5] == {
        "stageId": "closedwon",
        "label": "Closed Won",
        "probability": 1.0,
        "active": True,
        "displayOrder": 5,
        "closedWon": True,
    }


@pytest.mark.parametrize("base", ["/crm/v3/schemas", "/crm-object-schemas/2026-03/schemas"])
def test_schemas_list_custom_types_only_but_any_can_be_read(
    sandbox: Sandbox,
    base: str,
) -> None:
    assert get(sandbox, base) == {"results": []}
    read = get(sandbox, f"{base}/deals")
    assert (read["objectTypeId"], read["fullyQualifiedName"]) == ("0-3", "DEAL")
    assert "dealname" in {item["name"] for item in read["properties"]}
    assert "341" in {item["id"] for item in read["associations"]}
    refused(sandbox.http.get(f"{base}/widgets"), 400, "Unable to infer object type from: widgets")


# Scopes


@pytest.mark.parametrize(
    ("scope", "allowed", "denied"),
    [
        (
            "crm.schemas.deals.read",
            [("GET", "/crm/v3/properties/deals"), ("GET", "/crm/v3/pipelines/deals")],
            [("POST", "/crm/v3/properties/deals"), ("GET", "/crm/v3/owners")],
        ),
        (
            "crm.objects.deals.write",
            [("GET", "/properties/v2/deals/properties"), ("GET", "/deals/v1/pipelines")],
            [("GET", "/crm/v3/properties/contacts"), ("DELETE", "/crm/v3/pipelines/deals/1")],
        ),
        (
            "crm.objects.owners.read",
            [("GET", "/crm/owners/2026-09"), ("GET", "/account-info/v3/details")],
            [("GET", "/crm/v3/properties/deals"), ("GET", "/deals/v1/pipelines")],
        ),
    ],
)
def test_each_call_asks_for_its_scopes(
    sandbox: Sandbox,
    scope: str,
    allowed: list[tuple[str, str]],
    denied: list[tuple[str, str]],
) -> None:
    with sandbox.client(sandbox.grant(scope)) as client:
        for method, address in allowed:
            assert client.request(method, address).status_code == 200
        for method, address in denied:
            json: Json | None = {} if method == "POST" else None
            body = refused(client.request(method, address, json=json), 403, "required scopes")
            assert body["category"] == "MISSING_SCOPES"
            assert scope not in body["errors"][0]["context"]["requiredGranularScopes"]
