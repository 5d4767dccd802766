"""The merged YAML to a `Config`: what the keys mean together, checked without the apps.

What needs the live apps (does this stage exist?) is checked by `actors.mapping.compile`; its
problems find their place in the files through `Config.locate`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from actors.errors import TielineError
from actors.records import Side
from actors.spec import (
    AfterDelete,
    Direction,
    FieldSpec,
    MatchSpec,
    Pace,
    PipelineSpec,
    Prefer,
    Rules,
    SyncSpec,
)
from actors.values import Raw
from daemon.config.associations import association_specs
from daemon.config.decode import Decoder, Trail
from daemon.config.defaults import default_lines
from daemon.config.limits import delete_limit, first_load, write_limits
from daemon.config.lines import override, read_field, written_names
from daemon.config.model import (
    OBJECTS,
    AssociationLine,
    Conflicts,
    ConnectionSection,
    DaemonSection,
    FieldLine,
    Filters,
    KeepOrArchive,
    Marking,
    MatchLine,
    ObjectSync,
    PipelineLine,
)
from daemon.config.nodes import Listing, Mapping, Node, Scalar, describe
from daemon.config.problems import Mark, Problems, suggest
from daemon.config.problems import Path as KeyPath
from daemon.config.secrets import SecretReader
from daemon.config.settings import App, Connection, Daemon, Positions
from daemon.connectors.registry import AnyConnectorType
from daemon.phones import WorldPhones, is_region

HUB = "hubspot"
"""The connector type that wins conflicts unless the file says otherwise (F21)."""

SHORTEST_HISTORY = timedelta(days=1)
SHORTEST_POLL = timedelta(seconds=1)
LONGEST_WINDOW = timedelta(days=7)
SHORTEST_WINDOW = timedelta(minutes=1)

_RESERVED = frozenset(
    {"both", "latest", "ask", "left", "right"}
    | set(FieldLine.__struct_fields__)
    | set(PipelineLine.__struct_fields__)
    | set(Filters.__struct_fields__)
    | set(MatchLine.__struct_encode_fields__)
    | set(AssociationLine.__struct_fields__)
)


class NoOptions(Struct, frozen=True):
    """Stands for options that could not be made without following references."""


class Finder(Struct, frozen=True):
    """How connectors are found: the words that `type:` may be, and the type of a word."""

    names: tuple[str, ...]
    load: Callable[[str], AnyConnectorType]


class Builder:
    """Builds the parts of one configuration; each part's problems do not hide the next one's."""

    def __init__(self, problems: Problems, finder: Finder, secrets: SecretReader) -> None:
        self._problems = problems
        self._finder = finder
        self._secrets = secrets
        self._decoder = Decoder(problems, {}, is_lenient=not secrets.follow)

    def positions(self, top: Mark) -> Positions:
        """Return where everything that was decoded stands."""
        return Positions(self._decoder.positions, top)

    def daemon(self, node: Node | None, folder: Path, state: Path) -> Daemon:
        """Build the process's settings; paths are relative to `folder`, data goes to `state`."""
        trail = Trail(("daemon",), ("daemon",))
        section = self._decoder.section(node, DaemonSection, trail) if node else None
        section = section or DaemonSection()
        host, _, port = section.listen.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            self._at(("daemon", "listen"), "needs an address and a port like 127.0.0.1:9464")
            port = "0"
        if section.history < SHORTEST_HISTORY:
            self._at(("daemon", "history"), "needs at least 1d: conflicts are taken back by it")
        return Daemon(
            store=folder / section.store if section.store else state / "tieline.db",
            history=section.history,
            host=host.strip("[]"),
            port=int(port),
            log_level=section.log.level,
            log_format=section.log.format,
        )

    def apps(self, node: Node | None, top: Mark) -> dict[str, App]:
        """Build every app that can be built."""
        found = {}
        for name, (key_at, entry) in self._named(node, "apps", top).items():
            if name in _RESERVED:
                message = f"{name!r} has a meaning of its own in this file; choose another name"
                self._problems.add(key_at, ("apps", name), message)
            if app := self._app(name, entry):
                found[name] = app
        return found

    def _app(self, name: str, node: Node) -> App | None:
        path: KeyPath = ("apps", name)
        if not isinstance(node, Mapping):
            self._problems.add(node.at, path, f"needs a mapping with type:, not {describe(node)}")
            return None
        word = node.get("type")
        if not isinstance(word, Scalar) or not word.text:
            known = ", ".join(self._finder.names)
            self._problems.add(node.at, path, f"`type` is missing; add one of: {known}")
            return None
        kind = self._kind(word, (*path, "type"))
        if kind is None:
            self._refuse_literals(node, path)
            return None
        rest = {key: entry for key, entry in node.entries.items() if key != "type"}
        options = self._decoder.section(
            Mapping(rest, node.at), kind.options, Trail(path, path), text=self._read_text
        )
        if options is None and self._secrets.follow:
            return None
        return App(name=name, type=kind.name, options=options or NoOptions(), kind=kind)

    def _kind(self, word: Scalar, path: KeyPath) -> AnyConnectorType | None:
        if word.text not in self._finder.names:
            message = f"no connector {word.text!r} is installed; "
            self._problems.add(word.at, path, message + suggest(word.text, self._finder.names))
            return None
        try:
            return self._finder.load(word.text)
        except TielineError as error:
            self._problems.add(word.at, path, str(error))
            return None

    def _read_text(self, scalar: Scalar, path: KeyPath, is_secret: bool) -> str | None:
        return self._secrets.read(scalar, path, is_secret=is_secret)

    def _refuse_literals(self, node: Node, path: KeyPath) -> None:
        """Find secrets in an app that is not decoded, since its type is wrong."""
        if isinstance(node, Mapping):
            for key, entry in node.entries.items():
                self._refuse_literals(entry.node, (*path, key))
        elif isinstance(node, Listing):
            for index, item in enumerate(node.items):
                self._refuse_literals(item, (*path, index))
        elif node.kind != "null":
            self._secrets.read(node, path, is_secret=False)

    def connections(
        self, node: Node | None, top: Mark, apps: dict[str, App], known: tuple[str, ...]
    ) -> dict[str, Connection]:
        """Build every connection; `known` are the names under `apps:`, also of broken ones."""
        found = {}
        for name, (_, entry) in self._named(node, "connections", top).items():
            if connection := self._connection(name, entry, apps, known):
                found[name] = connection
        return found

    def _named(self, node: Node | None, key: str, top: Mark) -> dict[str, tuple[Mark, Node]]:
        """Return the entries of a top key by their names, which must be plain words."""
        if node is None or (isinstance(node, Mapping) and not node.entries):
            at = node.at if node else top
            self._problems.add(at, (key,) if node else (), f"there are no {key}; add `{key}:`")
            return {}
        if not isinstance(node, Mapping):
            self._problems.add(node.at, (key,), f"needs a mapping by name, not {describe(node)}")
            return {}
        for name, entry in node.entries.items():
            if not re.fullmatch(r"[A-Za-z][\w-]{0,62}", name):
                message = "a name starts with a letter and has letters, digits, - and _ only"
                self._problems.add(entry.key_at, (key, name), message)
        return {name: (entry.key_at, entry.node) for name, entry in node.entries.items()}

    def _connection(
        self, name: str, node: Node, apps: dict[str, App], known: tuple[str, ...]
    ) -> Connection | None:
        path: KeyPath = ("connections", name)
        names = self._between(node, path, known)
        section = self._decoder.section(node, ConnectionSection, Trail(path, path), names=names)
        if section is None or names is None:
            return None
        self._check_times(section, path)
        syncs = []
        peers = tuple(word for word in OBJECTS if getattr(section, word) is not None)
        for word in OBJECTS:
            if (one := getattr(section, word)) is not None:
                builder = _SyncBuilder(
                    self._problems, self._positions(), (*path, word), names, apps
                )
                syncs.append(builder.sync(word, one, section, peers))
        is_empty = isinstance(node, Mapping) and not node.entries.keys() & set(OBJECTS)
        if is_empty:
            self._problems.add(node.at, path, f"nothing syncs; add {_any_of(OBJECTS)}")
        return Connection(
            name=name, left=names[0], right=names[1], syncs=tuple(syncs), pace=_pace(section)
        )

    def _between(self, node: Node, path: KeyPath, known: tuple[str, ...]) -> tuple[str, str] | None:
        """Read `between` ahead of the rest, which is written in its names.

        A wrong name is taken for the one that was meant, so that the rest is read by that.
        """
        listing = node.get("between") if isinstance(node, Mapping) else None
        items = listing.items if isinstance(listing, Listing) else ()
        names = [item.text for item in items if isinstance(item, Scalar)]
        if listing is None or len(names) != 2 or len(items) != 2:
            # The section's own decoding says what is wrong.
            return (known[0], known[1]) if len(known) == 2 else None
        for index, (item, name) in enumerate(zip(items, names, strict=True)):
            if name not in known:
                message = f"no app is named {name!r} under apps:; {suggest(name, known)}"
                self._problems.add(item.at, (*path, "between", index), message)
                others = [one for one in known if one not in names]
                meant = get_close_matches(name, others, n=1) or others
                names[index] = meant[0] if len(meant) == 1 else name
        if names[0] == names[1]:
            message = f"both sides are {names[0]!r}; name two apps"
            self._problems.add(listing.at, (*path, "between"), message)
            return None
        return names[0], names[1]

    def _check_times(self, section: ConnectionSection, path: KeyPath) -> None:
        if section.poll < SHORTEST_POLL:
            self._at((*path, "poll"), "is too often for any app; use 1s or more")
        if section.presence < section.poll:
            self._at((*path, "presence"), "is shorter than poll; make it longer")
        if section.schema < SHORTEST_POLL:
            self._at((*path, "schema"), "is too often for any app; use 1s or more")
        if section.retry.last < section.retry.first:
            self._at((*path, "retry", "last"), "is shorter than retry.first; make it longer")
        if section.timezone is not None and not _is_zone(section.timezone):
            message = f"{section.timezone!r} is no time zone; write it like Europe/Berlin"
            self._at((*path, "timezone"), message)
        if section.phone_region is not None and not is_region(section.phone_region):
            message = f"{section.phone_region!r} is no country's ISO code; write it like DE or US"
            self._at((*path, "phone_region"), message)

    def _positions(self) -> Positions:
        return Positions(self._decoder.positions, Mark("", 1, 1))

    def _at(self, path: KeyPath, message: str) -> None:
        position = self._positions().find(path)
        self._problems.add(position.at, position.shown, message)


