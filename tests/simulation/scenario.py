"""A seed becomes a scenario: two apps, a mapping, people's habits, faults and crashes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta

from actors.records import Departure, Side
from actors.schema import AppSchema, Field, ObjectSchema, Option, Pipeline, Stage, User
from actors.spec import (
    AfterDelete,
    Blank,
    Direction,
    FieldSpec,
    Limits,
    Pace,
    PipelineSpec,
    Prefer,
    Rules,
    SyncSpec,
)
from actors.values import Kind
from tests.simulation import meaning
from tests.simulation.crm import ERP, HUB, OBJECT, Flavour
from tests.simulation.faults import Crash, CrashKind, Rates
from tests.simulation.meaning import Meaning

CONNECTION = "sim"
LIMITED = "limits/"
ZONE = "Europe/Berlin"
CURRENCIES = ("EUR", "USD", "CHF")
DEFAULT_CURRENCY = "EUR"
PEOPLE = {
    Side.LEFT: (("L1", "ann@example.com"), ("L2", "bob@example.com"), ("L3", None)),
    Side.RIGHT: (("R1", "Ann@example.com"), ("R2", "bob@example.com"), ("R3", "eve@example.com")),
}
SAME_PERSON = (("L1", "R1"), ("L2", "R2"))
CLASSES = {Side.LEFT: ("gold", "silver", "iron", "odd"), Side.RIGHT: ("A", "B")}
SAME_CLASS = (("gold", "A"), ("silver", "A"), ("iron", "B"))
PIPELINES = {
    Side.LEFT: {
        "sales": ("new", "met", "offer", "won", "lost", "parked"),
        "partner": ("start", "end", "private"),
    },
    Side.RIGHT: {
        "opportunities": ("lead", "open", "converted", "closed", "draft"),
        "resale": ("first", "last"),
    },
}
SAME_STAGE = (
    (("sales", "new"), ("opportunities", "lead")),
    (("sales", "met"), ("opportunities", "open")),
    (("sales", "offer"), ("opportunities", "open")),
    (("sales", "won"), ("opportunities", "converted")),
    (("sales", "lost"), ("opportunities", "closed")),
    (("partner", "start"), ("resale", "first")),
    (("partner", "end"), ("resale", "last")),
)
FIELDS = {
    Side.LEFT: {
        "name": "dealname",
        "note": "next_step",
        "amount": "amount",
        "currency": "currency_code",
        "day": "closedate",
        "class": "dealtype",
        "owner": "owner_id",
        "pipeline": "pipeline",
        "stage": "dealstage",
        "noise": "internal_score",
        "key": "tieline_key",
    },
    Side.RIGHT: {
        "name": "description",
        "note": "comment",
        "amount": "value",
        "currency": "currency",
        "day": "expected_on",
        "class": "customer_class",
        "owner": "employee",
        "pipeline": "process",
        "stage": "state",
        "noise": "last_call",
        "key": "reference",
    },
}
PACE = Pace(
    poll=timedelta(seconds=20),
    presence=timedelta(minutes=5),
    retry_last=timedelta(minutes=10),
)


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What people do, as weights, and how often.

    Attributes:
        every_s: mean time between two things that somebody does.
        focus: on how many records people's attention rests at a time.
        react: share of tieline's requests to which somebody edits the target at that moment.
    """

    every_s: float = 30.0
    focus: int = 3
    react: float = 0.0
    weights: dict[str, float] = field(
        default_factory=lambda: {
            "edit": 6.0,
            "stage": 2.0,
            "both": 2.0,
            "same": 0.5,
            "bounce": 0.7,
            "blank": 0.7,
            "noise": 1.0,
            "create": 0.8,
            "archive": 0.2,
            "restore": 0.2,
        }
    )


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """All that a run needs to know; times in seconds of true time.

    Attributes:
        skews: how far each app's clock is ahead.
        follows: sides whose records are archived when their counterparts are.
        moment_on: the side whose date field is a moment, or None.
        engine_skew_s: how far tieline's own clock is ahead.
        limits: how much may be written before somebody agrees, or None; then somebody does now
            and then.
    """

    seed: str
    direction: Direction = Direction.BOTH
    prefer: Prefer = Prefer.LEFT
    blank: Blank = Blank.IGNORE
    flavours: dict[Side, Flavour] = field(default_factory=lambda: {Side.LEFT: HUB, Side.RIGHT: ERP})
    skews: dict[Side, float] = field(default_factory=lambda: {Side.LEFT: 0.0, Side.RIGHT: 0.0})
    engine_skew_s: float = 0.0
    moment_on: Side | None = None
    follows: frozenset[Side] = frozenset()
    records: dict[Side, int] = field(default_factory=lambda: {Side.LEFT: 4, Side.RIGHT: 3})
    activity_s: float = 1800.0
    habits: Habits = field(default_factory=Habits)
    rates: Rates = field(default_factory=Rates)
    crashes: tuple[Crash, ...] = ()
    pace: Pace = PACE
    limits: Limits | None = None

    @property
    def window_s(self) -> float:
        """Edits this far apart or less are a conflict."""
        return 300.0

    def app(self, side: Side) -> str:
        """Return the configured name of the app on a side."""
        return {Side.LEFT: "left", Side.RIGHT: "right"}[side] + "-" + self.flavours[side].name

    def units(self) -> tuple[Meaning, ...]:
        """Return what is synced, as the oracle and the people understand it."""
        one, two = FIELDS[Side.LEFT], FIELDS[Side.RIGHT]
        trimmed = any(flavour is ERP for flavour in self.flavours.values())
        return (
            meaning.pairs(
                "stage",
                (one["pipeline"], one["stage"]),
                (two["pipeline"], two["stage"]),
                SAME_STAGE,
            ),
            meaning.text("name", one["name"], two["name"], trimmed=trimmed),
            meaning.text("note", one["note"], two["note"], trimmed=trimmed),
            meaning.money(
                (one["amount"], one["currency"]),
                (two["amount"], two["currency"]),
                digits=2 if trimmed else None,
                default=DEFAULT_CURRENCY,
            ),
            meaning.day(one["day"], two["day"], moment_on=self.moment_on, zone=ZONE),
            meaning.pairs(
                "class",
                (one["class"],),
                (two["class"],),
                tuple(((left,), (right,)) for left, right in SAME_CLASS),
            ),
            meaning.people(one["owner"], two["owner"], SAME_PERSON),
        )

    def schema(self, side: Side) -> AppSchema:
        """Describe the app on a side."""
        names, coarse = FIELDS[side], self.flavours[side] is ERP
        day = Kind.DATETIME if self.moment_on is side else Kind.DATE
        pipelines = tuple(
            Pipeline(
                id=pipeline,
                label=pipeline.title(),
                stages=tuple(Stage(id=stage, label=stage.title()) for stage in stages),
            )
            for pipeline, stages in PIPELINES[side].items()
        )
        fields = (
            _field(names["name"], Kind.TEXT, trims=coarse, required=True),
            _field(names["note"], Kind.TEXT, trims=coarse),
            _field(names["amount"], Kind.NUMBER, digits=2 if coarse else None),
            _field(names["currency"], Kind.ENUM, options=_options(CURRENCIES)),
            _field(names["day"], day),
            _field(names["class"], Kind.ENUM, options=_options(CLASSES[side])),
            _field(names["owner"], Kind.REFERENCE, target="users"),
            _field(names["pipeline"], Kind.ENUM, required=True),
            _field(names["stage"], Kind.ENUM, required=True),
            _field(names["noise"], Kind.TEXT),
            _field(names["key"], Kind.TEXT, unique=self.flavours[side].unique_key),
        )
        deals = ObjectSchema(
            name=OBJECT,
            native=OBJECT,
            fields=fields,
            pipelines=pipelines,
            pipeline_field=names["pipeline"],
            stage_field=names["stage"],
            amount_field=names["amount"],
            currency_field=names["currency"],
            key_field=names["key"],
            removal=Departure.ARCHIVED,
            restores=self.flavours[side].restores,
        )
        users = tuple(User(id=one, name=one, email=mail) for one, mail in PEOPLE[side])
        return AppSchema(
            account=self.app(side),
            objects=(deals,),
            users=users,
            currency=DEFAULT_CURRENCY,
            timezone=ZONE,
        )

    def spec(self) -> SyncSpec:
        """Return what tieline is configured to do."""
        one, two = FIELDS[Side.LEFT], FIELDS[Side.RIGHT]
        plain = ("name", "note", "amount", "day", "owner")
        fields = [FieldSpec(left=one[name], right=two[name]) for name in plain]
        fields.append(FieldSpec(left=one["class"], right=two["class"], values=SAME_CLASS))
        routes = dict.fromkeys((left[0], right[0]) for left, right in SAME_STAGE)
        pipelines = tuple(
            PipelineSpec(
                left=source,
                right=target,
                stages=tuple(
                    (left[1], right[1])
                    for left, right in SAME_STAGE
                    if (left[0], right[0]) == (source, target)
                ),
            )
            for source, target in routes
        )
        return SyncSpec(
            connection=CONNECTION,
            object=OBJECT,
            left=self.app(Side.LEFT),
            right=self.app(Side.RIGHT),
            direction=self.direction,
            fields=tuple(fields),
            pipelines=pipelines,
            rules=Rules(
                prefer=self.prefer,
                blank=self.blank,
                window=timedelta(seconds=self.window_s),
            ),
            deletes={
                side: AfterDelete(archive=True)
                for side in Side
                if side in self.follows and self.writable(side)
            },
            delete_limit=1000,
            limits=self.limits or Limits(),
            require_plan=self.limits is not None,
        )

    def key(self, source: Side, record_id: str) -> str:
        """Return the key that a counterpart of this record must carry."""
        return f"tieline:{CONNECTION}:{OBJECT}:{self.app(source)}:{record_id}"

    def writable(self, side: Side) -> bool:
        """Say whether tieline may write a side."""
        return (
            self.direction
            is not {
                Side.LEFT: Direction.TO_RIGHT,
                Side.RIGHT: Direction.TO_LEFT,
            }[side]
        )


