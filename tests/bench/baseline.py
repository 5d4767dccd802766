"""The bare loops: what the same work costs with nothing but httpx, msgspec and sqlite3.

Ratios are taken against these, in the same run on the same machine (performance notes,
section 1): httpx with its defaults, pages of 100 in sequence, properties as a dict.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import httpx
import msgspec
from msgspec import Struct

from tests.support.hubspot_process import Sandbox

_LIST = "/crm/objects/2026-03/deals"
_TABLE = """CREATE TABLE links (id INTEGER PRIMARY KEY, sync TEXT NOT NULL, left_id TEXT,
right_id TEXT, left_end BLOB, right_end BLOB, UNIQUE (sync, left_id), UNIQUE (sync, right_id))"""


class Record(Struct):
    """A record as far as a loop needs it."""

    id: str
    properties: dict[str, str | None]


class Next(Struct):
    """Where the next page begins."""

    after: str


class Paging(Struct):
    """Around it."""

    next: Next | None = None


class Page(Struct):
    """A page."""

    results: list[Record]
    paging: Paging | None = None


class Inputs(Struct):
    """The body of a batch create."""

    inputs: list[dict[str, dict[str, str]]]


_PAGES = msgspec.json.Decoder(Page)


class Loop:
    """One client to one account."""

    def __init__(self, sandbox: Sandbox) -> None:
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        self._client = httpx.AsyncClient(base_url=sandbox.url, headers=headers)

    async def page(self, properties: str, after: str | None) -> Page:
        """Read a page of the list."""
        params = {"limit": "100", "properties": properties}
        if after is not None:
            params["after"] = after
        return _PAGES.decode((await self._client.get(_LIST, params=params)).content)

    async def create(self, records: Sequence[Record], names: Sequence[str]) -> Page:
        """Create copies of records by one batch call."""
        inputs = [
            {"properties": {name: raw for name in names if (raw := one.properties[name])}}
            for one in records
        ]
        body = msgspec.json.encode(Inputs(inputs))
        headers = {"Content-Type": "application/json"}
        answer = await self._client.post(f"{_LIST}/batch/create", content=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return _PAGES.decode(answer.content)

    async def aclose(self) -> None:
        """Close the client."""
        await self._client.aclose()


def _after(page: Page) -> str | None:
    return page.paging.next.after if page.paging and page.paging.next else None


async def read_bare(sandbox: Sandbox, properties: Sequence[str]) -> int:
    """Read everything; return how many records there were."""
    loop, query, count = Loop(sandbox), ",".join(properties), 0
    after: str | None = None
    while True:
        page = await loop.page(query, after)
        count += len(page.results)
        after = _after(page)
        if after is None:
            await loop.aclose()
            return count


async def copy_bare(
    source: Sandbox, target: Sandbox, properties: Sequence[str], names: Sequence[str], file: Path
) -> int:
    """Read everything, create it elsewhere, and keep both ends, one durable commit a page."""
    reading, writing, query, count = Loop(source), Loop(target), ",".join(properties), 0
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(_TABLE)
    after: str | None = None
    while True:
        page = await reading.page(query, after)
        made = await writing.create(page.results, names)
        pack = msgspec.msgpack.encode
        rows = [
            (count + at, "sales/deals", left.id, right.id, pack(left), pack(right))
            for at, (left, right) in enumerate(zip(page.results, made.results, strict=True))
        ]
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO links VALUES (?, ?, ?, ?, ?, ?)", rows)
        db.execute("COMMIT")
        count += len(rows)
        after = _after(page)
        if after is None:
            break
    db.close()
    await reading.aclose()
    await writing.aclose()
    return count
