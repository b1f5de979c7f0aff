# rtbridge: what one round of one lane gives.
# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass, field

from suite.machine import Usage

# A core that is busy for this much of the time is what holds up the rest.
FULL = 0.93
# Runnable and not run for this much of its CPU time, and its core not full: somebody else had it.
_WAITED = 0.1
# Of the time, what the hypervisor gave to others (proc(5), /proc/stat: steal). It comes in ticks, mostly of 10 ms.
_STOLEN = 0.05


class Wrong(Exception):
    """The proxy did not do what it was measured for."""


class Impossible(Exception):
    """This machine does not allow it, whatever the proxy."""


@dataclass
class Measured:
    """`value` is in the job's unit, and less is better. CPU jobs: microseconds of the proxy for each request or message."""

    value: float
    completed: int = 0
    seconds: float = 0.0
    usage: Usage = Usage(0, 0, 0)  # of the proxy
    load_cpu: float = 0.0  # seconds that the load generator used, and the back-end
    backend_cpu: float = 0.0
    latencies: dict = field(default_factory=dict)  # microseconds: p50, p99, p999, max
    extra: dict = field(default_factory=dict)

    @classmethod
    def cpu(cls, completed, seconds, usage, **more):
        if completed == 0:
            raise Wrong("nothing was completed")
        return cls(usage.cpu / 1000 / completed, completed, seconds, usage, **more)

    @property
    def shares(self):
        """Of the time, how much each had its core: proxy, load, back-end."""
        if not self.seconds:
            return {}
        return {"proxy": self.usage.cpu / 1e9 / self.seconds, "load": self.load_cpu / self.seconds,
                "backend": self.backend_cpu / self.seconds}

    @property
    def rate(self):
        """Requests or messages a second."""
        return self.completed / self.seconds

    @property
    def waiting_share(self):
        return self.usage.waiting / max(self.usage.cpu, 1)

    @property
    def stolen_share(self):
        return self.usage.stolen / 1e9 / self.seconds if self.seconds else 0.0

    @property
    def is_disturbed(self):
        """Whether something else had the proxy's core for a part of the time. Processes of a proxy that fill it wait for
        each other."""
        shares = self.shares
        return bool(shares) and (self.stolen_share > _STOLEN or shares["proxy"] < FULL and self.waiting_share > _WAITED)
