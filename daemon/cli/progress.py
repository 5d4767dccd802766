"""Progress of backfills on a terminal; nothing where there is none. Prints to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.monitor import Progress

Tell = Callable[["Progress"], None]


@contextmanager
def show_progress(*, enabled: bool) -> Iterator[Tell]:
    """Show a bar per side with count and time left while the block runs."""
    if not enabled:
        yield lambda _step: None
    elif sys.stderr.isatty():
        with _bars() as tell:
            yield tell
    else:
        yield _lines()


def _lines() -> Tell:
    """One line per tenth of a listing, for logs."""
    told: dict[tuple[str, str], int] = {}

    def tell(step: Progress) -> None:
        key = (step.sync, step.app)
        tenth = 10 if step.done else (step.seen * 10 // step.total if step.total else 0)
        if tenth > told.get(key, 0):
            told[key] = tenth
            of = f" of {step.total}" if step.total else ""
            sys.stderr.write(f"{step.sync}: {step.seen}{of} read from {step.app}\n")

    return tell


@contextmanager
def _bars() -> Iterator[Tell]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    bars = Bars(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    tasks: dict[tuple[str, str], TaskID] = {}

    def tell(step: Progress) -> None:
        key = (step.sync, step.app)
        if key not in tasks:
            tasks[key] = bars.add_task(f"{step.sync} from {step.app}", total=step.total)
        total = step.seen if step.done else step.total
        bars.update(tasks[key], completed=step.seen, total=total)

    with bars:
        yield tell
