"""Which fields are proposed: only what the daemon could map, each once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.mapping.compile import compile_sync
from actors.schema import AppSchema, Field, ObjectSchema
from actors.spec import Direction, FieldSpec, SyncSpec
from actors.values import Kind
from daemon.automap.fields import propose_fields
from daemon.automap.proposals import SHOWN_FROM, FieldProposal
from tests.support.automap_set import field_cases

LABELS = sorted({one.label for case in field_cases() for one in case.left.objects[0].fields})


def app(*fields: Field, word: str = "contacts", key_field: str | None = None) -> AppSchema:
    schema = ObjectSchema(name=word, native=word, fields=fields, key_field=key_field)
    return AppSchema(account="a", objects=(schema,))


def text(name: str, label: str = "", *, writable: bool = True, multiline: bool = True) -> Field:
    return Field(
        name=name, label=label or name, kind=Kind.TEXT, writable=writable, multiline=multiline
    )


def spec(
    *mapped: tuple[str, str], word: str = "contacts", direction: Direction = Direction.BOTH
) -> SyncSpec:
    return SyncSpec(
        connection="c",
        object=word,
        left="crm",
        right="erp",
        direction=direction,
        fields=tuple(FieldSpec(left=left, right=right) for left, right in mapped),
    )


def pairs(found: tuple[FieldProposal, ...]) -> set[tuple[str, str]]:
    return {(one.left.name, one.right.name) for one in found}


fields = st.builds(
    Field,
    name=st.sampled_from(["name", "email", "x", "y", "amount"]) | st.text(min_size=1, max_size=9),
    label=st.sampled_from(LABELS),
    kind=st.sampled_from([one for one in Kind if one not in (Kind.ENUM, Kind.MULTI_ENUM)]),
    writable=st.booleans(),
    target=st.sampled_from([None, "users", "companies"]),
)
apps = st.lists(fields, max_size=8, unique_by=lambda one: one.name).map(lambda one: app(*one))


@given(apps, apps)
def test_every_proposal_can_be_mapped_as_it_is(left: AppSchema, right: AppSchema) -> None:
    found = propose_fields(spec(), left, right)
    assert len({one.left.name for one in found}) == len(found)
    assert len({one.right.name for one in found}) == len(found)
    assert all(SHOWN_FROM <= one.score <= 1 and one.reasons for one in found)
    _, problems = compile_sync(spec(*pairs(found)), left, right)
    assert problems == ()


def test_meaning_goes_across_languages_and_api_names() -> None:
    left = app(text("firstname", "Vorname"), text("lastname", "Nachname"), text("zip", "PLZ"))
    right = app(text("a1", "Prénom"), text("a2", "Nom de famille"), text("a3", "Code postal"))
    found = propose_fields(spec(), left, right)
    assert pairs(found) == {("firstname", "a1"), ("lastname", "a2"), ("zip", "a3")}


def test_what_is_mapped_or_kept_by_tieline_is_not_proposed() -> None:
    left = app(text("name"), text("city"), text("key", "Country"), key_field="key")
    right = app(text("name"), text("city"), text("country"))
    assert pairs(propose_fields(spec(("name", "name")), left, right)) == {("city", "city")}


def test_kinds_that_do_not_fit_are_not_proposed() -> None:
    left = app(Field(name="phone", label="Phone", kind=Kind.NUMBER))
    right = app(text("phone"))
    assert propose_fields(spec(), left, right) == ()


def test_a_read_only_field_is_proposed_one_way_and_not_as_sure() -> None:
    left, right = app(text("city")), app(text("city", writable=False))
    (found,) = propose_fields(spec(), left, right)
    assert found.score < 0.75
    assert any("only towards crm" in reason for reason in found.reasons)
    assert propose_fields(spec(direction=Direction.TO_RIGHT), left, right) == ()
    (one_way,) = propose_fields(spec(direction=Direction.TO_LEFT), left, right)
    assert one_way.score > found.score


def test_a_shipping_city_is_not_the_city() -> None:
    left = app(text("city"), text("shipping_city", "Shipping City"))
    right = app(text("ville", "Ville (livraison)"), text("city"))
    found = pairs(propose_fields(spec(), left, right))
    assert found == {("city", "city"), ("shipping_city", "ville")}


def test_a_contact_s_first_name_on_a_deal_is_not_the_deal_s_name() -> None:
    left = app(text("dealname", "Deal Name"), word="deals")
    right = app(text("first_name", "First Name"), word="deals")
    assert propose_fields(spec(word="deals"), left, right) == ()


def test_a_description_of_one_line_is_the_title_where_there_is_no_other() -> None:
    left = app(text("dealname"), text("description"), word="deals")
    right = app(text("description", multiline=False), text("comment"), word="deals")
    found = pairs(propose_fields(spec(word="deals"), left, right))
    assert found == {("dealname", "description"), ("description", "comment")}


def test_the_amount_takes_its_currency_along() -> None:
    left, right = (
        ObjectSchema(
            name="deals",
            native="deal",
            fields=(Field(name="a", label=label, kind=Kind.NUMBER), text("c", "Currency")),
            amount_field="a",
            currency_field="c",
        )
        for label in ("X", "Y")
    )
    schemas = [AppSchema(account="a", objects=(one,)) for one in (left, right)]
    (found,) = propose_fields(spec(word="deals"), *schemas)
    assert (found.left.name, found.right.name) == ("a", "a")
    assert "currency" in found.reasons[0]
