"""Tryton as an app: the connector port on top of the database's reading and writing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import anyio

from actors.errors import SchemaDriftError, ScopeError, TransientError
from actors.intents import Intent, IntentKind, Outcome, Unknown
from actors.ports import Capabilities, Changes, Fetched, Page
from actors.records import Edit, Gone, Snapshot
from actors.schema import AppSchema
from daemon.connectors.registry import Environment
from daemon.connectors.tryton.changes import Domain
from daemon.connectors.tryton.database import Database
from daemon.connectors.tryton.deals import DEALS
from daemon.connectors.tryton.doubts import Doubts
from daemon.connectors.tryton.feed import FeedReader
from daemon.connectors.tryton.lookups import BATCH, domain_of, group
from daemon.connectors.tryton.options import TrytonOptions
from daemon.connectors.tryton.parties import COMPANIES, CONTACTS
from daemon.connectors.tryton.record_type import Reading, RecordType
from daemon.connectors.tryton.removing import Remover
from daemon.connectors.tryton.rpc import TooLargeError
from daemon.connectors.tryton.writes import Writer

READ_BATCH = 500
WRITE_BATCH = 100

CAPABILITIES = Capabilities(
    objects=(DEALS, CONTACTS, COMPANIES),
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
        "Contacts and companies are parties in the categories Person and Organisation, or what "
        "`persons` and `organisations` say.",
        "Deals become won only by confirming their sale in Tryton.",
        "Closed deals are locked: edits made elsewhere are reported, not written.",
        "Merges of parties change deals without a trace; the sweep finds them.",
        "On SQLite Tryton's own lock leaks: two edits in the same instant may lose one.",
        "Archiving a contact or company deactivates its party; archiving a deal cancels it and "
        "deletes it for good, for which the user needs the right to delete.",
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
        """Read the objects' fields, the currencies and the employees as they are now."""
        await self._database.refresh()
        account = await self._database.account()
        return AppSchema(
            account=f"Tryton {self._options.database} ({account.name})",
            objects=tuple(one.describe() for one in await self._database.types()),
            users=await self._database.users(),
            currency=account.currency,
            timezone=account.timezone,
        )

    async def prepare(self, object_name: str) -> None:
        """Check that the user may write; a place for keys is always there."""
        await self._database.check_writing(await self._database.type_of(object_name))

    async def missing(self, object_name: str, *, writes: bool) -> tuple[str, ...]:
        """Say which access rights the user lacks, what stops working and how to grant them."""
        try:
            kind = await self._database.type_of(object_name)
        except ScopeError as error:
            return (str(error).removeprefix(f"{self._app}: "),)
        return self._database.missing_rights(kind) if writes else ()

    async def start(self, object_name: str) -> str:
        """Return a cursor at the newest record, and at the newest line."""
        return await (await self._feed(object_name)).newest()

    async def list_page(self, object_name: str, fields: Sequence[str], after: str | None) -> Page:
        """List records by id."""
        kind = await self._database.type_of(object_name)
        domain: Domain = [] if after is None else [["id", ">", int(after)]]
        found, limit = await self._list(kind, domain, fields)
        records = tuple(one.snapshot for one in found)
        return Page(
            records=records,
            after=records[-1].id if len(records) == limit else None,
            total=await self._database.count(kind) if after is None else None,
        )

    async def _list(
        self, kind: RecordType, domain: Domain, fields: Sequence[str]
    ) -> tuple[list[Reading], int]:
        """Read one page, smaller ones where the server wants that; return it and its size."""
        size = self._options.page_size
        while True:
            try:
                return await self._database.search(kind, domain, fields, limit=size), size
            except TooLargeError:
                if size == 1:
                    raise
                size //= 2

    async def changes(
        self, object_name: str, fields: Sequence[str], cursor: str, seen: Mapping[str, str]
    ) -> Changes:
        """Read one page of the pass under way, or of a new one."""
        return await (await self._feed(object_name)).read(fields, cursor, seen)

    async def _feed(self, object_name: str) -> FeedReader:
        kind = await self._database.type_of(object_name)
        now = self._database.rpc.http.clock.read(anyio.current_time())
        quiet = None if now is None else now - self._options.overlap
        return FeedReader(self._database, kind, quiet)

    async def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        """Read records by id, and ask about each that did not come."""
        kind = await self._database.type_of(object_name)
        found = await self._database.read(kind, ids, fields)
        for one in dict.fromkeys(ids):
            if one not in found:
                found[one] = await self._database.explain_absence(kind, one)
        wanted = [found[one] for one in dict.fromkeys(ids)]
        return Fetched(
            records=tuple(one.snapshot for one in wanted if isinstance(one, Reading)),
            gone=tuple(one for one in wanted if isinstance(one, Gone)),
        )

    async def find(
        self, object_name: str, keys: Sequence[str], fields: Sequence[str]
    ) -> dict[str, Snapshot | Gone]:
        """Look records up by tieline's key; deactivated parties are archived ones.

        Raises:
            TransientError: a key is absent, but a create that carries it may be under way.
        """
        kind = await self._database.type_of(object_name)
        found = await self._database.find(kind, keys, fields)
        wait = self._doubts.wait_for_any(key for key in keys if key not in found)
        if wait:
            raise TransientError("a create may still be under way in Tryton", wait)
        return {
            key: one.snapshot if isinstance(one, Reading) else one for key, one in found.items()
        }

    async def lookup(
        self, object_name: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> dict[str, tuple[Snapshot, ...]]:
        """Look up records by what a field holds, texts without regard to case."""
        kind = await self._database.type_of(object_name)
        kind.check_fields((field,))
        if not kind.columns[field].path:
            message = f"Tryton cannot search {object_name} by {field}: match by another field"
            raise SchemaDriftError(f"{self._database.app}: {message}")
        names = tuple(dict.fromkeys((*fields, field)))
        pending = [list(values[start : start + BATCH]) for start in range(0, len(values), BATCH)]
        records: list[Snapshot] = []
        while pending:
            batch = pending.pop()
            domain = domain_of(kind.columns[field], batch)
            if domain is None:
                continue
            rows, size = await self._list(kind, domain, names)
            if len(rows) == size and len(batch) > 1:  # of some values none may have come
                middle = len(batch) // 2
                pending += [batch[:middle], batch[middle:]]
            else:
                records += (row.snapshot for row in rows)
        return group(values, field, records)

    async def edits(
        self, object_name: str, wanted: Mapping[str, Sequence[str]]
    ) -> dict[tuple[str, str], tuple[Edit, ...]]:
        """Return nothing: Tryton's history tells revisions, not edits of a field."""
        return {}

    async def write(
        self, object_name: str, intents: Sequence[Intent], fields: Sequence[str]
    ) -> tuple[Outcome, ...]:
        """Create or update records, or take them out of use."""
        kind = await self._database.type_of(object_name)
        if intents and intents[0].kind in (IntentKind.ARCHIVE, IntentKind.RESTORE):
            return await Remover(self._database, kind, fields).carry_out(intents)
        outcomes = await Writer(self._database, kind, self._doubts, fields).write(intents)
        pairs = zip(intents, outcomes, strict=True)
        lost = [one.key for one, outcome in pairs if isinstance(outcome, Unknown)]
        self._doubts.remember(key for key in lost if key is not None)
        return outcomes

    async def count(self, object_name: str, field: str, values: Sequence[str]) -> dict[str, int]:
        """Count the records that hold each of these values in a field of the record itself."""
        kind = await self._database.type_of(object_name)
        kind.check_fields((field,))
        return {
            value: await self._database.count(kind, [[field, "=", value]])
            for value in dict.fromkeys(values)
        }
