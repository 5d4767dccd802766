"""What an account's schema is made of, in the vendor's shapes: properties, groups, pipelines.

Owns the Structs (they encode straight into answers), the schema of each object type and the
packaged defaults of a new account. The rules for changing a schema are in `property_rules`
and `pipeline_rules`; what values a schema lets in is decided in `validate`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from daemon.sandbox.hubspot.wire import Refusal

__all__ = [
    "AccountDetails",
    "AssociationType",
    "AuditEntry",
    "ModificationMetadata",
    "ObjectSchema",
    "ObjectType",
    "Owner",
    "Pipeline",
    "Property",
    "PropertyGroup",
    "PropertyOption",
    "Stage",
    "Team",
    "TypeName",
    "bare_type_names",
    "default_association_types",
    "default_schemas",
    "infer_type",
    "shown",
]


class PropertyOption(Struct, rename="camel", kw_only=True):
    """One allowed value of an enumeration."""

    label: str
    value: str
    display_order: int = -1
    hidden: bool = False
    description: str | UnsetType = UNSET


class ModificationMetadata(Struct, rename="camel", kw_only=True):
    """What may be changed about a property."""

    archivable: bool = True
    read_only_definition: bool = False
    read_only_options: bool | UnsetType = UNSET
    read_only_value: bool = False


class Property(Struct, rename="camel", kw_only=True):
    """The definition of one property; keys the vendor leaves out are UNSET."""

    updated_at: str | UnsetType = UNSET
    created_at: str | UnsetType = UNSET
    archived_at: str | UnsetType = UNSET
    name: str
    label: str
    type: str
    field_type: str
    description: str = ""
    group_name: str
    options: list[PropertyOption] = field(default_factory=list)
    created_user_id: str | UnsetType = UNSET
    updated_user_id: str | UnsetType = UNSET
    referenced_object_type: str | UnsetType = UNSET
    display_order: int = -1
    calculated: bool = False
    external_options: bool = False
    archived: bool = False
    has_unique_value: bool = False
    hidden: bool = False
    hubspot_defined: bool | UnsetType = UNSET
    show_currency_symbol: bool | UnsetType = UNSET
    number_display_hint: str | UnsetType = UNSET
    text_display_hint: str | UnsetType = UNSET
    date_display_hint: str | UnsetType = UNSET
    currency_property_name: str | UnsetType = UNSET
    calculation_formula: str | UnsetType = UNSET
    modification_metadata: ModificationMetadata = field(default_factory=ModificationMetadata)
    form_field: bool = False
    data_sensitivity: str = "non_sensitive"

    @property
    def is_read_only(self) -> bool:
        """Whether an API write of a value is refused."""
        return self.calculated or self.modification_metadata.read_only_value

    @property
    def is_vendor_defined(self) -> bool:
        """Whether every account has it, as opposed to one that somebody made."""
        return self.hubspot_defined is True

    def without_times(self) -> Property:
        """A copy as the answers of batch/create show it."""
        return msgspec.structs.replace(self, created_at=UNSET, updated_at=UNSET)


class PropertyGroup(Struct, rename="camel", kw_only=True):
    """A heading under which people see properties."""

    archived: bool = False
    name: str
    display_order: int = -1
    label: str


class Stage(Struct, rename="camel", kw_only=True):
    """One stage of one pipeline; the values of `metadata` are strings, whatever they mean."""

    label: str
    display_order: int = -1
    metadata: dict[str, str] = field(default_factory=dict)
    id: str
    created_at: str
    updated_at: str
    archived: bool = False
    archived_at: str | UnsetType = UNSET
    write_permissions: str | UnsetType = UNSET

    @property
    def is_closed(self) -> bool:
        """Whether records in this stage are done with."""
        return self.metadata.get("isClosed") == "true"

    @property
    def probability(self) -> str:
        """Chance of winning as the vendor prints it; empty on stages that are not of deals."""
        return self.metadata.get("probability", "")

    @property
    def is_won(self) -> bool:
        """Whether records in this stage were won."""
        return bool(self.probability) and float(self.probability) == 1.0

    @property
    def is_lost(self) -> bool:
        """Whether records in this stage were lost."""
        return self.is_closed and not self.is_won


class Pipeline(Struct, rename="camel", kw_only=True):
    """A pipeline with its stages in display order."""

    label: str
    display_order: int = -1
    id: str
    stages: list[Stage] = field(default_factory=list)
    created_at: str
    updated_at: str
    archived: bool = False
    archived_at: str | UnsetType = UNSET


class AuditEntry(Struct, rename="camel", kw_only=True):
    """One change of a pipeline or stage, as its audit list tells it."""

    portal_id: int
    identifier: str
    action: str
    timestamp: str
    from_user_id: int | UnsetType = UNSET
    message: str
    raw_object: dict[str, object] | UnsetType = UNSET


class Team(Struct, rename="camel", kw_only=True):
    """A team an owner belongs to."""

    id: str
    name: str
    primary: bool = True


class Owner(Struct, rename="camel", kw_only=True):
    """A person records can belong to; `user_id` is null once archived."""

    id: str
    email: str
    type: str = "PERSON"
    first_name: str
    last_name: str
    user_id: int | None
    user_id_including_inactive: int
    created_at: str
    updated_at: str
    archived: bool = False
    teams: list[Team] | UnsetType = UNSET


class AccountDetails(Struct, rename="camel", kw_only=True):
    """The account a token belongs to."""

    portal_id: int
    account_type: str = "STANDARD"
    time_zone: str = "US/Eastern"
    company_currency: str = "USD"
    additional_currencies: list[str] = field(default_factory=lambda: ["EUR", "NOK", "GBP"])
    utc_offset: str = "-05:00"
    utc_offset_milliseconds: int = -18_000_000
    ui_domain: str = "app.hubspot.com"
    data_hosting_location: str = "na1"

    @property
    def currencies(self) -> frozenset[str]:
        """Codes a deal's amount may be in."""
        return frozenset({self.company_currency, *self.additional_currencies})


