"""Writing records together with their links: properties first, then what they are linked to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from msgspec.structs import replace

from actors.errors import AuthError, OutcomeUnknownError, TransientError
from actors.intents import Done, Exists, Intent, IntentKind, Outcome, Unknown, Vanished
from actors.records import Snapshot
from daemon.connectors.hubspot.associations import (
    Change,
    changes_of,
    plain,
    refusals,
    with_links,
    without_links,
    write_links,
)
from daemon.connectors.hubspot.kinds import ObjectKind
from daemon.connectors.hubspot.presence import fetch
from daemon.connectors.hubspot.session import Session

WriteProperties = Callable[[Sequence[Intent]], Awaitable[tuple[Outcome, ...]]]


async def write_with_links(
    session: Session,
    kind: ObjectKind,
    intents: Sequence[Intent],
    fields: Sequence[str],
    write_properties: WriteProperties,
) -> tuple[Outcome, ...]:
    """Carry out intents of one kind of which some concern links; one outcome each, in order.

    Links are made once their record is there, since a create that names one bad target is
    refused whole without saying which.

    Raises:
        TransientError, AuthError, ScopeError: nothing was written at all.
    """
    bare = [without_links(intent) for intent in intents]
    places = [at for at, one in enumerate(bare) if one.values or one.kind is IntentKind.CREATE]
    answers = await write_properties([bare[at] for at in places]) if places else ()
    outcomes: dict[int, Outcome] = dict(zip(places, answers, strict=True))
    written = {at: one.stored.id for at, one in outcomes.items() if isinstance(one, Done)} | {
        at: one.record_id or "" for at, one in enumerate(bare) if at not in outcomes
    }
    changes = [one for at, record in written.items() for one in changes_of(intents[at], record)]
    try:
        outcomes |= await _link(session, kind, fields, written, outcomes, changes)
    except (TransientError, AuthError, OutcomeUnknownError) as error:
        if not outcomes and not isinstance(error, OutcomeUnknownError):
            raise
        reason = f"its links may be written in part: {error}"
        outcomes |= {at: Unknown(reason=reason) for at in written}
    return tuple(outcomes[at] for at in range(len(intents)))


async def _with_found(
    session: Session, kind: ObjectKind, fields: Sequence[str], outcomes: dict[int, Outcome]
) -> dict[int, Outcome]:
    """Fill in the links of records that were there already."""
    there = {
        at: (one, one.current)
        for at, one in outcomes.items()
        if isinstance(one, Exists) and one.current is not None
    }
    records = await with_links(session, kind, fields, [current for _, current in there.values()])
    return {
        at: replace(exists, current=whole)
        for (at, (exists, _)), whole in zip(there.items(), records, strict=True)
    }


async def _link(
    session: Session,
    kind: ObjectKind,
    fields: Sequence[str],
    written: dict[int, str],
    outcomes: dict[int, Outcome],
    changes: Sequence[Change],
) -> dict[int, Outcome]:
    found = await _with_found(session, kind, fields, outcomes)
    refused = await write_links(session, kind, changes)
    others = [record for at, record in written.items() if at not in outcomes]
    fetched = await fetch(session, kind, others, plain(fields))
    stored: dict[str, Snapshot] = {one.id: one for one in fetched.records}
    stored |= {one.stored.id: one.stored for one in outcomes.values() if isinstance(one, Done)}
    whole = {one.id: one for one in await with_links(session, kind, fields, tuple(stored.values()))}
    gone = {one.id: Vanished(how=one.how, into=one.into) for one in fetched.gone}
    for at, record in written.items():
        if record in gone:
            found[at] = gone[record]
            continue
        known = outcomes.get(at)
        done = known if isinstance(known, Done) else Done(stored=whole[record])
        both = {**done.refused, **refusals(refused, record)}
        found[at] = replace(done, stored=whole[record], refused=both)
    return found
