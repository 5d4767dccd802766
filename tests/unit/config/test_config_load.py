from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from actors.records import Side
from actors.spec import Blank, Direction, FieldSpec, PipelineSpec, Prefer, Rules
from daemon.config.load import load_config
from daemon.config.problems import ConfigError
from tests.support.configs import FINDER, GOOD, Load, Refused


def change(old: str, new: str, text: str = GOOD) -> str:
    assert old in text
    return text.replace(old, new)


def expect(problems: list[str], start: str) -> None:
    """Look for one problem by how it starts; the list shows when it is not there."""
    assert [one for one in problems if one.startswith(f"tieline.yaml:{start}")], problems


def deals(lines: str) -> str:
    return GOOD + "".join(f"      {line}\n" for line in lines.splitlines())


def test_a_good_file_becomes_specs_with_sides_for_app_names(load: Load) -> None:
    config = load()
    (spec,) = config.specs()
    assert spec.name == "sales/deals"
    assert (spec.left, spec.right) == ("hubspot", "erp")
    assert spec.direction is Direction.BOTH
    assert spec.fields == (
        FieldSpec(left="dealname", right="description"),
        FieldSpec(left="amount", right="amount"),
    )
    assert spec.pipelines == (
        PipelineSpec(
            left="Sales Pipeline",
            right="opportunities",
            stages=(("Appointment Scheduled", "lead"), ("Closed Won", "converted")),
        ),
    )
    assert spec.rules == Rules(prefer=Prefer.LEFT, window=timedelta(minutes=5))
    assert spec.create == (Side.LEFT, Side.RIGHT)


def test_every_key_finds_its_way_into_the_spec(load: Load) -> None:
    text = deals(
        """\
direction: to-erp
conflicts: {prefer: latest, window: 1h30m}
blank: propagate
drift: restore
create: [erp]
owners:
  overrides: {ann@example.com: ann, 12: bob}
  fallback: {erp: admin}"""
    )
    text = change(
        "    deals:", "    poll: 5s\n    orders: 2\n    timezone: Europe/Berlin\n    deals:", text
    )
    text = change(
        "- {hubspot: amount, erp: amount}",
        "- {hubspot: kind, erp: class, values: {a: x, b: x}, too_long: shorten, blank: ask,"
        " conflicts: {prefer: hubspot}}",
        text,
    )
    config = load(text)
    (spec,) = config.specs()
    pace = config.connections["sales"].pace
    assert (pace.poll, pace.orders, spec.timezone) == (timedelta(seconds=5), 2, "Europe/Berlin")
    assert spec.direction is Direction.TO_RIGHT
    assert spec.create == (Side.RIGHT,)
    assert spec.users == (("ann@example.com", "ann"), ("12", "bob"))
    assert (spec.fallback_left, spec.fallback_right) == (None, "admin")
    assert spec.rules.prefer is Prefer.LATEST
    assert spec.rules.window == timedelta(hours=1, minutes=30)
    field = spec.fields[1]
    assert field.values == (("a", "x"), ("b", "x"))
    assert field.rules is not None
    assert (field.rules.prefer, field.rules.blank) == (Prefer.LEFT, Blank.ASK)
    assert field.rules.window == spec.rules.window


@pytest.mark.parametrize(
    ("between", "direction", "prefer"),
    [
        ("[hubspot, erp]", "both", Prefer.LEFT),
        ("[erp, hubspot]", "both", Prefer.RIGHT),
        ("[hubspot, erp]", "to-hubspot", Prefer.RIGHT),
        ("[hubspot, erp]", "to-erp", Prefer.LEFT),
        ("[erp, hubspot]", "to-erp", Prefer.RIGHT),
    ],
)
def test_the_hub_wins_conflicts_unless_the_sync_is_one_way(
    load: Load, between: str, direction: str, prefer: Prefer
) -> None:
    text = change("[hubspot, erp]", between, deals(f"direction: {direction}"))
    (spec,) = load(text).specs()
    assert spec.rules.prefer is prefer


