"""Properties the vendor works out by itself, computed when asked for and never stored.

Pure functions from a record's stored values and the account's facts to a string, so that search
gets the same answer from an old version of a record as a read gets from the present one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from daemon.sandbox.hubspot.validate import parse_instant

if TYPE_CHECKING:
    from daemon.sandbox.hubspot.account import Account

__all__ = ["CALCULATED", "Getter", "getter"]

# Account, record id, stored values -> value as shown.
Getter = Callable[["Account", int, Mapping[str, str]], str | None]


def _closed(account: Account, _: int, values: Mapping[str, str]) -> bool:
    found = account.tables["deals"].schema.find_stage(values.get("dealstage", ""))
    return found is not None and found[1].is_closed


def _won(account: Account, _: int, values: Mapping[str, str]) -> bool:
    found = account.tables["deals"].schema.find_stage(values.get("dealstage", ""))
    return found is not None and found[1].is_closed and found[1].is_won


def _word(claim: Callable[[Account, int, Mapping[str, str]], bool]) -> Getter:
    return lambda account, one, values: "true" if claim(account, one, values) else "false"


def _count(claim: Callable[[Account, int, Mapping[str, str]], bool]) -> Getter:
    return lambda account, one, values: "1" if claim(account, one, values) else "0"


def _lost(account: Account, one: int, values: Mapping[str, str]) -> bool:
    return _closed(account, one, values) and not _won(account, one, values)


def _open(account: Account, one: int, values: Mapping[str, str]) -> bool:
    return not _closed(account, one, values)


def _decimal(text: str | None) -> Decimal | None:
    try:
        return Decimal(text) if text else None
    except InvalidOperation:
        return None


def _printed(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _home(account: Account, _: int, values: Mapping[str, str]) -> str | None:
    amount = _decimal(values.get("amount"))
    code = values.get("deal_currency_code") or account.details.company_currency
    if amount is None:
        return None
    if code == account.details.company_currency:
        return values["amount"]
    return _printed(amount * Decimal(str(account.rates.get(code, 1.0))))


def _projected(account: Account, _: int, values: Mapping[str, str]) -> str | None:
    amount = _decimal(values.get("amount"))
    probability = _decimal(values.get("hs_deal_stage_probability"))
    return None if amount is None or probability is None else _printed(amount * probability)


def _projected_home(account: Account, one: int, values: Mapping[str, str]) -> str | None:
    amount = _decimal(_home(account, one, values))
    probability = _decimal(values.get("hs_deal_stage_probability"))
    return None if amount is None or probability is None else _printed(amount * probability)


def _if_won(get: Getter) -> Getter:
    return lambda account, one, values: (
        (get(account, one, values) if _won(account, one, values) else "0")
        if values.get("amount")
        else None
    )


def _stored(name: str) -> Getter:
    return lambda account, one, values: values.get(name)


def _contacts(account: Account, one: int, _: Mapping[str, str]) -> str | None:
    return str(len(account.links.targets(("deals", one), "contacts")))


def _associated(own: str, other: str) -> Getter:
    return lambda account, one, values: str(len(account.links.targets((own, one), other)))


def _days_to_close(account: Account, _: int, values: Mapping[str, str]) -> str | None:
    start = parse_instant(values.get("createdate", ""))
    end = parse_instant(values.get("closedate", ""))
    if start is None or end is None:
        return None
    return str(max(end - start, 0) // 86_400_000)


def _entered_stage(account: Account, _: int, values: Mapping[str, str]) -> str | None:
    stage = values.get("dealstage", "").replace("-", "_").lower()
    return values.get(f"hs_v2_date_entered_{stage}") or values.get("createdate")


def _won_date(account: Account, one: int, values: Mapping[str, str]) -> str | None:
    return values.get("closedate") if _won(account, one, values) else None


CALCULATED: dict[str, dict[str, Getter]] = {
    "deals": {
        "amount_in_home_currency": _home,
        "days_to_close": _days_to_close,
        "hs_all_owner_ids": _stored("hubspot_owner_id"),
        "hs_closed_amount": _if_won(_stored("amount")),
        "hs_closed_amount_in_home_currency": _if_won(_home),
        "hs_closed_won_count": _count(_won),
        "hs_closed_won_date": _won_date,
        "hs_deal_stage_probability_shadow": _stored("hs_deal_stage_probability"),
        "hs_forecast_amount": _projected,
        "hs_is_closed": _word(_closed),
        "hs_is_closed_count": _count(_closed),
        "hs_is_closed_lost": _word(_lost),
        "hs_is_closed_won": _word(_won),
        "hs_is_open_count": _count(_open),
        "hs_projected_amount": _projected,
        "hs_projected_amount_in_home_currency": _projected_home,
        "hs_v2_date_entered_current_stage": _entered_stage,
        "num_associated_contacts": _contacts,
    },
    "contacts": {
        "num_associated_deals": _associated("contacts", "deals"),
        "hs_all_owner_ids": _stored("hubspot_owner_id"),
        "hs_email_domain": lambda account, one, values: (
            values.get("email", "").partition("@")[2] or None
        ),
    },
    "companies": {
        "num_associated_contacts": _associated("companies", "contacts"),
        "num_associated_deals": _associated("companies", "deals"),
        "hs_all_owner_ids": _stored("hubspot_owner_id"),
    },
}


def _object_id(account: Account, one: int, _: Mapping[str, str]) -> str:
    return str(one)


def _born(account: Account, one: int, values: Mapping[str, str]) -> str | None:
    # Stored only once the writable date has left the true one.
    return values.get("hs_createdate") or values.get("createdate")


def getter(type_name: str, name: str) -> Getter | None:
    """How to work out a property; None for one that is simply stored."""
    if name == "hs_object_id":
        return _object_id
    if name == "hs_createdate":
        return _born
    return CALCULATED.get(type_name, {}).get(name)
