from __future__ import annotations

from typing import Any

import pytest

from actors.schema import Closing, Option
from actors.values import Kind
from daemon.connectors.hubspot.kinds import CONTACTS, DEALS
from daemon.connectors.hubspot.schema import (
    closing_of,
    to_field,
    to_object,
    to_pipeline,
    to_user,
)
from daemon.connectors.hubspot.wire import (
    Metadata,
    Owner,
    PipelineShape,
    Property,
    PropertyOption,
    StageShape,
)


def shape(type_: str, field_type: str = "", **more: Any) -> Property:
    return Property(name=more.pop("name", "x"), type=type_, field_type=field_type, **more)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (shape("string", "text"), Kind.TEXT),
        (shape("string", "phonenumber"), Kind.PHONE),
        (shape("phone_number", "phonenumber"), Kind.PHONE),
        (shape("number", "number"), Kind.NUMBER),
        (shape("bool", "booleancheckbox"), Kind.BOOLEAN),
        (shape("enumeration", "booleancheckbox"), Kind.BOOLEAN),
        (shape("enumeration", "select"), Kind.ENUM),
        (shape("enumeration", "radio"), Kind.ENUM),
        (shape("enumeration", "checkbox"), Kind.MULTI_ENUM),
        (shape("date", "date"), Kind.DATE),
        (shape("datetime", "date"), Kind.DATETIME),
        (shape("enumeration", "select", name="hubspot_owner_id"), Kind.REFERENCE),
        (shape("enumeration", "select", referenced_object_type="OWNER"), Kind.REFERENCE),
        (shape("enumeration", "checkbox", referenced_object_type="OWNER"), Kind.MULTI_ENUM),
    ],
)
def test_kinds_of_properties(given: Property, kind: Kind) -> None:
    field = to_field(DEALS, given)
    assert field is not None and field.kind is kind
    assert field.target == ("users" if kind is Kind.REFERENCE else None)


def test_a_type_that_no_other_app_has_is_left_out() -> None:
    assert to_field(DEALS, shape("object_coordinates")) is None
    assert to_field(DEALS, shape("json")) is None


def test_email_is_known_by_its_name_on_contacts_only() -> None:
    contact = to_field(CONTACTS, shape("string", "text", name="email"))
    deal = to_field(DEALS, shape("string", "text", name="email"))
    assert contact is not None and contact.kind is Kind.EMAIL
    assert deal is not None and deal.kind is Kind.TEXT


def test_calculated_and_read_only_properties_are_not_writable() -> None:
    locked = Metadata(read_only_value=True)
    for given in (shape("number", calculated=True), shape("number", modification_metadata=locked)):
        field = to_field(DEALS, given)
        assert field is not None and not field.writable


def test_options_of_stage_pipeline_and_currency_come_from_where_the_vendor_keeps_them() -> None:
    stages = [StageShape(id="s2", label="Two", display_order=1), StageShape(id="s1", label="One")]
    pipeline = to_pipeline(PipelineShape(id="p", label="Sales", stages=stages))
    own = [PropertyOption(value="a", label="A")]
    described = to_object(
        DEALS,
        [
            shape("enumeration", "radio", name="dealstage"),
            shape("enumeration", "select", name="pipeline"),
            shape("enumeration", "select", name="deal_currency_code"),
            shape("enumeration", "select", name="dealtype", options=own),
            shape("string", "text", name="old", archived=True),
        ],
        (pipeline,),
        ("USD", "EUR"),
    )
    options = {field.name: [one.id for one in field.options] for field in described.fields}
    assert options == {
        "dealstage": ["s1", "s2"],
        "pipeline": ["p"],
        "deal_currency_code": ["USD", "EUR"],
        "dealtype": ["a"],
    }
    stage = described.field("dealstage")
    assert stage is not None and stage.required
    assert stage.options[0] == Option(id="s1", label="One")


@pytest.mark.parametrize(
    ("is_closed", "probability", "closing"),
    [
        ("true", 1.0, Closing.WON),
        ("true", 0.0, Closing.LOST),
        ("TRUE", 1.0, Closing.WON),
        ("false", 0.0, Closing.OPEN),
        ("false", 0.9, Closing.OPEN),
        ("true", None, Closing.LOST),
        (None, 1.0, Closing.WON),
        (None, 0.0, Closing.LOST),
        (None, 0.5, Closing.OPEN),
        (None, None, Closing.OPEN),
    ],
)
def test_closing_of_stages(
    is_closed: str | None, probability: float | None, closing: Closing
) -> None:
    assert closing_of(is_closed, probability) is closing


def test_a_stage_that_no_api_may_write_says_so() -> None:
    locked = StageShape(
        id="s", label="S", write_permissions="READ_ONLY", metadata={"probability": "x"}
    )
    (stage,) = to_pipeline(PipelineShape(id="p", label="P", stages=[locked])).stages
    assert not stage.reachable and stage.unreachable
    assert stage.probability is None


def test_owners_have_a_name_whatever_is_missing() -> None:
    assert to_user(Owner(id="1", first_name="Ann", last_name="Lee")).name == "Ann Lee"
    assert to_user(Owner(id="1", email="a@x.io", last_name="")).name == "a@x.io"
    assert to_user(Owner(id="1", archived=True)).name == "1"
    assert not to_user(Owner(id="1", archived=True)).active
