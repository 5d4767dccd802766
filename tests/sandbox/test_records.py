from __future__ import annotations

import json
import re

import pytest

from tests.support.hubspot_calls import (
    DEALS,
    empty,
    make,
    make_contact,
    make_unique,
    ok,
    read,
    refused,
)
from tests.support.hubspot_process import Sandbox, fresh

FAMILIES = ["/crm/v3/objects", "/crm/objects/v3", "/crm/objects/2026-03", "/crm/objects/2026-09"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("word", ["deals", "deal", "DEAL", "0-3", "Deals"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_list_answers_under_every_spelling_of_its_path(
    sandbox: Sandbox, family: str, word: str, slash: str
) -> None:
    body = ok(sandbox.http.get(f"{family}/{word}{slash}"))
    assert len(body["results"]) == 10
    assert body["results"][0].keys() == {
        "id",
        "properties",
        "createdAt",
        "updatedAt",
        "archived",
        "url",
    }


def test_an_unknown_type_is_a_400_without_category(sandbox: Sandbox) -> None:
    body = refused(sandbox.http.get("/crm/v3/objects/widgets"), 400, "Unable to infer object type")
    assert "category" not in body
    refused(
        sandbox.http.get("/crm/v3/objects/0-9999"), 400, "Invalid object or event type id: 0-9999"
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/crm/v3/nothing", 404), ("PUT", "/crm/v3/objects/deals", 405), ("GET", "/", 404)],
)
def test_paths_that_lead_nowhere_get_an_html_page(
    sandbox: Sandbox, method: str, path: str, status: int
) -> None:
    answer = sandbox.http.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert f"Error {status}" in answer.text


def test_a_long_request_line_is_served_and_a_longer_one_is_414(sandbox: Sandbox) -> None:
    names = ",".join(f"property_{n:05}" for n in range(15_000 // 15))
    ok(sandbox.http.get(f"{DEALS}?properties={names[:14_900]}"))
    answer = sandbox.http.get(DEALS, params={"properties": "x" * 17_000})
    assert answer.status_code == 414


def test_paging_by_link_stays_on_the_callers_host_and_ends_without_paging(sandbox: Sandbox) -> None:
    address, ids = f"{sandbox.url}{DEALS}?limit=50&properties=amount,dealname", []
    while address:
        body = ok(sandbox.http.get(address))
        ids += [one["id"] for one in body["results"]]
        following = body.get("paging", {}).get("next")
        if following:
            assert following["after"] == ids[-1]
            assert following["link"].startswith(sandbox.url)
        address = following["link"] if following else ""
    assert len(ids) == len(set(ids)) >= 120
    assert ids == sorted(ids, key=int)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "abc", "1.5", "99999999999"])
def test_a_limit_out_of_range_is_refused_not_clamped(sandbox: Sandbox, limit: str) -> None:
    refused(sandbox.http.get(DEALS, params={"limit": limit}), 400, "limit")


def test_a_limit_with_history_is_at_most_fifty(sandbox: Sandbox) -> None:
    query = {"propertiesWithHistory": "amount", "limit": "51"}
    refused(sandbox.http.get(DEALS, params=query), 400, "50")
    ok(sandbox.http.get(DEALS, params={**query, "limit": "50"}))


def test_an_unreadable_after_and_flag_are_refused(sandbox: Sandbox) -> None:
    refused(sandbox.http.get(DEALS, params={"after": "abc"}), 400, "after")
    refused(sandbox.http.get(DEALS, params={"archived": "maybe"}), 400, "archived")


def test_array_parameters_come_repeated_joined_or_both(sandbox: Sandbox) -> None:
    made = make(sandbox, amount="5", description="d")
    query = "properties=amount,description&properties=hs_priority&properties=nope&other=1"
    shown = ok(sandbox.http.get(f"{DEALS}/{made['id']}?{query}"))["properties"]
    assert shown["description"] == "d"
    assert shown["hs_priority"] is None
    assert "nope" not in shown
    assert list(shown) == sorted(shown)
    assert {"createdate", "hs_lastmodifieddate", "hs_object_id", "pipeline"} <= shown.keys()


def test_a_create_answers_201_with_more_than_was_sent(sandbox: Sandbox) -> None:
    body = {"properties": {"dealname": "x", "amount": 12, "dealstage": "qualifiedtobuy"}, "more": 1}
    answer = sandbox.http.post(DEALS, json=body)
    made = ok(answer, 201)
    assert answer.headers["location"].endswith(f"/deals/{made['id']}")
    shown = made["properties"]
    assert shown["amount"] == shown["amount_in_home_currency"] == "12"
    assert shown["pipeline"] == "default"
    assert shown["hs_deal_stage_probability"] == "0.4"
    assert shown["hs_is_closed"] == "false"
    assert shown["hs_object_source"] == "INTEGRATION"
    assert shown["hs_object_source_id"] == "1234567"
    assert made["createdAt"] == shown["createdate"]
    assert made["updatedAt"] == shown["hs_lastmodifieddate"]
    assert len(made["id"]) in (11, 12)


def test_every_bad_property_is_named_twice_over(sandbox: Sandbox) -> None:
    properties = {"nope": "1", "hs_object_id": "1", "amount": "ten", "dealstage": "gone"}
    body = refused(
        sandbox.http.post(DEALS, json={"properties": properties}),
        400,
        "Property values were not valid",
    )
    assert body["category"] == "VALIDATION_ERROR"
    array = json.loads(body["message"].partition(": ")[2])
    assert [one["name"] for one in array] == list(properties)
    assert [one["error"] for one in array] == [one["code"] for one in body["errors"]]
    assert body["errors"][0]["context"] == {"propertyName": ["nope"]}
    assert {one["portalId"] for one in array} == {62515}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "Invalid input JSON on line 1, column 1"),
        (b'{"properties":', "Invalid input JSON on line 1"),
        (b"{}", "Some required fields were not set: [properties]"),
        (b'{"properties": {"dealname": ["a"]}}', "Invalid input JSON"),
        (b'{"properties": {}}', "properties cannot be empty"),
        (b'{"properties": {"dealname": "\xff"}}', "Invalid input JSON"),
    ],
)
def test_a_body_of_the_wrong_shape_is_a_400(sandbox: Sandbox, content: bytes, text: str) -> None:
    headers = {"content-type": "application/json"}
    refused(sandbox.http.post(DEALS, content=content, headers=headers), 400, text)


