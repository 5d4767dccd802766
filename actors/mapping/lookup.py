"""Finding pipelines and stages by what people call them, and what to say when they do not show."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TypeVar

from actors.schema import Pipeline, Stage

Named = TypeVar("Named", Pipeline, Stage)

_ALIKE = 0.6
"""From this share of common letters on, a label is worth a guess."""


def find(name: str, among: Sequence[Named]) -> Named | None:
    """Find by id, else by label without regard to case; archived ones do not count."""
    return _find(name, [one for one in among if not one.archived])


def _find(name: str, among: Sequence[Named]) -> Named | None:
    by_id = next((one for one in among if one.id == name), None)
    folded = name.casefold().strip()
    return by_id or next((one for one in among if one.label.casefold().strip() == folded), None)


def describe_absence(what: str, name: str, among: Sequence[Named]) -> str:
    """Say why nothing of that name shows, and what there is instead (F11).

    Args:
        what: who should have it, and its kind: `erp has no pipeline`.
    """
    if _find(name, [one for one in among if one.archived]):
        return f'{what} "{name}" any more: it is archived. Restore it there, or map another'
    labels = [one.label for one in among if not one.archived]
    if not labels:
        return f'{what} "{name}": it shows none. Is there one, and may tieline read it?'
    there = f"it has {quoted(labels)}"
    meant = nearest(name, labels)
    return f'{what} "{name}"; {there}' + (f'. Did you mean "{meant}"?' if meant else "")


def nearest(name: str, labels: Sequence[str]) -> str | None:
    """Return the label that is most like `name`, if any is like it."""
    folded = {label.casefold(): label for label in labels}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=_ALIKE)
    return folded[close[0]] if close else None


def quoted(labels: Sequence[str]) -> str:
    """Write labels in a row."""
    return ", ".join(f'"{label}"' for label in labels)
