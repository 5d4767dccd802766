"""How right automap is on the labelled set, next to plain text matching.

Run by `python -m tests.bench.automap`, or as a part of all benches by `python -m tests.bench`.
Precision: of what is proposed, how much is right. Recall: of what is right, how much is proposed.
Pairs labelled as defensible count neither way. Plain matching is that of the model system: the most
alike names first, each once, from the likeness up that suits it best on this very set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from msgspec import Struct
from rapidfuzz import fuzz

from actors.schema import AppSchema, Pipeline
from daemon.automap.fields import can_map, propose_fields
from daemon.automap.proposals import SURE_FROM
from daemon.automap.stages import propose_stages
from tests.bench.figures import Figure
from tests.support.automap_set import (
    PARTS,
    FieldCase,
    Pairs,
    StageCase,
    field_cases,
    stage_cases,
)

LEAST_ALIKE = 0.4
Case = StageCase | FieldCase
Scores = dict[tuple[str, str], float]
"""Proposed pairs with their scores."""


class Tally(Struct, frozen=True, kw_only=True):
    """Pairs by how they came out; `wrong` was proposed, `missed` was not."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        """Of what was proposed, how much is right."""
        return self.right / max(self.right + self.wrong, 1)

    @property
    def recall(self) -> float:
        """Of what is right, how much was proposed."""
        return self.right / max(self.right + self.missed, 1)

    @property
    def f1(self) -> float:
        """Both in one number."""
        return 2 * self.right / max(2 * self.right + self.wrong + self.missed, 1)


class Row(Struct, frozen=True, kw_only=True):
    """One line of the table: a method on a part of the set."""

    what: str
    part: str
    method: str
    cases: int
    tally: Tally


# --- the methods ----------------------------------------------------------------------------


def propose(case: Case) -> Scores:
    """Propose as `tieline automap` does."""
    if isinstance(case, StageCase):
        stages = propose_stages(case.left, case.right)
        return {(one.left.id, one.right.id): one.score for one in stages}
    fields = propose_fields(case.spec, case.left, case.right)
    return {(one.left.name, one.right.name): one.score for one in fields}


def match_text(case: Case) -> Scores:
    """Match names that are alike as text and can be mapped, the most alike first, each once."""
    if isinstance(case, StageCase):
        alike = _alike(_stage_names(case.left), _stage_names(case.right))
    else:
        alike = _alike(_field_names(case.left), _field_names(case.right))
    chosen: Scores = {}
    for pair, score in sorted(alike.items(), key=lambda one: -one[1]):
        is_free = all(pair[0] != one and pair[1] != two for one, two in chosen)
        if score >= LEAST_ALIKE and is_free and _may_be(case, pair):
            chosen[pair] = score
    return chosen


def _may_be(case: Case, pair: tuple[str, str]) -> bool:
    return isinstance(case, StageCase) or can_map(case.spec, case.left, case.right, pair)


def _alike(lefts: dict[str, set[str]], rights: dict[str, set[str]]) -> Scores:
    """Compare every name of one with every name of the other, without regard to case."""
    return {
        (left, right): max(fuzz.ratio(one, two) for one in ones for two in twos) / 100
        for left, ones in lefts.items()
        for right, twos in rights.items()
    }


def _stage_names(pipeline: Pipeline) -> dict[str, set[str]]:
    return {one.id: {one.label.casefold()} for one in pipeline.stages}


def _field_names(app: AppSchema) -> dict[str, set[str]]:
    fields = app.objects[0].fields
    return {one.name: {one.name.casefold(), one.label.casefold()} for one in fields}


# --- counting -------------------------------------------------------------------------------


def tally(cases: Sequence[tuple[Case, Scores]], least: float) -> Tally:
    """Count what is proposed from a score up."""
    right = wrong = missed = 0
    for case, scores in cases:
        proposed: Pairs = frozenset(pair for pair, score in scores.items() if score >= least)
        also = case.also if isinstance(case, StageCase) else frozenset()
        right += len(proposed & case.same)
        wrong += len(proposed - case.same - also)
        missed += len(case.same - proposed)
    return Tally(right=right, wrong=wrong, missed=missed)


def best_of_text(cases: Sequence[tuple[Case, Scores]]) -> tuple[float, Tally]:
    """Return the likeness from which plain matching does best, and how it does then."""
    steps = (step / 100 for step in range(40, 101, 5))
    return max(((one, tally(cases, one)) for one in steps), key=lambda one: one[1].f1)


@cache
def rows() -> tuple[Row, ...]:
    """Measure everything."""
    return (*_measure("stages", tuple(stage_cases())), *_measure("fields", tuple(field_cases())))


def _measure(what: str, cases: Sequence[Case]) -> Iterator[Row]:
    ours = [(case, propose(case)) for case in cases]
    plain = [(case, match_text(case)) for case in cases]
    least, _ = best_of_text(plain)
    methods = [
        ("tieline, all shown", ours, 0.0),
        (f"tieline, from {SURE_FROM}", ours, SURE_FROM),
        (f"plain text, from {least}", plain, least),
    ]
    for part in ("all", *PARTS):
        for method, scored, at in methods:
            chosen = [one for one in scored if part in ("all", one[0].part)]
            counted = tally(chosen, at)
            yield Row(what=what, part=part, method=method, cases=len(chosen), tally=counted)


def figures() -> Iterator[Figure]:
    """Return what the other benches print too: F1 next to plain text matching's."""
    found = {(one.what, one.part, one.method.split(",")[0]): one for one in reversed(rows())}
    for what in ("stages", "fields"):
        for part in ("all", "fresh"):
            ours, plain = found[what, part, "tieline"], found[what, part, "plain text"]
            yield Figure(
                part="automap",
                name=f"{what}, {part}: F1",
                value=round(ours.tally.f1, 3),
                at_least=round(plain.tally.f1, 3),
                note=f"plain text matching has {plain.tally.f1:.3f}",
            )


def write_table(found: Iterable[Row]) -> str:
    """Write the rows as a Markdown table."""
    lines = [
        "| what | part | method | cases | same pairs | right | wrong | missed | precision | recall "
        "| F1 |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in found:
        one = row.tally
        lines.append(
            f"| {row.what} | {row.part} | {row.method} | {row.cases} | {one.right + one.missed} "
            f"| {one.right} | {one.wrong} | {one.missed} "
            f"| {one.precision:.3f} | {one.recall:.3f} | {one.f1:.3f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(write_table(rows()))
