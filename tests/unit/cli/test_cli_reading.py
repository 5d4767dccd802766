"""`status`, `explain` and `conflicts` on a real store, also while somebody writes to it."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import anyio
import pytest

from actors.intents import Intent, IntentKind, UnitWrite
from actors.links import Base, Change, Commit, Conflict, End, Link, Seen, Status
from actors.records import Departure, Side
from daemon.cli.exits import Exit
from daemon.health import Health
from daemon.store.sqlite import open_store
from tests.support.cli import Cli

SYNC = "sales/deals"
US = 1_700_000_000_000_000  # 2023-11-14 22:13:20Z
UNIT = "dealname=description"


def end(record: str, name: str, **more: object) -> End:
    seen = Seen("token", US, {"dealname": name})
    return End(id=record, seen=seen, base={UNIT: Base(1, (name,))}, **more)  # type: ignore[arg-type]  # fields of End


LINKS = (
    Link(
        id=1, sync=SYNC, left=end("101", "Chairs"), right=end("7", "Chairs"), status=Status.IN_SYNC
    ),
    Link(
        id=2,
        sync=SYNC,
        left=end("102", "Desks\x1b[31m", moved={UNIT: (US, US)}),
        right=end("8", "Desks", gone=Departure.DELETED),
        status=Status.EXCLUDED,
        reason="deleted in erp; hubspot keeps its record",
    ),
    Link(id=3, sync=SYNC, left=end("103", "Lamps"), status=Status.FAILING, reason="no", attempts=2),
    Link(id=4, sync="old/deals", left=end("9", "Old"), status=Status.IN_SYNC),
)
CLASHES = tuple(
    Conflict(
        sync=SYNC,
        link=1,
        unit=UNIT,
        left=("Chairs",),
        right=(f"Stools {number}",),
        left_us=US,
        right_us=US + 1_000_000 * number,
        rule="M7",
        winner=winner,
        outcome=outcome,
        at_us=US,
    )
    for number, (winner, outcome) in enumerate(
        [(Side.LEFT, "copied"), (None, "open"), (Side.RIGHT, "copied")]
    )
)
WORK = Commit(
    sync=SYNC,
    links=LINKS[:3],
    intents=(
        Intent(
            id=10,
            sync=SYNC,
            link=3,
            side=Side.RIGHT,
            kind=IntentKind.CREATE,
            units=(UnitWrite(unit=UNIT, version=1, source=("Lamps",), sent=("Lamps",)),),
            values={"description": "Lamps"},
            attempts=1,
            decided_us=US,
        ),
    ),
    conflicts=CLASHES,
    history=(
        Change(
            sync=SYNC,
            link=1,
            side=Side.RIGHT,
            record_id="7",
            unit=UNIT,
            rule="M7",
            before=("Stools 0",),
            after=("Chairs",),
            at_us=US,
        ),
    ),
)


@pytest.fixture
def filled(cli: Cli) -> Cli:
    async def fill() -> None:
        async with open_store(cli.store) as store:
            await store.commit(WORK)
            await store.commit(Commit(sync="old/deals", links=LINKS[3:]))

    anyio.run(fill)
    return cli


@pytest.mark.parametrize("command", [("status",), ("conflicts",), ("explain", "hubspot", "1")])
def test_without_a_store_the_next_step_is_named(cli: Cli, command: tuple[str, ...]) -> None:
    result = cli(*command)
    assert result.exit_code == Exit.STORE
    assert "there is none yet: `tieline run` makes it" in result.stderr
    assert not cli.store.exists()


def test_status_counts_by_status_and_reason_and_sums_up(filled: Cli) -> None:
    answer = filled.json("status")
    assert answer["daemon"]["running"] is False
    old, sales = answer["syncs"]
    assert (sales["name"], sales["left"], sales["right"]) == (SYNC, "hubspot", "erp")
    assert [(one["status"], one["left"], one["right"]) for one in sales["counts"]] == [
        ("in sync", 1, 1),
        ("excluded", 1, 1),
        ("failing", 1, 0),
    ]
    assert (sales["total_left"], sales["total_right"]) == (3, 2)
    assert (sales["writes_open"], sales["conflicts"]) == (1, {"copied": 2, "open": 1})
    assert (old["name"], old["configured"]) == ("old/deals", False)


def test_status_passes_on_what_the_daemon_says(filled: Cli) -> None:
    health = Health(live=True, ready=False, why_not=("the new files were refused",))

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(health.status if self.path == "/healthz" else 404)
            self.end_headers()
            self.wfile.write(health.to_json())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        filled.change("apps:", f"daemon: {{listen: '0.0.0.0:{server.server_port}'}}\napps:")
        thread = Thread(target=server.handle_request)
        thread.start()
        text = filled("status").stdout
        thread.join()
    assert text.startswith("The daemon runs, but:\n  the new files were refused\n")


def test_status_is_a_table_for_people(filled: Cli) -> None:
    text = filled("status").stdout
    assert "sales/deals: hubspot <-> erp\n" in text
    assert "excluded        1    1  deleted in erp; hubspot keeps its record\n" in text
    assert "total           3    2\n" in text
    assert "old/deals: left <-> right (no longer configured)" in text
    assert "No daemon answers" in text


def test_secrets_need_not_be_at_hand_to_look(filled: Cli) -> None:
    filled.change("${env:ERP_PASSWORD}", "${file:/nowhere}")
    assert filled("status").exit_code == Exit.OK


def test_explain_tells_both_sides_reason_writes_conflicts_and_history(filled: Cli) -> None:
    (story,) = filled.json("explain", "erp", "7")["stories"]
    assert (story["sync"], story["status"], story["reason"]) == (SYNC, "in sync", "")
    assert [(one["app"], one["record"]) for one in story["ends"]] == [
        ("hubspot", "101"),
        ("erp", "7"),
    ]
    (unit,) = story["fields"]
    assert (unit["field"], unit["left"], unit["right"]) == (UNIT, ["Chairs"], ["Chairs"])
    assert {one["winner"] for one in story["conflicts"]} == {"hubspot", "", "erp"}
    (change,) = story["history"]
    assert (change["app"], change["before"], change["after"]) == ("erp", ["Stools 0"], ["Chairs"])
    (story,) = filled.json("explain", "hubspot", "103")["stories"]
    assert (story["status"], story["attempts"], story["writes"][0]["kind"]) == (
        "failing",
        2,
        "create",
    )


def test_explain_says_why_in_words_and_lets_no_terminal_command_through(filled: Cli) -> None:
    text = filled("explain", "hubspot", "102").stdout
    assert (
        "hubspot 102 in sales/deals\nexcluded: deleted in erp; hubspot keeps its record\n" in text
    )
    assert "8 (deleted there)" in text
    assert "edited in hubspot 2023-11-14 22:13:20Z" in text
    assert "Desks\\x1b[31m" in text
    assert "\x1b" not in text


def test_an_unknown_record_or_app_is_told_apart(filled: Cli) -> None:
    result = filled("explain", "hubspot", "999")
    assert result.exit_code == Exit.PROBLEM
    assert "sales/deals has never seen record '999' of hubspot" in result.stderr
    result = filled("explain", "hubspt", "101")
    assert result.exit_code == Exit.USAGE
    assert "no app is named 'hubspt'; did you mean 'hubspot'?" in result.stderr


def test_conflicts_are_listed_newest_first_with_their_records(filled: Cli) -> None:
    answer = filled.json("conflicts", "--all")
    assert [one["right"]["values"] for one in answer["conflicts"]] == [
        ["Stools 2"],
        ["Stools 1"],
        ["Stools 0"],
    ]
    assert {(one["left"]["record"], one["right"]["record"]) for one in answer["conflicts"]} == {
        ("101", "7")
    }
    assert answer["more"] is False
    text = filled("conflicts").stdout
    assert "erp 7: Stools 1 (2023-11-14 22:13:21Z)  (to be decided)  open" in text
    assert "Stools 2" not in text
    assert "\ntieline resolve 2 --with hubspot\ntieline resolve 2 --with erp\n" in text


def test_conflicts_can_be_narrowed(filled: Cli) -> None:
    (one,) = filled.json("conflicts")["conflicts"]
    assert (one["id"], one["outcome"], one["winner"]) == (2, "open", "")
    answer = filled.json("conflicts", "--all", "--sync", SYNC, "--limit", "2")
    assert (len(answer["conflicts"]), answer["more"]) == (2, True)
    assert filled("conflicts", "--sync", "sales/dels").exit_code == Exit.USAGE
    assert "No conflicts." not in filled("conflicts").stdout


def test_looking_works_while_a_daemon_holds_the_store(filled: Cli) -> None:
    async def look() -> int:
        async with open_store(filled.store):
            result = await anyio.to_thread.run_sync(filled, "status")
            return result.exit_code

    assert anyio.run(look) == Exit.OK
