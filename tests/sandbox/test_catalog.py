from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from msgspec import UNSET

from daemon.sandbox.hubspot.bare_types import bare_schemas
from daemon.sandbox.hubspot.catalog import (
    ObjectSchema,
    Pipeline,
    PropertyOption,
    default_association_types,
    default_schemas,
    infer_type,
)
from daemon.sandbox.hubspot.pipeline_rules import (
    PipelineDraft,
    StageDraft,
    Workbench,
    create_pipeline,
    create_stage,
    delete_pipeline,
    delete_stage,
    find_pipeline,
    replace_pipeline,
    update_pipeline,
    update_stage,
)
from daemon.sandbox.hubspot.property_rules import (
    Editor,
    GroupDraft,
    PropertyDraft,
    PropertyPatch,
    archive_group,
    archive_property,
    create_group,
    create_property,
    find_property,
    update_property,
)
from daemon.sandbox.hubspot.wire import Refusal

NOW = Editor(at="2026-03-01T10:15:30.123Z")


@pytest.fixture
def deals() -> ObjectSchema:
    return default_schemas()["deals"]


def draft(**fields: object) -> PropertyDraft:
    given: dict[str, object] = {
        "name": "tieline_key",
        "label": "Tieline key",
        "type": "string",
        "fieldType": "text",
        "groupName": "dealinformation",
    }
    return msgspec.convert({**given, **fields}, PropertyDraft)


def test_a_new_account_has_the_default_properties_and_every_default_returned_one() -> None:
    for name, schema in default_schemas().items():
        assert schema.type.name == name
        for wanted in schema.type.default_returned_properties:
            assert schema.live_property(wanted), (name, wanted)
        for item in schema.properties.values():
            assert item.group_name in schema.groups


def test_no_annotation_of_the_reference_reaches_an_answer() -> None:
    for schema in default_schemas().values():
        assert b'"_' not in msgspec.json.encode(list(schema.properties.values()))


def test_two_accounts_share_nothing() -> None:
    left, right = default_schemas(), default_schemas()
    create_property(left["deals"], draft(), NOW)
    assert "tieline_key" not in right["deals"].properties


def test_the_default_pipeline_is_the_vendors() -> None:
    (pipeline,) = default_schemas()["deals"].live_pipelines()
    assert [(stage.id, stage.probability, stage.is_closed) for stage in pipeline.stages] == [
        ("appointmentscheduled", "0.2", False),
        ("qualifiedtobuy", "0.4", False),
        ("presentationscheduled", "0.6", False),
        ("decisionmakerboughtin", "0.8", False),
        ("contractsent", "0.9", False),
        ("closedwon", "1.0", True),
        ("closedlost", "0.0", True),
    ]
    assert [stage.is_won for stage in pipeline.stages][-2:] == [True, False]


def test_a_schema_survives_being_saved(deals: ObjectSchema) -> None:
    create_property(deals, draft(hasUniqueValue=True), NOW)
    create_pipeline(bench(deals), pipeline_draft())
    again = msgspec.json.decode(msgspec.json.encode(deals), type=ObjectSchema)
    assert again == deals


def test_every_association_type_names_its_inverse() -> None:
    types = {kind.type_id: kind for kind in default_association_types()}
    for kind in types.values():
        back = types[kind.inverse_type_id]
        assert (back.from_object, back.to_object) == (kind.to_object, kind.from_object)
        assert back.inverse_type_id == kind.type_id


@pytest.mark.parametrize("word", ["deals", "deal", "DEAL", "Deals", "0-3"])
def test_a_type_is_known_by_every_form_of_its_name(word: str) -> None:
    assert infer_type(word) == "deals"


def test_every_type_that_can_be_named_has_a_schema() -> None:
    for code in ("0-1", "0-7", "0-8", "0-49", "0-136"):
        assert infer_type(code) in {**default_schemas(), **bare_schemas()}


