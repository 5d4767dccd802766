from __future__ import annotations

import json
from collections.abc import Iterator
from typing import get_args, get_origin

import msgspec
import pytest
from msgspec import Struct

from daemon.config.durations import parse_duration, write_duration
from daemon.config.model import ConnectionSection, DaemonSection
from daemon.config.reference import make_schema, write_manual
from tests.support.configs import KINDS


def structs_below(kind: type[Struct]) -> Iterator[type[Struct]]:
    yield kind
    for field in msgspec.structs.fields(kind):
        for hint in (field.type, *get_args(field.type)):
            if get_origin(hint) is None and isinstance(hint, type) and issubclass(hint, Struct):
                yield from structs_below(hint)


def test_every_key_of_the_file_is_described() -> None:
    for root in (ConnectionSection, DaemonSection):
        for kind in structs_below(root):
            for field in msgspec.structs.fields(kind):
                assert f"\n        {field.name}: " in (kind.__doc__ or ""), (kind, field.name)


def test_the_schema_is_json_and_knows_every_connector() -> None:
    schema = json.loads(json.dumps(make_schema(KINDS.values())))
    apps = schema["properties"]["apps"]["patternProperties"]
    (options,) = (one["oneOf"] for one in apps.values())
    assert [one["properties"]["type"]["const"] for one in options] == list(KINDS)
    auth = options[1]["properties"]["auth"]["properties"]
    assert auth["password"]["pattern"].startswith(r"^\$\{(env|file|credential)")
    assert "pattern" not in auth["user"]
    assert options[0]["required"] == ["type", "auth"]


def test_the_schema_keeps_limits_and_choices() -> None:
    schema = json.loads(json.dumps(make_schema([])))
    (connection,) = schema["properties"]["connections"]["patternProperties"].values()
    keys = connection["properties"]
    assert (keys["orders"]["minimum"], keys["orders"]["maximum"]) == (1, 64)
    assert keys["deals"]["properties"]["blank"]["enum"] == ["ignore", "propagate", "ask"]
    assert keys["between"]["minItems"] == 2
    assert connection["required"] == ["between"]


def test_the_manual_lists_keys_with_defaults() -> None:
    manual = write_manual(KINDS.values())
    assert "| `poll` | `30s` | time between looks for changes. |" in manual
    assert "## connections.NAME.deals.fields[]" in manual
    assert "| `FIRST_APP` | required |" in manual
    assert "## apps.NAME (type: tryton).auth" in manual


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("1h30m", 5400), ("1.5h", 5400), ("2 d", 172_800), ("250ms", 0.25), ("0s", 0)],
)
def test_durations_are_read_and_written_back(text: str, seconds: float) -> None:
    duration = parse_duration(text)
    assert duration.total_seconds() == seconds
    assert parse_duration(write_duration(duration)) == duration


@pytest.mark.parametrize("text", ["30", "", "s", "-5s", "5 minutes", "1h-30m", "9999999999999w"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)
