"""From `associations:` to what the core is asked for; checked without the apps."""

from __future__ import annotations

from collections.abc import Callable

from actors.spec import AssociationSpec
from daemon.config.model import AssociationLine
from daemon.config.problems import Path as KeyPath

At = Callable[[KeyPath, str], None]


def association_specs(
    lines: tuple[AssociationLine, ...] | None, names: tuple[str, str], at: At
) -> tuple[AssociationSpec, ...] | None:
    """Make the specs of the lines, or None if there is no such key; tell `at` what is wrong."""
    if lines is None:
        return None
    for index, line in enumerate(lines):
        named = (line.left is not None, line.right is not None)
        if line.object is not None and any(named):
            at(("associations", index), "names an object and fields; keep one of the two")
        elif line.object is None and not all(named):
            both = f"`{names[0]}:` and `{names[1]}:`"
            message = f"needs a field of each app ({both}), or `object:` with the other object"
            at(("associations", index), message)
    return tuple(
        AssociationSpec(
            object=line.object,
            left=line.left,
            right=line.right,
            direction=line.direction,
            removals=line.removals == "propagate",
        )
        for line in lines
    )
