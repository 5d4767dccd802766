"""Associations as fields of a record: read beside its properties, written as differences.

HubSpot keeps links between records apart from their properties, with calls and a rate limit of
their own. A record's links to one object type are one field here (`associations.contacts`): the
ids, the primary one first; the primary company is a field of its own besides. They are symmetric
in HubSpot: what is written from the deal shows on the contact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from actors.errors import TransientError
from actors.intents import Intent
from actors.records import Snapshot
from actors.schema import Field
from actors.values import Kind, Raw
from daemon.connectors.hubspot.errors import RefusedError, reason_of, texts
from daemon.connectors.hubspot.kinds import KINDS, ObjectKind
from daemon.connectors.hubspot.reading import chunks
from daemon.connectors.hubspot.session import Call, PoolName, Session
from daemon.connectors.hubspot.wire import (
    LINKS,
    PAIRS,
    Archive,
    ArchiveInput,
    LinkRead,
    LinkTarget,
    Pair,
    PairInput,
    Problem,
    Ref,
    TypeSpec,
)

PREFIX = "associations."
PRIMARY = ".primary"
READ_AT_ONCE = 1000
PAIRS_AT_ONCE = 1000
ARCHIVED_AT_ONCE = 100
"""Different records of the first type in one archive call."""
NONE_FOUND = "crm.associations.NO_ASSOCIATIONS_FOUND"


def is_association(field: str) -> bool:
    """Tell whether a field holds links and not a property."""
    return field.startswith(PREFIX)


def plain(fields: Iterable[str]) -> list[str]:
    """Return the fields that are properties."""
    return [name for name in fields if not is_association(name)]


def target_of(field: str) -> str:
    """Return the object type that a field's links lead to."""
    return field.removeprefix(PREFIX).removesuffix(PRIMARY)


def declared(kind: ObjectKind, readable: Iterable[str]) -> Iterator[Field]:
    """Describe the links of a type to those types that the token may read."""
    for target in kind.links:
        if target not in readable:
            continue
        native = KINDS[target].plural
        yield Field(
            name=f"{PREFIX}{target}",
            label=f"Associated {native}",
            kind=Kind.MULTI_REFERENCE,
            target=target,
        )
        if kind.primary.get(target) is not None:
            yield Field(
                name=f"{PREFIX}{target}{PRIMARY}",
                label=f"Primary of the associated {native}",
                kind=Kind.REFERENCE,
                target=target,
            )


# --- reading --------------------------------------------------------------------------------


async def with_links(
    session: Session, kind: ObjectKind, fields: Sequence[str], records: Sequence[Snapshot]
) -> tuple[Snapshot, ...]:
    """Return the snapshots with the links among the fields filled in; one call per object type."""
    wanted = [name for name in fields if is_association(name)]
    if not wanted or not records:
        return tuple(records)
    found: dict[str, dict[str, list[LinkTarget]]] = {}
    for target in dict.fromkeys(map(target_of, wanted)):
        found[target] = await _read(session, kind, target, [one.id for one in records])
    return tuple(
        replace(
            record,
            values={
                **record.values,
                **{
                    name: _raw(kind, name, found[target_of(name)].get(record.id)) for name in wanted
                },
            },
        )
        for record in records
    )


def _raw(kind: ObjectKind, field: str, targets: Sequence[LinkTarget] | None) -> Raw:
    if not targets:
        return None
    primary = kind.primary.get(target_of(field))
    first = [str(one.to_object_id) for one in targets if one.has_type(primary)]
    if field.endswith(PRIMARY):
        return first[0] if first else None
    ids = sorted((str(one.to_object_id) for one in targets), key=int)
    return ";".join(dict.fromkeys((*first, *ids)))


async def _read(
    session: Session, kind: ObjectKind, target: str, ids: Sequence[str]
) -> dict[str, list[LinkTarget]]:
    found: dict[str, list[LinkTarget]] = {}
    inputs = [Ref(one) for one in dict.fromkeys(ids)]
    while inputs:
        rest: list[Ref] = []
        for chunk in chunks(inputs, READ_AT_ONCE):
            rest += await _read_chunk(session, kind, target, chunk, found)
        inputs = rest
    return found


async def _read_chunk(
    session: Session,
    kind: ObjectKind,
    target: str,
    inputs: Sequence[Ref],
    found: dict[str, list[LinkTarget]],
) -> list[Ref]:
    """Read a batch into `found`; return where to go on with records that have very many."""
    call = _call(session, kind, target, "read", LinkRead(inputs=list(inputs)))
    batch = (await session.read(call)).decode(LINKS)
    for problem in batch.errors:
        # To have none is an error to HubSpot; so is to be gone, which reading by id tells.
        if problem.category != "OBJECT_NOT_FOUND" and problem.sub_category != NONE_FOUND:
            raise TransientError(f"HubSpot read a part of the links only: {problem.message}")
    for one in batch.results:
        found.setdefault(one.source.id, []).extend(one.to)
    return [Ref(one.source.id, one.after) for one in batch.results if one.after is not None]


