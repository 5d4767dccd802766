"""Field mappings of every shape as they are compiled and decided, and the table of kinds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from actors.deciding import Known, decide_link
from actors.links import Status
from actors.mapping.compatibility import KINDS, Compatibility, Fit, compare_kinds
from actors.mapping.relations import Money, Pairs
from actors.mapping.transforms import Fixed, Free, Joined, Scaled, Template
from actors.mapping.units import Unit
from actors.merge import Settle
from actors.spec import Blank, Direction, Drift, FieldSpec, Form, Join, Prefer, Rules
from actors.values import Kind
from tests.support.builders import (
    LEFT,
    NAME,
    RIGHT,
    erp_deal,
    hub_deal,
    problems,
    single,
    snapshot,
    sync,
)
from tests.support.scene import Scene

CONSTANT = FieldSpec(left="", right="remark", constant="HubSpot")
TEMPLATE = FieldSpec(left="", right="remark", template="{name}[ ({kind})]: {amount}")
JOINED = FieldSpec(
    left="name", right="remark", join=Join(side=LEFT, fields=("name", "note"), by=", ")
)


def unit_of(mapping: FieldSpec, **rest: Any) -> Unit:
    return sync(mapping, **rest).units[1]


# --- what a line becomes --------------------------------------------------------------------


def test_f15_a_constant_a_template_and_a_default_go_only_towards_their_field() -> None:
    for mapping, kind in ((CONSTANT, Fixed), (TEMPLATE, Template)):
        unit = unit_of(mapping)
        assert isinstance(unit.relation, kind)
        assert unit.direction is Direction.TO_RIGHT
    free = unit_of(FieldSpec(left="", right="class", defaults={RIGHT: "NEW"}))
    assert isinstance(free.relation, Free)
    assert free.defaults == {"right": ("new",)}
    assert [member.name for member in unit_of(TEMPLATE).left] == ["name", "kind", "amount"]
    assert unit_of(TEMPLATE).key == "name+kind+amount=remark"
    assert unit_of(CONSTANT).key == "=remark"


def test_f15_several_fields_join_in_one() -> None:
    unit = unit_of(JOINED)
    assert isinstance(unit.relation, Joined)
    assert unit.key == "name+note=remark"
    assert sync(JOINED).fields[LEFT] == ("pipeline", "stage", "name", "note")
    assert unit.restore(RIGHT, ("Ada", "Engines"), (None,)) == ("Ada, Engines",)
    assert not unit.is_blank(LEFT, (None, "Engines"))


def test_f15_an_amount_may_be_scaled_and_takes_its_currency_along() -> None:
    unit = unit_of(FieldSpec(left="amount", right="amount", scale=Decimal("0.01")))
    assert isinstance(unit.relation, Money)
    assert isinstance(unit.relation.amount, Scaled)
    assert unit.restore(RIGHT, ("1999", "USD"), (None, None)) == ("19.99", "USD")


def test_f14_values_map_choices_to_texts_and_yes_or_no() -> None:
    unit = unit_of(FieldSpec(left="kind", right="remark", values=(("new", "Neu"), ("OLD", "Alt"))))
    assert unit.relation == Pairs(pairs=((("new",), ("Neu",)), (("old",), ("Alt",))))
    assert unit.direction is Direction.BOTH
    assert unit.restore(LEFT, ("Alt",), (None,)) == ("old",)


def test_f14_a_choice_and_a_person_are_written_into_a_text_as_people_call_them() -> None:
    for name, raw, text in (
        ("kind", "new", "NEW"),
        ("owner", "h1", "Ann"),
        ("tags", "b;a", "A, B"),
    ):
        unit = unit_of(FieldSpec(left=name, right="remark", direction=Direction.TO_RIGHT))
        assert unit.restore(RIGHT, (raw,), (None,)) == (text,)


def test_a_default_is_not_part_of_what_a_mapping_means() -> None:
    plain = unit_of(FieldSpec(left="kind", right="class"))
    given = unit_of(FieldSpec(left="kind", right="class", defaults={RIGHT: "new"}))
    assert given.version == plain.version
    assert given.defaults == {"right": ("new",)}


def test_f22a_a_line_that_does_not_sync_is_not_there() -> None:
    off = FieldSpec(left="nowhere", right="remark", is_off=True)
    assert [unit.key for unit in sync(NAME, off).units] == ["stage", "name=title"]


@pytest.mark.parametrize(
    ("mapping", "path", "words"),
    [
        (FieldSpec(left="score", right="remark"), (), None),  # read-only: one way by itself
        (
            FieldSpec(left="note", right="rank", direction=Direction.TO_RIGHT),
            ("direction",),
            "a text cannot be read as a number, and hub is not written to",
        ),
        (
            FieldSpec(left="amount", right="remark"),
            ("direction",),
            "a number can be written as a text, but a text cannot be read as a number: map it one "
            "way with `direction: to-erp`",
        ),
        (
            FieldSpec(left="", right="remark", template="{name}", direction=Direction.BOTH),
            ("direction",),
            "cannot be taken apart again: map it one way with `direction: to-erp`",
        ),
        (
            FieldSpec(left="", right="remark", constant="x", direction=Direction.TO_LEFT),
            ("direction",),
            "a constant has no field on the other side, and erp is not written to",
        ),
        (FieldSpec(left="", right="remark", template="{nowhere}"), ("template",), '"nowhere"'),
        (FieldSpec(left="", right="rank", template="{name}"), (), "a number field, not a text"),
        (FieldSpec(left="", right="rank", constant="many"), ("constant",), "is not a number"),
        (FieldSpec(left="", right="class", constant="x"), ("constant",), 'no option "x"'),
        (FieldSpec(left="", right="employee", constant="x"), ("constant",), 'no user "x"'),
        (
            FieldSpec(left="", right="class", defaults={RIGHT: "x"}),
            ("defaults", "right"),
            'no option "x"',
        ),
        (FieldSpec(left="note", right="remark", scale=Decimal(2)), ("scale",), "is for numbers"),
        (FieldSpec(left="amount", right="amount", form=(Form.TRIM,)), ("form",), "are for texts"),
        (FieldSpec(left="kind", right="class", kind=Kind.PHONE), ("kind",), "only a text"),
        (
            FieldSpec(left="close", right="end", values=(("a", "b"),)),
            ("values",),
            "values cannot map a datetime and a date field",
        ),
        (
            FieldSpec(left="kind", right="remark", join=Join(side=LEFT, fields=("kind", "note"))),
            (),
            "only texts join",
        ),
        (
            FieldSpec(
                left="name", right="title", join=Join(side=LEFT, fields=("name", "note"), by="\n")
            ),
            ("join", "by"),
            "takes a single line",
        ),
    ],
)
def test_f15_what_cannot_be_mapped_so_is_refused_with_the_reason(
    mapping: FieldSpec, path: tuple[str | int, ...], words: str | None
) -> None:
    if words is None:
        assert unit_of(mapping).direction is Direction.TO_RIGHT
        return
    (problem,) = problems(mapping)
    assert problem.path == ("fields", 0, *path)
    assert words in problem.message


def test_f15_a_field_may_be_read_by_several_lines() -> None:
    assert len(sync(NAME, TEMPLATE).units) == 3


def test_f15_fields_that_feed_each_other_in_a_circle_are_refused() -> None:
    there = FieldSpec(left="name", right="title", direction=Direction.TO_RIGHT)
    back = FieldSpec(left="name", right="", template="{title}!")
    (problem,) = problems(there, back)
    assert problem.path == ("fields", 1)
    assert (
        'in a circle, and would never come to rest: "name=title", "name=title"' in problem.message
    )


# --- creating -------------------------------------------------------------------------------


def created(*fields: FieldSpec, **values: str | None) -> dict[str, str | None]:
    """Return what the ERP's new record gets for a deal of the Hub with these values."""
    kept = sync(NAME, *fields)
    link = single(kept, LEFT, snapshot("L1", hub_deal(**values)))
    (draft,) = decide_link(kept, link, Known(now_us=0)).drafts
    return draft.values