def _field(name: str, kind: Kind, **rest: object) -> Field:
    return Field(name=name, label=name, kind=kind, **rest)  # type: ignore[arg-type]


def _options(ids: tuple[str, ...]) -> tuple[Option, ...]:
    return tuple(Option(id=one, label=one) for one in ids)


# --- from a seed ------------------------------------------------------------------------------


def scenario_of(seed: int | str) -> Scenario:
    """Draw a scenario; one whose seed begins with `limits/` stands under limits."""
    draw = random.Random(f"{seed}/scenario")
    mirrored = draw.random() < 0.3
    flavours = {Side.LEFT: ERP if mirrored else HUB, Side.RIGHT: HUB if mirrored else ERP}
    skew = draw.choice((0.0, 0.0, 2.0, 20.0))
    activity_s = draw.choice((600.0, 1200.0, 2400.0))
    return Scenario(
        seed=str(seed),
        direction=draw.choices(list(Direction), (8, 1, 1))[0],
        prefer=draw.choices(list(Prefer), (4, 3, 2, 1))[0],
        blank=draw.choices(list(Blank), (7, 3, 0))[0],
        flavours=flavours,
        skews={side: draw.uniform(-skew, skew) for side in Side},
        engine_skew_s=draw.uniform(-skew, skew),
        moment_on=draw.choice((None, None, Side.LEFT, Side.RIGHT)),
        follows=_follows(seed),
        records={side: draw.randint(0, 9) for side in Side},
        activity_s=activity_s,
        habits=Habits(
            every_s=draw.choice((8.0, 20.0, 60.0)),
            focus=draw.choice((1, 2, 4, 8)),
            react=draw.choice((0.0, 0.0, 0.1, 0.4)),
        ),
        rates=_rates(draw, activity_s),
        crashes=_crashes(draw, activity_s),
        limits=_limits(draw) if str(seed).startswith(LIMITED) else None,
    )


