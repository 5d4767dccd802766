"""`hubspot-api-client` 12 on properties, pipelines, owners, schemas and associations."""

from __future__ import annotations

from typing import Any

import pytest
from hubspot.crm.associations.v4 import (
    AssociationSpec,
    BatchInputPublicAssociationMultiArchive,
    BatchInputPublicAssociationMultiPost,
    BatchInputPublicDefaultAssociationMultiPost,
    BatchInputPublicFetchAssociationsBatchRequest,
    PublicAssociationMultiArchive,
    PublicAssociationMultiPost,
    PublicDefaultAssociationMultiPost,
    PublicFetchAssociationsBatchRequest,
    PublicObjectId,
)
from hubspot.crm.associations.v4.schema import (
    PublicAssociationDefinitionCreateRequest,
    PublicAssociationDefinitionUpdateRequest,
)
from hubspot.crm.companies import SimplePublicObjectInputForCreate as CompanyInput
from hubspot.crm.contacts import SimplePublicObjectInputForCreate as ContactInput
from hubspot.crm.deals import (
    AssociationSpec as InlineSpec,
)
from hubspot.crm.deals import (
    PublicAssociationsForObject,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.deals import PublicObjectId as InlineId
from hubspot.crm.pipelines import (
    PipelineInput,
    PipelinePatchInput,
    PipelineStageInput,
    PipelineStagePatchInput,
)
from hubspot.crm.properties import (
    BatchInputPropertyCreate,
    BatchInputPropertyName,
    BatchReadInputPropertyName,
    OptionInput,
    PropertyCreate,
    PropertyGroupCreate,
    PropertyGroupUpdate,
    PropertyName,
    PropertyUpdate,
)

from tests.support.hubspot_process import fresh

UNLABELLED, PRIMARY = 341, 5


def new(api: Any, kind: str, **values: str) -> str:
    record_input = {
        "deals": SimplePublicObjectInputForCreate,
        "companies": CompanyInput,
        "contacts": ContactInput,
    }[kind]
    body = record_input(properties=values, associations=[])
    made: str = getattr(api.crm, kind).basic_api.create(body).id
    return made


def new_deal(api: Any) -> str:
    return new(api, "deals", dealname=fresh("Deal "))


def new_company(api: Any) -> str:
    return new(api, "companies", name=fresh("Company "))


# Properties


def test_properties_are_listed_made_changed_and_archived(api: Any) -> None:
    core, name = api.crm.properties.core_api, fresh("client_")
    listed = {item.name: item for item in core.get_all("deals").results}
    assert listed["amount"].type == "number"
    assert listed["hs_object_id"].modification_metadata.read_only_value is True
    made = core.create(
        "deals",
        PropertyCreate(
            name=name,
            label="Key",
            type="string",
            field_type="text",
            group_name="dealinformation",
            has_unique_value=True,
        ),
    )
    assert (made.name, made.has_unique_value) == (name, True)
    changed = core.update("deals", name, PropertyUpdate(label="New", description="Why"))
    assert (changed.label, changed.description) == ("New", "Why")
    assert core.get_by_name("deals", name).label == "New"
    assert core.archive("deals", name) is None
    assert core.get_by_name("deals", name, archived=True).archived is True


def test_options_of_a_property_are_replaced_as_a_whole(api: Any) -> None:
    core, name = api.crm.properties.core_api, fresh("choice_")

    def options(*values: str) -> list[OptionInput]:
        return [
            OptionInput(label=value.upper(), value=value, display_order=at, hidden=False)
            for at, value in enumerate(values)
        ]

    core.create(
        "contacts",
        PropertyCreate(
            name=name,
            label="Choice",
            type="enumeration",
            field_type="select",
            group_name="contactinformation",
            options=options("a", "b"),
        ),
    )
    changed = core.update("contacts", name, PropertyUpdate(options=options("c")))
    assert [option.value for option in changed.options] == ["c"]


def test_properties_in_batches(api: Any) -> None:
    batch, names = api.crm.properties.batch_api, [fresh("batch_") for _ in range(3)]
    inputs = [
        PropertyCreate(
            name=name, label=name, type="number", field_type="number", group_name="deal_revenue"
        )
        for name in names
    ]
    made = batch.create("deals", BatchInputPropertyCreate(inputs=inputs))
    assert [item.name for item in made.results] == names
    again = batch.create("deals", BatchInputPropertyCreate(inputs=inputs[:1]))
    assert again.num_errors == 1
    read = batch.read(
        "deals",
        BatchReadInputPropertyName(
            archived=False,
            inputs=[PropertyName(name=name) for name in [*names, "nope"]],
        ),
    )
    assert ({item.name for item in read.results}, read.num_errors) == (set(names), 1)
    named = BatchInputPropertyName(inputs=[PropertyName(name=name) for name in names])
    assert batch.archive("deals", named) is None


def test_property_groups(api: Any) -> None:
    groups, name = api.crm.properties.groups_api, fresh("group_")
    made = groups.create("deals", PropertyGroupCreate(name=name, label="Mine", display_order=5))
    assert (made.name, made.archived) == (name, False)
    assert groups.update("deals", name, PropertyGroupUpdate(label="Ours")).label == "Ours"
    assert groups.get_by_name("deals", name).display_order == 5
    assert name in {group.name for group in groups.get_all("deals").results}
    assert groups.archive("deals", name) is None


# Pipelines


def test_a_pipeline_and_its_stages(api: Any) -> None:
    pipelines, stages = api.crm.pipelines.pipelines_api, api.crm.pipelines.pipeline_stages_api

    def stage(label: str, order: int, probability: str) -> PipelineStageInput:
        return PipelineStageInput(
            label=label, display_order=order, metadata={"probability": probability}
        )

    made = pipelines.create(
        "deals",
        PipelineInput(
            label=fresh("Pipeline "),
            display_order=4,
            stages=[stage("Open", 0, "0.3"), stage("Won", 1, "1.0")],
        ),
    )
    assert [item.metadata["isClosed"] for item in made.stages] == ["false", "true"]
    assert made.id in {line.id for line in pipelines.get_all("deals").results}
    renamed = pipelines.update("deals", made.id, PipelinePatchInput(label=fresh("Renamed ")))
    assert pipelines.get_by_id("deals", made.id).label == renamed.label
    added = stages.create("deals", made.id, stage("Lost", 2, "0.0"))
    assert [one.id for one in stages.get_all("deals", made.id).results][-1] == added.id
    patch = PipelineStagePatchInput(label="Lost for good", metadata={"probability": "0.0"})
    assert stages.update("deals", made.id, added.id, patch).label == "Lost for good"
    stages.replace("deals", made.id, added.id, stage("Lost", 2, "0.0"))
    assert stages.get_by_id("deals", made.id, added.id).label == "Lost"
    assert stages.archive("deals", made.id, added.id) is None
    replaced = pipelines.replace(
        "deals",
        made.id,
        PipelineInput(label=fresh("Again "), display_order=4, stages=[stage("Only", 0, "0.5")]),
    )
    assert [item.label for item in replaced.stages] == ["Only"]
    assert pipelines.archive("deals", made.id) is None
    audit = api.crm.pipelines.pipeline_audits_api.get_audit("deals", made.id)
    assert audit.results[0].action == "DELETE"


# Owners, schemas


def test_owners_are_listed_and_read(api: Any) -> None:
    owners = api.crm.owners.owners_api
    listed = owners.get_page(limit=100)
    assert (len(listed.results), listed.paging) == (7, None)
    one = owners.get_by_id(int(listed.results[0].id))
    assert one.email == listed.results[0].email
    by_user = owners.get_by_id(one.user_id, id_property="userId")
    assert by_user.id == one.id
    assert owners.get_page(email=one.email).results[0].id == one.id
    assert len(owners.get_page(archived=True).results) == 1
    assert len(api.crm.owners.get_all()) == 7


def test_a_schema_is_read(api: Any) -> None:
    assert api.crm.schemas.core_api.get_all().results == []
    read = api.crm.schemas.core_api.get_by_id("deals")
    assert (read.object_type_id, read.labels.plural) == ("0-3", "Deals")
    assert "dealname" in {item.name for item in read.properties}


# Associations


def types_between(api: Any, deal: str, company: str) -> set[int]:
    page = api.crm.associations.v4.basic_api.get_page("deals", deal, "companies")
    for one in page.results:
        if str(one.to_object_id) == company:
            return {kind.type_id for kind in one.association_types}
    return set()


def test_a_default_association_goes_both_ways(api: Any) -> None:
    basic = api.crm.associations.v4.basic_api
    deal, contact = new_deal(api), new(api, "contacts", firstname="Ann")
    made = basic.create_default("deals", deal, "contacts", contact)
    assert {one.association_spec.association_type_id for one in made.results} == {3, 4}
    back = basic.get_page("contacts", contact, "deals")
    assert [str(one.to_object_id) for one in back.results] == [deal]
    assert basic.archive("deals", deal, "contacts", contact) is None
    assert basic.get_page("deals", deal, "contacts").results == []


def test_a_labelled_association_moves_the_primary_company(api: Any) -> None:
    basic = api.crm.associations.v4.basic_api
    deal, first, second = new_deal(api), new_company(api), new_company(api)
    basic.create_default("deals", deal, "companies", first)
    basic.create_default("deals", deal, "companies", second)
    assert types_between(api, deal, first) == {UNLABELLED, PRIMARY}
    assert types_between(api, deal, second) == {UNLABELLED}
    primary = AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=PRIMARY)
    made = basic.create("deals", deal, "companies", second, [primary])
    assert made.labels == ["Primary"]
    assert types_between(api, deal, first) == {UNLABELLED}
    assert types_between(api, deal, second) == {UNLABELLED, PRIMARY}


