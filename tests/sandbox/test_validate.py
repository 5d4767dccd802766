from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.sandbox.hubspot.catalog import ObjectSchema, Property, PropertyOption, default_schemas
from daemon.sandbox.hubspot.seed import PARTNER_PIPELINE_ID, seed_pipelines
from daemon.sandbox.hubspot.validate import (
    Facts,
    Value,
    check_required,
    check_values,
    parse_instant,
    refuse_values,
)
from daemon.sandbox.hubspot.wire import Refusal, iso

NOW_MS = 1_772_438_400_123
FACTS = Facts(
    portal_id=62515,
    now_ms=NOW_MS,
    owner_ids=frozenset({"60158000", "60158113"}),
    currencies=frozenset({"USD", "EUR"}),
)
SCHEMAS = default_schemas()


def own(name: str, kind: str, field_type: str, *values: str) -> Property:
    options = [PropertyOption(label=value.upper(), value=value) for value in values]
    return Property(
        name=name,
        label=name,
        type=kind,
        field_type=field_type,
        group_name="dealinformation",
        options=options,
    )


@pytest.fixture(scope="module")
def deals() -> ObjectSchema:
    schema = default_schemas()["deals"]
    for pipeline in seed_pipelines():
        schema.pipelines[pipeline.id] = pipeline
    for made in (
        own("due", "date", "date"),
        own("active", "bool", "booleancheckbox"),
        own("tags", "enumeration", "checkbox", "a", "b", "c"),
        own("choice", "enumeration", "radio", "a", "b"),
        own("desk", "phone_number", "phonenumber"),
        own("gone", "string", "text"),
    ):
        schema.properties[made.name] = made
    schema.properties["gone"].archived = True
    return schema


def stored(schema: ObjectSchema, name: str, value: Value, present: str = "") -> str:
    values, problems = check_values(schema, {name: value}, FACTS, present={name: present})
    assert problems == []
    return values[name]


def refused(schema: ObjectSchema, name: str, value: Value) -> tuple[str, str]:
    values, (problem,) = check_values(schema, {name: value}, FACTS, present={})
    assert name not in values
    assert problem.name == name
    return problem.code, problem.message


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("dealname", " Acme  renewal ", " Acme  renewal "),
        ("dealname", 1500, "1500"),
        ("dealname", True, "true"),
        ("dealname", None, ""),
        ("dealname", "", ""),
        ("amount", "1500.00", "1500.00"),
        ("amount", 1500.5, "1500.5"),
        ("amount", 1500, "1500"),
        ("amount", "-3", "-3"),
        ("amount", "1e3", "1e3"),
        ("amount", "", ""),
        ("active", True, "true"),
        ("active", "false", "false"),
        ("choice", "b", "b"),
        ("tags", "a;c", "a;c"),
        ("due", "2026-03-31", "2026-03-31"),
        ("due", 1_774_915_200_000, "2026-03-31"),
        ("due", "1774915200000", "2026-03-31"),
        ("due", "2026-03-31T00:00:00.000Z", "2026-03-31"),
        ("due", "2026-03-31T02:00:00+02:00", "2026-03-31"),
        ("closedate", "2026-03-31", "2026-03-31T00:00:00Z"),
        ("closedate", "2026-03-31T12:30:45.120Z", "2026-03-31T12:30:45.120Z"),
        ("closedate", "2026-03-31T12:30:45.120456+02:00", "2026-03-31T10:30:45.120Z"),
        ("closedate", "2026-03-31T12:30Z", "2026-03-31T12:30:00Z"),
        ("closedate", 1_774_960_245_120, "2026-03-31T12:30:45.120Z"),
        # Seconds instead of milliseconds: silently a day in 1970.
        ("closedate", 1_774_960_245, "1970-01-21T13:02:40.245Z"),
        ("hubspot_owner_id", "60158000", "60158000"),
        ("deal_currency_code", "EUR", "EUR"),
        ("desk", "ask for Ann, +47 (22) 90", "ask for Ann, +47 (22) 90"),
    ],
)
def test_accepted_values_are_stored_as_the_vendor_echoes_them(
    deals: ObjectSchema, name: str, value: Value, kept: str
) -> None:
    assert stored(deals, name, value) == kept


