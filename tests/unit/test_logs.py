"""Log lines: shape, escaping, and the search for planted secrets in real output."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from msgspec import Struct

from daemon.logs import JsonFormatter, Redactor, TextFormatter, _Handler, in_connection

SECRET = "s3cr3t/with+odd \"chars' é"
TOKEN = "AbCdEfGhIjKlMnOp0123"


def make_record(
    message: str, *args: object, exc_info: BaseException | None = None, **extra: object
) -> logging.LogRecord:
    info = (type(exc_info), exc_info, exc_info.__traceback__) if exc_info else None
    record = logging.LogRecord("daemon.test", logging.INFO, "f.py", 1, message, args, info)
    vars(record).update(extra)
    return record


def as_json(record: logging.LogRecord, redactor: Redactor | None = None) -> dict[str, object]:
    line = JsonFormatter(redactor or Redactor()).format(record)
    assert "\n" not in line
    event = json.loads(line)
    assert isinstance(event, dict)
    return event


class Page(Struct):
    after: str
    size: int


def test_an_event_is_one_line_of_json_with_time_level_connection_and_fields() -> None:
    with in_connection("sales"):
        event = as_json(make_record("polled %d\nrecords", 3, side="erp", page=Page("x", 7)))
    assert datetime.fromisoformat(str(event.pop("time"))).tzinfo == UTC
    assert event == {
        "level": "info",
        "logger": "daemon.test",
        "connection": "sales",
        "event": "polled 3\nrecords",
        "side": "erp",
        "page": {"after": "x", "size": 7},
    }


def test_outside_a_connection_there_is_no_such_key() -> None:
    with in_connection("sales"):
        pass
    assert "connection" not in as_json(make_record("x"))


def test_an_extra_field_never_replaces_the_event() -> None:
    event = as_json(make_record("hello", event="x", level="y"))
    assert (event["event"], event["event_"], event["level_"]) == ("hello", "x", "y")


def test_an_exception_comes_with_its_cause_in_the_same_line() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as error:
        event = as_json(make_record("failed", exc_info=error))
    assert "KeyError: 'inner'" in str(event["exception"])
    assert "ValueError: outer" in str(event["exception"])


def test_a_broken_log_call_still_gives_its_words_and_not_its_arguments() -> None:
    event = as_json(make_record("read %d records", TOKEN))
    assert str(event["event"]).startswith("read %d records (broken log call")
    assert TOKEN not in str(event)


class Grumpy:
    def __str__(self) -> str:
        raise RuntimeError(TOKEN)


def test_a_field_that_cannot_be_written_does_not_lose_the_event() -> None:
    assert as_json(make_record("x", thing=Grumpy()))["thing"] == "<Grumpy: RuntimeError>"


def test_text_cannot_be_forged_by_what_a_record_holds() -> None:
    line = TextFormatter(Redactor()).format(make_record("deal %s", "a\n12:00:00 ERROR x\x1b[2J"))
    assert "\n" not in line
    assert "\x1b" not in line


def test_text_names_the_connection_and_indents_the_trace() -> None:
    with in_connection("sales"):
        line = TextFormatter(Redactor()).format(make_record("x", exc_info=KeyError("k"), n=1))
    assert line.split(" ", 1)[1] == "INFO    sales: x n=1\n    KeyError: 'k'"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {TOKEN}",
        f"Authorization: Bearer abc{TOKEN[:1]}",
        f"(b'authorization', b'Basic {TOKEN}==')",
        f"{{'Authorization': 'Session {TOKEN}'}}",
        f"sent bearer {TOKEN} to app",
        f'{{"access_token": "{TOKEN}", "n": 1}}',
        f"{{'refresh_token': '{TOKEN} two words'}}",
        f"grant_type=x&client_secret={TOKEN}&n=1",
        f"password={TOKEN}",
        f"password: '{TOKEN} x'",
        f"X-Api-Key: {TOKEN}",
        f"hapikey={TOKEN}",
        f"set-cookie: session={TOKEN}; Path=/",
        f"https://sync:{TOKEN}@erp.example.org/",
        "pat-na1-AbCdEfGhIjKlMnOp0123-1234",
    ],
)
def test_what_looks_like_a_secret_is_removed_without_being_registered(text: str) -> None:
    redacted = Redactor().redact(text)
    assert "[redacted]" in redacted
    assert TOKEN not in redacted
    assert "abcA" not in redacted
    assert "two words" not in redacted


@pytest.mark.parametrize(
    "text",
    [
        "Basic authentication failed",
        "session expired after 30 s",
        "the token of hubspot was refused",
        "deal 4711: https://erp.example.org:8000/path",
        "sales: 5 polled, 3 written",
    ],
)
def test_plain_words_stay(text: str) -> None:
    assert Redactor().redact(text) == text


def test_a_registered_secret_goes_in_every_encoding() -> None:
    redactor = Redactor()
    redactor.add(SECRET)
    for text in (
        SECRET,
        f"x={SECRET}y",
        json.dumps({"v": SECRET}, ensure_ascii=False),
        repr({"v": SECRET}),
        repr(SECRET.encode()),
        "v=s3cr3t%2Fwith%2Bodd%20%22chars%27%20%C3%A9",
    ):
        assert "s3cr3t" not in redactor.redact(text), text


def test_a_short_secret_goes_where_it_stands_alone() -> None:
    redactor = Redactor()
    redactor.add("crm")
    assert redactor.redact("user crm, crmdb") == "user [redacted], crmdb"


def test_an_empty_secret_removes_nothing() -> None:
    redactor = Redactor()
    redactor.add("")
    redactor.add(" ")
    assert redactor.redact("a b") == "a b"


def test_fields_are_searched_to_the_bottom_and_secret_names_hide_whatever_they_hold() -> None:
    redactor = Redactor()
    redactor.add(SECRET)
    event = as_json(
        make_record(
            "x",
            deep={"list": [{"a": f"_{SECRET}_"}], "password": 12345, "api-token": ["q"]},
            raw=SECRET.encode(),
        ),
        redactor,
    )
    assert event["deep"] == {
        "list": [{"a": "_[redacted]_"}],
        "password": "[redacted]",
        "api-token": "[redacted]",
    }
    assert event["raw"] == "b'[redacted]'"


def test_a_lost_line_is_reported_without_its_contents(capsys: pytest.CaptureFixture[str]) -> None:
    closed = io.StringIO()
    closed.close()
    handler = _Handler(closed)
    handler.setFormatter(JsonFormatter(Redactor()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "__stderr__", sys.stderr)
        handler.handle(make_record(TOKEN))
    assert "log line of daemon.test lost: ValueError" in capsys.readouterr().err


PLANTING = """
import logging, sys, threading, warnings
from daemon.logs import Redactor, configure, in_connection

