"""`tieline apps`: the catalogue of what can be connected (F1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from daemon.cli.exits import Exit
from daemon.cli.invocation import json_option
from daemon.cli.render import Block, Facts, Heading, Line, Tone, print_error, show

if TYPE_CHECKING:
    from daemon.connectors.registry import AnyConnectorType


class AppEntry(Struct, frozen=True, kw_only=True):
    """One kind of app and what it supports.

    Attributes:
        broken: why it cannot be used, or empty.
        worst_delay_seconds: the longest time until a change is sure to be seen.
    """

    type: str
    title: str = ""
    objects: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    lock: bool = False
    history: bool = False
    unique_key: bool = False
    read_batch: int = 0
    create_batch: int = 0
    update_batch: int = 0
    worst_delay_seconds: float = 0
    deletes: str = ""
    notes: tuple[str, ...] = ()
    broken: str = ""


class Catalogue(Struct, frozen=True):
    """All kinds of app that were asked for."""

    apps: tuple[AppEntry, ...]


@click.command()
@click.argument("word", required=False)
@json_option
@click.pass_context
def apps(ctx: click.Context, word: str | None, as_json: bool) -> None:
    """List the apps that can be connected, and what each supports.

    With WORD, only those that have it in their name, objects or notes.
    """
    found = tuple(one for one in list_apps() if word is None or _mentions(one, word))
    show(Catalogue(found), _view(found), as_json=as_json)
    if not found:
        print_error(f"no app has to do with {word!r}; `tieline apps` lists all")
        ctx.exit(Exit.PROBLEM)


def list_apps() -> Iterator[AppEntry]:
    """Describe every installed connector; one that is broken says so and hides no other."""
    from actors.errors import TielineError
    from daemon.connectors.registry import find_entry_points, load_connector

    for name in sorted(find_entry_points()):
        try:
            yield _entry(load_connector(name))
        except TielineError as error:
            yield AppEntry(type=name, broken=str(error))


def _entry(kind: AnyConnectorType) -> AppEntry:
    can = kind.capabilities
    return AppEntry(
        type=kind.name,
        title=kind.title,
        objects=can.objects,
        directions=("read", "write"),
        lock=can.lock,
        history=can.history,
        unique_key=can.unique_key,
        read_batch=can.read_batch,
        create_batch=can.create_batch,
        update_batch=can.update_batch,
        worst_delay_seconds=can.worst_delay.total_seconds(),
        deletes=can.deletes,
        notes=can.notes,
    )


def _mentions(entry: AppEntry, word: str) -> bool:
    text = " ".join((entry.type, entry.title, *entry.objects, entry.deletes, *entry.notes))
    return word.casefold() in text.casefold()


def _view(entries: tuple[AppEntry, ...]) -> Iterator[Block]:
    for entry in entries:
        yield Heading(f"{entry.title or entry.type} (type: {entry.type})")
        if entry.broken:
            yield Line(entry.broken, Tone.BAD)
            continue
        if "deals" not in entry.objects:
            yield Line("It cannot sync deals.", Tone.WARNING)
        batches = f"read {entry.read_batch}, create {entry.create_batch}"
        yield Facts(
            (
                ("objects", ", ".join(entry.objects)),
                ("directions", ", ".join(entry.directions)),
                ("lost updates", _lock_words(entry)),
                ("double creates", _key_words(entry)),
                ("edit times", "of each field" if entry.history else "of the record only"),
                ("deletes", entry.deletes),
                ("records per call", f"{batches}, update {entry.update_batch}"),
                ("sees changes", f"within {entry.worst_delay_seconds:g} s at worst"),
                *(("note", note) for note in entry.notes),
            )
        )


def _lock_words(entry: AppEntry) -> str:
    if entry.lock:
        return "the app refuses a write over a newer edit"
    return "read again before each write"


def _key_words(entry: AppEntry) -> str:
    if entry.unique_key:
        return "the app refuses a second record with the same key"
    return "looked up before each create"
