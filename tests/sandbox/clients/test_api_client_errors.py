"""`hubspot-api-client` 12 meeting each refusal: what a caller sees of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hubspot import HubSpot
from hubspot.crm.contacts import (
    BatchInputSimplePublicObjectBatchInputForCreate as ContactBatch,
)
from hubspot.crm.contacts import (
    SimplePublicObjectBatchInputForCreate as ContactBatchInput,
)
from hubspot.crm.contacts import SimplePublicObjectInputForCreate as ContactInput
from hubspot.crm.deals import (
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchReadInputSimplePublicObjectId,
    Filter,
    FilterGroup,
    PublicObjectSearchRequest,
    SimplePublicObjectBatchInput,
    SimplePublicObjectBatchInputForCreate,
    SimplePublicObjectId,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.pipelines import PipelineInput
from hubspot.crm.properties import PropertyCreate

from tests.support.hubspot_process import Sandbox, fresh

Json = dict[str, Any]


def refused(status: int, call: Callable[[], object]) -> Json:
    """The body of the refusal; the client's exception must carry it whole."""
    with pytest.raises(Exception) as caught:  # each API of the client has its own ApiException
        call()
    assert type(caught.value).__name__ in {
        "ApiException",
        "NotFoundException",
        "UnauthorizedException",
        "ForbiddenException",
        "ServiceException",
    }
    error: Any = caught.value
    assert error.status == status
    body: Json = json.loads(error.body)
    assert body["status"] == "error"
    assert body["correlationId"] == error.headers["X-HubSpot-Correlation-Id"]
    return body


def create(api: Any, **values: Any) -> Any:
    body = SimplePublicObjectInputForCreate(properties=values, associations=[])
    return api.crm.deals.basic_api.create(body)


def create_contact(api: Any, email: str) -> Any:
    body = ContactInput(properties={"email": email}, associations=[])
    return api.crm.contacts.basic_api.create(body)


def unique_property(api: Any) -> str:
    name = fresh("unique_")
    draft = PropertyCreate(
        name=name,
        label=name,
        type="string",
        field_type="text",
        group_name="dealinformation",
        has_unique_value=True,
    )
    api.crm.properties.core_api.create("deals", draft)
    return name


@pytest.fixture(scope="module")
def keyed(sandbox: Sandbox) -> str:
    """A unique property of deals; a type has ten of them at most."""
    return unique_property(HubSpot(access_token=sandbox.token, host=sandbox.url))


# 400


def test_every_bad_property_is_named_in_the_message_and_in_errors(api: Any) -> None:
    body = refused(400, lambda: create(api, dealname="x", nope="1", amount="1,5", hs_object_id="1"))
    assert body["category"] == "VALIDATION_ERROR"
    codes = [(one["context"]["propertyName"], one["code"]) for one in body["errors"]]
    assert codes == [
        (["nope"], "PROPERTY_DOESNT_EXIST"),
        (["amount"], "INVALID_INTEGER"),
        (["hs_object_id"], "READ_ONLY_VALUE"),
    ]
    prose, _, array = body["message"].partition("[")
    assert prose == "Property values were not valid: "
    assert [one["error"] for one in json.loads("[" + array)] == [code for _, code in codes]


def test_a_refused_update_writes_nothing(api: Any) -> None:
    deal = create(api, dealname="before")
    values = {"dealname": "after", "dealstage": "139922"}
    refused(
        400,
        lambda: api.crm.deals.basic_api.update(deal.id, SimplePublicObjectInput(properties=values)),
    )
    assert api.crm.deals.basic_api.get_by_id(deal.id).properties["dealname"] == "before"


def test_a_type_that_does_not_exist(api: Any) -> None:
    body = refused(400, lambda: api.crm.objects.basic_api.get_page("widgets"))
    assert body["message"] == "Unable to infer object type from: widgets"
    assert "category" not in body


def test_a_page_that_is_too_large(api: Any) -> None:
    refused(400, lambda: api.crm.deals.basic_api.get_page(limit=101))
    refused(400, lambda: api.crm.deals.basic_api.get_page(limit=51, properties_with_history=["a"]))


