"""Which pipelines of two apps are the same, and which of their stages. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from actors.mapping.lookup import find
from actors.schema import ObjectSchema, Pipeline
from actors.spec import PipelineSpec, SyncSpec
from daemon.automap.proposals import SHOWN_FROM, PipelineProposal, StageProposal
from daemon.automap.stages import propose_stages
from daemon.automap.words import likeness, split_words

MOST_PIPELINES = 10
"""More pairs of pipelines are more than a person judges with care."""

_ONLY_ONES, _NAME, _STAGES = 0.9, 0.5, 0.5
_GENERIC = frozenset(
    {"pipeline", "pipelines", "default", "standard", "main", "crm", "sales", "deals", "deal"}
    | {"opportunities", "opportunity", "vertrieb", "verkauf", "chancen", "ventes", "ventas"}
    | {"opportunites", "oportunidades", "vendite", "opportunita", "verkoop", "verkoopkansen"}
)


def propose_pipelines(
    spec: SyncSpec, left: ObjectSchema, right: ObjectSchema
) -> tuple[PipelineProposal, ...]:
    """Propose what is missing in the mapped pipelines; where none is mapped, pipelines as well.

    New pipelines are only proposed while there are none, since each widens what is synced.
    """
    if spec.pipelines:
        return tuple(_missing(spec.pipelines, left, right))
    lefts, rights = ([one for one in app.pipelines if not one.archived] for app in (left, right))
    if len(lefts) == len(rights) == 1:
        stages = propose_stages(lefts[0], rights[0])
        reasons = ("each app has this one pipeline",)
        found = [_proposal(lefts[0], rights[0], stages, _ONLY_ONES, reasons)]
    else:
        found = [_compare(one, two) for one, two in product(lefts, rights)]
    return tuple(_choose(one for one in found if one.stages)[:MOST_PIPELINES])


def _missing(
    mapped: Iterable[PipelineSpec], left: ObjectSchema, right: ObjectSchema
) -> Iterable[PipelineProposal]:
    for index, one in enumerate(mapped):
        ends = (find(one.left, left.pipelines), find(one.right, right.pipelines))
        if ends[0] is None or ends[1] is None:
            continue  # `check` says so
        stages = propose_stages(ends[0], ends[1], _taken(one, ends[0], ends[1]))
        if stages:
            reasons = ("mapped already",)
            yield _proposal(ends[0], ends[1], stages, 1.0, reasons, index=index)


def _taken(mapped: PipelineSpec, left: Pipeline, right: Pipeline) -> set[tuple[str, str]]:
    ends = ((find(one, left.stages), find(two, right.stages)) for one, two in mapped.stages)
    return {(one.id, two.id) for one, two in ends if one is not None and two is not None}


def _compare(left: Pipeline, right: Pipeline) -> PipelineProposal:
    stages = propose_stages(left, right)
    fewest = min(len(left.stages), len(right.stages)) or 1
    fit = min(sum(one.score for one in stages if not one.is_shared) / fewest, 1.0)
    one, two = (_telling_words(pipeline.label) for pipeline in (left, right))
    alike = likeness(one, two) if one and two else float(one == two)
    score = _NAME * alike + _STAGES * fit
    reasons = (f"names alike {alike:.2f}", f"stages alike {fit:.2f}")
    return _proposal(left, right, stages, score, reasons)


def _telling_words(label: str) -> tuple[str, ...]:
    return tuple(word for word in split_words(label) if word not in _GENERIC)


def _proposal(
    left: Pipeline,
    right: Pipeline,
    stages: tuple[StageProposal, ...],
    score: float,
    reasons: tuple[str, ...],
    *,
    index: int | None = None,
) -> PipelineProposal:
    return PipelineProposal(
        left=left,
        right=right,
        stages=stages,
        score=round(score, 2),
        reasons=reasons,
        index=index,
    )


def _choose(found: Iterable[PipelineProposal]) -> list[PipelineProposal]:
    """Take the best pairs, each pipeline once."""
    chosen: list[PipelineProposal] = []
    for one in sorted(found, key=lambda one: -one.score):
        is_free = all(
            one.left.id != other.left.id and one.right.id != other.right.id for other in chosen
        )
        if is_free and one.score >= SHOWN_FROM:
            chosen.append(one)
    return chosen
