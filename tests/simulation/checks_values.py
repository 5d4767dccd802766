"""Invariants about values at rest and on their way: I1, I4, I5."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from actors.records import Side
from actors.spec import Blank, Prefer
from tests.simulation.facts import Facts, Pair
from tests.simulation.ledger import Write
from tests.simulation.meaning import Meaning, Raws


def check_convergence(facts: Facts) -> Iterator[str]:
    """I1: at rest both sides agree on every unit, or the difference has a named reason."""
    for pair in facts.pairs:
        row = facts.link(pair)
        if not facts.in_scope(pair) or row is None:
            continue
        if row.status == "failing" and facts.unsayable(pair.records):
            continue
        differing = [unit for unit in facts.units if not _agree(facts, pair, unit)]
        unexplained = [unit for unit in differing if not _accepted(facts, pair, unit, row.status)]
        for unit in unexplained:
            said = facts.now(pair, unit)
            yield (
                f"I1: {pair}: {unit.name} differs without a reason: {said[Side.LEFT]!r} and"
                f" {said[Side.RIGHT]!r} ({row.status} {row.reason!r})"
            )
        if not differing and row.status in ("pending", "failing"):
            yield f"I1: {pair} agrees, but is {row.status}: {row.reason!r}"


def _agree(facts: Facts, pair: Pair, unit: Meaning) -> bool:
    said = facts.now(pair, unit)
    return unit.agree(said[Side.LEFT], said[Side.RIGHT])


def _accepted(facts: Facts, pair: Pair, unit: Meaning, status: str) -> bool:
    """Say whether this difference is one that the rules accept."""
    if status == "held":
        return facts.scenario.prefer is Prefer.ASK or is_in_doubt(facts, pair)
    return _is_ignored_blank(facts, pair, unit) or _is_drift(facts, pair, unit)


def is_in_doubt(facts: Facts, pair: Pair) -> bool:
    """The copy's create had no answer: whose values it holds may be a person's to say."""
    copy = pair.records[pair.made_on]
    creates = [w for w in facts.writes_to[pair.made_on, copy.id] if w.kind == "create"]
    return any(write.answer in ("lost", "unknown") for write in creates)


def _is_ignored_blank(facts: Facts, pair: Pair, unit: Meaning) -> bool:
    """A person emptied one side, and emptying does not travel."""
    if facts.scenario.blank is not Blank.IGNORE:
        return False
    for side, raws in facts.now(pair, unit).items():
        if unit.blank(raws) and facts.last_set(side, pair.records[side], unit).by == "edit":
            return True
    return False


def _is_drift(facts: Facts, pair: Pair, unit: Meaning) -> bool:
    """A person edited the target of a one-way sync, and the source says what it said before.

    In between it may have said something else that was taken back before it was read.
    """
    for target in Side:
        if facts.two_way or not facts.scenario.writable(target):
            continue
        drifted = facts.last_set(target, pair.records[target], unit)
        now = unit.of(target.other, pair.records[target.other].now.values)
        said = (
            unit.of(target.other, version.values)
            for version in pair.records[target.other].versions
            if version.at <= drifted.at
        )
        return drifted.by == "edit" and any(unit.same(now, raws) for raws in said)
    return False


def check_silence(facts: Facts, since: float) -> Iterator[str]:
    """I1: once all is at rest no write call is made at all."""
    for call in facts.ledger.calls:
        if call.at >= since and call.name == "write":
            yield f"I1: a write on the {call.side} side at {call.at:.3f}, when all was at rest"


def check_alive(facts: Facts, since: float) -> Iterator[str]:
    """At rest tieline still polls; a life that is stuck would look like one at rest."""
    for side in Side:
        if not any(
            c.side is side and c.name == "changes" and c.at >= since for c in facts.ledger.calls
        ):
            yield f"alive: the {side} side was not polled any more after {since:.3f}"


def check_no_echo(facts: Facts) -> Iterator[str]:
    """I4: one edit causes at most one successful write on the other side."""
    for pair in facts.pairs:
        for target in Side:
            writes = facts.writes_to.get((target, pair.records[target].id), [])
            for unit in facts.units:
                yield from _echoes(facts, pair, unit, target, writes)


def _echoes(
    facts: Facts, pair: Pair, unit: Meaning, target: Side, writes: list[Write]
) -> Iterator[str]:
    """Count writes against edits, apart from repetitions after an unknown outcome."""
    taken = [w for w in writes if w.committed_at is not None and facts.sent(w, unit) is not None]
    doubtful = sum(write.answer in ("lost", "unknown") for write in writes)
    causes = sum(edit.side is target.other for edit in facts.edits(pair, unit))
    causes += len(_run_over(facts, pair, unit, target))  # each may be put back
    if len(taken) > causes + 2 * doubtful:  # one may arrive late, and then it must be healed
        yield (
            f"I4: {pair}: {unit.name} was written {len(taken)} times on the {target} for"
            f" {causes} edits and {doubtful} unknown outcomes"
        )


def _run_over(facts: Facts, pair: Pair, unit: Meaning, side: Side) -> list[Raws]:
    """Return people's values that a write of tieline replaced, where only history shows it."""
    versions = pair.records[side].versions
    if not facts.scenario.flavours[side].history:
        return []
    return [
        unit.of(side, before.values)
        for before, version in pairwise(versions)
        if version.by == "write"
        and facts.last_set(side, pair.records[side], unit, before).by == "edit"
        and not unit.same(unit.of(side, before.values), unit.of(side, version.values))
    ]


def check_no_invention(facts: Facts) -> Iterator[str]:
    """I5: a written value is the image of what the source held; groups travel whole."""
    for write in facts.ledger.writes:
        pair = facts.pair_of.get((write.side, write.record)) if write.record else None
        if pair is None:
            continue
        for unit in facts.units:
            yield from _inventions(facts, pair, unit, write)


def _inventions(facts: Facts, pair: Pair, unit: Meaning, write: Write) -> Iterator[str]:
    sent = facts.sent(write, unit)
    if sent is None:
        return
    missing = [name for name in unit.fields(write.side) if name not in write.values]
    if missing and write.kind != "create":  # a create leaves out what is empty
        yield f"I5: {pair}: {unit.name} was written without its {missing}"
        return
    source = write.side.other
    held = (
        unit.of(source, version.values)
        for version in pair.records[source].versions
        if version.at <= write.sent_at
    )
    if any(unit.same(raws, sent) for raws in _run_over(facts, pair, unit, write.side)):
        return  # a person's own edit, put back where a write of ours had overwritten it
    if not any(unit.agrees(source, raws, sent) for raws in held):
        yield f"I5: {pair}: {unit.name} {sent!r} on the {write.side}: the source never held it"
