"""Metrics and the listener that exposes them, over real HTTP and through the real promtool."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import anyio
import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

import actors.errors
from actors.errors import RateLimitedError, SchemaDriftError, TielineError
from daemon.health import Health, healthy, starting
from daemon.http import ListenError, bind, join_address, serve, split_address
from daemon.metrics import ERROR_KINDS, Metrics, error_kind
from tests.deploy.samples import load_samples

pytestmark = pytest.mark.anyio

# Every label there may be. A new one is a decision about cardinality, not a detail.
LABELS = {
    "app", "channel", "connection", "direction", "endpoint", "kind", "le", "object", "outcome",
    "pool", "reason", "result", "side", "status", "version",
}  # fmt: skip


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


@asynccontextmanager
async def listening(metrics: Metrics, health: Health) -> AsyncIterator[httpx.AsyncClient]:
    async with anyio.create_task_group() as tasks:
        port = await tasks.start(serve, "127.0.0.1:0", metrics, lambda: health)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
        tasks.cancel_scope.cancel()


def test_counts_add_up_per_label_set() -> None:
    metrics = Metrics("1")
    metrics.polled("sales", "deals", "hubspot", 3)
    metrics.polled("sales", "deals", "hubspot", 4)
    metrics.polled("sales", "deals", "erp")
    where = {"connection": "sales", "object": "deals"}
    assert value(metrics, "tieline_records_polled_total", side="hubspot", **where) == 7
    assert value(metrics, "tieline_records_polled_total", side="erp", **where) == 1


def test_lag_has_the_word_of_the_configuration_as_direction_and_is_never_negative() -> None:
    metrics = Metrics("1")
    metrics.lag("sales", "deals", "erp", timedelta(seconds=40))
    metrics.lag("sales", "deals", "erp", timedelta(seconds=-3))
    labels = {"connection": "sales", "object": "deals", "direction": "to-erp"}
    assert value(metrics, "tieline_lag_seconds_sum", **labels) == 40
    assert value(metrics, "tieline_lag_seconds_bucket", le="0.5", **labels) == 1
    assert value(metrics, "tieline_lag_seconds_bucket", le="45.0", **labels) == 2


def test_a_reason_that_is_gone_goes_to_zero() -> None:
    metrics = Metrics("1")
    metrics.excluded("sales", "deals", "erp", {"filter": 5, "unmapped_stage": 2})
    metrics.excluded("sales", "deals", "erp", {"filter": 4})
    where = {"connection": "sales", "object": "deals", "side": "erp"}
    assert value(metrics, "tieline_excluded_records", reason="filter", **where) == 4
    assert value(metrics, "tieline_excluded_records", reason="unmapped_stage", **where) == 0


def test_a_refused_reload_keeps_the_time_of_the_configuration_that_runs() -> None:
    metrics = Metrics("1")
    metrics.config_applied(datetime(2026, 11, 24, tzinfo=UTC))
    applied_at = value(metrics, "tieline_config_last_reload_timestamp_seconds")
    metrics.config_refused()
    assert value(metrics, "tieline_config_last_reload_successful") == 0
    assert value(metrics, "tieline_config_last_reload_timestamp_seconds") == applied_at
    assert value(metrics, "tieline_config_reloads_total", result="refused") == 1


def test_a_removed_connection_or_app_leaves_no_series_and_touches_no_other() -> None:
    metrics = Metrics("1")
    load_samples(metrics, connection="sales", apps=("hubspot", "erp"))
    load_samples(metrics, connection="support", apps=("desk", "crm"))
    metrics.forget_connection("sales")
    metrics.forget_app("hubspot")
    metrics.forget_app("erp")
    text = metrics.render()[0].decode()
    assert not re.search(r'"(sales|hubspot|erp|to-erp)"', text)
    assert 'connection="support"' in text
    assert 'app="desk"' in text


def test_a_paused_connection_is_neither_up_nor_down() -> None:
    metrics = Metrics("1")
    metrics.connection_up("sales", up=False)
    assert value(metrics, "tieline_connection_up", connection="sales") == 0
    metrics.connection_paused("sales")
    assert value(metrics, "tieline_connection_up", connection="sales") is None


def test_a_sync_is_exposed_at_zero_before_its_first_event() -> None:
    metrics = Metrics("1")
    metrics.expect_sync(
        "sales", "deals", ("hubspot", "erp"), write_outcomes=["done"], conflict_outcomes=["asked"]
    )
    where = {"connection": "sales", "object": "deals"}
    assert value(metrics, "tieline_writes_total", side="erp", outcome="done", **where) == 0
    assert value(metrics, "tieline_conflicts_total", outcome="asked", **where) == 0
    assert value(metrics, "tieline_lag_seconds_count", direction="to-hubspot", **where) == 0


def test_a_watched_queue_is_asked_at_each_scrape() -> None:
    metrics = Metrics("1")
    waiting = ["a"]
    metrics.watch_queue("sales", "mapper", lambda: len(waiting))
    labels = {"connection": "sales", "channel": "mapper"}
    assert value(metrics, "tieline_queue_depth", **labels) == 1
    waiting.append("b")
    assert value(metrics, "tieline_queue_depth", **labels) == 2


def test_a_call_without_an_answer_and_a_refused_one_are_told_apart() -> None:
    metrics = Metrics("1")
    for status in (200, None, 429):
        metrics.api_call("hubspot", "search", status)
    calls = {"app": "hubspot", "endpoint": "search"}
    assert value(metrics, "tieline_api_calls_total", status="none", **calls) == 1
    assert value(metrics, "tieline_api_calls_total", status="429", **calls) == 1
    assert value(metrics, "tieline_api_throttled_total", app="hubspot") == 1


def test_errors_are_named_by_what_the_caller_must_do() -> None:
    assert error_kind(RateLimitedError("slow down")) == "rate_limited"
    assert error_kind(SchemaDriftError("gone")) == "schema_drift"
    assert error_kind(KeyError("x")) == "bug"


def test_each_error_kind_shown_from_the_start_is_one_that_can_happen() -> None:
    classes = [kind for kind in vars(actors.errors).values() if isinstance(kind, type)]
    possible = {error_kind(kind("x")) for kind in classes if issubclass(kind, TielineError)}
    assert set(ERROR_KINDS) <= possible | {"bug"}


def test_labels_are_few_and_none_is_a_record() -> None:
    metrics = Metrics("1")
    load_samples(metrics)
    used = {
        label
        for family in metrics.registry.collect()
        for sample in family.samples
        if family.name.startswith("tieline_")
        for label in sample.labels
    }
    assert used == LABELS


def test_help_names_no_metric_without_text_and_process_metrics_are_there() -> None:
    metrics = Metrics("1.2.3")
    families = {family.name: family for family in metrics.registry.collect()}
    assert all(family.documentation for family in families.values())
    assert value(metrics, "process_resident_memory_bytes")
    assert value(metrics, "tieline_build_info", version="1.2.3") == 1
    assert not [name for name in families if name.endswith("_created")]


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_has_nothing_to_say_about_the_real_output() -> None:
    metrics = Metrics("1")
    load_samples(metrics)
    body, _ = metrics.render()
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


async def test_text_and_openmetrics_are_served_by_what_is_asked_for() -> None:
    metrics = Metrics("1")
    load_samples(metrics)
    async with listening(metrics, healthy()) as client:
        plain = await client.get("/metrics", headers={"accept": "text/plain"})
        open_ = await client.get(
            "/metrics", headers={"accept": "application/openmetrics-text;version=1.0.0,*/*;q=0.1"}
        )
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert open_.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in parse_text(plain.text)}
    assert "tieline_writes" in names
    # The client leaves this parser untyped.
    families = parse_openmetrics(open_.text)  # type: ignore[no-untyped-call]
    assert "tieline_writes" in {family.name for family in families}
    assert "server" not in plain.headers


async def test_health_says_why_it_is_not_ready() -> None:
    not_ready = Health(
        live=True,
        ready=False,
        why_not=("sales: erp is unreachable",),
        connections={"sales": "waiting to restart"},
        reloads=2,
        refused="tieline.yaml:3:1: unknown key",
    )
    async with listening(Metrics("1"), not_ready) as client:
        answer = await client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {
        "live": True,
        "ready": False,
        "why_not": ["sales: erp is unreachable"],
        "connections": {"sales": "waiting to restart"},
        "reloads": 2,
        "refused": "tieline.yaml:3:1: unknown key",
        "store": "",
        "schema_problems": {},
    }


async def test_health_of_a_ready_daemon_is_200_and_other_paths_are_404() -> None:
    async with listening(Metrics("1"), healthy()) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/secrets")).status_code == 404
        assert (await client.post("/metrics")).status_code == 405


def test_starting_is_live_and_not_ready() -> None:
    assert starting("opening the store").status == 503
    assert json.loads(starting().to_json())["live"] is True


async def test_a_cancelled_listener_gives_its_port_back() -> None:
    async with anyio.create_task_group() as tasks:
        port = await tasks.start(serve, "127.0.0.1:0", Metrics("1"), healthy)
        tasks.cancel_scope.cancel()
    bind(f"127.0.0.1:{port}").close()


async def test_a_port_in_use_is_said_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ListenError, match=rf"cannot listen on {address}: the port is in use"):
            await serve(address, Metrics("1"), healthy)


@pytest.mark.parametrize("address", ["9464", ":9464", "host:", "host:x", "::1:80", "h:70000", ""])
def test_a_malformed_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(ListenError, match="such as 127"):
        split_address(address)


@pytest.mark.parametrize(
    ("address", "parts"),
    [("127.0.0.1:9464", ("127.0.0.1", 9464)), ("[::1]:0", ("::1", 0)), ("a.b:1", ("a.b", 1))],
)
def test_addresses_are_split_into_host_and_port(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address) == parts
    assert join_address(*parts) == address


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ListenError, match="no such address"):
        bind("192.0.2.1:9464")