def test_f22a_a_new_record_gets_its_default_only_where_the_other_side_is_empty() -> None:
    kinds = FieldSpec(left="kind", right="class", defaults={RIGHT: "renewal"})
    assert created(kinds, kind=None)["class"] == "renewal"
    assert created(kinds, kind="new")["class"] == "new"
    free = FieldSpec(left="", right="class", defaults={RIGHT: "new"})
    assert created(free)["class"] == "new"


def test_f15_a_new_record_gets_constants_and_templates() -> None:
    assert created(CONSTANT)["remark"] == "HubSpot"
    assert created(TEMPLATE, kind="new", amount="5")["remark"] == "A (NEW): 5"
    assert "remark" not in created(FieldSpec(left="", right="remark", template="{note}"))


def test_f22a_a_default_is_not_copied_back_and_gives_way_to_the_first_value() -> None:
    kinds = FieldSpec(left="kind", right="class", defaults={RIGHT: "renewal"})
    played = Scene(sync(kinds), hub_deal(kind=None), erp_deal(**{"class": "renewal"}))
    played.settle()
    assert played.writes == []
    played.edit(LEFT, "10:00:00", kind="new")
    played.settle()
    assert played.records[RIGHT].values["class"] == "new"


# --- rules by name --------------------------------------------------------------------------


