"""The real daemon as a process, watched from outside."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.bench.clocks import child_cpu, child_memory
from tests.bench.configs import TOKEN

_PATIENCE = 60
_STOP_WITHIN = 15


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Daemon:
    """One run of `tieline run`.

    Attributes:
        ready_after: seconds from its start until its health was good.
    """

    def __init__(self, folder: Path, port: int) -> None:
        command = [sys.executable, "-m", "daemon", "--config", str(folder / "tieline.yaml"), "run"]
        self._file = folder / "daemon.log"
        self._log = self._file.open("ab")
        began = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            cwd=Path(__file__).parents[2],
            env=os.environ | {"BENCH_TOKEN": TOKEN},
            stdout=self._log,
            stderr=self._log,
        )
        self._address = f"http://127.0.0.1:{port}/healthz"
        self._wait_until_ready(began + _PATIENCE)
        self.ready_after = time.perf_counter() - began

    def _wait_until_ready(self, until: float) -> None:
        with httpx.Client(trust_env=False) as client:
            while not self._is_ready(client):
                self.check(until, "it did not become ready")
                time.sleep(0.005)

    def _is_ready(self, client: httpx.Client) -> bool:
        try:
            return client.get(self._address).status_code == 200
        except httpx.TransportError:
            return False

    def check(self, until: float, why: str) -> None:
        """Give up once it has ended, or at that time of `time.perf_counter`."""
        if self._process.poll() is None and time.perf_counter() < until:
            return
        log = self._file.read_text()[-4000:]
        raise AssertionError(f"{why}; exit code {self._process.poll()}; its log ends:\n{log}")

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far."""
        return child_cpu(self._process.pid)

    @property
    def memory(self) -> float:
        """Resident memory now, MB."""
        return child_memory(self._process.pid)

    @property
    def peak(self) -> float:
        """The most resident memory so far, MB."""
        return child_memory(self._process.pid, "VmHWM")

    def stop(self) -> None:
        """End it by SIGTERM."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_WITHIN)
        finally:
            self._process.kill()
            self._process.wait()
            self._log.close()


@contextmanager
def running_daemon(folder: Path, port: int) -> Iterator[Daemon]:
    """Run a daemon for the block."""
    daemon = Daemon(folder, port)
    try:
        yield daemon
    finally:
        daemon.stop()