def test_associations_come_inline_on_create_and_read(api: Any) -> None:
    company = new_company(api)
    made = api.crm.deals.basic_api.create(
        SimplePublicObjectInputForCreate(
            properties={"dealname": fresh("Deal ")},
            associations=[
                PublicAssociationsForObject(
                    to=InlineId(id=company),
                    types=[
                        InlineSpec(
                            association_category="HUBSPOT_DEFINED", association_type_id=UNLABELLED
                        )
                    ],
                )
            ],
        )
    )
    read = api.crm.deals.basic_api.get_by_id(made.id, associations=["companies", "contacts"])
    assert {(one.id, one.type) for one in read.associations["companies"].results} == {
        (company, "deal_to_company"),
        (company, "deal_to_company_unlabeled"),
    }
    assert "contacts" not in read.associations


def test_association_batches(api: Any) -> None:
    batch = api.crm.associations.v4.batch_api
    deals, companies = [new_deal(api) for _ in range(3)], [new_company(api) for _ in range(2)]
    spec = AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=PRIMARY)
    labelled = batch.create(
        "deals",
        "companies",
        BatchInputPublicAssociationMultiPost(
            inputs=[
                PublicAssociationMultiPost(
                    _from=PublicObjectId(id=deals[0]),
                    to=PublicObjectId(id=companies[0]),
                    types=[spec],
                )
            ]
        ),
    )
    assert labelled.status == "COMPLETE"
    default = batch.create_default(
        "deals",
        "companies",
        BatchInputPublicDefaultAssociationMultiPost(
            inputs=[
                PublicDefaultAssociationMultiPost(
                    _from=PublicObjectId(id=deals[1]), to=PublicObjectId(id=company)
                )
                for company in companies
            ]
        ),
    )
    assert len(default.results) == 4
    read = batch.get_page(
        "deals",
        "companies",
        BatchInputPublicFetchAssociationsBatchRequest(
            inputs=[PublicFetchAssociationsBatchRequest(id=deal) for deal in deals]
        ),
    )
    assert {one._from.id: len(one.to) for one in read.results} == {deals[0]: 1, deals[1]: 2}
    # A record without associations is an error of a 207.
    assert read.num_errors == 1
    assert read.errors[0].context["fromObjectId"] == [deals[2]]
    labels = BatchInputPublicAssociationMultiPost(
        inputs=[
            PublicAssociationMultiPost(
                _from=PublicObjectId(id=deals[0]), to=PublicObjectId(id=companies[0]), types=[spec]
            )
        ]
    )
    assert batch.archive_labels("deals", "companies", labels) is None
    assert types_between(api, deals[0], companies[0]) == {UNLABELLED}
    pairs = BatchInputPublicAssociationMultiArchive(
        inputs=[
            PublicAssociationMultiArchive(
                _from=PublicObjectId(id=deals[1]),
                to=[PublicObjectId(id=company) for company in companies],
            )
        ]
    )
    assert batch.archive("deals", "companies", pairs) is None
    assert types_between(api, deals[1], companies[0]) == set()


