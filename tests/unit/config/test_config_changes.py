from __future__ import annotations

from daemon.config.changes import ConfigChanges, compare_configs
from tests.support.configs import GOOD, SECRETS, Load

SECOND = """\
  second:
    between: [third, fourth]
    deals: {}
"""
MORE_APPS = """\
  third: {type: hubspot, auth: {token: "${env:HUB_TOKEN}"}}
  fourth:
    type: tryton
    url: https://four.example.org/
    auth: {user: sync, password: "${env:FOURTH}"}
connections:
"""
TWO = GOOD.replace("connections:\n", MORE_APPS) + SECOND
ENVIRONMENT = {**SECRETS, "FOURTH": "four"}


def compare(load: Load, old: str, new: str, after: dict[str, str] = ENVIRONMENT) -> ConfigChanges:
    return compare_configs(load(old, ENVIRONMENT), load(new, after))


def test_comments_order_and_files_are_no_change(load: Load) -> None:
    again = "# new\n" + TWO.replace(
        "{hubspot: amount, erp: amount}", "{erp: amount, hubspot: amount}"
    )
    found = compare(load, TWO, again)
    assert found.is_empty
    assert found.unchanged == ("sales", "second")


def test_only_the_connection_that_changed_is_touched(load: Load) -> None:
    found = compare(load, TWO, TWO.replace("erp: description", "erp: comment"))
    assert (found.changed, found.unchanged, found.apps) == (("sales",), ("second",), ())


def test_a_changed_app_or_secret_touches_what_uses_it(load: Load) -> None:
    found = compare(load, TWO, TWO.replace("four.example", "five.example"))
    assert (found.changed, found.unchanged, found.apps) == (("second",), ("sales",), ("fourth",))
    found = compare(load, TWO, TWO, {**ENVIRONMENT, "FOURTH": "rotated"})
    assert (found.changed, found.apps) == (("second",), ("fourth",))
    found = compare(load, TWO, TWO, {**ENVIRONMENT, "HUB_TOKEN": "rotated"})
    assert (found.changed, found.apps) == (("sales", "second"), ("hubspot", "third"))


def test_connections_come_and_go(load: Load) -> None:
    without = TWO.removesuffix(SECOND)
    assert compare(load, without, TWO).added == ("second",)
    assert compare(load, TWO, without).removed == ("second",)


def test_what_a_reload_cannot_apply_is_named(load: Load) -> None:
    new = TWO + "daemon: {listen: 127.0.0.1:1, log: {level: debug}}\n"
    found = compare(load, TWO, new)
    assert found.needs_restart == ("daemon.listen", "daemon.log")
    assert found.is_empty
