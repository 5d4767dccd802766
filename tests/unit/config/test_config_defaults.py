"""Default field lines: what both connectors declare by the same word (F14)."""

from __future__ import annotations

from daemon.config.defaults import default_lines
from daemon.config.model import FieldLine
from daemon.connectors.hubspot import CONNECTOR as HUBSPOT
from daemon.connectors.registry import AnyConnectorType
from daemon.connectors.tryton import CONNECTOR as TRYTON
from tests.support.configs import GOOD, Load

Pairs = dict[tuple[str, ...], tuple[str, ...]]


def pairs(left: AnyConnectorType, right: AnyConnectorType, word: str, *own: FieldLine) -> Pairs:
    return {line.left: line.right for line in default_lines(left, right, word, own)}


def test_f14_each_pair_of_apps_has_lines_for_what_both_have() -> None:
    assert pairs(HUBSPOT, TRYTON, "contacts") == {
        ("firstname", "lastname"): ("name",),
        ("email",): ("email",),
        ("phone",): ("phone",),
        ("mobilephone",): ("mobile",),
        ("website",): ("website",),
        ("address",): ("street",),
        ("city",): ("city",),
        ("zip",): ("postal_code",),
    }
    assert pairs(HUBSPOT, TRYTON, "deals")["hubspot_owner_id",] == ("employee",)
    assert "mobilephone" not in str(pairs(HUBSPOT, TRYTON, "companies"))


def test_f14_swapping_the_apps_swaps_the_lines() -> None:
    for word in ("deals", "contacts", "companies"):
        there = pairs(HUBSPOT, TRYTON, word)
        assert pairs(TRYTON, HUBSPOT, word) == {two: one for one, two in there.items()}


def test_f14_apps_that_hold_a_word_in_as_many_fields_pair_them_one_by_one() -> None:
    found = pairs(HUBSPOT, HUBSPOT, "contacts")
    assert found["firstname",] == ("firstname",)
    assert found["lastname",] == ("lastname",)


def test_f14_a_line_of_the_file_takes_the_place_of_those_that_name_its_fields() -> None:
    own = FieldLine(left=("lastname",), right=("code",))
    phone = FieldLine(left=("fax",), right=("phone",))
    found = pairs(HUBSPOT, TRYTON, "contacts", own, phone)
    assert ("firstname", "lastname") not in found
    assert ("phone",) not in found
    assert found["email",] == ("email",)


def test_f14_an_object_that_an_app_does_not_have_has_no_lines() -> None:
    assert pairs(HUBSPOT, TRYTON, "tickets") == {}


def test_f14_the_file_turns_them_on_and_they_stand_behind_its_own_lines(load: Load) -> None:
    text = GOOD.replace("    deals:\n", "    deals:\n      default_fields: true\n")
    (plain,), (spec,) = load(GOOD).specs(), load(text).specs()
    assert spec.fields[:-1] == plain.fields
    assert (spec.fields[-1].left, spec.fields[-1].right) == ("closedate", "end_date")
