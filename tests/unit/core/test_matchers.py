"""Which rule an object has by itself, and what a rule makes of its fields' kinds (F26)."""

from __future__ import annotations

from typing import Any

import pytest

from actors.mapping.compile import compile_sync
from actors.mapping.matchers import Matcher
from actors.schema import AppSchema, Field, ObjectSchema
from actors.spec import FieldSpec, MatchSpec, Normal, SyncSpec
from actors.values import Kind
from tests.support.builders import field


def app(name: str, *fields: Field) -> AppSchema:
    one = ObjectSchema(name=name, native=name, fields=(field("name"), *fields))
    return AppSchema(account="A", objects=(one,))


def rules(name: str, left: Field, right: Field, *mapped: FieldSpec, **rest: Any) -> list[Matcher]:
    """Return the rules of a sync of this object, of which each app has one more field."""
    settings: dict[str, Any] = {"fields": mapped or (FieldSpec(left="name", right="name"),)} | rest
    names = {"connection": "c", "object": name, "left": "hub", "right": "erp"}
    found, wrong = compile_sync(SyncSpec(**(names | settings)), app(name, left), app(name, right))
    assert found is not None, wrong
    return list(found.matchers)


EMAIL = field("email", Kind.EMAIL)


def test_f26_contacts_are_matched_by_e_mail_whether_it_is_mapped_or_not() -> None:
    by_email = [Matcher(left="email", right="email", normal=Normal.EMAIL)]
    assert rules("contacts", EMAIL, EMAIL) == by_email
    assert rules("contacts", EMAIL, EMAIL, FieldSpec(left="email", right="email")) == by_email


def test_f26_the_mapping_says_what_the_other_app_calls_it() -> None:
    line = FieldSpec(left="email", right="post")
    assert rules("contacts", EMAIL, field("post", Kind.EMAIL), line) == [
        Matcher(left="email", right="post", normal=Normal.EMAIL)
    ]


def test_f26_companies_are_matched_by_domain() -> None:
    assert rules("companies", field("domain"), field("website", Kind.URL)) == [
        Matcher(left="domain", right="website", normal=Normal.DOMAIN)
    ]


@pytest.mark.parametrize("name", ["contacts", "companies"])
def test_f26_an_object_has_no_rule_where_one_app_lacks_the_field(name: str) -> None:
    assert rules(name, field("other"), EMAIL) == []


def test_f26_none_turns_an_object_s_own_rule_off() -> None:
    assert rules("contacts", EMAIL, EMAIL, match=()) == []


@pytest.mark.parametrize(
    ("left", "right", "normal"),
    [
        (Kind.TEXT, Kind.EMAIL, Normal.EMAIL),
        (Kind.PHONE, Kind.TEXT, Normal.PHONE),
        (Kind.URL, Kind.TEXT, Normal.DOMAIN),
        (Kind.NUMBER, Kind.TEXT, Normal.EXACT),
        (Kind.TEXT, Kind.TEXT, Normal.TEXT),
    ],
)
def test_f26_without_as_the_kinds_decide(left: Kind, right: Kind, normal: Normal) -> None:
    asked = (MatchSpec(left="a", right="b"),)
    (found,) = rules("contacts", field("a", left), field("b", right), match=asked)
    assert found.normal is normal
    assert found.is_loose == (normal not in (Normal.EXACT, Normal.EMAIL))
