"""Which stages of two pipelines are the same: by name, meaning, class, order and probability. Pure.

A won stage is never proposed for a lost one, nor a closed stage for one that is open, whatever
their names say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import product
from typing import cast

from msgspec import Struct

from actors.schema import Closing, Pipeline, Stage
from daemon.automap.proposals import SHOWN_FROM, StageProposal
from daemon.automap.words import Vocabulary, likeness, load_words

_WON = frozenset({"won"})
_LOST = frozenset({"lost", "cancelled", "competition"})

# How much each clue weighs where all are there; probability is often missing or left at a default.
_MEANING, _ORDER, _PROBABILITY = 0.75, 0.17, 0.08
_LEAST_MEANING = 0.3
_ALIKE, _SAME_TEXT = 0.78, 0.9
_BOTH_FIRST, _BEYOND_THE_LAST, _ONLY_BY_NAME, _SHARED = 0.55, 0.5, 0.65, 0.75
_UNREACHABLE = 0.6  # the sync cannot move a record into it, only out of it


class Marked(Struct, frozen=True):
    """A stage with what we know of it.

    Attributes:
        concepts: what its name means.
        named: the class that its name tells, if the app does not.
        place: where it stands among the open stages, 0 to 1.
    """

    stage: Stage
    words: tuple[str, ...]
    concepts: frozenset[str]
    named: Closing
    place: float | None


class Pair(Struct, frozen=True):
    """Two stages that may be the same; `meaning` is what their names alone say, 0 to 1."""

    left: Marked
    right: Marked
    meaning: float
    score: float
    reasons: tuple[str, ...]

    def crosses(self, other: Pair) -> bool:
        """Say whether one goes forward where the other goes back."""
        places = (self.left.place, other.left.place, self.right.place, other.right.place)
        if None in places:
            return False
        one, two, three, four = map(_place, (self.left, other.left, self.right, other.right))
        return (one - two) * (three - four) < 0

    def proposal(self, score: float, *more: str, is_shared: bool = False) -> StageProposal:
        """Make the proposal."""
        return StageProposal(
            left=self.left.stage,
            right=self.right.stage,
            score=round(score, 2),
            reasons=(*self.reasons, *more),
            is_shared=is_shared,
        )


def propose_stages(
    left: Pipeline, right: Pipeline, taken: Iterable[tuple[str, str]] = ()
) -> tuple[StageProposal, ...]:
    """Propose pairs of stages.

    Args:
        taken: pairs of ids that are mapped already; their stages may only be shared.

    Returns:
        Proposals from `SHOWN_FROM` up, one per stage where there is a best one, in the left
        pipeline's order, then those that share a stage with another.
    """
    lefts, rights = _mark(left), _mark(right)
    mapped = set(taken)
    pairs: list[Pair] = []
    fixed: list[Pair] = []
    for one, two in product(lefts, rights):
        if (one.stage.id, two.stage.id) in mapped:
            fixed.append(Pair(one, two, 1.0, 1.0, ()))
        elif pair := _compare(one, two):
            pairs.append(pair)
    chosen = _choose(pairs, fixed)
    chosen += _both_first(lefts, rights, chosen) if not mapped else []
    found = [pair.proposal(pair.score) for pair in chosen]
    shared = _shared(lefts, rights, pairs, [*fixed, *chosen])
    return _in_order(left, found) + _in_order(left, shared)


def _in_order(left: Pipeline, found: Iterable[StageProposal]) -> tuple[StageProposal, ...]:
    places = {stage.id: place for place, stage in enumerate(left.stages)}
    return tuple(sorted(found, key=lambda one: places[one.left.id]))


# --- one stage ------------------------------------------------------------------------------


@cache
def _vocabulary() -> Vocabulary:
    words = load_words("stages")
    concepts = cast(dict[str, list[str]], words["concepts"])
    return Vocabulary(concepts, cast(list[str], words["skip"]))


@cache
def _near() -> Mapping[frozenset[str], float]:
    near = cast(dict[str, dict[str, float]], load_words("stages")["near"])
    return {frozenset((one, two)): part for one, row in near.items() for two, part in row.items()}


def _mark(pipeline: Pipeline) -> list[Marked]:
    live = [stage for stage in pipeline.stages if not stage.archived]
    marked = [_read(stage) for stage in live]
    is_open = [one.stage.id for one in marked if one.named is Closing.OPEN and one.stage.reachable]
    last = max(len(is_open) - 1, 1)
    places = {stage: number / last for number, stage in enumerate(is_open)}
    return [
        Marked(one.stage, one.words, one.concepts, one.named, places.get(one.stage.id))
        for one in marked
    ]


def _read(stage: Stage) -> Marked:
    words = _vocabulary().words(stage.label)
    concepts = frozenset(one.phrase.concept for one in _vocabulary().find(words))
    named = stage.closing
    if named is Closing.OPEN and concepts:
        named = Closing.WON if concepts <= _WON else named
        named = Closing.LOST if concepts <= _LOST else named
    return Marked(stage, words, concepts, named, None)


# --- two stages -----------------------------------------------------------------------------


def _compare(left: Marked, right: Marked) -> Pair | None:
    if left.named is not right.named:
        return None
    meaning, reason = _compare_names(left, right)
    if left.named is Closing.OPEN:
        return _compare_open(left, right, meaning, reason) if meaning >= _LEAST_MEANING else None
    if left.stage.closing is right.stage.closing:
        reasons = (f"both are {left.named} stages", *([reason] if meaning else []))
        return Pair(left, right, meaning, 0.8 + 0.2 * meaning, _with_notes(left, right, reasons))
    if not meaning:
        return None
    reasons = (reason, f"only by name: not both apps call it a {left.named} stage")
    return Pair(left, right, meaning, _ONLY_BY_NAME * meaning, reasons)


def _compare_names(left: Marked, right: Marked) -> tuple[float, str]:
    text = likeness(left.words, right.words)
    if text == 1:
        return 1.0, "the same name"
    concepts = _compare_concepts(left.concepts, right.concepts)
    if concepts >= max(_LEAST_MEANING, text if text >= _SAME_TEXT else 0):
        common = sorted(left.concepts & right.concepts)
        if common:
            return concepts, f'both mean "{common[0]}"'
        kin = " and ".join(f'"{min(one.concepts)}"' for one in (left, right))
        return concepts, f"{kin} are close to each other"
    is_apart = bool(left.concepts and right.concepts)
    if text >= (_SAME_TEXT if is_apart else _ALIKE):
        return text, f"the names are alike ({text:.2f})"
    return 0.0, "the names tell nothing"


def _compare_concepts(left: frozenset[str], right: frozenset[str]) -> float:
    """Return how much of two meanings is common, 0 to 1."""
    if not left or not right:
        return 0.0
    best = [max(_kinship(one, two) for two in right) for one in left]
    best += [max(_kinship(one, two) for one in left) for two in right]
    return sum(best) / len(best)


def _kinship(one: str, two: str) -> float:
    return 1.0 if one == two else _near().get(frozenset((one, two)), 0.0)


def _compare_open(left: Marked, right: Marked, meaning: float, reason: str) -> Pair:
    clues = [(_MEANING, meaning)]
    reasons = [reason]
    if left.place is not None and right.place is not None:
        order = 1 - abs(left.place - right.place)
        clues.append((_ORDER, order))
        if order >= 0.75:
            reasons.append("about as far in the pipeline")
        elif order <= 0.4:
            reasons.append("but far apart in the pipelines")
    chances = (left.stage.probability, right.stage.probability)
    if chances[0] is not None and chances[1] is not None:
        clues.append((_PROBABILITY, 1 - abs(chances[0] - chances[1])))
        reasons.append(f"probability {chances[0]:.0%} and {chances[1]:.0%}")
    score = sum(weight * clue for weight, clue in clues) / sum(weight for weight, _ in clues)
    if not (left.stage.reachable and right.stage.reachable):
        score *= _UNREACHABLE
    return Pair(left, right, meaning, score, _with_notes(left, right, tuple(reasons)))


def _with_notes(left: Marked, right: Marked, reasons: tuple[str, ...]) -> tuple[str, ...]:
    notes = (one.stage.unreachable for one in (left, right) if not one.stage.reachable)
    return (*reasons, *(note for note in notes if note))


# --- all stages -----------------------------------------------------------------------------


def _choose(pairs: Iterable[Pair], fixed: Iterable[Pair]) -> list[Pair]:
    """Take the best pairs, each stage once; only sure ones may go against the order."""
    chosen: list[Pair] = []
    there = list(fixed)
    for pair in sorted(pairs, key=lambda one: -one.score):
        is_free = not any(one.left is pair.left or one.right is pair.right for one in there)
        is_odd = pair.meaning < _SAME_TEXT and any(map(pair.crosses, there))
        if pair.score >= SHOWN_FROM and is_free and not is_odd:
            chosen.append(pair)
            there.append(pair)
    return chosen


def _both_first(lefts: list[Marked], rights: list[Marked], chosen: list[Pair]) -> list[Pair]:
    """Pair the stages in which both pipelines begin, where no name says otherwise."""
    left, right = (next((one for one in side if one.place == 0), None) for side in (lefts, rights))
    if left is None or right is None:
        return []
    if any(one.left is left or one.right is right for one in chosen):
        return []
    return [Pair(left, right, 0.0, _BOTH_FIRST, ("deals begin in both; the names do not tell",))]


class _Busy:
    """The stages that are in a pair already."""

    def __init__(self, chosen: Iterable[Pair]) -> None:
        self._stages: set[tuple[str, str]] = set()
        for pair in chosen:
            self.add(pair.left, pair.right)

    def add(self, left: Marked, right: Marked) -> None:
        self._stages |= {("left", left.stage.id), ("right", right.stage.id)}

    def has_one(self, left: Marked, right: Marked) -> bool:
        """Say whether one of the two is in a pair and the other is not."""
        return len({("left", left.stage.id), ("right", right.stage.id)} & self._stages) == 1

    def has_left(self, left: Marked) -> bool:
        return ("left", left.stage.id) in self._stages


def _shared(
    lefts: list[Marked], rights: list[Marked], pairs: list[Pair], chosen: list[Pair]
) -> list[StageProposal]:
    """Propose a stage that is already in a pair for those that would have none."""
    busy = _Busy(chosen)
    found = []
    for pair in sorted(pairs, key=lambda one: -one.score):
        score = pair.score * _SHARED
        is_sure = pair.meaning >= _SAME_TEXT or pair.left.named is Closing.LOST
        if is_sure and score >= SHOWN_FROM and busy.has_one(pair.left, pair.right):
            other = pair.left if busy.has_left(pair.left) else pair.right
            reason = f'"{other.stage.label}" fits another stage better, and would serve both'
            found.append(pair.proposal(score, reason, is_shared=True))
            busy.add(pair.left, pair.right)
    return found + _beyond_the_last(lefts, rights, chosen, busy)


def _beyond_the_last(
    lefts: list[Marked], rights: list[Marked], chosen: list[Pair], busy: _Busy
) -> list[StageProposal]:
    """Where one pipeline ends earlier, give the rest of the other its last open stage."""
    found = []
    for pair in chosen:
        for left, right in _rest(lefts, rights, pair):
            if busy.has_one(left, right):
                short = pair.left if left is pair.left else pair.right
                reason = f'there is no open stage after "{short.stage.label}"'
                new = Pair(left, right, 0.0, _BEYOND_THE_LAST, (reason,))
                found.append(new.proposal(new.score, is_shared=True))
    return found


def _rest(lefts: list[Marked], rights: list[Marked], pair: Pair) -> Iterable[tuple[Marked, Marked]]:
    """Pair the last open stage of one pipeline with what comes after its twin in the other."""
    if pair.left.place is None or pair.right.place is None:
        return
    if pair.right.place == max(map(_place, rights)):
        yield from ((one, pair.right) for one in lefts if _place(one) > pair.left.place)
    elif pair.left.place == max(map(_place, lefts)):
        yield from ((pair.left, one) for one in rights if _place(one) > pair.right.place)


def _place(one: Marked) -> float:
    return -1.0 if one.place is None else one.place