class ObjectType(Struct, frozen=True, rename="camel", kw_only=True):
    """What is fixed about an object type in every account."""

    object_type_id: str
    name: str
    singular: str
    fully_qualified_name: str
    primary_display_property: str
    secondary_display_properties: tuple[str, ...]
    required_properties: tuple[str, ...]
    searchable_properties: tuple[str, ...]
    default_returned_properties: tuple[str, ...]
    created_property: str
    last_modified_property: str
    built_in_unique_properties: tuple[str, ...]
    require_one_of: tuple[str, ...]
    # Empty where records have no pipeline.
    pipeline_property: str
    stage_property: str


class ObjectSchema(Struct, kw_only=True):
    """One object type as one account has it."""

    type: ObjectType
    properties: dict[str, Property]
    groups: dict[str, PropertyGroup]
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    audits: dict[str, list[AuditEntry]] = field(default_factory=dict)

    def live_property(self, name: str) -> Property | None:
        """A property that exists and is not archived."""
        found = self.properties.get(name)
        return None if found is None or found.archived else found

    def is_unique(self, name: str) -> bool:
        """Whether a record can be addressed by this property."""
        found = self.live_property(name)
        built_in = name in self.type.built_in_unique_properties
        return found is not None and (found.has_unique_value or built_in)

    def unique_names(self) -> list[str]:
        """Properties no two records may share a value of, the contact's e-mail included."""
        return [name for name in self.properties if self.is_unique(name)]

    def live_pipelines(self) -> list[Pipeline]:
        """Pipelines as a list shows them: archived ones and stages left out, in order."""
        live = (shown(pipeline) for pipeline in self.pipelines.values() if not pipeline.archived)
        return sorted(live, key=lambda pipeline: (pipeline.display_order, pipeline.label))

    def stages(self) -> Iterator[tuple[Pipeline, Stage]]:
        """Every stage that records may be in, with its pipeline."""
        for pipeline in self.pipelines.values():
            if not pipeline.archived:
                yield from ((pipeline, stage) for stage in pipeline.stages if not stage.archived)

    def find_stage(self, stage_id: str) -> tuple[Pipeline, Stage] | None:
        """The stage of that id, compared as an exact string; None for a dangling one."""
        return next((pair for pair in self.stages() if pair[1].id == stage_id), None)


def shown(pipeline: Pipeline) -> Pipeline:
    """The pipeline without its archived stages, in display order."""
    live = [stage for stage in pipeline.stages if not stage.archived]
    live.sort(key=lambda stage: stage.display_order)
    return msgspec.structs.replace(pipeline, stages=live)


class AssociationType(Struct, frozen=True, rename="camel", kw_only=True):
    """A way two records can be associated, seen from `from_object`."""

    from_object: str
    to_object: str
    type_id: int
    category: str = "HUBSPOT_DEFINED"
    label: str | None = None
    inverse_type_id: int


class _PackagedType(ObjectType, frozen=True, rename="camel", kw_only=True):
    groups: list[PropertyGroup]
    properties: list[Property]


@cache
def _packaged(name: str) -> bytes:
    return files("daemon.sandbox.hubspot").joinpath("data", name).read_bytes()


def default_association_types() -> list[AssociationType]:
    """The association types every account has, both directions of each."""
    return msgspec.json.decode(_packaged("association_types.json"), type=list[AssociationType])


