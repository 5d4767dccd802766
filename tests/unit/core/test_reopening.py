"""Closed deals that the other app would open again (F13)."""

from __future__ import annotations

import pytest

from actors.deciding import Known, decide_link
from actors.links import Status
from actors.scope import rules
from actors.spec import PipelineSpec, Reopen
from tests.support.builders import (
    LEFT,
    RIGHT,
    erp_deal,
    hub_deal,
    reread,
    settled,
    snapshot,
    sync,
)

HOLDS = sync(reopen=Reopen.HOLD)
NOW = Known(now_us=0)


def closed(stage: str = "lost") -> tuple[dict[str, str | None], dict[str, str | None]]:
    return hub_deal(stage=stage), erp_deal(state=stage)


@pytest.mark.parametrize("stage", ["lost", "won"])
def test_a_closed_deal_is_held_and_its_other_fields_go_on(stage: str) -> None:
    left, right = closed(stage)
    link = settled(HOLDS, snapshot("h", left), snapshot("e", right))
    moved = {**left, "stage": "new", "note": "called again"}
    link = reread(HOLDS, link, LEFT, snapshot("h", moved, "2", "10:00:00"))
    ruling = decide_link(HOLDS, link, NOW)
    assert ruling.link.status is Status.HELD
    assert f'"{stage.title()}" is {stage} in erp and would be opened again' in ruling.link.reason
    assert 'as "Lead": a person does that, or `reopen: allow`' in ruling.link.reason
    assert [draft.values for draft in ruling.drafts] == [{"remark": "called again"}]
    end = ruling.link.end(LEFT)
    assert end is not None and end.base["stage"].raws == ("sales", stage)


def test_without_the_setting_it_is_opened() -> None:
    allows = sync()
    left, right = closed()
    link = settled(allows, snapshot("h", left), snapshot("e", right))
    moved = {**left, "stage": "new"}
    link = reread(allows, link, LEFT, snapshot("h", moved, "2", "10:00:00"))
    (draft,) = decide_link(allows, link, NOW).drafts
    assert draft.values == {"funnel": "main", "state": "lead"}


def test_closing_and_moving_among_closed_or_open_stages_is_not_held() -> None:
    for before, after in (("new", "lost"), ("new", "talk"), ("lost", "won")):
        there = {"new": "lead", "talk": "offer"}.get(before, before)
        left, right = hub_deal(stage=before), erp_deal(state=there)
        link = settled(HOLDS, snapshot("h", left), snapshot("e", right))
        link = reread(HOLDS, link, LEFT, snapshot("h", {**left, "stage": after}, "2", "10:00:00"))
        ruling = decide_link(HOLDS, link, NOW)
        assert len(ruling.drafts) == 1, (before, after)


def test_a_person_who_opens_it_in_the_other_app_too_settles_it() -> None:
    left, right = closed()
    link = settled(HOLDS, snapshot("h", left), snapshot("e", right))
    opened = snapshot("h", {**left, "stage": "new"}, "2", "10:00:00")
    link = decide_link(HOLDS, reread(HOLDS, link, LEFT, opened), NOW).link
    there = snapshot("e", {**right, "state": "lead"}, "2", "11:00:00")
    ruling = decide_link(HOLDS, reread(HOLDS, link, RIGHT, there), NOW)
    assert ruling.drafts == ()
    assert ruling.link.status is Status.IN_SYNC


def test_a_mapping_that_opens_what_is_closed_is_held_too() -> None:
    mapping = PipelineSpec(
        left="sales", right="main", stages=(("won", "offer"), ("new", "lead"), ("lost", "lost"))
    )
    holds = sync(reopen=Reopen.HOLD, pipelines=(mapping,))
    left, right = closed()
    link = settled(holds, snapshot("h", left), snapshot("e", right))
    link = reread(holds, link, LEFT, snapshot("h", {**left, "stage": "won"}, "2", "10:00:00"))
    assert decide_link(holds, link, NOW).link.status is Status.HELD


def test_the_rule_is_told() -> None:
    assert rules(sync()) == ()
    assert rules(HOLDS) == (
        "closed deals that would be opened again wait for a person (reopen: hold)",
    )
