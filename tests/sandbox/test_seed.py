from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

import pytest

from daemon.sandbox.hubspot.catalog import (
    AccountDetails,
    default_association_types,
    default_schemas,
)
from daemon.sandbox.hubspot.seed import (
    SeedRecord,
    counts_for,
    seed_companies,
    seed_contacts,
    seed_deals,
    seed_links,
    seed_owners,
    seed_pipelines,
)
from daemon.sandbox.hubspot.validate import Facts, check_values, parse_instant

UNTIL_MS = 1_793_000_000_000
COUNTS = counts_for(2_000)
OWNERS = seed_owners(7)
SCHEMAS = default_schemas()
for _pipeline in seed_pipelines():
    SCHEMAS["deals"].pipelines[_pipeline.id] = _pipeline
PIPELINES = SCHEMAS["deals"].live_pipelines()


def account(seed: int = 7) -> dict[str, list[SeedRecord]]:
    return {
        "companies": list(seed_companies(seed, COUNTS.companies, OWNERS, UNTIL_MS)),
        "contacts": list(seed_contacts(seed, COUNTS.contacts, OWNERS, UNTIL_MS, COUNTS.companies)),
        "deals": list(
            seed_deals(
                seed,
                COUNTS.deals,
                OWNERS,
                UNTIL_MS,
                pipelines=PIPELINES,
                companies=COUNTS.companies,
            )
        ),
    }


@pytest.fixture(scope="module")
def seeded() -> Mapping[str, list[SeedRecord]]:
    return account()


def test_the_same_seed_gives_the_same_account(seeded: Mapping[str, list[SeedRecord]]) -> None:
    assert account() == seeded
    assert account(8) != seeded
    assert list(seed_links(7, COUNTS)) == list(seed_links(7, COUNTS))


def test_a_smaller_account_is_the_beginning_of_a_larger_one(
    seeded: Mapping[str, list[SeedRecord]],
) -> None:
    few = seed_companies(7, 10, OWNERS, UNTIL_MS)
    assert list(few) == seeded["companies"][:10]


@pytest.mark.parametrize("name", ["companies", "contacts", "deals"])
def test_every_seeded_record_passes_the_vendors_validation(
    seeded: Mapping[str, list[SeedRecord]], name: str
) -> None:
    facts = Facts(
        portal_id=1,
        now_ms=UNTIL_MS,
        owner_ids=frozenset(owner.id for owner in OWNERS),
        currencies=AccountDetails(portal_id=1).currencies,
    )
    for record in seeded[name]:
        assert check_values(SCHEMAS[name], record.values, facts) == (record.values, [])


def test_times_lie_in_the_years_before_the_end(seeded: Mapping[str, list[SeedRecord]]) -> None:
    for record in (record for records in seeded.values() for record in records):
        assert record.created_ms <= record.modified_ms <= UNTIL_MS
    days = sorted(UNTIL_MS - record.created_ms for record in seeded["deals"])
    assert days[0] < 30 * 86_400_000 < 2 * 365 * 86_400_000 < days[-1]


def test_deals_are_of_many_kinds(seeded: Mapping[str, list[SeedRecord]]) -> None:
    deals = [record.values for record in seeded["deals"]]
    stages = {stage.id for pipeline in PIPELINES for stage in pipeline.stages}
    assert {deal["dealstage"] for deal in deals} == stages
    assert len({deal["pipeline"] for deal in deals}) == 2
    assert set(Counter(deal["deal_currency_code"] for deal in deals)) == {
        "USD",
        "EUR",
        "NOK",
        "GBP",
    }
    amounts = [deal.get("amount", "") for deal in deals]
    assert "" in amounts
    assert any("." in text and not text.endswith(".00") for text in amounts)
    archived = next(owner.id for owner in OWNERS if owner.archived)
    owners = Counter(deal.get("hubspot_owner_id", "") for deal in deals)
    assert 0 < owners[archived] < owners[""] < len(deals) / 10
    assert len(owners) == len(OWNERS) + 1


def test_closed_deals_closed_before_their_last_change(
    seeded: Mapping[str, list[SeedRecord]],
) -> None:
    closed = {stage.id for _, stage in SCHEMAS["deals"].stages() if stage.is_closed}
    for deal in seeded["deals"]:
        when = parse_instant(deal.values["closedate"])
        assert when is not None
        if deal.values["dealstage"] in closed:
            assert deal.created_ms <= when <= deal.modified_ms
        else:
            assert when > deal.created_ms


def test_contacts_are_from_everywhere_with_addresses_of_their_own(
    seeded: Mapping[str, list[SeedRecord]],
) -> None:
    contacts = [record.values for record in seeded["contacts"]]
    emails = [contact["email"] for contact in contacts if "email" in contact]
    assert len(set(emails)) == len(emails) < len(contacts)
    assert all(email.isascii() and email == email.lower() for email in emails)
    names = "".join(contact["firstname"] + contact["lastname"] for contact in contacts)
    for letters in ("ø", "ß", "Ż", "佐", "\u041a"):
        assert letters in names
    assert len({contact["hs_language"] for contact in contacts}) > 10


def test_domains_of_companies_are_unique(seeded: Mapping[str, list[SeedRecord]]) -> None:
    domains = {record.values["domain"] for record in seeded["companies"]}
    assert len(domains) == COUNTS.companies


def test_owners_are_seven_active_and_one_archived() -> None:
    assert [owner.archived for owner in OWNERS] == [False] * 7 + [True]
    assert OWNERS[-1].user_id is None
    assert OWNERS[-1].user_id_including_inactive > 0
    assert len({owner.id for owner in OWNERS} | {str(o.user_id) for o in OWNERS}) == 16


def test_links_point_at_records_and_fit_their_types() -> None:
    kinds = {kind.type_id: kind for kind in default_association_types()}
    size = {"deals": COUNTS.deals, "contacts": COUNTS.contacts, "companies": COUNTS.companies}
    links = list(seed_links(7, COUNTS))
    pairs = [(link.from_type, link.from_index, link.to_type, link.to_index) for link in links]
    assert len(set(pairs)) == len(pairs)
    for link in links:
        assert link.from_index < size[link.from_type]
        assert link.to_index < size[link.to_type]
        for type_id in link.type_ids:
            kind = kinds[type_id]
            assert (kind.from_object, kind.to_object) == (link.from_type, link.to_type)
    assert {(link.from_type, link.to_type) for link in links} == {
        ("deals", "companies"),
        ("deals", "contacts"),
        ("contacts", "companies"),
    }


@pytest.mark.slow
def test_a_hundred_thousand_deals_take_seconds() -> None:
    counts = counts_for(100_000)
    started = time.process_time()
    deals = seed_deals(
        1, counts.deals, OWNERS, UNTIL_MS, pipelines=PIPELINES, companies=counts.companies
    )
    assert sum(1 for _ in deals) == 100_000
    # About 1.5 s of CPU; the bound only catches a change of order of magnitude.
    assert time.process_time() - started < 15
