"""A real sandbox process for tests, and the hands of a person who works in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx

from actors.values import Raw
from daemon.connectors.hubspot import HubSpotConnector
from daemon.connectors.hubspot.session import StaticToken, make_budget
from daemon.connectors.registry import Environment

TOKEN = "pat-na1-test"


class Sandbox:
    """One account: its address, and what tests and people do to it."""

    def __init__(self, url: str, token: str, control_url: str) -> None:
        self.url = url
        self.token = token
        self._control = httpx.Client(base_url=control_url, trust_env=False)
        self._api = httpx.Client(
            base_url=url, trust_env=False, headers={"Authorization": f"Bearer {token}"}
        )

    def close(self) -> None:
        self._control.close()
        self._api.close()

    def control(self, at: str, /, **body: Any) -> Any:
        answer = self._control.post(at, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def reset(self) -> None:
        """Take back what tests set: faults, limits, the request log."""
        self._control.delete("/faults")
        self._control.delete("/requests")
        self.control("/limits", window=100_000, searchPerSecond=0, associations=0, daily=625_000)
        self.control("/lag", seconds=0, flush=True)

    def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._control.get("/requests").json()["requests"]
        return found

    def calls(self) -> list[str]:
        """The calls so far, as `POST batch/read`: method and the end of the path."""
        return [f"{one['method']} {_tail(one['path'])}" for one in self.requests()]

    def forget_calls(self) -> None:
        self._control.delete("/requests")

    def fault(self, kind: str, path: str, **more: Any) -> None:
        self.control("/faults", kind=kind, path=path, **more)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the account's clock: all that happens meanwhile has one time."""
        self.control("/clock", freeze=True)
        try:
            yield
        finally:
            self.control("/clock", thaw=True)

    def make(self, *deals: Mapping[str, Raw]) -> list[str]:
        with self.frozen():
            return [self.control("/admin/create", properties=dict(deal))["id"] for deal in deals]

    def edit(self, ids: Sequence[str], values: Mapping[str, Raw]) -> None:
        written = {name: raw or "" for name, raw in values.items()}
        with self.frozen():
            for one in ids:
                self.control("/admin/edit", id=one, properties=written)

    def archive(self, *ids: str) -> None:
        self.control("/admin/archive", ids=list(ids))

    def merge(self, primary: str, other: str) -> str:
        body = {"primaryObjectId": primary, "objectIdToMerge": other}
        survivor: str = self.control("/admin/merge", **body)["id"]
        return survivor

    def api(self, method: str, path: str, **more: Any) -> Any:
        answer = self._api.request(method, path, **more)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None


def _tail(path: str) -> str:
    parts = path.strip("/").split("/")
    at = parts.index("deals") if "deals" in parts else len(parts) - 2
    return "/".join(parts[at + 1 :]) or parts[at]


@contextmanager
def run_sandbox(*options: str, deals: int = 20) -> Iterator[Sandbox]:
    """Run a sandbox process until the block ends."""
    command = [sys.executable, "-m", "daemon.sandbox.hubspot", "--listen", "127.0.0.1:0", "--json"]
    command += ["--token", TOKEN, "--deals", str(deals), "--seed", "1", "--lag", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        sandbox = Sandbox(told["url"], told["token"], told["control_url"])
        try:
            yield sandbox
        finally:
            sandbox.close()
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stdout is not None:
            process.stdout.close()


def connect(sandbox: Sandbox, **more: Any) -> HubSpotConnector:
    """Open a connector to a sandbox; nothing is held back, and searches are not rationed."""
    token = more.pop("token", sandbox.token)
    settings: dict[str, Any] = {
        "base_url": sandbox.url,
        "hold": timedelta(0),
        "budget": make_budget(search_per_second=10_000),
        **more,
    }
    environment = settings.pop("environment", None) or Environment(app="hubspot")
    return HubSpotConnector(StaticToken(token), environment, **settings)
