"""`hubspot_sdk` on properties, pipelines, owners, schemas and the account.

Every answer is held against the vendor's OpenAPI document by the client itself.
"""

from __future__ import annotations

from typing import Any

import hubspot_sdk
import pytest
from hubspot_sdk import HubSpot

from tests.support.hubspot_process import fresh


def test_properties_of_every_type_fit_the_vendors_document(strict_sdk: HubSpot) -> None:
    for kind in ("deals", "contacts", "companies", "tickets", "line_items"):
        listed = strict_sdk.crm.properties.list(kind)
        assert "hs_object_id" in {item.name for item in listed.results}


def test_a_property_is_made_changed_and_archived(strict_sdk: HubSpot) -> None:
    properties, name = strict_sdk.crm.properties, fresh("sdk_")
    made = properties.create(
        "deals",
        name=name,
        label="Level",
        type="enumeration",
        field_type="select",
        group_name="dealinformation",
        options=[{"label": "High", "value": "high", "display_order": 0, "hidden": False}],
    )
    assert made.options[0].value == "high"
    changed = properties.update(name, object_type="deals", label="Height")
    assert changed.label == "Height"
    assert properties.get(name, object_type="deals").label == "Height"
    properties.delete(name, object_type="deals")
    with pytest.raises(hubspot_sdk.NotFoundError):
        properties.get(name, object_type="deals")
    with pytest.raises(hubspot_sdk.ConflictError):
        properties.create(
            "deals",
            name="amount",
            label="A",
            type="number",
            field_type="number",
            group_name="deal_revenue",
        )


def test_properties_in_batches_and_their_groups(strict_sdk: HubSpot) -> None:
    properties, name, group = strict_sdk.crm.properties, fresh("sdk_"), fresh("group_")
    made_group = properties.groups.create("deals", name=group, label="G", display_order=1)
    assert made_group.archived is False
    made = properties.batch.create(
        "deals",
        inputs=[
            {
                "name": name,
                "label": "N",
                "type": "string",
                "field_type": "text",
                "group_name": group,
            }
        ],
    )
    assert made.results[0].group_name == group
    read = properties.batch.get(
        "deals", archived=False, data_sensitivity="non_sensitive", inputs=[{"name": name}]
    )
    assert read.results[0].name == name
    properties.batch.delete("deals", inputs=[{"name": name}])
    assert properties.groups.update(group, object_type="deals", label="H").label == "H"
    assert group in {one.name for one in properties.groups.list("deals").results}
    properties.groups.delete(group, object_type="deals")


def test_a_pipeline_with_its_stages_and_audit(strict_sdk: HubSpot) -> None:
    pipelines = strict_sdk.crm.pipelines
    made = pipelines.create(
        "deals",
        label=fresh("SDK "),
        display_order=3,
        stages=[{"label": "Open", "display_order": 0, "metadata": {"probability": "0.2"}}],
    )
    assert made.id in {line.id for line in pipelines.list("deals").results}
    stage = pipelines.create_stage(
        made.id,
        object_type="deals",
        label="Won",
        display_order=1,
        metadata={"probability": "1.0"},
    )
    assert stage.metadata == {"probability": "1.0", "isClosed": "true"}
    path: dict[str, Any] = {"object_type": "deals", "pipeline_id": made.id}
    changed = pipelines.update_stage(
        stage.id, **path, label="Done", metadata={"probability": "1.0"}
    )
    assert changed.label == "Done"
    assert pipelines.get_stage(stage.id, **path).label == "Done"
    assert len(pipelines.list_stages(made.id, object_type="deals").results) == 2
    pipelines.delete_stage(stage.id, **path)
    audit = pipelines.list_stage_audit(stage.id, **path)
    assert [entry.action for entry in audit.results] == ["DELETE", "UPDATE", "CREATE"]
    label = fresh("SDK ")
    assert pipelines.update(made.id, object_type="deals", label=label).label == label
    pipelines.delete(made.id, object_type="deals")
    with pytest.raises(hubspot_sdk.NotFoundError):
        pipelines.get(made.id, object_type="deals")


def test_a_pipeline_in_use_is_kept_when_the_check_is_asked_for(strict_sdk: HubSpot) -> None:
    pipelines = strict_sdk.crm.pipelines
    made = pipelines.create(
        "deals",
        label=fresh("Used "),
        display_order=3,
        stages=[{"label": "Open", "display_order": 0, "metadata": {"probability": "0.2"}}],
    )
    values = {"dealname": "x", "pipeline": made.id, "dealstage": made.stages[0].id}
    strict_sdk.crm.objects.deals.with_raw_response.create(properties=values, associations=[])
    with pytest.raises(hubspot_sdk.BadRequestError, match="are being referenced"):
        pipelines.delete(made.id, object_type="deals", validate_references_before_delete=True)
    pipelines.delete(made.id, object_type="deals")


def test_owners_page_by_page_and_one_by_one(strict_sdk: HubSpot) -> None:
    listed = list(strict_sdk.crm.owners.list(limit=2))
    assert len({owner.id for owner in listed}) == 7
    one = strict_sdk.crm.owners.get(int(listed[0].id))
    assert one.email == listed[0].email
    (gone,) = strict_sdk.crm.owners.list(archived=True)
    assert gone.user_id is None


def test_the_account_its_currencies_and_its_limits(strict_sdk: HubSpot) -> None:
    assert strict_sdk.account.get().company_currency == "USD"
    usage = strict_sdk.account.get_daily_private_apps_usage().results
    assert usage[0].usage_limit == 625_000
    assert strict_sdk.settings.currencies.get_company_currency().id == "USD"
    assert strict_sdk.settings.currencies.list_codes().results
    assert strict_sdk.settings.currencies.exchange_rates.list_current_exchange_rates().results
    assert strict_sdk.crm.limits.get_record_limits().hubspot_defined_object_types
    assert strict_sdk.crm.limits.get_pipeline_limits().hubspot_defined_object_types
    assert strict_sdk.crm.limits.get_custom_property_limits().by_object_type


def test_schemas(strict_sdk: HubSpot) -> None:
    assert strict_sdk.crm.object_schemas.list().results == []
    assert strict_sdk.crm.object_schemas.get("contacts").fully_qualified_name == "CONTACT"
