from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.hubspot_calls import DEALS, Json, make, make_contact, ok, refused
from tests.support.hubspot_process import Sandbox, fresh

SEARCH = f"{DEALS}/search"
ODD = "There was a problem with the request."


def search(sandbox: Sandbox, *filters: Json, kind: str = "deals", **more: Any) -> Json:
    body = {"filterGroups": [{"filters": list(filters)}] if filters else [], **more}
    return ok(sandbox.http.post(f"/crm/v3/objects/{kind}/search", json=body))


def where(name: str, operator: str, value: object = None, **more: Any) -> Json:
    found: Json = {"propertyName": name, "operator": operator, **more}
    return found if value is None else {**found, "value": value}


def names(found: Json) -> list[str]:
    return [one["properties"]["dealname"] for one in found["results"]]


def ms(iso: str) -> str:
    moment = datetime.fromisoformat(iso).astimezone(UTC)
    return str(round(moment.timestamp() * 1000))


@pytest.fixture(scope="module")
def mark(sandbox: Sandbox) -> Iterator[str]:
    """A word in the description of five deals that differ in everything else."""
    mark = fresh("mark")
    rows: list[Json] = [
        {
            "dealname": "Alpha one",
            "amount": "9",
            "closedate": "2026-01-01",
            "dealtype": "newbusiness",
        },
        {"dealname": "alpha Two", "amount": "10.50", "closedate": "2026-02-01T12:00:00Z"},
        {"dealname": "Beta", "amount": "100", "dealtype": "existingbusiness"},
        {"dealname": "gamma@mail.example", "amount": "1e3"},
        {"dealname": "Delta"},
    ]
    for row in rows:
        make(sandbox, description=f"x {mark} y", **row)
    yield mark


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (where("dealname", "EQ", "ALPHA ONE"), ["Alpha one"]),
        (
            where("dealname", "NEQ", "beta"),
            ["Alpha one", "alpha Two", "gamma@mail.example", "Delta"],
        ),
        (where("dealname", "IN", values=["beta", "delta"]), ["Beta", "Delta"]),
        (where("dealname", "IN", values=["Beta"]), []),
        (
            where("dealname", "NOT_IN", values=["beta", "delta", "alpha one"]),
            ["alpha Two", "gamma@mail.example"],
        ),
        (where("amount", "EQ", "10.5"), ["alpha Two"]),
        (where("amount", "GT", "10"), ["alpha Two", "Beta", "gamma@mail.example"]),
        (where("amount", "LTE", 10.5), ["Alpha one", "alpha Two"]),
        (where("amount", "BETWEEN", "9", highValue="100"), ["Alpha one", "alpha Two", "Beta"]),
        (where("amount", "NEQ", "9"), ["alpha Two", "Beta", "gamma@mail.example"]),
        (where("amount", "HAS_PROPERTY"), ["Alpha one", "alpha Two", "Beta", "gamma@mail.example"]),
        (where("amount", "NOT_HAS_PROPERTY"), ["Delta"]),
        (where("dealtype", "EQ", "newbusiness"), ["Alpha one"]),
        (where("dealtype", "EQ", "NewBusiness"), []),
        (where("dealtype", "NOT_IN", values=["newbusiness"]), ["Beta"]),
        (where("closedate", "GTE", "1769947200000"), ["alpha Two"]),
        (where("closedate", "LT", "2026-01-15"), ["Alpha one"]),
        (where("closedate", "EQ", "2026-01-01T00:00:00Z"), ["Alpha one"]),
        (where("dealname", "CONTAINS_TOKEN", "alpha"), ["Alpha one", "alpha Two"]),
        (where("dealname", "CONTAINS_TOKEN", "alph"), []),
        (where("dealname", "CONTAINS_TOKEN", "alph*"), ["Alpha one", "alpha Two"]),
        (where("dealname", "CONTAINS_TOKEN", "*@mail.example"), ["gamma@mail.example"]),
        (where("dealname", "NOT_CONTAINS_TOKEN", "alpha"), ["Beta", "gamma@mail.example", "Delta"]),
        (
            where("hs_is_closed", "EQ", "false"),
            ["Alpha one", "alpha Two", "Beta", "gamma@mail.example", "Delta"],
        ),
        (where("num_associated_contacts", "GT", "0"), []),
    ],
)
def test_operators(sandbox: Sandbox, mark: str, condition: Json, expected: list[str]) -> None:
    marked = where("description", "CONTAINS_TOKEN", mark)
    found = search(sandbox, marked, condition, sorts=["hs_object_id"])
    assert names(found) == expected
    assert found["total"] == len(expected)


