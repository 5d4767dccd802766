"""F25: within any window no more is created than the limit allows, but for what was approved."""

from __future__ import annotations

import math
from collections.abc import Iterator

from actors.records import Side
from tests.simulation.facts import Facts

_SLACK_S = 900.0
"""A write may come that much later than it was decided: outages, throttling, a late commit."""
_SHORTEST = 11 / 12
"""A window is counted in parts: it may be a part shorter than it is called."""


def check_limits(facts: Facts) -> Iterator[str]:
    """Count the records that were made on each side against limit and approvals."""
    limits = facts.scenario.limits
    if limits is None or limits.creates is None:
        return
    window_s = limits.window.total_seconds()
    for side in Side:
        made = sorted(
            write.sent_at
            for write in facts.ledger.writes
            if write.side is side and write.kind == "create" and write.committed_at is not None
        )
        for first in made:
            until = first + window_s
            within = sum(first <= at < until for at in made)
            windows = math.ceil((window_s + _SLACK_S) / (window_s * _SHORTEST))
            most = limits.creates * windows + facts.ledger.approved
            if within > most:
                yield (
                    f"F25: {within} records were made on the {side} from {first:.3f} on, the limit"
                    f" is {limits.creates} in {window_s:.0f} s and {facts.ledger.approved} approved"
                )
                break
