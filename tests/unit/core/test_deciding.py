"""Deciding one record: created, excluded, gone, held, merged; all or nothing per target."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.deciding import Known, Ruling, decide_link
from actors.intents import IntentKind
from actors.links import Base, Link, Status
from actors.mapping.record import Sync
from actors.records import Departure, Side, key_of
from actors.spec import Blank, Direction, FieldSpec, PipelineSpec, Prefer, Rules
from actors.values import Kind
from tests.support.builders import (
    AMOUNT,
    LEFT,
    NAME,
    NOTE,
    RIGHT,
    SALES,
    erp_deal,
    hub_deal,
    pair,
    reread,
    settled,
    single,
    snapshot,
    sync,
    us,
)
from tests.support.scene import Scene, is_quiet

NOW = us("12:00:00")
TITLE = "name=title"
OWNER = FieldSpec(left="owner", right="employee")


def decide(kept: Sync, link: Link, **known: Any) -> Ruling:
    return decide_link(kept, link, Known(now_us=NOW, **known))


def linked(kept: Sync, **left: str | None) -> Link:
    """Return a settled pair whose left record was edited since."""
    link = settled(kept, snapshot("L", hub_deal()), snapshot("R", erp_deal()))
    return reread(kept, link, LEFT, snapshot("L", hub_deal(**left), "2", "10:00:00"))


def gone(link: Link, side: Side, how: Departure) -> Link:
    end = link.end(side)
    assert end is not None
    return link.with_end(side, msgspec.structs.replace(end, gone=how))


# --- creating -------------------------------------------------------------------------------


def test_an_eligible_record_is_created_on_the_other_side() -> None:
    kept = sync()
    ruling = decide(kept, single(kept, LEFT, snapshot("L7", hub_deal(amount="3"), at="09:30:00")))
    (draft,) = ruling.drafts
    assert (draft.side, draft.kind) == (RIGHT, IntentKind.CREATE)
    assert draft.key == key_of("c", "deals", "hub", "L7") == "tieline:c:deals:hub:L7"
    assert draft.values == {"funnel": "main", "state": "lead", "title": "A", "amount": "3"}
    assert (draft.record_id, draft.token, draft.edited_us) == (None, None, us("09:30:00"))
    assert (ruling.link.status, ruling.link.reason) == (Status.PENDING, "to be created in erp")


def test_a_create_carries_what_the_source_said_and_what_was_sent_of_each_unit() -> None:
    kept = sync(NAME, NOTE)
    (draft,) = decide(kept, single(kept, LEFT, snapshot("L", hub_deal(name=" A ")))).drafts
    assert [(write.unit, write.source, write.sent) for write in draft.units] == [
        ("stage", ("sales", "new"), ("main", "lead")),
        (TITLE, (" A ",), ("A",)),
    ]
    assert all(write.expected is None for write in draft.units)


def test_a_create_sends_only_units_that_may_travel_there() -> None:
    narrow = FieldSpec(left="note", right="remark", direction=Direction.TO_LEFT)
    kept = sync(NAME, narrow)
    (draft,) = decide(kept, single(kept, LEFT, snapshot("L", hub_deal(note="mine")))).drafts
    assert "remark" not in draft.values


def test_one_value_without_counterpart_keeps_the_whole_record_from_being_created() -> None:
    kept = sync(NAME, AMOUNT)
    link = single(kept, LEFT, snapshot("L", hub_deal(amount="1", currency="XAU")))
    ruling = decide(kept, link)
    assert not ruling.drafts
    assert ruling.link.status is Status.FAILING
    assert "hub" in ruling.link.reason and "XAU" in ruling.link.reason


@pytest.mark.parametrize(
    ("owner", "employee"),
    [("h1", "e1"), ("h3", "e9"), ("unheard", "e9"), (None, None)],
    ids=["known", "without mail", "unknown", "nobody"],
)
def test_h36_the_fallback_owner_is_set_on_create_only(
    owner: str | None, employee: str | None
) -> None:
    kept = sync(NAME, OWNER, fallback_right="e9")
    (draft,) = decide(kept, single(kept, LEFT, snapshot("L", hub_deal(owner=owner)))).drafts
    assert draft.values.get("employee") == employee
    ruling = decide(kept, linked(kept, owner="unheard"))
    assert not ruling.drafts
    assert ruling.link.status is Status.IN_SYNC


@pytest.mark.parametrize(
    ("rest", "side", "reason"),
    [
        ({"direction": Direction.TO_RIGHT}, RIGHT, "the sync goes only to erp"),
        ({"direction": Direction.TO_LEFT}, LEFT, "the sync goes only to hub"),
        ({"create": (LEFT,)}, LEFT, "no records are created in erp"),
        ({"create": ()}, RIGHT, "no records are created in hub"),
    ],
)
def test_a_record_that_may_not_be_created_there_is_excluded_with_the_reason(
    rest: dict[str, Any], side: Side, reason: str
) -> None:
    kept = sync(**rest)
    deal = hub_deal() if side is LEFT else erp_deal()
    ruling = decide(kept, single(kept, side, snapshot("1", deal)))
    assert not ruling.drafts
    assert (ruling.link.status, ruling.link.reason) == (Status.EXCLUDED, reason)


def test_i7_a_record_in_an_unmapped_stage_is_excluded_and_not_created() -> None:
    kept = sync()
    deal = hub_deal(pipeline="service", stage="open")
    ruling = decide(kept, single(kept, LEFT, snapshot("L", deal)))
    assert not ruling.drafts
    assert ruling.link.status is Status.EXCLUDED
    assert ruling.link.reason == 'stage "Open" of "Service" is not mapped'


def test_h47_a_record_that_is_gone_before_it_was_linked_is_not_created() -> None:
    kept = sync()
    ruling = decide(
        kept, gone(single(kept, LEFT, snapshot("L", hub_deal())), LEFT, Departure.DELETED)
    )
    assert not ruling.drafts
    assert (ruling.link.status, ruling.link.reason) == (Status.EXCLUDED, "deleted, never linked")


# --- out of scope and back ------------------------------------------------------------------


@pytest.mark.parametrize("side", list(Side))
def test_i7_a_pair_with_an_unmapped_stage_is_excluded_and_its_bases_are_frozen(side: Side) -> None:
    service = PipelineSpec(left="service", right="main", stages=(("done", "won"),))
    kept = sync(NAME, pipelines=(service,))
    link = settled(
        kept,
        snapshot("L", hub_deal(pipeline="service", stage="done")),
        snapshot("R", erp_deal(state="won")),
    )
    strays = {
        LEFT: hub_deal(pipeline="service", stage="open", name="B"),
        RIGHT: erp_deal(state="lead", title="B"),
    }
    link = reread(kept, link, side, snapshot("1", strays[side], "2", "10:00:00"))
    ruling = decide(kept, link)
    assert not ruling.drafts and not ruling.settles
    assert ruling.link.status is Status.EXCLUDED
    assert ruling.link.reason.startswith("hub: stage" if side is LEFT else "erp: stage")
    end, before = ruling.link.end(side), link.end(side)
    assert end is not None and before is not None
    assert end.base == before.base


def test_what_re_enters_is_merged_against_the_frozen_bases() -> None:
    played = Scene(sync(NAME, NOTE), hub_deal(), erp_deal())
    played.edit(LEFT, "10:00:00", stage="unmapped", name="B")
    played.edit(RIGHT, "10:30:00", remark="kept")
    played.settle()
    assert "not mapped" in played.link.reason
    assert not played.writes
    played.edit(LEFT, "12:00:00", stage="talk")
    played.settle()
    assert played.values("name", "title") == ("B", "B")
    assert played.values("note", "remark") == ("kept", "kept")
    assert played.values("stage", "state") == ("talk", "offer")
    assert not played.conflicts
    assert played.link.status is Status.IN_SYNC


# --- gone -----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("how", [Departure.ARCHIVED, Departure.DELETED])
def test_i8_a_record_gone_in_one_app_leaves_the_other_alone(side: Side, how: Departure) -> None:
    kept = sync()
    ruling = decide(kept, gone(linked(kept, name="B"), side, how))
    assert not ruling.drafts and not ruling.history
    assert ruling.link.status is Status.EXCLUDED
    assert f"{how.value} in {kept.app(side)}" in ruling.link.reason
    assert ruling.link.left is not None and ruling.link.right is not None


def test_gone_in_both_apps() -> None:
    kept = sync()
    link = gone(gone(linked(kept), LEFT, Departure.ARCHIVED), RIGHT, Departure.DELETED)
    ruling = decide(kept, link)
    assert (ruling.link.status, ruling.link.reason) == (Status.EXCLUDED, "gone in both apps")


def test_h16_a_record_that_is_hidden_is_not_deleted() -> None:
    kept = sync()
    ruling = decide(kept, gone(linked(kept, name="B"), RIGHT, Departure.HIDDEN))
    assert not ruling.drafts
    assert ruling.link.status is Status.FAILING
    assert "not deleted" in ruling.link.reason and "erp" in ruling.link.reason


def test_a_restored_record_is_merged_against_its_base() -> None:
    kept = sync()
    link = gone(linked(kept, name="B"), RIGHT, Departure.ARCHIVED)
    link = reread(kept, link, RIGHT, snapshot("R", erp_deal(), "2", "11:00:00"))
    (draft,) = decide(kept, link).drafts
    assert draft.values == {"title": "B"}


# --- updating -------------------------------------------------------------------------------


def test_an_update_sends_only_what_changed_with_the_version_that_was_seen() -> None:
    kept = sync()
    (draft,) = decide(kept, linked(kept, name="B", note="n")).drafts
    assert (draft.kind, draft.side, draft.record_id, draft.token) == (
        IntentKind.UPDATE,
        RIGHT,
        "R",
        "1",
    )
    assert draft.values == {"title": "B", "remark": "n"}
    assert draft.edited_us == us("10:00:00")
    assert [(write.unit, write.source, write.expected) for write in draft.units] == [
        (TITLE, ("B",), ("A",)),
        ("note=remark", ("n",), (None,)),
    ]


def test_one_round_may_write_to_both_sides() -> None:
    kept = sync()
    link = linked(kept, name="B")
    link = reread(kept, link, RIGHT, snapshot("R", erp_deal(remark="r"), "2", "10:00:00"))
    drafts = decide(kept, link).drafts
    assert [(draft.side, draft.values) for draft in drafts] == [
        (LEFT, {"note": "r"}),
        (RIGHT, {"title": "B"}),
    ]


def test_a_decision_to_write_moves_no_base() -> None:
    """Bases move when the app has answered, not when the order is given."""
    kept = sync()
    link = linked(kept, name="B")
    ruling = decide(kept, link)
    assert (ruling.link.left, ruling.link.right) == (link.left, link.right)
    assert not ruling.settles
    assert ruling.link.status is Status.PENDING


def test_a_settled_pair_plans_nothing() -> None:
    kept = sync()
    link = settled(kept, snapshot("L", hub_deal()), snapshot("R", erp_deal()))
    ruling = decide(kept, link)
    assert is_quiet(ruling)
    assert (ruling.link.status, ruling.link.reason) == (Status.IN_SYNC, "")


def test_a_first_alignment_fills_what_is_empty_and_settles_what_agrees() -> None:
    kept = sync()
    link = pair(kept, snapshot("L", hub_deal(note="n")), snapshot("R", erp_deal(amount="5")))
    ruling = decide(kept, link)
    assert {(draft.side, tuple(draft.values.items())) for draft in ruling.drafts} == {
        (RIGHT, (("remark", "n"),)),
        (LEFT, (("amount", "5"), ("currency", None))),
    }
    assert ruling.link.left is not None
    assert TITLE in ruling.link.left.base
    assert not ruling.settles  # there was no base that a stale reading could hide


def test_a_base_that_moves_without_a_write_says_so() -> None:
    kept = sync()
    ruling = decide(kept, linked(kept, name=None))
    assert ruling.settles and not ruling.drafts


# --- refused --------------------------------------------------------------------------------


def refusing() -> tuple[Sync, Link]:
    """Return a pair: left's note and right's title can travel, left's amount cannot."""
    kept = sync(NAME, NOTE, AMOUNT)
    link = linked(kept, note="n", amount="1", currency="XAU")
    return kept, reread(kept, link, RIGHT, snapshot("R", erp_deal(title="T"), "2", "10:00:00"))