def test_a_batch_that_is_too_large(api: Any) -> None:
    def read(count: int, history: list[str]) -> Any:
        inputs = [SimplePublicObjectId(id=str(number)) for number in range(1, count + 1)]
        return api.crm.deals.batch_api.read(
            BatchReadInputSimplePublicObjectId(
                inputs=inputs, properties=[], properties_with_history=history
            )
        )

    assert refused(400, lambda: read(101, []))["category"] == "VALIDATION_ERROR"
    body = refused(400, lambda: read(51, ["dealname"]))
    assert body["message"] == (
        "The maximum number of inputs supported in a batch request for property histories is 50. "
        "Please reduce the number of items and try again"
    )


def test_the_same_id_twice_in_a_batch(api: Any) -> None:
    deal = create(api, dealname="x")
    inputs = [SimplePublicObjectBatchInput(id=deal.id, properties={"amount": "1"})] * 2
    batch = BatchInputSimplePublicObjectBatchInput(inputs=inputs)
    body = refused(400, lambda: api.crm.deals.batch_api.update(batch))
    assert body["message"] == (
        f"Duplicate IDs found in batch input: [{deal.id}]. IDs must be unique"
    )
    assert body["context"] == {"ids": [deal.id]}


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ([Filter(property_name="nope", operator="EQ", value="1")], "There was a problem"),
        ([Filter(property_name="amount", operator="BETWEEN", value="1")], "requires a highValue"),
        ([Filter(property_name="amount", operator="EQ", value="1")] * 7, ""),
    ],
)
def test_a_search_that_cannot_be_run(api: Any, filters: list[Filter], text: str) -> None:
    request = PublicObjectSearchRequest(filter_groups=[FilterGroup(filters=filters)])
    body = refused(400, lambda: api.crm.deals.search_api.do_search(request))
    assert text in body["message"]


@pytest.mark.parametrize("more", [{"limit": 201}, {"limit": 200, "after": "9900"}])
def test_a_search_too_deep_or_too_wide(api: Any, more: Json) -> None:
    request = PublicObjectSearchRequest(filter_groups=[], **more)
    refused(400, lambda: api.crm.deals.search_api.do_search(request))


def test_a_pipeline_stage_without_probability(api: Any) -> None:
    stages = [{"label": "S", "displayOrder": 0, "metadata": {}}]
    draft = PipelineInput(label=fresh("P "), display_order=1, stages=stages)
    body = refused(400, lambda: api.crm.pipelines.pipelines_api.create("deals", draft))
    assert "probability" in body["message"]


# 401, 403


def test_an_unknown_token(sandbox: Sandbox) -> None:
    stranger = HubSpot(access_token="pat-na1-nobody", host=sandbox.url)
    body = refused(401, lambda: stranger.crm.deals.basic_api.get_page())
    assert body["category"] == "INVALID_AUTHENTICATION"
    assert body["message"].startswith("Authentication credentials not found.")


def test_an_expired_token(sandbox: Sandbox) -> None:
    token = fresh("expired-")
    sandbox.control("/tokens", token=token, kind="oauth", expiresIn=-12)
    late = HubSpot(access_token=token, host=sandbox.url)
    body = refused(401, lambda: late.crm.deals.basic_api.get_page())
    assert body["category"] == "EXPIRED_AUTHENTICATION"
    assert re.fullmatch(
        r"The OAuth token used to make this call expired 1\d second\(s\) ago\.", body["message"]
    )
    assert "expire time" in body["context"]


def test_a_missing_scope_is_named(sandbox: Sandbox) -> None:
    reader = HubSpot(
        access_token=sandbox.grant("oauth", "crm.objects.deals.read"), host=sandbox.url
    )
    assert reader.crm.deals.basic_api.get_page(limit=1).results
    for call, scope in (
        (lambda: create(reader, dealname="x"), "crm.objects.deals.write"),
        (lambda: reader.crm.contacts.basic_api.get_page(), "crm.objects.contacts.read"),
        (lambda: reader.crm.owners.owners_api.get_page(), "crm.objects.owners.read"),
        (
            lambda: reader.crm.properties.core_api.archive("deals", "x"),
            "crm.schemas.deals.write",
        ),
    ):
        body = refused(403, call)
        assert body["category"] == "MISSING_SCOPES"
        assert scope in body["errors"][0]["context"]["requiredGranularScopes"]


