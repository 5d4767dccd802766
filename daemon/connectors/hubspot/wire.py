"""HubSpot's shapes, as far as tieline reads them. They do not leave this package.

Answers are decoded leniently: unknown keys are skipped and nearly everything may be absent.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct


class Wire(Struct, rename="camel"):
    """An answer or a part of one; the vendor writes its keys in camel case."""


class HistoryEntry(Wire):
    """One version of a property; newest first in its list."""

    timestamp: str
    value: str | None = None
    source_type: str = ""
    source_id: str | None = None


class Record(Wire):
    """A record. `updatedAt` is kept as served: it is the version token."""

    id: str
    updated_at: str
    properties: dict[str, str | None] = {}
    created_at: str | None = None
    archived: bool = False
    properties_with_history: dict[str, list[HistoryEntry]] = {}
    object_write_trace_id: str | None = None


class Next(Wire):
    """Where the next page begins."""

    after: str


class Paging(Wire):
    """Absent, or without `next`, on the last page."""

    next: Next | None = None


class Listing(Wire):
    """A page of a list or of a search; `total` only with a search."""

    results: list[Record]
    paging: Paging | None = None
    total: int | None = None

    @property
    def after(self) -> str | None:
        """Where the next page begins; None on the last one."""
        return self.paging.next.after if self.paging and self.paging.next else None


class Detail(Wire):
    """One of the `errors` inside an error."""

    message: str | None = None
    code: str | None = None
    context: dict[str, object] | None = None


class Problem(Wire):
    """An error envelope, or one of the errors of a batch: then without correlation id.

    `context` values are lists of text by the vendor's documents; `object` because an error that
    cannot be read must not hide the error.
    """

    message: str | None = None
    category: str | None = None
    sub_category: object = None
    correlation_id: str | None = None
    policy_name: str | None = None
    context: dict[str, object] | None = None
    errors: list[Detail] | None = None


class Batch(Wire):
    """The answer of a batch call; the order of `results` is not that of the inputs."""

    results: list[Record]
    errors: list[Problem] = []


class BatchRead(Wire, omit_defaults=True):
    """The body of a batch read."""

    inputs: list[dict[str, str]]
    properties: list[str]
    # Required by the vendor: it must not be left out when it is empty, so it has no default.
    properties_with_history: list[str]
    id_property: str | None = None


class BatchIds(Wire):
    """The body of a batch archive."""

    inputs: list[dict[str, str]]


class Input(Wire, omit_defaults=True):
    """One input of a batch create (without id) or update."""

    properties: dict[str, str]
    object_write_trace_id: str
    id: str | None = None


class BatchWrite(Wire):
    """The body of a batch create or update."""

    inputs: list[Input]


class Filter(Wire, omit_defaults=True):
    """One condition of a search."""

    property_name: str
    operator: str
    value: str | None = None
    high_value: str | None = None
    values: list[str] = []


class FilterGroup(Wire):
    """Conditions that must all hold."""

    filters: list[Filter]


class Sort(Wire):
    """The order of a search's results."""

    property_name: str
    direction: str


class Search(Wire, omit_defaults=True):
    """The body of a search."""

    limit: int
    properties: list[str]
    filter_groups: list[FilterGroup] = []
    sorts: list[Sort] = []


class Ref(Wire, omit_defaults=True):
    """A record in an association call; `after` goes on where a long list was cut."""

    id: str
    after: str | None = None


class LinkRead(Wire):
    """The body that reads links."""

    inputs: list[Ref]


class TypeSpec(Wire):
    """A type of association."""

    association_category: str
    association_type_id: int


class PairInput(Wire, omit_defaults=True, rename={"source": "from"}):
    """Two records to be linked, or parted from a label."""

    source: Ref
    to: Ref
    types: list[TypeSpec] | None = None


class Pair(Wire):
    """The body that links records."""

    inputs: list[PairInput]


class ArchiveInput(Wire, rename={"source": "from"}):
    """A record, and those it is parted from."""

    source: Ref
    to: list[Ref]


class Archive(Wire):
    """The body that parts records."""

    inputs: list[ArchiveInput]


