"""Missing rights, seen at start by the real process: named, with what stops and what to do."""

from __future__ import annotations

import socket

import pytest

from tests.e2e.servers import MakeWorld, make_world, servers
from tests.e2e.world import World, free_port, wait

__all__ = ["make_world", "servers"]
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def world(make_world: MakeWorld) -> World:
    return make_world("--deals", "2", "--api-limit", "0")


def test_f3_a_token_that_may_only_read_keeps_a_two_way_sync_from_starting(world: World) -> None:
    world.configure()
    full = world.variables["HUBSPOT_TOKEN"]
    world.variables["HUBSPOT_TOKEN"] = world.hubspot.grant("oauth", "crm.objects.deals.read")
    try:
        done = world.tieline("check")
        assert done.returncode == 77
        assert "lacks the scope crm.objects.deals.write" in done.stdout
        with world.daemon(ready=False) as daemon:
            wait(lambda: "needs you" in str(daemon.health()), 20, daemon.said)
            (reason,) = daemon.health()["why_not"]
            assert "hubspot: the token lacks the scope crm.objects.deals.write" in reason
            assert "deals cannot be created or changed in HubSpot" in reason
        assert world.hubspot_writes() == []
        world.configure(direction="to-erp")
        assert world.tieline("check").returncode == 0
    finally:
        world.variables["HUBSPOT_TOKEN"] = full


def test_f3_a_tryton_user_without_the_right_to_write_is_told_so(world: World) -> None:
    world.configure()
    access = "model.ir.model.access"
    rows = world.erp.call(
        f"{access}.search_read",
        [["model", "=", "sale.opportunity"], ["group.name", "=", "CRM sync"]],
        0,
        None,
        None,
        ["id"],
    )
    ids = [row["id"] for row in rows]
    world.erp.call(f"{access}.write", ids, {"perm_write": False})
    try:
        done = world.tieline("check")
        assert done.returncode == 77, done.stdout
        lacks = "may not create and write sale.opportunity: nothing of it can be written"
        assert lacks in done.stdout
        assert "Add the access rights to a group of the user" in done.stdout
    finally:
        world.erp.call(f"{access}.write", ids, {"perm_write": True})
    assert world.tieline("check").returncode == 0


def test_a_port_in_use_has_an_exit_code_and_advice_of_its_own(world: World) -> None:
    world.configure()
    port = world.port
    world.port = free_port()
    try:
        with socket.create_server(("127.0.0.1", world.port)):
            world.configure()
            done = world.tieline("run", timeout=30)
        assert done.returncode == 71
        assert f"cannot listen on 127.0.0.1:{world.port}: the port is in use" in done.stderr
        assert "listen under daemon: in" in done.stderr
    finally:
        world.port = port
