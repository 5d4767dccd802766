"""What SQLite's errors mean for the person who runs the daemon."""

from __future__ import annotations

import sqlite3

from actors.errors import StoreError

_ADVICE = {
    "SQLITE_FULL": "the disk is full: make room and start again; nothing that was"
    " committed is lost",
    "SQLITE_READONLY": "it cannot be written: check the owner and mode of the file and its folder,"
    " and that the file system is not mounted read-only",
    "SQLITE_CANTOPEN": "it cannot be opened: check that the folder exists and that this user may"
    " read and write it",
    "SQLITE_PERM": "this user may not read or write it: check its owner and mode",
    "SQLITE_CORRUPT": "it is damaged: stop tieline, keep a copy of the file, and restore the last"
    " backup; records that were created since are found again by their key",
    "SQLITE_NOTADB": "it is not a SQLite database: check the path, or move the file away",
    "SQLITE_IOERR": "the disk reported an error: check the system log and the disk's health",
    "SQLITE_BUSY": "another program holds a lock on it: close whatever has it open for writing",
    "SQLITE_LOCKED": "another program holds a lock on it: close whatever has it open for writing",
}


def explain(error: sqlite3.Error, name: str, code: str = "") -> StoreError:
    """Return the error to raise instead of `error`, for the store called `name`.

    `code` is SQLite's name of the error where `error` does not carry it.
    """
    code = code or str(getattr(error, "sqlite_errorname", ""))
    advice = _ADVICE.get("_".join(code.split("_")[:2]))
    if advice is None:
        return StoreError(f"store {name}: {error}")
    return StoreError(f"store {name}: {advice} ({error})")
