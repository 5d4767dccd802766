"""The gate: what of the decisions is carried out now, and what waits for a person's word.

Every ruling passes it before its intents are made durable. What it counts is stored in the same
transaction, so that a crash neither forgets nor doubles anything. The rules are in `limits` and
`emptiness`; the gate keeps their state and finds the words.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec
from msgspec import Struct

from actors import emptiness
from actors.deciding import Ruling
from actors.emptiness import Mood, Watch
from actors.intents import Intent
from actors.ledger import Ledger
from actors.limits import (
    CHANGES,
    CREATES,
    FIRST_LOAD,
    Counts,
    Tally,
    add_counts,
    charged,
    count_draft,
    describe_excess,
    exceeding,
    held_of,
    kind_of,
    marked,
    split_kind,
)
from actors.links import Link, Settled, Status
from actors.mapping.record import Sync
from actors.messages import Mapped
from actors.observing import microseconds
from actors.plans import Planned, digest_of, name_record
from actors.ports import Clock, Store
from actors.records import Side
from actors.scope import scheduled
from actors.spec import Limits

GATE_CURSOR = "gate"
PLAN, LINK_ONLY, CANARY, GONE, STOPPED = "plan", "link only", "canary", "gone", "stopped"
_PASSING = frozenset({PLAN, LINK_ONLY, CANARY})
_STEP_US = 60_000_000
_NOT_WRITTEN = frozenset(
    {"throttled", "stale", "vanished", "rejected", "not sent", "exists"}
    | {"recovered: not created", "recovered: gone", "orphaned"}
)


class GateState(Struct, frozen=True, omit_defaults=True):
    """What outlives a run, as JSON under `GATE_CURSOR`.

    Attributes:
        loaded: the first load is over: both sides were read whole, and all of it was dealt with.
        watches: by side, what is thought of it; only what is stopped outlives a run.
        ramp_us: when the first load began, microseconds UTC by our clock. ramped: records since.
    """

    loaded: bool = False
    tally: Tally = Tally()
    watches: dict[str, Watch] = {}
    ramp_us: int = 0
    ramped: int = 0


def read_state(text: str | None) -> GateState | None:
    """Read what is stored under `GATE_CURSOR`."""
    return msgspec.json.decode(text, type=GateState) if text is not None else None


def stopped_sides(state: GateState) -> tuple[Side, ...]:
    """Return the sides from which nothing is decided until a person agrees."""
    return tuple(side for side in Side if _mood(state, side) is Mood.STOPPED)


def _mood(state: GateState, side: Side) -> Mood:
    return state.watches.get(side.value, Watch()).mood


class Gate:
    """Lets decisions of one sync through, or holds them.

    Args:
        planned: the plan whose decisions alone are carried out, if this run applies one.
    """

    def __init__(self, sync: Sync, clock: Clock, planned: Planned | None = None) -> None:
        self._sync = sync
        self._clock = clock
        self._planned = planned
        self._spec = sync.spec
        self._state = GateState()
        self._stored: GateState | None = None
        self._canaries: set[int] = set()
        self._postponed_us = 0
        self._wants_pass = False
        self._is_releasing = True

    async def load(self, store: Store) -> None:
        """Take up what a former run left."""
        text = await store.load_cursor(self._sync.name, GATE_CURSOR)
        known = read_state(text)
        if known is not None:
            self._state = self._stored = known
        else:
            read = [await store.load_cursor(self._sync.name, side.value) for side in Side]
            self._state = GateState(loaded=None not in read)

    def moved(self) -> dict[str, str]:
        """Return what is to be stored with the next step, as cursors; nothing if nothing moved."""
        if self._state == self._stored:
            return {}
        self._stored = self._state
        return {GATE_CURSOR: msgspec.json.encode(self._state).decode()}

    def _now_us(self) -> int:
        return microseconds(self._clock.now())

    def _put(self, **changes: object) -> None:
        self._state = msgspec.structs.replace(self._state, **changes)

    # --- the first load ---------------------------------------------------------------------

    @property
    def is_first_load(self) -> bool:
        """The sync has not been in step yet."""
        return not self._state.loaded

    @property
    def may_read_on(self) -> bool:
        """The ramp has room for another page of the first listing."""
        ramp = self._spec.first_load.ramp
        return ramp is None or not self.is_first_load or self._state.ramped < self._allowance(ramp)

    def rested(self) -> None:
        """Both sides have been read whole and nothing is left to do: the first load is over."""
        first = self._spec.first_load
        is_whole = not first.link_only and first.canary is None
        if is_whole and self._now_us() > self._postponed_us:
            self._put(loaded=True)

    @property
    def is_spent(self) -> bool:
        """As many canary records as wanted have been let through."""
        wanted = self._spec.first_load.canary
        return wanted is not None and len(self._canaries) >= wanted

    def _allowance(self, ramp: int) -> int:
        steps = max(self._now_us() - self._state.ramp_us, 0) // _STEP_US
        return int(ramp * (2 ** min(steps + 1, 40) - 1))

    # --- judging ----------------------------------------------------------------------------

    def judge(self, before: Link | None, ruling: Ruling) -> Ruling:
        """Return the ruling as it is carried out: whole, or with the record held.

        Args:
            before: the link as it was stored, if it was.
        """
        waits = self._departing(before, ruling)
        if waits is not None:
            return waits
        if not ruling.drafts:
            return msgspec.structs.replace(ruling, link=marked(ruling.link, {}, {}))
        if found := self._mode_holds(ruling):
            return self._held(before, ruling, *found)
        needs = add_counts(count_draft(self._sync, draft) for draft in ruling.drafts)
        if self._planned is not None:
            return self._passed(ruling, {}, needs)
        limits, used = self._limits(), self._state.tally.used(self._spec.limits, self._now_us())
        if over := exceeding(needs, used, limits, before):
            return self._held(before, ruling, over, self._excess(next(iter(over))))
        if late := self._too_early():
            return self._postponed(ruling, late)
        if self.is_first_load and not self._spec.require_plan:
            return self._passed(ruling, {}, {**needs, FIRST_LOAD: 1})
        return self._passed(ruling, charged(needs, before), None)

    def _limits(self) -> Limits:
        """The first load is what a person has just turned on: it may be large (F24)."""
        if self.is_first_load and not self._spec.require_plan:
            return msgspec.structs.replace(self._spec.limits, creates=None, changes=None)
        return self._spec.limits

    def _excess(self, kind: str) -> str:
        words = describe_excess(self._sync, self._spec.limits, kind)
        is_plan_due = self.is_first_load and split_kind(kind)[1] in (CREATES, CHANGES)
        return f"{words}, or apply a plan (`tieline plan`)" if is_plan_due else words

    def _mode_holds(self, ruling: Ruling) -> tuple[Counts, str] | None:
        """Return for what, and with which words, the record waits whatever the limits say."""
        first, link = self._spec.first_load, ruling.link
        for side in stopped_sides(self._state):
            return {kind_of(side, STOPPED): 1}, self._emptiness(side)
        if self._planned is not None:
            digest = digest_of(ruling.drafts)
            if self._planned.has(name_record(link), digest):
                return None
            words = f"not as plan {self._planned.number} has it: left for a new plan"
            return {PLAN: 1}, words
        if first.link_only:
            return {LINK_ONLY: 1}, "nothing is written while the first load only links"
        if first.canary is not None and link.id not in self._canaries:
            if self.is_spent:
                return {CANARY: 1}, f"waits until the first {first.canary} have been looked at"
            self._canaries.add(link.id)
        return None

    def _passed(self, ruling: Ruling, counts: Counts, granted: Counts | None) -> Ruling:
        """Let a ruling through; `granted` is what its record may repeat without being counted."""
        drafts = []
        for draft in ruling.drafts:
            own = count_draft(self._sync, draft)
            drafts.append(
                msgspec.structs.replace(draft, counts={k: n for k, n in own.items() if k in counts})
            )
        tally = self._state.tally
        if counts:
            tally = tally.added(counts, self._spec.limits, self._now_us())
        ramped = self._state.ramped + (
            self.is_first_load and self._spec.first_load.ramp is not None
        )
        self._put(tally=tally, ramped=ramped)
        link = ruling.link
        if granted is not None:
            link = marked(link, {}, granted)
        return msgspec.structs.replace(ruling, link=link, drafts=tuple(drafts))

    def _held(self, before: Link | None, ruling: Ruling, held: Counts, reason: str) -> Ruling:
        link = _unordered(before, ruling)
        link = msgspec.structs.replace(link, status=Status.HELD, reason=reason, due_us=None)
        link = scheduled(self._sync, marked(link, held, {}), self._now_us())
        asked = tuple(one for one in ruling.conflicts if one.winner is None)
        return msgspec.structs.replace(ruling, link=link, drafts=(), conflicts=asked, history=())

    # --- the ramp ---------------------------------------------------------------------------

    def _too_early(self) -> int | None:
        """Return when the ramp has room again, microseconds UTC, or None if it has now."""
        ramp = self._spec.first_load.ramp
        if ramp is None or not self.is_first_load:
            return None
        now_us = self._now_us()
        if not self._state.ramp_us:
            self._put(ramp_us=now_us)
        if self._state.ramped < self._allowance(ramp):
            return None
        return now_us + _STEP_US - (now_us - self._state.ramp_us) % _STEP_US

    def _postponed(self, ruling: Ruling, due_us: int) -> Ruling:
        self._postponed_us = max(self._postponed_us, due_us)
        reason = "waits its turn: the first load begins slowly"
        link = msgspec.structs.replace(
            ruling.link, status=Status.PENDING, reason=reason, due_us=due_us
        )
        return msgspec.structs.replace(ruling, link=link, drafts=(), conflicts=(), history=())

    # --- counting ---------------------------------------------------------------------------

    def closed(self, intent: Intent, settled: Iterable[Settled]) -> None:
        """Take back what was counted for a write, if it did not happen."""
        undone = any(one.intent == intent.id and one.outcome in _NOT_WRITTEN for one in settled)
        if undone and intent.counts:
            limits, at_us = self._spec.limits, intent.decided_us
            self._put(tally=self._state.tally.added(intent.counts, limits, at_us, -1))

    # --- a side that is suddenly empty ------------------------------------------------------

    def _watch(self, side: Side) -> Watch:
        return self._state.watches.get(side.value, Watch())

    def _keep(self, side: Side, watch: Watch) -> None:
        self._put(watches={**self._state.watches, side.value: watch})

    def _emptiness(self, side: Side) -> str:
        return emptiness.describe(self._sync.app(side), self._sync.name)

    @property
    def is_wary(self) -> bool:
        """All linked records are being looked at, since many of a side are gone."""
        return any(self._watch(side).mood is Mood.WARY for side in Side)

    def looked_over(self, page: Mapped, ledger: Ledger) -> None:
        """Take note of how many of the linked records that were looked at are gone."""
        links = [ledger.of(page.side, gone.id) for gone in page.gone]
        gone = sum(link is not None and _is_live_pair(link, page.side) for link in links)
        self.looked(page.side, gone, len(page.records))

    def looked(self, side: Side, gone: int, there: int) -> None:
        """So many of the linked records that were looked at together are gone, or there."""
        before = self._watch(side)
        after = emptiness.looked(before, gone, there, self._spec.limits.vanished, self._now_us())
        if after != before:
            self._keep(side, after)
        self._wants_pass |= after.mood is Mood.WARY and before.mood is Mood.CALM

    def take_pass(self) -> bool:
        """Say whether all linked records are to be looked at now, once."""
        wanted, self._wants_pass = self._wants_pass, False
        return wanted

    def counted(self) -> None:
        """All linked records have been looked at."""
        for side in Side:
            before = self._watch(side)
            percent, window_us = self._spec.limits.vanished, self._window_us()
            after = emptiness.counted(before, percent, self._now_us(), window_us)
            if after != before:
                self._keep(side, after)
                self._is_releasing |= not after.is_patient or before.mood is Mood.WARY

    def agree(self, sides: Iterable[Side]) -> list[str]:
        """Believe what is gone on these sides; return the names of those that had stopped."""
        found = []
        for side in sides:
            if self._watch(side).is_patient:
                self._keep(side, emptiness.agreed(self._now_us(), self._window_us()))
                found.append(self._sync.app(side))
                self._is_releasing = True
        return found

    def _window_us(self) -> int:
        return self._spec.limits.window // timedelta(microseconds=1)

    def _departing(self, before: Link | None, ruling: Ruling) -> Ruling | None:
        """Hold a linked record whose departure is not believed yet."""
        if before is None or before.left is None or before.right is None:
            return None
        for side in Side:
            end, known = ruling.link.end(side), before.end(side)
            watch = self._watch(side)
            if end is None or end.gone is None or known is None or known.gone is not None:
                continue
            if watch.is_patient:
                reason = emptiness.describe_wariness(self._sync.app(side))
                if watch.mood is Mood.STOPPED:
                    reason = self._emptiness(side)
                return self._held(before, Ruling(link=before), {kind_of(side, GONE): 1}, reason)
        return None

    # --- releasing --------------------------------------------------------------------------

    @property
    def is_releasing(self) -> bool:
        """Held records are to be sought that need not wait any more."""
        return self._is_releasing

    def released(self) -> None:
        """They have been sought."""
        self._is_releasing = False

    def lets_go(self, link: Link) -> bool:
        """Say whether a held link is to be decided again though nothing of it moved."""
        return any(self._lets_go(kind) for kind in held_of(link))

    def _lets_go(self, kind: str) -> bool:
        side, what = split_kind(kind)
        if self._planned is not None or what in _PASSING:
            return what != LINK_ONLY or not self._spec.first_load.link_only
        return side is not None and what in (GONE, STOPPED) and not self._watch(side).is_patient


def _unordered(before: Link | None, ruling: Ruling) -> Link:
    """Return the link without what it says of orders that follow a delete: they are not given."""
    link = ruling.link
    for draft in ruling.drafts:
        end, known = link.end(draft.side), before.end(draft.side) if before is not None else None
        if draft.kind.is_parting and end is not None:
            followed = known.followed if known is not None else None
            link = link.with_end(draft.side, msgspec.structs.replace(end, followed=followed))
    return link


def _is_live_pair(link: Link, side: Side) -> bool:
    end = link.end(side)
    return end is not None and end.gone is None and link.end(side.other) is not None
