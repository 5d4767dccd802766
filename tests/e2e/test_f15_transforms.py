"""Transforms of values between the sandbox and a real Tryton (F15)."""

from __future__ import annotations

import pytest

from tests.e2e.fields import add_property, in_erp, in_hubspot, with_fields
from tests.e2e.test_deals import new_deal
from tests.e2e.world import World

pytestmark = pytest.mark.timeout(180)

LINES = (
    "{hubspot: [first, last], erp: comment}",
    "{hubspot: chance, erp: conversion_probability, scale: 0.01}",
    '{erp: lost_reason, template: "{dealname} ({chance} %)[ - {last}]"}',
)


def test_f15_names_are_split_and_joined_percents_scaled_and_templates_filled(world: World) -> None:
    for name in ("first", "last"):
        add_property(world, name, "string", "text")
    add_property(world, "chance", "number", "number")
    add_property(world, "origin", "string", "text")
    with_fields(world, *LINES, "{hubspot: origin, constant: Tryton}")
    deal = new_deal(world, "Pumps", first="Ada", last="Lovelace", chance="25")
    world.once()
    copy = world.pairs()[deal]
    names = ("comment", "conversion_probability", "lost_reason")
    assert in_erp(world, copy, *names) == ("Ada Lovelace", 0.25, "Pumps (25 %) - Lovelace")
    assert in_hubspot(world, deal, "origin") == ("Tryton",)
    world.edit_erp(copy, comment="Ada King Noel", conversion_probability=0.5, lost_reason="mine")
    world.once()
    said = in_hubspot(world, deal, "first", "last", "chance")
    assert said[:2] == ("Ada", "King Noel")
    assert said[2] is not None and float(said[2]) == 50
    assert in_erp(world, copy, *names)[:2] == ("Ada King Noel", 0.5)
    last, stamp = world.last_call(), world.last_erp_change()
    world.once()
    assert world.hubspot_writes(last) == []
    assert world.last_erp_change() == stamp


def test_f15_what_cannot_be_undone_is_refused_both_ways_with_the_reason(world: World) -> None:
    line = '{erp: comment, template: "{dealname}", direction: both}'
    with_fields(world, line)
    (problem,) = world.ask("check")["problems"]
    text = (world.folder / "tieline.yaml").read_text().splitlines()
    assert text[problem["line"] - 1].strip() == f"- {line}"
    assert text[problem["line"] - 1][problem["column"] - 1 :].startswith("both}")
    assert "cannot be taken apart again" in problem["message"]
    assert "direction: to-erp" in problem["message"]