def ruled(**rules: Any) -> Scene:
    """Return a pair that says A in its name, under these rules."""
    direction = rules.pop("direction", None)
    line = FieldSpec(left="note", right="remark", direction=direction, rules=Rules(**rules))
    return Scene(sync(line), hub_deal(note="A"), erp_deal(remark="A"))


def held(played: Scene) -> tuple[str | None, str | None]:
    played.settle()
    return played.records[LEFT].values["note"], played.records[RIGHT].values["remark"]


def test_f22a_prefer_unless_blank_lets_only_the_preferred_value_travel_while_there_is_one() -> None:
    played = ruled(lead=LEFT)
    played.edit(RIGHT, "10:00:00", remark="theirs")
    assert held(played) == ("A", "theirs")
    played.edit(LEFT, "10:30:00", note="B")
    assert held(played) == ("B", "B")
    played.edit(LEFT, "11:00:00", note=None)
    assert held(played) == (None, "B")
    played.edit(RIGHT, "11:30:00", remark="C")
    assert held(played) == ("C", "C")
    assert played.conflicts == []


def test_f22a_prefer_unless_blank_wins_also_against_a_later_edit() -> None:
    played = ruled(lead=RIGHT)
    played.edit(RIGHT, "10:00:00", remark="preferred")
    played.edit(LEFT, "11:00:00", note="later")
    assert held(played) == ("preferred", "preferred")
    assert [change.before for change in played.history if change.lost] == [("later",)]


def test_f22a_always_carries_also_emptiness_and_puts_others_back() -> None:
    played = ruled(direction=Direction.TO_RIGHT, blank=Blank.PROPAGATE, drift=Drift.RESTORE)
    played.edit(RIGHT, "10:00:00", remark="theirs")
    assert held(played) == ("A", "A")
    played.edit(LEFT, "10:30:00", note=None)
    assert held(played) == (None, None)


def test_f22a_two_way_lets_the_later_edit_win_and_empties_too() -> None:
    played = ruled(prefer=Prefer.LATEST, blank=Blank.PROPAGATE)
    played.edit(LEFT, "10:00:00", note="B")
    played.edit(RIGHT, "10:01:00", remark="C")
    assert held(played) == ("C", "C")
    played.edit(RIGHT, "11:00:00", remark=None)
    assert held(played) == (None, None)


