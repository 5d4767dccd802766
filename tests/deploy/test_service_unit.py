"""The unit file, judged by systemd's own tools; they need no running systemd."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy" / "tieline.service"

pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=20, check=False
    )


def with_programs_that_exist(folder: Path, text: str) -> str:
    # verify wants the programs to exist, and reports bad keys by printing, not by its status.
    unit = folder / "tieline.service"
    unit.write_text(re.sub(r"^(Exec\w+=)\S+", r"\1/usr/bin/true", text, flags=re.MULTILINE))
    return str(unit)


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    done = analyze("verify", with_programs_that_exist(tmp_path, UNIT.read_text()))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_check_above_notices_a_misspelt_key(tmp_path: Path) -> None:
    text = UNIT.read_text().replace("WatchdogSec=", "WatchDogSec=")
    done = analyze("verify", with_programs_that_exist(tmp_path, text))
    assert "WatchDogSec" in done.stdout + done.stderr


def test_the_unit_is_hardened() -> None:
    done = analyze("security", "--offline=true", "--no-pager", "--threshold=20", str(UNIT))
    assert done.returncode == 0, done.stdout


def test_process_metrics_stay_visible_and_the_drain_fits_into_the_stop_time() -> None:
    settings = dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), flags=re.MULTILINE))
    assert "ProcSubset" not in settings
    assert settings["Type"] == "notify"
    assert int(settings["TimeoutStopSec"].removesuffix("s")) > 10
