"""Run the benches: `python -m tests.bench`; nothing in it fails for being slow."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import msgspec

from tests.bench.automap import figures as automap
from tests.bench.backfill import closing_sandbox, into_hubspot, into_memory, into_tryton
from tests.bench.figures import Figure, table
from tests.bench.idle import idle
from tests.bench.latency import latency
from tests.bench.reread import reread

PARTS = ("backfill", "tryton", "reread", "latency", "idle", "automap")
ON_DEALS = frozenset(PARTS) - {"idle", "automap"}


def tell(text: str) -> None:
    """Say on standard error what is going on."""
    print(text, file=sys.stderr, flush=True)


def measure(given: argparse.Namespace) -> list[Figure]:
    """Run the wanted parts."""
    figures: list[Figure] = []
    if ON_DEALS & set(given.parts):
        figures += measure_on_deals(given)
    if "idle" in given.parts:
        figures += idle(given.links, given.polls, tell)
    if "automap" in given.parts:
        figures += automap()
    return figures


def measure_on_deals(given: argparse.Namespace) -> list[Figure]:
    """Run the wanted parts that need an account full of deals."""
    figures: list[Figure] = []
    deals, runs = given.deals, given.runs
    with closing_sandbox(deals) as source:
        if "reread" in given.parts:
            figures += reread(source, deals, runs, tell)
        if "backfill" in given.parts:
            figures += into_memory(source, deals, runs, tell)
            figures += into_hubspot(source, deals, runs, tell)
        if "tryton" in given.parts:
            figures += into_tryton(source, deals, tell)
        if "latency" in given.parts:
            figures += latency(source, min(given.edits, deals // 2), tell)
    return figures


def read_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--deals", type=int, default=5000, help="in the source account")
    parser.add_argument("--links", type=int, default=100_000, help="of the idle daemon")
    parser.add_argument("--runs", type=int, default=5, help="of what is compared")
    parser.add_argument("--edits", type=int, default=200, help="each way, one at a time")
    parser.add_argument("--polls", type=int, default=20, help="of the idle daemon")
    parser.add_argument("--small", action="store_true", help="200 deals, 2,000 links, two runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    given = parser.parse_args(words)
    given.parts = given.parts or list(PARTS)
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if given.small:
        given.deals, given.links, given.runs, given.edits, given.polls = 200, 2000, 2, 20, 3
    return given


def main() -> None:
    """Measure, print, keep."""
    given = read_arguments(sys.argv[1:])
    figures = measure(given)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{given.deals:,} deals, {os.cpu_count()} processors, load {load}", end="")
    print("; CPU is that of this process, all threads")
    print(table(figures))
    if given.json is not None:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(figures)) + b"\n")


if __name__ == "__main__":
    main()
