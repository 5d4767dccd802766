from __future__ import annotations

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

DAY_MS = 86_400_000


def merge(sandbox: Sandbox, one: str, other: str, kind: str = "deals") -> Json:
    body = {"primaryObjectId": one, "objectIdToMerge": other}
    return ok(sandbox.http.post(f"/crm/v3/objects/{kind}/merge", json=body))


def associate(sandbox: Sandbox, one: str, person: str) -> None:
    path = f"/crm/v4/objects/deals/{one}/associations/default/contacts/{person}"
    ok(sandbox.http.put(path))


def people_of(sandbox: Sandbox, one: str) -> list[str]:
    found = ok(sandbox.http.get(f"/crm/v4/objects/deals/{one}/associations/contacts"))["results"]
    return [str(entry["toObjectId"]) for entry in found]


def all_ids(sandbox: Sandbox, after: str, archived: str = "false") -> list[str]:
    query = {"limit": "100", "after": after, "archived": archived}
    return [one["id"] for one in ok(sandbox.http.get(DEALS, params=query))["results"]]


def test_an_archived_record_is_seen_only_where_asked_for(sandbox: Sandbox) -> None:
    made, live = make(sandbox), make(sandbox)
    path = f"{DEALS}/{made['id']}"
    empty(sandbox.http.delete(path))
    empty(sandbox.http.delete(path))
    refused(sandbox.http.get(path), 404, "resource not found")
    refused(sandbox.http.patch(path, json={"properties": {"amount": "1"}}), 404, "not found")
    shown = ok(sandbox.http.get(f"{path}?archived=true"))
    assert shown["archived"] is True
    assert shown["archivedAt"]
    refused(sandbox.http.get(f"{DEALS}/{live['id']}?archived=true"), 404, "not found")
    before = str(int(made["id"]) - 1)
    assert all_ids(sandbox, before, "true")[:1] == [made["id"]]
    assert live["id"] not in all_ids(sandbox, before, "true")
    assert made["id"] not in all_ids(sandbox, before)


def test_deleting_an_unknown_id_is_no_error_unless_switched(sandbox: Sandbox) -> None:
    empty(sandbox.http.delete(f"{DEALS}/1"))
    sandbox.control("/switches", delete_unknown_ok=False)
    answer = sandbox.http.delete(f"{DEALS}/1")
    sandbox.control("/switches", delete_unknown_ok=True)
    refused(answer, 404, "resource not found")
    refused(sandbox.http.delete(f"{DEALS}/abc"), 404, "usually numeric")


def test_a_person_restores_a_record_with_its_associations(sandbox: Sandbox) -> None:
    made, person = make(sandbox), make_contact(sandbox)["id"]
    associate(sandbox, made["id"], person)
    changed = read(sandbox, made["id"])["updatedAt"]
    sandbox.control("/admin/archive", id=made["id"])
    path = f"/crm/v4/objects/contacts/{person}/associations/deals"
    assert ok(sandbox.http.get(path))["results"] == []
    sandbox.control("/clock", advanceMs=1)
    sandbox.control("/admin/restore", id=made["id"])
    shown = read(sandbox, made["id"])
    assert shown["archived"] is False
    assert "archivedAt" not in shown
    assert shown["updatedAt"] != changed
    assert people_of(sandbox, made["id"]) == [person]


def test_both_ends_archived_find_each_other_again(sandbox: Sandbox) -> None:
    made, person = make(sandbox), make_contact(sandbox)["id"]
    associate(sandbox, made["id"], person)
    sandbox.control("/admin/archive", id=made["id"])
    sandbox.control("/admin/archive", objectType="contacts", id=person)
    sandbox.control("/admin/restore", id=made["id"])
    assert people_of(sandbox, made["id"]) == []
    sandbox.control("/admin/restore", objectType="contacts", id=person)
    assert people_of(sandbox, made["id"]) == [person]


def test_archived_records_are_purged_after_ninety_days(sandbox: Sandbox) -> None:
    made = make(sandbox)
    empty(sandbox.http.delete(f"{DEALS}/{made['id']}"))
    sandbox.control("/clock", advanceMs=90 * DAY_MS - 60_000)
    ok(sandbox.http.get(f"{DEALS}/{made['id']}?archived=true"))
    sandbox.control("/clock", advanceMs=120_000)
    refused(sandbox.http.get(f"{DEALS}/{made['id']}?archived=true"), 404, "not found")
    sandbox.control("/clock", advanceMs=-90 * DAY_MS)


def test_a_merge_makes_a_third_record(sandbox: Sandbox) -> None:
    one, two = make(sandbox, amount="1"), make(sandbox, amount="2", description="kept")
    people = [make_contact(sandbox)["id"] for _ in range(2)]
    associate(sandbox, one["id"], people[0])
    associate(sandbox, two["id"], people[1])
    made = merge(sandbox, one["id"], two["id"])
    assert made["id"] not in (one["id"], two["id"])
    query = {"properties": "description,hs_merged_object_ids", "propertiesWithHistory": "amount"}
    shown = read(sandbox, made["id"], **query)
    assert shown["properties"]["amount"] == "1"
    assert shown["properties"]["description"] == "kept"
    assert shown["properties"]["hs_merged_object_ids"] == f"{one['id']};{two['id']}"
    entries = shown["propertiesWithHistory"]["amount"]
    assert [entry["sourceType"] for entry in entries] == ["MERGE_OBJECTS", "INTEGRATION"]
    for old in (one["id"], two["id"]):
        assert read(sandbox, old)["id"] == made["id"]
        path = f"/crm/v4/objects/deals/{old}/associations/contacts"
        assert ok(sandbox.http.get(path)) == {"results": []}
        refused(sandbox.http.get(f"{DEALS}/{old}?archived=true"), 404, "not found")
    assert people_of(sandbox, made["id"]) == people
    before = str(int(one["id"]) - 1)
    assert all_ids(sandbox, before) == [made["id"]]
    assert all_ids(sandbox, before, "true") == []
    again = merge(sandbox, made["id"], make(sandbox)["id"])
    assert read(sandbox, one["id"])["id"] == again["id"]


