"""What an outcome does to a link: only what was written settles (H8); recovery (H1, H46)."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from actors.deciding import Draft, Known, Ruling, decide_link
from actors.intents import Done, Intent
from actors.links import End, Late, Link
from actors.mapping.record import Sync
from actors.messages import Trace
from actors.records import Edit, Side, Snapshot
from actors.settling import Settlement, adopt, recover_update, settle_done
from tests.support.builders import (
    AMOUNT,
    LEFT,
    NAME,
    NOTE,
    RIGHT,
    erp_deal,
    hub_deal,
    moment,
    reread,
    settled,
    single,
    snapshot,
    sync,
    us,
)

SYNC = sync(NAME, NOTE, AMOUNT)
TITLE, REMARK = "name=title", "note=remark"
DECIDED = us("10:00:30")
QUARTER = timedelta(minutes=15)


def rule(kept: Sync, link: Link) -> Ruling:
    return decide_link(kept, link, Known(now_us=DECIDED))


def intent(draft: Draft, kept: Sync = SYNC) -> Intent:
    return Intent(id=1, sync=kept.name, link=1, decided_us=DECIDED, **msgspec.structs.asdict(draft))


def end_of(link: Link, side: Side) -> End:
    end = link.end(side)
    assert end is not None
    return end


def ordered(**left: str | None) -> tuple[Link, Intent]:
    """Return a settled pair whose left was edited at 10:00, and the intent that follows."""
    link = settled(SYNC, snapshot("L", hub_deal()), snapshot("R", erp_deal()))
    link = reread(SYNC, link, LEFT, snapshot("L", hub_deal(**left), "2", "10:00:00"))
    ruling = rule(SYNC, link)
    (draft,) = ruling.drafts
    return ruling.link, intent(draft)


def answer(**right: str | None) -> Snapshot:
    return snapshot("R", erp_deal(**right), "2", "10:01:00")


def done(link: Link, order: Intent, stored: Snapshot, **rest: object) -> Settlement:
    outcome = msgspec.structs.replace(Done(stored=stored), **rest)
    return settle_done(SYNC, link, order, outcome, us("10:01:00"))


# --- done -----------------------------------------------------------------------------------


def test_a_written_unit_settles_at_what_the_source_said_and_the_target_answered() -> None:
    link, order = ordered(name=" B ")
    link = done(link, order, answer(title="B")).link
    assert end_of(link, LEFT).base[TITLE].raws == (" B ",)
    assert end_of(link, RIGHT).base[TITLE].raws == ("B",)
    assert not rule(SYNC, link).drafts


def test_h7_a_value_that_the_app_stored_differently_does_not_come_back() -> None:
    link, order = ordered(name="B")
    link = done(link, order, answer(title="B (new)")).link
    ruling = rule(SYNC, link)
    assert not ruling.drafts and not ruling.conflicts


def test_h8_an_edit_of_another_field_that_slipped_in_is_not_absorbed() -> None:
    link, order = ordered(name="B")
    link = done(link, order, answer(title="B", remark="slipped in")).link
    assert end_of(link, RIGHT).base[REMARK].raws == (None,)
    assert [draft.values for draft in rule(SYNC, link).drafts] == [{"note": "slipped in"}]


def test_an_edit_of_the_source_after_the_decision_is_still_to_be_written() -> None:
    link, order = ordered(name="B")
    link = reread(SYNC, link, LEFT, snapshot("L", hub_deal(name="C"), "3", "10:00:40"))
    link = done(link, order, answer(title="B")).link
    assert end_of(link, LEFT).base[TITLE].raws == ("B",)
    ruling = rule(SYNC, link)
    assert [draft.values for draft in ruling.drafts] == [{"title": "C"}]
    assert not ruling.conflicts


def test_an_answer_that_is_not_proven_ours_settles_at_what_was_sent() -> None:
    """Somebody may have edited the record between our write and the reading of it."""
    link, order = ordered(name="B")
    link = done(link, order, answer(title="C"), proven=False).link
    assert end_of(link, RIGHT).base[TITLE].raws == ("B",)
    assert [draft.values for draft in rule(SYNC, link).drafts] == [{"name": "C"}]


def test_an_unproven_answer_that_was_only_normalised_settles_by_m5() -> None:
    link, order = ordered(amount="1500")
    link = done(link, order, answer(amount="1500.00"), proven=False).link
    assert not rule(SYNC, link).drafts


def test_what_the_app_did_not_bring_about_stays_due_to_be_written() -> None:
    link, order = ordered(name="B", stage="won")
    settlement = done(link, order, answer(title="B"), refused={"state": "people only"})
    assert settlement.refused == {"state": "people only"}
    assert end_of(settlement.link, LEFT).base["stage"].raws == ("sales", "new")
    assert end_of(settlement.link, LEFT).base[TITLE].raws == ("B",)
    assert [draft.values for draft in rule(SYNC, settlement.link).drafts] == [
        {"funnel": "main", "state": "won"}
    ]


def test_what_a_create_could_not_bring_about_stays_due_to_be_written() -> None:
    link = single(SYNC, LEFT, snapshot("L", hub_deal(stage="won")))
    (draft,) = rule(SYNC, link).drafts
    outcome = Done(stored=snapshot("R", erp_deal()), refused={"state": "people only"})
    link = settle_done(SYNC, link, intent(draft), outcome, us("10:01:00")).link
    (again,) = rule(SYNC, link).drafts
    assert (again.side, again.values) == (RIGHT, {"funnel": "main", "state": "won"})


def test_a_create_links_the_two_records_and_rests() -> None:
    link = single(SYNC, LEFT, snapshot("L", hub_deal(note="n")))
    (draft,) = rule(SYNC, link).drafts
    settlement = settle_done(
        SYNC, link, intent(draft), Done(stored=snapshot("R", erp_deal(remark="n"))), DECIDED
    )
    assert end_of(settlement.link, RIGHT).id == "R"
    assert not rule(SYNC, settlement.link).drafts
    assert [(change.unit, change.rule, change.record_id) for change in settlement.history] == [
        ("*", "create", "R")
    ]


def test_a_value_that_the_app_filled_in_by_itself_on_create_travels_back() -> None:
    link = single(SYNC, LEFT, snapshot("L", hub_deal()))
    (draft,) = rule(SYNC, link).drafts
    stored = snapshot("R", erp_deal(remark="made by a rule of the app"))
    link = settle_done(SYNC, link, intent(draft), Done(stored=stored), DECIDED).link
    assert [one.values for one in rule(SYNC, link).drafts] == [
        {"note": "made by a rule of the app"}
    ]


def test_history_names_what_was_there_before_and_what_the_app_made_of_it() -> None:
    link, order = ordered(name="B")
    (change,) = done(link, order, answer(title="B!")).history
    assert (change.side, change.unit, change.rule) == (RIGHT, TITLE, "M3")
    assert (change.before, change.after, change.lost) == (("A",), ("B!",), False)


def test_h45_an_answer_after_a_reload_settles_under_the_mapping_it_was_decided_under() -> None:
    link, order = ordered(name="B")
    old = tuple(msgspec.structs.replace(write, version=1) for write in order.units)
    link = done(link, msgspec.structs.replace(order, units=old), answer(title="other")).link
    assert end_of(link, RIGHT).base[TITLE].version == 1
    ruling = rule(SYNC, link)  # the difference was never accepted under this mapping
    assert [draft.values for draft in ruling.drafts] == [{"title": "B"}]


def test_a_unit_that_left_the_mapping_settles_nothing() -> None:
    link, order = ordered(name="B", note="n")
    smaller = sync(NAME)
    outcome = Done(stored=answer(title="B", remark="n"))
    link = settle_done(smaller, link, order, outcome, us("10:01:00")).link
    assert REMARK not in end_of(link, RIGHT).base
    assert end_of(link, RIGHT).base[TITLE].raws == ("B",)


# --- adopting -------------------------------------------------------------------------------


def keyed(made: str = "10:00:40", **values: str | None) -> Snapshot:
    created = moment(made)
    return snapshot("R", erp_deal(**values), "5", "10:10:00", created_at=created)


def creating(**left: str | None) -> tuple[Link, Intent]:
    link = single(SYNC, LEFT, snapshot("L", hub_deal(**left)))
    (draft,) = rule(SYNC, link).drafts
    return link, intent(draft)


def test_h42_an_adopted_record_keeps_what_people_wrote_into_it() -> None:
    link, order = creating(note="n")
    link = adopt(SYNC, link, RIGHT, keyed(title="theirs", remark="n"), DECIDED, order)
    assert not link.recover
    ruling = rule(SYNC, link)
    assert [(draft.side, draft.values) for draft in ruling.drafts] == [(LEFT, {"name": "theirs"})]


def test_an_adopted_record_that_is_as_it_was_sent_rests() -> None:
    link, order = creating(name=" A ")
    link = adopt(SYNC, link, RIGHT, keyed(), DECIDED, order)
    assert not rule(SYNC, link).drafts


def test_h33_a_record_made_before_its_intent_is_not_that_intents_doing() -> None:
    link, order = creating()
    link = adopt(SYNC, link, RIGHT, keyed(made="08:00:00", title="older"), DECIDED, order)
    assert link.recover
    assert end_of(link, RIGHT).base == {}


def test_the_clock_of_the_app_is_set_right_before_ages_are_compared() -> None:
    link, order = creating()
    ahead = timedelta(hours=3) // timedelta(microseconds=1)
    link = adopt(SYNC, link, RIGHT, keyed(made="13:00:40"), DECIDED, order, ahead)
    assert not link.recover
    early = adopt(SYNC, link, RIGHT, keyed(made="10:00:40"), DECIDED, order, ahead)
    assert early.recover


def test_without_an_intent_nothing_is_known_of_a_keyed_record() -> None:
    link, _ = creating()
    link = adopt(SYNC, link, RIGHT, keyed(title="?"), DECIDED, None)
    assert link.recover
    assert end_of(link, LEFT).base == {}


# --- recovering an update -------------------------------------------------------------------


def recover(
    link: Link, order: Intent, current: Snapshot, *titles: tuple[str, str, bool]
) -> Settlement:
    """Recover; `titles` is the app's history of the title, newest first: value, time, ours."""
    edits = tuple(Edit(value=value, at=moment(at), ours=ours) for value, at, ours in titles)
    trace = Trace(current=current, edits={"title": edits} if edits else {})
    return recover_update(SYNC, link, order, trace, us("10:02:00"), QUARTER)


