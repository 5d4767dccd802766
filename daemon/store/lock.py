"""One daemon per store: a lock file beside the database, held as long as the process lives."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actors.errors import StoreError


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock of the store at `path`, or raise StoreError naming who has it.

    The kernel drops the lock with the process, so that a crash leaves none behind. The file
    itself stays: removing it would let two daemons hold two different files of that name.
    """
    try:
        handle = os.open(lock_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"store {path}: its lock file cannot be opened: check that this user may write to the"
            f" folder ({error.strerror})"
        ) from error
    try:
        _acquire(handle, path)
        os.truncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def lock_path(path: Path) -> Path:
    """Return the path of the lock file."""
    return path.with_name(f"{path.name}.lock")


def _acquire(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(handle, 20, 0).decode("ascii", "replace") or "unknown"
        raise StoreError(
            f"store {path}: another tieline (pid {owner}) uses this store: stop that one, or give"
            " this one a store of its own"
        ) from None
    except OSError as error:
        raise StoreError(
            f"store {path}: its file system cannot lock files: put the store on a local disk"
            f" ({error.strerror})"
        ) from error
