"""Compiling a sync: names are resolved, relations chosen, all problems found with their place."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.mapping.compile import compile_sync
from actors.mapping.record import Sync
from actors.mapping.relations import DateInZone, Money, Pairs, People, Text
from actors.mapping.units import Unit
from actors.records import Side
from actors.schema import AppSchema, ObjectSchema
from actors.spec import Direction, FieldSpec, PipelineSpec, Prefer, Rules, TooLong
from actors.values import Kind
from tests.support.builders import (
    AMOUNT,
    LEFT,
    NAME,
    NOTE,
    RIGHT,
    SALES,
    erp,
    erp_deal,
    field,
    hub,
    hub_deal,
    options,
    problems,
    spec,
    sync,
)

KINDS = FieldSpec(left="kind", right="class")


def unit_of(kept: Sync, key: str) -> Unit:
    (found,) = [unit for unit in kept.units if unit.key == key]
    return found


# --- what a good spec becomes ---------------------------------------------------------------


def test_the_stage_comes_first_then_the_fields_in_their_order() -> None:
    assert [unit.key for unit in sync().units] == [
        "stage",
        "name=title",
        "note=remark",
        "amount=amount",
    ]


def test_each_side_reads_its_mapped_fields_and_its_stage_once() -> None:
    assert sync().fields == {
        LEFT: ("pipeline", "stage", "name", "note", "amount", "currency"),
        RIGHT: ("funnel", "state", "title", "remark", "amount", "currency"),
    }


def test_pipelines_and_stages_are_found_by_id_or_label() -> None:
    by_label = PipelineSpec(left="SALES", right="Main", stages=(("New", " LEAD "),))
    by_id = PipelineSpec(left="sales", right="main", stages=(("new", "lead"),))
    relations = [unit_of(sync(pipelines=(one,)), "stage").relation for one in (by_label, by_id)]
    assert relations[0] == relations[1]


def test_several_pipelines_join_in_one_unit() -> None:
    service = PipelineSpec(left="service", right="main", stages=(("open", "lead"),))
    relation = unit_of(sync(pipelines=(SALES, service)), "stage").relation
    assert isinstance(relation, Pairs)
    assert (("service", "open"), ("main", "lead")) in relation.pairs
    assert relation.to_left(("main", "lead"), (None, None)) == ("sales", "new")


def test_only_mapped_stages_are_in_scope() -> None:
    kept = sync()
    assert kept.unmapped(LEFT, hub_deal()) == ""
    assert kept.unmapped(RIGHT, erp_deal()) == ""
    reason = kept.unmapped(LEFT, hub_deal(pipeline="service", stage="open"))
    assert reason == 'stage "Open" of "Service" is not mapped'
    assert "no pipeline stage" in kept.unmapped(LEFT, hub_deal(stage=None))
    assert "unheard" in kept.unmapped(RIGHT, erp_deal(state="unheard"))


def test_the_amount_takes_its_currency_along() -> None:
    unit = unit_of(sync(AMOUNT), "amount=amount")
    assert isinstance(unit.relation, Money)
    assert [member.name for member in unit.left] == ["amount", "currency"]
    assert unit.relation.right.known == {"EUR", "USD", "CHF"}


def test_days_meet_moments_in_the_zone_of_the_left_account_or_the_configured_one() -> None:
    closing = FieldSpec(left="close", right="end")
    assert unit_of(sync(closing), "close=end").relation == DateInZone(
        zone="Europe/Berlin", day_on_right=True
    )
    relation = unit_of(sync(closing, timezone="Asia/Tokyo"), "close=end").relation
    assert isinstance(relation, DateInZone)
    assert relation.zone == "Asia/Tokyo"


def test_options_are_paired_by_id_or_label_unless_listed() -> None:
    assert unit_of(sync(KINDS), "kind=class").relation == Pairs(pairs=((("new",), ("new",)),))
    listed = FieldSpec(left="kind", right="class", values=(("new", "NEW"), ("OLD", "renewal")))
    relation = unit_of(sync(listed), "kind=class").relation
    assert relation == Pairs(pairs=((("new",), ("new",)), (("old",), ("renewal",))))


def test_people_are_paired_by_override_then_by_mail_without_regard_to_case() -> None:
    owner = FieldSpec(left="owner", right="employee")
    plain, overridden = (
        unit_of(sync(owner, users=users), "owner=employee").relation
        for users in ((), (("ann@example.org", "e2"),))
    )
    assert plain == People(pairs=(("h1", "e1"), ("h2", "e2")))
    assert overridden == People(pairs=(("h1", "e2"),))


def test_a_fallback_user_is_named_by_mail_or_id() -> None:
    owner = FieldSpec(left="owner", right="employee")
    unit = unit_of(sync(owner, fallback_right="desk@example.org"), "owner=employee")
    assert unit.fallback == {"right": ("e9",)}


def test_text_takes_the_form_of_both_fields() -> None:
    mapping = FieldSpec(left="name", right="title", too_long=TooLong.SHORTEN)
    unit = unit_of(sync(mapping), "name=title")
    assert isinstance(unit.relation, Text)
    assert unit.relation.right.max_length == 40
    assert not unit.relation.right.multiline
    assert (unit.requires(RIGHT), unit.requires(LEFT)) == (True, False)


def test_a_field_that_cannot_be_written_becomes_one_way() -> None:
    unit = unit_of(sync(FieldSpec(left="score", right="rank")), "score=rank")
    assert unit.direction is Direction.TO_RIGHT


def test_rules_of_a_field_override_those_of_the_sync() -> None:
    asking = FieldSpec(left="note", right="remark", rules=Rules(prefer=Prefer.ASK))
    kept = sync(NAME, asking, rules=Rules(prefer=Prefer.RIGHT))
    assert unit_of(kept, "name=title").rules.prefer is Prefer.RIGHT
    assert unit_of(kept, "note=remark").rules.prefer is Prefer.ASK


# --- versions -------------------------------------------------------------------------------


def test_the_version_of_a_unit_changes_with_its_meaning_and_with_nothing_else() -> None:
    before = {unit.key: unit.version for unit in sync(NAME, NOTE).units}
    same = {unit.key: unit.version for unit in sync(NOTE, NAME, create=()).units}
    longer = FieldSpec(left="name", right="title", too_long=TooLong.SHORTEN)
    changed = {unit.key: unit.version for unit in sync(longer, NOTE).units}
    assert same == before
    assert changed["name=title"] != before["name=title"]
    assert changed["note=remark"] == before["note=remark"]


@pytest.mark.parametrize(
    "rest",
    [{"direction": Direction.TO_RIGHT}, {"create": ()}, {"rules": Rules(prefer=Prefer.ASK)}],
)
def test_the_version_of_a_sync_changes_with_whatever_may_change_a_decision(
    rest: dict[str, Any],
) -> None:
    assert sync(NAME, **rest).version != sync(NAME).version
    assert sync(NAME).version == sync(NAME).version


# --- problems -------------------------------------------------------------------------------


def only(*fields: FieldSpec, **rest: Any) -> tuple[tuple[str | int, ...], str]:
    (problem,) = problems(*fields, **rest)
    return problem.path, problem.message


def test_an_object_that_an_app_does_not_have() -> None:
    path, message = only(object="contacts", right_app=_with_contacts(erp()))
    assert path == ("object",)
    assert message == "hub has no contacts that tieline can sync"


def _with_contacts(app: AppSchema) -> AppSchema:
    contacts = ObjectSchema(name="contacts", native="party", fields=(field("name"),))
    return msgspec.structs.replace(app, objects=(*app.objects, contacts))


def test_deals_without_a_pipeline_mapping() -> None:
    path, message = only(pipelines=())
    assert path == ("pipelines",)
    assert "only mapped stages sync" in message


@pytest.mark.parametrize(
    ("mapping", "path", "word"),
    [
        (PipelineSpec(left="nope", right="main", stages=()), ("left",), '"Sales", "Service"'),
        (PipelineSpec(left="sales", right="nope", stages=()), ("right",), '"Main"'),
        (PipelineSpec(left="former", right="main", stages=()), ("left",), 'no pipeline "former"'),
        (
            PipelineSpec(left="sales", right="main", stages=(("new", "lead"), ("nope", "won"))),
            ("stages", 1, "left"),
            'pipeline "Sales" of hub has no stage "nope"',
        ),
        (
            PipelineSpec(left="sales", right="main", stages=(("new", "nope"),)),
            ("stages", 0, "right"),
            '"Lead", "Offer", "Won", "Lost"',
        ),
    ],
)
def test_unknown_pipelines_and_stages(
    mapping: PipelineSpec, path: tuple[str | int, ...], word: str
) -> None:
    found, message = only(pipelines=(SALES, mapping))
    assert found == ("pipelines", 1, *path)
    assert word in message


@pytest.mark.parametrize(
    ("mapping", "path", "word"),
    [
        (FieldSpec(left="nope", right="remark"), ("left",), 'hub has no field "nope" on deals'),
        (FieldSpec(left="note", right="x"), ("right",), 'erp has no field "x" on sale.opportunity'),
        (FieldSpec(left="stage", right="remark"), ("left",), "kept by tieline itself"),
        (FieldSpec(left="note", right="ref"), ("right",), "kept by tieline itself"),
        (FieldSpec(left="name", right="remark"), ("left",), '"name" is mapped twice'),
        (FieldSpec(left="note", right="title"), ("right",), '"title" is mapped twice'),
        (
            FieldSpec(left="tags", right="remark"),
            ("direction",),
            "a text cannot be read as a multi-enum: map it one way with `direction: to-erp`",
        ),
        (FieldSpec(left="tags", right="class"), (), "multi-enum field and erp an enum field"),
        (FieldSpec(left="close", right="rank"), (), "cannot be mapped"),
        (FieldSpec(left="company", right="employee"), (), "synced as associations"),
        (
            FieldSpec(left="kind", right="class", values=(("x", "new"),)),
            ("values", 0, "left"),
            'no option "x"',
        ),
        (
            FieldSpec(left="score", right="rank", direction=Direction.BOTH),
            (),
            '"score" is read-only; map it only to erp',
        ),
        (FieldSpec(left="score", right="rank", direction=Direction.TO_LEFT), (), "read-only"),
    ],
)
def test_fields_that_cannot_be_mapped(
    mapping: FieldSpec, path: tuple[str | int, ...], word: str
) -> None:
    found, message = only(NAME, mapping)
    assert found == ("fields", 1, *path)
    assert word in message


@pytest.mark.parametrize("first", [0, 1])
def test_h11_a_currency_that_the_amount_takes_along_cannot_be_mapped_by_itself(first: int) -> None:
    pair = [AMOUNT, FieldSpec(left="currency", right="currency")]
    found = problems(pair[first], pair[1 - first])
    assert [one.path for one in found] == [("fields", 1, "left"), ("fields", 1, "right")]
    assert found[0].message == 'hub: "currency" is mapped twice'


def test_options_that_have_nothing_in_common() -> None:
    left = msgspec.structs.replace(
        hub(),
        objects=(_replaced(hub().objects[0], field("kind", Kind.ENUM, options=options("q"))),),
    )
    path, message = only(KINDS, left_app=left)
    assert path == ("fields", 0)
    assert "share no option" in message
    assert "values:" in message


def _replaced(schema: ObjectSchema, new: Any) -> ObjectSchema:
    fields = tuple(new if one.name == new.name else one for one in schema.fields)
    return msgspec.structs.replace(schema, fields=fields)


@pytest.mark.parametrize(
    ("rest", "word"),
    [
        ({"users": (("nobody@example.org", "e1"),)}, 'hub has no user "nobody@example.org"'),
        ({"users": (("h1", "e77"),)}, 'erp has no user "e77"'),
        ({"fallback_left": "e1"}, 'hub has no user "e1"'),
    ],
)
def test_unknown_users(rest: dict[str, Any], word: str) -> None:
    path, message = only(FieldSpec(left="owner", right="employee"), **rest)
    assert path == ("fields", 0)
    assert word in message


def test_a_field_against_the_direction_of_the_sync() -> None:
    mapping = FieldSpec(left="note", right="remark", direction=Direction.TO_LEFT)
    path, message = only(NAME, mapping, direction=Direction.TO_RIGHT)
    assert path == ("fields", 1)
    assert "against the direction" in message


def test_all_problems_are_found_at_once() -> None:
    found = problems(
        FieldSpec(left="nope", right="nope"),
        FieldSpec(left="tags", right="rank"),
        pipelines=(PipelineSpec(left="sales", right="main", stages=(("x", "y"),)),),
    )
    assert [problem.path for problem in found] == [
        ("pipelines", 0, "stages", 0, "left"),
        ("pipelines", 0, "stages", 0, "right"),
        ("fields", 0, "left"),
        ("fields", 0, "right"),
        ("fields", 1),
    ]


@pytest.mark.parametrize("side", list(Side))
def test_a_currency_field_that_the_account_does_not_show(side: Side) -> None:
    apps = {LEFT: hub(), RIGHT: erp()}
    schema = apps[side].objects[0]
    bare = tuple(one for one in schema.fields if one.name != "currency")
    hidden = msgspec.structs.replace(schema, fields=bare)
    apps[side] = msgspec.structs.replace(apps[side], objects=(hidden,))
    kept, found = compile_sync(spec(AMOUNT), apps[LEFT], apps[RIGHT])
    assert kept is None
    assert found[0].path == ("fields", 0)
    assert "currency" in found[0].message
