"""Invariants about people's edits: I3 (none is lost) and I11 (conflicts, exactly and once)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from actors.records import Side
from actors.spec import Blank
from tests.simulation.checks_values import is_in_doubt
from tests.simulation.facts import Facts, Pair, UnitEdit
from tests.simulation.meaning import Meaning, Raws

_ON_ITS_WAY_S = 120.0


def check_no_lost_edit(facts: Facts) -> Iterator[str]:
    """I3: at rest an edit is said by both sides, superseded by one who saw it, or on record."""
    for pair in facts.pairs:
        row = facts.link(pair)
        if not facts.in_scope(pair) or row is None:
            continue  # bases are frozen; or not linked at all, which is I10's
        if row.status == "failing" and facts.unsayable(pair.records):
            continue  # the record fails as a whole, with its reason
        for unit in facts.units:
            yield from _lost(facts, pair, unit)


def _lost(facts: Facts, pair: Pair, unit: Meaning) -> Iterator[str]:
    edits = facts.edits(pair, unit)
    kept: set[int] = set()
    seen_by: dict[int, list[UnitEdit]] = {}
    for edit in edits:
        for earlier in facts.superseded(edit, edits, unit):
            seen_by.setdefault(earlier.id, []).append(edit)
    for edit in reversed(edits):
        on_record = _on_record(facts, pair, unit, edit.side, edit.raws)
        if (
            (on_record and not _is_resurrection(facts, pair, unit, edit, edits))
            or _is_said(facts, pair, unit, edit)
            or _is_exempt(facts, pair, unit, edit)
            or _waits_for_a_person(facts, pair, unit, edit)
            or any(later.id in kept for later in seen_by.get(edit.id, ()))
        ):
            kept.add(edit.id)
        else:
            said = facts.now(pair, unit)
            how = "was overwritten by what its author had replaced" if on_record else "is lost"
            yield (
                f"I3: {pair}: the edit {edit.id} of {unit.name} to {edit.raws!r} on the"
                f" {edit.side} at {edit.at:.3f} {how}: now {said[Side.LEFT]!r} and"
                f" {said[Side.RIGHT]!r}"
            )


def _waits_for_a_person(facts: Facts, pair: Pair, unit: Meaning, edit: UnitEdit) -> bool:
    """The link is held because its create had no answer: what stands on a side is not lost."""
    row = facts.link(pair)
    is_held = row is not None and row.status == "held" and is_in_doubt(facts, pair)
    return is_held and unit.same(facts.now(pair, unit)[edit.side], edit.raws)


def _is_said(facts: Facts, pair: Pair, unit: Meaning, edit: UnitEdit) -> bool:
    said = facts.now(pair, unit)
    mine, theirs = said[edit.side], said[edit.side.other]
    if not unit.agrees(edit.side, mine, theirs):
        return False
    if unit.same(mine, edit.raws):
        return True
    # What a late write has run over is said again by way of the other side, to its precision.
    writes = facts.writes_to.get((edit.side, pair.records[edit.side].id), ())
    is_healed = any(write.answer in ("lost", "unknown") for write in writes)
    return is_healed and unit.agrees(edit.side, edit.raws, theirs)


def _is_exempt(facts: Facts, pair: Pair, unit: Meaning, edit: UnitEdit) -> bool:
    """An edit that need not travel: against the direction, an ignored blank, taken back."""
    if not facts.carries(unit, edit.side):
        return True
    if unit.blank(edit.raws) and (edit.seen is None or facts.scenario.blank is Blank.IGNORE):
        return True
    return (
        _is_drifted(facts, pair, unit, edit)
        or _is_taken_back(facts, pair, unit, edit)
        or _is_what_we_wrote(facts, pair, unit, edit)
    )


def _is_what_we_wrote(facts: Facts, pair: Pair, unit: Meaning, edit: UnitEdit) -> bool:
    """A person chose what the other side had just said: tieline takes both for one edit (M5)."""
    if unit.unique:
        return False
    record = pair.records[edit.side.other]
    since = edit.at - facts.scenario.rates.lag_worst_s - _ON_ITS_WAY_S
    standing = [*(v for v in record.versions if since <= v.at <= edit.at), record.at(since)]
    return any(
        version is not None
        and unit.agrees(edit.side, edit.raws, unit.of(edit.side.other, version.values))
        for version in standing
    )


def _is_drifted(facts: Facts, pair: Pair, unit: Meaning, edit: UnitEdit) -> bool:
    """The target of a one-way sync was edited later."""
    if facts.two_way:
        return False
    edits = facts.edits(pair, unit)
    return any(one.side is not edit.side and one.at > edit.at for one in edits)


def _is_taken_back(facts: Facts, pair: Pair, unit: Meaning, edit: UnitEdit) -> bool:
    """The edit returned to a value that stood before, and nothing between had travelled."""
    versions = [v for v in pair.records[edit.side].versions if v.at < edit.at]
    between: list[Raws] = []
    for version in reversed(versions):
        raws = unit.of(edit.side, version.values)
        if unit.same(raws, edit.raws):
            break
        between.append(raws)
    else:
        return False
    other = edit.side.other
    for write in facts.writes_to.get((other, pair.records[other].id), ()):
        sent = facts.sent(write, unit)
        if (
            sent is not None
            and write.committed_at is not None
            and write.committed_at > versions[-1].at - 1
            and any(unit.agrees(edit.side, raws, sent) for raws in between)
            and not unit.agrees(edit.side, edit.raws, sent)
            and not _is_said_again(pair, unit, edit, sent, write.sent_at)
        ):
            return False
    return True


def _is_said_again(pair: Pair, unit: Meaning, edit: UnitEdit, sent: Raws, by: float) -> bool:
    """The side came to say it anew after the edit, and before it was written."""
    return any(
        edit.at < version.at <= by
        and unit.agrees(edit.side, unit.of(edit.side, version.values), sent)
        for version in pair.records[edit.side].versions
    )


def _on_record(facts: Facts, pair: Pair, unit: Meaning, side: Side, raws: Raws) -> bool:
    """Say whether a value, or its image on the other side, stands in history or a conflict."""
    row = facts.link(pair)
    for conflict in facts.view.conflicts:
        if row is not None and conflict.link == row.id and facts.is_unit(conflict.unit, unit):
            held = conflict.left if side is Side.LEFT else conflict.right
            if unit.same(held, raws):
                return True
    return any(
        row is not None
        and line.link == row.id
        and line.lost
        and facts.is_unit(line.unit, unit)
        and (
            unit.same(line.before, raws)
            if line.side is side
            else unit.agrees(side, raws, line.before)
        )
        for line in facts.view.history
    )


def _is_resurrection(
    facts: Facts, pair: Pair, unit: Meaning, edit: UnitEdit, edits: list[UnitEdit]
) -> bool:
    """Its loss is on record, but what stands there now is what its author had replaced."""
    if not unit.unique or _is_run_over_late(facts, pair, unit, edit):
        return False
    if _is_uncertain(facts, pair, unit, edit):
        return False
    said = facts.now(pair, unit)
    standing = [e for e in edits if unit.same(said[e.side], e.raws)]
    if not standing or standing[-1].at >= edit.at:
        return False
    ancestors, grown = {edit.id}, True
    while grown:
        before = len(ancestors)
        for one in edits:
            if one.id in ancestors:
                ancestors |= {
                    earlier.id
                    for earlier in facts.superseded(one, edits, unit)
                    if earlier.side is one.side or one.seen_by == "write"
                }
        grown = len(ancestors) > before
    return all(one.id in ancestors for one in standing)


def _is_run_over_late(facts: Facts, pair: Pair, unit: Meaning, edit: UnitEdit) -> bool:
    """A write of unknown outcome arrived on top of it: then its record is all there can be."""
    row = facts.link(pair)
    return row is not None and any(
        line.link == row.id and line.rule == "late write" and unit.same(line.before, edit.raws)
        for line in facts.view.history
    )


def _is_uncertain(facts: Facts, pair: Pair, unit: Meaning, edit: UnitEdit) -> bool:
    """It lost a conflict that is marked uncertain: a write had no answer, who saw it is unknown."""
    row = facts.link(pair)
    return _is_unanswered(facts, pair) and any(
        row is not None
        and conflict.link == row.id
        and conflict.uncertain
        and facts.is_unit(conflict.unit, unit)
        and unit.same(conflict.left if edit.side is Side.LEFT else conflict.right, edit.raws)
        for conflict in facts.view.conflicts
    )


# --- conflicts ----------------------------------------------------------------------------------


def check_conflicts(facts: Facts) -> Iterator[str]:
    """I11: recorded exactly when both edits lie within the window by the times known, once."""
    for unit in facts.units:
        if unit.unique:
            for pair in facts.pairs:
                yield from _recorded_twice(facts, pair, unit)
                yield from _misjudged(facts, pair, unit)


def _recorded_twice(facts: Facts, pair: Pair, unit: Meaning) -> Iterator[str]:
    """Report more conflicts of two values than people gave the sides these values."""
    row = facts.link(pair)
    edits = facts.edits(pair, unit)
    rows = Counter(
        (line.left, line.right)
        for line in facts.view.conflicts
        if row is not None and line.link == row.id and facts.is_unit(line.unit, unit)
    )
    for (left, right), number in rows.items():
        lefts, rights = (
            len(_edits_of(edits, unit, side, raws))
            for side, raws in ((Side.LEFT, left), (Side.RIGHT, right))
        )
        if number > max(lefts * rights, 1):
            yield f"I11: {pair}: {unit.name} {left!r} against {right!r} {number} times"


def _misjudged(facts: Facts, pair: Pair, unit: Meaning) -> Iterator[str]:
    row = facts.link(pair)
    if row is None:
        return
    edits = facts.edits(pair, unit)
    for conflict in facts.view.conflicts:
        if conflict.link == row.id and facts.is_unit(conflict.unit, unit):
            what = f"I11: {pair}: conflict of {unit.name} {conflict.left!r} / {conflict.right!r}"
            meetings = [
                (left, right)
                for left in _edits_of(edits, unit, Side.LEFT, conflict.left)
                for right in _edits_of(edits, unit, Side.RIGHT, conflict.right)
            ]
            reasons = [
                _unfounded(facts, unit, edits, meeting, uncertain=conflict.uncertain)
                for meeting in meetings
            ] or ["no person made both edits"]
            values = {Side.LEFT: conflict.left, Side.RIGHT: conflict.right}
            is_blurred = conflict.uncertain and _is_unanswered(facts, pair)
            if all(reasons) and not (is_blurred or _is_unanswered(facts, pair, unit, values)):
                yield f"{what}: {reasons[-1]}"
    yield from _unrecorded(facts, pair, unit, edits, row.id)


def _is_unanswered(
    facts: Facts, pair: Pair, unit: Meaning | None = None, values: Mapping[Side, Raws] | None = None
) -> bool:
    """A write had no answer: who saw what, and when a value was set, nobody can tell for sure.

    Args:
        values: only a write counts that sent what the other side says here.
    """
    lost = [
        (side, write)
        for side, record in pair.records.items()
        for write in facts.writes_to.get((side, record.id), ())
        if write.answer in ("lost", "unknown")
    ]
    if unit is None or values is None:
        return bool(lost)
    return any(
        (sent := facts.sent(write, unit)) is not None
        and unit.agrees(side.other, values[side.other], sent)
        for side, write in lost
    )


def _unfounded(
    facts: Facts,
    unit: Meaning,
    edits: list[UnitEdit],
    meeting: tuple[UnitEdit, UnitEdit],
    *,
    uncertain: bool,
) -> str:
    """Say why two edits were no conflict, or return the empty text."""
    first, second = sorted(meeting, key=lambda edit: edit.at)
    is_seen = second.seen_by == "write" and first.at < second.seen_at
    if is_seen and first in facts.superseded(second, edits, unit):
        return "the later author had seen the earlier edit"
    apart = _least_apart_s(facts, *meeting)
    if not uncertain and apart > facts.scenario.window_s:
        return f"the edits are {apart:.1f} s apart"
    return ""


def _unrecorded(
    facts: Facts, pair: Pair, unit: Meaning, edits: list[UnitEdit], link: int
) -> Iterator[str]:
    """Report edits within the window of which the later was taken as if it were outside."""
    for line in facts.view.history:
        if line.link != link or line.rule != "M6" or not facts.is_unit(line.unit, unit):
            continue
        losers = _edits_of(edits, unit, line.side, line.before)
        winners = [
            edit
            for edit in edits
            if edit.side is not line.side and unit.agrees(edit.side, edit.raws, line.after)
        ]
        meetings = [(one, two) for one in losers for two in winners if not unit.blank(one.raws)]
        if meetings and all(
            _most_apart_s(facts, *meeting) <= facts.scenario.window_s for meeting in meetings
        ):
            yield (
                f"I11: {pair}: {unit.name} {line.before!r} lost to {line.after!r} within"
                " the window, and no conflict is recorded"
            )


def _edits_of(edits: list[UnitEdit], unit: Meaning, side: Side, raws: Raws) -> list[UnitEdit]:
    return [e for e in edits if e.side is side and unit.same(e.raws, raws)]


def _apart_s(facts: Facts, one: UnitEdit, two: UnitEdit) -> tuple[float, float]:
    """Return the distance by the apps' own stamps, and with their clocks put right."""
    stamped = (one.stamp_us - two.stamp_us) / 1_000_000
    skews = facts.scenario.skews
    return stamped, stamped - (skews[one.side] - skews[two.side])


def _least_apart_s(facts: Facts, one: UnitEdit, two: UnitEdit) -> float:
    return min(abs(apart) for apart in _apart_s(facts, one, two)) - 0.002


def _most_apart_s(facts: Facts, one: UnitEdit, two: UnitEdit) -> float:
    return max(abs(apart) for apart in _apart_s(facts, one, two)) + 0.002
