from __future__ import annotations

from typing import Any

import pytest

from tests.support.hubspot_calls import (
    DEALS,
    Json,
    empty,
    make,
    make_contact,
    make_unique,
    ok,
    read,
    refused,
)
from tests.support.hubspot_process import Sandbox, fresh


def inputs(*entries: Json) -> Json:
    return {"inputs": list(entries)}


def deal(**more: Any) -> Json:
    return {"properties": {"dealname": fresh("Deal "), "dealstage": "qualifiedtobuy"}, **more}


@pytest.mark.parametrize("call", ["create", "read", "update", "upsert", "archive"])
def test_a_batch_of_more_than_a_hundred_is_refused(sandbox: Sandbox, call: str) -> None:
    entries = [{"id": str(n), "properties": {"dealname": "x"}} for n in range(101)]
    body = refused(
        sandbox.http.post(f"{DEALS}/batch/{call}", json={"inputs": entries}),
        400,
        "The maximum number of inputs supported in a batch request is 100.",
    )
    assert body["category"] == "VALIDATION_ERROR"
    refused(sandbox.http.post(f"{DEALS}/batch/{call}", json={}), 400, "[inputs]")


def test_a_read_with_history_takes_fifty(sandbox: Sandbox) -> None:
    body = {"inputs": [{"id": str(n)} for n in range(51)], "propertiesWithHistory": ["amount"]}
    refused(
        sandbox.http.post(f"{DEALS}/batch/read", json=body),
        400,
        "in a batch request for property histories is 50. Please reduce the number of items",
    )


def test_a_read_answers_200_or_207_with_one_error_for_all_missing(sandbox: Sandbox) -> None:
    made = make(sandbox)
    found = ok(sandbox.http.post(f"{DEALS}/batch/read", json=inputs({"id": made["id"]})))
    assert found["status"] == "COMPLETE"
    assert "numErrors" not in found
    body = inputs({"id": "1"}, {"id": made["id"]}, {"id": made["id"]}, {"id": "abc"})
    mixed = ok(sandbox.http.post(f"{DEALS}/batch/read", json=body), 207)
    assert [one["id"] for one in mixed["results"]] == [made["id"]]
    assert mixed["numErrors"] == 1
    assert mixed["errors"] == [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": "Could not get some DEAL objects, they may be deleted or not exist. "
            "Check that ids are valid.",
            "context": {"ids": ["1", "abc"]},
        }
    ]


def test_a_create_without_trace_ids_fails_whole(sandbox: Sandbox) -> None:
    before = make(sandbox)["id"]
    answer = sandbox.http.post(
        f"{DEALS}/batch/create",
        json=inputs(
            deal(), {"properties": {"nope": "1"}}, {"properties": {"nope": "2", "no": "3"}}
        ),
    )
    body = refused(answer, 400, "Property values were not valid")
    assert [one["code"] for one in body["errors"]] == ["PROPERTY_DOESNT_EXIST"] * 3
    listed = ok(sandbox.http.get(DEALS, params={"after": before}))
    assert listed["results"] == []


def test_a_create_with_trace_ids_writes_what_it_can(sandbox: Sandbox) -> None:
    holder = make_contact(sandbox)
    answer = sandbox.http.post(
        "/crm/v3/objects/contacts/batch/create",
        json=inputs(
            {"objectWriteTraceId": "t-1", "properties": {"email": f"{fresh('new')}@t.example"}},
            {"objectWriteTraceId": "t-2", "properties": {"email": holder["properties"]["email"]}},
            {"objectWriteTraceId": "t-3", "properties": {"firstname": "A", "nope": "1"}},
        ),
    )
    body = ok(answer, 207)
    assert [one["objectWriteTraceId"] for one in body["results"]] == ["t-1"]
    taken, bad = body["errors"]
    assert taken["category"] == "CONFLICT"
    assert taken["context"] == {"objectWriteTraceId": ["t-2"], "existingId": [holder["id"]]}
    assert bad["context"] == {"objectWriteTraceId": ["t-3"]}
    assert "PROPERTY_DOESNT_EXIST" in bad["message"]
    assert "correlationId" not in bad


def test_two_new_records_of_one_batch_cannot_share_a_unique_value(sandbox: Sandbox) -> None:
    key = make_unique(sandbox)
    one, two = deal(), deal()
    one["properties"][key] = two["properties"][key] = "same"
    refused(
        sandbox.http.post(f"{DEALS}/batch/create", json=inputs(one, two)),
        400,
        "already has that value",
    )
    one["objectWriteTraceId"], two["objectWriteTraceId"] = "1", "2"
    body = ok(sandbox.http.post(f"{DEALS}/batch/create", json=inputs(one, two)), 207)
    assert len(body["results"]) == len(body["errors"]) == 1


def test_an_update_names_a_missing_id_and_writes_the_rest(sandbox: Sandbox) -> None:
    made = make(sandbox)
    body = inputs(
        {"id": made["id"], "objectWriteTraceId": "a", "properties": {"amount": "9"}},
        {"id": "1", "objectWriteTraceId": "b", "properties": {"amount": "9"}},
    )
    answered = ok(sandbox.http.post(f"{DEALS}/batch/update", json=body), 207)
    assert answered["errors"][0]["context"] == {"ids": ["1"], "objectWriteTraceId": ["b"]}
    assert read(sandbox, made["id"])["properties"]["amount"] == "9"