def test_pairs_may_be_a_mapping_a_list_or_one_to_several(load: Load) -> None:
    start = GOOD.index("            Appointment")
    end = GOOD.index("      fields:")
    for stages in (
        "            Won: [converted, won]\n            012: no\n",
        "            - [Won, converted]\n            - {erp: won, hubspot: Won}\n"
        "            - [012, no]\n",
    ):
        (spec,) = load(GOOD[:start] + stages + GOOD[end:]).specs()
        assert spec.pipelines[0].stages == (("Won", "converted"), ("Won", "won"), ("012", "no"))


def test_numbers_and_words_of_yaml_stay_text_where_text_is_meant(load: Load) -> None:
    text = change("Sales Pipeline", "0012", change("lead", "true"))
    (spec,) = load(text).specs()
    assert spec.pipelines[0].left == "0012"
    assert spec.pipelines[0].stages[0][1] == "true"


def test_a_mapping_file_is_as_if_it_stood_in_the_main_file(load: Load) -> None:
    head, _, body = GOOD.partition("    deals:\n")
    part = "connection: sales\ndeals:\n" + body
    split = load(head, deals=part)
    assert split.specs() == load(GOOD, deals="connection: sales\n").specs()
    assert [file.name for file in split.files] == ["tieline.yaml", "deals.yaml"]


def test_what_stands_in_two_files_is_refused_at_the_second(refused: Refused) -> None:
    problems = refused(deals="# ours\nconnection: sales\ndeals: {}\n")
    assert len(problems) == 1
    assert problems[0].startswith(
        "mappings/deals.yaml:3:1: connections.sales.deals: is there already in "
    )
    assert "tieline.yaml:10" in problems[0]


def test_a_mapping_file_must_name_its_connection(refused: Refused) -> None:
    (problem,) = refused(deals="deals: {}\n")
    assert problem.startswith("mappings/deals.yaml:1:1: connection: needs the name")


def test_errors_of_mapping_files_stand_in_those_files(refused: Refused) -> None:
    head, _, body = GOOD.partition("    deals:\n")
    body = change("erp: description", "epr: description", body)
    problems = refused(head, deals="connection: sales\ndeals:\n" + body)
    assert problems == [
        "mappings/deals.yaml:10:11: connections.sales.deals.fields[0]: `erp` is missing;"
        " add `erp: ...`",
        "mappings/deals.yaml:10:31: connections.sales.deals.fields[0].epr: unknown key;"
        " did you mean 'erp'?",
    ]


