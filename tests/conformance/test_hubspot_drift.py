"""HubSpot without a property: what the connector makes of answers that leave one out (F18)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from actors.errors import MappingError, SchemaDriftError, ScopeError
from actors.intents import Intent, IntentKind
from actors.records import Side
from actors.schema import Closing, Pipeline, Stage
from daemon.connectors.hubspot import HubSpotConnector
from daemon.connectors.hubspot.kinds import DEALS
from daemon.connectors.hubspot.vouching import check_shown
from daemon.connectors.hubspot.wire import Record
from tests.support.hubspot import Sandbox, connect, run_sandbox

pytestmark = pytest.mark.anyio

FIELDS = ("dealname", "tier")
TIER = {"name": "tier", "label": "Tier", "groupName": "dealinformation", "type": "string"}
STAGES = (
    Stage(id="", label="Asked"),
    Stage(id="", label="Done", closing=Closing.WON),
    Stage(id="", label="Never", closing=Closing.LOST),
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with run_sandbox(deals=0) as running:
        running.reset()
        running.api("POST", "/crm/v3/properties/deals", json={**TIER, "fieldType": "text"})
        yield running


@pytest.fixture
async def hubspot(sandbox: Sandbox) -> AsyncIterator[HubSpotConnector]:
    connector = connect(sandbox)
    yield connector
    await connector.aclose()


def archive_tier(sandbox: Sandbox) -> None:
    sandbox.api("DELETE", "/crm/v3/properties/deals/tier")


async def test_an_empty_property_is_empty_and_one_that_is_gone_is_not(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    (deal,) = sandbox.make({"dealname": "A", "pipeline": "default", "dealstage": "closedwon"})
    fetched = await hubspot.fetch("deals", [deal], FIELDS)
    assert fetched.records[0].values == {"dealname": "A", "tier": None}
    archive_tier(sandbox)
    sandbox.edit([deal], {"dealname": "B"})
    with pytest.raises(SchemaDriftError, match='the deal property "tier" is gone'):
        await hubspot.fetch("deals", [deal], FIELDS)
    with pytest.raises(SchemaDriftError, match='"tier" is gone'):
        await hubspot.list_page("deals", FIELDS, None)
    assert (await hubspot.fetch("deals", [deal], ["dealname"])).records[0].values == {
        "dealname": "B"
    }
    sandbox.control("/admin/restore-property", name="tier")
    assert (await hubspot.fetch("deals", [deal], FIELDS)).records[0].values["tier"] is None


async def test_a_write_of_a_property_that_is_gone_is_a_drift_and_writes_nothing(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    (deal,) = sandbox.make({"dealname": "A", "pipeline": "default", "dealstage": "closedwon"})
    archive_tier(sandbox)
    order = Intent(
        id=1,
        sync="c/deals",
        link=1,
        side=Side.LEFT,
        kind=IntentKind.UPDATE,
        units=(),
        values={"tier": "gold", "dealname": "B"},
        record_id=deal,
        decided_us=0,
    )
    with pytest.raises(SchemaDriftError, match='"tier" is gone'):
        await hubspot.write("deals", [order], ["dealname"])
    assert (await hubspot.fetch("deals", [deal], ["dealname"])).records[0].values == {
        "dealname": "A"
    }


async def test_a_property_that_exists_and_is_not_shown_is_asked_for_once(
    sandbox: Sandbox, hubspot: HubSpotConnector
) -> None:
    """The token may lack the right to sensitive values: they are left out as well."""
    session = hubspot._session
    shown = [Record(id="1", updated_at="", properties={"dealname": "A"})]
    sandbox.forget_calls()
    for _ in range(3):
        await check_shown(session, DEALS, FIELDS, shown)
    await check_shown(session, DEALS, FIELDS, [])
    assert len(sandbox.calls()) == 1
    assert session.vouched == {("deals", "tier")}


async def test_a_pipeline_is_made_with_its_stages_and_their_meaning(
    hubspot: HubSpotConnector,
) -> None:
    made = await hubspot.make_pipeline("deals", Pipeline(id="", label="Rentals", stages=STAGES))
    assert [(one.label, one.closing, one.probability) for one in made.stages] == [
        ("Asked", Closing.OPEN, 0.5),
        ("Done", Closing.WON, 1.0),
        ("Never", Closing.LOST, 0.0),
    ]
    described = (await hubspot.describe()).object("deals")
    assert described is not None
    assert described.pipelines[-1] == made
    with pytest.raises(MappingError, match='HubSpot makes no pipeline "Rentals": Pipeline label'):
        await hubspot.make_pipeline("deals", Pipeline(id="", label="Rentals", stages=STAGES))


async def test_a_pipeline_is_not_made_without_the_scope(sandbox: Sandbox) -> None:
    sandbox.control("/tokens", token="pat-na1-reader", scopes=["oauth", "crm.objects.deals.read"])
    reader = connect(sandbox, token="pat-na1-reader")
    try:
        with pytest.raises(ScopeError, match=r"Add the scope crm\.schemas\.deals\.write"):
            await reader.make_pipeline("deals", Pipeline(id="", label="R", stages=STAGES))
    finally:
        await reader.aclose()
