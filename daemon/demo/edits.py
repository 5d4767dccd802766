"""Edits by people in both apps, each followed by what arrived where, how soon, and why."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from daemon.demo.deals import Pair, Pairing
from daemon.demo.failing import expect
from daemon.demo.processes import wait_until
from daemon.demo.stage import Stage
from daemon.demo.tryton import money

NAME_UNIT, AMOUNT_UNIT, STAGE_UNIT = "dealname=description", "amount=amount", "stage"
CLOSE_UNIT = "closedate=end_date"
UNMAPPED = "Presentation Scheduled"


def show_edits(stage: Stage) -> None:
    """Show one edit of each kind, each on a deal of its own."""
    pairing = stage.pairing()
    leads = iter(_leads(pairing))
    edit_in_hubspot(stage, next(leads))
    edit_in_tryton(stage, _born_in_tryton(pairing))
    move_stage(stage, next(leads))
    edit_both(stage, next(leads))
    edit_unmapped(stage)


def _leads(pairing: Pairing) -> list[Pair]:
    """Return the pairs that came from HubSpot and that nothing locks."""
    found = [
        pair
        for pair in pairing.pairs
        if pair.tryton.copy_of and pair.tryton.stage == "lead" and pair.hubspot.amount
    ]
    expect(len(found) >= 3, f"only {len(found)} deals are leads with an amount")
    return found


def _born_in_tryton(pairing: Pairing) -> Pair:
    return next(
        pair
        for pair in pairing.pairs
        if pair.hubspot.copy_of and pair.tryton.stage == "opportunity"
    )


def _raised(pair: Pair, percent: int) -> Decimal:
    assert pair.hubspot.amount is not None
    return (pair.hubspot.amount * (100 + percent) / 100).quantize(Decimal("0.01"))


def edit_in_hubspot(stage: Stage, pair: Pair) -> None:
    """Change a name and an amount in HubSpot."""
    screen, who = stage.screen, stage.person
    screen.title("An edit in HubSpot")
    name, amount = f"{pair.hubspot.name} (signed)", _raised(pair, 10)
    screen.act(f"{who.name} changes name and amount of deal {pair.hubspot.id} in HubSpot")
    stage.hubspot.edit(who, pair.hubspot.id, {"dealname": name, "amount": str(amount)})
    after, took = stage.wait_for(pair, "name", name)
    stage.expect_equal(after)
    stage.show_pair(pair, after, ("name", "amount"))
    screen.good(f"equal in both apps {took:.1f} s later")
    stage.tell_why(after, AMOUNT_UNIT)


def edit_in_tryton(stage: Stage, pair: Pair) -> None:
    """Change a name and the expected day in Tryton."""
    screen = stage.screen
    screen.title("An edit in Tryton")
    name, day = f"{pair.tryton.name}, second offer", date.today() + timedelta(days=45)
    screen.act(f"the administrator changes name and end date of deal {pair.tryton.id} in Tryton")
    stage.tryton.edit(pair.tryton.id, {"description": name, "end_date": day.isoformat()})
    after, took = stage.wait_for(pair, "name", name)
    stage.expect_equal(after)
    stage.show_pair(pair, after, ("name", "close day"))
    screen.good(f"equal in both apps {took:.1f} s later")
    stage.tell_why(after, NAME_UNIT)


def move_stage(stage: Stage, pair: Pair) -> None:
    """Close a deal in HubSpot as lost; Tryton dates it, and HubSpot takes the date over."""
    screen, who = stage.screen, stage.person
    screen.title("A stage move")
    said = datetime.now(UTC) - timedelta(days=10)
    screen.act(
        f"{who.name} drags deal {pair.hubspot.id} in HubSpot to Closed Lost,"
        f" and says that it ended ten days ago"
    )
    values = {
        "dealstage": stage.hubspot.stage_id("Closed Lost"),
        "closedate": said.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    stage.hubspot.edit(who, pair.hubspot.id, values)
    closed, took = stage.wait_for(pair, "stage", "lost")
    day = closed.tryton.value("close day")
    screen.good(f"lost in Tryton {took:.1f} s later, by its button `lost`")
    stage.tell_why(closed, STAGE_UNIT)
    after, more = stage.wait_for(closed, "close day", day)
    expect(day != said.date().isoformat(), "Tryton did not date the lost deal itself")
    stage.expect_equal(after)
    screen.good(f"Tryton dates and locks a deal as it closes: HubSpot has that day {more:.1f} s on")
    stage.tell_why(after, CLOSE_UNIT)
    stage.show_pair(pair, after, ("stage", "close day"))


def edit_both(stage: Stage, pair: Pair) -> None:
    """Change the same field in both apps at almost the same moment."""
    screen, who = stage.screen, stage.person
    screen.title("A conflict")
    theirs, ours = _raised(pair, 25), _raised(pair, 50)
    screen.act(f"{who.name} sets the amount of deal {pair.hubspot.id} in HubSpot to {theirs}")
    screen.act(f"at the same moment Tryton's administrator sets it to {ours}")
    started = time.monotonic()
    stage.tryton.edit(pair.tryton.id, {"amount": money(ours)})
    stage.hubspot.edit(who, pair.hubspot.id, {"amount": str(theirs)})
    apart = time.monotonic() - started
    after, took = stage.wait_for(pair, "amount", f"{theirs} {pair.hubspot.currency}")
    stage.settled_story("hubspot", pair.hubspot.id)
    after = stage.read(after)
    stage.expect_equal(after)
    stage.show_pair(pair, after, ("amount",))
    screen.good(f"both edits were made within {apart:.1f} s; equal in both apps {took:.1f} s later")
    _show_conflict(stage, pair, theirs, ours)


def _show_conflict(stage: Stage, pair: Pair, theirs: Decimal, ours: Decimal) -> None:
    found = [one for one in stage.tieline.conflicts() if one.left.record == pair.hubspot.id]
    expect(len(found) == 1, f"{len(found)} conflicts were recorded, not one")
    (one,) = found
    expect(Decimal(one.left.values[0] or 0) == theirs, f"recorded for HubSpot: {one.left.values}")
    expect(Decimal(one.right.values[0] or 0) == ours, f"recorded for Tryton: {one.right.values}")
    expect(one.winner == "hubspot", f"the winner is {one.winner!r}, not HubSpot")
    screen = stage.screen
    screen.good("`tieline conflicts --all` keeps both values:")
    rows = [
        (side.app, " ".join(raw or "" for raw in side.values), side.edited, word)
        for side, word in ((one.left, "kept"), (one.right, "overruled"))
    ]
    screen.table(("app", one.field, "edited", ""), rows)
    stage.tell_why(pair, AMOUNT_UNIT)


def edit_unmapped(stage: Stage) -> None:
    """Edit a deal whose stage the configuration does not map: nothing happens, and it says why."""
    screen, who = stage.screen, stage.person
    screen.title("A deal in a stage that is not mapped")
    deals = stage.hubspot.deals().values()
    deal = next(one for one in deals if one.app_stage == UNMAPPED and one.amount)
    before = stage.tryton.last_change(), len(stage.tryton.deals())
    screen.act(f"{who.name} sets the amount of deal {deal.id} ({UNMAPPED}) in HubSpot to 77777")
    stage.hubspot.edit(who, deal.id, {"amount": "77777"})

    def has_seen() -> bool:
        (end,) = stage.tieline.story("hubspot", deal.id)["ends"]
        return bool(end["values"]["amount"] == "77777")

    took = wait_until(has_seen, "tieline has seen the edit", stage.tieline.daemon)
    after = stage.tryton.last_change(), len(stage.tryton.deals())
    expect(after == before, "something changed in Tryton")
    copies = [one for one in stage.tryton.deals().values() if one.copy_of == deal.id]
    expect(not copies, f"Tryton has a copy of HubSpot {deal.id}")
    screen.good(f"tieline saw the edit within {took:.1f} s, and nothing changed in Tryton")
    story = stage.tieline.story("hubspot", deal.id)
    expect(story["status"] == "excluded" and UNMAPPED in story["reason"], f"it is {story}")
    screen.why(f"{story['status']}: {story['reason']}")
