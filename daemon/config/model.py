"""The YAML as Structs: one per mapping of the file, one attribute per key.

These say which keys there are and of what type; what they mean together is decided in `build`.
The attributes' descriptions are the reference manual (`reference`). In a `PerApp` Struct the
attributes `left` and `right` are written under the names of the connection's two apps.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct, field

from actors.records import Side
from actors.spec import (
    Blank,
    Conditions,
    Direction,
    Drift,
    Form,
    Leave,
    Limits,
    Normal,
    Pace,
    Prefer,
    Reopen,
    Rules,
    TooLong,
)

PAIRS = "pairs"
Pairs = Annotated[tuple[tuple[str, str], ...], PAIRS]
"""Pairs (left, right): in YAML a mapping, or a list of `[left, right]` or `{app: , app: }`."""

NAMES = "names"
Names = Annotated[tuple[str, ...], NAMES]
"""The name of a field, or a list of names."""

CONDITIONS = "conditions"
Filter = Annotated[Conditions, CONDITIONS]
"""Conditions on one app's records: read by `conditions`."""

WORD = "word"
"""Of a section that may be written as one word, which is then its `object`."""

Most = Annotated[int, Meta(ge=0)] | Literal["none"]
"""How many there may be, or the word `none` for no limit."""

_PACE = Pace()
_LIMITS = Limits()
_RULES = Rules()


class Section(Struct, frozen=True, kw_only=True):
    """A mapping of the file; any key that is not an attribute is refused."""


class PerApp(Section, frozen=True):
    """A section whose `left` and `right` are written as app names, with a word before them."""

    key_prefix: ClassVar[str] = ""


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


class Defaults(PerApp, frozen=True):
    """What a field of a new record gets when the other app's field is empty.

    Attributes:
        left: the value in the first app, under that app's name; choices and people as above.
        right: the value in the second app, under that app's name.
    """

    left: str | None = None
    right: str | None = None


class FieldLine(PerApp, frozen=True):
    """One field of each app that hold the same thing; see "What a field line can do" below.

    Attributes:
        left: the field's name in the first app, under that app's name; a list of names if they
            hold in parts what one field of the other app holds.
        right: the field's name in the second app, under that app's name; or a list likewise.
        rule: who is master of the field, in one phrase: `two-way`, `always APP`,
            `prefer APP unless blank`, `don't sync`.
        direction: `both` or `to-` and an app's name; only narrower than the sync's own.
        values: value of the first app to value of the second; choices by id or label.
        kind: what two texts are, so that spelling does not count: `phone`, `email`, `domain` or
            `url`.
        form: how texts are written, and compared: a list of `trim`, `collapse` (white space),
            `lower`, `upper`, `title`, `e164`, `email`, `domain`, `url`, `link`.
        scale: the second app's number is the first one's times this (`0.01` from cents).
        join: what stands between the parts in the one field, if an app has a list of fields.
            Default: a blank.
        template: a text made of fields of the other app, which is named in no other key.
        constant: the value that the one field always holds.
        default: what a new record gets where the other app has nothing.
        too_long: what happens to a text that does not fit: `refuse` or `shorten`.
        conflicts: another conflict rule for this field.
        blank: another blank rule for this field.
        drift: another drift rule for this field.
    """

    left: Names = ()
    right: Names = ()
    rule: str | None = None
    direction: Direction | None = None
    values: Pairs = ()
    kind: Literal["phone", "email", "domain", "url"] | None = None
    form: tuple[Form, ...] = ()
    scale: str | None = None
    join: str | None = None
    template: str | None = None
    constant: str | None = None
    default: Defaults = Defaults()
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


class MatchLine(PerApp, frozen=True):
    """A field of each app by which a new record finds its counterpart.

    Attributes:
        left: the field's name in the first app, under that app's name.
        right: the field's name in the second app, under that app's name.
        as_: how values are made alike: `exact`, `text` (without case, white space and accents),
            `email`, `domain` or `phone`. Default: by the kind of the fields.
    """

    left: str
    right: str
    as_: Normal | None = field(default=None, name="as")


MATCH_RULES = "match rules"
MatchRules = Annotated[tuple[MatchLine, ...], MATCH_RULES]
"""Match rules in the order to be tried, or the word `none`."""


class AssociationLine(PerApp, frozen=True):
    """Links to records of another object that are kept in step; one word is its `object`.

    Attributes:
        object: the other object, which must sync as well; its fields are found by themselves.
        left: the first app's field that holds the links, under that app's name.
        right: the second app's field that holds the links, under that app's name.
        direction: `both` or `to-` and an app's name; only narrower than the sync's own.
        removals: what a link that is removed leads to: `propagate` removes it in the other app.
    """

    object: str | None = None
    left: str | None = None
    right: str | None = None
    direction: Direction | None = None
    removals: Literal["propagate", "keep"] = "propagate"


Association = Annotated[AssociationLine, WORD]


class KeepOrArchive(StrEnum):
    """What a delete in the other app does, in a word."""

    KEEP = "keep"
    ARCHIVE = "archive"


class Marking(Section, frozen=True):
    """What is set once on a record whose counterpart was deleted; taken back if that returns.

    Attributes:
        set: value by native field; choices by id or label.
        stage: id or label of a stage that the record is moved to, within its pipeline.
    """

    set: dict[str, str] = {}
    stage: str | None = None


