"""The whole state of one sandbox account, held in memory and touched by one event loop only.

A handler is a plain function, so nothing else runs between its first read and its last write:
every call is atomic. What the parts mean:

- `tables[name].schema` is the `catalog.ObjectSchema` of a type, `tables[name].records` its
  records; `account.table(word)` finds a table by any form of the type's name or refuses.
- `details` is what account-info tells; `rates` maps a currency to its worth in the account's own.
- `owners` maps owner id to `catalog.Owner`, active and archived.
- `clock`, `switches`, `tokens`, `links` (associations), `indexes` (search), `limits`, `faults`.

`touch()` after every change of schema, pipelines or owners marks the state as unsaved.
"""

from __future__ import annotations

import heapq
import random
from collections import OrderedDict
from collections.abc import Iterable

from daemon.sandbox.hubspot.auth import Token
from daemon.sandbox.hubspot.bare_types import bare_schemas
from daemon.sandbox.hubspot.catalog import (
    AccountDetails,
    Owner,
    default_schemas,
    infer_type,
)
from daemon.sandbox.hubspot.clock import Clock
from daemon.sandbox.hubspot.faults import Faults
from daemon.sandbox.hubspot.index import SearchIndex
from daemon.sandbox.hubspot.limits import Limits
from daemon.sandbox.hubspot.links import Links, Side
from daemon.sandbox.hubspot.reqlog import RequestLog
from daemon.sandbox.hubspot.switches import Switches
from daemon.sandbox.hubspot.table import Record, Table

__all__ = ["Account"]

_PURGE_AFTER_MS = 90 * 86_400_000
_FIRST_ID = 22_901_690_010

# Calculated counts: an association of these two types changes a property of the first one.
_COUNTED = {
    ("deals", "contacts"),
    ("companies", "contacts"),
    ("companies", "deals"),
    ("contacts", "deals"),
}


class Account:
    """Everything that one HubSpot account holds."""

    def __init__(self, seed: int = 1, lag_ms: int = 5_000) -> None:
        self.details = AccountDetails(portal_id=62515)
        self.rates: dict[str, float] = {"USD": 1.0, "EUR": 1.08, "GBP": 1.27, "NOK": 0.094}
        self.clock = Clock()
        self.switches = Switches()
        self.random = random.Random(seed)
        self.tokens: dict[str, Token] = {}
        self.owners: dict[str, Owner] = {}
        self.tables: dict[str, Table] = {}
        self.indexes: dict[str, SearchIndex] = {}
        self.links = Links()
        self.limits = Limits()
        self.faults = Faults()
        self.log = RequestLog()
        # Addresses of people who had themselves deleted; no contact may have one again.
        self.blocked_emails: set[str] = set()
        self.changes = 0
        self.next_id = _FIRST_ID
        self.lag_ms = lag_ms
        # Results of the last searches by what they depend on.
        self.kept_searches: OrderedDict[tuple[str, int, int, bytes], list[int]] = OrderedDict()
        self._archived: list[tuple[int, str, int]] = []
        for name, schema in {**bare_schemas(), **default_schemas()}.items():
            self.tables[name] = Table(schema)
            self.indexes[name] = SearchIndex()

    def touch(self) -> None:
        """Mark the state as changed since it was last saved."""
        self.changes += 1

    def table(self, word: str) -> Table:
        """The table of a type named in any form: deals, deal, DEAL, 0-3.

        Raises:
            Refusal: 400 with the vendor's text for a word or an id that no type has.
        """
        return self.tables[infer_type(word)]

    def mint_id(self) -> int:
        """The next id; one counter for everything in the account."""
        if self.switches.random_ids:
            while True:
                minted = self.random.randrange(10_000_000_000, _FIRST_ID)
                if not any(minted in table.records for table in self.tables.values()):
                    return minted
        self.next_id += self.random.randrange(1, 12)
        return self.next_id

    def records_in_stage(self, type_name: str, stage_ids: Iterable[str]) -> list[Record]:
        """Live records of a type that stand in one of the stages."""
        wanted = set(stage_ids)
        table = self.tables[type_name]
        name = table.schema.type.stage_property
        records = (table.records[record_id] for record_id in table.ids)
        return [record for record in records if record.values.get(name) in wanted]

    def is_live(self, side: Side) -> bool:
        """Whether a record is there and not archived."""
        return self.tables[side[0]].live(side[1]) is not None

    def bump(self, table: Table, record: Record) -> None:
        """Move a record's modified date to now and tell the search index of it."""
        # Time never runs back on one record, even where a test sets the clock back.
        record.modified_ms = max(self.clock.now_ms(), record.modified_ms)
        self.publish(table, record)

    def publish(self, table: Table, record: Record) -> None:
        """Let the search index know of a written record, in its own time."""
        self.indexes[table.name].note(record, self.clock.elapsed_ms())
        self.touch()

    def count_moved(self, side: Side, other: str) -> None:
        """Move the modified date of a record whose count of associated records changed."""
        record = self.tables[side[0]].live(side[1])
        if record is not None and self.switches.association_bumps and (side[0], other) in _COUNTED:
            self.bump(self.tables[side[0]], record)

    def active_owner_ids(self) -> frozenset[str]:
        """Owners that records can be given to."""
        return frozenset(one for one, owner in self.owners.items() if not owner.archived)

    def note_archived(self, table: Table, record: Record) -> None:
        """Remember when an archived record is due to be purged."""
        if record.archived_ms is not None:
            heapq.heappush(self._archived, (record.archived_ms, table.name, record.id))
        self.touch()

    def purge_due(self) -> None:
        """Remove for good what has been archived for 90 days of the sandbox clock."""
        due = self.clock.now_ms() - _PURGE_AFTER_MS
        while self._archived and self._archived[0][0] <= due:
            at, name, record_id = heapq.heappop(self._archived)
            record = self.tables[name].records.get(record_id)
            if record is not None and record.archived_ms == at:
                self.purge(self.tables[name], record)

    def purge(self, table: Table, record: Record) -> None:
        """Remove a record for good, with its associations."""
        self.links.drop_all((table.name, record.id))
        self.indexes[table.name].drop(record.id)
        table.remove(record)
        self.touch()
