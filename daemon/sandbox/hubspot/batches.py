"""The envelope and the size rule that all batches share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daemon.sandbox.hubspot.calls import Call
from daemon.sandbox.hubspot.render import Wire
from daemon.sandbox.hubspot.wire import Answer, answer, invalid, iso

__all__ = ["BATCH_TOP", "batch_answer", "check_size"]

BATCH_TOP = 100


def check_size(call: Call, inputs: Sequence[object], top: int = BATCH_TOP, what: str = "") -> None:
    """Refuse an empty or over-long batch, and tell the request log its size."""
    call.inputs = len(inputs)
    if not inputs:
        raise invalid("At least one input is required in a batch request.")
    if len(inputs) > top:
        raise invalid(
            f"The maximum number of inputs supported in a batch request{what} is {top}. "
            "Please reduce the number of items and try again"
        )


def batch_answer(
    call: Call, started_ms: int, results: list[Any], errors: list[Any], status: int = 200
) -> Answer:  # Any: wire shapes
    """The envelope of a batch: 207 as soon as one error is in it."""
    body: Wire = {"status": "COMPLETE", "results": results}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    body |= {"startedAt": iso(started_ms), "completedAt": iso(call.account.clock.now_ms())}
    return answer(body, 207 if errors else status)
