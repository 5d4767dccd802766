"""Many deals, then many random edits on both sides, compared from outside: `make soak`.

Prints how long each step took and how many API calls it cost HubSpot.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.e2e.world import World, running_world, wait


def main() -> int:
    """Run it; 0 if both systems say the same in the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deals", type=int, default=5000)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sandbox = ("--deals", str(options.deals), "--seed", str(options.seed))
        with running_world(Path(folder), *sandbox, erp_deals=100) as world:
            return _soak(world, options.edits, random.Random(options.seed))


def _soak(world: World, edits: int, rng: random.Random) -> int:
    before = world.last_call()
    started = time.monotonic()
    world.tieline("run", "--once", timeout=1800)
    seconds = time.monotonic() - started
    pairs = world.pairs()
    wrong = world.differences()
    print(f"backfill: {len(pairs)} pairs in {seconds:.1f} s, {len(wrong)} differences")
    _show_calls(world, before, len(world.hubspot_deals()))
    open_pairs = [one for one in pairs if world_stage(world, pairs[one]) != "lost"]
    before = world.last_call()
    with world.daemon():
        started = time.monotonic()
        for number in range(edits):
            _edit_something(world, rng, rng.choice(open_pairs), pairs, number)
        print(f"{edits} edits made in {time.monotonic() - started:.1f} s")
        started = time.monotonic()
        wait(lambda: not _unexplained(world), 300, lambda: _unexplained(world)[:5], pause=15)
        print(f"equal {time.monotonic() - started:.1f} s after the last edit")
    _show_calls(world, before, edits)
    wrong += _unexplained(world)
    print("\n".join(wrong[:20]) or "both systems say the same")
    return 1 if wrong else 0


def _unexplained(world: World) -> list[str]:
    """Differences but for those of records that are failing with a reason of their own.

    Tryton locks an opportunity's currency, so an amount in another one is refused there.
    """
    return [one for one in world.differences() if not _is_failing(world, one.split()[1])]


def _is_failing(world: World, record_id: str) -> bool:
    told = world.tieline("explain", "hubspot", record_id).stdout
    return "failing" in told and "refused it" in told


_STAGES: dict[str, str] = {}


def world_stage(world: World, erp_id: str) -> str:
    """Return an opportunity's state, of one reading of all."""
    if not _STAGES:
        _STAGES.update({deal.id: deal.stage for deal in world.erp_deals().values()})
    return _STAGES[erp_id]


def _edit_something(
    world: World, rng: random.Random, deal: str, pairs: dict[str, str], number: int
) -> None:
    match rng.randrange(5):
        case 0:
            world.edit_hubspot(deal, dealname=f"named {number}")
        case 1:
            world.edit_hubspot(deal, amount=f"{rng.randrange(1, 99999)}.25")
        case 2:
            world.edit_erp(pairs[deal], description=f"described {number}")
        case 3:
            end = {"__class__": "date", "year": 2027, "month": 1 + number % 12, "day": 15}
            world.edit_erp(pairs[deal], end_date=end)
        case _:
            stage = rng.choice(["appointmentscheduled", "qualifiedtobuy"])
            world.edit_hubspot(deal, dealstage=stage)


def _show_calls(world: World, since: int, records: int) -> None:
    calls = [one for one in world.hubspot.log(since)["requests"] if one["token"] == "sandbox"]
    kinds = Counter(f"{one['method']} {one['path'].rpartition('/deals')[2]}" for one in calls)
    print(f"  {len(calls)} calls of HubSpot's API, {1000 * len(calls) / records:.1f} per 1,000")
    for kind, count in kinds.most_common(8):
        print(f"    {count:5} {kind}")


if __name__ == "__main__":
    sys.exit(main())
