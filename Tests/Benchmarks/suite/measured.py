# rtbridge: what one round of one lane gives.
# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass, field

from suite.machine import Usage


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
    usage: Usage = Usage(0, 0)  # of the proxy
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
