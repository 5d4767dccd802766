"""Older read-only calls that widely used readers still make, in their own shapes.

Properties v1 and v2, pipelines v1 and the schemas API. Times are numbers in milliseconds, and
a property says in flat flags what newer versions say in `modificationMetadata`.
"""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from daemon.sandbox.hubspot.auth import Need, authorise
from daemon.sandbox.hubspot.calls import Call, Endpoint
from daemon.sandbox.hubspot.catalog import (
    AssociationType,
    ObjectSchema,
    Pipeline,
    Property,
    PropertyOption,
    Stage,
)
from daemon.sandbox.hubspot.property_rules import find_property
from daemon.sandbox.hubspot.validate import parse_instant
from daemon.sandbox.hubspot.wire import Answer, answer

__all__ = ["routes"]

Wire = dict[str, object]


def routes() -> list[Endpoint]:
    """The legacy calls, each under its one path."""
    read = Need.SCHEMA_READ
    plain = [
        *((f"/properties/{v}/{{t}}/properties", list_properties) for v in ("v1", "v2")),
        *(
            (f"/properties/{v}/{{t}}/properties/named/{{name}}", read_property)
            for v in ("v1", "v2")
        ),
        *((f"/properties/{v}/{{t}}/groups", list_groups) for v in ("v1", "v2")),
        ("/crm-pipelines/v1/pipelines/{t}", list_pipelines),
    ]
    return [
        *(Endpoint("GET", "plain", path, handler, read) for path, handler in plain),
        Endpoint("GET", "plain", "/deals/v1/pipelines", list_deal_pipelines),
        Endpoint("GET", "schemas", "", list_schemas),
        Endpoint("GET", "schemas", "/{t}", read_schema, read),
    ]


def _ms(text: str | UnsetType) -> int | None:
    return None if text is UNSET else parse_instant(text)


def _or_none(value: object) -> object:
    return None if value is UNSET else value


def legacy_property(item: Property) -> Wire:
    """A definition as properties v1 and v2 show it."""
    metadata = item.modification_metadata
    return {
        "name": item.name,
        "label": item.label,
        "description": item.description,
        "groupName": item.group_name,
        "type": item.type,
        "fieldType": item.field_type,
        "createdAt": _ms(item.created_at),
        "updatedAt": _ms(item.updated_at),
        "createdUserId": _number(item.created_user_id),
        "updatedUserId": _number(item.updated_user_id),
        "displayOrder": item.display_order,
        "displayMode": "current_value",
        "options": [_option(option) for option in item.options],
        "referencedObjectType": _or_none(item.referenced_object_type),
        "calculated": item.calculated,
        "externalOptions": item.external_options,
        "hasUniqueValue": item.has_unique_value,
        "hidden": item.hidden,
        "hubspotDefined": item.is_vendor_defined,
        "showCurrencySymbol": _or_none(item.show_currency_symbol),
        "numberDisplayHint": _or_none(item.number_display_hint),
        "textDisplayHint": _or_none(item.text_display_hint),
        "currencyPropertyName": _or_none(item.currency_property_name),
        "formField": item.form_field,
        "readOnlyValue": item.is_read_only,
        "readOnlyDefinition": metadata.read_only_definition,
        "mutableDefinitionNotDeletable": not (metadata.archivable or metadata.read_only_definition),
        "optionsAreMutable": metadata.read_only_options is not True,
        "searchableInGlobalSearch": False,
        "favorited": False,
        "favoritedOrder": -1,
        "deleted": item.archived,
    }


def _number(text: str | UnsetType) -> int | None:
    return None if text is UNSET else int(text)


def _option(option: PropertyOption) -> Wire:
    return {
        "label": option.label,
        "value": option.value,
        "displayOrder": option.display_order,
        "hidden": option.hidden,
        "readOnly": False,
        "doubleData": 0.0,
        "description": "" if option.description is UNSET else option.description,
    }


def list_properties(call: Call) -> Answer:
    """Every definition as a bare list, no `results` around it."""
    live = [item for item in call.table().schema.properties.values() if not item.archived]
    return answer([legacy_property(item) for item in live])


def read_property(call: Call) -> Answer:
    """One definition."""
    return answer(legacy_property(find_property(call.table().schema, call.params["name"])))


def list_groups(call: Call) -> Answer:
    """The groups as a bare list; `includeProperties=true` puts the definitions inside."""
    schema, inside = call.table().schema, call.flag("includeProperties")
    return answer([_group(schema, name, inside=inside) for name in schema.groups])


