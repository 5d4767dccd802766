"""HubSpot as a person sees it: reads over its CRM API, edits in its user interface.

The edits go through the sandbox's control address, which stands for the user interface.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
from msgspec import Struct

from daemon.demo.deals import Deal
from daemon.demo.settings import OWNERS, STAGES

TIELINE = "sandbox"
"""The log's name of the first token that the sandbox was given: tieline's. Ours is the second."""

PROPERTIES = (
    "dealname,dealstage,amount,deal_currency_code,closedate,hubspot_owner_id,description,"
    "tieline_key"
)
PIPELINE = "default"
TIMEOUT_SECONDS = 30.0


class HubSpotInfo(Struct, frozen=True):
    """What the sandbox prints once it serves."""

    url: str
    token: str
    control_url: str


class Person(Struct, frozen=True):
    """Somebody who works in HubSpot."""

    name: str
    user_id: int


class HubSpot:
    """One account; `token` is a token of the demo's own, so that its calls can be told apart."""

    def __init__(self, info: HubSpotInfo, token: str) -> None:
        self._api = httpx.Client(
            base_url=info.url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )
        self._control = httpx.Client(
            base_url=info.control_url, timeout=TIMEOUT_SECONDS, trust_env=False
        )
        owners = self._get("/crm/v3/owners")["results"]
        self._emails = {str(one["id"]): str(one["email"]) for one in owners}
        self.people = tuple(
            Person(f"{one['firstName']} {one['lastName']}", one["userId"]) for one in owners
        )
        details = self._get("/account-info/v3/details")
        self._zone = ZoneInfo(details["timeZone"])
        self._currency = str(details["companyCurrency"])
        self.stages = {
            str(stage["id"]): str(stage["label"])
            for pipeline in self._get("/crm/v3/pipelines/deals")["results"]
            for stage in pipeline["stages"]
        }

    def __enter__(self) -> HubSpot:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._api.close()
        self._control.close()

    # --- reading ----------------------------------------------------------------------------

    def deals(self) -> dict[str, Deal]:
        """Read all deals, by id."""
        return {deal.id: deal for deal in self._all_deals()}

    def deal(self, record_id: str) -> Deal:
        """Read one deal."""
        path = f"/crm/v3/objects/deals/{record_id}"
        return self._deal(self._get(path, properties=PROPERTIES))

    def _all_deals(self) -> Iterator[Deal]:
        after: str | None = None
        while True:
            more = {} if after is None else {"after": after}
            page = self._get("/crm/v3/objects/deals", limit="100", properties=PROPERTIES, **more)
            yield from map(self._deal, page["results"])
            after = page.get("paging", {}).get("next", {}).get("after")
            if after is None:
                return

    # Any: the vendor's JSON.
    def _get(self, path: str, **query: str) -> Any:
        answer = self._api.get(path, params=query)
        answer.raise_for_status()
        return answer.json()

    def _deal(self, record: Any) -> Deal:  # Any: the vendor's JSON
        values = {name: raw or "" for name, raw in record["properties"].items()}
        label = self.stages[values["dealstage"]]
        amount = Decimal(values["amount"]) if values["amount"] else None
        close = values["closedate"]
        return Deal(
            id=str(record["id"]),
            name=values["dealname"],
            stage=STAGES.get(label, ""),
            app_stage=label,
            amount=amount,
            currency="" if amount is None else values["deal_currency_code"] or self._currency,
            close_day=datetime.fromisoformat(close).astimezone(self._zone).date()
            if close
            else None,
            owner=OWNERS.get(self._emails.get(values["hubspot_owner_id"], ""), ""),
            comment=values["description"],
            copy_of=_source(values.get("tieline_key", "")),
        )

    # --- a person's work --------------------------------------------------------------------

    def edit(self, who: Person, record_id: str, values: Mapping[str, str]) -> None:
        """Change fields of a deal as a person does."""
        body = {"id": record_id, "properties": dict(values), "userId": who.user_id}
        answer = self._control.post("/admin/edit", json=body)
        answer.raise_for_status()

    def stage_id(self, label: str) -> str:
        """Return the id of a stage by its label."""
        return next(one for one, name in self.stages.items() if name == label)

    # --- the request log --------------------------------------------------------------------

    def calls(self, since: int = 0) -> tuple[int, list[Call]]:
        """Return the log's last number, and the calls that tieline made since."""
        answer = self._control.get("/requests", params={"since": since})
        answer.raise_for_status()
        log = msgspec.json.decode(answer.content, type=_Log)
        return log.last, [call for call in log.requests if call.token == TIELINE]


class Call(Struct, frozen=True):
    """One line of the sandbox's request log; `write` says that it could change something."""

    method: str
    path: str
    status: int
    token: str
    write: bool


class _Log(Struct, frozen=True):
    last: int
    requests: list[Call]


def _source(key: str) -> str:
    return key.rpartition(":")[2] if key.startswith("tieline:") else ""
