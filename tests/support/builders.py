"""Small schemas, units, records and links for tests of the core. Builds, never checks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from actors.links import Base, End, Link
from actors.mapping.compile import compile_sync
from actors.mapping.record import Sync
from actors.mapping.relations import Relation, Text, TextForm
from actors.mapping.units import Member, Unit
from actors.merge import Observed
from actors.observing import microseconds, observe, observe_link
from actors.records import Side, Snapshot
from actors.schema import AppSchema, Closing, Field, ObjectSchema, Option, Pipeline, Stage, User
from actors.spec import Direction, FieldSpec, PipelineSpec, Problem, Rules, SyncSpec
from actors.values import Kind, Raw

DAY = datetime(2026, 3, 2, tzinfo=UTC)
MORNING = DAY + timedelta(hours=9)
LEFT, RIGHT = Side.LEFT, Side.RIGHT


def moment(text: str) -> datetime:
    """Return a time of day (`10:04:59`) as a moment of the test's day."""
    return datetime.fromisoformat(f"2026-03-02T{text}+00:00")


def us(text: str) -> int:
    """Return a time of day as microseconds since 1970."""
    return microseconds(moment(text))


# --- units ----------------------------------------------------------------------------------


def unit(
    relation: Relation | None = None,
    *,
    kinds: tuple[tuple[Kind, ...], tuple[Kind, ...]] = ((Kind.TEXT,), (Kind.TEXT,)),
    direction: Direction = Direction.BOTH,
    required: tuple[Side, ...] = (),
    version: int = 1,
    **rules: Any,
) -> Unit:
    """Return a unit named `name=name`; `rules` are the attributes of `Rules`."""
    left, right = (
        tuple(
            Member(name=f"name{at or ''}", kind=kind, required=side in required)
            for at, kind in enumerate(kinds[index])
        )
        for index, side in enumerate((LEFT, RIGHT))
    )
    return Unit(
        key="name=name",
        version=version,
        left=left,
        right=right,
        relation=relation or Text(left=TextForm(), right=TextForm()),
        direction=direction,
        rules=Rules(**rules),
    )


def seen(
    now: str | tuple[Raw, ...] | None,
    base: str | tuple[Raw, ...] | None = "A",
    at: str = "10:00:00",
    since: str | None = None,
    *,
    traceable: bool = False,
    version: int = 1,
) -> Observed:
    """Return one side's view: its value, its base, and when it was edited (since .. at)."""
    return Observed(
        now=_raws(now),
        base=Base(version, _raws(base)),
        edited=(us(since or at), us(at)),
        traceable=traceable,
    )


def unbased(now: str | tuple[Raw, ...] | None) -> Observed:
    """Return the view of a unit that was never settled."""
    return Observed(now=_raws(now))


def _raws(value: str | tuple[Raw, ...] | None) -> tuple[Raw, ...]:
    return value if isinstance(value, tuple) else (value,)


# --- two apps -------------------------------------------------------------------------------


def field(name: str, kind: Kind = Kind.TEXT, **rest: Any) -> Field:
    return Field(name=name, label=name.title(), kind=kind, **rest)


def options(*names: str) -> tuple[Option, ...]:
    """Return options whose label is the name in capitals."""
    return tuple(Option(id=name, label=name.upper()) for name in names)


def pipeline(name: str, *stages: str, **rest: Any) -> Pipeline:
    closings = {"won": Closing.WON, "lost": Closing.LOST}
    return Pipeline(
        id=name,
        label=name.title(),
        stages=tuple(
            Stage(id=one, label=one.title(), closing=closings.get(one, Closing.OPEN))
            for one in stages
        ),
        **rest,
    )


HUB_USERS = (
    User(id="h1", name="Ann", email="ann@example.org"),
    User(id="h2", name="Bob", email="BOB@example.org"),
    User(id="h3", name="Former", email=None, active=False),
)
ERP_USERS = (
    User(id="e1", name="Ann", email="Ann@Example.org"),
    User(id="e2", name="Bob", email="bob@example.org"),
    User(id="e9", name="Fallback", email="desk@example.org"),
)


def hub(**rest: Any) -> AppSchema:
    """Return the left app: lenient, like HubSpot."""
    deals = ObjectSchema(
        name="deals",
        native="deals",
        fields=(
            field("name"),
            field("note"),
            field("amount", Kind.NUMBER),
            field("currency", Kind.ENUM, options=options("EUR", "USD")),
            field("close", Kind.DATETIME),
            field("kind", Kind.ENUM, options=options("new", "old", "odd")),
            field("tags", Kind.MULTI_ENUM, options=options("a", "b", "c")),
            field("owner", Kind.REFERENCE, target="users"),
            field("company", Kind.REFERENCE, target="companies"),
            field("score", Kind.NUMBER, writable=False),
            field("pipeline", Kind.ENUM),
            field("stage", Kind.ENUM),
            field("key"),
        ),
        pipelines=(
            pipeline("sales", "new", "talk", "won", "lost"),
            pipeline("service", "open", "done"),
            pipeline("former", "new", archived=True),
        ),
        pipeline_field="pipeline",
        stage_field="stage",
        amount_field="amount",
        currency_field="currency",
        key_field="key",
    )
    settings = {"currency": "EUR", "timezone": "Europe/Berlin", "users": HUB_USERS} | rest
    return AppSchema(account="Hub 1", objects=(deals,), **settings)


