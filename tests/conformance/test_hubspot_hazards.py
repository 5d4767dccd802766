"""What goes wrong at HubSpot, and what the connector makes of it; on a real sandbox process."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import anyio
import pytest

from actors.errors import (
    AuthError,
    RateLimitedError,
    SchemaDriftError,
    ScopeError,
    TransientError,
)
from actors.intents import (
    Done,
    Exists,
    Intent,
    IntentKind,
    Rejected,
    Throttled,
    Unknown,
)
from actors.records import Departure, Gone, Side, Snapshot
from actors.values import Raw
from daemon.connectors.client import Limits
from daemon.connectors.hubspot import HubSpotConnector
from daemon.connectors.hubspot.kinds import KEY_PROPERTY
from daemon.connectors.registry import Environment
from tests.support.hubspot import Sandbox, connect, run_sandbox

pytestmark = pytest.mark.anyio

FIELDS = ("dealname", "amount", "dealstage", "pipeline")
READ = "/batch/read"
WRITE = "batch/(create|update)"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with run_sandbox(deals=5) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture
async def hubspot(sandbox: Sandbox) -> AsyncIterator[HubSpotConnector]:
    async with open_hubspot(sandbox) as connector:
        await connector.prepare("deals")
        sandbox.forget_calls()
        yield connector


@asynccontextmanager
async def open_hubspot(sandbox: Sandbox, **settings: Any) -> AsyncIterator[HubSpotConnector]:
    connector = connect(sandbox, **settings)
    try:
        yield connector
    finally:
        await connector.aclose()


def a_deal(name: str = "A deal") -> dict[str, Raw]:
    return {"dealname": name, "pipeline": "default", "dealstage": "contractsent"}


def order(number: int, values: dict[str, Raw], record_id: str | None = None) -> Intent:
    return Intent(
        id=number,
        sync="sales/deals",
        link=number,
        side=Side.LEFT,
        kind=IntentKind.CREATE if record_id is None else IntentKind.UPDATE,
        units=(),
        values=values,
        key=None if record_id else f"tieline:sales:deals:erp:{number}",
        record_id=record_id,
    )


_last = iter(range(1, 1_000_000))


def creates(*names: str, **more: Raw) -> list[Intent]:
    return [order(next(_last), a_deal(name) | more) for name in names]


def stored(outcome: object) -> Snapshot:
    assert isinstance(outcome, Done), outcome
    return outcome.stored


# Reading changes -------------------------------------------------------------------------------


async def test_an_idle_poll_is_one_search(sandbox: Sandbox, hubspot: HubSpotConnector) -> None:
    cursor = await hubspot.start("deals")
    first = await hubspot.changes("deals", FIELDS, cursor, {})
    seen = {record.id: record.token for record in first.records}
    sandbox.forget_calls()
    idle = await hubspot.changes("deals", FIELDS, first.cursor, seen)
    assert (idle.records, idle.gone, idle.more) == ((), (), False)
    assert sandbox.calls() == ["POST search"]


async def read_all(
    sandbox: Sandbox, hubspot: HubSpotConnector, cursor: str, seen: dict[str, str]
) -> tuple[list[Snapshot], list[Gone], str]:
    """Read the feed up to now: `Date` has whole seconds, so let two pass and have it noticed."""
    sandbox.control("/clock", advanceMs=2000)
    await hubspot.start("deals")
    sandbox.forget_calls()
    found: list[Snapshot] = []
    gone: list[Gone] = []
    more = True
    while more:
        page = await hubspot.changes("deals", FIELDS, cursor, seen)
        cursor, more = page.cursor, page.more
        found += page.records
        gone += page.gone
    return found, gone, cursor


async def test_a_poll_reads_in_full_only_what_is_new(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    ids = sandbox.make(*[a_deal(f"n{n}") for n in range(150)])
    cursor = await hubspot.start("deals")
    first, _, cursor = await read_all(sandbox, hubspot, cursor, {})
    assert set(ids) <= {record.id for record in first}
    seen = {record.id: record.token for record in first}
    sandbox.edit(ids[:1], {"dealname": "moved"})
    found, _, _ = await read_all(sandbox, hubspot, cursor, seen)
    assert [(one.id, one.values["dealname"]) for one in found] == [(ids[0], "moved")]
    assert sandbox.requests()[-1]["inputs"] == 1
    assert sandbox.calls().count("POST batch/read") == 1


async def test_what_the_index_shows_late_is_found_by_the_overlap(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    old = (await hubspot.list_page("deals", FIELDS, None)).records[0].id
    cursor = await hubspot.start("deals")
    sandbox.control("/lag", seconds=3600)
    sandbox.edit([old], {"dealname": "late"})
    found, _, cursor = await read_all(sandbox, hubspot, cursor, {})
    assert old not in {record.id for record in found}, "the index must not know yet"
    seen = {record.id: record.token for record in found}
    sandbox.control("/lag", seconds=0, flush=True)
    found, _, _ = await read_all(sandbox, hubspot, cursor, seen)
    assert {one.id: one.values["dealname"] for one in found} == {old: "late"}


async def test_a_record_that_leaves_the_window_while_it_is_walked_skips_no_other(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    ids = sandbox.make(*[a_deal(f"w{n}") for n in range(260)])
    cursor = await hubspot.start("deals")
    sandbox.control("/clock", advanceMs=2000)
    await hubspot.start("deals")
    found: set[str] = set()
    more, pages = True, 0
    while more:
        page = await hubspot.changes("deals", FIELDS, cursor, {})
        cursor, more, pages = page.cursor, page.more, pages + 1
        found |= {record.id for record in page.records}
        sandbox.edit(ids[:50], {"dealname": f"again {pages}"})
    assert pages > 1
    # What left the frozen window unseen is in the next one; nobody else may be missing.
    assert set(ids) - found <= set(ids[:50])
    later, _, _ = await read_all(sandbox, hubspot, cursor, {})
    assert set(ids) <= found | {record.id for record in later}


async def test_a_search_hit_that_is_archived_by_now_is_gone(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    (record_id,) = sandbox.make(a_deal())
    cursor = await hubspot.start("deals")
    sandbox.control("/lag", seconds=3600)
    sandbox.archive(record_id)
    found, gone, _ = await read_all(sandbox, hubspot, cursor, {})
    assert record_id not in {one.id for one in found}
    assert set(gone) <= {Gone(id=record_id, how=Departure.ARCHIVED)}


# Presence --------------------------------------------------------------------------------------


@pytest.mark.parametrize("omitted", [False, True])
async def test_merged_records_name_their_survivor(
    sandbox: Sandbox, hubspot: HubSpotConnector, omitted: bool
) -> None:
    sandbox.control("/switches", merged_input_omitted=omitted)
    first, second = sandbox.make(a_deal("one"), a_deal("two"))
    survivor = sandbox.merge(first, second)
    fetched = await hubspot.fetch("deals", [first, second, survivor], FIELDS)
    assert [one.id for one in fetched.records] == [survivor]
    assert set(fetched.records[0].absorbed) == {first, second}
    assert set(fetched.gone) == {
        Gone(id=first, how=Departure.MERGED, into=survivor),
        Gone(id=second, how=Departure.MERGED, into=survivor),
    }


async def test_a_purged_record_is_deleted_and_an_odd_id_never_was(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    (record_id,) = sandbox.make(a_deal())
    sandbox.control("/admin/purge", ids=[record_id])
    fetched = await hubspot.fetch("deals", [record_id, "abc", "0"], FIELDS)
    assert fetched.records == ()
    assert [one.how for one in fetched.gone] == [Departure.DELETED] * 3


async def test_more_ids_than_a_batch_are_read_in_hundreds(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    ids = sandbox.make(*[a_deal(f"b{n}") for n in range(101)])
    sandbox.forget_calls()
    fetched = await hubspot.fetch("deals", ids, FIELDS)
    assert [one.id for one in fetched.records] == ids
    assert sandbox.calls() == ["POST batch/read", "POST batch/read"]


async def test_a_key_is_not_found_before_the_property_exists() -> None:
    with run_sandbox(deals=1) as fresh:
        async with open_hubspot(fresh) as connector:
            assert await connector.find("deals", ["tieline:x"], FIELDS) == {}


# Writing ---------------------------------------------------------------------------------------


async def test_a_batch_of_creates_is_one_call_when_the_answer_shows_all_fields(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    outcomes = await hubspot.write("deals", creates(*[f"c{n}" for n in range(100)]), FIELDS)
    assert [stored(one).values["dealname"] for one in outcomes] == [f"c{n}" for n in range(100)]
    assert sandbox.calls() == ["POST batch/create"]


async def test_a_new_record_is_not_read_back_for_fields_that_nobody_filled(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    fields = (*FIELDS, "description", "hs_next_step")
    (outcome,) = await hubspot.write("deals", creates("new"), fields)
    assert sandbox.calls() == ["POST batch/create"]
    read = await hubspot.fetch("deals", [stored(outcome).id], fields)
    assert read.records[0].values == stored(outcome).values


async def test_fields_that_the_answer_leaves_out_are_read_back(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    (made,) = await hubspot.write("deals", creates("half"), FIELDS)
    sandbox.edit([stored(made).id], {"description": "a person's"})
    sandbox.forget_calls()
    change = order(next(_last), {"dealname": "whole"}, stored(made).id)
    (outcome,) = await hubspot.write("deals", [change], (*FIELDS, "description"))
    assert stored(outcome).values["description"] == "a person's"
    assert stored(outcome).values["dealname"] == "whole"
    assert sandbox.calls() == ["POST batch/update", "POST batch/read"]


async def test_one_record_twice_in_an_order_is_written_in_two_calls_in_order(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    (record_id,) = sandbox.make(a_deal())
    changes = [order(next(_last), {"dealname": name}, record_id) for name in ("first", "second")]
    outcomes = await hubspot.write("deals", changes, FIELDS)
    assert [stored(one).values["dealname"] for one in outcomes] == ["first", "second"]
    fetched = await hubspot.fetch("deals", [record_id], FIELDS)
    assert fetched.records[0].values["dealname"] == "second"


async def test_a_stage_of_another_pipeline_is_sent_with_its_pipeline(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    (record_id,) = sandbox.make(a_deal())
    (outcome,) = await hubspot.write(
        "deals", [order(next(_last), {"dealstage": "139923"}, record_id)], FIELDS
    )
    assert stored(outcome).values["pipeline"] == "139921"


async def test_rejected_names_every_bad_property_and_no_kilobytes_of_options(
    hubspot: HubSpotConnector,
) -> None:
    (outcome,) = await hubspot.write(
        "deals", creates("bad", amount="much", dealtype="gift"), FIELDS
    )
    assert isinstance(outcome, Rejected), outcome
    assert set(outcome.fields) == {"amount", "dealtype"}
    assert '"dealtype"' in outcome.reason and len(outcome.reason) < 400


async def test_a_refusal_of_the_whole_batch_is_halved_until_one_is_to_blame(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    # All but the smallest calls are refused, without a word about which input is at fault.
    sandbox.fault("status", WRITE, status=400, count=3)
    intents = creates("h1", "h2", "h3", "h4", "h5")
    outcomes = await hubspot.write("deals", intents, FIELDS)
    assert [stored(one).values["dealname"] for one in outcomes] == ["h1", "h2", "h3", "h4", "h5"]
    # Calls with 5, 3 and 2 inputs are refused; those with 1, 1, 1 and 2 are written.
    statuses = [one["status"] for one in sandbox.requests()]
    assert statuses == [400, 400, 400, 201, 201, 201, 201]


async def test_a_key_that_is_taken_by_an_archived_record_is_a_tombstone(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    intents = creates("to be archived")
    (made,) = await hubspot.write("deals", intents, FIELDS)
    sandbox.archive(stored(made).id)
    found = await hubspot.find("deals", [intents[0].key or ""], FIELDS)
    assert found == {intents[0].key: Gone(id=stored(made).id, how=Departure.ARCHIVED)}


async def test_taken_and_new_keys_in_one_batch_have_their_own_outcomes(
    hubspot: HubSpotConnector,
) -> None:
    old = creates("old 1", "old 2")
    made = await hubspot.write("deals", old, FIELDS)
    outcomes = await hubspot.write("deals", [*old, *creates("new")], FIELDS)
    assert [type(one) for one in outcomes] == [Exists, Exists, Done], outcomes
    for before, after in zip(made, outcomes, strict=False):
        assert isinstance(after, Exists) and after.record_id == stored(before).id
        assert after.current is not None
        assert after.current.values == stored(before).values


async def test_an_update_that_went_into_the_survivor_of_a_merge_has_to_be_read(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    first, second = sandbox.make(a_deal("one"), a_deal("two"))
    survivor = sandbox.merge(first, second)
    (outcome,) = await hubspot.write(
        "deals", [order(next(_last), {"dealname": "late"}, first)], FIELDS
    )
    assert isinstance(outcome, Unknown), outcome
    assert survivor in outcome.reason


async def test_without_the_key_property_creating_stops_with_a_clear_word(
    sandbox: Sandbox,
) -> None:
    with run_sandbox(deals=1) as fresh:
        async with open_hubspot(fresh) as connector:
            with pytest.raises(SchemaDriftError, match=KEY_PROPERTY):
                await connector.write("deals", creates("no property"), FIELDS)


@pytest.mark.parametrize(("kind", "name"), [("contacts", "lastname"), ("companies", "name")])
async def test_other_objects_are_entries_in_the_same_table(
    sandbox: Sandbox, hubspot: HubSpotConnector, kind: str, name: str
) -> None:
    await hubspot.prepare(kind)
    cursor = await hubspot.start(kind)
    intent = order(next(_last), {name: "Made"})
    (made,) = await hubspot.write(kind, [intent], [name])
    (again,) = await hubspot.write(kind, [intent], [name])
    assert isinstance(again, Exists) and again.record_id == stored(made).id
    change = order(next(_last), {name: "Changed"}, stored(made).id)
    (changed,) = await hubspot.write(kind, [change], [name])
    assert stored(changed).values == {name: "Changed"}
    sandbox.control("/clock", advanceMs=2000)
    await hubspot.start(kind)
    page = await hubspot.changes(kind, [name], cursor, {})
    assert {one.id: one.values for one in page.records} == {stored(made).id: {name: "Changed"}}
    assert (await hubspot.list_page(kind, [name], None)).records


# Faults ----------------------------------------------------------------------------------------

LOST = [
    {"kind": "cut", "when": "after"},
    {"kind": "cut", "when": "before"},
    {"kind": "status", "error": "internal", "when": "after"},
    {"kind": "status", "error": "bad_gateway", "when": "before"},
    {"kind": "status", "error": "edge_timeout", "when": "after"},
    {"kind": "truncate"},
    {"kind": "garbage"},
]


@pytest.mark.parametrize("fault", LOST, ids=lambda one: "-".join(map(str, one.values())))
async def test_a_write_whose_answer_is_unusable_is_unknown(
    sandbox: Sandbox, hubspot: HubSpotConnector, fault: dict[str, Any]
) -> None:
    sandbox.fault(path=WRITE, **fault)
    intents = creates("lost 1", "lost 2")
    outcomes = await hubspot.write("deals", intents, FIELDS)
    assert [type(one) for one in outcomes] == [Unknown, Unknown], outcomes
    happened = fault.get("when") != "before"
    found = await hubspot.find("deals", [one.key or "" for one in intents], FIELDS)
    assert len(found) == (2 if happened else 0)


@pytest.mark.parametrize("fault", LOST, ids=lambda one: "-".join(map(str, one.values())))
async def test_a_read_whose_answer_is_unusable_may_be_repeated(
    sandbox: Sandbox, hubspot: HubSpotConnector, fault: dict[str, Any]
) -> None:
    (record_id,) = sandbox.make(a_deal())
    sandbox.fault(path=READ, **fault)
    with pytest.raises(TransientError):
        await hubspot.fetch("deals", [record_id], FIELDS)
    assert (await hubspot.fetch("deals", [record_id], FIELDS)).records


async def test_an_answer_beyond_the_limit_is_not_read_to_its_end(sandbox: Sandbox) -> None:
    ids = sandbox.make(*[a_deal("x" * 60_000) for _ in range(3)])
    async with open_hubspot(sandbox, limits=Limits(max_bytes=100_000)) as connector:
        with pytest.raises(TransientError, match="above 100000 bytes"):
            await connector.fetch("deals", ids, FIELDS)
        assert (await connector.fetch("deals", ids[:1], FIELDS)).records


async def test_an_answer_that_does_not_come_is_given_up(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    (record_id,) = sandbox.make(a_deal())
    quick = Limits(read=timedelta(milliseconds=200))
    async with open_hubspot(sandbox, limits=quick) as connector:
        sandbox.fault("latency", WRITE, seconds=2)
        (outcome,) = await connector.write(
            "deals", [order(next(_last), {"dealname": "slow"}, record_id)], FIELDS
        )
    assert isinstance(outcome, Unknown)
    assert "ReadTimeout" in outcome.reason


async def test_an_app_that_cannot_be_reached_was_not_written_to(sandbox: Sandbox) -> None:
    async with open_hubspot(sandbox, base_url="http://127.0.0.1:1") as connector:
        with pytest.raises(TransientError, match="not reached"):
            await connector.write("deals", creates("nowhere"), FIELDS)


async def test_items_that_fail_in_a_batch_leave_the_others_written(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    sandbox.fault("fail_inputs", WRITE, inputs=[1])
    outcomes = await hubspot.write("deals", creates("p1", "p2", "p3"), FIELDS)
    assert [type(one) for one in outcomes][::2] == [Done, Done]
    assert not isinstance(outcomes[1], Done), outcomes[1]


# Rates -----------------------------------------------------------------------------------------


async def test_a_read_refused_for_its_rate_is_repeated_after_the_pause(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    (record_id,) = sandbox.make(a_deal())
    sandbox.fault("status", READ, error="ten_secondly", retryAfter=1)
    began = anyio.current_time()
    assert (await hubspot.fetch("deals", [record_id], FIELDS)).records
    assert anyio.current_time() - began >= 1
    assert sandbox.calls() == ["POST batch/read"] * 2


async def test_a_write_refused_for_its_rate_is_throttled_and_not_repeated(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    sandbox.fault("status", WRITE, error="ten_secondly")
    outcomes = await hubspot.write("deals", creates("r1", "r2"), FIELDS)
    assert all(isinstance(one, Throttled) for one in outcomes), outcomes
    assert [one.retry_after_s for one in outcomes if isinstance(one, Throttled)] == [10.0, 10.0]
    assert sandbox.calls() == ["POST batch/create"]
    assert hubspot.budget.remaining()["window"] == 0


async def test_the_daily_limit_closes_the_account_until_its_midnight(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    account = await hubspot.describe()
    assert account.timezone == "US/Eastern"
    sandbox.fault("status", READ, error="daily", count=None)
    with pytest.raises(RateLimitedError) as raised:
        await hubspot.fetch("deals", ["1"], FIELDS)
    pause = raised.value.retry_after
    assert pause is not None and timedelta(0) < pause <= timedelta(hours=25)
    sandbox.forget_calls()
    with pytest.raises(RateLimitedError):
        await hubspot.list_page("deals", FIELDS, None)
    assert sandbox.calls() == [], "no call is made while the day is over"


@pytest.mark.slow
async def test_an_announced_limit_is_never_exceeded(sandbox: Sandbox) -> None:
    sandbox.control("/limits", window=12)
    (record_id,) = sandbox.make(a_deal())
    async with open_hubspot(sandbox) as connector, anyio.create_task_group() as tasks:
        await connector.start("deals")
        for _ in range(22):
            tasks.start_soon(connector.fetch, "deals", [record_id], FIELDS)
    # A write that an earlier test gave up may still arrive; this connector only reads.
    statuses = [one["status"] for one in sandbox.requests() if not one["write"]]
    assert statuses == [200] * 23


async def test_observers_hear_of_calls_without_ids_and_of_what_remains(sandbox: Sandbox) -> None:
    calls: list[tuple[str, int | None]] = []
    left: dict[str, int] = {}
    environment = Environment(
        app="hubspot",
        on_call=lambda endpoint, status, seconds: calls.append((endpoint, status)),
        on_budget=left.__setitem__,
    )
    sandbox.control("/limits", window=50, daily=1000)
    async with open_hubspot(sandbox, environment=environment) as connector:
        await connector.start("deals")
        await connector.fetch("deals", ["22901690000"], FIELDS)
    assert calls == [
        ("account-info/details", 200),
        ("deals/batch/read", 207),
        ("deals/batch/read", 207),
        ("deals/read", 404),
    ]
    assert left == {"window": 46, "daily": 996}


async def test_the_last_call_of_the_day_is_known_from_the_headers(sandbox: Sandbox) -> None:
    async with open_hubspot(sandbox) as connector:
        await connector.start("deals")
        sandbox.control("/limits", daily=100, usedToday=99)
        await connector.start("deals")
        sandbox.forget_calls()
        with pytest.raises(RateLimitedError):
            await connector.start("deals")
        assert sandbox.calls() == []


async def test_a_locked_record_is_throttled_for_two_seconds_at_least(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    (record_id,) = sandbox.make(a_deal())
    change = order(next(_last), {"dealname": "locked"}, record_id)
    sandbox.fault("status", WRITE, error="locked")
    with pytest.raises(TransientError) as raised:
        await hubspot.write("deals", [change], FIELDS)
    assert raised.value.retry_after is not None
    assert raised.value.retry_after >= timedelta(seconds=2)


# Rights ----------------------------------------------------------------------------------------


async def test_a_wrong_token_is_named_and_not_shown(sandbox: Sandbox) -> None:
    async with open_hubspot(sandbox, token="pat-na1-wrong") as connector:
        with pytest.raises(AuthError) as raised:
            await connector.describe()
    assert "auth.token" in str(raised.value)
    assert "pat-na1-wrong" not in str(raised.value)


async def test_a_missing_scope_is_named(sandbox: Sandbox) -> None:
    sandbox.control("/tokens", token="few", scopes=["oauth", "crm.objects.contacts.read"])
    async with open_hubspot(sandbox, token="few") as connector:
        with pytest.raises(ScopeError, match=r"crm\.objects\.deals\.read"):
            await connector.describe()


async def test_objects_that_the_token_may_not_read_are_left_out(sandbox: Sandbox) -> None:
    sandbox.control("/tokens", token="deals", scopes=["oauth", "crm.objects.deals.read"])
    async with open_hubspot(sandbox, token="deals") as connector:
        schema = await connector.describe()
    assert [one.name for one in schema.objects] == ["deals"]
    assert schema.users == ()


async def test_preparing_without_the_right_names_the_scope() -> None:
    with run_sandbox("--scopes", "oauth,crm.objects.deals.read", deals=1) as fresh:
        async with open_hubspot(fresh) as connector:
            with pytest.raises(ScopeError, match=r"crm\.schemas\.deals\.write"):
                await connector.prepare("deals")


async def test_a_key_property_that_is_not_unique_is_refused() -> None:
    with run_sandbox(deals=1) as fresh:
        shape = {"name": KEY_PROPERTY, "label": "k", "type": "string", "fieldType": "text"}
        body = {**shape, "groupName": "dealinformation"}
        fresh.api("POST", "/crm/v3/properties/deals", json=body)
        async with open_hubspot(fresh) as connector:
            with pytest.raises(SchemaDriftError, match="unique"):
                await connector.prepare("deals")


async def test_the_token_is_never_logged(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_hubspot(sandbox) as connector:
        await connector.describe()
        sandbox.fault("cut", READ)
        with pytest.raises(TransientError):
            await connector.fetch("deals", ["1"], FIELDS)
    assert caplog.records, "httpx logs at this level"
    assert sandbox.token not in caplog.text
