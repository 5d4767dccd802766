"""Notifications over a real datagram socket, as systemd would receive them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from daemon.systemd import Notifier, credentials_directory, run_watchdog, watchdog_interval

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    """A stand-in's receiving end, at both kinds of address that systemd uses."""
    name = str(tmp_path / "notify") if request.param == "path" else f"\0tieline-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name)
        receiver.settimeout(5)
        yield receiver


def notifier(systemd: socket.socket) -> Notifier:
    name = systemd.getsockname()
    address = f"@{name[1:].decode()}" if isinstance(name, bytes) else name
    return Notifier.from_environment({"NOTIFY_SOCKET": address})


def received(systemd: socket.socket) -> list[str]:
    return systemd.recv(4096).decode().split("\n")


def test_ready_and_its_status_come_in_one_datagram(systemd: socket.socket) -> None:
    assert notifier(systemd).ready("3 connections")
    assert received(systemd) == ["READY=1", "STATUS=3 connections"]


def test_a_reload_carries_the_monotonic_time(systemd: socket.socket) -> None:
    before = time.monotonic_ns() // 1000
    notifier(systemd).reloading()
    after = time.monotonic_ns() // 1000
    state, stamp = received(systemd)
    assert state == "RELOADING=1"
    assert before <= int(stamp.removeprefix("MONOTONIC_USEC=")) <= after


def test_a_status_stays_one_line_so_that_it_cannot_forge_a_state(systemd: socket.socket) -> None:
    notifier(systemd).status("sales failed:\nREADY=1")
    assert received(systemd) == ["STATUS=sales failed: READY=1"]


def test_stopping_and_watchdog_are_told(systemd: socket.socket) -> None:
    told = notifier(systemd)
    told.stopping("draining")
    told.watchdog()
    assert received(systemd) == ["STOPPING=1", "STATUS=draining"]
    assert received(systemd) == ["WATCHDOG=1"]


def test_outside_systemd_nothing_is_sent_and_nothing_fails() -> None:
    assert Notifier.from_environment({}).ready() is False
    assert Notifier.from_environment({"NOTIFY_SOCKET": ""}).stopping() is False


def test_a_socket_that_is_gone_does_not_stop_the_daemon(tmp_path: Path) -> None:
    assert Notifier(str(tmp_path / "gone")).watchdog() is False


def test_pings_are_due_twice_within_the_limit() -> None:
    mine = {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
    assert watchdog_interval(mine) == timedelta(seconds=15)
    assert watchdog_interval({"WATCHDOG_USEC": "30000000"}) == timedelta(seconds=15)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"},
    ],
)
def test_no_watchdog_waits_for_this_process(environment: dict[str, str]) -> None:
    assert watchdog_interval(environment) is None


async def test_pings_stop_when_the_work_does(tmp_path: Path) -> None:
    answers = iter([True, True, False, False])
    enough = anyio.Event()

    def is_progressing() -> bool:
        answer = next(answers, None)
        if answer is None:
            enough.set()
        return bool(answer)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        async with anyio.create_task_group() as tasks:
            told = Notifier(str(tmp_path / "notify"))
            tasks.start_soon(run_watchdog, told, timedelta(milliseconds=1), is_progressing)
            with anyio.fail_after(5):
                await enough.wait()
            tasks.cancel_scope.cancel()
        assert [receiver.recv(64), receiver.recv(64)] == [b"WATCHDOG=1"] * 2
        with pytest.raises(BlockingIOError):
            receiver.recv(64)


def test_credentials_are_looked_for_only_where_systemd_put_them() -> None:
    there = {"CREDENTIALS_DIRECTORY": "/run/credentials/tieline.service"}
    assert credentials_directory(there) == Path("/run/credentials/tieline.service")
    assert credentials_directory({}) is None