def _limits(draw: random.Random) -> Limits:
    return Limits(
        creates=draw.randint(1, 5),
        changes=draw.randint(2, 20),
        blanks=draw.randint(0, 3),
        regressions=draw.randint(0, 3),
        window=timedelta(seconds=draw.choice((120, 600, 3600))),
    )


def _follows(seed: int | str) -> frozenset[Side]:
    """Draw where deletes are followed, by a draw of its own: seeds keep the rest as it was."""
    draw = random.Random(f"{seed}/follows")
    return frozenset(side for side in Side if draw.random() < 0.2)


def _rates(draw: random.Random, activity_s: float) -> Rates:
    weight = draw.choice((0.0, 0.3, 1.0, 3.0))

    def rate(most: float) -> float:
        return weight * draw.choice((0.0, most / 2, most))

    outages = tuple(
        (draw.choice(list(Side)), start, start + draw.uniform(20, 240))
        for start in (draw.uniform(0, activity_s) for _ in range(draw.choice((0, 0, 1, 2))))
    )
    return Rates(
        slow=rate(0.05),
        very_slow=rate(0.01),
        rate_limited=rate(0.05),
        transient=rate(0.05),
        lost_before=rate(0.05),
        lost_after=rate(0.05),
        late_commit=rate(0.04),
        partial=rate(0.08),
        stale_read=rate(0.01),
        duplicated=rate(0.05),
        reordered=rate(0.05),
        lag_usual_s=draw.choice((0.5, 5.0, 20.0)),
        lag_worst_s=draw.choice((20.0, 60.0, 240.0)),
        outages=outages if weight else (),
    )


def _crashes(draw: random.Random, activity_s: float) -> tuple[Crash, ...]:
    number = draw.choice((0, 1, 2, 4, 8))
    return tuple(
        Crash(
            kind=draw.choice(list(CrashKind)),
            after_s=draw.uniform(0, activity_s / max(number, 1)),
            event=draw.randint(1, 6),
            steps=draw.choice((1, 2, 3, 5, 8, 13, 40)),
            pause_s=draw.choice((1.0, 5.0, 60.0, 400.0)),
        )
        for _ in range(number)
    )
