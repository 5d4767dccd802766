"""Plans on disk: the same book as in memory, kept beside the store, and what can go wrong."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.errors import StoreError
from actors.plans import MemoryBook, Planned
from daemon.store.plans import KEPT, PlanBook, list_plans, may_keep, new_plan, open_plan

SYNC = "sales/deals"
CREATE, UPDATE = ("right", "created"), ("left", "changed")


@pytest.fixture(params=["disk", "memory"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PlanBook | MemoryBook]:
    if request.param == "memory":
        yield MemoryBook()
        return
    with new_plan(tmp_path / "tieline.db", "kari", 1) as file:
        yield file.book(SYNC, 7)


def test_the_last_decision_of_a_link_stands(book: PlanBook | MemoryBook) -> None:
    book.note(1, "5|", b"one", (CREATE,))
    book.note(1, "5|9", b"two", (CREATE, UPDATE))
    book.note(2, "6|", b"one", (CREATE,))
    assert book.total() == {CREATE: 2, UPDATE: 1}
    assert (book.has("5|", b"one"), book.has("5|9", b"two")) == (False, True)
    assert not book.has("6|", b"two")
    book.strike(2)
    assert (book.knows(1), book.knows(2)) == (True, False)
    assert book.total() == {CREATE: 1, UPDATE: 1}


def test_a_plan_is_found_by_its_number_and_only_for_us(tmp_path: Path) -> None:
    store = tmp_path / "tieline.db"
    with new_plan(store, "kari", 123) as file:
        file.book(SYNC, 7).note(1, "5|", b"one", (CREATE,))
        file.book("sales/contacts", 8)
        assert list_plans(store) == []
    assert list_plans(store) == [1]
    (kept,) = (tmp_path / "tieline.plans").glob("*.db")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    with open_plan(store, 1) as found:
        facts = found.facts()
        part: Planned = found.part(SYNC)
        assert part.number == 1
        assert part.has("5|", b"one")
        assert not found.part("sales/contacts").has("5|", b"one")
    assert (facts.made_by, facts.made_us) == ("kari", 123)
    assert facts.versions == {SYNC: 7, "sales/contacts": 8}


def test_a_plan_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    store = tmp_path / "tieline.db"
    with pytest.raises(RuntimeError), new_plan(store, "kari", 1) as file:
        file.book(SYNC, 7)
        raise RuntimeError("an app went away")
    assert list((tmp_path / "tieline.plans").iterdir()) == []
    with new_plan(store, "kari", 1) as file:
        assert file.number == 1


def test_only_so_many_plans_are_kept_and_numbers_go_on(tmp_path: Path) -> None:
    store = tmp_path / "tieline.db"
    for _ in range(KEPT + 3):
        with new_plan(store, "kari", 1):
            pass
    assert list_plans(store) == list(range(4, KEPT + 4))


def test_an_unknown_or_broken_plan_is_told_with_what_to_do(tmp_path: Path) -> None:
    store = tmp_path / "tieline.db"
    with pytest.raises(StoreError, match=r"no plan 3; there are: none; `tieline plan` makes one"):
        open_plan(store, 3).__enter__()
    with new_plan(store, "kari", 1):
        pass
    (tmp_path / "tieline.plans" / "1.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match="cannot be read"), open_plan(store, 1) as file:
        file.facts()


def test_where_nothing_can_be_written_the_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / "tieline.plans").write_text("a file, not a folder")
    assert "File exists" in may_keep(tmp_path / "tieline.db")
    assert may_keep(tmp_path / "other.db") == ""
