#!/usr/bin/env python3
# rtbridge: where the CPU time of a job goes, the bridge beside a peer.
# SPDX-License-Identifier: Apache-2.0
"""Runs a job of the benchmarks, samples the proxy by `perf record` meanwhile, and prints for each area of the program what it
takes of a request, in microseconds: the job's figure times the area's share of the samples. Without a job: the README's table, of
all jobs in _TABLE.

perf comes with Debian's linux-perf. It samples by the CPU clock, which virtual machines have as well."""
import argparse
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import readme
from suite import areas
from suite.bench import Bench
from suite.jobs import JOBS
from suite.loads import make_load
from suite.proxies import PEERS
from suite.servers import TOP, program

_TIMED = {job.name: job for job in JOBS if job.is_timed and job.against in ("peers", "plain", "web", "tcp")}

# Where the time goes that a job takes more of than the first prototype did beside the same peer, or than a peer does.
_TABLE = (
    ("web-h2", "envoy"), ("web-h2-16k", "envoy"), ("web-h2-8x1", "envoy"), ("web-h1", "envoy"), ("web-h1-16k", "envoy"),
    ("grpc", "nghttpx"), ("grpc-16k", "nginx"), ("grpc-8x1", "nginx"), ("grpc-tls-8x1", "nginx"), ("tls-handshake", "nginx"),
    ("http-h1", "nginx"), ("http-h1-16k", "nginx"), ("http-h2", "haproxy"),
    ("ws", "haproxy"), ("ws-16k", "nginx"), ("ws-1m", "floor"), ("ws-16k", "websockify"),
)
# Of each pair, one after the other; the faster of each counts.
_TURNS = 2
_NAMES = {"floor": "bare epoll", "envoy": "Envoy", "haproxy": "HAProxy"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=_TIMED, metavar="JOB", nargs="?", help="compare.py --list names them; none: the table")
    parser.add_argument("--peer", action="append", default=[], choices=PEERS, metavar="NAME",
                        help="also, beside it; may be given more than once")
    parser.add_argument("--seconds", type=float, help="of each; default: 3, for the table twice 0.6")
    parser.add_argument("--bridge", default=str(TOP / ".build" / "release" / "rtbridge"), help="the binary")
    parser.add_argument("--readme", action="store_true", help="write the table into README.md")
    parser.add_argument("--symbols", type=int, default=0, metavar="N", help="also the N symbols that take the most")
    options = parser.parse_args()
    if options.job and options.readme:
        parser.error("--readme is for the table of all jobs")
    if not options.job and (options.peer or options.symbols):
        parser.error("--peer and --symbols are for one job, and none is named")
    options.seconds = options.seconds or (3 if options.job else 0.6)
    if not program("perf"):
        parser.error("there is no perf: apt-get install linux-perf")
    return options


def profile(load, bench, seconds):
    """Microseconds for each area and for each symbol, and of the whole."""
    data = Path(bench.directory) / "perf.data"
    data.unlink(missing_ok=True)
    # Opening the sessions is no part of what is measured, but of what is sampled: the run is long beside it.
    recorder = subprocess.Popen(
        ["taskset", "-c", str(bench.cores.load), program("perf"), "record", "-q", "-e", "cpu-clock", "-F", "1999",
         "-p", ",".join(str(pid) for pid in areas.processes(load.proxy.pid)), "-o", data],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    # It has opened the file a moment before it samples; what is forked from then on, it follows.
    while not data.exists() and recorder.poll() is None:
        time.sleep(0.02)
    time.sleep(0.2)
    try:
        measured = load.measure(seconds)
    finally:
        recorder.terminate()
        said = recorder.communicate()[1]
    if not data.exists():
        raise SystemExit(f"profile: perf recorded nothing: {said.strip()}")
    text = subprocess.run([program("perf"), "report", "-i", data, "--stdio", "-q", "--no-children", "-F", "sample,dso,sym", "-t", "\t"],
                          capture_output=True, text=True, check=True).stdout
    return areas.share_out(text, measured.value), measured.value


def rows(options, bench):
    """A line for each pair of the table, as soon as it is known."""
    yield areas.row_head()
    for name, peer in _TABLE:
        job = _TIMED[name]
        if not bench.has(peer):
            continue
        loads = [make_load(job, bench.proxy(one, job.door), bench) for one in ("rtbridge", peer)]
        runs = [[profile(load, bench, options.seconds) for load in loads] for _ in range(_TURNS)]
        # As in compare.py, what disturbs only ever adds.
        ours, theirs = (min(turns, key=lambda run: run[1])[0][0] for turns in zip(*runs))
        yield areas.row(f"{job.title}: ours, {_NAMES.get(peer, peer)}", ours, theirs)


def main():
    options = arguments()
    if not options.job:
        with ExitStack() as stack:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="rtbridge-profile-"))
            lines = []
            for line in rows(options, Bench(directory, {"rtbridge": options.bridge}, list(PEERS), stack)):
                print(line, flush=True)
                lines.append(line)
        if options.readme:
            readme.replace(readme.PROFILES, "\n".join(lines))
        return
    job = _TIMED[options.job]
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="rtbridge-profile-"))
        bench = Bench(directory, {"rtbridge": options.bridge}, options.peer, stack)
        names = ["rtbridge", *(name for name in options.peer if bench.has(name))]
        profiles = {name: profile(make_load(job, bench.proxy(name, job.door), bench), bench, options.seconds) for name in names}
    print(f"{job.title}, {job.unit}\n")
    print(areas.table({name: (by_area, value) for name, ((by_area, _), value) in profiles.items()}))
    for name, ((_, by_symbol), _) in profiles.items():
        for (area, symbol), cost in sorted(by_symbol.items(), key=lambda item: -item[1])[:options.symbols]:
            print(f"{name:<12} {cost:8.2f}  {area:<24} {symbol}")


if __name__ == "__main__":
    main()
