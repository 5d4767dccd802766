from __future__ import annotations

import pytest

from tests.support.hubspot_calls import DEALS, empty, make, ok, refused
from tests.support.hubspot_process import Sandbox, fresh

WINDOW = {
    "x-hubspot-ratelimit-interval-milliseconds",
    "x-hubspot-ratelimit-max",
    "x-hubspot-ratelimit-remaining",
    "x-hubspot-ratelimit-secondly",
    "x-hubspot-ratelimit-secondly-remaining",
}
DAILY = {"x-hubspot-ratelimit-daily", "x-hubspot-ratelimit-daily-remaining"}
NO_CREDENTIALS = "Authentication credentials not found. This API supports OAuth 2.0"


def rate_headers(headers: object) -> set[str]:
    return {name for name in headers if name.startswith("x-hubspot-ratelimit")}  # type: ignore[attr-defined]  # any mapping


def test_the_window_is_counted_per_token_and_told_in_headers(sandbox: Sandbox) -> None:
    with sandbox.limits(window=3), sandbox.client() as client:
        left = []
        for _ in range(3):
            answer = client.get(DEALS)
            assert rate_headers(answer.headers) == WINDOW | DAILY
            left.append(answer.headers["x-hubspot-ratelimit-remaining"])
        assert left == ["2", "1", "0"]
        answer = client.get(DEALS)
        body = refused(answer, 429, "You have reached your ten_secondly_rolling limit.")
        assert body["policyName"] == "TEN_SECONDLY_ROLLING"
        assert body["errorType"] == "RATE_LIMIT"
        assert body["groupName"] == "publicapi:private-apps-api-calls-ten-secondly:62515"
        assert "retry-after" not in answer.headers
        other = sandbox.grant("crm.objects.deals.read")
        with sandbox.client(other) as another:
            ok(another.get(DEALS))
        sandbox.control("/switches", retry_after_on_429=True)
        assert client.get(DEALS).headers["retry-after"] == "10"
        sandbox.control("/switches", retry_after_on_429=False)


def test_search_has_a_limit_of_its_own_and_no_window_headers(sandbox: Sandbox) -> None:
    with sandbox.limits(searchPerSecond=5, window=100):
        answers = [sandbox.http.post(f"{DEALS}/search", json={}) for _ in range(8)]
        refusals = [one for one in answers if one.status_code == 429]
        assert [one.status_code for one in answers[:5]] == [200] * 5
        assert refusals
        assert all(rate_headers(one.headers) == DAILY for one in answers)
        assert refused(refusals[0], 429, "You have reached your secondly limit.")["policyName"] == (
            "SECONDLY"
        )
        ok(sandbox.http.get(DEALS))
    with sandbox.limits(searchPerSecond=1):
        sandbox.control("/switches", search_429_newer=False)
        ok(sandbox.http.post(f"{DEALS}/search", json={}))
        body = refused(sandbox.http.post(f"{DEALS}/search", json={}), 429, "secondly limit.")
        sandbox.control("/switches", search_429_newer=True)
        assert body["category"] == "RATE_LIMITS"
        assert "policyName" not in body


def test_the_day_is_shared_by_all_tokens_and_ends_at_midnight(sandbox: Sandbox) -> None:
    with sandbox.limits(daily=1_000), sandbox.client(sandbox.grant("oauth")) as other:
        sandbox.control("/limits", usedToday=999)
        details = other.get("/account-info/2026-03/details")
        assert details.headers["x-hubspot-ratelimit-daily-remaining"] == "0"
        body = refused(sandbox.http.get(DEALS), 429, "You have reached your daily limit.")
        assert (body["policyName"], body["errorType"]) == ("DAILY", "RATE_LIMIT")
        assert body["requestId"]
        sandbox.control("/clock", advanceMs=86_400_000)
        ok(sandbox.http.get(DEALS))
        sandbox.control("/clock", advanceMs=-86_400_000)


def test_association_calls_have_a_pool_of_their_own(sandbox: Sandbox) -> None:
    made = make(sandbox)["id"]
    path = f"/crm/v4/objects/deals/{made}/associations/contacts"
    with sandbox.limits(associations=2, window=100):
        answer = sandbox.http.get(path)
        assert rate_headers(answer.headers) == DAILY
        ok(sandbox.http.get(path))
        refused(sandbox.http.get(path), 429, "ten_secondly_rolling")
        ok(sandbox.http.get(DEALS))


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic abc", "wrong"])
def test_no_or_an_unknown_token_is_a_401(sandbox: Sandbox, header: str) -> None:
    body = refused(sandbox.http.get(DEALS, headers={"Authorization": header}), 401, NO_CREDENTIALS)
    assert body["category"] == "INVALID_AUTHENTICATION"


