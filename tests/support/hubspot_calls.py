"""Short ways to call the HubSpot sandbox in tests: make records, expect refusals."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.hubspot_process import Sandbox, fresh

# Any: the vendor's JSON.
Json = dict[str, Any]
JSON_TYPE = "application/json;charset=utf-8"
DEALS = "/crm/v3/objects/deals"


def ok(answer: httpx.Response, status: int = 200) -> Json:
    """The body of an answer that must have exactly this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == JSON_TYPE
    assert answer.headers["x-hubspot-correlation-id"]
    body: Json = answer.json()
    return body


def refused(answer: httpx.Response, status: int, text: str) -> Json:
    """The body of a refusal in the vendor's envelope."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == JSON_TYPE
    body: Json = answer.json()
    assert body["status"] == "error"
    assert text in body["message"], body["message"]
    assert body["correlationId"] == answer.headers["x-hubspot-correlation-id"]
    return body


def empty(answer: httpx.Response) -> None:
    """Require a 204 with no body and no type."""
    assert answer.status_code == 204, answer.text
    assert answer.content == b""
    assert "content-type" not in answer.headers


def make(sandbox: Sandbox, kind: str = "deals", **properties: object) -> Json:
    """Create one record."""
    if kind == "deals":
        properties = {"dealname": fresh("Deal "), "dealstage": "qualifiedtobuy", **properties}
    body = {"properties": properties}
    return ok(sandbox.http.post(f"/crm/v3/objects/{kind}", json=body), 201)


def make_contact(sandbox: Sandbox, **properties: object) -> Json:
    """Create a contact with an e-mail of its own."""
    return make(
        sandbox, "contacts", **{"email": f"{fresh('someone')}@tieline.example"} | properties
    )


def make_unique(sandbox: Sandbox, kind: str = "deals") -> str:
    """Make a unique text property and return its name; at most ten per type."""
    group = {"deals": "dealinformation", "contacts": "contactinformation"}[kind]
    name = fresh("unique_key_")
    body = {"name": name, "label": name, "type": "string", "fieldType": "text"}
    body |= {"groupName": group, "hasUniqueValue": True}  # type: ignore[dict-item]  # JSON
    ok(sandbox.http.post(f"/crm/v3/properties/{kind}", json=body), 201)
    return name


def read(sandbox: Sandbox, record_id: str, kind: str = "deals", **query: object) -> Json:
    """Read one record."""
    return ok(sandbox.http.get(f"/crm/v3/objects/{kind}/{record_id}", params=query))  # type: ignore[arg-type]  # httpx's own union
