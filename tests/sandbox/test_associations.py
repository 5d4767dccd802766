from __future__ import annotations

from typing import Any

import pytest

from tests.support.hubspot_calls import Json, empty, make, make_contact, ok, read, refused
from tests.support.hubspot_process import Sandbox, fresh

OBJECTS = {
    "v4": "/crm/v4/objects",
    "2026-03": "/crm/objects/2026-03",
    "2026-09": "/crm/objects/2026-09",
}
BATCHES = {
    "v4": "/crm/v4/associations",
    "2026-03": "/crm/associations/2026-03",
    "2026-09": "/crm/associations/2026-09",
}
VERSIONS = list(OBJECTS)
PRIMARY, PLAIN = 5, 341


def spec(type_id: int, category: str = "HUBSPOT_DEFINED") -> Json:
    return {"associationCategory": category, "associationTypeId": type_id}


def company(sandbox: Sandbox) -> str:
    return str(make(sandbox, "companies", name=fresh("Company "))["id"])


def deal(sandbox: Sandbox) -> str:
    return str(make(sandbox)["id"])


def targets(
    sandbox: Sandbox, record_id: str, pair: str = "deals/companies"
) -> dict[str, list[int]]:
    left, right = pair.split("/")
    path = f"/crm/v4/objects/{left}/{record_id}/associations/{right}"
    found = ok(sandbox.http.get(path))["results"]
    return {
        str(one["toObjectId"]): [kind["typeId"] for kind in one["associationTypes"]]
        for one in found
    }


def default(sandbox: Sandbox, left: str, right: str, pair: str = "deals/companies") -> Json:
    one, other = pair.split("/")
    path = f"/crm/v4/objects/{one}/{left}/associations/default/{other}/{right}"
    return ok(sandbox.http.put(path))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_default_association_is_written_both_ways(sandbox: Sandbox, version: str) -> None:
    one, other = deal(sandbox), company(sandbox)
    path = f"{OBJECTS[version]}/0-3/{one}/associations/default/company/{other}"
    body = ok(sandbox.http.put(path))
    assert body["status"] == "COMPLETE"
    assert [entry["associationSpec"]["associationTypeId"] for entry in body["results"]] == [
        341,
        342,
    ]
    assert body["results"][1]["from"] == {"id": other}
    assert targets(sandbox, one) == {other: [PRIMARY, PLAIN]}
    assert targets(sandbox, other, "companies/deals") == {one: [6, 342]}
    assert ok(
        sandbox.http.get(f"{OBJECTS[version]}/deals/{deal(sandbox)}/associations/contacts")
    ) == {"results": []}


def test_only_one_company_is_primary(sandbox: Sandbox) -> None:
    one, first, second = deal(sandbox), company(sandbox), company(sandbox)
    default(sandbox, one, first)
    default(sandbox, one, second)
    assert targets(sandbox, one) == {first: [PRIMARY, PLAIN], second: [PLAIN]}
    path = f"/crm/v4/objects/deals/{one}/associations/companies/{second}"
    body = ok(sandbox.http.put(path, json=[spec(PRIMARY)]), 201)
    assert body == {
        "fromObjectTypeId": "0-3",
        "fromObjectId": int(one),
        "toObjectTypeId": "0-2",
        "toObjectId": int(second),
        "labels": ["Primary"],
    }
    assert targets(sandbox, one) == {first: [PLAIN], second: [PRIMARY, PLAIN]}
    back = f"/crm/v4/objects/companies/{first}/associations/deals/{one}"
    ok(sandbox.http.put(back, json=[spec(6)]), 201)
    assert targets(sandbox, one) == {first: [PRIMARY, PLAIN], second: [PLAIN]}


def test_inline_associations_name_an_id_once_per_type(sandbox: Sandbox) -> None:
    one, other = deal(sandbox), company(sandbox)
    default(sandbox, one, other)
    shown = read(sandbox, one, associations="company,contacts")
    assert shown["associations"] == {
        "companies": {
            "results": [
                {"id": other, "type": "deal_to_company"},
                {"id": other, "type": "deal_to_company_unlabeled"},
            ]
        }
    }
    assert "associations" not in read(sandbox, one, associations="contacts")
    refused(sandbox.http.get(f"/crm/v3/objects/deals/{one}?associations=widgets"), 400, "infer")


