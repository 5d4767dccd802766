"""A daemon's worth of samples: every metric with at least one series."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from daemon.metrics import Metrics


def load_samples(
    metrics: Metrics, *, connection: str = "sales", apps: tuple[str, str] = ("hubspot", "erp")
) -> None:
    """Report something through every method that a running daemon uses."""
    metrics.expect_sync(connection, "deals", apps, write_outcomes=["refused"])
    for side in apps:
        load_side(metrics, connection, side)
        load_app(metrics, side)
    metrics.conflict(connection, "deals", "asked")
    metrics.links(connection, "deals", {"in sync": 90, "failing": 1})
    metrics.held(connection, "deals", {"creates": 3, "other": 1})
    metrics.stopped(connection, "deals", False)
    metrics.connection_up(connection, up=True)
    metrics.connection_restarted(connection)
    metrics.error(connection, "transient")
    metrics.schema_problems(connection, "deals", 1)
    metrics.queue_depth(connection, "mapper", 3)
    metrics.watch_queue(connection, "reconciler", lambda: 1)
    metrics.config_applied(datetime.now(UTC))
    metrics.store_size(4_096_000)
    metrics.store_intact(True)
    metrics.store_pruned(120)
    metrics.sync_paused(connection, "deals", False)


def load_side(metrics: Metrics, connection: str, side: str) -> None:
    """Report records of one side."""
    metrics.polled(connection, "deals", side, 100)
    metrics.mapped(connection, "deals", side, 95)
    metrics.wrote(connection, "deals", side, "created", 9)
    for seconds in (0.4, 4, 40, 400):
        metrics.lag(connection, "deals", side, timedelta(seconds=seconds))
    metrics.excluded(connection, "deals", side, {"filter": 5})
    metrics.quarantined(connection, "deals", side, 1)
    metrics.backfill_progress(connection, "deals", side, 0.5)


def load_app(metrics: Metrics, app: str) -> None:
    """Report calls to one app."""
    metrics.api_call(app, "POST /objects/{type}/search", 200)
    metrics.api_call(app, "POST /objects/{type}/search", None)
    metrics.api_budget(app, "daily", 240_000)
    metrics.throttled(app)
    metrics.clock_offset(app, timedelta(seconds=-2))
