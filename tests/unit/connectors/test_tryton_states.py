"""The rules of an opportunity's life, by themselves and against what a real server does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.schema import Closing
from daemon.connectors.tryton.states import (
    ALWAYS_READONLY,
    BUTTONS,
    BY_SALE,
    CONFIRM_SALE,
    CONVERT,
    LABELS,
    LOCKS,
    describe_pipeline,
    find_route,
    plan_update,
    presses_of,
)
from daemon.sandbox.tryton.client import AdminClient
from daemon.sandbox.tryton.template import TrytonError
from tests.support.tryton import tryton, tryton_admin

__all__ = ["tryton", "tryton_admin"]

WHOLE = {"party": "1", "employee": "1"}
states = st.sampled_from(sorted(LABELS))

# From, to, buttons, and where that leaves the deal; for a tieline that may not convert.
ROUTES = [
    ("lead", "lead", (), "lead"),
    ("lead", "opportunity", ("opportunity",), "opportunity"),
    ("lead", "converted", ("opportunity",), "opportunity"),
    ("lead", "won", ("opportunity",), "opportunity"),
    ("lead", "lost", ("lost",), "lost"),
    ("lead", "cancelled", ("cancel",), "cancelled"),
    ("opportunity", "lead", ("lead",), "lead"),
    ("opportunity", "converted", (), "opportunity"),
    ("opportunity", "won", (), "opportunity"),
    ("opportunity", "lost", ("lost",), "lost"),
    ("opportunity", "cancelled", ("cancel",), "cancelled"),
    ("lost", "lead", ("lead",), "lead"),
    ("lost", "opportunity", ("lead", "opportunity"), "opportunity"),
    ("lost", "won", ("lead", "opportunity"), "opportunity"),
    ("lost", "cancelled", ("lead", "cancel"), "cancelled"),
    ("cancelled", "lead", ("lead",), "lead"),
    ("cancelled", "opportunity", ("lead", "opportunity"), "opportunity"),
    ("cancelled", "lost", ("lead", "lost"), "lost"),
    ("converted", "lead", (), "converted"),
    ("converted", "lost", (), "converted"),
    ("converted", "won", (), "converted"),
    ("won", "lead", (), "won"),
    ("won", "lost", (), "won"),
    ("won", "won", (), "won"),
]


@pytest.mark.parametrize(("state", "wanted", "presses", "arrives"), ROUTES)
def test_the_way_between_two_states(
    state: str, wanted: str, presses: tuple[str, ...], arrives: str
) -> None:
    route = find_route(state, wanted, convert=False)
    assert (presses_of(route.states), route.arrives) == (presses, arrives)
    assert bool(route.refused) == (arrives != wanted)


@pytest.mark.parametrize(
    ("state", "wanted", "presses", "refused"),
    [
        ("lead", "converted", ("opportunity", "convert"), ""),
        ("lead", "won", ("opportunity", "convert"), CONFIRM_SALE),
        ("lost", "converted", ("lead", "opportunity", "convert"), ""),
        ("converted", "won", (), BY_SALE),
        ("converted", "converted", (), ""),
    ],
)
def test_the_way_of_one_who_may_convert(
    state: str, wanted: str, presses: tuple[str, ...], refused: str
) -> None:
    route = find_route(state, wanted, convert=True)
    assert (presses_of(route.states), route.refused) == (presses, refused)


@pytest.mark.parametrize(
    ("state", "stays"), [("lead", "lead"), ("lost", "lead"), ("cancelled", "lead")]
)
def test_a_deal_without_party_or_employee_stops_before_it_becomes_an_opportunity(
    state: str, stays: str
) -> None:
    route = find_route(state, "won", convert=True, missing=("employee", "party"))
    assert route.arrives == stays
    assert route.refused == "an opportunity in Tryton needs party and employee"


def test_fields_are_written_before_the_deal_closes() -> None:
    plan = plan_update("opportunity", {"amount": "5", "state": "lost"}, WHOLE, convert=False)
    assert (plan.before, plan.values, plan.after) == ((), {"amount": "5"}, ("lost",))
    assert plan.refused == {}


def test_a_deal_is_reopened_before_its_fields_are_written() -> None:
    plan = plan_update("lost", {"amount": "5", "state": "opportunity"}, WHOLE, convert=False)
    assert (plan.before, plan.values, plan.after) == (("lead",), {"amount": "5"}, ("opportunity",))


def test_a_closed_deal_keeps_its_fields_and_says_so() -> None:
    values = {"amount": "5", "reference": "R"}
    plan = plan_update("lost", values, WHOLE, convert=False)
    assert plan.values == {"reference": "R"}
    assert plan.refused == {"amount": "locked in Tryton: the deal is lost"}
    assert not plan.before and not plan.after


def test_an_amount_is_not_written_without_its_currency() -> None:
    values = {"amount": "5", "currency": "EUR"}
    plan = plan_update("opportunity", values, WHOLE, convert=False)
    assert plan.is_empty
    assert set(plan.refused) == {"amount", "currency"}


def test_what_is_needed_to_qualify_may_come_with_the_same_order() -> None:
    values = {"party": "7", "state": "opportunity"}
    plan = plan_update("lead", values, {"party": None, "employee": "1"}, convert=False)
    assert (plan.values, plan.after, plan.refused) == ({"party": "7"}, ("opportunity",), {})


def test_what_is_needed_to_qualify_may_not_go_with_the_same_order() -> None:
    values = {"party": None, "state": "opportunity"}
    plan = plan_update("lead", values, WHOLE, convert=False)
    assert (plan.values, plan.after) == ({"party": None}, ())
    assert plan.refused == {"state": "an opportunity in Tryton needs party"}


fields = st.sets(st.sampled_from(sorted(LOCKS["lost"] | {"reference", "contact", "lost_reason"})))


@given(states, states, fields, st.booleans())
def test_a_plan_writes_only_what_is_unlocked_and_presses_only_what_is_there(
    state: str, wanted: str, names: set[str], convert: bool
) -> None:
    values = dict.fromkeys(names, "1")
    plan = plan_update(state, {**values, "state": wanted}, WHOLE, convert=convert)
    at = walk(state, plan.before)
    assert not LOCKS[at] & plan.values.keys()
    end = walk(at, plan.after)
    assert (end == wanted) == ("state" not in plan.refused)
    assert plan.values.keys() | (plan.refused.keys() - {"state"}) == names


def walk(state: str, presses: tuple[str, ...]) -> str:
    for button in presses:
        (state,) = [to for (came, to), name in BUTTONS.items() if (came, name) == (state, button)]
    return state


def test_the_pipeline_tells_which_stages_only_tryton_reaches() -> None:
    stages = {stage.id: stage for stage in describe_pipeline(convert=False).stages}
    assert list(stages) == ["lead", "opportunity", "converted", "won", "lost", "cancelled"]
    assert {name for name, stage in stages.items() if not stage.reachable} == {"converted", "won"}
    assert stages["converted"].unreachable == CONVERT
    assert stages["won"].closing is Closing.WON
    assert stages["lost"].closing is stages["cancelled"].closing is Closing.LOST
    assert stages["converted"].closing is Closing.OPEN


def test_converted_is_reachable_for_one_who_may_convert() -> None:
    stages = {stage.id: stage for stage in describe_pipeline(convert=True).stages}
    assert {name for name, stage in stages.items() if not stage.reachable} == {"won"}


# Against the server ------------------------------------------------------------------------------


def test_the_locks_are_those_that_the_server_declares(tryton_admin: AdminClient) -> None:
    definitions = tryton_admin.call("model.sale.opportunity.fields_get", [])
    for state, locked in LOCKS.items():
        declared = {
            name
            for name, definition in definitions.items()
            if is_locked(definition, state) and name not in {"company", "converted_by"}
        }
        assert declared == locked, state
    assert all(name in definitions for name in ALWAYS_READONLY)


def is_locked(definition: dict[str, object], state: str) -> bool:
    rules = definition["states"]
    decoded = json.loads(rules) if isinstance(rules, str) else rules
    context = {"state": state, "party": 1, "employee": 1, "context": {}}
    readonly = (
        pytest.importorskip("trytond.pyson")
        .PYSONDecoder(context)
        .decode(json.dumps(decoded))
        .get("readonly", False)
    )
    return bool(readonly) and not definition["readonly"]


@pytest.mark.parametrize("state", ["lead", "opportunity", "converted", "lost", "cancelled"])
def test_the_buttons_are_those_that_the_server_offers(
    state: str, tryton_admin: AdminClient
) -> None:
    for button in dict.fromkeys(BUTTONS.values()):
        deal = make_deal(tryton_admin, state)
        try:
            tryton_admin.call(f"model.sale.opportunity.{button}", [deal])
        except TrytonError as error:
            assert "You can not call" in str(error)
            assert (state, button) not in {(came, name) for (came, _), name in BUTTONS.items()}
        else:
            (row,) = tryton_admin.call("model.sale.opportunity.read", [deal], ["state"])
            assert BUTTONS[state, row["state"]] == button


def make_deal(person: AdminClient, state: str) -> int:
    (party,) = person.call("model.party.party.search", [["name", "=", "Kunde 00 AS"]], 0, 1, None)
    (employee,) = person.call("model.company.employee.search", [], 0, 1, [["id", "ASC"]])
    values = {"description": "by the book", "party": party, "employee": employee}
    (deal,) = person.call("model.sale.opportunity.create", [values])
    for button in presses_of(find_route("lead", state, convert=True).states):
        person.call(f"model.sale.opportunity.{button}", [deal])
    return int(deal)
