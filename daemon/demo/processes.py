"""The demo's child processes: each has a session of its own, and ends with this process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from daemon.demo.failing import DemoError
from daemon.sandbox.tryton import child

ROOT = Path(__file__).parents[2]
STOP_WITHIN_SECONDS = 20.0
LOOK_EVERY_SECONDS = 0.1
LAST_LINES = 6


class Part:
    """A running child process.

    Attributes:
        name: for people.
        log: file with what it writes to standard error.
        process: the process itself.
    """

    def __init__(self, name: str, log: Path, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.log = log
        self.process = process

    def read_line(self) -> bytes:
        """Wait for the next line of its standard output.

        Raises:
            DemoError: it ended instead.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.check()
        return line

    def check(self) -> None:
        """Make sure that it still runs.

        Raises:
            DemoError: it does not.
        """
        status = self.process.poll()
        if status is not None:
            last = "\n".join(self.log.read_text(errors="replace").splitlines()[-LAST_LINES:])
            raise DemoError(f"{self.name} ended by itself (status {status}):\n{last}")

    def stop(self) -> int:
        """End it by SIGTERM, and by SIGKILL if that does not help; return its status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(STOP_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


@contextlib.contextmanager
def running(
    name: str, module: Sequence[str], *, log: Path, cwd: Path, secrets: Mapping[str, str] = {}
) -> Iterator[Part]:
    """Run a module with arguments as a process until the block ends."""
    # The wrapper has the kernel end the child when this process dies, by whatever death.
    command = [sys.executable, "-P", str(child.__file__), str(os.getpid()), *module]
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment(secrets),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,  # Ctrl-C reaches the demo alone, which ends all in good order
        )
    part = Part(name, log, process)
    try:
        yield part
    finally:
        part.stop()
        assert process.stdout is not None
        process.stdout.close()


def environment(secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child: ours, the secrets, and where the code is."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    ours = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    return {**ours, **secrets, "PYTHONPATH": path}


def wait_until(
    is_so: Callable[[], bool], what: str, *parts: Part, within_seconds: float = 30.0
) -> float:
    """Wait until something is so, and return how many seconds it took.

    Raises:
        DemoError: it is not in time, or one of `parts` has ended.
    """
    started = time.monotonic()
    while not is_so():
        for part in parts:
            part.check()
        if time.monotonic() - started > within_seconds:
            raise DemoError(f"not within {within_seconds:g} s: {what}")
        time.sleep(LOOK_EVERY_SECONDS)
    return time.monotonic() - started


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """Let SIGTERM end the block like Ctrl-C does, so that all children are stopped."""
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(signum: int, frame: FrameType | None) -> None:
    # A second signal must not cut the tidying up short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
