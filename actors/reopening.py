"""Closed deals that a sync would open again: held for a person unless allowed (F13). Pure."""

from __future__ import annotations

from actors.mapping.record import Sync
from actors.mapping.units import Unit
from actors.merge import Ask, Copy, Decision, Raws
from actors.schema import Closing
from actors.spec import Reopen


def unless_reopened(sync: Sync, unit: Unit, decision: Decision, present: Raws) -> Decision:
    """Return the decision, or `Ask` in its place if it opens a closed deal against the setting.

    Args:
        present: what the side that would be written holds of the unit now.
    """
    if sync.spec.reopen is Reopen.ALLOW or not isinstance(decision, Copy):
        return decision
    target = decision.source.other
    scope = sync.scopes.get(target)
    names = tuple(member.name for member in unit.members(target))
    if scope is None or names != (scope.pipeline_field, scope.stage_field):
        return decision
    was, becomes = scope.closing(present), scope.closing(decision.sent)
    if was is Closing.OPEN or becomes is not Closing.OPEN:
        return decision
    reason = (
        f"{scope.label(present)} is {was} in {sync.app(target)} and would be opened again as "
        f"{scope.label(decision.sent)}: a person does that, or `reopen: allow`"
    )
    return Ask(
        rule=decision.rule, reason=reason, clash=decision.clash, uncertain=decision.uncertain
    )
