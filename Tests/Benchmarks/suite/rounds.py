# rtbridge: the rounds of a job: what was measured so far, and whether it is enough.
# SPDX-License-Identifier: Apache-2.0
import time

from suite import machine, report
from suite.lanes import lanes
from suite.measured import Wrong
from suite.spread import uncertainty

# A measurement that was disturbed is thrown away and made again, at most so often in a round.
_REPETITIONS = 3
# Before that: what disturbs may be short.
_PAUSE = 0.3
# Of a ratio, as `uncertainty` puts it: one with more goes on, as long as there is time.
_ENOUGH = 0.025
# Of a ratio that does not settle.
_MOST_ROUNDS = 60


class Rounds:
    """A round measures the bridge before and after each peer: A B A C A. The ratio to B is that of the
    As on both sides of it to the Bs: all see the machine as it is at that time."""

    def __init__(self, job, bench):
        self.job, self.bench = job, bench
        self.loads = {lane.name: lane.load for lane in lanes(job, bench)}
        self.subject, *self.others = self.loads
        self.measured = {name: [] for name in self.loads}
        # Of each round: ours before, theirs, ours after. Figures, and seconds for a request.
        self.figures = {name: [] for name in self.others}
        self.times = {name: [] for name in self.others}
        self.memories = {}
        self.discarded = self.count = 0

    def unsettled(self):
        """Whom a further round would tell more of, and how uncertain it is. Memory does not depend on what else the machine does."""
        if not self.job.is_timed:
            return {}
        doubts = {name: uncertainty(rounds) for name, rounds in self.figures.items() if len(rounds) < _MOST_ROUNDS}
        return {name: doubt for name, doubt in doubts.items() if doubt > _ENOUGH}

    @property
    def is_full(self):
        return 0 < self.job.max_rounds <= self.count

    def measure(self, seconds, others=None):
        """One more round, with all or some of the others."""
        others = self.others if others is None else others
        turn = self.count % max(len(others), 1)
        repetitions = _REPETITIONS
        before = self._measure(self.subject, seconds)
        kept = [(self.subject, before)]
        for name in others[turn:] + others[:turn]:
            while True:
                their = self._measure(name, seconds)
                after = self._measure(self.subject, seconds) if self.job.is_timed else before
                if repetitions == 0 or not any(one.is_disturbed for one in (before, their, after)):
                    break
                self.discarded += 1
                repetitions -= 1
                time.sleep(_PAUSE)
                before = self._measure(self.subject, seconds)
            kept += [(name, their), (self.subject, after)] if self.job.is_timed else [(name, their)]
            self.figures[name].append((before.value, their.value, after.value))
            if their.seconds:
                self.times[name].append(tuple(1 / one.rate for one in (before, their, after)))
            before = after
        for name, one in kept:
            self.measured[name].append(one)
        self.count += 1
        self.memories = self.memories or {
            name: machine.memory(load.proxy.pid) for name, load in self.loads.items() if getattr(load, "proxy", None)}

    def _measure(self, name, seconds):
        try:
            return self.loads[name].measure(seconds)
        except Wrong as error:
            raise Wrong(f"{name}: {error}") from error

    def summary(self, allocations):
        counts = allocations.count(self.job) if allocations and self.job.counts_allocations else None
        return report.summarise(self, counts, self.bench.cores.can_scale)
