"""What the conformance kit works with: a bench, orders made for it, and a reader of its feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Protocol

import anyio

from actors.intents import Done, Intent, IntentKind, Outcome
from actors.ports import Connector
from actors.records import Departure, Side, Snapshot, key_of
from actors.values import Raw

# How long a change may take to be read in a test; the bench sets the app's own lag to naught.
PATIENCE_SECONDS = 15
_numbers = count(1)


class Bench(Protocol):
    """A connector and its app, as the kit needs them.

    Attributes:
        object_name: tieline's word of the object under test.
        fields: native names that the kit reads; `text_field` and those of `samples` among them.
        text_field: a writable field of free text that the app does not change.
        samples: by field, raws that can be written one after the other; each field that a
            mapping may write should have some, at least one for each kind.
        refused: values that the app refuses for the record that has them, and only for it.
        departure: how a record goes that a person deletes.
        page: a number of records that `changes` cannot return in one page.
    """

    connector: Connector
    object_name: str
    fields: Sequence[str]
    text_field: str
    samples: Mapping[str, Sequence[Raw]]
    refused: Mapping[str, Raw]
    departure: Departure
    page: int

    def values(self, text: str) -> dict[str, Raw]:
        """Return what a complete new record holds, with `text` in the text field."""
        ...

    async def make(self, texts: Sequence[str]) -> list[str]:
        """Make records as a person does, all at one moment where the app can; return ids."""
        ...

    async def edit(self, ids: Sequence[str], values: Mapping[str, Raw]) -> None:
        """Edit records as a person does, all at one moment where the app can."""
        ...

    async def delete(self, record_id: str) -> None:
        """Delete a record as a person does."""
        ...

    async def lose_next_answer(self) -> None:
        """Have the app carry out the next write and lose its answer."""
        ...


# Records and intents ---------------------------------------------------------------------------


def unique_text(word: str) -> str:
    """Return a text that no other record of the kit has."""
    return f"kit {word} {next(_numbers)}"


def create(bench: Bench, text: str, **more: Raw) -> Intent:
    """Order a new record whose source is named by its text."""
    number = next(_numbers)
    return Intent(
        id=number,
        sync=f"kit/{bench.object_name}",
        link=number,
        side=Side.RIGHT,
        kind=IntentKind.CREATE,
        units=(),
        values={**bench.values(text), **more},
        key=key_of("kit", bench.object_name, "other", text.replace(" ", "-")),
    )


def update(bench: Bench, target: Snapshot, values: Mapping[str, Raw]) -> Intent:
    """Order a change of a record, seen as `target`."""
    number = next(_numbers)
    return Intent(
        id=number,
        sync=f"kit/{bench.object_name}",
        link=number,
        side=Side.RIGHT,
        kind=IntentKind.UPDATE,
        units=(),
        values=dict(values),
        record_id=target.id,
        token=target.token,
    )


async def write(bench: Bench, *intents: Intent) -> tuple[Outcome, ...]:
    """Carry out intents and check that each has an outcome."""
    outcomes = await bench.connector.write(bench.object_name, intents, bench.fields)
    assert len(outcomes) == len(intents), "one outcome for each intent"
    return outcomes


async def create_one(bench: Bench, text: str) -> tuple[Intent, Snapshot]:
    """Create a record through the connector and return its intent and how it is stored."""
    intent = create(bench, text)
    (outcome,) = await write(bench, intent)
    assert isinstance(outcome, Done), outcome
    return intent, outcome.stored


async def read_one(bench: Bench, record_id: str) -> Snapshot:
    """Read one live record by its id."""
    fetched = await bench.connector.fetch(bench.object_name, [record_id], bench.fields)
    assert [one.id for one in fetched.records] == [record_id], fetched
    return fetched.records[0]


async def list_all(bench: Bench) -> list[Snapshot]:
    """Read the whole list, page by page."""
    records: list[Snapshot] = []
    after: str | None = None
    while True:
        page = await bench.connector.list_page(bench.object_name, bench.fields, after)
        records += page.records
        after = page.after
        if after is None:
            return records


class Feed:
    """A reader of the change feed as the engine is one: keeps cursor and seen versions."""

    def __init__(self, bench: Bench, cursor: str) -> None:
        self._bench = bench
        self.cursor = cursor
        self.seen: dict[str, str] = {}
        self.largest_page = 0

    @classmethod
    async def start(cls, bench: Bench) -> Feed:
        """Begin now."""
        return cls(bench, await bench.connector.start(bench.object_name))

    async def read(self) -> list[Snapshot]:
        """Read all pages that can be had at once."""
        found: list[Snapshot] = []
        more = True
        while more:
            page = await self._bench.connector.changes(
                self._bench.object_name, self._bench.fields, self.cursor, self.seen
            )
            self.cursor, more = page.cursor, page.more
            self.largest_page = max(self.largest_page, len(page.records))
            for record in page.records:
                assert self.seen.get(record.id) != record.token, "a seen version came again"
                self.seen[record.id] = record.token
            found += page.records
        return found

    async def wait_for(self, expected: Mapping[str, Raw]) -> list[Snapshot]:
        """Read until each record id has come with its value of the text field."""
        missing = dict(expected)
        found: list[Snapshot] = []
        with anyio.fail_after(PATIENCE_SECONDS):
            while missing:
                for record in await self.read():
                    found.append(record)
                    if missing.get(record.id) == record.values[self._bench.text_field]:
                        del missing[record.id]
                if missing:
                    await anyio.sleep(0.05)
        return found
