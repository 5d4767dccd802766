"""Stages, many to many: moves and new mappings come to rest at once, for any pair of mappings.

The laws of the relation itself are in `test_relations`; here deals are moved by people and the
mapping is changed under them, through the merge that the live run uses.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from actors.links import Base
from actors.mapping.relations import Pairs
from actors.mapping.units import Unit
from actors.merge import Copy, Observed, Settle, decide_unit
from actors.records import Side
from actors.spec import Direction, Prefer
from actors.values import Kind, Raw
from tests.support.builders import LEFT, RIGHT, unit

Place = tuple[str, str]
PLACES = {
    LEFT: [(line, stage) for line in "pq" for stage in "abc"],
    RIGHT: [(line, stage) for line in "pq" for stage in "xyz"],
}
KINDS = ((Kind.ENUM, Kind.ENUM), (Kind.ENUM, Kind.ENUM))

pairs = st.lists(
    st.tuples(st.sampled_from(PLACES[LEFT]), st.sampled_from(PLACES[RIGHT])),
    min_size=1,
    max_size=12,
    unique=True,
).map(tuple)
moves = st.one_of(
    st.tuples(st.just(LEFT), st.sampled_from(PLACES[LEFT])),
    st.tuples(st.just(RIGHT), st.sampled_from(PLACES[RIGHT])),
)


def stage_unit(listed: tuple[tuple[Place, Place], ...], version: int, direction: Direction) -> Unit:
    relation = Pairs(pairs=listed, what="stage")
    return unit(relation, kinds=KINDS, version=version, direction=direction, prefer=Prefer.LEFT)


@dataclass
class Deal:
    """A linked deal: where it stands on each side, and the bases."""

    at: dict[Side, Place]
    base: dict[Side, Base] = field(default_factory=dict)

    def settle(self, stages: Unit, sides: tuple[Side, ...]) -> None:
        for side in sides:
            raws: tuple[Raw, ...] = self.at[side]
            self.base[side] = Base(stages.version, raws)

    def is_in_scope(self, stages: Unit) -> bool:
        relation = stages.relation
        assert isinstance(relation, Pairs)
        mapped = {
            LEFT: {one for one, _ in relation.pairs},
            RIGHT: {two for _, two in relation.pairs},
        }
        return all(self.at[side] in mapped[side] for side in Side)

    def come_to_rest(self, stages: Unit) -> int:
        """Decide and write until nothing is left; return the number of writes."""
        for writes in range(3):
            seen = {s: Observed(now=self.at[s], base=self.base.get(s)) for s in Side}
            decision = decide_unit(stages, seen[LEFT], seen[RIGHT])
            if isinstance(decision, Settle):
                self.settle(stages, decision.sides)
            if not isinstance(decision, Copy):
                return writes
            line, stage = decision.sent
            assert line is not None and stage is not None
            self.at[decision.source.other] = (line, stage)
            self.settle(stages, (LEFT, RIGHT))
        raise AssertionError(f"it does not come to rest: {self}")


directions = st.sampled_from(list(Direction))


@given(pairs, directions, st.lists(moves, min_size=1, max_size=8), st.data())
def test_every_move_is_followed_by_at_most_one_write_and_never_undone(
    listed: tuple[tuple[Place, Place], ...],
    direction: Direction,
    way: list[tuple[Side, Place]],
    data: st.DataObject,
) -> None:
    stages = stage_unit(listed, 1, direction)
    left, right = data.draw(st.sampled_from(listed))
    deal = Deal(at={LEFT: left, RIGHT: right})
    deal.settle(stages, (LEFT, RIGHT))
    for side, place in way:
        deal.at[side] = place
        if not deal.is_in_scope(stages):
            continue  # excluded: nothing is decided, the bases stay
        before = dict(deal.at)
        assert deal.come_to_rest(stages) <= 1
        moved = [one for one in Side if deal.at[one] != before[one]]
        assert all(direction.allows(one) for one in moved)
        if direction is Direction.BOTH:
            assert stages.agree(deal.at[LEFT], deal.at[RIGHT])
        if direction is Direction.BOTH and stages.agree(before[LEFT], before[RIGHT]):
            assert moved == []  # what agrees is not touched, whoever moved it
        assert deal.come_to_rest(stages) == 0


@given(pairs, pairs, directions, st.data())
def test_another_mapping_moves_a_deal_at_most_once_and_back_again_at_most_once(
    first: tuple[tuple[Place, Place], ...],
    second: tuple[tuple[Place, Place], ...],
    direction: Direction,
    data: st.DataObject,
) -> None:
    left, right = data.draw(st.sampled_from(first))
    deal = Deal(at={LEFT: left, RIGHT: right})
    deal.settle(stage_unit(first, 1, direction), (LEFT, RIGHT))
    for version, listed in enumerate((second, first, second, first), 2):
        stages = stage_unit(listed, version, direction)
        if not deal.is_in_scope(stages):
            continue
        before = dict(deal.at)
        assert deal.come_to_rest(stages) <= 1
        if stages.agree(before[LEFT], before[RIGHT]):
            assert deal.at == before
        assert deal.come_to_rest(stages) == 0
