"""A scratch store: a copy of the real one, which is left as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.errors import StoreError
from actors.links import Commit, End, Link
from daemon.store.scratch import open_scratch
from daemon.store.sqlite import open_store

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def link(key: int) -> Link:
    return Link(id=key, sync="c/deals", left=End(id=f"L{key}", keys=(f"k{key}",)))


async def test_a_scratch_store_holds_what_the_real_one_holds_and_keeps_its_own_to_itself(
    tmp_path: Path,
) -> None:
    path = tmp_path / "tieline.db"
    async with open_store(path) as store:
        await store.commit(Commit(sync="c/deals", links=(link(1),)))
        async with open_scratch(path) as scratch:  # beside the daemon that has it open
            assert await scratch.load_by_keys("c/deals", "left", ["k1"]) == {"k1": (link(1),)}
            await scratch.commit(Commit(sync="c/deals", links=(link(2),), dropped=(1,)))
        assert await store.page_links("c/deals", 0, 10) == (link(1),)


async def test_where_there_is_no_store_yet_none_is_made(tmp_path: Path) -> None:
    path = tmp_path / "tieline.db"
    async with open_scratch(path) as scratch:
        assert await scratch.page_links("c/deals", 0, 10) == ()
    assert not path.exists()


async def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tieline.db"
    path.write_text("no database" * 100)
    with pytest.raises(StoreError):
        async with open_scratch(path):
            raise AssertionError("it was opened")
