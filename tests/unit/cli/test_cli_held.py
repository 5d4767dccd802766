"""`held` and `approve` on a real store, with nobody there to carry out the orders."""

from __future__ import annotations

import anyio
import pytest
from msgspec.structs import replace

from actors.emptiness import Mood, Watch
from actors.gate import GATE_CURSOR, GateState
from actors.limits import describe_excess, marked
from actors.links import Commit, End, Link, Status
from actors.orders import Approve
from actors.records import Departure, Side
from actors.spec import Limits
from daemon.store.sqlite import open_store
from tests.support.builders import sync
from tests.support.cli import Cli

SYNC = "sales/deals"
REASON = describe_excess(sync(connection="sales"), Limits(), "right.creates")


def held(number: int, **kinds: int) -> Link:
    names = {"creates": "right.creates", "changes": "left.changes", "blanks": "left.blanks"}
    link = Link(
        id=number,
        sync=SYNC,
        left=End(id=f"10{number}"),
        status=Status.HELD,
        reason=REASON if "creates" in kinds else f"too many {sorted(kinds)}",
    )
    return marked(link, {names[kind]: count for kind, count in kinds.items()}, {})


LINKS = (
    *(held(number, creates=1) for number in range(1, 8)),
    held(8, changes=1),
    held(9, changes=1, blanks=3),
    Link(id=10, sync=SYNC, left=End(id="110"), status=Status.HELD, reason="note: both edited"),
    Link(id=11, sync=SYNC, left=End(id="111"), status=Status.IN_SYNC),
    Link(
        id=12,
        sync=SYNC,
        left=End(id="112", gone=Departure.DELETED),
        right=End(id="12"),
        status=Status.HELD,
        reason="deleted in hubspot; erp's record is archived only when approved: it was edited",
    ),
)
STOPPED = GateState(loaded=True, watches={"right": Watch(Mood.STOPPED)})


@pytest.fixture
def full(cli: Cli) -> Cli:
    from msgspec.json import encode

    async def fill() -> None:
        async with open_store(cli.store) as store:
            cursors = {GATE_CURSOR: encode(STOPPED).decode()}
            await store.commit(Commit(sync=SYNC, links=LINKS, cursors=cursors))

    anyio.run(fill)
    return cli


def orders(cli: Cli) -> list[Approve]:
    async def read() -> list[Approve]:
        async with open_store(cli.store) as store:
            asked = await store.load_orders(SYNC)
            return [one.order for one in asked if isinstance(one.order, Approve)]

    return anyio.run(read)


def test_held_lists_by_kind_with_counts_and_samples(full: Cli) -> None:
    answer = full.json("held")["syncs"][0]
    assert answer["questions"] == 1
    shown = {tuple(one["kinds"]): one["records"] for one in answer["held"]}
    assert shown == {
        ("creates in erp",): 7,
        ("changes in hubspot",): 1,
        ("blanks in hubspot", "changes in hubspot"): 1,
        ("deletes in erp",): 1,
    }
    assert answer["held"][0]["samples"] == [f"hubspot 10{number}" for number in range(1, 6)]
    told = full("held", SYNC)
    assert told.exit_code == 1
    assert "7 records: creates in erp exceed the limit of 500 in 1 h" in told.stdout
    assert "1 records wait for an answer: see `tieline conflicts`" in told.stdout


def test_nothing_held_is_no_problem(cli: Cli) -> None:
    async def make() -> None:
        async with open_store(cli.store):
            pass

    anyio.run(make)
    told = cli("held")
    assert (told.exit_code, told.stdout) == (0, "Nothing is held.\n")
    assert "Nothing is held that this would let go." in cli("approve", "--all").stdout


@pytest.mark.parametrize(
    ("options", "ids", "left"),
    [
        (("--creates", "3"), (1, 2, 3), 7),
        (("--changes", "5"), (8,), 9),
        (("--changes", "5", "--blanks", "2"), (8,), 9),
        (("--changes", "2", "--blanks", "3"), (8, 9), 8),
        (("--all",), (1, 2, 3, 4, 5, 6, 7, 8, 9), 1),
        (("--deletes", "1"), (12,), 9),
    ],
)
def test_approve_names_the_records_that_the_numbers_cover(
    full: Cli, options: tuple[str, ...], ids: tuple[int, ...], left: int
) -> None:
    answer = full.json("approve", SYNC, *options)
    assert (answer["approved"], answer["left"]) == ({SYNC: len(ids)}, {SYNC: left})
    assert [one["state"] for one in answer["orders"]] == ["waiting"]
    assert orders(full) == [Approve(links=ids)]


def test_what_is_gone_is_approved_apart(full: Cli) -> None:
    assert "erp suddenly shows hardly any of its linked records" in full("status").stdout
    assert full.json("approve", SYNC, "--vanished")["approved"] == {SYNC: 0}
    assert orders(full) == [Approve(sides=(Side.LEFT, Side.RIGHT))]


def test_a_wrong_command_line_is_told(full: Cli) -> None:
    for arguments, words in (
        (("approve",), "say how many"),
        (("approve", "--all", "--creates", "1"), "say how many"),
        (("approve", "sales/dels", "--all"), "did you mean 'sales/deals'?"),
        (("held", "nowhere"), "no sync is named 'nowhere'"),
        (("approve", "--creates", "0"), "0 is not in the range"),
        (("run", "--plan", "1", "--canary", "2"), "--plan writes what the plan shows"),
    ):
        told = full(*arguments)
        assert (told.exit_code, words in told.stderr) == (2, True), told.stderr
    assert orders(full) == []


def test_a_link_that_is_no_longer_held_keeps_no_mark() -> None:
    freed = marked(LINKS[8], {}, {})
    assert freed.left == replace(LINKS[8].left, held={}, granted={})  # type: ignore[type-var]
