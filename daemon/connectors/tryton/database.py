"""The database as one user sees it through one company: context, objects, and reading records.

Everything that reads goes through here; writing is in `writes.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import Struct

from actors.errors import SchemaDriftError, ScopeError
from actors.records import Departure, Gone
from actors.schema import User
from daemon.connectors.patience import patiently
from daemon.connectors.registry import Environment
from daemon.connectors.tryton.account import AccountLoader, Found
from daemon.connectors.tryton.changes import Domain
from daemon.connectors.tryton.errors import Kind, Refusal, as_read_error
from daemon.connectors.tryton.options import TrytonOptions
from daemon.connectors.tryton.record_type import Reading, RecordType
from daemon.connectors.tryton.rpc import Rpc, TooLargeError
from daemon.connectors.tryton.schema import Account, describe_user
from daemon.connectors.tryton.wire import Row

T = TypeVar("T")

BY_ID = [["id", "ASC"]]


class Database:
    """Reads records, and what is needed to understand them.

    Args:
        options: of the app.
        environment: lent by the daemon.
    """

    def __init__(self, options: TrytonOptions, environment: Environment) -> None:
        self.options = options
        self.rpc = Rpc(options, environment)
        self.now = environment.now
        self.app = environment.app
        self._found: Found | None = None

    async def aclose(self) -> None:
        """Release the connections."""
        await self.rpc.aclose()

    async def ask(
        self, method: str, *arguments: object, answer: type[T], context: Row | None = None
    ) -> T:
        """Call a method that reads, in the company's context.

        Raises:
            ScopeError, SchemaDriftError: Tryton refused; and what `Rpc.call` raises.
        """
        try:
            return await self.rpc.call(
                f"model.{method}",
                *arguments,
                answer=answer,
                context={**await self.context(), **(context or {})},
            )
        except Refusal as refusal:
            raise as_read_error(refusal) from None

    async def context(self) -> Row:
        """Return what every call on records carries; ended people must be found, too."""
        account = await self.account()
        return {"company": account.company, "language": "en", "active_test": False}

    async def account(self) -> Account:
        """Return the company and what goes with it, read once."""
        return (await self._look()).account

    async def types(self) -> tuple[RecordType, ...]:
        """Return the objects that can sync, read once."""
        return tuple((await self._look()).types.values())

    async def type_of(self, object_name: str) -> RecordType:
        """Return one object.

        Raises:
            ScopeError, SchemaDriftError: it cannot sync; the message says why.
        """
        found = await self._look()
        if object_name in found.missing:
            raise found.missing[object_name]
        if object_name not in found.types:
            raise SchemaDriftError(f"{self.app}: Tryton's {object_name} are not supported")
        return found.types[object_name]

    async def _look(self) -> Found:
        if self._found is None:
            return await self.refresh()
        return self._found

    async def refresh(self) -> Found:
        """Read company, rights, currencies and fields anew.

        Raises:
            AuthError, ScopeError: the user has no company, or lacks rights.
            SchemaDriftError: what the options name is not in the database.
        """
        try:
            loader = AccountLoader(self.rpc, self.options, self.app)
            self._found = await loader.load()
        except Refusal as refusal:
            raise as_read_error(refusal) from None
        return self._found

    async def check_writing(self, kind: RecordType) -> None:
        """Check that the user may create and write an object's records.

        Raises:
            ScopeError: the user may not.
        """
        if lacks := self.missing_rights(kind):
            raise ScopeError(f"{self.app}: {'; '.join(lacks)}")

    def missing_rights(self, kind: RecordType) -> tuple[str, ...]:
        """Say what the user may not do that writing needs; reading is checked by reading."""
        if not kind.lacking:
            return ()
        return (
            f"user {self.options.auth.user!r} may not create and write"
            f" {', '.join(kind.lacking)}: nothing of it can be written to Tryton. Add the access"
            " rights to a group of the user (Administration, Models, Access)",
        )

    async def users(self) -> tuple[User, ...]:
        """Return the company's employees, ended ones as inactive."""
        account = await self.account()
        rows = await patiently(
            lambda: self.ask(
                "company.employee.search_read",
                [["company", "=", account.company]],
                0,
                None,
                BY_ID,
                ["active", "party.name", "party.email"],
                answer=list[Row],
            )
        )
        return tuple(describe_user(row) for row in rows)

    # --- records ----------------------------------------------------------------------------

    async def search(
        self,
        kind: RecordType,
        domain: Domain,
        fields: Sequence[str],
        *,
        limit: int | None = None,
        order: list[list[str]] | None = None,
        within: Domain | None = None,
    ) -> list[Reading]:
        """Search records and read them; by default those that sync.

        Raises:
            TooLargeError: the server limits what one read may return; ask for fewer.
        """
        scope = kind.live if within is None else within
        rows = await self._rows(
            kind,
            [*scope, *domain],
            kind.names_for(fields, with_notes=kind.takes_notes(fields)),
            limit=limit,
            order=order,
        )
        return [kind.read_row(row, fields) for row in rows]

    async def _rows(
        self,
        kind: RecordType,
        domain: Domain,
        names: list[str],
        *,
        limit: int | None = None,
        order: list[list[str]] | None = None,
    ) -> list[Row]:
        return await self.ask(
            f"{kind.model}.search_read", domain, 0, limit, order or BY_ID, names, answer=list[Row]
        )

    async def count(self, kind: RecordType, domain: Domain | None = None) -> int:
        """Count the records that sync, or those of them that a search finds."""
        wanted = [*kind.live, *(domain or [])]
        return await self.ask(f"{kind.model}.search_count", wanted, 0, None, answer=int)

    async def read(
        self, kind: RecordType, ids: Iterable[str], fields: Sequence[str], also: Sequence[str] = ()
    ) -> dict[str, Reading | Gone]:
        """Read records by id; those that are not visible are left out, and may be asked about.

        Args:
            also: fields that are read into the rows only.
        """
        wanted = sorted({int(one) for one in ids if one.isascii() and one.isdigit()})
        names = kind.names_for((*fields, *also), with_notes=kind.takes_notes(fields))
        found: dict[str, Reading | Gone] = {}
        size = self.options.page_size
        while wanted:
            batch = wanted[:size]
            try:
                rows = await self._rows(kind, [*kind.known, ["id", "in", batch]], names)
            except TooLargeError:
                if size == 1:
                    raise
                size //= 2
                continue
            found.update((str(row["id"]), _judge(kind, row, fields)) for row in rows)
            wanted = wanted[size:]
        return found

    async def find(
        self, kind: RecordType, keys: Sequence[str], fields: Sequence[str]
    ) -> dict[str, Reading | Gone]:
        """Find records by tieline's key; of several with one key, the oldest that is live."""
        found: dict[str, Reading | Gone] = {}
        names = kind.names_for(fields, with_notes=kind.may_have_notes)
        for start in range(0, len(keys), self.options.page_size):
            batch = keys[start : start + self.options.page_size]
            for row in await self._rows(kind, [*kind.known, *kind.seek(batch)], names):
                holder = _judge(kind, row, fields)
                for key in kind.keys_of(row):
                    if key not in found or _is_better(holder, found[key]):
                        found[key] = holder
        return {key: found[key] for key in keys if key in found}

    async def explain_absence(self, kind: RecordType, record_id: str) -> Gone:
        """Ask for one record that a search did not find: does it exist?

        Tryton says in different words that a record is gone and that it may not be seen.
        """
        if not (record_id.isascii() and record_id.isdigit()):
            return Gone(id=record_id, how=Departure.DELETED)
        try:
            await self.rpc.call(
                f"model.{kind.model}.read",
                [int(record_id)],
                ["id"],
                answer=list[Row],
                context=await self.context(),
            )
        except Refusal as refusal:
            if refusal.kind is Kind.GONE:
                return Gone(id=record_id, how=Departure.DELETED)
        return Gone(id=record_id, how=Departure.HIDDEN)

    async def existing(self, model: str, ids: set[int]) -> set[int]:
        """Return which of these ids exist: SQLite takes references to records that do not."""
        domain = [["id", "in", sorted(ids)]]
        return set(await self.ask(f"{model}.search", domain, 0, None, BY_ID, answer=list[int]))

    async def first_lines(self, model: str, parties: set[int]) -> dict[int, int]:
        """Return for each party the id of its first live line of a model, e-mails before others."""
        domain = [["party", "in", sorted(parties)], ["active", "=", True]]
        order = [["party", "ASC"], ["sequence", "ASC NULLS FIRST"], ["id", "ASC"]]
        fields = ["party", "type"]
        rows = await self.ask(
            f"{model}.search_read", domain, 0, None, order, fields, answer=list[Line]
        )
        found: dict[int, int] = {}
        for row in sorted(rows, key=lambda row: row.type != "email"):
            found.setdefault(row.party, row.id)
        return found


class Line(Struct, frozen=True):
    """A line of a party, as far as it is needed to choose one."""

    id: int
    party: int
    type: str


def _judge(kind: RecordType, row: Row, fields: Sequence[str]) -> Reading | Gone:
    return kind.departure_of(row) or kind.read_row(row, fields)


def _is_better(holder: Reading | Gone, than: Reading | Gone) -> bool:
    return isinstance(holder, Reading) and isinstance(than, Gone)
