"""What is proposed: two stages or two fields with a score and the reasons in words."""

from __future__ import annotations

from msgspec import Struct

from actors.schema import Field, Pipeline, Stage

SHOWN_FROM = 0.5
"""Lower scores are not worth a person's time."""

SURE_FROM = 0.75
"""Where nobody looks (`--write`), and as the answer that Enter gives, only these are taken."""


class Proposal(Struct, frozen=True, kw_only=True):
    """A pair that may be the same.

    Attributes:
        score: 0 to 1: how sure we are.
        reasons: why, in words for people, the weightiest first.
    """

    score: float
    reasons: tuple[str, ...]


class StageProposal(Proposal, frozen=True):
    """A stage of each app.

    Attributes:
        is_shared: one of the two is also in a better proposal.
    """

    left: Stage
    right: Stage
    is_shared: bool = False


class PipelineProposal(Proposal, frozen=True):
    """A pipeline of each app with their stages.

    Attributes:
        index: which entry of `pipelines:` it is, or None if it is not mapped yet.
    """

    left: Pipeline
    right: Pipeline
    stages: tuple[StageProposal, ...]
    index: int | None = None


class FieldProposal(Proposal, frozen=True):
    """A field of each app."""

    left: Field
    right: Field
