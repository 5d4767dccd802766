"""Signals at bad moments: stops under load, before silence, reloads of one of two connections."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.servers import MakeWorld, Servers, make_world, servers
from tests.e2e.world import Daemon, World, wait

__all__ = ["make_world", "servers"]
pytestmark = pytest.mark.timeout(120)

# A second connection in the same file, with systems of its own.
SECOND = """\
  partners:
    between: [hubspot2, erp2]
    poll: 1s
    deals:
      pipelines:
        - {{hubspot2: Sales Pipeline, erp2: opportunities, stages: {{Qualified To Buy: lead}}}}
      fields:
        - {{hubspot2: dealname, erp2: description}}
"""
SECOND_APPS = """\
  hubspot2: {{type: hubspot, base_url: {url}, auth: {{token: "${{env:SECOND_TOKEN}}"}}, hold: 0s}}
  erp2:
    type: tryton
    url: {erp}
    database: {database}
    auth: {{user: {user}, password: "${{env:ERP_PASSWORD}}"}}
"""


@pytest.fixture(scope="module")
def first(make_world: MakeWorld) -> World:
    return make_world("--deals", "6", "--api-limit", "0", erp_deals=2)


@pytest.fixture(scope="module")
def second(make_world: MakeWorld) -> World:
    return make_world("--deals", "6", "--api-limit", "0", "--token", "tok-second")


@pytest.fixture
def both(first: World, second: World) -> Iterator[World]:
    """The first world with a second connection beside its own."""
    text = first.configure()
    first.variables["SECOND_TOKEN"] = second.hubspot.token
    apps = SECOND_APPS.format(
        url=second.hubspot.url,
        erp=second.tryton.url,
        database=second.tryton.database,
        user=second.tryton.user,
    )
    text = text.replace("connections:\n", apps + "connections:\n") + SECOND.format()
    (first.folder / "tieline.yaml").write_text(text)
    yield first
    first.configure()


def change(world: World, old: str, new: str) -> None:
    """Edit tieline.yaml as its owner does."""
    file = world.folder / "tieline.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def metric(daemon: Daemon, name: str) -> float:
    """One sample by its name with labels."""
    for line in daemon.metrics().splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[-1])
    raise AssertionError(f"no {name} in\n{daemon.metrics()}")


def starts(daemon: Daemon, connection: str) -> int:
    """How often a connection has started, by the log since this daemon began."""
    mine = daemon.said().rsplit("tieline runs", 1)[-1]
    return mine.count(f"{connection}: connection runs")


def edit_arrives(world: World, name: str) -> None:
    """An edit in HubSpot arrives in Tryton."""
    wait(lambda: bool(world.pairs()), 30, world.pairs)
    deal, copy = next(iter(sorted(world.pairs().items())))
    world.edit_hubspot(deal, dealname=name)
    wait(lambda: world.erp_deals()[copy].name == name, 30, world.erp_deals)


def test_sigterm_in_a_backfill_waits_for_what_is_with_the_apps(
    servers: Servers, tmp_path: Path
) -> None:
    with servers.world(tmp_path, "--deals", "1200", "--api-limit", "0", erp_deals=10) as world:
        with world.daemon(ready=False) as daemon:
            wait(lambda: len(world.erp_deals()) >= 20, 60, daemon.said)
            began = time.monotonic()
            assert daemon.end() == 0
            took = time.monotonic() - began
        made = len(world.erp_deals())
        assert took < 10
        assert "Traceback" not in daemon.said()
        # What was with the apps was waited for: no write is left without its outcome.
        status = world.ask("status")
        assert [one["writes_open"] for one in status["syncs"]] == [0]
        world.once()
        assert len(world.erp_deals()) > made, "it had been done already"
        assert world.differences() == []


def test_sigterm_while_an_app_is_silent_still_ends_in_time(first: World) -> None:
    with first.daemon() as daemon:
        first.wait_equal()
        with first.hubspot.fault(kind="latency", seconds=25, path="/2026-03/", count=None):
            last = first.last_call()
            deal = next(iter(first.pairs()))
            first.edit_erp(first.pairs()[deal], comment="unmapped, but read")
            wait(lambda: first.last_call() > last, 20, daemon.said)
            began = time.monotonic()
            assert daemon.end() == 0
            assert time.monotonic() - began < 10


def test_sigint_stops_as_sigterm_does(first: World) -> None:
    with first.daemon() as daemon:
        daemon.process.send_signal(signal.SIGINT)
        assert daemon.process.wait(10) == 0


def test_a_reload_restarts_only_the_connection_that_changed(both: World, second: World) -> None:
    with both.daemon() as daemon:
        edit_arrives(both, "Before the reload")
        wait(lambda: starts(daemon, "partners") == 1, 20, daemon.said)
        one = "- {hubspot2: dealname, erp2: description}"
        change(both, one, f"{one}\n        - {{hubspot2: description, erp2: comment}}")
        done = both.tieline("reload")
        assert done.returncode == 0, done.stdout + done.stderr
        wait(lambda: starts(daemon, "partners") == 2, 20, daemon.said)
        assert starts(daemon, "sales") == 1
        # The new field is there from now on, on records that had been in step before.
        deals = second.hubspot.http.get(
            "/crm/v3/objects/deals", params={"properties": "dealstage,description"}
        ).json()["results"]
        deal = next(d["id"] for d in deals if d["properties"]["dealstage"] == "qualifiedtobuy")
        second.edit_hubspot(deal, description="Only since the reload")

        def comments() -> list[str]:
            find = "model.sale.opportunity.search_read"
            return [row["comment"] for row in second.erp.call(find, [], 0, None, None, ["comment"])]

        wait(lambda: "Only since the reload" in comments(), 30, comments)
        edit_arrives(both, "After the reload")
        assert metric(daemon, "tieline_config_last_reload_successful") == 1
        assert daemon.health()["refused"] == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Closed Lost: lost", "Closed Off: lost", 'has no stage "Closed Off"'),
        ("apps:\n", "apps: [\n", "not YAML"),
        ('password: "${env:ERP_PASSWORD}"', "password: open", "secret"),
    ],
    ids=["unknown stage", "broken YAML", "secret in clear"],
)
def test_a_reload_of_a_wrong_file_is_refused_and_the_old_one_runs_on(
    first: World, old: str, new: str, said: str
) -> None:
    first.configure()
    with first.daemon() as daemon:
        first.wait_equal()
        assert metric(daemon, "tieline_config_last_reload_successful") == 1
        change(first, old, new)
        health = daemon.hang_up()
        assert said in health["refused"]
        assert health["ready"]
        assert metric(daemon, "tieline_config_last_reload_successful") == 0
        assert said in daemon.said()
        assert starts(daemon, "sales") == 1
        edit_arrives(first, f"The old one runs on: {new}"[:40].strip())
        done = first.tieline("reload")
        assert done.returncode == 78
        assert said in done.stdout + done.stderr
        assert "\\n" not in done.stdout
        first.configure()
        assert first.tieline("reload").returncode == 0
        assert metric(daemon, "tieline_config_last_reload_successful") == 1


def test_a_reload_that_an_app_does_not_answer_is_refused(first: World) -> None:
    first.configure()
    with first.daemon() as daemon:
        first.configure(tryton_url="http://127.0.0.1:9/")
        health = daemon.hang_up()
        assert "not reached" in health["refused"]
        edit_arrives(first, "The erp is where it was")
    first.configure()


def test_a_reload_wakes_a_connection_that_waits_for_a_person(first: World) -> None:
    first.configure()
    with first.daemon() as daemon:
        token = first.hubspot.token
        first.hubspot.control("/tokens", token=token, scopes=["crm.objects.owners.read"])
        wait(lambda: daemon.health()["connections"]["sales"] == "needs you", 20, daemon.said)
        assert "crm.objects.deals.read" in str(daemon.health()["why_not"])
        # Mended in HubSpot; no file has changed.
        first.hubspot.control("/tokens", token=token, scopes=None)
        assert first.tieline("reload").returncode == 0
        wait(lambda: bool(daemon.health()["ready"]), 20, daemon.said)
        edit_arrives(first, "Granted again")


def test_reload_without_a_daemon_says_so(first: World) -> None:
    done = first.tieline("reload")
    assert done.returncode == 1
    assert "daemon" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_sighup_while_one_is_under_way_is_answered_too(first: World) -> None:
    first.configure()
    with first.daemon() as daemon:
        before = daemon.health()["reloads"]
        for _ in range(5):
            daemon.process.send_signal(signal.SIGHUP)
            httpx.get(f"http://127.0.0.1:{first.port}/healthz", timeout=10, trust_env=False)
        wait(lambda: daemon.health()["reloads"] > before, 20, daemon.said)
        edit_arrives(first, "Still here after five hang-ups")
        assert daemon.end() == 0
