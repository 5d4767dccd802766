"""The oracle sees what is wrong: a planted history for each invariant, beside a right one."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from actors.records import Side
from actors.spec import Direction, Limits, Prefer
from tests.simulation.oracle import judge, judge_rest, judge_restart
from tests.simulation.scenario import FIELDS, Scenario
from tests.simulation.support import Stage
from tests.simulation.view import ConflictView, HistoryView, LinkView

LEFT, RIGHT = Side.LEFT, Side.RIGHT
NAME = "dealname=description"


def found(stage: Stage) -> set[str]:
    """Return the invariants that the oracle finds broken."""
    return {wrong.split(":")[0] for wrong in judge(stage.facts())}


def conflict(left: str, right: str, **more: object) -> ConflictView:
    fields: dict[str, object] = {
        "link": 1,
        "unit": NAME,
        "left": (left,),
        "right": (right,),
        "left_us": 0,
        "right_us": 0,
        "rule": "M7",
        "uncertain": False,
        "outcome": "copied",
        "winner": "left",
    }
    return ConflictView(**{**fields, **more})  # type: ignore[arg-type]


def lost(before: str, after: str, rule: str = "M6") -> HistoryView:
    return HistoryView(
        link=1, side=RIGHT, unit=NAME, rule=rule, before=(before,), after=(after,), lost=True
    )


def test_an_edit_that_travels_breaks_nothing() -> None:
    stage = Stage()
    deal = stage.deal()
    copy = stage.copy(deal)
    stage.edit(LEFT, deal, 100, name="second", note="call")
    stage.write(RIGHT, copy, 110, name="second", note="call")
    stage.edit(RIGHT, copy, 200, name="third")
    stage.write(LEFT, deal, 210, name="third")
    assert judge(stage.facts()) == []


def test_a_conflict_that_is_recorded_breaks_nothing() -> None:
    stage = Stage()
    deal = stage.deal()
    copy = stage.copy(deal)
    stage.edit(LEFT, deal, 100, name="mine")
    stage.edit(RIGHT, copy, 160, name="yours")
    stage.write(RIGHT, copy, 170, name="mine")
    stage.conflicts.append(conflict("mine", "yours"))
    assert judge(stage.facts()) == []


def test_i1_sides_that_differ_without_a_reason() -> None:
    stage = Stage()
    deal = stage.deal()
    stage.copy(deal, name="another")
    assert "I1" in found(stage)


def test_i1_a_blank_that_is_ignored_is_a_reason() -> None:
    stage = Stage()
    deal = stage.deal(note="call")
    stage.copy(deal)
    stage.edit(LEFT, deal, 100, note=None)
    assert judge(stage.facts()) == []


def test_i1_a_write_at_rest_and_a_feed_that_is_not_read() -> None:
    stage = Stage()
    stage.call(LEFT, "changes", 500)
    stage.call(RIGHT, "write", 510)
    wrong = judge_rest(stage.facts(), since=400)
    assert [line.split(":")[0] for line in wrong] == ["I1", "alive"]
    assert [line.split(":")[0] for line in judge_rest(stage.facts(), since=505)][-2:] == [
        "alive",
        "alive",
    ]


def test_i2_a_second_counterpart_and_the_copy_of_a_copy() -> None:
    stage = Stage()
    deal = stage.deal()
    stage.copy(deal)
    assert not stage.crms[RIGHT].flavour.unique_key
    stage.copy(deal)
    assert "I2" in found(stage)
    other = Stage()
    deal = other.deal()
    copy = other.copy(deal)
    other.copy(copy, LEFT)
    assert "I2" in found(other)


def test_i3_an_edit_that_was_overwritten_in_silence() -> None:
    stage = Stage()
    deal = stage.deal()
    copy = stage.copy(deal)
    stage.edit(LEFT, deal, 100, name="mine")
    stage.edit(RIGHT, copy, 105, name="yours")
    stage.write(RIGHT, copy, 110, name="mine")
    assert found(stage) == {"I3"}
    stage.history.append(lost("yours", "mine", rule="M7"))
    assert found(stage) == set()


def test_i3_an_edit_overwritten_by_what_its_author_had_replaced() -> None:
    stage = Stage()
    deal = stage.deal()
    copy = stage.copy(deal)
    stage.edit(LEFT, deal, 100, name="second")
    stage.write(RIGHT, copy, 110, name="second")
    stage.edit(RIGHT, copy, 200, name="third")
    stage.write(RIGHT, copy, 700, name="second")
    stage.history.append(lost("third", "second"))
    assert "I3" in found(stage)


def test_i3_an_edit_that_never_travelled() -> None:
    stage = Stage()
    deal = stage.deal()
    copy = stage.copy(deal)
    stage.edit(LEFT, deal, 100, name="second")
    stage.edit(LEFT, deal, 200, name="third")
    assert {"I1", "I3"} == found(stage)
    stage.write(RIGHT, copy, 210, name="third")
    assert found(stage) == set()


def test_i4_an_edit_that_is_written_twice() -> None:
    stage = Stage()
    deal = stage.deal()
    copy = stage.copy(deal)
    stage.edit(LEFT, deal, 100, name="second")
    first = stage.write(RIGHT, copy, 110, name="second")
    stage.write(RIGHT, copy, 150, name="second")
    assert found(stage) == {"I4"}
    first.answer = "unknown"
    assert found(stage) == set()


def test_i5_a_value_that_nobody_wrote() -> None:
    stage = Stage()
    deal = stage.deal()
    copy = stage.copy(deal)
    stage.edit(LEFT, deal, 100, name="second")
    stage.write(RIGHT, copy, 110, name="invented")
    assert "I5" in found(stage)


def test_i5_an_amount_without_its_currency_or_from_two_moments() -> None:
    stage = Stage()
    deal = stage.deal(amount="10", currency="EUR")
    copy = stage.copy(deal, currency="EUR")
    stage.edit(LEFT, deal, 100, amount="20", currency="USD")
    stage.write(RIGHT, copy, 110, amount="20", currency="USD")
    assert found(stage) == set()
    stage.edit(LEFT, deal, 200, amount="30", currency="CHF")
    stage.write(RIGHT, copy, 210, amount="30", currency="USD")
    stage.write(RIGHT, copy, 220, amount="30", currency="CHF")
    assert "I5" in found(stage)
    bare = Stage()
    deal = bare.deal(amount="10", currency="EUR")
    copy = bare.copy(deal, currency="EUR")
    bare.edit(LEFT, deal, 100, amount="20")
    bare.write(RIGHT, copy, 110, amount="20")
    assert found(bare) == {"I5"}


@pytest.mark.parametrize("name", ["write", "prepare"])
def test_i6_a_request_to_the_source_of_a_one_way_sync(name: str) -> None:
    stage = Stage(Scenario(seed="planted", direction=Direction.TO_RIGHT))
    stage.call(RIGHT, name, 5)
    stage.call(LEFT, "changes", 5)
    assert found(stage) == set()
    stage.call(LEFT, name, 6)
    assert found(stage) == {"I6"}


def test_i7_a_record_that_never_took_part_is_copied() -> None:
    stage = Stage()
    parked = stage.deal()
    stage.copy(parked)
    values = {**parked.now.values, FIELDS[LEFT]["stage"]: "parked"}
    parked.versions[0] = dataclasses.replace(parked.now, values=values)
    assert "I7" in found(stage)


def test_i7_a_record_is_written_long_after_it_left() -> None:
    stage = Stage()
    deal = stage.deal()
    copy = stage.copy(deal)
    stage.edit(LEFT, deal, 90, name="second")
    stage.edit(LEFT, deal, 100, stage="parked")
    stage.links[0] = dataclasses.replace(stage.links[0], status="excluded", reason="parked")
    stage.write(RIGHT, copy, 130, name="second")
    assert found(stage) == set()
    stage.write(RIGHT, copy, 5000, name="first")
    assert "I7" in found(stage)


def test_i8_an_archived_record_is_written() -> None:
    stage = Stage()
    deal = stage.deal()
    copy = stage.copy(deal)
    stage.now = 100
    stage.crms[RIGHT].edit("archive", copy, {})
    stage.write(RIGHT, copy, 110, name="second")
    assert "I8" in found(stage)


def test_i9_two_links_on_one_record_and_a_link_of_strangers() -> None:
    stage = Stage()
    deal = stage.deal()
    stage.copy(deal)
    stage.link(deal.id, None, "excluded")
    assert found(stage) == {"I9"}
    strangers = Stage()
    one, two = strangers.deal(), strangers.deal(RIGHT)
    strangers.link(one.id, two.id)
    assert "I9" in found(strangers)


def test_i10_a_record_that_was_passed_by() -> None:
    stage = Stage()
    stage.copy(stage.deal())
    forgotten = stage.deal(name="forgotten")
    assert found(stage) == {"I10"}
    stage.link(forgotten.id, None, "failing")
    assert found(stage) == {"I10"}, "it fails, but not for a reason that the record gives"


def test_i10_a_record_whose_value_cannot_be_said_may_fail() -> None:
    stage = Stage()
    stage.copy(stage.deal())
    odd = stage.deal(LEFT, "odd", **{"class": "odd"})
    stage.link(odd.id, None, "failing")
    assert found(stage) == set()


def test_i11_a_conflict_outside_the_window_twice_or_of_nobody() -> None:
    for rows in (
        [conflict("mine", "yours")],
        [conflict("mine", "yours", uncertain=True)] * 2,
        [conflict("mine", "nobody's", uncertain=True), conflict("mine", "yours", uncertain=True)],
    ):
        stage = Stage()
        deal = stage.deal()
        copy = stage.copy(deal)
        stage.edit(LEFT, deal, 100, name="mine")
        stage.edit(RIGHT, copy, 500, name="yours")
        stage.write(LEFT, deal, 510, name="yours")
        stage.conflicts += rows
        stage.history.append(dataclasses.replace(lost("mine", "yours"), side=LEFT))
        assert found(stage) == {"I11"}


def test_i11_a_conflict_inside_the_window_that_is_taken_for_none() -> None:
    stage = Stage(Scenario(seed="planted", prefer=Prefer.LATEST))
    deal = stage.deal()
    copy = stage.copy(deal)
    stage.edit(RIGHT, copy, 100, name="yours")
    stage.edit(LEFT, deal, 200, name="mine")
    stage.write(RIGHT, copy, 210, name="mine")
    stage.history.append(lost("yours", "mine"))
    assert found(stage) == {"I11"}


def test_i13_a_restart_that_changes_a_link_or_leaves_work_open() -> None:
    stage = Stage()
    stage.copy(stage.deal())
    before = stage.facts().view
    assert judge_restart(before, before) == []
    moved = LinkView(**{**dataclasses.asdict(before.links[0]), "status": "pending"})
    assert judge_restart(before, dataclasses.replace(before, links=(moved,)))
    assert judge_restart(before, dataclasses.replace(before, open_intents=1))


def test_a_breach_of_the_connectors_contract_is_reported() -> None:
    stage = Stage()
    stage.ledger.breach("too many at once")
    assert found(stage) == {"contract"}


@pytest.mark.parametrize(("approved", "is_wrong"), [(0, True), (3, False)])
def test_f25_more_records_than_limit_and_approvals_allow(approved: int, is_wrong: bool) -> None:
    limits = Limits(creates=2, window=timedelta(hours=1))
    stage = Stage(Scenario(seed="planted", limits=limits))
    for number in range(7):
        stage.copy(stage.deal(name=f"deal {number}"))
    stage.ledger.approved = approved
    assert ("F25" in found(stage)) == is_wrong