def test_all_errors_are_found_at_once_each_at_its_place(refused: Refused) -> None:
    text = """\
app: {}
apps:
  hubspot:
    type: hubspot
    auth: {token: pat-na1-1234}
    rate: fast
  erp: {type: trytn, auth: {password: geheim}}
  ask: {type: tryton, url: "https://a", auth: {user: u, password: "${env:NOT_SET}"}}
connections:
  sales:
    between: [hubspot, epr]
    poll: 30
    dealz: {}
    deals:
      direction: to-hubspt
      conflicts: {prefer: ask, window: soon}
      pipelines: none
      fields:
        - {hubspot: amount, erp: amount, direction: both}
        - {hubspot: dealname}
  other:
    between: [hubspot]
"""
    places = [(one.split(": ")[0], one.split(": ")[1]) for one in refused(text)]
    assert places == [
        ("tieline.yaml:1:1", "app"),
        ("tieline.yaml:5:19", "apps.hubspot.auth.token"),
        ("tieline.yaml:6:11", "apps.hubspot.rate"),
        ("tieline.yaml:7:15", "apps.erp.type"),
        ("tieline.yaml:7:39", "apps.erp.auth.password"),
        ("tieline.yaml:8:3", "apps.ask"),
        ("tieline.yaml:8:67", "apps.ask.auth.password"),
        ("tieline.yaml:11:24", "connections.sales.between[1]"),
        ("tieline.yaml:12:11", "connections.sales.poll"),
        ("tieline.yaml:13:5", "connections.sales.dealz"),
        ("tieline.yaml:15:18", "connections.sales.deals.direction"),
        ("tieline.yaml:16:40", "connections.sales.deals.conflicts.window"),
        ("tieline.yaml:17:18", "connections.sales.deals.pipelines"),
        ("tieline.yaml:20:11", "connections.sales.deals.fields[1]"),
        ("tieline.yaml:22:14", "connections.other.between"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("url: https", "urll: https", "5:5: apps.erp.urll: unknown key; did you mean 'url'?"),
        ("fields:", "feilds:", "17:7: connections.sales.deals.feilds: unknown key; did you mean"),
        (
            "type: tryton",
            "type: trytn",
            "4:11: apps.erp.type: no connector 'trytn' is installed; did",
        ),
        ("    type: tryton\n", "", "4:5: apps.erp: `type` is missing"),
        ("type: tryton", "type: addressbook", "9:24: connections.sales.between[1]: erp (Address"),
        ("  erp:", "  both:", "3:3: apps.both: 'both' has a meaning of its own"),
        ("  erp:", "  e.r:", '3:3: apps."e.r": a name starts with a letter'),
        ("[hubspot, erp]", "[hubspot, hubspot]", "9:14: connections.sales.between: both sides are"),
        ("[hubspot, erp]", "[hubspot]", "9:14: connections.sales.between: needs exactly 2 values"),
        ("[hubspot, erp]", "hubspot", "9:14: connections.sales.between: needs a list, not 'hub"),
        (
            "    deals:",
            "    poll: 10\n    deals:",
            "10:11: connections.sales.poll: '10' is not a d",
        ),
        ("    deals:", "    poll: 1ms\n    deals:", "10:11: connections.sales.poll: is too often"),
        (
            "    deals:",
            "    orders: 0\n    deals:",
            "10:13: connections.sales.orders: needs `int` >",
        ),
        (
            "    deals:",
            "    orders: x\n    deals:",
            "10:13: connections.sales.orders: needs a whole",
        ),
        (
            "    deals:",
            "    timezone: Mars\n    deals:",
            "10:15: connections.sales.timezone: 'Mars'",
        ),
        (
            "    deals:",
            "    retry: {last: 1s}\n    deals:",
            "10:19: connections.sales.retry.last: is",
        ),
        ("    deals:", "    late:\n    deals:", "10:5: connections.sales.late: is empty; give it"),
        (
            "      pipelines:",
            "      direction: up\n      pipelines:",
            "11:18: connections.sales.deals",
        ),
        (
            "      pipelines:",
            "      create: [x]\n      pipelines:",
            "11:16: connections.sales.deals",
        ),
        ("lead\n", "\n", '15:13: connections.sales.deals.pipelines[0].stages."Appointment Sch'),
        ("https://erp", "https://me:pw@erp", "5:10: apps.erp.url: a password must not stand in"),
        ("apps:\n", "apps: [1]\nx:\n", "1:7: apps: needs a mapping by name, not a list"),
    ],
)
def test_a_single_mistake_is_named_at_its_place(
    refused: Refused, old: str, new: str, problem: str
) -> None:
    expect(refused(change(old, new)), problem)


def test_what_the_direction_forbids_is_refused(refused: Refused) -> None:
    text = deals("direction: to-erp\ncreate: [erp, hubspot]")
    text = change("erp: amount}", "erp: amount, direction: to-hubspot}", text)
    problems = refused(text)
    assert [one.split(": ")[1] for one in problems] == [
        "connections.sales.deals.fields[1].direction",
        "connections.sales.deals.create[1]",
    ]


def test_a_field_that_is_written_twice_is_refused_with_both_lines(refused: Refused) -> None:
    (problem,) = refused(change("erp: amount}", "erp: description}"))
    assert problem.startswith("tieline.yaml:19:34: connections.sales.deals.fields[1].erp:")
    assert "(also in line 18)" in problem


