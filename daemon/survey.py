"""Looking at apps once, for commands that compare a configuration with them. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from types import MappingProxyType

import anyio
from msgspec import Struct
from msgspec.structs import replace

from actors.errors import TielineError, TransientError
from actors.ports import Connector, Counting
from actors.records import Side
from actors.schema import AppSchema
from daemon.config.settings import App
from daemon.connectors.registry import Environment

ANSWER_WITHIN = timedelta(seconds=60)
_CLOSE_WITHIN = 5.0

Stages = Mapping[str, Iterable[str]]
"""Stage ids by object name."""

Needs = Mapping[str, bool]
"""By object that syncs, whether it is written there."""

Choose = Callable[[Mapping[str, AppSchema]], Mapping[str, Stages]]
"""From the apps' schemas, by app name, to the stages whose records are to be counted."""


class Survey(Struct, frozen=True, kw_only=True):
    """An app as it answered.

    Attributes:
        counts: by object and stage id, how many records there are, of the stages asked for.
        uncounted: why there are no counts; empty if there are, or none were wanted.
        lacks: rights that what is needed there lacks, a sentence each.
    """

    schema: AppSchema
    counts: dict[str, dict[str, int]] = {}
    uncounted: str = ""
    lacks: tuple[str, ...] = ()


Answers = dict[str, Survey | TielineError]


def choose_nothing(schemas: Mapping[str, AppSchema]) -> Mapping[str, Stages]:
    """Have nothing counted."""
    return {}


async def survey_apps(
    apps: Iterable[App],
    choose: Choose = choose_nothing,
    needs: Mapping[str, Needs] = MappingProxyType({}),
) -> Answers:
    """Ask every app what it has, all at the same time; an error takes the answer's place.

    Args:
        needs: by app; for what is needed there, missing rights are named.
    """
    found: Answers = {}
    connectors: dict[str, Connector] = {}

    async def describe(name: str) -> None:
        found[name] = await _describe(connectors[name], needs.get(name, {}))

    async def count(name: str, survey: Survey, stages: Stages) -> None:
        found[name] = await _count(connectors[name], survey, stages)

    async with AsyncExitStack() as stack:
        for app in apps:
            connectors[app.name] = app.open(Environment(app=app.name))
            stack.push_async_callback(_close, connectors[app.name])
        async with anyio.create_task_group() as tasks:
            for name in connectors:
                tasks.start_soon(describe, name, name=f"describe/{name}")
        surveys = {name: one for name, one in found.items() if isinstance(one, Survey)}
        wanted = choose({name: one.schema for name, one in surveys.items()})
        async with anyio.create_task_group() as tasks:
            for name, stages in wanted.items():
                tasks.start_soon(count, name, surveys[name], stages, name=f"count/{name}")
    return found


async def _close(connector: Connector) -> None:
    with anyio.move_on_after(_CLOSE_WITHIN, shield=True):
        await connector.aclose()


async def _describe(connector: Connector, needs: Needs) -> Survey | TielineError:
    try:
        with anyio.fail_after(ANSWER_WITHIN.total_seconds()):
            schema = await connector.describe()
            lacks = [await connector.missing(name, writes=writes) for name, writes in needs.items()]
            return Survey(schema=schema, lacks=tuple(one for some in lacks for one in some))
    except TielineError as error:
        return error
    except TimeoutError:
        return TransientError(f"no answer within {ANSWER_WITHIN.seconds} s; is it reachable?")


async def _count(connector: Connector, survey: Survey, stages: Stages) -> Survey:
    """Count what is wanted; a count is worth no failure."""
    counts: dict[str, dict[str, int]] = {}
    if not isinstance(connector, Counting):
        return replace(survey, uncounted="this app does not count")
    why = ""
    try:
        with anyio.fail_after(ANSWER_WITHIN.total_seconds()):
            for name, ids in stages.items():
                described = survey.schema.object(name)
                if described is not None and described.stage_field is not None:
                    field = described.stage_field
                    counts[name] = await connector.count(name, field, tuple(ids))
    except TielineError as error:
        why = str(error)
    except TimeoutError:
        why = "the app takes too long to count"
    return replace(survey, counts=counts, uncounted=why)


def schemas_of(
    answers: Mapping[str, Survey | TielineError], apps: Mapping[Side, str]
) -> dict[Side, AppSchema] | None:
    """Return the schemas of a sync's two apps, or None if one did not answer."""
    found = {side: answers[name] for side, name in apps.items()}
    schemas = {side: one.schema for side, one in found.items() if isinstance(one, Survey)}
    return schemas if len(schemas) == len(found) else None
