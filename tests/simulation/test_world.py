"""The scripted apps keep the ports' promises, and the faults do what they say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import pytest

from actors.errors import RateLimitedError, SchemaDriftError, TransientError
from actors.intents import (
    Done,
    Exists,
    Intent,
    IntentKind,
    Outcome,
    Rejected,
    Stale,
    Throttled,
    Unknown,
    Vanished,
)
from actors.ports import Connector
from actors.records import Departure, Gone, Side, Snapshot
from tests.simulation.connector import ScriptedConnector
from tests.simulation.crm import ERP, HUB, OBJECT, Crm, Flavour
from tests.simulation.faults import FaultPlan, Rates
from tests.simulation.ledger import Ledger, Record, Values
from tests.simulation.loop import current_loop, simulate
from tests.simulation.scenario import FIELDS, Scenario

T = TypeVar("T")
SIDE = Side.LEFT
NAME, NOTE, AMOUNT = (FIELDS[SIDE][key] for key in ("name", "note", "amount"))
READ = (NAME, NOTE, AMOUNT, FIELDS[SIDE]["stage"])


class App:
    """One scripted app of the left side with its connector."""

    def __init__(self, flavour: Flavour, rates: Rates) -> None:
        self.scenario = Scenario(seed="world", flavours={SIDE: flavour, Side.RIGHT: ERP})
        self.loop = current_loop()
        self.ledger = Ledger(self.loop.time, keep_lines=True)
        self.plan = FaultPlan(rates, "world", until=1e6)
        self.crm = Crm(
            name="left",
            side=SIDE,
            flavour=flavour,
            schema=self.scenario.schema(SIDE),
            ledger=self.ledger,
            seed="world",
            clock_skew_s=7.0,
            lag=lambda: self.plan.lag_s(self.loop.time()),
        )
        self.port = ScriptedConnector(self.crm, self.plan, 1)
        self.sent = 0

    def deal(self, name: str = "first", **more: str) -> Record:
        values: Values = {NAME: name, FIELDS[SIDE]["pipeline"]: "sales"}
        values |= {FIELDS[SIDE]["stage"]: "new"}
        values |= {FIELDS[SIDE][key]: value for key, value in more.items()}
        made = self.crm.edit("create", None, values)
        assert made is not None
        return made

    async def read(self, record: Record) -> Snapshot:
        [shown] = (await self.port.fetch(OBJECT, [record.id], READ)).records
        return shown

    async def write(self, *intents: Intent) -> tuple[Outcome, ...]:
        return await self.port.write(OBJECT, intents, READ)

    def update(self, record: Record, token: str | None = None, **values: str) -> Intent:
        named: Values = {FIELDS[SIDE][key]: value for key, value in values.items()}
        return self._intent(IntentKind.UPDATE, named, record_id=record.id, token=token)

    def create(self, key: str, name: str) -> Intent:
        values: Values = {NAME: name, FIELDS[SIDE]["pipeline"]: "sales"}
        values |= {FIELDS[SIDE]["stage"]: "met"}
        return self._intent(IntentKind.CREATE, values, key=key)

    def _intent(self, kind: IntentKind, values: Values, **rest: str | None) -> Intent:
        self.sent += 1
        return Intent(
            id=self.sent,
            sync="s",
            link=1,
            side=SIDE,
            kind=kind,
            units=(),
            values=values,
            **rest,  # type: ignore[arg-type]
        )


def play(
    flavour: Flavour, part: Callable[[App], Awaitable[T]], rates: Rates | None = None, seed: int = 1
) -> T:
    """Play a scene with one app in virtual time."""

    async def main() -> T:
        return await part(App(flavour, rates or Rates()))

    return simulate(seed, main)


both = pytest.mark.parametrize("flavour", [HUB, ERP], ids=["hub", "erp"])


@both
def test_it_is_a_connector(flavour: Flavour) -> None:
    async def part(app: App) -> None:
        port: Connector = app.port
        schema = await port.describe()
        assert schema.object(OBJECT) is not None
        await port.prepare(OBJECT)
        await port.aclose()

    play(flavour, part)


@both
def test_the_feed_shows_every_edit_once_the_index_does(flavour: Flavour) -> None:
    async def part(app: App) -> None:
        cursor = await app.port.start(OBJECT)
        deals = [app.deal(f"deal {n}") for n in range(30)]
        app.crm.edit("set", deals[0], {NAME: "changed"})
        seen: dict[str, str] = {}
        end = app.loop.time() + 300
        while app.loop.time() < end:
            changes = await app.port.changes(OBJECT, READ, cursor, seen)
            cursor = changes.cursor
            seen |= {record.id: record.token for record in changes.records}
            await anyio.sleep(0 if changes.more else 10)
        assert seen == {deal.id: deal.now.token for deal in deals}

    rates = Rates(lag_usual_s=20, lag_worst_s=120, duplicated=0.3, reordered=0.3)
    play(flavour, part, rates)


@both
def test_a_listing_shows_each_live_record_once(flavour: Flavour) -> None:
    async def part(app: App) -> None:
        deals = [app.deal(f"deal {n}") for n in range(40)]
        app.crm.edit("archive", deals[3], {})
        found: list[str] = []
        after: str | None = None
        while True:
            page = await app.port.list_page(OBJECT, READ, after)
            found += [record.id for record in page.records]
            app.deal("made while listing")
            after = page.after
            if after is None:
                break
        assert found[: len(deals) - 1] == [d.id for d in deals if not d.now.archived]
        assert len(set(found)) == len(found)

    play(flavour, part)


def test_the_lock_refuses_a_token_that_was_replaced() -> None:
    async def part(app: App) -> None:
        deal = app.deal()
        token = (await app.read(deal)).token
        app.crm.edit("set", deal, {NOTE: "a person was here"})
        [refused] = await app.write(app.update(deal, token, name="ours"))
        assert isinstance(refused, Stale) and refused.current is not None
        [taken] = await app.write(app.update(deal, refused.current.token, name=" ours "))
        assert isinstance(taken, Done) and taken.proven
        assert taken.stored.values[NAME] == "ours", "this app trims"
        assert taken.stored.token not in (token, refused.current.token)

    play(ERP, part)


def test_history_tells_ours_from_theirs_newest_first() -> None:
    async def part(app: App) -> None:
        deal = app.deal()
        await app.write(app.update(deal, name="ours"))
        app.crm.edit("set", deal, {NAME: "theirs"})
        history = await app.port.edits(OBJECT, {deal.id: [NAME, NOTE]})
        values = [(edit.value, edit.ours) for edit in history[deal.id, NAME]]
        assert values == [("theirs", False), ("ours", True), ("first", False)]
        assert history[deal.id, NAME][0].at == (await app.read(deal)).modified_at

    play(HUB, part)
    assert play(ERP, lambda app: app.port.edits(OBJECT, {"1": [NAME]})) == {}


@both
def test_a_create_is_create_only_and_is_found_again(flavour: Flavour) -> None:
    async def part(app: App) -> None:
        await app.port.prepare(OBJECT)
        [made] = await app.write(app.create("key", "one"))
        assert isinstance(made, Done) and made.stored.key == "key"
        [again] = await app.write(app.create("key", "two"))
        assert isinstance(again, Exists) and again.record_id == made.stored.id
        assert again.current is not None and again.current.values[NAME] == "one"
        app.crm.edit("archive", app.crm.records[made.stored.id], {})
        [gone] = await app.write(app.create("key", "three"))
        assert isinstance(gone, Exists) and gone.archived
        found = await app.port.find(OBJECT, ["key", "other"], READ)
        assert found == {"key": Gone(id=made.stored.id, how=Departure.ARCHIVED)}

    play(flavour, part)


@both
def test_what_cannot_be_written_is_an_outcome_of_its_own(flavour: Flavour) -> None:
    async def part(app: App) -> None:
        one, two = app.deal(), app.deal()
        app.crm.edit("archive", one, {})
        tokens = {deal.id: deal.now.token for deal in (one, two)}
        gone, refused = await app.write(
            app.update(one, tokens[one.id], name="x"),
            app.update(two, tokens[two.id], name=""),
        )
        assert isinstance(gone, Vanished) and gone.how is Departure.ARCHIVED
        assert isinstance(refused, Rejected) and refused.fields == (NAME,)
        with pytest.raises(SchemaDriftError):
            await app.write(app.create("key", "x"))

    play(flavour, part)


def test_an_unknown_outcome_may_be_either() -> None:
    async def part(app: App) -> set[str | None]:
        deal = app.deal()
        [outcome] = await app.write(app.update(deal, name="ours"))
        assert isinstance(outcome, Unknown)
        return {(await app.read(deal)).values[NAME]}

    assert play(HUB, part, Rates(lost_before=1.0)) == {"first"}
    assert play(HUB, part, Rates(lost_after=1.0)) == {"ours"}


@both
def test_a_late_commit_comes_long_after_the_answer(flavour: Flavour) -> None:
    async def part(app: App) -> None:
        deal = app.deal()
        [outcome] = await app.write(app.update(deal, deal.now.token, name="ours"))
        assert isinstance(outcome, Unknown)
        assert (await app.read(deal)).values[NAME] == "first"
        await anyio.sleep(600)
        assert (await app.read(deal)).values[NAME] == "ours"

    play(flavour, part, Rates(late_commit=1.0))


def test_a_request_on_the_wire_outlives_who_sent_it() -> None:
    async def part(app: App) -> None:
        deal = app.deal()
        app.plan.rates = Rates(very_slow=1.0)
        with anyio.move_on_after(2):
            await app.write(app.update(deal, name="ours"))
        app.plan.rates = Rates()
        assert (await app.read(deal)).values[NAME] == "first"
        await anyio.sleep(200)
        assert (await app.read(deal)).values[NAME] == "ours"

    play(HUB, part)


def test_a_partial_batch_has_an_outcome_of_each_kind() -> None:
    async def part(app: App) -> set[type]:
        kinds: set[type] = set()
        for _ in range(20):
            deals = [app.deal() for _ in range(5)]
            updates = [app.update(deal, deal.now.token, name="x") for deal in deals]
            kinds |= {type(outcome) for outcome in await app.write(*updates)}
        return kinds

    assert play(HUB, part, Rates(partial=1.0)) == {Done, Rejected, Throttled, Unknown}


def test_a_stale_read_serves_a_moment_before() -> None:
    async def part(app: App) -> set[str | None]:
        deal = app.deal()
        await anyio.sleep(100)
        app.crm.edit("set", deal, {NAME: "second"})
        await anyio.sleep(30)
        return {(await app.read(deal)).values[NAME] for _ in range(30)}

    assert play(HUB, part, Rates(stale_read=1.0)) == {"first", "second"}


@pytest.mark.parametrize(
    ("rates", "error"),
    [
        (Rates(transient=1.0), TransientError),
        (Rates(rate_limited=1.0), RateLimitedError),
        (Rates(outages=((SIDE, 0.0, 99.0),)), TransientError),
    ],
)
def test_a_failed_call_had_no_effect(rates: Rates, error: type[TransientError]) -> None:
    async def part(app: App) -> None:
        deal = app.deal()
        for call in (
            lambda: app.write(app.update(deal, name="ours")),
            lambda: app.port.fetch(OBJECT, [deal.id], READ),
            lambda: app.port.list_page(OBJECT, READ, None),
        ):
            with pytest.raises(error):
                await call()
        await anyio.sleep(700)
        app.crm.settle()
        assert deal.now.values[NAME] == "first"

    play(HUB, part, rates)


def test_a_breach_of_the_contract_is_entered() -> None:
    async def part(app: App) -> list[str]:
        deal = app.deal()
        await app.write(*(app.update(deal, name="x") for _ in range(6)))
        return app.ledger.breaches

    breaches = play(HUB, part)
    assert any("6 items" in breach for breach in breaches)
    assert any("targets" in breach for breach in breaches)


def test_times_are_the_apps_own() -> None:
    async def part(app: App) -> None:
        shown = await app.read(app.deal())
        true_us = app.crm.clock_us(0) - 7_000_000
        assert round(shown.modified_at.timestamp() * 1e6) == pytest.approx(
            true_us + 7_000_000, abs=1000
        )

    play(HUB, part)
