"""SIGHUP: one field more, and a file that is wrong."""

from __future__ import annotations

import re

from daemon.demo.backfill import compare_all, wait_until_settled
from daemon.demo.deals import COMMENT, FIELDS, Pair, Pairing
from daemon.demo.failing import expect
from daemon.demo.processes import wait_until
from daemon.demo.settings import NAME, NEW_FIELD, WRONG_STAGE, save, with_field, with_wrong_stage
from daemon.demo.stage import Stage

ARRIVE_WITHIN_SECONDS = 60.0
PLACE = re.compile(rf"^{re.escape(NAME)}:\d+:\d+: ")


def show_reloads(stage: Stage) -> None:
    """Add a field to the running daemon, then try to break it."""
    config = with_field(stage.config)
    expect(config != stage.config, "the configuration has no place for one field more")
    add_field(stage, config)
    refuse_broken_file(stage, config)


def add_field(stage: Stage, config: str) -> None:
    """Map one field more: it arrives in all deals that have it."""
    screen = stage.screen
    screen.title("One field more, while it runs")
    before = stage.pairing()
    tryton_first = _open(before)[0]
    stage.tryton.edit(tryton_first.tryton.id, {"comment": "Kari called: wants it in blue."})
    save(stage.folder, config)
    screen.act(f"{NAME} gets one line more, then: kill -HUP {stage.tieline.daemon.process.pid}")
    screen.yaml("+ " + NEW_FIELD.strip())
    health = stage.tieline.hang_up()
    expect(not health.refused, f"the configuration was refused: {health.refused}")
    screen.good("the daemon applied it without a restart")
    _show_arrival(stage)


def _open(pairing: Pairing) -> list[Pair]:
    return [one for one in pairing.pairs if one.tryton.stage != "lost" and not one.hubspot.comment]


def _show_arrival(stage: Stage) -> None:
    concerned = {one.hubspot.id for one in stage.pairing().pairs if _has_comment(one)}
    locked = {one.hubspot.id for one in stage.pairing().pairs if _has_comment(one) and _lost(one)}
    wanted = concerned - locked
    latest: list[Pair] = []

    def have_arrived() -> bool:
        nonlocal latest
        latest = [one for one in stage.pairing().pairs if one.hubspot.id in wanted]
        return not any(one.differences((COMMENT,)) for one in latest)

    screen = stage.screen
    with screen.waiting("the new field travels"):
        took = wait_until(
            have_arrived,
            "the new field is equal in all deals",
            stage.tieline.daemon,
            within_seconds=ARRIVE_WITHIN_SECONDS,
        )
    for_example = next(one for one in latest if one.tryton.copy_of)
    screen.good(f"{len(latest)} deals have a comment, equal in both apps {took:.1f} s later")
    screen.note(f"for example HubSpot {for_example.hubspot.id}: {for_example.tryton.comment}")
    _show_locked(stage, len(locked))


def _has_comment(pair: Pair) -> bool:
    return bool(pair.hubspot.comment or pair.tryton.comment)


def _lost(pair: Pair) -> bool:
    return pair.tryton.stage == "lost" and not pair.tryton.comment


def _show_locked(stage: Stage, count: int) -> None:
    """Lost deals are locked in Tryton: each says so, and none is forced."""
    failing = [one for one in wait_until_settled(stage)["counts"] if one["status"] == "failing"]
    told = sum(one["links"] for one in failing)
    expect(told == count, f"{told} deals are failing, not the {count} that Tryton locks")
    if failing:
        stage.screen.good(f"{count} lost deals keep their comment to themselves")
        stage.screen.why(failing[0]["reason"])


def refuse_broken_file(stage: Stage, config: str) -> None:
    """A file that is wrong is refused as a whole, and the old configuration runs on."""
    screen, tieline = stage.screen, stage.tieline
    screen.title("A broken file")
    broken = with_wrong_stage(config)
    expect(broken != config, "the configuration has no stage to break")
    save(stage.folder, broken)
    screen.act(f"{NAME} gets a typo ({WRONG_STAGE[:-1]!r}), then: kill -HUP")
    refused = tieline.hang_up().refused
    expect(bool(PLACE.match(refused)), f"no place in the file is named: {refused!r}")
    screen.good("refused as a whole, and told where:")
    screen.note(refused)
    told = tieline.metrics().sum("tieline_config_last_reload_successful")
    expect(told == 0, "/metrics does not tell that the reload failed")
    _show_running_on(stage)
    save(stage.folder, config)
    refused = tieline.hang_up().refused
    expect(not refused, f"the mended configuration was refused: {refused}")
    screen.good("the file is mended and applied")
    compare_all(stage, (*FIELDS, COMMENT))


def _show_running_on(stage: Stage) -> None:
    pair = next(one for one in stage.pairing().pairs if one.tryton.stage == "lead")
    comment = "Written while the file was broken."
    stage.screen.act(f"meanwhile the administrator comments deal {pair.tryton.id} in Tryton")
    stage.tryton.edit(pair.tryton.id, {"comment": comment})
    after, took = stage.wait_for(pair, COMMENT, comment)
    stage.show_pair(pair, after, (COMMENT,))
    stage.screen.good(f"the old configuration runs on: in HubSpot {took:.1f} s later")
