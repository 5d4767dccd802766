"""Deletes that are followed only when approved, and a mass of them that is not believed at all."""

from __future__ import annotations

import pytest

from actors.approvals import approved, awaited
from actors.links import Link, Status
from actors.orders import Approve
from actors.records import Departure
from actors.spec import FirstLoad
from tests.support.builders import LEFT
from tests.unit.core.test_departures import World, following

pytestmark = pytest.mark.anyio


def held(world: World) -> list[Link]:
    found = [link for link in world.store.links.values() if link.status is Status.HELD]
    return sorted(found, key=lambda link: link.id)


async def test_f29_deletes_beyond_their_limit_are_approved_by_order() -> None:
    world = World(following(delete_limit=1))
    await world.pairs(5)
    for number in range(1, 6):
        world.hub.remove(f"L{number}")
    await world.live(30)
    assert len(world.archived) == 1
    waiting = held(world)
    assert [awaited(link) for link in waiting] == [{"right.deletes": 1}] * 4
    world.store.give("c/deals", Approve(links=(waiting[0].id, waiting[1].id)), "kari")
    await world.live(30)
    assert len(world.archived) == 3
    assert [awaited(link) for link in held(world)] == [{"right.deletes": 1}] * 2
    assert all(approved(link) is None for link in world.store.links.values() if link not in waiting)


@pytest.mark.parametrize("how", [Departure.DELETED, Departure.ARCHIVED, Departure.HIDDEN])
async def test_h16_a_side_that_is_suddenly_empty_empties_the_other_one_not(how: Departure) -> None:
    world = World(following(delete_limit=1000))
    await world.pairs(120)
    for number in range(1, 121):
        world.hub.remove(f"L{number}", how)
    await world.live(30)
    assert world.archived == []
    assert len(held(world)) == 120
    world.store.give("c/deals", Approve(sides=(LEFT,)), "kari")
    await world.live(30)
    assert bool(world.archived) == (how is not Departure.HIDDEN)


async def test_f25_a_delete_that_a_careful_run_does_not_follow_is_followed_by_the_next() -> None:
    world = World(following())
    await world.pairs(2)
    world.hub.remove("L1")
    world.sync = following(first_load=FirstLoad(link_only=True))
    await world.live(30)
    assert (world.archived, len(held(world))) == ([], 1)
    world.sync = following()
    await world.live(30)
    assert (world.archived, held(world)) == (["R1"], [])
