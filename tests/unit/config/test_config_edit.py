"""Edits of the files: what is added is there, and every other character stays."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.spec import Direction, FieldSpec, PipelineSpec
from daemon.config.edit import AddFields, AddStages, Edit, edit_config
from daemon.config.load import load_config
from daemon.config.problems import ConfigError
from daemon.config.settings import Config
from tests.support.configs import FINDER, GOOD, SECRETS

PIPELINES = ("Sales Pipeline", "opportunities")

Change = Callable[..., str]


def config_of(folder: Path) -> Config:
    return load_config(folder / "tieline.yaml", environment=SECRETS, finder=FINDER)


@pytest.fixture
def change(tmp_path: Path) -> Change:
    """Write a configuration, edit it, return the main file's text."""

    def write_and_edit(text: str, *edits: Edit) -> str:
        file = tmp_path / "tieline.yaml"
        file.write_bytes(text.encode())
        edit_config(file, edits, environment=SECRETS, finder=FINDER)
        return file.read_bytes().decode()

    return write_and_edit


def stages(*pairs: tuple[str, str], left: str = PIPELINES[0], right: str = PIPELINES[1]) -> Edit:
    return AddStages(connection="sales", object="deals", left=left, right=right, stages=pairs)


def fields(*pairs: tuple[str, str], direction: Direction | None = None) -> Edit:
    lines = tuple(FieldSpec(left=one, right=two, direction=direction) for one, two in pairs)
    return AddFields(connection="sales", object="deals", fields=lines)


