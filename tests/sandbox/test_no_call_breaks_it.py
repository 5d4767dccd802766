"""Thousands of half-sensible calls: each must get a vendor's answer, never a crash."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.hubspot_calls import Json
from tests.support.hubspot_process import Sandbox

# Any: anything JSON can say.
JUNK: list[Any] = [
    None, "", 0, -1, 1, True, False, "x", "1", "-1", "9" * 30, 10**25, 1.5, 1e300, [], {}, [1],
    {"a": 1}, "\u0000", "é😀", "a;b", ";a", "2026-01-01", "2026-01-01T00:00:00Z", "1772438400000",
    "default", "closedwon", "NaN", "Infinity", "1e400", " ", "a@b.example",
]  # fmt: skip
TYPES = [
    *["deals"] * 4,
    *["contacts"] * 2,
    "companies",
    "tickets",
    "0-3",
    "DEAL",
    "x",
    "0-99",
    "notes",
]
NAMES = [
    "dealname", "amount", "email", "pipeline", "dealstage", "createdate", "hs_object_id", "domain",
    "closedate", "nope", "hubspot_owner_id", "lifecyclestage", "", "hs_lastmodifieddate", "name",
    "hs_is_closed", "dealtype", "hs_all_collaborator_owner_ids", "associations.contact",
]  # fmt: skip
OPERATORS = [
    "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "IN", "NOT_IN", "HAS_PROPERTY",
    "NOT_HAS_PROPERTY", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN", "LIKE",
]  # fmt: skip
QUERIES = [
    "limit",
    "after",
    "properties",
    "propertiesWithHistory",
    "associations",
    "archived",
    "idProperty",
]
AREAS = ["/crm/v3/{}", "/crm/{}/2026-03", "/crm/{}/2026-09"]


class Caller:
    """Makes up calls, by a seed."""

    def __init__(self, seed: int, ids: dict[str, list[str]]) -> None:
        self.random = random.Random(seed)
        self.ids = ids

    def one_of(self, choices: list[Any]) -> Any:
        return self.random.choice(choices)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def word(self) -> str:
        return str(self.one_of([one for one in JUNK if not isinstance(one, list | dict)]))

    def record_id(self, kind: str) -> str:
        known = self.ids.get({"0-3": "deals", "DEAL": "deals"}.get(kind, kind))
        return str(self.one_of(known)) if known and self.chance(0.7) else self.word()

    def properties(self) -> Json:
        return {self.one_of(NAMES): self.one_of(JUNK) for _ in range(self.random.randrange(4))}

    def spec(self) -> Json:
        categories = ["HUBSPOT_DEFINED", "HUBSPOT_DEFINED", "USER_DEFINED", "X"]
        type_ids = [1, 2, 3, 4, 5, 6, 13, 15, 279, 341, 342, 449, 450, 99, 0, -1]
        return {
            "associationCategory": self.one_of(categories),
            "associationTypeId": self.one_of(type_ids),
        }

    def filter(self) -> Json:
        return {
            "propertyName": self.one_of(NAMES),
            "operator": self.one_of(OPERATORS),
            "value": self.one_of(JUNK),
            "highValue": self.one_of(JUNK),
            "values": [self.one_of(JUNK) for _ in range(self.random.randrange(3))],
        }

    def search(self) -> Json:
        name = self.one_of(NAMES)
        direction = self.one_of(["ASCENDING", "DESCENDING", "UP"])
        return {
            "filterGroups": [{"filters": [self.filter()]} for _ in range(self.random.randrange(3))],
            "sorts": [
                self.one_of([name, f"-{name}", {"propertyName": name, "direction": direction}])
            ],
            "query": self.one_of([None, None, self.word()]),
            "limit": self.one_of([1, 10, 200, None]),
            "after": self.one_of([0, "0", "5", None, self.word()]),
            "properties": [self.one_of(NAMES)],
        }

    def item(self, kind: str) -> Json:
        person = {"id": self.record_id("contacts")}
        return {
            "id": self.record_id(kind),
            "idProperty": self.one_of([None, None, "email", "hs_object_id", "dealname"]),
            "properties": self.properties(),
            "objectWriteTraceId": self.one_of([None, self.word()]),
            "from": {"id": self.record_id(kind)},
            "to": self.one_of([person, [person]]),
            "types": [self.spec()],
            "type": self.one_of(["deal_to_contact", "string", 3]),
            "name": self.one_of(NAMES),
            "associations": [{"to": person, "types": [self.spec()]}] if self.chance(0.2) else [],
        }

    def batch(self, kind: str) -> Json:
        return {
            "inputs": [self.item(kind) for _ in range(self.random.randrange(4))],
            "properties": [self.one_of(NAMES)],
            "propertiesWithHistory": [self.one_of(NAMES)] if self.chance(0.3) else [],
            "idProperty": self.one_of([None, "email", "x"]),
        }

    def definition(self) -> Json:
        """A body for properties, pipelines, stages, groups and labels alike."""
        return {
            "name": self.one_of(["my_prop", "x y", "A", self.word()]),
            "label": self.word(),
            "type": self.one_of(["string", "number", "enumeration", "bool", "date", "x"]),
            "fieldType": self.one_of(["text", "select", "number", "checkbox", "date", "x"]),
            "groupName": self.one_of(["dealinformation", "contactinformation", "x"]),
            "options": [{"label": self.word(), "value": self.word(), "hidden": False}],
            "hasUniqueValue": self.chance(0.3),
            "displayOrder": self.one_of([0, 1, "x"]),
            "stages": [
                {"label": self.word(), "metadata": {"probability": self.one_of(["0.5", "x", 1])}}
            ],
            "metadata": {"probability": self.one_of(["0.5", "x", 0.3, "1.0"])},
            "inverseLabel": self.one_of([None, self.word()]),
            "associationTypeId": self.one_of([3, 1001, 1002]),
        }

    def spoilt(self, value: Any) -> Any:
        """The body with a few parts taken out or replaced."""
        if self.chance(0.1):
            return self.one_of(JUNK)
        if isinstance(value, dict):
            return {key: self.spoilt(one) for key, one in value.items() if self.chance(0.97)}
        return [self.spoilt(one) for one in value] if isinstance(value, list) else value

    def call(self) -> tuple[str, str, Json | list[Json] | None]:
        kind, other = self.one_of(TYPES), self.one_of(TYPES)
        one = quote(self.record_id(kind), safe="")
        area = self.one_of(AREAS)
        objects = f"{area.format('objects')}/{kind}"
        between = self.one_of(["/crm/v4", "/crm/v3"]) + f"/associations/{kind}/{other}"
        beside = self.one_of(["/crm/v4", "/crm/v3"]) + f"/objects/{kind}/{one}/associations/{other}"
        target = quote(self.record_id(other), safe="")
        schema = f"{area.format(self.one_of(['properties', 'pipelines']))}/{kind}"
        batch = self.one_of(["read", "create", "update", "upsert", "archive"])
        pairs = self.one_of(["read", "create", "archive", "labels/archive", "associate/default"])
        ends = {"primaryObjectId": self.record_id(kind), "objectIdToMerge": self.record_id(kind)}
        part = self.one_of(["my_prop", "amount", "139921", "default", "groups", "139921/stages"])
        created = {"properties": self.properties(), "associations": self.item(kind)["associations"]}
        found: tuple[str, str, Json | list[Json] | None] = self.one_of(
            [
                ("GET", objects, None),
                ("GET", f"{objects}/{one}", None),
                ("POST", objects, created),
                ("PATCH", f"{objects}/{one}", created),
                ("DELETE", f"{objects}/{one}", None),
                *[("POST", f"{objects}/batch/{batch}", self.batch(kind))] * 3,
                *[("POST", f"{objects}/search", self.search())] * 3,
                ("POST", f"{objects}/merge", ends),
                ("POST", f"{objects}/gdpr-delete", {"objectId": self.record_id(kind)}),
                ("POST", f"{between}/batch/{pairs}", self.batch(kind)),
                ("GET", beside, None),
                ("PUT", f"{beside}/{target}", [self.spec()]),
                ("PUT", f"{beside}/{target}/deal_to_contact", None),
                ("DELETE", f"{beside}/{target}", None),
                (self.one_of(["GET", "POST", "PUT"]), f"{between}/labels", self.definition()),
                ("DELETE", f"{between}/labels/{self.random.randrange(999, 1003)}", None),
                ("GET", schema, None),
                ("POST", schema, self.definition()),
                (self.one_of(["PATCH", "PUT", "DELETE"]), f"{schema}/{part}", self.definition()),
                ("POST", f"{schema}/batch/{batch}", self.batch(kind)),
                ("GET", f"/crm/v3/owners/{one}", None),
                ("GET", f"/properties/v2/{kind}/properties", None),
            ]
        )
        return found


@pytest.fixture
def own() -> Iterator[Sandbox]:
    running = Sandbox("--deals", "30", "--lag", "0", "--api-limit", "0")
    yield running
    assert running.stop() == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_every_call_gets_an_answer_of_the_vendor(own: Sandbox, seed: int) -> None:

    paths = {
        kind: f"/crm/v3/objects/{kind}?limit=100" for kind in ("deals", "contacts", "companies")
    }
    ids = {
        kind: [one["id"] for one in own.http.get(path).json()["results"]]
        for kind, path in paths.items()
    }
    caller = Caller(seed, ids)
    for _ in range(1_500):
        method, path, body = caller.call()
        query = {caller.one_of(QUERIES): caller.word() for _ in range(caller.random.randrange(2))}
        text = "" if body is None else json.dumps(caller.spoilt(body))
        if caller.chance(0.03):
            text = text[: len(text) // 2]
        headers = {"content-type": "application/json"} if text else {}
        answer = own.http.request(method, path, params=query, content=text, headers=headers)
        assert answer.status_code < 500, (method, path, query, text, answer.text)
        if answer.status_code == 204:
            assert answer.content == b""
        elif answer.headers["content-type"].startswith("text/html"):
            assert answer.status_code in (404, 405)
        elif answer.status_code >= 400:
            told = answer.json()
            assert told["status"] == "error", answer.text
            assert told["message"]
            assert told["correlationId"] == answer.headers["x-hubspot-correlation-id"]
        else:
            assert isinstance(answer.json(), dict | list)
