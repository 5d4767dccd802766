"""Empty values, defaults, length limits and rules by name, end to end (F22a)."""

from __future__ import annotations

import pytest

from tests.e2e.fields import add_property, in_erp, in_hubspot, story, told_of, with_fields
from tests.e2e.test_deals import new_deal
from tests.e2e.world import World

pytestmark = pytest.mark.timeout(180)


def reasons(world: World) -> set[tuple[str, str]]:
    counts = world.ask("status")["syncs"][0]["counts"]
    return {(one["status"], one["reason"]) for one in counts}


def test_f22a_an_emptied_value_stays_travels_or_asks_as_its_line_says(world: World) -> None:
    for name in ("kept", "asked"):
        add_property(world, name, "string", "text")
    with_fields(
        world,
        "{hubspot: kept, erp: comment}",
        "{hubspot: asked, erp: lost_reason, blank: ask}",
    )
    deal = new_deal(world, "Pumps", kept="A", asked="B")
    world.once()
    copy = world.pairs()[deal]
    world.edit_hubspot(deal, kept="")
    world.once()
    assert in_erp(world, copy, "comment") == ("A",)
    assert (
        told_of(world, deal, "kept=comment")["differs"] == "empty in hubspot; erp keeps its value"
    )
    with_fields(
        world,
        "{hubspot: kept, erp: comment, blank: propagate}",
        "{hubspot: asked, erp: lost_reason, blank: ask}",
    )
    world.edit_hubspot(deal, kept="C")
    world.once()
    world.edit_hubspot(deal, kept="", asked="")
    world.once()
    assert in_erp(world, copy, "comment", "lost_reason") == (None, "B")
    asked = "asked=lost_reason: the value was emptied: shall it be?"
    assert story(world, deal)["reason"] == asked
    assert ("held", asked) in reasons(world)
    assert told_of(world, deal, "kept=comment")["rule"] == "blank: propagate"


def test_f22a_rules_by_name_and_defaults_of_new_records(world: World) -> None:
    for name in ("ours", "first"):
        add_property(world, name, "string", "text")
    with_fields(
        world,
        "{hubspot: ours, erp: comment, rule: always hubspot, default: {erp: none yet}}",
        "{hubspot: first, erp: lost_reason, rule: prefer hubspot unless blank}",
        '{hubspot: closed_lost_reason, erp: nowhere, rule: "don\'t sync"}',
    )
    deal = new_deal(world, "Pumps", first="A")
    world.once()
    copy = world.pairs()[deal]
    assert in_erp(world, copy, "comment", "lost_reason") == ("none yet", "A")
    assert in_hubspot(world, deal, "ours") == (None,)
    world.edit_hubspot(deal, ours="Said here")
    world.edit_erp(copy, lost_reason="Unheard")
    world.once()
    assert in_erp(world, copy, "comment") == ("Said here",)
    assert in_hubspot(world, deal, "first") == ("A",)
    world.edit_erp(copy, comment="Put back")
    world.edit_hubspot(deal, first="")
    world.once()
    assert in_erp(world, copy, "comment") == ("Said here",)
    world.edit_erp(copy, lost_reason="Heard now")
    world.once()
    assert in_hubspot(world, deal, "first", "ours") == ("Heard now", "Said here")
    rule = told_of(world, deal, "first=lost_reason")["rule"]
    assert rule == "prefer hubspot unless blank"


def test_f15_a_text_that_is_too_long_is_refused_or_shortened_and_said_so(world: World) -> None:
    with_fields(world, "{hubspot: description, erp: comment}")
    deal = new_deal(world, "Pumps")
    world.once()
    copy = world.pairs()[deal]
    world.edit_erp(copy, comment="x" * 65_600)
    world.once()
    refusal = 'erp: field "comment": the text has 65600 characters, 65536 fit'
    assert ("failing", refusal) in reasons(world)
    with_fields(world, "{hubspot: description, erp: comment, too_long: shorten}")
    world.once()
    assert in_hubspot(world, deal, "description") == ("x" * 65_536,)
    field = told_of(world, deal, "description=comment")
    assert field["differs"] == "shortened to 65536 characters in hubspot"
    assert in_erp(world, copy, "comment") == ("x" * 65_600,)
    assert reasons(world) == {("in sync", "")}
