"""Monitors: what hangs on the messages of a connection: metrics, traces, backfill progress."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

import msgspec
from msgspec import Struct

from actors.intents import Done, IntentKind
from actors.links import Commit
from actors.messages import AnyMessage, Mapped, Origin, Polled, Written
from actors.poller import Listing
from actors.ports import Monitor
from actors.records import Side
from actors.spec import SyncSpec
from daemon.metrics import Metrics

WRITE_OUTCOMES = (
    "created",
    "updated",
    "rejected",
    "exists",
    "stale",
    "vanished",
    "throttled",
    "unknown",
)
CONFLICT_OUTCOMES = ("open", "copied", "failed")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MetricsMonitor:
    """Counts one sync's messages and commits."""

    def __init__(self, metrics: Metrics, spec: SyncSpec, now: Callable[[], datetime]) -> None:
        self._metrics = metrics
        self._spec = spec
        self._now = now
        self._started_us = (now() - _EPOCH) // timedelta(microseconds=1)
        metrics.expect_sync(
            spec.connection,
            spec.object,
            (spec.left, spec.right),
            write_outcomes=WRITE_OUTCOMES,
            conflict_outcomes=CONFLICT_OUTCOMES,
        )

    def saw(self, sync: str, message: AnyMessage) -> None:
        """Count a message."""
        connection, object_name = self._spec.connection, self._spec.object
        match message:
            case Polled():
                app = self._spec.app(message.side)
                self._metrics.polled(connection, object_name, app, len(message.records))
                self._progress(message)
            case Mapped():
                app = self._spec.app(message.side)
                self._metrics.mapped(connection, object_name, app, len(message.records))
            case Written():
                self._written(message)
            case _:
                pass

    def committed(self, sync: str, work: Commit) -> None:
        """Count the conflicts of a commit."""
        for outcome, count in Counter(one.outcome for one in work.conflicts).items():
            self._metrics.conflict(self._spec.connection, self._spec.object, outcome, count)

    def _progress(self, page: Polled) -> None:
        listing = listing_of(page)
        if listing is not None:
            ratio = ratio_of(listing)
            app = self._spec.app(page.side)
            self._metrics.backfill_progress(
                self._spec.connection, self._spec.object, app, ratio if ratio is not None else 0.0
            )

    def _written(self, message: Written) -> None:
        app = self._spec.app(message.side)
        connection, object_name = self._spec.connection, self._spec.object
        for intent, outcome in zip(message.intents, message.outcomes, strict=True):
            word = type(outcome).__name__.lower()
            if isinstance(outcome, Done):
                word = _WORDS[intent.kind]
                if intent.edited_us >= self._started_us:  # a backfill says nothing about lag
                    edited = _EPOCH + timedelta(microseconds=intent.edited_us)
                    self._metrics.lag(connection, object_name, app, self._now() - edited)
            self._metrics.wrote(connection, object_name, app, word)


_WORDS = {
    IntentKind.CREATE: "created",
    IntentKind.UPDATE: "updated",
    IntentKind.ARCHIVE: "archived",
    IntentKind.RESTORE: "restored",
    IntentKind.MARK: "marked",
}


class Progress(Struct, frozen=True, kw_only=True):
    """Where the backfill of one side of a sync stands."""

    sync: str
    app: str
    seen: int
    total: int | None
    done: bool


class ProgressMonitor:
    """Tells a listener of each step of a backfill."""

    def __init__(self, spec: SyncSpec, tell: Callable[[Progress], None]) -> None:
        self._spec = spec
        self._tell = tell

    def saw(self, sync: str, message: AnyMessage) -> None:
        """Tell of a backfill's page."""
        if isinstance(message, Polled) and (listing := listing_of(message)) is not None:
            self._tell(
                Progress(
                    sync=sync,
                    app=self._spec.app(message.side),
                    seen=listing.seen,
                    total=listing.total,
                    done=listing.done,
                )
            )

    def committed(self, sync: str, work: Commit) -> None:
        """Ignore a commit."""


class TraceMonitor:
    """Writes every message and commit of a run to a file, one JSON line each."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._encoder = msgspec.json.Encoder()

    def saw(self, sync: str, message: AnyMessage) -> None:
        """Write a message."""
        self._write(sync, "message", message)

    def committed(self, sync: str, work: Commit) -> None:
        """Write a commit."""
        self._write(sync, "commit", work)

    def _write(self, sync: str, kind: str, what: AnyMessage | Commit) -> None:
        self._file.write(self._encoder.encode({"sync": sync, kind: what}) + b"\n")


class Monitors:
    """Several monitors as one."""

    def __init__(self, monitors: Iterable[Monitor]) -> None:
        self._monitors = tuple(monitors)

    def saw(self, sync: str, message: AnyMessage) -> None:
        """Pass a message on."""
        for monitor in self._monitors:
            monitor.saw(sync, message)

    def committed(self, sync: str, work: Commit) -> None:
        """Pass a commit on."""
        for monitor in self._monitors:
            monitor.committed(sync, work)


def listing_of(page: Polled) -> Listing | None:
    """Return where the backfill stands after this page, or None for other pages."""
    stored = page.cursors.get(f"{page.side}.backfill")
    if page.origin is not Origin.BACKFILL or not stored:
        return None
    return msgspec.json.decode(stored, type=Listing)


def ratio_of(listing: Listing) -> float | None:
    """Return how much of a backfill is done, 0 to 1; None where the app gives no total."""
    if listing.done:
        return 1.0
    return listing.seen / listing.total if listing.total else None


def side_of(spec: SyncSpec, app: str) -> Side | None:
    """Return the side of a sync on which an app is, by its configured name."""
    return next((side for side in Side if spec.app(side) == app), None)