# 404, 409


def test_what_is_not_there(api: Any) -> None:
    gone = create(api, dealname="x")
    api.crm.deals.basic_api.archive(gone.id)
    deals = api.crm.deals.basic_api
    assert refused(404, lambda: deals.get_by_id("5"))["message"] == "resource not found"
    refused(404, lambda: deals.get_by_id(gone.id))
    refused(404, lambda: deals.update(gone.id, SimplePublicObjectInput(properties={"amount": "1"})))
    body = refused(404, lambda: deals.get_by_id("abc"))
    assert body["message"] == "Object not found.  objectId are usually numeric."
    assert body["context"] == {"id": ["abc"]}
    refused(404, lambda: api.crm.properties.core_api.get_by_name("deals", "nope"))
    refused(404, lambda: api.crm.pipelines.pipelines_api.get_by_id("deals", "nope"))
    refused(404, lambda: api.crm.owners.owners_api.get_by_id(1))


def test_a_contact_that_exists(api: Any) -> None:
    email = fresh("taken.") + "@example.io"
    first = create_contact(api, email)
    body = refused(409, lambda: create_contact(api, email.upper()))
    assert body["category"] == "CONFLICT"
    assert body["message"] == f"Contact already exists. Existing ID: {first.id}"


def test_a_property_that_exists(api: Any) -> None:
    draft = PropertyCreate(
        name="amount", label="A", type="number", field_type="number", group_name="deal_revenue"
    )
    body = refused(409, lambda: api.crm.properties.core_api.create("deals", draft))
    assert body["category"] == "OBJECT_ALREADY_EXISTS"


def test_a_unique_value_that_is_taken(api: Any, keyed: str) -> None:
    holder = create(api, dealname="x", **{keyed: "K-1"})
    body = refused(400, lambda: create(api, dealname="y", **{keyed: "K-1"}))
    assert body["category"] == "VALIDATION_ERROR"
    found = re.search(r"(\d+) already has that value", body["message"])
    assert found is not None
    assert found.group(1) == holder.id
    assert f"propertyName={keyed}, value=K-1" in body["message"]
    read = api.crm.deals.basic_api.get_by_id("K-1", id_property=keyed)
    assert read.id == holder.id


def test_a_property_that_is_no_key(api: Any) -> None:
    refused(400, lambda: api.crm.deals.basic_api.get_by_id("x", id_property="dealname"))
    entry = SimplePublicObjectBatchInput(id="x", id_property="dealname", properties={"amount": "1"})
    batch = BatchInputSimplePublicObjectBatchInput(inputs=[entry])
    body = refused(400, lambda: api.crm.deals.batch_api.update(batch))
    assert body["message"] == "Unable to perform update/upsert by non-unique 0-3 property dealname"


# Batches


def test_without_trace_ids_the_first_bad_input_fails_the_whole_batch(api: Any) -> None:
    mark = fresh("whole")
    inputs = [
        SimplePublicObjectBatchInputForCreate(properties=values, associations=[])
        for values in ({"dealname": mark}, {"dealname": mark, "nope": "1"})
    ]
    batch = BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs)
    refused(400, lambda: api.crm.deals.batch_api.create(batch))
    request = PublicObjectSearchRequest(
        filter_groups=[
            FilterGroup(filters=[Filter(property_name="dealname", operator="EQ", value=mark)])
        ]
    )
    assert api.crm.deals.search_api.do_search(request).total == 0


