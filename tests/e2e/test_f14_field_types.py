"""Fields of different kinds between the sandbox and a real Tryton (F14)."""

from __future__ import annotations

import pytest

from tests.e2e.fields import add_property, in_erp, in_hubspot, with_fields
from tests.e2e.test_deals import new_deal
from tests.e2e.world import World

pytestmark = pytest.mark.timeout(180)


def test_f14_kinds_are_compared_as_they_mean_and_each_app_keeps_its_own_spelling(
    world: World,
) -> None:
    add_property(world, "deal_phone", "string", "phonenumber")
    add_property(world, "seats", "number", "number")
    with_fields(
        world,
        "{hubspot: deal_phone, erp: comment}",
        "{hubspot: seats, erp: lost_reason, direction: to-erp}",
    )
    deal = new_deal(world, "Pumps", deal_phone="+1 (555) 010-0000", seats="25")
    world.once()
    copy = world.pairs()[deal]
    assert in_erp(world, copy, "comment", "lost_reason") == ("+1 (555) 010-0000", "25")
    world.edit_erp(copy, comment="+15550100000", lost_reason="mine")
    last = world.last_call()
    world.once()
    assert world.hubspot_writes(last) == []
    assert in_hubspot(world, deal, "deal_phone", "seats") == ("+1 (555) 010-0000", "25")
    world.edit_erp(copy, comment="+1 555 010 0001")
    world.once()
    assert in_hubspot(world, deal, "deal_phone") == ("+1 555 010 0001",)
    stamp = world.last_erp_change()
    world.once()
    assert world.last_erp_change() == stamp


def test_f14_what_does_not_map_is_refused_with_its_place_and_the_reason(world: World) -> None:
    add_property(world, "seats", "number", "number")
    with_fields(
        world,
        "{hubspot: dealtype, erp: conversion_probability}",
        "{hubspot: seats, erp: comment}",
    )
    text = (world.folder / "tieline.yaml").read_text().splitlines()
    problems = world.ask("check")["problems"]
    assert [text[one["line"] - 1].strip() for one in problems] == [
        "- {hubspot: dealtype, erp: conversion_probability}",
        "- {hubspot: seats, erp: comment}",
    ]
    assert "these cannot be mapped" in problems[0]["message"]
    assert problems[1]["message"] == (
        "a number can be written as a text, but a text cannot be read as a number: "
        "map it one way with `direction: to-erp`"
    )
    assert {one["fit"] for one in world.ask("types")["pairs"]} == {
        "two-way",
        "one-way",
        "one-way as text",
        "not",
    }
