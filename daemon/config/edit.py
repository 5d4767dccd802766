"""Changes to the configuration's files in place: comments, order and layout stay as they are.

What is added is loaded, with all the rest, before any file is replaced; what the loader would
refuse changes nothing. A file is replaced as a whole, so that a crash leaves the old or the new.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as Environ
from pathlib import Path
from tempfile import NamedTemporaryFile

from msgspec import Struct
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from actors.records import Side
from actors.spec import Direction, FieldSpec, SyncSpec
from daemon.config.build import Finder
from daemon.config.load import config_files, load_config
from daemon.config.problems import ConfigError, ConfigProblem, Mark, write_path
from daemon.config.problems import Path as KeyPath
from daemon.config.settings import Config
from daemon.config.splice import (
    PlaceError,
    Splice,
    Value,
    append_entries,
    append_items,
    apply_splices,
    compose,
    fill,
    find_entry,
    widen,
)

_BOM = b"\xef\xbb\xbf"


class AddStages(Struct, frozen=True, kw_only=True):
    """Add stage pairs to the mapping of two pipelines; the mapping is made if there is none.

    Attributes:
        left, right: the pipelines as the file names them, by id or label.
        stages: pairs (left, right) by id or label; what is there already is left alone.
    """

    connection: str
    object: str
    left: str
    right: str
    stages: tuple[tuple[str, str], ...]


class AddFields(Struct, frozen=True, kw_only=True):
    """Add field mappings to a sync: of each names, direction and values; rules are not written."""

    connection: str
    object: str
    fields: tuple[FieldSpec, ...]


Edit = AddStages | AddFields


class Sync(Struct, frozen=True):
    """A sync's mapping in a text, with its key; `is_inline`: within braces."""

    key: Node
    node: Node
    is_inline: bool


def edit_config(
    path: Path,
    edits: Iterable[Edit],
    *,
    environment: Environ[str, str] | None = None,
    finder: Finder | None = None,
    follow: bool = False,
) -> tuple[Path, ...]:
    """Make edits in the main file and the mapping files beside it, all or none.

    Args:
        path: the main file.
        environment, finder, follow: as for `load_config`; secrets are not needed to edit.

    Returns:
        The files that were replaced; none if everything was there already.

    Raises:
        ConfigError: a place does not exist, or the edited configuration would not be valid; each
            problem with its file and line. No file has been touched.
        OSError: a file cannot be written.
    """
    before = {file: file.read_bytes() for file in config_files(path) if file.is_file()}

    def load(contents: Environ[Path, bytes]) -> Config:
        return load_config(
            path, environment=environment, finder=finder, follow=follow, contents=contents
        )

    after = plan_edits(load, before, edits)
    for file in after:
        if file.read_bytes() != before[file]:
            message = "was changed by someone else in this moment; look at it and try again"
            raise _refusal(Mark(str(file), 1, 1), (), message)
    for file, content in after.items():
        _replace(file.resolve(), content)
    return tuple(after)


def plan_edits(
    load: Callable[[Environ[Path, bytes]], Config],
    before: Environ[Path, bytes],
    edits: Iterable[Edit],
) -> dict[Path, bytes]:
    """Return the new contents of the files that edits change, already found to be valid.

    Args:
        load: loads the configuration, with these contents in place of what is in the files.
        before: the present contents of every file.

    Raises:
        ConfigError: as for `edit_config`.
    """
    contents = dict(before)
    config = load(contents)
    for edit in edits:
        file, path = _find_sync(config, edit)
        contents[file] = _edit(file, contents[file], path, edit, _spec(config, edit))
        config = load(contents)
    return {file: content for file, content in contents.items() if content != before[file]}


def _spec(config: Config, edit: Edit) -> SyncSpec:
    name = (edit.connection, edit.object)
    return next(one for one in config.specs() if (one.connection, one.object) == name)


def _find_sync(config: Config, edit: Edit) -> tuple[Path, KeyPath]:
    """Return the file that a sync stands in, and the keys that lead to it there."""
    path: KeyPath = ("connections", edit.connection)
    if edit.connection not in config.connections:
        known = ", ".join(config.connections)
        message = f"there is no connection {edit.connection!r}; there are: {known}"
        raise ConfigError([config.positions.problem(path, message)])
    if all(one.object != edit.object for one in config.connections[edit.connection].syncs):
        message = f"{edit.object} do not sync here; add `{edit.object}:` first"
        raise ConfigError([config.positions.problem(path, message)])
    file = config.positions.find((*path, edit.object)).at.file
    if file == str(config.files[0]):
        return config.files[0], (*path, edit.object)
    return next(one for one in config.files if str(one) == file), (edit.object,)