@pytest.mark.parametrize(
    ("name", "value", "code", "text"),
    [
        ("nope", "x", "PROPERTY_DOESNT_EXIST", 'Property "nope" does not exist'),
        ("gone", "x", "PROPERTY_DOESNT_EXIST", 'Property "gone" does not exist'),
        (
            "hs_object_id",
            "1",
            "READ_ONLY_VALUE",
            '"hs_object_id" is a read only property; its value cannot be set.',
        ),
        (
            "hs_is_closed",
            "true",
            "READ_ONLY_VALUE",
            '"hs_is_closed" is a calculated property; its value cannot be set.',
        ),
        ("amount", "1,500", "INVALID_INTEGER", "1,500 was not a valid number."),
        ("amount", "1.5.0", "INVALID_INTEGER", "1.5.0 was not a valid number."),
        ("amount", "NaN", "INVALID_INTEGER", "NaN was not a valid number."),
        ("amount", "1e999", "INVALID_INTEGER", "1e999 was not a valid number."),
        ("amount", "1.42e-14", "INVALID_INTEGER", "1.42e-14 was not a valid number."),
        (
            "amount",
            " 5",
            "LEADING_TRAILING_WHITESPACE",
            '" 5" includes leading or trailing whitespace.',
        ),
        (
            "active",
            "True",
            "INVALID_OPTION",
            "True was not one of the allowed options: [true, false]",
        ),
        ("choice", "A", "INVALID_OPTION", "A was not one of the allowed options: [a, b]"),
        ("tags", "a;z", "INVALID_OPTION", "z was not one of the allowed options: [a, b, c]"),
        (
            "due",
            1_579_179_660_000,
            "INVALID_DATE",
            "1579179660000 is at 13:1:0.0 UTC, not midnight!",
        ),
        ("due", "2026-02-30", "INVALID_DATE", "2026-02-30 was not a valid date."),
        ("closedate", "tomorrow", "INVALID_DATE", "tomorrow was not a valid date."),
        # Without a zone it is not a moment.
        (
            "closedate",
            "2026-03-31T12:30:45",
            "INVALID_DATE",
            "2026-03-31T12:30:45 was not a valid date.",
        ),
        (
            "closedate",
            "33400000000000",
            "INVALID_DATE",
            "33400000000000 is more than 1,000 years ago or 1,000 years from now.",
        ),
        (
            "closedate",
            "0900-01-01",
            "INVALID_DATE",
            "0900-01-01 is more than 1,000 years ago or 1,000 years from now.",
        ),
        (
            "hubspot_owner_id",
            "2620000",
            "INVALID_OWNER_ID",
            "Owner 2620000 does not exist or is not active",
        ),
        (
            "deal_currency_code",
            "NOK",
            "INVALID_OPTION",
            "NOK was not one of the allowed options: [EUR, USD]",
        ),
        (
            "dealname",
            "x" * 65_537,
            "INVALID_STRING_LENGTH",
            "Property value is too long. The maximum length is 65536 characters.",
        ),
    ],
)
def test_refused_values_get_the_vendors_code_and_text(
    deals: ObjectSchema, name: str, value: Value, code: str, text: str
) -> None:
    assert refused(deals, name, value) == (code, text)


def test_a_leading_separator_appends_to_the_present_set(deals: ObjectSchema) -> None:
    assert stored(deals, "tags", ";c;a", present="a;b") == "a;b;c"
    assert stored(deals, "tags", "c", present="a;b") == "c"