def test_unknown_types_are_refused_with_the_vendors_words() -> None:
    with pytest.raises(Refusal, match=r"^Unable to infer object type from: widgets$"):
        infer_type("widgets")
    with pytest.raises(Refusal, match=r"^Invalid object or event type id: 0-9999$"):
        infer_type("0-9999")


def test_a_created_property_looks_like_the_vendors(deals: ObjectSchema) -> None:
    made = create_property(deals, draft(hasUniqueValue=True), NOW)
    assert msgspec.to_builtins(made) == {
        "updatedAt": "2026-03-01T10:15:30.123Z",
        "createdAt": "2026-03-01T10:15:30.123Z",
        "name": "tieline_key",
        "label": "Tieline key",
        "type": "string",
        "fieldType": "text",
        "description": "",
        "groupName": "dealinformation",
        "options": [],
        "createdUserId": "2620022",
        "updatedUserId": "2620022",
        "displayOrder": -1,
        "calculated": False,
        "externalOptions": False,
        "archived": False,
        "hasUniqueValue": True,
        "hidden": False,
        "modificationMetadata": {
            "archivable": True,
            "readOnlyDefinition": False,
            "readOnlyValue": False,
        },
        "formField": False,
        "dataSensitivity": "non_sensitive",
    }
    assert deals.is_unique("tieline_key")


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"name": "Tieline_Key"}, 400, "Property name must be lowercase, but given: Tieline_Key"),
        ({"name": "1key"}, 400, "Property name is not valid: 1key"),
        ({"name": "a" * 101}, 400, "Property name is not valid"),
        ({"name": "dealname"}, 409, "A property named 'dealname' already exists."),
        ({"type": "text"}, 400, "text is not a valid type"),
        ({"fieldType": "select"}, 400, "select is not a valid fieldType for type string"),
        ({"groupName": "nope"}, 400, "Property group nope does not exist"),
        ({"type": "enumeration", "fieldType": "select"}, 400, "must have options"),
        ({"options": [{"label": "A", "value": "a"}]}, 400, "cannot have options"),
        (
            {"type": "date", "fieldType": "date", "hasUniqueValue": True},
            400,
            "cannot have unique values",
        ),
    ],
)
def test_bad_property_drafts_are_refused(
    deals: ObjectSchema, fields: dict[str, object], status: int, text: str
) -> None:
    before = set(deals.properties)
    with pytest.raises(Refusal) as refused:
        create_property(deals, draft(**fields), NOW)
    assert refused.value.status == status
    assert text in refused.value.message
    assert set(deals.properties) == before


def test_all_missing_fields_of_a_property_are_named_at_once(deals: ObjectSchema) -> None:
    with pytest.raises(Refusal) as refused:
        create_property(deals, PropertyDraft(name="x", label="X"), NOW)
    assert refused.value.category is None
    assert refused.value.message.endswith(
        "Some required fields were not set: [type, fieldType, groupName]"
    )


@pytest.mark.parametrize(
    "options",
    [
        [("A", "a"), ("B", "a")],
        [("A", "a"), ("A", "b")],
        [("A", " a")],
        [("A", "a;b")],
        [("A", "")],
    ],
)
def test_options_must_be_distinct_and_clean(
    deals: ObjectSchema, options: list[tuple[str, str]]
) -> None:
    given = [{"label": label, "value": value} for label, value in options]
    with pytest.raises(Refusal):
        create_property(deals, draft(type="enumeration", fieldType="select", options=given), NOW)


def test_a_type_has_at_most_ten_unique_properties(deals: ObjectSchema) -> None:
    for number in range(10):
        create_property(deals, draft(name=f"key_{number}", hasUniqueValue=True), NOW)
    with pytest.raises(Refusal, match="maximum number of unique value properties is 10"):
        create_property(deals, draft(name="key_10", hasUniqueValue=True), NOW)
    archive_property(deals, "key_0", NOW)
    create_property(deals, draft(name="key_10", hasUniqueValue=True), NOW)


