"""`hubspot_sdk` on records and associations: the dated paths, by comma lists and iteration."""

from __future__ import annotations

import hubspot_sdk
import pytest
from hubspot_sdk import HubSpot

from tests.support.hubspot_process import Sandbox, fresh


def new_deal(sdk: HubSpot, **values: str) -> str:
    properties = {"dealname": fresh("Deal "), **values}
    return sdk.crm.objects.deals.create(properties=properties, associations=[]).id


def new_company(sdk: HubSpot) -> str:
    made = sdk.crm.objects.companies.create(properties={"name": fresh("Company ")}, associations=[])
    return made.id


def test_a_deal_is_created_read_changed_and_archived(sdk: HubSpot) -> None:
    deals = sdk.crm.objects.deals
    deal = new_deal(sdk, amount="12.30", closedate="2026-03-31T00:00:00Z")
    read = deals.get(deal, properties=["amount", "closedate", "nope"])
    assert read.properties["amount"] == "12.30"
    assert "nope" not in read.properties
    values = {"pipeline": "139921", "dealstage": "139922"}
    changed = deals.update(deal, properties=values)
    assert values.items() <= changed.properties.items()
    deals.delete(deal)
    with pytest.raises(hubspot_sdk.NotFoundError):
        deals.get(deal)
    archived = deals.get(deal, archived=True)
    assert archived.archived_at is not None


def test_a_list_is_iterated_over_all_its_pages(sdk: HubSpot) -> None:
    page = sdk.crm.objects.deals.list(limit=25, properties=["dealname", "amount"])
    ids = [int(deal.id) for deal in page]
    assert len(ids) > 100
    assert ids == sorted(set(ids))


def test_history_and_associations_come_with_a_record(sdk: HubSpot) -> None:
    deal, company = new_deal(sdk, amount="1"), new_company(sdk)
    sdk.crm.objects.deals.update(deal, properties={"amount": "2"})
    sdk.crm.associations.create(
        company, from_object_type="deals", from_object_id=deal, to_object_type="companies"
    )
    read = sdk.crm.objects.deals.get(
        deal, properties_with_history=["amount"], associations=["companies", "contacts"]
    )
    assert read.properties_with_history is not None
    assert [one.value for one in read.properties_with_history["amount"]] == ["2", "1"]
    assert read.associations is not None
    assert {one.type for one in read.associations["companies"].results} == {
        "deal_to_company",
        "deal_to_company_unlabeled",
    }


def test_batches_and_upserts(sdk: HubSpot) -> None:
    batch, mark = sdk.crm.objects.contacts.batch, fresh("sdk.")
    made = batch.create(
        inputs=[
            {"properties": {"email": f"{mark}{at}@example.io"}, "associations": []}
            for at in range(5)
        ]
    )
    ids = [one.id for one in made.results]
    assert len(set(ids)) == 5
    changed = batch.update(inputs=[{"id": one, "properties": {"city": "Oslo"}} for one in ids])
    assert {one.properties["city"] for one in changed.results} == {"Oslo"}
    read = batch.get(
        inputs=[{"id": f"{mark}0@EXAMPLE.io"}],
        id_property="email",
        properties=["city"],
        properties_with_history=[],
    )
    assert read.results[0].id == ids[0]
    upserted = batch.upsert(
        inputs=[
            {"id": f"{mark}{at}@example.io", "id_property": "email", "properties": {"city": "Ås"}}
            for at in (4, 5)
        ]
    )
    assert sorted(one.new for one in upserted.results) == [False, True]
    batch.delete(inputs=[{"id": one} for one in ids])
    with pytest.raises(hubspot_sdk.NotFoundError):
        sdk.crm.objects.contacts.get(ids[0])


def test_a_batch_in_which_some_are_missing_is_parsed(sdk: HubSpot) -> None:
    deal = new_deal(sdk)
    read = sdk.crm.objects.deals.batch.get(
        inputs=[{"id": deal}, {"id": "7"}], properties=["dealname"], properties_with_history=[]
    )
    assert [one.id for one in read.results] == [deal]
    # The client's model has no errors: they are in what it could not name.
    assert read.model_extra is not None
    assert read.model_extra["numErrors"] == 1
    assert read.model_extra["errors"][0]["context"] == {"ids": ["7"]}


def test_a_search_with_sorting_by_a_plain_name(sdk: HubSpot) -> None:
    mark = fresh("findme")
    made = [new_deal(sdk, dealname=f"{mark} {at}", amount=str(at)) for at in range(5)]
    found: list[str] = []
    after = "0"
    while after:
        page = sdk.crm.objects.deals.search(
            after=after,
            filter_groups=[
                {
                    "filters": [
                        {"property_name": "dealname", "operator": "CONTAINS_TOKEN", "value": mark}
                    ]
                }
            ],
            limit=2,
            properties=["amount"],
            sorts=["-amount"],
        )
        found += [one.id for one in page.results]
        after = page.paging.next.after if page.paging and page.paging.next else ""
    assert found == made[::-1]