def test_a_refused_value_keeps_everything_from_its_target_and_nothing_from_the_other() -> None:
    kept, link = refusing()
    ruling = decide(kept, link)
    assert [(draft.side, draft.values) for draft in ruling.drafts] == [(LEFT, {"name": "T"})]
    assert ruling.link.status is Status.FAILING
    assert 'hub: field "currency"' in ruling.link.reason and "XAU" in ruling.link.reason


def test_what_was_not_written_because_of_a_refusal_is_not_settled() -> None:
    kept, link = refusing()
    left = decide(kept, link).link.left
    assert left is not None and link.left is not None
    assert left.base["note=remark"] == link.left.base["note=remark"]
    assert "note=remark" in left.moved


def test_nothing_is_said_to_be_lost_that_was_not_overwritten() -> None:
    kept = sync(NAME, NOTE, AMOUNT)
    link = linked(kept, note="n", amount="1", currency="XAU")
    link = reread(kept, link, RIGHT, snapshot("R", erp_deal(remark="r"), "2", "11:00:00"))
    link = reread(
        kept,
        link,
        LEFT,
        snapshot("L", hub_deal(note="m", amount="1", currency="XAU"), "3", "12:00:00"),
    )
    ruling = decide(kept, link, exact={(LEFT, "note=remark"): us("12:00:00")})
    assert not [draft for draft in ruling.drafts if draft.side is RIGHT]
    assert not [change for change in ruling.history if change.side is RIGHT]


