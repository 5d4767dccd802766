"""`tieline demo` as a user runs it: the whole of it, cut short, and with a system that dies."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from daemon.demo.deals import Deal, Pair, pair_up

MOST_SECONDS = 170
PID = re.compile(r"\(process (\d+)")
PORT = re.compile(r"127\.0\.0\.1:(\d+)")


class Demo:
    """A running demo and what it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.text = ""

    def read_until(self, found: Callable[[str], bool]) -> None:
        """Read what it prints until a line is found."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.text += line
            if found(line):
                return
        raise AssertionError(f"the line never came:\n{self.text}")

    def end(self) -> int:
        """Read the rest and return its exit code."""
        out, _ = self.process.communicate(timeout=MOST_SECONDS)
        self.text += out
        return self.process.returncode

    @property
    def pids(self) -> list[int]:
        return [int(pid) for pid in PID.findall(self.text)]

    @property
    def ports(self) -> set[int]:
        return {int(port) for port in PORT.findall(self.text)}


@contextmanager
def demo(tmp_path: Path, *options: str) -> Iterator[Demo]:
    """Run the demo in a pipe, with its temporary folder in `tmp_path`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    try:
        yield Demo(process)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate()


def expect_nothing_left(one: Demo, tmp_path: Path) -> None:
    """All that it named as a process is gone, its ports are free, its folder too."""
    assert one.pids
    assert [pid for pid in one.pids if _lives(pid)] == []
    assert [port for port in one.ports if _is_served(port)] == []
    assert list(tmp_path.iterdir()) == []


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _is_served(port: int) -> bool:
    served = Path("/proc/net/tcp").read_text()
    return bool(re.search(rf"^ *\d+: \w+:{port:04X} 00000000:0000 0A", served, re.MULTILINE))


@pytest.mark.slow
def test_the_whole_demo_passes_in_less_than_three_minutes_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    with demo(tmp_path) as one:
        assert one.end() == 0, one.text
    for words in (
        r"600 deals at http",
        r"\$ tieline check",
        r"\$ tieline plan",
        r"created in erp: (\d+) of \1\n",
        r"none missing, none twice, and equal in 1[0-9]{3} values",
        r"why: only HubSpot had changed .*\(rule M3\)",
        r"why: only Tryton had changed .*\(rule M4\)",
        r"erp .* overruled",
        r'why: excluded: stage "Presentation Scheduled"',
        r"\d\d deals have a comment, equal in both apps",
        r"tieline\.yaml:\d+:\d+: .*Qualified To By",
        r"the old configuration runs on",
        r"\d+ requests of tieline, none of them a write",
        r"metrics: http://127\.0\.0\.1:\d+/metrics",
    ):
        assert re.search(words, one.text), f"{words} is not in:\n{one.text}"
    assert "\033" not in one.text, "plain lines in a pipe"
    expect_nothing_left(one, tmp_path)


@pytest.mark.slow
def test_ctrl_c_in_the_middle_stops_everything(tmp_path: Path) -> None:
    with demo(tmp_path) as one:
        one.read_until(lambda line: line.startswith("> tieline run"))
        one.process.send_signal(signal.SIGINT)
        assert one.end() == 130, one.text
    assert len(one.pids) == 3
    expect_nothing_left(one, tmp_path)


@pytest.mark.slow
def test_a_system_that_dies_is_told_and_the_demo_fails(tmp_path: Path) -> None:
    with demo(tmp_path) as one:
        one.read_until(lambda line: line.startswith("> tieline run"))
        os.kill(one.pids[0], signal.SIGKILL)
        assert one.end() == 1, one.text
    assert "no answer any more" in one.text
    expect_nothing_left(one, tmp_path)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with demo(tmp_path, "--dir", str(tmp_path)) as one:
        assert one.end() == 1
    assert f"{tmp_path} is not empty: name a new folder with --dir" in one.text
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


# --- the demo's own judgement ---------------------------------------------------------------


def make_deal(record_id: str, **values: object) -> Deal:
    fields: dict[str, object] = {
        "name": "A",
        "stage": "lead",
        "app_stage": "lead",
        "amount": Decimal("10.00"),
        "currency": "EUR",
        "close_day": date.today(),
        "owner": "kari@fjord.example",
        "comment": "",
        "copy_of": "",
    }
    return Deal(id=record_id, **(fields | values))  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("stage", {"stage": "lost"}),
        ("name", {"name": "B"}),
        ("amount", {"amount": Decimal("10.01")}),
        ("amount", {"currency": "USD"}),
        ("close day", {"close_day": None}),
        ("owner", {"owner": "ola@fjord.example"}),
    ],
)
def test_every_difference_is_seen(field: str, values: dict[str, object]) -> None:
    assert Pair(make_deal("1"), make_deal("2")).differences() == ()
    assert Pair(make_deal("1"), make_deal("2", **values)).differences() == (field,)


def test_only_what_tryton_locks_is_excused() -> None:
    past, today = date(2024, 1, 1), date.today()
    lost = make_deal("2", stage="lost", copy_of="1", close_day=today)
    there = make_deal("1", stage="lost", close_day=past, comment="too dear")
    assert Pair(there, lost).excused() == ("close day", "comment")
    own = make_deal("2", stage="lost", close_day=today)
    assert "close day" not in Pair(there, own).excused(), "it did not come from HubSpot"
    late = make_deal("2", stage="lost", copy_of="1", close_day=today - timedelta(days=9))
    assert "close day" not in Pair(there, late).excused(), "Tryton did not close it just now"
    open_one = make_deal("2", copy_of="1", close_day=today)
    assert Pair(make_deal("1", close_day=past, comment="x"), open_one).excused() == ()


def test_missing_and_doubled_deals_are_seen() -> None:
    hubspot = {"1": make_deal("1"), "2": make_deal("2"), "3": make_deal("3", stage="")}
    tryton = {
        "7": make_deal("7", copy_of="1"),
        "8": make_deal("8", copy_of="1"),
        "9": make_deal("9"),
    }
    found = pair_up(hubspot, tryton)
    assert found.doubled == ("HubSpot 1",)
    assert set(found.missing) == {"HubSpot 2", "Tryton 9"}
