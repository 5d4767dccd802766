"""The core knows nothing of the outside: read from the imports of `actors`, not from its word."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import actors
import daemon

ROOT = Path(__file__).parents[3]
CORE = ROOT / "actors"
FILES = sorted(CORE.rglob("*.py"))
ALLOWED = frozenset({"actors", "anyio", "msgspec"})
"""Besides the standard library's pure parts."""
PURE = frozenset(
    {
        "__future__",
        "calendar",
        "collections",
        "contextlib",
        "dataclasses",
        "datetime",
        "decimal",
        "difflib",
        "enum",
        "functools",
        "hashlib",
        "itertools",
        "math",
        "random",
        "re",
        "typing",
        "unicodedata",
        "zlib",
        "zoneinfo",
    }
)
SHELL_WORDS = {
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "time": {"time", "monotonic", "sleep"},
    "asyncio": {"sleep", "create_task"},
}


def module_of(file: Path) -> str:
    parts = list(file.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: imports are absolute here"
            assert node.module is not None
            yield node.module


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_the_core_imports_nothing_but_itself_anyio_msgspec_and_pure_parts(file: Path) -> None:
    tops = {name.split(".")[0] for name in imported(file)}
    assert tops <= ALLOWED | PURE


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_the_core_reads_no_clock_and_starts_no_loose_task(file: Path) -> None:
    """Time and waiting go through the Clock port; `testing` is its stand-in."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.attr not in SHELL_WORDS.get(node.value.id, ())
            if module_of(file) != "actors.testing":
                assert (node.value.id, node.attr) not in (
                    ("anyio", "sleep"),
                    ("anyio", "current_time"),
                    ("anyio", "run"),
                    ("anyio", "to_thread"),
                )


def test_no_file_is_opened_and_nothing_is_printed_in_the_core() -> None:
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("open", "print", "input", "exec", "eval"), file


def test_there_are_no_import_cycles() -> None:
    graph = {
        module_of(file): {name for name in imported(file) if name.split(".")[0] == "actors"}
        for file in FILES
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module not in done:
            for name in sorted(graph.get(module, ())):
                visit(name, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_the_import_names_come_from_this_repository() -> None:
    for package in (actors, daemon):
        assert package.__file__ is not None
        assert Path(package.__file__).resolve().parents[1] == ROOT.resolve()


def test_daemon_is_never_imported_by_the_core_but_the_core_by_daemon() -> None:
    assert not [file for file in FILES if any(n.startswith("daemon") for n in imported(file))]
    users = [
        file
        for file in (ROOT / "daemon").rglob("*.py")
        if any(name.startswith("actors") for name in imported(file))
    ]
    assert users
