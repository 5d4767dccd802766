"""What of a connection can sync now, and what is remembered of its apps in the store (F18)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from actors.schema import AppSchema
from actors.spec import Condition, Conditions, Operator, SyncSpec
from actors.testing import MemoryStore
from daemon.config.decode import Position
from daemon.config.problems import Mark
from daemon.config.settings import Config, Daemon, Positions
from daemon.fitting import MEMORY, fit_schemas, keep_memories, read_memory
from tests.support.builders import LEFT, RIGHT, erp, hub, spec

pytestmark = pytest.mark.anyio

APPS = {LEFT: hub(), RIGHT: erp()}
SPECS = (spec(),)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def config() -> Config:
    top = Mark("tieline.yaml", 1, 1)
    return Config(
        daemon=Daemon(
            store=Path("s.db"),
            host="",
            port=0,
            log_level="info",
            log_format="text",
            history=timedelta(days=90),
        ),
        apps={},
        connections={},
        files=(),
        positions=Positions({("connections",): Position(top, ("connections",))}, top),
        secrets=(),
    )


def without(app: AppSchema, *names: str) -> AppSchema:
    (deals,) = app.objects
    fields = tuple(one for one in deals.fields if one.name not in names)
    return msgspec.structs.replace(app, objects=(msgspec.structs.replace(deals, fields=fields),))


async def remembered(specs: tuple[SyncSpec, ...] = SPECS) -> MemoryStore:
    """Return a store that knows the apps as they fitted."""
    store = MemoryStore()
    await keep_memories(store, await fit_schemas(config(), specs, APPS, store))
    return store


async def test_the_memory_is_written_when_it_is_news_and_then_lets_the_sync_go_on() -> None:
    store = await remembered()
    text = await store.load_cursor("c/deals", MEMORY)
    assert text and read_memory(text) is not None
    again = await fit_schemas(config(), SPECS, APPS, store)
    assert again.memories == {}
    apps = APPS | {LEFT: without(hub(), "note")}
    fitted = await fit_schemas(config(), SPECS, apps, store)
    assert [one.paused for one in fitted.syncs] == [{"note=remark"}]
    assert fitted.stopped == () == fitted.problems
    assert fitted.memories == {}
    assert 'no field "note"' in fitted.told[0]
    assert fitted.standing != again.standing


async def test_without_a_memory_the_same_is_a_mistake_with_its_place() -> None:
    apps = APPS | {LEFT: without(hub(), "note")}
    fitted = await fit_schemas(config(), SPECS, apps, MemoryStore())
    assert fitted.syncs == ()
    (problem,) = fitted.problems
    assert (problem.file, problem.line) == ("tieline.yaml", 1)


async def test_a_sync_of_which_nothing_is_left_stops_and_another_goes_on() -> None:
    wanted = Conditions(parts=(Condition(field="score", operator=Operator.KNOWN),))
    specs = (spec(filters={LEFT: wanted}), spec(connection="d"))
    store = await remembered(specs)
    apps = APPS | {LEFT: without(hub(), "score")}
    fitted = await fit_schemas(config(), specs, apps, store)
    assert [one.name for one in fitted.syncs] == ["d/deals"]
    assert fitted.stopped == ("c/deals",)
    assert "deals do not sync until that is mended" in fitted.told[0]


async def test_the_same_schemas_stand_the_same() -> None:
    store = await remembered()
    one = await fit_schemas(config(), SPECS, APPS, store)
    other = await fit_schemas(config(), SPECS, APPS, store)
    assert one.standing == other.standing
    renamed = msgspec.structs.replace(hub(), account="Hub 1, renamed")
    assert (await fit_schemas(config(), SPECS, APPS | {LEFT: renamed}, store)).standing == (
        one.standing
    )


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"left": 1}', "\x00"])
def test_a_memory_that_cannot_be_read_is_none(text: str) -> None:
    assert read_memory(text) is None
