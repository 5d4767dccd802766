"""`associations:` in the file: one word, fields by name, and what is refused and where."""

from __future__ import annotations

from actors.spec import AssociationSpec, Direction, SyncSpec
from daemon.config.reference import make_schema, write_manual
from tests.support.configs import GOOD, Load, Refused

OTHERS = """\
    contacts:
      fields: [{hubspot: email, erp: email}]
"""


def deals(load: Load, *lines: str) -> SyncSpec:
    spec = next(iter(load(with_lines(*lines) + OTHERS).specs()))
    assert spec.object == "deals"
    return spec


def with_lines(*lines: str) -> str:
    """Return a good file with `associations:` and these entries in it."""
    entries = "".join(f"        - {line}\n" for line in lines)
    return f"{GOOD}      associations:\n{entries}"


def test_without_the_key_all_that_both_apps_can_hold_is_asked_for(load: Load) -> None:
    specs = {spec.object: spec for spec in load(GOOD + OTHERS).specs()}
    assert specs["deals"].associations is None
    assert specs["deals"].peers == ("contacts",)
    assert specs["contacts"].peers == ("deals",)


def test_an_empty_list_asks_for_none(load: Load) -> None:
    spec = next(iter(load(f"{GOOD}      associations: []\n{OTHERS}").specs()))
    assert spec.associations == ()


def test_a_word_and_fields_by_name_are_read(load: Load) -> None:
    spec = deals(
        load,
        "contacts",
        "{object: companies, direction: to-erp, removals: keep}",
        "{hubspot: associations.companies, erp: party}",
    )
    assert spec.associations == (
        AssociationSpec(object="contacts"),
        AssociationSpec(object="companies", direction=Direction.TO_RIGHT, removals=False),
        AssociationSpec(left="associations.companies", right="party"),
    )


def test_an_entry_that_says_too_little_or_too_much_is_refused_at_its_place(
    refused: Refused,
) -> None:
    first = len(GOOD.splitlines()) + 2
    found = refused(with_lines("{erp: party}", "{object: contacts, erp: party}"))
    path = "connections.sales.deals.associations"
    assert found == [
        f"tieline.yaml:{first}:11: {path}[0]: needs a field of each app (`hubspot:` and `erp:`), "
        "or `object:` with the other object",
        f"tieline.yaml:{first + 1}:11: {path}[1]: names an object and fields; keep one of the two",
    ]
    (problem,) = refused(with_lines("[contacts]"))
    assert problem.startswith(f"tieline.yaml:{first}:11: {path}[0]: needs a mapping, not a list")


def test_the_schema_and_the_manual_know_the_key() -> None:
    (connection,) = make_schema([])["properties"]["connections"]["patternProperties"].values()  # type: ignore[index]  # JSON
    entry = connection["properties"]["deals"]["properties"]["associations"]["items"]
    word, mapping = entry["anyOf"]
    assert "string" in word["type"]
    assert mapping["properties"]["removals"]["enum"] == ["propagate", "keep"]
    manual = write_manual([])
    assert "## connections.NAME.deals.associations[]" in manual
    assert "| `removals` | `propagate` |" in manual
