"""What else changes when a record's stage, owner or pipeline is written.

Pure: from the values before and the values to be written to those the vendor adds by itself.
Properties that need not be stored are in `calculated`.
"""

from __future__ import annotations

from collections.abc import Mapping

from daemon.sandbox.hubspot.catalog import ObjectSchema, Stage
from daemon.sandbox.hubspot.wire import iso

__all__ = ["consequences"]


def consequences(
    schema: ObjectSchema,
    before: Mapping[str, str],
    changes: Mapping[str, str],
    now_ms: int,
    *,
    auto_close_date: bool,
) -> dict[str, str]:
    """Decide what the vendor writes on top of some changed values.

    Args:
        schema: the record's type.
        before: stored values; empty for a create.
        changes: values to be written that differ from those; "" clears.
        now_ms: the account's clock.
        auto_close_date: a move to a closed stage sets the close date.

    Returns:
        Further values to write, none of them named in `changes`.
    """
    added: dict[str, str] = {}
    if "hubspot_owner_id" in changes and "hubspot_owner_assigneddate" in schema.properties:
        added["hubspot_owner_assigneddate"] = iso(now_ms) if changes["hubspot_owner_id"] else ""
    if "createdate" in changes and "hs_createdate" not in before:
        added["hs_createdate"] = before.get("createdate") or iso(now_ms)
    stage_name = schema.type.stage_property
    if stage_name and stage_name in changes:
        added.update(_stage_moved(schema, before, changes[stage_name], now_ms))
        stage = schema.find_stage(changes[stage_name])
        if stage is not None and schema.type.name == "deals":
            added.update(_deal_moved(stage[1], changes, now_ms, auto_close_date))
    return {name: value for name, value in added.items() if name not in changes}


def _stage_moved(
    schema: ObjectSchema, before: Mapping[str, str], stage_id: str, now_ms: int
) -> dict[str, str]:
    left = before.get(schema.type.stage_property, "")
    times = {
        _per_stage("hs_v2_date_exited_", left): iso(now_ms),
        _per_stage("hs_v2_date_entered_", stage_id): iso(now_ms),
    }
    return {name: value for name, value in times.items() if name in schema.properties}


def _per_stage(prefix: str, stage_id: str) -> str:
    return prefix + stage_id.replace("-", "_").lower()


def _deal_moved(
    stage: Stage, changes: Mapping[str, str], now_ms: int, auto_close_date: bool
) -> dict[str, str]:
    added = {"hs_deal_stage_probability": stage.probability}
    # A close date sent along with the stage is the caller's word and stays.
    if stage.is_closed and auto_close_date and not changes.get("closedate"):
        added["closedate"] = iso(now_ms)
    return added
