"""Files to `Config`: the main file and `mappings/*.yaml` beside it, all errors at once.

A mapping file holds a part of one connection: `connection: sales`, and then keys of that
connection. It is as if they stood in the main file; what stands in two files is refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping as Environ
from pathlib import Path

import msgspec

from daemon.config.build import Builder, Finder
from daemon.config.nodes import Entry, Mapping, Scalar, parse
from daemon.config.problems import ConfigError, Mark, Problems, suggest
from daemon.config.secrets import SecretReader
from daemon.config.settings import Config
from daemon.connectors.registry import find_entry_points, load_connector

TOP_KEYS = ("apps", "connections", "daemon")
MAPPINGS = "mappings"
SYSTEM_FOLDER = Path("/etc/tieline")
SYSTEM_STATE = Path("/var/lib/tieline")


def installed_connectors() -> Finder:
    """Find connectors among the installed packages."""
    return Finder(tuple(sorted(find_entry_points())), load_connector)


def load_config(
    path: Path,
    *,
    environment: Environ[str, str] | None = None,
    finder: Finder | None = None,
    follow: bool = True,
    contents: Environ[Path, bytes] | None = None,
) -> Config:
    """Read and check a configuration as a whole.

    Args:
        path: the main file.
        environment: the process's own by default.
        finder: how connectors are found; among the installed packages by default.
        follow: read secrets from where references point; otherwise only their form is checked,
            and the apps of the result cannot be opened.
        contents: stand for what is in these files, to try an edit before it is made.

    Raises:
        ConfigError: with every problem that was found, each at its file, line and column.
    """
    environment = os.environ if environment is None else environment
    problems = Problems()
    files = config_files(path)
    roots = [_read(file, problems, contents or {}) for file in files]
    top = Mark(str(path), 1, 1)
    root = roots[0]
    if root is None:
        raise ConfigError(problems.found)
    for key, entry in root.entries.items():
        if key not in TOP_KEYS:
            problems.add(entry.key_at, (key,), f"unknown key; {suggest(key, TOP_KEYS)}")
    for part in roots[1:]:
        root = _merge(root, part, problems) if part else root
    secrets = SecretReader(environment, path.parent, problems, follow=follow)
    builder = Builder(problems, finder or installed_connectors(), secrets)
    config = _build(builder, root, top, files=files, state=_state_folder(path, environment))
    problems.refuse()
    return msgspec.structs.replace(config, secrets=tuple(secrets.found))


def config_files(path: Path) -> tuple[Path, ...]:
    """Return the main file and the mapping files beside it."""
    files = (path.parent / MAPPINGS).glob("*.y*ml")
    parts = (one for one in files if one.suffix in (".yaml", ".yml") and one.name[0] != ".")
    return (path, *sorted(parts))


def _read(file: Path, problems: Problems, contents: Environ[Path, bytes]) -> Mapping | None:
    try:
        content = contents[file] if file in contents else file.read_bytes()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        message = f"cannot be read: {reason}; name the file by --config or TIELINE_CONFIG"
        problems.add(Mark(str(file), 1, 1), (), message)
        return None
    return parse(str(file), content, problems)


def _merge(root: Mapping, part: Mapping, problems: Problems) -> Mapping:
    """Return `root` with one mapping file's keys put into their connection."""
    name = part.get("connection")
    if not isinstance(name, Scalar) or name.kind == "null":
        at = name.at if name else part.at
        problems.add(at, ("connection",), "needs the name of the connection that this is part of")
        return root
    connections = root.get("connections") or Mapping({}, part.at)
    if not isinstance(connections, Mapping):
        return root  # said when the connections are built
    there = connections.entries.get(name.text) or Entry(name.at, Mapping({}, part.at))
    if not isinstance(there.node, Mapping):
        return root
    keys = dict(there.node.entries)
    for key, entry in part.entries.items():
        if key == "connection":
            continue
        if first := keys.get(key):
            where = f"{first.key_at.file}:{first.key_at.line}"
            path = ("connections", name.text, key)
            problems.add(entry.key_at, path, f"is there already in {where}; keep one of the two")
        else:
            keys[key] = entry
    merged = Entry(there.key_at, Mapping(keys, there.node.at))
    all_of_them = Mapping({**connections.entries, name.text: merged}, connections.at)
    at = root.entries["connections"].key_at if "connections" in root.entries else part.at
    return Mapping({**root.entries, "connections": Entry(at, all_of_them)}, root.at)


def _build(
    builder: Builder, root: Mapping, top: Mark, *, files: tuple[Path, ...], state: Path
) -> Config:
    """Build every part, so that each notes its problems; secrets are filled in by the caller."""
    daemon = builder.daemon(root.get("daemon"), files[0].parent, state)
    listed = root.get("apps")
    apps = builder.apps(listed, top)
    known = tuple(listed.entries) if isinstance(listed, Mapping) else ()
    return Config(
        daemon=daemon,
        apps=apps,
        connections=builder.connections(root.get("connections"), top, apps, known),
        files=files,
        positions=builder.positions(top),
        secrets=(),
    )


def _state_folder(path: Path, environment: Environ[str, str]) -> Path:
    """Return where data goes unless the file says otherwise."""
    if states := environment.get("STATE_DIRECTORY"):
        return Path(states.split(":")[0])
    folder = path.absolute().parent
    return SYSTEM_STATE if folder == SYSTEM_FOLDER else folder
