"""Making a pipeline in HubSpot."""

from __future__ import annotations

from actors.errors import MappingError, ScopeError
from actors.schema import Closing, Pipeline, Stage
from daemon.connectors.hubspot.errors import RefusedError, reason_of
from daemon.connectors.hubspot.kinds import ObjectKind
from daemon.connectors.hubspot.schema import read_pipelines, to_pipeline
from daemon.connectors.hubspot.session import Call, Session
from daemon.connectors.hubspot.wire import PIPELINE, NewPipeline, NewStage

_CLOSED = {Closing.WON: "1.0", Closing.LOST: "0.0"}
_LEAST, _MOST = 0.1, 0.9
"""Of open stages: HubSpot takes 0 for lost and 1 for won."""


async def make_pipeline(session: Session, kind: ObjectKind, wanted: Pipeline) -> Pipeline:
    """Make a pipeline with its stages, behind those that are there.

    Raises:
        MappingError: HubSpot refuses it: its name is taken, or the plan allows no more.
        ScopeError: the token may not make pipelines.
    """
    there = await read_pipelines(session, kind)
    body = NewPipeline(
        label=wanted.label, display_order=len(there), stages=to_new_stages(wanted.stages)
    )
    path = session.paths.pipelines(kind.name)
    endpoint = f"pipelines/{kind.name}/create"
    try:
        reply = await session.write(Call(endpoint=endpoint, method="POST", path=path, body=body))
    except RefusedError as error:
        raise MappingError(
            f'HubSpot makes no pipeline "{wanted.label}": {reason_of(error.problem)}. It has '
            f"{len(there)} already; how many there may be is a matter of the account's plan"
        ) from error
    except ScopeError as error:
        raise ScopeError(
            f"HubSpot: the token may not make pipelines. Add the scope "
            f"crm.schemas.{kind.name}.write ({error})"
        ) from error
    return to_pipeline(reply.decode(PIPELINE))


def to_new_stages(stages: tuple[Stage, ...]) -> list[NewStage]:
    """Describe stages as HubSpot wants them: each with a probability in tenths, as text."""
    opens = [stage for stage in stages if stage.closing is Closing.OPEN]
    return [
        NewStage(
            label=stage.label,
            display_order=order,
            metadata={
                "probability": _CLOSED.get(stage.closing) or _probability(stage, opens),
                "isClosed": str(stage.closing is not Closing.OPEN).lower(),
            },
        )
        for order, stage in enumerate(stages)
    ]


def _probability(stage: Stage, opens: list[Stage]) -> str:
    """Return a stage's own probability, or its part of the way through the open stages."""
    part = stage.probability
    if part is None:
        part = (opens.index(stage) + 1) / (len(opens) + 1)
    return f"{min(max(part, _LEAST), _MOST):.1f}"
