"""The prepared database: made once from the installed Tryton packages, then only copied.

Activating Tryton's modules takes some 25 s of CPU; copying the result takes none. A template's
name holds the versions of the packages and a hash of what fills it, so it is never out of date.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from actors.errors import TielineError
from daemon.sandbox.tryton import child, seed

MODULES = ("sale_opportunity", "party_relationship")
PACKAGES = ("trytond", "proteus", "trytond_sale_opportunity", "trytond_party_relationship")
INSTALL = "pip install 'tieline[tryton-server]'"

Say = Callable[[str], None]


class TrytonError(TielineError):
    """The Tryton server cannot be brought up; the message says why and what to do."""


def find_cache() -> Path:
    """Return the folder for templates: tieline's own under the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tieline"


def name_template() -> str:
    """Return the file name of the template for the installed packages.

    Raises:
        TrytonError: a package is missing.
    """
    try:
        versions = [f"{package}={metadata.version(package)}" for package in PACKAGES]
    except metadata.PackageNotFoundError as error:
        raise TrytonError(
            f"the Tryton server is not installed (no package {error.name}): {INSTALL}"
        ) from None
    made_by = Path(seed.__file__).read_bytes() + Path(__file__).read_bytes()
    key = hashlib.sha256("\n".join(versions).encode() + made_by).hexdigest()[:16]
    return f"tryton-{key}.sqlite"


def prepare_template(cache: Path, say: Say) -> Path:
    """Return the template, building it first if there is none; safe among parallel callers.

    Raises:
        TrytonError: packages are missing, building failed, or the folder cannot be written.
    """
    template = cache / name_template()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with template.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not template.exists():
                say("preparing a Tryton database; this takes half a minute, once")
                _build(template)
    except OSError as error:
        raise TrytonError(f"no Tryton database in {cache}: {error.strerror}") from error
    return template


def copy_template(template: Path, target: Path) -> None:
    """Put a fresh copy of the template at `target`."""
    # A log left over from another database would corrupt the copy on its first use.
    for suffix in ("-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    partial = target.with_name(target.name + ".partial")
    shutil.copyfile(template, partial)
    partial.replace(target)


def fold_log(database: Path) -> None:
    """Move SQLite's write-ahead log of a database that nobody uses into its file."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")


def write_config(path: Path, folder: Path, host: str, port: int) -> None:
    """Write a Tryton configuration that serves the SQLite databases in `folder`."""
    path.write_text(
        f"[database]\nuri = sqlite://\npath = {folder}\n"
        # Tests sign in with wrong passwords; the throttle has a test of its own.
        "[session]\nmax_attempt = 1000\n"
        f"[web]\nlisten = {host}:{port}\nroot = /nonexistent\n"
    )


def _build(template: Path) -> None:
    work = template.with_suffix(".building")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    database = work / f"{seed.DATABASE}.sqlite"
    database.touch()  # Tryton activates only what exists
    config = work / "trytond.conf"
    write_config(config, work, "127.0.0.1", 0)
    _activate(config, work / "password")
    _run([str(seed.__file__), f"sqlite:///{seed.DATABASE}", str(config)], {})
    fold_log(database)
    database.replace(template)
    shutil.rmtree(work)


def _activate(config: Path, password: Path) -> None:
    password.write_text(seed.ADMIN_PASSWORD)
    options = ["-c", str(config), "-d", seed.DATABASE, "-u", *MODULES]
    # An address must be given, else Tryton asks for one at the terminal.
    options += ["--activate-dependencies", "--email", "admin@fjord.example"]
    command = [str(child.__file__), str(os.getpid()), "trytond.cli.admin", *options]
    _run(command, {"TRYTONPASSFILE": str(password)})


def _run(command: list[str], extra_environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-P", *command],
        env={**os.environ, **extra_environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last_lines = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise TrytonError(f"preparing the Tryton database failed:\n{last_lines}")