def test_a_type_has_at_most_a_thousand_properties_of_its_own(deals: ObjectSchema) -> None:
    for number in range(1000):
        create_property(deals, draft(name=f"own_{number}"), NOW)
    with pytest.raises(Refusal, match="maximum number of properties is 1000"):
        create_property(deals, draft(name="own_1000"), NOW)


def test_an_update_replaces_the_whole_list_of_options(deals: ObjectSchema) -> None:
    options = [{"label": "A", "value": "a"}, {"label": "B", "value": "b"}]
    create_property(deals, draft(type="enumeration", fieldType="select", options=options), NOW)
    later = Editor(at="2026-03-02T00:00:00Z")
    patch = PropertyPatch(options=[PropertyOption(label="C", value="c")])
    changed = update_property(deals, "tieline_key", patch, later)
    assert [option.value for option in changed.options] == ["c"]
    assert (changed.created_at, changed.updated_at) == (NOW.at, later.at)


def test_the_definition_of_a_vendors_property_is_read_only(deals: ObjectSchema) -> None:
    with pytest.raises(Refusal, match="definition cannot be changed"):
        update_property(deals, "dealname", PropertyPatch(label="Name of deal"), NOW)
    with pytest.raises(Refusal, match="definition cannot be changed"):
        options = [PropertyOption(label="X", value="x")]
        update_property(deals, "dealstage", PropertyPatch(options=options), NOW)
    assert deals.properties["dealname"].label == "Deal Name"
    # Its options are the account's, though.
    options = [PropertyOption(label="New", value="newbusiness")]
    assert update_property(deals, "dealtype", PropertyPatch(options=options), NOW).options


def test_an_archived_property_is_unknown_but_keeps_its_name(deals: ObjectSchema) -> None:
    create_property(deals, draft(), NOW)
    archive_property(deals, "tieline_key", NOW)
    with pytest.raises(Refusal) as refused:
        find_property(deals, "tieline_key")
    assert refused.value.status == 404
    assert refused.value.message == 'Property "tieline_key" does not exist'
    assert find_property(deals, "tieline_key", archived=True).archived_at == NOW.at
    with pytest.raises(Refusal) as taken:
        create_property(deals, draft(), NOW)
    assert taken.value.status == 409


def test_what_every_record_needs_cannot_be_archived(deals: ObjectSchema) -> None:
    for name in ("dealname", "hs_object_id", "pipeline"):
        with pytest.raises(Refusal) as refused:
            archive_property(deals, name, NOW)
        assert refused.value.status == 400


def test_groups_are_made_once_and_removed_only_when_empty(deals: ObjectSchema) -> None:
    made = create_group(deals, GroupDraft(name="erp", label="ERP"))
    assert msgspec.to_builtins(made) == {
        "archived": False,
        "name": "erp",
        "displayOrder": -1,
        "label": "ERP",
    }
    with pytest.raises(Refusal) as taken:
        create_group(deals, GroupDraft(name="erp", label="ERP"))
    assert (taken.value.status, taken.value.category) == (409, "OBJECT_ALREADY_EXISTS")
    create_property(deals, draft(groupName="erp"), NOW)
    with pytest.raises(Refusal, match="has properties"):
        archive_group(deals, "erp")
    archive_property(deals, "tieline_key", NOW)
    archive_group(deals, "erp")
    assert "erp" not in deals.groups


# Pipelines


def bench(
    schema: ObjectSchema, *, used: dict[str, list[str]] | None = None, check: bool = False
) -> Workbench:
    numbers = iter(range(200_000, 300_000))

    def users_of(stages: Iterable[str]) -> list[str]:
        return [user for stage in stages for user in (used or {}).get(stage, [])]

    return Workbench(
        schema=schema,
        portal_id=62515,
        at=NOW.at,
        new_id=lambda: str(next(numbers)),
        users_of=users_of,
        check_references=check,
    )


