"""Tryton as an app: the connector port on top of the database's reading and writing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import anyio

from actors.errors import SchemaDriftError, TransientError
from actors.intents import Intent, Outcome, Unknown
from actors.ports import Capabilities, Changes, Fetched, Page
from actors.records import Edit, Gone, Snapshot
from actors.schema import AppSchema
from daemon.connectors.registry import Environment
from daemon.connectors.tryton.changes import (
    ORDER,
    Cursor,
    Position,
    advance,
    begin_pass,
    next_rows,
    read_cursor,
    write_cursor,
)
from daemon.connectors.tryton.database import Database
from daemon.connectors.tryton.doubts import Doubts
from daemon.connectors.tryton.options import TrytonOptions
from daemon.connectors.tryton.rpc import TooLargeError
from daemon.connectors.tryton.schema import DEALS, describe_deals
from daemon.connectors.tryton.writes import Writer

READ_BATCH = 500
WRITE_BATCH = 100
# How many rows with nothing but their version cost as much as one that is read in full.
VERSIONS_PER_ROW = 10

CAPABILITIES = Capabilities(
    objects=(DEALS,),
    lock=True,
    history=False,
    unique_key=False,
    read_batch=READ_BATCH,
    create_batch=WRITE_BATCH,
    update_batch=WRITE_BATCH,
    worst_delay=timedelta(0),
    deletes="by the sweep, which compares all ids",
    # `find` itself waits: it calls a key absent only when no create can be under way any more.
    settles=timedelta(0),
    notes=(
        "Deals become won only by confirming their sale in Tryton.",
        "Closed deals are locked: edits made elsewhere are reported, not written.",
        "Merges of parties change deals without a trace; the sweep finds them.",
        "On SQLite Tryton's own lock leaks: two edits in the same instant may lose one.",
        "Keys are not unique in Tryton unless its module tieline_key is installed.",
    ),
)


class TrytonConnector:
    """One Tryton database, seen through one company.

    Args:
        options: of the app.
        environment: lent by the daemon.
    """

    def __init__(self, options: TrytonOptions, environment: Environment) -> None:
        self._options = options
        self._app = environment.app
        self._database = Database(options, environment)
        self._doubts = Doubts(options.settle)

    @property
    def capabilities(self) -> Capabilities:
        """What this connector can do."""
        return CAPABILITIES

    @property
    def clock_offset(self) -> timedelta:
        """How far the server's clock is ahead of ours, as measured."""
        return self._database.rpc.http.offset.applied or timedelta(0)

    async def aclose(self) -> None:
        """Release the connections."""
        await self._database.aclose()

    async def describe(self) -> AppSchema:
        """Read the deal's fields, the currencies and the employees as they are now."""
        await self._database.refresh()
        account, model = await self._database.account(), await self._database.model()
        return AppSchema(
            account=f"Tryton {self._options.database} ({account.name})",
            objects=(describe_deals(model, account, convert=self._options.convert),),
            users=await self._database.users(),
            currency=account.currency,
            timezone=account.timezone,
        )

    async def prepare(self, object_name: str) -> None:
        """Check that the user may write; a place for keys is always there."""
        self._check_object(object_name)
        await self._database.check_writing()

    async def start(self, object_name: str) -> str:
        """Return a cursor at the newest deal."""
        self._check_object(object_name)
        newest = await self._database.search(
            [], [], limit=1, order=[["last_modified_at", "DESC"], ["id", "DESC"]]
        )
        return write_cursor(Cursor(high=newest[0].modified_at if newest else None))

    async def list_page(self, object_name: str, fields: Sequence[str], after: str | None) -> Page:
        """List deals by id."""
        self._check_object(object_name)
        domain: list[object] = [] if after is None else [["id", ">", int(after)]]
        records, limit = await self._search(domain, fields, None, self._options.page_size)
        return Page(
            records=tuple(records),
            after=records[-1].id if len(records) == limit else None,
            total=await self._database.count() if after is None else None,
        )

    async def changes(
        self, object_name: str, fields: Sequence[str], cursor: str, seen: Mapping[str, str]
    ) -> Changes:
        """Read one page of the pass under way, or of a new one."""
        self._check_object(object_name)
        position = begin_pass(read_cursor(cursor), self._options.overlap)
        # What was seen needs no fields: most rows of the overlap are never read in full, and
        # many of them fit into one answer.
        size = self._options.page_size * (VERSIONS_PER_ROW if seen else 1)
        rows, size = await self._search(next_rows(position), () if seen else fields, ORDER, size)
        page, fresh = cut_page(rows, seen, self._options.page_size)
        if seen and fresh:
            found = await self._database.read((row.id for row in fresh), fields)
            fresh = [found[row.id] for row in fresh if row.id in found]
        more = len(rows) == size or len(page) < len(rows)
        positions = [Position(row.modified_at, int(row.id)) for row in page]
        cursor_after = advance(position, positions, more=more, quiet_until=self._quiet_until())
        return Changes(records=tuple(fresh), cursor=write_cursor(cursor_after), more=more)

    async def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        """Read deals by id, and ask about each that did not come."""
        self._check_object(object_name)
        found = await self._database.read(ids, fields)
        wanted = dict.fromkeys(ids)
        gone = [await self._database.explain_absence(one) for one in wanted if one not in found]
        return Fetched(
            records=tuple(found[one] for one in wanted if one in found), gone=tuple(gone)
        )

    async def find(
        self, object_name: str, keys: Sequence[str], fields: Sequence[str]
    ) -> dict[str, Snapshot | Gone]:
        """Look deals up by tieline's key; Tryton has no archive of deals.

        Raises:
            TransientError: a key is absent, but a create that carries it may be under way.
        """
        self._check_object(object_name)
        found = await self._database.find(keys, fields)
        wait = self._doubts.wait_for_any(key for key in keys if key not in found)
        if wait:
            raise TransientError("a create may still be under way in Tryton", wait)
        return dict(found)

    async def edits(
        self, object_name: str, wanted: Mapping[str, Sequence[str]]
    ) -> dict[tuple[str, str], tuple[Edit, ...]]:
        """Return nothing: Tryton's history tells revisions, not edits of a field."""
        return {}

    async def write(
        self, object_name: str, intents: Sequence[Intent], fields: Sequence[str]
    ) -> tuple[Outcome, ...]:
        """Create or update deals."""
        self._check_object(object_name)
        outcomes = await Writer(self._database, self._doubts, fields).write(intents)
        pairs = zip(intents, outcomes, strict=True)
        lost = [one.key for one, outcome in pairs if isinstance(outcome, Unknown)]
        self._doubts.remember(key for key in lost if key is not None)
        return outcomes

    async def count(self, object_name: str, field: str, values: Sequence[str]) -> dict[str, int]:
        """Count the deals that hold each of these values; there is but one pipeline."""
        self._check_object(object_name)
        return {
            value: await self._database.count([[field, "=", value]])
            for value in dict.fromkeys(values)
        }

    def _check_object(self, object_name: str) -> None:
        if object_name != DEALS:
            raise SchemaDriftError(f"{self._app}: Tryton's {object_name} are not supported")

    def _quiet_until(self) -> datetime | None:
        now = self._database.rpc.http.clock.read(anyio.current_time())
        return None if now is None else now - self._options.overlap

    async def _search(
        self,
        domain: list[object],
        fields: Sequence[str],
        order: list[list[str]] | None,
        size: int,
    ) -> tuple[list[Snapshot], int]:
        """Read one page, smaller ones where the server wants that; return it and its size."""
        while True:
            try:
                return await self._database.search(domain, fields, limit=size, order=order), size
            except TooLargeError:
                if size == 1:
                    raise
                size //= 2


def cut_page(
    rows: Sequence[Snapshot], seen: Mapping[str, str], most: int
) -> tuple[Sequence[Snapshot], list[Snapshot]]:
    """Return as much of `rows` as holds at most so many unseen ones, and those."""
    fresh: list[Snapshot] = []
    for index, row in enumerate(rows):
        if seen.get(row.id) == row.token:
            continue
        if len(fresh) == most:
            return rows[:index], fresh
        fresh.append(row)
    return rows, fresh