def _group(schema: ObjectSchema, name: str, *, inside: bool) -> Wire:
    group = schema.groups[name]
    shown: Wire = {
        "name": group.name,
        "displayName": group.label,
        "displayOrder": group.display_order,
        "hubspotDefined": True,
    }
    if inside:
        members = [item for item in schema.properties.values() if item.group_name == name]
        shown["properties"] = [legacy_property(item) for item in members if not item.archived]
    return shown


def list_pipelines(call: Call) -> Answer:
    """Pipelines v1: `pipelineId`, `stageId` and times in milliseconds."""
    schema = call.table().schema
    return answer({"results": [_pipeline(schema, line) for line in schema.live_pipelines()]})


def _pipeline(schema: ObjectSchema, line: Pipeline) -> Wire:
    return {
        "pipelineId": line.id,
        "createdAt": _ms(line.created_at),
        "updatedAt": _ms(line.updated_at),
        "objectType": schema.type.fully_qualified_name,
        "objectTypeId": schema.type.object_type_id,
        "label": line.label,
        "displayOrder": line.display_order,
        "active": True,
        "default": line.id == next(iter(schema.pipelines)),
        "stages": [_stage(stage) for stage in line.stages],
    }


def _stage(stage: Stage) -> Wire:
    return {
        "stageId": stage.id,
        "createdAt": _ms(stage.created_at),
        "updatedAt": _ms(stage.updated_at),
        "label": stage.label,
        "displayOrder": stage.display_order,
        "metadata": stage.metadata,
        "active": True,
    }


def list_deal_pipelines(call: Call) -> Answer:
    """The still older deal pipelines: a bare list, the probability a number."""
    authorise(call.token, Need.SCHEMA_READ, ("deals",))
    schema = call.account.tables["deals"].schema
    return answer([_deal_pipeline(line) for line in schema.live_pipelines()])


def _deal_pipeline(line: Pipeline) -> Wire:
    return {
        "pipelineId": line.id,
        "label": line.label,
        "active": True,
        "displayOrder": line.display_order,
        "staticDefault": line.id == "default",
        "stages": [
            {
                "stageId": stage.id,
                "label": stage.label,
                "probability": float(stage.probability or 0),
                "active": True,
                "displayOrder": stage.display_order,
                "closedWon": stage.is_won,
            }
            for stage in line.stages
        ],
    }


def list_schemas(call: Call) -> Answer:
    """The account's custom object types: the sandbox's account has none."""
    return answer({"results": []})


def read_schema(call: Call) -> Answer:
    """The schema of one type with its properties and association types."""
    schema = call.table().schema
    kinds = call.account.links.types.values()
    named = {name: table.schema for name, table in call.account.tables.items()}
    associations = [
        _association(kind, named)
        for kind in kinds
        if schema.type.name in {kind.from_object, kind.to_object}
    ]
    return answer(_schema(schema, call.account.details.portal_id, associations))


def _schema(schema: ObjectSchema, portal_id: int, associations: list[Wire]) -> Wire:
    kind = schema.type
    return {
        "labels": {
            "singular": kind.singular.replace("_", " ").capitalize(),
            "plural": kind.name.replace("_", " ").capitalize(),
        },
        "requiredProperties": kind.required_properties,
        "searchableProperties": kind.searchable_properties,
        "primaryDisplayProperty": kind.primary_display_property,
        "secondaryDisplayProperties": kind.secondary_display_properties,
        "archived": False,
        "id": kind.object_type_id,
        "fullyQualifiedName": kind.fully_qualified_name,
        "objectTypeId": kind.object_type_id,
        "properties": [item for item in schema.properties.values() if not item.archived],
        "associations": associations,
        "name": kind.fully_qualified_name,
        "metaType": "HUBSPOT",
        "portalId": portal_id,
        "restorable": True,
        "allowsSensitiveProperties": False,
    }


def _association(kind: AssociationType, schemas: dict[str, ObjectSchema]) -> Wire:
    left, right = schemas[kind.from_object].type, schemas[kind.to_object].type
    label = f"_{kind.label.lower().replace(' ', '_')}" if kind.label else ""
    return {
        "fromObjectTypeId": left.object_type_id,
        "toObjectTypeId": right.object_type_id,
        "name": f"{left.singular}_to_{right.singular}{label}",
        "cardinality": "ONE_TO_MANY",
        "inverseCardinality": "ONE_TO_MANY",
        "id": str(kind.type_id),
    }
