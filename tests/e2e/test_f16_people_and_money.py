"""Owners and amounts with their currency between the sandbox and a real Tryton (F16)."""

from __future__ import annotations

import pytest

from tests.e2e.fields import employees, in_erp, in_hubspot, owners, with_fields
from tests.e2e.test_deals import new_deal
from tests.e2e.world import World

pytestmark = pytest.mark.timeout(180)


def money(world: World, record: str) -> tuple[str, str]:
    deal = world.erp_deals()[record]
    return str(deal.amount), deal.currency


def test_f16_owners_go_by_override_and_fallback_and_a_stranger_fails_nothing(
    world: World,
) -> None:
    (here, first), (also, _), (_, stranger) = list(owners(world).items())[:3]
    (there, one), (desk, two) = list(employees(world).items())[:2]
    overrides = f"{{{here}: {there}, {also}: {desk}}}"
    people = f"\n      owners: {{overrides: {overrides}, fallback: {{erp: {desk}}}}}"
    with_fields(world, "{hubspot: hubspot_owner_id, erp: employee}", more=people)
    known = new_deal(world, "Pumps", hubspot_owner_id=first)
    unknown = new_deal(world, "Valves", hubspot_owner_id=stranger)
    world.once()
    pairs = world.pairs()
    assert in_erp(world, pairs[known], "employee") == (one,)
    assert in_erp(world, pairs[unknown], "employee") == (two,)
    # A person without a counterpart agrees with anybody: nothing is written back for it.
    assert in_hubspot(world, unknown, "hubspot_owner_id") == (stranger,)
    world.edit_hubspot(known, hubspot_owner_id=stranger)
    world.once()
    assert in_erp(world, pairs[known], "employee") == (one,)
    world.edit_hubspot(unknown, hubspot_owner_id=first)
    world.once()
    assert in_erp(world, pairs[unknown], "employee") == (one,)
    world.edit_erp(pairs[unknown], employee=two)
    world.once()
    (now,) = in_hubspot(world, unknown, "hubspot_owner_id")
    assert now == owners(world)[also]
    counts = world.ask("status")["syncs"][0]["counts"]
    assert {one["status"] for one in counts} == {"in sync"}


def test_f16_an_amount_and_its_currency_travel_together(world: World) -> None:
    deal = new_deal(world, "Pumps", amount="1000.00", deal_currency_code="EUR")
    world.once()
    copy = world.pairs()[deal]
    assert money(world, copy) == ("1000.00", "EUR")
    world.edit_hubspot(deal, amount="1200.00", deal_currency_code="USD")
    world.once()
    assert money(world, copy) == ("1200.00", "USD")
    world.edit_erp(copy, amount={"__class__": "Decimal", "decimal": "900.00"})
    world.once()
    assert world.hubspot_deals()[deal].amount == 900
    assert world.hubspot_deals()[deal].currency == "USD"
