"""Edits that our write overwrote unseen are weighed by M6 and M7, never silent (H9, 6.3)."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from actors.audit import Audit, audit_write
from actors.deciding import Known, decide_link
from actors.intents import Done, Intent
from actors.links import Link
from actors.mapping.record import Sync
from actors.records import Edit
from actors.settling import settle_done
from actors.spec import Prefer, Rules
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
    snapshot,
    sync,
    us,
)

NOW = us("12:00:00")
TITLE = "name=title"


def overwritten(
    value: str | None, at: str, kept: Sync | None = None, offset: timedelta = timedelta(0)
) -> tuple[Sync, Link, Intent, Audit]:
    """Let left's B of 10:00 overwrite somebody's title on the right."""
    kept = kept or sync(NAME, NOTE)
    link = settled(kept, snapshot("L", hub_deal()), snapshot("R", erp_deal()))
    link = reread(kept, link, LEFT, snapshot("L", hub_deal(name="B"), "2", "10:00:00"))
    exact = {(LEFT, TITLE): us("10:00:00")}
    (draft,) = decide_link(kept, link, Known(now_us=NOW, exact=exact)).drafts
    writes = tuple(
        msgspec.structs.replace(one, edited=(us("10:00:00"), us("10:00:00"))) for one in draft.units
    )
    order = Intent(id=1, sync=kept.name, link=1, **msgspec.structs.asdict(draft))
    order = msgspec.structs.replace(order, units=writes)
    done = Done(stored=snapshot("R", erp_deal(title="B"), "3", "10:30:00"))
    link = settle_done(kept, link, order, done, NOW).link
    edits = {"title": Edit(value=value, at=moment(at))}
    found = audit_write(kept, link, order, done, edits, NOW, offset // timedelta(microseconds=1))
    return kept, link, order, found


@pytest.mark.parametrize("at", ["09:58:00", "10:05:00"])
def test_within_the_window_the_preferred_side_stays_and_the_conflict_is_recorded(at: str) -> None:
    _, _, _, found = overwritten("C", at)
    assert not found.drafts
    (conflict,) = found.conflicts
    assert (conflict.left, conflict.right) == (("B",), ("C",))
    assert (conflict.left_us, conflict.right_us) == (us("10:00:00"), us(at))
    assert (conflict.winner, conflict.outcome) == (LEFT, "copied")
    assert [(change.before, change.after, change.lost) for change in found.history] == [
        (("C",), ("B",), True)
    ]


def test_an_overwritten_edit_that_is_surely_later_is_put_back() -> None:
    kept, link, _, found = overwritten("C", "10:20:00")
    (draft,) = found.drafts
    assert (draft.side, draft.record_id, draft.values) == (RIGHT, "R", {"title": "C"})
    assert not found.conflicts
    # What was put back travels to the other side like any edit.
    order = Intent(id=2, sync=kept.name, link=1, **msgspec.structs.asdict(draft))
    done = Done(stored=snapshot("R", erp_deal(title="C"), "4", "10:31:00"))
    link = settle_done(kept, link, order, done, NOW).link
    (back,) = decide_link(kept, link, Known(now_us=NOW)).drafts
    assert (back.side, back.values) == (LEFT, {"name": "C"})


def test_an_overwritten_edit_that_is_surely_earlier_is_only_recorded() -> None:
    _, _, _, found = overwritten("C", "09:30:00")
    assert not found.drafts and not found.conflicts
    (change,) = found.history
    assert (change.before, change.side, change.record_id, change.lost) == (("C",), RIGHT, "R", True)


def test_the_preferred_side_wins_back_its_overwritten_edit() -> None:
    kept = sync(NAME, NOTE, rules=Rules(prefer=Prefer.RIGHT))
    _, _, _, found = overwritten("C", "10:02:00", kept)
    assert [draft.values for draft in found.drafts] == [{"title": "C"}]
    (conflict,) = found.conflicts
    assert (conflict.winner, conflict.outcome) == (RIGHT, "open")


def test_h20_the_clock_of_the_app_is_set_right_before_times_are_compared() -> None:
    _, _, _, found = overwritten("C", "10:20:00", offset=timedelta(minutes=30))
    assert not found.drafts  # it was made at 09:50 by our clock


def test_an_overwritten_edit_of_the_same_value_is_no_loss() -> None:
    _, _, _, found = overwritten("B", "10:02:00")
    assert not (found.drafts or found.conflicts or found.history)


def test_fields_that_nobody_edited_are_not_weighed() -> None:
    kept = sync(NAME, NOTE, AMOUNT)
    _, link, order, _ = overwritten("C", "10:02:00", kept)
    done = Done(stored=snapshot("R", erp_deal(title="B"), "3", "10:30:00"))
    found = audit_write(kept, link, order, done, {}, NOW, 0)
    assert found == Audit()


def test_a_unit_that_left_the_mapping_meanwhile_is_not_weighed() -> None:
    _, link, order, _ = overwritten("C", "10:02:00")
    done = Done(stored=snapshot("R", erp_deal(title="B"), "3", "10:30:00"))
    edits = {"title": Edit(value="C", at=moment("10:02:00"))}
    assert audit_write(sync(NOTE), link, order, done, edits, NOW, 0) == Audit()