def test_the_old_base_means_not_done_and_the_value_may_still_arrive() -> None:
    link, order = ordered(name="B")
    link = recover(link, order, snapshot("R", erp_deal())).link
    assert end_of(link, RIGHT).late[TITLE] == (Late(us("10:17:00"), ("B",)),)
    assert [draft.values for draft in rule(SYNC, link).drafts] == [{"title": "B"}]


def test_h1_the_intents_value_means_done_and_is_not_taken_for_an_edit() -> None:
    link, order = ordered(name="B")
    link = reread(SYNC, link, LEFT, snapshot("L", hub_deal(name="D"), "3", "10:01:30"))
    link = recover(link, order, answer(title="B")).link
    ruling = rule(SYNC, link)
    assert [draft.values for draft in ruling.drafts] == [{"title": "D"}]
    assert not ruling.conflicts and not ruling.history


def test_h46_without_history_another_value_is_the_later_edit_and_is_recorded() -> None:
    link, order = ordered(name="B")
    settlement = recover(link, order, answer(title="corrected"))
    assert [change.rule for change in settlement.history] == ["possible conflict"]
    ruling = rule(SYNC, settlement.link)
    assert [draft.values for draft in ruling.drafts] == [{"name": "corrected"}]


def test_h46_history_shows_that_our_value_was_corrected_by_a_person() -> None:
    link, order = ordered(name="B")
    story = (("corrected", "10:01:00", False), ("B", "10:00:45", True), ("A", "09:00:00", False))
    settlement = recover(link, order, answer(title="corrected"), *story)
    ruling = rule(SYNC, settlement.link)
    assert [draft.values for draft in ruling.drafts] == [{"name": "corrected"}]
    assert not ruling.conflicts


