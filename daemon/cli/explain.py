"""`tieline explain`: all that is known of one record, and why it is as it is (F32)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import msgspec
from msgspec import Struct

from actors.records import Side
from actors.values import Raw
from daemon.cli.completing import complete_app
from daemon.cli.conflicts import ConflictEntry, make_entry, view_conflicts
from daemon.cli.exits import Exit
from daemon.cli.invocation import Invocation, json_option, pass_invocation
from daemon.cli.reading import app_names, ask_store, write_raws, write_time
from daemon.cli.render import Block, Facts, Heading, Line, Table, Tone, print_error, show

if TYPE_CHECKING:
    from actors.intents import Intent
    from actors.links import Change, Link
    from actors.spec import SyncSpec
    from daemon.store.reading import Reader

TONES = {"in sync": Tone.GOOD, "failing": Tone.BAD, "held": Tone.WARNING}


class EndStory(Struct, frozen=True, kw_only=True):
    """One side's record.

    Attributes:
        modified: when the app says it was last changed, as of the last look.
        values: what the app last said, by field name.
        gone: how the record left, or empty.
    """

    app: str
    record: str
    modified: str
    values: dict[str, Raw]
    gone: str = ""


class UnitStory(Struct, frozen=True, kw_only=True):
    """A mapped field: both values as they stood when it was last settled.

    Attributes:
        left, right: None if it was never settled.
        moved: apps in which it was edited since, with the time.
        late: apps to which a value was sent that may still arrive.
        rule: how it is mapped, where that is more than both ways.
        differs: why the two values differ although nothing is to be done.
    """

    field: str
    left: tuple[Raw, ...] | None
    right: tuple[Raw, ...] | None
    moved: dict[str, str]
    late: tuple[str, ...]
    rule: str = ""
    differs: str = ""


class WriteStory(Struct, frozen=True, kw_only=True):
    """A write without an outcome."""

    app: str
    kind: str
    values: dict[str, Raw]
    attempts: int
    decided: str


class ChangeStory(Struct, frozen=True, kw_only=True):
    """A line of history; `lost` values were overruled, others were written by tieline."""

    at: str
    app: str
    record: str
    field: str
    before: tuple[Raw, ...]
    after: tuple[Raw, ...]
    rule: str
    lost: bool


class RecordStory(Struct, frozen=True, kw_only=True):
    """One record in one sync; `note` says if what was asked for is known by another id now."""

    sync: str
    link: int
    status: str
    reason: str
    next_look: str
    attempts: int
    ends: tuple[EndStory, ...]
    fields: tuple[UnitStory, ...]
    writes: tuple[WriteStory, ...]
    conflicts: tuple[ConflictEntry, ...]
    history: tuple[ChangeStory, ...]
    note: str = ""


class ExplainAnswer(Struct, frozen=True, kw_only=True):
    """The record in every sync that knows it."""

    app: str
    record: str
    stories: tuple[RecordStory, ...]


@click.command()
@click.argument("app", shell_complete=complete_app)
@click.argument("record")
@click.option(
    "--history", type=click.IntRange(0, 10_000), default=20, show_default=True, help="Lines of it."
)
@json_option
@pass_invocation
@click.pass_context
def explain(
    ctx: click.Context, invocation: Invocation, app: str, record: str, history: int, as_json: bool
) -> None:
    """Tell the whole story of a record: its counterpart, its values, why it did or did not sync.

    APP is the app's name in the configuration, RECORD the app's own id of the record.
    """
    from daemon.config.problems import suggest

    config = invocation.load(follow=False)
    if app not in config.apps:
        raise click.UsageError(f"no app is named {app!r}; {suggest(app, config.apps)}")
    names = app_names(config)
    specs = {spec.name: spec for spec in config.specs()}

    async def question(reader: Reader) -> ExplainAnswer:
        stories = await read_stories(reader, names, app=app, record=record, history=history)
        ruled = tuple(_ruled(story, specs[story.sync]) for story in stories)
        return ExplainAnswer(app=app, record=record, stories=ruled)

    answer = ask_store(config.daemon.store, question)
    if as_json or answer.stories:
        show(answer, _view(answer), as_json=as_json)
    if not answer.stories:
        print_error(_unknown(app, record, [sync for sync, both in names.items() if app in both]))
        ctx.exit(Exit.PROBLEM)


def _unknown(app: str, record: str, syncs: list[str]) -> str:
    if not syncs:
        return f"{app} takes part in no sync; see `tieline check`"
    where = ", ".join(syncs)
    return (
        f"{where} has never seen record {record!r} of {app}: it is not there, not read yet, or the"
        f" id is wrong; `tieline status` shows how far the sync is"
    )


async def read_stories(
    reader: Reader, names: dict[str, tuple[str, str]], *, app: str, record: str, history: int
) -> tuple[RecordStory, ...]:
    """Read what every sync of the app knows of the record."""
    stories = []
    for sync, apps in names.items():
        if app in apps:
            side = Side.LEFT if app == apps[0] else Side.RIGHT
            link, note = await reader.find_record(sync, side, record), ""
            if link is None and (link := await reader.find_merged(sync, side, record)):
                end = link.end(side)
                note = f"merged in {app} into {end.id if end else 'another record'}"
            if link is not None:
                stories.append(await _read_story(reader, link, apps, history, note))
    return tuple(stories)


async def _read_story(
    reader: Reader, link: Link, apps: tuple[str, str], history: int, note: str = ""
) -> RecordStory:
    changes = await reader.link_history(link.id, limit=history) if history else ()
    conflicts = await reader.list_link_conflicts(link.id)
    intents = await reader.link_intents(link.sync, link.id)
    return RecordStory(
        sync=link.sync,
        link=link.id,
        status=link.status.value,
        reason=link.reason,
        next_look=write_time(link.due_us or 0),
        attempts=link.attempts,
        ends=tuple(_ends(link, apps)),
        fields=tuple(_units(link, apps)),
        writes=tuple(_write(one, apps) for one in intents),
        conflicts=tuple(make_entry(one.id, one.conflict, link, apps) for one in conflicts),
        history=tuple(_change(one.change, apps) for one in changes),
        note=note,
    )


def _app(side: Side, apps: tuple[str, str]) -> str:
    return apps[0] if side is Side.LEFT else apps[1]


def _ends(link: Link, apps: tuple[str, str]) -> Iterator[EndStory]:
    for side in Side:
        if end := link.end(side):
            yield EndStory(
                app=_app(side, apps),
                record=end.id,
                modified=write_time(end.seen.modified_us) if end.seen else "",
                values=end.seen.values if end.seen else {},
                gone=end.gone.value if end.gone else "",
            )


def _units(link: Link, apps: tuple[str, str]) -> Iterator[UnitStory]:
    ends = {side: link.end(side) for side in Side}
    there = {side: end for side, end in ends.items() if end is not None}
    keys = dict.fromkeys(key for end in there.values() for key in (*end.base, *end.moved))
    for key in keys:
        bases = {side: end.base[key].raws for side, end in there.items() if key in end.base}
        yield UnitStory(
            field=key,
            left=bases.get(Side.LEFT),
            right=bases.get(Side.RIGHT),
            moved={
                _app(side, apps): write_time(end.moved[key][1])
                for side, end in there.items()
                if key in end.moved
            },
            late=tuple(_app(side, apps) for side, end in there.items() if key in end.late),
        )


def _ruled(story: RecordStory, spec: SyncSpec) -> RecordStory:
    """Add how each field is mapped, by the configuration as it is now."""
    from daemon.cli.field_rules import rules_by_field, write_difference, write_rule

    lines = rules_by_field(spec)
    fields = tuple(
        msgspec.structs.replace(
            unit,
            rule=write_rule(spec, line),
            differs=write_difference(spec, line, unit.left, unit.right),
        )
        if (line := lines.get(unit.field)) is not None
        else unit
        for unit in story.fields
    )
    return msgspec.structs.replace(story, fields=fields)


def _write(intent: Intent, apps: tuple[str, str]) -> WriteStory:
    return WriteStory(
        app=_app(intent.side, apps),
        kind=intent.kind.value,
        values=intent.values,
        attempts=intent.attempts,
        decided=write_time(intent.decided_us),
    )


def _change(change: Change, apps: tuple[str, str]) -> ChangeStory:
    return ChangeStory(
        at=write_time(change.at_us),
        app=_app(change.side, apps),
        record=change.record_id,
        field=change.unit,
        before=change.before,
        after=change.after,
        rule=change.rule,
        lost=change.lost,
    )


def _view(answer: ExplainAnswer) -> Iterator[Block]:
    for story in answer.stories:
        yield Heading(f"{answer.app} {answer.record} in {story.sync}")
        if story.note:
            yield Line(story.note, Tone.WARNING)
        why = f": {story.reason}" if story.reason else ""
        yield Line(f"{story.status}{why}", TONES.get(story.status, Tone.PLAIN))
        yield Facts(tuple(_facts(story)))
        if story.fields:
            yield Heading("Fields as last settled")
            left, right = _titles(story)
            yield Table(("field", left, right, "notes"), tuple(map(_unit_row, story.fields)))
        for end in story.ends:
            yield Heading(f"As {end.app} last said")
            yield Facts(tuple((name, write_raws((raw,))) for name, raw in end.values.items()))
        yield from _work(story)


def _facts(story: RecordStory) -> Iterator[tuple[str, str]]:
    for end in story.ends:
        gone = f" ({end.gone} there)" if end.gone else ""
        changed = f", changed {end.modified}" if end.modified else ""
        yield end.app, f"{end.record}{gone}{changed}"
    if len(story.ends) < len(Side):
        yield "counterpart", "none"
    if story.next_look:
        yield "looked at again", story.next_look
    if story.attempts:
        yield "failures in a row", str(story.attempts)


def _titles(story: RecordStory) -> tuple[str, str]:
    names = [end.app for end in story.ends]
    return (names[0], names[1]) if len(names) == len(Side) else ("left", "right")


def _unit_row(unit: UnitStory) -> tuple[str, ...]:
    notes = [f"edited in {app} {at}".rstrip() for app, at in unit.moved.items()]
    notes += [f"a write to {app} may still arrive" for app in unit.late]
    notes += [note for note in (unit.differs, unit.rule and f"rule: {unit.rule}") if note]
    bases = [
        write_raws(raws) if raws is not None else "(never)" for raws in (unit.left, unit.right)
    ]
    return (unit.field, *bases, "; ".join(notes))


def _work(story: RecordStory) -> Iterator[Block]:
    if story.writes:
        yield Heading("Writes under way")
        for one in story.writes:
            values = ", ".join(f"{name}={write_raws((raw,))}" for name, raw in one.values.items())
            yield Line(f"{one.kind} in {one.app}, attempt {one.attempts}: {values}")
    if story.conflicts:
        yield Heading("Conflicts")
        yield view_conflicts(story.conflicts)
    if story.history:
        yield Heading("History")
        yield Table(
            ("when", "where", "field", "from", "to", "rule"), tuple(map(_change_row, story.history))
        )


def _change_row(change: ChangeStory) -> tuple[str, ...]:
    where = f"{change.app} {change.record}" + (" (value lost)" if change.lost else "")
    before, after = write_raws(change.before), write_raws(change.after)
    return (change.at, where, change.field, before, after, change.rule)
