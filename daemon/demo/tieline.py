"""tieline as an operator uses it: its commands, its signals, its two HTTP answers."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from daemon.cli.conflicts import ConflictEntry
from daemon.demo.failing import DemoError, expect
from daemon.demo.processes import Part, environment, running, wait_until
from daemon.health import Health

COMMAND_WITHIN_SECONDS = 120.0
SYNC = "sales/deals"


class Tieline:
    """The command, and the daemon once it runs, in one folder."""

    def __init__(self, folder: Path, url: str, secrets: dict[str, str]) -> None:
        self._folder = folder
        self._url = url
        self._secrets = secrets
        self._daemon: Part | None = None

    @property
    def daemon(self) -> Part:
        """The running daemon."""
        assert self._daemon is not None, "the daemon was not started"
        return self._daemon

    # --- commands ---------------------------------------------------------------------------

    def run(self, *arguments: str) -> str:
        """Run a command and return what it printed.

        Raises:
            DemoError: it failed.
        """
        done = subprocess.run(
            [sys.executable, "-m", "daemon", *arguments],
            cwd=self._folder,
            env=environment(self._secrets),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_WITHIN_SECONDS,
            check=False,
        )
        if done.returncode:
            told = (done.stderr or done.stdout).strip()
            raise DemoError(f"`tieline {' '.join(arguments)}` failed ({done.returncode}):\n{told}")
        return done.stdout

    def ask(self, *arguments: str) -> Any:  # Any: the command's JSON
        """Run a command with --json and return its answer."""
        return msgspec.json.decode(self.run(*arguments, "--json"))

    def story(self, app: str, record_id: str) -> Any:  # Any: the command's JSON
        """Ask `tieline explain` about a record."""
        stories = self.ask("explain", app, record_id)["stories"]
        expect(len(stories) == 1, f"{len(stories)} syncs know {app} {record_id}, not one")
        return stories[0]

    def conflicts(self) -> list[ConflictEntry]:
        """Ask for the recorded conflicts, newest first."""
        answer = self.ask("conflicts", "--all")
        return msgspec.convert(answer["conflicts"], list[ConflictEntry])

    # --- the daemon -------------------------------------------------------------------------

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Run the daemon until the block ends."""
        log = self._folder / "daemon.log"
        with running(
            "tieline run", ("daemon", "run"), log=log, cwd=self._folder, secrets=self._secrets
        ) as part:
            self._daemon = part
            wait_until(lambda: self.health().ready, "the daemon is ready", part)
            yield
            part.check()
            expect(part.stop() == 0, "the daemon did not stop in good order")

    def health(self) -> Health:
        """Ask /healthz; until it answers the daemon is not ready."""
        try:
            answer = httpx.get(f"{self._url}/healthz", trust_env=False)
        except httpx.TransportError:
            return Health(live=False, ready=False)
        return msgspec.json.decode(answer.content, type=Health)

    def metrics(self) -> Metrics:
        """Ask /metrics."""
        answer = httpx.get(f"{self._url}/metrics", trust_env=False)
        answer.raise_for_status()
        return Metrics(answer.text)

    def hang_up(self) -> Health:
        """Send SIGHUP and wait until the daemon has dealt with it."""
        before = self.health().reloads
        self.daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.health().reloads > before, "SIGHUP is dealt with", self.daemon)
        return self.health()


class Metrics:
    """One answer of /metrics."""

    def __init__(self, text: str) -> None:
        self._samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def sum(self, name: str, **labels: str) -> float:
        """Add up the samples that have these labels."""
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


def find_free_port() -> int:
    """Return a port of the loopback address that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
