"""Telling an empty property from one that is gone: HubSpot leaves both out without a word.

A property that exists and is empty is shown as null; a name that does not exist is left out of
the answer, and taking that for empty would empty the other app's field. A property that exists
may be left out as well, where the token may not see it: then it reads as empty, as ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actors.errors import SchemaDriftError
from daemon.connectors.hubspot.errors import RefusedError
from daemon.connectors.hubspot.kinds import ObjectKind
from daemon.connectors.hubspot.session import Call, Session
from daemon.connectors.hubspot.wire import PROPERTY, Record


async def check_shown(
    session: Session, kind: ObjectKind, properties: Iterable[str], records: Sequence[Record]
) -> None:
    """Make sure that the properties that an answer leaves out still exist.

    Raises:
        SchemaDriftError: one is archived or deleted.
    """
    if not records:
        return
    shown = records[0].properties  # every record of an answer shows the same
    for name in properties:
        is_known = name in kind.own_properties or (kind.name, name) in session.vouched
        if name in shown or is_known:
            continue
        if not await has_property(session, kind, name):
            raise SchemaDriftError(gone_words(kind, name))
        session.vouched.add((kind.name, name))


def gone_words(kind: ObjectKind, name: str) -> str:
    """Say that a property is gone."""
    return f'HubSpot: the {kind.native} property "{name}" is gone: it was archived or deleted'


async def has_property(session: Session, kind: ObjectKind, name: str) -> bool:
    """Tell whether the account has a live property of this name for the type."""
    path = session.paths.properties(kind.name, f"/{name}")
    call = Call(endpoint=f"properties/{kind.name}/read", method="GET", path=path)
    try:
        return not (await session.read(call)).decode(PROPERTY).archived
    except RefusedError as error:
        if error.status == 404:
            return False
        raise