def test_one_field_may_feed_two_in_a_one_way_sync(load: Load) -> None:
    text = change("{hubspot: amount,", "{hubspot: dealname,", deals("direction: to-erp"))
    assert len(load(text).specs()[0].fields) == 2


def test_a_connection_without_anything_to_sync_is_refused(refused: Refused) -> None:
    (problem,) = refused(GOOD.partition("    deals:\n")[0])
    assert (
        problem == "tieline.yaml:9:5: connections.sales: nothing syncs; "
        "add deals:, contacts: or companies:"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1:1: the file is empty"),
        ("# nothing\n", "1:1: the file is empty"),
        ("- a\n", "1:1: the file must hold a mapping of keys, not a list"),
        ("apps:\n\thubspot: {}\n", "2:1: a tab stands where YAML allows only spaces"),
        ("apps: {a: 1\nb: 2\n", "2:2: not YAML: while parsing a flow mapping (it began in line 1)"),
        ("apps: 'x\n", "2:1: not YAML: while scanning a quoted scalar (it began in line 1)"),
        ("a: b: c\n", "1:5: a second `key:` on one line"),
        ("a: *x\n", "1:4: not YAML: found undefined alias 'x'"),
        ("a: 1\n---\nb: 2\n", "2:1: a second YAML document begins"),
        ("a: 1\nb: \x07\n", "2:4: YAML does not allow this control character"),
        (b"a: 1\nb: \xff\n", "2:4: this is not UTF-8 text"),
        ("a: &x [*x]\n", "1:1: the file is nested too deep"),
        ("a: !vault x\n", "1:4: a: the tag '!vault' is not known"),
        ("? [a]\n: 1\n", "1:3: a key must be plain text"),
        ("x: &x {a: 1}\ny:\n  <<: *x\n", "3:3: y: `<<` is not supported"),
        ("apps: 1\napps: 2\n", "2:1: apps: the key is there twice (also in line 1)"),
    ],
)
def test_what_is_not_yaml_or_not_ours_is_said_with_its_place(
    refused: Refused, text: str | bytes, problem: str
) -> None:
    expect(refused(text), problem)


def test_every_duplicate_key_is_found_also_deep_down(refused: Refused) -> None:
    text = change("Closed Won: converted", "Appointment Scheduled: converted")
    text = change("    url:", "    url: x\n    url:", text)
    assert [one.split(": ")[0] for one in refused(text)] == [
        "tieline.yaml:6:5",
        "tieline.yaml:17:13",
    ]


def test_aliases_of_aliases_do_not_eat_the_memory(refused: Refused) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (problem,) = refused("\n".join(lines))
    assert "unfolds to more than" in problem


def test_a_missing_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml:1:1: cannot be read: no such file"):
        load_config(tmp_path / "none.yaml", environment={}, finder=FINDER)


def test_the_store_lies_beside_the_file_unless_systemd_or_the_file_says_otherwise(
    load: Load, tmp_path: Path
) -> None:
    assert load().daemon.store == tmp_path / "tieline.db"
    under_systemd = {"HUB_TOKEN": "x", "ERP_PASSWORD": "y", "STATE_DIRECTORY": "/var/lib/tl"}
    assert load(GOOD, under_systemd).daemon.store == Path("/var/lib/tl/tieline.db")
    text = GOOD + 'daemon: {store: data/x.db, listen: "[::1]:0", log: {level: debug}}\n'
    daemon = load(text).daemon
    assert (daemon.store, daemon.host, daemon.port) == (tmp_path / "data/x.db", "::1", 0)
    assert daemon.log_level == "debug"


@pytest.mark.parametrize("listen", ["9464", "localhost", "127.0.0.1:http", "127.0.0.1:70000", ":1"])
def test_an_address_needs_host_and_port(refused: Refused, listen: str) -> None:
    (problem,) = refused(GOOD + f"daemon:\n  listen: '{listen}'\n")
    assert problem.startswith("tieline.yaml:21:11: daemon.listen: needs an address and a port")