def test_a_merge(sdk: HubSpot) -> None:
    one, two = new_deal(sdk), new_deal(sdk)
    merged = sdk.crm.objects.deals.merge(primary_object_id=one, object_id_to_merge=two)
    assert sdk.crm.objects.deals.get(one).id == merged.id not in {one, two}


def test_a_person_is_forgotten_for_good(sdk: HubSpot) -> None:
    contacts, email = sdk.crm.objects.contacts, fresh("forget.") + "@example.io"
    made = contacts.create(properties={"email": email}, associations=[])
    contacts.gdpr_delete(object_id=email, id_property="email")
    for archived in (False, True):
        with pytest.raises(hubspot_sdk.NotFoundError):
            contacts.get(made.id, archived=archived)
    with pytest.raises(hubspot_sdk.BadRequestError, match="blacklisted"):
        contacts.create(properties={"email": email}, associations=[])


def test_associations_one_by_one(sdk: HubSpot) -> None:
    associations, deal, company = sdk.crm.associations, new_deal(sdk), new_company(sdk)
    labelled = associations.update_labels(
        company,
        object_type="deals",
        object_id=deal,
        to_object_type="companies",
        body=[{"association_category": "HUBSPOT_DEFINED", "association_type_id": 5}],
    )
    assert labelled.labels == ["Primary"]
    (found,) = associations.list("companies", object_type="deals", object_id=deal)
    assert str(found.to_object_id) == company
    assert {kind.type_id for kind in found.association_types} == {5, 341}
    associations.delete(company, object_type="deals", object_id=deal, to_object_type="companies")
    assert list(associations.list("companies", object_type="deals", object_id=deal)) == []


def test_associations_in_batches(sdk: HubSpot) -> None:
    batch, deals, company = (
        sdk.crm.associations.batch,
        [new_deal(sdk), new_deal(sdk)],
        new_company(sdk),
    )
    made = batch.create(
        "companies",
        from_object_type="deals",
        inputs=[
            {
                "from": {"id": deals[0]},
                "to": {"id": company},
                "types": [{"association_category": "HUBSPOT_DEFINED", "association_type_id": 341}],
            }
        ],
    )
    assert made.status == "COMPLETE"
    default = batch.create_default(
        "companies",
        from_object_type="deals",
        inputs=[{"from": {"id": deals[1]}, "to": {"id": company}}],
    )
    assert len(default.results) == 2
    read = batch.get("companies", from_object_type="deals", inputs=[{"id": one} for one in deals])
    assert sorted(one.from_.id for one in read.results) == sorted(deals)
    batch.delete(
        "companies",
        from_object_type="deals",
        inputs=[{"from": {"id": one}, "to": [{"id": company}]} for one in deals],
    )
    empty = batch.get("companies", from_object_type="deals", inputs=[{"id": deals[0]}])
    assert empty.results == []


def test_labels_of_associations(sdk: HubSpot) -> None:
    labels, name = sdk.crm.associations_schema.labels, fresh("role_")
    made = labels.create_label(
        "contacts", from_object_type="deals", label=f"Role {name}", name=name
    )
    type_id = made.results[0].type_id
    listed = labels.list_labels("contacts", from_object_type="deals").results
    assert {(3, None), (type_id, f"Role {name}")} <= {(one.type_id, one.label) for one in listed}
    labels.update_label(
        "contacts", from_object_type="deals", association_type_id=type_id, label=f"Part {name}"
    )
    labels.delete_label(type_id, from_object_type="deals", to_object_type="contacts")
    left = labels.list_labels("contacts", from_object_type="deals").results
    assert type_id not in {one.type_id for one in left}


# Refusals


def test_refusals_are_the_clients_own_classes(sdk: HubSpot, sandbox: Sandbox) -> None:
    deals = sdk.crm.objects.deals
    with pytest.raises(hubspot_sdk.BadRequestError) as bad:
        deals.create(properties={"nope": "1"}, associations=[])
    assert isinstance(bad.value.body, dict)
    assert bad.value.body["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
    with pytest.raises(hubspot_sdk.AuthenticationError):
        sdk.with_options(access_token="nobody").crm.objects.deals.get("1")
    limited = sdk.with_options(access_token=sandbox.grant("oauth"))
    assert limited.account.get().portal_id == 62515
    with pytest.raises(hubspot_sdk.PermissionDeniedError):
        limited.crm.objects.deals.list()
    email = fresh("twice.") + "@example.io"
    sdk.crm.objects.contacts.create(properties={"email": email}, associations=[])
    with pytest.raises(hubspot_sdk.ConflictError, match="Existing ID: "):
        sdk.crm.objects.contacts.create(properties={"email": email}, associations=[])
    with sandbox.fault(kind="status", error="daily"), pytest.raises(hubspot_sdk.RateLimitError):
        deals.list()


def test_the_client_gets_over_a_short_outage_by_itself(sdk: HubSpot, sandbox: Sandbox) -> None:
    patient = sdk.with_options(max_retries=2)
    with sandbox.fault(kind="status", error="unavailable", count=1):
        assert patient.crm.objects.deals.list(limit=1).results
    with sandbox.fault(kind="cut", count=1):
        assert patient.crm.objects.deals.list(limit=1).results