def test_a_body_that_is_declared_as_something_else_is_a_415(sandbox: Sandbox) -> None:
    answer = sandbox.http.post(DEALS, content=b"{}", headers={"content-type": "text/plain"})
    refused(answer, 415, "Unsupported Media Type")


@pytest.mark.parametrize(
    ("record_id", "text"),
    [
        ("1", "resource not found"),
        ("abc", "Object not found.  objectId are usually numeric."),
        ("0", "Object not found. objectId is usually positive."),
        ("-5", "Object not found. objectId is usually positive."),
    ],
)
def test_ids_that_name_nothing_are_404_in_their_own_words(
    sandbox: Sandbox, record_id: str, text: str
) -> None:
    refused(sandbox.http.get(f"{DEALS}/{record_id}"), 404, text)
    refused(
        sandbox.http.patch(f"{DEALS}/{record_id}", json={"properties": {"amount": "1"}}), 404, text
    )


def test_an_update_writes_history_newest_first(sandbox: Sandbox) -> None:
    made = make(sandbox, amount="1")
    path = f"{DEALS}/{made['id']}"
    ok(sandbox.http.patch(path, json={"properties": {"amount": "2"}}))
    sandbox.control("/admin/edit", id=made["id"], properties={"amount": "3"}, userId=77)
    ok(sandbox.http.patch(path, json={"properties": {"amount": ""}}))
    shown = read(sandbox, made["id"], propertiesWithHistory="amount,dealname,nope")
    assert shown["properties"]["amount"] is None
    entries = shown["propertiesWithHistory"]["amount"]
    assert [one["value"] for one in entries] == ["", "3", "2", "1"]
    assert entries[1]["sourceType"] == "CRM_UI"
    assert entries[1]["sourceId"] == "userId:77"
    assert entries[1]["updatedByUserId"] == 77
    assert entries[0]["sourceType"] == "INTEGRATION"
    assert entries[0]["sourceId"] == "1234567"
    assert shown["propertiesWithHistory"].keys() == {"amount", "dealname"}


def test_history_is_capped(sandbox: Sandbox) -> None:
    made = make(sandbox)
    for number in range(25):
        sandbox.control("/admin/edit", id=made["id"], properties={"amount": number})
    entries = read(sandbox, made["id"], propertiesWithHistory="amount")["propertiesWithHistory"]
    assert [one["value"] for one in entries["amount"]] == [str(n) for n in range(24, 4, -1)]


