"""Owners, and what the account tells about itself: details, usage, currencies, limits."""

from __future__ import annotations

from msgspec import Struct

from daemon.sandbox.hubspot.auth import Need
from daemon.sandbox.hubspot.calls import Call, Endpoint
from daemon.sandbox.hubspot.catalog import ObjectSchema, Owner
from daemon.sandbox.hubspot.limits import day_bounds_ms
from daemon.sandbox.hubspot.property_rules import MAX_CUSTOM
from daemon.sandbox.hubspot.wire import Answer, Refusal, answer, iso

__all__ = ["routes"]

Wire = dict[str, object]

TOKEN_INFO = "/oauth/v2/private-apps/get/access-token-info"
MAX_PIPELINES = 100
MAX_RECORDS = 1_000_000
# When the account was opened: the date of its currency and first rates.
OPENED = "2022-01-03T08:00:00Z"
_CURRENCY_NAMES = {
    "USD": "US Dollar",
    "EUR": "Euro",
    "GBP": "British Pound",
    "NOK": "Norwegian Krone",
    "SEK": "Swedish Krona",
    "CHF": "Swiss Franc",
    "PLN": "Polish Zloty",
    "JPY": "Japanese Yen",
}


EVERY_SCOPE = frozenset(
    {"oauth", "automation", "tickets", "crm.objects.owners.read", "settings.currencies.read"}
    | {
        f"crm.{area}.{kind}.{access}"
        for area in ("objects", "schemas")
        for kind in ("contacts", "companies", "deals", "line_items", "quotes", "custom")
        for access in ("read", "write")
    }
)
"""What a token may that was made without a list of scopes."""


class TokenKey(Struct, rename="camel"):
    """Which token is asked about."""

    token_key: str


def routes() -> list[Endpoint]:
    """The calls on owners and on the account."""
    money = Need.CURRENCIES
    return [
        Endpoint("GET", "owners", "", list_owners, Need.OWNERS),
        Endpoint("GET", "owners", "/{id}", read_owner, Need.OWNERS),
        Endpoint("GET", "account-info", "/details", read_details),
        Endpoint("GET", "account-info", "/api-usage/daily/private-apps", read_usage),
        Endpoint("GET", "account-info", "/api-usage/daily", read_usage),
        Endpoint("POST", "plain", TOKEN_INFO, read_token),
        Endpoint("GET", "currencies", "/company-currency", read_company_currency, money),
        Endpoint("GET", "currencies", "/codes", list_currency_codes, money),
        Endpoint("GET", "currencies", "/exchange-rates", list_rates, money),
        Endpoint("GET", "currencies", "/exchange-rates/current", list_rates, money),
        *_limit_routes(),
    ]


def _limit_routes() -> list[Endpoint]:
    prefixes = ("/crm/v3/limits", "/crm/limits/2026-03", "/crm/limits/2026-09")
    handlers = (
        ("records", count_records),
        ("custom-properties", count_properties),
        ("pipelines", count_pipelines),
    )
    return [
        Endpoint("GET", "plain", f"{prefix}/{name}", handler)
        for prefix in prefixes
        for name, handler in handlers
    ]


def list_owners(call: Call) -> Answer:
    """Owners by page, active or archived; `email` is one exact address."""
    limit = call.integer("limit", default=100, top=500)
    after, email = call.text("after") or "0", (call.text("email") or "").lower()
    if not (after.isascii() and after.isdigit()):
        raise Refusal(400, "Unable to parse value for query parameter: after")
    found = [
        owner
        for owner in sorted(call.account.owners.values(), key=lambda owner: int(owner.id))
        if owner.archived is call.flag("archived")
        and int(owner.id) > int(after)
        and (not email or owner.email.lower() == email)
    ]
    page = found[:limit]
    following = page[-1].id if len(found) > limit else None
    return answer({"results": page, **call.paging(following)})


def read_owner(call: Call) -> Answer:
    """One owner, by its id or by the id of its user."""
    wanted, key = call.params["id"], call.text("idProperty") or "id"
    if key not in {"id", "userId"}:
        raise Refusal(400, "Unable to parse value for query parameter: idProperty")
    if not (wanted.isascii() and wanted.isdigit()):
        raise Refusal(400, "Unable to parse value for path parameter: ownerId")
    for owner in call.account.owners.values():
        if owner.archived is call.flag("archived") and wanted == _key_of(owner, key):
            return answer(owner)
    raise Refusal(404, "resource not found")


