"""Exit codes, all of them; scripts and systemd units rely on these numbers.

Those from 64 up are the ones of sysexits.h, which systemd names in the journal (78 is `CONFIG`).
"""

from __future__ import annotations

from enum import IntEnum

from actors.errors import (
    AuthError,
    MappingError,
    OutcomeUnknownError,
    SchemaDriftError,
    StoreError,
    TielineError,
    TransientError,
)


class Exit(IntEnum):
    """What a command's end means."""

    OK = 0
    """Done, nothing to complain of."""
    PROBLEM = 1
    """Done, and what was asked for is not there or not as it should be."""
    USAGE = 2
    """The command line is wrong."""
    BUG = 70
    """An error that tieline has no words for: a bug; `--debug` shows where."""
    LISTEN = 71
    """The address for /metrics and /healthz cannot be had: the port is in use, most likely."""
    STORE = 74
    """The store cannot be used: missing, locked, full, damaged or of another version."""
    TRY_AGAIN = 75
    """An app or the network does not answer now; the same command may work later."""
    DENIED = 77
    """An app refuses the credentials, or they lack a right."""
    CONFIG = 78
    """The configuration is refused, or does not fit the apps."""
    INTERRUPTED = 130
    """Ctrl-C."""


def exit_of(error: TielineError) -> Exit:
    """Return the exit code that says what the caller must do about an error."""
    from daemon.config.problems import ConfigError

    match error:
        case ConfigError() | MappingError() | SchemaDriftError():
            return Exit.CONFIG
        case AuthError():
            return Exit.DENIED
        case TransientError() | OutcomeUnknownError():
            return Exit.TRY_AGAIN
        case StoreError():
            return Exit.STORE
        case _:
            return Exit.LISTEN if _is_about_listening(error) else Exit.PROBLEM


def _is_about_listening(error: TielineError) -> bool:
    from daemon.http import ListenError

    return isinstance(error, ListenError)


def list_exits() -> str:
    """Write the codes for the help text."""
    words = {
        Exit.OK: "all well",
        Exit.PROBLEM: "not found, or not as it should be",
        Exit.USAGE: "wrong command line",
        Exit.BUG: "a bug (see --debug)",
        Exit.LISTEN: "the address to listen on cannot be had (is the port in use?)",
        Exit.STORE: "the store cannot be used",
        Exit.TRY_AGAIN: "an app does not answer now; try again",
        Exit.DENIED: "an app refuses the credentials or a right is missing",
        Exit.CONFIG: "the configuration is refused or does not fit the apps",
        Exit.INTERRUPTED: "interrupted",
    }
    return "\n".join(f"  {code.value:>3}  {text}" for code, text in words.items())
