"""The HubSpot connector: the port's methods, put together from the parts of this package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated

import httpx
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.errors import SchemaDriftError
from actors.intents import Intent, IntentKind, Outcome
from actors.ports import Capabilities, Changes, Fetched, Page
from actors.records import Edit, Gone, Snapshot
from actors.schema import AppSchema, Pipeline
from daemon.connectors.budget import Budget
from daemon.connectors.client import HttpClient, Limits
from daemon.connectors.hubspot import changes, lookups, presence, reading
from daemon.connectors.hubspot.archiving import archive_records
from daemon.connectors.hubspot.associations import is_association, plain, with_links
from daemon.connectors.hubspot.changes import Margins
from daemon.connectors.hubspot.history import Authorship, read_edits
from daemon.connectors.hubspot.kinds import KINDS, ObjectKind
from daemon.connectors.hubspot.linking import write_with_links
from daemon.connectors.hubspot.paths import DEFAULT_VERSION, Paths, Version
from daemon.connectors.hubspot.pipelines import make_pipeline
from daemon.connectors.hubspot.preparing import prepare_key_property
from daemon.connectors.hubspot.rights import missing_rights
from daemon.connectors.hubspot.schema import read_pipelines, read_schema
from daemon.connectors.hubspot.session import (
    BAD_TOKEN,
    Session,
    StaticToken,
    TokenProvider,
    make_budget,
)
from daemon.connectors.hubspot.writes import Writing
from daemon.connectors.registry import Environment

BASE_URL = "https://api.hubapi.com"
DEFAULT_OVERLAP = timedelta(minutes=10)
DEFAULT_HOLD = timedelta(seconds=10)
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

CAPABILITIES = Capabilities(
    objects=tuple(KINDS),
    lock=False,
    history=True,
    unique_key=True,
    read_batch=reading.BATCH_SIZE,
    create_batch=reading.BATCH_SIZE,
    update_batch=reading.BATCH_SIZE,
    worst_delay=DEFAULT_OVERLAP,
    deletes="archives, merges and deletes show when linked records are read by id",
    notes=(
        "HubSpot has no conditional write: a record is read again just before it is written, "
        "and an edit that falls in between is found in the property's history.",
        "Records that tieline creates carry the unique property tieline_key.",
        "Links between records are read with the records. Where HubSpot counts a changed link as a "
        "change of neither record, it shows when the records are next looked at (presence).",
        "Archived records can be brought back by people within 90 days, but not by the API.",
        "Changes come from the search index, which follows writes by seconds, at times by minutes.",
    ),
)


class Auth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to sign in.

    Attributes:
        token: of a private app or a service key.
    """

    token: str

    def __post_init__(self) -> None:
        # The edge answers such tokens with a page that says nothing.
        if not self.token or not self.token.isascii() or not self.token.isprintable():
            raise ValueError("token is empty or has characters that no HubSpot token has")
        if " " in self.token:
            raise ValueError("token has a blank in it")

    def __repr__(self) -> str:
        """Keep the token out of logs and tracebacks."""
        return "Auth(token=...)"


class HubSpotOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An app of type `hubspot` in the configuration.

    Attributes:
        auth: how to sign in.
        base_url: where HubSpot's API is; another one for the sandbox.
        api_version: which of HubSpot's API versions to call.
        overlap: how far each poll looks back for records that the index showed late.
        hold: how much of the newest time is left for the next poll.
        app_id: the app's own id, to tell its edits from others' from the start; else learned.
        ca_file: PEM file of the authorities to trust instead of the public ones.
        allow_plain_http: send the token unencrypted to a host that is not this machine.
        search_per_second: the account's limit of searches, which no answer tells.
        limits: bounds of time and size for each call.
    """

    auth: Auth
    base_url: str = BASE_URL
    api_version: Version = DEFAULT_VERSION
    overlap: timedelta = DEFAULT_OVERLAP
    hold: timedelta = DEFAULT_HOLD
    app_id: str | None = None
    ca_file: str | None = None
    allow_plain_http: bool = False
    search_per_second: Annotated[int, msgspec.Meta(ge=1)] = 5
    limits: Limits = msgspec.field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.overlap < timedelta(0) or self.hold < timedelta(0):
            raise ValueError("overlap and hold cannot be negative")
        self._check_url()

    def _check_url(self) -> None:
        try:
            url = httpx.URL(self.base_url)
        except httpx.InvalidURL as error:
            raise ValueError(f"base_url is not an address: {error}") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("base_url must begin with https:// and name a host")
        if url.scheme == "http" and url.host not in LOCAL_HOSTS and not self.allow_plain_http:
            raise ValueError("base_url must use https, or the token can be read on its way")


class HubSpotConnector:
    """One HubSpot account.

    Args:
        tokens: where the access token comes from.
        environment: the app's name, observer of calls and our wall clock.
        budget: of the account; made anew when none is given.
    """

    def __init__(
        self,
        tokens: TokenProvider,
        environment: Environment,
        *,
        base_url: str = BASE_URL,
        api_version: Version = DEFAULT_VERSION,
        overlap: timedelta = DEFAULT_OVERLAP,
        hold: timedelta = DEFAULT_HOLD,
        budget: Budget | None = None,
        app_id: str | None = None,
        limits: Limits | None = None,
        ca_file: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        http = HttpClient(
            base_url,
            environment,
            limits=limits,
            ca_file=ca_file,
            own_statuses=frozenset({BAD_TOKEN}),
            transport=transport,
        )
        self._session = Session(
            http,
            tokens,
            budget or make_budget(),
            Paths(api_version),
            environment.on_budget,
        )
        self._margins = Margins(overlap=overlap, hold=hold)
        self._authorship = Authorship(app_id)
        self._pipelines: dict[str, dict[str, str]] = {}

    @property
    def capabilities(self) -> Capabilities:
        """What this connector can do."""
        return CAPABILITIES

    @property
    def budget(self) -> Budget:
        """The account's rate budget, for status and metrics."""
        return self._session.budget

    @property
    def clock_offset(self) -> timedelta:
        """How far HubSpot's clock is ahead of ours, as measured; zero while unknown."""
        return self._session.http.offset.applied or timedelta(0)

    async def describe(self) -> AppSchema:
        """Read objects, fields, pipelines and users as they are now."""
        schema = await read_schema(self._session)
        for one in schema.objects:
            self._pipelines[one.name] = {
                stage.id: pipeline.id for pipeline in one.pipelines for stage in pipeline.stages
            }
        return schema

    async def prepare(self, object_name: str) -> None:
        """Make sure of the unique property that creates carry."""
        await prepare_key_property(self._session, _kind(object_name))

    async def missing(self, object_name: str, *, writes: bool) -> tuple[str, ...]:
        """Say which scopes the token lacks, what stops working and how to grant them."""
        kind = _kind(object_name)
        return await missing_rights(self._session, kind, self._authorship, writes=writes)

    async def start(self, object_name: str) -> str:
        """Return a cursor such that `changes` from it sees every edit made from now on."""
        _kind(object_name)
        return await changes.start(self._session)

    async def list_page(self, object_name: str, fields: Sequence[str], after: str | None) -> Page:
        """List all live records by id, one page."""
        kind = _kind(object_name)
        page = await reading.list_page(self._session, kind, plain(fields), after)
        records = await with_links(self._session, kind, fields, page.records)
        return replace(page, records=records)

    async def changes(
        self, object_name: str, fields: Sequence[str], cursor: str, seen: Mapping[str, str]
    ) -> Changes:
        """Read one page of changes: one search, and batch reads of what is new in it."""
        kind = _kind(object_name)
        found = await changes.read_changes(
            self._session, kind, plain(fields), cursor, seen, self._margins
        )
        records = await with_links(self._session, kind, fields, found.records)
        return replace(found, records=records)

    async def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        """Read records by id, and prove of the missing ones what became of them."""
        kind = _kind(object_name)
        found = await presence.fetch(self._session, kind, ids, plain(fields))
        records = await with_links(self._session, kind, fields, found.records)
        return replace(found, records=records)

    async def find(
        self, object_name: str, keys: Sequence[str], fields: Sequence[str]
    ) -> dict[str, Snapshot | Gone]:
        """Look up records by tieline's key, archived ones included."""
        kind = _kind(object_name)
        found = await presence.find(self._session, kind, keys, plain(fields))
        alive = {key: one for key, one in found.items() if isinstance(one, Snapshot)}
        records = await with_links(self._session, kind, fields, tuple(alive.values()))
        return {**found, **dict(zip(alive, records, strict=True))}

    async def lookup(
        self, object_name: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> dict[str, tuple[Snapshot, ...]]:
        """Look up live records by what a property holds: contacts by any of their e-mails."""
        kind = _kind(object_name)
        found = await lookups.lookup(self._session, kind, field, values, plain(fields))
        records = [record for some in found.values() for record in some]
        whole = {one.id: one for one in await with_links(self._session, kind, fields, records)}
        return {value: tuple(whole[one.id] for one in some) for value, some in found.items()}

    async def edits(
        self, object_name: str, wanted: Mapping[str, Sequence[str]]
    ) -> dict[tuple[str, str], tuple[Edit, ...]]:
        """Read the history of fields, newest first."""
        kept = {one: plain(names) for one, names in wanted.items()}
        asked = {one: names for one, names in kept.items() if names}
        return await read_edits(self._session, _kind(object_name), asked, self._authorship)

    async def write(
        self, object_name: str, intents: Sequence[Intent], fields: Sequence[str]
    ) -> tuple[Outcome, ...]:
        """Carry out intents of one kind; one outcome each, in order."""
        kind = _kind(object_name)
        if intents[0].kind is IntentKind.ARCHIVE:
            return await archive_records(self._session, kind, intents)
        stages = await self._stages(kind) if _needs_pipeline(kind, intents) else {}
        writing = Writing(
            self._session,
            kind,
            plain(fields),
            pipeline_of=stages.get,
            authorship=self._authorship,
        )
        if not any(map(is_association, fields)):
            return await writing.carry_out(intents)
        return await write_with_links(self._session, kind, intents, fields, writing.carry_out)

    async def count(self, object_name: str, field: str, values: Sequence[str]) -> dict[str, int]:
        """Count the live records that hold each of these values in a field."""
        return await reading.count_values(self._session, _kind(object_name), field, values)

    async def make_pipeline(self, object_name: str, wanted: Pipeline) -> Pipeline:
        """Make a pipeline with its stages."""
        return await make_pipeline(self._session, _kind(object_name), wanted)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._session.aclose()

    async def _stages(self, kind: ObjectKind) -> dict[str, str]:
        if kind.name not in self._pipelines:
            pipelines = await read_pipelines(self._session, kind)
            self._pipelines[kind.name] = {
                stage.id: pipeline.id for pipeline in pipelines for stage in pipeline.stages
            }
        return self._pipelines[kind.name]


def _needs_pipeline(kind: ObjectKind, intents: Sequence[Intent]) -> bool:
    return any(
        kind.stage in intent.values and kind.pipeline not in intent.values for intent in intents
    )


def _kind(object_name: str) -> ObjectKind:
    try:
        return KINDS[object_name]
    except KeyError:
        raise SchemaDriftError(f"HubSpot has no object {object_name!r} for tieline") from None


def open_connector(options: HubSpotOptions, environment: Environment) -> HubSpotConnector:
    """Make a connector from an app's entry in the configuration."""
    return HubSpotConnector(
        StaticToken(options.auth.token),
        environment,
        base_url=options.base_url,
        api_version=options.api_version,
        overlap=options.overlap,
        hold=options.hold,
        budget=make_budget(search_per_second=options.search_per_second),
        app_id=options.app_id,
        limits=options.limits,
        ca_file=options.ca_file,
    )