secret = sys.argv[1]
redactor = Redactor()
configure(redactor, level="debug", form=sys.argv[2])
redactor.add(secret)
log = logging.getLogger("some.library")
log.info("literal " + secret)
log.info("argument %s and %r", secret, {"k": secret})
log.info("bytes %r", secret.encode())
log.info("count %d", secret)
log.info("field", extra={"note": secret, "nested": [{"x": secret}], "bytes": secret.encode()})
log.info("stack", stack_info=True, extra={"token": secret})
try:
    try:
        raise ValueError(secret)
    except ValueError as cause:
        raise ExceptionGroup("group " + secret, [RuntimeError(secret)]) from cause
except ExceptionGroup:
    log.exception("failed")
warnings.warn(secret)
class Leaky:
    def __del__(self):
        raise OSError(secret)
Leaky()
thread = threading.Thread(target=lambda: (_ for _ in ()).throw(LookupError(secret)))
thread.start()
thread.join()
with in_connection(secret):
    log.info("context")
raise SystemError(secret)
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_planted_secrets_are_in_no_output_of_a_process(form: str) -> None:
    secret = "Tr0ub4dor&3-Zebra"
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", PLANTING, secret, form],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    output = done.stdout + done.stderr
    assert "Zebra" not in output
    # All ways in were taken, so the absence above means something.
    for kind in ("ExceptionGroup", "OSError", "LookupError", "SystemError", "UserWarning"):
        assert kind in output
    assert done.stderr.count("[redacted]") >= 15
    if form == "json":
        assert all("event" in json.loads(line) for line in done.stderr.splitlines())


def test_under_the_journal_each_line_carries_its_priority() -> None:
    script = (
        "import logging, os, sys\n"
        "from daemon.logs import Redactor, configure\n"
        "s = os.fstat(2)\n"
        "os.environ['JOURNAL_STREAM'] = f'{s.st_dev}:{s.st_ino}'\n"
        "configure(Redactor(), level='debug')\n"
        "for level in (10, 20, 30, 40, 50): logging.log(level, 'x')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    lines = done.stderr.splitlines()
    assert [line[:3] for line in lines] == ["<7>", "<6>", "<4>", "<3>", "<2>"]
    assert all(json.loads(line[3:])["event"] == "x" for line in lines)
