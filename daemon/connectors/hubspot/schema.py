"""From HubSpot's property definitions, pipelines, owners and account to tieline's schema."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from actors.errors import ScopeError
from actors.schema import AppSchema, Closing, Field, ObjectSchema, Option, Pipeline, Stage, User
from actors.values import Kind
from daemon.connectors.hubspot.associations import PREFIX, declared
from daemon.connectors.hubspot.kinds import (
    DEALS,
    KEY_PROPERTY,
    KINDS,
    OWNER_PROPERTY,
    ObjectKind,
)
from daemon.connectors.hubspot.session import Call, Session
from daemon.connectors.hubspot.wire import (
    OWNERS,
    PIPELINES,
    PROPERTIES,
    Details,
    Owner,
    PipelineShape,
    Property,
    StageShape,
)

MAX_TEXT = 65_536
OWNERS_PAGE = "100"

_SIMPLE = {
    "string": Kind.TEXT,
    "number": Kind.NUMBER,
    "bool": Kind.BOOLEAN,
    "date": Kind.DATE,
    "datetime": Kind.DATETIME,
    "phone_number": Kind.PHONE,
}
_TEXTS = frozenset({Kind.TEXT, Kind.PHONE, Kind.EMAIL, Kind.DOMAIN, Kind.URL})
_BY_NAME = {"domain": Kind.DOMAIN, "website": Kind.URL}
"""Properties of companies and contacts whose type says no more than text."""


async def read_schema(session: Session) -> AppSchema:
    """Read the account as it is now.

    Contacts and companies are left out where the token may not read them, owners stay empty;
    deals are what every sync so far needs.

    Raises:
        ScopeError: the token may not read deals.
    """
    details = await session.read_details()
    objects = [await _read_object(session, DEALS, details)]
    for kind in KINDS.values():
        if kind is not DEALS:
            try:
                objects.append(await _read_object(session, kind, details))
            except ScopeError:
                continue
    objects = _with_links(objects)
    try:
        users = await read_users(session)
    except ScopeError:
        users = ()
    return AppSchema(
        account=f"HubSpot {details.portal_id}",
        objects=tuple(objects),
        users=users,
        currency=details.company_currency,
        timezone=details.time_zone,
    )


def _with_links(objects: Sequence[ObjectSchema]) -> list[ObjectSchema]:
    """Add the links between records, as far as the token may read both ends."""
    readable = [one.name for one in objects]
    return [
        replace(
            one,
            fields=(*one.fields, *declared(KINDS[one.name], readable)),
            shows={f"{PREFIX}{to}": to for to in KINDS[one.name].shows if to in readable},
        )
        for one in objects
    ]


async def read_pipelines(session: Session, kind: ObjectKind) -> tuple[Pipeline, ...]:
    """Read the live pipelines of a type in their order; none where the type has none."""
    if kind.pipeline is None:
        return ()
    path = session.paths.pipelines(kind.name)
    call = Call(endpoint=f"pipelines/{kind.name}", method="GET", path=path, patient=True)
    reply = await session.read(call)
    shapes = sorted(reply.decode(PIPELINES).results, key=lambda shape: shape.display_order)
    return tuple(to_pipeline(shape) for shape in shapes)


async def read_users(session: Session) -> tuple[User, ...]:
    """Read all owners; archived ones too, since records keep them."""
    return (*await _read_owners(session, "false"), *await _read_owners(session, "true"))


async def _read_owners(session: Session, archived: str) -> list[User]:
    users: list[User] = []
    params = {"limit": OWNERS_PAGE, "archived": archived}
    while True:
        path = session.paths.owners()
        call = Call(endpoint="owners", method="GET", path=path, params=params, patient=True)
        page = (await session.read(call)).decode(OWNERS)
        users += [to_user(owner) for owner in page.results]
        if page.paging is None or page.paging.next is None:
            return users
        params = {**params, "after": page.paging.next.after}


async def _read_object(session: Session, kind: ObjectKind, details: Details) -> ObjectSchema:
    path = session.paths.properties(kind.name)
    call = Call(endpoint=f"properties/{kind.name}", method="GET", path=path, patient=True)
    reply = await session.read(call)
    pipelines = await read_pipelines(session, kind)
    return to_object(kind, reply.decode(PROPERTIES).results, pipelines, currencies(details))


def currencies(details: Details) -> tuple[str, ...]:
    """Return the account's currencies, its own first."""
    found = (details.company_currency, *details.additional_currencies)
    return tuple(dict.fromkeys(code for code in found if code))


