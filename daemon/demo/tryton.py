"""Tryton as its administrator sees it, over its own JSON-RPC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from types import TracebackType
from typing import Any

from daemon.demo.deals import Deal
from daemon.sandbox.tryton.client import AdminClient
from daemon.sandbox.tryton.server import TrytonInfo

MODEL = "model.sale.opportunity"
FIELDS = (
    "description",
    "state",
    "amount",
    "currency.code",
    "end_date",
    "employee.party.email",
    "comment",
    "reference",
)


class Tryton:
    """One database."""

    def __init__(self, info: TrytonInfo) -> None:
        self._client = AdminClient(info)

    def __enter__(self) -> Tryton:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def deals(self) -> dict[str, Deal]:
        """Read all deals, by id."""
        return self._search([])

    def deal(self, record_id: str) -> Deal:
        """Read one deal."""
        return self._search([["id", "=", int(record_id)]])[record_id]

    def last_change(self) -> str:
        """Return when any deal was last changed."""
        order = [["last_modified_at", "DESC"]]
        newest = self._client.call(f"{MODEL}.search_read", [], 0, 1, order, ["last_modified_at"])
        return str(newest)

    def edit(self, record_id: str, values: Mapping[str, object]) -> None:
        """Change fields of a deal."""
        self._client.call(f"{MODEL}.write", [int(record_id)], dict(values))

    def _search(self, domain: Sequence[object]) -> dict[str, Deal]:
        rows = self._client.call(f"{MODEL}.search_read", domain, 0, None, None, list(FIELDS))
        return {deal.id: deal for deal in map(_deal, rows)}


def money(amount: Decimal) -> dict[str, str]:
    """Write an amount as Tryton's JSON wants it."""
    return {"__class__": "Decimal", "decimal": f"{amount:.2f}"}


def _deal(row: Any) -> Deal:  # Any: Tryton's JSON
    amount = Decimal(row["amount"]["decimal"]) if row["amount"] else None
    end = row["end_date"]
    reference = row["reference"] or ""
    employee = row["employee."] or {}
    return Deal(
        id=str(row["id"]),
        name=row["description"] or "",
        stage=row["state"],
        app_stage=row["state"],
        amount=amount,
        currency="" if amount is None else row["currency."]["code"],
        close_day=date(end["year"], end["month"], end["day"]) if end else None,
        owner=(employee.get("party.") or {}).get("email") or "",
        comment=row["comment"] or "",
        copy_of=reference.rpartition(":")[2] if reference.startswith("tieline:") else "",
    )
