"""The database as one user sees it through one company: context, model, and reading records.

Everything that reads goes through here; writing is in `writes.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from actors.errors import SchemaDriftError, ScopeError
from actors.records import Departure, Gone, Snapshot
from actors.schema import User
from actors.values import Raw
from daemon.connectors.registry import Environment
from daemon.connectors.tryton.account import AccountLoader
from daemon.connectors.tryton.changes import Domain
from daemon.connectors.tryton.errors import Kind, Refusal, as_read_error
from daemon.connectors.tryton.options import TrytonOptions
from daemon.connectors.tryton.rpc import Rpc, TooLargeError
from daemon.connectors.tryton.schema import (
    KEY_PREFIX,
    MODEL,
    REFERENCE,
    Account,
    DealModel,
    describe_user,
)
from daemon.connectors.tryton.states import PIPELINE
from daemon.connectors.tryton.wire import Row, decode, decode_moment, inner

T = TypeVar("T")

BY_ID = [["id", "ASC"]]
# Read with every record: its version, its times, its key; the party because a merge of parties
# changes it without a new version.
_ALWAYS = ("id", "_timestamp", "last_modified_at", "create_date", "party", "currency.code")


class Database:
    """Reads deals, and what is needed to understand them.

    Args:
        options: of the app.
        environment: lent by the daemon.
    """

    def __init__(self, options: TrytonOptions, environment: Environment) -> None:
        self.options = options
        self.rpc = Rpc(options, environment)
        self._app = environment.app
        self._account: Account | None = None
        self._model: DealModel | None = None

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
        if self._account is None:
            await self.refresh()
        assert self._account is not None
        return self._account

    async def model(self) -> DealModel:
        """Return the deal's fields, read once."""
        if self._model is None:
            await self.refresh()
        assert self._model is not None
        return self._model

    async def refresh(self) -> None:
        """Read company, rights, currencies and fields anew.

        Raises:
            AuthError, ScopeError: the user has no company, or lacks rights.
            SchemaDriftError: what the options name is not in the database.
        """
        try:
            loader = AccountLoader(self.rpc, self.options, self._app)
            self._account, self._model = await loader.load()
        except Refusal as refusal:
            raise as_read_error(refusal) from None

    async def check_writing(self) -> None:
        """Check that the user may create and write deals.

        Raises:
            ScopeError: the user may not.
        """
        account = await self.account()
        if not account.may_write:
            raise ScopeError(
                f"{self._app}: user {self.options.auth.user!r} may not create and write "
                f"{MODEL}: add the access rights to a group of the user"
            )

    async def users(self) -> tuple[User, ...]:
        """Return the company's employees, ended ones as inactive."""
        account = await self.account()
        rows = await self.ask(
            "company.employee.search_read",
            [["company", "=", account.company]],
            0,
            None,
            BY_ID,
            ["active", "party.name", "party.email"],
            answer=list[Row],
        )
        return tuple(describe_user(row) for row in rows)

    async def search(
        self,
        domain: Domain,
        fields: Sequence[str],
        *,
        limit: int | None = None,
        order: list[list[str]] | None = None,
        with_notes: bool = False,
    ) -> list[Snapshot]:
        """Search deals of the company and read them; notes only where keys may be in them.

        Raises:
            TooLargeError: the server limits what one read may return; ask for fewer.
        """
        account, model = await self.account(), await self.model()
        rows = await self.ask(
            f"{MODEL}.search_read",
            [["company", "=", account.company], *domain],
            0,
            limit,
            order or BY_ID,
            _native_names(fields, model, with_notes=with_notes or takes_notes(fields, model)),
            answer=list[Row],
        )
        return [_make_snapshot(row, fields, model) for row in rows]

    async def count(self, domain: Domain | None = None) -> int:
        """Count the company's deals, or those of them that a search finds."""
        whole = [["company", "=", (await self.account()).company], *(domain or [])]
        return await self.ask(f"{MODEL}.search_count", whole, 0, None, answer=int)

    async def read(self, ids: Iterable[str], fields: Sequence[str]) -> dict[str, Snapshot]:
        """Read deals by id; those that are not visible are left out, and may be asked about."""
        wanted = sorted({int(one) for one in ids if one.isascii() and one.isdigit()})
        found: dict[str, Snapshot] = {}
        size = self.options.page_size
        while wanted:
            batch = wanted[:size]
            try:
                rows = await self.search([["id", "in", batch]], fields)
            except TooLargeError:
                if size == 1:
                    raise
                size //= 2
                continue
            found.update((row.id, row) for row in rows)
            wanted = wanted[size:]
        return found

    async def find(self, keys: Sequence[str], fields: Sequence[str]) -> dict[str, Snapshot]:
        """Find deals by tieline's key; of several with one key, the oldest."""
        model = await self.model()
        found: dict[str, Snapshot] = {}
        for start in range(0, len(keys), self.options.page_size):
            batch = list(keys[start : start + self.options.page_size])
            domain: Domain = [[model.key_field, "in", batch]]
            in_notes = model.has_notes and not model.has_key_column
            if in_notes:
                domain = [["OR", domain, [["notes.message", "in", batch]]]]
            rows = await self.search(domain, fields, with_notes=in_notes)
            for row in rows:
                if row.key is not None:
                    found.setdefault(row.key, row)
        return {key: found[key] for key in keys if key in found}

    async def explain_absence(self, record_id: str) -> Gone:
        """Ask for one record that a search did not find: does it exist?

        Tryton says in different words that a record is gone and that it may not be seen.
        """
        if not (record_id.isascii() and record_id.isdigit()):
            return Gone(id=record_id, how=Departure.DELETED)
        try:
            await self.rpc.call(
                f"model.{MODEL}.read",
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


def lock_of(token: str) -> str:
    """Return the version that Tryton checks, out of a snapshot's token."""
    return token.partition("/")[0]


def takes_notes(fields: Iterable[str], model: DealModel) -> bool:
    """Tell whether keys go into notes: their field is one that is mapped."""
    return not model.has_key_column and REFERENCE in fields and model.has_notes


def _native_names(fields: Sequence[str], model: DealModel, *, with_notes: bool) -> list[str]:
    """Return what to ask for so that a snapshot with `fields` can be made.

    Raises:
        SchemaDriftError: a field is not there.
    """
    unknown = [one for one in fields if one not in model.definitions and one != "pipeline"]
    if unknown:
        raise SchemaDriftError(f"Tryton has no field {', '.join(unknown)} on {MODEL}")
    wanted = {*_ALWAYS, *fields, model.key_field} - {"pipeline", "currency"}
    if with_notes:
        wanted.add("notes.message")
    return sorted(wanted)


def _make_snapshot(row: Row, fields: Sequence[str], model: DealModel) -> Snapshot:
    return Snapshot(
        id=str(row["id"]),
        values={name: _value_of(row, name, model) for name in fields},
        token=f"{row['_timestamp']}/{row['party'] or ''}",
        modified_at=decode_moment(row["last_modified_at"]),
        created_at=decode_moment(row["create_date"]),
        key=_find_key(row, model),
    )


def _value_of(row: Row, name: str, model: DealModel) -> Raw:
    if name == "pipeline":
        return PIPELINE
    if name == "currency":
        return decode("char", inner(row, "currency.", "code"))
    return decode(model.definitions[name].type, row[name])


def _find_key(row: Row, model: DealModel) -> str | None:
    notes = msgspec.convert(row.get("notes.", []), list[Row])
    candidates = [row.get(model.key_field), *(note.get("message") for note in notes)]
    keys = (text for text in candidates if isinstance(text, str) and text.startswith(KEY_PREFIX))
    return next(keys, None)
