# rtbridge: cores, and what a process used of them.
# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path
from typing import NamedTuple


class Cores(NamedTuple):
    """Where things run: the proxy alone on one core, load and back-end together on the other."""

    load: int
    proxy: int

    @classmethod
    def choose(cls):
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise SystemExit("compare: this needs two cores: one for the proxy, one for its load.")
        return cls(load=cores[0], proxy=cores[-1])


class Usage(NamedTuple):
    """What a process and all its descendants used so far, in nanoseconds (Documentation/scheduler/sched-stats)."""

    cpu: int
    waiting: int  # runnable, and not run: somebody else had the core

    def __sub__(self, other):
        return Usage(self.cpu - other.cpu, self.waiting - other.waiting)


def _threads(pid):
    try:
        return [Path(f"/proc/{pid}/task/{thread}") for thread in os.listdir(f"/proc/{pid}/task")]
    except FileNotFoundError:
        return []


def tree(pid):
    """A process and its descendants."""
    yield pid
    for thread in _threads(pid):
        try:
            children = (thread / "children").read_text().split()
        except FileNotFoundError:
            continue
        for child in children:
            yield from tree(int(child))


def usage(pid):
    """All threads that live. What has ended in between is lost, so no process may end while it is measured."""
    cpu = waiting = 0
    for process in tree(pid):
        for thread in _threads(process):
            try:
                used, waited, _ = (thread / "schedstat").read_text().split()
            except FileNotFoundError:
                continue
            cpu += int(used)
            waiting += int(waited)
    return Usage(cpu, waiting)


def memory(pid):
    """Resident MiB of a process and its descendants; pages that several share are counted once (Pss)."""
    kib = 0
    for process in tree(pid):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kib / 1024


def resident(pid):
    """VmRSS of one process, MiB: what `ps` shows."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def description():
    """The processor and the kernel, for the record."""
    names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    system = os.uname()
    return {"processor": names[0] if names else system.machine, "cores": len(names), "kernel": system.release}
