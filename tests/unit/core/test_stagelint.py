"""What a stage mapping is warned of (F13), and why a name does not show (F11)."""

from __future__ import annotations

from actors.mapping.lookup import describe_absence, find
from actors.mapping.stagelint import lint_stages, unmapped_stages
from actors.records import Side
from actors.schema import Closing, ObjectSchema, Pipeline, Stage
from actors.spec import Direction, PipelineSpec
from tests.support.builders import LEFT, RIGHT, SALES, erp, hub, pipeline, spec

OBJECTS = {LEFT: hub().objects[0], RIGHT: erp().objects[0]}


def messages(
    *stages: tuple[str, str],
    counts: dict[Side, dict[str, int]] | None = None,
    objects: dict[Side, ObjectSchema] | None = None,
    direction: Direction = Direction.BOTH,
) -> list[str]:
    mapping = PipelineSpec(left="sales", right="main", stages=stages)
    asked = spec(pipelines=(mapping,), direction=direction)
    return [one.message for one in lint_stages(asked, objects or OBJECTS, counts or {})]


def test_a_whole_mapping_is_not_warned_of() -> None:
    assert lint_stages(spec(), OBJECTS, {}) == ()
    assert SALES.stages == (("new", "lead"), ("talk", "offer"), ("won", "won"), ("lost", "lost"))


def test_unmapped_stages_that_hold_deals_are_counted() -> None:
    pairs = (("new", "lead"), ("won", "won"), ("lost", "lost"))
    counts = {LEFT: {"talk": 12, "new": 5}, RIGHT: {"offer": 1}}
    assert messages(*pairs, counts=counts) == [
        'hub: "Talk" is not mapped and holds 12 deals, which do not sync',
        'erp: "Offer" is not mapped and holds 1 deal, which does not sync',
    ]
    assert messages(*pairs, counts={LEFT: {"talk": 0}}) == []
    mapping = PipelineSpec(left="sales", right="main", stages=pairs)
    (found,) = unmapped_stages(spec(pipelines=(mapping, mapping)), OBJECTS, LEFT)
    assert (found[0], found[1].id) == (0, "talk")


def test_a_pipeline_without_a_won_or_lost_stage_is_warned_of() -> None:
    (message,) = messages(("new", "lead"), ("talk", "offer"), ("won", "won"))
    assert message.startswith("no lost stage is mapped (erp: Lost, hub: Lost); deletes do not")


def test_a_stage_of_another_class_is_warned_of_once_with_what_it_does() -> None:
    reopening = messages(("won", "offer"), ("new", "lead"), ("lost", "lost"))
    assert reopening == [
        '"Won" is won in hub, but "Offer" is open in erp: '
        "a deal that was won is opened again there, closed or not"
    ]
    turned = messages(("won", "lost"), ("lost", "won"))
    assert turned == [
        '"Won" is won in hub, but "Lost" is lost in erp: a deal that was won counts as lost there',
        '"Lost" is lost in hub, but "Won" is won in erp: a deal that was lost counts as won there',
    ]
    closing = messages(("new", "won"), ("won", "won"), ("lost", "lost"))
    assert closing[0].startswith('"New" is open in hub, but "Won" is won in erp: a deal that is')


def test_a_one_way_sync_is_judged_by_what_it_writes() -> None:
    (message,) = messages(("won", "offer"), ("lost", "lost"), direction=Direction.TO_LEFT)
    assert message == (
        '"Offer" is open in erp, but "Won" is won in hub: '
        "a deal that is still open counts as won there"
    )


def test_stages_that_do_not_come_back_are_named() -> None:
    pairs = (("new", "lead"), ("talk", "lead"), ("won", "won"), ("lost", "lost"))
    assert messages(*pairs) == [
        'hub "Talk" becomes "Lead" in erp, which comes back as "New": '
        "a deal moved in erp never gets here"
    ]
    assert messages(*pairs, direction=Direction.TO_RIGHT) == []
    both = (("new", "lead"), ("new", "offer"), ("talk", "lead"), ("won", "won"), ("lost", "lost"))
    assert len(messages(*both)) == 2


def test_stages_that_no_client_reaches_are_named_once() -> None:
    lines = pipeline("main", "lead", "offer", "won", "lost")
    locked = Stage(
        id="won", label="Won", closing=Closing.WON, reachable=False, unreachable="confirm the sale"
    )
    stages = tuple(locked if one.id == "won" else one for one in lines.stages)
    changed = Pipeline(id="main", label="Main", stages=stages)
    objects = OBJECTS | {
        RIGHT: ObjectSchema(name="deals", native="d", fields=(), pipelines=(changed,))
    }
    pairs = (("new", "lead"), ("talk", "offer"), ("won", "won"), ("lost", "lost"))
    assert messages(*pairs, objects=objects) == [
        'erp: tieline cannot move a deal to "Won": confirm the sale'
    ]
    assert messages(*pairs, objects=objects, direction=Direction.TO_LEFT) == []


def test_what_is_not_there_is_left_to_the_compiler() -> None:
    assert messages(("new", "nowhere"), ("won", "won"), ("lost", "lost")) == []
    missing = PipelineSpec(left="none", right="main", stages=(("new", "lead"),))
    told = lint_stages(spec(pipelines=(missing,)), OBJECTS, {})
    assert all(one.path[:2] == ("pipelines", 0) for one in told)


def test_an_absence_is_told_with_its_cause() -> None:
    lines = OBJECTS[LEFT].pipelines
    assert find("SALES ", lines) is lines[0]
    assert find("former", lines) is None
    archived = describe_absence("hub has no pipeline", "Former", lines)
    assert archived.startswith('hub has no pipeline "Former" any more: it is archived')
    typo = describe_absence("hub has no pipeline", "Salse", lines)
    assert typo.endswith('it has "Sales", "Service". Did you mean "Sales"?')
    other = describe_absence("hub has no pipeline", "Rentals 2027", lines)
    assert other.endswith('it has "Sales", "Service"')
    assert "may tieline read it?" in describe_absence("hub has no pipeline", "Any", ())
