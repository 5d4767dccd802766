"""After it all: no echo, and what it came to."""

from __future__ import annotations

import time

from daemon.demo.backfill import wait_until_settled
from daemon.demo.failing import expect
from daemon.demo.stage import Stage

QUIET_SECONDS = 5.0


def show_quiet(stage: Stage) -> None:
    """Watch both systems while nobody edits: tieline must not write either."""
    screen = stage.screen
    screen.title("No echo")
    wait_until_settled(stage)
    last, _ = stage.hubspot.calls()
    changed = stage.tryton.last_change()
    with screen.waiting(f"watching both systems for {QUIET_SECONDS:g} s while nobody edits"):
        time.sleep(QUIET_SECONDS)
    _, calls = stage.hubspot.calls(since=last)
    writes = [f"{call.method} {call.path}" for call in calls if call.write]
    expect(not writes, f"tieline wrote to HubSpot although nobody edited: {', '.join(writes[:5])}")
    expect(bool(calls), "tieline has stopped looking at HubSpot")
    screen.good(f"HubSpot's request log: {len(calls)} requests of tieline, none of them a write")
    expect(stage.tryton.last_change() == changed, "a deal changed in Tryton though nobody edited")
    screen.good("Tryton: no deal has changed")


def show_totals(stage: Stage, seconds: float) -> None:
    """Show what the daemon counted, and what to do next."""
    screen = stage.screen
    metrics = stage.tieline.metrics()
    screen.title("What it came to")
    rows = []
    for title, app in (("HubSpot", "hubspot"), ("Tryton", "erp")):
        created = metrics.sum("tieline_writes_total", side=app, outcome="created")
        updated = metrics.sum("tieline_writes_total", side=app, outcome="updated")
        calls = metrics.sum("tieline_api_calls_total", app=app)
        rows.append((title, f"{created:.0f}", f"{updated:.0f}", f"{calls:.0f}"))
    screen.table(("written to", "created", "updated", "API calls, reads included"), rows)
    conflicts = metrics.sum("tieline_conflicts_total", outcome="copied")
    screen.say(f"{conflicts:.0f} conflict, settled; the whole demo took {seconds:.0f} s")
    screen.say(f"metrics: {stage.url}/metrics   health: {stage.url}/healthz")
    screen.say("Next: a sync of your own in ten minutes, see README.md", "bold")
