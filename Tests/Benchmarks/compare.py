#!/usr/bin/env python3
# rtbridge: proxy CPU time per request, against its peers in the same run.
# SPDX-License-Identifier: Apache-2.0
"""Compares the bridge with other proxies by the CPU time that they take for a request.

The proxy has a core of its own; the load and the back-end share another. The figure is user and system time of all threads of
the proxy, in microseconds, divided by the requests that succeeded; memory jobs say what theirs is. Every round goes through
all jobs, and measures the bridge before and after each peer, so that a machine that is slow for a while is slow for both, and
in few of the rounds. Ratios that are not settled then have more rounds, the least certain first, until they are or the time is up.
"""
import argparse
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from suite import chart, machine, report
from suite.allocations import Allocations
from suite.bench import Bench
from suite.jobs import GROUPS, JOBS
from suite.measured import Impossible, Wrong
from suite.proxies import PEERS
from suite.rounds import Rounds
from suite.servers import TOP


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    quick = os.environ.get("QUICK", "0") not in ("", "0")
    parser.add_argument("--jobs", default=os.environ.get("JOBS"),
                        help="names, with commas between, or bars (the default), quick (those that have a bar, the default "
                        "of a quick run), scale, all (also: JOBS=…)")
    parser.add_argument("--peers", default=os.environ.get("PEERS", ",".join(PEERS)), help="whom to compare with")
    parser.add_argument("--quick", action="store_true", default=quick, help="some two minutes in all (also: QUICK=1)")
    parser.add_argument("--rounds", type=int, help="of every job at least: 7, quick 2; memory jobs have fewer")
    parser.add_argument("--seconds", type=float, help="of every measurement: 0.25, quick 0.1")
    parser.add_argument("--minutes", type=float, help="after which no further rounds begin beyond --rounds: 12, quick 0")
    parser.add_argument("--bridge", default=str(TOP / ".build" / "release" / "rtbridge"), help="the binary")
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=BINARY", help="another build, as a peer")
    parser.add_argument("--no-allocations", action="store_true", help="without the runs that count them")
    parser.add_argument("--json", metavar="FILE", help="also write all figures there")
    parser.add_argument("--svg", metavar="FILE", help="also draw the CPU times")
    parser.add_argument("--list", action="store_true", help="name the jobs, and end")
    options = parser.parse_args()
    for name, usual, quick_one in (("rounds", 7, 2), ("seconds", 0.25, 0.1), ("minutes", 12, 0)):
        value = getattr(options, name)
        if value is not None and (value < 0 or value == 0 and name != "minutes"):
            parser.error(f"--{name} is above 0")
        if value is None:
            setattr(options, name, quick_one if options.quick else usual)
    groups = {**GROUPS, "all": [job.name for job in JOBS]}
    options.jobs = [one for name in (options.jobs or ("quick" if options.quick else "bars")).replace(",", " ").split() for one in groups.get(name, [name])]
    options.peers = [name for name in options.peers.replace(",", " ").split() if name]
    options.builds = {"rtbridge": options.bridge, **dict(other.partition("=")[::2] for other in options.beside)}
    for names, known in ((options.jobs, [job.name for job in JOBS]), (options.peers, list(PEERS))):
        if unknown := [name for name in names if name not in known]:
            parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    for name, binary in options.builds.items():
        if not os.access(binary, os.X_OK) or os.path.isdir(binary):
            parser.error(f"{name}: no program at {binary or '(nothing)'}: run `make build`, or name one with --bridge")
    for path in filter(None, (options.json, options.svg)):
        if not Path(path).resolve().parent.is_dir():
            parser.error(f"{path}: there is no such folder")
    return options


class Run:
    """All jobs: first as many rounds of all as asked for, then further ones of the ratios that are the least certain."""

    def __init__(self, options, bench):
        self.options, self.bench = options, bench
        self.rounds, self.skipped, self.failed = {}, {}, {}
        self._passes = 0

    def measure(self):
        end = time.monotonic() + 60 * self.options.minutes
        jobs = [job for job in JOBS if job.name in self.options.jobs]
        for number in range(self.options.rounds):
            self._go_through([(job, None) for job in jobs if self._has_round(job, number)])
        while time.monotonic() < end and (due := self._least_certain()):
            self._go_through(due)

    def _has_round(self, job, number):
        if number == 0:
            return True
        rounds = self.rounds.get(job.name)
        return job.name not in {**self.skipped, **self.failed} and not rounds.is_full and not (
            self.options.quick and job.max_rounds)

    def _least_certain(self):
        """A third of the ratios that are not settled: then the next look, in a while, is at those that are worst then."""
        doubts = [(doubt, rounds, name) for rounds in self.rounds.values() if rounds.job.name not in self.failed
                  for name, doubt in rounds.unsettled().items()]
        doubts.sort(key=lambda one: one[0], reverse=True)
        worst = doubts[:math.ceil(len(doubts) / 3)]
        return [(rounds.job, names) for rounds in self.rounds.values()
                if (names := [name for _, its, name in worst if its is rounds])]

    def _go_through(self, due):
        """`due`: jobs, and with whom the bridge is compared; None: all."""
        started = time.monotonic()
        for job, others in due:
            try:
                rounds = self.rounds.get(job.name) or self.rounds.setdefault(job.name, Rounds(job, self.bench))
                rounds.measure(self.options.seconds, others)
            except Impossible as error:
                self.skipped[job.name] = str(error)
            except (Wrong, AssertionError, subprocess.CalledProcessError) as error:
                self.failed[job.name] = str(error)
        self._passes += 1
        print(f"round {self._passes}: {len(due)} jobs, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)

    def results(self):
        allocations = None if self.options.no_allocations else Allocations(self.bench, 0.05 if self.options.quick else 0.2)
        results = []
        for name, rounds in self.rounds.items():
            if name in self.failed or not rounds.count:
                continue
            try:
                results.append(rounds.summary(allocations))
            except Wrong as error:
                self.failed[name] = f"counting allocations: {error}"
        return results


def show(results, skipped, failed):
    print(report.header())
    for result in results:
        print(report.table(result))
    titles = {job.name: job.title for job in JOBS}
    for reasons, what in ((skipped, "left out"), (failed, "failed")):
        for name, reason in reasons.items():
            print(f"{titles[name]}: {what}: {reason}")
    print(report.LEGEND)
    print(report.verdict(results))


def main():
    options = arguments()
    if options.list:
        for job in JOBS:
            print(f"{job.name:<14} {job.title}")
        return
    started = time.time()
    # So that nothing is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("compare: stopped"))
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="rtbridge-bench-"))
        bench = Bench(directory, options.builds, options.peers, stack, options.quick)
        run = Run(options, bench)
        run.measure()
        results, skipped, failed = run.results(), run.skipped, run.failed
        versions = bench.versions()
    took = time.time() - started
    show(results, skipped, failed)
    print(f"It took {took:.0f} s.")
    if options.json:
        Path(options.json).write_text(json.dumps({
            "machine": machine.description(), "peers": versions, "rounds": options.rounds, "seconds": options.seconds,
            "startedAt": started, "took": took, "jobs": results, "leftOut": skipped, "failed": failed,
        }, indent=2) + "\n", encoding="utf-8")
    if options.svg:
        Path(options.svg).write_text(chart.svg(results), encoding="utf-8")
    if failed:
        raise SystemExit(f"compare: failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
