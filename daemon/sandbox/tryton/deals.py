"""Deals for the sandbox server: made through its public API, in bulk, as the sync user."""

from __future__ import annotations

import base64
from datetime import date, timedelta
from typing import Any

import httpx

from daemon.sandbox.tryton.server import TrytonInfo
from daemon.sandbox.tryton.template import TrytonError

WARES = ("pumps", "winches", "valves", "radar upgrade", "spare parts", "hull survey", "cranes")
# Per deal in turn: the buttons that bring it from lead to where it shall be.
WAYS = ((), ("opportunity",), (), ("opportunity",), ("lost",))


class AdminClient:
    """Plain JSON-RPC for seeding and for looking at the server from outside of tieline."""

    def __init__(self, info: TrytonInfo, *, admin: bool = True) -> None:
        """Sign in, as the administrator or as the sync user."""
        user = info.admin_user if admin else info.user
        password = info.admin_password if admin else info.password
        self._http = httpx.Client(timeout=60, trust_env=False)
        self._url = f"{info.url}{info.database}/rpc/"
        user_id, key, *_ = self._post("common.db.login", [user, {"password": password}])
        token = base64.b64encode(f"{user}:{user_id}:{key}".encode()).decode()
        self._http.headers["Authorization"] = f"Session {token}"
        self._context = {
            **self._post("model.res.user.get_preferences", [True, {}]),
            "language": "en",
        }

    # Any: what a Tryton method returns depends on the method.
    def call(self, method: str, *arguments: object, **context: object) -> Any:
        """Call a method (`model.sale.opportunity.create`) and return its result.

        Raises:
            TrytonError: the server refused; the message holds its answer.
        """
        return self._post(method, [*arguments, {**self._context, **context}])

    def close(self) -> None:
        """Release the connection."""
        self._http.close()

    def _post(self, method: str, params: list[object]) -> Any:
        answer = self._http.post(self._url, json={"id": 1, "method": method, "params": params})
        if not answer.is_success:
            raise TrytonError(f"{method} failed with HTTP status {answer.status_code}")
        body = answer.json()
        if "error" in body:
            raise TrytonError(f"{method} failed: {str(body['error'])[:500]}")
        return body["result"]


def add_deals(info: TrytonInfo, count: int) -> None:
    """Add `count` deals in mixed states, in a handful of calls whatever their number."""
    if not count:
        return
    client = AdminClient(info, admin=False)
    try:
        _add(client, count)
    finally:
        client.close()


def _add(client: AdminClient, count: int) -> None:
    parties = _search(client, "party.party", [["name", "like", "Kunde __ AS"]])
    employees = _search(client, "company.employee", [])
    deals = [_make_deal(number, parties, employees) for number in range(count)]
    ids = client.call("model.sale.opportunity.create", deals)
    for turn, way in enumerate(WAYS):
        chosen = ids[turn :: len(WAYS)]
        for button in way if chosen else ():
            client.call(f"model.sale.opportunity.{button}", chosen)


def _make_deal(number: int, parties: list[int], employees: list[int]) -> dict[str, object]:
    expected = date.today() + timedelta(days=30 + number % 90)
    return {
        "party": parties[number % len(parties)],
        "employee": employees[number % len(employees)],
        "description": f"Kunde {number % len(parties):02d}: {WARES[number % len(WARES)]}",
        "reference": f"T-{number + 1:04d}",
        "amount": {"__class__": "Decimal", "decimal": f"{1000 * (1 + number % 50)}.00"},
        "end_date": expected.isoformat(),
    }


def _search(client: AdminClient, model: str, domain: list[object]) -> list[int]:
    found: list[int] = client.call(f"model.{model}.search", domain, 0, None, [["id", "ASC"]])
    return found
