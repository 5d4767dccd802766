"""How properties and property groups may be made, changed and archived.

Pure changes to one `ObjectSchema`; every refusal is the vendor's, by status, text and context.
Texts the reference marks as unverified stand in one place each.
"""

from __future__ import annotations

import re

from msgspec import UNSET, Struct, UnsetType, field

from daemon.sandbox.hubspot.catalog import (
    ModificationMetadata,
    ObjectSchema,
    Property,
    PropertyGroup,
    PropertyOption,
)
from daemon.sandbox.hubspot.wire import ErrorDetail, Refusal, conflict, invalid, not_found

__all__ = [
    "GroupDraft",
    "PropertyDraft",
    "archive_group",
    "archive_property",
    "create_group",
    "create_property",
    "find_group",
    "find_property",
    "missing_fields",
    "property_missing",
    "update_group",
    "update_property",
]

MAX_CUSTOM = 1000
MAX_UNIQUE = 10
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
# Which fieldType goes with which type; `calculation_equation` goes with most.
_FIELD_TYPES = {
    "bool": {"booleancheckbox", "calculation_equation"},
    "date": {"date"},
    "datetime": {"date", "calculation_equation"},
    "enumeration": {"booleancheckbox", "checkbox", "radio", "select", "calculation_equation"},
    "number": {"number", "calculation_equation"},
    "phone_number": {"phonenumber"},
    "string": {"file", "html", "phonenumber", "text", "textarea", "calculation_equation"},
}


class PropertyDraft(Struct, rename="camel", kw_only=True):
    """The body of a create or an update; what is absent is UNSET."""

    name: str | UnsetType = UNSET
    label: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    field_type: str | UnsetType = UNSET
    group_name: str | UnsetType = UNSET
    description: str = ""
    options: list[PropertyOption] | UnsetType = UNSET
    display_order: int = -1
    has_unique_value: bool = False
    hidden: bool = False
    form_field: bool = False
    external_options: bool = False
    referenced_object_type: str | UnsetType = UNSET
    calculation_formula: str | UnsetType = UNSET
    currency_property_name: str | UnsetType = UNSET
    number_display_hint: str | UnsetType = UNSET
    text_display_hint: str | UnsetType = UNSET
    show_currency_symbol: bool | UnsetType = UNSET
    data_sensitivity: str = "non_sensitive"


class PropertyPatch(Struct, rename="camel", kw_only=True):
    """The body of an update: what may change about a definition."""

    label: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    field_type: str | UnsetType = UNSET
    group_name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    options: list[PropertyOption] | UnsetType = UNSET
    display_order: int | UnsetType = UNSET
    hidden: bool | UnsetType = UNSET
    form_field: bool | UnsetType = UNSET
    calculation_formula: str | UnsetType = UNSET
    currency_property_name: str | UnsetType = UNSET
    number_display_hint: str | UnsetType = UNSET
    text_display_hint: str | UnsetType = UNSET
    show_currency_symbol: bool | UnsetType = UNSET


class GroupDraft(Struct, rename="camel", kw_only=True):
    """The body of a group's create or update."""

    name: str | UnsetType = UNSET
    label: str | UnsetType = UNSET
    display_order: int | UnsetType = UNSET


class Editor(Struct, frozen=True):
    """Who changes a schema and when."""

    at: str
    user_id: str = field(default="2620022")


def missing_fields(body: Struct, *names: str) -> None:
    """Refuse a body in which a required field is absent, naming all of them.

    Raises:
        Refusal: 400 without category, as for any body that is not the right JSON.
    """
    wire_names = dict(zip(body.__struct_fields__, body.__struct_encode_fields__, strict=True))
    missing = [wire_names[name] for name in names if getattr(body, name) is UNSET]
    if missing:
        raise Refusal(
            400,
            "Invalid input JSON on line 1, column 2. "
            f"Some required fields were not set: [{', '.join(missing)}]",
        )


def property_missing(name: str) -> Refusal:
    """The 404 for a property that the type does not have."""
    return not_found(
        f'Property "{name}" does not exist',
        context={"propertyName": [name]},
        sub_category="PropertyValidationError.PROPERTY_DOESNT_EXIST",
    )


def find_property(schema: ObjectSchema, name: str, *, archived: bool = False) -> Property:
    """The property of that name, archived or not as asked for; a 404 otherwise."""
    found = schema.properties.get(name)
    if found is None or found.archived is not archived:
        raise property_missing(name)
    return found


