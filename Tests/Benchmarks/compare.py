#!/usr/bin/env python3
# rtbridge: proxy CPU time per request, against its peers in the same run.
# SPDX-License-Identifier: Apache-2.0
"""Compares the bridge with other proxies by the CPU time that they take for a request.

The proxy has a core of its own; the load and the back-end share another. Every round measures all proxies of a job one after
the other, in an order that turns, so that a machine that is slow for a while is slow for all. The figure is user and system
time of all threads of the proxy, in microseconds, divided by the requests that succeeded.
"""
import argparse
import json
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from suite import machine, report
from suite.jobs import JOBS
from suite.load import Wrong, make_load
from suite.proxies import PEERS, Bridge
from suite.proxies.proxy import Setting
from suite.servers import TOP, Backend, Certificates, build_helpers


@dataclass
class Bench:
    """What a run stands on."""

    cores: machine.Cores
    directory: str
    backend: Backend
    certificates: Certificates
    proxies: dict = field(default_factory=dict)

    def setting(self):
        return Setting(self.cores.proxy, self.directory, self.backend, self.certificates)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    quick = os.environ.get("QUICK", "0") not in ("", "0")
    parser.add_argument("--jobs", default=os.environ.get("JOBS", ""), help="names, with commas between (also: JOBS=…)")
    parser.add_argument("--peers", default=os.environ.get("PEERS", ",".join(PEERS)), help="whom to compare with")
    parser.add_argument("--quick", action="store_true", default=quick, help="under two minutes in all (also: QUICK=1)")
    parser.add_argument("--rounds", type=int, help="of every job: 7, quick 3")
    parser.add_argument("--seconds", type=float, help="of every proxy in every round: 3, quick 0.5")
    parser.add_argument("--bridge", default=str(TOP / ".build" / "release" / "rtbridge"), help="the binary")
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=BINARY", help="another build, as a peer")
    parser.add_argument("--json", metavar="FILE", help="also write all figures there")
    parser.add_argument("--list", action="store_true", help="name the jobs, and end")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 7)
    options.seconds = options.seconds or (0.5 if options.quick else 3)
    options.jobs = [name for name in options.jobs.replace(",", " ").split() if name] or [job.name for job in JOBS]
    options.peers = [name for name in options.peers.replace(",", " ").split() if name]
    for names, known in ((options.jobs, [job.name for job in JOBS]), (options.peers, list(PEERS))):
        if unknown := [name for name in names if name not in known]:
            parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    return options


def start(bench, options, jobs, stack):
    """Starts the bridge, other builds of it, and the peers that the jobs ask for and that are installed."""
    def add(proxy):
        stack.callback(proxy.stop)
        bench.proxies[proxy.name] = proxy

    add(Bridge(bench.setting(), options.bridge))
    for other in options.beside:
        name, _, binary = other.partition("=")
        add(Bridge(bench.setting(), binary, name))
    wanted = {peer for job in jobs for peer in job.peers if peer in options.peers}
    for name in (name for name in PEERS if name in wanted):
        if PEERS[name].path():
            add(PEERS[name](bench.setting()))
        else:
            print(f"compare: no {name} here, so it is left out; .ci/install-bench installs it", file=sys.stderr)


def run(job, bench, options):
    """All rounds of a job."""
    builds = [name for name, proxy in bench.proxies.items() if isinstance(proxy, Bridge)]
    names = builds + [name for name in job.peers if name in bench.proxies]
    loads = {}
    for name in names:
        try:
            loads[name] = make_load(job, bench.proxies[name], bench)
        except (Wrong, AssertionError) as error:
            raise SystemExit(f"compare: {job.name}: {name}: {error}") from error
    rounds = {name: [] for name in names}
    for number in range(options.rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            try:
                rounds[name].append(loads[name].measure(options.seconds))
            except Wrong as error:
                raise SystemExit(f"compare: {job.name}: {name}: {error}") from error
    pids = {name: bench.proxies[name].pid for name in names}
    memories = {name: (machine.memory(pid), machine.resident(pid)) for name, pid in pids.items()}
    return report.summarise(job, rounds, memories)


def main():
    options = arguments()
    if options.list:
        for job in JOBS:
            print(f"{job.name:<14} {job.title}")
        return
    if not os.access(options.bridge, os.X_OK):
        raise SystemExit(f"compare: no bridge at {options.bridge}: run `make build`, or name one with --bridge")
    jobs = [job for job in JOBS if job.name in options.jobs]
    started = time.time()
    # So that nothing is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("compare: stopped"))
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="rtbridge-bench-"))
        build_helpers(directory)
        cores = machine.Cores.choose()
        backend = Backend(cores.load, directory)
        stack.callback(backend.stop)
        bench = Bench(cores, directory, backend, Certificates(directory))
        start(bench, options, jobs, stack)
        versions = {name: type(proxy).version() for name, proxy in bench.proxies.items() if not isinstance(proxy, Bridge)}
        at_rest = {name: machine.memory(proxy.pid) for name, proxy in bench.proxies.items()}
        print(report.header(), flush=True)
        results = []
        for job in jobs:
            results.append(run(job, bench, options))
            print(report.table(results[-1]), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps({
            "machine": machine.description(), "peers": versions, "rounds": options.rounds, "seconds": options.seconds,
            "startedAt": started, "took": time.time() - started, "memoryAtRestMiB": at_rest, "jobs": results,
        }, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
