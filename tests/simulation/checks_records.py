"""Invariants about records and links: I2, I6, I7, I8, I9, I10, and the connectors' contract."""

from __future__ import annotations

from collections.abc import Iterator

from actors.records import Side
from tests.simulation.facts import Facts, Pair
from tests.simulation.ledger import Record, Version


def check_no_duplicates(facts: Facts) -> Iterator[str]:
    """I2: a source record has at most one counterpart, and a copy has none of its own."""
    for side, crm in facts.crms.items():
        made: dict[str, list[str]] = {}
        for record in crm.records.values():
            if record.key is not None:
                made.setdefault(record.key, []).append(record.id)
            source = facts.source_of(side, record)
            if record.versions[0].by != "write":
                continue
            if source is None:
                yield f"I2: {crm.name} {record.id} was made for nothing known: {record.key}"
            elif source.versions[0].by == "write":
                yield f"I2: {crm.name} {record.id} is a copy of the copy {source.id}"
        for key, ids in made.items():
            if len(ids) > 1:
                yield f"I2: {crm.name} has {len(ids)} records for {key}: {ids}"


def check_one_way_purity(facts: Facts) -> Iterator[str]:
    """I6: no request other than reads reaches the source of a one-way sync."""
    for side in Side:
        if facts.scenario.writable(side):
            continue
        for call in facts.ledger.calls:
            if call.side is side and call.name in ("write", "prepare"):
                yield f"I6: {call.name} at {call.at:.3f} on the {side} side, which is only read"


def check_excluded_untouched(facts: Facts) -> Iterator[str]:
    """I7: what does not take part is not written and gets no counterpart."""
    for pair in facts.pairs:
        source = pair.records[pair.made_on.other]
        if not any(facts.is_eligible(pair.made_on.other, v) for v in source.versions):
            yield f"I7: {pair}: the {pair.made_on.other} record never took part"
        for side, record in pair.records.items():
            yield from _written_outside(facts, pair, side, record)


def _written_outside(facts: Facts, pair: Pair, side: Side, record: Record) -> Iterator[str]:
    """Report writes long after either end had left.

    A decision may be as old as the index is behind, plus a crash's pause and a slow call.
    """
    patience = facts.scenario.rates.lag_worst_s + 900
    for write in facts.writes_to.get((side, record.id), ()):
        if write.committed_at is None or write.kind in ("create", "archive", "restore"):
            continue  # what follows a delete is judged by I8
        for end, one in pair.records.items():
            since = _outside_since(facts, end, one, write.sent_at)
            if since is not None and write.sent_at > since + patience:
                yield (
                    f"I7: {pair}: written on the {side} at {write.sent_at:.3f} although the"
                    f" {end} record had left at {since:.3f}"
                )


def _outside_since(facts: Facts, side: Side, record: Record, at: float) -> float | None:
    since: float | None = None
    for version in record.versions:
        if version.at > at:
            break
        if facts.is_eligible(side, version):
            since = None
        elif since is None:
            since = version.at
    return since


def check_nothing_put_away(facts: Facts) -> Iterator[str]:
    """I8: only people archive, or tieline after them where it is asked to.

    What is archived stays as it was.
    """
    for side, crm in facts.crms.items():
        for record in crm.records.values():
            for before, version in zip(record.versions, record.versions[1:], strict=False):
                if version.by != "write":
                    continue
                name = f"{crm.name} {record.id} v{version.number}"
                if version.archived and not before.archived:
                    if not _may_follow(facts, side, record, version, archived=True):
                        yield f"I8: {name}: archived by tieline"
                elif before.archived and not version.archived:
                    if not _may_follow(facts, side, record, version, archived=False):
                        yield f"I8: {name}: brought back by tieline"
                elif before.archived:
                    yield f"I8: {name}: archived, yet written"


def _may_follow(
    facts: Facts, side: Side, record: Record, version: Version, *, archived: bool
) -> bool:
    """Say whether the counterpart had just been archived, or brought back, by a person.

    Only what tieline had archived itself may be brought back.
    """
    pair = facts.pair_of.get((side, record.id))
    if pair is None or side not in facts.scenario.follows:
        return False
    put_away = [one for one in record.versions[: version.number] if one.archived]
    if not archived and not any(one.by == "write" for one in put_away):
        return False
    since = facts.ledger.writes[version.cause].sent_at - facts.scenario.rates.lag_worst_s - 900
    states = pair.records[side.other].versions
    ends = [*(one.at for one in states[1:]), version.at]
    return any(
        one.archived is archived and end >= since
        for one, end in zip(states, ends, strict=True)
        if one.at <= version.at
    )


def check_links(facts: Facts) -> Iterator[str]:
    """I9: links are one-to-one and join a record with the counterpart made for it."""
    for side in Side:
        owners: dict[str, list[int]] = {}
        for row in facts.view.links:
            end = row.end(side)
            if end is not None:
                owners.setdefault(end, []).append(row.id)
        for record_id, rows in owners.items():
            if len(rows) > 1:
                yield f"I9: {side} {record_id} is in {len(rows)} links: {rows}"
    for row in facts.view.links:
        if row.left is None or row.right is None:
            continue
        pair = facts.pair_of.get((Side.LEFT, row.left))
        if pair is None or pair.records[Side.RIGHT].id != row.right:
            yield f"I9: link {row.id} joins left {row.left} with right {row.right}, no pair"


def check_all_known(facts: Facts) -> Iterator[str]:
    """I10: each live record that takes part is linked, or a reason is named."""
    for side, crm in facts.crms.items():
        for record in crm.records.values():
            if not record.now.archived:
                yield from _unknown(facts, side, record, record.now)


def _unknown(facts: Facts, side: Side, record: Record, now: Version) -> Iterator[str]:
    name = f"{facts.crms[side].name} {record.id}"
    rows = facts.view.of(side, record.id)
    pair = facts.pair_of.get((side, record.id))
    eligible = facts.is_eligible(side, now)
    if pair is None and not facts.scenario.writable(side.other):
        return
    if not rows:
        yield f"I10: {name} is not known to tieline"
        return
    [row, *_] = rows
    if row.status != "in sync" and not row.reason:
        yield f"I10: {name} is {row.status} without a reason"
    if not eligible:
        if row.status != "excluded":
            yield f"I10: {name} does not take part, but is {row.status}"
    elif pair is None:
        if row.status not in ("failing", "held") or not facts.unsayable({side: record}):
            yield f"I10: {name} takes part and has no counterpart: {row.status} {row.reason!r}"
    elif facts.in_scope(pair) and facts.link(pair) is None:
        yield f"I10: {pair} is not linked: {row.status} {row.reason!r}"


def check_contract(facts: Facts) -> Iterator[str]:
    """The ports' rules: batch sizes, one kind per call, tokens."""
    for breach in facts.ledger.breaches:
        yield f"contract: {breach}"
