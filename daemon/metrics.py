"""Every metric of the daemon, declared once: the only module that knows prometheus_client.

Owns names, help texts, labels and buckets, and the methods by which the rest of the daemon
reports. It measures nothing itself. Labels are names out of the configuration and short codes
out of the code (an outcome, a reason, an error's kind), never a record id, a value or a message:
each new label value is a time series that Prometheus keeps.

`side` is an app name: the app that was read, or the app that was written to. `direction` is the
word of the configuration for the same thing, `to-erp`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from importlib.metadata import version as distribution_version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from actors.errors import TielineError

# From "the poll came right after the edit" to "it waited for the night": 30 s is the default
# poll interval, 120 s the freshness objective of deploy/rules.yml.
LAG_BUCKETS = (
    0.5, 1, 2.5, 5, 10, 15, 30, 45, 60, 90, 120, 180, 300, 600, 1800, 3600, 6 * 3600, 24 * 3600,
)  # fmt: skip

# Exposed at 0 from the start, since the alerts watch for the first of them (see expect_sync).
ERROR_KINDS = (
    "auth", "bug", "outcome_unknown", "rate_limited", "schema_drift", "scope", "transient",
)  # fmt: skip


def direction_to(side: str) -> str:
    """Name the direction of writes into an app as the configuration does: `to-erp`."""
    return f"to-{side}"


def error_kind(error: BaseException) -> str:
    """Name an error for the label `kind`: `auth`, `rate_limited`, ...; `bug` if not one of ours."""
    if not isinstance(error, TielineError):
        return "bug"
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class Metrics:
    """The metrics of one process, in a registry of their own.

    Create one per process and hand it to whoever counts. Counting is thread-safe and never
    raises for a label value; all counts are since the process started.
    """

    def __init__(self, version: str | None = None) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the client left it untyped
        self.registry = CollectorRegistry()
        self._seen: dict[tuple[Gauge, tuple[str, ...]], set[str]] = {}
        self._declare_records()
        self._declare_connections()
        self._declare_apps()
        self._declare_process(version or distribution_version("tieline"))

    def render(self, accept: str = "text/plain") -> tuple[bytes, str]:
        """Expose all metrics in the format a scraper asks for.

        Args:
            accept: the request's `Accept` header.

        Returns:
            The body and its content type, which must be sent unchanged.
        """
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    # Declarations ------------------------------------------------------------------------------

    def _declare_records(self) -> None:
        self._polled = self._counter(
            "tieline_records_polled",
            "Records that a poll, sweep or backfill read from an app (side).",
            "connection object side",
        )
        self._mapped = self._counter(
            "tieline_records_mapped",
            "Records of an app (side) that were converted to canonical values.",
            "connection object side",
        )
        self._writes = self._counter(
            "tieline_writes",
            "Write intents carried out, by the app written to (side) and what became of them.",
            "connection object side outcome",
        )
        self._conflicts = self._counter(
            "tieline_conflicts",
            "Fields edited on both sides within the conflict window, by how it was settled.",
            "connection object outcome",
        )
        self._excluded = self._gauge(
            "tieline_excluded_records",
            "Records of an app (side) that are not synced by rule, by the rule's code.",
            "connection object side reason",
        )
        self._quarantined = self._gauge(
            "tieline_quarantined_records",
            "Records of an app (side) set aside after repeated failure.",
            "connection object side",
        )
        self._links = self._gauge(
            "tieline_links", "Links between records, by status.", "connection object status"
        )
        self._held = self._gauge(
            "tieline_held_records",
            "Links that wait for a person, by what holds them: a limit's name, vanished or other.",
            "connection object kind",
        )
        self._stopped = self._gauge(
            "tieline_sync_stopped",
            "1 while nothing is decided since an app suddenly shows hardly any linked record.",
            "connection object",
        )
        self._lag = Histogram(
            "tieline_lag_seconds",
            "Time from an edit in one app to its confirmed write in the other.",
            ("connection", "object", "direction"),
            buckets=LAG_BUCKETS,
            registry=self.registry,
        )
        self._backfill = self._gauge(
            "tieline_backfill_progress_ratio",
            "Part of an app's (side) first full pass that is done: 0 to 1.",
            "connection object side",
        )

    def _declare_connections(self) -> None:
        self._up = self._gauge(
            "tieline_connection_up",
            "1 while a connection runs, 0 while it waits to be restarted; absent while paused.",
            "connection",
        )
        self._paused = self._gauge(
            "tieline_sync_paused",
            "1 while a person has paused a sync, else 0.",
            "connection object",
        )
        self._restarts = self._counter(
            "tieline_connection_restarts",
            "Starts of a connection after it had failed.",
            "connection",
        )
        self._errors = self._counter(
            "tieline_errors",
            "Errors that a connection met, by kind of error.",
            "connection kind",
        )
        self._schema_problems = self._gauge(
            "tieline_schema_problems",
            "Mapped fields, stages and pipelines that an app has taken away, retyped or renamed.",
            "connection object",
        )
        self._queues = self._gauge(
            "tieline_queue_depth",
            "Messages waiting in a channel between two actors.",
            "connection channel",
        )

    def _declare_apps(self) -> None:
        self._api_calls = self._counter(
            "tieline_api_calls",
            "Requests to an app, by endpoint template and HTTP status (or why there was none).",
            "app endpoint status",
        )
        self._api_budget = self._gauge(
            "tieline_api_budget_remaining",
            "Requests that an app still allows, by pool, as its last answer said.",
            "app pool",
        )
        self._throttled = self._counter(
            "tieline_api_throttled", "Requests that an app refused as too many.", "app"
        )
        self._clock_offset = self._gauge(
            "tieline_clock_offset_seconds",
            "An app's clock minus this machine's; positive when the app is ahead.",
            "app",
        )

    def _declare_process(self, version: str) -> None:
        self._reload_ok = self._gauge(
            "tieline_config_last_reload_successful",
            "1 if the last load of the configuration was applied, 0 if it was refused.",
        )
        self._reload_at = self._gauge(
            "tieline_config_last_reload_timestamp_seconds",
            "When a configuration was last applied.",
        )
        self._reloads = self._counter(
            "tieline_config_reloads",
            "Loads of the configuration, the one at start included, by result.",
            "result",
        )
        for result in ("applied", "refused"):
            self._reloads.labels(result)
        self._store_size = self._gauge(
            "tieline_store_size_bytes", "Size of the store's files on disk."
        )
        self._store_intact = self._gauge(
            "tieline_store_intact",
            "1, or 0 once damage was found in the store.",
        )
        self._store_intact.set(1)
        self._store_pruned = self._counter(
            "tieline_store_pruned_rows",
            "Rows of old history, closed conflicts and settled writes that were dropped.",
        )
        build = Info("tieline_build", "The version that runs.", registry=self.registry)
        build.info({"version": version})
        ProcessCollector(registry=self.registry)

    def _counter(self, name: str, help_text: str, labels: str = "") -> Counter:
        # The client itself adds the suffix _total.
        return Counter(name, help_text, labels.split(), registry=self.registry)

    def _gauge(self, name: str, help_text: str, labels: str = "") -> Gauge:
        return Gauge(name, help_text, labels.split(), registry=self.registry)

    # Records -----------------------------------------------------------------------------------

    def expect_sync(
        self,
        connection: str,
        object_: str,
        sides: tuple[str, str],
        *,
        write_outcomes: Iterable[str] = (),
        conflict_outcomes: Iterable[str] = (),
    ) -> None:
        """Expose the counters of a sync and its connection at 0 before anything happens.

        Without it the first event makes a counter appear at 1, which `rate()` cannot see: call
        it when the connection is set up, before its apps are opened.
        """
        self._restarts.labels(connection)
        for kind in ERROR_KINDS:
            self._errors.labels(connection, kind)
        outcomes = tuple(write_outcomes)
        for side in sides:
            self._polled.labels(connection, object_, side)
            self._mapped.labels(connection, object_, side)
            self._lag.labels(connection, object_, direction_to(side))
            for outcome in outcomes:
                self._writes.labels(connection, object_, side, outcome)
        for outcome in conflict_outcomes:
            self._conflicts.labels(connection, object_, outcome)

    def polled(self, connection: str, object_: str, side: str, n: int = 1) -> None:
        """Count records read from the app `side`."""
        self._polled.labels(connection, object_, side).inc(n)

    def mapped(self, connection: str, object_: str, side: str, n: int = 1) -> None:
        """Count records of the app `side` converted to canonical values."""
        self._mapped.labels(connection, object_, side).inc(n)

    def wrote(self, connection: str, object_: str, side: str, outcome: str, n: int = 1) -> None:
        """Count intents carried out in the app `side`, by outcome (`created`, `refused`, ...)."""
        self._writes.labels(connection, object_, side, outcome).inc(n)

    def conflict(self, connection: str, object_: str, outcome: str, n: int = 1) -> None:
        """Count fields edited on both sides, by how it was settled."""
        self._conflicts.labels(connection, object_, outcome).inc(n)

    def lag(self, connection: str, object_: str, side: str, lag: timedelta) -> None:
        """Record the time from an edit to its confirmed write in the app `side`.

        Negative times, which clocks that disagree produce, count as none.
        """
        seconds = max(lag.total_seconds(), 0.0)
        self._lag.labels(connection, object_, direction_to(side)).observe(seconds)

    def excluded(
        self, connection: str, object_: str, side: str, by_reason: Mapping[str, int]
    ) -> None:
        """Set how many records of the app `side` are excluded, by the code of the reason.

        Reasons that an earlier call named and this one does not go to 0.
        """
        self._set_all(self._excluded, (connection, object_, side), by_reason)

    def quarantined(self, connection: str, object_: str, side: str, n: int) -> None:
        """Set how many records of the app `side` are set aside after repeated failure."""
        self._quarantined.labels(connection, object_, side).set(n)

    def links(self, connection: str, object_: str, by_status: Mapping[str, int]) -> None:
        """Set how many links there are by status; statuses not named any more go to 0."""
        self._set_all(self._links, (connection, object_), by_status)

    def held(self, connection: str, object_: str, by_kind: Mapping[str, int]) -> None:
        """Set how many links wait for a person; kinds not named any more go to 0."""
        self._set_all(self._held, (connection, object_), by_kind)

    def stopped(self, connection: str, object_: str, stopped: bool) -> None:
        """Set whether nothing is decided because a side is suddenly empty."""
        self._stopped.labels(connection, object_).set(stopped)

    def backfill_progress(self, connection: str, object_: str, side: str, ratio: float) -> None:
        """Set how much of the first full pass over the app `side` is done, 0 to 1."""
        self._backfill.labels(connection, object_, side).set(min(max(ratio, 0.0), 1.0))

    def _set_all(self, gauge: Gauge, key: tuple[str, ...], counts: Mapping[str, int]) -> None:
        seen = self._seen.setdefault((gauge, key), set())
        seen.update(counts)
        for value in seen:
            gauge.labels(*key, value).set(counts.get(value, 0))

    # Connections -------------------------------------------------------------------------------

    def connection_up(self, connection: str, up: bool) -> None:
        """Set whether a connection runs (or waits to be restarted)."""
        self._up.labels(connection).set(up)

    def connection_paused(self, connection: str) -> None:
        """Take a paused connection out of `tieline_connection_up`, so that nobody is called."""
        self._up.remove_by_labels({"connection": connection})

    def sync_paused(self, connection: str, object_: str, paused: bool) -> None:
        """Set whether a person has paused a sync."""
        self._paused.labels(connection, object_).set(paused)

    def connection_restarted(self, connection: str) -> None:
        """Count a start after a failure."""
        self._restarts.labels(connection).inc()

    def error(self, connection: str, kind: str, n: int = 1) -> None:
        """Count errors by kind; take it from `error_kind` where there is an exception."""
        self._errors.labels(connection, kind).inc(n)

    def schema_problems(self, connection: str, object_: str, n: int) -> None:
        """Set how many parts of a mapping an app's change has stopped or renamed."""
        self._schema_problems.labels(connection, object_).set(n)

    def queue_depth(self, connection: str, channel: str, depth: int) -> None:
        """Set how many messages wait in a channel."""
        self._queues.labels(connection, channel).set(depth)

    def watch_queue(self, connection: str, channel: str, depth: Callable[[], int]) -> None:
        """Ask `depth` at each scrape how many messages wait; it must not block or raise.

        It is called from the scrape's thread, until `forget_connection` or the next call.
        """
        self._queues.labels(connection, channel).set_function(depth)

    def forget_connection(self, connection: str) -> None:
        """Stop exposing a connection that the configuration no longer has."""
        for metric in (
            self._polled, self._mapped, self._writes, self._conflicts, self._excluded,
            self._quarantined, self._links, self._lag, self._backfill, self._up, self._restarts,
            self._errors, self._queues, self._paused, self._schema_problems, self._held,
            self._stopped,
        ):  # fmt: skip
            metric.remove_by_labels({"connection": connection})
        for key in [key for key in self._seen if key[1][0] == connection]:
            del self._seen[key]

    # Apps --------------------------------------------------------------------------------------

    def api_call(self, app: str, endpoint: str, status: int | None) -> None:
        """Count one request; a 429 counts as throttled too.

        Args:
            app: the app's name in the configuration.
            endpoint: method and path template (`POST /objects/{type}/search`), never a path
                with an id in it.
            status: the HTTP status; None if no answer came, which the label calls `none`.
        """
        self._api_calls.labels(app, endpoint, "none" if status is None else str(status)).inc()
        self._throttled.labels(app).inc(status == 429)

    def api_budget(self, app: str, pool: str, remaining: float) -> None:
        """Set how many requests an app still allows in a pool (`daily`, `burst`, ...)."""
        self._api_budget.labels(app, pool).set(remaining)

    def throttled(self, app: str) -> None:
        """Count a request that an app refused as too many by another way than a 429."""
        self._throttled.labels(app).inc()

    def clock_offset(self, app: str, offset: timedelta) -> None:
        """Set how far an app's clock is ahead of this machine's."""
        self._clock_offset.labels(app).set(offset.total_seconds())

    def forget_app(self, app: str) -> None:
        """Stop exposing an app that the configuration no longer has."""
        for metric in (self._api_calls, self._api_budget, self._throttled, self._clock_offset):
            metric.remove_by_labels({"app": app})

    # Process -----------------------------------------------------------------------------------

    def config_applied(self, at: datetime) -> None:
        """Record that a configuration was loaded and applied at an (aware) moment."""
        self._reload_ok.set(1)
        self._reload_at.set(at.timestamp())
        self._reloads.labels("applied").inc()

    def config_refused(self) -> None:
        """Record that a configuration was refused and the old one runs on."""
        self._reload_ok.set(0)
        self._reloads.labels("refused").inc()

    def store_size(self, size_bytes: int) -> None:
        """Set the size of the store's files."""
        self._store_size.set(size_bytes)

    def store_intact(self, intact: bool) -> None:
        """Set what looking for damage has found."""
        self._store_intact.set(intact)

    def store_pruned(self, rows: int) -> None:
        """Count rows that were dropped for their age."""
        self._store_pruned.inc(rows)