def shared(one: str, two: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = enumerate(zip(one, two, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(two)))


def added(before: str, after: str) -> str:
    """Return the one stretch that is in `after` only, without the line ends around it."""
    end = shared(before[::-1], after[::-1])
    start = shared(before[: len(before) - end], after)
    assert before == after[:start] + after[len(after) - end :]
    return after[start : len(after) - end].strip("\n")


def test_fields_go_below_the_last_one(change: Change) -> None:
    after = change(GOOD, fields(("closedate", "end_date"), ("description", "comment")))
    assert after == GOOD + (
        "        - {hubspot: closedate, erp: end_date}\n"
        "        - {hubspot: description, erp: comment}\n"
    )


def test_comments_stay_where_they_are(change: Change) -> None:
    text = GOOD.replace("Closed Won: converted", "Closed Won: converted  # and paid").replace(
        "      fields:\n",
        "          # more stages to come\n\n      # what is copied\n      fields:\n",
    )
    after = change(text, stages(("Closed Lost", "lost")), fields(("closedate", "end_date")))
    assert (
        after
        == text.replace("# and paid\n", "# and paid\n            Closed Lost: lost\n")
        + "        - {hubspot: closedate, erp: end_date}\n"
    )


def test_a_new_pipeline_goes_below_the_others(change: Change, tmp_path: Path) -> None:
    after = change(GOOD, stages(("New", "lead"), ("Won", "won"), left="Partners", right="leads"))
    assert added(GOOD, after) == (
        "        - hubspot: Partners\n"
        "          erp: leads\n"
        "          stages:\n"
        "            New: lead\n"
        "            Won: won"
    )
    (spec,) = config_of(tmp_path).specs()
    assert spec.pipelines[1] == PipelineSpec(
        left="Partners", right="leads", stages=(("New", "lead"), ("Won", "won"))
    )


def test_two_edits_of_one_new_pipeline_make_one(change: Change, tmp_path: Path) -> None:
    where = {"left": "Partners", "right": "leads"}
    change(GOOD, stages(("New", "lead"), **where), stages(("Won", "won"), **where))
    (spec,) = config_of(tmp_path).specs()
    assert [one.left for one in spec.pipelines] == ["Sales Pipeline", "Partners"]
    assert spec.pipelines[1].stages == (("New", "lead"), ("Won", "won"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Closed Won: converted", "Closed Won: [converted, won]"),
        ("Closed Won: [converted]", "Closed Won: [converted, won]"),
        ("Closed Won: [converted,]", "Closed Won: [converted, won,]"),
        (
            "Closed Won:\n              - converted\n",
            "Closed Won:\n              - converted\n              - won\n",
        ),
        (
            "Closed Won:\n            - converted\n",
            "Closed Won:\n            - converted\n            - won\n",
        ),
        ('"Closed Won": "converted" # c', '"Closed Won": ["converted", won] # c'),
    ],
)
def test_a_stage_gets_a_second_counterpart(change: Change, old: str, new: str) -> None:
    text = GOOD.replace("Closed Won: converted", old)
    assert change(text, stages(("Closed Won", "won"))) == text.replace(old, new)


@pytest.mark.parametrize(
    ("old", "more", "end"),
    [
        ("{A: b", ", Closed Won: won, B: [x, z]", "}"),
        ("{A: b", ", Closed Won: won, B: [x, z]", ", }"),
        ("{A: [b]", ", Closed Won: won, B: [x, z]", "}"),
        ("[[A, b]", ", [Closed Won, won], [B, x], [B, z]", "]"),
        ("\n- [A, b]", "\n- [Closed Won, won]\n- [B, x]\n- [B, z]", ""),
        ("\n- {hubspot: A, erp: b}", "\n- [Closed Won, won]\n- [B, x]\n- [B, z]", "  # c"),
        ("\n  - - A\n    - b", "\n  - [Closed Won, won]\n  - [B, x]\n  - [B, z]", "\n# c"),
        ("\n  A: b", "\n  Closed Won: won\n  B: [x, z]", " # c"),
        ('\n  "A":\n  - b', "\n  Closed Won: won\n  B: [x, z]", ""),
    ],
)
def test_pairs_are_added_however_they_are_written(
    change: Change, old: str, more: str, end: str
) -> None:
    """What comes after `old` on its own line stays behind it in a list on one line only."""
    is_block = more.startswith("\n")
    written = "\n            Appointment Scheduled: lead\n            Closed Won: converted"
    indent = "\n" + " " * 10
    text, expected = (
        GOOD.replace(written, f" {one}".replace("\n", indent))
        for one in (f"{old}{end}", f"{old}{end}{more}" if is_block else f"{old}{more}{end}")
    )
    after = change(text, stages(("Closed Won", "won"), ("B", "x"), ("B", "z")))
    if is_block and end.startswith("\n"):
        expected = GOOD.replace(written, f" {old}{more}{end}".replace("\n", indent))
    assert after == expected


FLOW = """\
apps:
  hubspot: {type: hubspot, auth: {token: "${env:HUB_TOKEN}"}}
  erp: {type: tryton, url: "https://x/", auth: {user: sync, password: "${env:ERP_PASSWORD}"}}
connections: {sales: {between: [hubspot, erp], deals: {}}}
"""


def test_a_sync_on_one_line_stays_on_one_line(change: Change, tmp_path: Path) -> None:
    after = change(FLOW, stages(("Closed Won", "won")), fields(("dealname", "description")))
    assert added(FLOW, after) == (
        "pipelines: [{hubspot: Sales Pipeline, erp: opportunities, stages: {Closed Won: won}}],"
        " fields: [{hubspot: dealname, erp: description}]"
    )


def test_lists_that_are_not_there_are_made(change: Change) -> None:
    text = GOOD[: GOOD.index("      pipelines:")] + "      direction: both\n# end"
    after = change(text, stages(("Closed Won", "won")), fields(("dealname", "description")))
    assert added(text, after) == (
        "      pipelines:\n"
        "        - hubspot: Sales Pipeline\n"
        "          erp: opportunities\n"
        "          stages:\n"
        "            Closed Won: won\n"
        "      fields:\n"
        "        - {hubspot: dealname, erp: description}"
    )


def test_an_empty_sync_gets_lines_of_its_own(change: Change) -> None:
    text = GOOD[: GOOD.index("    deals:")] + "    deals: {} # soon\n    poll: 5s\n"
    after = change(text, fields(("dealname", "description")), fields(("amount", "amount")))
    assert after == text.replace(
        "deals: {} # soon\n",
        "deals: # soon\n      fields:\n        - {hubspot: dealname, erp: description}\n"
        "        - {hubspot: amount, erp: amount}\n",
    )


def test_a_mapping_file_is_edited_where_the_sync_stands(tmp_path: Path) -> None:
    main = GOOD[: GOOD.index("    deals:")]
    part = "connection: sales\ndeals:\n  fields:\n  - {hubspot: dealname, erp: description} # it\n"
    (tmp_path / "mappings").mkdir()
    (tmp_path / "tieline.yaml").write_text(main)
    (tmp_path / "mappings/sales.yaml").write_text(part)
    edits = [fields(("amount", "amount"), direction=Direction.TO_RIGHT)]
    files = edit_config(tmp_path / "tieline.yaml", edits, environment=SECRETS, finder=FINDER)
    assert files == (tmp_path / "mappings/sales.yaml",)
    assert (tmp_path / "tieline.yaml").read_text() == main
    assert (tmp_path / "mappings/sales.yaml").read_text() == (
        part + "  - {hubspot: amount, erp: amount, direction: to-erp}\n"
    )


def test_what_is_there_already_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "tieline.yaml"
    file.write_text(GOOD)
    before = file.stat().st_ino
    edits = [stages(("Closed Won", "converted")), fields(("amount", "amount"))]
    assert edit_config(file, edits, environment=SECRETS, finder=FINDER) == ()
    assert file.stat().st_ino == before


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_line_ends_and_the_mark_of_utf8_stay(change: Change, newline: str, bom: str) -> None:
    text = bom + GOOD.rstrip("\n").replace("\n", newline)
    after = change(text, fields(("closedate", "end_date")))
    assert after == text + f"{newline}        - {{hubspot: closedate, erp: end_date}}"


def test_the_file_keeps_its_rights_and_its_link(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    real = tmp_path / "kept/tieline.yaml"
    real.write_text(GOOD)
    real.chmod(0o640)
    file = tmp_path / "tieline.yaml"
    file.symlink_to(real)
    edit_config(file, [fields(("a", "b"))], environment=SECRETS, finder=FINDER)
    assert file.is_symlink()
    assert "{hubspot: a, erp: b}" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [one.name for one in (tmp_path / "kept").iterdir()] == ["tieline.yaml"]


@pytest.mark.parametrize(
    ("text", "edit", "place"),
    [
        (
            GOOD,
            AddFields(connection="x", object="deals", fields=()),
            "tieline.yaml:1:1: there is no connection 'x'; there are: sales",
        ),
        (
            GOOD,
            AddFields(connection="sales", object="contacts", fields=()),
            "tieline.yaml:9:5: connections.sales: contacts do not sync here; add `contacts:` first",
        ),
        (
            GOOD,
            AddStages(connection="sales", object="deals", left="new", right="new", stages=()),
            "tieline.yaml:19:19: connections.sales.deals.pipelines[1].stages: no stage is mapped",
        ),
        (
            GOOD.replace("fields:\n", "fields: &same\n")
            + "  more:\n    between: [hubspot, erp]\n    deals:\n      fields: *same\n",
            AddFields(connection="more", object="deals", fields=(FieldSpec(left="x", right="y"),)),
            "tieline.yaml:24:7: connections.more.deals: `fields` is an alias",
        ),
        (
            GOOD,
            AddFields(
                connection="sales", object="deals", fields=(FieldSpec(left="dealname", right="y"),)
            ),
            "tieline.yaml:21:21: connections.sales.deals.fields[3].hubspot: ",
        ),
        ("apps: {", stages(("a", "b")), "tieline.yaml:1:"),
    ],
)
def test_what_cannot_be_added_is_refused_and_touches_nothing(
    tmp_path: Path, text: str, edit: Edit, place: str
) -> None:
    file = tmp_path / "tieline.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        edit_config(file, [fields(("a", "b")), edit], environment=SECRETS, finder=FINDER)
    assert str(caught.value).replace(f"{tmp_path}/", "").startswith(place)
    assert file.read_text() == text
    assert list(tmp_path.iterdir()) == [file]


def test_a_change_by_someone_else_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tieline.yaml"
    file.write_text(GOOD)
    theirs = GOOD + "# theirs\n"

    def load_late(*args: object, **options: object) -> Config:
        file.write_text(theirs)
        return load_config(*args, **options)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr("daemon.config.edit.load_config", load_late)
    with pytest.raises(ConfigError, match="someone else"):
        edit_config(file, [fields(("a", "b"))], environment=SECRETS, finder=FINDER)
    assert file.read_text() == theirs


names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")),
    min_size=1,
    max_size=30,
).filter(lambda text: text.isprintable())


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    pairs=st.lists(st.tuples(names, names), min_size=1, max_size=4, unique_by=lambda one: one[0])
)
@pytest.mark.parametrize("text", [GOOD, FLOW], ids=["block", "flow"])
def test_any_name_is_read_back_as_it_is(
    change: Change, tmp_path: Path, text: str, pairs: list[tuple[str, str]]
) -> None:
    change(text, stages(*pairs))
    (spec,) = config_of(tmp_path).specs()
    assert spec.pipelines[0].stages[-len(pairs) :] == tuple(pairs)
