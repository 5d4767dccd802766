"""`tieline types`: which kinds of fields map to which, and why others do not (F14)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from daemon.cli.invocation import json_option
from daemon.cli.render import Block, Heading, Line, Table, Tone, show

if TYPE_CHECKING:
    from actors.mapping.compatibility import Compatibility

SIGNS = {"two-way": "<->", "one-way as text": "text", "one-way": "->", "not": "."}


class PairEntry(Struct, frozen=True, kw_only=True):
    """What becomes of values that go from one kind of field to another.

    Attributes:
        fit: `two-way`, `one-way`, `one-way as text` or `not`.
        needs_values: it takes `values:` to map them.
    """

    source: str
    target: str
    fit: str
    needs_values: bool
    why: str


class TypesAnswer(Struct, frozen=True, kw_only=True):
    """Every pair of kinds."""

    kinds: tuple[str, ...]
    pairs: tuple[PairEntry, ...]


@click.command()
@click.argument("kind", required=False)
@json_option
def types(kind: str | None, as_json: bool) -> None:
    """Show which kinds of fields can be mapped to which: both ways, one way, or not, and why.

    With KIND, only its pairs. `tieline check` applies the same rules to the fields of your apps.
    """
    from actors.mapping.compatibility import KINDS, compare_kinds
    from daemon.config.problems import suggest

    if kind is not None and kind not in KINDS:
        raise click.UsageError(f"there is no kind {kind!r}; {suggest(kind, KINDS)}")
    pairs = tuple(_entry(one) for one in compare_kinds() if kind in (None, one.from_, one.to))
    show(TypesAnswer(kinds=KINDS, pairs=pairs), _view(KINDS, pairs, kind), as_json=as_json)


def _entry(one: Compatibility) -> PairEntry:
    return PairEntry(
        source=one.from_,
        target=one.to,
        fit=one.fit.value,
        needs_values=one.needs_values,
        why=one.why,
    )


def _view(
    kinds: tuple[str, ...], pairs: tuple[PairEntry, ...], kind: str | None
) -> Iterator[Block]:
    if kind is None:
        cells = {(one.source, one.target): _sign(one) for one in pairs}
        yield Heading("From the kind on the left to the kind above")
        rows = ((one, *(cells[one, two] for two in kinds)) for one in kinds)
        yield Table(("", *kinds), tuple(rows))
        yield Line("<-> both ways   -> one way   text: one way, as people write it   . not")
        yield Line("*: with `values:`; `tieline types KIND` tells why", Tone.QUIET)
        return
    yield Heading(f"Pairs of {kind}")
    listed = tuple((one.source, one.target, one.fit, one.why) for one in pairs)
    yield Table(("from", "to", "maps", "why"), listed)


def _sign(pair: PairEntry) -> str:
    return SIGNS[pair.fit] + "*" * pair.needs_values