def test_groups_are_alternatives_and_top_level_filters_one_group(
    sandbox: Sandbox, mark: str
) -> None:
    marked = where("description", "CONTAINS_TOKEN", mark)
    groups = [
        {"filters": [marked, where("dealname", "EQ", "beta")]},
        {"filters": [marked, where("amount", "GTE", "100")]},
    ]
    body = {"filterGroups": groups, "sorts": ["-dealname"]}
    found = ok(sandbox.http.post(SEARCH, json=body))
    assert names(found) == ["gamma@mail.example", "Beta"]
    found = ok(
        sandbox.http.post(SEARCH, json={"filters": [marked, where("dealname", "EQ", "beta")]})
    )
    assert names(found) == ["Beta"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("amount", ["Alpha one", "alpha Two", "Beta", "gamma@mail.example", "Delta"]),
        ("-amount", ["gamma@mail.example", "Beta", "alpha Two", "Alpha one", "Delta"]),
        (
            {"propertyName": "dealname", "direction": "DESCENDING"},
            ["gamma@mail.example", "Delta", "Beta", "alpha Two", "Alpha one"],
        ),
        (
            {"propertyName": "hs_object_id", "direction": "DESCENDING"},
            ["Delta", "gamma@mail.example", "Beta", "alpha Two", "Alpha one"],
        ),
    ],
)
def test_sorts_are_strings_or_objects(
    sandbox: Sandbox, mark: str, sort: object, expected: list[str]
) -> None:
    marked = where("description", "CONTAINS_TOKEN", mark)
    assert names(search(sandbox, marked, sorts=[sort])) == expected


def test_the_default_order_is_by_creation(sandbox: Sandbox) -> None:
    dates = [one["createdAt"] for one in search(sandbox, limit=200)["results"]]
    assert len(dates) > 120
    assert dates == sorted(dates, key=ms_of)


def ms_of(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


def test_pages_go_by_offset_and_end_without_paging(sandbox: Sandbox) -> None:
    found, ids, after = search(sandbox, limit=50), [], "0"
    while after:
        found = search(sandbox, limit=50, after=after, sorts=["hs_object_id"])
        ids += [one["id"] for one in found["results"]]
        after = found.get("paging", {}).get("next", {}).get("after", "")
        assert after in ("", str(len(ids)))
    assert len(ids) == len(set(ids)) == found["total"]
    assert len(search(sandbox, after=0)["results"]) == 10


def test_full_text_looks_at_the_default_properties(sandbox: Sandbox, mark: str) -> None:
    assert search(sandbox, query=f"alpha {mark}")["total"] == 2
    contact = make_contact(sandbox, phone="+47 555 0199")
    found = search(sandbox, kind="contacts", query=contact["properties"]["email"].upper())
    assert [one["id"] for one in found["results"]] == [contact["id"]]


def test_a_window_is_read_by_ever_higher_ids(sandbox: Sandbox) -> None:
    sandbox.control("/clock", freeze=True)
    made = [make(sandbox)["id"] for _ in range(7)]
    at = ms(make(sandbox)["updatedAt"])
    sandbox.control("/clock", thaw=True)
    last, seen = "0", []
    while True:
        window = where("hs_lastmodifieddate", "BETWEEN", at, highValue=at)
        found = search(
            sandbox, window, where("hs_object_id", "GT", last), sorts=["hs_object_id"], limit=3
        )
        ids = [one["id"] for one in found["results"]]
        if not ids:
            break
        seen += ids
        last = ids[-1]
    assert seen[:7] == made
    assert len(seen) == 8


def test_associations_can_be_searched_for(sandbox: Sandbox) -> None:
    contact, deal = make_contact(sandbox), make(sandbox)
    path = f"/crm/v4/objects/deals/{deal['id']}/associations/default/contacts/{contact['id']}"
    ok(sandbox.http.put(path))
    for word in ("associations.contact", "associations.contacts"):
        found = search(sandbox, where(word, "EQ", contact["id"]))
        assert [one["id"] for one in found["results"]] == [deal["id"]]
    counted = where("num_associated_contacts", "EQ", "1")
    found = search(sandbox, counted, where("hs_object_id", "EQ", deal["id"]))
    assert found["total"] == 1


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            {"filterGroups": [{"filters": [{"value": "1"}]}]},
            "Cannot build Filter, some of required attributes are not set [propertyName, operator]",
        ),
        (
            {"filters": [where("amount", "BETWEEN", "1")]},
            "Filter`, problem: operator BETWEEN requires a highValue",
        ),
        ({"filters": [where("amount", "IN", "1")]}, "operator IN requires values"),
        ({"filters": [where("amount", "EQ")]}, "operator EQ requires a value"),
        ({"filters": [where("amount", "LIKE", "1")]}, "Invalid input JSON"),
        ({"sorts": [{"propertyName": "amount", "direction": "UP"}]}, "Invalid input JSON"),
        ({"filterGroups": [{}]}, "Some required fields were not set: [filters]"),
        ({"filterGroups": 3}, "Invalid input JSON"),
        ({"filters": [where("nope", "EQ", "1")]}, ODD),
        ({"filters": [where("dealname", "GT", "a")]}, ODD),
        ({"filters": [where("dealstage", "BETWEEN", "a", highValue="b")]}, ODD),
        ({"filters": [where("amount", "EQ", "ten")]}, ODD),
        ({"filters": [where("amount", "CONTAINS_TOKEN", "1")]}, ODD),
        ({"filters": [where("closedate", "GT", "soon")]}, ODD),
        ({"filters": [where("associations.widget", "EQ", "1")]}, ODD),
        ({"sorts": ["nope"]}, ODD),
        ({"after": "9900", "limit": 200}, ODD),
        ({"after": "10000", "limit": 1}, ODD),
        ({"after": "x"}, ODD),
        ({"after": "-1"}, ODD),
        ({"limit": 201}, "200"),
        ({"limit": 0}, "200"),
        ({"sorts": ["amount", "dealname"]}, "one sort"),
        ({"filterGroups": [{"filters": []}] * 6}, "5 filter groups"),
        ({"filters": [where("amount", "HAS_PROPERTY")] * 7}, "6 filters"),
        ({"filterGroups": [{"filters": [where("amount", "HAS_PROPERTY")] * 5}] * 4}, "18 filters"),
        ({"query": "x" * 3_001}, "3000 characters"),
    ],
)
def test_what_search_refuses(sandbox: Sandbox, body: Json, text: str) -> None:
    found = refused(sandbox.http.post(SEARCH, json=body), 400, text)
    limited = text.split(" ")[0].isdigit() or text == "one sort"
    assert found.get("category") == ("VALIDATION_ERROR" if limited else None)