def create_property(schema: ObjectSchema, draft: PropertyDraft, editor: Editor) -> Property:
    """Make a property of the account's own."""
    missing_fields(draft, "name", "label", "type", "field_type", "group_name")
    name, kind = str(draft.name), str(draft.type)
    _check_name(name)
    if name in schema.properties:
        raise conflict(
            f"A property named '{name}' already exists.",
            "OBJECT_ALREADY_EXISTS",
            context={"name": [name]},
            sub_category="Properties.PROPERTY_WITH_NAME_EXISTS",
        )
    _check_kind(kind, str(draft.field_type))
    _check_group(schema, str(draft.group_name))
    _check_room(schema, unique=draft.has_unique_value, kind=kind)
    made = _property(draft, _options(draft, kind), editor)
    schema.properties[name] = made
    return made


def _property(draft: PropertyDraft, options: list[PropertyOption], editor: Editor) -> Property:
    calculated = draft.field_type == "calculation_equation"
    return Property(
        updated_at=editor.at,
        created_at=editor.at,
        name=str(draft.name),
        label=str(draft.label),
        type=str(draft.type),
        field_type=str(draft.field_type),
        description=draft.description,
        group_name=str(draft.group_name),
        options=options,
        created_user_id=editor.user_id,
        updated_user_id=editor.user_id,
        referenced_object_type=draft.referenced_object_type,
        display_order=draft.display_order,
        calculated=calculated,
        external_options=draft.external_options,
        has_unique_value=draft.has_unique_value,
        hidden=draft.hidden,
        show_currency_symbol=draft.show_currency_symbol,
        number_display_hint=draft.number_display_hint,
        text_display_hint=draft.text_display_hint,
        currency_property_name=draft.currency_property_name,
        calculation_formula=draft.calculation_formula,
        modification_metadata=ModificationMetadata(read_only_value=calculated),
        form_field=draft.form_field,
        data_sensitivity=draft.data_sensitivity,
    )


def _check_name(name: str) -> None:
    if name != name.lower():
        raise invalid(f"Property name must be lowercase, but given: {name}")
    if not _NAME.fullmatch(name):
        raise invalid(
            f"Property name is not valid: {name}. Names begin with a letter and hold at most "
            "100 lowercase letters, digits and underscores."
        )


def _check_kind(kind: str, field_type: str) -> None:
    if kind not in _FIELD_TYPES:
        raise _not_among("type", kind, _FIELD_TYPES)
    if field_type not in _FIELD_TYPES[kind]:
        raise _not_among("fieldType", field_type, _FIELD_TYPES[kind], f" for type {kind}")


def _not_among(where: str, value: str, allowed: object, more: str = "") -> Refusal:
    names = sorted(allowed) if isinstance(allowed, (set, dict)) else []
    text = f"{value} is not a valid {where}{more}. Valid values are: [{', '.join(names)}]"
    return invalid(text, errors=[ErrorDetail(text, in_=where)])


def _check_group(schema: ObjectSchema, name: str) -> None:
    if name not in schema.groups:
        raise invalid(f"Property group {name} does not exist", context={"groupName": [name]})


def _check_room(schema: ObjectSchema, *, unique: bool, kind: str) -> None:
    own = [item for item in schema.properties.values() if not item.is_vendor_defined]
    if len(own) >= MAX_CUSTOM:
        raise invalid(
            f"The maximum number of properties is {MAX_CUSTOM}.",
            sub_category="Properties.PROPERTY_LIMIT_REACHED",
        )
    if not unique:
        return
    if kind not in {"string", "number"}:
        raise invalid(f"Properties of type {kind} cannot have unique values.")
    if sum(item.has_unique_value for item in own if not item.archived) >= MAX_UNIQUE:
        raise invalid(
            f"The maximum number of unique value properties is {MAX_UNIQUE}.",
            sub_category="Properties.UNIQUE_PROPERTY_LIMIT_REACHED",
        )


def _options(draft: PropertyDraft, kind: str) -> list[PropertyOption]:
    given = [] if draft.options is UNSET else draft.options
    if kind == "bool" and not given:
        return [
            PropertyOption(label="True", value="true", display_order=0),
            PropertyOption(label="False", value="false", display_order=1),
        ]
    if kind == "enumeration" and not given and not draft.external_options:
        raise invalid("Enumeration properties must have options.", context={"options": ["[]"]})
    if kind not in {"enumeration", "bool"} and given:
        raise invalid(f"Properties of type {kind} cannot have options.")
    return _checked_options(given, kind)


