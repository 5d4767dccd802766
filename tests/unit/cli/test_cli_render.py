"""How answers look in a pipe and on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from daemon.cli import render
from daemon.cli.render import Facts, Heading, Line, Table, Tone, printable, show

VIEW = (
    Heading("Title"),
    Table(("name", "count"), (("a", "1"), ("long name", "200"))),
    Facts((("size", "1 [bold]MB"),)),
    Line("done\x1b]0;x\x07", Tone.GOOD),
)


def test_plain_text_is_aligned_and_has_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    show(VIEW[0], VIEW, as_json=False)
    assert capsys.readouterr().out == (
        "Title\nname       count\na          1\nlong name  200\n"
        "size  1 [bold]MB\ndone\\x1b]0;x\\x07\n"
    )


def test_numbers_align_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    show(VIEW[0], (Table(("n",), (("1",), ("200",)), numbers=(0,)),), as_json=False)
    assert capsys.readouterr().out == "  n\n  1\n200\n"


def test_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show(Heading("a\nb"), VIEW, as_json=True)
    assert capsys.readouterr().out == '{"text":"a\\nb"}\n'


def test_text_of_records_cannot_command_a_terminal() -> None:
    assert printable("tab\tbell\x07\u202eü") == "tab\\tbell\\x07\\u202eü"


def test_errors_go_to_standard_error_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    render.print_error("one\ntwo")
    render.print_warning("three")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "tieline: one\ntieline: two\ntieline: warning: three\n"


def test_a_terminal_gets_tables_without_markup_or_commands_from_records() -> None:
    code = (
        "from tests.unit.cli.test_cli_render import VIEW\n"
        "from daemon.cli.render import show\nshow(VIEW[0], VIEW, as_json=False)\n"
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=theirs, env=environment)
    os.close(theirs)
    text = b""
    while chunk := _read(ours):
        text += chunk
    os.close(ours)
    assert process.wait(30) == 0
    assert b"\x1b[1mTitle" in text
    assert b"[bold]MB" in text
    assert b"\x1b]0;" not in text


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # Linux says so when the other end of a terminal is closed
        return b""