def test_f22a_asking_holds_what_was_emptied() -> None:
    played = ruled(blank=Blank.ASK)
    played.edit(LEFT, "10:00:00", note=None)
    played.poll()
    ruling = played.rule()
    assert ruling.link.status is Status.HELD
    assert ruling.link.reason == "note=remark: the value was emptied: shall it be?"


def test_f15_a_constant_is_put_back_only_where_drift_says_so() -> None:
    for drift, after in ((Drift.LEAVE, "mine"), (Drift.RESTORE, "HubSpot")):
        line = FieldSpec(left="", right="remark", constant="HubSpot", rules=Rules(drift=drift))
        played = Scene(sync(line), hub_deal(), erp_deal(remark="HubSpot"))
        played.edit(RIGHT, "10:00:00", remark="mine")
        played.settle()
        assert played.records[RIGHT].values["remark"] == after


def test_f15_an_edit_of_any_part_travels_and_of_the_spelling_does_not() -> None:
    played = Scene(sync(JOINED), hub_deal(name="Ada", note="Bonn"), erp_deal(remark="Ada, Bonn"))
    played.edit(LEFT, "10:00:00", note="Paris")
    played.settle()
    assert played.records[RIGHT].values["remark"] == "Ada, Paris"
    played.edit(RIGHT, "11:00:00", remark="Ada,  Paris")
    count = len(played.writes)
    played.settle()
    assert len(played.writes) == count
    played.edit(RIGHT, "12:00:00", remark="Eve, Paris")
    played.settle()
    assert (played.records[LEFT].values["name"], played.records[LEFT].values["note"]) == (
        "Eve",
        "Paris",
    )


def test_what_only_changes_its_spelling_settles_without_a_write() -> None:
    line = FieldSpec(left="note", right="remark", kind=Kind.PHONE)
    played = Scene(sync(line), hub_deal(note="+15550100000"), erp_deal(remark="+15550100000"))
    played.edit(RIGHT, "10:00:00", remark="+1 (555) 010 0000")
    played.poll()
    assert isinstance(played.rule().decisions["note=remark"], Settle)


# --- the table of kinds ---------------------------------------------------------------------


def table() -> dict[tuple[str, str], Compatibility]:
    return {(one.from_, one.to): one for one in compare_kinds()}


def test_f14_the_table_has_every_pair_and_a_reason_for_whatever_does_not_go_both_ways() -> None:
    cells = table()
    assert len(cells) == len(KINDS) ** 2
    for cell in cells.values():
        assert cell.why or cell.fit is Fit.BOTH, cell


def test_f14_the_table_is_the_same_from_both_ends() -> None:
    cells = table()
    for one in KINDS:
        for two in KINDS:
            there, back = cells[one, two].fit, cells[two, one].fit
            assert (there is Fit.BOTH) is (back is Fit.BOTH), (one, two)


@pytest.mark.parametrize(
    ("one", "two", "fit"),
    [
        ("date", "datetime", Fit.BOTH),
        ("money", "money", Fit.BOTH),
        ("number", "text", Fit.AS_TEXT),
        ("text", "number", Fit.NOT),
        ("user", "text", Fit.AS_TEXT),
        ("phone", "text", Fit.BOTH),
        ("phone", "email", Fit.NOT),
        ("email", "domain", Fit.ONE_WAY),
        ("url", "domain", Fit.BOTH),
        ("enum", "multi-enum", Fit.NOT),
        ("enum", "boolean", Fit.BOTH),
        ("record", "record", Fit.NOT),
        ("user", "user", Fit.BOTH),
    ],
)
def test_f14_single_cells_of_the_table(one: str, two: str, fit: Fit) -> None:
    assert table()[one, two].fit is fit


def test_f14_every_kind_stands_in_the_table() -> None:
    words = set(KINDS) - {"money", "user", "record", "records"}
    assert words == {kind.value for kind in Kind} - {Kind.REFERENCE, Kind.MULTI_REFERENCE}
    links = ("record", "records")  # synced as associations
    assert all(table()[one, one].fit is Fit.BOTH for one in KINDS if one not in links)