def test_the_archived_owner_a_record_has_may_be_sent_back(deals: ObjectSchema) -> None:
    assert stored(deals, "hubspot_owner_id", "77", present="77") == "77"
    assert refused(deals, "hubspot_owner_id", "77")[0] == "INVALID_OWNER_ID"


@pytest.mark.parametrize("address", ["Ann@Example.IO", "o'brien+x@a-b.example", "ø@bø.no"])
def test_an_e_mail_is_lower_cased(address: str) -> None:
    assert stored(SCHEMAS["contacts"], "email", address) == address.lower()


@pytest.mark.parametrize("address", ["ann", "ann@", "ann@host", "a b@c.io", "a..b@c.io", "@c.io"])
def test_a_bad_e_mail_is_refused(address: str) -> None:
    assert refused(SCHEMAS["contacts"], "email", address) == (
        "INVALID_EMAIL",
        f"Email address {address} is invalid",
    )


def test_all_bad_properties_are_told_at_once_in_the_order_sent(deals: ObjectSchema) -> None:
    values: dict[str, Value] = {"nope": "1", "dealname": "ok", "amount": "x", "hs_object_id": "1"}
    kept, problems = check_values(deals, values, FACTS, present={})
    assert [problem.name for problem in problems] == ["nope", "amount", "hs_object_id"]
    assert kept == {"dealname": "ok"}


def test_the_error_body_has_the_list_twice(deals: ObjectSchema) -> None:
    _, problems = check_values(deals, {"nope": "1", "amount": "x"}, FACTS, present={})
    refusal = refuse_values(problems, 62515)
    prose, _, array = refusal.message.partition("[")
    assert prose == "Property values were not valid: "
    assert (refusal.status, refusal.category) == (400, "VALIDATION_ERROR")
    assert json.loads("[" + array) == [
        {
            "isValid": False,
            "message": 'Property "nope" does not exist',
            "error": "PROPERTY_DOESNT_EXIST",
            "name": "nope",
            "localizedErrorMessage": 'Property "nope" does not exist',
            "portalId": 62515,
        },
        {
            "isValid": False,
            "message": "x was not a valid number.",
            "error": "INVALID_INTEGER",
            "name": "amount",
            "localizedErrorMessage": "x was not a valid number.",
            "propertyValue": "x",
            "portalId": 62515,
        },
    ]
    assert [(e.code, e.context) for e in refusal.errors] == [
        ("PROPERTY_DOESNT_EXIST", {"propertyName": ["nope"]}),
        ("INVALID_INTEGER", {"propertyName": ["amount"]}),
    ]


# Stage and pipeline

PARTNER_STAGE = str(int(PARTNER_PIPELINE_ID) + 1)
IN_SALES = {"pipeline": "default", "dealstage": "qualifiedtobuy"}


def test_a_create_without_pipeline_gets_the_default_one(deals: ObjectSchema) -> None:
    assert check_values(deals, {"dealname": "x"}, FACTS) == (
        {"dealname": "x", "pipeline": "default"},
        [],
    )
    assert check_values(deals, {"dealstage": "closedwon"}, FACTS)[1] == []


@pytest.mark.parametrize(
    ("values", "present", "named"),
    [
        ({"dealstage": "nowhere"}, IN_SALES, ["dealstage"]),
        ({"pipeline": "nowhere"}, IN_SALES, ["pipeline"]),
        ({"dealstage": PARTNER_STAGE}, IN_SALES, ["dealstage"]),
        ({"dealstage": PARTNER_STAGE}, None, ["dealstage"]),
        ({"pipeline": PARTNER_PIPELINE_ID}, IN_SALES, ["dealstage"]),
        ({"pipeline": PARTNER_PIPELINE_ID, "dealstage": "closedwon"}, None, ["dealstage"]),
        ({"pipeline": ""}, IN_SALES, ["pipeline"]),
        ({"dealstage": ""}, IN_SALES, ["dealstage"]),
        ({"pipeline": "nowhere", "dealstage": PARTNER_STAGE}, None, ["pipeline"]),
        ({"pipeline": PARTNER_PIPELINE_ID, "dealstage": PARTNER_STAGE}, IN_SALES, []),
        ({"pipeline": PARTNER_PIPELINE_ID, "dealstage": PARTNER_STAGE}, None, []),
        ({"dealstage": "closedwon"}, IN_SALES, []),
        ({"pipeline": "default"}, IN_SALES, []),
        # A dangling stage is no obstacle to other changes.
        ({"dealname": "x"}, {"pipeline": "default", "dealstage": "deleted"}, []),
    ],
)
def test_stage_and_pipeline_must_fit(
    deals: ObjectSchema,
    values: dict[str, Value],
    present: dict[str, str] | None,
    named: list[str],
) -> None:
    _, problems = check_values(deals, values, FACTS, present=present)
    assert [problem.name for problem in problems] == named
    assert {problem.code for problem in problems} <= {"INVALID_OPTION"}