def _checked_options(options: list[PropertyOption], kind: str) -> list[PropertyOption]:
    """Refuse what no list of options may hold: repetitions, blanks around, the separator."""
    for what in ("value", "label"):
        texts = [str(getattr(option, what)) for option in options]
        twice = sorted({text for text in texts if texts.count(text) > 1})
        if twice:
            raise invalid(f"Property option {what}s must be unique: [{', '.join(twice)}]")
    for option in options:
        if not option.value or option.value != option.value.strip() or ";" in option.value:
            raise invalid(f'Property option value is not valid: "{option.value}"')
    if kind == "bool" and {option.value for option in options} != {"true", "false"}:
        raise invalid("Options of a bool property must be true and false.")
    return options


# What may be changed about a definition of the vendor's own.
_ALWAYS_OPEN = {"options", "display_order", "form_field", "hidden"}


def update_property(
    schema: ObjectSchema, name: str, patch: PropertyPatch, editor: Editor
) -> Property:
    """Change a definition; `options` replaces the whole list."""
    found = find_property(schema, name)
    changes = {
        key: getattr(patch, key)
        for key in patch.__struct_fields__
        if getattr(patch, key) is not UNSET and getattr(patch, key) != getattr(found, key)
    }
    _check_open(found, set(changes))
    kind = str(changes.get("type", found.type))
    if {"type", "field_type"} & set(changes):
        _check_kind(kind, str(changes.get("field_type", found.field_type)))
    if "group_name" in changes:
        _check_group(schema, str(changes["group_name"]))
    if "options" in changes:
        _check_replacement(found, kind, changes["options"])
    for key, value in changes.items():
        setattr(found, key, value)
    if changes:
        found.updated_at, found.updated_user_id = editor.at, editor.user_id
    return found


def _check_open(found: Property, changed: set[str]) -> None:
    metadata = found.modification_metadata
    closed = changed - _ALWAYS_OPEN if metadata.read_only_definition else set[str]()
    fixed_options = metadata.read_only_options is True or found.external_options
    if closed or ("options" in changed and fixed_options):
        raise invalid(
            f'"{found.name}" is a read only property; its definition cannot be changed.',
            context={"propertyName": [found.name]},
        )


def _check_replacement(found: Property, kind: str, options: list[PropertyOption]) -> None:
    if kind not in {"enumeration", "bool"}:
        raise invalid(f"Properties of type {kind} cannot have options.")
    if not options:
        raise invalid("Enumeration properties must have options.", context={"options": ["[]"]})
    _checked_options(options, kind)


def archive_property(schema: ObjectSchema, name: str, editor: Editor) -> None:
    """Archive a property: its name stays taken and its values stay stored, unseen."""
    found = find_property(schema, name)
    if not found.modification_metadata.archivable:
        raise invalid(
            f'"{name}" is a read only property; it cannot be archived.',
            context={"propertyName": [name]},
        )
    found.archived, found.archived_at = True, editor.at


def find_group(schema: ObjectSchema, name: str) -> PropertyGroup:
    """The group of that name; a 404 otherwise."""
    found = schema.groups.get(name)
    if found is None:
        raise not_found(f'Property group "{name}" does not exist', context={"groupName": [name]})
    return found


def create_group(schema: ObjectSchema, draft: GroupDraft) -> PropertyGroup:
    """Make a group."""
    missing_fields(draft, "name", "label")
    name = str(draft.name)
    _check_name(name)
    if name in schema.groups:
        raise conflict(
            f"A property group named '{name}' already exists.",
            "OBJECT_ALREADY_EXISTS",
            context={"name": [name]},
            sub_category="Properties.GROUP_WITH_NAME_EXISTS",
        )
    order = -1 if draft.display_order is UNSET else draft.display_order
    made = PropertyGroup(name=name, label=str(draft.label), display_order=order)
    schema.groups[name] = made
    return made


def update_group(schema: ObjectSchema, name: str, draft: GroupDraft) -> PropertyGroup:
    """Change a group's label or place."""
    found = find_group(schema, name)
    if draft.label is not UNSET:
        found.label = draft.label
    if draft.display_order is not UNSET:
        found.display_order = draft.display_order
    return found


def archive_group(schema: ObjectSchema, name: str) -> None:
    """Remove a group that no live property is in."""
    find_group(schema, name)
    inside = [
        item.name
        for item in schema.properties.values()
        if item.group_name == name and not item.archived
    ]
    if inside:
        raise invalid(
            f"Property group {name} cannot be deleted because it has properties.",
            context={"properties": inside[:100]},
        )
    del schema.groups[name]
