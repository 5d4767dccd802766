"""Run the sandbox command as a process of its own, from tests and from the demo."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from daemon.sandbox.tryton import child
from daemon.sandbox.tryton.server import TrytonInfo
from daemon.sandbox.tryton.template import TrytonError

ROOT = Path(__file__).parents[3]
STOP_WITHIN_SECONDS = 20


@contextmanager
def running_tryton(
    *,
    deals: int = 10,
    contacts: int = 0,
    companies: int = 0,
    work: Path | None = None,
    listen: str = "127.0.0.1:0",
) -> Iterator[TrytonInfo]:
    """Serve a sandbox Tryton until the block ends; it also ends when this process dies.

    The thread that enters the block must outlive it, since to the kernel that thread is the
    parent.

    Raises:
        TrytonError: it could not be brought up; the message is the command's.
    """
    command = [sys.executable, "-P", str(child.__file__), str(os.getpid())]
    command += ["daemon.sandbox.tryton", "--json", "--listen", listen, "--deals", str(deals)]
    command += ["--contacts", str(contacts), "--companies", str(companies)]
    if work is not None:
        command += ["--work", str(work)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
    ) as process:
        try:
            yield _read_info(process)
        finally:
            process.terminate()
            process.communicate(timeout=STOP_WITHIN_SECONDS)


def _read_info(process: subprocess.Popen[bytes]) -> TrytonInfo:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        message = process.communicate()[1].decode().strip()
        raise TrytonError(message.removeprefix("Error: "))
    return msgspec.json.decode(line, type=TrytonInfo)
