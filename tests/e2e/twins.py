"""Two HubSpot accounts as two apps, with deals, contacts and companies and the links between them.

Each account is a sandbox process. What people do in them goes over their own APIs with tokens of
their own, so that the rest of the request log is tieline's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.world import Tieline, wait
from tests.support.hubspot_process import Sandbox

CONFIG = """
daemon: {{store: state.db, listen: "127.0.0.1:{port}", log: {{format: text}}}}
apps:
  one: {{type: hubspot, base_url: "{one}", auth: {{token: "${{env:TOKEN_ONE}}"}}, hold: 0s}}
  two: {{type: hubspot, base_url: "{two}", auth: {{token: "${{env:TOKEN_TWO}}"}}, hold: 0s}}
connections:
  twins:
    between: [one, two]
    poll: 1s
    presence: {presence}
    retry: {{first: 2s, last: 10s}}
{deals}{others}"""
DEALS = """    deals:
      direction: {direction}
      pipelines:
        - one: Sales Pipeline
          two: Sales Pipeline
          stages: {{Qualified To Buy: Qualified To Buy}}
      fields: [{{one: dealname, two: dealname}}]
      {more}
"""
OTHERS = """    contacts:
      direction: {direction}
      fields: [{{one: firstname, two: firstname}}]
      {more}
    companies:
      direction: {direction}
      fields: [{{one: name, two: name}}]
"""
NAMES = {"deals": "dealname", "contacts": "firstname", "companies": "name"}
PEOPLE = "people"
PRIMARY = {"deals": 5, "contacts": 1}
PAIRS = (("deals", "contacts"), ("deals", "companies"), ("contacts", "companies"))


class Account:
    """One account, as its people and a test see it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        sandbox.control("/tokens", token="tok-people", name=PEOPLE)
        self._people = sandbox.client("tok-people")

    # Any: the vendor's JSON.
    def _api(self, method: str, path: str, **more: Any) -> Any:
        answer = self._people.request(method, path, **more)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def make(self, object_type: str, name: str) -> str:
        """Let a person make a record; return its id."""
        properties = {NAMES[object_type]: name}
        if object_type == "deals":
            properties |= {"pipeline": "default", "dealstage": "qualifiedtobuy"}
        body = {"objectType": object_type, "properties": properties}
        return str(self.sandbox.control("/admin/create", **body)["id"])

    def archive(self, object_type: str, record_id: str) -> None:
        """Let a person archive a record."""
        self.sandbox.control("/admin/archive", objectType=object_type, ids=[record_id])

    def merge(self, object_type: str, primary: str, other: str) -> str:
        """Let a person merge two records; return the survivor's id."""
        body = {"objectType": object_type, "primaryObjectId": primary, "objectIdToMerge": other}
        return str(self.sandbox.control("/admin/merge", **body)["id"])

    def link(self, source: str, target: str, one: str, *others: str) -> None:
        """Let a person link records."""
        pairs = [{"from": {"id": one}, "to": {"id": other}} for other in others]
        path = f"/crm/v4/associations/{source}/{target}/batch/associate/default"
        self._api("POST", path, json={"inputs": pairs})

    def unlink(self, source: str, target: str, one: str, *others: str) -> None:
        """Let a person part records."""
        inputs = [{"from": {"id": one}, "to": [{"id": other} for other in others]}]
        path = f"/crm/v4/associations/{source}/{target}/batch/archive"
        self._api("POST", path, json={"inputs": inputs})

    def touch(self, object_type: str, record_id: str, **properties: str) -> None:
        """Let a person edit a record."""
        body = {"objectType": object_type, "id": record_id, "properties": properties}
        self.sandbox.control("/admin/edit", **body)

    def names(self, object_type: str) -> dict[str, str]:
        """Return the names of all live records by id."""
        found: dict[str, str] = {}
        path: str | None = f"/crm/v3/objects/{object_type}?limit=100"
        while path is not None:
            page = self._api("GET", path)
            found |= {
                one["id"]: one["properties"].get(NAMES[object_type]) or ""
                for one in page["results"]
            }
            after = page.get("paging", {}).get("next", {}).get("after")
            path = f"/crm/v3/objects/{object_type}?limit=100&after={after}" if after else None
        return found

    def ids(self, object_type: str) -> dict[str, str]:
        """Return the ids of live records by their names, which must be different."""
        names = self.names(object_type)
        found = {name: one for one, name in names.items()}
        assert len(found) == len(names), f"two {object_type} share a name: {names}"
        return found

    def mark_primary(self, source: str, one: str, company: str) -> None:
        """Let a person make a company the primary one of a deal or contact."""
        kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": PRIMARY[source]}
        pair = {"from": {"id": one}, "to": {"id": company}, "types": [kind]}
        path = f"/crm/v4/associations/{source}/companies/batch/create"
        self._api("POST", path, json={"inputs": [pair]})
        # A moved mark alone is no change of either record to HubSpot.
        self.touch(source, one, **{"deals": {"description": "x"}}.get(source, {"jobtitle": "x"}))

    def polls(self, since: int) -> dict[str, int]:
        """Count tieline's searches by object type."""
        calls = [one["path"] for one in self.sandbox.log(since)["requests"]]
        return {kind: sum(f"/{kind}/search" in path for path in calls) for kind in NAMES}

    def links(self) -> set[tuple[str, str]]:
        """Return all links as pairs of names, with ` (primary)` behind a primary company."""
        found: set[tuple[str, str]] = set()
        for source, target in PAIRS:
            left, right = self.names(source), self.names(target)
            if not left:
                continue
            body = {"inputs": [{"id": one} for one in left]}
            read = self._api(
                "POST", f"/crm/v4/associations/{source}/{target}/batch/read", json=body
            )
            for one in read["results"]:
                for to in one["to"]:
                    labels = [kind["label"] for kind in to["associationTypes"]]
                    mark = " (primary)" if "Primary" in labels else ""
                    name = f"{right[str(to['toObjectId'])]}{mark}"
                    found.add((left[one["from"]["id"]], name))
        return found

    def writes(self, since: int = 0) -> list[Any]:
        """Return tieline's write requests in the log."""
        return [
            one
            for one in self.sandbox.log(since)["requests"]
            if one["write"] and one["token"] != PEOPLE
        ]

    def last_call(self) -> int:
        """Return the request log's last number."""
        return int(self.sandbox.log()["last"])

    def close(self) -> None:
        """Release what it holds."""
        self._people.close()


