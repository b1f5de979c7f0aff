#!/usr/bin/env python3
# rtbridge: proxy CPU time per request, against its peers in the same run.
# SPDX-License-Identifier: Apache-2.0
"""Compares the bridge with other proxies by the CPU time that they take for a request.

The proxy has a core of its own; the load and the back-end share another. Every round measures all proxies of a job one after
the other, in an order that turns, so that a machine that is slow for a while is slow for all. The figure is user and system
time of all threads of the proxy, in microseconds, divided by the requests that succeeded; memory jobs say what theirs is.
"""
import argparse
import json
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from suite import chart, machine, report
from suite.allocations import Allocations
from suite.bench import Bench
from suite.jobs import GROUPS, JOBS
from suite.lanes import lanes
from suite.measured import Impossible, Wrong
from suite.proxies import PEERS
from suite.servers import TOP


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    quick = os.environ.get("QUICK", "0") not in ("", "0")
    parser.add_argument("--jobs", default=os.environ.get("JOBS") or "bars",
                        help="names, with commas between, or bars (the default), scale, all (also: JOBS=…)")
    parser.add_argument("--peers", default=os.environ.get("PEERS", ",".join(PEERS)), help="whom to compare with")
    parser.add_argument("--quick", action="store_true", default=quick, help="under two minutes in all (also: QUICK=1)")
    parser.add_argument("--rounds", type=int, help="of every job: 5, quick 3; memory jobs have fewer")
    parser.add_argument("--seconds", type=float, help="of every proxy in every round: 3, quick 0.2")
    parser.add_argument("--bridge", default=str(TOP / ".build" / "release" / "rtbridge"), help="the binary")
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=BINARY", help="another build, as a peer")
    parser.add_argument("--no-allocations", action="store_true", help="without the runs that count them")
    parser.add_argument("--json", metavar="FILE", help="also write all figures there")
    parser.add_argument("--svg", metavar="FILE", help="also draw the CPU times")
    parser.add_argument("--list", action="store_true", help="name the jobs, and end")
    options = parser.parse_args()
    if options.rounds is not None and options.rounds < 1 or options.seconds is not None and options.seconds <= 0:
        parser.error("--rounds and --seconds are above 0")
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.seconds = options.seconds or (0.2 if options.quick else 3)
    groups = {**GROUPS, "all": [job.name for job in JOBS]}
    options.jobs = [one for name in options.jobs.replace(",", " ").split() for one in groups.get(name, [name])]
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


def measure(job, bench, options, allocations):
    """All rounds of a job."""
    ways = {lane.name: lane.load for lane in lanes(job, bench)}
    rounds = {name: [] for name in ways}
    names = list(ways)
    limit = 1 if options.quick and job.max_rounds else job.max_rounds or options.rounds
    for number in range(min(options.rounds, limit)):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            try:
                rounds[name].append(ways[name].measure(options.seconds))
            except Wrong as error:
                raise Wrong(f"{name}: {error}") from error
    proxies = {name: getattr(load, "proxy", None) for name, load in ways.items()}
    memories = {name: machine.memory(proxy.pid) for name, proxy in proxies.items() if proxy}
    counts = allocations.count(job) if allocations and job.counts_allocations else None
    return report.summarise(job, rounds, memories, counts, bench.cores.can_scale)


def run(options, bench):
    """Returns the results, and why jobs were left out."""
    allocations = None if options.no_allocations else Allocations(bench, 0.05 if options.quick else 0.3)
    results, skipped = [], {}
    print(report.header(), flush=True)
    for job in (job for job in JOBS if job.name in options.jobs):
        try:
            results.append(measure(job, bench, options, allocations))
            print(report.table(results[-1]), flush=True)
        except Impossible as error:
            skipped[job.name] = str(error)
            print(f"{job.title}: left out: {error}", flush=True)
        except (Wrong, AssertionError) as error:
            raise SystemExit(f"compare: {job.name}: {error}") from error
    return results, skipped


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
        results, skipped = run(options, bench)
        versions = bench.versions()
    took = time.time() - started
    print(report.LEGEND)
    print(report.verdict(results), f"It took {took:.0f} s.", sep="\n")
    if options.json:
        Path(options.json).write_text(json.dumps({
            "machine": machine.description(), "peers": versions, "rounds": options.rounds, "seconds": options.seconds,
            "startedAt": started, "took": took, "jobs": results, "leftOut": skipped,
        }, indent=2) + "\n", encoding="utf-8")
    if options.svg:
        Path(options.svg).write_text(chart.svg(results), encoding="utf-8")


if __name__ == "__main__":
    main()
