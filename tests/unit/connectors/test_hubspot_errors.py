"""What is read out of HubSpot's error bodies; bodies in the vendor's shapes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from actors.errors import AuthError, ScopeError
from daemon.connectors.client import Reply
from daemon.connectors.hubspot.errors import (
    bad_properties,
    denied,
    holder_of,
    problem_of,
    reason_of,
    taken_property,
)
from daemon.connectors.hubspot.wire import Problem


def reply(status: int, body: bytes | dict[str, Any]) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply("deals/batch/create", status, httpx.Headers(), content, None, True)


def problem(**body: Any) -> Problem:
    return problem_of(reply(400, {"status": "error", "message": "", **body}))


def invalid(*names: str) -> str:
    entries = [
        {"isValid": False, "message": f"{n} is wrong", "error": "X", "name": n} for n in names
    ]
    return f"Property values were not valid: {json.dumps(entries)}"


def test_bad_properties_come_from_both_places_and_once() -> None:
    detail = {"message": "a is wrong", "code": "X", "context": {"propertyName": ["a"]}}
    found = bad_properties(problem(message=invalid("a", "b"), errors=[detail]))
    assert [one.name for one in found] == ["a", "b"]
    assert [one.name for one in bad_properties(problem(message=invalid("b")))] == ["b"]


def test_long_lists_of_options_do_not_reach_people() -> None:
    options = ", ".join(f"option {n}" for n in range(5000))
    message = f"gift was not one of the allowed options: [{options}]"
    entries = [{"name": "dealtype", "error": "INVALID_OPTION", "message": message}]
    text = f"Property values were not valid: {json.dumps(entries)}"
    reason = reason_of(problem(message=text))
    assert reason == 'property "dealtype": gift is not one of the allowed options'


COORDINATES = (
    "Cannot set PropertyValueCoordinates{portalId=62515, objectTypeId=ObjectTypeId"
    "{legacyObjectType=DEAL}, propertyName=tieline_key, value=T-1001} on 552148386511. "
    "552239500007 already has that value."
)


def test_a_taken_unique_value_names_property_and_holder() -> None:
    taken = problem(message=COORDINATES, category="VALIDATION_ERROR")
    assert taken_property(taken) == "tieline_key"
    assert holder_of(taken) == "552239500007"


def test_a_taken_unique_value_by_its_code() -> None:
    detail = {
        "message": "taken",
        "code": "CONFLICTING_UNIQUE_VALUE",
        "context": {"propertyName": ["tieline_key"]},
    }
    assert taken_property(problem(errors=[detail])) == "tieline_key"


def test_a_value_that_only_mentions_the_property_is_not_taken() -> None:
    assert taken_property(problem(message="propertyName=tieline_key, value=x is odd")) is None


def test_an_existing_contact_is_named_by_text_or_context() -> None:
    assert holder_of(problem(message="Contact already exists. Existing ID: 6001")) == "6001"
    assert holder_of(problem(context={"existingId": ["6001"]})) == "6001"
    assert holder_of(problem(message="Contact already exists")) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>502</html>", b"[]", b'{"message": 5}', b'{"errors": "no"}', b"\xff\xfe"],
)
def test_an_unreadable_body_is_an_empty_problem(body: bytes) -> None:
    found = problem_of(reply(400, body))
    assert "400" in (found.message or "")
    assert bad_properties(found) == ()


def test_odd_shapes_inside_a_body_do_not_hide_the_error() -> None:
    found = problem(
        message="odd", subCategory={"name": "X"}, context={"ids": "7", "more": [1, None]}
    )
    assert reason_of(found) == "odd"


def test_missing_scopes_are_named_in_both_forms() -> None:
    context = {"requiredGranularScopes": ["crm.objects.deals.read", "crm.schemas.deals.read"]}
    old = {"message": "m", "category": "MISSING_SCOPES", "context": context}
    new = {"message": "m", "category": "MISSING_SCOPES", "errors": [{"context": context}]}
    for body in (old, new):
        answer = reply(403, body)
        error = denied(answer, problem_of(answer))
        assert isinstance(error, ScopeError)
        assert "crm.objects.deals.read, crm.schemas.deals.read" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (401, {"category": "EXPIRED_AUTHENTICATION", "message": "m"}, "expired"),
        (401, {"category": "INVALID_AUTHENTICATION", "message": "m"}, "auth.token"),
        (403, {"category": "BANNED", "message": "not allowed"}, "not allowed"),
        (530, b"<html>", "auth.token"),
    ],
)
def test_other_denials_say_what_to_do(status: int, body: bytes | dict[str, Any], word: str) -> None:
    answer = reply(status, body)
    error = denied(answer, problem_of(answer))
    assert isinstance(error, AuthError) and not isinstance(error, ScopeError)
    assert word in str(error)
