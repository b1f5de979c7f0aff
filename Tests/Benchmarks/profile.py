#!/usr/bin/env python3
# rtbridge: where the CPU time of a job goes, the bridge beside a peer.
# SPDX-License-Identifier: Apache-2.0
"""Runs a job of the benchmarks, samples the proxy by `perf record` meanwhile, and prints for each area of the program what it
takes of a request, in microseconds: the job's figure times the area's share of the samples.

perf comes with Debian's linux-perf. It samples by the CPU clock, which virtual machines have as well."""
import argparse
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

from suite import areas
from suite.bench import Bench
from suite.jobs import JOBS
from suite.loads import make_load
from suite.proxies import PEERS
from suite.servers import TOP, program

_TIMED = {job.name: job for job in JOBS if job.is_timed and job.against in ("peers", "plain", "web", "tcp")}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=_TIMED, metavar="JOB", help="compare.py --list names them")
    parser.add_argument("--peer", action="append", default=[], choices=PEERS, metavar="NAME",
                        help="also, beside it; may be given more than once")
    parser.add_argument("--seconds", type=float, default=3, help="of each; default: 3")
    parser.add_argument("--bridge", default=str(TOP / ".build" / "release" / "rtbridge"), help="the binary")
    parser.add_argument("--symbols", type=int, default=0, metavar="N", help="also the N symbols that take the most")
    options = parser.parse_args()
    if not program("perf"):
        parser.error("there is no perf: apt-get install linux-perf")
    return options


def profile(job, proxy, bench, seconds):
    """Microseconds for each area, and for each symbol."""
    load = make_load(job, proxy, bench)
    data = Path(bench.directory) / "perf.data"
    # Opening the sessions is no part of what is measured, but of what is sampled: the run is long beside it.
    recorder = subprocess.Popen(
        ["taskset", "-c", str(bench.cores.load), program("perf"), "record", "-q", "-e", "cpu-clock", "-F", "1999",
         "-p", ",".join(str(pid) for pid in areas.processes(proxy.pid)), "-o", data],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
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


def main():
    options = arguments()
    job = _TIMED[options.job]
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="rtbridge-profile-"))
        bench = Bench(directory, {"rtbridge": options.bridge}, options.peer, stack)
        names = ["rtbridge", *(name for name in options.peer if bench.has(name))]
        profiles = {name: profile(job, bench.proxy(name, job.door), bench, options.seconds) for name in names}
    print(f"{job.title}, {job.unit}\n")
    print(areas.table({name: (by_area, value) for name, ((by_area, _), value) in profiles.items()}))
    for name, ((_, by_symbol), _) in profiles.items():
        for (area, symbol), cost in sorted(by_symbol.items(), key=lambda item: -item[1])[:options.symbols]:
            print(f"{name:<12} {cost:8.2f}  {area:<24} {symbol}")


if __name__ == "__main__":
    main()
