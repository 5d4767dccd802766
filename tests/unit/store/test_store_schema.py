"""The store's SQL: versions add up, and no statement reads what it need not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec
import pytest

from daemon.store.migrate import APPLICATION_ID, LATEST, load_migrations, load_schema
from daemon.store.queries import QUERIES, Queries

# Read whole on purpose: counts for people over an index without blobs, and tables of a few rows.
WHOLE = {
    "count_all": "COVERING INDEX",
    "count_trouble": "COVERING INDEX links_trouble",
    "count_conflicts": "COVERING INDEX conflicts_outcome",
    "count_intents": "INDEX intents_open",
    "open_orders": "INDEX orders_open",
    "list_pauses": "INDEX sqlite_autoindex_pauses_1",
    "list_cursors": "INDEX sqlite_autoindex_cursors_1",
}
# Sorted after the look-up on purpose: one link's rows, or what an index on the status finds.
SORTED = {"load_conflicts", "list_link_conflicts", "list_trouble", "count_all"}


def connect(*scripts: str) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for script in scripts:
        connection.executescript(script)
    return connection


def describe(connection: sqlite3.Connection) -> dict[str, object]:
    objects = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema")
    return {
        "objects": sorted((*row[:3], " ".join((row[3] or "").split())) for row in objects),
        "meta": connection.execute("SELECT * FROM meta ORDER BY name").fetchall(),
        "version": connection.execute("PRAGMA user_version").fetchone(),
        "application": connection.execute("PRAGMA application_id").fetchone(),
    }


@pytest.fixture
def fresh() -> Iterator[sqlite3.Connection]:
    connection = connect(load_schema())
    yield connection
    connection.close()


def test_the_schema_is_the_sum_of_all_migrations(fresh: sqlite3.Connection) -> None:
    migrated = connect(*load_migrations().values())
    assert describe(migrated) == describe(fresh)
    assert describe(fresh)["version"] == (LATEST,)
    assert describe(fresh)["application"] == (APPLICATION_ID,)
    migrated.close()


def test_migrations_are_numbered_without_gaps() -> None:
    assert list(load_migrations()) == list(range(1, LATEST + 1))


def test_every_migration_is_one_transaction() -> None:
    for script in (load_schema(), *load_migrations().values()):
        words = [line for line in script.splitlines() if line and not line.startswith("--")]
        assert words[0] == "BEGIN IMMEDIATE;"
        assert words[-1] == "COMMIT;"
        assert script.count("COMMIT;") == 1


def test_tables_are_strict_and_explained(fresh: sqlite3.Connection) -> None:
    tables = fresh.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")
    named = [row for row in tables if not row[0].startswith("sqlite_")]
    assert {strict for _, strict in named} == {1}
    lines = load_schema().splitlines()
    for name, _ in named:
        above = lines[lines.index(f"CREATE TABLE {name} (") - 1]
        assert above.startswith("-- "), f"{name} has no comment on top"


@pytest.mark.parametrize("name", Queries.__struct_fields__)
def test_each_statement_uses_an_index(fresh: sqlite3.Connection, name: str) -> None:
    sql: str = getattr(QUERIES, name)
    values = [None] * max((sql.count(f"?{n}") > 0) * n for n in range(16))
    plan = [row[3] for row in fresh.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    scans = [step for step in plan if step.startswith("SCAN") and "VIRTUAL TABLE" not in step]
    scans = [step for step in scans if not step.startswith(("SCAN (subquery", "SCAN CONSTANT"))]
    assert all(name in WHOLE and WHOLE[name] in step for step in scans), plan
    assert name in SORTED or not any("TEMP B-TREE" in step for step in plan), plan


def test_look_ups_drive_from_the_array(fresh: sqlite3.Connection) -> None:
    for name in ("load_left", "load_right", "load_links", "known_links"):
        sql: str = getattr(QUERIES, name)
        values = [None] * (2 if "?2" in sql else 1)
        plan = [row[3] for row in fresh.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        assert plan[0].startswith("SCAN wanted VIRTUAL TABLE")
        assert plan[1].startswith("SEARCH l USING")


def test_the_list_of_statements_and_the_file_must_agree() -> None:
    known = msgspec.structs.asdict(QUERIES)
    with pytest.raises(msgspec.ValidationError, match="stray"):
        msgspec.convert({**known, "stray": "SELECT 1"}, Queries)
    del known["load_due"]
    with pytest.raises(msgspec.ValidationError, match="load_due"):
        msgspec.convert(known, Queries)
