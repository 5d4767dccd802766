"""Making the property in which tieline keeps the key of a record that it created."""

from __future__ import annotations

from actors.errors import SchemaDriftError, ScopeError
from daemon.connectors.hubspot.errors import RefusedError
from daemon.connectors.hubspot.kinds import KEY_PROPERTY, ObjectKind
from daemon.connectors.hubspot.session import Call, Session
from daemon.connectors.hubspot.wire import PROPERTY, NewProperty, Property

LABEL = "Tieline key"
DESCRIPTION = (
    "Which record of another app this one was made from. tieline writes it once; "
    "without it a lost answer would make a second record."
)


async def prepare_key_property(session: Session, kind: ObjectKind) -> None:
    """Make sure that the type has the unique property `tieline_key`; may be repeated.

    Raises:
        ScopeError: the token may not create properties.
        SchemaDriftError: there is a property of that name which cannot do the work.
    """
    found = await _read(session, kind)
    if found is None:
        await _create(session, kind)
        return
    if not found.has_unique_value or found.type != "string":
        raise SchemaDriftError(
            f"HubSpot: the {kind.native} property {KEY_PROPERTY} exists but is not a text with "
            "unique values, which can be set only when it is created. Delete it there"
        )


async def has_key_property(session: Session, kind: ObjectKind) -> bool:
    """Say whether the type has the property already."""
    return await _read(session, kind) is not None


async def _read(session: Session, kind: ObjectKind) -> Property | None:
    path = session.paths.properties(kind.name, f"/{KEY_PROPERTY}")
    call = Call(endpoint=f"properties/{kind.name}/read", method="GET", path=path)
    try:
        return (await session.read(call)).decode(PROPERTY)
    except RefusedError as error:
        if error.status == 404:
            return None
        raise


async def _create(session: Session, kind: ObjectKind) -> None:
    body = NewProperty(
        name=KEY_PROPERTY, label=LABEL, group_name=kind.group, description=DESCRIPTION
    )
    path = session.paths.properties(kind.name)
    call = Call(endpoint=f"properties/{kind.name}/create", method="POST", path=path, body=body)
    try:
        await session.write(call)
    except RefusedError as error:
        # Somebody else made it in between; whether it will do is seen on the next start.
        if error.status != 409:
            raise
    except ScopeError as error:
        raise ScopeError(
            f"HubSpot: the {kind.native} property {KEY_PROPERTY} is missing and the token may "
            f"not create it. Add the scope crm.schemas.{kind.name}.write ({error})"
        ) from error