class _SyncBuilder:
    """Makes the spec of one sync and checks what its keys mean together."""

    def __init__(
        self,
        problems: Problems,
        positions: Positions,
        path: KeyPath,
        names: tuple[str, str],
        apps: dict[str, App],
    ) -> None:
        self._problems = problems
        self._positions = positions
        self._path = path
        self._names = names
        self._apps = apps

    def sync(
        self, word: str, section: ObjectSync, around: ConnectionSection, peers: tuple[str, ...]
    ) -> SyncSpec:
        """Make the spec; `peers` are all objects of the connection."""
        left, right = self._names
        self._check_support(word)
        rules = self._sync_rules(section)
        spec = SyncSpec(
            connection=str(self._path[1]),
            object=word,
            left=left,
            right=right,
            direction=section.direction,
            fields=tuple(
                self._field(index, line, rules)
                for index, line in enumerate((*section.fields, *self._defaults(word, section)))
            ),
            pipelines=tuple(
                PipelineSpec(left=line.left, right=line.right, stages=line.stages)
                for line in section.pipelines
            ),
            rules=rules,
            users=section.owners.overrides,
            fallback_left=section.owners.fallback.left,
            fallback_right=section.owners.fallback.right,
            timezone=around.timezone,
            phones=WorldPhones(region=around.phone_region),
            create=self._targets(section, "create"),
            update=self._targets(section, "update"),
            filters={
                side: wanted
                for side, wanted in zip(
                    Side, (section.filter.left, section.filter.right), strict=True
                )
                if wanted.parts
            },
            leave=section.filter.leave,
            reopen=section.reopen,
            match=_match(section),
            peers=tuple(one for one in peers if one != word),
            associations=association_specs(section.associations, self._names, self._at),
            deletes=self._deletes(section),
            delete_limit=delete_limit(section.limits),
            limits=write_limits(section.limits),
            first_load=first_load(section.first_load),
            require_plan=section.require_plan,
            markers=self._markers(section),
        )
        self._check_limits(section)
        self._check_fields(spec)
        self._check_stages(section)
        return spec

    def _defaults(self, word: str, section: ObjectSync) -> tuple[FieldLine, ...]:
        left, right = (self._apps.get(name) for name in self._names)
        if not section.default_fields or left is None or right is None:
            return ()
        return tuple(default_lines(left.kind, right.kind, word, section.fields))

    def _field(self, index: int, line: FieldLine, rules: Rules) -> FieldSpec:
        def report(path: KeyPath, message: str) -> None:
            self._at(("fields", index, *path), message)

        return read_field(line, rules, self._names, report)

    def _check_support(self, word: str) -> None:
        for index, name in enumerate(self._names):
            app = self._apps.get(name)
            if app and word not in app.kind.capabilities.objects:
                message = f"{name} ({app.kind.title}) cannot sync {word}; see `tieline apps`"
                self._at(("..", "between", index), message)

    def _sync_rules(self, section: ObjectSync) -> Rules:
        base = Rules(prefer=self._default_prefer(section.direction), blank=section.blank)
        self._check_window(section.conflicts, ("conflicts",))
        for index, line in enumerate(section.fields):
            if line.conflicts:
                self._check_window(line.conflicts, ("fields", index, "conflicts"))
        return override(base, section.conflicts, drift=section.drift)

    def _default_prefer(self, direction: Direction) -> Prefer:
        """F21: the Hub in a two-way sync, the source in a one-way sync."""
        if direction is not Direction.BOTH:
            return Prefer.LEFT if direction is Direction.TO_RIGHT else Prefer.RIGHT
        left, right = (self._apps.get(name) for name in self._names)
        is_right = right is not None and right.type == HUB and not (left and left.type == HUB)
        return Prefer.RIGHT if is_right else Prefer.LEFT

    def _check_window(self, conflicts: Conflicts, path: KeyPath) -> None:
        if conflicts.window is not None and conflicts.window > LONGEST_WINDOW:
            self._at((*path, "window"), "is longer than 7d; a conflict is about edits at one time")

    def _targets(self, section: ObjectSync, key: Literal["create", "update"]) -> tuple[Side, ...]:
        """Read in which apps records may be created, or updated."""
        allowed = tuple(side for side in Side if section.direction.allows(side))
        wanted = section.create if key == "create" else section.update
        if wanted is None:
            return allowed
        for index, side in enumerate(wanted):
            if side not in allowed:
                name = self._names[side is Side.RIGHT]
                message = f"the direction forbids to write to {name}; remove it here"
                self._at((key, index), message)
        return tuple(dict.fromkeys(wanted))

    def _deletes(self, section: ObjectSync) -> dict[Side, AfterDelete]:
        """Read what follows a delete; `keep` is left out."""
        found: dict[Side, AfterDelete] = {}
        written = self._targets(section, "update")
        for side, wanted in zip(Side, (section.deletes.left, section.deletes.right), strict=True):
            after = _after_delete(wanted)
            if not after.is_wanted:
                continue
            if side not in written:
                name = self._names[side is Side.RIGHT]
                message = f"records in {name} are not changed by this sync; remove it here"
                self._at(("deletes", side.value), message)
            found[side] = after
        return found

    def _check_limits(self, section: ObjectSync) -> None:
        if not isinstance(section.limits, str) and section.limits.window < SHORTEST_WINDOW:
            self._at(("limits", "window"), "is too short to count in; use 1m or more")

    def _markers(self, section: ObjectSync) -> dict[Side, dict[str, Raw]]:
        targets = self._targets(section, "create")
        found: dict[Side, dict[str, Raw]] = {}
        for side, values in ((Side.LEFT, section.marker.left), (Side.RIGHT, section.marker.right)):
            if values and side not in targets:
                name = self._names[side is Side.RIGHT]
                message = f"no records are created in {name}, so nothing gets a marker; remove it"
                self._at(("marker", side.value), message)
            elif values:
                found[side] = dict(values)
        return found

    def _check_fields(self, spec: SyncSpec) -> None:
        written: dict[tuple[Side, str], int] = {}
        for index, field in enumerate(spec.fields):
            direction = (field.direction or spec.direction).within(spec.direction)
            if direction is None:
                message = "goes against the direction of the sync, so it would never be written"
                self._at(("fields", index, "direction"), f"{message}; remove one of the two")
                continue
            for side, name in written_names(field, direction):
                first = written.setdefault((side, name), index)
                if first != index:
                    line = self._positions.find((*self._path, "fields", first)).at.line
                    message = f"{name!r} is written from two fields (also in line {line})"
                    self._at(("fields", index, side.value), f"{message}; keep one")

    def _check_stages(self, section: ObjectSync) -> None:
        for index, line in enumerate(section.pipelines):
            if not line.stages:
                message = "no stage is mapped, so no record of this pipeline would sync; add some"
                self._at(("pipelines", index, "stages"), message)

    def _at(self, path: KeyPath, message: str) -> None:
        full = (*self._path[:-1], *path[1:]) if path[0] == ".." else (*self._path, *path)
        position = self._positions.find(full)
        self._problems.add(position.at, position.shown, message)


def _match(section: ObjectSync) -> tuple[MatchSpec, ...] | None:
    if section.match is None:
        return None
    return tuple(
        MatchSpec(left=line.left, right=line.right, normal=line.as_) for line in section.match
    )


def _after_delete(wanted: KeepOrArchive | Marking) -> AfterDelete:
    if isinstance(wanted, Marking):
        return AfterDelete(values=wanted.set, stage=wanted.stage)
    return AfterDelete(archive=wanted is KeepOrArchive.ARCHIVE)


def _pace(section: ConnectionSection) -> Pace:
    return Pace(
        poll=section.poll,
        presence=section.presence,
        retry_first=section.retry.first,
        retry_last=section.retry.last,
        quarantine_after=section.retry.quarantine_after,
        late=section.late,
        orders=section.orders,
        schema=section.schema,
    )


def _any_of(words: tuple[str, ...]) -> str:
    keys = [f"{word}:" for word in words]
    return f"{', '.join(keys[:-1])} or {keys[-1]}"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
