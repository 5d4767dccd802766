"""The HubSpot connector against the kit that every connector must pass, on a real sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

import pytest

from actors.records import Departure
from actors.values import Raw
from daemon.connectors.conformance import ConnectorKit
from daemon.connectors.hubspot import HubSpotConnector
from tests.support.hubspot import Sandbox, connect, run_sandbox

CUSTOM_PROPERTIES = [
    {"name": "kit_date", "type": "date", "fieldType": "date"},
    {"name": "kit_flag", "type": "enumeration", "fieldType": "booleancheckbox"},
    {"name": "kit_bool", "type": "bool", "fieldType": "booleancheckbox"},
    {"name": "kit_tags", "type": "enumeration", "fieldType": "checkbox"},
    {"name": "kit_phone", "type": "string", "fieldType": "phonenumber"},
    {"name": "kit_notes", "type": "string", "fieldType": "textarea"},
]
BOOLEANS = [
    {"label": "Yes", "value": "true", "displayOrder": 0, "hidden": False},
    {"label": "No", "value": "false", "displayOrder": 1, "hidden": False},
]
TAGS = [
    {"label": tag.title(), "value": tag, "displayOrder": place, "hidden": False}
    for place, tag in enumerate(("red", "green", "blue"))
]


class HubSpotBench:
    """The sandbox as the kit needs it."""

    object_name = "deals"
    text_field = "dealname"
    refused: Mapping[str, Raw] = {"amount": "a lot"}
    departure = Departure.ARCHIVED
    page = 250

    def __init__(self, sandbox: Sandbox, connector: HubSpotConnector) -> None:
        self.sandbox = sandbox
        self.connector = connector
        owners = sandbox.api("GET", "/crm/v3/owners")["results"]
        self.samples: dict[str, Sequence[Raw]] = {
            "dealname": ["Grüße an 北京 🙂", "  outer blanks ", "line\nbreak", "Æ" * 500],
            "amount": ["1500.00", "0.1", "-3", "12345678901234.56", None],
            "closedate": ["2026-03-31T00:00:00Z", "1999-12-31T23:59:59.999Z", None],
            "dealstage": ["qualifiedtobuy", "closedwon", "139923"],
            "dealtype": ["newbusiness", "existingbusiness", None],
            "deal_currency_code": ["EUR", "USD"],
            "hubspot_owner_id": [owners[0]["id"], owners[1]["id"], None],
            "kit_date": ["2026-02-28", "1970-01-01", None],
            "kit_flag": ["true", "false", None],
            "kit_bool": ["true", "false", None],
            "kit_tags": ["red;blue", "green", None],
            "kit_phone": ["+49 89 1234", None],
            "kit_notes": ["first\nsecond", None],
        }
        self.fields = [*self.samples, "pipeline"]

    def values(self, text: str) -> dict[str, Raw]:
        return {
            "dealname": text,
            "pipeline": "default",
            "dealstage": "appointmentscheduled",
            "amount": "10.50",
            "dealtype": None,
        }

    async def make(self, texts: Sequence[str]) -> list[str]:
        return self.sandbox.make(*[self.values(text) | {"dealtype": ""} for text in texts])

    async def edit(self, ids: Sequence[str], values: Mapping[str, Raw]) -> None:
        self.sandbox.edit(ids, values)

    async def delete(self, record_id: str) -> None:
        self.sandbox.archive(record_id)

    async def lose_next_answer(self) -> None:
        self.sandbox.fault("cut", "batch/(create|update)", when="after")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with run_sandbox() as running:
        for shape in CUSTOM_PROPERTIES:
            options = {"kit_tags": TAGS}.get(shape["name"], BOOLEANS)
            enumerated = shape["fieldType"] in ("checkbox", "booleancheckbox")
            body = {**shape, "label": shape["name"], "groupName": "dealinformation"}
            body["options"] = options if enumerated else []  # type: ignore[assignment]
            running.api("POST", "/crm/v3/properties/deals", json=body)
        yield running


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["2026-03", "2026-09", "v3"])
def api_version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def bench(sandbox: Sandbox, api_version: str) -> AsyncIterator[HubSpotBench]:
    sandbox.reset()
    connector = connect(sandbox, api_version=api_version)
    await connector.prepare("deals")
    yield HubSpotBench(sandbox, connector)
    await connector.aclose()


@pytest.mark.anyio
class TestHubSpot(ConnectorKit):
    """Every promise of the port, in each API version."""
