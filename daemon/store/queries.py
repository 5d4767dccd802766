"""The store's statements, read once from `queries.sql` and listed here in one place."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
from msgspec import Struct

_HERE = Path(__file__).parent


class Queries(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One attribute per statement of `queries.sql`; neither list may hold a name alone."""

    load_left: str
    load_right: str
    load_links: str
    load_by_keys: str
    load_due: str
    page_links: str
    load_intents: str
    load_cursor: str
    load_conflicts: str
    load_last_id: str
    known_links: str
    known_keys: str
    drop_keys: str
    write_keys: str
    drop_links: str
    release_links: str
    insert_links: str
    update_links: str
    move_links: str
    write_intents: str
    settle_intents: str
    write_conflicts: str
    add_history: str
    write_cursors: str
    mark_last_id: str
    load_orders: str
    end_orders: str
    add_order: str
    last_order: str
    open_orders: str
    find_order: str
    add_pause: str
    drop_pause: str
    list_pauses: str
    find_merged: str
    find_conflict: str
    list_link_conflicts: str
    prune_history: str
    prune_conflicts: str
    prune_intents: str
    prune_orders: str
    size_bytes: str
    count_all: str
    count_trouble: str
    list_in_sync: str
    list_trouble: str
    count_conflicts: str
    list_conflicts: str
    list_open_conflicts: str
    link_history: str
    list_history: str
    count_intents: str
    link_intents: str
    list_cursors: str


def _parse(text: str) -> dict[str, str]:
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)[1:]
    bodies = (re.sub(r"^--.*\n", "", body, flags=re.MULTILINE).strip() for body in parts[1::2])
    return dict(zip(parts[::2], bodies, strict=True))


QUERIES = msgspec.convert(_parse((_HERE / "queries.sql").read_text("utf-8")), Queries)
