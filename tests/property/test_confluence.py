"""I12: the order, the repetition and the batching of deliveries do not change where a pair ends."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from actors.records import Side, Snapshot
from actors.values import Raw
from tests.support.builders import AMOUNT, LEFT, NAME, NOTE, RIGHT, erp_deal, hub_deal, sync
from tests.support.scene import Scene

SYNC = sync(NAME, NOTE, AMOUNT)
FIELDS = {
    LEFT: ["name", "note", "amount", "stage"],
    RIGHT: ["title", "remark", "amount", "state"],
}
TEXTS: dict[str, list[Raw]] = {
    "amount": ["1", "2", "2.50", None],
    "stage": ["new", "talk", "won"],
    "state": ["lead", "offer", "won"],
}
PLAIN: list[Raw] = ["A", "B", "C", None]


@dataclass
class Edit:
    """Somebody sets a field at a minute of the morning."""

    side: Side
    minute: int
    field: str
    value: Raw


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    side = draw(st.sampled_from(Side))
    field = draw(st.sampled_from(FIELDS[side]))
    value = draw(st.sampled_from(TEXTS.get(field, PLAIN)))
    return Edit(side=side, minute=draw(st.integers(0, 59)), field=field, value=value)


def play(story: list[Edit]) -> tuple[Scene, dict[Side, list[Snapshot]]]:
    """Let the edits happen; return the snapshots that an app could have served on the way."""
    scene = Scene(SYNC, hub_deal(), erp_deal())
    served: dict[Side, list[Snapshot]] = {side: [scene.records[side].snapshot()] for side in Side}
    for edit in sorted(story, key=lambda one: one.minute):
        scene.edit(edit.side, f"10:{edit.minute:02}:00", **{edit.field: edit.value})
        served[edit.side].append(scene.records[edit.side].snapshot())
    return scene, served


def outcome(scene: Scene) -> object:
    """Return where the pair ended: values, and what was recorded on the way."""
    conflicts = {
        (one.unit, one.left, one.right, one.left_us, one.right_us, one.winner)
        for one in scene.conflicts
    }
    lost = {(one.unit, one.side, one.before) for one in scene.history if one.lost}
    return (
        {side: scene.records[side].values for side in Side},
        conflicts,
        lost,
        scene.link.status,
    )


@given(st.lists(edits(), max_size=6), st.data())
def test_i12_old_doubled_and_shuffled_snapshots_change_nothing(
    story: list[Edit], data: st.DataObject
) -> None:
    straight, _ = play(story)
    straight.settle()
    shuffled, served = play(story)
    every = [(side, snapshot) for side in Side for snapshot in served[side]]
    for side, snapshot in data.draw(st.lists(st.sampled_from(every), max_size=12)):
        shuffled.observe(side, snapshot)
    shuffled.settle()
    late = data.draw(st.lists(st.sampled_from(every), max_size=6))
    for side, snapshot in late:  # a replica that is behind, after all is done
        shuffled.observe(side, snapshot)
    shuffled.settle()
    assert outcome(shuffled) == outcome(straight)


@given(st.lists(edits(), max_size=8))
def test_i1_any_edits_come_to_rest_and_a_second_pass_writes_nothing(story: list[Edit]) -> None:
    scene, _ = play(story)
    scene.settle()
    writes = len(scene.writes)
    scene.settle()
    assert len(scene.writes) == writes
    left, right = scene.records[LEFT].values, scene.records[RIGHT].values
    for unit in SYNC.units:
        there, here = unit.raws(LEFT, left), unit.raws(RIGHT, right)
        is_blank = unit.is_blank(LEFT, there) or unit.is_blank(RIGHT, here)
        assert unit.agree(there, here) or is_blank


@given(st.lists(edits(), max_size=6), st.data())
def test_i3_whatever_was_said_last_survives_or_is_on_record(
    story: list[Edit], data: st.DataObject
) -> None:
    """The last value that each side's people left in a field is on both sides, or was recorded."""
    scene, _ = play(story)
    said = {side: dict(scene.records[side].values) for side in Side}
    touched = {(one.side, one.field) for one in story}
    scene.settle()
    recorded = {(one.side, one.unit, one.before) for one in scene.history}
    for unit in SYNC.units:
        for side in Side:
            mine = unit.raws(side, said[side])
            names = {member.name for member in unit.members(side)}
            if unit.is_blank(side, mine) or not names & {f for s, f in touched if s is side}:
                continue
            now = unit.raws(side, scene.records[side].values)
            assert unit.same(side, now, mine) or (side, unit.key, mine) in recorded
