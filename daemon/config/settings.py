"""The configuration as the daemon uses it: checked, secrets resolved, app names made sides."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from msgspec import Struct

from actors.ports import Connector
from actors.spec import Pace, Problem, SyncSpec
from daemon.config.decode import Position
from daemon.config.problems import ConfigProblem, Mark, write_path
from daemon.config.problems import Path as KeyPath
from daemon.config.secrets import Secret
from daemon.connectors.registry import AnyConnectorType, Environment


class App(Struct, frozen=True, kw_only=True):
    """One account, ready to be opened.

    Attributes:
        type: the connector's name.
        options: the connector's own options, secrets included: never log them.
    """

    name: str
    type: str
    options: Struct
    kind: AnyConnectorType

    def open(self, environment: Environment) -> Connector:
        """Make a connector to the account; makes no call yet."""
        return self.kind.open(self.options, environment)

    def __repr__(self) -> str:
        return f"App(name={self.name!r}, type={self.type!r})"


class Connection(Struct, frozen=True, kw_only=True):
    """Two apps that are kept in step, by app name, with one sync per object."""

    name: str
    left: str
    right: str
    syncs: tuple[SyncSpec, ...]
    pace: Pace


class Daemon(Struct, frozen=True, kw_only=True):
    """The process itself: database file and its history, address of /metrics, logs."""

    store: Path
    history: timedelta
    host: str
    port: int
    log_level: str
    log_format: str

    @property
    def address(self) -> str:
        """Host and port as one text, for listening and for people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Positions(Struct, frozen=True):
    """Where each value of the configuration stands, by the path of attributes to it."""

    known: dict[KeyPath, Position]
    top: Mark

    def find(self, path: KeyPath) -> Position:
        """Return the place of a value, or of the nearest mapping around it."""
        for length in range(len(path), 0, -1):
            if position := self.known.get(path[:length]):
                return position
        return Position(self.top, ())

    def locate(self, problem: Problem, spec: SyncSpec) -> ConfigProblem:
        """Say where in the files the part of `spec` stands that does not fit the apps."""
        return self.problem(_path_of(problem.path, spec), problem.message)

    def problem(self, path: KeyPath, message: str) -> ConfigProblem:
        """Make a problem of something found at a path of the model."""
        position = self.find(path)
        at = position.at
        return ConfigProblem(
            file=at.file,
            line=at.line,
            column=at.column,
            path=write_path(position.shown),
            message=message,
        )


class Config(Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        files: every file that was read.
        positions: for problems that show only against the live apps.
        secrets: all that was resolved, for the log's redactor.
    """

    daemon: Daemon
    apps: dict[str, App]
    connections: dict[str, Connection]
    files: tuple[Path, ...]
    positions: Positions
    secrets: tuple[Secret, ...]

    def locate(self, problem: Problem, spec: SyncSpec) -> ConfigProblem:
        """Say where in the files the part of `spec` stands that does not fit the apps."""
        return self.positions.locate(problem, spec)

    def specs(self) -> tuple[SyncSpec, ...]:
        """Return every sync of every connection."""
        return tuple(spec for one in self.connections.values() for spec in one.syncs)


_RULES: dict[str, KeyPath] = {
    "prefer": ("conflicts", "prefer"),
    "window": ("conflicts", "window"),
    "blank": ("blank",),
    "drift": ("drift",),
}
_ELSEWHERE: dict[str, KeyPath] = {
    "users": ("owners", "overrides"),
    "markers": ("marker",),
    "filters": ("filter",),
    "delete_limit": ("limits", "deletes"),
    "leave": ("filter", "leave"),
    "fallback_left": ("owners", "fallback", "left"),
    "fallback_right": ("owners", "fallback", "right"),
}
_RENAMED: dict[str | int, str] = {"defaults": "default"}
_ON_CONNECTION: dict[str, KeyPath] = {
    "left": ("between", 0),
    "right": ("between", 1),
    "timezone": ("timezone",),
    "phones": ("phone_region",),
    "connection": (),
}


def _path_of(path: KeyPath, spec: SyncSpec) -> KeyPath:
    """Translate a path in a `SyncSpec` to one in the file's model."""
    connection: KeyPath = ("connections", spec.connection)
    first = path[0] if path else ""
    if first in _ON_CONNECTION and isinstance(first, str):
        return connection + _ON_CONNECTION[first]
    found: list[str | int] = [*connection, spec.object]
    rest = list(path)
    if isinstance(first, str) and first in _ELSEWHERE:
        found += _ELSEWHERE[first]
        rest = rest[1:]
    while rest:
        step = rest.pop(0)
        if first == "deletes" and step == "values":
            step = "set"
        if step == "rules" and rest:
            found += _RULES.get(str(rest.pop(0)), ())
        elif step != "rules":
            found.append(_RENAMED.get(step, step))
    return tuple(found)