def default_schemas() -> dict[str, ObjectSchema]:
    """The packaged schemas of a new account by plural type name; a fresh copy on each call."""
    types = msgspec.json.decode(_packaged("objects.json"), type=dict[str, _PackagedType])
    lines = msgspec.json.decode(_packaged("pipelines.json"), type=dict[str, list[Pipeline]])
    schemas = {name: _schema(packaged) for name, packaged in types.items()}
    for name, pipelines in lines.items():
        for pipeline in pipelines:
            schemas[name].pipelines[pipeline.id] = pipeline
            for stage in pipeline.stages:
                add_stage_properties(schemas[name], stage)
    return schemas


def _schema(packaged: _PackagedType) -> ObjectSchema:
    fixed = {name: getattr(packaged, name) for name in ObjectType.__struct_fields__}
    return ObjectSchema(
        type=ObjectType(**fixed),
        properties={item.name: item for item in packaged.properties},
        groups={group.name: group for group in packaged.groups},
    )


def _fixed_property(name: str, label: str, kind: str, ui: str, group: str) -> Property:
    return Property(
        name=name,
        label=label,
        type=kind,
        field_type=ui,
        group_name=group,
        hubspot_defined=True,
        modification_metadata=ModificationMetadata(
            archivable=False, read_only_definition=True, read_only_value=True
        ),
    )


# Name pattern, label pattern, type: what the vendor derives for every stage.
_PER_STAGE = (
    ("hs_v2_date_entered_{}", 'Date entered "{}"', "datetime"),
    ("hs_v2_date_exited_{}", 'Date exited "{}"', "datetime"),
    ("hs_v2_latest_time_in_{}", 'Latest time in "{}"', "number"),
    ("hs_v2_cumulative_time_in_{}", 'Cumulative time in "{}"', "number"),
)


def add_stage_properties(schema: ObjectSchema, stage: Stage) -> None:
    """Add the calculated properties that exist once per stage."""
    for pattern, label, kind in _PER_STAGE:
        name = pattern.format(stage.id.replace("-", "_").lower())
        made = _fixed_property(
            name, label.format(stage.label), kind, "calculation_read_time", _stage_group(schema)
        )
        schema.properties[name] = msgspec.structs.replace(made, calculated=True)


def _stage_group(schema: ObjectSchema) -> str:
    return "dealstages" if "dealstages" in schema.groups else next(iter(schema.groups))


# Plural, singular and id of the object types that every account of the vendor has. The first
# four have packaged definitions, the others those of `bare_types`: readers in wide use ask for
# the properties of all of them before they read any.
_TYPES = """
contacts contact 0-1 | companies company 0-2 | deals deal 0-3 | tickets ticket 0-5
products product 0-7 | line_items line_item 0-8 | quotes quote 0-14 | notes note 0-46
meetings meeting 0-47 | calls call 0-48 | emails email 0-49 | tasks task 0-27
invoices invoice 0-53 | users user 0-115 | orders order 0-123 | leads lead 0-136
communications communication 0-18 | forms form 0-28 | feedback_submissions feedback_submission 0-19
marketing_events marketing_event 0-54 | subscriptions subscription 0-69
deal_splits deal_split 0-72 | goal_targets goal_target 0-74 | discounts discount 0-84
fees fee 0-85 | taxes tax 0-86 | commerce_payments commerce_payment 0-101
postal_mail postal_mail 0-116 | carts cart 0-142 | services service 0-162
courses course 0-410 | listings listing 0-420 | appointments appointment 0-421
"""
_PACKAGED = ("contacts", "companies", "deals", "tickets")


class TypeName(NamedTuple):
    """The three interchangeable names of an object type."""

    plural: str
    singular: str
    type_id: str


TYPE_NAMES = tuple(
    TypeName(*entry.split()) for line in _TYPES.strip().splitlines() for entry in line.split("|")
)
_PLURALS = {spelling: names.plural for names in TYPE_NAMES for spelling in names}


def bare_type_names() -> list[TypeName]:
    """The types without packaged definitions."""
    return [names for names in TYPE_NAMES if names.plural not in _PACKAGED]


def infer_type(word: str) -> str:
    """Decide which object type a path means: plural, singular or id, in any case.

    Returns:
        The plural name: a key of `default_schemas` or of `bare_types.bare_schemas`.

    Raises:
        Refusal: 400, with the vendor's text for an unknown word or an unknown id.
    """
    plural = _PLURALS.get(word.lower())
    if plural is not None:
        return plural
    if word[:2] in {"0-", "2-"} and word[2:].isdigit():
        raise Refusal(400, f"Invalid object or event type id: {word}")
    raise Refusal(400, f"Unable to infer object type from: {word}")
