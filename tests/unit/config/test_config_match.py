"""`match:` in the file: rules by name, the word none, and where a mistake stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actors.mapping.compile import compile_sync
from actors.spec import MatchSpec, Normal
from daemon.config.reference import make_schema, write_manual
from tests.support.configs import GOOD, Load, Refused
from tests.unit.config.test_config_positions import ERP, HUB

FIRST = len(GOOD.splitlines()) + 1


def with_match(text: str) -> str:
    """Return a good file with `match:` and this behind it, on line FIRST."""
    return f"{GOOD}      match: {text}\n"


def test_f26_rules_are_read_in_order(load: Load) -> None:
    rules = "[{hubspot: dealname, erp: description, as: text}, {hubspot: a, erp: b}]"
    (spec,) = load(with_match(rules)).specs()
    assert spec.match == (
        MatchSpec(left="dealname", right="description", normal=Normal.TEXT),
        MatchSpec(left="a", right="b"),
    )


@pytest.mark.parametrize(("text", "wanted"), [("none", ()), ("[]", ()), ("", None)])
def test_f26_none_turns_matching_off_and_nothing_leaves_it_to_the_object(
    load: Load, text: str, wanted: object
) -> None:
    (spec,) = load(with_match(text)).specs()
    assert spec.match == wanted


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("[{hubspot: a, erp: b, as: mail}]", "match[0].as", "'mail' is not a choice here"),
        ("[{hubspot: a}]", "match[0]", "`erp` is missing"),
        ("[{hubspot: a, erp: b, like: text}]", "match[0].like", "unknown key"),
        ("some", "match", "needs a list"),
    ],
)
def test_f26_what_is_wrong_is_told_with_its_place(
    refused: Refused, text: str, key: str, words: str
) -> None:
    problem = refused(with_match(text))[0]
    assert problem.startswith(f"tieline.yaml:{FIRST}:")
    assert f"connections.sales.deals.{key}:" in problem
    assert words in problem


def test_f26_a_field_that_is_not_there_is_found_against_the_apps(load: Load) -> None:
    config = load(with_match("[{hubspot: dealname, erp: nowhere}]"))
    (spec,) = config.specs()
    _, problems = compile_sync(spec, HUB, ERP)
    located = [config.locate(one, spec) for one in problems if one.path[0] == "match"]
    assert [one.line for one in located] == [FIRST]
    assert 'erp has no field "nowhere"' in located[0].message


def test_f26_an_app_cannot_be_named_like_a_key_of_a_rule(refused: Refused) -> None:
    text = GOOD.replace("erp", "as")
    assert any("has a meaning of its own" in one for one in refused(text))


def test_f26_the_schema_and_the_manual_know_the_rules(tmp_path: Path) -> None:
    assert '"const": "none"' in json.dumps(make_schema([]))
    assert "match[]" in write_manual([])