def test_a_lenient_account_takes_a_stage_of_another_pipeline(deals: ObjectSchema) -> None:
    lenient = Facts(
        portal_id=1,
        now_ms=NOW_MS,
        owner_ids=frozenset(),
        currencies=frozenset(),
        strict_stages=False,
        strict_owners=False,
    )
    values: dict[str, Value] = {"dealstage": PARTNER_STAGE, "hubspot_owner_id": "5"}
    assert check_values(deals, values, lenient, present=IN_SALES) == (values, [])


def test_a_life_cycle_only_moves_forward_unless_cleared() -> None:
    contacts = SCHEMAS["contacts"]
    there = {"lifecyclestage": "customer"}
    assert check_values(contacts, {"lifecyclestage": "lead"}, FACTS, present=there) == ({}, [])
    assert stored(contacts, "lifecyclestage", "", present="customer") == ""
    assert stored(contacts, "lifecyclestage", "evangelist", present="customer") == "evangelist"


# Required ones


def test_a_contact_needs_a_name_or_an_e_mail() -> None:
    with pytest.raises(Refusal) as refused_:
        check_required(SCHEMAS["contacts"], {"city": "Oslo"})
    assert (
        refused_.value.message == "Error creating CONTACT. Some required properties were not set."
    )
    assert refused_.value.context == {"properties": ["email", "firstname", "lastname"]}
    check_required(SCHEMAS["contacts"], {"lastname": "Lee"})
    check_required(SCHEMAS["companies"], {"domain": "acme.example"})
    check_required(SCHEMAS["deals"], {})


def test_newer_versions_ask_for_what_the_form_requires() -> None:
    with pytest.raises(Refusal) as refused_:
        check_required(SCHEMAS["deals"], {"dealname": "x"}, ["dealname", "dealstage"])
    assert refused_.value.context == {"properties": ["dealstage"]}


# Laws


@given(st.integers(min_value=-30_000_000_000_000, max_value=32_000_000_000_000))
def test_a_stored_moment_is_read_back_as_itself(ms: int) -> None:
    assert parse_instant(iso(ms)) == ms


@given(st.text(max_size=40))
def test_no_text_makes_a_date_crash(text: str) -> None:
    assert parse_instant(text) is None or isinstance(parse_instant(text), int)


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30))
names = st.sampled_from(
    [
        "dealname",
        "amount",
        "closedate",
        "dealstage",
        "pipeline",
        "hubspot_owner_id",
        "dealtype",
        "deal_currency_code",
        "hs_priority",
        "nope",
        "hs_object_id",
    ]
)


@given(st.dictionaries(names, scalars, max_size=6))
def test_what_is_stored_is_accepted_again_and_unchanged(values: dict[str, Value]) -> None:
    schema = SCHEMAS["deals"]
    kept, problems = check_values(schema, values, FACTS)
    if problems:
        assert {problem.name for problem in problems} <= {*values, "dealstage", "pipeline"}
        return
    assert check_values(schema, dict(kept), FACTS) == (kept, [])
