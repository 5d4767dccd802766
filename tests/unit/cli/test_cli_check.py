"""`tieline check`: files alone, and against a real HubSpot sandbox on both sides."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.cli.exits import Exit
from tests.support.cli import Cli
from tests.support.hubspot_process import Sandbox

LIVE = """\
apps:
  one: {type: hubspot, base_url: "${env:ONE_URL}", auth: {token: "${env:ONE_TOKEN}"}}
  two: {type: hubspot, base_url: "${env:TWO_URL}", auth: {token: "${env:TWO_TOKEN}"}}
connections:
  sales:
    between: [one, two]
    deals:
      pipelines:
        - one: Sales Pipeline
          two: default
          stages:
            Contract Sent: contractsent
            Closed Won: closedwon
            Closed Lost: closedlost
      fields:
        - {one: dealname, two: dealname}
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    running = Sandbox("--deals", "0", "--lag", "0")
    yield running
    running.stop()


class Live:
    def __init__(self, cli: Cli, sandbox: Sandbox) -> None:
        self.cli = cli
        cli.file.write_text(LIVE)
        self.environment = {
            "ONE_URL": sandbox.url,
            "ONE_TOKEN": sandbox.token,
            "TWO_URL": sandbox.url,
            "TWO_TOKEN": sandbox.token,
        }

    def check(self, **environment: str) -> tuple[int, str]:
        result = self.cli("check", **{**self.environment, **environment})
        assert result.stderr == ""
        return result.exit_code, result.stdout.replace(f"{self.cli.file.parent}/", "")


@pytest.fixture
def live(cli: Cli, sandbox: Sandbox) -> Live:
    return Live(cli, sandbox)


def test_a_right_file_is_said_to_be_right(cli: Cli) -> None:
    result = cli("check", "--offline")
    assert result.exit_code == Exit.OK
    assert "tieline.yaml is right; the apps were not asked" in result.stdout
    assert "sales/deals  both" in result.stdout


def test_all_errors_are_listed_with_their_places(cli: Cli) -> None:
    cli.change("type: tryton", "type: tryton\n    kolour: red")
    cli.change("fields:", "feilds:")
    result = cli("check", "--offline", ERP_PASSWORD="")
    assert result.exit_code == Exit.CONFIG
    lines = [line.replace(f"{cli.file}:", "") for line in result.stdout.splitlines()]
    assert [line.split(": ")[:2] for line in lines[:-1]] == [
        ["5:5", "apps.erp.kolour"],
        ["8:34", "apps.erp.auth.password"],
        ["17:7", "connections.sales.deals.feilds"],
    ]
    assert lines[-1] == "3 problems found"


def test_errors_are_told_to_machines_too(cli: Cli) -> None:
    cli.change("password:", "pasword:")
    answer = cli.json("check", "--offline")
    assert answer["exit"] == Exit.CONFIG
    problems = answer["problems"]
    assert isinstance(problems, list)
    assert {(one["line"], one["path"]) for one in problems} == {
        (7, "apps.erp.auth"),
        (7, "apps.erp.auth.pasword"),
    }


def test_no_secret_is_needed_to_check_the_form(cli: Cli) -> None:
    cli.change("https://erp.example.org/", "${env:NOT_SET}")
    assert cli("check", "--offline").exit_code == Exit.CONFIG
    assert cli("check", "--offline", "--no-secrets").exit_code == Exit.OK
    assert cli("check", "--no-secrets").exit_code == Exit.USAGE
    cli.change('"${env:ERP_PASSWORD}"', "geheim")
    assert cli("check", "--offline", "--no-secrets").exit_code == Exit.CONFIG


def test_apps_that_fit_are_named_with_their_account(live: Live) -> None:
    code, text = live.check()
    assert code == Exit.OK, text
    assert "sales/deals  both               1       3       1  yes" in text
    assert "tieline.yaml is right" in text
    assert "warning" not in text


def test_an_unknown_stage_and_field_are_found_at_their_places(live: Live) -> None:
    live.cli.change("contractsent", "kontraktsent")
    live.cli.change("two: dealname", "two: dealnaem")
    code, text = live.check()
    assert code == Exit.CONFIG
    stage, field = text.splitlines()[:2]
    assert stage.startswith(
        'tieline.yaml:12:28: connections.sales.deals.pipelines[0].stages."Contract Sent": '
    )
    assert "kontraktsent" in stage
    assert "Closed Won" in stage
    assert field.startswith("tieline.yaml:16:32: connections.sales.deals.fields[0].two: ")


def test_a_closing_stage_that_is_not_mapped_is_warned_of(live: Live) -> None:
    live.cli.change("            Closed Won: closedwon\n", "")
    code, text = live.check()
    assert code == Exit.OK
    (warning,) = (line for line in text.splitlines() if line.startswith("warning: "))
    assert warning.startswith(
        "warning: tieline.yaml:12:13: connections.sales.deals.pipelines[0].st"
    )
    assert "no won stage is mapped (one: Closed Won, two: Closed Won)" in warning


def test_a_wrong_token_is_denied_at_its_place(live: Live) -> None:
    code, text = live.check(TWO_TOKEN="pat-na1-wrong")
    assert code == Exit.DENIED
    assert text.startswith("tieline.yaml:3:58: apps.two.auth: ")
    assert "two  hubspot  not reached: see above" in text
    assert "not compared" in text
    assert "pat-na1-wrong" not in text


