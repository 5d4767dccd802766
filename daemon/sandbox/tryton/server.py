"""A Tryton server process: start it on a database of its own, wait for it, stop it."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
from msgspec import Struct

from daemon.sandbox.tryton import child, seed
from daemon.sandbox.tryton.template import (
    Say,
    TrytonError,
    copy_template,
    find_cache,
    fold_log,
    prepare_template,
    write_config,
)

START_WITHIN = timedelta(seconds=60)
STOP_WITHIN = timedelta(seconds=10)
LOOK_EVERY = timedelta(milliseconds=20)


class TrytonInfo(Struct, frozen=True, kw_only=True):
    """How to reach a running sandbox server.

    Attributes:
        pid: the process to end with SIGTERM; it takes the server with it.
        server_pid: the Tryton server itself.
        user, password: the user with the least rights that a sync needs.
        admin_user, admin_password: the administrator, who may do everything.
    """

    url: str
    database: str
    pid: int
    server_pid: int
    user: str
    password: str
    admin_user: str
    admin_password: str


class Serving(Struct, frozen=True, kw_only=True):
    """A server that answers; `is_fresh` says that its database was made for it just now."""

    info: TrytonInfo
    process: subprocess.Popen[bytes]
    is_fresh: bool


@contextlib.contextmanager
def serve_tryton(
    host: str, port: int, *, work: Path | None = None, cache: Path | None = None, say: Say
) -> Iterator[Serving]:
    """Serve a Tryton database until the block ends.

    Args:
        host: a loopback address, since the passwords are known to everybody.
        port: 0 takes a free one.
        work: folder of the database, which is kept; None uses a temporary one.
        cache: folder for templates instead of the user's.
        say: takes a line about what takes long.

    Raises:
        TrytonError: it cannot be brought up.
    """
    with contextlib.ExitStack() as stack:
        port = _choose_port(host, port)
        template = prepare_template(cache or find_cache(), say)
        if work is None:
            work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tieline-tryton-")))
        work = work.resolve()
        work.mkdir(parents=True, exist_ok=True)
        database = work / f"{seed.DATABASE}.sqlite"
        is_fresh = not database.exists()
        if is_fresh:
            copy_template(template, database)
        write_config(work / "trytond.conf", work, host, port)
        stack.callback(fold_log, database)
        process = stack.enter_context(_running(work))
        url = f"http://{host}:{port}/"
        _wait_until_it_serves(process, url, work)
        yield Serving(info=_describe(url, process), process=process, is_fresh=is_fresh)


def _describe(url: str, process: subprocess.Popen[bytes]) -> TrytonInfo:
    return TrytonInfo(
        url=url,
        database=seed.DATABASE,
        pid=os.getpid(),
        server_pid=process.pid,
        user=seed.SYNC_USER,
        password=seed.SYNC_PASSWORD,
        admin_user=seed.ADMIN_USER,
        admin_password=seed.ADMIN_PASSWORD,
    )


def _choose_port(host: str, port: int) -> int:
    if not ip_address(host).is_loopback:
        raise TrytonError(f"{host} is open to others; the passwords are public: use 127.0.0.1")
    try:
        with socket.create_server((host, port)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise TrytonError(
                f"port {port} of {host} is in use: stop the program that has it, "
                f"or take a free one with --listen {host}:0"
            ) from None
        raise TrytonError(f"cannot listen on {host}:{port}: {error.strerror}") from None


@contextlib.contextmanager
def _running(work: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-P", str(child.__file__), str(os.getpid()), "trytond.cli"]
    command += ["-c", str(work / "trytond.conf"), "-d", seed.DATABASE]
    with (work / "trytond.log").open("wb") as log:
        # A session of its own: Ctrl-C reaches us alone, and we end the server in good order.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN.total_seconds())
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_serves(process: subprocess.Popen[bytes], url: str, work: Path) -> None:
    call = {"id": 0, "method": "common.server.version", "params": []}
    deadline = time.monotonic() + START_WITHIN.total_seconds()
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                last_line = (work / "trytond.log").read_text().strip().rpartition("\n")[2]
                raise TrytonError(f"the Tryton server ended at once: {last_line[:300]}")
            with contextlib.suppress(httpx.TransportError):
                if client.post(f"{url}rpc/", json=call).is_success:
                    return
            time.sleep(LOOK_EVERY.total_seconds())
    raise TrytonError(f"the Tryton server did not answer within {START_WITHIN}")
