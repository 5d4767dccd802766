from __future__ import annotations

import json

from click.testing import CliRunner

from daemon.cli.exits import Exit
from daemon.cli.main import tieline


def test_f14_types_tells_of_every_pair_of_kinds_how_it_maps_and_why() -> None:
    answer = json.loads(CliRunner().invoke(tieline, ["types", "--json"]).stdout)
    pairs = {(one["source"], one["target"]): one for one in answer["pairs"]}
    assert len(pairs) == len(answer["kinds"]) ** 2
    assert pairs["date", "datetime"]["fit"] == "two-way"
    assert pairs["number", "text"]["fit"] == "one-way as text"
    assert "cannot be read as a number" in pairs["number", "text"]["why"]
    assert pairs["enum", "boolean"]["needs_values"]


def test_f14_types_for_people() -> None:
    table = CliRunner().invoke(tieline, ["types"]).stdout
    assert "multi-enum" in table and "<->*" in table
    one = CliRunner().invoke(tieline, ["types", "record"]).stdout
    assert "links between records are synced as associations" in one
    wrong = CliRunner().invoke(tieline, ["types", "phon"])
    assert wrong.exit_code == Exit.USAGE
    assert "did you mean 'phone'?" in wrong.stderr
