"""One Tryton server for many worlds: each has a database of its own, copied from the template.

A database costs a second and a half, a server of its own four. Fixtures are imported by the test
modules that use them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from daemon.sandbox.tryton.deals import add_deals
from daemon.sandbox.tryton.running import running_tryton
from daemon.sandbox.tryton.server import TrytonInfo
from daemon.sandbox.tryton.template import copy_template, find_cache, prepare_template
from tests.e2e.world import World
from tests.support.hubspot_process import Sandbox

MakeWorld = Callable[..., World]
MOST_WORLDS = 24


class Servers:
    """Makes worlds; the Tryton server behind them is one process."""

    def __init__(self, tryton: TrytonInfo, names: Sequence[str]) -> None:
        self._tryton = tryton
        self._names = iter(names)

    def new_database(self, deals: int = 0) -> TrytonInfo:
        """Serve one more Tryton database, with so many deals in it."""
        name = next(self._names)
        # The server answers 404 here, but opens the database first; signing in would not.
        httpx.get(f"{self._tryton.url}{name}/r/open", timeout=60, trust_env=False)
        info = msgspec.structs.replace(self._tryton, database=name)
        add_deals(info, deals)
        return info

    @contextmanager
    def world(self, folder: Path, *sandbox_options: str, erp_deals: int = 0) -> Iterator[World]:
        """Two systems of their own for the block, and a folder for the command."""
        options = sandbox_options or ("--deals", "0")
        sandbox = Sandbox("--token", "tok-e2e", "--lag", "0", *options)
        try:
            world = World(folder, sandbox, self.new_database(erp_deals))
            try:
                yield world
            finally:
                world.close()
        finally:
            sandbox.stop()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The Tryton server of all worlds."""
    folder = Path(tempfile.mkdtemp(prefix="tieline-e2e-"))
    try:
        # Before it starts: a server looks only now and then which databases there are.
        names = [f"crm{number}" for number in range(MOST_WORLDS)]
        template = prepare_template(find_cache(), print)
        for name in names:
            copy_template(template, folder / f"{name}.sqlite")
        with running_tryton(deals=0, work=folder) as info:
            yield Servers(info, names)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def make_world(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeWorld]:
    """Makes worlds that last for the test module."""
    with ExitStack() as stack:

        def make(*sandbox_options: str, erp_deals: int = 0) -> World:
            folder = tmp_path_factory.mktemp("world")
            return stack.enter_context(servers.world(folder, *sandbox_options, erp_deals=erp_deals))

        yield make
