"""What a token may not do that a sync needs (F3): by the scopes that HubSpot says it has."""

from __future__ import annotations

from msgspec import Struct

from actors.errors import AuthError, TransientError
from daemon.connectors.hubspot.errors import RefusedError
from daemon.connectors.hubspot.history import Authorship
from daemon.connectors.hubspot.kinds import ObjectKind
from daemon.connectors.hubspot.preparing import has_key_property
from daemon.connectors.hubspot.session import Call, Session
from daemon.connectors.hubspot.wire import TOKEN_INFO, TokenInfo

TOKEN_INFO_PATH = "/oauth/v2/private-apps/get/access-token-info"
_GRANT = (
    "Add it to the app in HubSpot (Settings, Integrations, Private Apps, Scopes), then give"
    " tieline the token that HubSpot shows there"
)


class TokenKey(Struct, frozen=True, rename="camel"):
    """The question: which token; the same that the call is signed with."""

    token_key: str

    def __repr__(self) -> str:
        return "TokenKey(...)"


async def read_token(session: Session) -> TokenInfo | None:
    """Return what the token may do and whose it is, or None where HubSpot does not tell.

    It tells of private apps' tokens; of other kinds only the calls themselves show them.
    """
    call = Call(
        endpoint="oauth/access-token-info",
        method="POST",
        path=TOKEN_INFO_PATH,
        body=TokenKey(await session.token()),
        patient=True,
    )
    try:
        return (await session.read(call)).decode(TOKEN_INFO)
    except (RefusedError, AuthError, TransientError):
        return None


async def missing_rights(
    session: Session, kind: ObjectKind, authorship: Authorship, *, writes: bool
) -> tuple[str, ...]:
    """Say which scopes of a type are missing, what stops working and how to grant them.

    Whose token it is tells our writes from those of others as well.
    """
    token = await read_token(session)
    if token is None:
        return ()
    authorship.note_token(token.app_id)
    scopes = frozenset(token.scopes)
    lacks: list[str] = []
    if f"crm.objects.{kind.name}.read" not in scopes:
        lacks.append(_sentence(f"crm.objects.{kind.name}.read", f"{kind.name} cannot be read"))
    if writes and f"crm.objects.{kind.name}.write" not in scopes:
        stops = f"{kind.name} cannot be created or changed in HubSpot"
        lacks.append(_sentence(f"crm.objects.{kind.name}.write", stops))
    schema = f"crm.schemas.{kind.name}.write"
    if writes and schema not in scopes and not lacks and not await has_key_property(session, kind):
        stops = f"tieline cannot make its key property, without which it creates no {kind.name}"
        lacks.append(_sentence(schema, stops))
    return tuple(lacks)


def _sentence(scope: str, stops: str) -> str:
    return f"the token lacks the scope {scope}: {stops}. {_GRANT}"
