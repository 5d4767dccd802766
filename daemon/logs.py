"""Logs: one event per line, the connection it belongs to, and no secrets.

Owns the root logger's handler, the two line formats (JSON, and text on a terminal) and the
removal of secrets. Everything that reaches a line goes through the `Redactor`: the message with
its arguments, extra fields, exceptions with their causes, warnings, uncaught exceptions, and log
calls that are themselves broken. Extra fields are given by `extra={...}`.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

import msgspec

REDACTED = "[redacted]"

# Shorter secrets are removed only where they stand as a word of their own: a password "a"
# would otherwise take every a out of the log.
MIN_ANYWHERE = 6

# Libraries that write a line per request; their requests are counted in the metrics.
CHATTY = ("httpx", "httpcore", "uvicorn", "asyncio", "aiosqlite")

_SECRET_NAME = (
    r"(?:proxy-)?authorization|(?:set-)?cookie|pass(?:word|wd|phrase)|secret"
    r"|(?:access|refresh|id|api|auth|session|bearer)[-_]?token|(?:api|private)[-_]?key|hapikey"
    r"|client[-_]?secret|x-hubspot-signature(?:-v3)?"
)
_IS_SECRET_NAME = re.compile(rf"(?:.*[-_.])?(?:{_SECRET_NAME}|token)", re.IGNORECASE)
_PATTERNS = (
    # Authorization: Bearer x; (b'authorization', b'Basic x'); authorization="Session x"
    (
        re.compile(
            r"""(authorization(?:["']?\s*[:=]|["']\s*,)\s*b?["']?)(?:[a-z]+\s+)?[^\s"',;)]+""",
            re.IGNORECASE,
        ),
        r"\1",
    ),
    # Bearer x anywhere; x has a digit or is long, so that "Basic authentication" stays
    (
        re.compile(r"\b(Bearer|Basic|Session|Token)\s+(?=\S*\d|\S{20})[\w+/=.~:-]+", re.IGNORECASE),
        r"\1 ",
    ),
    # "password": "two words", 'password': 'x', (b'cookie', b'x')
    (
        re.compile(
            rf"""((?:{_SECRET_NAME}|\btoken)["']\s*[:=,]\s*b?)(["'])(?:\\.|(?!\2).)*\2""",
            re.IGNORECASE,
        ),
        r"\1",
    ),
    # password=x&..., token: x, client_secret='x'
    (
        re.compile(
            rf"""((?:{_SECRET_NAME}|\btoken)\s*[=:]\s*)(?!\s)(?:"[^"]*"|'[^']*'|[^\s&;,"')\]}}]+)""",
            re.IGNORECASE,
        ),
        r"\1",
    ),
    # https://user:password@host
    (re.compile(r"(://[^\s/:@]*:)[^\s/@]+(?=@)"), r"\1"),
    # HubSpot's private app tokens and their kin, wherever they stand
    (re.compile(r"\bpat-[a-z]{2}\d-[\w-]{8,}", re.IGNORECASE), ""),
)

_connection: ContextVar[str | None] = ContextVar("connection", default=None)


@contextmanager
def in_connection(name: str) -> Iterator[None]:
    """Mark log events of this block, and of tasks started in it, as the connection's."""
    token = _connection.set(name)
    try:
        yield
    finally:
        _connection.reset(token)


class Redactor:
    """Removes secrets from text: those it was told of, and what looks like one."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._known: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """Register a secret value; it and its URL-, JSON- and repr-encoded forms are removed."""
        for form in (secret, *_encoded(secret)):
            if form.strip():
                self._secrets.add(form)
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._known = re.compile("|".join(map(_as_pattern, longest_first)) or r"(?!)")

    def redact(self, text: str) -> str:
        """Return the text with every secret replaced by `[redacted]`."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        for pattern, keep in _PATTERNS:
            text = pattern.sub(keep + REDACTED, text)
        return text

    def redact_value(self, value: object) -> object:
        """Redact a value of JSON kinds throughout, secret-looking keys' values as a whole."""
        match value:
            case str():
                return self.redact(value)
            case Mapping():
                return {
                    self.redact(str(key)): REDACTED
                    if item and _IS_SECRET_NAME.fullmatch(str(key))
                    else self.redact_value(item)
                    for key, item in value.items()
                }
            case list() | tuple() | set() | frozenset():
                return [self.redact_value(item) for item in value]
            case bool() | int() | float() | None:
                return value
            case _:
                return self.redact(str(value))


def _encoded(secret: str) -> tuple[str, ...]:
    return (
        quote(secret, safe=""),
        quote_plus(secret),
        msgspec.json.encode(secret).decode()[1:-1],
        repr(secret)[1:-1],
        repr(secret.encode())[2:-1],
    )


