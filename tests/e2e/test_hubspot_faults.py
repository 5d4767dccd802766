"""Faults on the way to HubSpot, through the real process: no edit is lost, nothing is doubled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.servers import MakeWorld, make_world, servers
from tests.e2e.world import Daemon, World, wait

__all__ = ["make_world", "servers"]
pytestmark = pytest.mark.timeout(120)

CREATE = r"objects/.*deals/batch/create"
UPDATE = r"objects/.*deals/batch/update"
SEARCH = r"objects/.*deals/search"
# The tests themselves read with another version of the API.
OURS = "/2026-03/"
AFTER_COMMIT = [
    {"kind": "status", "error": "internal", "when": "after"},
    {"kind": "status", "error": "timeout", "when": "after"},
    {"kind": "cut", "when": "after"},
    {"kind": "truncate"},
    {"kind": "garbage"},
]


@pytest.fixture(scope="module")
def world(make_world: MakeWorld) -> World:
    made = make_world("--deals", "0", "--api-limit", "0")
    return made


@pytest.fixture(scope="module")
def daemon(world: World) -> Iterator[Daemon]:
    with world.daemon() as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def quiet_at_the_end(world: World, daemon: Daemon) -> Iterator[None]:
    """Whatever the tests did: once all faults are over nothing is written any more."""
    yield
    wait_polls(world, 2)
    last, stamp = world.last_call(), world.last_erp_change()
    wait_polls(world, 3)
    assert world.hubspot_writes(last) == []
    assert world.last_erp_change() == stamp


@pytest.fixture(autouse=True)
def everything_settles(world: World, daemon: Daemon) -> Iterator[None]:
    """Whatever a test did: once its faults are over both sides are equal."""
    yield
    world.hubspot.control("/lag", seconds=0, flush=True)
    world.wait_equal(45)
    assert daemon.process.poll() is None
    assert "Traceback" not in daemon.said()


def wait_polls(world: World, polls: int) -> None:
    """Wait until the daemon has looked for changes in HubSpot so many more times."""
    last = world.last_call()

    def looks() -> int:
        return sum("search" in one["path"] for one in world.hubspot.log(last)["requests"])

    wait(lambda: looks() >= polls, 60, looks)


def calls_of_the_daemon(world: World, since: int) -> list[Any]:
    """The request log without what the tests asked."""
    return [one for one in world.hubspot.log(since)["requests"] if OURS in one["path"]]


def hits(world: World, since: int, kind: str) -> list[Any]:
    """Calls that a fault of this kind hit."""
    return [one for one in world.hubspot.log(since)["requests"] if kind in one["fault"]]


@contextmanager
def fault(world: World, **rule: Any) -> Iterator[None]:
    """A fault; the block fails if nothing ran into it."""
    last = world.last_call()
    with world.hubspot.fault(**rule):
        yield
        wait(lambda: bool(hits(world, last, rule["kind"])), 20, lambda: world.hubspot.log(last))


def new_hubspot_deal(world: World, name: str) -> tuple[str, str]:
    """A deal made in HubSpot and its copy in Tryton."""
    properties = {"dealname": name, "pipeline": "default", "dealstage": "qualifiedtobuy"}
    made = world.hubspot.control("/admin/create", objectType="deals", properties=properties)
    record = str(made["id"])
    wait(lambda: record in world.pairs(), 30, world.pairs)
    return record, world.pairs()[record]


def new_erp_deal(world: World, name: str) -> str:
    """A deal made in Tryton by a person."""
    row = {"description": name, "amount": {"__class__": "Decimal", "decimal": "12.50"}}
    (made,) = world.erp.call("model.sale.opportunity.create", [row])
    return str(made)


def named(world: World, name: str) -> list[str]:
    return [one.id for one in world.hubspot_deals().values() if one.name == name]


@pytest.mark.parametrize("rule", AFTER_COMMIT, ids=lambda rule: rule.get("error", rule["kind"]))
def test_h2_a_create_whose_answer_is_lost_makes_one_deal(
    world: World, daemon: Daemon, rule: dict[str, Any]
) -> None:
    name = f"Create meets {rule}"
    with fault(world, path=CREATE, **rule):
        deal = new_erp_deal(world, name)
        wait(lambda: bool(named(world, name)), 30, daemon.said)
    world.wait_equal(45)
    assert len(named(world, name)) == 1
    assert world.pairs()[named(world, name)[0]] == deal


@pytest.mark.parametrize("rule", AFTER_COMMIT[1:4], ids=lambda r: r.get("error", r["kind"]))
def test_h1_an_update_whose_answer_is_lost_is_neither_lost_nor_taken_for_an_edit(
    world: World, daemon: Daemon, rule: dict[str, Any]
) -> None:
    deal, copy = new_hubspot_deal(world, f"Update meets {rule}")
    before = len(world.ask("conflicts", "--all")["conflicts"])
    with fault(world, path=UPDATE, **rule):
        world.edit_erp(copy, description=f"B {rule}")
        wait(lambda: world.hubspot_deals()[deal].name == f"B {rule}", 30, daemon.said)
    # The source goes on: this must not look like a conflict with what we wrote ourselves.
    world.edit_erp(copy, description=f"D {rule}")
    wait(lambda: world.hubspot_deals()[deal].name == f"D {rule}", 45, daemon.said)
    assert len(world.ask("conflicts", "--all")["conflicts"]) == before


def test_h46_a_person_corrects_our_value_while_its_outcome_is_unknown(
    world: World, daemon: Daemon
) -> None:
    deal, copy = new_hubspot_deal(world, "Corrected meanwhile")
    with fault(world, path=UPDATE, kind="cut", when="after"):
        world.edit_erp(copy, description="tieline's value")
        wait(lambda: world.hubspot_deals()[deal].name == "tieline's value", 30, daemon.said)
        world.edit_hubspot(deal, dealname="a person's correction")
    world.wait_equal(45)
    assert world.erp_deals()[copy].name == "a person's correction"


def test_an_update_that_failed_before_it_was_done_is_sent_again(
    world: World, daemon: Daemon
) -> None:
    deal, copy = new_hubspot_deal(world, "Failed before")
    with fault(world, path=UPDATE, kind="status", error="unavailable", count=2):
        world.edit_erp(copy, description="Sent again")
        wait(lambda: world.hubspot_deals()[deal].name == "Sent again", 60, daemon.said)


def test_a_429_with_retry_after_is_waited_for(world: World, daemon: Daemon) -> None:
    deal, copy = new_hubspot_deal(world, "Too many calls")
    last = world.last_call()
    rule = {"kind": "status", "error": "ten_secondly", "retryAfter": 2}
    with fault(world, path=UPDATE, **rule):
        world.edit_erp(copy, description="Not so fast")
        wait(lambda: world.hubspot_deals()[deal].name == "Not so fast", 45, daemon.said)
    # Searches have a limit of their own; of all other calls there is none until the time is over.
    calls = [one for one in calls_of_the_daemon(world, last) if "search" not in one["path"]]
    refused = next(one for one in calls if one["status"] == 429)
    following = next(one for one in calls if one["sequence"] > refused["sequence"])
    assert following["at"] - refused["at"] >= 1_900, (refused, following)


def test_a_429_without_retry_after_on_every_second_call_loses_nothing(
    world: World, daemon: Daemon
) -> None:
    deal, copy = new_hubspot_deal(world, "Every second call")
    rule = {"kind": "status", "error": "secondly", "probability": 0.5, "seed": 3, "count": 6}
    with fault(world, path=OURS, **rule):
        world.edit_erp(copy, description="Through all the same")
        wait(lambda: world.hubspot_deals()[deal].name == "Through all the same", 60, daemon.said)


def test_reads_that_fail_hold_up_an_edit_only_as_long_as_they_do(
    world: World, daemon: Daemon
) -> None:
    deal, copy = new_hubspot_deal(world, "Reads fail")
    with fault(world, path=SEARCH, kind="garbage", count=2):
        world.edit_hubspot(deal, dealname="Read in the end")
        wait(lambda: world.erp_deals()[copy].name == "Read in the end", 60, daemon.said)
    assert daemon.health()["ready"]


def test_h3_an_index_that_lags_behind_loses_no_edit(world: World, daemon: Daemon) -> None:
    deals = [new_hubspot_deal(world, f"Lagging {number}") for number in range(3)]
    before = len(world.ask("conflicts", "--all")["conflicts"])
    world.hubspot.control("/lag", seconds=4)
    for number, (deal, _) in enumerate(deals):
        world.edit_hubspot(deal, dealname=f"Found late {number}")
        # Later edits move the window on before the earlier ones are findable.
        wait_polls(world, 3)
    found = {copy: f"Found late {number}" for number, (_, copy) in enumerate(deals)}

    def names() -> dict[str, str]:
        return {copy: world.erp_deals()[copy].name for copy in found}

    wait(lambda: names() == found, 30, daemon.said)
    assert len(world.ask("conflicts", "--all")["conflicts"]) == before


def test_one_refused_item_of_a_batch_does_not_hold_up_the_others(
    world: World, daemon: Daemon
) -> None:
    names = [f"Batch {number}" for number in range(6)]
    rows = [{"description": name} for name in names]
    with fault(world, path=CREATE, kind="fail_inputs", inputs=[0, 3]):
        world.erp.call("model.sale.opportunity.create", rows)
        wait(lambda: sum(bool(named(world, n)) for n in names) >= 4, 30, daemon.said)
    wait(lambda: all(len(named(world, n)) == 1 for n in names), 60, daemon.said)
