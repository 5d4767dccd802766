"""Scripted accounts of several objects, each a `ScriptedApp`, and people who work in two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import anyio

from actors.connection import Connection
from actors.intents import Intent, Outcome
from actors.links import Link
from actors.mapping.compile import compile_sync
from actors.mapping.record import Sync
from actors.meeting import Meeting
from actors.ports import Capabilities, Changes, Fetched, Page
from actors.records import Edit, Gone, Side, Snapshot
from actors.schema import AppSchema, Field, ObjectSchema
from actors.spec import FieldSpec, Pace, SyncSpec
from actors.testing import ManualClock, MemoryStore
from actors.values import Kind, Raw
from tests.support.scripted import ScriptedApp

PACE = Pace(poll=timedelta(seconds=10), presence=timedelta(minutes=20))


class Account:
    """The Connector port over one scripted app for each object."""

    def __init__(self, schema: AppSchema, clock: ManualClock, prefix: str) -> None:
        self.schema = schema
        self.apps = {
            one.name: ScriptedApp(schema, clock, prefix=f"{prefix}{one.name[:2]}", history=True)
            for one in schema.objects
        }
        for app in self.apps.values():
            app.latency = 0.01

    @property
    def capabilities(self) -> Capabilities:
        return next(iter(self.apps.values())).capabilities

    @property
    def clock_offset(self) -> timedelta:
        return timedelta(0)

    async def describe(self) -> AppSchema:
        return self.schema

    async def prepare(self, object_name: str) -> None:
        await self.apps[object_name].prepare(object_name)

    async def start(self, object_name: str) -> str:
        return await self.apps[object_name].start(object_name)

    async def list_page(self, object_name: str, fields: Sequence[str], after: str | None) -> Page:
        return await self.apps[object_name].list_page(object_name, fields, after)

    async def changes(
        self, object_name: str, fields: Sequence[str], cursor: str, seen: Mapping[str, str]
    ) -> Changes:
        return await self.apps[object_name].changes(object_name, fields, cursor, seen)

    async def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        return await self.apps[object_name].fetch(object_name, ids, fields)

    async def find(
        self, object_name: str, keys: Sequence[str], fields: Sequence[str]
    ) -> dict[str, Snapshot | Gone]:
        return await self.apps[object_name].find(object_name, keys, fields)

    async def lookup(
        self, object_name: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> dict[str, tuple[Snapshot, ...]]:
        return await self.apps[object_name].lookup(object_name, field, values, fields)

    async def edits(
        self, object_name: str, wanted: Mapping[str, Sequence[str]]
    ) -> dict[tuple[str, str], tuple[Edit, ...]]:
        return await self.apps[object_name].edits(object_name, wanted)

    async def write(
        self, object_name: str, intents: Sequence[Intent], fields: Sequence[str]
    ) -> tuple[Outcome, ...]:
        return await self.apps[object_name].write(object_name, intents, fields)

    async def missing(self, object_name: str, *, writes: bool) -> tuple[str, ...]:
        return ()

    async def aclose(self) -> None:
        return None


def people_schema(account: str, kind: Kind, *, required: bool = False) -> AppSchema:
    """Return an app with companies, and contacts whose field `firm` refers to them."""
    name = Field(name="name", label="Name", kind=Kind.TEXT)
    key = Field(name="key", label="Key", kind=Kind.TEXT)
    firm = Field(name="firm", label="Firm", kind=kind, target="companies", required=required)
    return AppSchema(
        account=account,
        objects=(
            ObjectSchema(
                name="contacts", native="contacts", fields=(name, key, firm), key_field="key"
            ),
            ObjectSchema(name="companies", native="companies", fields=(name, key), key_field="key"),
        ),
    )


def people_sync(
    object_name: str, left: AppSchema, right: AppSchema, rest: Mapping[str, object]
) -> Sync:
    """Return the compiled sync of one of the two objects; `rest` as in `SyncSpec`."""
    peers = tuple(one for one in ("contacts", "companies") if one != object_name)
    settings: dict[str, object] = {
        "connection": "c",
        "object": object_name,
        "left": "hub",
        "right": "erp",
        "fields": (FieldSpec(left="name", right="name"),),
        "peers": peers,
    }
    spec = SyncSpec(**(settings | dict(rest)))  # type: ignore[arg-type]  # as the callers give it
    found, wrong = compile_sync(spec, left, right)
    assert found is not None, wrong
    return found


class People:
    """Contacts and companies of two scripted accounts, with lives of the connection's two syncs.

    Args:
        left, right: the kind of each side's field for a contact's firms; the right one may be
            required.
        contacts, companies: further settings of the specs.
    """

    def __init__(
        self,
        left: Kind = Kind.MULTI_REFERENCE,
        right: Kind = Kind.MULTI_REFERENCE,
        *,
        required: bool = False,
        contacts: Mapping[str, object] | None = None,
        companies: Mapping[str, object] | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore()
        schemas = people_schema("Hub", left), people_schema("ERP", right, required=required)
        self.hub = Account(schemas[0], self.clock, "L")
        self.erp = Account(schemas[1], self.clock, "R")
        self.syncs = {
            "contacts": people_sync("contacts", *schemas, contacts or {}),
            "companies": people_sync("companies", *schemas, companies or {}),
        }

    def lives(self, *names: str, pace: Pace = PACE) -> list[Connection]:
        """Return a new life of each of these syncs, of all without names."""
        accounts = {Side.LEFT: self.hub, Side.RIGHT: self.erp}
        meeting = Meeting()
        return [
            Connection(self.syncs[one], accounts, self.store, self.clock, pace, meeting=meeting)
            for one in names or tuple(self.syncs)
        ]

    async def settle(self, *names: str) -> None:
        """Run these syncs until nothing is left to do."""
        with anyio.fail_after(7200):
            async with anyio.create_task_group() as group:
                for life in self.lives(*names):
                    group.start_soon(life.run_until_quiet)

    def put(self, side: Side, object_name: str, name: str, *firms: str) -> str:
        """Let a person make a record; return its id."""
        values: dict[str, Raw] = {"name": name}
        if object_name == "contacts":
            values["firm"] = ";".join(firms) or None
        return self.account(side).apps[object_name].put(values)

    def account(self, side: Side) -> Account:
        """Return one side's account."""
        return self.hub if side is Side.LEFT else self.erp

    def employ(self, side: Side, contact: str, *firms: str) -> None:
        """Let a person set a contact's firms."""
        self.account(side).apps["contacts"].edit(contact, firm=";".join(firms) or None)

    def firms(self, side: Side) -> dict[str, set[str]]:
        """Return the names of each live contact's firms, by the contact's name."""
        apps = self.account(side).apps
        names = {one: row.values.get("name") for one, row in apps["companies"].rows.items()}
        return {
            str(row.values["name"]): {
                str(names.get(one, one)) for one in (row.values.get("firm") or "").split(";") if one
            }
            for row in apps["contacts"].rows.values()
            if row.gone is None
        }

    def both(self) -> dict[str, set[str]]:
        """Return the firms by contact, which must be the same on both sides."""
        left, right = self.firms(Side.LEFT), self.firms(Side.RIGHT)
        assert left == right
        return left

    def link(self, object_name: str, side: Side, record_id: str) -> Link:
        """Return the link of a record."""
        name = f"c/{object_name}"
        return next(
            link
            for link in self.store.links.values()
            if link.sync == name and (end := link.end(side)) is not None and end.id == record_id
        )

    def copy(self, object_name: str, side: Side, record_id: str) -> str:
        """Return the id of a record's counterpart."""
        end = self.link(object_name, side, record_id).end(side.other)
        assert end is not None, f"{object_name} {record_id} is not linked"
        return end.id

    def writes(self, side: Side) -> int:
        """Count the writes that reached an account."""
        return sum(len(app.wrote) for app in self.account(side).apps.values())