def _key_of(owner: Owner, key: str) -> str:
    return owner.id if key == "id" else str(owner.user_id_including_inactive)


def read_details(call: Call) -> Answer:
    """The account the token belongs to; any token may ask."""
    return answer(call.account.details)


def read_token(call: Call) -> Answer:
    """What a private app's token may do; any token may ask about itself."""
    wanted = call.json(TokenKey).token_key
    token = call.account.tokens.get(wanted)
    if token is None or token.kind != "private":
        raise Refusal(404, "resource not found")
    scopes = EVERY_SCOPE if token.scopes is None else token.scopes
    return answer(
        {
            "userId": 2620022,
            "hubId": call.account.details.portal_id,
            "appId": token.app_id,
            "scopes": sorted(scopes),
        }
    )


def read_usage(call: Call) -> Answer:
    """How much of the day's allowance the account's private apps have used."""
    account = call.account
    now = account.clock.now_ms()
    usage: Wire = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": account.limits.rates.daily,
        "currentUsage": account.limits.used_today,
        "collectedAt": iso(now),
        "fetchStatus": "SUCCESS",
        "resetsAt": iso(day_bounds_ms(now, account.details.time_zone)[1]),
    }
    return answer({"results": [usage]})


def read_company_currency(call: Call) -> Answer:
    """The currency that amounts without one are in."""
    return answer({"id": call.account.details.company_currency, "createdAt": OPENED})


def list_currency_codes(call: Call) -> Answer:
    """Currencies the vendor knows; those of the account among them."""
    codes = sorted({*_CURRENCY_NAMES, *call.account.details.currencies})
    names = [(code, _CURRENCY_NAMES.get(code, code)) for code in codes]
    return answer(
        {"results": [{"currencyCode": code, "currencyName": name} for code, name in names]}
    )


def list_rates(call: Call) -> Answer:
    """What one unit of each further currency is worth in the account's own."""
    account = call.account
    own = account.details.company_currency
    rates: list[Wire] = [
        {
            "id": str(position),
            "fromCurrencyCode": code,
            "toCurrencyCode": own,
            "conversionRate": account.rates.get(code, 1.0),
            "effectiveAt": OPENED,
            "createdAt": OPENED,
            "updatedAt": OPENED,
            "visibleInUI": True,
        }
        for position, code in enumerate(account.details.additional_currencies, start=1)
    ]
    return answer({"results": rates})


def _usage(schema: ObjectSchema, used: int, limit: int) -> Wire:
    return {
        "objectTypeId": schema.type.object_type_id,
        "singularLabel": schema.type.singular.replace("_", " ").capitalize(),
        "pluralLabel": schema.type.name.replace("_", " ").capitalize(),
        "usage": used,
        "limit": limit,
        "percentage": round(used / limit * 100, 2),
    }


_NO_CUSTOM_TYPES: Wire = {
    "overallUsage": 0,
    "overallLimit": 0,
    "overallPercentage": 0,
    "byObjectType": [],
}


def count_records(call: Call) -> Answer:
    """Records per type against the plan."""
    counts = [_usage(t.schema, len(t), MAX_RECORDS) for t in call.account.tables.values()]
    return answer({"hubspotDefinedObjectTypes": counts, "customObjectTypes": _NO_CUSTOM_TYPES})


def count_pipelines(call: Call) -> Answer:
    """Pipelines per type against the plan."""
    schemas = [t.schema for t in call.account.tables.values() if t.schema.type.pipeline_property]
    counts = [_usage(s, len(s.live_pipelines()), MAX_PIPELINES) for s in schemas]
    return answer({"hubspotDefinedObjectTypes": counts, "customObjectTypes": _NO_CUSTOM_TYPES})


def count_properties(call: Call) -> Answer:
    """Properties of the account's own per type against the plan."""
    tables = call.account.tables.values()
    counts = [_usage(table.schema, _own(table.schema), MAX_CUSTOM) for table in tables]
    used = sum(_own(table.schema) for table in tables)
    limit = MAX_CUSTOM * len(counts)
    return answer(
        {
            "overallUsage": used,
            "overallLimit": limit,
            "overallPercentage": round(used / limit * 100, 2),
            "byObjectType": counts,
        }
    )


def _own(schema: ObjectSchema) -> int:
    live = (item for item in schema.properties.values() if not item.archived)
    return sum(not item.is_vendor_defined for item in live)
