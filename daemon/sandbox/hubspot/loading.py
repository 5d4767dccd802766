"""Filling a new account with seed data, fast: no validation, no history, findable at once."""

from __future__ import annotations

from collections.abc import Iterable

from daemon.sandbox.hubspot.account import Account
from daemon.sandbox.hubspot.catalog import ObjectSchema, add_stage_properties
from daemon.sandbox.hubspot.seed import (
    SeedCounts,
    SeedRecord,
    seed_companies,
    seed_contacts,
    seed_deals,
    seed_links,
    seed_owners,
    seed_pipelines,
)
from daemon.sandbox.hubspot.table import Record, Source
from daemon.sandbox.hubspot.wire import iso

__all__ = ["load_seed"]

# The last moment of seeded records, fixed so that a seed gives the same account every day.
_UNTIL_MS = 1_793_491_200_000


def load_seed(account: Account, seed: int, counts: SeedCounts) -> None:
    """Fill an empty account with owners, a second pipeline and so many records."""
    until = min(_UNTIL_MS, account.clock.now_ms())
    owners = seed_owners(seed)
    account.owners.update((owner.id, owner) for owner in owners)
    deals = account.tables["deals"].schema
    for line in seed_pipelines():
        deals.pipelines[line.id] = line
        for stage in line.stages:
            add_stage_properties(deals, stage)
    companies = counts.companies
    user = next((owner.user_id for owner in owners if owner.user_id is not None), None)
    source = Source("CRM_UI", f"userId:{user}", None, user)
    made = {
        "companies": _load(
            account, "companies", seed_companies(seed, companies, owners, until), source
        ),
        "contacts": _load(
            account,
            "contacts",
            seed_contacts(seed, counts.contacts, owners, until, companies),
            source,
        ),
        "deals": _load(
            account,
            "deals",
            seed_deals(
                seed,
                counts.deals,
                owners,
                until,
                pipelines=list(deals.pipelines.values()),
                companies=companies,
            ),
            source,
        ),
    }
    for link in seed_links(seed, counts):
        account.links.put(
            (link.from_type, made[link.from_type][link.from_index]),
            (link.to_type, made[link.to_type][link.to_index]),
            link.type_ids,
        )
    account.touch()


def _load(
    account: Account, type_name: str, seeds: Iterable[SeedRecord], source: Source
) -> list[int]:
    """Take in records; ids grow with their creation.

    Returns:
        The id of each seed, in the order they came.
    """
    table = account.tables[type_name]
    entries = list(seeds)
    ids = [0] * len(entries)
    for position in sorted(range(len(entries)), key=lambda at: entries[at].created_ms):
        entry = entries[position]
        ids[position] = account.mint_id()
        values = _completed(table.schema, entry, source)
        table.add(Record(ids[position], values, entry.modified_ms, entry.created_ms, source))
    account.indexes[type_name].load(table.records.values())
    return ids


def _completed(schema: ObjectSchema, entry: SeedRecord, source: Source) -> dict[str, str]:
    values = entry.values
    values["createdate"] = iso(entry.created_ms)
    values["hs_object_source"] = values["hs_object_source_label"] = source.type
    values["hs_object_source_id"] = source.id or ""
    stage = schema.find_stage(values.get("dealstage", ""))
    if stage is not None:
        values["hs_deal_stage_probability"] = stage[1].probability
    return values