def test_the_names_of_asked_properties_do_not_count_to_the_length(sandbox: Sandbox) -> None:
    body = {"properties": [f"property_number_{n}" for n in range(500)], "limit": 1}
    ok(sandbox.http.post(SEARCH, json=body))
    refused(sandbox.http.post(SEARCH, json={**body, "query": "x" * 3_000}), 400, "3000 characters")


def test_the_last_page_within_the_depth_works(sandbox: Sandbox) -> None:
    found = search(sandbox, after="9900", limit=100)
    assert found["results"] == []
    assert "paging" not in found


def test_the_index_lags_while_other_reads_do_not(sandbox: Sandbox) -> None:
    old = make(sandbox, amount="1")
    sandbox.control("/lag", flush=True, seconds=30)
    try:
        new = make(sandbox, amount="2")
        ok(sandbox.http.patch(f"{DEALS}/{old['id']}", json={"properties": {"amount": "3"}}))
        own = where("hs_object_id", "IN", values=[old["id"], new["id"]])
        found = search(sandbox, own, where("amount", "EQ", "1"), properties=["amount"])
        # Found by the value the index still has, shown with the one the record has now.
        assert [one["properties"]["amount"] for one in found["results"]] == ["3"]
        assert found["total"] == 1
        ok(sandbox.http.get(f"{DEALS}/{new['id']}"))
        sandbox.control("/clock", advanceMs=30_000)
        assert search(sandbox, own, where("amount", "EQ", "1"))["total"] == 0
        assert search(sandbox, own)["total"] == 2
    finally:
        sandbox.control("/lag", flush=True, seconds=0)


def test_archived_and_merged_records_leave_the_index_at_once(sandbox: Sandbox) -> None:
    one, two, three = make(sandbox), make(sandbox), make(sandbox)
    ids = where("hs_object_id", "IN", values=[one["id"], two["id"], three["id"]])
    assert search(sandbox, ids)["total"] == 3
    sandbox.http.delete(f"{DEALS}/{one['id']}")
    assert search(sandbox, ids)["total"] == 2
    body = {"primaryObjectId": two["id"], "objectIdToMerge": three["id"]}
    merged = ok(sandbox.http.post(f"{DEALS}/merge", json=body))
    assert search(sandbox, ids)["total"] == 0
    assert search(sandbox, where("hs_object_id", "EQ", merged["id"]))["total"] == 1


def test_contacts_have_another_modified_property(sandbox: Sandbox) -> None:
    contact = make_contact(sandbox)
    at = ms(contact["updatedAt"])
    found = search(sandbox, where("lastmodifieddate", "GTE", at), kind="contacts", limit=200)
    assert contact["id"] in [one["id"] for one in found["results"]]
    assert contact["properties"]["lastmodifieddate"] == contact["updatedAt"]
