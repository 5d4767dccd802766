"""`limits:` and `first_load:` as written to what the core takes them for."""

from __future__ import annotations

from typing import Literal

from actors.spec import FirstLoad, Limits
from daemon.config.model import FirstLoadSection, LimitsSection, Most

MOST_DELETES = 1_000_000

Written = LimitsSection | Literal["none"]


def write_limits(section: Written) -> Limits:
    """Return how much may be written; the share that may vanish has a limit in any case."""
    if isinstance(section, str):
        return Limits(creates=None, changes=None, blanks=None, regressions=None)
    return Limits(
        creates=_most(section.creates),
        changes=_most(section.changes),
        blanks=_most(section.blanks),
        regressions=_most(section.regressions),
        window=section.window,
        vanished=section.vanished,
    )


def delete_limit(section: Written) -> int:
    """Return how many deletes may be followed within an hour."""
    return MOST_DELETES if isinstance(section, str) else section.deletes


def first_load(section: FirstLoadSection) -> FirstLoad:
    """Return how carefully the sync begins."""
    return FirstLoad(link_only=section.link_only, ramp=section.ramp)


def _most(limit: Most) -> int | None:
    return limit if isinstance(limit, int) else None
