"""Figures: what a bench measured, next to what was aimed at, as a table and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

Tell = Callable[[str], None]


class Figure(Struct, frozen=True, kw_only=True):
    """One number.

    Attributes:
        part: which bench it is of.
        value: the median where there were several runs, else what was counted.
        best: the best of the runs; None for what is exact or was measured once.
        at_least, at_most: the target, if there is one.
        note: what it was compared with, or what spoils it.
    """

    part: str
    name: str
    value: float
    unit: str = ""
    best: float | None = None
    runs: int = 1
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """The value reaches its target; None if it has none."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.at_most is None else self.value <= self.at_most

    @property
    def target(self) -> str:
        """The target in words."""
        if self.at_least is not None:
            return f">= {_number(self.at_least)}"
        return "" if self.at_most is None else f"<= {_number(self.at_most)}"


def of_runs(
    part: str,
    name: str,
    runs: Sequence[float],
    unit: str = "",
    *,
    higher_is_better: bool = False,
    at_least: float | None = None,
    at_most: float | None = None,
    note: str = "",
) -> Figure:
    """Make a figure of several runs: their median, and the best of them."""
    return Figure(
        part=part,
        name=name,
        value=statistics.median(runs),
        unit=unit,
        best=max(runs) if higher_is_better else min(runs),
        runs=len(runs),
        at_least=at_least,
        at_most=at_most,
        note=note,
    )


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"


def _row(figure: Figure) -> tuple[str, ...]:
    best = "" if figure.best is None else _number(figure.best)
    verdict = {True: "met", False: "MISSED", None: ""}[figure.is_met]
    words = (figure.target, verdict, figure.note)
    return (figure.name, _number(figure.value), best, figure.unit, *words)


def table(figures: Iterable[Figure]) -> str:
    """Lay the figures out in columns, part by part."""
    heads = ("", "median", "best", "unit", "target", "", "note")
    parts: dict[str, list[tuple[str, ...]]] = {}
    for figure in figures:
        parts.setdefault(figure.part, []).append(_row(figure))
    rows = [heads, *(row for part in parts.values() for row in part)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(heads))]
    lines = []
    for part, found in parts.items():
        lines += ["", f"{part}".upper(), _line(heads, widths)]
        lines += [_line(row, widths) for row in found]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = (
        cell.rjust(width) if at in (1, 2) else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  " + "  ".join(aligned).rstrip()