class LinkType(Wire):
    """A type of a link; every link has the one without a label."""

    type_id: int
    category: str = ""


class LinkTarget(Wire):
    """What a record is linked to; ids come as numbers here."""

    to_object_id: int | str
    association_types: list[LinkType] = []

    def has_type(self, type_id: int | None) -> bool:
        """Tell whether the link is of one of the vendor's own types."""
        return any(
            one.type_id == type_id and one.category == "HUBSPOT_DEFINED"
            for one in self.association_types
        )


class LinkSource(Wire, rename={"source": "from"}):
    """The links of one record, or a part of them."""

    source: Ref
    to: list[LinkTarget] = []
    paging: Paging | None = None

    @property
    def after(self) -> str | None:
        """Where the next part begins; None with the last one."""
        return self.paging.next.after if self.paging and self.paging.next else None


class LinkBatch(Wire):
    """The answer to a read of links."""

    results: list[LinkSource] = []
    errors: list[Problem] = []


class PairBatch(Wire):
    """The answer to a write of links, as far as it matters."""

    errors: list[Problem] = []


class Metadata(Wire):
    """What a property allows."""

    read_only_value: bool = False


class PropertyOption(Wire):
    """A value of an enumeration."""

    value: str
    label: str = ""


class Property(Wire):
    """A property's definition."""

    name: str
    type: str
    label: str = ""
    field_type: str = ""
    options: list[PropertyOption] = []
    calculated: bool = False
    archived: bool = False
    has_unique_value: bool = False
    referenced_object_type: str | None = None
    modification_metadata: Metadata | None = None


class Properties(Wire):
    """All properties of a type."""

    results: list[Property]


class NewProperty(Wire):
    """The body that creates a property."""

    name: str
    label: str
    group_name: str
    description: str
    type: str = "string"
    field_type: str = "text"
    has_unique_value: bool = True
    form_field: bool = False


class StageShape(Wire):
    """A stage of a pipeline; all metadata are text."""

    id: str
    label: str = ""
    display_order: int = 0
    metadata: dict[str, str | None] = {}
    archived: bool = False
    write_permissions: str | None = None


class PipelineShape(Wire):
    """A pipeline with its stages."""

    id: str
    label: str = ""
    display_order: int = 0
    stages: list[StageShape] = []
    archived: bool = False


class NewStage(Wire):
    """A stage in the body that creates a pipeline."""

    label: str
    display_order: int
    metadata: dict[str, str]


class NewPipeline(Wire):
    """The body that creates a pipeline."""

    label: str
    display_order: int
    stages: list[NewStage]


class Pipelines(Wire):
    """All pipelines of a type."""

    results: list[PipelineShape]


class Owner(Wire):
    """A person to whom records are assigned; records hold `id`, never the user's id."""

    id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    archived: bool = False


class Owners(Wire):
    """A page of owners."""

    results: list[Owner]
    paging: Paging | None = None


class Details(Wire):
    """The account."""

    portal_id: int
    time_zone: str = "UTC"
    company_currency: str | None = None
    additional_currencies: list[str] = []


class TokenInfo(Wire):
    """What a private app's token is."""

    scopes: list[str]
    app_id: int | None = None


RECORD = msgspec.json.Decoder(Record)
LISTING = msgspec.json.Decoder(Listing)
BATCH = msgspec.json.Decoder(Batch)
PROBLEM = msgspec.json.Decoder(Problem)
PROPERTY = msgspec.json.Decoder(Property)
PROPERTIES = msgspec.json.Decoder(Properties)
PIPELINES = msgspec.json.Decoder(Pipelines)
PIPELINE = msgspec.json.Decoder(PipelineShape)
OWNERS = msgspec.json.Decoder(Owners)
LINKS = msgspec.json.Decoder(LinkBatch)
PAIRS = msgspec.json.Decoder(PairBatch)
DETAILS = msgspec.json.Decoder(Details)
TOKEN_INFO = msgspec.json.Decoder(TokenInfo)
encode = msgspec.json.Encoder().encode