def _as_pattern(secret: str) -> str:
    literal = re.escape(secret)
    return literal if len(secret) >= MIN_ANYWHERE else rf"(?<!\w){literal}(?!\w)"


class _RedactingFormatter(logging.Formatter):
    """What both formats share: an event's parts, redacted."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self.redactor = redactor

    def message(self, record: logging.LogRecord) -> str:
        """Build the message; a call whose arguments do not fit still gives its words."""
        try:
            text = record.getMessage()
        except Exception as error:
            # Any argument's own __str__ runs here, so any error can come out.
            text = f"{record.msg} (broken log call, arguments left out: {type(error).__name__})"
        return self.redactor.redact(text)

    def fields(self, record: logging.LogRecord) -> Mapping[str, object]:
        """Collect what was given by `extra`."""
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        # Bytes stay bytes, to be written as their repr: base64 would hide a secret in them.
        plain = msgspec.to_builtins(
            extra, enc_hook=_describe, str_keys=True, builtin_types=(bytes, bytearray)
        )
        redacted = self.redactor.redact_value(plain)
        return redacted if isinstance(redacted, dict) else {}

    def trace(self, record: logging.LogRecord) -> str:
        """Format the exception and the stack, if the event has any."""
        parts = [self.formatException(record.exc_info)] if record.exc_info else []
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return self.redactor.redact("\n".join(parts))


# `message` and `asctime` come from other formatters; `color_message` is uvicorn's own copy.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


def _describe(value: object) -> object:
    try:
        return str(value)
    except Exception as error:
        # A field of any class: its __str__ may raise anything, and a log call must not.
        return f"<{type(value).__name__}: {type(error).__name__}>"


class JsonFormatter(_RedactingFormatter):
    """One JSON object per line: time, level, logger, connection, event, fields, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one event."""
        event: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if (connection := _connection.get()) is not None:
            event["connection"] = self.redactor.redact(connection)
        event["event"] = self.message(record)
        for name, value in self.fields(record).items():
            event[f"{name}_" if name in event else name] = value
        if trace := self.trace(record):
            event["exception"] = trace
        return msgspec.json.encode(event).decode()


class TextFormatter(_RedactingFormatter):
    """Text for people: time, level, connection, message, fields; traces below, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one event."""
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        where = self.redactor.redact(_connection.get() or record.name)
        fields = "".join(f" {name}={value}" for name, value in self.fields(record).items())
        line = f"{time} {record.levelname:<7} {where}: {self.message(record)}{fields}"
        return "\n    ".join([_printable(line), *map(_printable, self.trace(record).splitlines())])


def _printable(line: str) -> str:
    # Records hold what anybody typed into a CRM: no line breaks or terminal commands from there.
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in line
    )


class JournalFormatter(JsonFormatter):
    """JSON lines with the priority prefix that journald takes off again; see sd-daemon(3)."""

    PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4))

    def format(self, record: logging.LogRecord) -> str:
        """Format one event."""
        default = 6 if record.levelno >= logging.INFO else 7
        priority = next((p for level, p in self.PRIORITIES if record.levelno >= level), default)
        return f"<{priority}>{super().format(record)}"


class _Handler(logging.StreamHandler[TextIO]):
    """A handler whose own failures do not print the record, arguments and all."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the library's name)
        kind = type(sys.exception()).__name__
        if sys.__stderr__ is not None:
            sys.__stderr__.write(f"log line of {record.name} lost: {kind}\n")


def configure(
    redactor: Redactor, *, level: str = "info", form: str = "auto", stream: TextIO | None = None
) -> None:
    """Set up logging for the process; call once, first thing.

    Args:
        redactor: asked about every line; secrets may be added to it later.
        level: `debug`, `info`, `warning` or `error`. Libraries that write a line per request
            stay at `warning` unless it is `debug`.
        form: `json`, `text`, or `auto`: text on a terminal, else JSON.
        stream: where lines go; standard error by default.
    """
    stream = stream or sys.stderr
    handler = _Handler(stream)
    handler.setFormatter(_formatter(form, stream)(redactor))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    sys.unraisablehook = _log_unraisable


def _formatter(form: str, stream: TextIO) -> type[JsonFormatter] | type[TextFormatter]:
    if form == "text" or (form == "auto" and stream.isatty()):
        return TextFormatter
    return JournalFormatter if _is_journal(stream) else JsonFormatter


def _is_journal(stream: TextIO) -> bool:
    """Tell whether the stream is the one that systemd connected to the journal."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    # Any is the hook's own type for a traceback in typeshed's alias.
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("daemon").critical("uncaught exception", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _log_unraisable(args: Any) -> None:
    # Any: sys.UnraisableHookArgs exists for type checkers only.
    error = args.exc_value
    logging.getLogger("daemon").error(
        "exception ignored in %r", args.object, exc_info=error if error is not None else True
    )