def test_a_taken_address_in_a_batch_tells_the_holder(api: Any) -> None:
    email = fresh("batch.") + "@example.io"
    holder = create_contact(api, email)
    inputs = [
        ContactBatchInput(properties={"email": one}, associations=[], object_write_trace_id=trace)
        for trace, one in (("t-1", email), ("t-2", "new." + email))
    ]
    made = api.crm.contacts.batch_api.create(ContactBatch(inputs=inputs))
    assert [one.object_write_trace_id for one in made.results] == ["t-2"]
    (error,) = made.errors
    assert error.category == "CONFLICT"
    assert error.context == {"objectWriteTraceId": ["t-1"], "existingId": [holder.id]}


def test_a_missing_id_in_a_batch_update_is_told_by_id_and_trace(api: Any) -> None:
    deal = create(api, dealname="x")
    inputs = [
        SimplePublicObjectBatchInput(
            id=one, properties={"amount": "2"}, object_write_trace_id=f"t-{one}"
        )
        for one in (deal.id, "404")
    ]
    batch = BatchInputSimplePublicObjectBatchInput(inputs=inputs)
    changed = api.crm.deals.batch_api.update(batch)
    assert [one.id for one in changed.results] == [deal.id]
    assert changed.errors[0].category == "OBJECT_NOT_FOUND"
    assert changed.errors[0].context == {"ids": ["404"], "objectWriteTraceId": ["t-404"]}


# 429 and the edge


@pytest.mark.parametrize(
    ("error", "policy", "text"),
    [
        (
            "ten_secondly",
            "TEN_SECONDLY_ROLLING",
            "You have reached your ten_secondly_rolling limit.",
        ),
        ("daily", "DAILY", "You have reached your daily limit."),
        ("secondly", "SECONDLY", "You have reached your secondly limit."),
    ],
)
def test_each_kind_of_429(sandbox: Sandbox, api: Any, error: str, policy: str, text: str) -> None:
    with sandbox.fault(kind="status", error=error):
        body = refused(429, lambda: api.crm.deals.basic_api.get_page())
    assert (body["errorType"], body["policyName"], body["message"]) == ("RATE_LIMIT", policy, text)


def test_a_window_that_is_used_up(sandbox: Sandbox) -> None:
    # Its own token: the window belongs to the token, and other tests go on.
    token = sandbox.grant("crm.objects.deals.read")
    hasty = HubSpot(access_token=token, host=sandbox.url)
    with sandbox.limits(window=3):
        for left in (2, 1, 0):
            page = hasty.crm.deals.basic_api.get_page_with_http_info(limit=1)
            assert page[2]["X-HubSpot-RateLimit-Remaining"] == str(left)
        body = refused(429, lambda: hasty.crm.deals.basic_api.get_page())
    assert body["policyName"] == "TEN_SECONDLY_ROLLING"


def test_search_has_a_limit_of_its_own_for_the_whole_account(sandbox: Sandbox, api: Any) -> None:
    request = PublicObjectSearchRequest(filter_groups=[], limit=1)
    with sandbox.limits(searchPerSecond=1, window=100):
        answer = api.crm.deals.search_api.do_search_with_http_info(request)
        assert "X-HubSpot-RateLimit-Remaining" not in answer[2]
        other = HubSpot(access_token=sandbox.grant("crm.objects.deals.read"), host=sandbox.url)

        def search_on() -> None:
            # On a busy machine a second may pass between two calls; not between all of them.
            for _ in range(50):
                other.crm.deals.search_api.do_search(request)

        body = refused(429, search_on)
        # Lists go on.
        api.crm.deals.basic_api.get_page(limit=1)
    assert body["message"] == "You have reached your secondly limit."


def test_a_failure_after_the_record_was_made(sandbox: Sandbox, api: Any) -> None:
    name = fresh("ghost ")
    with sandbox.fault(kind="status", error="internal", when="after", method="POST"):
        body = refused(500, lambda: create(api, dealname=name))
    assert body["message"] == "internal error"
    assert name in {deal.properties["dealname"] for deal in api.crm.deals.get_all()}


def test_an_update_of_nothing(api: Any) -> None:
    deal, empty = create(api, dealname="x"), SimplePublicObjectInput(properties={})
    body = refused(400, lambda: api.crm.deals.basic_api.update(deal.id, empty))
    assert body["message"] == "No properties found to update, please provide at least one."
