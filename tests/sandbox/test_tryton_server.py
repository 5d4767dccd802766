"""The sandbox Tryton as a process: what it prints, how it ends, what it leaves behind."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import msgspec
import pytest
from click.testing import CliRunner

from daemon.sandbox.tryton import template
from daemon.sandbox.tryton.cli import tryton
from daemon.sandbox.tryton.client import AdminClient
from daemon.sandbox.tryton.running import running_tryton
from daemon.sandbox.tryton.server import TrytonInfo
from daemon.sandbox.tryton.template import TrytonError


def start(*options: str) -> tuple[subprocess.Popen[bytes], TrytonInfo]:
    command = [sys.executable, "-m", "daemon.sandbox.tryton", "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    return process, msgspec.json.decode(process.stdout.readline(), type=TrytonInfo)


def wait_for_end(pid: int) -> None:
    """Wait for a process that is not our child."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    readable, _, _ = select.select([handle], [], [], 10)
    os.close(handle)
    assert readable, f"process {pid} still runs"


def count_deals(info: TrytonInfo) -> int:
    client = AdminClient(info)
    try:
        return int(client.call("model.sale.opportunity.search_count", [], 0, None))
    finally:
        client.close()


def test_it_serves_the_deals_asked_for_and_ends_with_the_block() -> None:
    with running_tryton(deals=25) as info:
        assert count_deals(info) == 25
    with pytest.raises(httpx.ConnectError):
        httpx.get(info.url)


def test_sigterm_leaves_a_database_without_a_log_that_serves_again(tmp_path: Path) -> None:
    process, info = start("--work", str(tmp_path), "--deals", "3")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 0
    assert not list(tmp_path.glob("*-wal")) and not list(tmp_path.glob("*-shm"))
    with running_tryton(deals=3, work=tmp_path) as again:
        assert count_deals(again) == 3
        assert again.server_pid != info.server_pid


def test_the_server_ends_when_the_command_is_killed(tmp_path: Path) -> None:
    process, info = start("--deals", "0", "--work", str(tmp_path))
    process.kill()
    wait_for_end(info.server_pid)
    process.communicate()


def test_a_port_in_use_is_named_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        busy = pytest.raises(TrytonError, match=rf"port {port} .* is in use: .*--listen")
        with busy, running_tryton(listen=f"127.0.0.1:{port}"):
            pass


def test_an_address_open_to_others_is_refused() -> None:
    result = CliRunner().invoke(tryton, ["--listen", "0.0.0.0:0"])
    assert result.exit_code == 1
    assert "use 127.0.0.1" in result.output


def test_missing_packages_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(template, "PACKAGES", ("trytond", "trytond_no_such_module"))
    result = CliRunner().invoke(tryton, [])
    assert result.exit_code == 1
    assert "no package trytond_no_such_module" in result.output
    assert "pip install" in result.output


def test_an_address_without_a_port_is_a_usage_error() -> None:
    result = CliRunner().invoke(tryton, ["--listen", "localhost"])
    assert result.exit_code == 2
    assert "HOST:PORT" in result.output
