"""Asks on a terminal which proposals of `tieline automap` to accept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.prompt import Prompt
from rich.text import Text

from daemon.automap.proposals import SURE_FROM
from daemon.cli.render import printable

if TYPE_CHECKING:
    from daemon.automap.proposals import FieldProposal, PipelineProposal, Proposal, StageProposal
    from daemon.cli.automap import Work

_HELP = "y accept, n refuse, a accept this and the rest, q refuse this and the rest"


class Asker:
    """Puts one proposal after the other to a person, until they answer for all the rest."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rest: bool | None = None

    def ask(self, proposal: Proposal, names: str) -> bool:
        """Show a proposal and return whether it is accepted."""
        if self._rest is not None:
            return self._rest
        line = Text.assemble(
            (f"{proposal.score:.2f} ", "bold"),
            printable(names),
            (f"  {printable('; '.join(proposal.reasons))}", "dim"),
        )
        self._console.print(line)
        usual = "y" if proposal.score >= SURE_FROM else "n"
        answer = Prompt.ask("accept?", choices=list("ynaq"), default=usual, console=self._console)
        if answer in "aq":
            self._rest = answer == "a"
        return answer in "ya"

    def say(self, text: str) -> None:
        """Show a title."""
        self._console.print(Text(printable(text), "bold"))


def ask_for(works: list[Work], console: Console | None = None) -> list[Work]:
    """Return what a person accepts of what is proposed for each sync."""
    asker = Asker(console or Console(highlight=False))
    if any(one.count for one in works):
        asker.say(_HELP)
    return [_ask_for_sync(asker, one) for one in works]


def _ask_for_sync(asker: Asker, work: Work) -> Work:
    pipelines = tuple(
        msgspec.structs.replace(one, stages=_ask_for_stages(asker, work.spec.name, one))
        for one in work.pipelines
    )
    if work.fields:
        asker.say(f"{work.spec.name}: fields")
    fields = tuple(one for one in work.fields if asker.ask(one, _field_names(one)))
    return msgspec.structs.replace(work, pipelines=pipelines, fields=fields)


def _ask_for_stages(
    asker: Asker, sync: str, pipeline: PipelineProposal
) -> tuple[StageProposal, ...]:
    """Ask for a pipeline's stages; for the pipeline itself first if it is not mapped yet."""
    names = f"{pipeline.left.label} = {pipeline.right.label}"
    asker.say(f"{sync}: stages of {names}")
    if pipeline.index is None and not asker.ask(pipeline, f"pipeline {names}"):
        return ()
    return tuple(
        one for one in pipeline.stages if asker.ask(one, f"{one.left.label} = {one.right.label}")
    )


def _field_names(one: FieldProposal) -> str:
    left, right = (
        field.name if field.label in ("", field.name) else f"{field.name} ({field.label})"
        for field in (one.left, one.right)
    )
    return f"{left} = {right}"
