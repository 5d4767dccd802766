"""Two real systems and the real command: what every end-to-end test stands on.

A world is a HubSpot sandbox process, a Tryton server process and a folder with a configuration.
It reads both systems over their own APIs and compares them without any code of the engine.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from daemon.sandbox.tryton.client import AdminClient
from daemon.sandbox.tryton.running import running_tryton
from daemon.sandbox.tryton.server import TrytonInfo
from tests.support.hubspot_process import Sandbox

STAGES = {"appointmentscheduled": "lead", "qualifiedtobuy": "opportunity", "closedlost": "lost"}
PROPERTIES = "dealname,amount,deal_currency_code,dealstage,pipeline,closedate,tieline_key"
FIELDS = ["description", "amount", "currency.code", "state", "end_date", "reference"]
ZONE = ZoneInfo("US/Eastern")

CONFIG = """
daemon: {{store: state.db, listen: "127.0.0.1:{port}", log: {{format: text}}}}
apps:
  hubspot:
    type: hubspot
    base_url: {hubspot_url}
    auth: {{token: "${{env:HUBSPOT_TOKEN}}"}}
    hold: 0s
  erp:
    type: tryton
    url: {tryton_url}
    database: {database}
    auth: {{user: {user}, password: "${{env:ERP_PASSWORD}}"}}
    default_party: Kunde 00 AS
    default_employee: Kari Selger
connections:
  sales:
    between: [hubspot, erp]
    poll: 1s
    presence: {presence}
    retry: {{first: 5s, last: 1m, quarantine_after: 6}}
    deals:
      direction: {direction}
      conflicts: {{prefer: {prefer}, window: {window}}}
      pipelines:
        - hubspot: Sales Pipeline
          erp: opportunities
          stages:
            Appointment Scheduled: lead
            Qualified To Buy: opportunity
            Closed Lost: lost{more_stages}
      fields:
        - {{hubspot: dealname, erp: description}}
        - {{hubspot: amount, erp: amount}}
        - {{hubspot: closedate, erp: end_date}}{more_fields}
"""


@dataclass(frozen=True)
class Deal:
    """A deal as one system's own API tells it, in words that both share."""

    id: str
    name: str
    amount: Decimal | None
    currency: str
    stage: str
    close: date | None
    key: str


