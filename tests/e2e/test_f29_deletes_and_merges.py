"""Deletes, restores and merges between the sandbox and a real Tryton (F29)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.people import People, running_people, sections
from tests.e2e.test_deals import copy_of, new_deal
from tests.e2e.world import World, wait
from tests.support.tryton import deletes_allowed

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    """Two systems without records, which sync contacts."""
    with running_people(tmp_path, "--deals", "0") as found:
        yield found


def follow(people: People, *lines: str) -> None:
    """Configure the contacts sync with further lines."""
    text = sections("contacts") + "".join(f"\n      {line}" for line in lines)
    people.world.configure(more_fields=text, presence="2s")


def under(world: World, *lines: str) -> None:
    """Configure the deals sync with further lines."""
    world.configure(more_fields="".join(f"\n      {line}" for line in lines), presence="2s")


def story(world: World, app: str, record: str) -> Any:  # Any: the command's JSON
    """Return what `explain` tells of a record, or {} while nothing is known of it."""
    stories = world.ask("explain", app, record).get("stories", [])
    return stories[0] if stories else {}


def wait_story(world: World, app: str, record: str, status: str, words: str = "") -> None:
    """Wait until a record has a status, for a reason that holds these words."""

    def is_so() -> bool:
        found = story(world, app, record)
        return found.get("status") == status and words in found.get("reason", "")

    wait(is_so, 60, lambda: story(world, app, record), pause=0.5)


def is_active(people: People, party: str) -> bool:
    (row,) = people.world.erp.call("model.party.party.read", [int(party)], ["active"])
    return bool(row["active"])


def act(world: World, what: str, name: str, *ids: str) -> None:
    """Do something in HubSpot's pages: archive, restore."""
    world.hubspot.control(f"/admin/{what}", objectType=name, ids=list(ids))


def party_of(people: People, contact: str) -> str:
    """Return the party of a HubSpot contact, once there is one."""
    wait(lambda: contact in people.pairs("contacts"), 30, lambda: people.pairs("contacts"))
    return people.pairs("contacts")[contact]


# --- deals ----------------------------------------------------------------------------------


def test_f29_a_delete_leaves_the_other_record_alone_until_it_is_restored(world: World) -> None:
    under(world)
    deal = new_deal(world, "Pumps", amount="10.00", deal_currency_code="EUR")
    with world.daemon():
        copy = copy_of(world, deal)
        act(world, "archive", "deals", deal)
        wait_story(world, "erp", copy, "excluded", "archived in hubspot; erp keeps its record")
        world.edit_erp(copy, description="Pumps and valves")
        wait_story(world, "erp", copy, "excluded")
        assert copy in world.erp_deals() and deal not in world.hubspot_deals()
        act(world, "restore", "deals", deal)
        world.wait_equal(60)
        assert world.hubspot_deals()[deal].name == "Pumps and valves"
        wait_story(world, "erp", copy, "in sync")


def test_f29_a_stage_is_set_once_and_taken_back_with_the_restore(world: World) -> None:
    under(world, "deletes: {to-erp: {stage: Lost, set: {lost_reason: deleted in HubSpot}}}")
    deal = new_deal(world, "Pumps", amount="10.00", deal_currency_code="EUR")
    with world.daemon():
        copy = copy_of(world, deal)
        act(world, "archive", "deals", deal)
        wait(lambda: world.erp_deals()[copy].stage == "lost", 60, world.erp_deals)
        wait_story(world, "erp", copy, "excluded", "erp's record was marked")
        (row,) = world.erp.call("model.sale.opportunity.read", [int(copy)], ["lost_reason"])
        assert row["lost_reason"] == "deleted in HubSpot"
        act(world, "restore", "deals", deal)
        wait(lambda: world.erp_deals()[copy].stage == "lead", 60, world.erp_deals)
        wait_story(world, "erp", copy, "in sync")
        (row,) = world.erp.call("model.sale.opportunity.read", [int(copy)], ["lost_reason"])
        assert not row["lost_reason"]
        assert world.hubspot_deals()[deal].stage == "appointmentscheduled"


def test_f29_deals_are_deleted_for_good_only_with_the_right_to(world: World) -> None:
    under(world, "deletes: {to-erp: archive}")
    done = world.tieline("check")
    assert done.returncode != 0
    assert "erp cannot archive deals by its API" in done.stdout + done.stderr
    deal = new_deal(world, "Pumps", amount="10.00", deal_currency_code="EUR")
    with deletes_allowed(world.erp), world.daemon():
        copy = copy_of(world, deal)
        act(world, "archive", "deals", deal)
        wait(lambda: copy not in world.erp_deals(), 60, world.erp_deals)
        wait_story(world, "hubspot", deal, "excluded", "so was its record in erp")
        act(world, "restore", "deals", deal)
        wait_story(world, "hubspot", deal, "held", "it was deleted for good")
        assert world.erp_deals() == {}, "what is gone for good is not made anew by itself"