def stage_draft(label: str, order: int, probability: object, **more: str) -> StageDraft:
    metadata = {"probability": probability}
    given = {"label": label, "displayOrder": order, "metadata": metadata, **more}
    return msgspec.convert(given, StageDraft)


def pipeline_draft(label: str = "Partners") -> PipelineDraft:
    stages = [
        stage_draft("Won", 2, "1.0"),
        stage_draft("First", 0, 0.1),
        stage_draft("Lost", 3, "0"),
        stage_draft("Second", 1, "0.50"),
    ]
    return PipelineDraft(label=label, display_order=1, stages=stages)


def test_a_new_pipeline_gets_ids_and_string_metadata(deals: ObjectSchema) -> None:
    made = create_pipeline(bench(deals), pipeline_draft())
    default, shown = deals.live_pipelines()
    assert (default.id, shown.id) == ("default", made.id)
    assert [(s.label, s.metadata) for s in shown.stages] == [
        ("First", {"probability": "0.1", "isClosed": "false"}),
        ("Second", {"probability": "0.5", "isClosed": "false"}),
        ("Won", {"probability": "1.0", "isClosed": "true"}),
        ("Lost", {"probability": "0.0", "isClosed": "true"}),
    ]
    assert len({made.id, *(stage.id for stage in made.stages)}) == 5
    assert f"hs_v2_date_entered_{made.stages[0].id}" in deals.properties
    assert [entry.action for entry in deals.audits[made.id]] == ["CREATE"]


def test_ids_are_unique_over_all_pipelines_and_lower_case(deals: ObjectSchema) -> None:
    work = bench(deals)
    for stage_id in ("closedwon", "default", "Upper"):
        stages = [stage_draft("S", 0, "0.1", stageId=stage_id)]
        with pytest.raises(Refusal):
            create_pipeline(work, PipelineDraft(label="P", display_order=1, stages=stages))
    twice = [stage_draft(label, 0, "0.1", stageId="same") for label in "ab"]
    with pytest.raises(Refusal):
        create_pipeline(work, PipelineDraft(label="P", display_order=1, stages=twice))
    assert list(deals.pipelines) == ["default"]


@pytest.mark.parametrize("probability", [None, "", "1.1", "-0.1", "0.25", "high", 2])
def test_a_deal_stage_needs_a_probability_in_tenths(
    deals: ObjectSchema, probability: object
) -> None:
    metadata = {} if probability is None else {"probability": probability}
    given = {"label": "S", "displayOrder": 0, "metadata": metadata}
    with pytest.raises(Refusal, match="probability"):
        create_stage(bench(deals), "default", msgspec.convert(given, StageDraft))


def test_a_ticket_stage_has_a_state_instead() -> None:
    tickets = default_schemas()["tickets"]
    given = {"label": "Done", "displayOrder": 9, "metadata": {"ticketState": "CLOSED"}}
    made = create_stage(bench(tickets), "0", msgspec.convert(given, StageDraft))
    assert made.metadata == {"ticketState": "CLOSED", "isClosed": "true"}


def test_labels_are_unique_within_a_pipeline_only(deals: ObjectSchema) -> None:
    work = bench(deals)
    with pytest.raises(Refusal, match="Stage label"):
        create_stage(work, "default", stage_draft("Closed Won", 9, "1.0"))
    with pytest.raises(Refusal, match="Pipeline label"):
        create_pipeline(work, pipeline_draft("Sales Pipeline"))
    made = create_pipeline(work, pipeline_draft())
    create_stage(work, made.id, stage_draft("Closed Won", 9, "1.0"))


