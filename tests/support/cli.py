"""The command line in this process, on a folder with a configuration of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from daemon.cli.main import tieline

CONFIG = """\
apps:
  hubspot: {type: hubspot, auth: {token: "${env:HUB_TOKEN}"}}
  erp:
    type: tryton
    url: https://erp.example.org/
    database: crm
    auth: {user: sync, password: "${env:ERP_PASSWORD}"}
connections:
  sales:
    between: [hubspot, erp]
    deals:
      pipelines:
        - hubspot: Sales Pipeline
          erp: opportunities
          stages: {Closed Won: converted, Closed Lost: lost}
      fields:
        - {hubspot: dealname, erp: description}
"""


class Cli:
    """Runs `tieline` on the folder's configuration."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "tieline.yaml"
        self.file.write_text(CONFIG)
        self.store = folder / "tieline.db"

    def change(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new))

    def __call__(self, *arguments: str, **environment: str) -> Result:
        secrets = {"HUB_TOKEN": "pat-x", "ERP_PASSWORD": "secret"}
        return CliRunner().invoke(
            tieline, ["--config", str(self.file), *arguments], env={**secrets, **environment}
        )

    # Any: an answer's JSON, as a machine would read it.
    def json(self, *arguments: str) -> dict[str, Any]:
        result = self(*arguments, "--json")
        assert result.stderr == "", result.stderr
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)