# --- contacts -------------------------------------------------------------------------------


def test_f29_what_is_archived_in_hubspot_is_deactivated_in_tryton_and_comes_back(
    people: People,
) -> None:
    follow(people, "deletes: {to-erp: archive}")
    world = people.world
    ada = people.make_hubspot("contacts", lastname="Ada Berg", email="ada@fjord.example")
    bo = people.make_hubspot("contacts", lastname="Bo Dahl", email="bo@fjord.example")
    with world.daemon():
        party, other = party_of(people, ada), party_of(people, bo)
        act(world, "archive", "contacts", ada)
        wait(lambda: not is_active(people, party), 60, lambda: story(world, "erp", party))
        wait_story(world, "hubspot", ada, "excluded", "so was its record in erp")
        assert is_active(people, other)
        act(world, "restore", "contacts", ada)
        wait(lambda: is_active(people, party), 60, lambda: story(world, "erp", party))
        people.edit_hubspot("contacts", ada, lastname="Ada Berg-Lund")
        wait(lambda: people.differences("contacts") == [], 60, lambda: story(world, "erp", party))
        wait_story(world, "hubspot", ada, "in sync")
        assert len(people.erp("contacts")) == 2


def test_f29_what_is_deactivated_in_tryton_is_archived_in_hubspot_and_restored_by_people(
    people: People,
) -> None:
    follow(people, "deletes: {to-hubspot: archive}")
    world = people.world
    ada = people.make_hubspot("contacts", lastname="Ada Berg", email="ada@fjord.example")
    with world.daemon():
        party = party_of(people, ada)
        people.edit_erp(party, active=False)
        wait(lambda: ada not in people.hubspot("contacts"), 60, lambda: story(world, "erp", party))
        wait_story(world, "erp", party, "excluded", "so was its record in hubspot")
        people.edit_erp(party, active=True)
        wait_story(world, "erp", party, "held", "restore it there")
        act(world, "restore", "contacts", ada)
        wait_story(world, "erp", party, "in sync")
        people.edit_hubspot("contacts", ada, lastname="Ada Lund")
        wait(lambda: people.differences("contacts") == [], 60, lambda: story(world, "erp", party))


def test_f29_too_many_deletes_and_edited_survivors_wait_for_a_person(people: People) -> None:
    follow(people, "deletes: {to-erp: archive}", "limits: {deletes: 1}")
    world = people.world
    made = [
        people.make_hubspot("contacts", lastname=f"Person {n}", email=f"p{n}@fjord.example")
        for n in range(4)
    ]
    with world.daemon():
        parties = [party_of(people, one) for one in made]
        wait_story(world, "hubspot", made[3], "in sync")
        people.edit_erp(parties[3], name="Still wanted")
        act(world, "archive", "contacts", *made)
        wait_story(world, "hubspot", made[3], "held", "edited there (name)")

        def held() -> list[str]:
            words = "too many were deleted within an hour"
            return [one for one in made[:3] if words in story(world, "hubspot", one)["reason"]]

        wait(lambda: len(held()) == 2, 60, held, pause=0.5)
        assert sum(is_active(people, one) for one in parties) == 3
        back = held()[0]
        act(world, "restore", "contacts", back)
        wait_story(world, "hubspot", back, "in sync")
        assert sum(is_active(people, one) for one in parties) == 3


def test_h15_a_merge_in_hubspot_relinks_and_leaves_a_twin_to_a_person(people: People) -> None:
    follow(people, "deletes: {to-erp: archive}")
    world = people.world
    ada = people.make_hubspot("contacts", lastname="Ada Berg", email="ada@fjord.example")
    twin = people.make_hubspot("contacts", lastname="A. Berg", email="berg@fjord.example")
    with world.daemon():
        kept, left = party_of(people, ada), party_of(people, twin)
        merging = {"objectType": "contacts", "primaryObjectId": ada, "objectIdToMerge": twin}
        survivor = str(world.hubspot.control("/admin/merge", **merging)["id"])
        wait_story(world, "erp", kept, "in sync")
        wait_story(world, "erp", left, "held", f"stays linked with erp {kept}")
        assert story(world, "hubspot", survivor)["status"] == "in sync"
        people.edit_hubspot("contacts", survivor, lastname="Ada Berg-Lund")
        wait(
            lambda: people.erp("contacts")[kept]["lastname"] == "Ada Berg-Lund",
            60,
            lambda: people.erp("contacts"),
        )
        assert set(people.erp("contacts")) == {kept, left}, "nothing was made, nothing deleted"
        assert list(people.hubspot("contacts")) == [survivor]