def test_an_unreadable_value_fails_the_record_and_names_the_field() -> None:
    kept = sync(NAME, FieldSpec(left="score", right="rank"))
    ruling = decide(kept, linked(kept, score="many"))
    assert ruling.link.status is Status.FAILING
    assert 'hub: field "score"' in ruling.link.reason and "many" in ruling.link.reason


# --- a person decides -----------------------------------------------------------------------


def test_a_field_that_waits_for_a_person_does_not_hold_up_the_others() -> None:
    asking = FieldSpec(left="note", right="remark", rules=Rules(blank=Blank.ASK))
    kept = sync(NAME, asking)
    link = settled(kept, snapshot("L", hub_deal(note="n")), snapshot("R", erp_deal(remark="n")))
    link = reread(kept, link, LEFT, snapshot("L", hub_deal(note=None, name="B"), "2", "10:00:00"))
    ruling = decide(kept, link)
    assert [draft.values for draft in ruling.drafts] == [{"title": "B"}]
    assert ruling.link.status is Status.HELD
    assert ruling.link.reason.startswith("note=remark: ")


def test_a_conflict_that_a_person_is_to_decide_has_no_winner_and_loses_nothing() -> None:
    kept = sync(rules=Rules(prefer=Prefer.ASK))
    link = reread(
        kept, linked(kept, name="B"), RIGHT, snapshot("R", erp_deal(title="C"), "2", "10:01:00")
    )
    ruling = decide(kept, link)
    (conflict,) = ruling.conflicts
    assert (conflict.winner, conflict.outcome, conflict.rule) == (None, "open", "M7")
    assert not ruling.drafts and not ruling.history
    assert ruling.link.status is Status.HELD