def test_labels_are_replaced_by_put_and_added_by_batches(sandbox: Sandbox) -> None:
    labels = "/crm/v4/associations/deals/contacts/labels"
    made = [
        ok(sandbox.http.post(labels, json={"label": fresh("Role "), "name": fresh("role_")}))
        for _ in range(2)
    ]
    first, second = (entry["results"][0]["typeId"] for entry in made)
    one, person = deal(sandbox), make_contact(sandbox)["id"]
    path = f"/crm/v4/objects/deals/{one}/associations/contacts/{person}"
    ok(sandbox.http.put(path, json=[spec(first, "USER_DEFINED")]), 201)
    batch = "/crm/v4/associations/deals/contacts/batch"
    pair: Json = {"from": {"id": one}, "to": {"id": person}}
    body = {"inputs": [{**pair, "types": [spec(second, "USER_DEFINED")]}]}
    ok(sandbox.http.post(f"{batch}/create", json=body), 201)
    assert targets(sandbox, one, "deals/contacts") == {person: [first, second, 3]}
    ok(sandbox.http.put(path, json=[spec(second, "USER_DEFINED")]), 201)
    assert targets(sandbox, one, "deals/contacts") == {person: [second, 3]}
    empty(sandbox.http.post(f"{batch}/labels/archive", json=body))
    assert targets(sandbox, one, "deals/contacts") == {person: [3]}
    body["inputs"][0]["types"] = [spec(3)]
    empty(sandbox.http.post(f"{batch}/labels/archive", json=body))
    assert targets(sandbox, one, "deals/contacts") == {}
    for type_id in (first, second):
        empty(sandbox.http.delete(f"{labels}/{type_id}"))