def _call(session: Session, kind: ObjectKind, target: str, act: str, body: Struct) -> Call:
    return Call(
        endpoint=f"associations/{kind.name}/{target}/{act}",
        method="POST",
        path=session.paths.associations(kind.name, target, f"/batch/{act}"),
        body=body,
        pool=PoolName.ASSOCIATIONS,
    )


# --- writing --------------------------------------------------------------------------------


class Change(Struct, frozen=True):
    """One link to be made, dropped, or marked or unmarked as primary."""

    record_id: str
    field: str
    other_id: str
    is_added: bool

    @property
    def is_primary(self) -> bool:
        """It concerns the mark, not the link."""
        return self.field.endswith(PRIMARY)


def changes_of(intent: Intent, record_id: str) -> list[Change]:
    """Return what an intent changes in a record's links: what it says beyond what it had seen."""
    found: list[Change] = []
    for field, raw in intent.values.items():
        if is_association(field):
            before, after = _ids(intent.held.get(field)), _ids(raw)
            found += [Change(record_id, field, one, True) for one in after if one not in before]
            found += [Change(record_id, field, one, False) for one in before if one not in after]
    return found


def _ids(raw: Raw) -> list[str]:
    return [one for one in raw.split(";") if one] if raw else []


async def write_links(
    session: Session, kind: ObjectKind, changes: Sequence[Change]
) -> dict[tuple[str, str], str]:
    """Make and drop links; both may be repeated without harm.

    Returns:
        Reasons by (record id, field) of what HubSpot refused.

    Raises:
        OutcomeUnknownError, TransientError, AuthError: some may have been made.
    """
    refused: dict[tuple[str, str], str] = {}
    for target in dict.fromkeys(target_of(one.field) for one in changes):
        mine = [one for one in changes if target_of(one.field) == target]
        added = [one for one in mine if one.is_added]
        links = [one for one in added if not one.is_primary]
        await _make(session, kind, target, "associate/default", links, refused)
        marks = [one for one in added if one.is_primary]
        await _make(session, kind, target, "create", marks, refused)
        dropped = [one for one in mine if not one.is_added]
        # A mark that was given to another record has left this one by itself.
        moved = {one.record_id for one in marks}
        unmarked = [one for one in dropped if one.is_primary and one.record_id not in moved]
        await _make(session, kind, target, "labels/archive", unmarked, refused)
        await _drop(session, kind, target, [one for one in dropped if not one.is_primary])
    return refused


async def _make(
    session: Session,
    kind: ObjectKind,
    target: str,
    act: str,
    changes: Sequence[Change],
    refused: dict[tuple[str, str], str],
) -> None:
    for chunk in chunks(changes, PAIRS_AT_ONCE):
        body = Pair(inputs=[_pair(kind, target, one) for one in chunk])
        try:
            reply = await session.write(_call(session, kind, target, act, body))
        except RefusedError as error:
            if len(chunk) == 1:
                refused[chunk[0].record_id, chunk[0].field] = reason_of(error.problem)
                continue
            middle = len(chunk) // 2
            await _make(session, kind, target, act, chunk[:middle], refused)
            await _make(session, kind, target, act, chunk[middle:], refused)
            continue
        if reply.body:
            _note(chunk, reply.decode(PAIRS).errors, refused)


def _pair(kind: ObjectKind, target: str, change: Change) -> PairInput:
    types = [TypeSpec("HUBSPOT_DEFINED", kind.primary[target])] if change.is_primary else None
    return PairInput(Ref(change.record_id), Ref(change.other_id), types)


def _note(
    chunk: Sequence[Change], problems: Iterable[Problem], refused: dict[tuple[str, str], str]
) -> None:
    for problem in problems:
        sources = texts(problem.context, "fromObjectId")
        others = texts(problem.context, "toObjectId")
        for one in chunk:
            if one.record_id in sources and (not others or one.other_id in others):
                refused[one.record_id, one.field] = reason_of(problem)


async def _drop(session: Session, kind: ObjectKind, target: str, changes: Sequence[Change]) -> None:
    by_record: dict[str, list[Ref]] = {}
    for one in changes:
        by_record.setdefault(one.record_id, []).append(Ref(one.other_id))
    inputs = [ArchiveInput(Ref(one), others) for one, others in by_record.items()]
    for chunk in chunks(inputs, ARCHIVED_AT_ONCE):
        await session.write(_call(session, kind, target, "archive", Archive(inputs=list(chunk))))


def without_links(intent: Intent) -> Intent:
    """Return the intent with properties only."""
    values = {name: raw for name, raw in intent.values.items() if not is_association(name)}
    return replace(intent, values=values)


def refusals(refused: Mapping[tuple[str, str], str], record_id: str) -> dict[str, str]:
    """Return of one record what HubSpot refused, by field."""
    return {field: reason for (one, field), reason in refused.items() if one == record_id}
