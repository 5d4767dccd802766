"""What `status`, `explain` and `conflicts` share: the store beside a running daemon, in words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from actors.values import Raw

if TYPE_CHECKING:
    from daemon.config.settings import Config
    from daemon.store.reading import Reader

Answer = TypeVar("Answer")


def ask_store(path: Path, question: Callable[[Reader], Awaitable[Answer]]) -> Answer:
    """Open the store for reading, also while a daemon writes, and put one question to it.

    Raises:
        StoreError: there is none, or it cannot be read.
    """
    import anyio

    async def ask() -> Answer:
        async with _open(path) as reader:
            return await question(reader)

    return anyio.run(ask, backend="asyncio")


@asynccontextmanager
async def _open(path: Path) -> AsyncIterator[Reader]:
    from daemon.store.reading import open_reader

    async with open_reader(path) as reader:
        yield reader


def app_names(config: Config) -> dict[str, tuple[str, str]]:
    """Return the names of the left and right app by sync."""
    return {spec.name: (spec.left, spec.right) for spec in config.specs()}


def write_time(us: int) -> str:
    """Write microseconds UTC for people, or nothing for 0."""
    return datetime.fromtimestamp(us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if us else ""


def write_raws(raws: tuple[Raw, ...]) -> str:
    """Write what a unit holds: one value, or several with a bar between them."""
    return " | ".join("(empty)" if raw in (None, "") else str(raw) for raw in raws)