def test_a_merged_id_in_a_batch_is_the_survivor_or_left_out(sandbox: Sandbox) -> None:
    one, two = make(sandbox)["id"], make(sandbox)["id"]
    made = merge(sandbox, one, two)
    body = {"inputs": [{"id": one}, {"id": two}]}
    found = ok(sandbox.http.post(f"{DEALS}/batch/read", json=body))
    assert [entry["id"] for entry in found["results"]] == [made["id"]]
    sandbox.control("/switches", merged_input_omitted=True)
    found = ok(sandbox.http.post(f"{DEALS}/batch/read", json=body))
    sandbox.control("/switches", merged_input_omitted=False)
    assert found["results"] == []
    assert "errors" not in found


def test_the_primary_may_keep_its_id(sandbox: Sandbox) -> None:
    one, two = make(sandbox), make(sandbox, amount="2")
    sandbox.control("/switches", merge_keeps_primary=True)
    made = merge(sandbox, one["id"], two["id"])
    sandbox.control("/switches", merge_keeps_primary=False)
    assert made["id"] == one["id"]
    assert made["properties"]["amount"] == "2"
    assert read(sandbox, two["id"])["id"] == one["id"]


def test_merging_keeps_the_first_records_primary_company(sandbox: Sandbox) -> None:
    one, two = make(sandbox)["id"], make(sandbox)["id"]
    firms = [make(sandbox, "companies", name=fresh("Firm "))["id"] for _ in range(2)]
    for deal, firm in zip((one, two), firms, strict=True):
        ok(sandbox.http.put(f"/crm/v4/objects/deals/{deal}/associations/default/companies/{firm}"))
    made = merge(sandbox, one, two)
    path = f"/crm/v4/objects/deals/{made['id']}/associations/companies"
    found = {
        str(entry["toObjectId"]): [kind["typeId"] for kind in entry["associationTypes"]]
        for entry in ok(sandbox.http.get(path))["results"]
    }
    assert found == {firms[0]: [5, 341], firms[1]: [341]}


def test_a_merged_contact_keeps_both_emails(sandbox: Sandbox) -> None:
    one, two = make_contact(sandbox), make_contact(sandbox)
    made = merge(sandbox, one["id"], two["id"], "contacts")
    email = two["properties"]["email"]
    found = ok(sandbox.http.get(f"/crm/v3/objects/contacts/{email}?idProperty=email"))
    assert found["id"] == made["id"]
    assert found["properties"]["email"] == one["properties"]["email"]
    answer = sandbox.http.post("/crm/v3/objects/contacts", json={"properties": {"email": email}})
    refused(answer, 409, f"Existing ID: {made['id']}")


@pytest.mark.parametrize(("other", "status"), [("same", 400), ("1", 404), ("x", 404)])
def test_merges_that_make_no_sense_are_refused(sandbox: Sandbox, other: str, status: int) -> None:
    one = make(sandbox)["id"]
    body = {"primaryObjectId": one, "objectIdToMerge": one if other == "same" else other}
    refused(sandbox.http.post(f"{DEALS}/merge", json=body), status, "")


def test_a_unique_value_of_a_merged_record_lives_on(sandbox: Sandbox) -> None:
    key = make_unique(sandbox)
    one, two = make(sandbox, **{key: "k1"}), make(sandbox, **{key: "k2"})
    made = merge(sandbox, one["id"], two["id"])
    assert ok(sandbox.http.get(f"{DEALS}/k1?idProperty={key}"))["id"] == made["id"]
    make(sandbox, **{key: "k2"})


def test_a_privacy_deletion_is_for_good(sandbox: Sandbox) -> None:
    one, two = make_contact(sandbox), make_contact(sandbox)
    path = "/crm/v3/objects/contacts"
    email = two["properties"]["email"]
    empty(sandbox.http.post(f"{path}/gdpr-delete", json={"objectId": one["id"]}))
    body = {"objectId": email, "idProperty": "email"}
    empty(sandbox.http.post(f"{path}/gdpr-delete", json=body))
    refused(sandbox.http.get(f"{path}/{one['id']}?archived=true"), 404, "not found")
    answer = sandbox.http.post(path, json={"properties": {"email": email}})
    refused(answer, 400, "email has been GDPR blacklisted")


def test_a_restore_yields_to_a_taken_unique_value(sandbox: Sandbox) -> None:
    key = make_unique(sandbox)
    old = make(sandbox, **{key: "v"})
    empty(sandbox.http.delete(f"{DEALS}/{old['id']}"))
    make(sandbox, **{key: "v"})
    answer = sandbox.control_raw("/admin/restore", id=old["id"])
    assert answer.status_code == 400
    assert "already has that value" in answer.text