class Tieline:
    """A folder with a configuration, and the `tieline` command in it.

    Attributes:
        variables: the environment beyond the test's own.
        port: where the daemon is to listen.
    """

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        self.variables = variables
        self.port = free_port()

    def command(self, *arguments: str) -> list[str]:
        """The command line of `tieline` with these arguments."""
        return [sys.executable, "-m", "daemon", *arguments]

    def environment(self) -> dict[str, str]:
        """The environment in which it runs."""
        return os.environ | self.variables

    def tieline(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    # Any: the command's JSON.
    def ask(self, *arguments: str) -> Any:
        """Run a command with --json and return its answer."""
        done = self.tieline(*arguments, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def once(self) -> Any:
        """Run one pass until quiet; return its answer."""
        return self.ask("run", "--once")

    @contextmanager
    def daemon(self, *, ready: bool = True) -> Iterator[Daemon]:
        """Run the daemon for the block, and stop it by SIGTERM."""
        daemon = Daemon(self)
        try:
            if ready:
                daemon.wait_ready()
            yield daemon
        finally:
            daemon.end()


class World(Tieline):
    """The two systems, a folder, and the `tieline` command."""

    def __init__(self, folder: Path, sandbox: Sandbox, tryton: TrytonInfo) -> None:
        super().__init__(folder, {"HUBSPOT_TOKEN": sandbox.token, "ERP_PASSWORD": tryton.password})
        self.hubspot = sandbox
        self.tryton = tryton
        self.erp = AdminClient(tryton)
        # A token of our own, so that looking takes nothing from tieline's allowance.
        self.reader = sandbox.client(sandbox.grant("oauth", "crm.objects.deals.read"))
        self.configure()

    # --- configuration ----------------------------------------------------------

    def configure(
        self,
        *,
        direction: str = "both",
        prefer: str = "hubspot",
        window: str = "5m",
        presence: str = "20m",
        more_stages: str = "",
        more_fields: str = "",
        **replaced: str,
    ) -> str:
        """Write tieline.yaml; `replaced` are values of the template such as `hubspot_url`."""
        values: dict[str, object] = {
            "port": self.port,
            "hubspot_url": self.hubspot.url,
            "tryton_url": self.tryton.url,
            "database": self.tryton.database,
            "user": self.tryton.user,
            "direction": direction,
            "prefer": prefer,
            "window": window,
            "presence": presence,
            "more_stages": more_stages,
            "more_fields": more_fields,
        }
        text = CONFIG.format(**(values | replaced))
        (self.folder / "tieline.yaml").write_text(text)
        return text

    # --- the two systems --------------------------------------------------------------------

    def hubspot_deals(self) -> dict[str, Deal]:
        """All live deals of the sandbox, over its CRM API."""
        found: dict[str, Deal] = {}
        after: str | None = None
        while True:
            query = {"limit": "100", "properties": PROPERTIES} | ({"after": after} if after else {})
            answer = self.reader.get("/crm/v3/objects/deals", params=query)
            if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                time.sleep(1)  # even a test keeps to the vendor's limits
                continue
            page = answer.json()
            for record in page["results"]:
                found[record["id"]] = _from_hubspot(record)
            after = page.get("paging", {}).get("next", {}).get("after")
            if after is None:
                return found

    def erp_deals(self) -> dict[str, Deal]:
        """All opportunities of Tryton, over its JSON-RPC, as the administrator."""
        rows = self.erp.call("model.sale.opportunity.search_read", [], 0, None, None, FIELDS)
        return {str(row["id"]): _from_tryton(row) for row in rows}

    def edit_hubspot(self, record_id: str, **properties: str) -> None:
        """Edit a deal as a person in HubSpot's pages does."""
        self.hubspot.control(
            "/admin/edit",
            objectType="deals",
            id=record_id,
            properties=properties,
            userId=2620022,
        )

    def edit_erp(self, record_id: str, **values: object) -> None:
        """Edit an opportunity as a person in Tryton does."""
        self.erp.call("model.sale.opportunity.write", [int(record_id)], values)

    def press_erp(self, record_id: str, button: str) -> None:
        """Press a button of an opportunity."""
        self.erp.call(f"model.sale.opportunity.{button}", [int(record_id)])

    # Any: lines of the request log.
    def hubspot_writes(self, since: int = 0) -> list[Any]:
        """Write requests in the sandbox's log, all of them tieline's: people use control."""
        return [one for one in self.hubspot.log(since)["requests"] if one["write"]]

    def last_call(self) -> int:
        """The request log's last number."""
        return int(self.hubspot.log()["last"])

    def last_erp_change(self) -> str:
        """The newest stamp of any opportunity."""
        rows = self.erp.call(
            "model.sale.opportunity.search_read",
            [],
            0,
            1,
            [["last_modified_at", "DESC"]],
            ["last_modified_at"],
        )
        return json.dumps(rows[0]["last_modified_at"]) if rows else ""

    # --- comparing --------------------------------------------------------------------------

    def pairs(self) -> dict[str, str]:
        """Ids of deals that are copies of each other, HubSpot to Tryton, by the keys alone."""
        found: dict[str, str] = {}
        for deal in self.hubspot_deals().values():
            source = _source(deal.key, "erp")
            if source:
                assert deal.id not in found, f"two copies of HubSpot {deal.id}"
                found[deal.id] = source
        for deal in self.erp_deals().values():
            source = _source(deal.key, "hubspot")
            if source:
                assert source not in found, f"two copies of HubSpot {source}"
                found[source] = deal.id
        assert len(set(found.values())) == len(found), "two HubSpot deals share one copy"
        return found

    def differences(self, *, closing_days: bool = False) -> list[str]:
        """What the two systems do not say alike, of all deals in mapped stages; [] if equal."""
        left, right, pairs = self.hubspot_deals(), self.erp_deals(), self.pairs()
        wrong = [
            f"HubSpot {one} has no copy"
            for one, deal in left.items()
            if deal.stage in STAGES and one not in pairs
        ]
        copies = set(pairs.values())
        wrong += [
            f"Tryton {one} has no copy"
            for one, deal in right.items()
            if deal.stage in STAGES.values() and one not in copies
        ]
        for one, two in pairs.items():
            if one in left and two in right and left[one].stage in STAGES:
                wrong += _differ(left[one], right[two], closing_days)
        return wrong

    def wait_equal(self, within: float = 30) -> None:
        """Wait until both systems say the same."""
        wait(lambda: not self.differences(), within, lambda: self.differences()[:5], pause=0.5)

    def close(self) -> None:
        """Release what it holds."""
        self.reader.close()
        self.erp.close()


class Daemon:
    """A running `tieline run`."""

    def __init__(self, world: Tieline) -> None:
        self._world = world
        self.log = world.folder / "daemon.log"
        self._file = self.log.open("ab")
        self.process = subprocess.Popen(
            world.command("run"),
            cwd=world.folder,
            env=world.environment(),
            stdout=self._file,
            stderr=self._file,
        )

    # Any: the daemon's own JSON.
    def health(self) -> Any:
        """Return the answer of /healthz, or {} while there is none."""
        try:
            url = f"http://127.0.0.1:{self._world.port}/healthz"
            return httpx.get(url, timeout=5, trust_env=False).json()
        except httpx.HTTPError:
            return {}

    def metrics(self) -> str:
        """Return /metrics."""
        url = f"http://127.0.0.1:{self._world.port}/metrics"
        return httpx.get(url, timeout=10, trust_env=False).text

    def wait_ready(self, within: float = 30) -> None:
        """Wait until every connection runs."""
        wait(lambda: bool(self.health().get("ready")), within, self.said)

    def said(self) -> str:
        """Return its log."""
        return self.log.read_text()

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        self.process.wait(10)

    def hang_up(self) -> dict[str, Any]:
        """Send SIGHUP and wait for the reload; return /healthz then."""
        before = self.health()["reloads"]
        self.process.send_signal(signal.SIGHUP)
        wait(lambda: self.health().get("reloads", before) > before, 30, self.said)
        answer: dict[str, Any] = self.health()
        return answer

    def end(self) -> int:
        """Stop it by SIGTERM, if it still runs; return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
                raise
        self._file.close()
        return self.process.returncode


@contextmanager
def running_world(folder: Path, *sandbox_options: str, erp_deals: int = 0) -> Iterator[World]:
    """Start both systems for the block."""
    options = sandbox_options or ("--deals", "0")
    sandbox = Sandbox("--listen", "127.0.0.1:0", "--token", "tok-e2e", "--lag", "0", *options)
    try:
        with running_tryton(deals=erp_deals) as tryton:
            world = World(folder, sandbox, tryton)
            try:
                yield world
            finally:
                world.close()
    finally:
        sandbox.stop()


def wait(
    is_so: Callable[[], bool], within: float, why: Callable[[], object], *, pause: float = 0.1
) -> None:
    """Wait until `is_so`, within seconds, or fail with `why`."""
    until = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < until, f"not within {within} s: {why()}"
        time.sleep(pause)


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _from_hubspot(record: Any) -> Deal:  # Any: the vendor's JSON
    values = record["properties"]
    close = values.get("closedate")
    amount = values.get("amount")
    return Deal(
        id=record["id"],
        name=values.get("dealname") or "",
        amount=Decimal(amount) if amount else None,
        currency=values.get("deal_currency_code") or "USD",
        stage=values.get("dealstage") or "",
        close=datetime.fromisoformat(close).astimezone(ZONE).date() if close else None,
        key=values.get("tieline_key") or "",
    )


def _from_tryton(row: Any) -> Deal:  # Any: Tryton's JSON
    amount, end = row["amount"], row["end_date"]
    return Deal(
        id=str(row["id"]),
        name=row["description"] or "",
        amount=Decimal(amount["decimal"]) if amount else None,
        currency=row["currency."]["code"],
        stage=row["state"],
        close=date(end["year"], end["month"], end["day"]) if end else None,
        key=row["reference"] or "",
    )


def _source(key: str, app: str) -> str:
    prefix = f"tieline:sales:deals:{app}:"
    return key.removeprefix(prefix) if key.startswith(prefix) else ""


def _differ(left: Deal, right: Deal, closing_days: bool) -> list[str]:
    who = f"HubSpot {left.id} and Tryton {right.id}"
    wrong = []
    if left.name.strip() != right.name.strip():
        wrong.append(f"{who}: names {left.name!r} and {right.name!r}")
    money = (left.amount, left.currency if left.amount is not None else "")
    theirs = (right.amount, right.currency if right.amount is not None else "")
    if money != theirs:
        wrong.append(f"{who}: amounts {money} and {theirs}")
    if STAGES[left.stage] != right.stage:
        wrong.append(f"{who}: stages {left.stage} and {right.stage}")
    # Tryton dates what is lost by itself, and locks it.
    if left.close != right.close and (closing_days or right.stage != "lost"):
        wrong.append(f"{who}: close on {left.close} and {right.close}")
    return wrong
