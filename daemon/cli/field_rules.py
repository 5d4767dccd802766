"""How a field is mapped, in the words of the configuration, and why its two values may differ."""

from __future__ import annotations

from collections.abc import Iterator

from actors.mapping.compose import key_of
from actors.spec import Blank, Direction, Drift, FieldSpec, SyncSpec, TooLong
from actors.values import Raw

Raws = tuple[Raw, ...] | None


def rules_by_field(spec: SyncSpec) -> dict[str, FieldSpec]:
    """Return the lines of a sync by the names that their fields have in the store."""
    return {key_of(one): one for one in spec.fields if not one.is_off}


def write_rule(spec: SyncSpec, line: FieldSpec) -> str:
    """Write the rules of a line that say more than "both ways"."""
    return "; ".join(_rules(spec, line))


def _rules(spec: SyncSpec, line: FieldSpec) -> Iterator[str]:
    rules = line.rules or spec.rules
    direction = (line.direction or spec.direction).within(spec.direction)
    if direction in (Direction.TO_LEFT, Direction.TO_RIGHT):
        yield f"to-{spec.left if direction is Direction.TO_LEFT else spec.right}"
    if rules.lead is not None:
        yield f"prefer {spec.app(rules.lead)} unless blank"
    if rules.blank is not Blank.IGNORE:
        yield f"blank: {rules.blank.value}"
    if rules.drift is not Drift.LEAVE:
        yield f"drift: {rules.drift.value}"
    if line.too_long is not TooLong.REFUSE:
        yield f"too_long: {line.too_long.value}"
    for key in ("template", "constant", "scale"):
        if getattr(line, key) is not None:
            yield f"{key}: {getattr(line, key)}"
    if line.form:
        yield f"form: {', '.join(line.form)}"
    if line.kind is not None:
        yield f"kind: {line.kind.value}"


def write_difference(spec: SyncSpec, line: FieldSpec, left: Raws, right: Raws) -> str:
    """Say why two settled values differ although nothing is to be done; empty if they do not."""
    if left is None or right is None or not (left and right):
        return ""
    one, two = left[0] or "", right[0] or ""
    if bool(one) is not bool(two):
        empty, full = (spec.left, spec.right) if two else (spec.right, spec.left)
        return f"empty in {empty}; {full} keeps its value"
    if line.too_long is TooLong.SHORTEN and len(one) != len(two):
        shorter, longer, app = (
            (one, two, spec.left) if len(one) < len(two) else (two, one, spec.right)
        )
        if longer.startswith(shorter):
            return f"shortened to {len(shorter)} characters in {app}"
    return ""
