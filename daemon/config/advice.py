"""What deserves a look although it is no error. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from actors.records import Side
from actors.schema import AppSchema, Closing, Pipeline, Stage
from actors.spec import PipelineSpec, Problem, SyncSpec

Named = TypeVar("Named", Pipeline, Stage)

_LEARN = "deletes do not travel, so a closing stage is how the other app learns that a deal ended"


def advise_closings(spec: SyncSpec, schemas: dict[Side, AppSchema]) -> Iterator[Problem]:
    """Warn of pipelines in which no won, or no lost, stage is mapped (F13).

    A class of stage counts as mapped if a mapped stage of either app is of it; it is only missed
    if one of the two pipelines has such a stage at all.
    """
    for index, mapping in enumerate(spec.pipelines):
        there, mapped = _closings(spec, mapping, schemas)
        for closing in (Closing.WON, Closing.LOST):
            if closing in there and closing not in mapped:
                names = ", ".join(sorted(there[closing]))
                message = f"no {closing} stage is mapped ({names}); {_LEARN}"
                yield Problem(path=("pipelines", index, "stages"), message=message)


def advise_users(spec: SyncSpec, schemas: dict[Side, AppSchema]) -> Iterator[Problem]:
    """Warn of a mapped field that holds a person where an app shows us no people (F3, F16)."""
    for index, mapping in enumerate(spec.fields):
        for side in Side:
            schema = schemas[side].object(spec.object)
            name = mapping.left if side is Side.LEFT else mapping.right
            field = schema.field(name) if schema else None
            if field and field.target == "users" and not schemas[side].users:
                message = f"{spec.app(side)} shows no users, so nobody would be matched"
                advice = "give tieline the right to read them (HubSpot: crm.objects.owners.read)"
                yield Problem(path=("fields", index, side.value), message=f"{message}; {advice}")


def _closings(
    spec: SyncSpec, mapping: PipelineSpec, schemas: dict[Side, AppSchema]
) -> tuple[dict[Closing, set[str]], set[Closing]]:
    """Return the names of the closing stages that are there, by class, and the mapped classes."""
    there: dict[Closing, set[str]] = {}
    mapped: set[Closing] = set()
    for at, side in enumerate(Side):
        schema = schemas[side].object(spec.object)
        pipeline = _named(
            mapping.left if at == 0 else mapping.right, schema.pipelines if schema else ()
        )
        for stage in pipeline.stages if pipeline else ():
            there.setdefault(stage.closing, set()).add(f"{spec.app(side)}: {stage.label}")
        for pair in mapping.stages if pipeline else ():
            if pipeline and (stage_of := _named(pair[at], pipeline.stages)):
                mapped.add(stage_of.closing)
    return there, mapped


def _named(name: str, among: Sequence[Named]) -> Named | None:
    by_id = next((one for one in among if one.id == name), None)
    folded = name.casefold().strip()
    return by_id or next((one for one in among if one.label.casefold().strip() == folded), None)