def test_changing_the_probability_decides_anew_whether_a_stage_is_closed(
    deals: ObjectSchema,
) -> None:
    patch = msgspec.convert({"metadata": {"probability": "1.0"}}, StageDraft)
    changed = update_stage(bench(deals), "default", "contractsent", patch)
    assert changed.metadata == {"isClosed": "true", "probability": "1.0"}
    with pytest.raises(Refusal, match=r"required fields were not set: \[metadata\]"):
        update_stage(bench(deals), "default", "contractsent", StageDraft(label="X"))


def test_a_deletion_leaves_stages_dangling_unless_references_are_checked(
    deals: ObjectSchema,
) -> None:
    used = {"qualifiedtobuy": ["22901690010"]}
    with pytest.raises(Refusal) as refused:
        delete_stage(bench(deals, used=used, check=True), "default", "qualifiedtobuy")
    assert refused.value.message == (
        "Stage IDs: [qualifiedtobuy] are being referenced by object IDs: [22901690010]"
    )
    assert refused.value.sub_category == "PipelineError.STAGE_ID_IN_USE"
    assert refused.value.context == {
        "stageIds": ["[qualifiedtobuy]"],
        "objectIds": ["[22901690010]"],
    }
    assert deals.find_stage("qualifiedtobuy")
    delete_stage(bench(deals, used=used), "default", "qualifiedtobuy")
    assert deals.find_stage("qualifiedtobuy") is None
    assert [entry.action for entry in deals.audits["qualifiedtobuy"]] == ["DELETE"]


def test_the_last_pipeline_and_the_last_stage_stay(deals: ObjectSchema) -> None:
    with pytest.raises(Refusal, match="last pipeline"):
        delete_pipeline(bench(deals), "default")
    for stage in list(deals.pipelines["default"].stages[1:]):
        delete_stage(bench(deals), "default", stage.id)
    with pytest.raises(Refusal, match="last stage"):
        delete_stage(bench(deals), "default", "appointmentscheduled")


def test_a_deleted_pipeline_can_be_restored(deals: ObjectSchema) -> None:
    made = create_pipeline(bench(deals), pipeline_draft())
    delete_pipeline(bench(deals), made.id)
    with pytest.raises(Refusal) as refused:
        find_pipeline(deals, made.id)
    assert refused.value.status == 404
    assert deals.find_stage(made.stages[0].id) is None
    update_pipeline(bench(deals), made.id, PipelineDraft(archived=False))
    assert find_pipeline(deals, made.id).archived_at is UNSET
    with pytest.raises(Refusal):
        update_pipeline(bench(deals), made.id, PipelineDraft(archived=True))


def replacement(pipeline: Pipeline) -> PipelineDraft:
    kept = stage_draft("First again", 0, "0.2", stageId=pipeline.stages[1].id)
    return PipelineDraft(
        label="Renamed", display_order=5, stages=[kept, stage_draft("New", 1, "0.4")]
    )


def test_a_replacement_keeps_named_stages_and_deletes_the_rest(deals: ObjectSchema) -> None:
    work = bench(deals)
    made = create_pipeline(work, pipeline_draft())
    first = made.stages[1].id
    changed = replace_pipeline(work, made.id, replacement(made))
    live = [stage for stage in changed.stages if not stage.archived]
    assert [(stage.label, stage.id == first) for stage in live] == [
        ("First again", True),
        ("New", False),
    ]
    assert changed.label == "Renamed"


def test_a_refused_replacement_changes_nothing(deals: ObjectSchema) -> None:
    made = create_pipeline(bench(deals), pipeline_draft())
    before = msgspec.json.encode(made)
    used = {made.stages[0].id: ["1"]}
    with pytest.raises(Refusal):
        replace_pipeline(bench(deals, used=used, check=True), made.id, replacement(made))
    bad = replacement(made)
    assert bad.stages is not UNSET
    bad.stages[1].metadata = {"probability": "7"}
    with pytest.raises(Refusal):
        replace_pipeline(bench(deals), made.id, bad)
    assert msgspec.json.encode(made) == before
