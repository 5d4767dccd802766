"""Find out who we are in a Tryton database: company, rights, currencies, defaults, objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct

from actors.errors import (
    AuthError,
    OutsideDomainError,
    SchemaDriftError,
    ScopeError,
    TielineError,
)
from daemon.connectors.patience import patiently
from daemon.connectors.tryton.deals import DEALS, MODEL, Deals
from daemon.connectors.tryton.options import PartyRule, TrytonOptions
from daemon.connectors.tryton.parties import (
    ADDRESS,
    COMPANIES,
    CONTACTS,
    IDENTIFIER,
    MECHANISM,
    PARTY,
    Declared,
    Membership,
    Parties,
    by_category,
    by_field,
)
from daemon.connectors.tryton.places import Country, Language, Places, Subdivision
from daemon.connectors.tryton.record_type import RecordType
from daemon.connectors.tryton.rpc import Rpc
from daemon.connectors.tryton.schema import Account, Currency
from daemon.connectors.tryton.wire import KINDS, Access, FieldDefinition, Row, inner

T = TypeVar("T")

_NOTE, _CATEGORY, _COUNTRY = "ir.note", "party.category", "country.country"
_SUBDIVISION, _LANGUAGE = "country.subdivision", "ir.lang"
_RELATION, _RELATION_TYPE = "party.relation.all", "party.relation.type"
_ACCOUNT_RIGHTS = ("company.employee", "company.company", "currency.currency")
# Without the right to read these, an object cannot be read at all.
_DEAL_RIGHTS = (MODEL, *_ACCOUNT_RIGHTS)
_PARTY_RIGHTS = (PARTY, MECHANISM, ADDRESS, IDENTIFIER)
_PLACE_RIGHTS = (_COUNTRY, _SUBDIVISION, _LANGUAGE)
_BY_ID = [["id", "ASC"]]

Rights = dict[str, Access]


Loaded = RecordType | TielineError
"""An object that can sync, or why it cannot."""


class Found(Struct, frozen=True):
    """What a look at the database brought.

    Attributes:
        types: the objects that can sync, by tieline's word.
        missing: why the other ones cannot.
    """

    account: Account
    types: dict[str, RecordType]
    missing: dict[str, TielineError]


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

    async def load(self) -> Found:
        """Read all of it.

        Raises:
            AuthError, ScopeError: the user has no company, or lacks rights to all objects.
            SchemaDriftError: what the options name is not in the database.
        """
        company = await self._find_company()
        self._context["company"] = company
        models = [*_DEAL_RIGHTS, *_PARTY_RIGHTS, *_PLACE_RIGHTS, _NOTE, _CATEGORY]
        rights = await self._call("ir.model.access.get_access", models, answer=Rights)
        self._check_rights(rights, _ACCOUNT_RIGHTS)
        account = await self._read_account(company)
        found = {DEALS: await self._load_deals(account, rights)}
        found |= await self._load_parties(account, rights)
        types = {name: one for name, one in found.items() if isinstance(one, RecordType)}
        missing = {name: one for name, one in found.items() if isinstance(one, TielineError)}
        if not types:
            raise missing[DEALS]
        return Found(account, types, missing)

    async def _call(self, method: str, *arguments: object, answer: type[T]) -> T:
        return await patiently(
            lambda: self._rpc.call(
                f"model.{method}", *arguments, answer=answer, context=self._context
            )
        )

    # --- the account ------------------------------------------------------------------------

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

    def _check_rights(self, rights: Rights, models: Sequence[str]) -> None:
        missing = [name for name in models if not rights[name].read]
        if missing:
            raise ScopeError(
                f"{self._app}: user {self._options.auth.user!r} may not read "
                f"{', '.join(missing)}: add the access rights to a group of the user"
            )

    async def _read_account(self, company: int) -> Account:
        fields = ["party.name", "currency.code", "timezone"]
        (row,) = await self._call("company.company.read", [company], fields, answer=list[Row])
        options = self._options
        return Account(
            user_id=await self._rpc.user_id(),
            company=company,
            name=str(inner(row, "party.", "name")),
            currency=str(inner(row, "currency.", "code")),
            timezone=str(row.get("timezone") or "UTC"),
            currencies=tuple(
                await self._read_all("currency.currency", ["code", "digits", "active"], Currency)
            ),
            convert=options.convert,
            default_party=await self._find_default(
                "party.party", "name", options.default_party, "default_party"
            ),
            default_employee=await self._find_default(
                "company.employee", "party.name", options.default_employee, "default_employee"
            ),
        )

    async def _read_all(self, model: str, fields: list[str], shape: type[T]) -> list[T]:
        return await self._call(
            f"{model}.search_read",
            [],
            0,
            None,
            _BY_ID,
            fields,
            answer=list[shape],  # type: ignore[valid-type]  # mypy knows no types from variables
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

    # --- the objects ------------------------------------------------------------------------

    async def _load_deals(self, account: Account, rights: Rights) -> Loaded:
        try:
            self._check_rights(rights, _DEAL_RIGHTS)
        except ScopeError as error:
            return error
        return Deals(
            await self._read_definitions(MODEL),
            account,
            has_notes=bool(rights[_NOTE].read and rights[_NOTE].create),
            lacking=_lacking(rights, (MODEL,)),
        )

    async def _load_parties(self, account: Account, rights: Rights) -> dict[str, Loaded]:
        """Make the types of contacts and companies, as far as their rules find something."""
        rules = {
            CONTACTS: ("persons", self._options.persons),
            COMPANIES: ("organisations", self._options.organisations),
        }
        try:
            self._check_rights(rights, _PARTY_RIGHTS)
        except ScopeError as error:
            return dict.fromkeys(rules, error)
        party = await self._read_definitions(PARTY)
        members = {
            name: await self._find_members(option, rule, party)
            for name, (option, rule) in rules.items()
        }
        declared = Declared(
            party=party,
            address=await self._read_definitions(ADDRESS),
            places=await self._read_places(rights),
            works_for=await self._find_employment(party),
            lacking=_lacking(rights, _PARTY_RIGHTS),
        )
        tax_type = self._options.tax_identifier
        return {
            name: one
            if isinstance(one, TielineError)
            else Parties(name, one, declared, account, tax_type=tax_type)
            for name, one in members.items()
        }

    async def _read_definitions(self, model: str) -> dict[str, FieldDefinition]:
        return await self._call(f"{model}.fields_get", [], answer=dict[str, FieldDefinition])

    async def _find_members(
        self, option: str, rule: PartyRule, party: dict[str, FieldDefinition]
    ) -> Membership | TielineError:
        """Return which parties are meant, or what is wrong with the rule."""
        if rule.field is not None:
            return self._members_by_field(option, rule.field, rule.value, party)
        domain = [["name", "=", rule.category]]
        found = await self._call(f"{_CATEGORY}.search", domain, 0, 2, _BY_ID, answer=list[int])
        if len(found) == 1:
            return by_category(found[0])
        return SchemaDriftError(
            f"{self._app}: {len(found) or 'no'} party categories in Tryton have the name "
            f"{rule.category!r}: put the {option} into one of their own, and name it with "
            f"`{option}: {{category: ...}}` if it has another name"
        )

    def _members_by_field(
        self, option: str, field: str, value: str, party: dict[str, FieldDefinition]
    ) -> Membership | TielineError:
        definition = party.get(field)
        if definition is None or definition.type not in KINDS:
            return SchemaDriftError(
                f"{self._app}: `{option}.field: {field}`: parties in Tryton have no such field"
            )
        try:
            return by_field(field, definition, value)
        except OutsideDomainError as error:
            return SchemaDriftError(f"{self._app}: `{option}.value`: {error}")

    async def _find_employment(self, party: dict[str, FieldDefinition]) -> int | None:
        """Return the type of the relation to employers; the module for it need not be there."""
        models = [_RELATION, _RELATION_TYPE]
        if "relations" not in party:
            return None
        rights = await self._call("ir.model.access.get_access", models, answer=Rights)
        if not all(one.read for one in rights.values()):
            return None
        domain = [["name", "=", self._options.works_for]]
        found = await self._call(f"{_RELATION_TYPE}.search", domain, 0, 2, _BY_ID, answer=list[int])
        return found[0] if len(found) == 1 else None

    async def _read_places(self, rights: Rights) -> Places:
        may = {model: rights[model].read for model in _PLACE_RIGHTS}
        return Places(
            countries=tuple(
                await self._read_all(_COUNTRY, ["name", "code"], Country) if may[_COUNTRY] else ()
            ),
            subdivisions=tuple(
                await self._read_all(_SUBDIVISION, ["name", "code", "country"], Subdivision)
                if may[_SUBDIVISION]
                else ()
            ),
            languages=tuple(
                await self._read_all(_LANGUAGE, ["name", "code"], Language)
                if may[_LANGUAGE]
                else ()
            ),
        )


def _lacking(rights: Rights, models: Sequence[str]) -> tuple[str, ...]:
    return tuple(one for one in models if not (rights[one].write and rights[one].create))
