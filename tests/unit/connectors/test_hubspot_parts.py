"""Windows and cursors, snapshots, who wrote what, options of the configuration."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from daemon.connectors.hubspot import CONNECTOR
from daemon.connectors.hubspot.changes import Cursor, Margins, Window, open_window
from daemon.connectors.hubspot.history import Authorship
from daemon.connectors.hubspot.kinds import DEALS
from daemon.connectors.hubspot.paths import Paths
from daemon.connectors.hubspot.presence import is_id
from daemon.connectors.hubspot.reading import chunks, parse_time, to_snapshot
from daemon.connectors.hubspot.wire import HistoryEntry, Record
from daemon.connectors.hubspot.writes import with_pipeline
from daemon.connectors.registry import (
    BrokenConnectorError,
    UnknownConnectorError,
    find_entry_points,
    load_connector,
)

MARGINS = Margins(overlap=timedelta(minutes=10), hold=timedelta(seconds=10))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_MS = 1_772_366_400_000


def test_a_window_looks_back_and_leaves_the_newest_seconds() -> None:
    window = open_window(Cursor(hi_done=NOW_MS - 30_000), NOW, MARGINS)
    assert window == Window(NOW_MS - 30_000 - 600_000, NOW_MS - 10_000)


def test_an_open_window_stays_as_it_is() -> None:
    cursor = Cursor(hi_done=5, lo=1, hi=7, last_id=3)
    assert open_window(cursor, NOW, MARGINS) == Window(1, 7)


def test_a_window_never_ends_before_it_begins() -> None:
    cursor = Cursor(hi_done=NOW_MS + 3_600_000)
    window = open_window(cursor, NOW, MARGINS)
    assert window.lo <= window.hi


def test_a_cursor_survives_being_stored() -> None:
    cursor = Cursor(hi_done=5, lo=1, hi=7, last_id=22901690011)
    assert msgspec.json.decode(cursor.dump(), type=Cursor) == cursor


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T12:00:00Z", NOW),
        ("2026-03-01T12:00:00.120Z", NOW + timedelta(milliseconds=120)),
        (str(NOW_MS), NOW),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_times_with_and_without_fraction(text: str, expected: datetime) -> None:
    assert parse_time(text) == expected


def test_a_snapshot_has_what_was_asked_for_and_nothing_empty() -> None:
    record = Record(
        id="1",
        updated_at="2026-03-01T12:00:00Z",
        properties={"a": "", "b": "x", "c": "unasked", "hs_merged_object_ids": "5;6"},
    )
    snapshot = to_snapshot(record, ["a", "b", "missing"])
    assert snapshot.values == {"a": None, "b": "x", "missing": None}
    assert snapshot.token == "2026-03-01T12:00:00Z"
    assert snapshot.absorbed == ("5", "6")
    assert (snapshot.key, snapshot.created_at) == (None, None)


def entry(
    value: str, at: str = "t1", kind: str = "INTEGRATION", source: str = "77"
) -> HistoryEntry:
    return HistoryEntry(timestamp=at, value=value, source_type=kind, source_id=source)


def test_nothing_is_ours_while_our_own_id_is_unknown() -> None:
    assert not Authorship().is_ours(DEALS, "1", "amount", entry("5"))


def test_a_configured_id_tells_our_edits() -> None:
    ours = Authorship("77")
    assert ours.is_ours(DEALS, "1", "amount", entry("5"))
    assert not ours.is_ours(DEALS, "1", "amount", entry("5", source="78"))
    assert not ours.is_ours(DEALS, "1", "amount", entry("5", kind="CRM_UI"))


def test_a_write_of_ours_found_in_a_history_teaches_our_id() -> None:
    ours = Authorship()
    ours.note_update(DEALS, Record(id="1", updated_at="t1"), {"amount": "5"})
    assert not ours.is_ours(DEALS, "1", "amount", entry("6")), "another value"
    assert not ours.is_ours(DEALS, "1", "amount", entry("5", at="t2")), "another time"
    assert not ours.is_ours(DEALS, "2", "amount", entry("5")), "another record"
    assert ours.app_id is None
    assert ours.is_ours(DEALS, "1", "amount", entry("5"))
    assert ours.is_ours(DEALS, "9", "dealname", entry("old", at="t0")), "from now on all of ours"


def test_the_answer_to_a_create_teaches_our_id() -> None:
    ours = Authorship()
    source: dict[str, str | None] = {"hs_object_source": "INTEGRATION", "hs_object_source_id": "77"}
    ours.note_create(Record(id="1", updated_at="t", properties=source))
    assert ours.app_id == "77"


def test_ids_are_positive_numbers() -> None:
    assert is_id("22901690011")
    assert not any(map(is_id, ("", "0", "-1", "1a", "²", "00")))


def test_chunks_hold_everything_in_order() -> None:
    assert [list(one) for one in chunks(range(5), 2)] == [[0, 1], [2, 3], [4]]
    assert list(chunks([], 2)) == []


def test_a_stage_gets_its_pipeline_unless_it_has_one() -> None:
    pipelines = {"s1": "p1"}.get
    assert with_pipeline(DEALS, {"dealstage": "s1"}, pipelines) == {
        "dealstage": "s1",
        "pipeline": "p1",
    }
    given = {"dealstage": "s1", "pipeline": "p2"}
    assert with_pipeline(DEALS, given, pipelines) == given
    assert with_pipeline(DEALS, {"dealstage": "odd"}, pipelines) == {"dealstage": "odd"}
    assert with_pipeline(DEALS, {"amount": "1"}, pipelines) == {"amount": "1"}


def test_paths_by_version() -> None:
    assert Paths("2026-03").objects("deals", "/search") == "/crm/objects/2026-03/deals/search"
    assert Paths("v3").objects("deals", "/search") == "/crm/v3/objects/deals/search"
    assert Paths("2026-09").owners() == "/crm/owners/2026-09"
    assert Paths("v3").details() == "/account-info/v3/details"


# Configuration ---------------------------------------------------------------------------------


def decode(**settings: Any) -> Any:
    return CONNECTOR.decode({"auth": {"token": "pat-na1-secret"}, **settings})


def test_options_hide_the_token() -> None:
    options = decode()
    assert options.auth.token == "pat-na1-secret"
    assert "secret" not in repr(options) and "secret" not in str(options)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"api_version": "v4"}, "v4"),
        ({"base_url": "http://crm.example.org"}, "https"),
        ({"base_url": "api.hubapi.com"}, "https"),
        ({"hold": timedelta(seconds=-1)}, "negative"),
        ({"tokn": "x"}, "tokn"),
        ({"auth": {"token": "with blank"}}, "blank"),
        ({"auth": {"token": "line\n"}}, "token"),
        ({"auth": {"token": ""}}, "token"),
        ({"search_per_second": 0}, "search_per_second"),
    ],
)
def test_bad_options_are_refused_by_name(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=word):
        decode(**settings)


def test_plain_http_is_for_this_machine_or_on_demand() -> None:
    assert decode(base_url="http://127.0.0.1:8080")
    assert decode(base_url="http://crm.example.org", allow_plain_http=True)


def test_the_connector_is_found_by_its_entry_point() -> None:
    assert "hubspot" in find_entry_points()
    assert load_connector("hubspot") is CONNECTOR


def test_an_unknown_connector_lists_the_known_ones() -> None:
    with pytest.raises(UnknownConnectorError, match="hubspot"):
        load_connector("hubspt")


def test_a_connector_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    from daemon.connectors import registry

    for value in ("nowhere.at.all:CONNECTOR", "json:loads"):
        point = EntryPoint("broken", value, registry.GROUP)
        monkeypatch.setattr(registry, "find_entry_points", lambda point=point: {"broken": point})
        with pytest.raises(BrokenConnectorError, match="broken"):
            load_connector("broken")