def test_writing_what_is_there_changes_nothing(sandbox: Sandbox) -> None:
    made = make(sandbox, amount="1.00")
    again = ok(sandbox.http.patch(f"{DEALS}/{made['id']}", json={"properties": {"amount": "1.00"}}))
    assert again["updatedAt"] == made["updatedAt"]
    sandbox.control("/switches", equal_write_bumps=True)
    sandbox.control("/clock", advanceMs=5)
    again = ok(sandbox.http.patch(f"{DEALS}/{made['id']}", json={"properties": {"amount": "1.00"}}))
    sandbox.control("/switches", equal_write_bumps=False)
    assert again["updatedAt"] != made["updatedAt"]
    history = read(sandbox, made["id"], propertiesWithHistory="amount")["propertiesWithHistory"]
    assert len(history["amount"]) == 1


def test_one_bad_property_of_an_update_stops_all(sandbox: Sandbox) -> None:
    made = make(sandbox, amount="1")
    answer = sandbox.http.patch(
        f"{DEALS}/{made['id']}", json={"properties": {"amount": "2", "nope": "x"}}
    )
    refused(answer, 400, "PROPERTY_DOESNT_EXIST")
    assert read(sandbox, made["id"])["properties"]["amount"] == "1"


def test_closing_a_deal_sets_its_date_and_reopening_its_probability(sandbox: Sandbox) -> None:
    made = make(sandbox, closedate="2030-01-01")
    path = f"{DEALS}/{made['id']}"
    won = ok(sandbox.http.patch(path, json={"properties": {"dealstage": "closedwon"}}))[
        "properties"
    ]
    assert won["closedate"] == won["hs_lastmodifieddate"]
    assert (won["hs_is_closed"], won["hs_is_closed_won"], won["hs_is_closed_lost"]) == (
        "true",
        "true",
        "false",
    )
    assert won["hs_deal_stage_probability"] == "1.0"
    back = ok(sandbox.http.patch(path, json={"properties": {"dealstage": "contractsent"}}))
    assert back["properties"]["hs_is_closed"] == "false"
    sent = {"dealstage": "closedlost", "closedate": "2031-02-03T04:05:06Z"}
    lost = ok(sandbox.http.patch(path, json={"properties": sent}))["properties"]
    assert lost["closedate"] == "2031-02-03T04:05:06Z"
    assert (lost["hs_is_closed_won"], lost["hs_is_closed_lost"]) == ("false", "true")


def test_a_close_date_sent_along_stays_even_if_it_was_there_before(sandbox: Sandbox) -> None:
    made = make(sandbox, closedate="2030-01-01T00:00:00Z")
    sent = {"dealstage": "closedwon", "closedate": "2030-01-01T00:00:00Z"}
    won = ok(sandbox.http.patch(f"{DEALS}/{made['id']}", json={"properties": sent}))
    assert won["properties"]["closedate"] == "2030-01-01T00:00:00Z"


def test_the_home_amount_follows_the_currency(sandbox: Sandbox) -> None:
    made = make(sandbox, amount="100", deal_currency_code="EUR")
    assert made["properties"]["amount_in_home_currency"] == "108"
    refused(
        sandbox.http.patch(
            f"{DEALS}/{made['id']}", json={"properties": {"deal_currency_code": "XXX"}}
        ),
        400,
        "INVALID_OPTION",
    )


def test_a_back_dated_deal_keeps_its_true_date_apart(sandbox: Sandbox) -> None:
    made = make(sandbox, createdate="2001-02-03T00:00:00Z")
    assert made["createdAt"] == "2001-02-03T00:00:00Z"
    shown = read(sandbox, made["id"], properties="hs_createdate")["properties"]
    assert shown["hs_createdate"] == made["updatedAt"]


def test_a_taken_email_is_a_409_that_names_the_holder(sandbox: Sandbox) -> None:
    made = make_contact(sandbox)
    email = made["properties"]["email"].upper()
    answer = sandbox.http.post("/crm/v3/objects/contacts", json={"properties": {"email": email}})
    body = refused(answer, 409, f"Contact already exists. Existing ID: {made['id']}")
    assert body["category"] == "CONFLICT"
    other = make_contact(sandbox)
    path = f"/crm/v3/objects/contacts/{other['id']}"
    refused(sandbox.http.patch(path, json={"properties": {"email": email}}), 409, made["id"])


