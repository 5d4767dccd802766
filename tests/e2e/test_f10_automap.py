"""From an empty sync to one that runs, by what automap proposes (F10)."""

from __future__ import annotations

import pytest

from tests.e2e.test_deals import new_deal
from tests.e2e.world import World

pytestmark = pytest.mark.timeout(180)


def test_f10_automap_fills_an_empty_sync_that_then_runs(world: World) -> None:
    text = world.configure()
    file = world.folder / "tieline.yaml"
    empty = text[: text.index("      pipelines:")]
    file.write_text(empty)
    assert world.tieline("check").returncode != 0

    answer = world.ask("automap", "--write", "--min-score", "0.5")
    (sync,) = answer["syncs"]
    (pipeline,) = sync["pipelines"]
    assert (pipeline["left"]["label"], pipeline["right"]["id"]) == (
        "Sales Pipeline",
        "opportunities",
    )
    stages = {(one["left"]["id"], one["right"]["id"]) for one in pipeline["stages"]}
    assert {("closedwon", "won"), ("closedlost", "lost")} <= stages
    assert not stages & {("closedwon", "lost"), ("closedlost", "won")}
    fields = {(one["left"]["id"], one["right"]["id"]) for one in sync["fields"]}
    assert {("dealname", "description"), ("amount", "amount"), ("closedate", "end_date")} <= fields
    assert file.read_text().startswith(empty)

    assert world.tieline("check").returncode == 0
    new_deal(world, "Pumps", amount="1000.00")
    assert world.tieline("run", "--once").returncode == 0
    (copy,) = world.erp_deals().values()
    assert (copy.name, str(copy.amount)) == ("Pumps", "1000.00")
