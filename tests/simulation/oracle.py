"""The oracle: every invariant that can be judged from outside, each by its own function.

It shares no code with the engine: it reads the apps, the ledger of what people did and tieline
asked for, and the store's tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.simulation import checks_edits, checks_limits, checks_records, checks_values
from tests.simulation.facts import Facts
from tests.simulation.view import StoreView

Check = Callable[[Facts], Iterator[str]]

CHECKS: tuple[Check, ...] = (
    checks_records.check_contract,
    checks_records.check_no_duplicates,
    checks_records.check_links,
    checks_records.check_all_known,
    checks_records.check_one_way_purity,
    checks_records.check_excluded_untouched,
    checks_records.check_nothing_put_away,
    checks_values.check_convergence,
    checks_values.check_no_invention,
    checks_values.check_no_echo,
    checks_edits.check_no_lost_edit,
    checks_edits.check_conflicts,
    checks_limits.check_limits,
)


def judge(facts: Facts) -> list[str]:
    """Return what is wrong with a run that came to rest."""
    return [wrong for check in CHECKS for wrong in check(facts)]


def judge_rest(facts: Facts, since: float) -> list[str]:
    """Return what is wrong with the time after a run came to rest (I1)."""
    return [
        *checks_values.check_silence(facts, since),
        *checks_values.check_alive(facts, since),
    ]


def judge_restart(before: StoreView, after: StoreView) -> list[str]:
    """Return what a further restart changed (I13)."""
    wrong = []
    if before.links != after.links:
        old, new = set(before.links), set(after.links)
        wrong.append(f"I13: a restart changed links: {sorted(map(str, old ^ new))}")
    wrong += [
        f"I13: a restart changed {name}"
        for name in ("conflicts", "history")
        if getattr(before, name) != getattr(after, name)
    ]
    if after.open_intents:
        wrong.append(f"I13: {after.open_intents} intents are open at rest")
    return wrong
