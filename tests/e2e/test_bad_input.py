"""The daemon as a process: signals, reload, bad input. Every answer is clear, nothing is lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.test_deals import copy_of, new_deal
from tests.e2e.world import World, free_port, wait

pytestmark = pytest.mark.timeout(120)

LISTEN, STORE, TRY_AGAIN, DENIED, CONFIG = 71, 74, 75, 77, 78


def refused(world: World, code: int, *words: str, command: str = "run") -> str:
    """Run a command that must fail with this code and these words, and without a traceback."""
    done = world.tieline(*command.split())
    told = done.stdout + done.stderr
    assert done.returncode == code, told
    assert "Traceback" not in told
    for word in words:
        assert word in told, told
    return told


def replaced(world: World, old: str, new: str) -> None:
    """Change a place of the configuration."""
    file = world.folder / "tieline.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


# --- signals ---------------------------------------------------------------------------------


def test_f30_sigterm_ends_it_within_ten_seconds_under_load_and_loses_nothing(
    seeded: World,
) -> None:
    slow = seeded.hubspot.fault(kind="latency", seconds=0.5, count=None)
    with slow, seeded.daemon(ready=False) as daemon:
        wait(lambda: len(seeded.erp_deals()) > 14, 60, daemon.said)
        started = time.monotonic()
        daemon.process.terminate()
        assert daemon.process.wait(15) == 0, daemon.said()
        assert time.monotonic() - started < 10
    seeded.once()
    assert seeded.differences() == []


def test_f30_sighup_applies_a_new_field_to_all_deals(world: World) -> None:
    deal = new_deal(world, "Pumps", description="call back")
    with world.daemon() as daemon:
        copy = copy_of(world, deal)
        world.configure(more_fields="\n        - {hubspot: description, erp: comment}")
        assert daemon.hang_up()["refused"] == ""

        def comment() -> str:
            (row,) = world.erp.call("model.sale.opportunity.read", [int(copy)], ["comment"])
            return str(row["comment"])

        wait(lambda: comment() == "call back", 20, comment)
        assert "tieline_config_last_reload_successful 1.0" in daemon.metrics()


def test_f30_a_bad_reload_is_refused_as_a_whole_and_the_old_one_runs_on(world: World) -> None:
    deal = new_deal(world, "Pumps")
    with world.daemon() as daemon:
        copy = copy_of(world, deal)
        replaced(world, "Qualified To Buy: opportunity", "Qualified To By: opportunity")
        told = daemon.hang_up()["refused"]
        assert "tieline.yaml:" in told and "Qualified To By" in told
        assert "tieline_config_last_reload_successful 0.0" in daemon.metrics()
        assert "refused" in daemon.said()
        world.edit_hubspot(deal, dealname="Pumps, still running")
        wait(lambda: "still" in world.erp_deals()[copy].name, 20, world.erp_deals)
        done = world.tieline("reload")
        assert done.returncode == CONFIG, done.stderr
        world.configure()
        assert world.tieline("reload").returncode == 0


# --- bad configuration -----------------------------------------------------------------------


def test_broken_yaml_is_told_with_its_place(world: World) -> None:
    replaced(world, "between: [hubspot, erp]", "between: [hubspot, erp")
    refused(world, CONFIG, "tieline.yaml:")


def test_an_unknown_key_is_told_with_its_place_and_a_guess(world: World) -> None:
    replaced(world, "direction: both", "directoin: both")
    refused(world, CONFIG, "tieline.yaml:23:", "directoin", "direction")


def test_an_unknown_stage_is_told_with_its_place_and_the_choices(world: World) -> None:
    replaced(world, "Closed Lost: lost", "Closed Lots: lost")
    refused(world, CONFIG, "tieline.yaml:31:", "Closed Lots", "Closed Lost", command="check")
    refused(world, CONFIG, "tieline.yaml:31:", "Closed Lots", command="run --once")


# --- bad access ------------------------------------------------------------------------------


def test_a_wrong_token_is_told(world: World) -> None:
    world.variables["HUBSPOT_TOKEN"] = "pat-na1-wrong"
    told = refused(world, DENIED, "hubspot: ", "auth.token", command="run --once")
    assert "pat-na1-wrong" not in told


def test_a_missing_scope_is_named(world: World) -> None:
    token = world.hubspot.grant("crm.objects.owners.read", "crm.schemas.deals.read", "oauth")
    world.variables["HUBSPOT_TOKEN"] = token
    refused(world, DENIED, "crm.objects.deals.read", command="run --once")


def test_an_app_that_is_not_reached_is_told_and_disturbs_no_other_connection(
    world: World,
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/"
    world.configure(tryton_url=nowhere)
    refused(world, TRY_AGAIN, "not reached", command="run --once")
    deal = new_deal(world, "Pumps")
    text = world.configure()
    lonely = text[text.index("  sales:") :].replace("  sales:", "  lonely:")
    lonely = lonely.replace("[hubspot, erp]", "[hubspot, away]").replace("erp: ", "away: ")
    away = text[text.index("  erp:") : text.index("connections:")]
    away = away.replace("  erp:", "  away:").replace(world.tryton.url, nowhere)
    file = world.folder / "tieline.yaml"
    file.write_text(text.replace("connections:", f"{away}connections:") + lonely.lstrip("\n"))
    with world.daemon(ready=False) as daemon:
        copy_of(world, deal)
        wait(
            lambda: daemon.health().get("connections", {}).get("lonely") == "waiting",
            20,
            daemon.said,
        )
        health = daemon.health()
        assert health["connections"]["sales"] == "running"
        assert "not reached" in str(health["why_not"])


def test_a_port_in_use_is_told(world: World) -> None:
    with world.daemon():
        replaced(world, "state.db", "other.db")
        refused(world, LISTEN, str(world.port), "in use")


# --- the store -------------------------------------------------------------------------------


def test_h34_a_second_daemon_on_one_store_is_told_who_has_it(world: World) -> None:
    with world.daemon() as daemon:
        refused(world, STORE, f"pid {daemon.process.pid}")
        assert daemon.process.poll() is None


def test_a_store_of_a_newer_version_is_refused(world: World) -> None:
    world.once()
    with sqlite3.connect(world.folder / "state.db") as store:
        store.execute("PRAGMA user_version = 9999")
    store.close()
    refused(world, STORE, "9999", command="run --once")


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system can be mounted by root alone")
def test_h32_a_full_disk_is_told_and_loses_nothing(seeded: World) -> None:
    with small_disk(seeded.folder / "disk") as disk:
        replaced(seeded, "store: state.db", f"store: {disk}/state.db")
        seeded.once()
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                pass
        deal = next(iter(seeded.pairs()))
        seeded.edit_hubspot(deal, dealname="Edited on a full disk")
        done = seeded.tieline("run", "--once")
        assert done.returncode == STORE, done.stdout + done.stderr
        assert "full" in done.stderr and "Traceback" not in done.stderr
        filler.unlink()
        seeded.once()
        assert seeded.differences() == []


@contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    """A file system of 3 MB in memory, for the block."""
    at.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(at)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)