# --- times ----------------------------------------------------------------------------------


def test_exact_times_are_asked_for_only_where_both_sides_moved_and_nothing_changes_until_then() -> (
    None
):
    kept = sync()
    link = linked(kept, name="B", note="n")
    both = frozenset({LEFT, RIGHT})
    assert not decide(kept, link, traceable=both).traces
    link = reread(kept, link, RIGHT, snapshot("R", erp_deal(title="C"), "2", "10:01:00"))
    ruling = decide(kept, link, traceable=both)
    assert ruling.traces == {LEFT: (TITLE,), RIGHT: (TITLE,)}
    assert ruling.link == link
    assert not (ruling.drafts or ruling.conflicts or ruling.history)
    exact = {(LEFT, TITLE): us("09:30:00"), (RIGHT, TITLE): us("10:00:30")}
    ruling = decide(kept, link, traceable=both, exact=exact)
    assert not ruling.traces
    assert [(draft.side, draft.values) for draft in ruling.drafts] == [
        (LEFT, {"name": "C"}),
        (RIGHT, {"remark": "n"}),
    ]


# --- recover --------------------------------------------------------------------------------


def recovering(kept: Sync, left: dict[str, str | None], right: dict[str, str | None]) -> Link:
    link = settled(kept, snapshot("L", hub_deal()), snapshot("R", erp_deal()))
    link = msgspec.structs.replace(link, recover=True)
    link = reread(kept, link, LEFT, snapshot("L", hub_deal(**left), "2", "10:00:00"))
    return reread(kept, link, RIGHT, snapshot("R", erp_deal(**right), "2", "11:00:00"))


