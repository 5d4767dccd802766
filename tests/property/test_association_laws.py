"""Laws of merging sets of linked records: nothing added is lost, nothing removed comes back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from actors.associations import Partners, decide_association
from actors.links import Base
from actors.mapping.linked import Linked, ids_of, raws_of
from actors.mapping.units import Association, Member, Unit
from actors.merge import Ask, Copy, Nothing, Observed, Raws, Settle
from actors.records import Side
from actors.spec import Direction, Drift, Prefer, Rules
from actors.values import Kind

LEFT, RIGHT = Side.LEFT, Side.RIGHT
MEMBERS = range(5)
PREFIX = {LEFT: "l", RIGHT: "r"}


def make_unit(
    *,
    single: frozenset[Side] = frozenset(),
    removals: bool = True,
    direction: Direction = Direction.BOTH,
    rules: Rules | None = None,
) -> Unit:
    members = {
        side: Member(name="n", kind=Kind.REFERENCE if side in single else Kind.MULTI_REFERENCE)
        for side in Side
    }
    return Unit(
        key="n=n",
        version=1,
        left=(members[LEFT],),
        right=(members[RIGHT],),
        relation=Linked(),
        direction=direction,
        rules=rules or Rules(),
        association=Association(object="contacts", removals=removals),
    )


@dataclass
class Pair:
    """Two records whose sets people and the merge change; `linked` are members that count."""

    unit: Unit
    linked: set[int] = field(default_factory=lambda: set(MEMBERS))
    held: dict[Side, Raws] = field(default_factory=lambda: {LEFT: (None,), RIGHT: (None,)})
    bases: dict[Side, Base | None] = field(default_factory=lambda: {LEFT: None, RIGHT: None})
    wrote: list[Side] = field(default_factory=list)

    def members(self, side: Side) -> set[int]:
        return {int(one[1:]) for one in ids_of(self.held[side])}

    def change(self, side: Side, one: int, *, is_added: bool) -> None:
        wanted = self.members(side) | {one} if is_added else self.members(side) - {one}
        is_one = self.unit.members(side)[0].kind is Kind.REFERENCE
        kept = {one} if is_one and is_added else wanted
        self.held[side] = raws_of(f"{PREFIX[side]}{k}" for k in sorted(kept))

    @property
    def partners(self) -> Partners:
        ids = {
            ("contacts", side, f"{PREFIX[side]}{k}"): f"{PREFIX[side.other]}{k}"
            for side in Side
            for k in self.linked
        }
        return Partners(ids=ids)

    def decide(self) -> Copy | Settle | Nothing | Ask:
        sides = [Observed(now=self.held[side], base=self.bases[side]) for side in Side]
        decision = decide_association(self.unit, sides[0], sides[1], self.partners)
        assert isinstance(decision, Copy | Settle | Nothing | Ask)
        return decision

    def settle(self, decision: Copy | Settle) -> None:
        if isinstance(decision, Copy):
            self.wrote.append(decision.source.other)
            self.held[decision.source.other] = decision.sent
        for side, raws in decision.bases.items():
            self.bases[side] = Base(1, raws)

    def sync(self, rounds: int = 6) -> None:
        """Decide and write until nothing is left to do; fail if that does not come."""
        for _ in range(rounds):
            decision = self.decide()
            if not isinstance(decision, Copy | Settle):
                return
            self.settle(decision)
        raise AssertionError(f"still busy: {self.held} {self.bases}")


edits = st.tuples(
    st.sampled_from(["add", "drop"]), st.sampled_from(list(Side)), st.sampled_from(MEMBERS)
)
toggles = st.tuples(st.just("toggle"), st.just(LEFT), st.sampled_from(MEMBERS))
syncs = st.tuples(st.just("sync"), st.just(LEFT), st.just(0))
Step = tuple[str, Side, int]


def play(pair: Pair, steps: Iterable[Step]) -> None:
    for word, side, one in steps:
        match word:
            case "toggle":
                pair.linked ^= {one}
            case "sync":
                pair.sync()
            case _:
                pair.change(side, one, is_added=word == "add")


@given(st.lists(st.one_of(edits, toggles, syncs), max_size=25))
def test_each_linked_member_is_merged_three_ways_and_others_are_left_alone(
    steps: list[Step],
) -> None:
    """An oracle that knows no sets: what was settled falls to a removal, what was not is added."""
    pair = Pair(make_unit())
    settled: dict[int, bool] = {}
    for step in [*steps, ("sync", LEFT, 0)]:
        before = {side: pair.members(side) for side in Side}
        play(pair, [step])
        if step[0] != "sync":
            continue
        for one in MEMBERS:
            had = [one in before[side] for side in Side]
            has = [one in pair.members(side) for side in Side]
            if one not in pair.linked:
                assert has == had, "what has no counterpart was touched"
                continue
            wanted = all(had) if settled.get(one) else any(had)
            assert has == [wanted, wanted]
            settled[one] = wanted


@given(st.lists(edits, max_size=12), st.lists(edits, max_size=12), st.booleans())
def test_the_order_in_which_edits_become_known_makes_no_difference(
    first: list[Step], then: list[Step], is_left_first: bool
) -> None:
    at_once, one_by_one = Pair(make_unit()), Pair(make_unit())
    for pair in (at_once, one_by_one):
        play(pair, [*first, ("sync", LEFT, 0)])
    play(at_once, then)
    at_once.sync()
    # The same edits, of which one side's are seen and merged before the other side's.
    early = LEFT if is_left_first else RIGHT
    final = {side: Pair(make_unit(), held=dict(one_by_one.held)) for side in Side}
    for side in Side:
        play(final[side], [step for step in then if step[1] is side])
    met = {one for _, _, one in then if _clash(one_by_one, final, one)}
    one_by_one.held[early] = final[early].held[early]
    one_by_one.sync()
    late = early.other
    gained = final[late].members(late) - final[early].members(late)
    lost = final[early].members(late) - final[late].members(late)
    for one in gained:
        one_by_one.change(late, one, is_added=True)
    for one in lost:
        one_by_one.change(late, one, is_added=False)
    one_by_one.sync()
    for side in Side:
        assert at_once.members(side) - met == one_by_one.members(side) - met


def _clash(start: Pair, final: dict[Side, Pair], one: int) -> bool:
    """Both sides changed the member: the same way, or not at all in the end."""
    return all((one in start.members(s)) != (one in final[s].members(s)) for s in Side)


@given(st.lists(st.one_of(edits, toggles, syncs), max_size=25))
def test_where_removals_are_kept_the_merge_never_removes(steps: list[Step]) -> None:
    pair = Pair(make_unit(removals=False))
    for step in [*steps, ("sync", LEFT, 0)]:
        before = {side: pair.members(side) for side in Side}
        play(pair, [step])
        if step[0] == "sync":
            assert all(pair.members(side) >= before[side] for side in Side)


@given(
    st.lists(st.one_of(edits, toggles, syncs), max_size=25),
    st.sampled_from([Direction.TO_LEFT, Direction.TO_RIGHT]),
    st.sampled_from(list(Drift)),
)
def test_a_one_way_merge_never_writes_its_source(
    steps: list[Step], direction: Direction, drift: Drift
) -> None:
    pair = Pair(make_unit(direction=direction, rules=Rules(drift=drift)))
    play(pair, [*steps, ("sync", LEFT, 0)])
    target = RIGHT if direction is Direction.TO_RIGHT else LEFT
    assert set(pair.wrote) <= {target}


@given(st.lists(st.one_of(edits, toggles, syncs), max_size=25))
def test_a_one_way_merge_keeps_what_its_target_added(steps: list[Step]) -> None:
    pair = Pair(make_unit(direction=Direction.TO_RIGHT))
    own: set[int] = set()
    for step in [*steps, ("sync", LEFT, 0)]:
        word, side, one = step
        is_new = one not in pair.members(LEFT) | pair.members(RIGHT)
        play(pair, [step])
        if word == "add" and side is LEFT:
            own.discard(one)  # the source says it as well
        elif word == "add" and is_new:
            own.add(one)
        elif word == "drop":
            own.discard(one)
        assert own <= pair.members(RIGHT)


SINGLES = st.sampled_from([frozenset({LEFT}), frozenset({RIGHT}), frozenset({LEFT, RIGHT})])
RULES = st.builds(Rules, prefer=st.sampled_from(list(Prefer)), drift=st.sampled_from(list(Drift)))


@given(
    SINGLES,
    st.sampled_from(list(Direction)),
    RULES,
    st.lists(st.one_of(edits, toggles, syncs), max_size=25),
)
def test_a_side_that_holds_one_never_gets_two_and_comes_to_rest(
    single: frozenset[Side], direction: Direction, rules: Rules, steps: list[Step]
) -> None:
    pair = Pair(make_unit(single=single, direction=direction, rules=rules))
    for step in [*steps, ("sync", LEFT, 0)]:
        play(pair, [step])
        assert all(len(pair.members(side)) <= 1 for side in single)


@given(st.lists(st.one_of(edits, syncs), max_size=25))
def test_setting_a_single_reference_removes_only_what_came_from_it(steps: list[Step]) -> None:
    """The right side holds one record, the left one several (a deal's companies, its party)."""
    pair = Pair(make_unit(single=frozenset({RIGHT})))
    for step in [*steps, ("sync", LEFT, 0)]:
        if step[0] != "sync":
            play(pair, [step])
            continue
        base = pair.bases[RIGHT]
        said = {int(one[1:]) for one in ids_of(base.raws)} if base is not None else set()
        before = pair.members(LEFT)
        play(pair, [step])
        assert before - pair.members(LEFT) <= said
        assert pair.members(RIGHT) <= pair.members(LEFT)


@given(st.lists(st.one_of(edits, syncs), max_size=25))
def test_two_single_references_say_the_same_in_the_end(steps: list[Step]) -> None:
    pair = Pair(make_unit(single=frozenset(Side), rules=Rules(prefer=Prefer.RIGHT)))
    play(pair, [*steps, ("sync", LEFT, 0)])
    assert pair.members(LEFT) == pair.members(RIGHT)


def test_the_preferred_side_of_two_single_references_wins_and_the_other_is_on_record() -> None:
    pair = Pair(make_unit(single=frozenset(Side), rules=Rules(prefer=Prefer.RIGHT)))
    pair.change(LEFT, 1, is_added=True)
    pair.change(RIGHT, 2, is_added=True)
    decision = pair.decide()
    assert isinstance(decision, Copy)
    assert (decision.source, decision.sent, decision.lost) == (RIGHT, ("l2",), ("l1",))


def test_a_person_is_asked_where_two_single_references_differ_and_none_is_preferred() -> None:
    unit = make_unit(single=frozenset(Side), rules=Rules(prefer=Prefer.ASK))
    pair = Pair(unit)
    pair.change(LEFT, 1, is_added=True)
    pair.change(RIGHT, 2, is_added=True)
    assert isinstance(pair.decide(), Ask)


def test_a_required_reference_is_not_emptied() -> None:
    unit = make_unit(single=frozenset({RIGHT}))
    required = msgspec.structs.replace(unit.right[0], required=True)
    pair = Pair(msgspec.structs.replace(unit, right=(required,)))
    pair.change(LEFT, 1, is_added=True)
    pair.sync()
    pair.change(LEFT, 1, is_added=False)
    pair.sync()
    assert pair.members(RIGHT) == {1}
    assert pair.members(LEFT) == set()
    pair.change(LEFT, 2, is_added=True)
    pair.sync()
    assert pair.members(RIGHT) == {2}
