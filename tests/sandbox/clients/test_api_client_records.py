"""`hubspot-api-client` 12 on records: single calls, batches, search, paging, history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hubspot.crm.companies import SimplePublicObjectInputForCreate as CompanyInput
from hubspot.crm.contacts import (
    BatchInputSimplePublicObjectBatchInputUpsert,
    SimplePublicObjectBatchInputUpsert,
)
from hubspot.crm.contacts import SimplePublicObjectInputForCreate as ContactInput
from hubspot.crm.deals import (
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchInputSimplePublicObjectId,
    BatchReadInputSimplePublicObjectId,
    Filter,
    FilterGroup,
    PublicMergeInput,
    PublicObjectSearchRequest,
    SimplePublicObjectBatchInput,
    SimplePublicObjectBatchInputForCreate,
    SimplePublicObjectId,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)

from tests.support.hubspot_process import fresh


def new_deal(api: Any, **values: str) -> Any:
    properties = {"dealname": fresh("Deal "), "pipeline": "default", **values}
    body = SimplePublicObjectInputForCreate(properties=properties, associations=[])
    return api.crm.deals.basic_api.create(body)


def search(api: Any, *filters: Filter, **more: Any) -> Any:
    request = PublicObjectSearchRequest(
        filter_groups=[FilterGroup(filters=list(filters))] if filters else [], **more
    )
    return api.crm.deals.search_api.do_search(request)


def test_a_deal_is_created_read_changed_and_archived(api: Any) -> None:
    made = new_deal(api, amount="1500.00", dealstage="qualifiedtobuy", closedate="2026-03-31")
    assert made.properties["amount"] == "1500.00"
    assert made.properties["closedate"] == "2026-03-31T00:00:00Z"
    assert isinstance(made.created_at, datetime)
    read = api.crm.deals.basic_api.get_by_id(made.id, properties=["amount", "dealtype", "nope"])
    assert read.id == made.id
    assert read.properties["dealtype"] is None
    assert "nope" not in read.properties
    assert read.archived is False
    changed = api.crm.deals.basic_api.update(
        made.id, SimplePublicObjectInput(properties={"amount": "", "dealstage": "closedwon"})
    )
    assert changed.updated_at >= read.updated_at
    read = api.crm.deals.basic_api.get_by_id(made.id, properties=["hs_is_closed_won"])
    assert (read.properties["amount"], read.properties["hs_is_closed_won"]) == (None, "true")
    assert api.crm.deals.basic_api.archive(made.id) is None
    gone = api.crm.deals.basic_api.get_by_id(made.id, archived=True)
    assert gone.archived is True
    assert gone.archived_at.tzinfo is not None


def test_every_page_of_a_list_is_fetched_once(api: Any) -> None:
    # The client's own loop: pages of a hundred until there is no next one.
    deals = api.crm.deals.get_all(properties=["dealname"])
    assert len(deals) > 100
    ids = [int(deal.id) for deal in deals]
    assert ids == sorted(set(ids))


def test_a_list_is_paged_by_hand(api: Any) -> None:
    first = api.crm.companies.basic_api.get_page(limit=5, properties=["name", "domain"])
    after = first.paging.next.after
    second = api.crm.companies.basic_api.get_page(limit=5, after=after)
    assert len(first.results) == len(second.results) == 5
    assert int(second.results[0].id) > int(first.results[-1].id)
    everything = api.crm.companies.basic_api.get_page(limit=100)
    assert everything.paging is None


def test_history_comes_newest_first_in_pages_of_fifty(api: Any) -> None:
    made = new_deal(api, dealstage="qualifiedtobuy")
    for stage in ("contractsent", "closedwon"):
        api.crm.deals.basic_api.update(
            made.id, SimplePublicObjectInput(properties={"dealstage": stage})
        )
    read = api.crm.deals.basic_api.get_by_id(made.id, properties_with_history=["dealstage"])
    versions = read.properties_with_history["dealstage"]
    assert [one.value for one in versions] == ["closedwon", "contractsent", "qualifiedtobuy"]
    assert {one.source_type for one in versions} == {"INTEGRATION"}
    assert all(isinstance(one.timestamp, datetime) for one in versions)
    every = api.crm.deals.get_all(properties_with_history=["dealname"])
    assert made.id in {deal.id for deal in every}


def test_a_contact_is_found_by_its_address(api: Any) -> None:
    email = fresh("Ann.") + "@Example.io"
    body = ContactInput(properties={"email": email, "firstname": "Ann"}, associations=[])
    made = api.crm.contacts.basic_api.create(body)
    assert made.properties["email"] == email.lower()
    found = api.crm.contacts.basic_api.get_by_id(email, id_property="email")
    assert found.id == made.id
    changed = api.crm.contacts.basic_api.update(
        email, SimplePublicObjectInput(properties={"lastname": "Lee"}), id_property="email"
    )
    assert changed.id == made.id


def test_batches_create_read_change_and_archive(api: Any) -> None:
    batch = api.crm.deals.batch_api
    inputs = [
        SimplePublicObjectBatchInputForCreate(
            properties={"dealname": f"Batch {number}", "amount": str(number)}, associations=[]
        )
        for number in range(20)
    ]
    made = batch.create(BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs))
    assert (made.status, len(made.results)) == ("COMPLETE", 20)
    ids = [one.id for one in made.results]
    updates = [SimplePublicObjectBatchInput(id=one, properties={"amount": "7.50"}) for one in ids]
    changed = batch.update(BatchInputSimplePublicObjectBatchInput(inputs=updates))
    assert {one.properties["amount"] for one in changed.results} == {"7.50"}
    wanted = [SimplePublicObjectId(id=one) for one in ids]
    read = batch.read(
        BatchReadInputSimplePublicObjectId(
            inputs=wanted, properties=["amount"], properties_with_history=[]
        )
    )
    assert {one.id for one in read.results} == set(ids)
    assert batch.archive(BatchInputSimplePublicObjectId(inputs=wanted)) is None
    archived = batch.read(
        BatchReadInputSimplePublicObjectId(
            inputs=wanted, properties=["amount"], properties_with_history=[]
        ),
        archived=True,
    )
    assert all(one.archived for one in archived.results)


def test_missing_ids_of_a_batch_read_are_one_error_of_a_207(api: Any) -> None:
    made = new_deal(api)
    inputs = [SimplePublicObjectId(id=one) for one in (made.id, "901", "902")]
    read = api.crm.deals.batch_api.read(
        BatchReadInputSimplePublicObjectId(
            inputs=inputs, properties=["dealname"], properties_with_history=[]
        )
    )
    assert type(read).__name__ == "BatchResponseSimplePublicObjectWithErrors"
    assert [one.id for one in read.results] == [made.id]
    assert read.num_errors == 1
    assert read.errors[0].category == "OBJECT_NOT_FOUND"
    assert read.errors[0].context["ids"] == ["901", "902"]


def test_inputs_with_trace_ids_fail_one_by_one(api: Any) -> None:
    def entry(trace: str, name: str) -> SimplePublicObjectBatchInputForCreate:
        return SimplePublicObjectBatchInputForCreate(
            properties={name: "x"}, associations=[], object_write_trace_id=trace
        )

    body = BatchInputSimplePublicObjectBatchInputForCreate(
        inputs=[entry("t-1", "dealname"), entry("t-2", "nope"), entry("t-3", "dealname")]
    )
    made = api.crm.deals.batch_api.create(body)
    assert [one.object_write_trace_id for one in made.results] == ["t-1", "t-3"]
    assert made.num_errors == 1
    assert made.errors[0].context["objectWriteTraceId"] == ["t-2"]
    assert made.errors[0].message.startswith("Property values were not valid: [{")


def test_an_upsert_tells_what_is_new(api: Any) -> None:
    email = fresh("upsert.") + "@example.io"

    def upsert(firstname: str) -> Any:
        entry = SimplePublicObjectBatchInputUpsert(
            id=email, id_property="email", properties={"firstname": firstname}
        )
        return api.crm.contacts.batch_api.upsert(
            BatchInputSimplePublicObjectBatchInputUpsert(inputs=[entry])
        ).results[0]

    first, second = upsert("Ann"), upsert("Anne")
    assert (first.new, second.new) == (True, False)
    assert first.id == second.id


def test_a_search_is_paged_to_its_end(api: Any) -> None:
    mark = fresh("searchable")
    made = {new_deal(api, dealname=f"{mark} {number}").id for number in range(7)}
    wanted = Filter(property_name="dealname", operator="CONTAINS_TOKEN", value=mark)
    found: list[str] = []
    after: str | None = "0"
    while after is not None:
        page = search(
            api,
            wanted,
            sorts=[{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            properties=["dealname"],
            limit=3,
            after=after,
        )
        assert page.total == 7
        found += [one.id for one in page.results]
        after = page.paging.next.after if page.paging else None
    assert set(found) == made
    assert found == sorted(found, key=int)


def test_search_filters_by_window_set_and_presence(api: Any) -> None:
    made = new_deal(api, amount="123456.78", deal_currency_code="EUR")
    at = int(made.updated_at.replace(tzinfo=UTC).timestamp() * 1000)
    window = Filter(
        property_name="hs_lastmodifieddate",
        operator="BETWEEN",
        value=str(at - 60_000),
        high_value=str(at + 60_000),
    )
    amount = Filter(property_name="amount", operator="GTE", value="123456")
    assert made.id in {one.id for one in search(api, window, amount, limit=200).results}
    ids = Filter(property_name="hs_object_id", operator="IN", values=[made.id])
    none = Filter(property_name="dealtype", operator="NOT_HAS_PROPERTY")
    assert [one.id for one in search(api, ids, none, limit=10).results] == [made.id]
    some = Filter(property_name="dealtype", operator="HAS_PROPERTY")
    assert search(api, ids, some, limit=10).total == 0


def test_a_merge_gives_a_third_id_that_both_lead_to(api: Any) -> None:
    one, two = new_deal(api), new_deal(api, amount="5")
    merged = api.crm.deals.basic_api.merge(
        PublicMergeInput(primary_object_id=one.id, object_id_to_merge=two.id)
    )
    assert merged.id not in {one.id, two.id}
    assert api.crm.deals.basic_api.get_by_id(two.id).id == merged.id


def test_the_generic_objects_api_takes_any_spelling_of_a_type(api: Any) -> None:
    made = api.crm.companies.basic_api.create(
        CompanyInput(properties={"name": fresh("Company ")}, associations=[])
    )
    for word in ("companies", "company", "0-2", "COMPANY"):
        assert api.crm.objects.basic_api.get_by_id(word, made.id).id == made.id