def test_h33_bases_prove_nothing_while_a_link_is_recovered() -> None:
    """Right changed alone by its base; that base may come from an old backup."""
    kept = sync()
    ruling = decide(kept, recovering(kept, {}, {"title": "C"}))
    assert not [draft for draft in ruling.drafts if "name" in draft.values]
    assert ruling.link.status is Status.HELD
    assert ruling.link.recover


def test_recovering_fills_what_is_empty_and_settles_what_agrees() -> None:
    kept = sync()
    ruling = decide(kept, recovering(kept, {"note": "n"}, {}))
    assert [draft.values for draft in ruling.drafts] == [{"remark": "n"}]
    assert ruling.link.recover


def test_recovering_ends_with_the_first_decision_that_writes_nothing() -> None:
    kept = sync()
    ruling = decide(kept, recovering(kept, {"name": "B"}, {"title": "B"}))
    assert not ruling.drafts
    assert not ruling.link.recover
    assert ruling.link.status is Status.IN_SYNC
    assert ruling.link.left is not None
    assert ruling.link.left.base[TITLE].raws == ("B",)


def test_recovering_a_one_way_field_obeys_its_source() -> None:
    kept = sync(NAME, direction=Direction.TO_RIGHT)
    ruling = decide(kept, recovering(kept, {}, {"title": "C"}))
    assert [draft.values for draft in ruling.drafts] == [{"title": "A"}]
    assert [change.before for change in ruling.history] == [("C",)]


# --- a changed mapping ----------------------------------------------------------------------


def test_h45_a_base_of_another_mapping_version_does_not_accept_a_difference() -> None:
    kept = sync(NAME)
    link = settled(kept, snapshot("L", hub_deal(name="B")), snapshot("R", erp_deal(title="C")))
    assert is_quiet(decide(kept, link))
    assert link.right is not None
    old = {**link.right.base, TITLE: Base(1, ("C",))}
    link = link.with_end(RIGHT, msgspec.structs.replace(link.right, base=old))
    ruling = decide(kept, link)
    assert [draft.values for draft in ruling.drafts] == [{"title": "B"}]
    assert [(change.rule, change.before) for change in ruling.history] == [("M8", ("C",))]


def test_a_pipeline_that_is_mapped_additionally_moves_nothing_that_agrees() -> None:
    before, service = (
        sync(NAME),
        PipelineSpec(left="service", right="main", stages=(("open", "won"),)),
    )
    link = settled(before, snapshot("L", hub_deal()), snapshot("R", erp_deal()))
    after = sync(NAME, pipelines=(SALES, service))
    ruling = decide(after, link)
    assert is_quiet(ruling)
    assert Kind.ENUM is after.units[0].left[0].kind
