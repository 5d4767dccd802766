"""Whose an entry of HubSpot's history is, as far as that is known."""

from __future__ import annotations

from daemon.connectors.hubspot.history import Authorship
from daemon.connectors.hubspot.kinds import KINDS
from daemon.connectors.hubspot.wire import HistoryEntry

DEALS = KINDS["deals"]
AT = "2026-03-02T08:00:00.000Z"


def entry(source_type: str, source_id: str | None) -> HistoryEntry:
    return HistoryEntry(value="x", timestamp=AT, source_type=source_type, source_id=source_id)


def test_an_apps_entry_may_be_ours_until_our_own_id_is_known() -> None:
    authorship = Authorship()
    assert authorship.may_be_ours(entry("INTEGRATION", "7"))
    assert not authorship.may_be_ours(entry("CRM_UI", "userId:1"))
    authorship.note_token(8)
    assert not authorship.may_be_ours(entry("INTEGRATION", "7"))
    assert authorship.is_ours(DEALS, "1", "dealname", entry("INTEGRATION", "8"))
    assert not authorship.is_ours(DEALS, "1", "dealname", entry("INTEGRATION", "7"))


def test_what_is_configured_stands_against_what_the_token_says() -> None:
    authorship = Authorship("7")
    authorship.note_token(8)
    assert authorship.app_id == "7"
