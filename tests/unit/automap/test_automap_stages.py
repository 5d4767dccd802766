"""Which stages are proposed; whatever they are called, a won one never for a lost one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.schema import Closing, Pipeline, Stage
from daemon.automap.proposals import SHOWN_FROM, StageProposal
from daemon.automap.stages import propose_stages
from tests.support.automap_set import StageCase, stage_cases

WORDS = sorted({stage.label for case in stage_cases() for stage in case.left.stages})
OPPOSITES = {Closing.WON, Closing.LOST}


def pipeline(*stages: str, **more: Closing) -> Pipeline:
    """Open stages by label, then others by class; a stage's id is its label."""
    found = [Stage(id=label, label=label) for label in stages]
    found += [Stage(id=label, label=label, closing=closing) for label, closing in more.items()]
    return Pipeline(id="p", label="p", stages=tuple(found))


def pairs(found: tuple[StageProposal, ...]) -> set[tuple[str, str]]:
    return {(one.left.id, one.right.id) for one in found}


stages = st.builds(
    Stage,
    id=st.uuids().map(str),
    label=st.sampled_from(WORDS) | st.text(max_size=20),
    closing=st.sampled_from(Closing),
    probability=st.none() | st.floats(0, 1),
    reachable=st.booleans(),
    archived=st.booleans(),
)
pipelines = st.builds(
    Pipeline,
    id=st.just("p"),
    label=st.just("p"),
    stages=st.lists(stages, max_size=7, unique_by=lambda one: one.id).map(tuple),
)


@given(pipelines, pipelines, st.data())
def test_whatever_stages_are_called_their_classes_never_contradict(
    left: Pipeline, right: Pipeline, data: st.DataObject
) -> None:
    every = [(one.id, two.id) for one in left.stages for two in right.stages]
    taken = data.draw(st.sets(st.sampled_from(every), max_size=3)) if every else set()
    found = propose_stages(left, right, taken)
    for one in found:
        assert {one.left.closing, one.right.closing} != OPPOSITES
        assert SHOWN_FROM <= one.score <= 1
        assert one.reasons
        assert not one.left.archived
        assert not one.right.archived
    assert not pairs(found) & taken
    alone = [one for one in found if not one.is_shared]
    assert len({one.left.id for one in alone}) == len({one.right.id for one in alone}) == len(alone)
    assert len(pairs(found)) == len(found)


def test_on_the_labelled_set_no_won_stage_is_proposed_for_a_lost_one() -> None:
    cases: list[StageCase] = list(stage_cases())
    for case in cases:
        for one in propose_stages(case.left, case.right):
            assert {one.left.closing, one.right.closing} != OPPOSITES, (case.name, one)
    assert len(cases) > 200


def test_a_name_that_says_won_does_not_go_with_a_lost_stage_or_an_open_one() -> None:
    left = pipeline("Negotiation", **{"Closed Won": Closing.LOST})
    right = pipeline("Closed Won", "Negotiation", Won=Closing.WON)
    assert pairs(propose_stages(left, right)) == {("Negotiation", "Negotiation")}


def test_where_an_app_has_no_classes_the_name_tells_but_a_person_must_look() -> None:
    left = pipeline("Talks", "Gewonnen", "Verloren")
    right = pipeline("Talks", Won=Closing.WON, Lost=Closing.LOST)
    found = {(one.left.id, one.right.id): one for one in propose_stages(left, right)}
    assert found.keys() == {("Talks", "Talks"), ("Gewonnen", "Won"), ("Verloren", "Lost")}
    assert found["Gewonnen", "Won"].score < 0.75
    assert "only by name" in found["Gewonnen", "Won"].reasons[1]


def test_meaning_goes_across_languages() -> None:
    left = pipeline("Erstkontakt", "Bedarfsanalyse", "Angebot erstellt", "Verhandlung")
    right = pipeline("Premier contact", "Analyse des besoins", "Devis envoyé", "Négociation")
    found = propose_stages(left, right)
    assert [one.right.label for one in found] == [one.label for one in right.stages]
    assert min(one.score for one in found) > 0.9


def test_order_and_probability_speak_for_or_against_a_pair() -> None:
    near = propose_stages(pipeline("Proposal", "X", "Y"), pipeline("Proposal", "V", "W"))
    far = propose_stages(pipeline("Proposal", "X", "Y"), pipeline("V", "W", "Proposal"))
    assert near[0].score > far[0].score
    assert "about as far in the pipeline" in near[0].reasons
    assert "but far apart in the pipelines" in far[0].reasons
    likely, unlikely = (
        Pipeline(
            id="p", label="p", stages=(Stage(id="a", label="Proposal", probability=probability),)
        )
        for probability in (0.9, 0.1)
    )
    (same,), (other,) = propose_stages(likely, likely), propose_stages(likely, unlikely)
    assert same.score > other.score
    assert "probability 90% and 10%" in other.reasons


def test_several_stages_may_share_one() -> None:
    left = pipeline(Lost=Closing.LOST, Cancelled=Closing.LOST)
    right = pipeline(Lost=Closing.LOST)
    first, shared = propose_stages(left, right)
    assert (first.left.id, first.is_shared) == ("Lost", False)
    assert (shared.left.id, shared.right.id, shared.is_shared) == ("Cancelled", "Lost", True)


def test_a_new_stage_may_share_one_that_is_mapped_already() -> None:
    left = pipeline(Lost=Closing.LOST, Cancelled=Closing.LOST)
    right = pipeline(Lost=Closing.LOST)
    (found,) = propose_stages(left, right, [("Lost", "Lost")])
    assert (found.left.id, found.right.id, found.is_shared) == ("Cancelled", "Lost", True)


def test_what_tieline_cannot_move_a_record_into_is_no_sure_thing() -> None:
    left = pipeline("Converted")
    right = Pipeline(
        id="p",
        label="p",
        stages=(Stage(id="c", label="Converted", reachable=False, unreachable="by a sale only"),),
    )
    (found,) = propose_stages(left, right)
    assert found.score < 0.75
    assert "by a sale only" in found.reasons