def test_a_missing_scope_is_named(live: Live, sandbox: Sandbox) -> None:
    code, text = live.check(TWO_TOKEN=sandbox.grant("oauth", "crm.objects.owners.read"))
    assert code == Exit.DENIED
    assert text.startswith("tieline.yaml:3:58: apps.two.auth: ")
    assert "crm.schemas.deals.read" in text


def test_people_that_cannot_be_seen_are_warned_of(live: Live, sandbox: Sandbox) -> None:
    owner = "hubspot_owner_id"
    live.cli.change("dealname, two: dealname", f"{owner}, two: {owner}")
    assert "warning" not in live.check()[1]
    writer = ("crm.objects.deals.read", "crm.objects.deals.write", "crm.schemas.deals.write")
    code, text = live.check(TWO_TOKEN=sandbox.grant("oauth", *writer))
    assert code == Exit.OK
    assert text.startswith(
        "warning: tieline.yaml:16:40: connections.sales.deals.fields[0].two: two"
    )
    assert "crm.objects.owners.read" in text


def test_an_app_that_does_not_answer_is_worth_another_try(live: Live) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        code, text = live.check(TWO_URL=f"http://127.0.0.1:{port}/")
    assert code == Exit.TRY_AGAIN
    assert text.startswith("tieline.yaml:3:8: apps.two: ")
    assert "is the address right and the app up?" in text


def test_what_does_not_fit_outranks_what_does_not_answer(live: Live) -> None:
    live.cli.change(
        "connections:",
        "  three: {type: hubspot, base_url: 'http://127.0.0.1:9/', "
        "auth: {token: '${env:ONE_TOKEN}'}}\nconnections:",
    )
    live.cli.change("closedwon", "kosedwon")
    code, _ = live.check()
    assert code == Exit.CONFIG


def test_the_example_is_right(monkeypatch: pytest.MonkeyPatch, cli: Cli, tmp_path: Path) -> None:
    example = Path(__file__).parents[3] / "deploy" / "tieline.example.yaml"
    cli.file.write_text(example.read_text())
    for name in ("hubspot-token", "erp-password"):
        (tmp_path / name).write_text("x")
    result = cli("check", "--offline", CREDENTIALS_DIRECTORY=str(tmp_path))
    assert (result.exit_code, result.stdout.splitlines()[-1].endswith("not asked")) == (0, True)


def test_f17_explain_shows_which_links_are_made_and_with_which_object(
    live: Live, sandbox: Sandbox
) -> None:
    others = """\
      associations: [contacts]
    contacts:
      fields: [{one: email, two: email}]
    companies:
      fields: [{one: name, two: name}]
"""
    live.cli.file.write_text(LIVE + others)
    result = live.cli("check", "--explain", "--json", **live.environment)
    found = {(one["sync"], one["object"]): one for one in json.loads(result.stdout)["associations"]}
    people = found["sales/deals", "contacts"]
    assert people["fields"] == ["associations.contacts", "associations.contacts"]
    assert (people["direction"], people["removals"]) == ("both", "propagate")
    assert people["linked_by"] == "sales/contacts"
    firms = found["sales/contacts", "companies"]
    assert firms["fields"] == ["associations.companies", "associations.companies"]
    assert found["sales/deals", "companies"]["notes"] == ["not asked for under associations:"]
    (why,) = found["sales/companies", "contacts"]["notes"]
    assert why == "one has no field on company for contacts"
    shown = live.cli("check", "--explain", **live.environment).stdout
    assert "contacts (as sales/contacts links them)" in shown


def test_an_association_that_cannot_be_is_refused_with_its_place(live: Live) -> None:
    lines = """\
      associations:
        - contacts
        - {one: dealname, two: associations.contacts}
        - {object: companies, one: x}
"""
    live.cli.file.write_text(LIVE + lines)
    _, out = live.check()
    assert "tieline.yaml:20:11: connections.sales.deals.associations[2]: names an object" in out
    live.cli.file.write_text(LIVE + lines.rpartition("        - ")[0])
    code, out = live.check()
    assert code == Exit.CONFIG
    assert "18:11: connections.sales.deals.associations[0]: contacts do not sync" in out
    assert '19:11: connections.sales.deals.associations[1]: one: "dealname" does not refer' in out


def test_f3_a_right_that_a_sync_lacks_is_named_with_what_stops_and_how_to_grant_it(
    live: Live, sandbox: Sandbox
) -> None:
    reader = sandbox.grant("oauth", "crm.objects.deals.read")
    code, text = live.check(TWO_TOKEN=reader)
    assert code == Exit.DENIED
    assert (
        "apps.two.auth: the token lacks the scope crm.objects.deals.write: deals cannot be created"
        " or changed in HubSpot. Add it to the app in HubSpot (Settings, Integrations, Private"
        " Apps, Scopes)"
    ) in text
    assert "apps.one" not in text
    live.cli.change("    deals:\n", "    deals:\n      direction: to-one\n")
    assert live.check(TWO_TOKEN=reader)[0] == Exit.OK


def test_f3_a_key_property_that_cannot_be_made_is_said_before_the_first_create(
    live: Live, sandbox: Sandbox
) -> None:
    writer = sandbox.grant("oauth", "crm.objects.deals.read", "crm.objects.deals.write")
    code, text = live.check(TWO_TOKEN=writer)
    assert code == Exit.DENIED
    assert "lacks the scope crm.schemas.deals.write: tieline cannot make its key property" in text
