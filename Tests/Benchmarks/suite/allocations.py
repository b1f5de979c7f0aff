# rtbridge: allocations of the bridge for a request or message, counted in runs of their own.
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from suite.loads import make_load
from suite.proxies import Bridge, Shape
from suite.servers import Counters


class Allocations:
    """A bridge under allocations.c. Counting costs time, so no CPU figure comes from it."""

    def __init__(self, bench, seconds):
        self.bench, self.seconds = bench, seconds
        self._proxy = self._counters = self._has_udp = None

    def count(self, job):
        """Two runs, one longer: what opening the connections takes is in both, and falls out. Calls and bytes for each."""
        load = make_load(job, self._counted(job.door == "udp"), self.bench)
        short, long = self._run(load, self.seconds), self._run(load, 4 * self.seconds)
        completed = long[0] - short[0]
        return {"allocations": (long[1] - short[1]) / completed, "bytes": (long[2] - short[2]) / completed}

    def _counted(self, has_udp):
        if self._proxy is None or self._has_udp != has_udp:
            self._start(has_udp)
        return self._proxy

    def _start(self, has_udp):
        self._has_udp = has_udp
        path = Path(self.bench.directory) / "allocations.count"
        environment = {"LD_PRELOAD": str(Path(self.bench.directory) / "allocations.so"), "RTBRIDGE_ALLOCATIONS": str(path)}
        binary = self.bench.builds[self.bench.subject]
        self._proxy = self.bench.add("counted", Bridge(
            self.bench.setting(), binary, "counted", Shape(environment=environment, has_udp=has_udp)))
        self._counters = Counters(path, "allocations", "bytes")

    def _run(self, load, seconds):
        before = self._counters["allocations"], self._counters["bytes"]
        completed = load.measure(seconds).completed
        return completed, self._counters["allocations"] - before[0], self._counters["bytes"] - before[1]