def test_a_label_is_made_used_renamed_and_removed(api: Any) -> None:
    definitions = api.crm.associations.v4.schema.definitions_api
    name = fresh("payer_")
    made = definitions.create(
        "deals",
        "companies",
        PublicAssociationDefinitionCreateRequest(
            label=f"Payer {name}", name=name, inverse_label=f"Pays {name}"
        ),
    )
    (type_id,) = {one.type_id for one in made.results if one.label == f"Payer {name}"}
    listed = definitions.get_all("deals", "companies").results
    assert {(UNLABELLED, None), (PRIMARY, "Primary"), (type_id, f"Payer {name}")} <= {
        (one.type_id, one.label) for one in listed
    }
    deal, company = new_deal(api), new_company(api)
    spec = AssociationSpec(association_category="USER_DEFINED", association_type_id=type_id)
    used = api.crm.associations.v4.basic_api.create("deals", deal, "companies", company, [spec])
    # The first company of a deal is its primary one besides.
    assert used.labels == ["Primary", f"Payer {name}"]
    update = PublicAssociationDefinitionUpdateRequest(
        association_type_id=type_id, label=f"Buyer {name}"
    )
    assert definitions.update("deals", "companies", update) is None
    assert definitions.remove("deals", "companies", type_id) is None
    left = {one.type_id for one in definitions.get_all("deals", "companies").results}
    assert type_id not in left


@pytest.mark.parametrize("types", [[AssociationSpec("HUBSPOT_DEFINED", 342)], []])
def test_a_type_of_the_other_direction_is_refused(api: Any, types: list[Any]) -> None:
    deal, company = new_deal(api), new_company(api)
    with pytest.raises(Exception, match="400"):
        api.crm.associations.v4.basic_api.create("deals", deal, "companies", company, types)
    assert types_between(api, deal, company) == set()