class Twins(Tieline):
    """Both accounts and the command."""

    def __init__(self, folder: Path, one: Sandbox, two: Sandbox) -> None:
        super().__init__(folder, {"TOKEN_ONE": one.token, "TOKEN_TWO": two.token})
        self.one, self.two = Account(one), Account(two)
        self.configure()

    def configure(
        self,
        *,
        direction: str = "both",
        presence: str = "20m",
        deals: str = "",
        contacts: str = "",
        deals_too: bool = True,
        others: bool = True,
    ) -> None:
        """Write tieline.yaml; `deals` and `contacts` are lines added to these syncs."""
        text = CONFIG.format(
            port=self.port,
            one=self.one.sandbox.url,
            two=self.two.sandbox.url,
            presence=presence,
            deals=DEALS.format(direction=direction, more=deals) if deals_too else "",
            others=OTHERS.format(direction=direction, more=contacts) if others else "",
        )
        (self.folder / "tieline.yaml").write_text(text)

    def wait_links(self, *wanted: tuple[str, str], within: float = 40) -> None:
        """Wait until both accounts have just these links."""
        wait(
            lambda: self.one.links() == self.two.links() == set(wanted),
            within,
            lambda: (sorted(self.one.links()), sorted(self.two.links())),
            pause=0.5,
        )


@contextmanager
def running_twins(folder: Path) -> Iterator[Twins]:
    """Start both accounts for the block."""
    accounts = [
        Sandbox("--listen", "127.0.0.1:0", "--token", f"tok-{name}", "--lag", "0", "--deals", "0")
        for name in ("one", "two")
    ]
    try:
        twins = Twins(folder, accounts[0], accounts[1])
        try:
            yield twins
        finally:
            twins.one.close()
            twins.two.close()
    finally:
        for account in accounts:
            account.stop()
