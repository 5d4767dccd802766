"""Every store through the store kit: in memory, on a file, and as simulations run it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from actors.errors import StoreError
from actors.links import Commit
from actors.orders import AnyOrder
from actors.ports import Store
from actors.testing import MemoryStore
from daemon.store.asking import Desk
from daemon.store.sqlite import SqliteStore, open_store
from tests.conformance.store_kit import StoreKit, StoreMachine, works
from tests.simulation.inline_store import Disk, KilledError

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class MemoryPlace:
    """A MemoryStore holds its content itself."""

    def __init__(self) -> None:
        self.store = MemoryStore()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Store]:
        yield self.store


class FilePlace:
    """A real file, real threads, real lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Store]:
        async with open_store(self.path) as store:
            yield store


class SqliteKit(StoreKit):
    async def give(self, store: Store, sync: str, order: AnyOrder) -> int:
        assert isinstance(store, SqliteStore)
        return await Desk(store._writes).give(sync, order, "kari", 7)


class TestMemoryStore(StoreKit):
    async def give(self, store: Store, sync: str, order: AnyOrder) -> int:
        assert isinstance(store, MemoryStore)
        return store.give(sync, order, "kari", 7)

    @pytest.fixture
    def place(self) -> MemoryPlace:
        return MemoryPlace()


class TestSqliteStore(SqliteKit):
    @pytest.fixture
    def place(self, tmp_path: Path) -> FilePlace:
        return FilePlace(tmp_path / "state" / "tieline.db")


class TestInlineStoreInMemory(SqliteKit):
    @pytest.fixture
    def place(self) -> Iterator[Disk]:
        disk = Disk()
        yield disk
        disk.destroy()


class TestInlineStoreOnFile(SqliteKit):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Disk]:
        disk = Disk(tmp_path / "tieline.db")
        yield disk
        disk.destroy()


class MemoryMachine(StoreMachine):
    make_place = MemoryPlace


class SqliteMachine(StoreMachine):
    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        super().__init__()

    def make_place(self) -> FilePlace:
        return FilePlace(Path(self.folder.name) / "tieline.db")

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


class CrashMachine(StoreMachine):
    """As the others, and each commit may be cut short by a kill or an error at any call."""

    make_place = Disk
    place: Disk

    @rule(work=works, at=st.integers(1, 14))
    def commit_with_an_error(self, work: Commit, at: int) -> None:
        """An error of the disk at the n-th call: nothing of the commit remains; life goes on."""
        names: list[str] = []

        def fault(name: str) -> Exception | None:
            names.append(name)
            return OSError("the disk is on fire") if len(names) == at else None

        self._cut_short(work, fault, OSError)

    @rule(work=works, at=st.integers(1, 14))
    def kill_before(self, work: Commit, at: int) -> None:
        """Killed before the n-th call: nothing of the commit is there after the restart."""
        names: list[str] = []

        def fault(name: str) -> Exception | None:
            names.append(name)
            if len(names) != at:
                return None
            self.place.kill()
            return KilledError("now")

        if self._cut_short(work, fault, KilledError):
            self.restart()

    @rule(work=works, at=st.integers(1, 14))
    def kill_after(self, work: Commit, at: int) -> None:
        """Killed after the n-th call: all of it is there if that was the commit, else nothing."""
        names: list[str] = []
        gentle = self.place.pause
        expected = self.model.after(work)

        def fault(name: str) -> Exception | None:
            names.append(name)
            return None

        async def pause() -> None:
            if len(names) == at:
                self.place.kill()
            await gentle()

        self.place.pause = pause
        cut = self._cut_short(work, fault, KilledError)
        self.place.pause = gentle
        if cut:
            if names[at - 1] == "commit":
                assert expected is not None
                self.model = expected
            self.restart()

    def _cut_short(self, work: Commit, fault: object, error: type[Exception]) -> bool:
        """Commit under a fault; return whether it struck. Otherwise it must be as ever."""
        calm, expected = self.place.fault, self.model.after(work)
        self.place.fault = fault  # type: ignore[assignment]
        try:
            self.runner.run(self.store.commit(work))
        except error:
            return True
        except StoreError:
            assert expected is None
        else:
            assert expected is not None
            self.model = expected
        finally:
            self.place.fault = calm
        return False

    def teardown(self) -> None:
        super().teardown()
        self.place.destroy()


_quick = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

TestMemoryMachine = MemoryMachine.TestCase
TestMemoryMachine.settings = settings(_quick, max_examples=60, stateful_step_count=30)
TestSqliteMachine = SqliteMachine.TestCase
# Each commit waits for the disk here: no time to shrink; the crash machine finds the same.
TestSqliteMachine.settings = settings(
    _quick, max_examples=5, stateful_step_count=20, phases=[Phase.generate]
)
TestCrashMachine = CrashMachine.TestCase
TestCrashMachine.settings = settings(_quick, max_examples=50, stateful_step_count=30)
