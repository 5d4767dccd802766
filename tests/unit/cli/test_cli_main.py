"""The root command: help, errors, exit codes; in this process and as a real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from actors.errors import (
    AuthError,
    ScopeError,
    StoreError,
    TielineError,
    TransientError,
)
from daemon.cli.exits import Exit, exit_of, list_exits
from daemon.cli.main import COMMANDS, Tieline, first_told, tieline
from daemon.config.problems import ConfigError, ConfigProblem
from tests.support.cli import Cli

PROBLEM = ConfigProblem(file="f", line=1, column=2, path="a.b", message="m")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "daemon", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **environment},
        check=False,
    )


def test_help_lists_commands_exit_codes_and_completion() -> None:
    text = CliRunner().invoke(tieline, ["--help"]).output
    for word in ("check", "apps", "status", "explain", "conflicts", "sandbox", "schema"):
        assert f"\n  {word}" in text
    assert "TIELINE_CONFIG" in text
    assert "_TIELINE_COMPLETE=bash_source" in text
    assert (
        list_exits() in text.replace("\n    ", "\n  ").replace("\n   1", "\n  1") or "130" in text
    )


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom daemon.cli.main import tieline\n"
        "tieline.main(['--help'], standalone_mode=False)\n"
        "heavy = {'anyio', 'httpx', 'rich', 'ruamel', 'starlette', 'uvicorn', 'aiosqlite'}\n"
        "sys.exit(str(heavy & sys.modules.keys()) if heavy & sys.modules.keys() else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_that_is_there_has_help() -> None:
    root = click.Context(tieline)
    for name in tieline.list_commands(root):
        result = CliRunner().invoke(tieline, [name, "--help"])
        assert result.exit_code == 0, name
        assert result.output.startswith(f"Usage: tieline {name}")


def test_every_command_of_the_table_has_a_short_help() -> None:
    assert all(text.endswith(".") and target.count(":") == 1 for target, text in COMMANDS.values())


def test_a_command_that_is_not_installed_does_not_appear(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {**COMMANDS, "ghost": ("daemon.cli.ghost:ghost", "Not there.")}
    monkeypatch.setattr(Tieline, "table", table)
    assert "ghost" not in CliRunner().invoke(tieline, ["--help"]).output
    assert CliRunner().invoke(tieline, ["ghost"]).exit_code == Exit.USAGE


def test_a_misspelt_command_is_told_with_what_was_meant() -> None:
    done = run("chekc")
    assert done.returncode == Exit.USAGE
    assert "no command is named 'chekc'; did you mean 'check'?" in done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError([PROBLEM]), Exit.CONFIG),
        (ScopeError("x"), Exit.DENIED),
        (AuthError("x"), Exit.DENIED),
        (TransientError("x"), Exit.TRY_AGAIN),
        (StoreError("x"), Exit.STORE),
        (TielineError("x"), Exit.PROBLEM),
    ],
)
def test_every_error_has_its_exit_code(error: TielineError, code: Exit) -> None:
    assert exit_of(error) is code


def test_the_error_in_a_task_groups_group_is_found() -> None:
    inner = StoreError("locked")
    group = BaseExceptionGroup("g", [ValueError(), BaseExceptionGroup("h", [inner])])
    assert first_told(group) is inner
    assert first_told(ValueError()) is None


def test_an_error_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    done = run("--config", str(file), "status")
    assert done.returncode == Exit.CONFIG
    assert done.stderr == (
        f"tieline: {file}:1:1: cannot be read: no such file or directory; name the file by"
        " --config or TIELINE_CONFIG\n"
    )
    assert done.stdout == ""


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = run("--debug", "--config", str(tmp_path / "none.yaml"), "status")
    assert "Traceback" in done.stderr
    assert done.returncode == 1


def test_a_bug_is_told_as_one(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr("daemon.config.load.load_config", fail)
    result = cli("status")
    assert result.exit_code == Exit.BUG
    assert result.stderr.startswith("tieline: this is a bug: KeyError: 'oops'")


def test_the_configuration_is_found_by_environment(tmp_path: Path) -> None:
    done = run("status", TIELINE_CONFIG=str(tmp_path / "elsewhere.yaml"))
    assert "elsewhere.yaml:1:1: cannot be read" in done.stderr


def test_the_version_is_told() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout.startswith("tieline, version ")) == (0, True)


def test_completion_knows_the_commands() -> None:
    done = run("x", _TIELINE_COMPLETE="bash_complete", COMP_WORDS="tieline con", COMP_CWORD="1")
    assert done.stdout.strip() == "plain,conflicts"