def test_an_expired_token_is_another_401(sandbox: Sandbox) -> None:
    token = fresh("expiring-")
    sandbox.control("/tokens", token=token, kind="oauth", expiresIn=1_800)
    with sandbox.client(token) as client:
        answer = client.get(DEALS)
        ok(answer)
        # The daily pair is for private apps only.
        assert not rate_headers(answer.headers) & DAILY
        sandbox.control("/clock", advanceMs=1_812_000)
        body = refused(client.get(DEALS), 401, "The OAuth token used to make this call expired")
        sandbox.control("/clock", advanceMs=-1_812_000)
        assert body["category"] == "EXPIRED_AUTHENTICATION"
        assert list(body["context"]) == ["expire time"]
        assert "second(s) ago." in body["message"]
        sandbox.control("/tokens", token=token, revoked=True)
        refused(client.get(DEALS), 401, NO_CREDENTIALS)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/crm/v3/objects/deals", "crm.objects.deals.read"),
        ("POST", "/crm/v3/objects/0-3/search", "crm.objects.deals.read"),
        ("POST", "/crm/v3/objects/deals/batch/read", "crm.objects.deals.read"),
        ("POST", "/crm/v3/objects/deals", "crm.objects.deals.write"),
        ("DELETE", "/crm/v3/objects/contacts/1", "crm.objects.contacts.write"),
        ("POST", "/crm/v3/objects/deals/merge", "crm.objects.deals.write"),
        ("GET", "/crm/v3/objects/tickets", "tickets"),
        ("GET", "/crm/v3/properties/deals", "crm.schemas.deals.read"),
        ("POST", "/crm/v3/properties/deals", "crm.schemas.deals.write"),
        ("GET", "/crm/v3/pipelines/deals", "crm.schemas.deals.read"),
        ("GET", "/crm/v3/owners", "crm.objects.owners.read"),
        ("GET", "/crm/v4/objects/deals/1/associations/contacts", "crm.objects.deals.read"),
    ],
)
def test_a_missing_scope_is_a_403_that_names_it(
    sandbox: Sandbox, method: str, path: str, scope: str
) -> None:
    with sandbox.client(sandbox.grant("oauth")) as client:
        ok(client.get("/account-info/v3/details"))
        body = refused(client.request(method, path), 403, "hasn't been granted all required scopes")
        assert body["category"] == "MISSING_SCOPES"
        assert body["links"] == {"scopes": "https://developers.hubspot.com/scopes"}
        error = body["errors"][0]
        assert error["message"] == "One or more of the following scopes are required."
        assert scope in error["context"]["requiredGranularScopes"]
    with sandbox.client(sandbox.grant(scope, "crm.objects.contacts.read")) as client:
        assert client.request(method, path).status_code not in (401, 403)


def test_associations_need_scopes_on_both_sides(sandbox: Sandbox) -> None:
    made = make(sandbox)["id"]
    path = f"/crm/v4/objects/deals/{made}/associations/contacts"
    with sandbox.client(sandbox.grant("crm.objects.deals.read")) as client:
        body = refused(client.get(path), 403, "scopes")
        assert body["errors"][0]["context"]["requiredGranularScopes"] == [
            "crm.objects.contacts.read"
        ]
    with sandbox.client(
        sandbox.grant("crm.objects.deals.read", "crm.objects.contacts.read")
    ) as client:
        assert ok(client.get(path)) == {"results": []}


def test_writes_are_told_by_the_app_of_their_token(sandbox: Sandbox) -> None:
    token = fresh("other-app-")
    sandbox.control("/tokens", token=token, appId=99, appLabel="Other app")
    made = make(sandbox, amount="1")["id"]
    with sandbox.client(token) as client:
        ok(client.patch(f"{DEALS}/{made}", json={"properties": {"amount": "2"}}))
    query = "propertiesWithHistory=amount"
    history = ok(sandbox.http.get(f"{DEALS}/{made}?{query}"))["propertiesWithHistory"]["amount"]
    assert (history[0]["sourceId"], history[0]["sourceLabel"]) == ("99", "Other app")
    empty(sandbox.http.delete(f"{DEALS}/{made}"))
