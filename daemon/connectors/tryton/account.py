"""Find out who we are in a Tryton database: company, rights, currencies, fields, defaults."""

from __future__ import annotations

from typing import TypeVar

from actors.errors import AuthError, SchemaDriftError, ScopeError
from daemon.connectors.tryton.options import TrytonOptions
from daemon.connectors.tryton.rpc import Rpc
from daemon.connectors.tryton.schema import MODEL, Account, Currency, DealModel, make_model
from daemon.connectors.tryton.wire import Access, FieldDefinition, Row, inner

T = TypeVar("T")

_NOTE = "ir.note"
# Without the right to read these, deals cannot be read at all.
_NEEDED_RIGHTS = (MODEL, "company.employee", "company.company", "currency.currency")
_BY_ID = [["id", "ASC"]]


class AccountLoader:
    """Reads what every other call rests upon; used once, or again for fresh facts.

    Its methods raise `Refusal` and what `Rpc.call` raises, beside what they name.
    """

    def __init__(self, rpc: Rpc, options: TrytonOptions, app: str) -> None:
        self._rpc = rpc
        self._options = options
        self._app = app
        # Ended employees and unused currencies count, too.
        self._context: Row = {"language": "en", "active_test": False}

    async def load(self) -> tuple[Account, DealModel]:
        """Read all of it.

        Raises:
            AuthError, ScopeError: the user has no company, or lacks rights.
            SchemaDriftError: what the options name is not in the database.
        """
        company = await self._find_company()
        self._context["company"] = company
        models = [*_NEEDED_RIGHTS, "party.party", _NOTE]
        rights = await self._call("ir.model.access.get_access", models, answer=dict[str, Access])
        self._check_rights(rights)
        account = await self._read_account(company, rights[MODEL])
        definitions = await self._call(f"{MODEL}.fields_get", [], answer=dict[str, FieldDefinition])
        has_notes = bool(rights[_NOTE].read and rights[_NOTE].create)
        return account, make_model(definitions, has_notes=has_notes)

    async def _call(self, method: str, *arguments: object, answer: type[T]) -> T:
        return await self._rpc.call(
            f"model.{method}", *arguments, answer=answer, context=self._context
        )

    async def _find_company(self) -> int:
        if self._options.company is not None:
            name = "party.name"
            return await self._find_one("company.company", name, self._options.company, "company")
        preferences = await self._call("res.user.get_preferences", True, answer=Row)
        company = preferences.get("company")
        if not isinstance(company, int):
            raise AuthError(
                f"{self._app}: user {self._options.auth.user!r} has no company in Tryton: "
                "give the user one, or set `company`"
            )
        return company

    def _check_rights(self, rights: dict[str, Access]) -> None:
        missing = [name for name in _NEEDED_RIGHTS if not rights[name].read]
        if missing:
            raise ScopeError(
                f"{self._app}: user {self._options.auth.user!r} may not read "
                f"{', '.join(missing)}: add the access rights to a group of the user"
            )

    async def _read_account(self, company: int, rights: Access) -> Account:
        fields = ["party.name", "currency.code", "timezone"]
        (row,) = await self._call("company.company.read", [company], fields, answer=list[Row])
        return Account(
            user_id=await self._rpc.user_id(),
            company=company,
            name=str(inner(row, "party.", "name")),
            currency=str(inner(row, "currency.", "code")),
            timezone=str(row.get("timezone") or "UTC"),
            currencies=tuple(await self._read_currencies()),
            may_write=bool(rights.create and rights.write),
            default_party=await self._find_default(
                "party.party", "name", self._options.default_party, "default_party"
            ),
            default_employee=await self._find_default(
                "company.employee",
                "party.name",
                self._options.default_employee,
                "default_employee",
            ),
        )

    async def _read_currencies(self) -> list[Currency]:
        fields = ["code", "digits", "active"]
        return await self._call(
            "currency.currency.search_read",
            [],
            0,
            None,
            _BY_ID,
            fields,
            answer=list[Currency],
        )

    async def _find_default(
        self, model: str, name_field: str, wanted: int | str | None, option: str
    ) -> int | None:
        if wanted is None:
            return None
        return await self._find_one(model, name_field, wanted, option)

    async def _find_one(self, model: str, name_field: str, wanted: int | str, option: str) -> int:
        domain = [["id" if isinstance(wanted, int) else name_field, "=", wanted]]
        found = await self._call(f"{model}.search", domain, 0, 2, _BY_ID, answer=list[int])
        if len(found) != 1:
            count = "several records" if found else "no record"
            raise SchemaDriftError(
                f"{self._app}: `{option}: {wanted}` fits {count} of {model} in Tryton"
            )
        return found[0]
