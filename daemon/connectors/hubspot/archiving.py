"""Archiving records by batch, where the configuration lets a delete be followed.

HubSpot answers 204 for a whole batch, also for records that were archived before. It has no call
that brings a record back: people do that, within 90 days (hubspot-api.md section 4.8).
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.errors import AuthError, OutcomeUnknownError, TransientError
from actors.intents import Archived, Intent, Outcome, Rejected, Throttled, Unknown, Vanished
from actors.records import Departure
from daemon.connectors.hubspot.errors import RefusedError, reason_of
from daemon.connectors.hubspot.kinds import ObjectKind
from daemon.connectors.hubspot.presence import fetch
from daemon.connectors.hubspot.reading import BATCH_SIZE, chunks
from daemon.connectors.hubspot.session import Call, Session
from daemon.connectors.hubspot.wire import BatchIds


async def archive_records(
    session: Session, kind: ObjectKind, intents: Sequence[Intent]
) -> tuple[Outcome, ...]:
    """Archive the records of these intents; one outcome each, in order.

    Raises:
        TransientError, AuthError, ScopeError: nothing was archived at all.
    """
    outcomes: list[Outcome] = []
    for chunk in chunks(intents, BATCH_SIZE):
        try:
            outcomes += await _archive(session, kind, chunk)
        except (TransientError, AuthError) as error:
            if not outcomes:
                raise
            outcomes += [Throttled(reason=str(error))] * len(chunk)
    return tuple(outcomes)


async def _archive(session: Session, kind: ObjectKind, intents: Sequence[Intent]) -> list[Outcome]:
    ids = [intent.record_id or "" for intent in intents]
    call = Call(
        endpoint=f"{kind.name}/batch/archive",
        method="POST",
        path=session.paths.objects(kind.name, "/batch/archive"),
        body=BatchIds(inputs=[{"id": one} for one in dict.fromkeys(ids)]),
    )
    try:
        await session.write(call)
    except OutcomeUnknownError as error:
        return [Unknown(reason=str(error)) for _ in intents]
    except RefusedError as error:
        if len(intents) == 1:
            return [await _refused(session, kind, ids[0], error)]
        middle = (len(intents) + 1) // 2
        first = await _archive(session, kind, intents[:middle])
        return first + await _archive(session, kind, intents[middle:])
    return [Archived(how=Departure.ARCHIVED) for _ in intents]


async def _refused(
    session: Session, kind: ObjectKind, record_id: str, error: RefusedError
) -> Outcome:
    if error.status == 404:
        gone = (await fetch(session, kind, [record_id], ())).gone
        if gone:
            return Vanished(how=gone[0].how, into=gone[0].into)
    return Rejected(reason=reason_of(error.problem))
