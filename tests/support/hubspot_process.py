"""The HubSpot sandbox as a process of its own, for tests of the sandbox itself.

`tests/sandbox/conftest.py` has the fixture `sandbox`, one process for a whole session. Its tests
share the account, so each makes records, properties and pipelines of its own, and puts limits
and faults back.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

START_SECONDS = 30.0
STOP_SECONDS = 10.0
_numbers = itertools.count(1)


def fresh(prefix: str) -> str:
    """A name that no other test of this session has."""
    return f"{prefix}{next(_numbers)}"


class Sandbox:
    """A running sandbox process and both its addresses."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "daemon.sandbox.hubspot", "--json", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        started = json.loads(self.process.stdout.readline())
        self.url: str = started["url"]
        self.token: str = started["token"]
        self._control = httpx.Client(
            base_url=started["control_url"], timeout=START_SECONDS, trust_env=False
        )
        self.http = self.client()
        self._clients = [self._control, self.http]

    def client(self, token: str | None = None) -> httpx.Client:
        """A plain HTTP client with a token's header."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return httpx.Client(
            base_url=self.url, headers=headers, timeout=START_SECONDS, trust_env=False
        )

    # Any JSON goes in and comes out: the control address is the sandbox's own.
    def control_raw(self, path: str, /, **body: object) -> httpx.Response:
        """Post to the control address, whatever it answers."""
        return self._control.post(path, json=body)

    def control(self, path: str, /, **body: object) -> dict[str, object]:
        """Post to the control address."""
        answer = self._control.post(path, json=body)
        answer.raise_for_status()
        told: dict[str, object] = answer.json()
        return told

    # Any: the JSON of the control address.
    def log(self, since: int = 0) -> Any:
        """The request log after a sequence number."""
        answer = self._control.get("/requests", params={"since": since})
        answer.raise_for_status()
        return answer.json()

    def grant(self, *scopes: str) -> str:
        """A new token that has only these scopes."""
        token = fresh("pat-na1-limited-")
        self.control("/tokens", token=token, scopes=list(scopes))
        return token

    @contextmanager
    def fault(self, **rule: object) -> Iterator[None]:
        """A fault that lasts for the block."""
        self.control("/faults", **rule)
        try:
            yield
        finally:
            self._control.delete("/faults").raise_for_status()

    @contextmanager
    def limits(self, **rates: int) -> Iterator[None]:
        """Rate limits that last for the block."""
        before = self._control.get("/limits").json()["rates"]
        self.control("/limits", **rates)
        try:
            yield
        finally:
            self.control("/limits", **before)

    def stop(self) -> int:
        """End the process by SIGTERM and wait for it."""
        for client in self._clients:
            client.close()
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.process.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()
