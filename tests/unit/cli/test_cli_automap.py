"""`tieline automap`: lists, writes or asks, against a real HubSpot sandbox on both sides."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from collections.abc import Iterator

import pytest

from daemon.cli.exits import Exit
from tests.support.cli import Cli
from tests.support.hubspot_process import Sandbox

CONFIG = """\
apps:
  one: {type: hubspot, base_url: "${env:ONE_URL}", auth: {token: "${env:ONE_TOKEN}"}}
  two: {type: hubspot, base_url: "${env:ONE_URL}", auth: {token: "${env:ONE_TOKEN}"}}
connections:
  sales:
    between: [one, two]
    deals:
      pipelines:
        - one: Sales Pipeline
          two: default
          stages:
            Contract Sent: contractsent  # signed by both
            Closed Won: closedwon
      # what is copied
      fields:
        - {one: dealname, two: dealname}
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    running = Sandbox("--deals", "3", "--seed", "1")
    yield running
    running.stop()


@pytest.fixture
def live(cli: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Cli:
    cli.file.write_text(CONFIG)
    monkeypatch.setenv("ONE_URL", sandbox.url)
    monkeypatch.setenv("ONE_TOKEN", sandbox.token)
    return cli


def test_what_is_not_mapped_yet_is_listed_and_nothing_written(live: Cli) -> None:
    result = live("automap")
    assert (result.exit_code, result.stderr) == (Exit.OK, "")
    assert "sales/deals: stages of Sales Pipeline = Sales Pipeline" in result.stdout
    assert "Closed Lost" in result.stdout
    assert "Closed Won " not in result.stdout
    assert "nothing is written; --write would take the " in result.stdout
    assert live.file.read_text() == CONFIG


def test_machines_get_score_and_reasons(live: Cli) -> None:
    answer = live.json("automap", "stages")
    (sync,) = answer["syncs"]
    (pipeline,) = sync["pipelines"]
    assert (sync["sync"], sync["apps"], sync["fields"]) == ("sales/deals", ["one", "two"], [])
    assert (pipeline["mapped"], pipeline["written"]) == (True, False)
    lost = next(one for one in pipeline["stages"] if one["left"]["id"] == "closedlost")
    assert lost["right"] == {"id": "closedlost", "label": "Closed Lost"}
    assert lost["score"] == 1
    assert "both are lost stages" in lost["reasons"]


def test_what_is_sure_is_written_and_the_rest_of_the_file_stays(live: Cli) -> None:
    answer = live.json("automap", "stages", "--write")
    assert answer["files"] == [str(live.file)]
    (pipeline,) = answer["syncs"][0]["pipelines"]
    assert all(one["written"] for one in pipeline["stages"] if one["score"] >= 0.75)
    lines = live.file.read_text().splitlines()
    added = [line for line in lines if line not in CONFIG.splitlines()]
    assert "            Closed Lost: closedlost" in added  # ids on the right, as it is done there
    assert [line for line in lines if line not in added] == CONFIG.splitlines()
    assert live("check").exit_code == Exit.OK
    again = live.json("automap", "stages", "--write")
    assert again["files"] == []


def test_min_score_says_what_is_sure(live: Cli) -> None:
    answer = live.json("automap", "--write", "--min-score", "1")
    pairs = [*answer["syncs"][0]["pipelines"][0]["stages"], *answer["syncs"][0]["fields"]]
    assert {one["written"] for one in pairs if one["score"] == 1} == {True}
    assert {one["written"] for one in pairs if one["score"] < 1} <= {False}


def test_fields_alone(live: Cli) -> None:
    answer = live.json("automap", "fields", "--write", "--sync", "sales/deals")
    assert answer["syncs"][0]["pipelines"] == []
    assert "- {one: amount, two: amount}" in live.file.read_text()
    assert live("check").exit_code == Exit.OK


def test_an_unknown_sync_is_refused_with_what_may_be_meant(live: Cli) -> None:
    result = live("automap", "--connection", "sale")
    assert result.exit_code == Exit.USAGE
    assert "did you mean 'sales'?" in result.stderr


@pytest.mark.parametrize(
    ("name", "value", "code", "place"),
    [
        ("ONE_URL", "http://127.0.0.1:9", Exit.TRY_AGAIN, "2:8: apps.one: "),
        ("ONE_TOKEN", "pat-nobody", Exit.DENIED, "2:58: apps.one.auth: "),
    ],
)
def test_an_app_that_does_not_answer_is_told_by_the_exit_code(
    live: Cli, monkeypatch: pytest.MonkeyPatch, name: str, value: str, code: Exit, place: str
) -> None:
    monkeypatch.setenv(name, value)
    result = live("automap", "--write")
    assert result.exit_code == code
    assert f"{live.file}:{place}" in result.stderr
    assert live.file.read_text() == CONFIG


def on_a_terminal(cli: Cli, answers: str) -> str:
    """Run `automap stages` on a terminal of its own, type the answers, return what it showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", "--config", str(cli.file), "automap", "stages"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "dumb", "COLUMNS": "200"},
    )
    os.close(theirs)
    os.write(ours, answers.encode())
    shown = io.BytesIO()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        try:
            while part := screen.read(4096):
                shown.write(part)
        except OSError:
            pass  # how Linux says that the other end is closed
    assert process.wait(60) == Exit.OK, shown.getvalue().decode()
    return shown.getvalue().decode()


def test_a_person_accepts_and_refuses_each(live: Cli) -> None:
    shown = on_a_terminal(live, "n\ny\nq\n")
    assert "y accept, n refuse" in shown
    assert "both mean" in shown or "the same name" in shown
    added = set(live.file.read_text().splitlines()) - set(CONFIG.splitlines())
    assert len(added) == 1
    assert "1 of " in shown
    assert live("check").exit_code == Exit.OK


def test_a_person_may_accept_all_or_none_at_once(live: Cli) -> None:
    on_a_terminal(live, "q\n")
    assert live.file.read_text() == CONFIG
    on_a_terminal(live, "a\n")
    assert "Closed Lost: closedlost" in live.file.read_text()
    assert "nothing to propose" in live("automap", "stages").stdout
