from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.hubspot_calls import DEALS, make, ok, read, refused
from tests.support.hubspot_process import Sandbox

QUIET = ("--lag", "0", "--api-limit", "0")


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daemon.sandbox.hubspot", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def test_a_taken_port_is_one_line_and_an_exit_code() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--listen", f"127.0.0.1:{taken.getsockname()[1]}", "--deals", "0", "--json")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Address already in use" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1:99999", "127.0.0.1:x"])
def test_an_address_that_is_none_is_refused(listen: str) -> None:
    done = run("--listen", listen, "--deals", "0")
    assert done.returncode == 1
    assert f"cannot listen on {listen}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_same_seed_makes_the_same_account() -> None:
    pages = []
    for seed in ("3", "3", "4"):
        sandbox = Sandbox("--deals", "20", "--seed", seed, *QUIET)
        shown = ok(sandbox.http.get(f"{DEALS}?associations=contacts,companies&limit=100"))
        pages.append(
            [(one["id"], one["properties"], one.get("associations")) for one in shown["results"]]
        )
        assert sandbox.stop() == 0
    assert pages[0] == pages[1] != pages[2]


def test_the_state_outlives_the_process(tmp_path: Path) -> None:
    options = ("--deals", "10", "--state", str(tmp_path / "state"), "--token", "T", *QUIET)
    first = Sandbox(*options)
    made = make(first, amount="1")["id"]
    ok(first.http.patch(f"{DEALS}/{made}", json={"properties": {"amount": "2"}}))
    gone = make(first)["id"]
    first.http.delete(f"{DEALS}/{gone}")
    one, two = make(first)["id"], make(first)["id"]
    survivor = ok(
        first.http.post(f"{DEALS}/merge", json={"primaryObjectId": one, "objectIdToMerge": two})
    )["id"]
    listed = ok(first.http.get(f"{DEALS}?limit=100&associations=contacts"))
    assert first.stop() == 0
    second = Sandbox(*options)
    again = ok(second.http.get(f"{DEALS}?limit=100&associations=contacts"))
    assert again["results"] == listed["results"]
    history = read(second, made, propertiesWithHistory="amount")["propertiesWithHistory"]["amount"]
    assert [entry["value"] for entry in history] == ["2", "1"]
    assert read(second, gone, archived="true")["archived"] is True
    assert read(second, one)["id"] == survivor
    assert int(make(second)["id"]) > int(survivor)
    found = ok(second.http.post(f"{DEALS}/search", json={"filters": []}))
    assert found["total"] == 13
    assert second.stop() == 0


def test_a_damaged_state_is_refused_and_kept(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_bytes(b"not a state")
    done = run("--state", str(state))
    assert done.returncode == 1
    assert f"{state} is not a state of this sandbox" in done.stderr
    assert state.read_bytes() == b"not a state"


def test_scopes_and_several_tokens_are_given_at_start() -> None:
    sandbox = Sandbox(
        "--deals",
        "0",
        "--token",
        "one",
        "--token",
        "two",
        "--scopes",
        "oauth,crm.objects.deals.read",
    )
    with sandbox.client("two") as client:
        assert ok(client.get(DEALS)) == {"results": []}
        refused(client.get("/crm/v3/objects/contacts"), 403, "scopes")
    assert sandbox.token == "one"
    assert sandbox.stop() == 0


def test_the_control_address_is_not_the_vendors(sandbox: Sandbox) -> None:
    assert sandbox.http.get("/requests").status_code == 404
    assert httpx.get(f"{sandbox.url}/state/summary", trust_env=False).status_code == 404
    with sandbox.limits(daily=1):
        sandbox.control("/limits", usedToday=1)
        refused(sandbox.http.get(DEALS), 429, "daily")
        sandbox.control("/lag")
    answer = sandbox.control_raw("/switches", nonsense=True)
    assert answer.status_code == 400
    assert "nonsense" in answer.text