def to_object(
    kind: ObjectKind,
    properties: Iterable[Property],
    pipelines: tuple[Pipeline, ...],
    codes: Sequence[str],
) -> ObjectSchema:
    """Describe a type by its property definitions, its pipelines and the account's currencies."""
    # These properties have no options of their own: the vendor keeps them elsewhere.
    elsewhere = {
        kind.pipeline: [Option(id=one.id, label=one.label) for one in pipelines],
        kind.stage: [
            Option(id=one.id, label=one.label) for all_ in pipelines for one in all_.stages
        ],
        kind.currency: [Option(id=code, label=code) for code in codes],
    }
    fields = [
        field
        for shape in properties
        if not shape.archived
        and (field := to_field(kind, shape, elsewhere.get(shape.name) or ())) is not None
    ]
    return ObjectSchema(
        name=kind.name,
        native=kind.native,
        fields=tuple(fields),
        pipelines=pipelines,
        pipeline_field=kind.pipeline,
        stage_field=kind.stage,
        amount_field=kind.amount,
        currency_field=kind.currency,
        key_field=KEY_PROPERTY,
    )


def to_field(kind: ObjectKind, shape: Property, elsewhere: Sequence[Option] = ()) -> Field | None:
    """Describe one property; None for types that no other app could take (places, JSON)."""
    found = kind_of(kind, shape)
    if found is None:
        return None
    enumerated = found in (Kind.ENUM, Kind.MULTI_ENUM)
    options = [Option(id=one.value, label=one.label or one.value) for one in shape.options]
    read_only = shape.calculated or (
        shape.modification_metadata is not None and shape.modification_metadata.read_only_value
    )
    return Field(
        name=shape.name,
        label=shape.label or shape.name,
        kind=found,
        writable=not read_only,
        required=shape.name in kind.required,
        unique=shape.has_unique_value,
        options=tuple(elsewhere or options) if enumerated else (),
        target="users" if found is Kind.REFERENCE else None,
        max_length=MAX_TEXT if found in _TEXTS else None,
    )


def kind_of(kind: ObjectKind, shape: Property) -> Kind | None:
    """Return the canonical kind of a property; None if tieline has none for it."""
    # Several owners in one property are a set of ids, for which there is no reference.
    several = shape.field_type == "checkbox"
    if shape.name == OWNER_PROPERTY or (shape.referenced_object_type == "OWNER" and not several):
        return Kind.REFERENCE
    if shape.name == kind.email:
        return Kind.EMAIL
    if shape.type == "enumeration":
        return _enumerated(shape.field_type)
    if shape.type == "string" and shape.field_type == "phonenumber":
        return Kind.PHONE
    if shape.type == "string" and shape.name in _BY_NAME:
        return _BY_NAME[shape.name]
    return _SIMPLE.get(shape.type)


def _enumerated(field_type: str) -> Kind:
    if field_type == "booleancheckbox":
        return Kind.BOOLEAN
    return Kind.MULTI_ENUM if field_type == "checkbox" else Kind.ENUM


def to_pipeline(shape: PipelineShape) -> Pipeline:
    """Describe a pipeline, its stages in their order."""
    stages = sorted(shape.stages, key=lambda stage: stage.display_order)
    return Pipeline(
        id=shape.id,
        label=shape.label,
        stages=tuple(to_stage(stage) for stage in stages),
        archived=shape.archived,
    )


def to_stage(shape: StageShape) -> Stage:
    """Describe a stage."""
    locked = shape.write_permissions in ("READ_ONLY", "INTERNAL_ONLY")
    probability = _probability(shape.metadata.get("probability"))
    return Stage(
        id=shape.id,
        label=shape.label,
        closing=closing_of(shape.metadata.get("isClosed"), probability),
        probability=probability,
        reachable=not locked,
        unreachable="HubSpot lets no API write this stage" if locked else "",
        archived=shape.archived,
    )


def closing_of(is_closed: str | None, probability: float | None) -> Closing:
    """Return what a stage says about its deals.

    `isClosed` decides; only where it is missing, certainty or impossibility close a stage.
    """
    closed = probability in (0.0, 1.0) if is_closed is None else is_closed.lower() == "true"
    if not closed:
        return Closing.OPEN
    return Closing.WON if probability == 1.0 else Closing.LOST


def _probability(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def to_user(owner: Owner) -> User:
    """Describe an owner."""
    names = (owner.first_name, owner.last_name)
    name = " ".join(part for part in names if part) or owner.email or owner.id
    return User(id=owner.id, name=name, email=owner.email, active=not owner.archived)
