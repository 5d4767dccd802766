"""Writing deals into a real Tryton: its state machine, its locks, its other people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from actors.errors import SchemaDriftError, TransientError
from actors.intents import Done, Intent, IntentKind, Outcome, Rejected, Stale, Throttled, Unknown
from actors.records import Departure, Gone, Side, Snapshot
from actors.values import Raw
from daemon.connectors.registry import Environment
from daemon.connectors.tryton.connector import TrytonConnector
from daemon.connectors.tryton.doubts import Doubts
from daemon.connectors.tryton.options import Auth
from daemon.connectors.tryton.states import CONFIRM_SALE, CONVERT
from daemon.sandbox.tryton.client import AdminClient
from daemon.sandbox.tryton.server import TrytonInfo
from tests.support.answer_cutter import AnswerCutter, cutting
from tests.support.tryton import tryton, tryton_admin
from tests.support.tryton_bench import FIELDS, make_options

__all__ = ["tryton", "tryton_admin"]

pytestmark = pytest.mark.anyio
numbers = count(1)
DEAL = "model.sale.opportunity"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def cutter(tryton: TrytonInfo) -> AsyncIterator[AnswerCutter]:
    async with cutting(tryton.url) as cutter:
        yield cutter


@pytest.fixture
async def erp(tryton: TrytonInfo, cutter: AnswerCutter) -> AsyncIterator[TrytonConnector]:
    connector = TrytonConnector(make_options(tryton, url=cutter.url), Environment(app="erp"))
    yield connector
    await connector.aclose()


@pytest.fixture
async def converter(tryton: TrytonInfo) -> AsyncIterator[TrytonConnector]:
    """A connector whose user has the rights of the group Sales, and the option to use them."""
    auth = Auth(user=tryton.admin_user, password=tryton.admin_password)
    options = make_options(tryton, auth=auth, convert=True)
    connector = TrytonConnector(options, Environment(app="erp"))
    yield connector
    await connector.aclose()


class Whole(dict[str, Raw]):
    """Values of a deal that may become an opportunity."""

    def __init__(self, person: AdminClient, **values: Raw) -> None:
        domain = [["name", "=", "Kunde 00 AS"]]
        (party,) = person.call("model.party.party.search", domain, 0, 1, None)
        (employee,) = person.call("model.company.employee.search", [], 0, 1, [["id", "ASC"]])
        super().__init__(
            description="whole", party=str(party), employee=str(employee), amount="100.00"
        )
        self.update(values)


def creating(values: dict[str, Raw]) -> Intent:
    number = next(numbers)
    return Intent(
        id=number,
        sync="s",
        link=number,
        side=Side.RIGHT,
        kind=IntentKind.CREATE,
        units=(),
        values=values,
        key=f"tieline:writes:deals:other:{number}",
    )


def updating(target: Snapshot, **values: Raw) -> Intent:
    return Intent(
        id=next(numbers),
        sync="s",
        link=1,
        side=Side.RIGHT,
        kind=IntentKind.UPDATE,
        units=(),
        values=values,
        record_id=target.id,
        token=target.token,
    )


async def write_one(erp: TrytonConnector, intent: Intent) -> Outcome:
    (outcome,) = await erp.write("deals", [intent], FIELDS)
    return outcome


async def make(erp: TrytonConnector, values: dict[str, Raw]) -> Snapshot:
    outcome = await write_one(erp, creating(values))
    assert isinstance(outcome, Done), outcome
    return outcome.stored


async def read(erp: TrytonConnector, record_id: str) -> Snapshot:
    fetched = await erp.fetch("deals", [record_id], FIELDS)
    return fetched.records[0]


def today() -> str:
    return datetime.now(UTC).date().isoformat()


# Creating ----------------------------------------------------------------------------------------


async def test_a_description_is_enough_for_a_lead(erp: TrytonConnector) -> None:
    stored = await make(erp, {"description": "just a name", "pipeline": "opportunities"})
    assert stored.values["state"] == "lead"
    assert stored.values["currency"] == "NOK"
    assert stored.values["start_date"] is not None


async def test_a_deal_without_party_stays_a_lead_and_says_what_it_needs(
    erp: TrytonConnector,
) -> None:
    outcome = await write_one(erp, creating({"description": "no party", "state": "opportunity"}))
    assert isinstance(outcome, Done)
    assert outcome.stored.values["state"] == "lead"
    assert outcome.refused == {"state": "an opportunity in Tryton needs party and employee"}


async def test_a_deal_that_is_lost_already_is_created_and_closed(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    values = Whole(tryton_admin, state="lost", end_date="2030-01-01", comment="too dear")
    stored = await make(erp, values)
    assert stored.values["state"] == "lost"
    assert stored.values["comment"] == "too dear"
    assert stored.values["end_date"] == today(), "Tryton's own closing day is adopted"


async def test_a_won_deal_is_brought_as_far_as_an_opportunity(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    outcome = await write_one(erp, creating(Whole(tryton_admin, state="won")))
    assert isinstance(outcome, Done)
    assert outcome.stored.values["state"] == "opportunity"
    assert outcome.refused == {"state": CONFIRM_SALE}


async def test_defaults_let_deals_become_opportunities(
    tryton: TrytonInfo, tryton_admin: AdminClient
) -> None:
    options = make_options(tryton, default_party="Kunde 04 AS", default_employee="Ola Innkjop")
    erp = TrytonConnector(options, Environment(app="erp"))
    stored = await make(erp, {"description": "from elsewhere", "state": "opportunity"})
    (row,) = tryton_admin.call(f"{DEAL}.read", [int(stored.id)], ["party.name", "employee"])
    assert stored.values["state"] == "opportunity"
    assert row["party."]["name"] == "Kunde 04 AS"
    own = Whole(tryton_admin)
    assert (await make(erp, own)).values["party"] == own["party"], "only where it is empty"
    await erp.aclose()


async def test_a_default_that_is_not_there_is_named(tryton: TrytonInfo) -> None:
    options = make_options(tryton, default_party="Nobody AS")
    erp = TrytonConnector(options, Environment(app="erp"))
    with pytest.raises(SchemaDriftError, match=r"`default_party: Nobody AS` fits no record"):
        await erp.describe()
    await erp.aclose()


@pytest.mark.parametrize(
    ("name", "raw", "reason"),
    [
        ("employee", "99999", "no company.employee with id 99999"),
        ("party", "Kunde", "not the id of a record"),
        ("currency", "XXX", "no currency 'XXX'"),
        ("state", "negotiation", "no 'negotiation'"),
        ("pipeline", "default", "no 'default'"),
        ("number", "17", "read-only"),
        ("amount", "a lot", "not a number"),
        ("conversion_probability", "50", "not valid according to its domain"),
    ],
)
async def test_a_value_that_tryton_cannot_hold_is_refused_by_its_field(
    name: str, raw: str, reason: str, erp: TrytonConnector
) -> None:
    outcome = await write_one(erp, creating({"description": "bad", name: raw}))
    assert isinstance(outcome, Rejected)
    assert reason in outcome.reason
    assert outcome.fields == (name,)


async def test_one_bad_record_of_a_hundred_costs_few_calls(
    erp: TrytonConnector, cutter: AnswerCutter
) -> None:
    intents = [creating({"description": f"batch {number}"}) for number in range(100)]
    intents[37].values["amount"] = "1.234"
    outcomes = await erp.write("deals", intents, FIELDS)
    assert [number for number, one in enumerate(outcomes) if not isinstance(one, Done)] == [37]
    assert [one.stored.values["description"] for one in outcomes if isinstance(one, Done)] == [
        intent.values["description"] for intent in intents if intent is not intents[37]
    ]
    assert cutter.count(b"opportunity.create") <= 2 * 7 + 1


async def test_two_creates_of_one_key_in_one_batch_make_one_record(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    intent = creating({"description": "only one"})
    first, second = await erp.write("deals", [intent, intent], FIELDS)
    assert isinstance(first, Done) and isinstance(second, Throttled)
    domain = [["reference", "=", intent.key]]
    assert tryton_admin.call(f"{DEAL}.search_count", domain, 0, None) == 1


async def test_a_create_in_doubt_is_neither_declared_absent_nor_sent_again(
    tryton: TrytonInfo, cutter: AnswerCutter
) -> None:
    settle = timedelta(minutes=1)
    options = make_options(tryton, url=cutter.url, settle=settle)
    erp = TrytonConnector(options, Environment(app="erp"))
    cutter.reply_to(b"opportunity.create", 500)
    intent = creating({"description": "in doubt"})
    assert isinstance(await write_one(erp, intent), Unknown)
    with pytest.raises(TransientError, match="may still be under way") as caught:
        await erp.find("deals", [intent.key or ""], FIELDS)
    assert caught.value.retry_after is not None
    assert timedelta(seconds=50) < caught.value.retry_after <= settle
    again = await write_one(erp, intent)
    assert isinstance(again, Throttled)
    assert cutter.count(b"opportunity.create") == 1
    assert isinstance(await write_one(erp, creating({"description": "another"})), Done)
    await erp.aclose()


def test_a_doubt_ends_with_the_time_that_a_create_may_take() -> None:
    now = 100.0
    doubts = Doubts(timedelta(seconds=5), lambda: now)
    assert doubts.wait_for_any([]) == doubts.wait_for("a") == timedelta(0)
    assert doubts.wait_for_any(["a"]) == timedelta(seconds=5), "another process may have sent it"
    now = 104.0
    doubts.remember(["a"])
    assert doubts.wait_for_any(["a", "b"]) == doubts.wait_for("a") == timedelta(seconds=5)
    assert doubts.wait_for_any(["b"]) == timedelta(seconds=1)
    now = 109.0
    assert doubts.wait_for_any(["a", "b"]) == doubts.wait_for("a") == timedelta(0)


# Updating ----------------------------------------------------------------------------------------


async def test_fields_are_written_before_the_deal_closes(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    stored = await make(erp, Whole(tryton_admin, state="opportunity"))
    outcome = await write_one(erp, updating(stored, amount="250.50", state="lost"))
    assert isinstance(outcome, Done)
    assert (outcome.refused, outcome.proven) == ({}, True)
    assert outcome.stored.values["amount"] == "250.50"
    assert outcome.stored.values["state"] == "lost"
    assert outcome.stored == await read(erp, stored.id)


@pytest.mark.parametrize(("day", "proven"), [("2030-01-01", False), ("today", True)])
async def test_the_day_that_tryton_gives_a_deal_as_it_closes_is_news(
    erp: TrytonConnector, tryton_admin: AdminClient, day: str, proven: bool
) -> None:
    stored = await make(erp, Whole(tryton_admin, state="opportunity"))
    outcome = await write_one(
        erp, updating(stored, end_date=day.replace("today", today()), state="lost")
    )
    assert isinstance(outcome, Done)
    assert (outcome.refused, outcome.proven) == ({}, proven)
    assert outcome.stored.values["end_date"] == today()


async def test_the_day_of_arrival_of_a_deal_that_was_lost_before_is_no_news(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    values = Whole(tryton_admin, state="lost", end_date="2020-01-01")
    outcome = await write_one(erp, creating(values))
    assert isinstance(outcome, Done)
    assert outcome.proven


async def test_a_lost_deal_is_locked_and_nothing_is_sent(
    erp: TrytonConnector, tryton_admin: AdminClient, cutter: AnswerCutter
) -> None:
    stored = await make(erp, Whole(tryton_admin, state="lost"))
    outcome = await write_one(erp, updating(stored, amount="1.00", description="late"))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "locked in Tryton: the deal is lost"
    assert set(outcome.fields) == {"amount", "description"}
    assert cutter.count(b"opportunity.write") == 0
    assert await read(erp, stored.id) == stored


async def test_what_is_not_locked_on_a_lost_deal_is_written(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    stored = await make(erp, Whole(tryton_admin, state="lost"))
    outcome = await write_one(erp, updating(stored, amount="1.00", lost_reason="too slow"))
    assert isinstance(outcome, Done)
    assert outcome.refused == {"amount": "locked in Tryton: the deal is lost"}
    assert outcome.stored.values["lost_reason"] == "too slow"
    assert outcome.stored.values["amount"] == "100.00"


async def test_a_reopened_deal_takes_its_fields_first_and_then_goes_on(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    stored = await make(erp, Whole(tryton_admin, state="lost"))
    outcome = await write_one(erp, updating(stored, description="again", state="opportunity"))
    assert isinstance(outcome, Done)
    assert outcome.refused == {}
    assert outcome.stored.values["description"] == "again"
    assert outcome.stored.values["state"] == "opportunity"


async def test_a_value_that_is_there_already_is_not_written_again(
    erp: TrytonConnector, tryton_admin: AdminClient, cutter: AnswerCutter
) -> None:
    stored = await make(erp, Whole(tryton_admin))
    outcome = await write_one(erp, updating(stored, amount="100", state="lead"))
    assert outcome == Done(stored=stored)
    assert cutter.count(b"opportunity.write") == 0


async def test_a_new_party_takes_the_old_ones_address_along(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    stored = await make(erp, Whole(tryton_admin))
    deal, party = int(stored.id), int(stored.values["party"] or 0)
    (address, *_) = tryton_admin.call(
        "model.party.address.search", [["party", "=", party]], 0, None, None
    )
    tryton_admin.call(f"{DEAL}.write", [deal], {"address": address})
    other = find_party(tryton_admin, "Kunde 05 AS")
    outcome = await write_one(erp, updating(await read(erp, stored.id), party=other))
    assert isinstance(outcome, Done), outcome
    assert outcome.stored.values["party"] == other
    (row,) = tryton_admin.call(f"{DEAL}.read", [deal], ["address"])
    assert row["address"] is None


def find_party(person: AdminClient, name: str) -> str:
    (party,) = person.call("model.party.party.search", [["name", "=", name]], 0, 1, None)
    return str(party)


async def test_difficult_texts_arrive_as_far_as_tryton_can_hold_them(
    erp: TrytonConnector,
) -> None:
    stored = await make(
        erp,
        {
            "description": "  two\nlines\tand\x00 a fish 🐟  ",
            "comment": "kept\r\n\tas it is \x00" + "x" * 100_000,
        },
    )
    assert stored.values["description"] == "two lines and a fish 🐟"
    assert stored.values["comment"] == "kept\r\n\tas it is " + "x" * 100_000


async def test_an_edit_that_falls_between_two_steps_is_not_overwritten(
    erp: TrytonConnector, tryton_admin: AdminClient, cutter: AnswerCutter
) -> None:
    stored = await make(erp, Whole(tryton_admin, state="lost"))
    values = {"description": "a person was quicker"}
    cutter.run_after(
        b"opportunity.lead", lambda: tryton_admin.call(f"{DEAL}.write", [int(stored.id)], values)
    )
    outcome = await write_one(erp, updating(stored, description="ours", state="lead"))
    assert isinstance(outcome, Stale)
    assert outcome.current is not None
    assert outcome.current.values["description"] == "a person was quicker"


async def test_an_edit_right_after_ours_makes_the_answer_unproven(
    erp: TrytonConnector, tryton_admin: AdminClient, cutter: AnswerCutter
) -> None:
    stored = await make(erp, Whole(tryton_admin))
    values = {"description": "a person was next"}
    cutter.run_after(
        b"opportunity.write", lambda: tryton_admin.call(f"{DEAL}.write", [int(stored.id)], values)
    )
    outcome = await write_one(erp, updating(stored, description="ours"))
    assert isinstance(outcome, Done)
    assert not outcome.proven
    assert outcome.stored.values["description"] == "a person was next"


async def test_a_button_that_somebody_else_pressed_meanwhile_is_a_stale_version(
    erp: TrytonConnector, tryton_admin: AdminClient, cutter: AnswerCutter
) -> None:
    stored = await make(erp, Whole(tryton_admin))
    cutter.run_after(
        b"opportunity.search_read", lambda: tryton_admin.call(f"{DEAL}.lost", [int(stored.id)])
    )
    outcome = await write_one(erp, updating(stored, state="lost"))
    assert isinstance(outcome, Stale)
    assert outcome.current is not None and outcome.current.values["state"] == "lost"


async def test_a_server_that_gives_up_before_anything_is_written_throttles(
    erp: TrytonConnector, tryton_admin: AdminClient, cutter: AnswerCutter
) -> None:
    stored = await make(erp, Whole(tryton_admin))
    cutter.reply_to(b"opportunity.write", 503)
    outcome = await write_one(erp, updating(stored, amount="7"))
    assert isinstance(outcome, Throttled)
    assert await read(erp, stored.id) == stored


async def test_a_write_that_is_not_read_back_is_unknown(
    erp: TrytonConnector, tryton_admin: AdminClient, cutter: AnswerCutter
) -> None:
    stored = await make(erp, Whole(tryton_admin))
    cutter.run_after(b"opportunity.write", lambda: cutter.reply_to(b"opportunity.search_read", 500))
    outcome = await write_one(erp, updating(stored, amount="7"))
    assert isinstance(outcome, Unknown)


async def test_a_field_that_is_gone_stops_the_sync(erp: TrytonConnector) -> None:
    with pytest.raises(SchemaDriftError, match="no field shoe_size"):
        await write_one(erp, creating({"description": "x", "shoe_size": "44"}))
    with pytest.raises(SchemaDriftError, match="no field shoe_size"):
        await erp.list_page("deals", ["shoe_size"], None)


# Conversion --------------------------------------------------------------------------------------


async def test_converting_is_left_to_people_unless_the_option_says_otherwise(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    stored = await make(erp, Whole(tryton_admin, state="opportunity"))
    outcome = await write_one(erp, updating(stored, state="converted"))
    assert outcome == Rejected(reason=CONVERT, fields=("state",))


async def test_the_option_converts_and_goes_no_further(
    converter: TrytonConnector, tryton_admin: AdminClient
) -> None:
    stored = await make(converter, Whole(tryton_admin))
    outcome = await write_one(converter, updating(stored, amount="9.00", state="won"))
    assert isinstance(outcome, Done)
    assert outcome.stored.values["state"] == "converted"
    assert outcome.stored.values["amount"] == "9.00"
    assert outcome.refused == {"state": CONFIRM_SALE}


async def test_a_user_without_the_right_to_convert_is_told_so(
    tryton: TrytonInfo, tryton_admin: AdminClient
) -> None:
    erp = TrytonConnector(make_options(tryton, convert=True), Environment(app="erp"))
    stored = await make(erp, Whole(tryton_admin, state="opportunity"))
    outcome = await write_one(erp, updating(stored, state="converted"))
    assert isinstance(outcome, Rejected)
    assert 'Calling button "convert' in outcome.reason
    assert outcome.fields == ("state",)
    await erp.aclose()


async def test_a_line_without_product_is_the_reason_that_converting_fails(
    converter: TrytonConnector, tryton_admin: AdminClient
) -> None:
    stored = await make(converter, Whole(tryton_admin, state="opportunity"))
    line = {"opportunity": int(stored.id), "quantity": 1.0, "description": "something"}
    tryton_admin.call("model.sale.opportunity.line.create", [line])
    outcome = await write_one(converter, updating(stored, state="converted"))
    assert isinstance(outcome, Rejected)
    assert "Unit Price" in outcome.reason
    assert (await read(converter, stored.id)).values["state"] == "opportunity"


async def test_a_cancelled_sale_comes_back_as_a_lost_deal(
    converter: TrytonConnector, tryton_admin: AdminClient
) -> None:
    stored = await make(converter, Whole(tryton_admin, state="converted"))
    cursor = await converter.start("deals")
    domain = [["origin", "=", f"sale.opportunity,{stored.id}"]]
    sales = tryton_admin.call("model.sale.sale.search", domain, 0, None, None)
    tryton_admin.call("model.sale.sale.cancel", sales)
    changes = await converter.changes("deals", FIELDS, cursor, {stored.id: stored.token})
    (lost,) = [one for one in changes.records if one.id == stored.id]
    assert (lost.values["state"], lost.values["amount"]) == ("lost", "0")
    assert lost.values["end_date"] == today()


# Reading -----------------------------------------------------------------------------------------


async def test_a_deal_hidden_by_a_rule_is_not_taken_for_deleted(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    hidden = await make(erp, {"description": "hidden"})
    rule = {
        "name": "hide",
        "model": "sale.opportunity",
        "global_p": True,
        "rules": [["create", [{"domain": f'[["id", "!=", {hidden.id}]]'}]]],
    }
    (group,) = tryton_admin.call("model.ir.rule.group.create", [rule])
    fetched = await erp.fetch("deals", [hidden.id, "999999", "x"], FIELDS)
    tryton_admin.call("model.ir.rule.group.delete", [group])
    assert fetched.gone == (
        Gone(id=hidden.id, how=Departure.HIDDEN),
        Gone(id="999999", how=Departure.DELETED),
        Gone(id="x", how=Departure.DELETED),
    )


async def test_a_merge_of_parties_shows_in_the_version(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    source, target = tryton_admin.call(
        "model.party.party.create", [{"name": "Double AS"}, {"name": "Single AS"}]
    )
    stored = await make(erp, {"description": "merged", "party": str(source)})
    merge_parties(tryton_admin, source, target)
    now = await read(erp, stored.id)
    assert now.values["party"] == str(target)
    assert now.modified_at == stored.modified_at, "Tryton leaves no trace of it"
    assert now.token != stored.token


def merge_parties(person: AdminClient, source: int, target: int) -> None:
    session, *_ = person.call("wizard.party.replace.create")
    data = {"ask": {"source": source, "destination": target}}
    try:
        person.call("wizard.party.replace.execute", session, data, "replace")
    except Exception as error:
        confirm(person, str(error))
        person.call("wizard.party.replace.execute", session, data, "replace")


def confirm(person: AdminClient, refusal: str) -> None:
    assert "UserWarning" in refusal
    name = refusal.split("'UserWarning', ['")[1].split("'")[0]
    (user,) = person.call("model.res.user.search", [["login", "=", "admin"]], 0, 1, None)
    warning = {"user": user, "name": name, "always": False}
    person.call("model.res.user.warning.create", [warning])


async def test_an_ended_employee_is_known_and_inactive(
    erp: TrytonConnector, tryton_admin: AdminClient
) -> None:
    (party,) = tryton_admin.call("model.party.party.create", [{"name": "Was Here"}])
    employee: dict[str, Any] = {"party": party, "company": 1, "end_date": "2020-01-31"}
    (ended,) = tryton_admin.call("model.company.employee.create", [employee])
    users = {user.id: user for user in (await erp.describe()).users}
    assert (users[str(ended)].name, users[str(ended)].active) == ("Was Here", False)
    stored = await make(erp, {"description": "old hand", "employee": str(ended)})
    assert stored.values["employee"] == str(ended)


async def test_an_idle_feed_costs_one_call_a_poll(
    erp: TrytonConnector, cutter: AnswerCutter
) -> None:
    await make(erp, {"description": "last of all"})
    cursor, seen, more = await erp.start("deals"), dict[str, str](), True
    while more:
        changes = await erp.changes("deals", FIELDS, cursor, seen)
        cursor, more = changes.cursor, changes.more
        seen |= {one.id: one.token for one in changes.records}
    before = len(cutter.requests)
    changes = await erp.changes("deals", FIELDS, cursor, seen)
    assert (changes.records, changes.more) == ((), False)
    assert len(cutter.requests) - before == 1


async def test_many_unseen_rows_among_seen_ones_come_in_pages(
    tryton: TrytonInfo, tryton_admin: AdminClient
) -> None:
    erp = TrytonConnector(make_options(tryton, page_size=3), Environment(app="erp"))
    rows = [{"description": f"row {number}"} for number in range(8)]
    ids = [str(one) for one in tryton_admin.call(f"{DEAL}.create", rows)]
    cursor, seen, more, sizes, found = await erp.start("deals"), {"1": "x"}, True, [], []
    while more:
        changes = await erp.changes("deals", FIELDS, cursor, seen)
        cursor, more = changes.cursor, changes.more
        sizes.append(len(changes.records))
        found += [one.id for one in changes.records]
    assert max(sizes) == 3
    assert [one for one in found if one in ids] == ids
    await erp.aclose()


async def test_an_unreachable_server_stops_a_write_before_it_begins(tryton: TrytonInfo) -> None:
    options = make_options(tryton, url="http://127.0.0.1:9/")
    erp = TrytonConnector(options, Environment(app="erp"))
    with pytest.raises(TransientError):
        await write_one(erp, creating({"description": "never sent"}))
    await erp.aclose()
