"""How a connection's mappings fit its apps as they are now, and what is remembered of the apps.

The memory stands in the store beside the cursors: a restart in the middle of an app's change
goes on with what is left, as the daemon did before (F18).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec
from msgspec import Struct

from actors.links import Commit
from actors.mapping.drift import Fit, Memory, fit_sync
from actors.mapping.record import Sync
from actors.ports import Store
from actors.records import Side
from actors.schema import AppSchema
from actors.spec import SyncSpec
from daemon.accounts import Account
from daemon.config.problems import ConfigProblem
from daemon.config.settings import Config, Connection

MEMORY = "schema"
"""Name of the cursor that holds what both apps of a sync had."""


class Fitted(Struct, frozen=True, kw_only=True):
    """What of a connection can sync now.

    Attributes:
        flaws: by sync, what the apps have changed since it fitted.
        stopped: syncs of which nothing can go on.
        problems: mistakes in the configuration; then nothing is to run.
        memories: by sync, what to remember; see `keep_memories`.
    """

    syncs: tuple[Sync, ...] = ()
    flaws: dict[str, tuple[ConfigProblem, ...]] = {}
    stopped: tuple[str, ...] = ()
    problems: tuple[ConfigProblem, ...] = ()
    memories: dict[str, str] = {}

    @property
    def standing(self) -> tuple[object, ...]:
        """What must be the same for a running connection to run on."""
        versions = tuple((sync.name, sync.version) for sync in self.syncs)
        return versions, self.stopped, tuple(sorted(self.told))

    @property
    def told(self) -> tuple[str, ...]:
        """The flaws of all syncs, for people."""
        return tuple(one.message for flaws in self.flaws.values() for one in flaws)


async def fit_connection(
    config: Config,
    connection: Connection,
    accounts: Mapping[Side, Account],
    store: Store,
    max_age: timedelta = timedelta(0),
) -> Fitted:
    """Fit every sync of a connection to its apps as they are, or were at most `max_age` ago.

    Raises:
        TielineError: an app cannot be asked, or the store cannot be read.
    """
    schemas = {side: await accounts[side].schema(max_age=max_age) for side in Side}
    return await fit_schemas(config, connection.syncs, schemas, store)


async def fit_schemas(
    config: Config, specs: tuple[SyncSpec, ...], schemas: Mapping[Side, AppSchema], store: Store
) -> Fitted:
    """Fit syncs between the same two apps to what those have.

    Raises:
        StoreError: the store cannot be read.
    """
    fits = [await _fit(spec, schemas, store) for spec in specs]
    return Fitted(
        syncs=tuple(one.fit.sync for one in fits if one.fit.sync is not None),
        flaws={
            one.spec.name: tuple(config.locate(flaw, one.spec) for flaw in one.fit.flaws)
            for one in fits
            if one.fit.flaws
        },
        stopped=tuple(
            one.spec.name for one in fits if one.fit.sync is None and not one.fit.problems
        ),
        problems=tuple(
            config.locate(problem, one.spec) for one in fits for problem in one.fit.problems
        ),
        memories={one.spec.name: one.news for one in fits if one.news},
    )


class _Fit(Struct, frozen=True, kw_only=True):
    """How a sync fits; `news` is its memory if that is to be stored."""

    spec: SyncSpec
    fit: Fit
    news: str


async def _fit(spec: SyncSpec, schemas: Mapping[Side, AppSchema], store: Store) -> _Fit:
    text = await store.load_cursor(spec.name, MEMORY) or ""
    fit = fit_sync(spec, schemas[Side.LEFT], schemas[Side.RIGHT], read_memory(text))
    now = msgspec.json.encode(fit.memory).decode() if fit.memory is not None else text
    return _Fit(spec=spec, fit=fit, news=now if now != text else "")


def read_memory(text: str) -> Memory | None:
    """Read a stored memory; one of another version of tieline is none, nor is the empty text."""
    try:
        return msgspec.json.decode(text, type=Memory)
    except msgspec.DecodeError:
        return None


async def keep_memories(store: Store, fitted: Fitted) -> None:
    """Remember what the apps have, where that is news.

    Raises:
        StoreError: the store cannot be written.
    """
    for sync, memory in fitted.memories.items():
        await store.commit(Commit(sync=sync, cursors={MEMORY: memory}))
