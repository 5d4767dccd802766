from __future__ import annotations

import json

from click.testing import CliRunner

from daemon.cli.exits import Exit
from daemon.cli.main import tieline


def test_the_catalogue_names_what_each_app_supports() -> None:
    result = CliRunner().invoke(tieline, ["apps", "--json"])
    apps = {one["type"]: one for one in json.loads(result.stdout)["apps"]}
    assert {"hubspot", "tryton"} <= apps.keys()
    assert apps["hubspot"]["history"] is True
    assert apps["tryton"]["lock"] is True
    assert all("deals" in one["objects"] and not one["broken"] for one in apps.values())


def test_the_catalogue_can_be_searched() -> None:
    result = CliRunner().invoke(tieline, ["apps", "TRYTON"])
    assert result.exit_code == Exit.OK
    assert "Tryton (type: tryton)" in result.stdout
    assert "type: hubspot" not in result.stdout
    result = CliRunner().invoke(tieline, ["apps", "salesforce"])
    assert result.exit_code == Exit.PROBLEM
    assert "no app has to do with 'salesforce'" in result.stderr


def test_the_schema_and_manual_cover_the_installed_apps() -> None:
    result = CliRunner().invoke(tieline, ["schema"])
    assert json.loads(result.stdout)["title"] == "tieline.yaml"
    manual = CliRunner().invoke(tieline, ["schema", "--markdown"]).stdout
    assert "## apps.NAME (type: hubspot).auth" in manual
    assert "| `database` | required | its name. |" in manual
