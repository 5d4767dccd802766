"""`python -m tests.simulation --seeds N`: run seeds on all cores and say what was found."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tests.simulation.run import Report, run_seed
from tests.simulation.scenario import LIMITED


def main() -> int:
    """Run what the command line asks for; 1 if any seed failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds to run")
    parser.add_argument("--start", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", help="run this one only")
    parser.add_argument("--trace", action="store_true", help="print the trace of the run")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--keep-going", type=int, default=5, help="stop after so many failures")
    parser.add_argument("--limits", action="store_true", help="under limits that hold things")
    options = parser.parse_args()
    if options.seed is not None:
        report = run_seed(options.seed, keep_lines=options.trace)
        for line in report.lines:
            print(line)
        return _summary([report], 0.0)
    began = time.perf_counter()
    seeds = range(options.start, options.start + options.seeds)
    names = [f"{LIMITED}{seed}" if options.limits else str(seed) for seed in seeds]
    reports = list(_until(_reports(names, options.jobs), options.keep_going))
    return _summary(reports, time.perf_counter() - began)


def _reports(seeds: Sequence[str], jobs: int) -> Iterator[Report]:
    if jobs == 1:
        yield from map(run_seed, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(run_seed, seeds)


def _until(reports: Iterable[Report], most: int) -> Iterator[Report]:
    """Pass reports on, printing failures as they come, until there are too many."""
    failed = 0
    for report in reports:
        if report.wrong:
            failed += 1
            print(f"seed {report.seed} FAILED:")
            for wrong in report.wrong[:8]:
                print(f"  {wrong}")
            print(f"  again: python -m tests.simulation --seed {report.seed} --trace", flush=True)
        yield report
        if failed >= most:
            print(f"stopped after {failed} failures")
            return


def _summary(reports: list[Report], wall_s: float) -> int:
    """Print what was run; 1 if any of it failed."""
    failed = [report for report in reports if report.wrong]
    hours = sum(report.simulated_s for report in reports) / 3600
    faults: Counter[str] = sum((report.faults for report in reports), Counter())
    if len(reports) == 1:
        for wrong in reports[0].wrong:
            print(wrong)
        print(f"seed {reports[0].seed}: trace {reports[0].digest}")
    rate = f"{len(reports) / wall_s:.1f} seeds/s, " if wall_s else ""
    print(f"{len(reports)} seeds, {rate}{hours:.0f} simulated hours, {len(failed)} failed")
    for name in ("edits", "writes", "calls", "lives", "steps"):
        print(f"  {name}: {sum(getattr(report, name) for report in reports)}")
    print("  faults: " + ", ".join(f"{name} {n}" for name, n in sorted(faults.items())))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
