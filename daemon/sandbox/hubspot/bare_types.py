"""Object types that the sandbox knows by name but has no packaged properties for.

They can be listed, read and associated as in an account that has none of them, and hold records
with a name only. The packaged types are in `catalog`.
"""

from __future__ import annotations

from daemon.sandbox.hubspot.catalog import (
    ModificationMetadata,
    ObjectSchema,
    ObjectType,
    Property,
    PropertyGroup,
    bare_type_names,
)

__all__ = ["bare_schemas"]

_GROUP = "information"
_DEFAULTS = ("hs_createdate", "hs_lastmodifieddate", "hs_object_id")


def bare_schemas() -> dict[str, ObjectSchema]:
    """A minimal schema of each such type by plural name."""
    return {names.plural: _schema(*names) for names in bare_type_names()}


def _schema(plural: str, singular: str, type_id: str) -> ObjectSchema:
    kind = ObjectType(
        object_type_id=type_id,
        name=plural,
        singular=singular,
        fully_qualified_name=singular.upper(),
        primary_display_property="name",
        secondary_display_properties=(),
        required_properties=(),
        searchable_properties=("name",),
        default_returned_properties=_DEFAULTS,
        created_property="hs_createdate",
        last_modified_property="hs_lastmodifieddate",
        built_in_unique_properties=(),
        require_one_of=(),
        pipeline_property="",
        stage_property="",
    )
    properties = [
        _property("name", "string", read_only=False),
        _property("hubspot_owner_id", "string", read_only=False),
        _property("createdate", "datetime"),
        _property("hs_createdate", "datetime"),
        _property("hs_lastmodifieddate", "datetime"),
        _property("hs_object_id", "number"),
        _property("hs_object_source", "string"),
        _property("hs_object_source_id", "string"),
        _property("hs_object_source_label", "string"),
    ]
    group = PropertyGroup(name=_GROUP, label="Information")
    return ObjectSchema(
        type=kind,
        properties={item.name: item for item in properties},
        groups={_GROUP: group},
    )


def _property(name: str, kind: str, *, read_only: bool = True) -> Property:
    return Property(
        name=name,
        label=name,
        type=kind,
        field_type={"datetime": "date", "number": "number"}.get(kind, "text"),
        group_name=_GROUP,
        hubspot_defined=True,
        modification_metadata=ModificationMetadata(
            archivable=False, read_only_definition=True, read_only_value=read_only
        ),
    )
