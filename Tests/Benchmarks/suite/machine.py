# rtbridge: cores, and what a process used of them.
# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path
from typing import NamedTuple


class Cores(NamedTuple):
    """Where things run: the proxy alone on one core, load and back-end together on the other."""

    load: int
    proxy: int
    two: str  # for a proxy with two workers
    many: str  # for a load that is to have room beside that
    light: str  # instead of either, where the load needs next to nothing

    @classmethod
    def choose(cls):
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise SystemExit("compare: this needs two cores: one for the proxy, one for its load.")
        if len(cores) < 4:
            # Two workers that share a core show what they cost, not how they scale.
            return cls(cores[0], cores[-1], str(cores[-1]), str(cores[0]), ",".join(map(str, cores)))
        two = ",".join(map(str, cores[-2:]))
        return cls(cores[0], cores[-1], two, ",".join(map(str, cores[:-2])), two)

    @property
    def can_scale(self):
        return "," in self.two


class Usage(NamedTuple):
    """What a process and all its descendants used so far, in nanoseconds (Documentation/scheduler/sched-stats)."""

    cpu: int
    waiting: int  # runnable, and not run: somebody else had the core
    stolen: int  # by the hypervisor, of the cores that it may run on

    def __sub__(self, other):
        return Usage(*(ours - theirs for ours, theirs in zip(self, other)))


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
    return Usage(cpu, waiting, _stolen(os.sched_getaffinity(pid)))


def _stolen(cores):
    """proc(5), /proc/stat: the eighth figure of a core is the time that the hypervisor had it, in ticks."""
    names = {f"cpu{core}" for core in cores}
    lines = (line.split() for line in Path("/proc/stat").read_text().splitlines() if line.startswith("cpu"))
    return sum(int(line[8]) for line in lines if line[0] in names) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def memory(pid):
    """Resident MiB of a process and its descendants; pages that they share with each other are counted once."""
    private = shared = 0
    for process in tree(pid):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
        private += sizes["Private_Clean"] + sizes["Private_Dirty"]
        shared = max(shared, sizes["Shared_Clean"] + sizes["Shared_Dirty"])
    return (private + shared) / 1024


def description():
    """The processor and the kernel, for the record."""
    names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    system = os.uname()
    return {"processor": names[0] if names else system.machine, "cores": len(names), "kernel": system.release}
