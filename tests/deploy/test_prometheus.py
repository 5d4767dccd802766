"""Scrape job, rules and dashboard, judged by the real promtool and a real Prometheus."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from daemon.health import healthy
from daemon.http import bind, serve
from daemon.metrics import LAG_BUCKETS, Metrics
from tests.deploy.samples import load_samples

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
RULES = (DEPLOY / "rules.yml").read_text()
METRIC_NAME = re.compile(r"\b(?:tieline|process)_[a-z_]+")

needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed"
)
needs_prometheus = pytest.mark.skipif(
    not shutil.which("prometheus"), reason="prometheus is not installed"
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def exported_names() -> set[str]:
    metrics = Metrics("1")
    load_samples(metrics)
    return {s.name for family in metrics.registry.collect() for s in family.samples}


def panels() -> list[dict[str, Any]]:
    """Give all panels, those inside collapsed rows included."""
    return [inner for panel in DASHBOARD["panels"] for inner in [panel, *panel.get("panels", [])]]


def queries() -> Iterator[tuple[str, str]]:
    """Give (panel title, expression) of every query on the dashboard."""
    for panel in panels():
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *arguments], cwd=DEPLOY, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "rules.yml"),
        ("test", "rules", "rules_test.yml"),
    ],
)
def test_promtool_accepts(arguments: tuple[str, ...]) -> None:
    done = promtool(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_proved_both_firing_and_silent() -> None:
    tests = (DEPLOY / "rules_test.yml").read_text()
    for alert in re.findall(r"- alert: (\w+)", RULES):
        assert re.search(rf"\n +alertname: {alert}\n +exp_alerts:", tests), f"{alert} firing"
        assert re.search(rf"alertname: {alert}}}", tests), f"{alert} silent"


def test_rules_and_dashboard_name_only_metrics_that_exist() -> None:
    exported = exported_names()
    for text in [RULES, *(expression for _, expression in queries())]:
        assert set(METRIC_NAME.findall(text)) <= exported


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    shown = {name for _, expression in queries() for name in METRIC_NAME.findall(expression)}
    ours = {name for name in exported_names() if name.startswith("tieline_")}
    assert ours - {"tieline_lag_seconds_sum"} <= shown


def test_the_freshness_objective_is_one_of_the_buckets() -> None:
    for text in [RULES, *(expression for _, expression in queries())]:
        for bound in re.findall(r'le="([\d.]+)"', text):
            assert float(bound) in LAG_BUCKETS


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    for one, other in combinations([panel["gridPos"] for panel in DASHBOARD["panels"]], 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels())


def test_variables_are_defined_and_used() -> None:
    defined = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    text = json.dumps(DASHBOARD)
    used = set(re.findall(r"\$\{?([a-z]\w*)", text))
    assert used == defined


def filled_in(query: str) -> str:
    """Replace Grafana's variables as the server would with everything selected."""
    query = query.replace("$__rate_interval", "30s")
    return re.sub(r"\$(?:connection|object|app|job)\b", ".*", query)


class Prometheus:
    """A running Prometheus with its HTTP API."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def ask(self, query: str) -> list[dict[str, Any]]:
        """Run an instant query; an error of Prometheus fails the test."""
        answer = await self.client.post("/api/v1/query", data={"query": query})
        body = answer.json()
        assert body["status"] == "success", f"{query}: {body.get('error')}"
        result: list[dict[str, Any]] = body["data"]["result"]
        return result

    async def until_ready(self) -> None:
        """Wait until it answers queries; until then it refuses connections or says 503."""
        while True:
            with suppress(httpx.TransportError):
                if (await self.client.get("/-/ready")).status_code == 200:
                    return
            await anyio.sleep(0.1)

    async def until_scraped(self, times: int) -> None:
        """Wait until the target was scraped so often."""
        while True:
            seen = await self.ask('count_over_time(up{job="tieline"}[5m])')
            if seen and int(seen[0]["value"][1]) >= times:
                return
            await anyio.sleep(0.1)


def config_for(port: int, folder: Path) -> Path:
    """Write the shipped configuration with our port and a scrape every second."""
    text = (DEPLOY / "prometheus.yml").read_text()
    assert "127.0.0.1:9464" in text
    text = text.replace("127.0.0.1:9464", f"127.0.0.1:{port}").replace(": 15s", ": 1s")
    shutil.copy(DEPLOY / "rules.yml", folder)
    (folder / "prometheus.yml").write_text(text)
    return folder / "prometheus.yml"


async def check_all(prometheus: Prometheus) -> None:
    """Run every query of the dashboard and look at every rule."""
    await prometheus.until_ready()
    await prometheus.until_scraped(3)
    assert (await prometheus.ask('up{job="tieline"}'))[0]["value"][1] == "1"
    empty = [title for title, query in queries() if not await prometheus.ask(filled_in(query))]
    assert not empty
    rules = (await prometheus.client.get("/api/v1/rules")).json()["data"]["groups"]
    assert {r["health"] for group in rules for r in group["rules"]} <= {"ok", "unknown"}
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            assert await label_values(prometheus, variable["query"]["query"]), variable["name"]


async def label_values(prometheus: Prometheus, definition: str) -> list[str]:
    """Answer `label_values(selector, label)` as Grafana does."""
    match = re.fullmatch(r"label_values\((.*), (\w+)\)", definition)
    assert match
    answer = await prometheus.client.get(
        f"/api/v1/label/{match[2]}/values", params={"match[]": filled_in(match[1])}
    )
    values: list[str] = answer.json()["data"]
    return values


@needs_prometheus
@pytest.mark.slow
@pytest.mark.anyio
async def test_every_dashboard_query_has_an_answer_in_a_real_prometheus(tmp_path: Path) -> None:
    metrics = Metrics("1")
    load_samples(metrics)
    with bind("127.0.0.1:0") as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    async with anyio.create_task_group() as tasks:
        port = await tasks.start(serve, "127.0.0.1:0", metrics, healthy)
        command = [
            "prometheus", f"--config.file={config_for(port, tmp_path)}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}", f"--web.listen-address={address}",
        ]  # fmt: skip
        with (tmp_path / "log").open("wb") as log, anyio.fail_after(60):
            async with await anyio.open_process(command, stdout=log, stderr=log) as process:
                try:
                    async with httpx.AsyncClient(base_url=f"http://{address}") as client:
                        await check_all(Prometheus(client))
                finally:
                    process.terminate()
        tasks.cancel_scope.cancel()
