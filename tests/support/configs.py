"""A folder to write configurations into, and connectors whose options are known here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import Struct

from actors.ports import Capabilities
from daemon.config.build import Finder
from daemon.config.load import load_config
from daemon.config.problems import ConfigError
from daemon.config.secrets import Secret
from daemon.config.settings import Config
from daemon.connectors.registry import ConnectorType, UnknownConnectorError


class HubAuth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    token: Secret


class HubOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    auth: HubAuth
    url: str = "https://hub.example/"
    rate: int = 10
    timeout: timedelta = timedelta(seconds=30)


class ErpAuth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    user: str
    password: str


class ErpOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    auth: ErpAuth
    url: str
    verify: bool = True


def capable(*objects: str) -> Capabilities:
    return Capabilities(
        objects=objects,
        lock=False,
        history=False,
        unique_key=True,
        read_batch=100,
        create_batch=100,
        update_batch=100,
        worst_delay=timedelta(seconds=10),
        deletes="seen at once",
    )


def never_open(options: object, environment: object) -> object:
    raise AssertionError("reading a configuration opens no app")


COMMON = {
    "hubspot": {"deals": {"name": ("dealname",), "close": ("closedate",)}},
    "tryton": {"deals": {"name": ("description",), "close": ("end_date",)}},
}

KINDS = {
    name: ConnectorType(
        name=name,
        title=title,
        options=options,
        capabilities=capable(*objects),
        open=never_open,  # type: ignore[arg-type]  # nothing is opened here
        common=COMMON.get(name, {}),
    )
    for name, title, options, objects in (
        ("hubspot", "HubSpot", HubOptions, ("deals", "contacts")),
        ("tryton", "Tryton", ErpOptions, ("deals", "contacts")),
        ("addressbook", "Address book", ErpOptions, ("contacts",)),
    )
}


def find(name: str) -> ConnectorType[Struct]:
    if name not in KINDS:
        raise UnknownConnectorError(name)
    return KINDS[name]


FINDER = Finder(tuple(KINDS), find)

GOOD = """\
apps:
  hubspot: {type: hubspot, auth: {token: "${env:HUB_TOKEN}"}}
  erp:
    type: tryton
    url: https://erp.example.org/
    auth: {user: sync, password: "${env:ERP_PASSWORD}"}
connections:
  sales:
    between: [hubspot, erp]
    deals:
      pipelines:
        - hubspot: Sales Pipeline
          erp: opportunities
          stages:
            Appointment Scheduled: lead
            Closed Won: converted
      fields:
        - {hubspot: dealname, erp: description}
        - {hubspot: amount, erp: amount}
"""

SECRETS = {"HUB_TOKEN": "hub-token", "ERP_PASSWORD": "erp-password"}

Load = Callable[..., Config]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def write_and_load(
        text: str | bytes = GOOD, environment: Mapping[str, str] = SECRETS, **mappings: str
    ) -> Config:
        file = tmp_path / "tieline.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        (tmp_path / "mappings").mkdir(exist_ok=True)
        for name, content in mappings.items():
            (tmp_path / "mappings" / f"{name}.yaml").write_text(content)
        return load_config(file, environment=environment, finder=FINDER)

    return write_and_load


Refused = Callable[..., list[str]]


@pytest.fixture
def refused(load: Load, tmp_path: Path) -> Refused:
    """Load what must be refused; returns the problems without the folder."""

    def load_refused(*args: object, **mappings: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(*args, **mappings)
        return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return load_refused