@pytest.mark.parametrize("traced", [True, False])
def test_an_id_named_twice_fails_the_whole_batch(sandbox: Sandbox, traced: bool) -> None:
    made = make(sandbox)
    entries = [{"id": made["id"], "properties": {"amount": str(n)}} for n in range(2)]
    for number, entry in enumerate(entries):
        entry |= {"objectWriteTraceId": str(number)} if traced else {}
    body = refused(
        sandbox.http.post(f"{DEALS}/batch/update", json=inputs(*entries)),
        400,
        f"Duplicate IDs found in batch input: [{made['id']}]. IDs must be unique",
    )
    assert body["context"] == {"ids": [made["id"]]}
    assert read(sandbox, made["id"])["properties"]["amount"] is None


def test_an_upsert_creates_once_and_then_changes(sandbox: Sandbox) -> None:
    key = make_unique(sandbox)
    entry = deal(id="T-9", idProperty=key, objectWriteTraceId="x")
    first = ok(sandbox.http.post(f"{DEALS}/batch/upsert", json=inputs(entry)))["results"][0]
    entry["properties"]["amount"] = "4"
    second = ok(sandbox.http.post(f"{DEALS}/batch/upsert", json=inputs(entry)))["results"][0]
    assert (first["new"], second["new"]) == (True, False)
    assert first["id"] == second["id"]
    body = {"inputs": [{"id": "t-9"}], "idProperty": key, "properties": [key, "amount"]}
    found = ok(sandbox.http.post(f"{DEALS}/batch/read", json=body))["results"][0]
    assert (found["properties"][key], found["properties"]["amount"]) == ("T-9", "4")


def test_non_unique_keys_are_refused_in_batches(sandbox: Sandbox) -> None:
    text = "Unable to perform update/upsert by non-unique 0-3 property dealname"
    entry = deal(id="a", idProperty="dealname")
    refused(sandbox.http.post(f"{DEALS}/batch/upsert", json=inputs(entry)), 400, text)
    entry = {"id": "a@b.example", "idProperty": "email", "properties": {"firstname": "A"}}
    path = "/crm/v3/objects/contacts/batch"
    refused(sandbox.http.post(f"{path}/update", json=inputs(entry)), 400, "non-unique 0-1 property")
    domain = {"id": "a.example", "idProperty": "domain", "properties": {"name": "A"}}
    refused(
        sandbox.http.post("/crm/v3/objects/companies/batch/upsert", json=inputs(domain)),
        400,
        "domain",
    )


def test_an_upsert_by_a_secondary_email_is_a_conflict(sandbox: Sandbox) -> None:
    one, two = make_contact(sandbox), make_contact(sandbox)
    merged = ok(
        sandbox.http.post(
            "/crm/v3/objects/contacts/merge",
            json={"primaryObjectId": one["id"], "objectIdToMerge": two["id"]},
        )
    )
    entry = {
        "id": two["properties"]["email"],
        "idProperty": "email",
        "properties": {"firstname": "A"},
    }
    path = "/crm/v3/objects/contacts/batch/upsert"
    refused(sandbox.http.post(path, json=inputs(entry)), 409, f"Existing ID: {merged['id']}")
    entry["id"] = one["properties"]["email"]
    assert ok(sandbox.http.post(path, json=inputs(entry)))["results"][0]["new"] is False


def test_archiving_passes_over_unknown_ids(sandbox: Sandbox) -> None:
    made = make(sandbox)
    empty(sandbox.http.post(f"{DEALS}/batch/archive", json=inputs({"id": made["id"]}, {"id": "1"})))
    body = inputs({"id": made["id"]})
    ok(sandbox.http.post(f"{DEALS}/batch/read", json=body), 207)
    found = ok(sandbox.http.post(f"{DEALS}/batch/read?archived=true", json=body))["results"][0]
    assert found["archived"] is True
    assert found["archivedAt"]


def test_inline_associations_of_a_batch_create_are_checked_first(sandbox: Sandbox) -> None:
    contact = make_contact(sandbox)
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}]
    good = deal(associations=[{"to": {"id": contact["id"]}, "types": types}])
    bad = deal(associations=[{"to": {"id": "1"}, "types": types}])
    before = make(sandbox)["id"]
    refused(
        sandbox.http.post(f"{DEALS}/batch/create", json=inputs(good, bad)),
        400,
        "One or more associations are invalid",
    )
    assert ok(sandbox.http.get(DEALS, params={"after": before}))["results"] == []
    made = ok(sandbox.http.post(f"{DEALS}/batch/create", json=inputs(good)), 201)["results"][0]
    shown = read(sandbox, made["id"], associations="contacts")
    assert shown["associations"]["contacts"]["results"] == [
        {"id": contact["id"], "type": "deal_to_contact"}
    ]


def test_results_come_by_id_whatever_the_order_asked(sandbox: Sandbox) -> None:
    ids = [make(sandbox)["id"] for _ in range(4)]
    body = inputs(*({"id": one} for one in reversed(ids)))
    found = ok(sandbox.http.post(f"{DEALS}/batch/read", json=body))["results"]
    assert [one["id"] for one in found] == ids