class Deletes(PerApp, frozen=True):
    """What becomes of a record whose counterpart is archived or deleted in the other app.

    `keep` leaves it alone and stops its sync; `archive` archives it as well, or deletes it for
    good where the app has no archive; `{set: {FIELD: VALUE}}` or `{stage: STAGE}` marks it once.

    Attributes:
        left: for the first app's records, under `to-` and that app's name. Default: `keep`.
        right: for the second app's records, under `to-` and that app's name. Default: `keep`.
    """

    key_prefix: ClassVar[str] = "to-"

    left: KeepOrArchive | Marking = KeepOrArchive.KEEP
    right: KeepOrArchive | Marking = KeepOrArchive.KEEP


class LimitsSection(Section, frozen=True):
    """How much may be written to each app within the window before a person must agree.

    What exceeds a limit is held until `tieline approve`; everything else goes on. The first load
    of a sync may create and change as much as there is, unless `require_plan` is set.

    Attributes:
        creates: records created; `none` for no limit.
        changes: records changed; `none` for no limit.
        blanks: fields emptied; `none` for no limit.
        regressions: stages set back, closed deals reopened; `none` for no limit.
        deletes: deletes that are followed within an hour; of more than 100 linked records also
            never more than one in twenty.
        window: time over which the others are counted.
        vanished: percent of an app's linked records: if so many (and 20) are gone at once,
            nothing is decided until a person agrees.
    """

    creates: Most = 500
    changes: Most = 1000
    blanks: Most = 50
    regressions: Most = 20
    deletes: Annotated[int, Meta(ge=0, le=1_000_000)] = 10
    window: timedelta = _LIMITS.window
    vanished: Annotated[int, Meta(ge=1, le=100)] = _LIMITS.vanished


class FirstLoadSection(Section, frozen=True):
    """How carefully a sync begins.

    Attributes:
        link_only: records are only matched and linked; nothing is written while this is set.
        ramp: write so many records in the first minute, twice as many in the next, and so on.
    """

    link_only: bool = False
    ramp: Annotated[int, Meta(ge=1)] | None = None


class Marker(PerApp, frozen=True):
    """Values that tieline gives to each record it creates, so that automations can tell them.

    Attributes:
        left: value by field name of the first app, under that app's name.
        right: value by field name of the second app, under that app's name.
    """

    left: dict[str, str] = {}
    right: dict[str, str] = {}


class ObjectSync(Section, frozen=True):
    """One kind of record that is kept in step.

    Attributes:
        direction: `both`, or `to-` and an app's name; the other app is then never written to.
        conflicts: who wins when both apps edit the same field.
        blank: what an emptied field does to the other app: `ignore`, `propagate` or `ask`.
        drift: what an edit in the target of a one-way field leads to: `leave` or `restore`.
        pipelines: which pipelines and stages are the same.
        fields: which fields are the same.
        default_fields: sync also what both apps have as a matter of course (names, e-mails,
            phones, addresses, amounts), in fields that no line of `fields` names.
        owners: how people are matched.
        filter: which records take part.
        match: by which fields a new record finds its counterpart, tried in order, or `none`.
            Default: contacts by e-mail, companies by domain, deals not at all.
        create: apps in which records may be created; default all that the direction allows.
        update: apps in which records that are there already may be changed; default likewise.
        reopen: a closed deal that an edit in the other app would open again: `allow`, or `hold`
            it for a person.
        associations: which links to records of other objects are kept in step. Default: all to
            objects that sync as well and for which both apps have a field.
        deletes: what becomes of a record whose counterpart is deleted.
        limits: how much may be written before a person must agree, or `none`.
        first_load: how carefully the sync begins.
        require_plan: whether a sync that never ran stands under its limits, so that a larger
            first load needs a plan (`tieline plan`, `tieline run --plan ID`) or an approval.
        marker: values that records get when tieline creates them, and only then.
    """

    direction: Direction = Direction.BOTH
    conflicts: Conflicts = Conflicts()
    blank: Blank = _RULES.blank
    drift: Drift = _RULES.drift
    pipelines: tuple[PipelineLine, ...] = ()
    fields: tuple[FieldLine, ...] = ()
    default_fields: bool = False
    owners: Owners = Owners()
    filter: Filters = Filters()
    match: MatchRules | None = None
    create: tuple[Side, ...] | None = None
    update: tuple[Side, ...] | None = None
    reopen: Reopen = Reopen.ALLOW
    associations: tuple[Association, ...] | None = None
    deletes: Deletes = Deletes()
    limits: LimitsSection | Literal["none"] = LimitsSection()
    first_load: FirstLoadSection = FirstLoadSection()
    require_plan: bool = False
    marker: Marker = Marker()


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
        phone_region: ISO code of the country of phone numbers without a country code (`US`).
        deals: the deals sync.
        contacts: the contacts sync.
        companies: the companies sync.
    """

    between: tuple[str, str]
    poll: timedelta = _PACE.poll
    presence: timedelta = _PACE.presence
    late: timedelta = _PACE.late
    orders: Annotated[int, Meta(ge=1, le=64)] = _PACE.orders
    schema: timedelta = _PACE.schema
    retry: Retry = Retry()
    timezone: str | None = None
    phone_region: str | None = None
    deals: ObjectSync | None = None
    contacts: ObjectSync | None = None
    companies: ObjectSync | None = None


OBJECTS = ("deals", "contacts", "companies")
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
        history: how long the history of changes, closed conflicts and settled writes are kept;
            what is older is dropped once a day.
        listen: address of /metrics and /healthz.
        log: what is logged.
    """

    store: str | None = None
    history: timedelta = timedelta(days=90)
    listen: str = "127.0.0.1:9464"
    log: LogSection = LogSection()