def _edit(file: Path, content: bytes, path: KeyPath, edit: Edit, spec: SyncSpec) -> bytes:
    bom = _BOM if content.startswith(_BOM) else b""
    text = content[len(bom) :].decode()
    try:
        sync = _descend(compose(text), path)
        splices = (
            _add_stages(text, sync, edit, spec)
            if isinstance(edit, AddStages)
            else _add_fields(text, sync, edit, spec)
        )
    except PlaceError as error:
        before = text[: error.index]
        at = Mark(str(file), before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise _refusal(at, path, str(error)) from None
    return bom + apply_splices(text, splices).encode()


def _descend(node: Node, path: KeyPath) -> Sync:
    """Go down to a sync."""
    is_flow = False
    for step in path:
        found = find_entry(node, str(step))
        if found is None:
            raise PlaceError(node.start_mark.index, f"`{step}:` is not there any more; try again")
        is_flow = is_flow or (isinstance(node, MappingNode) and bool(node.flow_style))
        key, node = found
    return Sync(key=key, node=node, is_inline=is_flow)


def _refusal(at: Mark, path: KeyPath, message: str) -> ConfigError:
    problem = ConfigProblem(
        file=at.file, line=at.line, column=at.column, path=write_path(path), message=message
    )
    return ConfigError([problem])


# --- fields ---------------------------------------------------------------------------------


def _add_fields(text: str, sync: Sync, edit: AddFields, spec: SyncSpec) -> Sequence[Splice]:
    there = {(one.left, one.right) for one in spec.fields}
    new = [one for one in edit.fields if (one.left, one.right) not in there]
    return _add_lines(text, sync, "fields", [_field_line(one, spec) for one in new])


def _add_lines(text: str, sync: Sync, key: str, lines: list[Value]) -> Sequence[Splice]:
    """Add items to a list of the sync, which is made if it is not there."""
    if not lines:
        return ()
    found = find_entry(sync.node, key)
    if found is None:
        return _add_key(text, sync, {key: tuple(lines)})
    return (append_items(text, found[1], lines),)


def _add_key(text: str, sync: Sync, entries: dict[str, Value]) -> Sequence[Splice]:
    if sync.is_inline:
        return (append_entries(text, sync.node, entries),)
    return fill(text, sync.key, sync.node, entries)


def _field_line(field: FieldSpec, spec: SyncSpec) -> dict[str, Value]:
    line: dict[str, Value] = {spec.left: field.left, spec.right: field.right}
    if field.direction is not None:
        line["direction"] = _direction(field.direction, spec)
    if field.values:
        line["values"] = _grouped(field.values)
    return line


def _direction(direction: Direction, spec: SyncSpec) -> str:
    if direction is Direction.BOTH:
        return direction.value
    side = Side.LEFT if direction is Direction.TO_LEFT else Side.RIGHT
    return f"to-{spec.app(side)}"


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, Value]:
    """Write pairs as a mapping: a list where one left one has several right ones."""
    rights: dict[str, list[str]] = {}
    for left, right in dict.fromkeys(pairs):
        rights.setdefault(left, []).append(right)
    return {left: many[0] if len(many) == 1 else tuple(many) for left, many in rights.items()}


# --- stages ---------------------------------------------------------------------------------


def _add_stages(text: str, sync: Sync, edit: AddStages, spec: SyncSpec) -> Sequence[Splice]:
    names = (edit.left, edit.right)
    at = next((at for at, one in enumerate(spec.pipelines) if (one.left, one.right) == names), None)
    found = find_entry(sync.node, "pipelines")
    if at is None or found is None:
        line: dict[str, Value] = {
            spec.left: edit.left,
            spec.right: edit.right,
            "stages": _grouped(edit.stages),
        }
        return _add_lines(text, sync, "pipelines", [line])
    stages = find_entry(found[1].value[at], "stages")
    assert stages is not None  # the loader asks for it
    there = set(spec.pipelines[at].stages)
    new = [pair for pair in dict.fromkeys(edit.stages) if pair not in there]
    return _add_pairs(text, stages[1], new) if new else ()


def _add_pairs(text: str, node: Node, pairs: list[tuple[str, str]]) -> Sequence[Splice]:
    if isinstance(node, SequenceNode):
        return (append_items(text, node, pairs),)
    assert isinstance(node, MappingNode)  # the loader knows no third way to write pairs
    grouped = _grouped(pairs)
    beside = {left: found[1] for left in grouped if (found := find_entry(node, left))}
    splices = [
        widen(text, value, (rights,) if isinstance(rights := grouped[left], str) else tuple(rights))
        for left, value in beside.items()
    ]
    new = {left: rights for left, rights in grouped.items() if left not in beside}
    return [*splices, append_entries(text, node, new)] if new else splices


# --- files ----------------------------------------------------------------------------------


def _replace(file: Path, content: bytes) -> None:
    """Put a file with this content in the place of another, with its rights; all or nothing."""
    there = file.stat()
    with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as new:
        try:
            new.write(content)
            new.flush()
            os.fchmod(new.fileno(), there.st_mode & 0o7777)
            _keep_owner(new.fileno(), there)
            os.fsync(new.fileno())
            Path(new.name).replace(file)
        except BaseException:
            Path(new.name).unlink(missing_ok=True)
            raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _keep_owner(descriptor: int, there: os.stat_result) -> None:
    try:
        os.fchown(descriptor, there.st_uid, there.st_gid)
    except PermissionError:
        return  # only root gives files away; the editor's own file is as good