def test_history_shows_that_our_value_never_arrived() -> None:
    """Then two people edited one field: that is M6 or M7, not a correction of ours."""
    link, order = ordered(name="B")
    story = (("C", "10:01:00", False), ("A", "09:00:00", False))
    link = recover(link, order, answer(title="C"), *story).link
    assert end_of(link, RIGHT).late[TITLE][0].raws == ("B",)
    ruling = rule(SYNC, link)
    assert [conflict.right for conflict in ruling.conflicts] == [("C",)]


@pytest.mark.parametrize("ours", [True, False])
def test_an_old_entry_that_equals_what_was_sent_is_not_our_write(ours: bool) -> None:
    """The title said B last year, too; what counts is what came after the value we read."""
    link, order = ordered(name="B")
    story = (("C", "10:01:00", False), ("A", "09:00:00", False), ("B", "01:00:00", ours))
    link = recover(link, order, answer(title="C"), *story).link
    ruling = rule(SYNC, link)
    assert [conflict.right for conflict in ruling.conflicts] == [("C",)]


def test_a_group_is_recovered_by_the_members_that_were_to_change() -> None:
    """H11: the currency stays what it was, so its history has no entry of ours."""
    link = settled(
        SYNC,
        snapshot("L", hub_deal(amount="1", currency="USD")),
        snapshot("R", erp_deal(amount="1", currency="USD")),
    )
    edited = snapshot("L", hub_deal(amount="2", currency="USD"), "2", "10:00:00")
    link = reread(SYNC, link, LEFT, edited)
    (draft,) = rule(SYNC, link).drafts
    theirs = (edit("3", "10:01:00"), edit("2", "10:00:45", ours=True), edit("1", "09:00:00"))
    trace = Trace(
        current=answer(amount="3", currency="USD"),
        edits={"amount": theirs, "currency": (edit("USD", "08:00:00"),)},
    )
    link = recover_update(SYNC, link, intent(draft), trace, us("10:02:00"), QUARTER).link
    (back,) = rule(SYNC, link).drafts
    assert back.side is LEFT
    assert back.values["amount"] == "3"


def edit(value: str, at: str, *, ours: bool = False) -> Edit:
    when: datetime = moment(at)
    return Edit(value=value, at=when, ours=ours)


def test_each_field_of_an_unknown_write_is_recovered_by_itself() -> None:
    link, order = ordered(name="B", note="n")
    link = recover(link, order, answer(title="B")).link
    assert end_of(link, RIGHT).base[TITLE].raws == ("B",)
    assert set(end_of(link, RIGHT).late) == {REMARK}
    assert [draft.values for draft in rule(SYNC, link).drafts] == [{"remark": "n"}]
