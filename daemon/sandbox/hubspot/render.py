"""From a stored record to what the vendor's answers show of it.

Decides which properties come back. Owns no state; never changes a record.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from daemon.sandbox.hubspot.calculated import Getter, getter
from daemon.sandbox.hubspot.table import HistoryEntry, Record, Source, Table
from daemon.sandbox.hubspot.wire import iso

if TYPE_CHECKING:
    from daemon.sandbox.hubspot.account import Account

__all__ = ["View", "written_view"]

_BY_ITSELF = Source("CALCULATED")
# Calculated properties that the answer of a write shows beside the written ones.
_WITH_WRITES = {
    "deals": (
        "amount_in_home_currency",
        "days_to_close",
        "hs_closed_amount",
        "hs_closed_amount_in_home_currency",
        "hs_createdate",
        "hs_deal_stage_probability",
        "hs_deal_stage_probability_shadow",
        "hs_forecast_amount",
        "hs_is_closed",
        "hs_is_closed_lost",
        "hs_is_closed_won",
        "hs_object_source",
        "hs_object_source_id",
        "hs_object_source_label",
        "hs_projected_amount",
        "hs_projected_amount_in_home_currency",
    ),
}
_WITH_ANY_WRITE = ("hs_object_source", "hs_object_source_id", "hs_object_source_label")

# Any: the vendor's JSON; Structs would have to be copied into dicts for the sorted keys anyway.
Wire = dict[str, Any]


class View:
    """A fixed choice of properties of one type, applied to many records.

    Names that do not exist are left out without a word, as the vendor does; empty properties
    that do exist are null.
    """

    def __init__(
        self,
        account: Account,
        table: Table,
        names: Iterable[str] = (),
        history: Iterable[str] = (),
        *,
        with_url: bool = True,
    ) -> None:
        kind = table.schema.type
        self._account = account
        self._type = table.name
        self._modified = kind.last_modified_property
        known = {*names, *kind.default_returned_properties}
        self._plan: list[tuple[str, Getter | None]] = [
            (name, getter(table.name, name))
            for name in sorted(known)
            if table.schema.live_property(name) is not None
        ]
        self._history = sorted(
            name for name in set(history) if table.schema.live_property(name) is not None
        )
        cap = account.switches
        self._cap = cap.history_cap_contacts if table.name == "contacts" else cap.history_cap
        self._url = (
            f"https://{account.details.ui_domain}/contacts/{account.details.portal_id}"
            f"/record/{kind.object_type_id}/"
            if with_url
            else ""
        )

    def properties(self, record: Record) -> dict[str, str | None]:
        """The chosen properties, sorted by name."""
        values = record.values
        found: dict[str, str | None] = {}
        for name, get in self._plan:
            if get is not None:
                found[name] = get(self._account, record.id, values)
            elif name == self._modified:
                found[name] = iso(record.modified_ms)
            else:
                found[name] = values.get(name)
        return found

    def record(self, record: Record) -> Wire:
        """The whole record as the answer of a read shows it."""
        shown: Wire = {"id": str(record.id), "properties": self.properties(record)}
        if self._history:
            shown["propertiesWithHistory"] = {
                name: [_entry(entry) for entry in self._versions(record, name)]
                for name in self._history
            }
        shown["createdAt"] = record.values.get("createdate") or iso(record.born_ms)
        shown["updatedAt"] = iso(record.modified_ms)
        shown["archived"] = record.archived_ms is not None
        if record.archived_ms is not None:
            shown["archivedAt"] = iso(record.archived_ms)
        if self._url:
            shown["url"] = f"{self._url}{record.id}"
        return shown

    def _versions(self, record: Record, name: str) -> list[HistoryEntry]:
        if name == self._modified:
            return [HistoryEntry(iso(record.modified_ms), record.modified_ms, record.origin)]
        get = getter(self._type, name)
        kept = record.versions(name)
        if not kept and get is not None:
            value = get(self._account, record.id, record.values)
            return [HistoryEntry(value, record.modified_ms, _BY_ITSELF)] if value else []
        return kept[: self._cap]


def _entry(entry: HistoryEntry) -> Wire:
    source = entry.source
    shown: Wire = {
        "value": entry.value,
        "timestamp": iso(entry.at_ms),
        "sourceType": source.type,
    }
    if source.id is not None:
        shown["sourceId"] = source.id
    if source.label is not None:
        shown["sourceLabel"] = source.label
    if source.user_id is not None:
        shown["updatedByUserId"] = source.user_id
    return shown


def written_view(account: Account, table: Table, names: Iterable[str]) -> View:
    """The wider set that a create or update answers with: what was written and more."""
    return View(account, table, {*names, *_WITH_WRITES.get(table.name, _WITH_ANY_WRITE)})