def erp(**rest: Any) -> AppSchema:
    """Return the right app: strict, like an ERP."""
    deals = ObjectSchema(
        name="deals",
        native="sale.opportunity",
        fields=(
            field("title", required=True, trims=True, multiline=False, max_length=40),
            field("remark"),
            field("amount", Kind.NUMBER, digits=2),
            field("currency", Kind.ENUM, options=options("EUR", "USD", "CHF")),
            field("end", Kind.DATE),
            field("class", Kind.ENUM, options=options("new", "renewal")),
            field("labels", Kind.MULTI_ENUM, options=options("a", "b", "z")),
            field("employee", Kind.REFERENCE, target="users"),
            field("rank", Kind.NUMBER, digits=0),
            field("funnel", Kind.ENUM),
            field("state", Kind.ENUM),
            field("ref"),
        ),
        pipelines=(pipeline("main", "lead", "offer", "won", "lost"),),
        pipeline_field="funnel",
        stage_field="state",
        amount_field="amount",
        currency_field="currency",
        key_field="ref",
    )
    settings = {"currency": "EUR", "timezone": "UTC", "users": ERP_USERS} | rest
    return AppSchema(account="ERP 1", objects=(deals,), **settings)


SALES = PipelineSpec(
    left="Sales",
    right="main",
    stages=(("new", "lead"), ("talk", "offer"), ("won", "won"), ("lost", "lost")),
)
NAME = FieldSpec(left="name", right="title")
NOTE = FieldSpec(left="note", right="remark")
AMOUNT = FieldSpec(left="amount", right="amount")


def spec(*fields: FieldSpec, **rest: Any) -> SyncSpec:
    """Return a deals sync of `hub` and `erp`; without fields, of name, note and amount."""
    settings: dict[str, Any] = {"pipelines": (SALES,), "fields": fields or (NAME, NOTE, AMOUNT)}
    names = {"connection": "c", "object": "deals", "left": "hub", "right": "erp"}
    return SyncSpec(**(names | settings | rest))


def sync(
    *fields: FieldSpec,
    left: AppSchema | None = None,
    right: AppSchema | None = None,
    **rest: Any,
) -> Sync:
    """Return a compiled sync that must have no problems; `rest` as in `spec`."""
    found, wrong = compile_sync(spec(*fields, **rest), left or hub(), right or erp())
    assert found is not None, wrong
    return found


def problems(*fields: FieldSpec, **rest: Any) -> tuple[Problem, ...]:
    """Return what is wrong with a sync that must not compile."""
    apps = {side: rest.pop(side) for side in ("left_app", "right_app") if side in rest}
    found, wrong = compile_sync(
        spec(*fields, **rest), apps.get("left_app", hub()), apps.get("right_app", erp())
    )
    assert found is None
    return wrong


# --- records and links ----------------------------------------------------------------------


def hub_deal(**values: Raw) -> dict[str, Raw]:
    """Return the values of a deal of `hub` in a mapped stage."""
    return {"pipeline": "sales", "stage": "new", "name": "A", **values}


def erp_deal(**values: Raw) -> dict[str, Raw]:
    """Return the values of a deal of `erp` in a mapped stage."""
    return {"funnel": "main", "state": "lead", "title": "A", **values}


def snapshot(
    record_id: str,
    values: Mapping[str, Raw],
    token: str = "1",
    at: str | datetime = MORNING,
    **rest: Any,
) -> Snapshot:
    modified = moment(at) if isinstance(at, str) else at
    return Snapshot(id=record_id, values=dict(values), token=token, modified_at=modified, **rest)


def single(kept: Sync, side: Side, record: Snapshot, link_id: int = 1) -> Link:
    """Return a record without counterpart, as just observed."""
    link = Link(id=link_id, sync=kept.name)
    return link.with_end(side, observe(kept, side, None, record, 0))


def pair(kept: Sync, left: Snapshot, right: Snapshot, link_id: int = 1) -> Link:
    """Return two linked records that have never been settled."""
    link = single(kept, LEFT, left, link_id)
    return link.with_end(RIGHT, observe(kept, RIGHT, None, right, 0))


def settled(kept: Sync, left: Snapshot, right: Snapshot, link_id: int = 1) -> Link:
    """Return two linked records of which every unit was settled at these values."""
    link = pair(kept, left, right, link_id)
    for side, record in ((LEFT, left), (RIGHT, right)):
        bases = {one.key: Base(one.version, one.raws(side, record.values)) for one in kept.units}
        end = link.end(side)
        assert end is not None
        link = link.with_end(side, End(id=end.id, seen=end.seen, base=bases))
    return link


def reread(kept: Sync, link: Link, side: Side, record: Snapshot, now_us: int = 0) -> Link:
    """Return the link once a newer snapshot of one end has been observed."""
    return observe_link(kept, link, side, record, now_us)
