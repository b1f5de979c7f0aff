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
# Of a ratio, as `uncertainty` puts it: a job with more goes on, as long as there is time.
ENOUGH = 0.025


class Rounds:
    """A round measures the bridge before and after each peer: A B A C A. The ratio to B is the mean of the two As divided by
    B: what makes the machine slower little by little falls out, and what comes and goes hits some of many rounds."""

    def __init__(self, job, bench):
        self.job, self.bench = job, bench
        self.loads = {lane.name: lane.load for lane in lanes(job, bench)}
        self.subject, *self.others = self.loads
        self.measured = {name: [] for name in self.loads}
        self.ratios = {name: [] for name in self.others}
        self.rates = {name: [] for name in self.others}  # the same of throughput
        self.memories = {}
        self.discarded = self.count = 0

    @property
    def is_settled(self):
        """Memory does not depend on what else the machine does."""
        return not self.job.is_timed or all(uncertainty(ratios) <= ENOUGH for ratios in self.ratios.values())

    @property
    def is_full(self):
        return 0 < self.job.max_rounds <= self.count

    def measure(self, seconds):
        """One more round."""
        turn = self.count % max(len(self.others), 1)
        repetitions = _REPETITIONS
        before = self._measure(self.subject, seconds)
        kept = [(self.subject, before)]
        for name in self.others[turn:] + self.others[:turn]:
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
            self.ratios[name].append((before.value + after.value) / 2 / their.value)
            if their.seconds:
                self.rates[name].append((before.rate + after.rate) / 2 / their.rate)
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
