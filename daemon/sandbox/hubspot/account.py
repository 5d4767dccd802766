"""The whole state of one sandbox account, held in memory and touched by one event loop only.

A handler is a plain function, so nothing else runs between its first read and its last write:
every call is atomic. What the parts mean:

- `tables[name].schema` is the `catalog.ObjectSchema` of a type, `tables[name].records` its
  records; `account.table(word)` finds a table by any form of the type's name or refuses.
- `pipelines[name]` maps pipeline id to `catalog.Pipeline` (only types that have pipelines).
- `owners` maps owner id to `catalog.Owner`, active and archived.
- `clock`, `switches`, `tokens`, `links` (associations), `index` (search), `limits`, `faults`.

`touch()` after every change of schema, pipelines or owners marks the state as unsaved.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable

from daemon.sandbox.hubspot.auth import Token
from daemon.sandbox.hubspot.catalog import ObjectSchema, Owner, Pipeline, default_catalog
from daemon.sandbox.hubspot.clock import Clock
from daemon.sandbox.hubspot.faults import Faults
from daemon.sandbox.hubspot.index import SearchIndex
from daemon.sandbox.hubspot.limits import Limits
from daemon.sandbox.hubspot.links import Links
from daemon.sandbox.hubspot.reqlog import RequestLog
from daemon.sandbox.hubspot.switches import Switches
from daemon.sandbox.hubspot.table import Record, Table
from daemon.sandbox.hubspot.wire import Refusal

__all__ = ["Account"]

_TYPE_ID = re.compile(r"\d+-\d+")
_FIRST_ID = 22_901_690_010


class Account:
    """Everything that one HubSpot account holds."""

    def __init__(self, seed: int = 1, lag_ms: int = 5_000) -> None:
        self.portal_id = 62515
        self.time_zone = "US/Eastern"
        self.currency = "USD"
        # One unit of a currency in the account's own; the codes are those deals may carry.
        self.exchange_rates: dict[str, float] = {"USD": 1.0, "EUR": 1.08, "GBP": 1.27}
        self.clock = Clock()
        self.switches = Switches()
        self.random = random.Random(seed)
        self.tokens: dict[str, Token] = {}
        self.owners: dict[str, Owner] = {}
        self.pipelines: dict[str, dict[str, Pipeline]] = {}
        self.tables: dict[str, Table] = {}
        self.indexes: dict[str, SearchIndex] = {}
        self.links = Links()
        self.limits = Limits()
        self.faults = Faults()
        self.log = RequestLog()
        self.changes = 0
        self.next_id = _FIRST_ID
        self.lag_ms = lag_ms
        self._words: dict[str, Table] = {}
        catalog = default_catalog()
        self.pipelines.update(catalog.pipelines)
        for schema in catalog.schemas:
            self.add_schema(schema)

    def add_schema(self, schema: ObjectSchema) -> Table:
        """Make an object type known, with an empty table."""
        table = self.tables[schema.name] = Table(schema)
        self.indexes[schema.name] = SearchIndex()
        for word in (schema.name, schema.singular, schema.object_type_id):
            self._words[word.lower()] = table
        return table

    def touch(self) -> None:
        """Mark the state as changed since it was last saved."""
        self.changes += 1

    def table(self, word: str) -> Table:
        """The table of a type named in any form: deals, deal, DEAL, 0-3.

        Raises:
            Refusal: 400 with the vendor's text for a word or an id that no type has.
        """
        table = self._words.get(word) or self._words.get(word.lower())
        if table is not None:
            return table
        if _TYPE_ID.fullmatch(word):
            raise Refusal(400, f"Invalid object or event type id: {word}")
        raise Refusal(400, f"Unable to infer object type from: {word}")

    def mint_id(self) -> int:
        """The next id; one counter for everything in the account."""
        if self.switches.random_ids:
            while True:
                minted = self.random.randrange(_FIRST_ID, 10 * _FIRST_ID)
                if not any(minted in table.records for table in self.tables.values()):
                    return minted
        self.next_id += self.random.randrange(1, 12)
        return self.next_id

    def records_in_stage(self, type_name: str, stage_ids: Iterable[str]) -> list[Record]:
        """Live records of a type that stand in one of the stages."""
        wanted = set(stage_ids)
        table = self.tables[type_name]
        name = "dealstage" if type_name == "deals" else "hs_pipeline_stage"
        records = (table.records[record_id] for record_id in table.ids)
        return [record for record in records if record.values.get(name) in wanted]