@pytest.mark.parametrize(
    "path", ["/crm/v4/associations", "/crm/associations/v4", "/crm/associations/2026-03"]
)
def test_labels_are_listed_under_every_spelling(sandbox: Sandbox, path: str) -> None:
    found = ok(sandbox.http.get(f"{path}/deals/companies/labels/"))["results"]
    assert {"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"} in found
    assert {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": None} in found


def test_a_paired_label_has_an_id_per_direction(sandbox: Sandbox) -> None:
    path = "/crm/v4/associations/deals/contacts/labels"
    body = {"label": fresh("Payer "), "name": fresh("payer_"), "inverseLabel": fresh("Pays ")}
    there, back = ok(sandbox.http.post(path, json=body))["results"]
    assert (there["label"], back["label"]) == (body["label"], body["inverseLabel"])
    refused(sandbox.http.post(path, json=body), 400, "already exists")
    renamed = {"associationTypeId": there["typeId"], "label": fresh("Name ")}
    empty(sandbox.http.put(path, json=renamed))
    listed = {one["typeId"]: one["label"] for one in ok(sandbox.http.get(path))["results"]}
    assert listed[there["typeId"]] == renamed["label"]
    empty(sandbox.http.delete(f"{path}/{there['typeId']}"))
    refused(sandbox.http.delete(f"{path}/3"), 400, "cannot be changed")


def test_wrong_directions_and_types_are_refused(sandbox: Sandbox) -> None:
    one, other = deal(sandbox), company(sandbox)
    path = f"/crm/v4/objects/deals/{one}/associations/companies/{other}"
    for wrong in (spec(342), spec(3), spec(99_999), spec(5, "USER_DEFINED")):
        body = refused(sandbox.http.put(path, json=[wrong]), 400, "is not a valid association type")
        assert body["subCategory"] == "crm.associations.INVALID_ASSOCIATION_TYPE"
    refused(sandbox.http.put(path, json=[]), 400, "association type")
    gone = f"/crm/v4/objects/deals/{one}/associations/default/companies/1"
    body = refused(sandbox.http.put(gone), 404, "No company with ID 1 exists")
    assert body["subCategory"] == "crm.associations.TO_OBJECT_NOT_FOUND"
    assert targets(sandbox, one) == {}


def test_a_create_with_a_wrong_association_makes_no_record(sandbox: Sandbox) -> None:
    other, last = company(sandbox), deal(sandbox)
    cases = [
        (
            spec(342),
            other,
            "invalid from object type 0-2 for associations to be created. expected: 0-3",
        ),
        (spec(341), "1", "One or more associations are invalid"),
        (spec(98_765), other, "One or more associations are invalid"),
    ]
    for kind, target, text in cases:
        body: Json = {"properties": {"dealname": "x"}}
        body["associations"] = [{"to": {"id": target}, "types": [kind]}]
        refused(sandbox.http.post("/crm/v3/objects/deals", json=body), 400, text)
    assert ok(sandbox.http.get(f"/crm/v3/objects/deals?after={last}"))["results"] == []
    body["associations"] = [{"to": {"id": int(other)}, "types": [spec(341)]}]
    made = ok(sandbox.http.post("/crm/v3/objects/deals", json=body), 201)
    assert targets(sandbox, made["id"]) == {other: [PRIMARY, PLAIN]}


def test_reading_a_record_without_associations_is_an_error_of_a_207(sandbox: Sandbox) -> None:
    one, lonely, other = deal(sandbox), deal(sandbox), company(sandbox)
    default(sandbox, one, other)
    path = "/crm/v4/associations/deals/companies/batch/read"
    body = ok(sandbox.http.post(path, json={"inputs": [{"id": one}, {"id": lonely}]}), 207)
    assert body["results"] == [
        {
            "from": {"id": one},
            "to": [
                {
                    "toObjectId": int(other),
                    "associationTypes": [
                        {"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"},
                        {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": None},
                    ],
                }
            ],
        }
    ]
    assert body["numErrors"] == 1
    assert body["errors"] == [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
            "message": f"No company is associated with deal {lonely}.",
            "context": {
                "fromObjectId": [lonely],
                "fromObjectType": ["deal"],
                "toObjectType": ["company"],
            },
        }
    ]
    assert "numErrors" not in ok(sandbox.http.post(path, json={"inputs": [{"id": one}]}))


@pytest.mark.parametrize(
    ("version", "created", "archived"),
    [("v4", 201, 204), ("2026-03", 201, 200), ("2026-09", 200, 200)],
)
def test_batch_codes_depend_on_the_version(
    sandbox: Sandbox, version: str, created: int, archived: int
) -> None:
    one, other = deal(sandbox), company(sandbox)
    path = f"{BATCHES[version]}/deals/companies/batch"
    pair: Json = {"from": {"id": one}, "to": {"id": other}}
    with_types = {"inputs": [{**pair, "types": [spec(PLAIN)]}]}
    assert sandbox.http.post(f"{path}/create", json=with_types).status_code == created
    body = ok(sandbox.http.post(f"{path}/associate/default", json={"inputs": [pair]}))
    assert len(body["results"]) == 2
    answer = sandbox.http.post(
        f"{path}/archive", json={"inputs": [{"from": {"id": one}, "to": [{"id": other}]}]}
    )
    assert answer.status_code == archived
    assert targets(sandbox, one) == {}
    assert sandbox.http.post(f"{path}/labels/archive", json=with_types).status_code == archived
    bad = {"inputs": [{**pair, "to": {"id": "1"}, "types": [spec(PLAIN)]}, *with_types["inputs"]]}
    mixed = ok(sandbox.http.post(f"{path}/create", json=bad), 207)
    assert mixed["errors"][0]["subCategory"] == "crm.associations.TO_OBJECT_NOT_FOUND"
    assert len(mixed["results"]) == 1


@pytest.mark.parametrize(
    ("call", "top", "entry"),
    [
        ("read", 1_000, {"id": "1"}),
        ("create", 2_000, {"from": {"id": "1"}, "to": {"id": "2"}, "types": [spec(PLAIN)]}),
        ("associate/default", 2_000, {"from": {"id": "1"}, "to": {"id": "2"}}),
        ("archive", 100, {"from": {"id": "1"}, "to": [{"id": "2"}]}),
    ],
)
def test_batches_have_their_limits(sandbox: Sandbox, call: str, top: int, entry: Json) -> None:
    path = f"/crm/v4/associations/deals/companies/batch/{call}"
    refused(
        sandbox.http.post(path, json={"inputs": [entry] * (top + 1)}), 400, f"request is {top}."
    )


def test_many_targets_come_by_page(sandbox: Sandbox) -> None:
    one = deal(sandbox)
    people: list[str] = []
    for _ in range(6):
        body = {
            "inputs": [{"properties": {"email": f"{fresh('p')}@many.example"}} for _ in range(100)]
        }
        made = ok(sandbox.http.post("/crm/v3/objects/contacts/batch/create", json=body), 201)
        people += [entry["id"] for entry in made["results"]]
    pairs = [{"from": {"id": one}, "to": {"id": person}} for person in people]
    batch = "/crm/v4/associations/deals/contacts/batch"
    ok(sandbox.http.post(f"{batch}/associate/default", json={"inputs": pairs}))
    found = ok(sandbox.http.post(f"{batch}/read", json={"inputs": [{"id": one}]}))["results"][0]
    assert len(found["to"]) == 500
    rest = {"inputs": [{"id": one, "after": found["paging"]["next"]["after"]}]}
    found = ok(sandbox.http.post(f"{batch}/read", json=rest))["results"][0]
    assert len(found["to"]) == 100
    assert "paging" not in found
    address, seen = f"/crm/v4/objects/deals/{one}/associations/contacts?limit=250", 0
    while address:
        page = ok(sandbox.http.get(address))
        seen += len(page["results"])
        address = page.get("paging", {}).get("next", {}).get("link", "")
    assert seen == 600
    inline = read(sandbox, one, associations="contacts")["associations"]["contacts"]
    assert len(inline["results"]) == 100
    following = ok(sandbox.http.get(inline["paging"]["next"]["link"]))
    assert len(following["results"]) == 500
    refused(
        sandbox.http.get(f"/crm/v4/objects/deals/{one}/associations/contacts?limit=501"), 400, "500"
    )


def test_a_contact_count_moves_the_modified_date(sandbox: Sandbox) -> None:
    made, person = make(sandbox), make_contact(sandbox)["id"]
    sandbox.control("/clock", advanceMs=10)
    default(sandbox, made["id"], person, "deals/contacts")
    shown = read(sandbox, made["id"], properties="num_associated_contacts")
    assert shown["properties"]["num_associated_contacts"] == "1"
    assert shown["updatedAt"] != made["updatedAt"]
    sandbox.control("/switches", association_bumps=False)
    sandbox.control("/clock", advanceMs=10)
    empty(sandbox.http.delete(f"/crm/v4/objects/deals/{made['id']}/associations/contacts/{person}"))
    sandbox.control("/switches", association_bumps=True)
    again = read(sandbox, made["id"], properties="num_associated_contacts")
    assert again["properties"]["num_associated_contacts"] == "0"
    assert again["updatedAt"] == shown["updatedAt"]


def test_the_older_shapes_work_too(sandbox: Sandbox) -> None:
    one, other = deal(sandbox), company(sandbox)
    path = f"/crm/v3/objects/deals/{one}/associations/companies"
    shown: Any = ok(sandbox.http.put(f"{path}/{other}/deal_to_company"))
    assert shown["id"] == one
    assert ok(sandbox.http.get(path))["results"] == [
        {"id": other, "type": "deal_to_company"},
        {"id": other, "type": "deal_to_company_unlabeled"},
    ]
    batch = "/crm/v3/associations/deals/companies/batch"
    found = ok(sandbox.http.post(f"{batch}/read", json={"inputs": [{"id": one}]}))
    assert found["results"][0]["to"][0] == {"id": other, "type": "deal_to_company"}
    pair = {"from": {"id": one}, "to": {"id": other}, "type": "deal_to_company_unlabeled"}
    empty(sandbox.http.post(f"{batch}/archive", json={"inputs": [pair]}))
    ok(sandbox.http.post(f"{batch}/read", json={"inputs": [{"id": one}]}), 207)
    ok(sandbox.http.post(f"{batch}/create", json={"inputs": [pair]}), 201)
    empty(sandbox.http.delete(f"{path}/{other}/341"))
    assert targets(sandbox, one) == {}
