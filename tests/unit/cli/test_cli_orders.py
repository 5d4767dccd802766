"""Orders by command without a daemon: what is left in the store, what is refused, completion."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import anyio
import pytest

from actors.links import Base, Change, Commit, Conflict, End, Link, Seen, Status
from actors.orders import Asked, Choose, Resync, Retry
from actors.records import Side
from daemon.cli.exits import Exit
from daemon.store.sqlite import open_store
from tests.support.cli import Cli

SYNC, UNIT, MONEY = "sales/deals", "dealname=description", "amount=amount"
US = 1_700_000_000_000_000


def end(record: str, name: str, **more: Any) -> End:
    seen = Seen("token", US, {"dealname": name})
    return End(id=record, seen=seen, base={UNIT: Base(1, (name,))}, **more)


def conflict(link: int, unit: str = UNIT, **more: Any) -> Conflict:
    known: dict[str, Any] = {
        "sync": SYNC,
        "left": ("Chairs",),
        "right": ("Stools",),
        "left_us": US,
        "right_us": US,
        "rule": "M7",
        "winner": None,
    }
    return Conflict(link=link, unit=unit, **(known | more))


WORK = Commit(
    sync=SYNC,
    links=(
        Link(id=1, sync=SYNC, left=end("101", "Chairs"), right=end("7", "Stools")),
        Link(id=2, sync=SYNC, left=end("102", "Desks"), right=end("8", "Desks")),
        Link(id=3, sync=SYNC, left=end("103", "Lamps"), status=Status.FAILING, reason="no"),
        Link(
            id=4,
            sync=SYNC,
            left=end("104", "Rugs"),
            right=end("9", "Rugs", moved={UNIT: (US, US)}),
        ),
    ),
    conflicts=(
        conflict(1),
        conflict(1, MONEY, left=("1", "EUR"), right=("2", "EUR")),
        conflict(2, winner=Side.LEFT, outcome="copied"),
        conflict(2, outcome="copied", rule="person", left=("A",)),
        conflict(4, winner=Side.LEFT, outcome="copied"),
    ),
    history=(
        Change(
            sync=SYNC,
            link=2,
            side=Side.LEFT,
            record_id="55",
            unit="*",
            rule="merged",
            before=("55",),
            after=("102",),
            at_us=US,
        ),
    ),
)


@pytest.fixture
def filled(cli: Cli) -> Cli:
    async def fill() -> None:
        async with open_store(cli.store) as store:
            await store.commit(WORK)

    anyio.run(fill)
    return cli


def orders(cli: Cli) -> tuple[Asked, ...]:
    async def load() -> tuple[Asked, ...]:
        async with open_store(cli.store) as store:
            return await store.load_orders(SYNC)

    return anyio.run(load)


def test_an_answer_is_left_with_what_the_person_saw(filled: Cli) -> None:
    answer = filled.json("resolve", "1", "--with", "erp")
    assert (answer["state"], answer["sync"]) == ("waiting", SYNC)
    assert "no daemon runs now" in answer["outcome"]
    (asked,) = orders(filled)
    assert asked.by and asked.at_us > US
    assert asked.order == Choose(
        link=1,
        unit=UNIT,
        left=("Chairs",),
        right=("Stools",),
        source=Side.RIGHT,
        conflict=WORK.conflicts[0],
    )


def test_a_value_is_given_in_parts_and_by_the_record(filled: Cli) -> None:
    parts = ("--value", "5", "--value", "")
    filled.json("resolve", "hubspot", "101", "--field", "amount", *parts)
    (asked,) = orders(filled)
    assert isinstance(asked.order, Choose)
    assert (asked.order.unit, asked.order.value) == (MONEY, ("5", None))


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("1",), Exit.USAGE, "--with APP, or --value VALUE"),
        (("1", "--with", "crm"), Exit.USAGE, "--with takes hubspot or erp, not 'crm'"),
        (("99", "--with", "erp"), Exit.PROBLEM, "there is no conflict 99"),
        (("3", "--with", "erp"), Exit.PROBLEM, "conflict 3 is copied, not open"),
        (("hubspot", "101", "--with", "erp"), Exit.USAGE, "say which with --field"),
        (("hubspot", "102", "--with", "erp"), Exit.PROBLEM, "nothing of hubspot 102 waits"),
        (
            ("hubspot", "101", "--field", "closedate", "--with", "erp"),
            Exit.PROBLEM,
            "nothing of field 'closedate' of hubspot 101 waits for a person; these do: amount=",
        ),
        (("nobody", "101", "--with", "erp"), Exit.USAGE, "a record by APP and RECORD"),
        (("3", "--reverse", "--with", "erp"), Exit.USAGE, "--reverse takes only an ID"),
        (("1", "--reverse"), Exit.PROBLEM, "conflict 1 is open; use `tieline resolve`"),
    ],
)
def test_what_cannot_be_answered_is_said(
    filled: Cli, words: tuple[str, ...], code: Exit, told: str
) -> None:
    result = _run(filled, "resolve", *words)
    assert (result[0], told in result[1]) == (code, True), result
    assert orders(filled) == ()


def _run(cli: Cli, *words: str) -> tuple[int, str]:
    """Run the real command: usage errors are told only there."""
    done = subprocess.run(
        [sys.executable, "-m", "daemon", "--config", str(cli.file), *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "HUB_TOKEN": "pat-x", "ERP_PASSWORD": "secret"},
        check=False,
    )
    return done.returncode, done.stderr


def test_taking_a_conflict_back_shows_what_it_does_and_asks(filled: Cli) -> None:
    shown = filled.json("conflicts", "undo", "3")
    assert (shown["app"], shown["record"], shown["now"], shown["then"], shown["state"]) == (
        "erp",
        "8",
        ["Desks"],
        ["Stools"],
        "planned",
    )
    assert orders(filled) == ()
    result = filled("conflicts", "undo", "3", "--yes")
    assert result.exit_code == Exit.OK
    (asked,) = orders(filled)
    assert isinstance(asked.order, Choose)
    assert (asked.order.rule, asked.order.source) == ("undo", Side.RIGHT)
    assert (asked.order.left, asked.order.right) == (("Desks",), ("Desks",))
    assert asked.order.value == ("Stools",)


def test_a_persons_own_value_is_taken_back_for_a_named_app(filled: Cli) -> None:
    assert "say whose to put back" in _run(filled, "conflicts", "undo", "4", "--yes")[1]
    assert filled.json("conflicts", "undo", "4", "--with", "hubspot")["then"] == ["A"]


def test_a_field_that_was_edited_since_is_not_taken_back(filled: Cli) -> None:
    code, told = _run(filled, "conflicts", "undo", "5", "--yes")
    assert (code, "was edited since and is not settled yet" in told) == (Exit.PROBLEM, True)
    assert orders(filled) == ()


def test_failing_records_are_tried_again_one_or_all(filled: Cli) -> None:
    assert filled.json("retry", "hubspot", "103")["orders"][0]["state"] == "waiting"
    filled.json("retry", "--failing", "--sync", SYNC)
    assert [one.order for one in orders(filled)] == [Retry(links=(3,)), Retry(links=(3,))]
    code, told = _run(filled, "retry", "hubspot", "101")
    assert (code, "hubspot 101 is not failing" in told) == (Exit.PROBLEM, True)
    assert _run(filled, "retry", "hubspot")[0] == Exit.USAGE
    assert _run(filled, "retry", "--failing", "--sync", "sales/dels")[0] == Exit.USAGE


def test_a_resync_of_all_or_of_one(filled: Cli) -> None:
    filled.json("resync")
    filled.json("resync", SYNC)
    assert [one.order for one in orders(filled)] == [Resync(), Resync()]
    assert "orders waiting    2" in filled("status").stdout


def test_pauses_are_states_that_status_tells(filled: Cli) -> None:
    assert filled.json("pause", SYNC)["changed"] == 1
    assert filled.json("pause", SYNC)["changed"] == 0
    (sync,) = filled.json("status")["syncs"]
    assert sync["paused"].startswith("sales/deals: paused by ")
    assert "sales/deals: paused by " in filled("status").stdout
    assert filled.json("resume", "sales")["paused"] == []
    filled.json("pause")
    code, told = _run(filled, "resume", SYNC)
    assert (code, "all of sales is paused: `tieline resume sales`" in told) == (Exit.PROBLEM, True)
    assert filled.json("resume")["paused"] == []


def test_a_merged_record_is_found_by_its_old_id(filled: Cli) -> None:
    (story,) = filled.json("explain", "hubspot", "55")["stories"]
    assert story["note"] == "merged in hubspot into 102"
    assert story["ends"][0]["record"] == "102"
    assert "merged in hubspot into 102\n" in filled("explain", "hubspot", "55").stdout


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("re",), {"reload", "resolve", "retry", "resume", "resync"}),
        (("resolve", "1", "--with", "er"), {"erp"}),
        (("resolve", "hub"), {"hubspot"}),
        (("pause", "sa"), {"sales", "sales/deals"}),
        (("resync", ""), {"sales/deals"}),
        (("conflicts", "--a"), {"--all"}),
    ],
)
def test_the_shell_completes_commands_options_and_names(
    filled: Cli, words: tuple[str, ...], found: set[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "daemon"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=filled.file.parent,
        env={
            **os.environ,
            "_TIELINE_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("tieline", *words)),
            "COMP_CWORD": str(len(words)),
        },
        check=False,
    )
    assert done.stderr == ""
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == found
