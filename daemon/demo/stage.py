"""What every scene works with, and the few things that all of them do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from daemon.demo.deals import FIELDS, Pair, Pairing, pair_up
from daemon.demo.failing import expect
from daemon.demo.hubspot import HubSpot, Person
from daemon.demo.processes import wait_until
from daemon.demo.screen import Screen
from daemon.demo.tieline import Tieline
from daemon.demo.tryton import Tryton

RULES = {
    "M3": "only HubSpot had changed since both last agreed (rule M3)",
    "M4": "only Tryton had changed since both last agreed (rule M4)",
    "M6": "both had changed, more than five minutes apart: the later edit wins (rule M6)",
    "M7": "both had changed within five minutes: a conflict, HubSpot is preferred (rule M7)",
    "M8": "never compared before: HubSpot is preferred, gaps are filled (rule M8)",
}
STORY_WITHIN_SECONDS = 15.0


class Stage(Struct, frozen=True, kw_only=True):
    """Both apps, tieline and the screen.

    Attributes:
        folder: where the configuration and the store are.
        config: the configuration as it was first written.
        token: HubSpot's, of tieline.
        url: the daemon's own address.
        variables: the environment that the configuration's secrets come from.
    """

    screen: Screen
    folder: Path
    config: str
    token: str
    url: str
    hubspot: HubSpot
    tryton: Tryton
    tieline: Tieline
    variables: Mapping[str, str]

    @property
    def person(self) -> Person:
        """Somebody who works in HubSpot."""
        return self.hubspot.people[0]

    def pairing(self) -> Pairing:
        """Read both apps whole."""
        return pair_up(self.hubspot.deals(), self.tryton.deals())

    def read(self, pair: Pair) -> Pair:
        """Read both deals of a pair anew."""
        return Pair(self.hubspot.deal(pair.hubspot.id), self.tryton.deal(pair.tryton.id))

    def wait_for(self, pair: Pair, field: str, value: str) -> tuple[Pair, float]:
        """Wait until both apps say `value`, and return the pair and the seconds it took."""
        last = pair

        def is_there() -> bool:
            nonlocal last
            last = self.read(pair)
            return last.hubspot.value(field) == value == last.tryton.value(field)

        took = wait_until(is_there, f"both apps say {field} = {value}", self.tieline.daemon)
        return last, took

    def settled_story(self, app: str, record_id: str, status: str = "in sync") -> Any:
        """Ask `tieline explain` once all is settled; the answer is the command's JSON."""
        story: Any = None

        def is_settled() -> bool:
            nonlocal story
            story = self.tieline.story(app, record_id)
            return story["status"] == status and not story["writes"]

        wait_until(
            is_settled,
            f"{app} {record_id} is {status}",
            self.tieline.daemon,
            within_seconds=STORY_WITHIN_SECONDS,
        )
        return story

    def tell_why(self, pair: Pair, field: str) -> None:
        """Tell why a field was written last, in the words of `tieline explain`."""
        story = self.settled_story("hubspot", pair.hubspot.id)
        lines = [one for one in story["history"] if one["field"] == field and not one["lost"]]
        expect(bool(lines), f"`tieline explain` tells nothing of {field}")
        last = max(lines, key=lambda line: str(line["at"]))
        self.screen.why(RULES.get(last["rule"], f"rule {last['rule']}"))

    def show_pair(self, before: Pair, after: Pair, fields: tuple[str, ...]) -> None:
        """Show fields of a pair in both apps, before and after."""
        rows = []
        for field in fields:
            for app, old, new in (
                ("HubSpot", before.hubspot, after.hubspot),
                ("Tryton", before.tryton, after.tryton),
            ):
                was, now = old.shown(field), new.shown(field)
                name = f"{app} {new.id}"
                rows.append((name, field, was, now if was != now else "(as it was)"))
        self.screen.table(("read back from", "field", "before", "after"), rows)

    def expect_equal(self, pair: Pair, fields: tuple[str, ...] = FIELDS) -> None:
        """Make sure that both sides of a pair are equal."""
        differences = pair.differences(fields)
        told = ", ".join(
            f"{one}: {pair.hubspot.value(one)} / {pair.tryton.value(one)}" for one in differences
        )
        where = f"HubSpot {pair.hubspot.id} and Tryton {pair.tryton.id}"
        expect(not differences, f"{where} differ: {told}")

    def next_commands(self) -> tuple[str, ...]:
        """Return what to type next."""
        pair = self.pairing().pairs[0]
        return (
            "tieline status",
            f"tieline explain hubspot {pair.hubspot.id}",
            "tieline conflicts --all",
            f"curl -s {self.url}/metrics | grep tieline_",
        )
