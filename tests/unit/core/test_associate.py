"""Which associations a sync gets, by itself or as asked for; and what is refused."""

from __future__ import annotations

from actors.mapping.compile import compile_sync
from actors.mapping.record import Sync
from actors.records import Side
from actors.schema import AppSchema, Field, ObjectSchema
from actors.spec import AssociationSpec, Direction, FieldSpec, SyncSpec
from actors.values import Kind

NAME = Field(name="name", label="Name", kind=Kind.TEXT)


def reference(
    name: str, target: str, kind: Kind = Kind.MULTI_REFERENCE, *, writable: bool = True
) -> Field:
    return Field(name=name, label=name, kind=kind, target=target, writable=writable)


def app(*fields: Field, shows: dict[str, str] | None = None) -> AppSchema:
    contacts = ObjectSchema(
        name="contacts", native="person", fields=(NAME, *fields), shows=shows or {}
    )
    return AppSchema(account="A", objects=(contacts,))


def spec(*asked: AssociationSpec, by_itself: bool = False, **rest: object) -> SyncSpec:
    settings: dict[str, object] = {
        "connection": "c",
        "object": "contacts",
        "left": "hub",
        "right": "erp",
        "fields": (FieldSpec(left="name", right="name"),),
        "peers": ("companies", "deals"),
        "associations": None if by_itself else asked,
    }
    return SyncSpec(**(settings | rest))  # type: ignore[arg-type]  # as the tests give it


def compiled(asked: SyncSpec, left: AppSchema, right: AppSchema) -> Sync:
    found, wrong = compile_sync(asked, left, right)
    assert found is not None, wrong
    return found


def refused(asked: SyncSpec, left: AppSchema, right: AppSchema) -> list[tuple[object, str]]:
    found, wrong = compile_sync(asked, left, right)
    assert found is None
    return [(one.path, one.message) for one in wrong]


MULTI = app(reference("firms", "companies"), reference("first", "companies", Kind.REFERENCE))
SINGLE = app(reference("firm", "companies", Kind.REFERENCE))
NONE = app()


def test_by_itself_all_that_both_apps_can_hold_is_paired_sets_before_single_ones() -> None:
    kept = compiled(spec(by_itself=True), MULTI, SINGLE)
    assert [unit.key for unit in kept.associations] == ["firms=firm"]
    assert kept.fields == {Side.LEFT: ("name", "firms"), Side.RIGHT: ("name", "firm")}


def test_by_itself_nothing_is_refused_where_an_app_cannot() -> None:
    assert compiled(spec(by_itself=True), MULTI, NONE).associations == ()
    alone = spec(by_itself=True, peers=())
    assert compiled(alone, MULTI, SINGLE).associations == ()


def test_a_sync_is_not_decided_anew_because_another_object_joins_without_links() -> None:
    before = compiled(spec(by_itself=True, peers=()), NONE, NONE)
    after = compiled(spec(by_itself=True), NONE, NONE)
    assert before.version == after.version
    linked = compiled(spec(by_itself=True), MULTI, SINGLE)
    assert linked.version != compiled(spec(by_itself=True, peers=()), MULTI, SINGLE).version


def test_fields_can_be_named() -> None:
    asked = AssociationSpec(left="first", right="firm", removals=False)
    (unit,) = compiled(spec(asked), MULTI, SINGLE).associations
    assert unit.key == "first=firm"
    assert unit.association is not None
    assert (unit.association.object, unit.association.removals) == ("companies", False)


def test_what_is_asked_for_and_cannot_be_is_refused_with_its_place() -> None:
    word = AssociationSpec(object="companies")
    assert refused(spec(word), MULTI, NONE) == [
        (("associations", 0), "erp has no field on person for companies")
    ]
    assert "do not sync in this connection" in refused(spec(word, peers=()), MULTI, SINGLE)[0][1]
    named = AssociationSpec(left="firms", right="firm")
    assert "do not sync" in refused(spec(named, peers=("deals",)), MULTI, SINGLE)[0][1]
    typo = AssociationSpec(left="firm", right="firm")
    assert refused(spec(typo), MULTI, SINGLE)[0][1] == 'hub has no field "firm" on person'
    text = AssociationSpec(left="name", right="firm")
    assert "does not refer to records" in refused(spec(text), MULTI, SINGLE)[0][1]
    other = AssociationSpec(left="firms", right="deal")
    deal = app(reference("deal", "deals", Kind.REFERENCE))
    assert refused(spec(other), MULTI, deal)[0][1] == (
        "one field refers to companies, the other to deals"
    )
    assert "is there twice" in refused(spec(word, word), MULTI, SINGLE)[0][1]


def test_a_set_of_records_is_no_field_to_map() -> None:
    fields = (FieldSpec(left="firms", right="firm"),)
    ((path, message),) = refused(spec(fields=fields), MULTI, SINGLE)
    assert path == ("fields", 0)
    assert "links between records are synced as associations" in message


def test_what_cannot_be_written_goes_one_way() -> None:
    shown = app(reference("firms", "companies", writable=False))
    (unit,) = compiled(spec(by_itself=True), shown, SINGLE).associations
    assert unit.direction is Direction.TO_RIGHT
    both = AssociationSpec(object="companies", direction=Direction.BOTH)
    assert '"firms" is read-only' in refused(spec(both), shown, SINGLE)[0][1]


def test_what_shows_changed_links_of_others_is_read_if_they_sync() -> None:
    shows = app(shows={"staff": "deals", "sites": "places"})
    kept = compiled(spec(by_itself=True), shows, NONE)
    assert kept.fields[Side.LEFT] == ("name", "staff")
    assert kept.shows == {Side.LEFT: {"staff": "deals"}, Side.RIGHT: {}}
