"""The YAML as Structs: one per mapping of the file, one attribute per key.

These say which keys there are and of what type; what they mean together is decided in `build`.
The attributes' descriptions are the reference manual (`reference`). In a `PerApp` Struct the
attributes `left` and `right` are written under the names of the connection's two apps.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from actors.records import Side
from actors.spec import (
    Blank,
    Conditions,
    Direction,
    Drift,
    Leave,
    Pace,
    Prefer,
    Reopen,
    Rules,
    TooLong,
)

PAIRS = "pairs"
Pairs = Annotated[tuple[tuple[str, str], ...], PAIRS]
"""Pairs (left, right): in YAML a mapping, or a list of `[left, right]` or `{app: , app: }`."""

CONDITIONS = "conditions"
Filter = Annotated[Conditions, CONDITIONS]
"""Conditions on one app's records: read by `conditions`."""

_PACE = Pace()
_RULES = Rules()


class Section(Struct, frozen=True, kw_only=True):
    """A mapping of the file; any key that is not an attribute is refused."""


class PerApp(Section, frozen=True):
    """A section whose `left` and `right` are written as app names."""


class Conflicts(Section, frozen=True):
    """What happens when both apps edit the same field of a record.

    Attributes:
        prefer: who wins: an app's name, `latest`, or `ask` to hold the field for a person.
            Default: HubSpot in a two-way sync, else the app that the sync reads from.
        window: edits this far apart or less are a conflict; of others the later one wins.
            Default: 5m.
    """

    prefer: Prefer | None = None
    window: timedelta | None = None


class FieldLine(PerApp, frozen=True):
    """One field of each app that hold the same thing.

    Attributes:
        left: the field's name in the first app, under that app's name.
        right: the field's name in the second app, under that app's name.
        direction: `both` or `to-` and an app's name; only narrower than the sync's own.
        values: for choices: option of the first app to option of the second, by id or label.
        too_long: what happens to a text that does not fit: `refuse` or `shorten`.
        conflicts: another conflict rule for this field.
        blank: another blank rule for this field.
        drift: another drift rule for this field.
    """

    left: str
    right: str
    direction: Direction | None = None
    values: Pairs = ()
    too_long: TooLong = TooLong.REFUSE
    conflicts: Conflicts | None = None
    blank: Blank | None = None
    drift: Drift | None = None


class PipelineLine(PerApp, frozen=True):
    """A pipeline of each app, and which stages are the same. Other stages do not sync.

    Attributes:
        left: id or label of the first app's pipeline, under that app's name.
        right: id or label of the second app's pipeline, under that app's name.
        stages: stage of the first app to stage of the second, by id or label.
    """

    left: str
    right: str
    stages: Pairs


class Fallback(PerApp, frozen=True):
    """Whom a new record is assigned to when its owner has no counterpart.

    Attributes:
        left: user of the first app by id or e-mail, under that app's name.
        right: user of the second app by id or e-mail, under that app's name.
    """

    left: str | None = None
    right: str | None = None


class Owners(Section, frozen=True):
    """How the people of both apps are matched; by default those with the same e-mail address.

    Attributes:
        overrides: user of the first app to user of the second, by id or e-mail.
        fallback: who gets new records whose owner has no counterpart.
    """

    overrides: Pairs = ()
    fallback: Fallback = Fallback()


class Filters(PerApp, frozen=True):
    """Which records take part: those that pass the conditions of their app.

    Attributes:
        left: conditions on the first app's records, under that app's name.
        right: conditions on the second app's records, under that app's name.
        leave: what becomes of a linked pair that no longer passes: `stop` sends the update that
            made it leave and then leaves the pair alone until it passes again;
            `first-sync-only` goes on, conditions only decide what gets linked.
    """

    left: Filter = Conditions()
    right: Filter = Conditions()
    leave: Leave = Leave.STOP


class ObjectSync(Section, frozen=True):
    """One kind of record that is kept in step.

    Attributes:
        direction: `both`, or `to-` and an app's name; the other app is then never written to.
        conflicts: who wins when both apps edit the same field.
        blank: what an emptied field does to the other app: `ignore`, `propagate` or `ask`.
        drift: what an edit in the target of a one-way field leads to: `leave` or `restore`.
        pipelines: which pipelines and stages are the same.
        fields: which fields are the same.
        owners: how people are matched.
        filter: which records take part.
        create: apps in which records may be created; default all that the direction allows.
        update: apps in which records that are there already may be changed; default likewise.
        reopen: a closed deal that an edit in the other app would open again: `allow`, or `hold`
            it for a person.
    """

    direction: Direction = Direction.BOTH
    conflicts: Conflicts = Conflicts()
    blank: Blank = _RULES.blank
    drift: Drift = _RULES.drift
    pipelines: tuple[PipelineLine, ...] = ()
    fields: tuple[FieldLine, ...] = ()
    owners: Owners = Owners()
    filter: Filters = Filters()
    create: tuple[Side, ...] | None = None
    update: tuple[Side, ...] | None = None
    reopen: Reopen = Reopen.ALLOW


class Retry(Section, frozen=True):
    """How records that an app refuses are tried again.

    Attributes:
        first: delay after the first failure; it doubles from there.
        last: the longest delay.
        quarantine_after: failures in a row after which a record waits for its next edit.
    """

    first: timedelta = _PACE.retry_first
    last: timedelta = _PACE.retry_last
    quarantine_after: Annotated[int, Meta(ge=1, le=1000)] = _PACE.quarantine_after


class ConnectionSection(Section, frozen=True):
    """Two apps that are kept in step.

    Attributes:
        between: names of the two apps; stage, value and owner maps go from the first to the second.
        poll: time between looks for changes.
        presence: time between looks at all linked records for deletes and merges.
        late: how long a write without an answer may still take effect.
        orders: most write calls in flight per app.
        schema: time between looks at which fields, stages and people the apps have.
        retry: how refused records are tried again.
        timezone: IANA name for dates that meet times; default the first app's own.
        deals: the deals sync.
    """

    between: tuple[str, str]
    poll: timedelta = _PACE.poll
    presence: timedelta = _PACE.presence
    late: timedelta = _PACE.late
    orders: Annotated[int, Meta(ge=1, le=64)] = _PACE.orders
    schema: timedelta = _PACE.schema
    retry: Retry = Retry()
    timezone: str | None = None
    deals: ObjectSync | None = None


OBJECTS = ("deals",)
"""The keys of a connection that are objects; a further object is an attribute and a word here."""


class LogSection(Section, frozen=True):
    """What the daemon logs to standard error.

    Attributes:
        level: `debug`, `info`, `warning` or `error`.
        format: `json`, `text`, or `auto` for text on a terminal and JSON elsewhere.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"


class DaemonSection(Section, frozen=True):
    """The process itself.

    Attributes:
        store: the database file; relative to this file. Default: `tieline.db` in systemd's
            state directory, in /var/lib/tieline for a file in /etc/tieline, else beside it.
        listen: address of /metrics and /healthz.
        log: what is logged.
    """

    store: str | None = None
    listen: str = "127.0.0.1:9464"
    log: LogSection = LogSection()
