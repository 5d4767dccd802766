"""Who set a property to what, and when; and which of these edits were ours.

HubSpot names the app that wrote (`sourceId`). Our own id is taken from the configuration, or
learned: from what HubSpot tells of a private app's token, from the answer to our own create, which
names its source, or from finding a write of ours in the history of a record.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from actors.records import Edit
from actors.values import Raw
from daemon.connectors.hubspot.kinds import ObjectKind
from daemon.connectors.hubspot.reading import (
    HISTORY_BATCH_SIZE,
    chunks,
    parse_time,
    read_batch,
)
from daemon.connectors.hubspot.session import Session
from daemon.connectors.hubspot.wire import HistoryEntry, Record

APP_SOURCES = frozenset({"INTEGRATION", "API"})
REMEMBERED_WRITES = 1000


class Authorship:
    """What is known of our own app's id, and the last writes that can teach it.

    Args:
        app_id: from the configuration; then nothing needs to be learned.
    """

    def __init__(self, app_id: str | None = None) -> None:
        self.app_id = app_id
        self._writes: OrderedDict[tuple[str, str], tuple[str, dict[str, Raw]]] = OrderedDict()

    def note_token(self, app_id: int | None) -> None:
        """Take what HubSpot tells of the token that we sign with."""
        if self.app_id is None and app_id is not None:
            self.app_id = str(app_id)

    def note_create(self, record: Record) -> None:
        """Take the answer to our own create: it names what created the record."""
        found = record.properties
        if self.app_id is None and found.get("hs_object_source") in APP_SOURCES:
            self.app_id = found.get("hs_object_source_id") or None

    def note_update(self, kind: ObjectKind, record: Record, sent: Mapping[str, Raw]) -> None:
        """Remember our own write, by the version that it made."""
        place = (kind.name, record.id)
        self._writes[place] = (record.updated_at, dict(sent))
        self._writes.move_to_end(place)
        while len(self._writes) > REMEMBERED_WRITES:
            self._writes.popitem(last=False)

    def is_ours(self, kind: ObjectKind, record_id: str, field: str, entry: HistoryEntry) -> bool:
        """Tell whether an entry proves that this app's tieline wrote it; learns from proof."""
        if entry.source_type not in APP_SOURCES:
            return False
        if self._is_remembered(kind, record_id, field, entry):
            self.app_id = self.app_id or entry.source_id
            return True
        return self.app_id is not None and entry.source_id == self.app_id

    def may_be_ours(self, entry: HistoryEntry) -> bool:
        """Tell whether some app wrote it, and which one is ours is not known yet."""
        return self.app_id is None and entry.source_type in APP_SOURCES

    def _is_remembered(
        self, kind: ObjectKind, record_id: str, field: str, entry: HistoryEntry
    ) -> bool:
        version, sent = self._writes.get((kind.name, record_id), ("", {}))
        return (
            entry.timestamp == version
            and field in sent
            and (sent[field] or None) == (entry.value or None)
        )


async def read_edits(
    session: Session,
    kind: ObjectKind,
    wanted: Mapping[str, Sequence[str]],
    authorship: Authorship,
) -> dict[tuple[str, str], tuple[Edit, ...]]:
    """Read the history of fields: (record id, field) to edits, newest first."""
    edits: dict[tuple[str, str], tuple[Edit, ...]] = {}
    for ids in chunks(list(wanted), HISTORY_BATCH_SIZE):
        fields = list(dict.fromkeys(name for one in ids for name in wanted[one]))
        read = await read_batch(session, kind, ids, [kind.modified], history=fields)
        for record in read:
            _learn(kind, record, authorship)
        for record in read:
            for name in wanted.get(record.id, ()):
                entries = record.properties_with_history.get(name)
                if entries is not None:
                    edits[record.id, name] = _to_edits(kind, record.id, name, entries, authorship)
    return edits


def _learn(kind: ObjectKind, record: Record, authorship: Authorship) -> None:
    for name, entries in record.properties_with_history.items():
        for entry in entries:
            authorship.is_ours(kind, record.id, name, entry)


def _to_edits(
    kind: ObjectKind,
    record_id: str,
    field: str,
    entries: Iterable[HistoryEntry],
    authorship: Authorship,
) -> tuple[Edit, ...]:
    return tuple(
        Edit(
            value=entry.value or None,
            at=parse_time(entry.timestamp),
            ours=authorship.is_ours(kind, record_id, field, entry),
            may_be_ours=authorship.may_be_ours(entry),
        )
        for entry in entries
    )
