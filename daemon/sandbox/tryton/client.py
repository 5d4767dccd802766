"""Plain JSON-RPC to the sandbox server, for seeding and for looking at it past tieline."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import httpx

from daemon.sandbox.tryton.server import TrytonInfo
from daemon.sandbox.tryton.template import TrytonError


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

    # Any: as above.
    def read(
        self, model: str, domain: Sequence[object], fields: Sequence[str], *, newest: bool = False
    ) -> list[Any]:
        """Read all records of a model that `domain` fits, in the order of their making."""
        order = [["id", "DESC" if newest else "ASC"]]
        method = f"model.{model}.search_read"
        found: list[Any] = self.call(method, list(domain), 0, None, order, list(fields))
        return found

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
