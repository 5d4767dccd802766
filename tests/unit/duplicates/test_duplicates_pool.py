"""Probable duplicates: what is proposed, in what order, and what is left out (F26)."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.mapping.matchers import normalise
from actors.schema import ObjectSchema
from actors.spec import Normal
from actors.values import Kind
from daemon.duplicates.likeness import Roles, Traits, compare, find_roles, read_traits
from daemon.duplicates.pool import WINDOW, Entry, Pool
from tests.support.builders import erp, field, hub

PERSON = ObjectSchema(
    name="contacts",
    native="contact",
    fields=(
        field("lastname"),
        field("firstname"),
        field("email", Kind.EMAIL),
        field("phone", Kind.PHONE),
        field("hs_email_of_vendor", Kind.EMAIL),
        field("score", Kind.PHONE, writable=False),
    ),
)
ROLES = find_roles(PERSON, ())


def person(app: str, record_id: str, linked: str = "", **values: str) -> Entry:
    return Entry(app, record_id, read_traits(ROLES, values), linked)


def found(tmp_path: Path, *entries: Entry, least: float = 0.6, most: int = 50) -> list[set[str]]:
    with Pool(tmp_path / "pool.db") as pool:
        pool.add(entries)
        pairs, total = pool.best(least, most)
    assert total >= len(pairs)
    return [{f"{one.app} {one.id}" for one in (pair.first, pair.second)} for pair in pairs]


def test_roles_go_by_names_and_kinds_and_leave_the_vendors_own_fields_out() -> None:
    assert Roles(names=("firstname", "lastname"), emails=("email",), phones=("phone",)) == ROLES


def test_a_deal_s_name_is_the_first_mapped_text_where_no_field_says_so_by_its_name() -> None:
    hub_deals, erp_deals = hub().object("deals"), erp().object("deals")
    assert hub_deals is not None and erp_deals is not None
    assert find_roles(hub_deals, ("note",)).names == ("name",)
    assert find_roles(erp_deals, ("amount", "remark")).names == ("title",)
    assert find_roles(erp_deals, ()).amount == "amount"


def test_within_and_across_apps_the_likeliest_come_first(tmp_path: Path) -> None:
    ada = {"firstname": "Ada", "lastname": "Lovelace"}
    pairs = found(
        tmp_path,
        person("hub", "1", email="ada@example.org", **ada),
        person("erp", "2", email="ADA@example.org ", firstname="Ada", lastname="Lovelace-King"),
        person("hub", "3", firstname="Ada", lastname="Lovelac"),
        person("erp", "4", firstname="Grace", lastname="Hopper"),
    )
    assert pairs[0] == {"hub 1", "erp 2"}
    assert all("erp 4" not in pair for pair in pairs)


def test_an_other_order_of_the_names_and_accents_make_no_other_person(tmp_path: Path) -> None:
    one = person("hub", "1", firstname="André", lastname="Müller")
    two = person("erp", "2", lastname="Andre", firstname="Muller")
    (pair,) = found(tmp_path, one, two)
    assert pair == {"hub 1", "erp 2"}


def test_pairs_that_are_linked_are_no_proposals(tmp_path: Path) -> None:
    one = person("hub", "1", linked="2", email="ada@example.org")
    two = person("erp", "2", linked="1", email="ada@example.org")
    third = person("erp", "3", email="ada@example.org")
    assert found(tmp_path, one, two) == []
    (tmp_path / "pool.db").unlink()
    pairs = found(tmp_path, one, two, third)
    assert sorted(map(sorted, pairs)) == [["erp 2", "erp 3"], ["erp 3", "hub 1"]]


def test_two_with_the_same_name_and_other_addresses_are_less_likely_the_same() -> None:
    def named(email: str) -> Traits:
        values = {"firstname": "Ada", "lastname": "Lovelace", "email": email}
        return read_traits(ROLES, {name: raw or None for name, raw in values.items()})

    unsure = compare(named("ada@example.org"), named("ada@example.com"))
    assert unsure.score < compare(named("ada@example.org"), named("")).score
    assert unsure.reasons == ("same name",)


def test_an_amount_alone_is_no_hint_and_with_a_name_it_is() -> None:
    def deal(name: str, amount: str) -> Traits:
        return Traits(name, normalise(Normal.TEXT, name) or "", amount=amount)

    assert compare(deal("Pumps", "5"), deal("Winches", "5")).score == 0
    both = compare(deal("Pumps", "5"), deal("Pumps", "5"))
    assert both.reasons == ("same name", "same amount 5")
    assert both.score > compare(deal("Pumps", "5"), deal("Pumps", "6")).score


def test_each_pair_is_told_once_although_it_shares_several_drawers(tmp_path: Path) -> None:
    values = {
        "firstname": "Ada",
        "lastname": "Lovelace",
        "email": "a@x.org",
        "phone": "+4722334455",
    }
    assert len(found(tmp_path, person("hub", "1", **values), person("erp", "2", **values))) == 1


def test_a_drawer_that_very_many_share_costs_a_bounded_number_of_comparisons(
    tmp_path: Path,
) -> None:
    entries = [
        person("hub", str(number), firstname="Info", lastname=f"Desk {number:05}")
        for number in range(1000)
    ]
    with Pool(tmp_path / "pool.db") as pool:
        pool.add(entries)
        assert sum(1 for _ in pool._pairs()) <= 1000 * WINDOW
        pairs, total = pool.best(0.1, 10)
    assert len(pairs) == 10 < total


@pytest.mark.parametrize("most", [1, 3])
def test_of_many_the_best_are_kept(tmp_path: Path, most: int) -> None:
    entries = [person("hub", str(n), email="a@x.org", firstname=f"Ada {n}") for n in range(4)]
    entries += [person("erp", "9", email="a@x.org", firstname="Ada 0")]
    assert found(tmp_path, *entries, most=most)[0] == {"hub 0", "erp 9"}
    assert len(entries) == 5