def test_a_taken_unique_value_is_a_400_that_names_both(sandbox: Sandbox) -> None:
    key = make_unique(sandbox)
    made = make(sandbox, **{key: "T-1"})
    answer = sandbox.http.post(DEALS, json={"properties": {"dealname": "b", key: "t-1"}})
    body = refused(answer, 400, f"{made['id']} already has that value.")
    assert body["category"] == "VALIDATION_ERROR"
    assert re.search(
        rf"PropertyValueCoordinates\{{portalId=62515, objectTypeId=ObjectTypeId\{{legacyObjectType="
        rf"DEAL\}}, propertyName={key}, value=t-1\}} on \d+\. {made['id']} already",
        body["message"],
    )
    empty(sandbox.http.delete(f"{DEALS}/{made['id']}"))
    make(sandbox, **{key: "T-1"})


def test_records_are_addressed_by_unique_properties_only(sandbox: Sandbox) -> None:
    key = make_unique(sandbox)
    made = make(sandbox, **{key: "a/b c"})
    path = f"{DEALS}/a%2Fb%20c?idProperty={key}"
    assert ok(sandbox.http.get(path))["id"] == made["id"]
    assert ok(sandbox.http.patch(path, json={"properties": {"amount": "7"}}))["id"] == made["id"]
    refused(sandbox.http.get(f"{DEALS}/x?idProperty={key}"), 404, "resource not found")
    refused(
        sandbox.http.get(f"{DEALS}/x?idProperty=dealname"), 400, "non-unique 0-3 property dealname"
    )
    refused(sandbox.http.get(f"{DEALS}/x?idProperty=nope"), 400, "non-unique 0-3 property nope")
    contact = make_contact(sandbox)
    email = contact["properties"]["email"].replace("@", "%40")
    found = ok(sandbox.http.get(f"/crm/v3/objects/contacts/{email}?idProperty=email"))
    assert found["id"] == contact["id"]


def test_the_create_form_counts_in_the_newest_version_only(sandbox: Sandbox) -> None:
    body = {"properties": {"dealname": fresh("Deal ")}}
    for version in ("2026-03",):
        ok(sandbox.http.post(f"/crm/objects/{version}/deals", json=body), 201)
    refused(sandbox.http.post("/crm/objects/2026-09/deals", json=body), 400, "required properties")
    made = make(sandbox)
    cleared = {"properties": {"dealname": ""}}
    refused(
        sandbox.http.patch(f"/crm/objects/2026-09/deals/{made['id']}", json=cleared),
        400,
        "required",
    )
    ok(sandbox.http.patch(f"/crm/objects/2026-03/deals/{made['id']}", json=cleared))


def test_ids_grow_unless_switched_to_random_order(sandbox: Sandbox) -> None:
    ids = [int(make(sandbox)["id"]) for _ in range(3)]
    assert ids == sorted(ids)
    sandbox.control("/switches", random_ids=True)
    ids = [int(make(sandbox)["id"]) for _ in range(12)]
    sandbox.control("/switches", random_ids=False)
    assert ids != sorted(ids)
    listed = ok(sandbox.http.get(DEALS, params={"after": str(min(ids) - 1), "limit": "100"}))
    assert str(min(ids)) == listed["results"][0]["id"]


def test_a_contact_needs_a_name_or_an_email_and_a_company_a_name_or_a_domain(
    sandbox: Sandbox,
) -> None:
    answer = sandbox.http.post("/crm/v3/objects/contacts", json={"properties": {"phone": "1"}})
    refused(answer, 400, "required properties")
    answer = sandbox.http.post("/crm/v3/objects/companies", json={"properties": {"phone": "1"}})
    refused(answer, 400, "required properties")
    one = make(sandbox, "companies", domain="same.example")
    assert make(sandbox, "companies", domain="same.example")["id"] != one["id"]


def test_many_records_share_a_millisecond_when_the_clock_is_frozen(sandbox: Sandbox) -> None:
    sandbox.control("/clock", freeze=True)
    made = [make(sandbox) for _ in range(5)]
    sandbox.control("/clock", thaw=True)
    assert len({one["updatedAt"] for one in made}) == 1
