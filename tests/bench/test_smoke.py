"""The benches run, and their exact figures hold; nothing here depends on time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench import least
from tests.bench.backfill import closing_sandbox, into_hubspot
from tests.bench.figures import Figure, of_runs, table
from tests.bench.reread import reread
from tests.support.hubspot_process import Sandbox

DEALS = 230


@pytest.fixture(scope="module")
def source() -> Iterator[Sandbox]:
    with closing_sandbox(DEALS) as sandbox:
        yield sandbox


def ignore(text: str) -> None:
    pass


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    return {one.name: one for one in figures}


def test_a_backfill_takes_the_least_calls_and_a_few_at_the_start(source: Sandbox) -> None:
    figures = by_name(into_hubspot(source, DEALS, 1, ignore))
    assert figures["- source: deals/list"].value == least.listed(DEALS)
    assert figures["calls to source"].value <= least.listed(DEALS) + least.FIXED
    assert figures["calls to target"].value <= least.written(DEALS) + least.FIXED


def test_reading_again_what_is_in_step_stores_nothing(source: Sandbox) -> None:
    figures = by_name(reread(source, DEALS, 1, ignore))
    assert figures["links stored"].value == 0
    assert figures["calls"].value == least.listed(DEALS)


def test_a_table_says_which_targets_were_missed() -> None:
    kept = of_runs("one", "calls", [3, 1, 2], at_most=2)
    missed = of_runs("one", "ratio", [0.1, 0.3], higher_is_better=True, at_least=0.75)
    lines = table([kept, missed]).splitlines()
    assert any("calls" in one and one.endswith("met") for one in lines)
    assert any("ratio" in one and one.endswith("MISSED") for one in lines)
    assert (kept.value, kept.best, missed.best) == (2, 1, 0.3)
