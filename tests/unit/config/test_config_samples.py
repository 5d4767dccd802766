"""The sample configurations are right, with the connectors that are really installed."""

from __future__ import annotations

from pathlib import Path

from actors.spec import Direction, Prefer
from daemon.config.load import load_config
from daemon.config.model import ConnectionSection, DaemonSection
from daemon.config.reference import make_schema
from tests.support.configs import SECRETS

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "deploy" / "tieline.example.yaml"


def test_a_configuration_may_be_split_by_connection() -> None:
    config = load_config(ROOT / "tests/data/split/tieline.yaml", environment=SECRETS)
    assert [file.name for file in config.files] == ["tieline.yaml", "branch.yml", "sales.yaml"]
    sales, branch = config.connections["sales"], config.connections["branch"]
    assert sales.pace.poll.total_seconds() == 10
    assert sales.syncs[0].pipelines[0].stages[1:3] == (
        ("Closed Won", "converted"),
        ("Closed Won", "won"),
    )
    (spec,) = branch.syncs
    assert (spec.direction, spec.rules.prefer) == (Direction.TO_RIGHT, Prefer.LEFT)
    assert spec.pipelines[0].stages[1] == ("Closed Won", "converted")


def test_the_example_is_right_and_shows_every_key(tmp_path: Path) -> None:
    for name in ("hubspot-token", "erp-password"):
        (tmp_path / name).write_text("x")
    config = load_config(EXAMPLE, environment={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert [spec.name for spec in config.specs()] == ["sales/deals"]
    text = EXAMPLE.read_text()
    for section in (ConnectionSection, DaemonSection):
        for key in keys_of(make_schema([]), section.__name__):
            assert f"{key}:" in text, key


def keys_of(schema: dict[str, object], section: str) -> set[str]:
    top = schema["properties"]
    assert isinstance(top, dict)
    part = top["daemon" if section == "DaemonSection" else "connections"]
    return set(properties_in(part))


def properties_in(schema: object) -> list[str]:
    if isinstance(schema, list):
        return [key for one in schema for key in properties_in(one)]
    if not isinstance(schema, dict):
        return []
    own = schema.get("properties", {})
    names = list(own) if isinstance(own, dict) else []
    return names + [key for one in schema.values() for key in properties_in(one)]
